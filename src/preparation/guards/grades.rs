//! Guards on grades and signals. They are asked only where the policy uses what they guard.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{age, candidates, in_hours, longer_than, named};
use crate::model::{AssetId, AssetRecord, Decimal, Grade, PlanningInput, Signal};
use crate::preparation::GuardViolation;

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
    if input.policy.uses_grades() {
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

/// Of the members (before the first run: of the leading candidates), enough must be graded. Graded too low is graded.
pub(super) fn check_missing(input: &PlanningInput, violations: &mut Vec<GuardViolation>) {
    if !input.policy.uses_grades() {
        return;
    }
    let members = &input.state.members;
    let leading = candidates::leading(input, input.policy.ranking.members, false);
    // A member without a price is not missing a grade: it is reported as unpriced, or gone.
    let (asked, all): (Vec<(&AssetId, &AssetRecord)>, usize) = if members.is_empty() {
        let all = leading.len();
        (leading, all)
    } else {
        (input.assets.iter().filter(|(id, _)| members.contains(*id)).collect(), members.len())
    };
    let ungraded: Vec<&AssetId> =
        asked.into_iter().filter(|(_, asset)| candidates::grade(input, asset).is_none()).map(|(id, _)| id).collect();
    let missing = ungraded.len();
    if all == 0 {
        return;
    }
    let share = Decimal::from(missing) / Decimal::from(all);
    let most = input.policy.guards.max_missing_grades;
    if share > most.get() {
        let names = named(ungraded);
        let value = format!("{missing} of {all} members have no grade, and at most {most} of them may: {names}");
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
    if !input.policy.uses_grades() {
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

/// The order of the market by grade does not turn round at once; on a scale turned round, or with grades dealt out to
/// the wrong assets, it does. The order and not the figures: all grades may well rise or fall together.
pub(super) fn check_grade_flips(input: &PlanningInput, violations: &mut Vec<GuardViolation>) {
    let Some(last) = input.state.last_grades.get(&input.policy.ranking.grade).filter(|_| input.policy.uses_grades())
    else {
        return;
    };
    let now = |id: &AssetId| candidates::grade(input, input.assets.get(id)?).map(|grade| grade.value);
    let both: Vec<(Grade, Grade)> = last.iter().filter_map(|(id, last)| Some((*last, now(id)?))).collect();
    let (turned, ordered) = turned_pairs(both);
    let most = input.policy.guards.grade_flips();
    if ordered > 0 && Decimal::from(turned) / Decimal::from(ordered) > most {
        let value = format!(
            "{turned} of {ordered} pairs of assets changed their order by grade since the run before, and at most {most} \
             of them may"
        );
        let remedy = "confirm the grades with the source; if they are right, raise guards.max_grade_flips for one run";
        report(violations, "max_grade_flips", "grades", value, remedy);
    }
}

/// Of grades before and now: the pairs of assets whose order turned round, and those that have an order both times.
fn turned_pairs(mut grades: Vec<(Grade, Grade)>) -> (usize, usize) {
    grades.sort_unstable();
    let (mut turned, mut ordered) = (0, 0);
    // What those that were worse before are graded now, rising.
    let mut worse: Vec<Grade> = Vec::with_capacity(grades.len());
    for equals in grades.chunk_by(|left, right| left.0 == right.0) {
        for (_, now) in equals {
            let above = worse.len() - worse.partition_point(|other| other <= now);
            turned += above;
            ordered += above + worse.partition_point(|other| other < now);
        }
        for (_, now) in equals {
            worse.insert(worse.partition_point(|other| other < now), *now);
        }
    }
    (turned, ordered)
}

/// Signals do not turn for most of the market at once; a source that was inverted or mixed up does that.
pub(super) fn check_signal_flips(input: &PlanningInput, violations: &mut Vec<GuardViolation>) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(before: &[i64], now: &[i64]) -> (usize, usize) {
        let grade = |value: &i64| Grade::new(Decimal::from(*value)).expect("a grade");
        turned_pairs(before.iter().map(grade).zip(now.iter().map(grade)).collect())
    }

    #[test]
    fn pairs_are_counted_as_they_turn() {
        assert_eq!(pairs(&[], &[]), (0, 0));
        assert_eq!(pairs(&[1, 2, 3, 4], &[10, 20, 30, 40]), (0, 6));
        assert_eq!(pairs(&[1, 2, 3, 4], &[99, 98, 97, 96]), (6, 6));
        assert_eq!(pairs(&[4, 1, 3, 2], &[40, 10, 20, 30]), (1, 6), "of 3 and 2");
        assert_eq!(pairs(&[1, 1, 2], &[7, 9, 8]), (1, 2), "equals before have no order");
        assert_eq!(pairs(&[1, 2, 3], &[5, 5, 4]), (2, 2), "nor have equals now");
    }

    #[test]
    fn a_count_pair_by_pair_agrees() {
        let (before, now): (Vec<i64>, Vec<i64>) = (0..60).map(|n| ((n * 37) % 41, (n * n * 13 + n) % 29)).unzip();
        let mut counted = (0, 0);
        for left in 0..before.len() {
            for right in 0..left {
                let product = (before[left] - before[right]) * (now[left] - now[right]);
                counted.0 += usize::from(product < 0);
                counted.1 += usize::from(product != 0);
            }
        }
        assert_eq!(pairs(&before, &now), counted);
    }
}
