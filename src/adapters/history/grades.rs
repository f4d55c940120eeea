//! Grades and signals by asset id: a table, or the history of one coin.

use std::collections::{BTreeMap, BTreeSet};

use super::rows::{Row, Rows};
use crate::backtest::dropped::{DropReason, Tally};
use crate::backtest::history::{Day, History, HistoryBuilder};
use crate::model::grade::Dated;
use crate::model::{AssetId, Grade, GradeRecord, Signal};
use crate::preparation::PreparationError;

/// Grades of one asset known at the end of a day.
#[derive(Debug, Clone)]
pub(super) struct GradeRow {
    source: String,
    day: Day,
    id: AssetId,
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
            Ok((id, grades)) => found.push(GradeRow { source: rows.name.clone(), day, id, grades }),
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

/// Gives grades to the assets that they name, oldest first.
pub(super) fn join(mut rows: Vec<GradeRow>, builder: &mut HistoryBuilder) {
    rows.sort_by(|left, right| (left.day, &left.id).cmp(&(right.day, &right.id)));
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    for GradeRow { source, day, id, grades } in rows {
        if builder.has_price(&id) {
            builder.graded(&id, day, &grades);
        } else {
            let date = builder.history().date(day);
            let tally = tallies.entry(source.clone()).or_insert_with(|| Tally::new(source));
            tally.add(DropReason::Unpriced, id.as_str(), Some(date), 1);
        }
    }
    builder.dropped(tallies.into_values().flat_map(Tally::into_rows));
}
