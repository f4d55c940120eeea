//! Whose closes are these: by symbol where there are no snapshots, else by symbol and price, from each snapshot on.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::Symbols;
use super::identity::{Listed, Listings, is_of, stamped};
use super::prices::{Close, PriceFile, SPIKE, Segment, UNIT_BREAK, apart};
use crate::adapters::files::market::asset_slug;
use crate::backtest::dropped::{DropReason, Tally};
use crate::backtest::history::{Day, History, HistoryBuilder, Label, SNAPSHOT_DAYS};
use crate::model::{AssetId, Decimal, Money, Price};

/// How far a close may be from the snapshot's price of the same day: they are taken at different hours.
const SAME_COIN: Decimal = Decimal::from_parts(125, 0, 0, false, 2);
/// A close this old still tells whether a symbol is the snapshot's coin.
const CLOSE_DAYS: usize = 3;

/// What closes gave besides closes.
#[derive(Debug, Default)]
pub(super) struct Joined {
    /// Without snapshots: who has a symbol from which day on.
    pub(super) symbols: Symbols,
    /// Beside the files: the assets that have closes of each.
    pub(super) assets: Vec<BTreeSet<AssetId>>,
}

/// Gives closes to assets. Of a day's several closes the first file's stands; snapshot prices stand where no file has
/// a close of that day.
pub(super) fn join(files: &mut [PriceFile], listings: &Listings, builder: &mut HistoryBuilder) -> Joined {
    let mut joined = Joined { assets: vec![BTreeSet::new(); files.len()], ..Joined::default() };
    let mut tallies: Vec<Tally> = files.iter().map(|file| Tally::new(file.name.clone())).collect();
    for (place, (file, tally)) in files.iter_mut().zip(&mut tallies).enumerate() {
        for (symbol, segments) in &mut file.symbols {
            *segments = crashes_undone(symbol, std::mem::take(segments), listings, builder.history(), tally);
            if !listings.is_empty() {
                for segment in segments.iter() {
                    let owners = beside_snapshots(symbol, segment, listings, tally, builder);
                    if let Some(assets) = joined.assets.get_mut(place) {
                        assets.extend(owners);
                    }
                }
            }
        }
    }
    if listings.is_empty() {
        alone(files, &mut joined, &mut tallies, builder);
    }
    builder.dropped(tallies.into_iter().flat_map(Tally::into_rows));
    for (day, listed) in listings {
        for coin in listed {
            if let Some(price) = coin.price {
                builder.closes(&coin.id, [(*day, price, None, None)]);
            }
        }
    }
    joined
}

/// Segments, those after a fall put back to the ones before: who held through it has lost that much, unless a
/// migration of these days says that another unit begins there.
fn crashes_undone(
    symbol: &str,
    segments: Vec<Segment>,
    listings: &Listings,
    history: &History,
    tally: &mut Tally,
) -> Vec<Segment> {
    let mut whole: Vec<Segment> = Vec::new();
    for segment in segments {
        let Some(first) = segment.closes.first().map(|close| close.day) else { continue };
        match whole.last_mut() {
            Some(before) if segment.fell && !is_exchanged(symbol, first, listings, history) => {
                before.closes.extend(segment.closes);
            }
            before => {
                if before.is_some() {
                    tally.add(DropReason::UnitBreak, symbol, Some(history.date(first)), 1);
                }
                whole.push(segment);
            }
        }
    }
    whole
}

/// Whether a migration of about that day exchanges the coin that has the symbol.
fn is_exchanged(symbol: &str, day: Day, listings: &Listings, history: &History) -> bool {
    let has_symbol = |id: &AssetId| match listings.range(..=day).next_back() {
        Some((_, coins)) => coins.iter().any(|coin| coin.id == *id && names(symbol).contains(&coin.symbol.as_str())),
        None => asset_slug(symbol).is_some_and(|slug| is_of(&slug, id)),
    };
    let is_near = |on: Date| {
        let apart = (history.date(day) - on).get_days().unsigned_abs();
        usize::try_from(apart).is_ok_and(|days| days <= SNAPSHOT_DAYS)
    };
    history.migrations().iter().any(|it| is_near(it.on) && has_symbol(&it.from))
}

/// Yahoo numbers the later coins of one symbol: `SOL1`. The price tells whether it is the snapshot's.
fn names(symbol: &str) -> [&str; 2] {
    [symbol, symbol.trim_end_matches(|letter: char| letter.is_ascii_digit())]
}

/// A symbol's closes of one file, in one unit.
struct Part<'a> {
    file: usize,
    first: Close,
    closes: &'a [Close],
}

/// Without snapshots a symbol is the asset, and what is far from it under the symbol is another one.
fn alone(files: &[PriceFile], joined: &mut Joined, tallies: &mut [Tally], builder: &mut HistoryBuilder) {
    let symbols: BTreeSet<&String> = files.iter().flat_map(|file| file.symbols.keys()).collect();
    for symbol in symbols {
        let segments = files
            .iter()
            .enumerate()
            .flat_map(|(file, it)| it.symbols.get(symbol).into_iter().flatten().map(move |segment| (file, segment)));
        let parts: Vec<Part<'_>> = segments
            .filter_map(|(file, segment)| {
                segment.closes.first().map(|first| Part { file, first: *first, closes: &segment.closes })
            })
            .collect();
        let Some(ids) = asset_slug(symbol).and_then(|slug| ids_of(&slug, &parts, builder.history())) else {
            for part in &parts {
                let rows = u32::try_from(part.closes.len()).unwrap_or(u32::MAX);
                let date = builder.history().date(part.first.day);
                if let Some(tally) = tallies.get_mut(part.file) {
                    tally.add(DropReason::NoId, symbol, Some(date), rows);
                }
            }
            continue;
        };
        for (part, id) in parts.iter().zip(ids) {
            builder.label(&id, part.first.day, Label { symbol: symbol.clone(), name: symbol.clone() });
            builder.closes(&id, part.closes.iter().map(parts_of));
            joined.symbols.entry(symbol.clone()).or_default().push((part.first.day, id.clone()));
            if let Some(assets) = joined.assets.get_mut(part.file) {
                let _ = assets.insert(id);
            }
        }
    }
    for owners in joined.symbols.values_mut() {
        owners.sort();
    }
}

/// The id of each part. In the order in which they begin, a part goes on with the one whose closes are near its first;
/// where none is, it is another coin or unit.
fn ids_of(slug: &str, parts: &[Part<'_>], history: &History) -> Option<Vec<AssetId>> {
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|place| parts.get(*place).map(|part| part.first.day));
    let mut ids: BTreeMap<usize, AssetId> = BTreeMap::new();
    for place in order {
        let part = parts.get(place)?;
        let before: Vec<(Close, &AssetId)> = ids
            .iter()
            .filter_map(|(other, id)| {
                let closes = parts.get(*other)?.closes;
                let end = closes.partition_point(|close| close.day <= part.first.day);
                Some((*closes.get(..end)?.last()?, id))
            })
            .collect();
        let is_fresh = |close: &Close| part.first.day - close.day <= CLOSE_DAYS;
        let any_fresh = before.iter().any(|(close, _)| is_fresh(close));
        // Of two of one day a third is far; a confirmed change over weeks may be larger.
        let factor = if any_fresh { SPIKE } else { UNIT_BREAK };
        let near = |(close, _): &&(Close, &AssetId)| {
            is_fresh(close) == any_fresh && !apart(close.price, part.first.price, factor)
        };
        let found = before.iter().filter(near).max_by_key(|(close, _)| close.day).map(|(_, id)| (*id).clone());
        let id = match found {
            Some(id) => id,
            None if before.is_empty() => AssetId::new(slug).ok()?,
            None => AssetId::new(&stamped(slug, history.date(part.first.day))).ok()?,
        };
        let _ = ids.insert(place, id);
    }
    Some(ids.into_values().collect())
}

fn parts_of(close: &Close) -> (Day, Price, Option<Money>, Option<Money>) {
    (close.day, close.price, close.volume, close.market_cap)
}

/// Walks a segment from snapshot to snapshot: whose closes are these from now on? Answers who had any.
fn beside_snapshots(
    symbol: &str,
    segment: &Segment,
    listings: &Listings,
    tally: &mut Tally,
    builder: &mut HistoryBuilder,
) -> BTreeSet<AssetId> {
    let mut owners = BTreeSet::new();
    let mut owner: Option<AssetId> = None;
    let days: Vec<Day> = listings.keys().copied().collect();
    let mut left_out = |reason: DropReason, closes: &[Close], history: &History| {
        for close in closes {
            tally.add(reason, symbol, Some(history.date(close.day)), 1);
        }
    };
    let before_all = segment.closes.partition_point(|close| days.first().is_some_and(|first| close.day < *first));
    left_out(DropReason::Unlisted, segment.closes.get(..before_all).unwrap_or_default(), builder.history());
    for (place, day) in days.iter().enumerate() {
        let until = days.get(place + 1).copied().unwrap_or(usize::MAX);
        let upto = segment.closes.partition_point(|close| close.day <= *day);
        let end = segment.closes.partition_point(|close| close.day < until);
        let close = upto.checked_sub(1).and_then(|last| segment.closes.get(last));
        let close = close.filter(|close| *day - close.day <= CLOSE_DAYS);
        let start = segment.closes.partition_point(|close| close.day < *day);
        let coins = listings.get(day).map(Vec::as_slice).unwrap_or_default();
        owner = whose(symbol, close, coins, owner);
        let closes = segment.closes.get(start..end).unwrap_or_default();
        match &owner {
            Some(id) if !closes.is_empty() => {
                builder.closes(id, closes.iter().map(parts_of));
                let _ = owners.insert(id.clone());
            }
            Some(_) => {}
            None => {
                let is_taken = coins.iter().any(|coin| names(symbol).contains(&coin.symbol.as_str()));
                let reason = match close {
                    _ if !is_taken => DropReason::Unlisted,
                    None => DropReason::NotCompared,
                    Some(_) => DropReason::OtherCoin,
                };
                left_out(reason, closes, builder.history());
            }
        }
    }
    owners
}

/// The coin of the snapshot whose symbol and price agree, or whose symbol does where it has no price; the owner before
/// where the snapshot says nothing of either.
fn whose(symbol: &str, close: Option<&Close>, coins: &[Listed], before: Option<AssetId>) -> Option<AssetId> {
    let agrees = |coin: &Listed| match (close, coin.price) {
        (Some(close), Some(price)) => !apart(close.price, price, SAME_COIN),
        (_, None) => true,
        (None, Some(_)) => false,
    };
    for name in names(symbol) {
        let mut named = coins.iter().filter(|coin| coin.symbol == name);
        if let (Some(coin), None) = (named.next(), named.next()) {
            return agrees(coin).then(|| coin.id.clone());
        }
    }
    match coins.iter().find(|coin| Some(&coin.id) == before.as_ref()) {
        Some(coin) if !agrees(coin) => None,
        // Not listed, or dead: its closes are its own until the symbol is somebody else's.
        _ => before,
    }
}
