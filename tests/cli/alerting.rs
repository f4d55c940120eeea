//! Alerts of a run at a terminal.

use std::fs;

use crate::bench::{Answer, Bench, copy_case, path};

const ALERTS: &str = r#"
[alerts.channels]
team = { kind = "slack", webhook_secret = "slack/team" }
[[alerts.routes]]
events = ["orders_sent", "limit_relaxed", "run_aborted"]
channels = ["team"]
"#;

/// The case with alerts in its policy.
fn telling(case: &str) -> tempfile::TempDir {
    let folder = copy_case(case);
    let policy = folder.path().join("policy.toml");
    let text = fs::read_to_string(&policy).expect("a policy") + ALERTS;
    fs::write(policy, text).expect("written");
    folder
}

#[test]
fn a_run_tells_its_alerts_on_standard_error_once() {
    let (bench, case) = (Bench::new(), telling("fixtures/over-cap-after-rally"));
    let plain = Bench::new().expect(0, &["run", "fixtures/over-cap-after-rally"]);
    assert_eq!(plain.err, "", "without alerts in the policy nothing is told");
    // A dry run tells nobody.
    assert_eq!(bench.expect(0, &["plan", path(&case)]).err, "");

    let first = bench.expect(0, &["run", path(&case)]);
    let line = "alert for team (slack): [info] over-cap-after-rally (paper, binance/over-cap-after-rally): 3 orders sent: ";
    assert!(first.err.starts_with(line), "{}", first.err);
    assert_eq!(first.err.lines().count(), 1, "{}", first.err);
    let again = bench.expect(0, &["run", path(&case)]);
    assert_eq!(again.err, "", "told already");
}

#[test]
fn who_is_told_does_not_change_what_is_done() {
    let (bench, case) = (Bench::new(), telling("fixtures/over-cap-after-rally"));
    let keys = |answer: &serde_json::Value| answer["runs"][0]["run"]["orders"].clone();
    let telling = bench.json(0, &["plan", path(&case)]);
    let plain = bench.json(0, &["plan", "fixtures/over-cap-after-rally"]);
    assert_eq!(keys(&telling), keys(&plain));
    assert_eq!(telling["runs"][0]["run"]["policy_digest"], plain["runs"][0]["run"]["policy_digest"]);
}

#[test]
fn an_alert_that_cannot_be_sent_is_a_warning() {
    let (bench, case) = (Bench::new(), telling("fixtures/over-cap-after-rally"));
    let mut command = bench.command(&["run", path(&case), "--send-alerts"]);
    let answer = Answer::of(&command.output().expect("the program starts"));
    assert_eq!(answer.code, 0, "{}", answer.err);
    let expected = "warning: the alert orders_sent for team was not sent";
    assert!(answer.err.contains(expected), "{}", answer.err);
    assert!(answer.err.contains("REBALANCE_SECRET_SLACK_TEAM is not set"), "{}", answer.err);

    // A webhook of somebody else's is no webhook of Slack's, and its address is not shown.
    let mut command = bench.command(&["run", path(&case), "--send-alerts"]);
    command.env("REBALANCE_SECRET_SLACK_TEAM", "https://elsewhere.example/canary");
    let answer = Answer::of(&command.output().expect("the program starts"));
    assert_eq!(answer.code, 0, "{}", answer.err);
    assert!(answer.err.contains("hooks.slack.com") && !answer.err.contains("canary"), "{}", answer.err);
}
