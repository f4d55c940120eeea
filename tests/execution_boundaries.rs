//! The boundaries of the protocol's pure decisions: exactly at a limit, and one step beyond it.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "test code: what is unexpected panics")]

#[path = "execution/plans.rs"]
#[expect(dead_code, reason = "shared with other tests of execution, which use the rest of it")]
mod plans;

use index_rebalancer::execution::Opening;
use index_rebalancer::execution::gate::{self, Switch, View};
use index_rebalancer::model::{Money, Order, PlanningInput, Side};
use index_rebalancer::planning::idempotency::run_id;
use plans::*;
use uuid::Uuid;

fn input() -> PlanningInput {
    let opening = Opening { run_id: Uuid::nil(), account: opening_account(), settled: None };
    input_for(&scheduled(monday()), &opening)
}

fn verdict(input: &PlanningInput, order: &Order) -> gate::Verdict {
    gate::judge(&View {
        run_id: run_id(&input.run),
        run: &input.run,
        policy: &input.policy.orders,
        order,
        switch: Switch::Off,
        sent_count: 0,
        sent_notional: Money::ZERO,
        now: monday(),
    })
}

#[test]
fn an_order_at_the_largest_notional_passes() {
    let input = input();
    for (units, passes) in [("50", true), ("50.01", false)] {
        let plan = plan_of(&input, &[(Side::Sell, "alpha", units, "98")]);
        let verdict = verdict(&input, &plan.orders[0]);
        assert_eq!(verdict == gate::Verdict::Pass, passes, "{units} at 100, at most 5000: {verdict:?}");
    }
}

#[test]
fn what_is_kept_is_measured_after_the_expected_cost() {
    let input = input();
    let mut buy = plan_of(&input, &LEGS).orders[1].clone();
    buy.estimated_cost = money("30");
    // 1000 and 30 expected; 1021.02 at the limit price with its fee.
    let covered = |free: &str| gate::cash_covers(&buy, rate("0.001"), money(free), money("100")).is_ok();
    assert!(covered("1130") && !covered("1129.99"));
}
