//! Small cases checked by hand, and many more against every subset.

use crate::model::policy::{CategoryLimit, IntegerPolicy, Limit};
use crate::model::{
    AssetId, CategoryId, Decimal, Holding, InstrumentId, ListingStatus, Money, PlanningInput, Policy, Price, Quantity,
    Rate, Side, Weight,
};
use crate::planning::error::BestOrders;
use crate::planning::plan::{IntegerSearch, ReasonCode, RebalancePlan};
use crate::planning::program::{Allocation, Program, Sides};
use crate::planning::sample::{asset, dec, id, input, policy};
use crate::planning::{PlanError, plan, survey};

fn weight(text: &str) -> Weight {
    Weight::new(dec(text)).expect(text)
}

fn rate(text: &str) -> Rate {
    Rate::parse(text).expect(text)
}

fn planned(input: &PlanningInput) -> RebalancePlan {
    plan(input).unwrap_or_else(|error| panic!("{error}"))
}

fn after(plan: &RebalancePlan, asset: &str) -> Decimal {
    let found = plan.positions.iter().find(|position| position.asset == id(asset));
    found.map_or(Decimal::ZERO, |position| position.weight_after.get())
}

fn held(plan: &RebalancePlan) -> Vec<&str> {
    let positions = plan.positions.iter().filter(|position| !position.quantity_after.is_zero());
    let mut held: Vec<&str> = positions.map(|position| position.asset.as_str()).collect();
    held.sort_unstable();
    held
}

fn search(plan: &RebalancePlan) -> &IntegerSearch {
    plan.solver.integers.as_ref().expect("a search")
}

/// Six members without a band.
fn six(edit: impl FnOnce(&mut Policy)) -> Policy {
    policy(|policy| {
        policy.ranking.members = 6;
        policy.ranking.enter_rank = 6;
        policy.ranking.exit_rank = 7;
        edit(policy);
    })
}

/// `c` may be sold in part only: while there are no more holdings than allowed, it is one as long as some of it is there, and
/// `d`, which ranks above it now, waits.
#[test]
fn a_holding_that_cannot_leave_in_one_run_keeps_its_place() {
    let policy = policy(|policy| {
        (policy.ranking.members, policy.ranking.enter_rank, policy.ranking.exit_rank) = (4, 4, 5);
        policy.limits.max_holdings = Some(3);
        policy.limits.participation = Some(rate("0.04"));
    });
    let holdings = [("a", "5000"), ("b", "3000"), ("c", "1000")];
    let mut input = input(policy, &["500", "250", "80", "120"], &holdings, "1000");
    input.assets.get_mut(&id("c")).expect("c").average_daily_volume = Some(Money::parse("10000").expect("money"));
    let plan = planned(&input);
    assert_eq!(held(&plan), ["a", "b", "c"]);
    assert_eq!(plan.relaxations, []);
}

const CAPS: [&str; 6] = ["500", "250", "120", "80", "40", "10"];

#[test]
fn no_more_constituents_are_held_than_the_policy_allows() {
    let with = |most: u32| planned(&input(six(|it| it.limits.max_holdings = Some(most)), &CAPS, &[], "10000"));
    // The largest are worth most: what is left out goes to those that are held.
    assert_eq!(held(&with(3)), ["a", "b", "c"]);
    assert_eq!(held(&with(2)), ["a", "b"]);
    assert_eq!(held(&with(6)), ["a", "b", "c", "d", "e", "f"]);
    let plan = with(3);
    let check = plan.certificate.checks.iter().find(|check| check.limit == "max_holdings").expect("a row");
    assert_eq!((check.left_side.get(), check.bound.get()), (dec("3"), dec("3")));
    let d = plan.positions.iter().find(|position| position.asset == id("d")).expect("d");
    assert!(d.reason.binding.contains(&"max_holdings".to_owned()), "{:?}", d.reason);
}

#[test]
fn what_is_too_many_is_sold_and_says_why() {
    let holdings = [("a", "5000"), ("b", "2500"), ("c", "1000"), ("d", "800"), ("e", "400")];
    let plan = planned(&input(six(|it| it.limits.max_holdings = Some(3)), &CAPS, &holdings, "300"));
    assert_eq!(held(&plan), ["a", "b", "c"]);
    let d = plan.positions.iter().find(|position| position.asset == id("d")).expect("d");
    assert_eq!(d.reason.code, ReasonCode::Exit);
    assert_eq!(d.reason.sentence, "sold in full: max_holdings leaves no room for it");
}

#[test]
fn a_constituent_weighs_nothing_or_the_least_weight() {
    let with = |least: &str| planned(&input(six(|it| it.limits.min_weight = Some(weight(least))), &CAPS, &[], "10000"));
    for least in ["0.02", "0.03", "0.05", "0.1"] {
        let plan = with(least);
        for asset in ["a", "b", "c", "d", "e", "f"] {
            let weight = after(&plan, asset);
            assert!(weight.is_zero() || weight >= dec(least), "{asset} weighs {weight}, at least {least}");
        }
    }
    // 1 % is wanted of f, and 2 % is as far from it as nothing; cash is left where it is not bought.
    let f = with("0.05");
    let f = f.positions.iter().find(|position| position.asset == id("f")).expect("f");
    assert!(f.reason.binding.contains(&"min_weight(f)".to_owned()), "{:?}", f.reason);
}

#[test]
fn a_holding_below_the_least_weight_is_raised_or_sold() {
    let holdings = [("a", "5000"), ("b", "2500"), ("c", "1000"), ("d", "800"), ("e", "290"), ("f", "60")];
    let plan = planned(&input(six(|it| it.limits.min_weight = Some(weight("0.03"))), &CAPS, &holdings, "350"));
    assert!(after(&plan, "e") >= dec("0.03"), "{}", after(&plan, "e"));
    assert_eq!(after(&plan, "f"), Decimal::ZERO);
    assert_eq!(plan.relaxations, []);
}

/// 0.6 % of `f` is held: with next to no turnover it can neither go nor grow to 3 %.
#[test]
fn a_holding_that_turnover_keeps_below_the_least_weight_gives_way() {
    let holdings = [("a", "5000"), ("b", "2500"), ("c", "1200"), ("d", "800"), ("f", "60")];
    let policy = six(|it| {
        it.limits.min_weight = Some(weight("0.03"));
        it.limits.turnover = Some(Limit { bound: weight("0.0025"), soft: None });
    });
    let plan = planned(&input(policy, &CAPS, &holdings, "440"));
    let relaxed: Vec<(&str, Decimal)> =
        plan.relaxations.iter().map(|it| (it.limit.as_str(), it.amount.get().round_dp(9))).collect();
    assert_eq!(relaxed, [("min_weight(f)", dec("0.006"))]);
    let f = plan.positions.iter().find(|position| position.asset == id("f")).expect("f");
    assert_eq!(f.reason.sentence, "stays at 0.60 %: other limits leave no room to sell it or to raise it to 3.00 %");
}

/// A run may trade 100 of `f`: it goes as far as it may, and nobody calls that a limit that gave way.
#[test]
fn what_participation_keeps_from_leaving_in_one_run_leaves_in_several() {
    let holdings = [("a", "5000"), ("b", "2500"), ("c", "1200"), ("d", "800"), ("f", "250")];
    let policy = six(|it| {
        it.limits.min_weight = Some(weight("0.03"));
        it.limits.participation = Some(rate("0.01"));
    });
    let mut input = input(policy, &CAPS, &holdings, "250");
    input.assets.get_mut(&id("f")).expect("f").average_daily_volume = Some(Money::parse("10000").expect("volume"));
    let plan = planned(&input);
    let f = after(&plan, "f");
    assert!(f == dec("0.015") || f == dec("0.035"), "{f}");
    assert_eq!(plan.relaxations, []);
}

#[test]
fn what_cannot_be_sold_counts_and_is_named() {
    let holdings = [("a", "5000"), ("b", "2500"), ("e", "1000"), ("f", "1000")];
    let mut input = input(six(|it| it.limits.max_holdings = Some(1)), &CAPS, &holdings, "500");
    for asset in ["e", "f"] {
        input.assets.get_mut(&id(asset)).expect(asset).listing.as_mut().expect("listed").status = ListingStatus::Halted;
    }
    let plan = planned(&input);
    assert_eq!(held(&plan), ["e", "f"]);
    let said = "2 constituents are held and limits.max_holdings is 1; not to be sold: e, f";
    assert!(plan.notices.contains(&said.to_owned()), "{:?}", plan.notices);
    assert_eq!(plan.relaxations, []);
}

#[test]
fn too_many_holdings_that_turnover_keeps_give_way_by_as_few_as_must() {
    let holdings = [("a", "5000"), ("b", "2500"), ("c", "1200"), ("d", "800"), ("e", "100"), ("f", "100")];
    let policy = six(|it| {
        it.limits.max_holdings = Some(2);
        it.limits.turnover = Some(Limit { bound: weight("0.011"), soft: None });
    });
    // 2.2 % may be traded: both small ones can be sold, the others cannot.
    let plan = planned(&input(policy, &CAPS, &holdings, "300"));
    assert_eq!(held(&plan), ["a", "b", "c", "d"]);
    let relaxed: Vec<_> = plan.relaxations.iter().map(|it| (it.limit.as_str(), it.amount.get())).collect();
    assert_eq!(relaxed, [("max_holdings", dec("2"))]);
    let said = "4 constituents are held and limits.max_holdings is 2; the others are sold as far as this run and its limits leave \
                room";
    assert!(plan.notices.contains(&said.to_owned()), "{:?}", plan.notices);
}

/// A run may trade 400 of `c`: it is sold as far as that, though it counts until it has gone.
#[test]
fn what_is_too_many_leaves_over_several_runs() {
    let holdings = [("a", "5000"), ("b", "3000"), ("c", "1000")];
    let policy = six(|it| {
        it.limits.max_holdings = Some(2);
        it.limits.participation = Some(rate("0.04"));
    });
    let mut input = input(policy, &CAPS, &holdings, "1000");
    input.assets.get_mut(&id("c")).expect("c").average_daily_volume = Some(Money::parse("10000").expect("volume"));
    let mut weights = Vec::new();
    for _ in 0..3 {
        let plan = planned(&input);
        weights.push(after(&plan, "c").round_dp(2));
        crate::planning::tests::settle(&mut input, &plan);
        input.state = plan.next_state;
    }
    assert_eq!(weights, [dec("0.06"), dec("0.02"), dec("0")]);
}

/// Only `c` has a place, and it must wait: of `a` and `b` a run sells 400 each, and until both have gone there is no room for
/// it. Meanwhile `a` is worth more than cash.
#[test]
fn what_comes_waits_until_what_leaves_has_gone() {
    let policy = policy(|policy| {
        (policy.ranking.members, policy.ranking.enter_rank, policy.ranking.exit_rank) = (3, 3, 3);
        policy.limits.max_holdings = Some(1);
        policy.limits.participation = Some(rate("0.04"));
    });
    let mut input = input(policy, &["100", "80", "500"], &[("a", "5000"), ("b", "4000")], "1000");
    for asset in ["a", "b"] {
        let volume = Money::parse("10000").expect("volume");
        input.assets.get_mut(&id(asset)).expect(asset).average_daily_volume = Some(volume);
    }
    let plan = planned(&input);
    assert_eq!(held(&plan), ["a", "b"]);
    assert_eq!((after(&plan, "a").round_dp(2), after(&plan, "b").round_dp(2)), (dec("0.5"), dec("0.36")));
    let relaxed: Vec<_> = plan.relaxations.iter().map(|it| (it.limit.as_str(), it.amount.get())).collect();
    assert_eq!(relaxed, [("max_holdings", dec("1"))]);
}

/// Half of the account in a category, of whose members each may have 20 %.
fn half_in_a_category(members: &[&str], holdings: &[(&str, &str)], edit: impl FnOnce(&mut Policy)) -> PlanningInput {
    let category = CategoryId::new("defi").expect("a category");
    let policy = six(|it| {
        it.limits.max_weight = Some(Limit { bound: weight("0.2"), soft: None });
        it.limits.categories = vec![CategoryLimit {
            category: category.clone(),
            min_weight: Some(weight("0.5")),
            max_weight: None,
            soft: None,
        }];
        edit(it);
    });
    let mut input = input(policy, &CAPS, holdings, if holdings.is_empty() { "10000" } else { "6000" });
    for asset in members {
        input.assets.get_mut(&id(asset)).expect(asset).categories.insert(category.clone());
    }
    input
}

/// Three of one category at most 20 % each hold 50 % only together, and two are allowed.
#[test]
fn limits_that_whole_holdings_cannot_meet_are_named() {
    for nodes in [None, Some(1)] {
        let input = half_in_a_category(&["a", "b", "c", "d"], &[], |it| {
            it.limits.max_holdings = Some(2);
            it.integers = Some(IntegerPolicy { max_nodes: nodes, ..IntegerPolicy::default() });
        });
        let error = plan(&input).expect_err("they conflict, and that takes no more than a node to prove");
        let PlanError::Conflict(conflict) = &error else { panic!("{error}") };
        // A cap of 25 % would do, too.
        let caps = ["max_weight(a)", "max_weight(b)", "max_weight(c)", "max_weight(d)"];
        assert_eq!(conflict.limits, [&["category_min(defi)", "max_holdings"][..], &caps].concat());
        let said = error.to_string();
        assert!(said.contains("it would do to move max_holdings from 2 to 3"), "{said}");
    }
}

/// Neither `a` nor `b` can be sold in one run. As long as there are too many holdings they take no place on their way out; with
/// three allowed they would, and five are needed.
#[test]
fn as_many_holdings_as_would_do_do() {
    let holdings = [("a", "2000"), ("b", "2000")];
    let with = |most: u32| {
        let mut input = half_in_a_category(&["c", "d", "e"], &holdings, |it| {
            it.limits.max_holdings = Some(most);
            it.limits.participation = Some(rate("0.04"));
        });
        for asset in ["a", "b"] {
            let volume = Money::parse("10000").expect("volume");
            input.assets.get_mut(&id(asset)).expect(asset).average_daily_volume = Some(volume);
        }
        plan(&input)
    };
    let error = with(1).expect_err("they conflict");
    let PlanError::Conflict(conflict) = &error else { panic!("{error}") };
    let repairs: Vec<_> = conflict.repairs.iter().map(|repair| (repair.limit.as_str(), repair.to)).collect();
    assert_eq!(repairs, [("max_holdings", dec("5"))], "{error}");
    assert!(matches!(with(4), Err(PlanError::Conflict(_))));
    assert_eq!(held(&with(5).expect("what was said would do")), ["a", "b", "c", "d", "e"]);
}

/// 1,000 in lots worth 130 to 380: rounding each down leaves much in cash; whole lots do not.
fn small_account(solver: Option<IntegerPolicy>) -> PlanningInput {
    let mut input = input(six(|it| it.integers = solver), &CAPS, &[], "1000");
    let prices = ["380", "190", "130", "170", "210", "150"];
    for (record, price) in input.assets.values_mut().zip(prices) {
        record.price = Price::parse(price).expect(price);
        let listing = record.listing.as_mut().expect("listed");
        (listing.lot_size, listing.min_quantity) = (Quantity::parse("1").expect("1"), Quantity::parse("1").expect("1"));
    }
    input
}

#[test]
fn a_small_account_is_planned_in_whole_lots() {
    let rounded = planned(&small_account(None));
    assert_eq!(rounded.solver.integers, None);
    let whole = planned(&small_account(Some(IntegerPolicy::default())));
    assert_eq!((search(&whole).whole_lots, search(&whole).complete), (6, true));
    let worth = |plan: &RebalancePlan| plan.certificate.optimality.expect("a proof").value.get();
    assert!(worth(&whole) > worth(&rounded), "{} and {}", worth(&whole), worth(&rounded));
    let coarse = IntegerPolicy { whole_lots_above: Some(weight("0.2")), ..IntegerPolicy::default() };
    let coarse = planned(&small_account(Some(coarse)));
    assert_eq!(coarse.solver.integers.map(|it| it.whole_lots), Some(2), "of 380 and 210");
}

/// Forty members of 10000 in cash, searched until nothing is left.
fn forty(edit: impl FnOnce(&mut Policy)) -> PlanningInput {
    let forty = policy(|it| {
        (it.ranking.members, it.ranking.enter_rank, it.ranking.exit_rank) = (40, 40, 40);
        it.integers = Some(IntegerPolicy { max_gap: Some(Weight::ZERO), ..IntegerPolicy::default() });
        edit(it);
    });
    let mut input = input(forty, &[], &[], "10000");
    for number in 1..=40 {
        let mut record = asset(&(100_000 / number).to_string());
        let listing = record.listing.as_mut().expect("listed");
        listing.instrument = InstrumentId::new(&format!("A{number}")).expect("an instrument");
        input.assets.insert(id(&format!("a{number}")), record);
    }
    input
}

/// Each of forty may take one lot more or less to spend the last of the cash: together they cannot, and that is told first.
#[test]
fn lots_of_the_same_worth_are_told_apart_by_their_number() {
    let mut input = forty(|_| ());
    for record in input.assets.values_mut() {
        record.price = Price::parse("47").expect("a price");
        let listing = record.listing.as_mut().expect("listed");
        (listing.lot_size, listing.min_quantity) = (Quantity::parse("1").expect("1"), Quantity::parse("1").expect("1"));
    }
    let found = planned(&input);
    let found = search(&found);
    assert!(found.complete && found.nodes <= 5, "{found:?}");
}

/// The same of those that weigh as little as they may.
#[test]
fn holdings_of_the_least_weight_are_told_apart_by_their_number() {
    let mut input = forty(|it| it.limits.min_weight = Some(weight("0.021")));
    hold(&mut input, "140");
    let found = planned(&input);
    let found = search(&found);
    assert!(found.complete && found.nodes <= 5, "{found:?}");
}

/// So much of each of forty, paid for out of the cash.
fn hold(input: &mut PlanningInput, units: &str) {
    let free = Quantity::parse(units).expect(units);
    for (asset, record) in &input.assets {
        let worth = record.price.value_of(free);
        input.account.cash_free = Money::new(input.account.cash_free.get() - worth.get()).expect("cash");
        input.account.holdings.insert(asset.clone(), Holding { free, locked: Quantity::ZERO });
    }
}

/// The same of orders that are as small as they may be.
#[test]
fn the_least_orders_are_told_apart_by_their_number() {
    let found = planned(&forty(|it| it.orders.min_trade = Money::parse("190").expect("money")));
    let found = search(&found);
    assert!(found.complete && found.nodes <= 5, "{found:?}");
}

/// Where some of forty trade and some do not, their number stands between its ends: lots of 5 basis points, which are left to
/// rounding, are told apart all the same where rounding breaks a limit.
#[test]
fn a_number_that_is_whole_keeps_no_line_from_being_told_apart() {
    let mut input = forty(|it| it.orders.min_trade = Money::parse("190").expect("money"));
    for record in input.assets.values_mut() {
        record.price = Price::parse("5").expect("a price");
        let listing = record.listing.as_mut().expect("listed");
        (listing.lot_size, listing.min_quantity) = (Quantity::parse("1").expect("1"), Quantity::parse("1").expect("1"));
    }
    hold(&mut input, "20");
    let found = planned(&input);
    assert!(search(&found).complete && found.orders.len() < 40, "{:?}", search(&found));
}

#[test]
fn a_holding_begins_at_the_least_weight_or_at_what_a_run_can_reach() {
    let with = |least: Option<&str>| {
        let policy = six(|it| {
            it.limits.min_weight = least.map(weight);
            it.limits.max_holdings = Some(6);
            it.limits.participation = Some(rate("0.01"));
        });
        let mut input = input(policy, &CAPS, &[("a", "5000"), ("b", "100")], "4900");
        input.assets.get_mut(&id("b")).expect("b").average_daily_volume = Some(Money::parse("2000").expect("money"));
        let survey = survey(&input).expect("a survey");
        ["a", "b", "c"].map(|asset| {
            let line = survey.portfolio.lines.iter().position(|line| *line.asset == id(asset)).expect(asset);
            survey.limits.whole.held_from(line).map(|trade| trade.round_dp(9).normalize())
        })
    };
    assert_eq!(with(None), [None; 3]);
    let expected = [dec("-0.47"), dec("0.002"), dec("0.03")];
    assert_eq!(with(Some("0.03")), expected.map(Some), "held, of which 20 may be bought, and new");
}

/// A lot is 1 %, and 30 of them are the cap: 29 would leave room for costs, at the price of a lot.
#[test]
fn a_cap_holds_as_many_whole_lots_as_it_allows() {
    let policy = six(|it| {
        it.integers = Some(IntegerPolicy::default());
        it.limits.max_weight = Some(Limit { bound: weight("0.3"), soft: None });
    });
    let mut input = input(policy, &CAPS, &[], "10000");
    let record = input.assets.get_mut(&id("a")).expect("a");
    record.price = Price::parse("100").expect("a price");
    let listing = record.listing.as_mut().expect("listed");
    (listing.lot_size, listing.min_quantity) = (Quantity::parse("1").expect("1"), Quantity::parse("1").expect("1"));
    assert_eq!(after(&planned(&input), "a"), dec("0.3"));
}

#[test]
fn a_search_that_ends_at_its_limit_is_used_only_if_it_is_close_enough() {
    let with = |nodes: u32, gap: &str| {
        let solver = IntegerPolicy { max_nodes: Some(nodes), max_gap: Some(weight(gap)), ..IntegerPolicy::default() };
        let mut input = small_account(Some(solver));
        input.policy.limits.turnover = Some(Limit { bound: weight("0.26"), soft: None });
        input.account.cash_free = Money::parse("333").expect("cash");
        for (name, units) in [("d", "2"), ("e", "1"), ("f", "3")] {
            let holding = Holding { free: Quantity::parse(units).expect(units), locked: Quantity::ZERO };
            input.account.holdings.insert(id(name), holding);
        }
        plan(&input)
    };
    let complete = with(1000, "0").expect("a plan");
    assert!(search(&complete).complete && search(&complete).nodes > 1, "{:?}", search(&complete));
    let within = with(1, "1").expect("a plan");
    let found = search(&within);
    assert_eq!((found.nodes, found.complete), (1, false), "used, and it says so");
    assert!(found.gap_bp.get() > Decimal::ZERO && found.gap_bp.get() < dec("10000"), "{found:?}");
    let error = with(1, "0").expect_err("one node proves nothing");
    let PlanError::NotProved { nodes: 1, best: BestOrders::Within(gap), .. } = error else { panic!("{error}") };
    assert!(gap > Decimal::ZERO);
    let said = error.to_string();
    assert!(said.starts_with("the search for whole quantities ended after 1 nodes, and its best"), "{said}");
    assert!(said.contains("raise integers.max_nodes or raise integers.max_gap"), "{said}");
}

/// Below the venue's minimum of 10 nothing is bought, and no sale pays for it.
#[test]
fn every_side_trades_the_least_order_or_nothing() {
    let holdings = [("a", "520"), ("b", "255"), ("c", "118"), ("d", "75"), ("e", "32")];
    let policy = six(|it| {
        it.orders.min_trade = Money::parse("12").expect("12");
        it.integers = Some(IntegerPolicy { max_gap: Some(weight("0")), ..IntegerPolicy::default() });
    });
    let plan = planned(&input(policy, &CAPS, &holdings, "20"));
    assert!(plan.orders.iter().all(|order| order.notional.get() >= dec("12")), "{:?}", plan.orders);
    assert!(search(&plan).complete);
}

/// The objective of every way to hold or sell, by trying all of them: with costs and a tilt, the best set of `most`.
#[test]
fn the_best_of_all_subsets_is_found() {
    let mut state: u64 = 7;
    let mut next = |most: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % most
    };
    for case in 0..40 {
        let caps: Vec<String> = (0..6).map(|_| (10 + next(500)).to_string()).collect();
        let held: Vec<(&str, String)> =
            ["a", "b", "c", "d", "e", "f"].into_iter().map(|name| (name, (next(8) * 200).to_string())).collect();
        let held: Vec<(&str, &str)> = held.iter().map(|(name, units)| (*name, units.as_str())).collect();
        let most = u32::try_from(1 + next(5)).expect("small");
        let cash = (500 + next(3000)).to_string();
        let caps: Vec<&str> = caps.iter().map(String::as_str).collect();
        let exact = IntegerPolicy { max_gap: Some(weight("0")), ..IntegerPolicy::default() };
        let make = |edit: &dyn Fn(&mut Policy)| {
            let policy = six(|it| {
                it.integers = Some(exact);
                edit(it);
            });
            // Next to no least order: every subset is a linear program.
            let mut input = input(policy, &caps, &held, &cash);
            for listing in input.assets.values_mut().filter_map(|record| record.listing.as_mut()) {
                listing.min_notional = Money::parse("0.01").expect("0.01");
            }
            input
        };
        let limited = make(&|it| it.limits.max_holdings = Some(most));
        let found = planned(&limited);
        let mut best: Option<Decimal> = None;
        let names: Vec<AssetId> = ["a", "b", "c", "d", "e", "f"].map(id).to_vec();
        for mask in 0..64_u32 {
            if mask.count_ones() > most {
                continue;
            }
            let chosen: Vec<AssetId> = names
                .iter()
                .enumerate()
                .filter(|(bit, _)| mask >> bit & 1 == 1)
                .map(|(_, name)| name.clone())
                .collect();
            best = best.max(oracle(&limited, &chosen));
        }
        let best = best.expect("nothing held is a way");
        let value = search(&found).value.get();
        assert!(value >= best - dec("0.00003"), "case {case}: {value} of {best}, at most {most}");
        assert!(search(&found).complete, "case {case}");
        // The oracle trades parts of lots.
        assert!(search(&found).bound.get() >= best - dec("0.00003"), "case {case}");
    }
}

/// The best objective of the linear program in which nothing but these may be held.
fn oracle(input: &PlanningInput, allowed: &[AssetId]) -> Option<Decimal> {
    let survey = survey(input).expect("a survey");
    let program = Program::formulate(input, &survey.portfolio, &survey.limits, survey.changes);
    let out = |line: usize| {
        survey.portfolio.lines.get(line).map(|line| line.asset).is_some_and(|asset| !allowed.contains(asset))
    };
    let barred = |line: usize, side: Side| side == Side::Buy && out(line);
    let lines = survey.portfolio.lines.iter().enumerate();
    let least = lines.filter(|(line, it)| out(*line) && it.sell_box > Decimal::ZERO);
    let least = least.map(|(line, it)| ((line, Side::Sell), it.sell_box)).collect();
    let given = Allocation { given: vec![Decimal::ZERO; survey.limits.rows.len()], ..Allocation::default() };
    let solved = program.solve_again(&Sides { barred: &barred, least: &least }, &given, &mut 0).expect("solves")?;
    Some(program.origin() + solved.objective)
}
