//! Market data: our own CSV, and four foreign ones that are recognised by their header and load as they are.
//!
//! | file | asset id | observed at | volume |
//! |---|---|---|---|
//! | our own | `asset_id` | `observed_at` of the row | a day's average |
//! | CoinMarketCap snapshots | slug of the name | midnight (UTC) of `date` | the last 24 hours |
//! | CoinMarketCap market caps | slug of the symbol | midnight (UTC) of `date` | none; no price either |
//! | CoinMarketCap listing with tags | slug of the name | the moment asked for | the last 24 hours |
//! | CoinGecko listing | `coingecko_id` | midnight (UTC) of `as_of` | the last 24 hours |
//!
//! Our own file is refused as a whole when one row is wrong: somebody can mend it. A foreign file is as it is, so
//! a row that cannot be used is dropped and a notice says which and why. All figures count as quote currency.

mod categories;
mod foreign;
mod own;
mod slug;

use std::collections::BTreeMap;

use jiff::Timestamp;

pub use categories::read_categories;
pub use own::HEADER as OWN_HEADER;
pub use slug::{asset_slug, category_slug};

use super::csv_text::{CsvRow, CsvTable};
use crate::model::number::parse_market;
use crate::model::{AssetId, InvalidNumber, Money};
use crate::preparation::BadInput;
use crate::preparation::reading::is_printable;
use crate::preparation::sources::{MarketData, MarketRecord};

/// Reads the market of one day. A file of many days gives the one on which `moment` falls (UTC); in a file
/// without dates everything counts as observed at `moment`.
///
/// # Errors
/// When the header is not known, the day is not in the file, or a row of our own format is wrong.
pub fn read(place: &str, bytes: &[u8], moment: Timestamp) -> Result<MarketData, BadInput> {
    let table = CsvTable::read(place, bytes)?;
    match table.header().as_str() {
        own::HEADER => own::read(&table),
        foreign::CMC_SNAPSHOT => foreign::snapshot(&table, moment, "name"),
        foreign::CMC_MARKET_CAPS => foreign::snapshot(&table, moment, "symbol"),
        foreign::CMC_TAGGED => Ok(foreign::tagged(&table, moment)),
        foreign::COINGECKO => foreign::coingecko(&table),
        header => Err(BadInput::new(
            place,
            "line 1",
            header,
            "no known market file has this header",
            format!("use {}", own::HEADER),
        )),
    }
}

/// An amount of money that market data may state: a JSON number, not negative.
fn amount(text: &str) -> Result<Money, InvalidNumber> {
    let value = parse_market(text)?;
    if value.is_sign_negative() && !value.is_zero() {
        let fault = crate::model::NumberFault::BelowMinimum;
        return Err(InvalidNumber::new(text, fault, "an amount from 0 to 1e18"));
    }
    Money::new(value)
}

/// Records by id; an id that comes twice is refused, and one that differs in case only is never an id.
struct Collected {
    assets: BTreeMap<AssetId, MarketRecord>,
}

impl Collected {
    const fn new() -> Self {
        Self { assets: BTreeMap::new() }
    }

    /// # Errors
    /// When the id is there already.
    fn add(&mut self, row: &CsvRow<'_>, column: &str, id: AssetId, record: MarketRecord) -> Result<(), BadInput> {
        if self.assets.contains_key(&id) {
            let problem = format!("the asset {id} appears twice on one day");
            return Err(row.bad(column, problem, "keep one row for each asset"));
        }
        self.assets.insert(id, record);
        Ok(())
    }
}

/// Text for people: at most 64 characters, what is not printable replaced or left out, never empty.
fn label(text: &str, otherwise: &str) -> String {
    let clean: String = text
        .chars()
        .map(|character| if character.is_control() || character.is_whitespace() { ' ' } else { character })
        .filter(|character| is_printable(*character))
        .take(64)
        .collect();
    let clean = clean.trim();
    if clean.is_empty() { otherwise.to_owned() } else { clean.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::label;

    #[test]
    fn a_label_can_be_seen() {
        let cases = [
            ("Bitcoin", "Bitcoin"),
            ("caf\u{e9} 币", "caf\u{e9} 币"),
            (" a\tb\u{1b}[m ", "a b [m"),
            ("\u{ad}", "?"),
            ("\u{200b}\u{202e}x\u{feff}", "x"),
            ("", "?"),
        ];
        for (text, expected) in cases {
            assert_eq!(label(text, "?"), expected, "{text:?}");
        }
        assert_eq!(label(&"x".repeat(99), "?").len(), 64);
    }
}
