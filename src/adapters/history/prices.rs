//! Daily closes by symbol: duplicates, zeros, spikes and breaks of unit are found here, each from what came before it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::rows::Rows;
use crate::backtest::dropped::{DropReason, Tally};
use crate::backtest::history::{Day, History, HistoryBuilder};
use crate::model::{Decimal, Money, Price};

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
}

const COLUMNS: [&str; 5] = ["date", "symbol", "close_usd", "volume_usd", "market_cap_usd"];

/// Reads the rows of the period and what is wrong with them.
pub(super) fn read(rows: &mut Rows, builder: &mut HistoryBuilder) -> PriceFile {
    let mut tally = Tally::new(rows.name.clone());
    let mut raw: BTreeMap<String, Vec<Close>> = BTreeMap::new();
    rows.select(&COLUMNS);
    let history = builder.history();
    let mut latest: Option<(Date, Option<Day>)> = None;
    while let Some(row) = rows.next() {
        let row = match row {
            Ok(row) => row,
            Err(problem) => {
                tally.add(DropReason::BadRow, &problem, None, 1);
                continue;
            }
        };
        let date = match row.date(0) {
            Ok(date) => date,
            Err(problem) => {
                tally.add(DropReason::BadRow, &problem, None, 1);
                continue;
            }
        };
        // Files come by date: the same day is looked up once.
        let day = match latest {
            Some((before, day)) if before == date => day,
            _ => history.day(date),
        };
        latest = Some((date, day));
        let Some(day) = day else { continue };
        let symbol = row.field(1);
        if symbol.is_empty() {
            tally.add(DropReason::NoId, "no symbol", Some(date), 1);
            continue;
        }
        match row.price(2) {
            Err(problem) => tally.add(DropReason::BadRow, &problem, Some(date), 1),
            Ok(None) => tally.add(DropReason::ZeroClose, symbol, Some(date), 1),
            Ok(Some(price)) => {
                let close = Close { day, price, volume: row.known_money(3), market_cap: row.known_money(4) };
                match raw.get_mut(symbol) {
                    Some(closes) => closes.push(close),
                    None => drop(raw.insert(symbol.to_owned(), vec![close])),
                }
            }
        }
    }
    let mut symbols = BTreeMap::new();
    let days = raw.values().flatten().map(|close| close.day).collect();
    for (symbol, closes) in raw {
        let segments = sound(history, &symbol, closes, &mut tally);
        let _ = symbols.insert(symbol, segments);
    }
    builder.dropped(tally.into_rows());
    PriceFile { name: rows.name.clone(), symbols, days }
}

/// The closes that can be used, by unit.
fn sound(history: &History, symbol: &str, mut closes: Vec<Close>, tally: &mut Tally) -> Vec<Segment> {
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
        let missing = after.day - before.day - 1;
        if missing > 0 {
            let rows = u32::try_from(missing).unwrap_or(u32::MAX);
            tally.add(DropReason::Gap, symbol, Some(history.date(before.day + 1)), rows);
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
