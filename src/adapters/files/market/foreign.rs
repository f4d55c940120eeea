//! Listings of CoinMarketCap and CoinGecko as other people recorded them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;

use super::{amount, asset_slug, category_slug, label};
use crate::adapters::files::csv_text::{CsvRow, CsvTable};
use crate::model::number::parse_market;
use crate::model::{AssetId, CategoryId, Price};
use crate::preparation::BadInput;
use crate::preparation::sources::{MarketData, MarketRecord};
use crate::preparation::time::{day_of, parse_day, parse_moment_or_day, start_of};

pub(super) const CMC_SNAPSHOT: &str =
    "date,rank,symbol,name,price_usd,market_cap_usd,circulating_supply,volume_24h_usd,pct_24h,pct_7d";
pub(super) const CMC_MARKET_CAPS: &str = "date,rank,symbol,market_cap_usd";
pub(super) const CMC_TAGGED: &str = "cmc_id,symbol,name,cmc_rank,price_usd,market_cap_usd,volume_24h_usd,circulating_supply,pct_7d,pct_30d,platform,tags";
pub(super) const COINGECKO: &str = "coingecko_id,symbol,name,market_cap_rank,price_usd,market_cap_usd,fdv_usd,\
                                    volume_24h_usd,circulating_supply,max_supply,asset_platform,genesis_date,as_of,categories";

/// One day of a file of many.
pub(super) fn snapshot(table: &CsvTable<'_>, moment: Timestamp, id_column: &str) -> Result<MarketData, BadInput> {
    let day = day_of(moment);
    let observed_at =
        start_of(day).map_err(|problem| BadInput::new(table.place(), "date", "", problem, "ask for another day"))?;
    let mut days = BTreeSet::new();
    for row in table.rows() {
        let date = parse_day(row.get("date")).map_err(|problem| row.bad("date", problem, "mend or remove the row"))?;
        let _ = days.insert(date);
    }
    if !days.contains(&day) {
        let before = days.range(..day).next_back();
        let after = days.range(day..).next();
        let near: Vec<String> = before.into_iter().chain(after).map(ToString::to_string).collect();
        let remedy = format!("ask for a day that is there; the nearest are {}", near.join(" and "));
        return Err(BadInput::new(table.place(), "date", &day.to_string(), "the file has no rows of this day", remedy));
    }
    // Whether a slug needs its symbol is decided over the whole file, so that an asset keeps its id from day to
    // day, even through a change of symbol.
    let ambiguous = ambiguous_slugs(table.rows(), id_column, |row| row.get("date").to_owned());
    let mut reader = Reader::default();
    for row in table.rows().filter(|row| row.get("date") == day.to_string()) {
        reader.take(&row, slug_id(&row, id_column, &ambiguous), observed_at);
    }
    Ok(reader.finish())
}

/// A listing without dates.
pub(super) fn tagged(table: &CsvTable<'_>, moment: Timestamp) -> MarketData {
    let ambiguous = ambiguous_slugs(table.rows(), "name", |_| String::new());
    let mut reader = Reader::default();
    for row in table.rows() {
        reader.take(&row, slug_id(&row, "name", &ambiguous), moment);
    }
    reader.finish()
}

/// A listing with ids and a date on each row.
pub(super) fn coingecko(table: &CsvTable<'_>) -> Result<MarketData, BadInput> {
    let mut reader = Reader::default();
    for row in table.rows() {
        let observed_at = parse_moment_or_day(row.get("as_of"))
            .map_err(|problem| row.bad("as_of", problem, "mend or remove the row"))?;
        let id = row.id("coingecko_id").map_err(|error: BadInput| error.problem);
        reader.take(&row, id, observed_at);
    }
    Ok(reader.finish())
}

/// Slugs that two rows of one day share.
fn ambiguous_slugs<'a>(
    rows: impl Iterator<Item = CsvRow<'a>>,
    column: &str,
    day: impl Fn(&CsvRow<'a>) -> String,
) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    rows.filter_map(|row| asset_slug(row.get(column)).map(|slug| (day(&row), slug)))
        .filter_map(|(day, slug)| (!seen.insert((day, slug.clone()))).then_some(slug))
        .collect()
}

/// The slug of the name; with the symbol behind it where the slug alone names two assets.
fn slug_id(row: &CsvRow<'_>, column: &str, ambiguous: &BTreeSet<String>) -> Result<AssetId, String> {
    let symbol = asset_slug(row.get("symbol"));
    let slug = asset_slug(row.get(column)).or_else(|| symbol.clone());
    let slug = slug.ok_or("neither name nor symbol has a Latin letter or a digit to make an id of")?;
    let id = match symbol {
        Some(symbol) if ambiguous.contains(&slug) => format!("{slug}-{}", symbol.get(..15).unwrap_or(&symbol)),
        _ => slug,
    };
    AssetId::new(&id).map_err(|error| error.to_string())
}

/// Collects rows, counting by reason what it drops.
#[derive(Default)]
struct Reader {
    assets: BTreeMap<AssetId, Vec<(String, MarketRecord)>>,
    dropped: BTreeMap<String, Vec<String>>,
    unpriced: BTreeMap<String, Vec<String>>,
}

impl Reader {
    fn take(&mut self, row: &CsvRow<'_>, id: Result<AssetId, String>, observed_at: Timestamp) {
        let symbol = label(row.get("symbol"), "?");
        // No line number: the notice must not depend on the order of the rows.
        let name = format!("{} ({symbol})", label(row.get("name"), &symbol));
        let read = id.and_then(|id| {
            let problem = |error: BadInput| {
                let column = error.field.rsplit(", ").next().unwrap_or("").to_owned();
                format!("{column}: {}", error.problem)
            };
            record(row, observed_at).map(|(record, no_price)| (id, record, no_price)).map_err(problem)
        });
        match read {
            Err(reason) => self.dropped.entry(reason).or_default().push(name),
            Ok((id, record, no_price)) => {
                if let Some(reason) = no_price {
                    self.unpriced.entry(reason).or_default().push(id.to_string());
                }
                self.assets.entry(id).or_default().push((name, record));
            }
        }
    }

    fn finish(mut self) -> MarketData {
        let mut assets = BTreeMap::new();
        for (id, mut records) in self.assets {
            match (records.pop(), records.is_empty()) {
                (Some((_, record)), true) => {
                    let _ = assets.insert(id, record);
                }
                // Neither can be trusted to be the one that is meant.
                (last, _) => {
                    let names = records.into_iter().chain(last).map(|(name, _)| name);
                    self.dropped
                        .entry(format!("the id {id} appears more than once on one day"))
                        .or_default()
                        .extend(names);
                }
            }
        }
        let dropped_rows = self.dropped.values().map(Vec::len).sum();
        let dropped = self.dropped.into_iter().map(|(reason, names)| notice("dropped", "row", names, &reason));
        let unpriced = self.unpriced.into_iter();
        let unpriced = unpriced.map(|(reason, names)| notice("left without a price", "asset", names, &reason));
        MarketData { assets, notices: dropped.chain(unpriced).collect(), dropped_rows }
    }
}

fn notice(verb: &str, noun: &str, mut names: Vec<String>, reason: &str) -> String {
    names.sort_unstable();
    let plural = if names.len() == 1 { "" } else { "s" };
    let shown: Vec<&str> = names.iter().take(10).map(String::as_str).collect();
    let more = if names.len() > 10 { ", …" } else { "" };
    format!("market data: {} {noun}{plural} {verb} ({reason}): {}{more}", names.len(), shown.join(", "))
}

/// The record, and why it has no price when it has none.
fn record(row: &CsvRow<'_>, observed_at: Timestamp) -> Result<(MarketRecord, Option<String>), BadInput> {
    let (price, no_price) = price(row)?;
    let symbol = label(row.get("symbol"), "?");
    let record = MarketRecord {
        name: label(row.get("name"), &symbol),
        symbol,
        token_id: None,
        price,
        market_cap: row.optional_number("market_cap_usd", amount)?,
        average_daily_volume: row.optional_number("volume_24h_usd", amount)?,
        categories: categories(row),
        first_seen: first_seen(row)?,
        observed_at,
    };
    Ok((record, no_price))
}

fn price(row: &CsvRow<'_>) -> Result<(Option<Price>, Option<String>), BadInput> {
    if row.get("price_usd").is_empty() {
        return Ok((None, Some("the source states none".to_owned())));
    }
    let value = row.number("price_usd", parse_market)?;
    if value.is_zero() {
        return Ok((None, Some("the source rounded it to 0".to_owned())));
    }
    Ok((Some(row.number("price_usd", |_| Price::new(value))?), None))
}

fn first_seen(row: &CsvRow<'_>) -> Result<Option<Date>, BadInput> {
    match row.get("genesis_date") {
        "" => Ok(None),
        day => parse_day(day).map(Some).map_err(|problem| row.bad("genesis_date", problem, "mend or remove the row")),
    }
}

fn categories(row: &CsvRow<'_>) -> BTreeSet<CategoryId> {
    let names = row.get("tags").split('|').chain(row.get("categories").split('|'));
    names.filter_map(category_slug).filter_map(|slug| CategoryId::new(&slug).ok()).collect()
}
