//! Daily closes by symbol: duplicates, zeros, spikes and breaks of unit are found here, each from what came before it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::rows::{Row, Rows};
use crate::backtest::dropped::{DropReason, Tally};
use crate::backtest::history::{Day, History, HistoryBuilder};
use crate::model::{Decimal, Money, Price};
use crate::preparation::BadInput;

/// A close beyond this many times the one before, or below that part of it, waits for the next one to confirm it.
pub(super) const SPIKE: Decimal = Decimal::from_parts(3, 0, 0, false, 0);
/// A confirmed rise beyond this is another coin or another unit: no listed coin known here rose tenfold in a day. A fall
/// beyond it may be either, for coins do lose nearly all in a day or two.
pub(super) const UNIT_BREAK: Decimal = Decimal::from_parts(20, 0, 0, false, 0);

/// One close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Close {
    pub(super) day: Day,
    pub(super) price: Price,
    pub(super) volume: Option<Money>,
    pub(super) market_cap: Option<Money>,
}

/// Closes under one symbol and in one unit, rising by day.
#[derive(Debug, Clone, Default)]
pub(super) struct Segment {
    pub(super) closes: Vec<Close>,
    /// Whether it begins far below the end of the segment before: a crash, or a smaller unit.
    pub(super) fell: bool,
}

/// A file's closes by symbol; more than one segment where the unit broke.
#[derive(Debug)]
pub(super) struct PriceFile {
    pub(super) name: String,
    pub(super) symbols: BTreeMap<String, Vec<Segment>>,
    /// The days with a close of anything.
    pub(super) days: BTreeSet<Day>,
    pub(super) useless: Option<Useless>,
}

const COLUMNS: [&str; 5] = ["date", "symbol", "close_usd", "volume_usd", "market_cap_usd"];

/// Why a row is left out.
#[derive(Debug)]
struct Fault {
    reason: DropReason,
    /// The column at fault, and what is in it; empty where it is the whole row.
    column: &'static str,
    value: String,
    problem: String,
    date: Option<Date>,
}

impl Fault {
    fn of(column: &'static str, value: &str, problem: String) -> Self {
        Self { reason: DropReason::BadRow, column, value: value.to_owned(), problem, date: None }
    }
}

/// A file none of whose rows can be used, by the first of them.
#[derive(Debug)]
pub(super) struct Useless {
    fault: Fault,
    line: u64,
    rows: u32,
}

impl Useless {
    /// What to say where the file is missed.
    pub(super) fn explain(&self, file: &str, missed: &str) -> BadInput {
        let Self { fault: Fault { column, value, problem, .. }, line, rows } = self;
        let field = if column.is_empty() { format!("line {line}") } else { format!("line {line}: {column}") };
        let problem = format!("{problem}, none of the file's {rows} rows can be used, and {missed}");
        let remedy =
            if *column == "date" { "write days as 2025-04-16" } else { "correct the rows or name another file" };
        BadInput::new(file, field, value, problem, remedy)
    }
}

/// Reads the rows of the period and what is wrong with them.
pub(super) fn read(rows: &mut Rows, builder: &mut HistoryBuilder) -> PriceFile {
    let mut tally = Tally::new(rows.name.clone());
    let mut raw: BTreeMap<String, Vec<Close>> = BTreeMap::new();
    let mut without: BTreeMap<String, BTreeSet<Date>> = BTreeMap::new();
    rows.select(&COLUMNS);
    let history = builder.history();
    let mut latest: Option<(Date, Option<Day>)> = None;
    // Files come by date: the same day is looked up once.
    let mut day_of = |date: Date| {
        let day = match latest {
            Some((before, day)) if before == date => day,
            _ => history.day(date),
        };
        latest = Some((date, day));
        day
    };
    let (mut first, mut faulty, mut all) = (None, 0_u32, 0_u32);
    while let Some(row) = rows.next() {
        all = all.saturating_add(1);
        match close_of(row, &mut day_of) {
            Ok(None) => {}
            Ok(Some((symbol, close))) => match raw.get_mut(symbol) {
                Some(closes) => closes.push(close),
                None => drop(raw.insert(symbol.to_owned(), vec![close])),
            },
            Err((symbol, fault)) => {
                let name = if fault.reason == DropReason::ZeroClose { symbol } else { &fault.problem };
                tally.add(fault.reason, name, fault.date, 1);
                if let Some(date) = fault.date {
                    let _ = without.entry(symbol.to_owned()).or_default().insert(date);
                }
                faulty = faulty.saturating_add(1);
                if faulty == 1 {
                    first = Some((rows.line, fault));
                }
            }
        }
    }
    let useless = first.filter(|_| faulty == all).map(|(line, fault)| Useless { fault, line, rows: all });
    let mut symbols = BTreeMap::new();
    let days = raw.values().flatten().map(|close| close.day).collect();
    for (symbol, closes) in raw {
        let without = without.remove(&symbol).unwrap_or_default();
        let segments = sound(history, &symbol, closes, &without, &mut tally);
        let _ = symbols.insert(symbol, segments);
    }
    builder.dropped(tally.into_rows());
    PriceFile { name: rows.name.clone(), symbols, days, useless }
}

/// A row's symbol and close; nothing where it is of another time.
fn close_of<'a>(
    row: Result<Row<'a>, String>,
    day_of: &mut impl FnMut(Date) -> Option<Day>,
) -> Result<Option<(&'a str, Close)>, (&'a str, Fault)> {
    let row = row.map_err(|problem| ("", Fault::of("", "", problem)))?;
    let date = row.date(0).map_err(|problem| ("", Fault::of("date", row.field(0), problem)))?;
    let Some(day) = day_of(date) else { return Ok(None) };
    let symbol = row.field(1);
    let refuse = |reason: DropReason, column: &'static str, value: &str, problem: String| {
        Err((symbol, Fault { reason, date: Some(date), ..Fault::of(column, value, problem) }))
    };
    if symbol.is_empty() {
        return refuse(DropReason::NoId, "symbol", "", "no symbol".to_owned());
    }
    match row.price(2) {
        Err(problem) => refuse(DropReason::BadRow, "close_usd", row.field(2), problem),
        Ok(None) => refuse(DropReason::ZeroClose, "close_usd", row.field(2), "a close of 0".to_owned()),
        Ok(Some(price)) => {
            let close = Close { day, price, volume: row.known_money(3), market_cap: row.known_money(4) };
            Ok(Some((symbol, close)))
        }
    }
}

/// The closes that can be used, by unit. The dates `without` one have a row, and are told of already.
fn sound(
    history: &History,
    symbol: &str,
    mut closes: Vec<Close>,
    without: &BTreeSet<Date>,
    tally: &mut Tally,
) -> Vec<Segment> {
    // Stable: of two rows of one day the first in the file stays first.
    closes.sort_by_key(|close| close.day);
    closes.dedup_by(|later, kept| {
        let same = later.day == kept.day;
        if same {
            tally.add(DropReason::DuplicateRow, symbol, Some(history.date(later.day)), 1);
        }
        same
    });
    for (before, after) in closes.iter().zip(closes.iter().skip(1)) {
        let mut missing =
            (before.day + 1..after.day).map(|day| history.date(day)).filter(|date| !without.contains(date));
        if let Some(first) = missing.next() {
            let rows = u32::try_from(missing.count() + 1).unwrap_or(u32::MAX);
            tally.add(DropReason::Gap, symbol, Some(first), rows);
        }
    }
    let mut segments = vec![Segment::default()];
    let mut last: Option<Close> = None;
    let mut held: Option<Close> = None;
    let at = |close: Close| Some(history.date(close.day));
    for close in closes {
        let near_last = last.is_none_or(|last| !apart(last.price, close.price, SPIKE));
        // A fall upon a fall is one too, however deep: who held had no day to sell at the price before.
        let falls_on = |held: Close| last.is_some_and(|last| held.price < last.price) && close.price < held.price;
        let confirms = held.is_some_and(|held| !apart(held.price, close.price, SPIKE) || falls_on(held));
        if !near_last && !confirms {
            if let Some(unconfirmed) = held.replace(close) {
                tally.add(DropReason::Spike, symbol, at(unconfirmed), 1);
            }
            continue;
        }
        if let Some(waiting) = held.take() {
            let reason = if near_last { DropReason::Spike } else { DropReason::HeldBack };
            tally.add(reason, symbol, at(waiting), 1);
            let before = last.filter(|last| !near_last && apart(last.price, close.price, UNIT_BREAK));
            if let Some(before) = before {
                segments.push(Segment { fell: close.price < before.price, ..Segment::default() });
            }
        }
        last = Some(close);
        if let Some(segment) = segments.last_mut() {
            segment.closes.push(close);
        }
    }
    if let Some(waiting) = held {
        tally.add(DropReason::Spike, symbol, at(waiting), 1);
    }
    segments
}

/// Whether one price is more than so many times the other.
pub(super) fn apart(left: Price, right: Price, factor: Decimal) -> bool {
    let beyond = |low: Price, high: Price| low.get().checked_mul(factor).is_some_and(|most| high.get() > most);
    beyond(left, right) || beyond(right, left)
}
