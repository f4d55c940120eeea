//! Grades and signals, from a table, from the history of one coin, or from Token Metrics' answers.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::Symbols;
use super::identity::Listings;
use super::rows::{Row, Rows};
use crate::adapters::files::market::asset_slug;
use crate::adapters::files::token_metrics::{self, Endpoint};
use crate::backtest::dropped::{DropReason, Tally};
use crate::backtest::history::{Day, History, HistoryBuilder};
use crate::model::grade::Dated;
use crate::model::{AssetId, Grade, GradeRecord, Signal};
use crate::preparation::json::{self, Node};
use crate::preparation::time::day_of;
use crate::preparation::{BadInput, PreparationError};

/// What a grade is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum About {
    Id(AssetId),
    /// The slug of a name.
    Name(String),
}

/// Grades of one asset known at the end of a day.
#[derive(Debug, Clone)]
pub(super) struct GradeRow {
    day: Day,
    about: About,
    grades: GradeRecord,
}

const TABLE: [&str; 5] = ["date", "asset_id", "trader_grade", "investor_grade", "signal"];
const OF_ONE: [&str; 2] = ["date", "tm_trader_grade"];

/// `date,asset_id,trader_grade,investor_grade,signal`: fields may be empty, signals are 1, 0 or -1.
pub(super) fn table(rows: &mut Rows, builder: &mut HistoryBuilder) -> Result<Vec<GradeRow>, PreparationError> {
    rows.select(&TABLE);
    collect(rows, builder, |row, at| {
        let id = AssetId::new(row.field(1)).map_err(|error| error.to_string())?;
        let grades = GradeRecord {
            trader: grade(row, 2)?.map(|value| Dated { value, at }),
            investor: grade(row, 3)?.map(|value| Dated { value, at }),
            signal: signal(row.field(4))?.map(|value| Dated { value, at }),
        };
        Ok((id, grades))
    })
}

/// A coin's history with a column `tm_trader_grade`.
pub(super) fn of_one(
    rows: &mut Rows,
    asset: &AssetId,
    builder: &mut HistoryBuilder,
) -> Result<Vec<GradeRow>, PreparationError> {
    rows.select(&OF_ONE);
    collect(rows, builder, |row, at| {
        let trader = grade(row, 1)?.map(|value| Dated { value, at });
        Ok((asset.clone(), GradeRecord { trader, ..GradeRecord::default() }))
    })
}

fn collect(
    rows: &mut Rows,
    builder: &mut HistoryBuilder,
    read: impl Fn(Row<'_>, jiff::Timestamp) -> Result<(AssetId, GradeRecord), String>,
) -> Result<Vec<GradeRow>, PreparationError> {
    let mut tally = Tally::new(rows.name.clone());
    let mut found: Vec<GradeRow> = Vec::new();
    let mut seen: BTreeSet<(Day, AssetId)> = BTreeSet::new();
    while let Some(row) = rows.next() {
        let dated = row.and_then(|row| row.date(0).map(|date| (row, date)));
        let (row, date) = match dated {
            Ok(dated) => dated,
            Err(problem) => {
                tally.add(DropReason::BadRow, &problem, None, 1);
                continue;
            }
        };
        let Some(day) = builder.history().day(date) else { continue };
        let at = builder.history().known_at(day)?;
        match read(row, at) {
            Ok((id, _)) if !seen.insert((day, id.clone())) => {
                tally.add(DropReason::DuplicateRow, id.as_str(), Some(date), 1);
            }
            Ok((id, grades)) => found.push(GradeRow { day, about: About::Id(id), grades }),
            Err(problem) => tally.add(DropReason::BadRow, &problem, Some(date), 1),
        }
    }
    note_gaps(builder.history(), &found, &mut tally);
    builder.dropped(tally.into_rows());
    Ok(found)
}

/// Days without grades between the first and the last one.
fn note_gaps(history: &History, rows: &[GradeRow], tally: &mut Tally) {
    let days: BTreeSet<Day> = rows.iter().map(|row| row.day).collect();
    for (before, after) in days.iter().zip(days.iter().skip(1)) {
        let missing = u32::try_from(after - before - 1).unwrap_or(u32::MAX);
        if missing > 0 {
            tally.add(DropReason::Gap, "grades", Some(history.date(before + 1)), missing);
        }
    }
}

fn grade(row: Row<'_>, place: usize) -> Result<Option<Grade>, String> {
    row.amount(place)?.map(Grade::new).transpose().map_err(|error| error.to_string())
}

fn signal(text: &str) -> Result<Option<Signal>, String> {
    match text {
        "" => Ok(None),
        "1" => Ok(Some(Signal::Bullish)),
        "0" => Ok(Some(Signal::Neutral)),
        "-1" => Ok(Some(Signal::Bearish)),
        other => Err(format!("{other:?} is no signal: 1, 0 or -1")),
    }
}

/// Results lie where the data are more often than not; they name what they are in the first place.
fn is_our_own(bytes: &[u8]) -> bool {
    let begin = bytes.get(..100).unwrap_or(bytes).iter().filter(|byte| !byte.is_ascii_whitespace());
    begin.copied().collect::<Vec<u8>>().starts_with(b"{\"schema\":\"rebalance/")
}

/// An answer of Token Metrics; which one, its fields tell.
pub(super) fn json(name: &str, bytes: &[u8], builder: &mut HistoryBuilder) -> Result<Vec<GradeRow>, PreparationError> {
    if is_our_own(bytes) {
        let problem = "it is a document of this program, such as a backtest's result, and no source of data";
        let remedy = "move it out of the folder, or name the files of --data one by one";
        return Err(BadInput::new(name, "schema", "rebalance/…", problem, remedy).into());
    }
    let parsed = json::parse(name, bytes, token_metrics::MAX_ANSWER_SIZE)?;
    let names = names(&Node::root(name, &parsed))?;
    let endpoint = match &names {
        Names { has_signal: true, .. } => Endpoint::TradingSignals,
        Names { has_investor: true, .. } => Endpoint::InvestorGrades,
        _ => Endpoint::TraderGrades,
    };
    let grades = token_metrics::read(name, bytes, endpoint)?;
    let mut tally = Tally::new(name.to_owned());
    let mut records: BTreeMap<u64, GradeRecord> = BTreeMap::new();
    for (id, trader) in grades.trader {
        records.entry(id).or_default().trader = Some(trader);
    }
    for (id, investor) in grades.investor {
        records.entry(id).or_default().investor = Some(investor);
    }
    for (id, signal) in grades.signals {
        records.entry(id).or_default().signal = Some(signal);
    }
    let mut by_name: BTreeMap<&str, Vec<(u64, GradeRecord)>> = BTreeMap::new();
    for (id, record) in records {
        match names.by_id.get(&id) {
            Some(slug) => by_name.entry(slug).or_default().push((id, record)),
            None => tally.add(DropReason::NoId, &id.to_string(), None, 1),
        }
    }
    let mut found = Vec::new();
    for (slug, records) in by_name {
        let [(_, record)] = records.as_slice() else {
            tally.add(DropReason::DuplicateRow, slug, None, u32::try_from(records.len()).unwrap_or(u32::MAX));
            continue;
        };
        // Known once every part of it is.
        let moments = [record.trader.map(|it| it.at), record.investor.map(|it| it.at), record.signal.map(|it| it.at)];
        let date: Option<Date> = moments.into_iter().flatten().max().map(day_of);
        if let Some(day) = date.and_then(|date| builder.history().day(date)) {
            found.push(GradeRow { day, about: About::Name(slug.to_owned()), grades: record.clone() });
        }
    }
    builder.dropped(tally.into_rows());
    Ok(found)
}

/// Slugs of names by token id, and which endpoint answered.
#[derive(Debug, Default)]
struct Names {
    by_id: BTreeMap<u64, String>,
    has_signal: bool,
    has_investor: bool,
}

fn names(root: &Node<'_>) -> Result<Names, BadInput> {
    let mut names = Names::default();
    for record in root.required("data")?.items()? {
        let field = |upper: &str, lower: &str| match record.optional(upper) {
            Ok(Some(node)) => Ok(Some(node)),
            _ => record.optional(lower),
        };
        names.has_signal |= field("TRADING_SIGNAL", "trading_signal")?.is_some();
        names.has_investor |= field("TM_INVESTOR_GRADE", "fundamental_grade")?.is_some();
        let id = field("TOKEN_ID", "token_id")?.and_then(|node| node.whole_number().ok());
        let name = field("TOKEN_NAME", "token_name")?;
        let slug = name.and_then(|node| node.text().ok().and_then(asset_slug));
        if let Some((id, slug)) = id.zip(slug) {
            let _ = names.by_id.insert(id, slug);
        }
    }
    Ok(names)
}

/// Gives grades to assets, oldest first: ids as they stand, names as the coin that has the name on that day.
pub(super) fn join(mut rows: Vec<GradeRow>, listings: &Listings, symbols: &Symbols, builder: &mut HistoryBuilder) {
    rows.sort_by(|left, right| (left.day, &left.about).cmp(&(right.day, &right.about)));
    for GradeRow { day, about, grades } in rows {
        let id = match about {
            About::Id(id) => Some(id),
            About::Name(slug) => named(&slug, day, listings).or_else(|| symbols.get(&slug).cloned()),
        };
        if let Some(id) = id {
            builder.graded(&id, day, &grades);
        }
    }
}

/// The coin of the newest snapshot whose id is the slug, or the slug with the month from which it is another coin.
fn named(slug: &str, day: Day, listings: &Listings) -> Option<AssetId> {
    let Some((_, coins)) = listings.range(..=day).next_back() else { return AssetId::new(slug).ok() };
    let is_month = |rest: &str| rest.len() == 6 && rest.bytes().all(|byte| byte.is_ascii_digit());
    let later =
        |id: &AssetId| id.as_str().strip_prefix(slug).and_then(|rest| rest.strip_prefix('-')).is_some_and(is_month);
    let coin = coins.iter().find(|coin| coin.id.as_str() == slug || later(&coin.id));
    coin.map(|coin| coin.id.clone())
}
