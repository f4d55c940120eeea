//! What a portfolio is measured against: baskets that pay no costs.

use std::collections::BTreeMap;

use super::history::{AssetIndex, Day, History};
use super::ledger::{counted, value};
use crate::model::{AssetId, Decimal, PlanningInput};
use crate::planning::reference_weights::raw_weight;

/// Units of assets and some cash.
#[derive(Debug, Clone)]
pub(super) struct Basket {
    pub(super) cash: Decimal,
    pub(super) units: BTreeMap<AssetIndex, Decimal>,
    /// Rises with every change.
    pub(super) version: u32,
}

impl Basket {
    pub(super) const fn of_cash(cash: Decimal) -> Self {
        Self { cash, units: BTreeMap::new(), version: 0 }
    }

    pub(super) fn is_invested(&self) -> bool {
        !self.units.is_empty()
    }

    /// See [`ledger::value()`](super::ledger::value).
    pub(super) fn value(&self, history: &History, day: Day) -> Option<Decimal> {
        value(self.cash, self.units.iter().map(|(asset, units)| (*asset, *units)), history, day)
    }

    /// Turns everything into these parts of its value; what has no price is left out, and its part stays in cash.
    pub(super) fn turn_into(&mut self, shares: &BTreeMap<AssetIndex, Decimal>, history: &History, day: Day) {
        // A value beyond every number ends the backtest at the close.
        let Some(value) = self.value(history, day) else { return };
        let mut rest = value;
        let mut units = BTreeMap::new();
        for (asset, share) in shares {
            let Some((_, price)) = history.price(*asset, day) else { continue };
            let part = value.checked_mul(*share).and_then(|part| part.checked_div(price.get()));
            if let Some(part) = part {
                let bought = counted(part, price);
                rest -= bought * price.get();
                let _ = units.insert(*asset, bought);
            }
        }
        if !(units.is_empty() && self.units.is_empty()) {
            *self = Self { cash: rest, units, version: self.version + 1 };
        }
    }

    /// Pays out what is gone, as the portfolio does.
    pub(super) fn pay_out_gone(&mut self, history: &History, day: Day, price: impl Fn(AssetIndex) -> Decimal) {
        let gone: Vec<AssetIndex> = self.units.keys().copied().filter(|asset| history.is_gone(*asset, day)).collect();
        for asset in gone {
            if let Some(units) = self.units.remove(&asset) {
                let paid = units.checked_mul(price(asset)).and_then(|paid| paid.checked_add(self.cash));
                self.cash = paid.unwrap_or(BEYOND);
                self.version += 1;
            }
        }
    }

    /// Units of one asset become units of another.
    pub(super) fn exchange(&mut self, from: AssetIndex, to: AssetIndex, ratio: Decimal) {
        if let Some(units) = self.units.remove(&from) {
            let held = self.units.entry(to).or_default();
            *held = units.checked_mul(ratio).and_then(|units| units.checked_add(*held)).unwrap_or(BEYOND);
            self.version += 1;
        }
    }
}

/// More than money can be, of which some is told at the close: that ends the backtest.
const BEYOND: Decimal = Decimal::MAX;

/// A run's constituents by the policy's own method, without caps, limits, regime and cash.
pub(super) fn uncapped_shares<'a>(
    history: &History,
    input: &PlanningInput,
    constituents: impl Iterator<Item = &'a AssetId>,
) -> BTreeMap<AssetIndex, Decimal> {
    let method = input.policy.reference_weights.method;
    let raw: Vec<(&AssetId, Decimal)> = constituents.map(|asset| (asset, raw_weight(input, asset, method))).collect();
    let total: Decimal = raw.iter().map(|(_, raw)| raw).sum();
    let places = raw.into_iter().filter_map(|(asset, raw)| {
        let share = raw.checked_div(total)?;
        history.find(asset).map(|place| (place, share))
    });
    places.collect()
}
