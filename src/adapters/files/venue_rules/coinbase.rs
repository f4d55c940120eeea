//! Coinbase's products: the Exchange API's list and the Advanced API's `products`.

use super::{Collected, bound, money, quantity, tick};
use crate::model::{Listing, ListingStatus};
use crate::preparation::BadInput;
use crate::preparation::json::Node;
use crate::preparation::sources::{InstrumentRules, VenueRules};

pub(super) fn read(products: &Node<'_>) -> Result<VenueRules, BadInput> {
    let mut collected = Collected::default();
    for product in products.items()? {
        collected.add(&product, instrument(&product)?)?;
    }
    Ok(collected.rules)
}

fn instrument(product: &Node<'_>) -> Result<InstrumentRules, BadInput> {
    // The Advanced API's increment of the price is `price_increment`; the Exchange API has `quote_increment` for it.
    let either = |first: &str, second: &str| product.optional(first)?.map_or_else(|| product.required(second), Ok);
    Ok(InstrumentRules {
        base: either("base_currency", "base_currency_id")?.text()?.to_owned(),
        quote: either("quote_currency", "quote_currency_id")?.text()?.to_owned(),
        dated: product
            .optional("product_type")?
            .map(|node| node.text())
            .transpose()?
            .is_some_and(|kind| kind != "SPOT"),
        listing: Listing {
            instrument: either("id", "product_id")?.id()?,
            status: status(product)?,
            lot_size: quantity(&product.required("base_increment")?)?,
            min_quantity: quantity(&product.required("base_min_size")?)?,
            max_quantity: product.optional("base_max_size")?.map(|node| quantity(&node)).transpose()?.and_then(bound),
            tick_size: tick(&either("price_increment", "quote_increment")?)?,
            min_notional: money(&either("min_market_funds", "quote_min_size")?)?,
        },
    })
}

/// Limit-only is fine: every order is a limit order. Post-only is not: every order is immediate-or-cancel.
fn status(product: &Node<'_>) -> Result<ListingStatus, BadInput> {
    let mut trading = product.required("status")?.text()? == "online";
    for flag in ["trading_disabled", "cancel_only", "post_only", "is_disabled", "view_only", "auction_mode"] {
        trading &= !product.optional(flag)?.map(|node| node.bool()).transpose()?.unwrap_or(false);
    }
    Ok(if trading { ListingStatus::Trading } else { ListingStatus::Halted })
}
