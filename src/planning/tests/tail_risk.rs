//! Tail risk as a limit and in the objective, on scenarios that a reader can reckon with.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::super::verification::verify;
use super::super::{PlanError, RebalancePlan, at_the_margin, plan};
use crate::model::history::{cut, later};
use crate::model::policy::{Limit, RiskLimit, Soft};
use crate::model::{AssetId, Decimal, PlanningInput, Policy, Price, Rate, Weight};
use crate::planning::plan::Outcome;
use crate::planning::sample::{self, dec, id};

fn weight(text: &str) -> Weight {
    Weight::parse(text).expect(text)
}

pub(super) fn rule(beta: &str, bound: Option<&str>) -> RiskLimit {
    RiskLimit {
        beta: weight(beta),
        horizon_days: 1,
        window_days: 10,
        min_days: 5,
        bound: bound.map(weight),
        soft: None,
    }
}

/// Closes that end on the last day of 2024: the planning time is the first moment of 2025.
pub(super) fn history(input: &mut PlanningInput, closes: &[(&str, &[&str])]) {
    let last: Date = "2024-12-31".parse().expect("a day");
    let column = |closes: &[&str]| -> BTreeMap<Date, Price> {
        let days = (0_i64..).map(|back| later(last, -back).expect("a day"));
        let closes = closes.iter().rev().zip(days).filter(|(close, _)| !close.is_empty());
        closes.map(|(close, day)| (day, Price::parse(close).expect(close))).collect()
    };
    let assets: Vec<(AssetId, BTreeMap<Date, Price>)> =
        closes.iter().map(|(asset, closes)| (id(asset), column(closes))).collect();
    input.history = cut(assets, last, 400);
}

/// Ten scenarios: `a` loses half of a tenth and gains it back in turn, `b` loses half once, `c` nothing ever.
pub(super) const STEADY: [&str; 11] = ["100", "95", "100", "95", "100", "95", "100", "95", "100", "95", "100"];
pub(super) const ONE_CRASH: [&str; 11] = ["10", "10", "10", "10", "5", "5", "5", "5", "5", "5", "5"];
pub(super) const FLAT: [&str; 11] = ["1"; 11];

fn input(edit: impl FnOnce(&mut Policy), holdings: &[(&str, &str)], cash: &str) -> PlanningInput {
    let policy = sample::policy(|policy| {
        policy.reference_weights.method = crate::model::policy::WeightMethod::Equal;
        edit(policy);
    });
    let mut input = sample::input(policy, &["300", "200", "100"], holdings, cash);
    history(&mut input, &[("a", &STEADY), ("b", &ONE_CRASH), ("c", &FLAT)]);
    input
}

/// One holding at most, and so much of a tail.
pub(in crate::planning) fn limited_to_one_holding(bound: &str) -> PlanningInput {
    let edit = |policy: &mut Policy| {
        policy.limits.risk = Some(rule("0.9", Some(bound)));
        policy.limits.max_holdings = Some(1);
    };
    input(edit, &[], "10000")
}

fn check<'a>(plan: &'a RebalancePlan, limit: &str) -> &'a crate::planning::plan::LimitCheck {
    plan.certificate.checks.iter().find(|check| check.limit == limit).unwrap_or_else(|| panic!("no {limit}"))
}

fn after(plan: &RebalancePlan, asset: &str) -> Decimal {
    plan.positions.iter().find(|position| position.asset == id(asset)).expect(asset).weight_after.get()
}

/// At 0.9 of ten scenarios the tail is the worst one: `b`'s crash, on a day on which `a` stood still or gained.
#[test]
fn the_limit_holds_the_portfolio_below_its_bound() {
    let free = plan(&input(|_| {}, &[], "10000")).expect("a plan");
    assert!(after(&free, "b") > dec("0.32"), "without a limit a third is b: {}", after(&free, "b"));

    let limited = input(|policy| policy.limits.risk = Some(rule("0.9", Some("0.1"))), &[], "10000");
    let plan = plan(&limited).expect("a plan");
    let risk = check(&plan, "risk");
    assert!(risk.left_side <= weight("0.1") && risk.left_side > weight("0.0995"), "{risk:?}");
    // On the day of the crash (95 to 100 and 10 to 5) a gained a nineteenth, cut to twelve decimals.
    let (a, b) = (after(&plan, "a"), after(&plan, "b"));
    let by_hand = b * dec("0.5") - a * dec("0.052631578947");
    let steady = a * dec("0.05");
    assert!((risk.left_side.get() - by_hand.max(steady)).abs() < dec("0.000000000001"), "{by_hand}, {risk:?}");
    let optimality = plan.certificate.optimality.expect("it is proved");
    // A thousandth and a half twice of the bound is kept free for costs, at what tracking asks for it.
    assert!(optimality.gap_bp.get() < dec("20"), "{optimality:?}");
    assert!(plan.tail.is_some() && plan.outcome == Outcome::Rebalance);
    assert_eq!(verify(&limited, &plan), Ok(plan.certificate.clone()));
}

/// The tail of 2.5 scenarios: the two worst and half of the third.
#[test]
fn a_part_of_a_scenario_counts_as_a_part() {
    let two = |policy: &mut Policy| {
        policy.limits.risk = Some(rule("0.75", Some("1")));
        policy.limits.cash_buffer = None;
        (policy.ranking.members, policy.ranking.enter_rank, policy.ranking.exit_rank) = (2, 2, 2);
    };
    let mut limited = input(two, &[("a", "5000"), ("b", "5000")], "0");
    limited.state.members = [id("a"), id("b")].into();
    let plan = plan(&limited).expect("a plan");
    assert_eq!(plan.outcome, Outcome::InBand);
    // Half of each: b's crash gives (0.5 - 0.052631578947) / 2, a's falls on other days 0.05 / 2 each.
    let by_hand = (dec("0.2236842105265") + dec("0.025") + dec("0.0125")) / dec("2.5");
    let stated = check(&plan, "risk").left_side.get();
    assert!((stated - by_hand).abs() < dec("0.000000000001"), "{stated} is not {by_hand}");
}

#[test]
fn what_is_over_the_bound_is_sold_first_and_gives_way_by_the_least() {
    let over = |turnover: &str, soft: Option<Soft>| {
        input(
            |policy| {
                policy.limits.risk = Some(RiskLimit { soft, ..rule("0.9", Some("0.1")) });
                policy.limits.turnover = Some(Limit { bound: weight(turnover), soft: None });
            },
            &[("b", "9000")],
            "1000",
        )
    };
    // 45 % may be lost; within a twentieth of turnover a tenth of the account is sold, and 40 % are left.
    let soft = Some(Soft { priority: 2, hard_bound: None });
    let relaxed = plan(&over("0.05", soft.clone())).expect("a plan");
    let risk = check(&relaxed, "risk");
    assert!((risk.left_side.get() - dec("0.4")).abs() < dec("0.0001"), "{risk:?}");
    assert!((risk.relaxation.get() - dec("0.3")).abs() < dec("0.0001"), "{risk:?}");
    assert_eq!(relaxed.relaxations.iter().map(|one| one.limit.as_str()).collect::<Vec<_>>(), ["risk"]);
    assert!(relaxed.orders.iter().all(|order| order.asset == id("b")), "nothing else is bought meanwhile");
    assert_eq!(verify(&over("0.05", soft), &relaxed), Ok(relaxed.certificate.clone()));

    let error = plan(&over("0.05", None)).expect_err("both are hard");
    let PlanError::Conflict(conflict) = &error else { panic!("{error}") };
    assert_eq!(conflict.limits, ["turnover", "risk"]);
    let to =
        |limit: &str| conflict.repairs.iter().find(|repair| repair.limit == limit).map(|repair| repair.to.round_dp(4));
    assert_eq!((to("risk"), to("turnover")), (Some(dec("0.4")), Some(dec("0.35"))), "{error}");

    // With hard bounds a soft limit may not give way further.
    let short = Some(Soft { priority: 2, hard_bound: Some(weight("0.3")) });
    assert!(matches!(plan(&over("0.05", short)), Err(PlanError::Conflict(_))));
}

/// Nobody is asked to sell what cannot be sold.
#[test]
fn a_bound_asks_no_more_than_selling_all_that_can_be_sold() {
    let mut halted = input(|policy| policy.limits.risk = Some(rule("0.9", Some("0.01"))), &[("b", "5000")], "5000");
    let listing = halted.assets.get_mut(&id("b")).and_then(|record| record.listing.as_mut()).expect("listed");
    listing.status = crate::model::ListingStatus::Halted;
    let plan = plan(&halted).expect("a plan");
    let risk = check(&plan, "risk");
    assert_eq!(risk.bound, weight("0.25"), "half of half an account");
    assert!(risk.left_side <= risk.bound, "{risk:?}");
}

#[test]
fn risk_aversion_buys_less_of_what_crashes() {
    let bought = |aversion: &str| {
        let priced = input(
            |policy| {
                policy.limits.risk = Some(rule("0.9", None));
                policy.objective.risk_aversion = Some(Rate::parse(aversion).expect(aversion));
            },
            &[],
            "10000",
        );
        let plan = plan(&priced).expect("a plan");
        assert!(plan.certificate.checks.iter().all(|check| check.limit != "risk"), "there is no bound");
        assert!(
            plan.certificate.optimality.expect("proved").gap_bp.get() < dec("3"),
            "{:?}",
            plan.certificate.optimality
        );
        after(&plan, "b")
    };
    let (none, some, much) = (bought("0"), bought("3"), bought("20"));
    assert!(none > dec("0.32") && some < none && much < some, "{none}, {some}, {much}");
}

#[test]
fn an_asset_with_too_few_closes_is_held_not_bought_and_counts_as_lost() {
    let few: [&str; 4] = ["1", "1", "1", "1"];
    let limits = |policy: &mut Policy| policy.limits.risk = Some(rule("0.9", Some("0.9")));
    let mut newcomer = input(limits, &[("a", "5000")], "5000");
    history(&mut newcomer, &[("a", &STEADY), ("b", &FLAT), ("c", &few)]);
    let first = plan(&newcomer).expect("a plan");
    let why = first.exclusions.iter().find(|one| one.asset == id("c")).map(|one| one.why.clone());
    assert_eq!(why.as_deref(), Some("4 daily closes in 10 days, and limits.risk.min_days is 5"));

    let mut member = input(limits, &[("c", "1000")], "9000");
    history(&mut member, &[("a", &STEADY), ("b", &FLAT), ("c", &few)]);
    member.state.members = [id("a"), id("b"), id("c")].into();
    let second = plan(&member).expect("a plan");
    assert_eq!(after(&second, "c"), dec("0.1"), "held, not bought");
    let notice = "the member c has 4 daily closes in 10 days, and limits.risk.min_days is 5: held, not bought";
    assert!(second.notices.iter().any(|one| one == notice), "{:?}", second.notices);
    let risk = check(&second, "risk").left_side.get();
    let by_hand = dec("0.1") + after(&second, "a") * dec("0.05");
    assert!((risk - by_hand).abs() < dec("0.000000000001"), "{risk} is not {by_hand}");

    let mut stale = input(limits, &[("a", "5000")], "5000");
    let stopped: [&str; 11] = ["1", "1", "1", "1", "1", "1", "1", "1", "", "", ""];
    history(&mut stale, &[("a", &STEADY), ("b", &FLAT), ("c", &stopped)]);
    let third = plan(&stale).expect("a plan");
    let why = third.exclusions.iter().find(|one| one.asset == id("c")).map(|one| one.why.clone());
    assert_eq!(why.as_deref(), Some("no daily close since 2024-12-28"));
}

/// Before its first close an asset loses what it lost in its worst known scenario.
#[test]
fn days_before_the_first_close_count_as_the_worst_known() {
    let young: [&str; 6] = ["10", "10", "8", "8", "8", "8"];
    let mut one = input(|policy| policy.limits.risk = Some(rule("0.8", Some("0.9"))), &[("c", "5000")], "5000");
    history(&mut one, &[("a", &FLAT), ("b", &FLAT), ("c", &young)]);
    one.policy.drift_band.width = Some(weight("0.99"));
    one.state.members = [id("a"), id("b"), id("c")].into();
    let plan = plan(&one).expect("a plan");
    // It fell by a fifth once in five known scenarios, and counts as fallen in the five before: the tail of two is full.
    let risk = check(&plan, "risk").left_side.get();
    assert_eq!(risk, after(&plan, "c") * dec("0.2"));
}

#[test]
fn a_point_more_room_for_risk_has_a_price() {
    let limited = input(|policy| policy.limits.risk = Some(rule("0.9", Some("0.1"))), &[], "10000");
    let plan = plan(&limited).expect("a plan");
    let margin = at_the_margin(&limited, &plan).expect("prices");
    let price = margin.limits.iter().find(|price| price.limit == "risk").expect("it holds something back");
    assert!(price.looser_bp.get() > Decimal::ZERO, "{price:?}");
    let of_b = margin.assets.get(&id("b")).expect("b is traded");
    assert!(of_b.takes_bp.get("risk").is_some_and(|taken| taken.get() > Decimal::ZERO), "{of_b:?}");
    // What a point is worth, measured: the optimum with a point more room, and with the bound as it is.
    let wider = input(|policy| policy.limits.risk = Some(rule("0.9", Some("0.101"))), &[], "10000");
    let value =
        |input: &PlanningInput| super::super::plan(input).expect("a plan").certificate.optimality.expect("proved");
    let gained = (value(&wider).bound.get() - value(&limited).bound.get()) * dec("100000");
    assert!((gained - price.looser_bp.get()).abs() < price.looser_bp.get() * dec("0.05"), "{gained} bp, {price:?}");
}

fn tail(plan: &mut RebalancePlan) -> &mut crate::planning::plan::Tail {
    plan.tail.as_mut().expect("it has one")
}

#[test]
fn a_tail_that_is_none_or_costs_too_much_is_refused() {
    let limited = input(|policy| policy.limits.risk = Some(rule("0.9", Some("0.1"))), &[], "10000");
    let sound = plan(&limited).expect("a plan");
    let refused = |edit: &dyn Fn(&mut RebalancePlan)| {
        let mut plan = sound.clone();
        edit(&mut plan);
        match verify(&limited, &plan) {
            Ok(_) => panic!("it is accepted"),
            Err(violations) => violations.into_iter().map(|one| one.to_string()).collect::<Vec<_>>().join("\n"),
        }
    };
    let dearer = refused(&|plan| tail(plan).price = crate::model::DualPrice::parse("1000").expect("a price"));
    assert!(dearer.contains("limit and objective together"), "{dearer}");
    let more = refused(&|plan| {
        let first = tail(plan).days.first_mut().expect("a day");
        first.part -= weight("0.1");
    });
    assert!(more.contains("and the tail has 1"), "{more}");
    let elsewhere =
        refused(&|plan| tail(plan).days.first_mut().expect("a day").day = "2020-01-01".parse().expect("a day"));
    assert!(elsewhere.contains("2020-01-01 ends no scenario"), "{elsewhere}");
    let claimed = refused(&|plan| plan.tail = None);
    assert!(claimed.contains("optimality"), "without the tail the gap is wider: {claimed}");
}

#[test]
fn the_verifier_reckons_risk_by_itself() {
    let limited = input(|policy| policy.limits.risk = Some(rule("0.9", Some("0.2"))), &[], "10000");
    let plan = plan(&limited).expect("a plan");
    let mut tighter = limited.clone();
    tighter.policy.limits.risk = Some(rule("0.9", Some("0.05")));
    let violations = verify(&tighter, &plan).expect_err("it loses more than a twentieth");
    assert!(violations.iter().any(|violation| violation.limit == "risk"), "{violations:?}");
}

/// The search for whole holdings knows tail risk in part: what it finds is measured in full, and what it did not know is
/// added to every node.
#[test]
fn whole_holdings_keep_the_limit_and_are_proved() {
    for bound in ["0.1", "0.04", "0.02", "0.01"] {
        for most in 1..=3 {
            let limited = input(
                |policy| {
                    policy.limits.risk = Some(rule("0.9", Some(bound)));
                    policy.limits.max_holdings = Some(most);
                },
                &[],
                "10000",
            );
            match plan(&limited) {
                Ok(plan) => {
                    // An average over scenarios is met to ten digits, as the verifier has it.
                    let risk = check(&plan, "risk");
                    assert!(risk.left_side.get() <= dec(bound) + dec("0.0000000001"), "{bound}, {most}: {risk:?}");
                    let held = ["a", "b", "c"].iter().filter(|asset| !after(&plan, asset).is_zero()).count();
                    assert!(held <= usize::try_from(most).expect("small"), "{bound}, {most}: {held}");
                }
                Err(error) => panic!("{bound}, {most}: {error}"),
            }
        }
    }
}

/// `c` trebles on the day on which `b` all but ends: a little more of it than its reference lets much more of `b` be held
/// than the bound would allow otherwise, though by itself no such buy pays.
#[test]
fn what_gains_on_the_worst_day_is_bought_beyond_its_reference() {
    const CRASH: [&str; 11] = ["10", "10", "10", "10", "1", "1", "1", "1", "1", "1", "1"];
    const GAIN: [&str; 11] = ["1", "1", "1", "1", "3", "3", "3", "3", "3", "3", "3"];
    let edit = |policy: &mut Policy| {
        policy.limits.risk = Some(rule("0.9", Some("0.05")));
        policy.reference_weights.method = crate::model::policy::WeightMethod::MarketCap;
    };
    let mut limited = input(edit, &[], "10000");
    for (asset, cap) in [("a", "400"), ("b", "500"), ("c", "100")] {
        limited.assets.get_mut(&id(asset)).expect(asset).market_cap = Some(crate::model::Money::parse(cap).expect(cap));
    }
    history(&mut limited, &[("a", &FLAT), ("b", &CRASH), ("c", &GAIN)]);
    let plan = plan(&limited).expect("a plan");
    // References are a tenth for `c` and half for `b`, a buffer less: 0.9 b − 2 c ≤ 0.05 takes c up, not b all the way down.
    let (b, c) = (after(&plan, "b"), after(&plan, "c"));
    assert!(b > dec("0.42") && c > dec("0.16"), "{b}, {c}");
    assert!(check(&plan, "risk").left_side <= weight("0.05"));
}
