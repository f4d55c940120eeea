//! Grades and signals by asset id: a table, or the history of one coin.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;

use super::rows::{Row, Rows};
use crate::backtest::dropped::{DropReason, Tally};
use crate::backtest::history::{History, HistoryBuilder};
use crate::model::grade::Dated;
use crate::model::{AssetId, Grade, GradeRecord, Signal};
use crate::preparation::PreparationError;

/// Grades of one asset known at the end of a day.
#[derive(Debug, Clone)]
pub(super) struct GradeRow {
    source: String,
    date: Date,
    id: AssetId,
    grades: GradeRecord,
}

/// Grades of an asset of the history, known at the end of a day.
#[derive(Debug, Clone)]
pub(super) struct Graded {
    pub(super) date: Date,
    pub(super) id: AssetId,
    pub(super) grades: GradeRecord,
}

const TABLE: [&str; 5] = ["date", "asset_id", "trader_grade", "investor_grade", "signal"];
const OF_ONE: [&str; 2] = ["date", "tm_trader_grade"];

/// `date,asset_id,trader_grade,investor_grade,signal`: fields may be empty, signals are 1, 0 or -1.
pub(super) fn table(
    rows: &mut Rows,
    since: Date,
    builder: &mut HistoryBuilder,
) -> Result<Vec<GradeRow>, PreparationError> {
    rows.select(&TABLE);
    collect(rows, since, builder, |row, at| {
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
    since: Date,
    builder: &mut HistoryBuilder,
) -> Result<Vec<GradeRow>, PreparationError> {
    rows.select(&OF_ONE);
    collect(rows, since, builder, |row, at| {
        let trader = grade(row, 1)?.map(|value| Dated { value, at });
        Ok((asset.clone(), GradeRecord { trader, ..GradeRecord::default() }))
    })
}

fn collect(
    rows: &mut Rows,
    since: Date,
    builder: &mut HistoryBuilder,
    read: impl Fn(Row<'_>, Timestamp) -> Result<(AssetId, GradeRecord), String>,
) -> Result<Vec<GradeRow>, PreparationError> {
    let mut tally = Tally::new(rows.name.clone());
    let mut found: Vec<GradeRow> = Vec::new();
    let mut seen: BTreeSet<(Date, AssetId)> = BTreeSet::new();
    while let Some(row) = rows.next() {
        let dated = row.and_then(|row| row.date(0).map(|date| (row, date)));
        let (row, date) = match dated {
            Ok(dated) => dated,
            Err(problem) => {
                tally.add(DropReason::BadRow, &problem, None, 1);
                continue;
            }
        };
        if !is_loaded(date, since, builder.history()) {
            continue;
        }
        let at = History::end_of(date)?;
        match read(row, at) {
            Ok((id, _)) if !seen.insert((date, id.clone())) => {
                tally.add(DropReason::DuplicateRow, id.as_str(), Some(date), 1);
            }
            Ok((id, grades)) => found.push(GradeRow { source: rows.name.clone(), date, id, grades }),
            Err(problem) => tally.add(DropReason::BadRow, &problem, Some(date), 1),
        }
    }
    note_gaps(&found, &mut tally);
    builder.dropped(tally.into_rows());
    Ok(found)
}

/// Whether grades of a day are loaded: those of the history, and those of before it since a day.
pub(super) fn is_loaded(date: Date, since: Date, history: &History) -> bool {
    history.day(date).is_some() || (since..history.date(0)).contains(&date)
}

/// Days without grades between the first and the last one.
fn note_gaps(rows: &[GradeRow], tally: &mut Tally) {
    let dates: BTreeSet<Date> = rows.iter().map(|row| row.date).collect();
    for (before, after) in dates.iter().zip(dates.iter().skip(1)) {
        let missing = u32::try_from((*after - *before).get_days() - 1).unwrap_or(0);
        if missing > 0 {
            tally.add(DropReason::Gap, "grades", before.tomorrow().ok(), missing);
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

/// The grades of assets that have a price.
pub(super) fn join(mut rows: Vec<GradeRow>, builder: &mut HistoryBuilder) -> Vec<Graded> {
    rows.sort_by(|left, right| (left.date, &left.id).cmp(&(right.date, &right.id)));
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    let mut graded = Vec::new();
    for GradeRow { source, date, id, grades } in rows {
        if builder.has_price(&id) {
            graded.push(Graded { date, id, grades });
        } else if builder.history().day(date).is_some() {
            // Prices of before the history are not loaded: what has none in it may have had one then.
            let tally = tallies.entry(source.clone()).or_insert_with(|| Tally::new(source));
            tally.add(DropReason::Unpriced, id.as_str(), Some(date), 1);
        }
    }
    builder.dropped(tallies.into_values().flat_map(Tally::into_rows));
    graded
}

/// Gives grades to their assets, oldest first; those of before the history are known on its first day.
pub(super) fn give(mut graded: Vec<Graded>, builder: &mut HistoryBuilder) {
    graded.sort_by_key(|graded| graded.date);
    for Graded { date, id, grades } in graded {
        let day = builder.history().day(date).unwrap_or(0);
        builder.graded(&id, day, &grades);
    }
}
