//! Lean's symbol properties: tick, lot and least size, without a status.

use super::{InstrumentRules, VenueRules};
use crate::adapters::files::csv_text::{CsvRow, CsvTable};
use crate::model::{InstrumentId, Listing, ListingStatus, Money, Quantity, Tick};
use crate::preparation::BadInput;

const HEADER: &str = "market,symbol,type,description,quote_currency,contract_multiplier,minimum_price_variation,lot_size,\
                      market_ticker,minimum_order_size,price_magnifier,strike_multiplier";

pub(super) fn read(place: &str, bytes: &[u8]) -> Result<VenueRules, BadInput> {
    let table = CsvTable::read(place, bytes)?;
    if table.header() != HEADER {
        return Err(BadInput::new(
            place,
            "line 1",
            &table.header(),
            "not lean's symbol properties",
            format!("use {HEADER}"),
        ));
    }
    let mut rules = VenueRules::default();
    for row in table.rows() {
        let instrument = instrument(&row)?;
        let id = instrument.listing.instrument.clone();
        // The file names one market twice: with and without a hyphen, and under Coinbase's former name.
        if rules.instruments.insert(id, instrument.clone()).is_some_and(|other| other != instrument) {
            return Err(row.bad("market_ticker", "two rows give this market different rules", "keep one of them"));
        }
    }
    Ok(rules)
}

fn instrument(row: &CsvRow<'_>) -> Result<InstrumentRules, BadInput> {
    let ticker: InstrumentId = row.id("market_ticker")?;
    let quote = row.get("quote_currency");
    let joined: String = ticker.as_str().chars().filter(|character| *character != '-').collect();
    let base = joined.strip_suffix(quote).filter(|base| !base.is_empty() && !quote.is_empty());
    let base = base.ok_or_else(|| row.bad("market_ticker", "it does not end in the quote currency", "mend the row"))?;
    if row.get("contract_multiplier") != "1" {
        return Err(row.bad("contract_multiplier", "only 1 is supported", "remove the row"));
    }
    let least = row.number("minimum_order_size", Quantity::parse)?;
    // Lean states the least order in the base currency for Coinbase, in the quote currency for Binance.
    let (min_quantity, min_notional) = match row.get("market") {
        "coinbase" | "gdax" => (least, Money::ZERO),
        "binance" | "binanceus" => (Quantity::ZERO, row.number("minimum_order_size", Money::parse)?),
        _ => return Err(row.bad("market", "unknown market", "use coinbase, gdax, binance or binanceus")),
    };
    Ok(InstrumentRules {
        base: base.to_owned(),
        quote: quote.to_owned(),
        dated: false,
        listing: Listing {
            instrument: ticker,
            status: ListingStatus::Trading,
            lot_size: row.number("lot_size", Quantity::parse)?,
            min_quantity,
            max_quantity: None,
            tick_size: row.number("minimum_price_variation", Tick::parse)?,
            min_notional,
        },
    })
}
