//! What a person does by hand: looking again, answering for the venue, stopping a run. And what halts by itself.

use index_rebalancer::execution::audit::of_order;
use index_rebalancer::execution::settlement::moved;
use index_rebalancer::execution::{Answer, ExecutionError, Handled, Ports, Statement, abort, settle};
use index_rebalancer::model::{AccountId, AccountSnapshot, Money, Side, VenueId};
use index_rebalancer::planning::idempotency::run_id;
use index_rebalancer::ports::store::{Change, OrderItem, RunItem, Written};
use index_rebalancer::ports::venue::{
    Duplicates, Fill, OrderRequest, PlaceError, Promise, Sought, VenueError, VenueOrder, VenueOrderStatus,
};
use index_rebalancer::ports::{Clock, OrderState, RunState, RunStore, Venue};
use uuid::Uuid;

use crate::support::*;

const NEITHER: Promise = Promise { duplicates: Duplicates::Unchecked, late_requests: None };

/// Two sells, so that something is left to send when the first one stops the run.
const SELLS: [Leg; 2] = [(Side::Sell, "alpha", "20", "98"), (Side::Sell, "beta", "1", "49")];

fn by_alice(order: Uuid, answer: Answer) -> Statement {
    Statement { order, answer, operator: "alice".to_owned(), reason: "the venue's support says so".to_owned() }
}

fn filled(units: &str, at: Option<&str>) -> Answer {
    Answer::Filled { quantity: quantity(units), price: at.map(price), fee: money("0.5") }
}

fn run_of(handled: Handled) -> RunItem {
    match handled {
        Handled::Run(run) => *run,
        other => panic!("not handled: {other:?}"),
    }
}

/// A run whose one order was lost on its way to a venue that promises nothing.
async fn unknown_fate<'a>(world: &'a World, legs: &[Leg]) -> (Watched<'a>, Uuid, Uuid) {
    let mut venue = world.venue();
    venue.promise = NEITHER;
    *venue.faults.lock().expect("not poisoned") = vec![Fault::RequestLost];
    let record = unsettled(world.run(&scheduled(monday()), &venue, legs).await.expect("runs"));
    assert_eq!(record.orders[0].state, OrderState::Unknown);
    (venue, record.run_id, record.orders[0].key)
}

async fn settled_by(
    world: &World,
    venue: &Watched<'_>,
    run: Uuid,
    said: Option<&Statement>,
) -> Result<RunItem, String> {
    let answer = settle(&world.ports(venue), run, Uuid::new_v5(&run, b"a person"), said).await;
    answer.map(run_of).map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_persons_word_settles_what_the_venue_cannot_and_is_told() {
    for (answer, state, expected) in [
        (Answer::NotPlaced, OrderState::NotPlaced, "0"),
        (filled("20", Some("99")), OrderState::Filled, "20"),
        (filled("7", Some("99")), OrderState::Cancelled, "7"),
        (filled("0", None), OrderState::Cancelled, "0"),
    ] {
        let world = World::new().await;
        let (venue, run, order) = unknown_fate(&world, &LEGS[..1]).await;
        assert_eq!(world.lock_holder().await, Some(run), "the account is kept while the fate is unknown");
        let ended = settled_by(&world, &venue, run, Some(&by_alice(order, answer))).await.expect("takes the answer");
        assert_eq!((ended.state, world.lock_holder().await), (RunState::Done, None));
        assert_eq!(ended.interruptions, 1, "a fate was unknown when its worker left it");
        assert_eq!(venue.placed().len(), 1, "nothing was sent");
        let item = world.store().load_order(run, order).await.expect("reads").expect("is stored");
        assert_eq!((item.state, item.filled_quantity), (state, quantity(expected)));
        assert!(item.note.contains("alice") && item.note.contains("support says so"), "{}", item.note);
        let log = world.store().load_log(run).await.expect("reads");
        let told: Vec<_> = log.iter().filter(|entry| entry.operator.as_deref() == Some("alice")).collect();
        assert_eq!(told.len(), 1);
        assert!(matches!(told[0].change, Change::Order { to, .. } if to == state) && told[0].why == item.note);
    }
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_refused_and_changes_nothing() {
    let world = World::new().await;
    let (venue, run, order) = unknown_fate(&world, &LEGS[..1]).await;
    let before = world.store().load_order(run, order).await;
    for (said, expected) in [
        (by_alice(Uuid::nil(), Answer::NotPlaced), "no such order"),
        (by_alice(order, filled("21", Some("99"))), "21 is more than the order's 20"),
        (by_alice(order, filled("20", Some("97.99"))), "97.99 is worse than the order's limit price 98"),
        (by_alice(order, filled("20", None)), "a fill has a price"),
    ] {
        let error = settled_by(&world, &venue, run, Some(&said)).await.expect_err(expected);
        assert!(error.contains(expected), "{expected}: {error}");
        assert_eq!(world.store().load_order(run, order).await, before);
        let left = world.run_item(&scheduled(monday())).await;
        assert!(left.lease_until < world.clock.now(), "whoever speaks next need not wait: {}", left.lease_until);
    }
    // And once it is over there is nothing left to say.
    settled_by(&world, &venue, run, Some(&by_alice(order, Answer::NotPlaced))).await.expect("takes the answer");
    let error = settled_by(&world, &venue, run, Some(&by_alice(order, Answer::NotPlaced))).await.expect_err("over");
    assert!(error.contains("done and settled"), "{error}");
    let handled = settle(&world.ports(&venue), Uuid::nil(), Uuid::nil(), None).await;
    assert_eq!(handled, Ok(Handled::NoSuchRun));
}

/// A venue whose answer takes so long that the order's worker, thought dead, stores its end meanwhile.
struct Slow<'a> {
    venue: &'a Watched<'a>,
    world: &'a World,
    run: RunItem,
    item: OrderItem,
}

impl Venue for Slow<'_> {
    fn id(&self) -> &VenueId {
        self.venue.id()
    }

    fn promise(&self) -> Promise {
        self.venue.promise()
    }

    async fn account(&self, account: &AccountId) -> Result<AccountSnapshot, VenueError> {
        self.venue.account(account).await
    }

    async fn place(&self, request: &OrderRequest) -> Result<VenueOrder, PlaceError> {
        self.venue.place(request).await
    }

    async fn find_order(&self, sought: &Sought) -> Result<Option<VenueOrder>, VenueError> {
        let moved = moved(&self.item, OrderState::Filled, self.world.clock.now(), 0).expect("a legal move");
        let filled = OrderItem { filled_quantity: quantity("20"), average_price: Some(price("99")), ..moved };
        let (filled, entry) = of_order(&self.run, Some(&self.item), filled, None);
        let written = self.world.store().update_order(None, &self.item, &filled, &entry).await;
        assert_eq!(written, Ok(Written::Done));
        self.venue.find_order(sought).await
    }

    async fn fills(&self, sought: &Sought) -> Result<Vec<Fill>, VenueError> {
        self.venue.fills(sought).await
    }
}

/// Whose word came second is told so: it is not in the log, and nobody shall think that it is.
#[tokio::test]
async fn a_word_that_the_orders_worker_was_quicker_than_is_refused() {
    let world = World::new().await;
    let (venue, run, order) = unknown_fate(&world, &LEGS[..1]).await;
    let item = world.store().load_order(run, order).await.expect("reads").expect("is stored");
    let stored = world.run_item(&scheduled(monday())).await;
    let slow = Slow { venue: &venue, world: &world, run: stored, item };
    let ports = Ports { store: world.store(), venue: &slow, clock: &world.clock, settings: &world.settings };
    let said = by_alice(order, Answer::NotPlaced);
    let error = settle(&ports, run, Uuid::new_v5(&run, b"a person"), Some(&said)).await.expect_err("comes second");
    assert!(error.to_string().contains("its worker has written meanwhile: it is filled now"), "{error}");
    let item = world.store().load_order(run, order).await.expect("reads").expect("is stored");
    assert_eq!((item.state, item.filled_quantity), (OrderState::Filled, quantity("20")));
    let log = world.store().load_log(run).await.expect("reads");
    assert!(log.iter().all(|entry| entry.operator.is_none()));
    assert!(world.run_item(&scheduled(monday())).await.lease_until < world.clock.now(), "nobody waits for her");
}

#[tokio::test]
async fn the_venues_own_word_goes_before_a_persons() {
    let world = World::new().await;
    let mut venue = world.venue();
    venue.promise = NEITHER;
    *venue.mute.lock().expect("not poisoned") = true;
    let record = unsettled(world.run(&scheduled(monday()), &venue, &LEGS[..1]).await.expect("runs"));
    let order = record.orders[0].key;
    *venue.mute.lock().expect("not poisoned") = false;
    let said = by_alice(order, filled("0", None));
    let error = settled_by(&world, &venue, record.run_id, Some(&said)).await.expect_err("the venue knows better");
    assert!(error.contains("the venue itself answers: it is filled"), "{error}");
    let ended = settled_by(&world, &venue, record.run_id, None).await.expect("looks again");
    assert_eq!(ended.state, RunState::Done);
}

#[tokio::test]
async fn an_order_that_the_venue_took_is_not_said_to_be_not_placed() {
    let world = World::new().await;
    let mut venue = world.venue();
    venue.promise = NEITHER;
    *venue.mute.lock().expect("not poisoned") = true;
    let record = unsettled(world.run(&scheduled(monday()), &venue, &LEGS[..1]).await.expect("runs"));
    assert_eq!(states(&record), [OrderState::Acknowledged]);
    let order = record.orders[0].key;
    let said = by_alice(order, Answer::NotPlaced);
    let error = settled_by(&world, &venue, record.run_id, Some(&said)).await.expect_err("it was taken");
    assert!(error.contains("the venue took it"), "{error}");
    // A venue that stays silent is answered for.
    let said = by_alice(order, filled("20", Some("99.9")));
    let ended = settled_by(&world, &venue, record.run_id, Some(&said)).await.expect("takes the answer");
    assert_eq!(ended.state, RunState::Done);
}

/// Looking again sends nothing, whatever is left of the plan, and leaves what may still be sent.
#[tokio::test]
async fn settling_sends_nothing() {
    let world = World::new().await;
    let request = scheduled(monday());
    world.dies_at(&request, 0, &LEGS).await;
    let run = run_id(&request.identity);
    let venue = world.venue();
    let handled = settle(&world.ports(&venue), run, Uuid::from_u128(9), None).await.expect("answers");
    assert!(matches!(handled, Handled::InProgress(_)), "its lease lives: {handled:?}");

    world.later(seconds(61));
    let left = settled_by(&world, &venue, run, None).await.expect("looks again");
    assert_eq!((left.state, venue.placed().len()), (RunState::Emitting, 0));
    let items = world.store().load_orders(run).await.expect("reads");
    assert_eq!(items.iter().map(|item| item.state).collect::<Vec<_>>(), [OrderState::NotPlaced]);

    world.later(hours(1));
    let ended = settled_by(&world, &venue, run, None).await.expect("ends it: nothing may be sent any more");
    assert_eq!((ended.state, venue.placed().len()), (RunState::Done, 0));
    let items = world.store().load_orders(run).await.expect("reads");
    assert_eq!(items.iter().filter(|item| item.state == OrderState::Expired).count(), 2);
}

/// What a venue shows under the first sell's key.
fn overfilled() -> (VenueOrder, Vec<Fill>) {
    let request = scheduled(monday());
    let run = run_id(&request.identity);
    let instrument = "ALPHAUSDT".parse().expect("valid");
    let (venue, account) = (&request.identity.venue, &request.identity.venue_account);
    let key = index_rebalancer::planning::idempotency::order_key(run, venue, account, &instrument, Side::Sell, 0);
    let order = VenueOrder {
        client_order_id: index_rebalancer::ports::capability::client_order_id(venue, key),
        venue_order_id: "7".to_owned(),
        instrument,
        side: Side::Sell,
        quantity: quantity("20"),
        status: VenueOrderStatus::Filled,
        filled_quantity: quantity("25"),
        refusal: None,
    };
    (order, vec![Fill { quantity: quantity("25"), price: price("99.9"), fee: money("1") }])
}

/// A contradiction stops the run for whoever takes it over, and not only for the one who met it.
#[tokio::test]
async fn an_overfill_halts_for_good_until_a_person_says_what_was_filled() {
    let world = World::new().await;
    let venue = world.venue();
    *venue.forged.lock().expect("not poisoned") = Some(overfilled());
    let request = scheduled(monday());
    let mut halted = Vec::new();
    for attempt in [request.clone(), redelivered(&request), redelivered(&redelivered(&request))] {
        let error = world.run(&attempt, &venue, &SELLS).await.expect_err("halts");
        assert!(matches!(error, ExecutionError::Halted { .. }), "{error}");
        halted.push(error.to_string());
        assert_eq!(venue.placed().len(), 1, "the second sell was never sent");
    }
    assert!(halted.iter().all(|error| error.contains("overfill: 25 of 20")), "{halted:?}");
    let run = world.run_item(&request).await;
    assert!(run.reason.starts_with("halted: overfill"), "{}", run.reason);
    assert_eq!(world.lock_holder().await, Some(run.run_id));

    world.later(seconds(61));
    let order = world.store().load_orders(run.run_id).await.expect("reads");
    let order = order.iter().find(|item| item.state != OrderState::Skipped).expect("the overfilled one").key;
    let said = by_alice(order, Answer::NotPlaced);
    let error = settled_by(&world, &venue, run.run_id, Some(&said)).await.expect_err("the venue has it");
    assert!(error.contains("the venue has an order under this key"), "{error}");
    let said = by_alice(order, filled("25", Some("99.9")));
    let ended = settled_by(&world, &venue, run.run_id, Some(&said)).await.expect("takes the answer");
    assert_eq!((ended.state, world.lock_holder().await), (RunState::Aborted, None));
    let items = world.store().load_orders(run.run_id).await.expect("reads");
    let mut states: Vec<_> = items.iter().map(|item| (item.state, item.filled_quantity)).collect();
    states.sort();
    assert_eq!(states, [(OrderState::Skipped, quantity("0")), (OrderState::Filled, quantity("25"))]);
}

#[tokio::test]
async fn an_abort_ends_what_was_not_sent_and_only_settles_the_rest() {
    let world = World::new().await;
    let request = scheduled(monday());
    world.dies_at(&request, 1, &LEGS).await;
    let run = run_id(&request.identity);

    // Its lease lives; a person who says stop means now.
    let venue = world.venue();
    let ended = abort(&world.ports(&venue), run, Uuid::from_u128(9), "alice", "wrong policy").await.expect("aborts");
    let ended = run_of(ended);
    assert_eq!((ended.state, venue.placed().len(), world.lock_holder().await), (RunState::Aborted, 0, None));
    assert_eq!((ended.reason.as_str(), ended.epoch), ("aborted by alice: wrong policy", 2));
    let mut states: Vec<_> =
        world.store().load_orders(run).await.expect("reads").into_iter().map(|item| item.state).collect();
    states.sort();
    assert_eq!(states, [OrderState::Skipped, OrderState::Filled, OrderState::NotPlaced]);
    let log = world.store().load_log(run).await.expect("reads");
    let told: Vec<_> = log.iter().filter(|entry| entry.operator.is_some()).collect();
    assert!(told.len() == 1 && told[0].why == "aborted by alice: wrong policy", "{told:?}");

    let again = abort(&world.ports(&venue), run, Uuid::from_u128(10), "bob", "me too").await.expect("answers");
    assert_eq!(run_of(again), ended, "what is over stays as it is");
    assert_eq!(abort(&world.ports(&venue), Uuid::nil(), Uuid::nil(), "a", "b").await, Ok(Handled::NoSuchRun));
}

#[tokio::test]
async fn an_abort_does_not_release_an_account_with_an_order_of_unknown_fate() {
    let world = World::new().await;
    let (venue, run, order) = unknown_fate(&world, &LEGS).await;
    let left = abort(&world.ports(&venue), run, Uuid::from_u128(9), "alice", "enough").await.expect("aborts");
    let left = run_of(left);
    assert_eq!((left.state, world.lock_holder().await), (RunState::Emitting, Some(run)));
    assert_eq!(left.reason, "aborted by alice: enough");
    let ended = settled_by(&world, &venue, run, Some(&by_alice(order, Answer::NotPlaced))).await.expect("settles");
    assert_eq!((ended.state, world.lock_holder().await), (RunState::Aborted, None));
    assert_eq!(venue.placed().len(), 1);
}

#[tokio::test]
async fn an_abort_before_the_plan_releases_the_account_at_once() {
    let world = World::new().await;
    let (request, venue) = (scheduled(monday()), world.venue());
    let down = async |_| Err(index_rebalancer::execution::PreparationFailure::Transient("down".to_owned()));
    let no_plan = |_: &_| -> Result<index_rebalancer::planning::RebalancePlan, String> { panic!("no input") };
    let _ = index_rebalancer::execution::execute(&request, &world.ports(&venue), down, no_plan).await;
    let run = run_id(&request.identity);
    let said = by_alice(Uuid::nil(), Answer::NotPlaced);
    let error = settled_by(&world, &venue, run, Some(&said)).await.expect_err("nothing to answer for");
    assert!(error.contains("has sent nothing"), "{error}");
    let ended = abort(&world.ports(&venue), run, Uuid::from_u128(9), "alice", "not today").await.expect("aborts");
    let ended = run_of(ended);
    assert_eq!((ended.state, world.lock_holder().await), (RunState::Aborted, None));
    assert_eq!(ended.reason, "aborted by alice: not today");
}

/// The worker that was at it finds itself fenced out before its next order leaves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abort_stops_a_worker_in_the_middle() {
    let world = std::sync::Arc::new(World::new().await);
    let mut venue = world.venue();
    let (other, request) = (std::sync::Arc::clone(&world), scheduled(monday()));
    let run = run_id(&request.identity);
    venue.before_placing = Some(Box::new(move |_| {
        let world = std::sync::Arc::clone(&other);
        let stop = async move {
            let venue = world.venue();
            abort(&world.ports(&venue), run, Uuid::from_u128(9), "alice", "stop").await.expect("aborts");
        };
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(Box::pin(stop)));
    }));
    let outcome = world.run(&request, &venue, &LEGS).await;
    assert_eq!(venue.placed().len(), 1, "one order was on its way: {outcome:?}");
    let run = world.run_item(&request).await;
    assert_eq!(run.reason, "aborted by alice: stop");
    let items = world.store().load_orders(run.run_id).await.expect("reads");
    assert!(
        items.iter().all(|item| item.attempt.is_none() || item.key == items[0].key || item.venue_order_id.is_none())
    );
}

#[tokio::test]
async fn money_that_a_lost_buy_may_still_spend_is_not_spent_twice() {
    // 1000 in cash, 300 of it buffer; either buy fits, both do not.
    const BUYS: [Leg; 2] = [(Side::Buy, "beta", "8", "51"), (Side::Buy, "gamma", "40", "10.2")];
    let world = World::new().await;
    let mut venue = world.venue();
    venue.promise = NEITHER;
    *venue.faults.lock().expect("not poisoned") = vec![Fault::RequestLost];
    let record = unsettled(world.run(&scheduled(monday()), &venue, &BUYS).await.expect("runs"));
    assert_eq!(states(&record), [OrderState::Unknown, OrderState::Skipped]);
    assert!(record.orders[1].note.starts_with("insufficient proceeds"), "{}", record.orders[1].note);
    let world = World::new().await;
    let record = completed(world.run(&scheduled(monday()), &world.venue(), &BUYS[..1]).await.expect("runs"));
    assert_eq!(states(&record), [OrderState::Filled], "alone it fits");
    assert_eq!(record.orders[0].fee, Money::parse("0.4004").expect("valid"));
}
