//! Who is who: ids for the coins of snapshots.
//!
//! A coin is the slug of its first name, or of its symbol where a file has no names. A name that was not there before is
//! the same coin under a new one where a coin of the same symbol, at a like price or the same supply, is there under its
//! old name no longer. A name may also pass to
//! another coin, or its unit may change. A row whose supply is more than twice or less than half of the coin's last one
//! begins an id of its own, `terra-202210` or `elrond-egld`, where it is under another symbol, or where its price is
//! beyond three times or a third of the last and that is not a crash in the month of a restated supply: the whole is
//! worth more than three times or less than a third as well, or the supply is beyond eight times. A migration, stated by
//! hand, says which of these were exchanged into which. Everything is decided from the rows of a day and of earlier days,
//! those before the period among them: an id does not depend on where a period begins.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::prices::apart;
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
const RENAMED_WITHIN: i32 = 100;

/// One coin of a snapshot, with its id.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub(super) id: AssetId,
    pub(super) symbol: String,
    pub(super) price: Option<Price>,
}

/// Snapshots by day.
pub(super) type Listings = BTreeMap<Day, Vec<Listed>>;
/// Snapshots of before the history.
pub(super) type Earlier = BTreeMap<Date, Vec<Listed>>;

/// Who is who.
#[derive(Debug, Default)]
pub(super) struct Identified {
    pub(super) listings: Listings,
    pub(super) earlier: Earlier,
}

/// What was last seen of a name.
#[derive(Debug, Clone)]
struct Sighting {
    id: AssetId,
    date: Date,
    symbol: String,
    /// Whether the file had no names, so that the symbol stood for it.
    is_nameless: bool,
    price: Option<Price>,
    supply: Option<Decimal>,
}

/// Gives every row its id, and the history the figures of those in the period. Of the snapshots before it those since a
/// day are kept.
pub(super) fn identify(mut rows: Vec<SnapshotRow>, kept_since: Date, builder: &mut HistoryBuilder) -> Identified {
    rows.sort_by(|left, right| (left.date, &left.name, &left.symbol).cmp(&(right.date, &right.name, &right.symbol)));
    let mut tally = Tally::new("snapshots".to_owned());
    let mut known: BTreeMap<String, Sighting> = BTreeMap::new();
    let mut identified = Identified::default();
    for of_day in rows.chunk_by(|left, right| left.date == right.date) {
        let Some(date) = of_day.first().map(|row| row.date) else { continue };
        let day = builder.history().day(date);
        let mut told = |reason: DropReason, row: &SnapshotRow| {
            // What is wrong before the period is not of the period.
            if day.is_some() {
                tally.add(reason, &row.symbol, Some(date), 1);
            }
        };
        let present: BTreeSet<String> = of_day.iter().filter_map(|row| asset_slug(&row.name)).collect();
        let mut taken = Taken::default();
        for row in of_day {
            let key = match taken.key(row) {
                Ok(key) => key,
                Err(reason) => {
                    told(reason, row);
                    continue;
                }
            };
            let id = match known.get(&key) {
                Some(before) if broke(before, row) => {
                    told(DropReason::NewIdentity, row);
                    let renamed = before.symbol != row.symbol;
                    AssetId::new(&if renamed { with_symbol(&key, &row.symbol) } else { stamped(&key, date) })
                }
                Some(before) => Ok(before.id.clone()),
                None => renamed(row, of_day, &known, &present).map_or_else(|| AssetId::new(&key), Ok),
            };
            let Ok(id) = id else {
                told(DropReason::NoId, row);
                continue;
            };
            let _ = known.insert(key, Sighting::of(row, &id));
            let coins = match day {
                Some(day) => {
                    record(row, &id, day, builder);
                    identified.listings.entry(day).or_default()
                }
                None if date >= kept_since => identified.earlier.entry(date).or_default(),
                None => continue,
            };
            coins.push(Listed { id, symbol: row.symbol.clone(), price: row.price });
        }
    }
    builder.dropped(tally.into_rows());
    identified
}

/// The names of a day, each with the symbol that it stands for.
#[derive(Debug, Default)]
struct Taken(BTreeMap<String, String>);

impl Taken {
    /// What a row goes by: the slug of its name, and of its symbol as well where another coin has that name today.
    fn key(&mut self, row: &SnapshotRow) -> Result<String, DropReason> {
        let slug = asset_slug(&row.name).or_else(|| asset_slug(&row.symbol)).ok_or(DropReason::NoId)?;
        let key = match self.0.get(&slug) {
            Some(symbol) if *symbol != row.symbol => with_symbol(&slug, &row.symbol),
            _ => slug,
        };
        // A name and symbol that are there already are a row given twice, and no second coin.
        match self.0.insert(key.clone(), row.symbol.clone()) {
            None => Ok(key),
            Some(_) => Err(DropReason::DuplicateRow),
        }
    }
}

impl Sighting {
    fn of(row: &SnapshotRow, id: &AssetId) -> Self {
        Self {
            id: id.clone(),
            date: row.date,
            symbol: row.symbol.clone(),
            is_nameless: row.name == row.symbol,
            price: row.price,
            supply: row.supply,
        }
    }
}

fn with_symbol(slug: &str, symbol: &str) -> String {
    let symbol = asset_slug(symbol).unwrap_or_default();
    format!("{slug}-{}", symbol.get(..15).unwrap_or(&symbol))
}

/// The id of what has a name from a month on: `terra-202210`.
pub(super) fn stamped(slug: &str, from: Date) -> String {
    format!("{slug}-{:04}{:02}", from.year(), from.month())
}

/// Whether an id is a slug or what later had its name.
pub(super) fn is_of(slug: &str, id: &AssetId) -> bool {
    let is_month = |rest: &str| rest.len() == 6 && rest.bytes().all(|byte| byte.is_ascii_digit());
    id.as_str() == slug || id.as_str().strip_prefix(slug).and_then(|it| it.strip_prefix('-')).is_some_and(is_month)
}

fn record(row: &SnapshotRow, id: &AssetId, day: Day, builder: &mut HistoryBuilder) {
    builder.label(id, day, Label { symbol: row.symbol.clone(), name: row.name.clone() });
    let figures = ListedFigures { market_cap: row.market_cap, volume: row.volume, supply: row.supply };
    builder.listed(id, day, figures);
}

/// The coin that has a new name: the only one that lately had this symbol, whose old name is not there today, at a like
/// price and supply, or at any price with the very supply; or where a file without names said no more than the symbol.
fn renamed(
    row: &SnapshotRow,
    of_day: &[SnapshotRow],
    known: &BTreeMap<String, Sighting>,
    present: &BTreeSet<String>,
) -> Option<AssetId> {
    let alike = |old: &Sighting| {
        let prices = old.price.zip(row.price);
        let supplies = old.supply.zip(row.supply);
        let like_price = prices.is_some_and(|(old, new)| !apart(old, new, PRICE_BREAK));
        let same_supply = supplies.is_some_and(|(old, new)| !beyond(old, new, SAME_SUPPLY));
        let symbol_is_all = old.is_nameless && old.price.is_none() && old.supply.is_none();
        old.symbol == row.symbol
            && (row.date - old.date).get_days() <= RENAMED_WITHIN
            && (like_price || same_supply || symbol_is_all)
            && !broke(old, row)
    };
    let mut coins = known.iter().filter(|(name, old)| !present.contains(*name) && alike(old));
    let (_, coin) = coins.next()?;
    let is_only_one = coins.next().is_none() && of_day.iter().filter(|it| it.symbol == row.symbol).count() == 1;
    is_only_one.then(|| coin.id.clone())
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
