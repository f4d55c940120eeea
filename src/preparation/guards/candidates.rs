//! Who could be in the index, as far as the guards need to know: the rules of eligibility that look at one asset,
//! and the order of the ranking. The planner's own universe decides who is.

use std::cmp::Reverse;

use crate::model::policy::{GradeKind, RankBy};
use crate::model::{AssetId, AssetRecord, Dated, Grade, Money, PlanningInput};
use crate::preparation::time::day_of;

/// The grade that the policy ranks, weighs and tilts by.
pub(super) fn grade(input: &PlanningInput, asset: &AssetRecord) -> Option<Dated<Grade>> {
    match input.policy.ranking.grade {
        GradeKind::Trader => asset.grades.trader,
        GradeKind::Investor => asset.grades.investor,
    }
}

/// The best `count` candidates in the policy's order. Without `with_grade` the rules about grades are not asked.
pub(super) fn leading(input: &PlanningInput, count: u32, with_grade: bool) -> Vec<(&AssetId, &AssetRecord)> {
    let mut candidates: Vec<(&AssetId, &AssetRecord)> =
        input.assets.iter().filter(|(id, asset)| is_candidate(input, id, asset, with_grade)).collect();
    let by_grade = input.policy.ranking.by == RankBy::Grade;
    candidates.sort_by_key(|(id, asset)| {
        let grade = grade(input, asset).filter(|_| by_grade).map(|grade| grade.value);
        (Reverse(grade), Reverse(asset.market_cap), *id)
    });
    candidates.truncate(usize::try_from(count).unwrap_or(usize::MAX));
    candidates
}

fn is_candidate(input: &PlanningInput, id: &AssetId, asset: &AssetRecord, with_grade: bool) -> bool {
    let rules = &input.policy.eligibility;
    let is_leg = input.policy.regime.as_ref().is_some_and(|regime| regime.stable_legs.contains(id));
    let at_least = |value: Option<Money>, bound: Option<Money>| bound.is_none_or(|bound| value >= Some(bound));
    let small_enough = rules.max_market_cap.is_none_or(|most| asset.market_cap.is_some_and(|cap| cap <= most));
    let old_enough = rules.min_age_days.is_none_or(|days| {
        asset
            .first_seen
            .is_some_and(|first| (day_of(input.as_of) - first).get_days() >= i32::try_from(days).unwrap_or(i32::MAX))
    });
    let graded = !with_grade
        || match grade(input, asset) {
            Some(grade) => rules.min_grade.is_none_or(|least| grade.value >= least),
            None => !rules.require_grade && rules.min_grade.is_none(),
        };
    asset.listing.is_some()
        && !is_leg
        && !rules.excluded_assets.contains(id)
        && rules.excluded_categories.is_disjoint(&asset.categories)
        && at_least(asset.market_cap, rules.min_market_cap)
        && at_least(asset.average_daily_volume, rules.min_average_daily_volume)
        && small_enough
        && old_enough
        && graded
}
