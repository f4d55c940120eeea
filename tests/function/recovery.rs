//! What recovery cannot bring to its end: it is counted for an alarm, told in a line that names the run, and ended by a
//! person's word.

use std::time::Duration;

use index_rebalancer::model::{Side, Trigger};
use index_rebalancer::ports::OrderState;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::sandbox::Sandbox;
use crate::stage::{DAY, Stage, blue_chip_that_tells, fixture};

const RECOVER: &str = r#"{"schema": 1, "mode": "recover"}"#;

/// A run whose sells stand in the outbox.
async fn resting() -> (Stage, Sandbox, Uuid) {
    let stage = Stage::blue_chip().await;
    let sandbox = stage.sandbox().start();
    let sent = sandbox.invoke(stage.scheduled("live")).run()["new_orders"].as_u64();
    assert!(sent > Some(0));
    let run = stage.scheduled_run();
    (stage, sandbox, run)
}

fn errors(sandbox: &Sandbox) -> Vec<Value> {
    sandbox.log().into_iter().filter(|line| line["level"] == "ERROR").collect()
}

/// Every line of level ERROR names the run and its portfolio.
fn tells_of(sandbox: &Sandbox, run: Uuid, what: &str) {
    let told = errors(sandbox);
    assert!(told.iter().any(|line| line["problem"].as_str().is_some_and(|problem| problem.contains(what))), "{told:?}");
    let names = |line: &Value| line["run_id"] == run.to_string() && line["portfolio"] == "blue-chip";
    assert!(told.iter().all(names), "{told:?}");
}

#[tokio::test]
async fn what_goes_on_by_itself_is_not_stuck() {
    let (stage, sandbox, run) = resting().await;
    let _ = sandbox.invoke(RECOVER).document();
    assert!(stage.execute(run, Side::Sell).await > 0);
    let _ = sandbox.invoke(RECOVER).document();
    assert_eq!(sandbox.metric("RunsStuck"), [json!(0), json!(0)], "by every recovery, so that its alarm ends");
    assert_eq!(sandbox.metric("RunsNotReached"), [json!(0), json!(0)]);
    assert_eq!(errors(&sandbox), Vec::<Value>::new());
}

#[tokio::test]
async fn a_run_whose_plan_cannot_be_read_is_stuck() {
    let (stage, sandbox, run) = resting().await;
    assert!(stage.table.tamper(&format!("blob#run#{}", run.simple()), "", "bytes", None).await > 0);
    let handled = sandbox.invoke(RECOVER).document();
    assert_eq!(handled["runs"][0]["outcome"], "failed", "{handled}");
    assert_eq!(sandbox.metric("RunsStuck"), [json!(1)]);
    tells_of(&sandbox, run, "it has no bytes");
}

/// Its own policy cannot be read any more than its plan: it is told as the portfolio's run before it would have been.
#[tokio::test]
async fn a_run_whose_plan_cannot_be_read_is_told_by_the_policy_of_the_run_before() {
    let folder = blue_chip_that_tells(&["run_halted"]);
    let stage = Stage::of(folder.path().to_owned()).await;
    let sandbox = stage.sandbox().start();
    let before = sandbox.invoke(stage.payload(&json!({ "mode": "propose", "label": "before" }))).run();
    let abort =
        json!({ "schema": 1, "mode": "abort", "run": before["run"]["run_id"], "by": "alice", "reason": "not now" });
    assert_eq!(sandbox.invoke(abort.to_string()).document()["runs"][0]["state"], "aborted");
    assert!(sandbox.invoke(stage.scheduled("live")).run()["new_orders"].as_u64() > Some(0));
    let run = stage.scheduled_run();
    assert!(stage.table.tamper(&format!("blob#run#{}", run.simple()), "", "bytes", None).await > 0);
    let _ = sandbox.invoke(RECOVER).document();
    let alerts = sandbox.alerts();
    assert!(alerts.len() == 1 && alerts[0].contains("it has no bytes"), "{alerts:?}");
}

/// Nothing of it has ended, whoever meets it first.
#[tokio::test]
async fn a_run_that_its_own_event_finds_damaged_is_stuck_and_not_aborted() {
    let (stage, sandbox, run) = resting().await;
    assert!(stage.table.tamper(&format!("blob#run#{}", run.simple()), "", "bytes", None).await > 0);
    let refusal = sandbox.invoke(stage.scheduled("live")).refusal();
    assert!(refusal.contains("it has no bytes"), "{refusal}");
    assert_eq!(sandbox.metric("RunsStuck"), [json!(1)]);
    assert!(sandbox.metric("RunsAborted").is_empty());
}

#[tokio::test]
async fn a_run_whose_order_is_stored_as_another_is_stuck() {
    let (stage, sandbox, run) = resting().await;
    let orders = format!("orders#{}", run.simple());
    assert!(stage.table.tamper(&orders, "", "payload_digest", Some(&"0".repeat(64))).await > 0);
    let handled = sandbox.invoke(RECOVER).document();
    assert_eq!(handled["runs"][0]["error"]["kind"], "needs_attention", "{handled}");
    assert_eq!(sandbox.metric("RunsStuck"), [json!(1)]);
    assert!(sandbox.metric("OrdersUnknown").iter().all(|count| *count == json!(0)), "no other alarm says so");
    assert!(sandbox.metric("RunsAborted").is_empty());
    tells_of(&sandbox, run, "payload digest");
}

#[tokio::test]
async fn a_lock_that_cannot_be_read_is_stuck_and_no_event_was_refused() {
    let (stage, sandbox, run) = resting().await;
    assert_eq!(stage.table.tamper("lock", "", "run_id", Some("x")).await, 1);
    let refusal = sandbox.invoke(RECOVER).refusal();
    assert!(refusal.contains("lock"), "{refusal}");
    assert_eq!(sandbox.metric("RunsStuck"), [json!(1)]);
    assert!(sandbox.metric("EventsRefused").is_empty());
    assert!(!stage.orders(run).await.is_empty());
}

/// Whoever took an order and died: what may not be executed any more ends by nobody.
#[tokio::test]
async fn an_order_that_was_taken_and_outlives_its_validity_is_stuck() {
    let (stage, sandbox, run) = resting().await;
    let taken = stage.acknowledge(run, Side::Sell).await;
    assert!(taken > 0);
    let handled = sandbox.invoke(RECOVER).document();
    assert_eq!(handled["runs"][0]["orders_overdue"], Value::Null, "not yet: {handled}");
    assert_eq!(sandbox.metric("RunsStuck"), [json!(0)]);
    let later = stage.sandbox().with("REBALANCE_PAPER_CLOCK", "2025-04-11T00:00:00Z").start();
    let handled = later.invoke(RECOVER).document();
    assert_eq!(handled["runs"][0]["orders_overdue"], json!(taken), "{handled}");
    assert_eq!(later.metric("RunsStuck"), [json!(1)]);
    assert_eq!(errors(&later)[0]["orders_overdue"], json!(taken));
}

#[tokio::test]
async fn runs_that_there_is_no_time_for_are_counted() {
    let (_stage, sandbox, _run) = resting().await;
    let handled = sandbox.invoke_within(RECOVER, Duration::from_secs(5)).document();
    assert_eq!(handled["runs"], json!([]));
    assert_eq!(sandbox.metric("RunsNotReached"), [json!(1)]);
}

/// Whoever was looked at longest ago is looked at first, whoever holds an account for longest.
#[tokio::test]
async fn runs_are_taken_up_in_turn() {
    let stage = Stage::of(fixture("ten-accounts")).await;
    let sandbox = stage.sandbox().start();
    let accounts = ["client-02", "client-03"];
    let event =
        |account: &str| stage.payload(&json!({ "mode": "live", "scheduled_time": DAY, "venue_account": account }));
    for account in accounts {
        assert!(sandbox.invoke(event(account)).run()["new_orders"].as_u64() > Some(0), "{account}");
    }
    let order_of = |sandbox: &Sandbox| -> Vec<Value> {
        let handled = sandbox.invoke(RECOVER).document();
        handled["runs"].as_array().expect("runs").iter().map(|run| run["run_id"].clone()).collect()
    };
    let first = order_of(&sandbox);
    assert_eq!(first.len(), 2);
    // Its own event looks after the first one; the other has waited longer now.
    let _ = sandbox.invoke(event(accounts[0])).run();
    let second = order_of(&sandbox);
    assert_eq!(second, [first[1].clone(), first[0].clone()]);
}

/// More was filled than was ordered: the run is halted until a person says what counts, and then it ends.
#[tokio::test]
async fn a_persons_word_ends_what_contradicts_the_plan() {
    let (stage, sandbox, run) = resting().await;
    let sell = stage.record(run).await.plan.expect("a plan").orders[0].clone();
    assert_eq!(sell.side, Side::Sell);
    let executed = stage.execute(run, Side::Sell).await;
    let outbox = format!("outbox#{}#{}", sell.venue, sell.venue_account);
    let name = index_rebalancer::ports::capability::client_order_id(&sell.venue, sell.key);
    assert_eq!(stage.table.tamper(&outbox, &format!("order#{name}"), "quantity", Some("0.000001")).await, 1);
    let handled = sandbox.invoke(RECOVER).document();
    let remedy = handled["runs"][0]["error"]["remedy"].as_str().unwrap_or_else(|| panic!("{handled}"));
    assert!(remedy.contains("`settle`"), "what it says can be done here: {remedy}");

    // Two minutes later its lease is over, and no request of it is on its way any more.
    let sandbox = stage.sandbox().with("REBALANCE_PAPER_CLOCK", "2025-04-10T00:02:00Z").start();
    stage.end_lease(run).await;
    let word = |key: &str, fields: Value| {
        let mut word = json!({ "schema": 1, "mode": "settle", "run": run.to_string(), "order": key, "by": "alice",
                               "reason": "the exchange's statement" });
        word.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
        word.to_string()
    };
    let unknown = word("76b1c65c-2767-5099-9c4d-fa0b9554229c", json!({ "not_placed": true }));
    let refusal = sandbox.invoke(unknown).refusal();
    assert!(refusal.contains("the plan has no such order"), "{refusal}");
    let filled = json!({ "filled": { "quantity": sell.quantity.to_string(), "price": sell.limit_price.to_string() } });
    let handled = sandbox.invoke(word(&sell.key.to_string(), filled)).document();
    assert_eq!(handled["message"], Value::Null, "{handled}");
    assert_eq!((&handled["schema"], &handled["runs"][0]["error"]), (&json!("rebalance/handled-runs/1"), &Value::Null));
    let record = stage.record(run).await;
    let settled = record.orders.iter().filter(|order| order.state == OrderState::Filled);
    assert_eq!(settled.count(), executed, "{:?}", record.orders);
    let said = record.orders.iter().find(|order| order.key == sell.key).expect("its item");
    assert!(said.note.contains("alice says so: the exchange's statement"), "{}", said.note);
    // What was halted sends no more: its buys never left, and the next run plans from what is held.
    assert_eq!(handled["runs"][0]["state"], "aborted");
    assert!(record.reason.starts_with("halted: "), "{}", record.reason);
    assert!(!stage.table.items().await.keys().any(|(pk, _)| pk == "lock"), "the account is free");
}

#[tokio::test]
async fn a_person_names_a_run_that_there_is() {
    let stage = Stage::blue_chip().await;
    let word = json!({ "schema": 1, "mode": "settle", "run": stage.run_id(Trigger::Manual("x".parse().expect("a label"))),
                       "order": "af015365-ebc9-55fe-bbef-e43202639933", "not_placed": true, "by": "alice",
                       "reason": "support" });
    let refusal = stage.sandbox().start().invoke(word.to_string()).refusal();
    assert!(refusal.contains("there is no such run"), "{refusal}");
}
