//! Trailing stops and sizes by volatility, from daily closes.

use super::super::{RebalancePlan, plan};
use super::tail_risk::history;
use crate::model::policy::{InverseVolatility, TrailingStop, WeightMethod};
use crate::model::{Decimal, PlanningInput, Policy, Rate};
use crate::planning::closes::volatility;
use crate::planning::plan::{ReasonCode, Role};
use crate::planning::sample::{self, dec, id};
use crate::planning::verification::verify;

fn rate(text: &str) -> Rate {
    Rate::parse(text).expect(text)
}

fn with(edit: impl FnOnce(&mut Policy), closes: &[(&str, &[&str])]) -> PlanningInput {
    let policy = sample::policy(|policy| {
        policy.reference_weights.method = WeightMethod::Equal;
        edit(policy);
    });
    let holdings = [("a", "3000"), ("b", "3000"), ("c", "3000")];
    let mut input = sample::input(policy, &["300", "200", "100"], &holdings, "1000");
    input.state.members = [id("a"), id("b"), id("c")].into();
    history(&mut input, closes);
    input
}

fn stop(policy: &mut Policy) {
    policy.eligibility.trailing_stop = Some(TrailingStop { fall: rate("0.3"), window_days: 4, cool_down_days: 3 });
}

const FLAT: [&str; 9] = ["1"; 9];

fn why(plan: &RebalancePlan, asset: &str) -> Option<String> {
    plan.exclusions.iter().find(|one| one.asset == id(asset)).map(|one| one.why.clone())
}

#[test]
fn what_fell_too_far_from_its_high_leaves_and_says_when_it_may_return() {
    // The last close is of 31 December: 29.9 % below the high of four days is nothing, 30 % is.
    let input = with(stop, &[("a", &FLAT), ("b", &["9", "10", "9", "8", "7"]), ("c", &["10", "9", "8", "7.01"])]);
    let plan = plan(&input).expect("a plan");
    assert_eq!(why(&plan, "c"), None);
    let said = "trailing stop: 30.00 % below the high of 10 on 2024-12-28 with 7 on 2024-12-31; back on 2025-01-05 at the \
                earliest";
    assert_eq!(why(&plan, "b").as_deref(), Some(said));
    let left = plan.positions.iter().find(|position| position.asset == id("b")).expect("it is held");
    assert_eq!((left.role, left.reason.code), (Role::MustExit, ReasonCode::Exit));
    assert!(!plan.next_state.members.contains(&id("b")));
    assert_eq!(verify(&input, &plan), Ok(plan.certificate.clone()));
}

/// Three days after the day that set it off it is still out, on the fourth it is back: the window has moved on.
#[test]
fn the_cool_down_counts_days_after_the_last_one_that_set_it_off() {
    for (after, out) in [(0, true), (1, true), (3, true), (4, false)] {
        let mut closes = vec!["10", "10", "10", "10", "6"];
        closes.extend(std::iter::repeat_n("10", after));
        let plan = plan(&with(stop, &[("a", &FLAT), ("b", &closes), ("c", &FLAT)])).expect("a plan");
        assert_eq!(why(&plan, "b").is_some(), out, "{after} days after: {:?}", why(&plan, "b"));
    }
    // While it stays as low as that the days do not begin to count: the window of four days ends first.
    for (after, out) in [(2, true), (5, true), (6, false)] {
        let mut closes = vec!["10", "10", "10", "10"];
        closes.extend(std::iter::repeat_n("6", after + 1));
        let plan = plan(&with(stop, &[("a", &FLAT), ("b", &closes), ("c", &FLAT)])).expect("a plan");
        assert_eq!(why(&plan, "b").is_some(), out, "{after} days after: {:?}", why(&plan, "b"));
    }
}

#[test]
fn a_day_without_a_close_sets_nothing_off() {
    let plan = plan(&with(stop, &[("a", &FLAT), ("b", &["10", "", "10", "7.5", ""]), ("c", &FLAT)])).expect("a plan");
    assert_eq!(why(&plan, "b"), None);
}

#[test]
fn the_verifier_looks_for_stops_by_itself() {
    let calm = with(|_| {}, &[]);
    let before = plan(&calm).expect("a plan");
    let mut fallen = with(stop, &[("a", &FLAT), ("b", &["10", "10", "7"]), ("c", &FLAT)]);
    fallen.policy.name.clone_from(&calm.policy.name);
    let violations = verify(&fallen, &before).expect_err("b is a constituent");
    let found = violations.iter().find(|one| one.limit == "eligibility(b)").expect("it is named");
    assert!(found.sentence.contains("a trailing stop was set off on 2024-12-31"), "{found}");
}

fn sized(floor: &str) -> impl Fn(&mut Policy) {
    let floor = rate(floor);
    move |policy| {
        let rule = InverseVolatility { window_days: 6, min_days: 4, floor };
        policy.reference_weights.inverse_volatility = Some(rule);
        policy.drift_band.kind = crate::model::policy::BandKind::None;
    }
}

/// Returns of 10 % up, then back, and of 1 %; one that never moves.
const CLOSES: [(&str, &[&str]); 3] = [
    ("a", &["100", "110", "99", "108.9", "98.01"]),
    ("b", &["100", "101", "99.99", "100.9899", "99.980001"]),
    ("c", &["5", "5", "5", "5", "5"]),
];

#[test]
fn weights_are_divided_by_volatility_down_to_the_floor() {
    let input = with(sized("0.05"), &CLOSES);
    let rule = input.policy.reference_weights.inverse_volatility.clone().expect("there is one");
    // Four returns of a tenth each way: the sum of squares over three is 0.04 / 3.
    let of = |asset: &str| volatility(&input, &rule, &id(asset)).expect("it has closes");
    assert_eq!((of("a"), of("b"), of("c")), (dec("0.115470053838"), dec("0.05"), dec("0.05")));
    let plan = plan(&input).expect("a plan");
    let reference = |asset: &str| {
        let position = plan.positions.iter().find(|position| position.asset == id(asset)).expect(asset);
        position.reference_weight.get()
    };
    let ratio = reference("b") / reference("a");
    assert!((ratio - dec("0.115470053838") / dec("0.05")).abs() < dec("0.0000000001"), "{ratio}");
    assert_eq!(reference("b"), reference("c"));
    let lower = with(sized("0.001"), &CLOSES);
    let rule = lower.policy.reference_weights.inverse_volatility.clone().expect("there is one");
    assert_eq!(volatility(&lower, &rule, &id("b")), Some(dec("0.011547005384")));
}

#[test]
fn a_member_that_cannot_be_sized_keeps_its_weight() {
    let few: [&str; 3] = ["5", "5", "5"];
    let input = with(sized("0.05"), &[CLOSES[0], CLOSES[1], ("c", &few)]);
    let plan = plan(&input).expect("a plan");
    let kept = plan.positions.iter().find(|position| position.asset == id("c")).expect("c");
    assert_eq!((kept.reference_weight.get(), kept.role), (dec("0.3"), Role::Constituent));
    assert_eq!(plan.orders.iter().find(|order| order.asset == id("c")), None);
    let why = "the member c has 3 daily closes in 6 days, and reference_weights.inverse_volatility.min_days is 4: held, not \
               bought";
    assert!(plan.notices.iter().any(|notice| notice == why), "{:?}", plan.notices);
    let rest: Decimal = plan.positions.iter().map(|position| position.reference_weight.get()).sum();
    assert!((rest + plan.cash.reference_weight.get() - Decimal::ONE).abs() < dec("0.000000000000001"));
}
