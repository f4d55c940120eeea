//! Behaviour of the whole planner on inputs small enough to work out by hand.

mod closes;
mod kept_members;
mod order_limits;
mod out_of_reach;
mod shadow_prices;
mod soft_beside_wholes;
pub(super) mod tail_risk;

use std::collections::BTreeMap;

use crate::model::grade::Dated;
use crate::model::policy::{BandKind, CategoryLimit, Limit, RegimePolicy, Soft, WeightMethod};
use crate::model::{
    CategoryId, Decimal, Flow, ListingStatus, Money, PlanningInput, Price, Quantity, Rate, RegimeObservation, Side,
    Signal, Weight,
};

use super::plan::{Outcome, ReasonCode};
use super::sample::{at, dec, id, input, policy};
use super::{PlanError, RebalancePlan, plan};

fn weight(text: &str) -> Weight {
    Weight::parse(text).expect(text)
}

fn hard(bound: &str) -> Limit {
    Limit { bound: weight(bound), soft: None }
}

fn soft(bound: &str, priority: u32) -> Limit {
    Limit { bound: weight(bound), soft: Some(Soft { priority, hard_bound: None }) }
}

fn planned(input: &PlanningInput) -> RebalancePlan {
    plan(input).unwrap_or_else(|error| panic!("{error}"))
}

fn orders(plan: &RebalancePlan) -> Vec<(Side, &str, String)> {
    plan.orders.iter().map(|order| (order.side, order.asset.as_str(), order.quantity.to_string())).collect()
}

fn code_of(plan: &RebalancePlan, asset: &str) -> ReasonCode {
    plan.positions.iter().find(|position| position.asset == id(asset)).expect(asset).reason.code
}

#[test]
fn cash_is_invested_at_reference_weights() {
    let plan = planned(&input(policy(|_| {}), &["600", "300", "100"], &[], "10000"));
    // 98 % is to be invested and the limit prices are 1 % above: the budget at limit prices allows 98.9 %.
    let bought: Vec<_> = orders(&plan);
    assert_eq!(
        bought,
        [
            (Side::Buy, "a", "5880".to_owned()),
            (Side::Buy, "b", "2940".to_owned()),
            // One cost of 0.15 % on 98 % comes out of the last by the order of ids: nobody else is short.
            (Side::Buy, "c", "965.32".to_owned()),
        ]
    );
    assert_eq!(plan.outcome, Outcome::Rebalance);
    assert!(plan.cash.after.get() >= dec("200"));
}

#[test]
fn an_empty_account_gets_an_empty_plan() {
    let plan = planned(&input(policy(|_| {}), &["600", "300"], &[], "0"));
    assert!(plan.orders.is_empty());
    assert_eq!(plan.outcome, Outcome::NothingToTrade("the account holds nothing".to_owned()));
}

#[test]
fn nobody_eligible_names_the_commonest_reason() {
    let policy = policy(|policy| policy.eligibility.min_market_cap = Some(Money::parse("1000").expect("money")));
    let error = plan(&input(policy, &["600", "600"], &[], "100")).expect_err("nobody is eligible");
    assert_eq!(
        error,
        PlanError::EmptyUniverse {
            candidates: 2,
            commonest: "market cap below the least (2 of them, such as a: market cap 600 is below 1,000)".to_owned(),
        }
    );
}

#[test]
fn the_commonest_reason_counts_rules_and_not_sentences() {
    let policy = policy(|policy| policy.eligibility.min_market_cap = Some(Money::parse("1000").expect("money")));
    let mut input = input(policy, &["600", "700", "500", "2000", "2000"], &[], "100");
    // Two say the same words; three break one rule, each with a figure of its own.
    for name in ["d", "e"] {
        input.assets.get_mut(&id(name)).expect(name).listing = None;
    }
    let error = plan(&input).expect_err("nobody is eligible");
    let commonest = "market cap below the least (3 of them, such as a: market cap 600 is below 1,000)".to_owned();
    assert_eq!(error, PlanError::EmptyUniverse { candidates: 5, commonest });
}

#[test]
fn inside_the_band_nothing_is_traded() {
    let mut first = input(policy(|_| {}), &["600", "300", "100"], &[], "10000");
    let plan_one = planned(&first);
    first.state = plan_one.next_state.clone();
    settle(&mut first, &plan_one);
    let plan_two = planned(&first);
    assert_eq!(plan_two.outcome, Outcome::InBand);
    assert!(plan_two.positions.iter().all(|position| position.reason.code == ReasonCode::InBand));
}

/// Fills every order at its reference price and estimated cost.
pub(super) fn settle(input: &mut PlanningInput, plan: &RebalancePlan) {
    input.account.cash_free = plan.cash.after;
    for position in &plan.positions {
        input.account.holdings.entry(position.asset.clone()).or_default().free = position.quantity_after;
    }
    input.account.holdings.retain(|_, holding| !holding.free.is_zero());
}

#[test]
fn a_cash_target_above_the_buffer_keeps_a_rising_market_in_band() {
    let after_a_rise = |cash: Option<&str>| {
        let policy = policy(|policy| policy.reference_weights.cash = cash.map(weight));
        let mut input = input(policy, &["600", "300", "100"], &[], "10000");
        let first = planned(&input);
        input.state = first.next_state.clone();
        settle(&mut input, &first);
        input.account.cash_free = first.net_asset_value.times(Rate::parse(cash.unwrap_or("0.02")).expect("rate"));
        for record in input.assets.values_mut() {
            record.price = crate::model::Price::parse("1.05").expect("price");
        }
        planned(&input).outcome
    };
    assert_ne!(after_a_rise(None), Outcome::InBand, "cash is below its buffer of 2 % now");
    assert_eq!(after_a_rise(Some("0.03")), Outcome::InBand);
}

#[test]
fn what_is_not_in_the_index_is_sold() {
    let plan = planned(&input(policy(|_| {}), &["600", "300", "100", "10"], &[("d", "1000")], "9000"));
    assert!(orders(&plan).contains(&(Side::Sell, "d", "1000".to_owned())));
    assert_eq!(code_of(&plan, "d"), ReasonCode::Exit);
}

#[test]
fn an_illiquid_exit_is_sold_over_several_runs() {
    let policy = policy(|policy| policy.limits.participation = Some(Rate::parse("0.01").expect("rate")));
    let mut input = input(policy, &["600", "300", "100", "10"], &[("d", "1000")], "9000");
    input.assets.get_mut(&id("d")).expect("d").average_daily_volume = Some(Money::parse("40000").expect("volume"));
    let mut rounds = 0;
    loop {
        let plan = planned(&input);
        let sold = plan.orders.iter().find(|order| order.asset == id("d"));
        let Some(sold) = sold else { break };
        assert!(sold.notional.get() <= dec("400"), "1 % of 40,000 a run");
        assert!(plan.relaxations.iter().any(|one| one.limit == "must_exit") || sold.quantity.get() < dec("400"));
        settle(&mut input, &plan);
        input.state = plan.next_state;
        rounds += 1;
    }
    assert_eq!(rounds, 3);
    assert!(!input.account.holdings.contains_key(&id("d")));
}

/// 0.2 % of a volume of 356,320 is 8,500 lots to the last digit, whatever the account is worth.
#[test]
fn participation_is_counted_in_lots_and_not_by_way_of_weights() {
    let policy = policy(|policy| policy.limits.participation = Some(Rate::parse("0.002").expect("rate")));
    for cash in ["528368.83", "528370.82", "100000.1", "77777.77", "123456.7"] {
        let mut input = input(policy.clone(), &["600", "300", "100", "10"], &[("d", "15.24703")], cash);
        let record = input.assets.get_mut(&id("d")).expect("d");
        record.price = Price::parse("8384").expect("price");
        record.average_daily_volume = Some(Money::parse("356320").expect("volume"));
        let listing = record.listing.as_mut().expect("listed");
        listing.lot_size = Quantity::parse("0.00001").expect("lot");
        listing.min_quantity = listing.lot_size;
        let plan = planned(&input);
        let sold = plan.orders.iter().find(|order| order.asset == id("d")).expect("sold");
        assert_eq!(sold.quantity.get(), dec("0.085"), "with {cash} in cash");
    }
}

/// A deposit-only run sells nothing, so cash cannot become more; what is there already costs nothing to keep.
#[test]
fn a_buffer_that_cash_covers_is_not_lowered_for_costs() {
    let buffer = |cash: &str| {
        let mut input = input(policy(|_| {}), &["600", "300", "100"], &[("a", "9800")], cash);
        input.flow = Flow::DepositOnly;
        let plan = planned(&input);
        let check = plan.certificate.checks.iter().find(|check| check.limit == "cash_buffer").expect("a row");
        check.bound.get().round_dp(6)
    };
    assert_eq!(buffer("201"), dec("0.02"));
    assert_eq!(buffer("199"), dec("0.019902"), "cash is below the buffer and nothing can be sold for it");
}

/// Three thirds are a 28th digit less than one: no cash that a hard buffer could ask for.
#[test]
fn a_lost_digit_is_no_conflict() {
    let mut input = input(policy(|_| {}), &["600", "300", "100"], &[("a", "50"), ("b", "50"), ("c", "50")], "0");
    for asset in ["a", "b", "c"] {
        input.assets.get_mut(&id(asset)).expect(asset).listing.as_mut().expect("listed").status = ListingStatus::Halted;
    }
    assert!(planned(&input).orders.is_empty());
}

/// It is held and not bought; what its cap takes from it goes to the others in the same run.
#[test]
fn a_member_without_a_grade_keeps_its_weight_up_to_its_cap() {
    let policy = policy(|policy| {
        policy.reference_weights.method = WeightMethod::Grade;
        policy.eligibility.require_grade = true;
        policy.limits.max_weight = Some(hard("0.5"));
    });
    let mut input = input(policy, &["600", "300"], &[("a", "9800")], "200");
    input.assets.get_mut(&id("a")).expect("a").grades.investor = None;
    input.state.members = [id("a")].into();
    let plan = planned(&input);
    let reference = |asset: &str| {
        let position = plan.positions.iter().find(|position| position.asset == id(asset)).expect("a position");
        position.reference_weight.get()
    };
    assert_eq!((reference("a"), reference("b")), (dec("0.5"), dec("0.48")));
    assert!(orders(&plan).iter().any(|(side, asset, _)| (*side, *asset) == (Side::Buy, "b")));
    input.policy.limits.max_weight = None;
    assert!(planned(&input).orders.is_empty(), "without a cap it keeps all it has");
}

#[test]
fn a_halted_member_is_neither_bought_nor_sold() {
    let mut input = input(policy(|_| {}), &["600", "300", "100"], &[("a", "9000")], "1000");
    input.assets.get_mut(&id("a")).expect("a").listing.as_mut().expect("listed").status = ListingStatus::Halted;
    let plan = planned(&input);
    assert!(plan.orders.iter().all(|order| order.asset != id("a")));
    assert_eq!(code_of(&plan, "a"), ReasonCode::Halted);
}

#[test]
fn a_hard_cap_sells_down_and_a_soft_one_gives_way_to_turnover() {
    let holdings = [("a", "8000"), ("b", "1000"), ("c", "800")];
    let hard_cap = policy(|policy| policy.limits.max_weight = Some(hard("0.5")));
    let plan_hard = planned(&input(hard_cap, &["600", "300", "100"], &holdings, "200"));
    let a = plan_hard.positions.iter().find(|position| position.asset == id("a")).expect("a");
    assert!(a.weight_after <= weight("0.5"), "{}", a.weight_after);
    assert_eq!(a.reason.code, ReasonCode::OverLimit);

    let soft_cap = policy(|policy| {
        policy.limits.max_weight = Some(soft("0.5", 2));
        policy.limits.turnover = Some(hard("0.05"));
    });
    let plan_soft = planned(&input(soft_cap, &["600", "300", "100"], &holdings, "200"));
    assert!(plan_soft.turnover <= weight("0.05"));
    let relaxation = plan_soft.relaxations.first().expect("the cap gave way");
    assert_eq!(relaxation.limit, "max_weight(a)");
    // 80 % can fall by 10 points at most when half of buys plus sells is 5 %.
    assert_eq!(relaxation.amount.get().round_dp(6), dec("0.2"));
}

#[test]
fn hard_limits_that_conflict_are_named_with_a_repair() {
    let policy = policy(|policy| {
        policy.limits.max_weight = Some(hard("0.5"));
        policy.limits.turnover = Some(hard("0.05"));
    });
    let holdings = [("a", "8000"), ("b", "1000"), ("c", "800")];
    let error = plan(&input(policy, &["600", "300", "100"], &holdings, "200")).expect_err("they conflict");
    let PlanError::Conflict(conflict) = &error else { panic!("{error}") };
    assert_eq!(conflict.limits, ["turnover", "max_weight(a)"]);
    let repairs: BTreeMap<&str, Decimal> =
        conflict.repairs.iter().map(|repair| (repair.limit.as_str(), repair.to)).collect();
    assert_eq!(repairs.get("max_weight(a)").map(|to| to.round_dp(4)), Some(dec("0.7")));
    assert_eq!(repairs.get("turnover").map(|to| to.round_dp(4)), Some(dec("0.15")));
    assert!(error.to_string().contains("it would do to move turnover from 0.05 to 0.15"), "{error}");
}

/// Neither category can be filled, for nobody may be bought: each needs its own bound moved.
#[test]
fn where_no_single_change_would_do_all_are_named_together() {
    let least = |category: &str| CategoryLimit {
        category: CategoryId::new(category).expect("category"),
        min_weight: Some(weight("0.2")),
        max_weight: None,
        soft: None,
    };
    let mut input = input(
        policy(|policy| policy.limits.categories.extend([least("meme"), least("defi")])),
        &["600", "300", "100"],
        &[("a", "9000"), ("b", "100")],
        "900",
    );
    for (asset, category) in [("b", "meme"), ("c", "defi")] {
        let record = input.assets.get_mut(&id(asset)).expect(asset);
        record.categories.insert(CategoryId::new(category).expect("category"));
        record.listing.as_mut().expect("listed").status = ListingStatus::Halted;
    }
    let error = plan(&input).expect_err("they conflict");
    let PlanError::Conflict(conflict) = &error else { panic!("{error}") };
    assert_eq!(conflict.repairs, [], "{error}");
    let together: Vec<(&str, Decimal)> =
        conflict.together.iter().map(|repair| (repair.limit.as_str(), repair.to)).collect();
    // Of b there is 1 %, of c nothing.
    assert_eq!(together, [("category_min(meme)", dec("0.01")), ("category_min(defi)", dec("0"))]);
    let said =
        "no single change would do, but together: move category_min(meme) from 0.2 to 0.01 and category_min(defi)";
    assert!(error.to_string().contains(said), "{error}");
}

#[test]
fn category_limits_hold() {
    let meme = CategoryId::new("meme").expect("category");
    let limit = |min: Option<&str>, max: Option<&str>| CategoryLimit {
        category: meme.clone(),
        min_weight: min.map(weight),
        max_weight: max.map(weight),
        soft: None,
    };
    let mut capped = input(
        policy(|policy| policy.limits.categories.push(limit(None, Some("0.3")))),
        &["600", "300", "100"],
        &[],
        "10000",
    );
    capped.assets.get_mut(&id("a")).expect("a").categories.insert(meme.clone());
    let plan_capped = planned(&capped);
    let after = |plan: &RebalancePlan, asset: &str| {
        plan.positions.iter().find(|position| position.asset == id(asset)).expect(asset).weight_after
    };
    assert!(after(&plan_capped, "a") <= weight("0.3"));
    assert!(after(&plan_capped, "a") > weight("0.29"));

    let mut floored = capped.clone();
    floored.policy.limits.categories = vec![limit(Some("0.7"), None)];
    assert!(after(&planned(&floored), "a") >= weight("0.7"));
}

#[test]
fn deposits_only_buy_and_withdrawals_raise_the_amount() {
    let holdings = [("a", "9000"), ("b", "500")];
    let mut deposit = input(policy(|_| {}), &["600", "300", "100"], &holdings, "500");
    deposit.flow = Flow::DepositOnly;
    let plan_deposit = planned(&deposit);
    assert!(plan_deposit.orders.iter().all(|order| order.side == Side::Buy));
    assert!(!plan_deposit.orders.is_empty());

    let mut withdraw = deposit.clone();
    withdraw.flow = Flow::Withdraw(Money::parse("3000").expect("money"));
    let plan_withdraw = planned(&withdraw);
    assert!(plan_withdraw.cash.after.get() >= dec("3200"), "{}", plan_withdraw.cash.after);
}

#[test]
fn trades_below_a_minimum_are_dropped_and_named() {
    let policy = policy(|policy| policy.orders.min_trade = Money::parse("500").expect("money"));
    let plan = planned(&input(policy, &["600", "390", "10"], &[], "10000"));
    assert!(plan.orders.iter().all(|order| order.asset != id("c")));
    assert_eq!(code_of(&plan, "c"), ReasonCode::BelowMinimum);
}

/// A hard minimum is short by 5 and the least order is 10: the order is made that large, and others pay for it.
#[test]
fn a_limit_short_of_less_than_an_order_gets_the_least_order() {
    let meme = CategoryId::new("meme").expect("category");
    let policy = policy(|policy| {
        let min_weight = Some(weight("0.1"));
        policy.limits.categories.push(CategoryLimit {
            category: meme.clone(),
            min_weight,
            max_weight: None,
            soft: None,
        });
    });
    let holdings = [("a", "5915"), ("b", "2875"), ("c", "995")];
    let mut input = input(policy, &["600", "300", "100"], &holdings, "215");
    input.assets.get_mut(&id("c")).expect("c").categories.insert(meme);
    let plan = planned(&input);
    let trades = [(Side::Sell, "a", "35"), (Side::Buy, "b", "39.86"), (Side::Buy, "c", "10.01")];
    assert_eq!(orders(&plan), trades.map(|(side, asset, quantity)| (side, asset, quantity.to_owned())));
}

#[test]
fn what_is_worth_less_than_the_venues_minimum_is_stranded() {
    let plan = planned(&input(policy(|_| {}), &["600", "300", "100", "1"], &[("d", "5")], "9995"));
    assert_eq!(code_of(&plan, "d"), ReasonCode::Stranded);
    assert!(plan.relaxations.is_empty(), "a stranded holding stands outside the limits");
}

/// What the plan says of `d`, which is to be sold: `held` units at 1, of which a run sells at most 1 % of `volume`.
fn sentence_of_a_sale(held: &str, volume: &str, edit: impl FnOnce(&mut PlanningInput)) -> String {
    let policy = policy(|policy| policy.limits.participation = Some(Rate::parse("0.01").expect("rate")));
    let mut input = input(policy, &["600", "300", "100", "1"], &[("d", held)], "9995");
    let record = input.assets.get_mut(&id("d")).expect("d");
    record.average_daily_volume = Some(Money::parse(volume).expect("money"));
    edit(&mut input);
    let plan = planned(&input);
    plan.positions.iter().find(|position| position.asset == id("d")).expect("d").reason.sentence.clone()
}

#[test]
fn a_sale_that_cannot_be_names_the_minimum_in_its_way() {
    let min_quantity = |input: &mut PlanningInput| {
        let listing = input.assets.get_mut(&id("d")).and_then(|record| record.listing.as_mut()).expect("listed");
        listing.min_quantity = Quantity::parse("40").expect("quantity");
    };
    let min_trade = |input: &mut PlanningInput| input.policy.orders.min_trade = Money::parse("25").expect("money");
    let nothing = |_: &mut PlanningInput| {};
    assert_eq!(sentence_of_a_sale("5", "100000", nothing), "all of it is worth 4.95 and the venue's minimum is 10");
    assert_eq!(
        sentence_of_a_sale("30", "100000", min_quantity),
        "all of it is 30 and the venue's minimum quantity is 40"
    );
    let most = "the most that a run may sell of it is";
    assert_eq!(sentence_of_a_sale("90", "500", nothing), format!("{most} worth 4.95 and the venue's minimum is 10"));
    assert_eq!(
        sentence_of_a_sale("90", "3000", min_quantity),
        format!("{most} 30 and the venue's minimum quantity is 40")
    );
    assert_eq!(
        sentence_of_a_sale("90", "2000", min_trade),
        format!("{most} worth 20 and the policy's minimum trade is 25")
    );
}

#[test]
fn to_band_edge_trades_less_than_to_target() {
    let drifted = |edge: bool| {
        let policy = policy(|policy| {
            policy.drift_band.kind = BandKind::Relative;
            if edge {
                policy.drift_band.on_breach = crate::model::policy::OnBreach::ToBandEdge;
            }
        });
        let holdings = [("a", "7500"), ("b", "1800"), ("c", "500")];
        let mut input = input(policy, &["600", "300", "100"], &holdings, "200");
        let fresh = planned(&input);
        input.state = fresh.next_state;
        planned(&input)
    };
    let (target, edge) = (drifted(false), drifted(true));
    assert!(edge.turnover < target.turnover);
    let a = edge.positions.iter().find(|position| position.asset == id("a")).expect("a");
    assert_eq!(a.weight_after.get().round_dp(3), dec("0.647"), "58.8 % and a tenth of it");
}

#[test]
fn two_plans_of_one_input_are_the_same_bytes() {
    let input = input(policy(|_| {}), &["100", "100", "100", "100"], &[("d", "777.77")], "5000");
    let bytes = |plan: &RebalancePlan| serde_json::to_string(plan).expect("serialises");
    let first = bytes(&planned(&input));
    assert!((0..20).all(|_| bytes(&planned(&input)) == first));
}

#[test]
fn no_limit_asks_for_what_nobody_can_sell() {
    let meme = CategoryId::new("meme").expect("category");
    let policy = policy(|policy| {
        policy.limits.max_weight = Some(hard("0.5"));
        policy.limits.categories.push(CategoryLimit {
            category: meme.clone(),
            min_weight: None,
            max_weight: Some(weight("0.4")),
            soft: None,
        });
    });
    let mut halted = input(policy, &["600", "300", "100"], &[("a", "7000"), ("b", "1000")], "2000");
    let a = halted.assets.get_mut(&id("a")).expect("a");
    a.categories.insert(meme);
    a.listing.as_mut().expect("listed").status = ListingStatus::Halted;
    let plan = planned(&halted);
    assert!(plan.orders.iter().all(|order| order.asset != id("a")));
    assert!(plan.orders.iter().any(|order| order.asset == id("b")), "the rest is rebalanced all the same");
    let cap = plan.certificate.checks.iter().find(|check| check.limit == "max_weight(a)").expect("certified");
    assert_eq!((cap.bound, cap.left_side), (weight("0.7"), weight("0.7")));

    // A deposit cannot mend a cap that drift has broken, and must not be refused for it.
    let mut deposit = halted.clone();
    deposit.assets.get_mut(&id("a")).expect("a").listing.as_mut().expect("listed").status = ListingStatus::Trading;
    deposit.flow = Flow::DepositOnly;
    let plan = planned(&deposit);
    assert!(!plan.orders.is_empty() && plan.orders.iter().all(|order| order.asset != id("a")));
}

// Regime.

fn regime_policy() -> RegimePolicy {
    RegimePolicy {
        bullish_at: weight("0.6"),
        bearish_at: weight("0.4"),
        confirmations: 2,
        bullish_stable_share: weight("0"),
        bearish_stable_share: weight("0.5"),
        no_buy_when_bearish: true,
        stable_legs: [id("c")].into(),
        max_depeg: Rate::parse("0.02").expect("rate"),
    }
}

fn with_signal(signal: Signal, on: &str) -> PlanningInput {
    let policy = policy(|policy| policy.regime = Some(regime_policy()));
    let mut input = input(policy, &["600", "300", "100"], &[("a", "6000"), ("b", "3000")], "1000");
    for record in input.assets.values_mut() {
        record.grades.signal = Some(Dated { value: signal, at: at(on) });
    }
    input
}

#[test]
fn the_first_observation_decides_the_regime() {
    let plan = planned(&with_signal(Signal::Bearish, "2025-01-01T00:00:00Z"));
    assert!(plan.regime.bearish);
    assert_eq!(plan.regime.stable_share, weight("0.5"));
    assert!(plan.orders.iter().all(|order| order.side == Side::Sell || order.asset == id("c")));
    let stable: Decimal = plan
        .positions
        .iter()
        .filter(|position| position.asset == id("c"))
        .map(|position| position.weight_after.get())
        .sum::<Decimal>()
        + plan.cash.weight_after.get();
    assert!(stable >= dec("0.5"), "{stable}");
}

#[test]
fn the_regime_turns_only_after_its_confirmations() {
    let mut input = with_signal(Signal::Bearish, "2025-01-02T00:00:00Z");
    input.state.bearish = Some(false);
    let observation =
        |date: &str, share: &str| RegimeObservation { date: date.parse().expect(date), bullish_share: weight(share) };
    input.state.regime_observations = vec![observation("2025-01-01", "0.9")];
    let first = planned(&input);
    assert!(!first.regime.bearish && !first.regime.changed);

    // The same signal date again confirms nothing.
    input.state = first.next_state.clone();
    input.state.bearish = Some(false);
    assert!(!planned(&input).regime.bearish);

    for record in input.assets.values_mut() {
        record.grades.signal = Some(Dated { value: Signal::Bearish, at: at("2025-01-03T00:00:00Z") });
    }
    let second = planned(&input);
    assert!(second.regime.bearish && second.regime.changed);
    assert_eq!(second.next_state.regime_observations.len(), 2);
}

#[test]
fn a_locked_holding_is_valued_and_not_sold() {
    let mut input = input(policy(|_| {}), &["600", "300", "100", "10"], &[], "5000");
    let locked = Quantity::parse("5000").expect("quantity");
    input.account.holdings.insert(id("d"), crate::model::Holding { free: Quantity::ZERO, locked });
    let plan = planned(&input);
    assert_eq!(plan.net_asset_value.get(), dec("10000"));
    assert_eq!(code_of(&plan, "d"), ReasonCode::Locked);
    assert!(plan.orders.iter().all(|order| order.asset != id("d")));
}

/// Tilt pulls to the better graded; a member that lost its grade is neither better nor worse.
#[test]
fn the_tilt_leaves_a_member_without_a_grade_alone() {
    let sold = |grade: Option<&str>| {
        let policy = policy(|policy| policy.objective.grade_tilt = Rate::parse("9").expect("rate"));
        let holdings = [("a", "5880"), ("b", "2940"), ("c", "980")];
        let mut input = input(policy, &["600", "300", "100"], &holdings, "200");
        input.state.members = [id("a"), id("b"), id("c")].into();
        let grades = &mut input.assets.get_mut(&id("a")).expect("a").grades;
        grades.investor = grade.map(|grade| Dated {
            value: crate::model::Grade::new(dec(grade)).expect("grade"),
            at: at("2025-01-01T00:00:00Z"),
        });
        // Outside its band, so that the tilt is asked at all.
        input.policy.drift_band.kind = BandKind::None;
        input.policy.drift_band.width = None;
        planned(&input).orders.iter().any(|order| order.asset == id("a") && order.side == Side::Sell)
    };
    assert!(sold(Some("1")), "graded far worse than the others");
    assert!(!sold(None));
}
