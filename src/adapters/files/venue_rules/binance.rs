//! Binance's exchangeInfo: spot (Binance, Binance.US) and USD-M futures.

use super::{Collected, bound, money, quantity, tick};
use crate::model::{Listing, ListingStatus, Money};
use crate::preparation::BadInput;
use crate::preparation::json::Node;
use crate::preparation::sources::{InstrumentRules, VenueRules};

pub(super) fn read(root: &Node<'_>) -> Result<VenueRules, BadInput> {
    let mut collected = Collected::default();
    for symbol in root.required("symbols")?.items()? {
        collected.add(&symbol, instrument(&symbol)?)?;
    }
    Ok(collected.rules)
}

fn instrument(symbol: &Node<'_>) -> Result<InstrumentRules, BadInput> {
    let lot = filter(symbol, "LOT_SIZE")?;
    let price = filter(symbol, "PRICE_FILTER")?;
    let contract = symbol.optional("contractType")?.map(|node| node.text()).transpose()?;
    Ok(InstrumentRules {
        base: symbol.required("baseAsset")?.text()?.to_owned(),
        quote: symbol.required("quoteAsset")?.text()?.to_owned(),
        dated: contract.is_some_and(|contract| contract != "PERPETUAL"),
        listing: Listing {
            instrument: symbol.required("symbol")?.id()?,
            status: status(symbol)?,
            lot_size: quantity(&lot.required("stepSize")?)?,
            min_quantity: quantity(&lot.required("minQty")?)?,
            max_quantity: bound(quantity(&lot.required("maxQty")?)?),
            tick_size: tick(&price.required("tickSize")?)?,
            min_notional: min_notional(symbol)?,
        },
    })
}

fn status(symbol: &Node<'_>) -> Result<ListingStatus, BadInput> {
    let spot = symbol.optional("isSpotTradingAllowed")?.map(|node| node.bool()).transpose()?;
    let trading = symbol.required("status")?.text()? == "TRADING" && spot != Some(false);
    Ok(if trading { ListingStatus::Trading } else { ListingStatus::Halted })
}

/// Spot states `minNotional` in `MIN_NOTIONAL` (older) or `NOTIONAL` (newer), USD-M `notional` in `MIN_NOTIONAL`.
fn min_notional(symbol: &Node<'_>) -> Result<Money, BadInput> {
    let filter = match find(symbol, "MIN_NOTIONAL")? {
        Some(filter) => filter,
        None => filter(symbol, "NOTIONAL")?,
    };
    match filter.optional("notional")? {
        Some(node) => money(&node),
        None => money(&filter.required("minNotional")?),
    }
}

fn filter<'a>(symbol: &Node<'a>, kind: &str) -> Result<Node<'a>, BadInput> {
    find(symbol, kind)?.ok_or_else(|| {
        symbol.bad(format!("the filter {kind} is missing"), "fetch the rules again: without it no order can be rounded")
    })
}

fn find<'a>(symbol: &Node<'a>, kind: &str) -> Result<Option<Node<'a>>, BadInput> {
    for filter in symbol.required("filters")?.items()? {
        if filter.required("filterType")?.text()? == kind {
            return Ok(Some(filter));
        }
    }
    Ok(None)
}
