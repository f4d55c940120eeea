//! Tail risk on drawn inputs: daily closes and a limit are added to what the generator draws, from the input's own digest.

use std::collections::BTreeMap;

use index_rebalancer::model::history::{cut, later};
use index_rebalancer::model::policy::{RiskLimit, Soft};
use index_rebalancer::model::{AssetId, Decimal, PlanningInput, Price, Rate, Side, Weight};
use index_rebalancer::planning::idempotency::digest_of;
use index_rebalancer::planning::verification::verify;
use index_rebalancer::planning::{PlanError, RebalancePlan, plan};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use crate::harness::{Tally, check};
use crate::oracle::float;

/// A stream of numbers that look random (Knuth's MMIX congruence).
struct Draws(u64);

impl Draws {
    fn of(input: &PlanningInput) -> Self {
        Self(u64::from_str_radix(&digest_of(input)[..16], 16).expect("hex"))
    }

    fn below(&mut self, count: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from((self.0 >> 33) % u64::from(count)).expect("small")
    }
}

fn weight(per_mille: u32) -> Weight {
    Weight::new(Decimal::new(i64::from(per_mille), 3)).expect("a weight")
}

/// Closes that wander, with gaps, late starts and crashes; and a rule, soft as often as hard.
fn with_risk(input: &PlanningInput) -> PlanningInput {
    let mut draws = Draws::of(input);
    let mut input = input.clone();
    let days = 6 + draws.below(50);
    let today = TimeZone::UTC.to_datetime(input.as_of).date();
    let last = today.yesterday().expect("a day");
    let mut closes = BTreeMap::new();
    for asset in input.assets.keys() {
        let wild = 1 + draws.below(12);
        let start = if draws.below(5) == 0 { draws.below(days) } else { 0 };
        let mut price = Decimal::from(100 + draws.below(900));
        let mut column: BTreeMap<Date, Price> = BTreeMap::new();
        for back in (0..days).rev() {
            let move_by = i64::from(draws.below(2 * wild + 1)) - i64::from(wild);
            let crash = if draws.below(60) == 0 { 2 } else { 1 };
            price *= Decimal::new(100 + move_by, 2) / Decimal::from(crash);
            if days - back > start && draws.below(25) != 0 {
                let day = later(last, -i64::from(back)).expect("a day");
                column.insert(day, Price::new(price.round_dp(6).max(Decimal::new(1, 6))).expect("a price"));
            }
        }
        closes.insert(asset.clone(), column);
    }
    let window = days - 1 - draws.below(3);
    let bound = 5 + draws.below(150);
    let soft = match draws.below(4) {
        0 => None,
        1 => Some(Soft { priority: 1 + draws.below(5), hard_bound: Some(weight(bound + draws.below(300))) }),
        _ => Some(Soft { priority: 1 + draws.below(5), hard_bound: None }),
    };
    input.policy.limits.risk = Some(RiskLimit {
        beta: weight([500, 800, 900, 950][usize::try_from(draws.below(4)).expect("small")]),
        horizon_days: 1 + draws.below(3),
        window_days: window,
        min_days: 1 + draws.below(4),
        bound: (draws.below(6) != 0).then(|| weight(bound)),
        soft: None,
    });
    if let Some(rule) = &mut input.policy.limits.risk
        && rule.bound.is_some()
    {
        rule.soft = soft;
    }
    if draws.below(2) == 0 {
        input.policy.objective.risk_aversion =
            Some(Rate::new(Decimal::new(i64::from(draws.below(3000)), 3)).expect("a rate"));
    }
    input.history = cut(closes, last, input.policy.history_days().expect("it reads closes"));
    input
}

/// Holds a property against drawn inputs of which a quarter limits or prices tail risk besides.
pub(crate) fn check_with_risk(name: &str, property: impl Fn(&PlanningInput, &Tally) -> TestCaseResult) {
    check(name, |input, tally| {
        let drawn = digest_of(input).ends_with(['0', '1', '2', '3']);
        if drawn { property(&with_risk(input), tally) } else { property(input, tally) }
    });
}

/// Whether enough is known of an asset for it to be bought under a rule of tail risk; without a rule, of every one.
pub(crate) fn has_closes(input: &PlanningInput, asset: &AssetId) -> bool {
    let Some((rule, history)) = input.policy.limits.risk.as_ref().zip(input.history.as_ref()) else { return true };
    let raw = history.of(asset);
    let recent = raw.iter().rev().take(3).any(Option::is_some);
    recent && raw.iter().rev().take(rule.window_days as usize).flatten().count() >= rule.min_days as usize
}

/// The average loss of the tail by the tests' own reckoning, and whether an asset has closes enough.
struct Reckoning {
    returns: BTreeMap<AssetId, Vec<f64>>,
    enough: BTreeMap<AssetId, bool>,
    tail: f64,
}

impl Reckoning {
    fn of(input: &PlanningInput) -> Option<Self> {
        let rule = input.policy.limits.risk.as_ref()?;
        let history = input.history.as_ref()?;
        let (days, horizon) = (history.days(), rule.horizon_days as usize);
        let count = days.saturating_sub(horizon).min(rule.window_days as usize);
        let (mut returns, mut enough) = (BTreeMap::new(), BTreeMap::new());
        for asset in input.assets.keys() {
            let raw = history.of(asset);
            let ok = has_closes(input, asset);
            let leg = input.policy.regime.as_ref().is_some_and(|regime| regime.stable_legs.contains(asset));
            let filled: Vec<Option<f64>> = (0..raw.len())
                .map(|at| raw[..=at].iter().rev().find_map(|close| close.map(|it| float(it.get()))))
                .collect();
            let change = |at: usize| -> Option<f64> { Some(filled[at]? / filled[at.checked_sub(horizon)?]? - 1.0) };
            let all: Vec<Option<f64>> =
                (days - count..days).map(|at| if raw.is_empty() { None } else { change(at) }).collect();
            let worst = all.iter().flatten().copied().fold(0.0, f64::min);
            let worst = if all.iter().any(Option::is_some) { worst } else { -1.0 };
            let column = match (leg, ok) {
                (true, _) => vec![0.0; count],
                (_, false) => vec![-1.0; count],
                _ => all.iter().map(|one| one.unwrap_or(worst)).collect(),
            };
            returns.insert(asset.clone(), column);
            enough.insert(asset.clone(), ok || leg);
        }
        Some(Self { returns, enough, tail: float(rule.tail() * Decimal::from(count)) }).filter(|_| count > 0)
    }

    fn measure(&self, weights: &BTreeMap<AssetId, f64>) -> f64 {
        let count = self.returns.values().next().map_or(0, Vec::len);
        let loss =
            |day: usize| -> f64 { weights.iter().map(|(asset, weight)| -weight * self.returns[asset][day]).sum() };
        let mut losses: Vec<f64> = (0..count).map(loss).collect();
        losses.sort_by(|left, right| right.total_cmp(left));
        let (mut left, mut total) = (self.tail, 0.0);
        for loss in losses {
            total += loss * left.clamp(0.0, 1.0);
            left -= 1.0;
        }
        (total / self.tail).max(0.0)
    }
}

fn weights(plan: &RebalancePlan) -> BTreeMap<AssetId, f64> {
    let value = float(plan.net_asset_value.get());
    let weight = |position: &index_rebalancer::planning::plan::Position| {
        float(position.quantity_after.get()) * float(position.price.get()) / value
    };
    plan.positions.iter().map(|position| (position.asset.clone(), weight(position))).collect()
}

#[test]
fn risk_is_what_the_tests_reckon_and_within_its_bound() {
    check("risk_is_what_the_tests_reckon_and_within_its_bound", |input, tally| {
        let input = &with_risk(input);
        let Some(plan) = planned(input, tally)? else { return Ok(()) };
        prop_assert_eq!(verify(input, &plan), Ok(plan.certificate.clone()));
        let Some(reckoning) = Reckoning::of(input) else {
            tally.note("no closes");
            return Ok(());
        };
        for order in plan.orders.iter().filter(|order| order.side == Side::Buy) {
            prop_assert!(reckoning.enough[&order.asset], "{} is bought with too few closes", order.asset);
        }
        let Some(stated) = plan.certificate.checks.iter().find(|check| check.limit == "risk") else {
            let bound = input.policy.limits.risk.as_ref().and_then(|rule| rule.bound);
            prop_assert!(bound.is_none() || plan.net_asset_value.is_zero(), "the limit is not certified");
            tally.note("no bound");
            return Ok(());
        };
        let own = reckoning.measure(&weights(&plan));
        let off = (float(stated.left_side.get()) - own).abs();
        prop_assert!(off < 1e-9, "certified {}, reckoned {own}", stated.left_side);
        tally.largest("off by", off);
        tally.note(match (stated.relaxation.is_zero(), plan.orders.is_empty()) {
            (false, _) => "relaxed",
            (true, true) => "kept, nothing traded",
            (true, false) if stated.slack < weight(1) => "kept, and it binds",
            (true, false) => "kept with room",
        });
        Ok(())
    });
}

/// With a little less than it gave way by, something else must give way further, or nothing is possible.
#[test]
fn risk_gives_way_only_as_far_as_it_must() {
    check("risk_gives_way_only_as_far_as_it_must", |input, tally| {
        let input = &with_risk(input);
        let Some(plan) = planned(input, tally)? else { return Ok(()) };
        let relaxed = plan.relaxations.iter().find(|relaxation| relaxation.limit == "risk");
        let Some(relaxed) = relaxed.filter(|relaxed| relaxed.amount > weight(1)) else {
            tally.note("not relaxed");
            return Ok(());
        };
        let mut tighter = input.clone();
        let amount = relaxed.amount.get() * Decimal::new(99, 2);
        let bound = Weight::new((relaxed.bound.get() + amount).round_dp(12)).expect("a weight");
        if let Some(rule) = &mut tighter.policy.limits.risk {
            (rule.bound, rule.soft) = (Some(bound), None);
        }
        let given = |plan: &RebalancePlan, limit: &str| {
            plan.relaxations.iter().find(|one| one.limit == limit).map_or(Decimal::ZERO, |one| one.amount.get())
        };
        match plan_of(&tighter)? {
            None => tally.note("nothing else could give way"),
            // The tighter limit is missed by orders that are too small to be made, and excused.
            Some(other) if lots_explain(&other, relaxed.amount.get() - amount) => {
                tally.note("lots explain the difference");
            }
            Some(other) => {
                let outranks = |one: &&index_rebalancer::planning::plan::Relaxation| one.priority <= relaxed.priority;
                let dearer = other
                    .relaxations
                    .iter()
                    .filter(outranks)
                    .any(|one| one.amount.get() > given(&plan, &one.limit) + Decimal::new(1, 8));
                prop_assert!(dearer, "it gives way by {}, and by less nothing else would", relaxed.amount);
                tally.note("what outranks it would have to give way");
            }
        }
        Ok(())
    });
}

/// Whether the limit on risk is missed by as much as it was tightened, but for lots.
fn lots_explain(plan: &RebalancePlan, tightened: Decimal) -> bool {
    let risk = plan.certificate.checks.iter().find(|check| check.limit == "risk");
    risk.is_some_and(|check| check.lot_allowance.get() >= tightened - Decimal::new(1, 8))
}

/// The plan; where hard limits conflict, as they often do with one more, that alone is noted.
fn planned(input: &PlanningInput, tally: &Tally) -> Result<Option<RebalancePlan>, TestCaseError> {
    tally.keep(input);
    match plan(input) {
        Err(PlanError::Conflict(conflict)) => {
            let with_risk = conflict.limits.iter().any(|limit| limit == "risk");
            tally.note(if with_risk { "a conflict with risk in it" } else { "a conflict of others" });
            Ok(None)
        }
        Err(PlanError::EmptyUniverse { .. }) => {
            tally.note("nothing is eligible");
            Ok(None)
        }
        other => other.map(Some).map_err(|error| TestCaseError::fail(error.to_string())),
    }
}

fn plan_of(input: &PlanningInput) -> Result<Option<RebalancePlan>, TestCaseError> {
    match plan(input) {
        Ok(plan) => Ok(Some(plan)),
        Err(PlanError::Conflict(_)) => Ok(None),
        Err(error) => Err(TestCaseError::fail(error.to_string())),
    }
}

/// A plan under a tighter limit is one under the looser limit too, so it is worth no more than what is proved there.
#[test]
fn no_plan_under_a_tighter_limit_beats_the_bound() {
    check("no_plan_under_a_tighter_limit_beats_the_bound", |input, tally| {
        let input = &with_risk(input);
        let Some(plan) = planned(input, tally)? else { return Ok(()) };
        let mut tighter = input.clone();
        if let Some(rule) = &mut tighter.policy.limits.risk {
            rule.bound = rule.bound.map(|bound| Weight::new(bound.get() * Decimal::new(8, 1)).expect("a weight"));
        }
        // Another policy opens bands; the same must hold of both.
        let (Some(other), Some(proved)) = (plan_of(&tighter)?, plan.certificate.optimality) else {
            tally.note("no plan under the tighter limit, or nothing proved");
            return Ok(());
        };
        let kept = plan.relaxations.is_empty() && other.relaxations.is_empty();
        let same = input.state.policy_digest.is_none() || plan.next_state.members != input.state.members;
        let lots = other.certificate.checks.iter().all(|check| check.lot_allowance.is_zero());
        let Some(value) = other.certificate.optimality.filter(|_| kept && same && lots) else {
            tally.note("not comparable");
            return Ok(());
        };
        prop_assert!(value.value.get() <= proved.bound.get() + Decimal::new(1, 9), "{value:?} beats {proved:?}");
        tally.note("compared");
        tally.largest("gap in bp", float(proved.gap_bp.get()));
        Ok(())
    });
}

#[test]
fn tail_risk_changes_nothing_for_who_asks_twice() {
    check("tail_risk_changes_nothing_for_who_asks_twice", |input, tally| -> TestCaseResult {
        let input = &with_risk(input);
        let Some(first) = planned(input, tally)? else { return Ok(()) };
        let again = plan(input).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let bytes = |plan: &RebalancePlan| serde_json::to_vec(plan).expect("JSON");
        prop_assert_eq!(bytes(&first), bytes(&again));
        let stored: PlanningInput =
            serde_json::from_slice(&serde_json::to_vec(input).expect("JSON")).expect("it reads back");
        prop_assert_eq!(&stored, input);
        Ok(())
    });
}
