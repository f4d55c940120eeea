//! Stating an account: dated, idempotent, never over what an order may still change.

use index_rebalancer::adapters::outbox::Act;
use index_rebalancer::ports::StoreError;
use index_rebalancer::ports::venue::PlaceError;
use jiff::SignedDuration;

use super::*;

fn observed(after: SignedDuration, free: &str) -> AccountSnapshot {
    AccountSnapshot { observed_at: monday() + after, cash_free: money(free), ..opening_account() }
}

#[tokio::test]
async fn what_nobody_stated_is_not_guessed() {
    let world = World::new().await;
    let error = outbox(&world).account(&account()).await.expect_err("nothing is stated").to_string();
    assert!(error.contains("account main of binance has no statement") && error.contains("rebalance load"), "{error}");
    let Err(PlaceError::Refused(why)) = outbox(&world).place(&buy("one")).await else { panic!("placed") };
    assert!(why.contains("rebalance load"), "{why}");
    assert_eq!(outbox(&world).find_order(&sought(&buy("one"))).await, Ok(None));
}

#[tokio::test]
async fn a_statement_is_answered_with_its_own_time() {
    let world = stated().await;
    world.later(hours(30));
    assert_eq!(balance(&world).await, opening_account(), "nobody has looked since: it is thirty hours old");
    assert_eq!(state(&world, &observed(hours(29), "700")).await, Stated::Replaced);
    assert_eq!(balance(&world).await, observed(hours(29), "700"));
}

#[tokio::test]
async fn the_same_statement_again_changes_nothing_and_an_older_one_is_refused() {
    let world = stated().await;
    assert_eq!(state(&world, &opening_account()).await, Stated::Unchanged);
    let contradicts = Stated::Contradicts { stored: monday() };
    assert_eq!(state(&world, &observed(SignedDuration::ZERO, "999")).await, contradicts);
    assert_eq!(state(&world, &observed(hours(1), "999")).await, Stated::Replaced);
    let older = Stated::Older { stored: monday() + hours(1) };
    assert_eq!(state(&world, &opening_account()).await, older, "even the one that was stored before");
    assert_eq!(balance(&world).await, observed(hours(1), "999"));
    for refused in [contradicts, older] {
        assert!(refused.refusal().is_some_and(|why| why.contains("state")), "{refused:?}");
    }
    assert_eq!(
        [Stated::Opened, Stated::Replaced, Stated::Unchanged].map(|stands| stands.refusal()),
        [None, None, None]
    );
}

#[tokio::test]
async fn an_account_with_open_orders_is_not_stated_anew() {
    let world = stated().await;
    outbox(&world).place(&buy("one")).await.expect("is placed");
    let refused = state(&world, &observed(hours(1), "5000")).await;
    assert_eq!(refused, Stated::OrdersOpen { orders: ["one".to_owned()].into() });
    assert!(refused.refusal().is_some_and(|why| why.contains("(one)") && why.contains("rebalance cancel")));
    assert_eq!(state(&world, &opening_account()).await, Stated::Unchanged, "it stands already");
    assert_eq!(cash(&world).await, pair("490", "510"));
    executor(&world, "alice").act(&at("one"), &cancel("stop")).await.expect("is ended");
    assert_eq!(state(&world, &observed(hours(1), "5000")).await, Stated::Replaced);
    assert_eq!(cash(&world).await, pair("5000", "0"));
}

/// A statement from before an execution does not have it and would undo it.
#[tokio::test]
async fn a_statement_from_before_an_execution_is_refused() {
    let world = stated().await;
    outbox(&world).place(&buy("one")).await.expect("is placed");
    let desk = executor(&world, "desk");
    desk.act(&at("one"), &Act::Acknowledge).await.expect("is taken");
    let executed = monday() + seconds(60);
    world.later(seconds(90));
    let filled = Act::Fill(reported("a", "10", "50", "0", Some(executed)));
    desk.act(&at("one"), &filled).await.expect("is filled");
    assert_eq!(
        balance(&world).await.observed_at,
        monday(),
        "a fill tells nothing of deposits: the balance is no newer"
    );
    assert_eq!(state(&world, &observed(seconds(59), "1000")).await, Stated::Older { stored: executed });
    assert_eq!(state(&world, &opening_account()).await, Stated::Unchanged, "the fill stands");
    assert_eq!(cash(&world).await, pair("500", "0"));
    assert_eq!(state(&world, &observed(seconds(60), "500")).await, Stated::Replaced, "observed after it, told before");
}

#[tokio::test]
async fn a_debt_is_no_balance() {
    let world = World::new().await;
    for (field, free, locked) in [("cash_free", "-0.01", "0"), ("cash_locked", "0", "-1")] {
        let statement = AccountSnapshot { cash_free: money(free), cash_locked: money(locked), ..opening_account() };
        let refused = world.store().state_account(&venue_id(), &account(), &statement).await;
        assert!(matches!(refused, Err(StoreError::Invalid { field: named, .. }) if named == field), "{refused:?}");
    }
    assert!(world.store().outbox_accounts().await.expect("lists").is_empty());
}

/// What is locked already stays locked whatever orders come and go.
#[tokio::test]
async fn what_was_locked_before_is_left_alone() {
    let world = World::new().await;
    let holdings = [(asset("alpha"), Holding { free: quantity("5"), locked: quantity("7") })].into();
    let statement = AccountSnapshot { cash_locked: money("40"), holdings, ..opening_account() };
    assert_eq!(state(&world, &statement).await, Stated::Opened);
    for (order, act) in [(sell_of("one", "5"), cancel("stop")), (buy("two"), reject("no"))] {
        outbox(&world).place(&order).await.expect("is placed");
        executor(&world, "desk").act(&at(&order.client_order_id), &act).await.expect("is ended");
    }
    assert_eq!(balance(&world).await, statement);
    let Err(PlaceError::Refused(why)) = outbox(&world).place(&sell_of("three", "5.01")).await else { panic!("placed") };
    assert!(why.contains("insufficient holding of alpha: 5.01 needed, 5 free"), "{why}");
}

fn sell_of(id: &str, units: &str) -> OrderRequest {
    request(id, Side::Sell, "alpha", units, "98")
}
