//! Which instrument each asset trades as, at the run's venue.
//!
//! An explicit entry decides. Without one, an asset is the venue's market of its upper-case symbol in the policy's
//! quote currency, if exactly one asset of the market file has that symbol and exactly one undated instrument trades
//! it. In every other case it has no listing: symbols collide, and a guess could buy the wrong coin.

use std::collections::{BTreeMap, BTreeSet};

use super::BadInput;
use super::sources::{InstrumentRules, MarketData, VenueRules};
use crate::model::{AssetId, InstrumentId, Listing};

/// The listing of every asset that has one, and notices about those that have none.
///
/// # Errors
/// When an explicit entry names an instrument that the venue does not have, that is paid in another currency, or
/// that another asset has.
pub fn listings(
    market: &MarketData,
    rules: &VenueRules,
    explicit: &BTreeMap<AssetId, InstrumentId>,
    quote_currency: &str,
) -> Result<(BTreeMap<AssetId, Listing>, Vec<String>), BadInput> {
    let mut listings = explicit_listings(rules, explicit, quote_currency)?;
    let taken: BTreeSet<InstrumentId> = explicit.values().cloned().collect();
    let by_base = instruments_by_base(rules, quote_currency);
    let mut assets_by_symbol: BTreeMap<String, Vec<&AssetId>> = BTreeMap::new();
    for (asset, record) in &market.assets {
        assets_by_symbol.entry(record.symbol.to_uppercase()).or_default().push(asset);
    }
    let mut ambiguous = Vec::new();
    let mut unlisted = Vec::new();
    for (symbol, assets) in &assets_by_symbol {
        let unmapped: Vec<&AssetId> = assets.iter().filter(|asset| !explicit.contains_key(**asset)).copied().collect();
        let instruments = by_base.get(symbol).map(Vec::as_slice).unwrap_or_default();
        match (assets.as_slice(), unmapped.as_slice(), instruments) {
            (_, [], _) => {}
            (_, unmapped, []) => unlisted.extend(unmapped.iter().map(|asset| asset.as_str())),
            ([_], [asset], [rules]) if !taken.contains(&rules.listing.instrument) => {
                let _ = listings.insert((*asset).clone(), rules.listing.clone());
            }
            (_, unmapped, _) => ambiguous.extend(unmapped.iter().map(|asset| format!("{asset} ({symbol})"))),
        }
    }
    let absent: Vec<&str> =
        explicit.keys().filter(|id| !market.assets.contains_key(*id)).map(AssetId::as_str).collect();
    let mut notices = Vec::new();
    notices.extend(summary(
        "asset",
        &ambiguous,
        "without a listing: the symbol is not unique, so give each an entry in [instruments]",
    ));
    notices.extend(summary(
        "asset",
        &unlisted,
        &format!("without a listing: the venue has no market of the symbol in {quote_currency}"),
    ));
    notices.extend(summary("asset", &absent, "in [instruments] but not in the market data of the day"));
    Ok((listings, notices))
}

fn explicit_listings(
    rules: &VenueRules,
    explicit: &BTreeMap<AssetId, InstrumentId>,
    quote_currency: &str,
) -> Result<BTreeMap<AssetId, Listing>, BadInput> {
    let mut owners: BTreeMap<&InstrumentId, &AssetId> = BTreeMap::new();
    let mut listings = BTreeMap::new();
    for (asset, instrument) in explicit {
        let bad = |problem: String, remedy: &str| {
            Err(BadInput::new("case.toml", format!("instruments.{asset}"), instrument.as_str(), problem, remedy))
        };
        let Some(found) = rules.instruments.get(instrument) else {
            return bad("the venue rules have no such instrument".to_owned(), "use the venue's own spelling");
        };
        if !found.quote.eq_ignore_ascii_case(quote_currency) {
            let problem = format!("it is paid in {}, the policy's quote currency is {quote_currency}", found.quote);
            return bad(problem, "choose a market in the policy's quote currency");
        }
        if let Some(other) = owners.insert(instrument, asset) {
            return bad(format!("{other} has this instrument too"), "give each instrument to one asset");
        }
        let _ = listings.insert(asset.clone(), found.listing.clone());
    }
    Ok(listings)
}

fn instruments_by_base<'a>(rules: &'a VenueRules, quote_currency: &str) -> BTreeMap<String, Vec<&'a InstrumentRules>> {
    let mut by_base: BTreeMap<String, Vec<&InstrumentRules>> = BTreeMap::new();
    for rules in rules.instruments.values() {
        if !rules.dated && rules.quote.eq_ignore_ascii_case(quote_currency) {
            by_base.entry(rules.base.to_uppercase()).or_default().push(rules);
        }
    }
    by_base
}

/// So many of a kind, and what of them, with the first ten names; nothing where there are none.
pub(super) fn summary<T: AsRef<str> + Ord>(kind: &str, names: &[T], what: &str) -> Option<String> {
    let mut names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    names.sort_unstable();
    let more = if names.len() > 10 { ", …" } else { "" };
    let shown = names.iter().take(10).copied().collect::<Vec<_>>().join(", ");
    let plural = if names.len() == 1 { "" } else { "s" };
    (!names.is_empty()).then(|| format!("{} {kind}{plural} {what}: {shown}{more}", names.len()))
}
