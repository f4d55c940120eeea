//! Proposals through the function: committed, approved, refused, lapsed.

use index_rebalancer::ports::store::OrderItem;
use index_rebalancer::ports::{OrderState, RunState};
use serde_json::{Value, json};

use crate::sandbox::Outcome;
use crate::stage::{DAY, Stage, orders_of};

fn approval(stage: &Stage, digest: &str) -> String {
    stage.payload(&json!({ "mode": "live", "scheduled_time": DAY, "approved_plan": digest, "approved_by": "alice" }))
}

#[tokio::test]
async fn a_proposal_is_sent_as_it_stands_once_it_is_approved() {
    let stage = Stage::blue_chip().await;
    let sandbox = stage.sandbox().on_paper().start();
    let proposal = sandbox.invoke(stage.scheduled("propose")).run();
    assert_eq!((&proposal["run"]["mode"], &proposal["new_orders"]), (&json!("proposed"), &json!(0)), "{proposal}");
    let execution = &proposal["run"]["execution"];
    assert_eq!((&execution["state"], &execution["approval"]["given_by"]), (&json!("planned"), &Value::Null));
    assert!(stage.orders(stage.scheduled_run()).await.is_empty());
    // A plain event does not send it, and says how it is sent.
    let digest = execution["plan_digest"].as_str().expect("a digest");
    let plain = sandbox.invoke(stage.scheduled("live")).refusal();
    assert!(plain.contains("to be approved before") && plain.contains(digest), "{plain}");
    let other = sandbox.invoke(approval(&stage, &"0".repeat(64))).refusal();
    assert!(other.contains("its plan has the digest"), "{other}");
    let flow = json!({ "mode": "propose", "scheduled_time": DAY, "flow": "deposit_only" });
    let of_another = sandbox.invoke(stage.payload(&flow)).refusal();
    assert!(of_another.contains("stored for another flow"), "{of_another}");
    // The run is as it was: it is the events that came to nothing.
    assert_eq!(sandbox.metric("EventsRefused"), vec![json!(1); 3]);
    assert!(sandbox.metric("RunsAborted").is_empty());
    // Recovery leaves it alone.
    let handled = sandbox.invoke(r#"{"schema": 1, "mode": "recover"}"#).document();
    assert_eq!(handled["runs"][0]["outcome"], "awaits_approval", "{handled}");
    assert!(stage.orders(stage.scheduled_run()).await.is_empty());

    let sent = sandbox.invoke(approval(&stage, digest)).run();
    assert_eq!(sent["run"]["execution"]["state"], "done", "{sent}");
    assert_eq!(sent["run"]["execution"]["plan_digest"], digest);
    assert_eq!(sent["run"]["execution"]["approval"]["given_by"], "alice");
    assert_eq!(orders_of(&sent["run"]), orders_of(&proposal["run"]));
    let again = sandbox.invoke(approval(&stage, digest)).run();
    assert_eq!(again["run"]["mode"], "already_done");
}

#[tokio::test]
async fn an_approval_of_nothing_is_refused_and_no_run_of_it_counts() {
    let stage = Stage::blue_chip().await;
    let sandbox = stage.sandbox().on_paper().start();
    let before = stage.table.items().await;
    let refusal = sandbox.invoke(approval(&stage, &"0".repeat(64))).refusal();
    assert!(refusal.contains("no such run is stored; propose it first"), "{refusal}");
    assert_eq!(stage.table.items().await, before);
    assert_eq!(sandbox.metric("EventsRefused"), [json!(1)]);
    assert!(sandbox.metric("RunsAborted").is_empty());
}

/// What is committed does not depend on what is loaded since: neither its approval nor another delivery of its event.
#[tokio::test]
async fn a_stored_run_needs_no_snapshots_to_go_on() {
    let stage = Stage::blue_chip().await;
    let sandbox = stage.sandbox().on_paper().start();
    let proposal = sandbox.invoke(stage.scheduled("propose")).run();
    let digest = proposal["run"]["execution"]["plan_digest"].as_str().expect("a digest").to_owned();
    let kinds = ["trader_grades", "investor_grades", "trading_signals"];
    let mut gone = 0;
    for kind in kinds {
        gone += stage.table.remove("snapshots#blue-chip", kind).await;
    }
    assert!(gone > 0, "{:?}", stage.table.items().await.keys());
    let planned = stage.payload(&json!({ "mode": "live", "label": "x" }));
    let refusal = sandbox.invoke(planned).refusal();
    assert!(refusal.contains("the store has none"), "a run that is to be planned cannot be: {refusal}");
    let again = sandbox.invoke(stage.scheduled("propose")).run();
    assert_eq!(again["run"]["mode"], "proposed", "{again}");
    let sent = sandbox.invoke(approval(&stage, &digest)).run();
    assert_eq!(sent["run"]["execution"]["state"], "done", "{sent}");
    let redelivered = sandbox.invoke(stage.scheduled("live")).run();
    assert_eq!((&redelivered["run"]["mode"], &redelivered["error"]), (&json!("already_done"), &Value::Null));
}

/// The flow is the proposal's, whether or not the approval repeats it.
#[tokio::test]
async fn an_approval_need_not_repeat_the_flow() {
    let stage = Stage::blue_chip().await;
    let sandbox = stage.sandbox().on_paper().start();
    let flow = json!({ "mode": "propose", "scheduled_time": DAY, "flow": { "withdraw": "100" } });
    let proposal = sandbox.invoke(stage.payload(&flow)).run();
    let digest = proposal["run"]["execution"]["plan_digest"].as_str().unwrap_or_else(|| panic!("{proposal}"));
    let other =
        json!({ "mode": "live", "scheduled_time": DAY, "approved_plan": digest, "flow": { "withdraw": "200" } });
    let refusal = sandbox.invoke(stage.payload(&other)).refusal();
    assert!(refusal.contains("stored for another flow"), "one that says another is about another: {refusal}");
    let sent = sandbox.invoke(approval(&stage, digest)).run();
    assert_eq!(sent["run"]["execution"]["state"], "done", "{sent}");
}

/// Two who approve at once, each in a sandbox of its own: the plan is carried out once, whoever came first.
#[tokio::test]
async fn two_approvals_at_once_execute_the_plan_once() {
    let stage = Stage::blue_chip().await;
    let (first, second) = (stage.sandbox().on_paper().start(), stage.sandbox().on_paper().start());
    let proposal = first.invoke(stage.scheduled("propose")).run();
    let digest = proposal["run"]["execution"]["plan_digest"].as_str().expect("a digest");
    let approval = approval(&stage, digest);
    let at_once = std::thread::scope(|scope| {
        let [one, other] = [&first, &second].map(|sandbox| scope.spawn(|| sandbox.invoke(&approval)));
        [one, other].map(|thread| thread.join().expect("no panic"))
    });
    let executed = at_once.iter().filter(|outcome| match outcome {
        Outcome::Document(document) => document["runs"][0]["run"]["mode"] == "executed",
        Outcome::Error(error) => {
            // Another delivery helps: it then meets the run as it was left.
            assert_eq!(error["errorType"], "RetryHelps", "{error}");
            false
        }
    });
    assert_eq!(executed.count(), 1, "{at_once:?}");
    for sandbox in [&first, &second] {
        let later = sandbox.invoke(&approval).run();
        assert_eq!((&later["run"]["mode"], &later["new_orders"]), (&json!("already_done"), &json!(0)), "{later}");
        assert_eq!(later["run"]["execution"]["approval"]["given_by"], "alice");
    }
    let orders = stage.orders(stage.scheduled_run()).await;
    assert_eq!(orders.len(), orders_of(&proposal["run"]).len());
    let once = |order: &OrderItem| order.attempt.as_ref().is_some_and(|attempt| attempt.number == 1);
    assert!(orders.iter().all(|order| order.state == OrderState::Filled && once(order)), "{orders:?}");
}

#[tokio::test]
async fn a_proposal_that_nobody_approves_lapses_and_recovery_frees_the_account() {
    let stage = Stage::blue_chip().await;
    let sandbox = stage.sandbox().on_paper().start();
    let proposal = sandbox.invoke(stage.scheduled("propose")).run();
    let digest = proposal["run"]["execution"]["plan_digest"].as_str().expect("a digest");
    let later = stage.sandbox().on_paper().with("REBALANCE_PAPER_CLOCK", "2025-04-10T00:15:00Z").start();
    let handled = later.invoke(r#"{"schema": 1, "mode": "recover"}"#).document();
    assert_eq!((&handled["runs"][0]["state"], &handled["runs"][0]["outcome"]), (&json!("aborted"), &json!("settled")));
    let refusal = later.invoke(approval(&stage, digest)).refusal();
    assert!(refusal.contains("it is over") && refusal.contains("was not approved before"), "{refusal}");
    assert_eq!(stage.record(stage.scheduled_run()).await.state, RunState::Aborted);
    assert!(!stage.table.items().await.keys().any(|(pk, _)| pk == "lock"), "the account is free");
}
