//! What becomes of alerts that their channel does not get.

use serde_json::json;

use crate::services::{Reading, Services};
use crate::stage::{Stage, blue_chip_with};

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
