//! Daily closes: one row for each asset and day, in any order.
//!
//! The file is ours and refused as a whole when one row is wrong. A close of 0 is no close: sources round small prices
//! away. Rows of days that were not over when the file counts as known are left out, so that one file serves many days.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;

use super::csv_text::CsvTable;
use crate::model::number::parse_market;
use crate::model::{AssetId, Price};
use crate::preparation::BadInput;
use crate::preparation::sources::Closes;
use crate::preparation::time::{day_of, parse_day};

/// The header, exactly.
pub const HEADER: &str = "date,asset_id,close_usd";

/// Reads the closes that are known at `moment`: of the days (UTC) before it.
///
/// # Errors
/// When the header is another, a row is wrong, or an asset has two closes of one day.
pub fn read(place: &str, bytes: &[u8], moment: Timestamp) -> Result<Closes, BadInput> {
    let table = CsvTable::read(place, bytes)?;
    if table.header() != HEADER {
        let problem = "not the header of a file of daily closes";
        return Err(BadInput::new(place, "line 1", &table.header(), problem, format!("use {HEADER}")));
    }
    let today = day_of(moment);
    let mut closes = Closes::default();
    let mut zeros: BTreeMap<AssetId, usize> = BTreeMap::new();
    for row in table.rows() {
        let day: Date =
            parse_day(row.get("date")).map_err(|problem| row.bad("date", problem, "state the day of the close"))?;
        let asset: AssetId = row.id("asset_id")?;
        let value = row.number("close_usd", parse_market)?;
        if value.is_zero() {
            *zeros.entry(asset).or_default() += usize::from(day < today);
            continue;
        }
        let close = row.number("close_usd", |_| Price::new(value))?;
        if day >= today {
            continue;
        }
        if closes.assets.entry(asset.clone()).or_default().insert(day, close).is_some() {
            let problem = format!("{asset} has two closes of {day}");
            return Err(row.bad("date", problem, "keep one row for each asset and day"));
        }
    }
    let notice = |(asset, count): (AssetId, usize)| format!("{place}: {count} closes of 0 of {asset} count as missing");
    closes.notices = zeros.into_iter().filter(|(_, count)| *count > 0).map(notice).collect();
    Ok(closes)
}
