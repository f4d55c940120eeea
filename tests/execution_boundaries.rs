//! The boundaries of the protocol's pure decisions: exactly at a limit, and one step beyond it.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "test code: what is unexpected panics")]

#[path = "common/claimed_run.rs"]
mod claimed_run;
#[path = "common/planned_run.rs"]
#[expect(dead_code, reason = "shared with other tests of execution, which use the rest of it")]
mod planned_run;
#[path = "execution/plans.rs"]
#[expect(dead_code, reason = "shared with other tests of execution, which use the rest of it")]
mod plans;

use claimed_run::claimed;
use index_rebalancer::execution::claim::{Standing, given_up, judge};
use index_rebalancer::execution::gate::{self, DayTotal, Switch, View};
use index_rebalancer::execution::proposal::Consent;
use index_rebalancer::model::{Money, Order, PlanningInput, Side};
use index_rebalancer::planning::idempotency::run_id;
use index_rebalancer::ports::capability::PAPER;
use index_rebalancer::ports::store::RunItem;
use planned_run::input;
use plans::*;

fn verdict(input: &PlanningInput, order: &Order, day: Option<DayTotal>) -> gate::Verdict {
    gate::judge(&View {
        run_id: run_id(&input.run),
        run: &input.run,
        policy: &input.policy.orders,
        order,
        switch: Switch::Off,
        consent: Consent::NotAsked,
        promise: PAPER.promise(),
        sent_count: 0,
        sent_notional: Money::ZERO,
        day,
        now: monday(),
    })
}

#[test]
fn an_order_at_the_largest_notional_passes() {
    let input = input();
    for (units, passes) in [("50", true), ("50.01", false)] {
        let plan = plan_of(&input, &[(Side::Sell, "alpha", units, "98")]);
        let verdict = verdict(&input, &plan.orders[0], None);
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

/// The next worker need not wait, even in the same instant; the one who left may still come back.
#[test]
fn a_run_that_is_given_up_is_free_at_once() {
    let request = scheduled(monday());
    let run = RunItem { revision: 1, ..claimed(request.clone()) };
    let (now, lease_now) = (monday() + seconds(7), monday() + seconds(8));
    let left = given_up(&run, now, lease_now);
    assert_eq!(left.updated_at, now);
    assert_eq!(judge(&left, &run.event_digest, redelivered(&request).claim_token, lease_now), Standing::LeaseOver);
    assert_eq!(judge(&run, &run.event_digest, redelivered(&request).claim_token, lease_now), Standing::Elsewhere);
    assert!(left.is_left);
    let kept = RunItem { lease_until: run.lease_until, updated_at: run.updated_at, is_left: false, ..left };
    assert_eq!(kept, run, "nothing else changes");
}

#[test]
fn the_days_total_may_be_the_limit_and_holds_the_run() {
    let input = input();
    let plan = plan_of(&input, &LEGS);
    for (reserved, passes) in [("3999.99", false), ("4000", true), ("9000", true), ("9000.01", false)] {
        let day = DayTotal { reserved: money(reserved), committed: money("4000"), limit: money("9000") };
        let verdict = verdict(&input, &plan.orders[0], Some(day));
        assert_eq!(verdict == gate::Verdict::Pass, passes, "{reserved}: {verdict:?}");
    }
}
