//! Soft limits that whole holdings make give way further than parts of holdings would.

use crate::model::policy::{CategoryLimit, IntegerPolicy, Ranking, RiskLimit, Soft};
use crate::model::{CategoryId, Decimal, ListingStatus, PlanningInput, Policy, Rate};
use crate::planning::error::BestOrders;
use crate::planning::integers::{Least, Questions, WholeLimits};
use crate::planning::plan::{RebalancePlan, Relaxation};
use crate::planning::program::{Allocation, Program};
use crate::planning::rounding::round_to_lots;
use crate::planning::sample::{dec, id, input, policy};
use crate::planning::{PlanError, plan, survey};

use super::tail_risk::{FLAT, ONE_CRASH, STEADY, history, rule};
use super::{hard, orders, planned, soft, weight};

/// A quarter is to be in `defi`, and no asset above 15 %. Half of it all is stuck in `a`, so that of two holdings one is left:
/// of `c` and `d` only one may be bought, where parts of both would do.
fn one_place_is_left(soft: Option<Soft>) -> PlanningInput {
    let defi = CategoryId::new("defi").expect("a category");
    let policy = policy(|policy| {
        policy.ranking = Ranking { members: 4, enter_rank: 4, exit_rank: 5, ..policy.ranking.clone() };
        policy.limits.max_holdings = Some(2);
        policy.limits.max_weight = Some(hard("0.15"));
        policy.limits.categories =
            vec![CategoryLimit { category: defi.clone(), min_weight: Some(weight("0.25")), max_weight: None, soft }];
    });
    let mut input = input(policy, &["600", "300", "200", "100"], &[("a", "5000")], "5000");
    input.assets.get_mut(&id("a")).expect("a").listing.as_mut().expect("listed").status = ListingStatus::Halted;
    for asset in ["c", "d"] {
        input.assets.get_mut(&id(asset)).expect(asset).categories = [defi.clone()].into();
    }
    input
}

#[test]
fn a_soft_limit_gives_way_to_whole_holdings_by_the_least_that_they_need() {
    let plan = planned(&one_place_is_left(Some(Soft { priority: 2, hard_bound: None })));
    let bought = orders(&plan);
    assert_eq!(bought.len(), 1, "{bought:?}");
    let [Relaxation { limit, priority: 2, amount, .. }] = plan.relaxations.as_slice() else {
        panic!("{:?}", plan.relaxations)
    };
    assert_eq!(limit, "category_min(defi)");
    // A tenth, what a round trip costs below the cap, and what the search for the least may leave.
    assert!(amount.get() >= dec("0.1") && amount.get() < dec("0.1006"), "{amount}");
}

#[test]
fn beyond_its_hard_bound_it_gives_way_to_nothing() {
    for soft in [None, Some(Soft { priority: 2, hard_bound: Some(weight("0.2")) })] {
        let Err(PlanError::Conflict(conflict)) = plan(&one_place_is_left(soft)) else {
            panic!("there are no such orders")
        };
        assert!(conflict.limits.contains(&"category_min(defi)".to_owned()), "{conflict}");
        assert!(conflict.limits.contains(&"max_holdings".to_owned()), "{conflict}");
    }
}

fn relaxed(plan: &RebalancePlan) -> Vec<(&str, Decimal)> {
    plan.relaxations.iter().map(|it| (it.limit.as_str(), it.amount.get().round_dp(3))).collect()
}

/// A quarter is to be in `defi` (`c` and `d`), a tenth in `games` (`e`), and there is one place.
fn two_categories_and_one_place(defi: u32, games: u32) -> PlanningInput {
    let category = |name| CategoryId::new(name).expect(name);
    let least = |name, least, priority| CategoryLimit {
        category: category(name),
        min_weight: Some(weight(least)),
        max_weight: None,
        soft: Some(Soft { priority, hard_bound: None }),
    };
    let policy = policy(|policy| {
        policy.ranking = Ranking { members: 5, enter_rank: 5, exit_rank: 6, ..policy.ranking.clone() };
        policy.limits.max_holdings = Some(2);
        policy.limits.max_weight = Some(hard("0.15"));
        policy.limits.categories = vec![least("defi", "0.25", defi), least("games", "0.1", games)];
    });
    let mut input = input(policy, &["600", "300", "200", "100", "50"], &[("a", "5000")], "5000");
    input.assets.get_mut(&id("a")).expect("a").listing.as_mut().expect("listed").status = ListingStatus::Halted;
    for (asset, name) in [("c", "defi"), ("d", "defi"), ("e", "games")] {
        input.assets.get_mut(&id(asset)).expect(asset).categories = [category(name)].into();
    }
    input
}

/// Whether by name or by priority the other comes first makes no difference.
#[test]
fn the_more_important_limit_gives_way_less() {
    let plan = planned(&two_categories_and_one_place(2, 3));
    assert_eq!(relaxed(&plan), [("category_min(defi)", dec("0.100")), ("category_min(games)", dec("0.100"))]);
    let plan = planned(&two_categories_and_one_place(3, 2));
    assert_eq!(relaxed(&plan), [("category_min(defi)", dec("0.250"))], "the place goes to games");
}

/// At most so many holdings; these assets are `defi`, of which there is to be so much at least, whatever happens.
fn with_defi(
    edit: impl FnOnce(&mut Policy),
    least: &str,
    defi: &[&str],
    holdings: &[(&str, &str)],
    cash: &str,
) -> PlanningInput {
    let category = CategoryId::new("defi").expect("a category");
    let policy = policy(|policy| {
        policy.limits.categories = vec![CategoryLimit {
            category: category.clone(),
            min_weight: Some(weight(least)),
            max_weight: None,
            soft: None,
        }];
        edit(policy);
    });
    let mut input = input(policy, &["600", "500", "100"], holdings, cash);
    for asset in defi {
        input.assets.get_mut(&id(asset)).expect(asset).categories = [category.clone()].into();
    }
    input
}

/// Both holdings are above the cap, but only `a` is needed: `c` has no place, for turnover does not leave enough to sell all of
/// `b`. Nothing but the cap makes it worth to sell any of it.
#[test]
fn of_several_caps_those_give_way_that_whole_holdings_need() {
    let edit = |policy: &mut Policy| {
        policy.limits.max_holdings = Some(2);
        policy.limits.max_weight = Some(soft("0.4", 2));
        policy.limits.turnover = Some(hard("0.15"));
        policy.limits.cash_buffer = None;
        policy.objective.cost_aversion = Rate::parse("100").expect("100");
    };
    let plan = planned(&with_defi(edit, "0.5", &["a", "c"], &[("a", "5000"), ("b", "4500")], "500"));
    assert_eq!(relaxed(&plan), [("max_weight(a)", dec("0.100"))]);
    let [(_, asset, _)] = orders(&plan).try_into().unwrap_or_else(|orders| panic!("{orders:?}"));
    assert_eq!(asset, "b");
}

/// Half of `b` is lost in the tail. `c`, which is flat, might stand in for it: but there is one place, and turnover does not
/// leave enough to sell all of `b`.
#[test]
fn tail_risk_gives_way_by_the_least_that_whole_holdings_need() {
    let edit = |policy: &mut Policy| {
        policy.limits.max_holdings = Some(1);
        policy.limits.turnover = Some(hard("0.2"));
        let soft = Some(Soft { priority: 2, hard_bound: None });
        policy.limits.risk = Some(RiskLimit { soft, ..rule("0.9", Some("0.11")) });
    };
    let mut input = with_defi(edit, "0.3", &["b", "c"], &[("b", "4000")], "6000");
    history(&mut input, &[("a", &STEADY), ("b", &ONE_CRASH), ("c", &FLAT)]);
    let plan = planned(&input);
    assert_eq!(relaxed(&plan), [("risk", dec("0.040"))], "0.5 · 0.3 − 0.11");
}

/// To have room for `c` all of `b` must go, and that takes more of turnover than the policy leaves.
#[test]
fn turnover_gives_way_by_the_least_that_whole_holdings_need_for_what_outranks_it() {
    let edit = |policy: &mut Policy| {
        policy.limits.max_holdings = Some(1);
        policy.limits.turnover = Some(soft("0.15", 3));
    };
    let plan = planned(&with_defi(edit, "0.25", &["c"], &[("b", "2000")], "8000"));
    assert_eq!(relaxed(&plan), [("turnover", dec("0.075"))], "{:?}", orders(&plan));
    assert_eq!(orders(&plan).len(), 2);
}

/// How far each limit gives way, where so many nodes may be looked at and these solutions are taken; and how many were.
fn least_given(input: &PlanningInput, nodes: u32, takes: fn(&Allocation) -> bool) -> (Option<Vec<Decimal>>, u32) {
    let survey = survey(input).expect("a survey");
    let (portfolio, limits) = (&survey.portfolio, &survey.limits);
    let program = Program::formulate(input, portfolio, limits, survey.changes);
    let given = program.solve().expect("a solution").given;
    let used = |allocation: Allocation, _: &WholeLimits| {
        takes(&allocation).then(|| program.used_beyond(&round_to_lots(input, portfolio, &allocation).trades))
    };
    let questions = Questions { input, portfolio, program: &program, limits, given: &given, used: &used };
    let mut looked_at = 0;
    let given = match questions.least_given(nodes, &mut looked_at).expect("no fault") {
        Least::Given(found) => Some(found.given),
        Least::Open(_) => None,
        Least::Impossible => panic!("all that may be given is enough"),
    };
    (given, looked_at)
}

#[test]
fn all_families_together_look_at_no_more_nodes_than_the_policy_allows() {
    let input = two_categories_and_one_place(2, 3);
    let (all, enough) = least_given(&input, 20_000, |_| true);
    let all: Decimal = all.expect("orders").iter().sum();
    assert!((all - dec("0.2")).abs() < dec("0.001"), "{all}");
    assert!(enough > 1, "{enough}");
    assert_eq!(least_given(&input, 0, |_| true), (None, 0), "nothing is known");
    for most in 1..enough {
        let (found, looked_at) = least_given(&input, most, |_| true);
        assert!(looked_at <= most, "{looked_at} of {most}");
        // Never less than is needed; more where there was no time to find it.
        assert!(found.is_none_or(|found| found.iter().sum::<Decimal>() > dec("0.199")), "{most}");
    }
}

#[test]
fn where_judgement_takes_no_orders_no_limit_gives_way() {
    let (found, looked_at) = least_given(&two_categories_and_one_place(2, 3), 1000, |_| false);
    assert_eq!(found, None);
    assert!(looked_at <= 500, "the first of two families is asked, and there it ends: {looked_at}");
}

/// What is not known is no conflict.
#[test]
fn a_search_that_ends_before_anything_is_known_says_so() {
    let mut input = two_categories_and_one_place(2, 3);
    input.policy.integers = Some(IntegerPolicy { max_nodes: Some(1), ..IntegerPolicy::default() });
    let error = plan(&input).expect_err("one node for two families is none for each");
    let PlanError::NotProved { best: BestOrders::None, most_nodes: 1, .. } = error else { panic!("{error}") };
}
