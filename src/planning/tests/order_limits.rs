//! What one order and one run may be at most: held to by several runs, never a reason to discard a plan.

use crate::model::policy::WeightMethod;
use crate::model::{Flow, Money, PlanningInput, Quantity, Rate, Side, Tick};
use crate::planning::sample::{dec, id, input, policy};
use crate::planning::{PlanError, RebalancePlan, plan};

use super::{hard, orders, planned, settle};

fn money(text: &str) -> Money {
    Money::parse(text).expect(text)
}

/// Why an asset is traded or not.
fn sentence<'a>(plan: &'a RebalancePlan, asset: &str) -> &'a str {
    let position = plan.positions.iter().find(|position| position.asset == id(asset)).expect(asset);
    &position.reason.sentence
}

fn all_cash(change: impl FnOnce(&mut PlanningInput)) -> PlanningInput {
    let mut input = input(policy(|_| {}), &["600", "300", "100"], &[], "10000");
    change(&mut input);
    input
}

/// The notional of each run until one trades nothing.
fn runs(mut input: PlanningInput) -> Vec<Money> {
    let mut notionals = Vec::new();
    loop {
        let plan = planned(&input);
        if plan.orders.is_empty() || notionals.len() > 20 {
            return notionals;
        }
        notionals.push(plan.orders.iter().map(|order| order.notional).sum());
        settle(&mut input, &plan);
        input.state = plan.next_state;
    }
}

/// 5,880 of `a` in orders of 2,000: three runs.
#[test]
fn a_position_larger_than_the_largest_order_is_bought_over_several_runs() {
    let start = all_cash(|input| input.policy.orders.max_order_notional = money("2000"));
    let first = planned(&start);
    assert!(first.orders.iter().all(|order| order.notional <= money("2000")));
    let position = first.positions.iter().find(|position| position.asset == id("a")).expect("a");
    assert_eq!(position.reason.binding, ["max_order_notional"]);
    assert_eq!(runs(start).len(), 3);
}

#[test]
fn a_rebalance_larger_than_the_largest_run_is_made_over_several() {
    let notionals = runs(all_cash(|input| input.policy.orders.max_run_notional = money("4000")));
    assert!(notionals.iter().all(|notional| *notional <= money("4000")), "{notionals:?}");
    assert_eq!(notionals.len(), 3, "9,800 are to be bought: {notionals:?}");
    let plan = planned(&all_cash(|input| input.policy.orders.max_run_notional = money("4000")));
    let names_it = |asset: &str| {
        let position = plan.positions.iter().find(|position| position.asset == id(asset)).expect(asset);
        position.reason.binding.contains(&"max_run_notional".to_owned())
    };
    assert!(names_it("a") && names_it("b") && names_it("c"));
}

/// Sells are rounded up to whole lots; what no run may pass is not passed by that either.
#[test]
fn sells_are_not_rounded_up_past_the_largest_run() {
    let holdings = [("a", "6000"), ("b", "3000"), ("c", "1000")];
    for most in ["500", "1000", "2222", "4000", "5001"] {
        let mut input = input(policy(|_| {}), &["600", "300", "100"], &holdings, "0");
        input.policy.orders.max_run_notional = money(most);
        input.flow = Flow::Withdraw(money("6000"));
        for record in input.assets.values_mut() {
            let listing = record.listing.as_mut().expect("listed");
            listing.lot_size = Quantity::parse("7").expect("a lot");
            listing.min_quantity = listing.lot_size;
        }
        let sold: Money = planned(&input).orders.iter().map(|order| order.notional).sum();
        let missing = money(most) - sold;
        assert!(missing >= Money::ZERO && missing <= money("21"), "{sold} of {most}: a lot of each is kept at most");
    }
}

/// 2,800 must go for the cap, and as much is bought for it; 100 may be traded.
#[test]
fn a_hard_limit_that_the_largest_run_cannot_meet_is_a_conflict_in_money() {
    let policy = policy(|policy| {
        policy.limits.max_weight = Some(hard("0.5"));
        policy.orders.max_run_notional = money("100");
    });
    let input = input(policy, &["600", "300", "100"], &[("a", "8000"), ("b", "1000"), ("c", "800")], "200");
    let error = plan(&input).expect_err("they conflict");
    let PlanError::Conflict(conflict) = &error else { panic!("{error}") };
    assert_eq!(conflict.limits, ["max_run_notional", "max_weight(a)"]);
    let repair = conflict.repairs.iter().find(|repair| repair.limit == "max_run_notional").expect("a repair");
    assert_eq!(repair.from, dec("100"));
    assert!(repair.to > dec("2999") && repair.to < dec("3001"), "{}", repair.to);
}

#[test]
fn more_orders_than_the_policy_allows_are_refused_with_a_remedy() {
    let with = |most: u32| plan(&all_cash(|input| input.policy.orders.max_orders = most));
    assert_eq!(with(3).expect("three members").orders.len(), 3);
    let error = with(2).expect_err("three members");
    assert_eq!(error, PlanError::TooManyOrders { orders: 3, most: 2 });
    assert!(error.to_string().contains("raise it, or raise orders.min_trade"), "{error}");
}

/// A limit price must be on the venue's grid, inside the collar, and no better than the reference price.
#[test]
fn a_price_step_coarser_than_the_collar_closes_both_sides() {
    let with = |tick: &str| {
        let mut input = input(policy(|_| {}), &["600", "300", "100", "1"], &[("a", "6000"), ("d", "1000")], "3000");
        for asset in ["c", "d"] {
            let record = input.assets.get_mut(&id(asset)).expect(asset);
            record.price = crate::model::Price::parse("1.03").expect("price");
            record.listing.as_mut().expect("listed").tick_size = Tick::parse(tick).expect(tick);
        }
        planned(&input)
    };
    // 1 % around 1.03: 1.0197 to 1.0403. Steps of 0.05 have 1.00 and 1.05; of 0.01 there are 1.02 to 1.04.
    let coarse = with("0.05");
    let traded: Vec<_> = orders(&coarse).into_iter().map(|(side, asset, _)| (side, asset.to_owned())).collect();
    assert!(traded.iter().all(|(_, asset)| asset != "c" && asset != "d"), "{traded:?}");
    for asset in ["c", "d"] {
        let expected = "the venue's price step of 0.05 leaves no limit price inside the collar";
        assert_eq!(sentence(&coarse, asset), expected, "{asset}");
    }
    assert!(coarse.relaxations.is_empty(), "nobody can be asked to sell it");
    let fine = with("0.01");
    let traded = orders(&fine);
    assert!(traded.iter().any(|(side, asset, _)| (*side, *asset) == (Side::Buy, "c")), "{traded:?}");
    assert!(traded.iter().any(|(side, asset, _)| (*side, *asset) == (Side::Sell, "d")), "{traded:?}");
}

/// What participation lets one run buy of it is less than the least order: no sale is made to pay for it.
#[test]
fn what_a_run_may_never_buy_enough_of_is_not_bought() {
    let planned_with = |change: &dyn Fn(&mut PlanningInput)| {
        let policy = policy(|policy| policy.limits.participation = Some(Rate::parse("0.005").expect("rate")));
        let mut input = input(policy, &["600", "300", "100"], &[("a", "6000"), ("b", "3900")], "100");
        input.assets.get_mut(&id("c")).expect("c").average_daily_volume = Some(money("1900"));
        change(&mut input);
        let plan = planned(&input);
        (plan.orders.iter().any(|order| order.asset == id("c")), sentence(&plan, "c").to_owned())
    };
    let refused = |why: &str| (false, why.to_owned());
    assert_eq!(
        planned_with(&|_| ()),
        refused("the most that a run may buy of it is worth 9.5 and the venue's minimum is 10")
    );
    let listing = |input: &mut PlanningInput, minimum: &str, quantity: &str| {
        let listing = input.assets.get_mut(&id("c")).and_then(|record| record.listing.as_mut()).expect("listed");
        listing.min_notional = money(minimum);
        listing.min_quantity = Quantity::parse(quantity).expect("minimum");
    };
    assert!(planned_with(&|input| listing(input, "9.5", "9.5")).0, "the most is the least");
    assert_eq!(
        planned_with(&|input| listing(input, "9.5", "9.51")),
        refused("the most that a run may buy of it is 9.5 and the venue's minimum quantity is 9.51")
    );
    let min_trade = |input: &mut PlanningInput| {
        listing(input, "5", "0.01");
        input.policy.orders.min_trade = money("9.6");
    };
    assert_eq!(
        planned_with(&min_trade),
        refused("the most that a run may buy of it is worth 9.5 and the policy's minimum trade is 9.6")
    );
}

/// The least turnover worth a run is a full run's: money that came in is invested, however small a part it is.
#[test]
fn a_small_deposit_is_invested() {
    let after = |flow: Flow| {
        let holdings = [("a", "5880"), ("b", "2940"), ("c", "980")];
        let mut input = input(policy(|_| {}), &["600", "300", "100"], &holdings, "260");
        input.flow = flow;
        input.state.members = [id("a"), id("b"), id("c")].into();
        planned(&input).orders.len()
    };
    assert_eq!(after(Flow::Full), 0);
    assert!(after(Flow::DepositOnly) > 0);
}

/// Half is to be stable; 59 % has no grade and is held. It may not take more than the half that is invested.
#[test]
fn weights_that_stay_for_want_of_a_grade_leave_room_for_the_stable_share() {
    let policy = policy(|policy| {
        policy.reference_weights.method = WeightMethod::Grade;
        policy.limits.cash_buffer = Some(hard("0.5"));
    });
    let mut input = input(policy, &["600", "300", "100"], &[("a", "5900"), ("b", "1000"), ("c", "1000")], "2100");
    input.assets.get_mut(&id("a")).expect("a").grades.investor = None;
    input.policy.eligibility.require_grade = true;
    input.state.members = [id("a"), id("b"), id("c")].into();
    let plan = planned(&input);
    let reference = |asset: &str| {
        let position = plan.positions.iter().find(|position| position.asset == id(asset)).expect(asset);
        position.reference_weight.get()
    };
    assert_eq!(plan.cash.reference_weight.get(), dec("0.5"));
    assert_eq!([reference("a"), reference("b"), reference("c")], [dec("0.5"), dec("0"), dec("0")]);
}
