//! What venues say: the rules of their instruments, in five shapes, and what became of an order.

use index_rebalancer::adapters::files::venue_rules::read;
use index_rebalancer::model::{AccountSnapshot, Listing, ListingStatus, Quantity};
use index_rebalancer::ports::venue::{Fill, VenueOrder};
use index_rebalancer::preparation::json::{self, Json};
use index_rebalancer::preparation::sources::{InstrumentRules, VenueRules};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::{Answer, Family, refusal};
use crate::mutation::{Format, read_csv, write_csv, write_json};

pub(crate) const FAMILY: Family = Family { name: "venue", format: Format::JsonOrCsv, check };

const PLACE: &str = "venue_rules.json";

fn check(bytes: &[u8]) -> Answer {
    let stored =
        [check_stored::<VenueOrder>(bytes), check_stored::<Vec<Fill>>(bytes), check_stored::<AccountSnapshot>(bytes)];
    let rules = match read(PLACE, bytes) {
        Ok(rules) => rules,
        Err(error) => {
            refusal::check(PLACE, &error);
            return if stored.contains(&Answer::Accepted) { Answer::Accepted } else { Answer::Refused };
        }
    };
    rules.notices.iter().for_each(|notice| refusal::check_printable(notice));
    let again = read(PLACE, normal_form(&rules).as_bytes()).map(|rules| rules.instruments);
    assert_eq!(again.as_ref(), Ok(&rules.instruments), "the rules read back as others");
    assert_eq!(read(PLACE, &reversed(bytes)).as_ref(), Ok(&rules), "the order of instruments matters");
    Answer::Accepted
}

/// An answer in the shape of the venue port: what is taken is written as the same answer.
fn check_stored<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(bytes: &[u8]) -> Answer {
    let Ok(answer) = serde_json::from_slice::<T>(bytes) else { return Answer::Refused };
    let text = serde_json::to_string(&answer).expect("an answer can be written");
    let again: T = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(again, answer, "{text}");
    Answer::Accepted
}

/// The rules as Binance's exchangeInfo.
fn normal_form(rules: &VenueRules) -> String {
    let symbols: Vec<_> = rules
        .instruments
        .values()
        .map(|InstrumentRules { base, quote, dated, listing }| {
            let Listing { instrument, status, lot_size, min_quantity, max_quantity, tick_size, min_notional } = listing;
            json!({
                "symbol": instrument,
                "status": if *status == ListingStatus::Trading { "TRADING" } else { "BREAK" },
                "baseAsset": base,
                "quoteAsset": quote,
                "contractType": if *dated { "CURRENT_QUARTER" } else { "PERPETUAL" },
                "filters": [
                    { "filterType": "PRICE_FILTER", "tickSize": tick_size },
                    {
                        "filterType": "LOT_SIZE",
                        "stepSize": lot_size,
                        "minQty": min_quantity,
                        "maxQty": max_quantity.unwrap_or(Quantity::ZERO),
                    },
                    { "filterType": "MIN_NOTIONAL", "notional": min_notional },
                ],
            })
        })
        .collect();
    json!({ "symbols": symbols }).to_string()
}

/// The same file with its instruments the other way round.
fn reversed(bytes: &[u8]) -> Vec<u8> {
    let Ok(mut json) = json::parse(PLACE, bytes, usize::MAX) else {
        let mut rows = read_csv(bytes).expect("rules are JSON or CSV");
        rows[1..].reverse();
        return write_csv(&rows);
    };
    match &mut json {
        Json::List(products) => products.reverse(),
        Json::Table(fields) => {
            for (key, value) in fields {
                match value {
                    Json::List(items) if key == "symbols" || key == "products" => items.reverse(),
                    Json::Table(pairs) if key == "result" => pairs.reverse(),
                    _ => {}
                }
            }
        }
        _ => {}
    }
    write_json(&json).into_bytes()
}
