//! An executor that somebody else wrote: requests to the table as README.md, "Executors", has them, and nothing of ours.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsOutput;
use aws_sdk_dynamodb::types::{AttributeValue as A, TransactWriteItem, Update};
use index_rebalancer::adapters::embedded_store::TABLE;
use index_rebalancer::adapters::outbox::{Act, Recorded};
use index_rebalancer::ports::outbox::OutboxState;
use index_rebalancer::ports::venue::VenueOrderStatus;

use super::*;

fn s(text: &str) -> A {
    A::S(text.to_owned())
}

fn n(number: u64) -> A {
    A::N(number.to_string())
}

fn map(fields: &[(&str, A)]) -> A {
    A::M(fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
}

/// An update of one item of the table.
fn update(pk: &str, sk: &str, expression: &str, condition: &str, values: &[(&str, A)]) -> TransactWriteItem {
    let update = Update::builder()
        .table_name(TABLE)
        .key("pk", s(pk))
        .key("sk", s(sk))
        .update_expression(expression)
        .condition_expression(condition)
        .set_expression_attribute_values(Some(
            values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        ));
    let update = if expression.contains("#state") || condition.contains("#state") {
        update.expression_attribute_names("#state", "state")
    } else {
        update
    };
    TransactWriteItem::builder().update(update.build().expect("an update")).build()
}

async fn transact(world: &World, actions: Vec<TransactWriteItem>) -> Option<TransactWriteItemsOutput> {
    let client = world.embedded.client();
    client.transact_write_items().set_transact_items(Some(actions)).send().await.ok()
}

/// What the stream shows of an order, by the filter of the documentation.
async fn emitted(world: &World) -> Vec<HashMap<String, A>> {
    let scan = world.embedded.client().scan().table_name(TABLE).send().await.expect("scans");
    let begins = |item: &HashMap<String, A>, name: &str, with: &str| item[name].as_s().expect("text").starts_with(with);
    let items = scan.items.unwrap_or_default().into_iter();
    items.filter(|item| begins(item, "pk", "outbox#") && begins(item, "sk", "order#")).collect()
}

fn acknowledgement(by: &str, revision: u64) -> TransactWriteItem {
    update(
        "outbox#binance#main",
        "order#one",
        "SET #state = :acknowledged, acknowledged = :who, revision = :next",
        "#state = :open AND revision = :revision AND valid_until > :now",
        &[
            (":open", s("open")),
            (":acknowledged", s("acknowledged")),
            (":who", map(&[("by", s(by)), ("at", s("2025-04-14T00:01:00Z"))])),
            (":revision", n(revision)),
            (":next", n(revision + 1)),
            (":now", s("2025-04-14T00:01:00Z")),
        ],
    )
}

/// 10 at 50 with a fee of 1: the whole order.
fn whole_fill(revision: u64, account_revision: u64) -> Vec<TransactWriteItem> {
    let fill = map(&[
        ("fill_id", s("T-1")),
        ("quantity", s("10")),
        ("price", s("50")),
        ("fee", s("1")),
        ("executed_at", s("2025-04-14T00:01:30Z")),
        ("recorded_at", s("2025-04-14T00:01:31Z")),
        ("by", s("robot-7")),
    ]);
    let order = update(
        "outbox#binance#main",
        "order#one",
        "SET #state = :after, filled_quantity = :filled, fills = list_append(fills, :fill), revision = :next, \
         expires_at_s = :expires",
        "#state IN (:acknowledged, :partially_filled) AND acknowledged.#by = :me AND revision = :revision",
        &[
            (":after", s("filled")),
            (":filled", s("10")),
            (":fill", A::L(vec![fill])),
            (":acknowledged", s("acknowledged")),
            (":partially_filled", s("partially_filled")),
            (":me", s("robot-7")),
            (":revision", n(revision)),
            (":next", n(revision + 1)),
            (":expires", n(1_779_148_800)),
        ],
    );
    let account = update(
        "outbox",
        "binance#main",
        "SET cash_free = :free, cash_locked = :locked, holdings.beta = :holding, open_orders = :open, \
         last_execution_at = :at, revision = :next",
        "revision = :revision",
        &[
            (":free", s("499")),
            (":locked", s("0")),
            (":holding", map(&[("free", s("10")), ("locked", s("0"))])),
            (":open", A::L(Vec::new())),
            (":at", s("2025-04-14T00:01:30Z")),
            (":revision", n(account_revision)),
            (":next", n(account_revision + 1)),
        ],
    );
    vec![named(order, "#by", "by"), account]
}

fn named(action: TransactWriteItem, placeholder: &str, name: &str) -> TransactWriteItem {
    let mut update = action.update.expect("an update");
    update.expression_attribute_names.get_or_insert_default().insert(placeholder.to_owned(), name.to_owned());
    TransactWriteItem::builder().update(update).build()
}

#[tokio::test]
async fn an_executor_in_another_language_takes_and_fills_an_order() {
    let world = stated().await;
    outbox(&world).place(&buy("one")).await.expect("is placed");
    let items = emitted(&world).await;
    assert_eq!(items.len(), 1, "accounts, runs and the rest are not orders");
    let text = |name: &str| items[0][name].as_s().map(String::as_str);
    for (name, expected) in [
        ("state", "open"),
        ("venue", "binance"),
        ("account", "main"),
        ("client_order_id", "one"),
        ("instrument", "BETAUSDT"),
        ("asset", "beta"),
        ("side", "buy"),
        ("quantity", "10"),
        ("limit_price", "51"),
        ("valid_until", "2025-04-14T00:30:00Z"),
        ("payload_digest", "digest of one"),
        ("placed_at", "2025-04-14T00:00:00Z"),
        ("filled_quantity", "0"),
    ] {
        assert_eq!(text(name), Ok(expected), "{name}");
    }
    assert_eq!((&items[0]["revision"], &items[0]["fills"]), (&n(1), &A::L(Vec::new())));
    assert!(!items[0].contains_key("acknowledged") && !items[0].contains_key("closing"));

    assert!(transact(&world, vec![acknowledgement("robot-7", 1)]).await.is_some());
    assert!(transact(&world, vec![acknowledgement("robot-8", 1)]).await.is_none(), "one has it");
    assert!(executor(&world, "desk").act(&at("one"), &Act::Acknowledge).await.is_err(), "and ours sees that");
    assert_eq!(stored(&world, "one").await.acknowledged.map(|it| it.by), Some("robot-7".to_owned()));

    world.later(seconds(92));
    let revision = world.store().outbox_accounts().await.expect("lists")[0].revision;
    assert!(transact(&world, whole_fill(2, revision - 1)).await.is_none(), "of another balance than the stored one");
    assert_eq!(stored(&world, "one").await.state, OutboxState::Acknowledged, "and then the order is left alone");
    assert!(transact(&world, whole_fill(2, revision)).await.is_some());
    assert!(transact(&world, whole_fill(2, revision + 1)).await.is_none(), "recorded once");

    let found = outbox(&world).find_order(&sought(&buy("one"))).await.expect("answers").expect("is there");
    assert_eq!((found.status, found.filled_quantity), (VenueOrderStatus::Filled, quantity("10")));
    assert_eq!((cash(&world).await, units(&world, "beta").await), (pair("499", "0"), pair("10", "0")));
    let executed_at = "2025-04-14T00:01:30Z".parse().ok();
    let same = Act::Fill(reported("T-1", "10", "50", "1", executed_at));
    let again = executor(&world, "robot-7").act(&at("one"), &same).await;
    assert!(matches!(again, Ok(Recorded::Before(_))), "ours knows the fill that theirs wrote: {again:?}");
}

/// The condition of the documentation keeps an executor from an order whose time is over.
#[tokio::test]
async fn the_documented_condition_refuses_what_is_late() {
    let world = stated().await;
    let order = OrderRequest { valid_until: monday() + seconds(60), ..buy("one") };
    outbox(&world).place(&order).await.expect("is placed");
    assert!(transact(&world, vec![acknowledgement("robot-7", 1)]).await.is_none(), "valid until that very minute");
}
