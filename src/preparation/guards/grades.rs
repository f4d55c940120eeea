//! Guards on grades and signals. They are asked only where the policy uses what they guard.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{age, candidates, in_hours, longer_than, named};
use crate::model::policy::{RankBy, WeightMethod};
use crate::model::{AssetId, AssetRecord, Decimal, PlanningInput, Policy, Signal};
use crate::preparation::GuardViolation;

/// Does any rule of the policy look at the grade?
#[must_use]
pub fn are_used(policy: &Policy) -> bool {
    policy.ranking.by == RankBy::Grade
        || policy.eligibility.require_grade
        || policy.eligibility.min_grade.is_some()
        || matches!(policy.reference_weights.method, WeightMethod::Grade | WeightMethod::MarketCapGrade)
        || !policy.objective.grade_tilt.is_zero()
}

fn report(violations: &mut Vec<GuardViolation>, guard: &str, field: &str, value: String, remedy: &str) {
    violations.push(GuardViolation {
        guard: guard.to_owned(),
        field: field.to_owned(),
        value,
        remedy: remedy.to_owned(),
    });
}

/// No grade or signal from the future; the newest of each is fresh.
pub(super) fn check_dates(input: &PlanningInput, violations: &mut Vec<GuardViolation>) {
    let of = |date: &dyn Fn(&AssetRecord) -> Option<Timestamp>| -> Vec<(&AssetId, Timestamp)> {
        input.assets.iter().filter_map(|(id, asset)| date(asset).map(|at| (id, at))).collect()
    };
    if are_used(&input.policy) {
        let dates = of(&|asset| candidates::grade(input, asset).map(|grade| grade.at));
        check_source(input, "grades", &dates, violations);
    }
    if input.policy.regime.is_some() {
        let dates = of(&|asset| asset.grades.signal.map(|signal| signal.at));
        check_source(input, "signals", &dates, violations);
    }
}

fn check_source(
    input: &PlanningInput,
    what: &str,
    dates: &[(&AssetId, Timestamp)],
    violations: &mut Vec<GuardViolation>,
) {
    let Some(newest) = dates.iter().map(|(_, at)| *at).max() else {
        let value = "none of the assets has any, and the policy uses them".to_owned();
        return report(
            violations,
            &format!("missing_{what}"),
            what,
            value,
            "add the day's file, and token_id to the market data",
        );
    };
    let future: Vec<&AssetId> = dates.iter().filter(|(_, at)| *at > input.as_of).map(|(id, _)| *id).collect();
    if !future.is_empty() {
        let value = format!("up to {newest}, after the planning time {}: {}", input.as_of, named(future));
        report(
            violations,
            &format!("{what}_from_the_future"),
            what,
            value,
            "check the clocks and the dates of the source",
        );
    }
    let most = input.policy.guards.max_grade_age_hours;
    let old = age(input.as_of, newest);
    if longer_than(old, most) {
        let value = format!("the newest are of {newest}, {} old, and at most {most} h are allowed", in_hours(old));
        report(violations, "max_grade_age_hours", what, value, "fetch them again");
    }
}

const COUNT_AS_MISSING: &str = "count as missing";

/// Does this notice say that grades or signals were too old to count?
#[must_use]
pub fn tells_of_stale_grades(notice: &str) -> bool {
    notice.contains(COUNT_AS_MISSING)
}

/// A single grade or signal that is too old counts as missing.
pub(super) fn drop_stale(input: &mut PlanningInput) {
    let (as_of, most) = (input.as_of, input.policy.guards.max_grade_age_hours);
    let is_stale = |at: Timestamp| longer_than(age(as_of, at), most);
    let mut dropped =
        [("trader grade", BTreeSet::new()), ("investor grade", BTreeSet::new()), ("signal", BTreeSet::new())];
    let [(_, trader), (_, investor), (_, signal)] = &mut dropped;
    for (id, asset) in &mut input.assets {
        let grades = &mut asset.grades;
        if grades.trader.take_if(|grade| is_stale(grade.at)).is_some() {
            let _ = trader.insert(id.clone());
        }
        if grades.investor.take_if(|grade| is_stale(grade.at)).is_some() {
            let _ = investor.insert(id.clone());
        }
        if grades.signal.take_if(|signal| is_stale(signal.at)).is_some() {
            let _ = signal.insert(id.clone());
        }
    }
    for (what, ids) in dropped.iter().filter(|(_, ids)| !ids.is_empty()) {
        let count = ids.len();
        let plural = if count == 1 { "" } else { "s" };
        input.notices.push(format!("{count} {what}{plural} older than {most} h {COUNT_AS_MISSING}: {}", named(ids)));
    }
}

/// Of the members (before the first run: of the leading candidates), enough must be graded.
pub(super) fn check_missing(input: &PlanningInput, violations: &mut Vec<GuardViolation>) {
    if !are_used(&input.policy) {
        return;
    }
    let is_graded = |asset: &&AssetRecord| candidates::grade(input, asset).is_some();
    let (missing, all, who) = if input.state.members.is_empty() {
        let count = input.policy.ranking.members;
        // As many as there would be if everything were graded, against those of them that are.
        let all = candidates::leading(input, count, false).len();
        let leading = candidates::leading(input, count, true);
        let graded = leading.iter().filter(|(_, asset)| is_graded(asset)).count();
        let ungraded: Vec<&AssetId> =
            leading.iter().filter(|(_, asset)| !is_graded(asset)).map(|(id, _)| *id).collect();
        (all - graded.min(all), all, named(ungraded))
    } else {
        let members = &input.state.members;
        // A member without a price is not missing a grade: it is reported as unpriced, or gone.
        let ungraded: Vec<&AssetId> =
            members.iter().filter(|id| input.assets.get(*id).is_some_and(|asset| !is_graded(&asset))).collect();
        (ungraded.len(), members.len(), named(ungraded))
    };
    if all == 0 {
        return;
    }
    let share = Decimal::from(missing) / Decimal::from(all);
    let most = input.policy.guards.max_missing_grades;
    if share > most.get() {
        let names = if who.is_empty() { String::new() } else { format!(": {who}") };
        let value = format!("{missing} of {all} members have no grade, and at most {most} of them may{names}");
        report(
            violations,
            "max_missing_grades",
            "grades",
            value,
            "fetch the grades again, or give the assets their token_id",
        );
    }
}

pub(super) fn check_zero(input: &PlanningInput, violations: &mut Vec<GuardViolation>) {
    if !are_used(&input.policy) {
        return;
    }
    let grades: Vec<Decimal> = input
        .assets
        .values()
        .filter_map(|asset| candidates::grade(input, asset))
        .map(|grade| grade.value.get())
        .collect();
    if !grades.is_empty() && grades.iter().all(Decimal::is_zero) {
        let value = format!("all {} grades are 0", grades.len());
        report(violations, "all_grades_zero", "grades", value, "the source is broken; fetch the grades again");
    }
}

/// Signals do not turn for most of the market at once; a source that was inverted or mixed up does that.
pub(super) fn check_flips(input: &PlanningInput, violations: &mut Vec<GuardViolation>) {
    if input.policy.regime.is_none() {
        return;
    }
    let pairs: Vec<(&AssetId, Signal, Signal)> = input
        .state
        .last_signals
        .iter()
        .filter_map(|(id, last)| input.assets.get(id)?.grades.signal.map(|now| (id, *last, now.value)))
        .collect();
    let is_flip = |last: Signal, now: Signal| last != now && last != Signal::Neutral && now != Signal::Neutral;
    let flipped: Vec<&AssetId> =
        pairs.iter().filter(|(_, last, now)| is_flip(*last, *now)).map(|(id, ..)| *id).collect();
    let most = input.policy.guards.max_signal_flips;
    if !pairs.is_empty() && Decimal::from(flipped.len()) / Decimal::from(pairs.len()) > most.get() {
        let value = format!(
            "{} of {} signals turned round since the run before, and at most {most} of them may: {}",
            flipped.len(),
            pairs.len(),
            named(flipped.iter().copied())
        );
        report(
            violations,
            "max_signal_flips",
            "signals",
            value,
            "confirm the signals with the source before running again",
        );
    }
}
