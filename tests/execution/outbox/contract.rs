//! What may happen to an order, by whom and until when.

use index_rebalancer::adapters::outbox::{Act, ActError, Recorded, Refusal, contract};
use index_rebalancer::execution::Settings;
use index_rebalancer::model::Quantity;
use index_rebalancer::ports::Clock;
use index_rebalancer::ports::outbox::OutboxState::{
    self, Acknowledged, Cancelled, Expired, Filled, Open, PartiallyFilled, Rejected,
};
use index_rebalancer::ports::outbox::{MOST_FILLS, OutboxFill, OutboxOrder, RETENTION_DAYS};
use index_rebalancer::ports::venue::Venue;

use super::*;

#[test]
fn orders_move_only_along_the_table() {
    let legal: [(OutboxState, &[OutboxState]); 3] = [
        (Open, &[Acknowledged, Cancelled, Rejected, Expired]),
        (Acknowledged, &[PartiallyFilled, Filled, Cancelled, Rejected]),
        (PartiallyFilled, &[PartiallyFilled, Filled, Cancelled]),
    ];
    for from in OutboxState::ALL {
        let targets = legal.iter().find(|(state, _)| *state == from).map_or(&[][..], |(_, to)| to);
        for to in OutboxState::ALL {
            assert_eq!(contract::may_become(from, to), targets.contains(&to), "{from:?} {to:?}");
        }
        assert_eq!(from.is_terminal(), targets.is_empty(), "{from:?} has an end exactly when it has no way out");
    }
    assert_eq!(RETENTION_DAYS, Settings::default().retention_days, "kept as long as the run that placed it");
}

/// A world with one open order.
async fn with(order: &OrderRequest) -> World {
    let world = stated().await;
    outbox(&world).place(order).await.expect("is placed");
    world
}

async fn refused(world: &World, name: &str, act: &Act) -> Refusal {
    let before = stored(world, "one").await;
    let answer = executor(world, name).act(&at("one"), act).await;
    assert_eq!(stored(world, "one").await, before, "what is refused changes nothing");
    match answer {
        Err(ActError::Refused { client_order_id, why }) if client_order_id == "one" => why,
        other => panic!("{act:?}: {other:?}"),
    }
}

async fn done(world: &World, name: &str, act: &Act) -> OutboxOrder {
    match executor(world, name).act(&at("one"), act).await {
        Ok(Recorded::Now(order)) => {
            assert_eq!(stored(world, "one").await, order);
            order
        }
        other => panic!("{act:?}: {other:?}"),
    }
}

#[tokio::test]
async fn an_order_is_taken_filled_in_parts_and_full() {
    let world = with(&buy("one")).await;
    assert_eq!(cash(&world).await, pair("490", "510"), "bound at the limit price");
    let taken = done(&world, "desk", &Act::Acknowledge).await;
    assert_eq!((taken.state, taken.acknowledged.as_ref().map(|it| it.by.as_str())), (Acknowledged, Some("desk")));
    assert_eq!(cash(&world).await, pair("490", "510"), "taking it costs nothing");
    world.later(seconds(60));
    let part = done(&world, "desk", &fill("a", "4", "50", "0.2")).await;
    assert_eq!((part.state, part.filled_quantity, part.expires_at_s), (PartiallyFilled, quantity("4"), None));
    let recorded = &part.fills[0];
    assert_eq!((recorded.by.as_str(), recorded.recorded_at), ("desk", world.clock.now()));
    assert_eq!((recorded.executed_at, &recorded.forced), (world.clock.now(), &None));
    // 490 + 4 at 51 come back, 4 at 50 and the fee go.
    assert_eq!((cash(&world).await, units(&world, "beta").await), (pair("493.8", "306"), pair("4", "0")));
    let full = done(&world, "desk", &fill("b", "6", "51", "0")).await;
    assert_eq!((full.state, full.filled_quantity, full.revision), (Filled, quantity("10"), 4));
    assert_eq!((cash(&world).await, units(&world, "beta").await), (pair("493.8", "0"), pair("10", "0")));
    let purged = world.clock.now().as_second() + 400 * 86_400;
    assert_eq!(full.expires_at_s, Some(purged), "what has ended may be purged in due time");
    let ended = Refusal::Ended { state: Filled };
    assert_eq!(refused(&world, "desk", &fill("c", "1", "51", "0")).await, ended);
    assert_eq!(refused(&world, "desk", &cancel("late")).await, ended);
    assert_eq!(refused(&world, "desk", &Act::Acknowledge).await, ended);
}

#[tokio::test]
async fn a_sell_brings_its_proceeds_and_what_is_left_of_it_comes_back() {
    let world = with(&sell("one")).await;
    assert_eq!(units(&world, "alpha").await, pair("40", "10"));
    done(&world, "desk", &Act::Acknowledge).await;
    done(&world, "desk", &fill("a", "4", "99.5", "0.4")).await;
    assert_eq!((cash(&world).await, units(&world, "alpha").await), (pair("1397.6", "0"), pair("40", "6")));
    let ended = done(&world, "desk", &cancel("no more bids")).await;
    assert_eq!((ended.state, ended.filled_quantity), (Cancelled, quantity("4")));
    assert_eq!((cash(&world).await, units(&world, "alpha").await), (pair("1397.6", "0"), pair("46", "0")));
    let closing = ended.closing.expect("it was ended");
    assert_eq!((closing.by.as_deref(), closing.why.as_str()), (Some("desk"), "no more bids"));
    assert_eq!(refused(&world, "desk", &fill("b", "1", "99", "0")).await, Refusal::Ended { state: Cancelled });
}

#[tokio::test]
async fn whoever_took_it_executes_it_and_nobody_else() {
    let world = with(&buy("one")).await;
    assert_eq!(refused(&world, "desk", &fill("a", "1", "50", "0")).await, Refusal::Unacknowledged);
    done(&world, "desk", &Act::Acknowledge).await;
    let others = Refusal::Anothers { by: "desk".to_owned() };
    for act in [Act::Acknowledge, fill("a", "1", "50", "0"), cancel("mine"), reject("mine")] {
        assert_eq!(refused(&world, "robot", &act).await, others);
    }
    // A person can stand in for an executor that is gone, and that is written down.
    let person = executor(&world, "alice").forcing(Some("the desk is down".to_owned()));
    let filled = person.act(&at("one"), &fill("a", "1", "50", "0")).await.expect("is recorded");
    assert_eq!(filled.order().fills[0].forced.as_deref(), Some("the desk is down"));
    let ended = person.act(&at("one"), &cancel("the desk is down")).await.expect("is recorded");
    assert_eq!(ended.order().closing.as_ref().and_then(|it| it.by.as_deref()), Some("alice"));
    // Not even a person takes an order from who has it, or one that has ended.
    assert!(person.act(&at("one"), &Act::Acknowledge).await.is_err());
}

#[tokio::test]
async fn an_open_order_can_be_ended_by_anybody_and_a_taken_one_only_rejected_whole() {
    let world = with(&buy("one")).await;
    let ended = done(&world, "robot", &reject("unknown instrument")).await;
    assert_eq!((ended.state, cash(&world).await), (Rejected, pair("1000", "0")));
    let world = with(&buy("one")).await;
    done(&world, "alice", &cancel("changed my mind")).await;
    assert_eq!(cash(&world).await, pair("1000", "0"));
    let world = with(&buy("one")).await;
    done(&world, "desk", &Act::Acknowledge).await;
    done(&world, "desk", &fill("a", "1", "50", "0")).await;
    let filled = Quantity::parse("1").expect("a quantity");
    assert_eq!(refused(&world, "desk", &reject("no more")).await, Refusal::PartlyFilled { filled });
}

#[tokio::test]
async fn repeating_an_act_changes_nothing() {
    let world = with(&buy("one")).await;
    let acts = [Act::Acknowledge, fill("a", "4", "50", "0.2"), cancel("enough")];
    for act in &acts {
        let order = done(&world, "desk", act).await;
        world.later(seconds(1));
        let again = executor(&world, "desk").act(&at("one"), act).await;
        assert_eq!(again, Ok(Recorded::Before(order)), "{act:?}");
    }
    // The fill is known even after the end; the same id for something else is not.
    let known = executor(&world, "desk").act(&at("one"), &acts[1]).await;
    assert!(matches!(known, Ok(Recorded::Before(_))), "{known:?}");
    let taken = Refusal::FillIdTaken { fill_id: "a".to_owned() };
    for other in [fill("a", "3", "50", "0.2"), fill("a", "4", "49", "0.2"), fill("a", "4", "50", "0.3")] {
        assert_eq!(refused(&world, "desk", &other).await, taken);
    }
    let other_time = Act::Fill(reported("a", "4", "50", "0.2", Some(monday())));
    let same_time = Act::Fill(reported("a", "4", "50", "0.2", Some(stored(&world, "one").await.fills[0].executed_at)));
    assert!(matches!(executor(&world, "desk").act(&at("one"), &same_time).await, Ok(Recorded::Before(_))));
    world.later(seconds(1));
    assert_eq!(refused(&world, "desk", &other_time).await, taken);
    assert_eq!(refused(&world, "desk", &cancel("another reason")).await, Refusal::Ended { state: Cancelled });
    assert_eq!((cash(&world).await, units(&world, "beta").await), (pair("799.8", "0"), pair("4", "0")));
}

#[tokio::test]
async fn a_fill_keeps_to_quantity_price_time_and_figures() {
    let world = with(&buy("one")).await;
    done(&world, "desk", &Act::Acknowledge).await;
    let now = world.later(seconds(60));
    let executed = |at| Act::Fill(reported("a", "1", "50", "0", Some(at)));
    let words = |name: &str| Act::Fill(reported(name, "1", "50", "0", None));
    let invalid = |fill_id: &str| Refusal::InvalidFillId { fill_id: fill_id.to_owned() };
    let (side, limit_price) = (Side::Buy, price("51"));
    for (act, expected) in [
        (fill("a", "10.01", "50", "0"), Refusal::Overfill { quantity: quantity("10.01"), remaining: quantity("10") }),
        (fill("a", "0", "50", "0"), Refusal::NothingFilled),
        (fill("a", "1", "50", "-1"), Refusal::NegativeFee { fee: money("-1") }),
        (fill("a", "1", "51.01", "0"), Refusal::BeyondLimit { price: price("51.01"), side, limit_price }),
        (executed(now + seconds(3)), Refusal::ExecutedInFuture { executed_at: now + seconds(3), now }),
        (words(""), invalid("")),
        (words("a b"), invalid("a b")),
        (words(&"x".repeat(101)), invalid(&"x".repeat(100))),
    ] {
        assert_eq!(refused(&world, "desk", &act).await, expected);
        assert!(!expected.to_string().is_empty());
    }
    done(&world, "desk", &executed(now + seconds(2))).await;
    let world = with(&sell("one")).await;
    done(&world, "desk", &Act::Acknowledge).await;
    let beyond = Refusal::BeyondLimit { price: price("97.99"), side: Side::Sell, limit_price: price("98") };
    assert_eq!(refused(&world, "desk", &fill("a", "1", "97.99", "0")).await, beyond);
    done(&world, "desk", &fill("a", "1", "98", "0")).await;
}

/// What an exchange did is a fact; it is recorded on a person's word, and shows that word.
#[tokio::test]
async fn a_person_records_what_broke_the_rules_with_the_reason() {
    let world = with(&buy("one")).await;
    done(&world, "desk", &Act::Acknowledge).await;
    let late = world.later(seconds(1801));
    let after = Act::Fill(reported("late", "1", "50", "0", Some(late)));
    let valid_until = monday() + seconds(1800);
    assert_eq!(refused(&world, "desk", &after).await, Refusal::ExecutedLate { executed_at: late, valid_until });
    let in_time = done(&world, "desk", &Act::Fill(reported("in-time", "1", "50", "0", Some(valid_until)))).await;
    assert_eq!(in_time.fills[0].forced, None, "reported late is not executed late");
    let person = executor(&world, "desk").forcing(Some("the exchange's statement".to_owned()));
    person.act(&at("one"), &after).await.expect("is recorded");
    let dear = Act::Fill(reported("dear", "1", "60", "0", Some(monday())));
    let order = person.act(&at("one"), &dear).await.expect("is recorded").order().clone();
    let forced: Vec<bool> = order.fills.iter().map(|fill| fill.forced.is_some()).collect();
    assert_eq!(forced, [false, true, true]);
    // What cannot be true of the order is not taken from anybody.
    let over = person.act(&at("one"), &fill("over", "8", "50", "0")).await;
    assert!(matches!(over, Err(ActError::Refused { why: Refusal::Overfill { .. }, .. })), "{over:?}");
    // 10 bound at 51; three paid at 50, 50 and 60.
    assert_eq!(cash(&world).await, pair("483", "357"));
}

#[tokio::test]
async fn an_account_never_falls_below_nothing() {
    let world = with(&request("one", Side::Buy, "beta", "19", "51")).await;
    done(&world, "desk", &Act::Acknowledge).await;
    assert_eq!(cash(&world).await, pair("31", "969"));
    let before = balance(&world).await;
    let dear = executor(&world, "desk").act(&at("one"), &fill("a", "19", "51", "31.01")).await;
    let text = dear.expect_err("cannot be paid").to_string();
    assert!(text.contains("insufficient cash: 1000.01 needed, 1000 free"), "{text}");
    assert_eq!((balance(&world).await, stored(&world, "one").await.state), (before, Acknowledged));
    done(&world, "desk", &fill("a", "19", "51", "31")).await;
    assert_eq!(cash(&world).await, pair("0", "0"));
    // Nor by the fee of a sell.
    outbox(&world).place(&request("two", Side::Sell, "alpha", "1", "1")).await.expect("is placed");
    let desk = executor(&world, "desk");
    desk.act(&at("two"), &Act::Acknowledge).await.expect("is taken");
    let text = desk.act(&at("two"), &fill("a", "1", "1", "1.5")).await.expect_err("cannot be paid").to_string();
    assert!(text.contains("insufficient cash: 0.5 needed, 0 free"), "{text}");
}

#[tokio::test]
async fn an_order_takes_so_many_fills_and_no_more() {
    let world = with(&buy("one")).await;
    let taken = done(&world, "desk", &Act::Acknowledge).await;
    let one = |number: usize| OutboxFill {
        fill_id: number.to_string(),
        quantity: quantity("0.01"),
        price: price("50"),
        fee: money("0"),
        executed_at: monday(),
        recorded_at: monday(),
        by: "desk".to_owned(),
        forced: None,
    };
    let fills: Vec<OutboxFill> = (0..MOST_FILLS).map(one).collect();
    let item = serde_json::to_string(&fills).expect("serialises");
    assert!(item.len() < 200_000, "{} bytes fit an item, with room for names of a hundred letters", item.len());
    let many = OutboxOrder { state: PartiallyFilled, filled_quantity: quantity("5"), fills, ..taken };
    let actor = contract::Actor { name: "desk".to_owned(), now: monday(), force: Some("a fact".to_owned()) };
    assert_eq!(contract::carried(&many, &fill("x", "1", "50", "0"), &actor), Err(Refusal::TooManyFills));
    let less = OutboxOrder { fills: many.fills[1..].to_vec(), ..many };
    assert!(contract::carried(&less, &fill("x", "1", "50", "0"), &actor).is_ok());
}
