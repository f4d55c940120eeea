//! Venue rules as the venues publish them, recognised by shape.
//!
//! | shape | venue | trading when |
//! |---|---|---|
//! | `{symbols: [{symbol, filters}]}` | Binance spot, Binance.US, USD-M | `status` is `TRADING` and spot trading is allowed |
//! | `[{id, base_increment}]`, `{products: [{product_id}]}` | Coinbase | `status` is `online`, not disabled, cancel-only or post-only |
//! | `{error, result: {pair: {ordermin}}}` | Kraken | `status` is `online` |
//! | CSV `market,symbol,…,minimum_order_size,…` | lean's symbol properties | always: the file has no status |
//!
//! Everything that is not plainly trading is halted.

mod binance;
mod coinbase;
mod kraken;
mod lean;

use std::collections::BTreeMap;

use crate::model::amount::Tick;
use crate::model::{Decimal, InstrumentId, InvalidNumber, Money, Quantity};
use crate::preparation::BadInput;
use crate::preparation::json::{self, Json, Node};
use crate::preparation::sources::{InstrumentRules, VenueRules};

/// The largest rules file that is read, in bytes.
pub const MAX_RULES_SIZE: usize = 32 * 1024 * 1024;

/// Reads the rules of one venue.
///
/// # Errors
/// When the shape is not known, a required field is missing or malformed, or two instruments have the same id or
/// ids that differ in case only.
pub fn read(place: &str, bytes: &[u8]) -> Result<VenueRules, BadInput> {
    if bytes.starts_with(b"market,") {
        return lean::read(place, bytes);
    }
    let json = json::parse(place, bytes, MAX_RULES_SIZE)?;
    let root = Node::root(place, &json);
    let has = |key: &str| matches!(&json, Json::Table(entries) if entries.iter().any(|(name, _)| name == key));
    match &json {
        Json::List(_) => coinbase::read(&root),
        Json::Table(_) if has("products") => coinbase::read(&root.required("products")?),
        Json::Table(_) if has("symbols") => binance::read(&root),
        Json::Table(_) if has("result") => kraken::read(&root),
        _ => Err(root.bad(
            "no known rules file has this shape",
            "use Binance's exchangeInfo, Coinbase's products, Kraken's AssetPairs or lean's symbol properties",
        )),
    }
}

/// Instruments by id, none twice, none differing in case only.
#[derive(Default)]
struct Collected {
    rules: VenueRules,
    spellings: BTreeMap<String, InstrumentId>,
}

impl Collected {
    fn add(&mut self, node: &Node<'_>, rules: InstrumentRules) -> Result<(), BadInput> {
        let id = rules.listing.instrument.clone();
        if let Some(other) = self.spellings.insert(id.as_str().to_lowercase(), id.clone()) {
            let problem = if other == id {
                format!("the instrument {id} appears twice")
            } else {
                format!("the instruments {other} and {id} differ in case only")
            };
            return Err(node.bad(problem, "fetch the rules again"));
        }
        let _ = self.rules.instruments.insert(id, rules);
        Ok(())
    }
}

fn quantity(node: &Node<'_>) -> Result<Quantity, BadInput> {
    checked(node, Quantity::new)
}

fn money(node: &Node<'_>) -> Result<Money, BadInput> {
    checked(node, |value| Quantity::new(value).and_then(|amount| Money::new(amount.get())))
}

fn tick(node: &Node<'_>) -> Result<Tick, BadInput> {
    checked(node, Tick::new)
}

fn checked<T>(node: &Node<'_>, make: impl FnOnce(Decimal) -> Result<T, InvalidNumber>) -> Result<T, BadInput> {
    make(node.number()?).map_err(|error| node.bad(error.to_string(), "fetch the rules again"))
}

/// A quantity where zero means that there is no bound.
fn bound(quantity: Quantity) -> Option<Quantity> {
    (!quantity.is_zero()).then_some(quantity)
}
