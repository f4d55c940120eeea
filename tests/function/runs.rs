//! Dry runs, runs and recovery, beside the terminal.

use std::time::Duration;

use index_rebalancer::model::Side;
use index_rebalancer::ports::{OrderState, RunState};
use serde_json::{Value, json};

use crate::stage::{DAY, Stage, blue_chip_that_tells, blue_chip_where, fixture, moment, orders_of};

/// Names of calls that change something.
fn writes(calls: &[String]) -> Vec<&String> {
    calls.iter().filter(|call| !matches!(call.as_str(), "GetItem" | "Query" | "BatchGetItem")).collect()
}

#[tokio::test]
async fn a_dry_run_is_the_terminals_and_writes_nothing() {
    let stage = Stage::blue_chip().await;
    let before = stage.table.items().await;
    let sandbox = stage.sandbox().start();
    let run = sandbox.invoke(stage.payload(&json!({ "mode": "dry-run", "label": "try-1" }))).run();
    assert_eq!(run["error"], Value::Null, "{run}");
    let as_of = run["run"]["as_of"].as_str().expect("a time");
    assert_eq!(run["run"], stage.terminal_plan(&["--label", "try-1", "--at", as_of]));
    assert!(!orders_of(&run["run"]).is_empty());
    assert_eq!(stage.table.items().await, before);
    assert_eq!(writes(&stage.table.calls()), Vec::<&String>::new());
}

#[tokio::test]
async fn orders_stand_in_the_table_key_for_key_as_the_terminal_plans_them() {
    let stage = Stage::blue_chip().await;
    let sandbox = stage.sandbox().start();
    let run = sandbox.invoke(stage.scheduled("live")).run();
    let terminal = stage.terminal_plan(&["--at", DAY]);
    assert_eq!(orders_of(&run["run"]), orders_of(&terminal));
    let plan = stage.record(stage.scheduled_run()).await.plan.expect("committed");
    // Executors have the store compare it as text (README.md, "Executors"), where a fraction would sort before `Z`.
    let validities = plan.orders.iter().map(|order| order.valid_until.to_string());
    assert!(validities.chain([plan.valid_until.to_string()]).all(|text| !text.contains('.')), "{}", plan.valid_until);
    let keys: Vec<Value> = plan.orders.iter().map(|order| json!(order.key.to_string())).collect();
    let planned: Vec<Value> =
        terminal["orders"].as_array().expect("orders").iter().map(|it| it["key"].clone()).collect();
    assert_eq!(keys, planned);
    // Sells stand in the outbox; buys wait for what they bring.
    let sells = plan.orders.iter().filter(|order| order.side == Side::Sell).count();
    assert_eq!(run["new_orders"], json!(sells), "{}", run["run"]["execution"]);
    let items = stage.table.items().await;
    let outbox = items.keys().filter(|(pk, sk)| pk.starts_with("outbox") && sk.starts_with("order#")).count();
    assert_eq!(
        outbox,
        sells,
        "{:?}",
        items.keys().map(|(pk, _)| pk.clone()).collect::<std::collections::BTreeSet<_>>()
    );
    assert_eq!(sandbox.metric("OrdersSent"), [json!(sells)]);
    assert_eq!(sandbox.metric("SolveMilliseconds").len(), 1);
    let age = sandbox.metric("OldestGradeAgeHours");
    assert!(age.len() == 1 && age[0].to_string().starts_with("48"), "{age:?}");
    let proved = plan.certificate.optimality.as_ref().expect("a plan with a program says how far it is from the best");
    let gap = sandbox.metric("OptimalityGapBp");
    assert_eq!(gap.iter().map(Value::to_string).collect::<Vec<_>>(), [proved.gap_bp.get().normalize().to_string()]);
    let lines = sandbox.log();
    let told = lines.iter().find(|line| line["message"] == "run").expect("a line about the run");
    assert_eq!(told["run_id"], run["run"]["run_id"]);
}

/// Sells are executed, recovery sends the buys, those are executed, recovery ends the run.
#[tokio::test]
async fn recovery_carries_a_run_to_its_end_as_executors_fill_it() {
    let stage = Stage::blue_chip().await;
    let sandbox = stage.sandbox().start();
    let run = stage.scheduled_run();
    let _ = sandbox.invoke(stage.scheduled("live")).run();
    let recover = r#"{"schema": 1, "mode": "recover"}"#;
    assert!(stage.execute(run, Side::Sell).await > 0);
    let handled = sandbox.invoke(recover).document();
    assert_eq!(
        (&handled["schema"], &handled["runs"][0]["state"]),
        (&json!("rebalance/handled-runs/1"), &json!("emitting"))
    );
    assert!(stage.execute(run, Side::Buy).await > 0, "{handled}");
    let handled = sandbox.invoke(recover).document();
    assert_eq!(handled["runs"][0]["state"], "done", "{handled}");
    assert_eq!(sandbox.metric("RunsDone"), [json!(1)]);
    assert_eq!(sandbox.invoke(recover).document()["runs"], json!([]));
    // Delivered once more, later: the stored result.
    let again = sandbox.invoke(stage.scheduled("live")).run();
    assert_eq!((&again["run"]["mode"], &again["new_orders"]), (&json!("already_done"), &json!(0)));
    let record = stage.record(run).await;
    let after = record.account_after.expect("settled");
    assert!(after.cash_free > index_rebalancer::model::Money::ZERO);
    assert!(record.orders.iter().all(|order| order.state == OrderState::Filled), "{:?}", record.orders);
}

/// Two portfolios that count the same cash: the first to run has it.
#[tokio::test]
async fn an_accounts_cash_belongs_to_one_portfolio() {
    let stage = Stage::blue_chip().await;
    let sandbox = stage.sandbox().on_paper().start();
    let _ = sandbox.invoke(stage.scheduled("live")).run();
    let folder = blue_chip_where("\"blue-chip\"", "\"second\"");
    stage.load(folder.path()).await;
    let event = |mode: &str| json!({ "schema": 1, "portfolio": "second", "mode": mode, "label": "x" }).to_string();
    let before = stage.table.items().await;
    let refused = sandbox.invoke(event("live")).refusal();
    assert!(refused.contains("holds the money of portfolio blue-chip"), "{refused}");
    assert!(refused.contains("give portfolio second an account of its own"), "{refused}");
    assert_eq!(stage.table.items().await, before, "nothing is claimed");
    assert_eq!(sandbox.metric("RunsAborted"), [json!(1)]);
    let dry = sandbox.invoke(event("dry-run")).run();
    assert!(dry["run"]["notices"].to_string().contains("holds the money of portfolio blue-chip"), "{dry}");
    // The first one goes on.
    assert_eq!(sandbox.invoke(stage.scheduled("live")).run()["run"]["mode"], "already_done");
}

/// What an executor took and then rejected is told once, with its reason, and counted.
#[tokio::test]
async fn an_order_that_its_executor_rejects_is_told_once() {
    let folder = blue_chip_that_tells(&["orders_sent", "order_rejected"]);
    let stage = Stage::of(folder.path().to_owned()).await;
    let sandbox = stage.sandbox().start();
    let run = stage.scheduled_run();
    let _ = sandbox.invoke(stage.scheduled("live")).run();
    let rejected = stage.reject(run, Side::Sell, "the market is closed").await;
    assert!(rejected > 0);
    let handled = sandbox.invoke(r#"{"schema": 1, "mode": "recover"}"#).document();
    assert_eq!(handled["runs"][0]["orders_rejected"], json!(rejected), "{handled}");
    let again = sandbox.invoke(stage.scheduled("live")).run();
    let results = again["run"]["orders"].as_array().expect("orders").iter().map(|order| &order["result"]);
    let refused: Vec<&Value> = results.filter(|result| result["refused"] == json!(true)).collect();
    assert_eq!(refused.len(), rejected);
    for result in refused {
        let expected = (&json!("cancelled"), &json!("rejected by desk-1: the market is closed"));
        assert_eq!((&result["state"], &result["note"]), expected);
    }
    let all = sandbox.alerts();
    let told = |what: &str| all.iter().filter(|alert| alert.contains(what)).collect::<Vec<_>>();
    let alerts = told("not taken by the venue");
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert!(alerts[0].contains("rejected by desk-1: the market is closed"), "{alerts:?}");
    let sent = told(&format!("{rejected} orders sent"));
    assert_eq!(sent.len(), 1, "that they were sent is not told anew: {sent:?}");
    assert_eq!(sandbox.metric("OrdersRejected")[..2], [json!(0), json!(rejected)]);
}

/// A person stops a run whose orders stand in the outbox: what nobody has taken ends unexecuted, and the account is free.
#[tokio::test]
async fn a_person_stops_a_run_and_is_told_of_one_that_is_not_there() {
    let stage = Stage::blue_chip().await;
    let sandbox = stage.sandbox().start();
    let abort = |run: &str| {
        json!({ "schema": 1, "mode": "abort", "run": run, "by": "alice", "reason": "wrong policy" }).to_string()
    };
    let before = stage.table.items().await;
    let refusal = sandbox.invoke(abort("76b1c65c-2767-5099-9c4d-fa0b9554229c")).refusal();
    assert!(refusal.contains("there is no such run") && refusal.contains("whole id"), "{refusal}");
    assert_eq!(stage.table.items().await, before);
    let run = stage.scheduled_run();
    let _ = sandbox.invoke(stage.scheduled("live")).run();
    let handled = sandbox.invoke(abort(&run.to_string())).document();
    assert_eq!(handled["schema"], "rebalance/handled-runs/1", "{handled}");
    let record = stage.record(run).await;
    assert!(record.reason.contains("alice") && record.reason.contains("wrong policy"), "{}", record.reason);
    assert!(record.orders.iter().all(|order| order.state != OrderState::Planned), "{:?}", record.orders);
    let buys = record.orders.iter().filter(|order| order.state == OrderState::Skipped).count();
    assert!(buys > 0, "no buy leaves any more: {:?}", record.orders);
}

#[tokio::test]
async fn the_same_event_twice_at_once_and_later_is_one_set_of_orders() {
    let stage = Stage::blue_chip().await;
    let (first, second) = (stage.sandbox().on_paper().start(), stage.sandbox().on_paper().start());
    let event = stage.scheduled("live");
    let at_once: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            [&first, &second].map(|sandbox| scope.spawn(|| sandbox.invoke(&event))).into_iter().collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    let documents = at_once.iter().filter(|it| matches!(it, crate::sandbox::Outcome::Document(_))).count();
    assert!(documents >= 1, "{at_once:?}");
    let orders = stage.orders(stage.scheduled_run()).await;
    let later = second.invoke(&event).run();
    assert_eq!((&later["run"]["mode"], &later["new_orders"]), (&json!("already_done"), &json!(0)), "{later}");
    assert_eq!(orders_of(&later["run"]), orders_of(&stage.terminal_plan(&["--at", DAY])));
    assert_eq!(stage.orders(stage.scheduled_run()).await, orders);
    assert_eq!(orders.len(), orders_of(&later["run"]).len());
    assert!(
        orders
            .iter()
            .all(|order| order.state == OrderState::Filled && order.attempt.as_ref().is_some_and(|it| it.number == 1))
    );
}

/// Who ended a run may have been gone before it was counted, and an alarm waits for that; long after it nothing is news.
#[tokio::test]
async fn the_end_of_a_run_is_counted_by_who_delivers_it_again_at_once() {
    let stage = Stage::blue_chip().await;
    let sandbox = stage.sandbox().on_paper().start();
    for count in 1..=2 {
        let run = sandbox.invoke(stage.scheduled("live")).run();
        assert_eq!(run["run"]["execution"]["state"], "done", "{run}");
        assert_eq!(sandbox.metric("RunsDone"), vec![json!(1); count]);
        assert_eq!(sandbox.metric("OrdersSent").len(), 1, "nothing else of it is counted twice");
    }
    let later = stage.sandbox().on_paper().with("REBALANCE_PAPER_CLOCK", "2025-04-10T00:16:00Z").start();
    assert_eq!(later.invoke(stage.scheduled("live")).run()["run"]["mode"], "already_done");
    assert!(later.metric("RunsDone").is_empty());
}

#[tokio::test]
async fn a_run_on_paper_ends_at_once() {
    let stage = Stage::blue_chip().await;
    let sandbox = stage.sandbox().on_paper().start();
    let run = sandbox.invoke(stage.scheduled("live")).run();
    assert_eq!(run["run"]["execution"]["state"], "done", "{}", run["run"]["execution"]);
    assert_eq!(sandbox.metric("RunsDone"), [json!(1)]);
    let namespaces: Vec<Value> =
        sandbox.log().into_iter().filter_map(|line| line.pointer("/_aws/CloudWatchMetrics/0").cloned()).collect();
    assert_eq!(namespaces.len(), 1);
    assert_eq!(
        (&namespaces[0]["Namespace"], &namespaces[0]["Dimensions"]),
        (&json!("IndexRebalancer"), &json!([["portfolio"]]))
    );
}

/// Lambda's own deadline: nothing is begun that cannot be left well, and what is left goes on.
#[tokio::test]
async fn a_short_deadline_leaves_a_state_that_goes_on() {
    let stage = Stage::blue_chip().await;
    let sandbox = stage.sandbox().on_paper().start();
    let before = stage.table.items().await;
    let too_short = sandbox.invoke_within(stage.scheduled("live"), Duration::from_secs(5)).retry();
    assert!(too_short.contains("time is over"), "{too_short}");
    let runs = |items: &std::collections::BTreeMap<(String, String), _>| {
        items.keys().filter(|(pk, _)| pk.starts_with("run#") || pk == "lock").count()
    };
    assert_eq!(runs(&stage.table.items().await), runs(&before), "nothing is claimed");
    let run = sandbox.invoke(stage.scheduled("live")).run();
    assert_eq!(run["run"]["execution"]["state"], "done");
}

#[tokio::test]
async fn an_event_past_its_window_starts_nothing_and_one_of_a_stored_run_is_answered() {
    let stage = Stage::blue_chip().await;
    let late = stage.sandbox().on_paper().with("REBALANCE_PAPER_CLOCK", "2025-04-10T02:00:01Z").start();
    let before = stage.table.items().await;
    let refusal = late.invoke(stage.scheduled("live")).refusal();
    assert!(refusal.contains("past the window of 120 minutes") && refusal.contains("label"), "{refusal}");
    assert_eq!(stage.table.items().await, before);
    assert_eq!(late.metric("RunsAborted"), [json!(1)], "somebody waits for it");
    let _ = stage.sandbox().on_paper().start().invoke(stage.scheduled("live")).run();
    assert_eq!(late.invoke(stage.scheduled("live")).run()["run"]["mode"], "already_done");
}

#[tokio::test]
async fn stale_grades_end_the_run_before_anything_is_sent() {
    let stage = Stage::blue_chip().await;
    let old = "2025-04-20T00:00:00Z";
    let sandbox = stage.sandbox().on_paper().with("REBALANCE_PAPER_CLOCK", old).start();
    let payload = stage.payload(&json!({ "mode": "live", "scheduled_time": old }));
    let refusal = sandbox.invoke(payload).refusal();
    assert!(refusal.contains("max_price_age_hours") || refusal.contains("max_grade_age_hours"), "{refusal}");
    let run = stage.record(stage.run_id(index_rebalancer::model::Trigger::Scheduled(moment(old)))).await;
    assert_eq!((run.state, run.orders.len()), (RunState::Aborted, 0));
    assert_eq!(sandbox.metric("RunsAborted"), [json!(1)]);
}

#[tokio::test]
async fn a_portfolio_with_several_accounts_wants_one_named() {
    let stage = Stage::of(fixture("ten-accounts")).await;
    let sandbox = stage.sandbox().start();
    let refusal = sandbox.invoke(stage.payload(&json!({ "mode": "dry-run", "label": "x" }))).refusal();
    assert!(refusal.contains("several accounts") && refusal.contains("send one of"), "{refusal}");
    let nobody = sandbox.invoke(r#"{"schema": 1, "portfolio": "nobody", "mode": "dry-run", "label": "x"}"#).refusal();
    assert!(nobody.contains("rebalance load"), "{nobody}");
}
