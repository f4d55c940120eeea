//! Our own market CSV.

use std::collections::{BTreeMap, BTreeSet};

use super::{Collected, amount};
use crate::adapters::files::csv_text::{CsvRow, CsvTable};
use crate::model::number::parse_market;
use crate::model::{AssetId, CategoryId, Price};
use crate::preparation::BadInput;
use crate::preparation::sources::{MarketData, MarketRecord};
use crate::preparation::time::{parse_day, parse_moment};

/// The header, exactly.
pub const HEADER: &str =
    "asset_id,symbol,name,token_id,price_usd,market_cap_usd,average_daily_volume_usd,categories,first_seen,observed_at";

pub(super) fn read(table: &CsvTable<'_>) -> Result<MarketData, BadInput> {
    let mut collected = Collected::new();
    let mut spellings: BTreeMap<String, &str> = BTreeMap::new();
    let mut token_ids: BTreeMap<u64, AssetId> = BTreeMap::new();
    for row in table.rows() {
        let spelling = row.get("asset_id");
        if let Some(other) = spellings.insert(spelling.to_lowercase(), spelling).filter(|other| *other != spelling) {
            let problem = format!("it differs from {other:?} in case only");
            return Err(row.bad("asset_id", problem, "write every asset id in lower case, once"));
        }
        let id: AssetId = row.id("asset_id")?;
        let record = record(&row)?;
        if let Some(other) = record.token_id.and_then(|token_id| token_ids.insert(token_id, id.clone())) {
            let problem = format!("{other} has the same token_id, and both cannot have its grades");
            return Err(row.bad("token_id", problem, "give each TOKEN_ID to one asset"));
        }
        collected.add(&row, "asset_id", id, record)?;
    }
    Ok(MarketData { assets: collected.assets, notices: Vec::new(), dropped_rows: 0 })
}

fn record(row: &CsvRow<'_>) -> Result<MarketRecord, BadInput> {
    let observed_at = parse_moment(row.get("observed_at"))
        .map_err(|problem| row.bad("observed_at", problem, "state when the row was observed"))?;
    let first_seen = match row.get("first_seen") {
        "" => None,
        day => Some(parse_day(day).map_err(|problem| row.bad("first_seen", problem, "or leave it empty: unknown"))?),
    };
    Ok(MarketRecord {
        symbol: plain_text(row, "symbol")?,
        name: plain_text(row, "name")?,
        token_id: token_id(row)?,
        price: Some(row.number("price_usd", |text| parse_market(text).and_then(Price::new))?),
        market_cap: row.optional_number("market_cap_usd", amount)?,
        average_daily_volume: row.optional_number("average_daily_volume_usd", amount)?,
        categories: categories(row)?,
        first_seen,
        observed_at,
    })
}

fn plain_text(row: &CsvRow<'_>, column: &str) -> Result<String, BadInput> {
    let text = row.get(column);
    let remedy = "write 1 to 64 characters without control characters or spaces at the ends";
    if text.is_empty() || text.chars().count() > 64 || text.trim() != text || text.chars().any(char::is_control) {
        return Err(row.bad(column, "not a plain label", remedy));
    }
    Ok(text.to_owned())
}

fn token_id(row: &CsvRow<'_>) -> Result<Option<u64>, BadInput> {
    match row.get("token_id") {
        "" => Ok(None),
        text if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            text.parse().map(Some).map_err(|_| row.bad("token_id", "too large", "write Token Metrics' TOKEN_ID"))
        }
        _ => Err(row.bad("token_id", "not a whole number", "write Token Metrics' TOKEN_ID, or nothing")),
    }
}

fn categories(row: &CsvRow<'_>) -> Result<BTreeSet<CategoryId>, BadInput> {
    let names = row.get("categories").split('|').filter(|name| !name.is_empty());
    names
        .map(|name| CategoryId::new(name).map_err(|error| BadInput::id(row.place(), row.field("categories"), &error)))
        .collect()
}
