//! The published vectors are recomputed, and the properties that make keys safe are tested one by one.
#![expect(clippy::expect_used, reason = "test code: what is unexpected panics")]

use std::collections::BTreeSet;

use index_rebalancer::model::{AccountId, InstrumentId, Order, Quantity, RunIdentity, Side, VenueId};
use index_rebalancer::planning::idempotency::{
    NAMESPACE, alert_key, digest_of, digest_of_bytes, order_key, payload_digest, run_id,
};
use index_rebalancer::ports::capability::KeyCodec;
use serde::Deserialize;
use uuid::Uuid;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vectors {
    description: Vec<String>,
    namespace: Uuid,
    runs: Vec<RunVector>,
    orders: Vec<OrderVector>,
    alerts: Vec<AlertVector>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RunVector {
    note: String,
    run: RunIdentity,
    run_id: Uuid,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OrderVector {
    note: String,
    run_id: Uuid,
    order: Order,
    client_order_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AlertVector {
    note: String,
    run_id: Uuid,
    event: String,
    channel: String,
    subjects: Vec<String>,
    alert_key: Uuid,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("vectors/idempotency.json")).expect("the vectors are of this shape")
}

fn key_of(vector: &OrderVector) -> Uuid {
    let order = &vector.order;
    order_key(vector.run_id, &order.venue, &order.venue_account, &order.instrument, order.side, order.slice)
}

fn order_named<'a>(vectors: &'a Vectors, note: &str) -> &'a OrderVector {
    vectors.orders.iter().find(|vector| vector.note.starts_with(note)).expect(note)
}

#[test]
fn published_vectors_are_recomputed() {
    let vectors = vectors();
    assert_eq!(vectors.namespace, NAMESPACE);
    assert!(!vectors.description.is_empty() && vectors.runs.len() >= 9 && vectors.orders.len() >= 7);
    for vector in &vectors.runs {
        assert_eq!(run_id(&vector.run), vector.run_id, "{}", vector.note);
    }
    for vector in &vectors.orders {
        assert_eq!(key_of(vector), vector.order.key, "{}", vector.note);
        assert_eq!(KeyCodec::Hex.encode(vector.order.key), vector.client_order_id, "{}", vector.note);
        assert_eq!(payload_digest(&vector.order), vector.order.payload_digest, "{}", vector.note);
    }
    for vector in &vectors.alerts {
        let key = alert_key(vector.run_id, &vector.event, &vector.channel, &vector.subjects);
        assert_eq!(key, vector.alert_key, "{}", vector.note);
    }
    let alerts: BTreeSet<Uuid> = vectors.alerts.iter().map(|vector| vector.alert_key).collect();
    assert!(alerts.len() >= 5 && alerts.len() == vectors.alerts.len(), "two alerts share a key");
}

#[test]
fn every_part_of_the_identity_changes_the_run_id() {
    let vectors = vectors();
    let ids: BTreeSet<Uuid> = vectors.runs.iter().map(|vector| vector.run_id).collect();
    assert_eq!(ids.len(), vectors.runs.len(), "two vectors share a run id");
}

#[test]
fn length_prefixes_keep_shifted_fields_apart() {
    let (run, side) = (Uuid::nil(), Side::Buy);
    let instrument = |text| InstrumentId::new(text).expect("valid");
    let key = |venue, account, market| {
        let venue = VenueId::new(venue).expect("valid");
        let account = AccountId::new(account).expect("valid");
        order_key(run, &venue, &account, &instrument(market), side, 0)
    };
    assert_ne!(key("a", "bc", "X"), key("ab", "c", "X"));
    assert_ne!(key("a", "b", "cX"), key("a", "bc", "X"));
    // One field more to the left, with the joined text the same.
    assert_ne!(key("a1", "b", "X"), key("a", "1b", "X"));
}

#[test]
fn two_assets_of_one_symbol_have_keys_of_their_own() {
    let vectors = vectors();
    let first = order_named(&vectors, "two assets of one symbol on one venue: the first");
    let second = order_named(&vectors, "two assets of one symbol on one venue: the second");
    assert_ne!(first.order.instrument, second.order.instrument);
    assert_ne!(key_of(first), key_of(second));
}

#[test]
fn one_asset_in_two_accounts_has_two_keys() {
    let vectors = vectors();
    let order = &order_named(&vectors, "a sell").order;
    let run = Uuid::from_u128(7);
    let key = |account| {
        let account = AccountId::new(account).expect("valid");
        order_key(run, &order.venue, &account, &order.instrument, order.side, order.slice)
    };
    assert_ne!(key("main"), key("sub-1"), "even under one run id");
    let runs: Vec<Uuid> = vectors
        .runs
        .iter()
        .filter(|vector| vector.note.contains("account") || vector.note == "a scheduled paper run")
        .map(|vector| vector.run_id)
        .collect();
    assert_eq!(runs.iter().collect::<BTreeSet<_>>().len(), runs.len(), "and the account is in the run id besides");
}

#[test]
fn quantity_and_prices_are_in_the_digest_and_not_in_the_key() {
    let vectors = vectors();
    let planned = order_named(&vectors, "a buy of the same instrument");
    let changed = order_named(&vectors, "the same buy, quantity changed");
    assert_eq!(planned.order.key, changed.order.key);
    assert_ne!(planned.order.payload_digest, changed.order.payload_digest);
    let mut order = planned.order.clone();
    order.quantity = Quantity::parse("0.50").expect("valid");
    assert_eq!(payload_digest(&order), planned.order.payload_digest, "0.5 and 0.50 are one quantity");
}

/// Each field of an order, changed alone, changes the payload digest.
#[test]
fn the_digest_covers_the_whole_order() {
    let vectors = vectors();
    let order = serde_json::to_value(&order_named(&vectors, "a sell").order).expect("serialises");
    let planned = payload_digest(&serde_json::from_value(order.clone()).expect("an order"));
    let other: serde_json::Value = serde_json::json!({
        "key": Uuid::from_u128(1), "venue": "kraken", "venue_account": "other", "instrument": "ETHUSDT",
        "asset": "ethereum", "side": "buy", "slice": 9, "quantity": "0.4", "limit_price": "1",
        "reference_price": "2", "notional": "3", "estimated_cost": "4", "valid_until": "2030-01-01T00:00:00Z",
        "priority": 99,
    });
    let fields = order.as_object().expect("an object").keys().filter(|field| *field != "payload_digest");
    for field in fields {
        let mut changed = order.clone();
        changed[field] = other[field].clone();
        let digest = payload_digest(&serde_json::from_value(changed).expect(field));
        assert_ne!(digest, planned, "{field} is not in the digest");
    }
}

#[test]
fn the_digest_of_a_value_is_that_of_its_json() {
    let order = &vectors().orders[0].order;
    let bytes = serde_json::to_vec(order).expect("serialises");
    assert_eq!(digest_of(order), digest_of_bytes(&bytes));
}
