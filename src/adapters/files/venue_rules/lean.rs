//! Lean's symbol properties: tick, lot and least size, without a status.

use std::collections::BTreeMap;

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
    let mut spellings: BTreeMap<String, InstrumentId> = BTreeMap::new();
    for row in table.rows() {
        let instrument = instrument(&row)?;
        let id = instrument.listing.instrument.clone();
        if let Some(other) = spellings.insert(id.as_str().to_lowercase(), id.clone()).filter(|other| *other != id) {
            let problem = format!("it differs from {other} in case only");
            return Err(row.bad("market_ticker", problem, "keep the market's own spelling"));
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn file(tickers: [&str; 2]) -> String {
        let row = |ticker| format!("\nbinance,{ticker},crypto,,USDT,1,0.01,0.0001,{ticker},10,,");
        format!("{HEADER}{}{}\n", row(tickers[0]), row(tickers[1]))
    }

    #[test]
    fn markets_that_differ_in_case_only_are_refused() {
        let error = read("rules.csv", file(["ETHUSDT", "EThUSDT"]).as_bytes()).expect_err("two spellings");
        assert!(error.to_string().contains("differs from ETHUSDT in case only"), "{error}");
        let same = read("rules.csv", file(["ETHUSDT", "ETHUSDT"]).as_bytes()).expect("the same rules twice");
        assert_eq!(same.instruments.len(), 1);
    }
}
