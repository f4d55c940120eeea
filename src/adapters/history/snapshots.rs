//! Listings of a day: who was there, at which price, with which figures.

use super::rows::Rows;
use crate::backtest::dropped::{DropReason, Tally};
use crate::backtest::history::{Day, HistoryBuilder};
use crate::model::{Decimal, Money, Price};

/// One row of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SnapshotRow {
    pub(super) day: Day,
    pub(super) symbol: String,
    /// The symbol where the file has no names.
    pub(super) name: String,
    pub(super) price: Option<Price>,
    pub(super) market_cap: Option<Money>,
    pub(super) volume: Option<Money>,
    pub(super) supply: Option<Decimal>,
}

const COLUMNS: [&str; 7] =
    ["date", "symbol", "name", "price_usd", "market_cap_usd", "volume_24h_usd", "circulating_supply"];

/// Reads the rows of the period.
pub(super) fn read(rows: &mut Rows, builder: &mut HistoryBuilder) -> Vec<SnapshotRow> {
    let mut tally = Tally::new(rows.name.clone());
    rows.select(&COLUMNS);
    let mut found = Vec::new();
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
        let Some(day) = builder.history().day(date) else { continue };
        let symbol = row.field(1);
        let name = if row.field(2).is_empty() { symbol } else { row.field(2) };
        let price = match row.price(3) {
            Ok(None) => {
                tally.add(DropReason::ZeroClose, name, Some(date), 1);
                None
            }
            Ok(price) => price,
            // A file of market caps only has no prices to be wrong.
            Err(_) if row.field(3).is_empty() => None,
            Err(problem) => {
                tally.add(DropReason::BadRow, &problem, Some(date), 1);
                continue;
            }
        };
        found.push(SnapshotRow {
            day,
            symbol: symbol.to_owned(),
            name: name.to_owned(),
            price,
            market_cap: row.known_money(4),
            volume: row.known_money(5),
            supply: row.amount(6).ok().flatten().filter(|supply| !supply.is_zero()),
        });
    }
    builder.dropped(tally.into_rows());
    found
}
