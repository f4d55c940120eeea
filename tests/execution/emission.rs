//! What becomes of orders whose answer is lost, late, wrong or missing.

use std::sync::Mutex;

use index_rebalancer::execution::{ExecutionError, RunOutcome, RunRequest};
use index_rebalancer::model::Side;
use index_rebalancer::planning::idempotency::{order_key, run_id};
use index_rebalancer::ports::capability::client_order_id;
use index_rebalancer::ports::venue::{
    Duplicates, Fill, LateRequests, Promise, Sought, Venue, VenueOrder, VenueOrderStatus,
};
use index_rebalancer::ports::{Clock, OrderState, RunState, RunStore};

use crate::support::*;

fn faults(venue: &Watched<'_>, faults: &[Fault]) {
    *venue.faults.lock().expect("not poisoned") = faults.to_vec();
}

const BOUNDED: Promise = Promise {
    duplicates: Duplicates::RefusedWhileOpen,
    late_requests: Some(LateRequests { clock_skew_ms: 1_000, query_lag_ms: 2_000, longest_window_ms: 60_000 }),
};
const NEITHER: Promise = Promise { duplicates: Duplicates::Unchecked, late_requests: None };

#[tokio::test]
async fn a_lost_answer_is_found_and_nothing_is_sent_again() {
    for promise in [None, Some(BOUNDED), Some(NEITHER)] {
        let world = World::new().await;
        let mut venue = world.venue();
        venue.promise = promise.unwrap_or(venue.promise);
        faults(&venue, &[Fault::AnswerLost]);
        let record = completed(world.run(&scheduled(monday()), &venue, &LEGS).await.expect("runs"));
        assert_eq!(states(&record), [OrderState::Filled; 3]);
        assert_eq!(venue.placed().len(), 3);
        assert_eq!(world.balance().await.cash_free, money("992"));
    }
}

/// Something on the way sent the request twice, and the venue's second answer is the one that came back.
#[tokio::test]
async fn an_id_that_the_venue_has_already_is_asked_about_and_not_rejected() {
    for promise in [BOUNDED, NEITHER] {
        let world = World::new().await;
        let mut venue = world.venue();
        venue.promise = promise;
        faults(&venue, &[Fault::SentTwice]);
        let record = completed(world.run(&scheduled(monday()), &venue, &LEGS).await.expect("runs"));
        assert_eq!(states(&record), [OrderState::Filled; 3]);
        assert_eq!(venue.placed().len(), 3);
    }
}

#[tokio::test]
async fn a_lost_request_is_repeated_where_the_venue_replays() {
    let world = World::new().await;
    let venue = world.venue();
    faults(&venue, &[Fault::RequestLost]);
    let record = completed(world.run(&scheduled(monday()), &venue, &LEGS[..1]).await.expect("runs"));
    assert_eq!(states(&record), [OrderState::Filled]);
    let placed = venue.placed();
    assert_eq!(placed.len(), 2);
    assert_eq!(placed[0].client_order_id, placed[1].client_order_id, "the same key");
    let item = &world.store().load_orders(record.run_id).await.expect("reads")[0];
    let attempt = item.attempt.as_ref().expect("it was sent");
    assert_eq!(attempt.number, 2);
    let log = world.store().load_log(item.run_id).await.expect("reads");
    let told = format!("attempt 2 is sent, to arrive before {}", attempt.deadline);
    assert!(log.iter().any(|entry| entry.why == told), "{log:?}");
}

#[tokio::test]
async fn attempts_are_bounded() {
    let world = World::new().await;
    let venue = world.venue();
    faults(&venue, &[Fault::RequestLost; 10]);
    let record = completed(world.run(&scheduled(monday()), &venue, &LEGS[..1]).await.expect("runs"));
    assert_eq!(venue.placed().len(), 3, "max_attempts");
    assert_eq!(states(&record), [OrderState::NotPlaced], "after the deadline the paper venue takes nothing");
}

/// What refuses the second request says nothing of the first, which may still be on its way: not Rejected.
#[tokio::test]
async fn a_refused_repetition_settles_nothing() {
    let world = std::sync::Arc::new(World::new().await);
    let mut venue = world.venue();
    faults(&venue, &[Fault::RequestLost]);
    // The second request is on its way for longer than its deadline allows, so the venue refuses it.
    let other = std::sync::Arc::clone(&world);
    venue.before_placing = Some(Box::new(move |count| {
        if count == 1 {
            other.clock.advance(seconds(6));
        }
    }));
    let record = completed(world.run(&scheduled(monday()), &venue, &LEGS[..1]).await.expect("runs"));
    let log = world.store().load_log(record.run_id).await.expect("reads");
    assert!(log.iter().any(|entry| entry.why.contains("attempt 2 was refused, an earlier one may arrive")), "{log:?}");
    assert!(!states(&record).contains(&OrderState::Rejected), "{:?}", states(&record));
}

/// The deadline of an attempt is new, persisted before the request, and never before that of the one before it.
#[tokio::test]
async fn every_attempt_has_a_deadline_of_its_own_that_never_goes_back() {
    let world = World::new().await;
    let mut venue = world.venue();
    // The venue promises nothing about late requests, so that only the number of attempts ends this.
    venue.promise = Promise { duplicates: Duplicates::Replayed, late_requests: None };
    faults(&venue, &[Fault::RequestLost; 3]);
    unsettled(world.run(&scheduled(monday()), &venue, &LEGS[..1]).await.expect("runs"));
    let placed = venue.placed();
    assert_eq!(placed.len(), 3);
    for pair in placed.windows(2) {
        assert!(pair[1].deadline > pair[0].deadline || pair[1].signed_at == pair[0].signed_at, "{pair:?}");
        assert!(pair[1].deadline >= pair[1].signed_at + seconds(5), "a new window, not what was left of the old one");
    }
}

/// A worker whose clock is behind signs later requests with an earlier time; what the first one was given still counts.
#[tokio::test]
async fn a_slow_clock_does_not_bring_a_deadline_forward() {
    let mut world = World::new().await;
    let request = scheduled(monday());
    world.settings.send_window_ms = 60_000;
    world.dies_at(&request, 0, &LEGS[..1]).await;
    let first = world.store().load_orders(run_id(&request.identity)).await.expect("reads").remove(0).attempt;
    let first = first.expect("an attempt").deadline;
    // The next worker gives shorter windows, as one with a slow clock would.
    world.settings.send_window_ms = 1;
    let again = RunRequest { claim_token: request.claim_token, ..request.clone() };
    let venue = world.venue();
    completed(world.resume(&again, &venue).await.expect("goes on"));
    let second = &venue.placed()[0];
    assert_eq!((second.deadline, second.signed_at), (first, monday()));
}

/// The longest window that a venue takes bounds the deadline on the wire.
#[tokio::test]
async fn the_window_is_what_the_venue_takes() {
    let mut world = World::new().await;
    world.settings.send_window_ms = 600_000;
    let mut venue = world.venue();
    venue.promise = BOUNDED;
    completed(world.run(&scheduled(monday()), &venue, &LEGS[..1]).await.expect("runs"));
    assert_eq!(venue.placed()[0].deadline, monday() + seconds(60));
}

/// An absence that was seen in time says nothing of a request that arrives before the deadline, however late the
/// worker gets to think about it.
#[tokio::test]
async fn absence_counts_from_when_it_was_asked_for() {
    let world = std::sync::Arc::new(World::new().await);
    let mut venue = world.venue();
    venue.promise = BOUNDED;
    faults(&venue, &[Fault::RequestLost]);
    // Every question freezes the worker for a minute before the answer reaches it.
    let other = std::sync::Arc::clone(&world);
    let asked = std::sync::Arc::new(Mutex::new(Vec::new()));
    let questions = std::sync::Arc::clone(&asked);
    venue.after_asking = Some(Box::new(move || {
        questions.lock().expect("not poisoned").push(other.clock.now());
        other.clock.advance(seconds(60));
    }));
    let request = scheduled(monday());
    let record = world.run(&request, &venue, &LEGS[..1]).await.expect("runs");
    let log = world.store().load_log(run_id(&request.identity)).await.expect("reads");
    let concluded = log.iter().find(|entry| entry.why.contains("in neither orders nor fills"));
    let asked = asked.lock().expect("not poisoned").clone();
    assert!(asked[0] <= monday() + seconds(8), "the first question is too early to mean anything: {asked:?}");
    assert!(asked.len() > 1, "so it is asked again: {record:?}");
    assert!(concluded.is_none_or(|entry| entry.at > asked[1]), "{log:?}");
}

#[tokio::test]
async fn a_lost_request_is_not_repeated_where_late_requests_are_bounded() {
    let world = World::new().await;
    let mut venue = world.venue();
    venue.promise = BOUNDED;
    faults(&venue, &[Fault::RequestLost]);
    let record = completed(world.run(&scheduled(monday()), &venue, &LEGS[..1]).await.expect("runs"));
    assert_eq!(venue.placed().len(), 1);
    assert_eq!(states(&record), [OrderState::NotPlaced]);
    // Deadline 5 s, skew 1 s, lag 2 s.
    let note = &record.orders[0].note;
    assert!(note.contains("2025-04-14T00:00:08Z"), "{note}");
    let item = &world.store().load_orders(record.run_id).await.expect("reads")[0];
    assert!(item.updated_at > monday() + seconds(8), "not before: {}", item.updated_at);
}

#[tokio::test]
async fn where_nothing_is_promised_absence_stays_unknown_and_the_account_stays_locked() {
    let world = World::new().await;
    let mut venue = world.venue();
    venue.promise = NEITHER;
    faults(&venue, &[Fault::RequestLost]);
    let request = scheduled(monday());
    let record = unsettled(world.run(&request, &venue, &LEGS).await.expect("runs"));
    assert_eq!(record.state, RunState::Emitting);
    assert_eq!(states(&record), [OrderState::Unknown, OrderState::Skipped, OrderState::Skipped]);
    assert!(record.orders[0].note.contains("a person must look"), "{}", record.orders[0].note);
    assert_eq!(world.lock_holder().await, Some(record.run_id));
    assert_eq!(venue.placed().len(), 1);
    let stuck = world.store().held_locks().await.expect("lists");
    let stuck: Vec<_> = stuck.into_iter().map(|lock| lock.expect("it can be read").run_id).collect();
    assert_eq!(stuck, [record.run_id]);
}

#[tokio::test]
async fn a_refusal_is_final_and_the_rest_goes_on() {
    let mut world = World::new().await;
    let beta = world.book.instruments.get_mut(&"BETAUSDT".parse().expect("valid")).expect("listed");
    beta.rules.min_notional = money("1000.01");
    let venue = world.venue();
    let record = completed(world.run(&scheduled(monday()), &venue, &LEGS).await.expect("runs"));
    assert_eq!(states(&record), [OrderState::Filled, OrderState::Rejected, OrderState::Filled]);
    assert!(record.orders[1].note.contains("below the minimum 1000.01"), "{}", record.orders[1].note);
    assert_eq!(venue.placed().len(), 3);
}

#[tokio::test]
async fn buys_wait_for_sells_and_go_on_without_them_after_the_phase() {
    let world = World::new().await;
    let venue = world.venue();
    *venue.mute.lock().expect("not poisoned") = true;
    let request = scheduled(monday());
    let legs = [LEGS[0], (Side::Buy, "beta", "10", "51"), LEGS[2]];
    let record = unsettled(world.run(&request, &venue, &legs).await.expect("runs"));
    // Taken, and nobody answers what became of it: the sell stays where its answer left it. Nothing is known to have come
    // in, whatever the balance shows, which may be an old one: the first buy is paid by what was there, the second by nobody.
    assert_eq!(states(&record), [OrderState::Acknowledged, OrderState::Acknowledged, OrderState::Skipped]);
    let signed: Vec<_> = venue.placed().iter().map(|request| request.signed_at).collect();
    assert!(signed[1] >= signed[0] + seconds(20), "the buy waited for the phase: {signed:?}");

    *venue.mute.lock().expect("not poisoned") = false;
    let record = completed(world.resume(&request, &venue).await.expect("settles"));
    assert_eq!(states(&record), [OrderState::Filled, OrderState::Filled, OrderState::Skipped]);
    assert_eq!(venue.placed().len(), 2);
}

/// The venue's order as it would be, to be forged from.
fn honest(request: &index_rebalancer::execution::RunRequest) -> VenueOrder {
    let run = run_id(&request.identity);
    let instrument = "ALPHAUSDT".parse().expect("valid");
    let identity = &request.identity;
    let key = order_key(run, &identity.venue, &identity.venue_account, &instrument, Side::Sell, 0);
    VenueOrder {
        client_order_id: client_order_id(&identity.venue, key),
        venue_order_id: "7".to_owned(),
        instrument,
        side: Side::Sell,
        quantity: quantity("20"),
        status: VenueOrderStatus::Filled,
        filled_quantity: quantity("20"),
        refusal: None,
    }
}

fn fill(units: &str) -> Fill {
    Fill { quantity: quantity(units), price: price("99.9"), fee: money("1") }
}

#[tokio::test]
async fn a_found_order_that_is_not_ours_halts_the_run() {
    type Change = fn(&mut VenueOrder, &mut Vec<Fill>);
    let changes: [(&str, Change); 5] = [
        ("planned was sell 20", |order, _| order.quantity = quantity("21")),
        ("is buy", |order, _| order.side = Side::Buy),
        ("BETAUSDT", |order, _| order.instrument = "BETAUSDT".parse().expect("valid")),
        ("overfill: 25", |_, fills| fills.push(fill("5"))),
        ("reported as filled", |order, fills| {
            order.filled_quantity = quantity("12");
            fills[0].quantity = quantity("12");
        }),
    ];
    for (expected, change) in changes {
        let world = World::new().await;
        let (venue, request) = (world.venue(), scheduled(monday()));
        let (mut order, mut fills) = (honest(&request), vec![fill("20")]);
        change(&mut order, &mut fills);
        *venue.forged.lock().expect("not poisoned") = Some((order, fills));
        for attempt in [&request, &redelivered(&request)] {
            let error = world.run(attempt, &venue, &LEGS).await.expect_err(expected);
            assert!(matches!(error, ExecutionError::Halted { .. }), "{error}");
            assert!(error.to_string().contains(expected), "{expected}: {error}");
            world.later(seconds(61));
        }
        assert_eq!(venue.placed().len(), 1, "nothing more was sent");
        assert!(world.lock_holder().await.is_some(), "the account stays locked until somebody has looked");
    }
}

#[tokio::test]
async fn fills_that_lag_behind_the_order_are_waited_for() {
    let world = World::new().await;
    let (venue, request) = (world.venue(), scheduled(monday()));
    *venue.forged.lock().expect("not poisoned") = Some((honest(&request), vec![fill("15")]));
    let record = unsettled(world.run(&request, &venue, &LEGS[..1]).await.expect("runs"));
    assert_eq!(states(&record), [OrderState::Acknowledged]);
    *venue.forged.lock().expect("not poisoned") = Some((honest(&request), vec![fill("15"), fill("5")]));
    let record = completed(world.resume(&request, &venue).await.expect("settles"));
    assert_eq!((states(&record)[0], record.orders[0].fee), (OrderState::Filled, money("2")));
}

#[tokio::test]
async fn a_resting_order_passes_through_its_states() {
    let world = World::new().await;
    let (venue, request) = (world.venue(), scheduled(monday()));
    let steps = [
        (VenueOrderStatus::Open, "0", OrderState::Acknowledged),
        (VenueOrderStatus::PartiallyFilled, "5", OrderState::PartiallyFilled),
        (VenueOrderStatus::PartiallyFilled, "8", OrderState::PartiallyFilled),
        (VenueOrderStatus::Cancelled, "9", OrderState::Cancelled),
    ];
    let mut revision = 0;
    for (status, filled, expected) in steps {
        let order = VenueOrder { status, filled_quantity: quantity(filled), ..honest(&request) };
        let fills = if filled == "0" { vec![] } else { vec![fill(filled)] };
        *venue.forged.lock().expect("not poisoned") = Some((order, fills));
        let record = match world.run(&request, &venue, &LEGS[..1]).await.expect("runs") {
            RunOutcome::Unsettled(record) | RunOutcome::Completed(record) => record,
            other => panic!("{other:?}"),
        };
        assert_eq!((states(&record)[0], record.orders[0].filled_quantity), (expected, quantity(filled)));
        let item = &world.store().load_orders(record.run_id).await.expect("reads")[0];
        assert!(item.revision > revision, "every change is a revision of its own");
        revision = item.revision;
    }
    assert_eq!(venue.placed().len(), 1);
}

#[tokio::test]
async fn the_paper_venue_replays_a_repeated_key() {
    let world = World::new().await;
    let venue = world.venue();
    completed(world.run(&scheduled(monday()), &venue, &LEGS).await.expect("runs"));
    let request = &venue.placed()[0];
    let before = world.balance().await;
    let again = venue.paper.place(request).await.expect("answers");
    let sought = Sought {
        client_order_id: request.client_order_id.clone(),
        venue_account: request.venue_account.clone(),
        instrument: request.instrument.clone(),
    };
    assert_eq!(Some(again), venue.paper.find_order(&sought).await.expect("answers"));
    assert_eq!(world.balance().await, before);
}
