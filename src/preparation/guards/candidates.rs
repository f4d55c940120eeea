//! Who could be in the index: the planner's own rules, without memberships and buffers.

use crate::model::policy::GradeKind;
use crate::model::{AssetId, AssetRecord, Dated, Grade, PlanningInput};
use crate::planning::universe::{by_rank, is_eligible, is_eligible_but_for_its_grade};
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
    let today = day_of(input.as_of);
    let policy = &input.policy;
    let is_leg = |id: &AssetId| policy.regime.as_ref().is_some_and(|regime| regime.stable_legs.contains(id));
    let passes = |id: &AssetId, asset: &AssetRecord| {
        if with_grade {
            is_eligible(id, asset, input, today)
        } else {
            is_eligible_but_for_its_grade(id, asset, policy, today)
        }
    };
    let mut candidates: Vec<(&AssetId, &AssetRecord)> =
        input.assets.iter().filter(|(id, asset)| !is_leg(id) && passes(id, asset)).collect();
    candidates.sort_by(|left, right| by_rank(&policy.ranking, left, right));
    candidates.truncate(usize::try_from(count).unwrap_or(usize::MAX));
    candidates
}
