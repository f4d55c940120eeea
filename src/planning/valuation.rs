//! What the account is worth, and what trading it costs.

use crate::model::policy::Costs;
use crate::model::{AssetRecord, Decimal, Money, PlanningInput};

use super::PlanError;

/// Largest net asset value that is planned: keeps every product inside `Decimal`, and beyond it the solver's figures
/// lose the cents.
pub(crate) const MAX_NET_ASSET_VALUE: u64 = 1_000_000_000_000_000;

/// Cash plus holdings, free and locked, at reference prices.
pub(crate) fn net_asset_value(input: &PlanningInput) -> Result<Money, PlanError> {
    let mut total = (input.account.cash_free + input.account.cash_locked).get();
    for (asset, holding) in &input.account.holdings {
        let price = input.assets.get(asset).ok_or_else(|| PlanError::Unpriced(asset.clone()))?.price;
        total = total.checked_add(price.value_of(holding.total()).get()).ok_or(PlanError::NetAssetValueTooLarge)?;
    }
    if total > Decimal::from(MAX_NET_ASSET_VALUE) {
        return Err(PlanError::NetAssetValueTooLarge);
    }
    Money::new(total).map_err(|_| PlanError::NetAssetValueTooLarge)
}

/// One piece of the convex cost curve of an asset: notional up to `up_to` costs `rate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CostPiece {
    /// In units of net asset value; absent for the last piece, which has no end.
    pub(crate) up_to: Option<Decimal>,
    /// Fee, half spread and impact, as a fraction of notional.
    pub(crate) rate: Decimal,
}

/// The cost curve of an asset whose average daily volume is `volume` (in any unit; the pieces come in the same).
///
/// Where the volume is unknown and the policy has an impact table, everything costs what the last piece does:
/// the unknown is taken for illiquid.
pub(crate) fn cost_curve(costs: &Costs, volume: Option<Decimal>) -> Vec<CostPiece> {
    let base = costs.fee.get() + costs.half_spread.get();
    let Some(last) = costs.impact.last() else {
        return vec![CostPiece { up_to: None, rate: base }];
    };
    let dearest = CostPiece { up_to: None, rate: base + last.cost.get() };
    let Some(volume) = volume else { return vec![dearest] };
    let mut pieces: Vec<CostPiece> = costs
        .impact
        .iter()
        .take(costs.impact.len() - 1)
        .map(|piece| CostPiece { up_to: Some(piece.up_to.get() * volume), rate: base + piece.cost.get() })
        .collect();
    pieces.push(dearest);
    pieces
}

/// What trading `notional` costs on a curve in the same unit.
pub(crate) fn cost_of(curve: &[CostPiece], notional: Decimal) -> Decimal {
    let mut cost = Decimal::ZERO;
    let mut from = Decimal::ZERO;
    for piece in curve {
        let to = piece.up_to.map_or(notional, |end| end.min(notional));
        if to > from {
            cost += (to - from) * piece.rate;
            from = to;
        }
    }
    cost
}

/// The dearest rate anything can cost under a policy.
pub(crate) fn dearest_rate(costs: &Costs) -> Decimal {
    costs.fee.get() + costs.half_spread.get() + costs.impact.last().map_or(Decimal::ZERO, |piece| piece.cost.get())
}

/// The estimated cost of an order, in quote currency.
pub(crate) fn estimated_cost(costs: &Costs, record: &AssetRecord, notional: Money) -> Money {
    let cost = cost_of(&cost_curve(costs, record.average_daily_volume.map(Money::get)), notional.get());
    Money::new(cost).unwrap_or(Money::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cost_is_the_area_under_the_pieces() {
        let dec = |text: &str| text.parse::<Decimal>().expect(text);
        let curve =
            [CostPiece { up_to: Some(dec("100")), rate: dec("0.001") }, CostPiece { up_to: None, rate: dec("0.002") }];
        assert_eq!(cost_of(&curve, dec("50")), dec("0.05"));
        assert_eq!(cost_of(&curve, dec("100")), dec("0.1"));
        assert_eq!(cost_of(&curve, dec("150")), dec("0.2"));
        assert_eq!(cost_of(&curve, dec("0")), dec("0"));
    }
}
