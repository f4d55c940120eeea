//! Kraken's `AssetPairs`.

use super::{Collected, money, quantity, tick};
use crate::model::{Decimal, Listing, ListingStatus, Quantity};
use crate::preparation::BadInput;
use crate::preparation::json::Node;
use crate::preparation::sources::{InstrumentRules, VenueRules};

pub(super) fn read(root: &Node<'_>) -> Result<VenueRules, BadInput> {
    let errors = root.required("error")?;
    if errors.items()?.next().is_some() {
        return Err(errors.bad("the answer says that it failed", "fetch the rules again"));
    }
    let mut collected = Collected::default();
    for (name, pair) in root.required("result")?.fields()? {
        collected.add(&pair, instrument(name, &pair)?)?;
    }
    Ok(collected.rules)
}

fn instrument(name: &str, pair: &Node<'_>) -> Result<InstrumentRules, BadInput> {
    let display = pair.required("wsname")?;
    let (base, quote) = display
        .text()?
        .split_once('/')
        .ok_or_else(|| display.bad("a pair such as XBT/USD was expected", "fetch the rules again"))?;
    Ok(InstrumentRules {
        base: common(base).to_owned(),
        quote: common(quote).to_owned(),
        dated: false,
        listing: Listing {
            instrument: name.parse().map_err(|error| BadInput::id(pair.place(), pair.path(), &error))?,
            status: match pair.required("status")?.text()? {
                "online" => ListingStatus::Trading,
                _ => ListingStatus::Halted,
            },
            lot_size: lot_size(&pair.required("lot_decimals")?)?,
            min_quantity: quantity(&pair.required("ordermin")?)?,
            max_quantity: None,
            tick_size: tick(&pair.required("tick_size")?)?,
            min_notional: money(&pair.required("costmin")?)?,
        },
    })
}

/// Kraken's own names for two coins.
fn common(symbol: &str) -> &str {
    match symbol {
        "XBT" => "BTC",
        "XDG" => "DOGE",
        other => other,
    }
}

fn lot_size(decimals: &Node<'_>) -> Result<Quantity, BadInput> {
    let scale = u32::try_from(decimals.whole_number()?).ok().filter(|scale| *scale <= 28);
    let scale = scale.ok_or_else(|| decimals.bad("more than 28 decimals", "fetch the rules again"))?;
    Quantity::new(Decimal::new(1, scale)).map_err(|error| decimals.bad(error.to_string(), "fetch the rules again"))
}
