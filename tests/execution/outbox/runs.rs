//! Whole runs whose orders somebody else carries out.

use std::sync::Mutex;

use index_rebalancer::adapters::outbox::Act;
use index_rebalancer::execution::{RunOutcome, RunRequest, Unplanned, abort, load_run, recover};
use index_rebalancer::model::{AccountId, VenueId};
use index_rebalancer::planning::idempotency::run_id;
use index_rebalancer::ports::OrderState::{
    self, Acknowledged, Cancelled, Expired, Filled, NotPlaced, Skipped, Unknown,
};
use index_rebalancer::ports::outbox::OutboxState;
use index_rebalancer::ports::store::OrderItem;
use index_rebalancer::ports::venue::{Fill, PlaceError, Promise, VenueError, VenueOrder};
use index_rebalancer::ports::{RunRecord, RunState, RunStore as _};
use uuid::Uuid;

use super::*;

/// Orders of the outbox that are open, in the sequence of their placing.
async fn open(world: &World) -> Vec<OutboxOrder> {
    let orders = world.store().outbox_orders(&venue_id(), &account()).await.expect("lists");
    orders.into_iter().filter(|order| order.state == OutboxState::Open).collect()
}

/// Takes every open order and fills it at its limit price, without a fee. Their instruments.
async fn carry_out(world: &World) -> Vec<String> {
    let desk = executor(world, "desk");
    let mut done = Vec::new();
    for order in open(world).await {
        desk.act(&order.address(), &Act::Acknowledge).await.expect("is taken");
        let whole = fill("T-1", &order.quantity.to_string(), &order.limit_price.to_string(), "0");
        desk.act(&order.address(), &whole).await.expect("is filled");
        done.push(order.instrument.to_string());
    }
    done.sort();
    done
}

/// What recovery makes of the run.
async fn recovered<V: Venue>(world: &World, request: &RunRequest, venue: &V) -> RunRecord {
    // Whoever worked on it before is gone.
    world.later(seconds(61));
    let (run, token) = (run_id(&request.identity), Uuid::new_v5(&Uuid::nil(), &world.clock_text()));
    let ports = world.ports(venue);
    recover(&ports, run, token, Unplanned::Leave).await.expect("recovers").expect("is stored");
    load_run(world.store(), run).await.expect("reads").expect("is stored")
}

impl World {
    fn clock_text(&self) -> Vec<u8> {
        index_rebalancer::ports::Clock::now(&self.clock).to_string().into_bytes()
    }
}

/// A run of these legs that stands in the outbox.
async fn begun(world: &World, legs: &[Leg]) -> RunRequest {
    let request = scheduled(monday());
    unsettled(world.run(&request, &outbox(world), legs).await.expect("runs"));
    request
}

#[tokio::test]
async fn a_run_is_carried_out_by_somebody_else() {
    let world = stated().await;
    let request = begun(&world, &LEGS).await;
    let sells = open(&world).await;
    assert_eq!(sells.len(), 1, "the buys wait for the proceeds");
    let planned = load_run(world.store(), run_id(&request.identity)).await.expect("reads").expect("is stored");
    let order = &planned.plan.expect("is committed").orders[0];
    assert_eq!(sells[0].payload_digest, order.payload_digest);
    assert_eq!(
        (sells[0].client_order_id.clone(), sells[0].valid_until),
        (order.key.simple().to_string(), order.valid_until)
    );

    assert_eq!(carry_out(&world).await, ["ALPHAUSDT"]);
    let record = recovered(&world, &request, &outbox(&world)).await;
    assert_eq!((record.state, states(&record)), (RunState::Emitting, vec![Filled, Acknowledged, Acknowledged]));
    assert_eq!(world.lock_holder().await, Some(run_id(&request.identity)));

    assert_eq!(carry_out(&world).await, ["BETAUSDT", "GAMMAUSDT"]);
    let record = recovered(&world, &request, &outbox(&world)).await;
    assert_eq!((record.state, states(&record)), (RunState::Done, vec![Filled; 3]));
    assert_eq!(world.lock_holder().await, None);
    let item = world.run_item(&request).await;
    assert_eq!((item.epoch, item.interruptions), (3, 0), "it rested, and nobody was lost");
    // 20 at 98, less 20 at 51 and 100 at 10.2.
    let after = record.account_after.expect("is settled");
    assert_eq!((after.cash_free, after.cash_locked), (money("920"), money("0")));
    assert_eq!(after.holdings[&asset("alpha")].free, quantity("30"));
    assert_eq!(after.observed_at, monday(), "as old as the statement");

    let again = world.resume(&redelivered(&request), &outbox(&world)).await.expect("answers");
    assert!(matches!(again, RunOutcome::AlreadyDone(_)), "{again:?}");

    // The next run plans from what is then stated.
    let tuesday = world.later(hours(24));
    let stated = AccountSnapshot { observed_at: tuesday, cash_free: money("1500"), ..balance(&world).await };
    assert_eq!(state(&world, &stated).await, Stated::Replaced);
    let next = scheduled(tuesday);
    let (mut seen, venue) = (None, outbox(&world));
    let outcome = world.run_plan(&next, &venue, |input| {
        seen = Some(input.account.clone());
        plan_of(input, &[])
    });
    completed(outcome.await.expect("runs"));
    assert_eq!(seen, Some(stated));
}

#[tokio::test]
async fn a_run_without_a_statement_ends_and_says_what_is_missing() {
    let world = World::new().await;
    let outcome = world.run(&scheduled(monday()), &outbox(&world), &LEGS).await.expect("ends");
    let RunOutcome::Aborted(record) = outcome else { panic!("{outcome:?}") };
    assert!(record.reason.contains("has no statement: say with `rebalance load`"), "{}", record.reason);
    assert_eq!((record.orders.len(), world.lock_holder().await), (0, None), "the account waits for nobody");
    assert!(world.store().outbox_accounts().await.expect("lists").is_empty());
}

#[tokio::test]
async fn a_part_is_filled_and_the_rest_cancelled() {
    let world = stated().await;
    let request = begun(&world, &LEGS[..1]).await;
    let order = open(&world).await.remove(0);
    let desk = executor(&world, "desk");
    desk.act(&order.address(), &Act::Acknowledge).await.expect("is taken");
    desk.act(&order.address(), &fill("a", "5", "99", "0.5")).await.expect("is filled");
    desk.act(&order.address(), &fill("b", "3", "98", "0.3")).await.expect("is filled");
    let record = recovered(&world, &request, &outbox(&world)).await;
    assert_eq!((record.state, states(&record)), (RunState::Emitting, vec![OrderState::PartiallyFilled]));
    desk.act(&order.address(), &cancel("no more bids")).await.expect("is ended");
    let record = recovered(&world, &request, &outbox(&world)).await;
    assert_eq!((record.state, states(&record)), (RunState::Done, vec![Cancelled]));
    let order = &record.orders[0];
    assert_eq!((order.filled_quantity, order.fee), (quantity("8"), money("0.8")));
    assert_eq!(order.average_price, Some(price("98.625")), "5 at 99 and 3 at 98");
    assert_eq!(units(&world, "alpha").await, pair("42", "0"));
}

#[tokio::test]
async fn what_an_executor_rejects_ends_and_the_run_goes_on() {
    let world = stated().await;
    let request = begun(&world, &LEGS).await;
    let order = open(&world).await.remove(0);
    executor(&world, "desk").act(&order.address(), &reject("the exchange is closed")).await.expect("is rejected");
    let record = recovered(&world, &request, &outbox(&world)).await;
    assert_eq!(record.state, RunState::Done);
    // Without the proceeds neither buy can be paid: 1000 in cash, and 1021.02 needed.
    assert_eq!(states(&record), [Cancelled, Skipped, Skipped]);
    assert_eq!((cash(&world).await, open(&world).await), (pair("1000", "0"), vec![]));
    let rejected = &record.orders[0];
    assert_eq!((rejected.refused, rejected.note.as_str()), (true, "rejected by desk: the exchange is closed"));
    let item = &world.store().load_orders(record.run_id).await.expect("reads")[0];
    let kept = serde_json::to_string(item).expect("JSON");
    assert_eq!(serde_json::from_str::<OrderItem>(&kept).expect("reads"), *item);
    // Items of before are read as not refused.
    let before = kept.replace(",\"refused\":true", "");
    assert!(!serde_json::from_str::<OrderItem>(&before).expect("reads").refused, "{kept}");
}

#[tokio::test]
async fn what_nobody_takes_ends_with_its_validity() {
    let world = stated().await;
    let request = begun(&world, &LEGS).await;
    let order = open(&world).await.remove(0);
    world.later(seconds(1800));
    let record = recovered(&world, &request, &outbox(&world)).await;
    assert_eq!((record.state, states(&record)), (RunState::Done, vec![Cancelled, Expired, Expired]));
    assert_eq!((balance(&world).await, world.lock_holder().await), (opening_account(), None));
    let late = executor(&world, "desk").act(&order.address(), &Act::Acknowledge).await;
    assert!(late.is_err(), "nothing may be executed past its validity");
}

/// Executed in time and reported late: the run waits for the one who has the order.
#[tokio::test]
async fn what_somebody_took_is_theirs_to_end() {
    let world = stated().await;
    let request = begun(&world, &LEGS[..1]).await;
    let order = open(&world).await.remove(0);
    let desk = executor(&world, "desk");
    desk.act(&order.address(), &Act::Acknowledge).await.expect("is taken");
    world.later(seconds(3600));
    let record = recovered(&world, &request, &outbox(&world)).await;
    assert_eq!((record.state, states(&record)), (RunState::Emitting, vec![Acknowledged]));
    assert!(world.lock_holder().await.is_some(), "the account stays locked");
    let in_time = Act::Fill(reported("a", "20", "98", "0", Some(monday() + seconds(1790))));
    desk.act(&order.address(), &in_time).await.expect("is recorded");
    let record = recovered(&world, &request, &outbox(&world)).await;
    assert_eq!((record.state, states(&record)), (RunState::Done, vec![Filled]));
}

#[tokio::test]
async fn a_person_stops_a_run_and_its_orders() {
    let world = stated().await;
    let request = begun(&world, &LEGS).await;
    world.later(seconds(61));
    let (venue, run) = (outbox(&world), run_id(&request.identity));
    let ports = world.ports(&venue);
    abort(&ports, run, Uuid::from_u128(77), "alice", "wrong policy").await.expect("is stopped");
    let stopped = load_run(world.store(), run).await.expect("reads").expect("is stored");
    assert_eq!((stopped.state, states(&stopped)), (RunState::Emitting, vec![Acknowledged, Skipped, Skipped]));
    executor(&world, "alice").act(&open(&world).await[0].address(), &cancel("wrong policy")).await.expect("is ended");
    let record = recovered(&world, &request, &outbox(&world)).await;
    assert_eq!((record.state, states(&record)), (RunState::Aborted, vec![Cancelled, Skipped, Skipped]));
}

/// Buys that land on the buffer of 300 are all placed, although each binds more than it is expected to cost; one that
/// would use the buffer up is not, although what is bound looks like cash that is kept.
#[tokio::test]
async fn the_buffer_is_measured_at_expected_prices_while_buys_rest() {
    for (units, expected) in [("170", Acknowledged), ("171", Skipped)] {
        let world = stated().await;
        let legs =
            [(Side::Sell, "alpha", "20", "100"), (Side::Buy, "beta", "20", "51"), (Side::Buy, "gamma", units, "10.2")];
        let request = begun(&world, &legs).await;
        carry_out(&world).await;
        let record = recovered(&world, &request, &outbox(&world)).await;
        assert_eq!(states(&record), [Filled, Acknowledged, expected], "{units} gamma at 10, of 3000 less 1000");
    }
}

/// The outbox behind a line that fails.
struct Broken<'a> {
    outbox: Outbox<'a, DynamoStore, ManualClock>,
    /// Whether what is sent arrives, of the placings to come.
    arrives: Mutex<Vec<bool>>,
}

impl Venue for Broken<'_> {
    fn id(&self) -> &VenueId {
        self.outbox.id()
    }
    fn promise(&self) -> Promise {
        self.outbox.promise()
    }
    async fn account(&self, account: &AccountId) -> Result<AccountSnapshot, VenueError> {
        self.outbox.account(account).await
    }
    async fn place(&self, request: &OrderRequest) -> Result<VenueOrder, PlaceError> {
        let fault = self.arrives.lock().expect("not poisoned").pop();
        match fault {
            None => self.outbox.place(request).await,
            Some(arrives) => {
                if arrives {
                    self.outbox.place(request).await.expect("is placed");
                }
                Err(PlaceError::Unclear("timed out".to_owned()))
            }
        }
    }
    async fn find_order(&self, sought: &Sought) -> Result<Option<VenueOrder>, VenueError> {
        if self.arrives.lock().expect("not poisoned").is_empty() {
            return self.outbox.find_order(sought).await;
        }
        Err(VenueError::Unanswered { question: "where an order is", cause: "timed out".to_owned() })
    }
    async fn fills(&self, sought: &Sought) -> Result<Vec<Fill>, VenueError> {
        self.outbox.fills(sought).await
    }
    fn orders_rest(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn a_request_without_an_answer_is_one_order_whether_it_arrived_or_not() {
    for arrived in [true, false] {
        let world = stated().await;
        let broken = Broken { outbox: outbox(&world), arrives: Mutex::new(vec![false, arrived]) };
        let request = scheduled(monday());
        let record = unsettled(world.run(&request, &broken, &LEGS[..1]).await.expect("runs"));
        assert_eq!(states(&record), [Unknown]);
        broken.arrives.lock().expect("not poisoned").clear();
        let record = recovered(&world, &request, &broken).await;
        assert_eq!(states(&record), [Acknowledged], "found, or sent again under its key");
        assert_eq!((open(&world).await.len(), units(&world, "alpha").await), (1, pair("30", "20")));
        carry_out(&world).await;
        assert_eq!(states(&recovered(&world, &request, &broken).await), [Filled]);
    }
}

/// The worker died before anything arrived, and nobody came before the validity was over.
#[tokio::test]
async fn what_never_arrived_is_known_not_to_be_placed() {
    let world = stated().await;
    let broken = Broken { outbox: outbox(&world), arrives: Mutex::new(vec![false, false]) };
    let request = scheduled(monday());
    unsettled(world.run(&request, &broken, &LEGS[..1]).await.expect("runs"));
    broken.arrives.lock().expect("not poisoned").clear();
    world.later(seconds(3600));
    let record = recovered(&world, &request, &broken).await;
    assert_eq!((record.state, states(&record)), (RunState::Done, vec![NotPlaced]));
    assert_eq!((balance(&world).await, world.lock_holder().await), (opening_account(), None));
}
