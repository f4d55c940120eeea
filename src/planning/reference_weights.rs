//! The weights of the index itself, before anything is traded.
//!
//! First the pure index (adds up to one over the constituents), then its place beside stable legs and cash:
//! `t_i = index_i · (1 − stable share or cash target, whichever is larger)`, so that everything adds up to one.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::{MathematicalOps, RoundingStrategy};

use crate::model::policy::{ReferenceWeights, WeightMethod};
use crate::model::{AssetId, Decimal, Flow, Money, PlanningInput};

use super::closes;
use super::plan::Regime;
use super::universe::{Universe, grade_of};

/// What scaling leaves exact.
const WEIGHT_DIGITS: u32 = 20;

/// Reference weights as fractions of net asset value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct References {
    pub(crate) assets: BTreeMap<AssetId, Decimal>,
    pub(crate) cash: Decimal,
}

/// Sets the reference weights of constituents, stable legs and cash; together they are one.
///
/// Where there are fewer places than members, only members with a place have a weight (`places`).
/// `current` are today's weights: a constituent that the method cannot weigh (its grade is missing) keeps its own.
pub(crate) fn reference_weights(
    input: &PlanningInput,
    (universe, places): (&Universe, Option<&BTreeSet<AssetId>>),
    regime: &Regime,
    current: &BTreeMap<AssetId, Decimal>,
    net_asset_value: Money,
) -> References {
    let cash_target = cash_target(input, net_asset_value);
    let stable_share = regime.stable_share.get().max(cash_target);
    let legs: BTreeSet<&AssetId> = input
        .policy
        .regime
        .iter()
        .flat_map(|regime| &regime.stable_legs)
        .filter(|asset| input.assets.contains_key(*asset))
        .collect();
    let mut references = References::default();
    if !legs.is_empty() && stable_share > cash_target {
        let each = (stable_share - cash_target) / Decimal::from(legs.len());
        references.assets.extend(legs.into_iter().map(|leg| (leg.clone(), each)));
    }
    let invested = Decimal::ONE - stable_share;
    let pinned = within(invested, pinned(input, universe, current));
    let pinned_total: Decimal = pinned.values().sum();
    let has_place = |asset: &AssetId| places.is_none_or(|places| places.contains(asset));
    let free = universe.members.iter().filter(|asset| !pinned.contains_key(*asset) && has_place(asset));
    let free: Vec<&AssetId> = free.collect();
    let raw: Vec<Decimal> =
        free.iter().map(|asset| raw_weight(input, asset, input.policy.reference_weights.method)).collect();
    let shares = capped(&raw, &input.policy.reference_weights);
    for (asset, share) in free.into_iter().zip(shares) {
        references.assets.insert(asset.clone(), share * (invested - pinned_total));
    }
    references.assets.extend(pinned);
    // What caps leave over, and the 28th digit of the divisions, stays in cash.
    references.cash = Decimal::ONE - references.assets.values().sum::<Decimal>();
    references
}

/// The cash the run should end with, as a fraction of net asset value.
fn cash_target(input: &PlanningInput, net_asset_value: Money) -> Decimal {
    let buffer = input.policy.limits.cash_buffer.as_ref().map_or(Decimal::ZERO, |limit| limit.bound.get());
    let buffer = input.policy.reference_weights.cash.map_or(buffer, |cash| cash.get().max(buffer));
    let raised = match input.flow {
        Flow::Withdraw(amount) => amount.fraction_of(net_asset_value).get(),
        Flow::Full | Flow::DepositOnly => Decimal::ZERO,
    };
    (buffer + raised).min(Decimal::ONE)
}

/// Constituents without the grade, the market cap or the closes that the method weighs by: they keep the weight they have,
/// up to their cap and, together, up to those of their categories. What a limit makes them sell is for the others, now and not
/// in the run after, which would buy back what this one sells of them.
fn pinned(
    input: &PlanningInput,
    universe: &Universe,
    current: &BTreeMap<AssetId, Decimal>,
) -> BTreeMap<AssetId, Decimal> {
    let rules = &input.policy.reference_weights;
    let graded = universe.grade_missing.iter().filter(|_| rules.method.uses_grades());
    let capless = universe.figure_unknown.keys().filter(|asset| {
        let cap = input.assets.get(*asset).and_then(|record| record.market_cap);
        cap.is_none() && rules.method.uses_market_cap()
    });
    let sized = universe.history_short.keys().filter(|_| rules.inverse_volatility.is_some());
    let weight = |asset: &AssetId| {
        let weight = current.get(asset).copied().unwrap_or_default();
        input.policy.limits.cap_of(asset).map_or(weight, |cap| weight.min(cap.get()))
    };
    let all = graded.chain(capless).chain(sized).filter(|asset| universe.is_member(asset));
    let pinned: BTreeMap<AssetId, Decimal> = all.map(|asset| (asset.clone(), weight(asset))).collect();
    // Each by its tightest category, from what they weigh now: the order of the limits must not matter.
    let mut least = pinned.clone();
    for limit in &input.policy.limits.categories {
        let Some(most) = limit.max_weight else { continue };
        let is_in =
            |asset: &AssetId| input.assets.get(asset).is_some_and(|record| record.categories.contains(&limit.category));
        let members = pinned.iter().filter(|(asset, _)| is_in(asset)).map(|(asset, weight)| (asset.clone(), *weight));
        for (asset, scaled) in within(most.get(), members.collect()) {
            least.entry(asset).and_modify(|weight| *weight = scaled.min(*weight));
        }
    }
    least
}

/// Scaled down, all by the same part, where they add up to more than this.
fn within(most: Decimal, mut weights: BTreeMap<AssetId, Decimal>) -> BTreeMap<AssetId, Decimal> {
    let total: Decimal = weights.values().sum();
    if total > most {
        for weight in weights.values_mut() {
            // Cut off, so that they never add up to more by a last digit.
            let part = *weight * most / total;
            *weight = part.round_dp_with_strategy(WEIGHT_DIGITS, RoundingStrategy::ToZero);
        }
    }
    weights
}

pub(crate) fn raw_weight(input: &PlanningInput, asset: &AssetId, method: WeightMethod) -> Decimal {
    let Some(record) = input.assets.get(asset) else { return Decimal::ZERO };
    let cap = record.market_cap.map_or(Decimal::ZERO, Money::get);
    let score =
        grade_of(record, input.policy.ranking.grade).map_or(Decimal::ZERO, super::super::model::grade::Grade::score);
    let raw = match method {
        WeightMethod::MarketCap => cap,
        WeightMethod::SqrtMarketCap => cap.sqrt().unwrap_or_default(),
        WeightMethod::Equal => Decimal::ONE,
        WeightMethod::Grade => score,
        // Scaled down first: a cap of 1e18 times a grade must not crowd out digits.
        WeightMethod::MarketCapGrade => cap * score,
    };
    let Some(rule) = &input.policy.reference_weights.inverse_volatility else { return raw };
    closes::volatility(input, rule, asset).and_then(|volatility| raw.checked_div(volatility)).unwrap_or_default()
}

/// Shares that add up to one, nobody above its cap; the excess goes pro rata to those below theirs.
///
/// Caps follow the rank by raw weight: the first tier is for the largest. When the caps of everybody add up to
/// less than one, the rest is left over (and becomes cash). All raw weights zero: equal shares.
pub(crate) fn capped(raw: &[Decimal], rules: &ReferenceWeights) -> Vec<Decimal> {
    let total: Decimal = raw.iter().sum();
    let raw: Vec<Decimal> = if total.is_zero() { vec![Decimal::ONE; raw.len()] } else { raw.to_vec() };
    let caps = caps_by_rank(&raw, rules);
    let mut share: Vec<Option<Decimal>> = vec![None; raw.len()];
    loop {
        let fixed: Decimal = share.iter().flatten().sum();
        let open: Decimal = raw.iter().zip(&share).filter(|(_, share)| share.is_none()).map(|(raw, _)| *raw).sum();
        let left = Decimal::ONE - fixed;
        if open.is_zero() {
            break;
        }
        let over: Vec<bool> = raw
            .iter()
            .zip(&caps)
            .zip(&share)
            .map(|((raw, cap), share)| share.is_none() && cap.is_some_and(|cap| *raw * left > cap * open))
            .collect();
        let any = over.iter().any(|over| *over);
        for (((share, raw), cap), over) in share.iter_mut().zip(&raw).zip(&caps).zip(&over) {
            if *over {
                *share = *cap;
            } else if !any && share.is_none() {
                *share = Some(*raw * left / open);
            }
        }
        if !any {
            break;
        }
    }
    share.into_iter().map(Option::unwrap_or_default).collect()
}

fn caps_by_rank(raw: &[Decimal], rules: &ReferenceWeights) -> Vec<Option<Decimal>> {
    let rest = rules.max_weight.map(super::super::model::amount::Weight::get);
    let mut order: Vec<usize> = (0..raw.len()).collect();
    // A stable sort: equal weights keep the order of rank they came in.
    order.sort_by_key(|index| std::cmp::Reverse(raw.get(*index).copied()));
    let mut tiers = rules.cap_tiers.iter().flat_map(|tier| {
        let count = usize::try_from(tier.top).unwrap_or(usize::MAX);
        std::iter::repeat_n(Some(tier.max_weight.get()), count)
    });
    let mut caps = vec![None; raw.len()];
    for index in order {
        if let Some(cap) = caps.get_mut(index) {
            *cap = tiers.next().unwrap_or(rest);
        }
    }
    caps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Weight;
    use crate::model::policy::CapTier;

    fn dec(text: &str) -> Decimal {
        text.parse().expect(text)
    }

    fn rules(tiers: &[(u32, &str)], rest: Option<&str>) -> ReferenceWeights {
        let weight = |text: &str| Weight::parse(text).expect(text);
        ReferenceWeights {
            method: WeightMethod::MarketCap,
            cap_tiers: tiers.iter().map(|(top, cap)| CapTier { top: *top, max_weight: weight(cap) }).collect(),
            max_weight: rest.map(weight),
            cash: None,
            inverse_volatility: None,
        }
    }

    #[test]
    fn excess_goes_pro_rata_to_those_below_their_cap() {
        let raw = [dec("60"), dec("20"), dec("10"), dec("10")];
        assert_eq!(capped(&raw, &rules(&[], None)), [dec("0.6"), dec("0.2"), dec("0.1"), dec("0.1")]);
        // 60 % is cut to 30 %; 70 % is shared 20:10:10 = 35, 17.5, 17.5; the second is over and is cut to 30 %.
        assert_eq!(capped(&raw, &rules(&[], Some("0.3"))), [dec("0.3"), dec("0.3"), dec("0.2"), dec("0.2")]);
    }

    #[test]
    fn tiers_follow_the_rank_by_weight() {
        let raw = [dec("10"), dec("60"), dec("20"), dec("10")];
        let shares = capped(&raw, &rules(&[(1, "0.4")], Some("0.25")));
        assert_eq!(shares, [dec("0.175"), dec("0.4"), dec("0.25"), dec("0.175")]);
    }

    #[test]
    fn caps_too_tight_leave_the_rest_over() {
        let shares = capped(&[dec("1"), dec("1")], &rules(&[], Some("0.3")));
        assert_eq!(shares, [dec("0.3"), dec("0.3")]);
    }

    #[test]
    fn no_information_means_equal_shares() {
        assert_eq!(capped(&[Decimal::ZERO, Decimal::ZERO], &rules(&[], None)), [dec("0.5"), dec("0.5")]);
    }
}
