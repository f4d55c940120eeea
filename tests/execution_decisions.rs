//! The protocol's decisions, pure and without a store: claims, the gate, settlement, checks on a plan.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "test code: what is unexpected panics")]

#[path = "common/claimed_run.rs"]
mod claimed_run;
#[path = "execution/plans.rs"]
mod plans;

use claimed_run::claimed;
use index_rebalancer::execution::Opening;
use index_rebalancer::execution::claim::{self, Standing};
use index_rebalancer::execution::commitment::{self, check};
use index_rebalancer::execution::gate::{self, DayTotal, Switch, View};
use index_rebalancer::execution::intervention::{Answer, Known, Statement, answered};
use index_rebalancer::execution::proposal::Consent;
use index_rebalancer::execution::settlement::{self, Adoption, Finding, Verdict, adopted, moved};
use index_rebalancer::model::{Decimal, Environment, Flow, Money, Order, PlanningInput, Price, Quantity, Weight};
use index_rebalancer::planning::idempotency::{digest_of, run_id};
use index_rebalancer::planning::plan::{RebalancePlan, Relaxation};
use index_rebalancer::ports::blob::Blob;
use index_rebalancer::ports::capability::{PAPER, client_order_id};
use index_rebalancer::ports::store::{Attempt, OrderItem, RunItem};
use index_rebalancer::ports::venue::{Duplicates, Fill, LateRequests, Promise, VenueOrder, VenueOrderStatus};
use index_rebalancer::ports::{OrderState, RunState};
use plans::*;
use uuid::Uuid;

fn input() -> PlanningInput {
    let opening = Opening { run_id: Uuid::nil(), account: opening_account(), settled: None };
    input_for(&scheduled(monday()), &opening)
}

fn plan() -> RebalancePlan {
    plan_of(&input(), &LEGS)
}

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
    assert!(matches!(gate::judge(&late), gate::Verdict::Expired(_)));
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

#[test]
fn slippage_is_what_fills_cost_beyond_the_plan() {
    let plan = plan();
    let (sell, buy) = (&plan.orders[0], &plan.orders[1]);
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
    let cost = |order: &Order, parts: i64| Money::new(order.estimated_cost.get() / Decimal::from(parts)).expect("cost");
    // The buy is of 20: half of it at 0.5 above the reference is 5 more, and half the expected cost is for it.
    let half = filled(buy, "10", "0.5", "3");
    assert_eq!(gate::slippage([(buy, &half)]), money("8") - cost(buy, 2));
    let unsold = filled(sell, "0", "0", "0");
    assert_eq!(gate::slippage([(sell, &unsold), (buy, &half)]), money("8") - cost(buy, 2), "not sold is no slippage");
    let sold_low = filled(sell, "1", "-2", "0");
    let share = Money::new(sell.estimated_cost.get() / sell.quantity.get()).expect("cost");
    assert_eq!(gate::slippage([(sell, &sold_low)]), money("2") - share);
    let sold_high = filled(sell, "1", "2", "0");
    assert_eq!(gate::slippage([(sell, &sold_high)]), Money::ZERO, "a gain is no slippage");
    assert_eq!(gate::slippage([(sell, &sold_high), (buy, &half)]), money("6") - share - cost(buy, 2));
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

fn item(order: &Order, state: OrderState) -> OrderItem {
    OrderItem {
        schema: 1,
        run_id: Uuid::nil(),
        key: order.key,
        payload_digest: order.payload_digest.clone(),
        state,
        revision: 3,
        log_head: "head".to_owned(),
        attempt: Some(Attempt {
            id: Uuid::from_u128(8),
            number: 1,
            signed_at: monday(),
            deadline: monday() + seconds(5),
        }),
        venue_order_id: None,
        filled_quantity: quantity("0"),
        average_price: None,
        fee: Money::ZERO,
        note: "before".to_owned(),
        refused: false,
        updated_at: monday(),
        expires_at_s: None,
    }
}

const REPLAYS: Promise = Promise { duplicates: Duplicates::Replayed, late_requests: None };
const NEITHER: Promise = Promise { duplicates: Duplicates::Unchecked, late_requests: None };
const BOUNDED: Promise = Promise {
    duplicates: Duplicates::RefusedWhileOpen,
    late_requests: Some(LateRequests { clock_skew_ms: 1_000, query_lag_ms: 2_000, longest_window_ms: 60_000 }),
};

#[test]
fn absence_means_what_the_venue_promises() {
    let plan = plan();
    let order = &plan.orders[0];
    let unknown = item(order, OrderState::Unknown);
    let judge = |item: &OrderItem, promise, after_s, may_resend| {
        settlement::judge(order, item, &Finding::Absent, promise, monday() + seconds(after_s), may_resend)
    };
    for promise in [REPLAYS, NEITHER, BOUNDED] {
        for (after_s, may_resend) in [(0, false), (8, false), (9, false), (0, true), (9, true)] {
            let verdict = judge(&unknown, promise, after_s, may_resend);
            let expected = if promise == REPLAYS && may_resend {
                matches!(verdict, Verdict::Resend)
            } else if promise == BOUNDED && after_s > 8 {
                matches!(verdict, Verdict::NotPlaced(_))
            } else {
                matches!(verdict, Verdict::Wait(_))
            };
            assert!(expected, "{promise:?} {after_s} {may_resend}: {verdict:?}");
        }
    }
    let seen = OrderItem { venue_order_id: Some("7".to_owned()), ..item(order, OrderState::Acknowledged) };
    for promise in [REPLAYS, BOUNDED] {
        assert!(matches!(judge(&seen, promise, 99, true), Verdict::Wait(_)), "what was taken cannot be absent");
    }
    let mute = Finding::Unanswered("timed out".to_owned());
    let verdict = settlement::judge(order, &unknown, &mute, BOUNDED, monday() + hours(9), true);
    assert_eq!(verdict, Verdict::Wait("timed out".to_owned()), "no answer is not an answer");
}

fn found(order: &Order, status: VenueOrderStatus, filled: &str) -> VenueOrder {
    VenueOrder {
        client_order_id: client_order_id(&order.venue, order.key),
        venue_order_id: "7".to_owned(),
        instrument: order.instrument.clone(),
        side: order.side,
        quantity: order.quantity,
        status,
        filled_quantity: quantity(filled),
        refusal: (status == VenueOrderStatus::Rejected).then(|| "closed".to_owned()),
    }
}

#[test]
fn a_found_order_is_adopted_in_the_state_that_the_table_allows() {
    use OrderState as O;
    use VenueOrderStatus as V;
    let plan = plan();
    let order = &plan.orders[0];
    let cases = [
        (O::Sending, V::Open, "0", O::Acknowledged),
        (O::Unknown, V::Open, "0", O::Acknowledged),
        (O::PartiallyFilled, V::Open, "5", O::PartiallyFilled),
        (O::Acknowledged, V::PartiallyFilled, "5", O::PartiallyFilled),
        (O::Unknown, V::Filled, "20", O::Filled),
        (O::PartiallyFilled, V::Cancelled, "5", O::Cancelled),
        (O::Sending, V::Rejected, "0", O::Rejected),
        (O::Unknown, V::Rejected, "0", O::Rejected),
        (O::Acknowledged, V::Rejected, "0", O::Cancelled),
    ];
    for (from, status, filled, expected) in cases {
        let fills = if filled == "0" {
            Vec::new()
        } else {
            vec![Fill { quantity: quantity(filled), price: price("99"), fee: money("0.5") }]
        };
        let finding = Finding::Found { order: found(order, status, filled), fills };
        let before = item(order, from);
        let Verdict::Adopt(adoption) = settlement::judge(order, &before, &finding, REPLAYS, monday(), true) else {
            unreachable!("{from:?} {status:?} is adopted")
        };
        assert_eq!(adoption.state, expected, "{from:?} {status:?}");
        let after = adopted(&before, &adoption, monday() + seconds(1), 77).expect("the table has it");
        assert_eq!((after.state, after.revision, after.filled_quantity), (expected, 4, quantity(filled)));
        let terminal = matches!(expected, O::Filled | O::Cancelled | O::Rejected);
        let note = if status == V::Rejected { "closed" } else { "" };
        assert_eq!((after.expires_at_s, after.note.as_str()), (terminal.then_some(77), note));
        assert_eq!(after.refused, expected == O::Cancelled && status == V::Rejected, "{from:?} {status:?}");
    }
}

#[test]
fn the_average_price_is_weighted_by_volume() {
    let plan = plan();
    let order = &plan.orders[0];
    let fill = |units, at, fee| Fill { quantity: quantity(units), price: price(at), fee: money(fee) };
    let finding = Finding::Found {
        order: found(order, VenueOrderStatus::Filled, "20"),
        fills: vec![fill("15", "100", "1.5"), fill("5", "98", "0.49")],
    };
    let verdict = settlement::judge(order, &item(order, OrderState::Unknown), &finding, REPLAYS, monday(), false);
    let expected = Adoption {
        state: OrderState::Filled,
        venue_order_id: "7".to_owned(),
        filled_quantity: quantity("20"),
        refusal: None,
        average_price: Some(price("99.5")),
        fee: money("1.99"),
    };
    assert_eq!(verdict, Verdict::Adopt(expected));
}

/// A copy of the venue that lags behind must not take fills back that were seen before.
#[test]
fn fills_never_go_back() {
    let plan = plan();
    let order = &plan.orders[0];
    let seen = OrderItem { filled_quantity: quantity("8"), ..item(order, OrderState::PartiallyFilled) };
    for (status, filled) in [(VenueOrderStatus::Open, "0"), (VenueOrderStatus::PartiallyFilled, "7.99")] {
        let fills = if filled == "0" {
            vec![]
        } else {
            vec![Fill { quantity: quantity(filled), price: price("99"), fee: money("0.5") }]
        };
        let finding = Finding::Found { order: found(order, status, filled), fills };
        let verdict = settlement::judge(order, &seen, &finding, REPLAYS, monday(), true);
        assert!(matches!(&verdict, Verdict::Wait(note) if note.contains("showed 8 before")), "{verdict:?}");
    }
    let fills = vec![Fill { quantity: quantity("8"), price: price("99"), fee: money("0.5") }];
    let finding = Finding::Found { order: found(order, VenueOrderStatus::PartiallyFilled, "8"), fills };
    let verdict = settlement::judge(order, &seen, &finding, REPLAYS, monday(), true);
    assert!(matches!(verdict, Verdict::Adopt(_)), "the same again is no step back: {verdict:?}");
}

fn says(answer: Answer) -> Statement {
    Statement { order: Uuid::nil(), answer, operator: "alice".to_owned(), reason: "asked".to_owned() }
}

/// Where late requests are bounded the promise decides, and not a person in a hurry; elsewhere nobody speaks before
/// the deadline on the wire.
#[test]
fn a_person_speaks_only_when_no_request_can_still_arrive() {
    let plan = plan();
    let order = &plan.orders[0];
    let unknown = item(order, OrderState::Unknown);
    for (promise, until_s) in [(BOUNDED, 8), (NEITHER, 5), (REPLAYS, 5)] {
        for (after_s, taken) in [(0, false), (until_s, false), (until_s + 1, true)] {
            let asked_at = monday() + seconds(after_s);
            let finding = Finding::Unanswered("timed out".to_owned());
            let known = Known { order, item: &unknown, finding: &finding, promise, asked_at };
            let answered = answered(&known, &says(Answer::NotPlaced));
            assert_eq!(answered.is_ok(), taken, "{promise:?} {after_s}: {answered:?}");
            if let Err(cause) = answered {
                assert!(cause.contains("a request may still arrive"), "{cause}");
            }
        }
    }
}

#[test]
fn a_persons_answer_becomes_a_state_of_the_table() {
    let plan = plan();
    let (sell, buy) = (&plan.orders[0], &plan.orders[1]);
    let judged = |order: &Order, state: OrderState, seen: &str, answer: Answer| {
        let item = OrderItem { filled_quantity: quantity(seen), ..item(order, state) };
        let known =
            Known { order, item: &item, finding: &Finding::Absent, promise: NEITHER, asked_at: monday() + hours(1) };
        answered(&known, &says(answer)).map(|answered| (answered.state, answered.filled_quantity))
    };
    let filled =
        |units: &str, at: &str| Answer::Filled { quantity: quantity(units), price: Some(price(at)), fee: money("1") };
    assert_eq!(judged(sell, OrderState::Unknown, "0", filled("20", "98")), Ok((OrderState::Filled, quantity("20"))));
    assert_eq!(judged(buy, OrderState::Unknown, "0", filled("20", "51")), Ok((OrderState::Filled, quantity("20"))));
    assert_eq!(
        judged(sell, OrderState::PartiallyFilled, "5", filled("5", "98")),
        Ok((OrderState::Cancelled, quantity("5")))
    );
    assert_eq!(judged(sell, OrderState::Sending, "0", Answer::NotPlaced), Ok((OrderState::NotPlaced, quantity("0"))));
    for (order, state, seen, answer, expected) in [
        (buy, OrderState::Unknown, "0", filled("20", "51.01"), "51.01 is worse"),
        (sell, OrderState::PartiallyFilled, "5", filled("4.99", "98"), "showed 5 filled before"),
        (sell, OrderState::Acknowledged, "0", Answer::NotPlaced, "the venue took it"),
        (sell, OrderState::Filled, "20", filled("20", "98"), "it is filled already"),
        (sell, OrderState::Skipped, "0", Answer::NotPlaced, "it is skipped already"),
    ] {
        let cause = judged(order, state, seen, answer).expect_err(expected);
        assert!(cause.contains(expected), "{expected}: {cause}");
    }
}

#[test]
fn a_lease_that_is_given_up_is_over_at_once() {
    let left = claim::given_up(&run(RunState::Emitting), monday(), monday());
    let digest = left.event_digest.clone();
    assert_eq!(claim::judge(&left, &digest, Uuid::from_u128(2), monday()), Standing::LeaseOver);
    assert_eq!(RunItem { lease_until: monday() + seconds(60), ..left }, run(RunState::Emitting), "and nothing else");
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
fn another_clients_order_is_not_ours() {
    let plan = plan();
    let order = &plan.orders[0];
    let mut other = found(order, VenueOrderStatus::Open, "0");
    other.client_order_id = client_order_id(&order.venue, plan.orders[1].key);
    let finding = Finding::Found { order: other, fills: Vec::new() };
    let verdict = settlement::judge(order, &item(order, OrderState::Unknown), &finding, REPLAYS, monday(), true);
    assert!(matches!(verdict, Verdict::Halt(_)), "{verdict:?}");
}

#[test]
fn an_item_never_moves_off_the_table() {
    let plan = plan();
    for from in OrderState::ALL {
        for to in OrderState::ALL {
            let answer = moved(&item(&plan.orders[0], from), to, monday(), 7);
            let legal = from == to || index_rebalancer::execution::transition::order_transition(from, to).is_ok();
            assert_eq!(answer.is_ok(), legal, "{from:?} {to:?}");
        }
    }
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
