//! Who is in the index and what everything held is called, worked out again from input and policy alone.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use index_rebalancer::model::policy::{GradeKind, RankBy, WeightMethod};
use index_rebalancer::model::{AssetId, AssetRecord, Decimal, Grade, Money, PlanningInput, Policy};
use index_rebalancer::planning::plan::{Position, Role};
use jiff::tz::TimeZone;
use proptest::prelude::*;

use crate::books::net_asset_value;
use crate::harness::check;

/// Is there a rule that an asset without a grade cannot answer?
pub(crate) fn asks_for_grades(policy: &Policy) -> bool {
    let by_weight = match policy.reference_weights.method {
        WeightMethod::Grade | WeightMethod::MarketCapGrade => true,
        WeightMethod::MarketCap | WeightMethod::SqrtMarketCap | WeightMethod::Equal => false,
    };
    let eligibility = &policy.eligibility;
    let by_rule = eligibility.require_grade || eligibility.min_grade.is_some();
    by_rule || by_weight || policy.ranking.by == RankBy::Grade || policy.objective.grade_tilt.get() > Decimal::ZERO
}

pub(crate) fn grade_of(record: &AssetRecord, policy: &Policy) -> Option<Grade> {
    let graded = match policy.ranking.grade {
        GradeKind::Trader => record.grades.trader,
        GradeKind::Investor => record.grades.investor,
    };
    graded.map(|graded| graded.value)
}

/// Is every figure there that a rule, the rank or the weight asks for?
pub(crate) fn figures_known(record: &AssetRecord, policy: &Policy) -> bool {
    let rules = &policy.eligibility;
    let by_weight = match policy.reference_weights.method {
        WeightMethod::MarketCap | WeightMethod::SqrtMarketCap | WeightMethod::MarketCapGrade => true,
        WeightMethod::Grade | WeightMethod::Equal => false,
    };
    let bounded = rules.min_market_cap.is_some() || rules.max_market_cap.is_some();
    let cap_is_idle = !by_weight && !bounded && policy.ranking.by == RankBy::Grade;
    (cap_is_idle || record.market_cap.is_some())
        && (rules.min_average_daily_volume.is_none() || record.average_daily_volume.is_some())
        && (rules.min_age_days.is_none() || record.first_seen.is_some())
}

/// Every rule of eligibility, as far as what it asks for is known.
fn passes(asset: &AssetId, record: &AssetRecord, input: &PlanningInput) -> bool {
    let policy = &input.policy;
    let rules = &policy.eligibility;
    let today = TimeZone::UTC.to_datetime(input.as_of).date();
    let days = |first| i64::from(today.since(first).expect("a span of days").get_days());
    record.listing.is_some()
        && !rules.excluded_assets.contains(asset)
        && record.categories.is_disjoint(&rules.excluded_categories)
        && rules.min_market_cap.is_none_or(|least| record.market_cap.is_none_or(|cap| cap >= least))
        && rules.max_market_cap.is_none_or(|most| record.market_cap.is_none_or(|cap| cap <= most))
        && rules.min_average_daily_volume.is_none_or(|least| record.average_daily_volume.is_none_or(|it| it >= least))
        && rules.min_age_days.is_none_or(|least| record.first_seen.is_none_or(|first| days(first) >= i64::from(least)))
        && rules.min_grade.is_none_or(|least| grade_of(record, policy).is_none_or(|grade| grade >= least))
}

fn is_leg(asset: &AssetId, policy: &Policy) -> bool {
    policy.regime.as_ref().is_some_and(|regime| regime.stable_legs.contains(asset))
}

/// The constituents: members that nobody can rank first, then the best, then members inside the buffer, then whoever
/// is next.
fn constituents(input: &PlanningInput) -> BTreeSet<AssetId> {
    let policy = &input.policy;
    let (asked, by_grade) = (asks_for_grades(policy), policy.ranking.by == RankBy::Grade);
    let was_member = |asset: &AssetId| input.state.members.contains(asset);
    let possible = |(asset, record): &(&AssetId, &AssetRecord)| {
        let is_known = (!asked || grade_of(record, policy).is_some()) && figures_known(record, policy);
        !is_leg(asset, policy) && passes(asset, record, input) && (is_known || was_member(asset))
    };
    let has_no_rank =
        |record: &AssetRecord| if by_grade { grade_of(record, policy).is_none() } else { record.market_cap.is_none() };
    let (unranked, mut ranked): (Vec<_>, Vec<_>) =
        input.assets.iter().filter(possible).partition(|(_, record)| has_no_rank(record));
    let cap = |record: &AssetRecord| record.market_cap.map_or(Decimal::ZERO, Money::get);
    let grade = |record: &AssetRecord| grade_of(record, policy).filter(|_| by_grade);
    ranked.sort_by_key(|(asset, record)| (Reverse(grade(record)), Reverse(cap(record)), *asset));
    let mut inside: BTreeSet<AssetId> = unranked.into_iter().map(|(asset, _)| asset.clone()).collect();
    let places = inside.len().max(usize::try_from(policy.ranking.members).expect("a size"));
    let by_rank = || (1..).zip(ranked.iter().map(|(asset, _)| *asset));
    let best = by_rank().filter(|(rank, _)| *rank <= policy.ranking.enter_rank);
    let buffered = by_rank().filter(|(rank, asset)| *rank <= policy.ranking.exit_rank && was_member(asset));
    for (_, asset) in best.chain(buffered).chain(by_rank()) {
        if inside.len() < places {
            let _ = inside.insert(asset.clone());
        }
    }
    inside
}

#[test]
fn who_is_in_the_index_follows_from_input_and_policy() {
    check("who_is_in_the_index_follows_from_input_and_policy", |input, tally| {
        let Some(plan) = tally.plan(input)? else { return Ok(()) };
        let expected = constituents(input);
        prop_assert_eq!(&plan.next_state.members, &expected);
        let positions: BTreeMap<&AssetId, &Position> = plan.positions.iter().map(|it| (&it.asset, it)).collect();
        for asset in input.assets.keys() {
            let held = input.account.holdings.get(asset).is_some_and(|holding| !holding.total().is_zero());
            let role = if expected.contains(asset) {
                Some(Role::Constituent)
            } else if is_leg(asset, &input.policy) {
                Some(Role::StableLeg)
            } else {
                held.then_some(Role::MustExit)
            };
            prop_assert_eq!(positions.get(asset).map(|position| position.role), role, "{}", asset);
        }
        Ok(())
    });
}

#[test]
fn a_member_without_a_grade_is_held_and_named() {
    let weighs_by_grade =
        |policy: &Policy| matches!(policy.reference_weights.method, WeightMethod::Grade | WeightMethod::MarketCapGrade);
    check("a_member_without_a_grade_is_held_and_named", |input, tally| {
        let Some(plan) = tally.plan(input)? else { return Ok(()) };
        if !asks_for_grades(&input.policy) {
            return Ok(());
        }
        let policy = &input.policy;
        for position in plan.positions.iter().filter(|position| position.role == Role::Constituent) {
            if grade_of(&input.assets[&position.asset], policy).is_some() {
                continue;
            }
            let asset = &position.asset;
            tally.note("a constituent without a grade");
            prop_assert!(input.state.members.contains(asset), "{asset} is new");
            prop_assert!(position.quantity_after <= position.quantity_before, "{asset} is bought");
            let named = plan.notices.iter().filter(|notice| notice.contains(&format!("the member {asset} has no ")));
            prop_assert_eq!(named.count(), 1, "{}: {:?}", asset, plan.notices);
            if weighs_by_grade(policy) && !net_asset_value(input).is_zero() {
                tally.note("and weights by grade");
                let keeps =
                    policy.limits.cap_of(asset).map_or(position.weight_before, |cap| position.weight_before.min(cap));
                let aims = position.reference_weight.get();
                let nothing_else = plan.positions.iter().all(|other| {
                    other.role != Role::Constituent
                        || grade_of(&input.assets[&other.asset], policy).is_none()
                        || !figures_known(&input.assets[&other.asset], policy)
                        || other.reference_weight.get() <= Decimal::new(1, 17)
                });
                // Less only where they would take more than there is to invest, and then nothing is left to others; or more
                // than a category may weigh.
                let weighs = |other: &&Position| {
                    let record = &input.assets[&other.asset];
                    let unknown = grade_of(record, policy).is_none() || !figures_known(record, policy);
                    other.role == Role::Constituent && unknown
                };
                let is_capped = policy.limits.categories.iter().any(|limit| {
                    let is_in = |asset: &AssetId| input.assets[asset].categories.contains(&limit.category);
                    let others = plan.positions.iter().filter(weighs).filter(|other| is_in(&other.asset));
                    let total: Decimal = others.map(|other| other.weight_before.get()).sum();
                    is_in(asset) && limit.max_weight.is_some_and(|most| total > most.get())
                });
                let is_scaled = (nothing_else || is_capped) && aims < keeps.get();
                prop_assert!(
                    is_scaled || (aims - keeps.get()).abs() <= Decimal::new(1, 17),
                    "{asset} aims at {aims}, not {keeps}"
                );
            }
        }
        Ok(())
    });
}
