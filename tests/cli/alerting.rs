//! Alerts of a run at a terminal.

use std::fs;

use aws_sdk_dynamodb::types::AttributeValue;
use tempfile::TempDir;

use crate::BLUE_CHIP;
use crate::bench::{Answer, Bench, copy_case, path};
use crate::recovery::{EARLY, LATE, overfill};
use crate::stores::{block_on, tamper, unanswered_of};

const ALERTS: &str = r#"
[alerts.channels]
team = { kind = "slack", webhook_secret = "slack/team" }
[[alerts.routes]]
events = ["orders_sent", "limit_relaxed", "run_aborted"]
channels = ["team"]
"#;

/// Everything that becomes of a run and its orders, to a log.
const ALL: &str = r#"
[alerts.channels]
ops = { kind = "log" }
[[alerts.routes]]
events = ["orders_sent", "order_rejected", "order_unknown", "run_aborted", "run_halted", "run_recovered", "stale_data"]
channels = ["ops"]
"#;

/// The case with alerts in its policy.
fn telling(case: &str) -> TempDir {
    telling_of(case, ALERTS)
}

fn telling_of(case: &str, alerts: &str) -> TempDir {
    let folder = copy_case(case);
    let policy = folder.path().join("policy.toml");
    let text = fs::read_to_string(&policy).expect("a policy") + alerts;
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
    let line =
        "alert for team (slack): [info] over-cap-after-rally (paper, binance/over-cap-after-rally): 3 orders sent: ";
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

/// A run of the blue-chip case, with these alerts, whose first orders were never answered for.
fn left(bench: &Bench, alerts: &str, orders_arrive: bool) -> (TempDir, String) {
    let case = telling_of(BLUE_CHIP, alerts);
    let (folder, store, mut run) = (case.path().to_owned(), bench.store(), String::new());
    block_on(async { run = unanswered_of(&folder, &store, orders_arrive).await.to_string() });
    (case, run)
}

/// What was told, without what each is about: `[info] 3 orders sent`.
fn told(answer: &Answer) -> Vec<String> {
    let titles = answer.err.lines().filter_map(|line| line.strip_prefix("alert for "));
    let title = |line: &str| {
        let (severity, rest) = line.split_once("] ").expect("a severity");
        let (_, severity) = severity.split_once('[').expect("a severity");
        let title = rest.split(": ").nth(1).expect("a title");
        format!("[{severity}] {}", title.split(" (run ").next().expect("a title"))
    };
    titles.map(title).collect()
}

#[test]
fn what_recovery_does_is_told_once() {
    let bench = Bench::new();
    let (case, run) = left(&bench, ALL, true);
    let first = bench.expect(0, &["recover"]);
    let expected = ["orders sent", "[warning] The run did not end by itself; it was taken over and is done"];
    let titles = told(&first);
    assert!(titles.len() == 2 && titles[0].ends_with(expected[0]) && titles[1] == expected[1], "{titles:?}");
    assert!(first.err.lines().all(|line| line.ends_with(&format!("(run {run})"))), "{}", first.err);
    for again in [vec!["recover", &run], vec!["settle", &run], vec!["run", path(&case)]] {
        assert_eq!(bench.expect(0, &again).err, "", "{again:?}: told already");
    }
}

#[test]
fn orders_of_unknown_fate_are_told_while_it_is_unknown_and_what_became_of_them_afterwards() {
    let bench = Bench::new();
    let (_case, run) = left(&bench, ALL, false);
    let titles = told(&bench.expect(5, &["settle", &run, "--at", EARLY]));
    assert!(titles.len() == 1 && titles[0].starts_with("[critical]"), "{titles:?}");
    assert!(titles[0].contains("of unknown fate"), "{titles:?}");
    assert!(told(&bench.expect(5, &["settle", &run, "--at", EARLY])).is_empty(), "told already");

    let titles = told(&bench.expect(5, &["recover", "--at", LATE]));
    assert!(titles.iter().any(|title| title.contains("not taken by the venue")), "{titles:?}");
    assert!(titles.iter().any(|title| title.contains("it was taken over")), "{titles:?}");
    assert!(!titles.iter().any(|title| title.contains("unknown fate")), "{titles:?}");
}

#[test]
fn a_run_that_is_stopped_by_hand_is_told_with_the_reason() {
    let bench = Bench::new();
    let (_case, run) = left(&bench, ALL, true);
    let abort = ["abort", &run, "--reason", "the venue is down", "--by", "alice"];
    let first = bench.run(&abort);
    assert!(told(&first).contains(&"[critical] The run ended without its orders".to_owned()), "{}", first.err);
    assert!(first.err.contains("the venue is down"), "{}", first.err);
    assert!(told(&bench.run(&abort)).is_empty(), "told already");
}

#[test]
fn a_halted_run_is_told() {
    let bench = Bench::new();
    let (_case, run) = left(&bench, ALL, true);
    overfill(&bench);
    let first = bench.expect(5, &["recover", &run]);
    let halted = "[critical] The run is halted";
    assert!(told(&first).iter().any(|title| title.starts_with(halted)), "{}", first.err);
    assert!(first.err.contains("overfill"), "{}", first.err);
    let again = bench.expect(5, &["recover", &run]);
    assert!(!told(&again).iter().any(|title| title.starts_with(halted)), "told already: {}", again.err);
}

#[test]
fn a_run_that_does_not_begin_is_told_to_whom_its_case_says() {
    let (bench, case) = (Bench::new(), telling_of(BLUE_CHIP, ALL));
    // A month after its data.
    let late = ["run", path(&case), "--at", "2025-05-12T00:00:00Z"];
    let first = bench.expect(3, &late);
    let expected = ["[critical] Data are too old to trade on", "[critical] The run did not begin"];
    assert_eq!(told(&first), expected, "{}", first.err);
    assert!(told(&bench.expect(3, &late)).is_empty(), "told already");

    bench.expect(0, &["kill-switch", "on", "--by", "alice", "--note", "maintenance"]);
    let stopped = bench.expect(5, &["run", path(&case)]);
    assert_eq!(told(&stopped), ["[critical] The run did not begin"], "{}", stopped.err);
    assert!(stopped.err.contains("maintenance"), "{}", stopped.err);
}

#[test]
fn a_run_that_finishes_another_first_tells_of_both() {
    let bench = Bench::new();
    let (case, run) = left(&bench, ALL, true);
    let later = bench.expect(0, &["run", path(&case), "--day", "2"]);
    let of_first: Vec<&str> = later.err.lines().filter(|line| line.ends_with(&format!("(run {run})"))).collect();
    assert!(of_first.iter().any(|line| line.contains("it was taken over and is done")), "{}", later.err);
}

#[test]
fn what_is_not_known_to_be_untold_is_not_told_and_harms_nothing() {
    let bench = Bench::new();
    let (_case, run) = left(&bench, ALL, true);
    bench.expect(0, &["recover"]);
    let store = bench.store();
    let nonsense = AttributeValue::S("nonsense".to_owned());
    block_on(async { drop(tamper(&store, "alerts#", "", "state", nonsense).await) });
    let again = bench.expect(0, &["recover", &run]);
    assert!(told(&again).is_empty(), "{}", again.err);
    assert!(again.err.contains("whether it was sent before is not known"), "{}", again.err);
}

#[test]
fn a_secret_is_in_nothing_that_a_run_leaves_behind() {
    let (bench, case) = (Bench::new(), telling("fixtures/over-cap-after-rally"));
    // A port of this machine that nobody listens to, and a webhook that Slack does not know.
    for address in ["https://127.0.0.1:9/canary", "canary", "https://hooks.slack.com:9/canary"] {
        for arguments in [
            &["run", path(&case), "--send-alerts"][..],
            &["recover", "last", "--send-alerts", "--format", "json"],
            &["show", "last", "--format", "json"],
            &["explain", "last"],
            &["audit", "last", "--format", "json"],
            &["export", "last", "--csv"],
        ] {
            let mut command = bench.command(arguments);
            command.env("REBALANCE_SECRET_SLACK_TEAM", address).env("RUST_BACKTRACE", "full");
            let answer = Answer::of(&command.output().expect("the program starts"));
            assert_eq!(answer.code, 0, "{arguments:?}: {}", answer.err);
            assert!(!answer.out.contains("canary") && !answer.err.contains("canary"), "{arguments:?}: {}", answer.err);
        }
    }
    for (file, bytes) in bench.files() {
        assert!(!bytes.windows(6).any(|window| window == b"canary"), "in {}", file.display());
    }
}

#[test]
fn no_alert_changes_how_a_recovery_ends() {
    let bench = Bench::new();
    let (_case, run) = left(&bench, &ALERTS.replace("\"orders_sent\"", "\"orders_sent\", \"run_recovered\""), true);
    let answer = bench.expect(0, &["recover", &run, "--send-alerts"]);
    let warning = "warning: the alert run_recovered for team was not sent: ";
    assert!(answer.err.contains(warning) && answer.err.contains("SLACK_TEAM is not set"), "{}", answer.err);
    assert_eq!(bench.json(0, &["recover", &run])["runs"][0]["outcome"], "already_settled");
}
