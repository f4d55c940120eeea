//! What the outbox promises of repeated and late requests, and that it keeps it whatever the clocks say.

use std::sync::Mutex;

use index_rebalancer::adapters::outbox::Act;
use index_rebalancer::model::{AccountId, VenueId};
use index_rebalancer::ports::StoreError;
use index_rebalancer::ports::capability::{OUTBOX, PromiseClass};
use index_rebalancer::ports::outbox::{OutboxAccount, OutboxState};
use index_rebalancer::ports::store::Written;
use index_rebalancer::ports::venue::{Fill, PlaceError, VenueOrder, VenueOrderStatus};

use super::*;

fn refusal(answer: Result<VenueOrder, PlaceError>) -> String {
    match answer {
        Err(PlaceError::Refused(why)) => why,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn the_outbox_is_of_the_class_that_replays_and_bounds_late_requests() {
    let world = World::new().await;
    let promise = outbox(&world).promise();
    assert_eq!((promise, promise.class()), (OUTBOX.promise(), PromiseClass::Replays));
    assert!(outbox(&world).orders_rest() && !world.venue().paper.orders_rest());
}

#[tokio::test]
async fn a_repeated_id_is_the_same_order_and_another_payload_is_a_duplicate() {
    let world = stated().await;
    let order = buy("one");
    let placed = outbox(&world).place(&order).await.expect("is placed");
    assert_eq!((placed.status, placed.client_order_id.as_str()), (VenueOrderStatus::Open, "one"));
    // Even when its deadline is over: it stands.
    world.later(seconds(60));
    assert_eq!(outbox(&world).place(&order).await, Ok(placed.clone()));
    assert_eq!(cash(&world).await, pair("490", "510"), "bound once");
    for other in [
        OrderRequest { payload_digest: "another".to_owned(), ..order.clone() },
        OrderRequest { quantity: quantity("9"), ..order.clone() },
        OrderRequest { limit_price: price("52"), ..order.clone() },
        OrderRequest { side: Side::Sell, ..order.clone() },
        OrderRequest { asset: asset("gamma"), ..order.clone() },
        OrderRequest { instrument: "GAMMAUSDT".parse().expect("valid"), ..order.clone() },
        OrderRequest { valid_until: order.valid_until + seconds(1), ..order.clone() },
    ] {
        // No refusal: an order stands under that id, and whoever settles must see it.
        let answer = outbox(&world).place(&other).await;
        assert!(
            matches!(&answer, Err(PlaceError::DuplicateId(cause)) if cause.contains("payload digest")),
            "{answer:?}"
        );
    }
    let (executor, taken) = (executor(&world, "desk"), at("one"));
    executor.act(&taken, &Act::Acknowledge).await.expect("is taken");
    executor.act(&taken, &fill("a", "10", "50", "0.5")).await.expect("is filled");
    let again = outbox(&world).place(&order).await.expect("is known");
    assert_eq!((again.status, again.filled_quantity), (VenueOrderStatus::Filled, quantity("10")));
    let fills = outbox(&world).fills(&sought(&order)).await.expect("answers");
    assert_eq!(fills, [Fill { quantity: quantity("10"), price: price("50"), fee: money("0.5") }]);
    assert_eq!(outbox(&world).fills(&sought(&buy("none"))).await, Ok(Vec::new()));
}

#[tokio::test]
async fn each_order_finds_less_on_the_account() {
    let world = stated().await;
    outbox(&world).place(&buy("one")).await.expect("is placed");
    let why = refusal(outbox(&world).place(&buy("two")).await);
    assert!(why.contains("insufficient cash: 510 needed, 490 free"), "{why}");
    outbox(&world).place(&request("three", Side::Sell, "alpha", "45", "98")).await.expect("is placed");
    let why = refusal(outbox(&world).place(&sell("four")).await);
    assert!(why.contains("insufficient holding of alpha: 10 needed, 5 free"), "{why}");
}

#[tokio::test]
async fn a_request_past_its_deadline_is_refused() {
    let world = stated().await;
    world.later(seconds(5));
    outbox(&world).place(&buy("in time")).await.expect("is placed");
    world.later(seconds(1));
    assert!(refusal(outbox(&world).place(&sell("late")).await).contains("deadline 2025-04-14T00:00:05Z is over"));
    let stale = OrderRequest { deadline: monday() + seconds(60), valid_until: monday() + seconds(6), ..sell("stale") };
    assert!(refusal(outbox(&world).place(&stale).await).contains("valid until"));
    assert_eq!(cash(&world).await, pair("490", "510"));
}

/// Placed by a worker whose clock stands still, after somebody has looked and found nothing.
#[tokio::test]
async fn what_was_found_absent_after_its_deadline_stays_absent() {
    let world = stated().await;
    let frozen = ManualClock::at(monday());
    let order = buy("one");
    world.later(seconds(4));
    assert_eq!(outbox(&world).find_order(&sought(&order)).await, Ok(None));
    let early = Outbox::new(venue_id(), world.store(), &frozen);
    early.place(&buy("other")).await.expect("within its deadline, whoever looked before");
    world.later(seconds(2));
    assert_eq!(outbox(&world).find_order(&sought(&order)).await, Ok(None));
    let why = refusal(early.place(&order).await);
    assert!(why.contains("at 2025-04-14T00:00:06Z the order was looked for"), "{why}");
    assert_eq!(outbox(&world).find_order(&sought(&order)).await, Ok(None));
    // Later requests are taken, and so are those of an account that was stated anew.
    let next = OrderRequest { deadline: monday() + seconds(9), ..sell("next") };
    early.place(&next).await.expect("is placed");
}

/// A store on whose write somebody else comes first.
struct Overtaken<'a> {
    world: &'a World,
    sought: Mutex<Option<Sought>>,
}

impl OutboxLedger for Overtaken<'_> {
    async fn load_outbox_account(&self, _: &VenueId, _: &AccountId) -> Result<Option<OutboxAccount>, StoreError> {
        self.world.store().load_outbox_account(&venue_id(), &account()).await
    }
    async fn load_outbox_order(&self, address: &OutboxAddress) -> Result<Option<OutboxOrder>, StoreError> {
        self.world.store().load_outbox_order(address).await
    }
    async fn record_outbox(
        &self,
        account: Option<&OutboxAccount>,
        order: Option<&OutboxOrder>,
    ) -> Result<Written, StoreError> {
        let sought = self.sought.lock().expect("not poisoned").take();
        if let Some(sought) = sought {
            self.world.later(seconds(60));
            assert_eq!(outbox(self.world).find_order(&sought).await, Ok(None));
        }
        self.world.store().record_outbox(account, order).await
    }
}

/// The worker has checked everything, stands still before its write, and thaws when the order is known to be absent.
#[tokio::test]
async fn a_write_that_stood_still_is_refused_by_the_store() {
    let (world, frozen) = (stated().await, ManualClock::at(monday()));
    let order = buy("one");
    let overtaken = Overtaken { world: &world, sought: Mutex::new(Some(sought(&order))) };
    let why = refusal(Outbox::new(venue_id(), &overtaken, &frozen).place(&order).await);
    assert!(why.contains("the order was looked for"), "{why}");
    assert_eq!(cash(&world).await, pair("1000", "0"));
}

#[tokio::test]
async fn an_order_that_nobody_took_in_time_ends_in_the_store() {
    let world = stated().await;
    let order = buy("one");
    outbox(&world).place(&order).await.expect("is placed");
    world.later(seconds(1799));
    let found = outbox(&world).find_order(&sought(&order)).await.expect("answers").expect("is there");
    assert_eq!(found.status, VenueOrderStatus::Open);
    world.later(seconds(1));
    let found = outbox(&world).find_order(&sought(&order)).await.expect("answers").expect("is there");
    assert_eq!((found.status, cash(&world).await), (VenueOrderStatus::Cancelled, pair("1000", "0")));
    // An executor whose clock is behind finds the end, and not its own time.
    let behind = ManualClock::at(monday());
    let late = Executor::new(world.store(), &behind, "desk").act(&at("one"), &Act::Acknowledge).await;
    assert!(late.expect_err("it has ended").to_string().contains("it is expired"));
    let ended = stored(&world, "one").await;
    let closing = ended.closing.expect("it has ended");
    assert_eq!((ended.state, closing.by), (OutboxState::Expired, None));
    assert!(closing.why.contains("nobody took it before 2025-04-14T00:30:00Z"), "{}", closing.why);
    assert!(ended.expires_at_s.is_some());
}

/// The executor is the first to notice.
#[tokio::test]
async fn nobody_takes_an_order_whose_time_is_over() {
    let world = stated().await;
    outbox(&world).place(&buy("one")).await.expect("is placed");
    world.later(seconds(1800));
    for act in [Act::Acknowledge, cancel("too late")] {
        let late = executor(&world, "desk").act(&at("one"), &act).await;
        assert!(late.is_err(), "{act:?}");
        assert_eq!(stored(&world, "one").await.state, OutboxState::Expired);
    }
    assert_eq!(cash(&world).await, pair("1000", "0"));
    let unknown = executor(&world, "desk").act(&at("none"), &Act::Acknowledge).await;
    assert!(
        unknown.expect_err("unknown").to_string().contains("no order none stands in the outbox of main at binance")
    );
}
