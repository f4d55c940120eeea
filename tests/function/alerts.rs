//! What becomes of alerts that their channel does not get.

use index_rebalancer::adapters::files::token_metrics::Endpoint;
use index_rebalancer::adapters::snapshots::{GradeFile, store_grades};
use serde_json::json;

use crate::services::{Reading, Services};
use crate::stage::{DAY, Stage, blue_chip_that_tells, blue_chip_with, fixture, moment};
use crate::table::Fault;

const TO_SLACK: &str = r#"
[alerts.channels]
team = { kind = "slack", webhook_secret = "rebalance/slack" }
[[alerts.routes]]
events = ["orders_sent"]
channels = ["team"]
"#;

/// The run is done, and nobody was told: a metric counts it, and a line says of which run and why.
#[tokio::test]
async fn an_alert_that_was_not_told_is_counted_and_the_run_is_done() {
    let folder = blue_chip_with(TO_SLACK);
    let stage = Stage::of(folder.path().to_owned()).await;
    let services = Services::start(vec![Reading::Refused("ResourceNotFoundException")]);
    let endpoint = format!("http://{}", services.address);
    let sandbox = stage.sandbox().on_paper().with("AWS_ENDPOINT_URL_SECRETS_MANAGER", &endpoint).start();
    let run = sandbox.invoke(stage.scheduled("live")).run();
    assert_eq!((&run["error"], &run["run"]["execution"]["state"]), (&json!(null), &json!("done")), "{run}");
    assert_eq!(sandbox.metric("AlertsFailed"), [json!(1)]);
    assert_eq!(sandbox.metric("RunsAborted"), Vec::<serde_json::Value>::new());
    let run_id = stage.scheduled_run().to_string();
    let lines = sandbox.log();
    let line = lines.iter().find(|line| line["message"] == "an alert was not told").expect("a line");
    assert_eq!(line["run_id"], json!(run_id));
    let problem = line["problem"].as_str().expect("a text");
    assert!(problem.contains("orders_sent") && problem.contains("team"), "{problem}");
    assert!(problem.contains("ResourceNotFoundException"), "{problem}");
    // The same event once more: the stored result, and another attempt.
    assert_eq!(sandbox.invoke(stage.scheduled("live")).run()["run"]["mode"], "already_done");
    assert_eq!((services.readings(), sandbox.metric("AlertsFailed")), (2, vec![json!(1), json!(1)]));
}

/// The put that takes a message for this worker is made, its answer is lost, and its repetition meets what it wrote.
#[tokio::test]
async fn an_alert_is_sent_although_the_answer_to_its_own_put_was_lost() {
    let folder = blue_chip_that_tells(&["orders_sent"]);
    let stage = Stage::of(folder.path().to_owned()).await;
    let sandbox = stage.sandbox().on_paper().start();
    stage.table.inject_where("PutItem", r#""sending""#, 1, Fault::AnswerLost);
    let run = sandbox.invoke(stage.scheduled("live")).run();
    assert_eq!((&run["run"]["execution"]["state"], stage.table.pending_faults()), (&json!("done"), 0), "{run}");
    let told = sandbox.alerts();
    assert!(told.len() == 1 && told[0].contains("orders sent"), "{told:?}");
    let _ = sandbox.invoke(stage.scheduled("live")).run();
    assert_eq!(sandbox.alerts(), told, "once");
}

/// Whatever ends a run.
pub(crate) const OF_ENDS: &[&str] = &["stale_data", "run_aborted"];

/// Snapshots that are too far apart: no plan is made of them, and whoever waits for the run hears so, once.
#[tokio::test]
async fn a_run_that_is_refused_before_it_begins_is_told() {
    let folder = blue_chip_that_tells(OF_ENDS);
    let stage = Stage::of(folder.path().to_owned()).await;
    let text = std::fs::read_to_string(fixture("blue-chip/trading_signals-2025-04-10.json")).expect("signals");
    let old = text.replace("2025-04-10", "2025-04-05");
    let file =
        GradeFile { endpoint: Endpoint::TradingSignals, at: moment(DAY), file: "signals.json", bytes: old.as_bytes() };
    let stored = store_grades(&stage.table.store(), stage.case.portfolio(), file, moment(DAY)).await;
    let _ = stored.expect("the signals are stored");
    let sandbox = stage.sandbox().on_paper().start();
    let refusal = sandbox.invoke(stage.scheduled("live")).refusal();
    assert!(refusal.contains("max_snapshot_skew_hours"), "{refusal}");
    let first = sandbox.alerts();
    assert_eq!(first.len(), 2, "{first:?}");
    assert!(first.iter().any(|alert| alert.contains("Data are too old to trade on")), "{first:?}");
    assert!(first.iter().any(|alert| alert.contains("The run did not begin")), "{first:?}");
    let _ = sandbox.invoke(stage.scheduled("live")).refusal();
    assert_eq!(sandbox.alerts(), first, "once");
}

/// An event of a schedule that came too late begins no run, and nobody sends it again.
#[tokio::test]
async fn an_event_that_came_too_late_is_told() {
    let folder = blue_chip_that_tells(OF_ENDS);
    let stage = Stage::of(folder.path().to_owned()).await;
    let sandbox = stage.sandbox().on_paper().with("REBALANCE_PAPER_CLOCK", "2025-04-10T03:00:00Z").start();
    let _ = sandbox.invoke(stage.scheduled("live")).refusal();
    let told = sandbox.alerts();
    assert!(told.len() == 1 && told[0].contains("The run did not begin"), "{told:?}");
    assert!(sandbox.invoke(stage.payload(&json!({ "mode": "dry-run", "label": "x" }))).run()["error"].is_null());
}
