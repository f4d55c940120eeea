//! Several executors at once, lost answers, stores in disorder: nothing is lost and nothing is doubled.

use std::sync::Mutex;

use aws_sdk_dynamodb::types::AttributeValue;
use index_rebalancer::adapters::outbox::statement::state_account;
use index_rebalancer::adapters::outbox::{Act, ActError, Recorded, Refusal};
use index_rebalancer::model::{AccountId, VenueId};
use index_rebalancer::ports::StoreError;
use index_rebalancer::ports::outbox::{OutboxAccount, OutboxState};
use index_rebalancer::ports::store::Written;
use index_rebalancer::ports::venue::PlaceError;
use proptest::prelude::*;

use super::*;

#[tokio::test]
async fn two_executors_at_once_and_one_has_the_order() {
    for _ in 0..5 {
        let world = stated().await;
        outbox(&world).place(&buy("one")).await.expect("is placed");
        let (desk, robot, order) = (executor(&world, "desk"), executor(&world, "robot"), at("one"));
        let answers = tokio::join!(desk.act(&order, &Act::Acknowledge), robot.act(&order, &Act::Acknowledge));
        let (won, lost) = match answers {
            (Ok(Recorded::Now(order)), Err(lost)) | (Err(lost), Ok(Recorded::Now(order))) => (order, lost),
            other => panic!("{other:?}"),
        };
        let by = won.acknowledged.clone().expect("it is taken").by;
        let expected = ActError::Refused { client_order_id: "one".to_owned(), why: Refusal::Anothers { by } };
        assert_eq!((lost, stored(&world, "one").await), (expected, won));
    }
}

#[tokio::test]
async fn the_same_fill_at_once_counts_once() {
    let world = stated().await;
    outbox(&world).place(&buy("one")).await.expect("is placed");
    let (desk, order) = (executor(&world, "desk"), at("one"));
    desk.act(&order, &Act::Acknowledge).await.expect("is taken");
    let same = fill("a", "10", "50", "1");
    let (one, two, three) = tokio::join!(desk.act(&order, &same), desk.act(&order, &same), desk.act(&order, &same));
    let answers = [one, two, three].map(|answer| answer.expect("stands"));
    assert_eq!(answers.iter().filter(|answer| matches!(answer, Recorded::Now(_))).count(), 1);
    assert_eq!((cash(&world).await, units(&world, "beta").await), (pair("499", "0"), pair("10", "0")));
}

#[tokio::test]
async fn fills_of_many_orders_at_once_share_one_balance() {
    let world = stated().await;
    let desk = executor(&world, "desk");
    let ids = ["one", "two", "three", "four"];
    for id in ids {
        outbox(&world).place(&sell(id)).await.expect("is placed");
        desk.act(&at(id), &Act::Acknowledge).await.expect("is taken");
    }
    let fills = ids.map(|id| (at(id), fill("a", "10", "100", "1")));
    let [one, two, three, four] = &fills;
    let answers = tokio::join!(
        desk.act(&one.0, &one.1),
        desk.act(&two.0, &two.1),
        desk.act(&three.0, &three.1),
        desk.act(&four.0, &four.1)
    );
    assert!(answers.0.is_ok() && answers.1.is_ok() && answers.2.is_ok() && answers.3.is_ok(), "{answers:?}");
    assert_eq!((cash(&world).await, units(&world, "alpha").await), (pair("4996", "0"), pair("10", "0")));
}

#[tokio::test]
async fn a_fill_and_a_cancellation_at_once_and_one_comes_first() {
    let (mut filled_first, mut cancelled_first) = (0, 0);
    for turn in 0..6 {
        let world = stated().await;
        outbox(&world).place(&buy("one")).await.expect("is placed");
        let (desk, order) = (executor(&world, "desk"), at("one"));
        desk.act(&order, &Act::Acknowledge).await.expect("is taken");
        let (whole, stop) = (fill("a", "10", "50", "0"), cancel("stop"));
        let (filled, cancelled) = if turn % 2 == 0 {
            tokio::join!(desk.act(&order, &whole), desk.act(&order, &stop))
        } else {
            let (cancelled, filled) = tokio::join!(desk.act(&order, &stop), desk.act(&order, &whole));
            (filled, cancelled)
        };
        assert_ne!(filled.is_ok(), cancelled.is_ok(), "{filled:?} {cancelled:?}");
        filled_first += u32::from(filled.is_ok());
        cancelled_first += u32::from(cancelled.is_ok());
        let expected = if filled.is_ok() { pair("500", "0") } else { pair("1000", "0") };
        assert_eq!(cash(&world).await, expected);
    }
    println!("filled first {filled_first} times, cancelled first {cancelled_first} times");
}

#[tokio::test]
async fn an_order_and_a_statement_at_once_and_the_order_is_on_the_balance_that_counts() {
    for _ in 0..5 {
        let world = stated().await;
        let statement = AccountSnapshot { observed_at: monday() + seconds(1), ..opening_account() };
        let (venue, order) = (outbox(&world), buy("one"));
        let (placed, said) = tokio::join!(venue.place(&order), state(&world, &statement));
        placed.expect("is placed");
        assert!(matches!(said, Stated::Replaced | Stated::OrdersOpen { .. }), "{said:?}");
        assert_eq!(cash(&world).await, pair("490", "510"));
    }
}

/// What a store does to a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// It takes place, and nobody hears of it.
    AnswerLost,
    /// It does not take place, and nobody says so.
    Unavailable,
    /// Somebody else was first, always.
    Crowded,
}

struct Troubled<'a> {
    store: &'a DynamoStore,
    /// Of the writes to come, the next first; none once they are used up, or one that stays.
    troubles: Mutex<Vec<Trouble>>,
}

impl OutboxLedger for Troubled<'_> {
    async fn load_outbox_account(
        &self,
        venue: &VenueId,
        account: &AccountId,
    ) -> Result<Option<OutboxAccount>, StoreError> {
        self.store.load_outbox_account(venue, account).await
    }
    async fn load_outbox_order(&self, address: &OutboxAddress) -> Result<Option<OutboxOrder>, StoreError> {
        self.store.load_outbox_order(address).await
    }
    async fn record_outbox(
        &self,
        account: Option<&OutboxAccount>,
        order: Option<&OutboxOrder>,
    ) -> Result<Written, StoreError> {
        let trouble = {
            let mut troubles = self.troubles.lock().expect("not poisoned");
            match troubles.first().copied() {
                Some(Trouble::Crowded) => Some(Trouble::Crowded),
                Some(_) => Some(troubles.remove(0)),
                None => None,
            }
        };
        let unavailable = || StoreError::Unavailable { step: "a test", cause: "timed out".to_owned() };
        match trouble {
            None => self.store.record_outbox(account, order).await,
            Some(Trouble::AnswerLost) => {
                let _ = self.store.record_outbox(account, order).await?;
                Err(unavailable())
            }
            Some(Trouble::Unavailable) => Err(unavailable()),
            Some(Trouble::Crowded) => Ok(Written::Refused),
        }
    }
}

#[tokio::test]
async fn what_is_repeated_after_a_lost_answer_is_done_once() {
    for trouble in [Trouble::AnswerLost, Trouble::Unavailable] {
        let world = stated().await;
        let store = Troubled { store: world.store(), troubles: Mutex::new(vec![trouble]) };
        let venue = Outbox::new(venue_id(), &store, &world.clock);
        let unclear = venue.place(&buy("one")).await;
        assert!(matches!(unclear, Err(PlaceError::Unclear(_))), "{unclear:?}");
        venue.place(&buy("one")).await.expect("is placed, or was");
        assert_eq!(cash(&world).await, pair("490", "510"), "{trouble:?}");
        let desk = Executor::new(&store, &world.clock, "desk");
        for act in [Act::Acknowledge, fill("a", "4", "50", "1"), fill("b", "1", "50", "1"), cancel("enough")] {
            store.troubles.lock().expect("not poisoned").push(trouble);
            assert!(matches!(desk.act(&at("one"), &act).await, Err(ActError::Store(_))));
            let again = desk.act(&at("one"), &act).await.expect("stands");
            assert_eq!(matches!(again, Recorded::Before(_)), trouble == Trouble::AnswerLost, "{act:?}");
        }
        assert_eq!((cash(&world).await, units(&world, "beta").await), (pair("748", "0"), pair("5", "0")));
        assert_eq!(stored(&world, "one").await.fills.len(), 2);
    }
}

#[tokio::test]
async fn nobody_tries_for_ever() {
    let world = stated().await;
    outbox(&world).place(&buy("one")).await.expect("is placed");
    let store = Troubled { store: world.store(), troubles: Mutex::new(vec![Trouble::Crowded]) };
    let venue = Outbox::new(venue_id(), &store, &world.clock);
    let first = "another writer came first 32 times";
    let Err(PlaceError::Unclear(why)) = venue.place(&sell("two")).await else { panic!("placed") };
    assert!(why.contains(first), "{why}");
    let act = Executor::new(&store, &world.clock, "desk").act(&at("one"), &Act::Acknowledge).await;
    assert!(act.expect_err("crowded").to_string().contains(first));
    let looked = venue.find_order(&sought(&sell("two"))).await;
    assert!(looked.expect_err("crowded").to_string().contains(first));
    world.later(seconds(1800));
    let looked = venue.find_order(&sought(&buy("one"))).await;
    assert!(looked.expect_err("crowded").to_string().contains(first));
    let statement = AccountSnapshot { observed_at: monday() + hours(1), ..opening_account() };
    let (venue, other) = (venue_id(), "other".parse().expect("valid"));
    let accountless = state_account(&store, &venue, &other, &statement);
    assert!(accountless.await.expect_err("crowded").to_string().contains(first));
}

#[tokio::test]
async fn items_that_do_not_belong_together_are_told_and_left() {
    let world = stated().await;
    outbox(&world).place(&buy("one")).await.expect("is placed");
    let zero = AttributeValue::S("0".to_owned());
    world.tamper("outbox", "binance#main", "cash_locked", zero).await;
    let unpayable = executor(&world, "desk").act(&at("one"), &cancel("stop")).await.expect_err("does not fit");
    let text = unpayable.to_string();
    assert!(text.contains("binds 0 for order one, which needs 510") && text.contains("a person must look"), "{text}");
    assert_eq!(stored(&world, "one").await.state, OutboxState::Open);
    world.remove("outbox", "binance#main").await;
    let gone = executor(&world, "desk").act(&at("one"), &cancel("stop")).await.expect_err("is gone").to_string();
    assert!(gone.contains("account main of the outbox binance") && gone.contains("it is gone"), "{gone}");
    world.tamper("outbox#binance#main", "order#one", "state", AttributeValue::S("lost".to_owned())).await;
    let unread = outbox(&world).find_order(&sought(&buy("one"))).await.expect_err("cannot be read").to_string();
    assert!(unread.contains("order#one"), "{unread}");
}

/// What is done to one of three orders, in tenths of a unit.
#[derive(Debug, Clone)]
enum Move {
    Ack(usize),
    Fill(usize, u32, u32),
    Cancel(usize),
    Reject(usize),
    Wait(i64),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        (0..3_usize).prop_map(Move::Ack),
        (0..3_usize, 1..60_u32, 0..4_u32).prop_map(|(order, tenths, id)| Move::Fill(order, tenths, id)),
        (0..3_usize).prop_map(Move::Cancel),
        (0..3_usize).prop_map(Move::Reject),
        (0..900_i64).prop_map(Move::Wait),
    ];
    prop::collection::vec(one, 1..14)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever executors do: cash and units change by the fills and by nothing else, nothing is bound for what has
    /// ended, and what is open is bound in full.
    #[test]
    fn books_and_fills_agree(moves in moves()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let world = stated().await;
            let ids = ["one", "two", "three"];
            for order in [buy("one"), sell("two"), request("three", Side::Buy, "gamma", "10", "10")] {
                outbox(&world).place(&order).await.expect("is placed");
            }
            let desk = executor(&world, "desk");
            for one in moves {
                let (order, act) = match one {
                    Move::Ack(order) => (order, Act::Acknowledge),
                    Move::Fill(order, tenths, id) => {
                        let at = ["50", "99", "9.9"][order];
                        let units = format!("{}.{}", tenths / 10, tenths % 10);
                        (order, fill(&format!("{id}"), &units, at, "0.01"))
                    }
                    Move::Cancel(order) => (order, cancel("stop")),
                    Move::Reject(order) => (order, reject("no")),
                    Move::Wait(time) => {
                        world.later(seconds(time));
                        continue;
                    }
                };
                let _ = desk.act(&at(ids[order]), &act).await;
            }
            let mut expected = opening_account();
            let mut open = 0;
            for id in ids {
                let order = stored(&world, id).await;
                open += usize::from(!order.state.is_terminal());
                book(&mut expected, &order);
            }
            expected.holdings.retain(|_, holding| !holding.total().is_zero());
            assert_eq!(balance(&world).await, expected);
            let account = &world.store().outbox_accounts().await.expect("lists")[0];
            assert_eq!(account.open_orders.len(), open);
        });
    }
}

/// Written apart from the shipped booking: from the whole order at once.
fn book(account: &mut AccountSnapshot, order: &OutboxOrder) {
    let left = if order.state.is_terminal() { quantity("0") } else { order.quantity - order.filled_quantity };
    let holding = account.holdings.entry(order.asset.clone()).or_default();
    for fill in &order.fills {
        account.cash_free -= fill.fee;
        match order.side {
            Side::Buy => {
                account.cash_free -= fill.price.value_of(fill.quantity);
                holding.free += fill.quantity;
            }
            Side::Sell => {
                account.cash_free += fill.price.value_of(fill.quantity);
                holding.free -= fill.quantity;
            }
        }
    }
    match order.side {
        Side::Buy => {
            account.cash_free -= order.limit_price.value_of(left);
            account.cash_locked += order.limit_price.value_of(left);
        }
        Side::Sell => {
            holding.free -= left;
            holding.locked += left;
        }
    }
}
