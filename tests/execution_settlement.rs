//! Settlement's decisions, pure and without a store: what is signed, and what the venue's answer, or a person's, makes of
//! an order.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "test code: what is unexpected panics")]

#[path = "common/claimed_run.rs"]
mod claimed_run;
#[path = "common/planned_run.rs"]
mod planned_run;
#[path = "execution/plans.rs"]
#[expect(dead_code, reason = "shared with other tests of execution, which use the rest of it")]
mod plans;

use index_rebalancer::execution::attempt::{self, Answer as Followed};
use index_rebalancer::execution::intervention::{Answer, Known, Statement, answered};
use index_rebalancer::execution::settlement::{self, Adoption, Finding, Verdict, adopted, moved};
use index_rebalancer::model::{Money, Order};
use index_rebalancer::ports::OrderState;
use index_rebalancer::ports::capability::client_order_id;
use index_rebalancer::ports::store::{Attempt, OrderItem, RunItem};
use index_rebalancer::ports::venue::{
    Duplicates, Fill, LateRequests, PlaceError, Promise, VenueOrder, VenueOrderStatus,
};
use planned_run::{item, plan};
use plans::*;
use uuid::Uuid;

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
        let (average, fee) = if filled == "0" { (None, Money::ZERO) } else { (Some(price("99")), money("0.5")) };
        assert_eq!((after.average_price, after.fee), (average, fee));
        assert_eq!((after.venue_order_id.as_deref(), after.updated_at), (Some("7"), monday() + seconds(1)));
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

/// More than was ordered, or less of what is called full: a person must look, whichever of the two answers says so.
#[test]
fn a_venue_that_contradicts_the_order_halts_the_run() {
    let plan = plan();
    let order = &plan.orders[0];
    let judged = |status, shown: &str, executed: &str| {
        let fills = vec![Fill { quantity: quantity(executed), price: price("99"), fee: money("0.5") }];
        let finding = Finding::Found { order: found(order, status, shown), fills };
        settlement::judge(order, &item(order, OrderState::Unknown), &finding, REPLAYS, monday(), true)
    };
    let halted = |because: &str| Verdict::Halt(because.to_owned());
    let overfill = halted("overfill: 20.01 of 20 ALPHAUSDT");
    assert_eq!(judged(VenueOrderStatus::Filled, "20", "20.01"), overfill);
    assert_eq!(judged(VenueOrderStatus::Filled, "20.01", "20"), overfill);
    assert_eq!(judged(VenueOrderStatus::Filled, "19.99", "19.99"), halted("reported as filled with 19.99 of 20"));
    assert!(matches!(judged(VenueOrderStatus::Filled, "20", "20"), Verdict::Adopt(_)));
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
fn another_payload_under_a_key_is_told_with_both_digests() {
    let plan = plan();
    let stored = item(&plan.orders[0], OrderState::Planned);
    let told = format!(
        "order {} is stored with the payload digest {} and planned with other",
        stored.key, stored.payload_digest
    );
    assert_eq!(settlement::other_digest(stored.key, &stored, "other"), told);
}

#[test]
fn a_verdict_writes_what_it_changes_and_no_more() {
    let plan = plan();
    let order = &plan.orders[0];
    let (before, later) = (item(order, OrderState::Unknown), monday() + seconds(9));
    let after = |verdict| settlement::concluded(&before, verdict, later, 7).expect("a legal move");
    assert_eq!(after(Verdict::Resend), None);
    let noted = OrderItem { note: "new".to_owned(), revision: 4, updated_at: later, ..before.clone() };
    for verdict in [Verdict::Wait, Verdict::Halt] {
        assert_eq!(after(verdict("before".to_owned())), None, "that is its note already");
        assert_eq!(after(verdict("new".to_owned())), Some(noted.clone()));
    }
    let ended = OrderItem { state: OrderState::NotPlaced, expires_at_s: Some(7), ..noted };
    assert_eq!(after(Verdict::NotPlaced("new".to_owned())), Some(ended.clone()));
    let adoption = Adoption {
        state: OrderState::Acknowledged,
        venue_order_id: "7".to_owned(),
        filled_quantity: quantity("0"),
        average_price: None,
        fee: Money::ZERO,
        refusal: None,
    };
    let taken_over = after(Verdict::Adopt(adoption.clone())).expect("it was unknown");
    assert_eq!(taken_over, adopted(&before, &adoption, later, 7).expect("a legal move"));
    let again = settlement::concluded(&taken_over, Verdict::Adopt(adoption), later + seconds(1), 7);
    assert_eq!(again, Ok(None), "it is as it was");
    let off_the_table = settlement::concluded(&ended, Verdict::NotPlaced("new".to_owned()), later, 7);
    assert_eq!(off_the_table.expect("the same state").map(|item| item.revision), Some(5));
    let filled = item(order, OrderState::Filled);
    assert!(settlement::concluded(&filled, Verdict::NotPlaced(String::new()), later, 7).is_err());
}

#[test]
fn an_attempt_is_signed_for_its_window_and_deadlines_never_go_back() {
    let (plan, run) = (plan(), claimed_run::claimed(scheduled(monday())));
    let order = &plan.orders[0];
    let next = |last: Option<&Attempt>, promise, window_ms, after_s| {
        attempt::next(&run, order, last, promise, window_ms, monday() + seconds(after_s))
    };
    let first = next(None, BOUNDED, 5_000, 1);
    assert_eq!((first.number, first.signed_at, first.deadline), (1, monday() + seconds(1), monday() + seconds(6)));
    assert_eq!(next(None, BOUNDED, 90_000, 1).deadline, monday() + seconds(61), "the venue takes no longer window");
    assert_eq!(next(None, REPLAYS, 90_000, 1).deadline, monday() + seconds(91));
    assert_eq!(next(None, REPLAYS, u64::MAX, 1).deadline, order.valid_until, "nor is it valid for longer");
    let second = next(Some(&first), BOUNDED, 5_000, 3);
    assert_eq!((second.number, second.deadline), (2, monday() + seconds(8)));
    // By a clock that is behind.
    assert_eq!(next(Some(&first), BOUNDED, 5_000, 0).deadline, first.deadline);
    assert_eq!(next(None, BOUNDED, 5_000, 2).id, first.id, "of a worker, an epoch, an order and a number");
    let later = RunItem { epoch: run.epoch + 1, ..run.clone() };
    let ids = [
        first.id,
        second.id,
        attempt::next(&later, order, None, BOUNDED, 5_000, monday()).id,
        attempt::next(&run, &plan.orders[1], None, BOUNDED, 5_000, monday()).id,
        attempt::next(&RunItem { claim_token: Uuid::max(), ..run.clone() }, order, None, BOUNDED, 5_000, monday()).id,
    ];
    assert_eq!(std::collections::BTreeSet::from(ids).len(), ids.len());
}

#[test]
fn only_a_first_attempt_can_be_rejected() {
    let plan = plan();
    let order = &plan.orders[0];
    let refused = || Err(PlaceError::Refused("no".to_owned()));
    assert_eq!(attempt::answered(1, refused()), Followed::Moved(OrderState::Rejected, "no".to_owned()));
    let Followed::Moved(OrderState::Unknown, note) = attempt::answered(2, refused()) else { panic!("unknown") };
    assert_eq!(note, "attempt 2 was refused, an earlier one may arrive: no");
    for error in [PlaceError::DuplicateId("it is open".to_owned()), PlaceError::Unclear("timed out".to_owned())] {
        for number in [1, 2] {
            let followed = attempt::answered(number, Err(error.clone()));
            let Followed::Moved(OrderState::Unknown, note) = followed else { panic!("{error:?}") };
            assert!(note.contains("it is open") || note == "timed out", "{note}");
        }
    }
    let placed = found(order, VenueOrderStatus::Open, "0");
    let taken = Followed::Taken { venue_order_id: placed.venue_order_id.clone() };
    assert_eq!(attempt::answered(2, Ok(placed)), taken);
}

#[test]
fn a_further_attempt_follows_only_where_it_is_replayed() {
    let (plan, run) = (plan(), claimed_run::claimed(scheduled(monday())));
    let unknown = item(&plan.orders[0], OrderState::Unknown);
    assert!(attempt::may_follow(&run, &unknown, REPLAYS, 2));
    assert!(!attempt::may_follow(&run, &unknown, REPLAYS, 1), "it was sent once");
    assert!(attempt::may_follow(&run, &OrderItem { attempt: None, ..unknown.clone() }, REPLAYS, 1));
    for promise in [NEITHER, BOUNDED] {
        assert!(!attempt::may_follow(&run, &unknown, promise, 2), "{promise:?}");
    }
    let stopped = RunItem { reason: "a drill".to_owned(), ..run };
    assert!(!attempt::may_follow(&stopped, &unknown, REPLAYS, 2));
}
