//! An executor's part, by hand: orders, ack, fill, reject, cancel.

use index_rebalancer::adapters::clock::SystemClock;
use index_rebalancer::adapters::embedded_store::EmbeddedStore;
use index_rebalancer::adapters::outbox::Outbox;
use index_rebalancer::model::{AccountSnapshot, Holding, Money, Price, Quantity, Side};
use index_rebalancer::ports::Clock;
use index_rebalancer::ports::capability::client_order_id;
use index_rebalancer::ports::outbox::Stated;
use index_rebalancer::ports::venue::{OrderRequest, Venue};
use jiff::SignedDuration;
use serde_json::Value;
use uuid::Uuid;

use crate::bench::Bench;
use crate::stores::block_on;

const BUY: &str = "00000000-0000-0000-0000-0000000000b1";
const SELL: &str = "00000000-0000-0000-0000-0000000000a1";
const RUNBOOK: &str = include_str!("../../infra/RUNBOOK.md");

/// 1000 in cash and 50 alpha on each of two accounts; on `main` a buy of 10 beta at 51 and a sell of 10 alpha at 98.
fn with_orders() -> Bench {
    let bench = Bench::new();
    let path = bench.store();
    block_on(async {
        let store = EmbeddedStore::open(&path).await.expect("a store");
        let venue = "coinbase".parse().expect("a venue");
        let held = Holding { free: Quantity::parse("50").expect("units"), locked: Quantity::ZERO };
        let statement = AccountSnapshot {
            observed_at: SystemClock.now(),
            cash_free: Money::parse("1000").expect("money"),
            cash_locked: Money::ZERO,
            holdings: [("alpha".parse().expect("an asset"), held)].into(),
        };
        for account in ["main", "other"] {
            let account = account.parse().expect("an account");
            let stated = store.store().state_account(&venue, &account, &statement).await;
            assert_eq!(stated, Ok(Stated::Opened));
        }
        let outbox = Outbox::new(venue.clone(), store.store(), &SystemClock);
        for (key, side, asset, limit) in [(BUY, Side::Buy, "beta", "51"), (SELL, Side::Sell, "alpha", "98")] {
            let now = SystemClock.now();
            let order = OrderRequest {
                client_order_id: client_order_id(&venue, key.parse().expect("a key")),
                venue_account: "main".parse().expect("an account"),
                instrument: format!("{}-USD", asset.to_uppercase()).parse().expect("an instrument"),
                asset: asset.parse().expect("an asset"),
                side,
                quantity: Quantity::parse("10").expect("units"),
                limit_price: Price::parse(limit).expect("a price"),
                valid_until: now + SignedDuration::from_mins(30),
                payload_digest: "00".repeat(32),
                signed_at: now,
                deadline: now + SignedDuration::from_secs(60),
            };
            outbox.place(&order).await.expect("is placed");
        }
        store.close().await;
    });
    bench
}

fn states(bench: &Bench, arguments: &[&str]) -> Vec<(String, String)> {
    let listed = bench.json(0, arguments);
    let orders = listed["orders"].as_array().expect("orders").iter();
    let text = |order: &Value, field: &str| order[field].as_str().expect("text").to_owned();
    orders.map(|order| (text(order, "client_order_id"), text(order, "state"))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(key, state)| ((*key).to_owned(), (*state).to_owned())).collect()
}

#[test]
fn an_order_is_taken_filled_and_ended_by_hand() {
    let bench = with_orders();
    assert_eq!(states(&bench, &["orders", "--open"]), pairs(&[(BUY, "open"), (SELL, "open")]));
    let taken = bench.json(0, &["ack", BUY, "--by", "desk"]);
    assert_eq!((&taken["changed"], &taken["order"]["state"]), (&true.into(), &"acknowledged".into()));
    assert_eq!(taken["order"]["acknowledged_by"], "desk");
    assert_eq!(bench.json(0, &["ack", BUY, "--by", "desk"])["changed"], false);
    let told = refused(&bench, &["ack", BUY, "--by", "robot"]);
    assert!(told.contains("desk has acknowledged it"), "{told}");

    // Hyphens are the venue's affair: a key is taken with them and without.
    let bare = Uuid::parse_str(BUY).expect("a key").simple().to_string();
    let fill = ["fill", &bare, "--quantity", "4", "--price", "50", "--fee", "0.2", "--by", "desk"];
    let filled = bench.json(0, &fill);
    assert_eq!((&filled["changed"], &filled["order"]["state"]), (&true.into(), &"partially_filled".into()));
    let again = bench.json(0, &fill);
    assert_eq!((&again["changed"], &again["order"]), (&false.into(), &filled["order"]), "the same figures, once");
    let other: Vec<&str> = fill.iter().copied().chain(["--fill-id", "T-2"]).collect();
    let filled = bench.json(0, &other);
    assert_eq!(filled["order"]["filled_quantity"], "8", "another id is another execution");
    let ids: Vec<&str> = filled["order"]["fills"].as_array().expect("fills").iter().map(id).collect();
    assert!(ids[0].starts_with("by-hand-") && ids[1] == "T-2", "{ids:?}");

    let ended = bench.expect(0, &["cancel", BUY, "--reason", "no more offers", "--by", "desk"]).out;
    assert!(ended.contains("is cancelled: 8 of 10 filled, with desk"), "{ended}");
    assert!(ended.contains("reason: no more offers"), "{ended}");
    bench.expect(0, &["reject", SELL, "--reason", "halted", "--by", "robot"]);
    assert!(states(&bench, &["orders", "--open"]).is_empty());
    assert_eq!(states(&bench, &["orders"]), pairs(&[(BUY, "cancelled"), (SELL, "rejected")]));
    assert_eq!(states(&bench, &["orders", "--account", "main"]).len(), 2);
    assert!(states(&bench, &["orders", "--account", "other"]).is_empty());
}

/// What a command that is refused says, however it is wrapped.
fn refused(bench: &Bench, arguments: &[&str]) -> String {
    bench.expect(3, arguments).err.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn id(fill: &Value) -> &str {
    fill["fill_id"].as_str().expect("text")
}

#[test]
fn what_breaks_the_contract_needs_a_reason() {
    let bench = with_orders();
    let fill = ["fill", BUY, "--quantity", "1", "--fee", "0", "--by", "desk", "--price"];
    let with = |more: &[&'static str]| fill.iter().copied().chain(more.iter().copied()).collect::<Vec<&str>>();
    let told = refused(&bench, &with(&["50"]));
    assert!(told.contains("acknowledge it first"), "{told}");
    bench.expect(0, &["ack", BUY, "--by", "desk"]);
    let told = refused(&bench, &with(&["51.5"]));
    assert!(told.contains("beyond the buy's limit 51") && told.contains("--force"), "{told}");
    let forced = bench.json(0, &with(&["51.5", "--force", "the exchange's statement"]));
    assert_eq!(forced["order"]["fills"][0]["forced"], "the exchange's statement");
    let refused = bench.json(3, &["cancel", BUY, "--reason", "gone", "--by", "alice"]);
    assert_eq!((&refused["schema"], &refused["kind"]), (&"rebalance/error/1".into(), &"bad_input".into()));
    bench.expect(0, &["cancel", BUY, "--reason", "gone", "--by", "alice", "--force", "the desk is gone"]);
}

#[test]
fn what_is_late_or_unknown_is_refused_and_nothing_is_made() {
    let bench = Bench::new();
    let none = bench.expect(0, &["orders"]).out;
    assert!(none.contains("No orders in any outbox"), "{none}");
    assert!(bench.expect(0, &["orders", "--open"]).out.contains("No open orders"));
    bench.expect(3, &["ack", BUY, "--by", "desk"]);
    bench.expect(2, &["ack", "not-a-key", "--by", "desk"]);
    bench.expect(2, &["fill", BUY, "--quantity", "1", "--price", "50"]);
    bench.expect(2, &["cancel", BUY]);
    assert!(bench.files().is_empty(), "{:?}", bench.files().keys());

    let bench = with_orders();
    let unknown = refused(&bench, &["ack", "00000000-0000-0000-0000-0000000000ff", "--by", "desk"]);
    assert!(unknown.contains("in any outbox") && unknown.contains("rebalance orders"), "{unknown}");
    bench.expect(0, &["ack", BUY, "--by", "desk"]);
    let later = (SystemClock.now() + SignedDuration::from_hours(1)).to_string();
    let before = bench.files();
    let listed = bench.expect(0, &["orders", "--at", &later]).out;
    assert!(listed.contains("past the validity without") && listed.contains(BUY), "{listed}");
    assert!(before == bench.files(), "looking leaves no trace");
    let late = refused(&bench, &["ack", SELL, "--by", "desk", "--at", &later]);
    assert!(late.contains("it was valid until"), "{late}");
    assert_eq!(states(&bench, &["orders"]), pairs(&[(BUY, "acknowledged"), (SELL, "expired")]));
}

/// The words after `rebalance`, as a shell would split them: nothing but double quotes holds words together.
fn words(line: &str) -> Vec<String> {
    let parts = line.split('"').enumerate();
    let words = parts.flat_map(|(number, part)| match number % 2 {
        1 => vec![part.to_owned()],
        _ => part.split_whitespace().map(str::to_owned).collect(),
    });
    words.skip(1).collect()
}

#[test]
fn the_runbooks_commands_speak_for_an_executor_that_is_gone() {
    let acts = ["rebalance fill ", "rebalance cancel ", "rebalance reject "];
    let lines: Vec<&str> = RUNBOOK.lines().filter(|line| acts.iter().any(|act| line.starts_with(act))).collect();
    assert!(lines.len() > 3, "{lines:?}");
    for line in lines {
        for is_overdue in [false, true] {
            let bench = with_orders();
            bench.expect(0, &["ack", SELL, "--by", "desk"]);
            let now = SystemClock.now();
            let looked_at = if is_overdue { now + SignedDuration::from_hours(1) } else { now };
            let mut command = words(&line.replace("$KEY", SELL).replace("$AT", &now.to_string()));
            command.extend(["--at".to_owned(), looked_at.to_string()]);
            let arguments: Vec<&str> = command.iter().map(String::as_str).collect();
            assert_eq!(bench.json(0, &arguments)["changed"], true, "{line}");

            // Of one that nobody took an end can be told, and no fill.
            let bench = with_orders();
            let code = if is_overdue || line.starts_with("rebalance fill ") { 3 } else { 0 };
            bench.expect(code, &arguments);
        }
    }
}
