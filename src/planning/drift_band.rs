//! Is the drift large enough to trade at all?

use crate::model::policy::{BandKind, DriftBand};
use crate::model::{Decimal, Flow, PlanningInput};

use super::constraints::Limits;
use super::plan::Role;
use super::portfolio::Portfolio;

/// What changed since the last settled run; any of it opens the band.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Changes {
    pub(crate) membership: bool,
    pub(crate) regime: bool,
    pub(crate) policy: bool,
}

impl Changes {
    pub(crate) fn any(self) -> bool {
        self.membership || self.regime || self.policy
    }
}

/// How far a weight may be from its reference without a trade; absent where the policy has no band.
pub(crate) fn band(rule: &DriftBand, reference: Decimal) -> Option<Decimal> {
    let width = rule.width.map(super::super::model::amount::Weight::get).unwrap_or_default();
    match rule.kind {
        BandKind::None => None,
        BandKind::Absolute => Some(width),
        BandKind::Relative => Some(width * reference),
        // Five points for targets of 20 % and more, a quarter of the target below that.
        BandKind::FiveTwentyFive if reference >= Decimal::new(2, 1) => Some(Decimal::new(5, 2)),
        BandKind::FiveTwentyFive => Some(reference * Decimal::new(25, 2)),
    }
}

/// The least turnover worth a run: the policy's, or collar plus the dearest rate. Orders leave up to the collar
/// unspent, so less than this would chase its own tail.
pub(crate) fn min_turnover(input: &PlanningInput) -> Decimal {
    let derived = input.policy.orders.collar.get() + super::valuation::dearest_rate(&input.policy.costs);
    input.policy.orders.min_turnover.map_or(derived, super::super::model::amount::Weight::get)
}

/// Whether nothing needs to be done: a full run, nothing changed, every limit holds, nothing left to exit, and
/// every member, every stable leg and cash is inside its band.
pub(crate) fn in_band(input: &PlanningInput, portfolio: &Portfolio<'_>, limits: &Limits, changes: Changes) -> bool {
    let rule = &input.policy.drift_band;
    if rule.kind == BandKind::None || input.flow != Flow::Full || changes.any() || !limits.hold_untraded() {
        return false;
    }
    let cash = portfolio.cash_free + portfolio.cash_locked;
    let cash_band = band(rule, portfolio.cash_reference).map(|width| width.max(min_turnover(input)));
    inside(cash, portfolio.cash_reference, cash_band)
        && portfolio.lines.iter().filter(|line| line.role != Role::MustExit).all(|line| {
            let movable = line.sell_barred.is_none() || line.buy_barred.is_none();
            !movable || inside(line.weight, line.reference, band(rule, line.reference))
        })
}

fn inside(weight: Decimal, reference: Decimal, band: Option<Decimal>) -> bool {
    band.is_some_and(|band| (weight - reference).abs() <= band)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Weight;
    use crate::model::policy::OnBreach;

    fn width_at(kind: BandKind, width: Option<&str>, reference: &str) -> Option<String> {
        let width = width.map(|text| Weight::parse(text).expect(text));
        let rule = DriftBand { kind, width, on_breach: OnBreach::ToTarget };
        band(&rule, reference.parse().expect(reference)).map(|band| band.normalize().to_string())
    }

    #[test]
    fn five_twenty_five_switches_at_a_fifth() {
        assert_eq!(width_at(BandKind::FiveTwentyFive, None, "0.3").as_deref(), Some("0.05"));
        assert_eq!(width_at(BandKind::FiveTwentyFive, None, "0.2").as_deref(), Some("0.05"));
        assert_eq!(width_at(BandKind::FiveTwentyFive, None, "0.1").as_deref(), Some("0.025"));
    }

    #[test]
    fn absolute_and_relative_bands() {
        assert_eq!(width_at(BandKind::Absolute, Some("0.02"), "0.1").as_deref(), Some("0.02"));
        assert_eq!(width_at(BandKind::Relative, Some("0.2"), "0.1").as_deref(), Some("0.02"));
        assert_eq!(width_at(BandKind::None, None, "0.1"), None);
    }
}
