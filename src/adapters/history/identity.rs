//! Who is who: ids for the coins of snapshots, and the closes that belong to them.
//!
//! A coin is the slug of its first name. A name that was not there before is the same coin under a new one where a coin
//! of the same symbol, at a like price or the same supply, is there under its old name no longer. A name may also pass to
//! another coin, or its unit may change. A row whose supply is more than twice or less than half of the coin's last one
//! begins an id of its own, `terra-202210` or `elrond-egld`, where it is under another symbol, or where its price is
//! beyond three times or a third of the last and that is not a crash in the month of a restated supply: the whole is
//! worth more than three times or less than a third as well, or the supply is beyond eight times. A migration, stated by
//! hand, says which of these were exchanged into which. Everything is decided from the rows of a day and of earlier days.

use std::collections::{BTreeMap, BTreeSet};

use super::Symbols;
use super::prices::{Close, PriceFile, Segment, apart};
use super::snapshots::SnapshotRow;
use crate::adapters::files::market::asset_slug;
use crate::backtest::dropped::{DropReason, Tally};
use crate::backtest::history::{Day, HistoryBuilder, Label, ListedFigures};
use crate::model::{AssetId, Decimal, Price};

/// A change of price beyond this, with a supply that broke, is another coin or unit.
const PRICE_BREAK: Decimal = Decimal::from_parts(3, 0, 0, false, 0);
const SUPPLY_BREAK: Decimal = Decimal::from_parts(2, 0, 0, false, 0);
/// Exchanges into another unit are by ten, a hundred, a thousand; restated supplies stay below.
const UNIT_BREAK: Decimal = Decimal::from_parts(8, 0, 0, false, 0);
/// Within this a supply is the same.
const SAME_SUPPLY: Decimal = Decimal::from_parts(11, 0, 0, false, 1);
/// Days within which a coin that is missing may come back under another name.
const RENAMED_WITHIN: usize = 100;
/// How far a close may be from the snapshot's price of the same day: they are taken at different hours.
const SAME_COIN: Decimal = Decimal::from_parts(125, 0, 0, false, 2);
/// A close this old still tells whether a symbol is the snapshot's coin.
const CLOSE_DAYS: usize = 3;

/// One coin of a snapshot, with its id.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub(super) id: AssetId,
    pub(super) symbol: String,
    pub(super) price: Option<Price>,
}

/// Snapshots by day.
pub(super) type Listings = BTreeMap<Day, Vec<Listed>>;

/// What was last seen of a name.
#[derive(Debug, Clone)]
struct Sighting {
    id: AssetId,
    day: Day,
    symbol: String,
    price: Option<Price>,
    supply: Option<Decimal>,
}

/// Gives every row its id and the history its figures.
pub(super) fn identify(mut rows: Vec<SnapshotRow>, builder: &mut HistoryBuilder) -> Listings {
    rows.sort_by(|left, right| (left.day, &left.name, &left.symbol).cmp(&(right.day, &right.name, &right.symbol)));
    let mut tally = Tally::new("snapshots".to_owned());
    let mut known: BTreeMap<String, Sighting> = BTreeMap::new();
    let mut listings = Listings::new();
    for of_day in rows.chunk_by(|left, right| left.day == right.day) {
        let mut taken = BTreeSet::new();
        let present: BTreeSet<String> = of_day.iter().filter_map(|row| asset_slug(&row.name)).collect();
        for row in of_day {
            let date = builder.history().date(row.day);
            let Some(slug) = asset_slug(&row.name).or_else(|| asset_slug(&row.symbol)) else {
                tally.add(DropReason::NoId, &row.symbol, Some(date), 1);
                continue;
            };
            // Two coins of one name on one day: the second goes by its symbol as well.
            let key = if taken.contains(&slug) { with_symbol(&slug, &row.symbol) } else { slug };
            if !taken.insert(key.clone()) {
                tally.add(DropReason::DuplicateRow, &row.symbol, Some(date), 1);
                continue;
            }
            let id = match known.get(&key) {
                Some(before) if broke(before, row) => {
                    tally.add(DropReason::NewIdentity, &row.symbol, Some(date), 1);
                    let renamed = before.symbol != row.symbol;
                    let stamp = format!("{key}-{:04}{:02}", date.year(), date.month());
                    AssetId::new(&if renamed { with_symbol(&key, &row.symbol) } else { stamp })
                }
                Some(before) => Ok(before.id.clone()),
                None => renamed(row, &known, &present).map_or_else(|| AssetId::new(&key), Ok),
            };
            let Ok(id) = id else {
                tally.add(DropReason::NoId, &row.symbol, Some(date), 1);
                continue;
            };
            let sighting = Sighting {
                id: id.clone(),
                day: row.day,
                symbol: row.symbol.clone(),
                price: row.price,
                supply: row.supply,
            };
            let _ = known.insert(key, sighting);
            record(row, &id, builder);
            listings.entry(row.day).or_default().push(Listed { id, symbol: row.symbol.clone(), price: row.price });
        }
    }
    builder.dropped(tally.into_rows());
    listings
}

fn with_symbol(slug: &str, symbol: &str) -> String {
    let symbol = asset_slug(symbol).unwrap_or_default();
    format!("{slug}-{}", symbol.get(..15).unwrap_or(&symbol))
}

fn record(row: &SnapshotRow, id: &AssetId, builder: &mut HistoryBuilder) {
    builder.label(id, row.day, Label { symbol: row.symbol.clone(), name: row.name.clone() });
    let figures = ListedFigures { market_cap: row.market_cap, volume: row.volume, supply: row.supply };
    builder.listed(id, row.day, figures);
}

/// The coin that has a new name: the only one that lately had this symbol, whose old name is not there today, at a like
/// price and supply, or at any price with the very supply.
fn renamed(row: &SnapshotRow, known: &BTreeMap<String, Sighting>, present: &BTreeSet<String>) -> Option<AssetId> {
    let alike = |old: &Sighting| {
        let prices = old.price.zip(row.price);
        let supplies = old.supply.zip(row.supply);
        let like_price = prices.is_some_and(|(old, new)| !apart(old, new, PRICE_BREAK));
        let same_supply = supplies.is_some_and(|(old, new)| !beyond(old, new, SAME_SUPPLY));
        old.symbol == row.symbol
            && row.day - old.day <= RENAMED_WITHIN
            && (like_price || same_supply)
            && !broke(old, row)
    };
    let mut coins = known.iter().filter(|(name, old)| !present.contains(*name) && alike(old));
    let (_, coin) = coins.next()?;
    coins.next().is_none().then(|| coin.id.clone())
}

/// Another coin, or another unit of it, under the name.
fn broke(before: &Sighting, row: &SnapshotRow) -> bool {
    let Some((old, new)) = before.supply.zip(row.supply) else { return false };
    if !beyond(old, new, SUPPLY_BREAK) {
        return false;
    }
    before.symbol != row.symbol
        || before.price.zip(row.price).is_some_and(|(old_price, new_price)| {
            let worth = old.checked_mul(old_price.get()).zip(new.checked_mul(new_price.get()));
            let worth_broke = worth.is_none_or(|(old, new)| beyond(old, new, PRICE_BREAK));
            apart(old_price, new_price, PRICE_BREAK) && (worth_broke || beyond(old, new, UNIT_BREAK))
        })
}

/// Whether one figure is more than so many times the other.
fn beyond(left: Decimal, right: Decimal, factor: Decimal) -> bool {
    let (low, high) = (left.min(right), left.max(right));
    low.checked_mul(factor).is_some_and(|most| high > most)
}

/// Gives closes to assets: by symbol alone where there are no snapshots, else by symbol and price, from each snapshot
/// on. Snapshot prices stand where no file has a close of that day.
pub(super) fn join(files: Vec<PriceFile>, listings: &Listings, builder: &mut HistoryBuilder) -> Symbols {
    let mut symbols = Symbols::new();
    for file in files {
        let mut tally = Tally::new(file.name);
        for (symbol, segments) in file.symbols {
            for (place, segment) in segments.into_iter().enumerate() {
                if listings.is_empty() {
                    alone(&symbol, place, &segment, &mut symbols, &mut tally, builder);
                } else {
                    beside_snapshots(&symbol, &segment, listings, &mut tally, builder);
                }
            }
        }
        builder.dropped(tally.into_rows());
    }
    for (day, listed) in listings {
        for coin in listed {
            if let Some(price) = coin.price {
                let _ = builder.closes(&coin.id, [(*day, price, None, None)]);
            }
        }
    }
    symbols
}

fn alone(
    symbol: &str,
    place: usize,
    segment: &Segment,
    symbols: &mut Symbols,
    tally: &mut Tally,
    builder: &mut HistoryBuilder,
) {
    let Some(first) = segment.closes.first().map(|close| close.day) else { return };
    let date = builder.history().date(first);
    let slug = asset_slug(symbol)
        .map(|slug| if place == 0 { slug } else { format!("{slug}-{:04}{:02}", date.year(), date.month()) });
    let Some(id) = slug.and_then(|slug| AssetId::new(&slug).ok()) else {
        let rows = u32::try_from(segment.closes.len()).unwrap_or(u32::MAX);
        tally.add(DropReason::NoId, symbol, Some(date), rows);
        return;
    };
    builder.label(&id, first, Label { symbol: symbol.to_owned(), name: symbol.to_owned() });
    let _ = builder.closes(&id, segment.closes.iter().map(parts));
    let _ = symbols.insert(symbol.to_owned(), id);
}

fn parts(close: &Close) -> (Day, Price, Option<crate::model::Money>, Option<crate::model::Money>) {
    (close.day, close.price, close.volume, close.market_cap)
}

/// Walks a segment from snapshot to snapshot: whose closes are these from now on?
fn beside_snapshots(
    symbol: &str,
    segment: &Segment,
    listings: &Listings,
    tally: &mut Tally,
    builder: &mut HistoryBuilder,
) {
    // Yahoo numbers the later coins of one symbol: `SOL1`. The price tells whether it is the snapshot's.
    let plain = symbol.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let mut owner: Option<AssetId> = None;
    let days: Vec<Day> = listings.keys().copied().collect();
    for (place, day) in days.iter().enumerate() {
        let until = days.get(place + 1).copied().unwrap_or(usize::MAX);
        let upto = segment.closes.partition_point(|close| close.day <= *day);
        let end = segment.closes.partition_point(|close| close.day < until);
        let close = upto.checked_sub(1).and_then(|last| segment.closes.get(last));
        let close = close.filter(|close| *day - close.day <= CLOSE_DAYS);
        let start = segment.closes.partition_point(|close| close.day < *day);
        let coins = listings.get(day).map(Vec::as_slice).unwrap_or_default();
        owner = whose(symbol, plain, close, coins, owner);
        let closes = segment.closes.get(start..end).unwrap_or_default();
        match &owner {
            Some(id) => {
                let _ = builder.closes(id, closes.iter().map(parts));
            }
            None if !closes.is_empty() && coins.iter().any(|coin| coin.symbol == symbol) => {
                let date = closes.first().map(|close| builder.history().date(close.day));
                tally.add(DropReason::OtherCoin, symbol, date, u32::try_from(closes.len()).unwrap_or(u32::MAX));
            }
            None => {}
        }
    }
}

/// The coin of the snapshot whose symbol and price agree; the owner before where the snapshot says nothing of either.
fn whose(
    symbol: &str,
    plain: &str,
    close: Option<&Close>,
    coins: &[Listed],
    before: Option<AssetId>,
) -> Option<AssetId> {
    let agrees =
        |coin: &&Listed| close.zip(coin.price).is_some_and(|(close, price)| !apart(close.price, price, SAME_COIN));
    for name in [symbol, plain] {
        let mut named = coins.iter().filter(|coin| coin.symbol == name);
        if let (Some(coin), None) = (named.next(), named.next()) {
            return Some(coin).filter(agrees).map(|coin| coin.id.clone());
        }
    }
    let listed = coins.iter().find(|coin| Some(&coin.id) == before.as_ref());
    match listed {
        Some(coin) if agrees(&coin) => before,
        Some(_) => None,
        // Not listed, or dead: its closes are its own until the symbol is somebody else's.
        None => before,
    }
}
