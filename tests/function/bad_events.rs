//! Every bad event of the design's list, and every recorded event, through the real binary: the documented refusal, and
//! nothing written.

use std::collections::BTreeSet;

use serde_json::json;

use crate::bad_inputs;
use crate::events;
use crate::shared;
use crate::stage::Stage;

#[tokio::test]
async fn bad_events_are_refused_in_their_words_and_write_nothing() {
    let stage = Stage::blue_chip().await;
    let before = stage.table.items().await;
    let sandbox = stage.sandbox().with("REBALANCE_PAPER_CLOCK", events::START).start();
    let mut refused = 0;
    for row in bad_inputs::rows() {
        let Some(payload) = row.given else { continue };
        let document = sandbox.invoke(&payload).document();
        let shown = String::from_utf8_lossy(&payload).chars().take(200).collect::<String>();
        assert_eq!((&document["schema"], &document["exit_code"]), (&json!("rebalance/error/1"), &json!(3)), "{shown}");
        let message = document["message"].as_str().expect("a message");
        for name in row.names {
            assert!(message.contains(name), "{shown}: {message:?} does not say {name:?}");
        }
        refused += 1;
    }
    assert!(refused > 50, "{refused} rows");
    assert_eq!(stage.table.items().await, before);
    assert_eq!(stage.table.calls(), Vec::<String>::new(), "not even read");
    assert_eq!(sandbox.metric("EventsRefused").len(), refused);
    assert_eq!(sandbox.log().iter().filter(|line| line["message"] == "refused").count(), refused);
}

/// Events of other services and of rules without an input transformer, as they were recorded.
#[tokio::test]
async fn recorded_events_of_others_are_refused_and_write_nothing() {
    let Some(data) = shared::shared_data("recorded_events_of_others_are_refused_and_write_nothing") else { return };
    let stage = Stage::blue_chip().await;
    let before = stage.table.items().await;
    let sandbox = stage.sandbox().with("REBALANCE_PAPER_CLOCK", events::START).start();
    let mut problems = BTreeSet::new();
    let files: Vec<_> =
        std::fs::read_dir(data.join("events")).expect("events").map(|file| file.expect("a file").path()).collect();
    for file in &files {
        let document = sandbox.invoke(std::fs::read(file).expect("readable")).document();
        assert_eq!(document["schema"], "rebalance/error/1", "{}: {document}", file.display());
        let _ = problems.insert(document["message"].as_str().expect("a message").to_owned());
    }
    assert!(files.len() > 5 && problems.len() > 3, "{problems:?}");
    assert_eq!(stage.table.items().await, before);
}

/// The recorded rule of EventBridge, with a detail of ours in it: what an input transformer or a person makes of it.
#[tokio::test]
async fn a_recorded_rule_with_a_detail_of_ours_starts_a_run() {
    let Some(data) = shared::shared_data("a_recorded_rule_with_a_detail_of_ours_starts_a_run") else { return };
    let stage = Stage::blue_chip().await;
    let recorded = std::fs::read(data.join("events/rust_runtime_eventbridge-schedule.json")).expect("recorded");
    let mut event: serde_json::Value = serde_json::from_slice(&recorded).expect("JSON");
    let (account, region) =
        (event["account"].as_str().expect("an account"), event["region"].as_str().expect("a region"));
    let setup = stage.sandbox().on_paper().with("REBALANCE_ACCOUNT", account).with("REBALANCE_REGION", region);
    let sandbox = setup.start();
    event["time"] = json!(crate::stage::DAY);
    event["detail"] = json!({ "schema": 1, "portfolio": "blue-chip", "mode": "live" });
    let run = sandbox.invoke(event.to_string()).run();
    assert_eq!(run["run"]["execution"]["state"], "done", "{run}");
    // And the Scheduler's payload for the same time is the same run.
    let scheduler = json!({
        "schema": 1, "portfolio": "blue-chip", "mode": "live", "scheduled_time": crate::stage::DAY,
        "schedule_arn": format!("arn:aws:scheduler:{}:{}:schedule/default/blue-chip", event["region"].as_str().unwrap_or(""), event["account"].as_str().unwrap_or("")),
        "execution_id": "d32c5kddcf5bb8c3", "attempt_number": "2"
    });
    assert_eq!(sandbox.invoke(scheduler.to_string()).run()["run"]["mode"], "already_done");
}
