//! The protocol's decisions, pure and without a store: claims, the gate, checks on a plan.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "test code: what is unexpected panics")]

#[path = "common/claimed_run.rs"]
mod claimed_run;
#[path = "common/planned_run.rs"]
mod planned_run;
#[path = "execution/plans.rs"]
mod plans;

use claimed_run::claimed;
use index_rebalancer::alerts::derive::of_takeover;
use index_rebalancer::execution::claim::{self, Standing};
use index_rebalancer::execution::commitment::{self, check};
use index_rebalancer::execution::gate::{self, DayTotal, Switch, View};
use index_rebalancer::execution::proposal::Consent;
use index_rebalancer::model::{
    AccountSnapshot, Decimal, Environment, Flow, Money, Order, PlanningInput, Price, Quantity, Weight,
};
use index_rebalancer::planning::idempotency::{digest_of, run_id};
use index_rebalancer::planning::plan::Relaxation;
use index_rebalancer::ports::blob::Blob;
use index_rebalancer::ports::capability::PAPER;
use index_rebalancer::ports::store::{OrderItem, RunItem};
use index_rebalancer::ports::venue::{Duplicates, Promise};
use index_rebalancer::ports::{OrderState, RunState};
use planned_run::{input, item, plan};
use plans::*;
use uuid::Uuid;

fn run(state: RunState) -> RunItem {
    RunItem { state, revision: 7, log_head: "head".to_owned(), epoch: 4, ..claimed(scheduled(monday())) }
}

#[test]
fn a_stored_run_is_judged_in_this_order() {
    let (mine, other, now) = (Uuid::from_u128(1), Uuid::from_u128(2), monday());
    let digest = run(RunState::Claimed).event_digest;
    for state in RunState::ALL {
        let run = run(state);
        let over = matches!(state, RunState::Done | RunState::Aborted);
        let expect = |standing| if over { Standing::Settled } else { standing };
        assert_eq!(claim::judge(&run, &digest, mine, now), expect(Standing::Mine));
        assert_eq!(claim::judge(&run, &digest, mine, now + hours(9)), expect(Standing::Mine), "even past the lease");
        assert_eq!(claim::judge(&run, &digest, other, run.lease_until), expect(Standing::Elsewhere));
        assert_eq!(claim::judge(&run, &digest, other, run.lease_until + seconds(1)), expect(Standing::LeaseOver));
        assert_eq!(claim::judge(&run, "other", mine, now), Standing::OtherOccasion, "before anything else");
    }
}

#[test]
fn a_takeover_raises_the_epoch_and_keeps_what_was_committed() {
    let stored = RunItem { reason: "stopped".to_owned(), ..run(RunState::Emitting) };
    let (token, now) = (Uuid::from_u128(9), monday() + hours(1));
    let successor = claim::taken_over(&stored, token, now, now + seconds(60));
    let expected =
        RunItem { epoch: 5, claim_token: token, updated_at: now, lease_until: now + seconds(60), ..stored.clone() };
    assert_eq!(successor, expected);
}

/// Whoever leaves a run in order has not interrupted it, however many take it up: orders that rest take several.
#[test]
fn a_run_is_interrupted_by_workers_that_do_not_leave_it_in_order() {
    let (token, now) = (Uuid::from_u128(9), monday() + hours(1));
    let next = |run: &RunItem| claim::recovered(run, token, now, now + seconds(60));
    let begun = run(RunState::Emitting);
    let again = next(&claim::given_up(&begun, now, now));
    assert_eq!((again.interruptions, again.is_left, again.epoch), (0, false, begun.epoch + 1));
    let interrupted = next(&again);
    assert_eq!((interrupted.interruptions, interrupted.epoch), (1, begun.epoch + 2));
    let of = |item: RunItem, state| of_takeover(&RunItem { state, ..item }).len();
    assert_eq!((of(again, RunState::Done), of(interrupted.clone(), RunState::Emitting)), (0, 0));
    let told = of_takeover(&RunItem { state: RunState::Done, ..interrupted });
    assert_eq!(told.len(), 1);
    assert!(told[0].title.contains("did not end by itself"), "{}", told[0].title);
}

#[test]
fn the_event_digest_is_of_the_occasion_and_not_of_the_delivery() {
    let request = scheduled(monday());
    let digest = claim::event_digest(&request);
    assert_eq!(claim::event_digest(&redelivered(&request)), digest);
    let mut other = request.clone();
    other.flow = Flow::DepositOnly;
    assert_ne!(claim::event_digest(&other), digest);
    assert_ne!(claim::event_digest(&scheduled(monday() + seconds(1))), digest);
}

fn view<'a>(input: &'a PlanningInput, order: &'a Order) -> View<'a> {
    View {
        run_id: run_id(&input.run),
        run: &input.run,
        policy: &input.policy.orders,
        order,
        switch: Switch::Off,
        consent: Consent::NotAsked,
        promise: PAPER.promise(),
        sent_count: 0,
        sent_notional: Money::ZERO,
        day: None,
        now: monday(),
    }
}

#[test]
fn the_gate_passes_a_clean_order_and_stops_each_fault() {
    let (input, plan) = (input(), plan());
    let order = &plan.orders[0];
    let clean = view(&input, order);
    assert_eq!(gate::judge(&clean), gate::Verdict::Pass);

    let stopped = |view: &View<'_>, expected: &str| match gate::judge(view) {
        gate::Verdict::Stop(reason) => assert!(reason.contains(expected), "{expected}: {reason}"),
        other => assert_eq!(format!("{other:?}"), expected),
    };
    stopped(&View { switch: Switch::On("drill".to_owned()), ..clean.clone() }, "drill");
    let until = monday() + seconds(60);
    stopped(&View { consent: Consent::Awaited { until }, ..clean.clone() }, "to be approved before");
    stopped(&View { consent: Consent::Lapsed { since: until }, ..clean.clone() }, "was not approved before");
    stopped(&View { consent: Consent::ForAnotherPlan, ..clean.clone() }, "given to another plan");
    assert_eq!(gate::judge(&View { consent: Consent::Given, ..clean.clone() }), gate::Verdict::Pass);
    stopped(&View { run_id: Uuid::nil(), ..clean.clone() }, "not what was planned");
    let live = index_rebalancer::model::RunIdentity { environment: Environment::Live, ..input.run.clone() };
    let promise = Promise { duplicates: Duplicates::RefusedWhileOpen, late_requests: None };
    stopped(&View { run: &live, promise, ..clean.clone() }, "orders.accept_unknown_fate = true in the policy");
    stopped(&View { sent_count: 10, ..clean.clone() }, "max_orders 10");
    stopped(&View { sent_notional: money("8000.01"), ..clean.clone() }, "max_run_notional 10000");
    for at_the_limit in
        [View { sent_count: 9, ..clean.clone() }, View { sent_notional: money("8000"), ..clean.clone() }]
    {
        assert_eq!(gate::judge(&at_the_limit), gate::Verdict::Pass);
    }
    let day = |reserved: &str, limit: &str| {
        let (reserved, limit) = (money(reserved), money(limit));
        View { day: Some(DayTotal { reserved, committed: money("4000"), limit }), ..clean.clone() }
    };
    stopped(&day("9000.01", "9000"), "9000.01, over max_day_notional 9000");
    stopped(&day("3999.99", "9000"), "4000 is not in the day's total");
    for inside in [day("9000", "9000"), day("4000", "9000")] {
        assert_eq!(gate::judge(&inside), gate::Verdict::Pass);
    }
    let just_in_time = View { now: order.valid_until - jiff::SignedDuration::from_nanos(1), ..clean.clone() };
    assert_eq!(gate::judge(&just_in_time), gate::Verdict::Pass);
    let late = View { now: order.valid_until, ..clean.clone() };
    let expired = gate::Verdict::Expired(format!("not sent before {}", order.valid_until));
    assert_eq!(gate::judge(&late), expired);
}

/// The notional that counts is quantity × reference price, not what the order says of itself.
#[test]
fn an_order_cannot_talk_its_notional_down() {
    let input = input();
    let mut plan = plan_of(&input, &[(index_rebalancer::model::Side::Sell, "alpha", "50.01", "98")]);
    plan.orders[0].notional = money("1");
    let plan = resealed(plan);
    let verdict = gate::judge(&view(&input, &plan.orders[0]));
    assert!(matches!(&verdict, gate::Verdict::Stop(reason) if reason.contains("5001")), "{verdict:?}");
}

#[test]
fn the_collar_binds_on_both_sides() {
    let input = input();
    for (limit, passes) in [("97.99", false), ("98", true), ("102", true), ("102.01", false)] {
        let plan = plan_of(&input, &[(index_rebalancer::model::Side::Sell, "alpha", "1", limit)]);
        let verdict = gate::judge(&view(&input, &plan.orders[0]));
        assert_eq!(verdict == gate::Verdict::Pass, passes, "{limit}: {verdict:?}");
    }
}

#[test]
fn cash_is_kept_for_the_buffer_and_for_a_withdrawal() {
    let (mut input, mut plan) = (input(), plan());
    assert_eq!(gate::cash_to_keep(&input, &plan, Money::ZERO), money("300"), "5 % of 6000");
    let given_up = |limit: &str, amount: &str| Relaxation {
        limit: limit.to_owned(),
        priority: 1,
        bound: Weight::parse("0.05").expect("valid"),
        amount: Weight::parse(amount).expect("valid"),
    };
    plan.relaxations = vec![given_up("turnover", "0.05"), given_up("cash_buffer", "0.02")];
    assert_eq!(gate::cash_to_keep(&input, &plan, Money::ZERO), money("180"));
    plan.relaxations = vec![given_up("cash_buffer", "0.06")];
    assert_eq!(gate::cash_to_keep(&input, &plan, Money::ZERO), Money::ZERO, "never less than nothing");
    input.flow = Flow::Withdraw(money("250"));
    assert_eq!(gate::cash_to_keep(&input, &plan, Money::ZERO), money("250"));
    assert_eq!(gate::cash_to_keep(&input, &plan, money("40")), money("210"), "locked cash is cash");
    assert_eq!(gate::cash_to_keep(&input, &plan, money("251")), Money::ZERO);
    plan.relaxations.push(given_up("withdraw", "0.01"));
    assert_eq!(gate::cash_to_keep(&input, &plan, Money::ZERO), money("190"), "less 1 % of 6000");
    input.policy.limits.cash_buffer = None;
    input.flow = Flow::Full;
    assert_eq!(gate::cash_to_keep(&input, &plan, Money::ZERO), Money::ZERO);
}

#[test]
fn a_buy_needs_its_limit_price_and_its_fee_in_cash() {
    let plan = plan();
    let (sell, buy) = (&plan.orders[0], &plan.orders[1]);
    // 20 at 51, and a thousandth.
    let covered = |free: &str, keep: &str| gate::cash_covers(buy, rate("0.001"), money(free), money(keep)).is_ok();
    assert!(covered("1021.02", "0") && !covered("1021.01", "0"));
    // What is kept is measured at the expected price: 1000 and its cost.
    let expected = buy.notional + buy.estimated_cost;
    let just = (expected + money("100")).to_string();
    assert!(covered(&just, "100"), "{just}");
    assert!(!covered(&(expected + money("99.99")).to_string(), "100"));
    assert_eq!(gate::cash_covers(sell, rate("0.001"), Money::ZERO, money("5")), Ok(()));
}

/// Of the plan's orders the sell and the first buy have items: 300 stays as cash, and a buy of 100 at 10.2 is asked about.
#[test]
fn a_buy_is_paid_by_what_is_there_and_left_by_what_others_may_cost() {
    let (input, plan) = (input(), plan());
    let [sell, first, second] = &plan.orders[..] else { panic!("three orders") };
    let at = |order: &Order, state, units: &str, average: &str| OrderItem {
        filled_quantity: quantity(units),
        average_price: Some(Price::parse(average).expect("price")),
        ..item(order, state)
    };
    let sold = at(sell, OrderState::Filled, "20", "100");
    let allows = |known: &[(&Order, &OrderItem)], free: &str, locked: &str| {
        let account = AccountSnapshot { cash_free: money(free), cash_locked: money(locked), ..input.account.clone() };
        gate::cash_allows(second, &input, &plan, known, &account).is_ok()
    };
    // 1000 expected and 300 kept; the books have 1000 and 2000 from the sell.
    assert!(allows(&[(sell, &sold)], "1300", "0") && !allows(&[(sell, &sold)], "1299.99", "0"));
    assert!(!allows(&[(sell, &sold)], "1299.99", "9"), "what this run has bound is not what was locked before");
    assert!(!allows(&[], "1300", "0"), "by the books nothing was sold");
    // It costs 1000 and its limit 20 more: nothing is slippage, and what it binds beyond comes back.
    let open = item(first, OrderState::Acknowledged);
    let beyond = money("21.02");
    let least = money("1300") - beyond;
    assert!(allows(&[(sell, &sold), (first, &open)], &least.to_string(), "0"));
    assert!(!allows(&[(sell, &sold), (first, &open)], &(least - money("0.01")).to_string(), "0"));
    // The balance does not show yet what may still arrive: 1021.02 at the most.
    for state in [OrderState::Sending, OrderState::Unknown] {
        let unclear = item(first, state);
        let known = [(sell, &sold), (first, &unclear)];
        let least = least + money("1021.02");
        assert!(allows(&known, &least.to_string(), "0"), "{state:?}");
        assert!(!allows(&known, &(least - money("0.01")).to_string(), "0"), "{state:?}");
    }
    let unsold = item(sell, OrderState::Unknown);
    assert!(!allows(&[(sell, &unsold)], "1300", "0"), "a sell of unclear fate brings nothing");
    // Slippage of 5 is taken from what is kept.
    let dear = at(first, OrderState::Filled, "10", "50.5");
    assert!(allows(&[(sell, &sold), (first, &dear)], "1295", "0"));
    assert!(!allows(&[(sell, &sold), (first, &dear)], "1294.99", "0"));
    // Itself is left out, whatever is known of it.
    let own = item(second, OrderState::Unknown);
    assert!(allows(&[(sell, &sold), (second, &own)], "1300", "0"));
    assert!(!allows(&[(sell, &sold), (second, &own)], "1299.99", "0"));
}

#[test]
fn slippage_is_what_fills_cost_beyond_the_plan() {
    let plan = plan();
    // Both are of 20, and the plan expects them to cost something.
    let costing = |order: &Order, cost: &str| Order { estimated_cost: money(cost), ..order.clone() };
    let (sell, buy) = (&costing(&plan.orders[0], "4"), &costing(&plan.orders[1], "6"));
    let filled = |order: &Order, quantity: &str, by: &str, fee: &str| {
        let average = Price::new(order.reference_price.get() + by.parse::<Decimal>().expect("decimal")).expect("price");
        let quantity = Quantity::parse(quantity).expect("quantity");
        OrderItem {
            filled_quantity: quantity,
            average_price: Some(average),
            fee: money(fee),
            ..item(order, OrderState::Filled)
        }
    };
    // Half of the buy at 0.5 above the reference is 5 more, and half the expected cost is for it.
    let half = filled(buy, "10", "0.5", "7");
    assert_eq!(gate::slippage([(buy, &half)]), money("9"));
    let unsold = filled(sell, "0", "0", "0");
    assert_eq!(gate::slippage([(sell, &unsold), (buy, &half)]), money("9"), "not sold is no slippage");
    let sold_low = filled(sell, "1", "-2", "0");
    assert_eq!(gate::slippage([(sell, &sold_low)]), money("1.8"));
    let sold_high = filled(sell, "1", "2", "0");
    assert_eq!(gate::slippage([(sell, &sold_high)]), Money::ZERO, "a gain is no slippage");
    assert_eq!(gate::slippage([(sell, &sold_high), (buy, &half)]), money("6.8"), "and makes good");
}

#[test]
fn open_buys_bind_more_than_they_are_expected_to_cost() {
    let plan = plan();
    let (sell, buy) = (&plan.orders[0], &plan.orders[1]);
    // 20 at 51 and a thousandth is 1021.02, and 1000 with its cost is expected.
    let whole = money("1021.02") - buy.notional - buy.estimated_cost;
    let beyond = |order: &Order, state, filled: &str| {
        let item = OrderItem { filled_quantity: quantity(filled), ..item(order, state) };
        gate::bound_beyond_expected(rate("0.001"), [(order, &item)])
    };
    assert_eq!(beyond(buy, OrderState::Acknowledged, "0"), whole);
    assert_eq!(beyond(buy, OrderState::Unknown, "0"), whole, "it may be bound");
    let half = Money::new(whole.get() / Decimal::from(2)).expect("money");
    assert_eq!(beyond(buy, OrderState::PartiallyFilled, "10"), half, "of what is left");
    for state in [OrderState::Filled, OrderState::Cancelled, OrderState::Skipped] {
        assert_eq!(beyond(buy, state, "0"), Money::ZERO, "{state:?} binds nothing");
    }
    assert_eq!(beyond(sell, OrderState::Acknowledged, "0"), Money::ZERO, "a sell binds no cash");
    let dear = Order { estimated_cost: money("100"), ..buy.clone() };
    assert_eq!(beyond(&dear, OrderState::Acknowledged, "0"), Money::ZERO, "never less than nothing");
}

#[test]
fn the_books_know_what_is_spent_before_the_balance_shows_it() {
    let plan = plan();
    let (sell, buy) = (&plan.orders[0], &plan.orders[1]);
    let (opening, fee) = (money("1000"), rate("0.001"));
    let filled = |order: &Order, state: OrderState, units: &str| OrderItem {
        filled_quantity: Quantity::parse(units).expect("quantity"),
        average_price: Some(Price::parse("40").expect("price")),
        fee: money("1"),
        ..item(order, state)
    };
    let books = |orders: &[(&Order, &OrderItem)]| {
        let known = gate::cash_by_the_books(opening, fee, orders.iter().copied());
        // Off by the rounding of averages, and never to the harm of an order that just fits.
        known - money("0.00000001")
    };
    assert_eq!(books(&[]), opening);
    let (sold, bought) = (filled(sell, OrderState::Cancelled, "3"), filled(buy, OrderState::Filled, "2"));
    assert_eq!(books(&[(sell, &sold)]), money("1119"));
    assert_eq!(books(&[(sell, &sold), (buy, &bought)]), money("1038"));
    // Until its end is known, a buy costs what it can at most: 20 at 51 and its fee.
    let open = filled(buy, OrderState::PartiallyFilled, "2");
    assert_eq!(books(&[(sell, &sold), (buy, &open)]), money("97.98"));
    assert_eq!(books(&[(buy, &item(buy, OrderState::Unknown))]), money("0") - money("21.02"));
    assert_eq!(books(&[(buy, &item(buy, OrderState::Skipped))]), opening);
    // And a sell brings what is known of it, whatever the balance shows.
    assert_eq!(books(&[(sell, &filled(sell, OrderState::PartiallyFilled, "3")), (buy, &bought)]), money("1038"));
    assert_eq!(books(&[(sell, &item(sell, OrderState::Unknown)), (buy, &bought)]), money("919"));
}

#[test]
fn a_lease_that_is_given_up_is_over_at_once() {
    let left = claim::given_up(&run(RunState::Emitting), monday(), monday());
    let digest = left.event_digest.clone();
    assert_eq!(claim::judge(&left, &digest, Uuid::from_u128(2), monday()), Standing::LeaseOver);
    assert!(left.is_left);
    let kept = RunItem { lease_until: monday() + seconds(60), is_left: false, ..left };
    assert_eq!(kept, run(RunState::Emitting), "and nothing else");
}

#[test]
fn a_plan_has_at_most_five_thousand_orders() {
    let input = input();
    let mut plan = plan();
    let order = plan.orders[0].clone();
    plan.orders = vec![order; commitment::MOST_ORDERS + 1];
    let refused = check(&run(RunState::Claimed), &input, &plan).expect_err("too many");
    assert!(refused.contains("5001 orders are more than the 5000"), "{refused}");
    plan.orders.pop();
    let other = check(&run(RunState::Claimed), &input, &plan).expect_err("the same order again and again");
    assert!(!other.contains("more than"), "{other}");
}

#[test]
fn a_blob_has_the_digest_of_its_value_and_reads_back() {
    let plan = plan();
    let blob = Blob::of(&plan).expect("stores");
    assert_eq!((blob.reference.digest, blob.reference.chunks), (digest_of(&plan), 1));
    // Written and read alike, yet not the same: what Blob::of is there to see before it is committed.
    assert!(Blob::of(&plan).expect("stores").reference.bytes > 1_000);
    let error = Blob::of(&Lossy(0.123_45)).expect_err("would not read back");
    assert!(error.contains("another value"), "{error}");
}

/// A value that its own JSON does not keep.
#[derive(PartialEq)]
struct Lossy(f64);

impl serde::Serialize for Lossy {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format!("{:.3}", self.0))
    }
}

impl<'de> serde::Deserialize<'de> for Lossy {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

#[test]
fn a_clean_plan_is_its_runs() {
    assert_eq!(check(&run(RunState::Claimed), &input(), &plan()), Ok(()));
    let mut other = input();
    other.notices.push("changed".to_owned());
    assert!(check(&run(RunState::Claimed), &other, &plan()).is_err_and(|reason| reason.contains("input digest")));
}
