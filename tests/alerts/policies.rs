//! Alerts in a policy: what is refused, and that they decide nothing about trades.

use std::fs;
use std::path::Path;

use index_rebalancer::planning::idempotency::{digest_of, policy_digest};
use index_rebalancer::preparation::{PreparationError, policy};

use super::everything;

const SOUND: &str = r#"
[alerts]
most_messages_per_hour = 12
stop_loss = "0.2"
grade_thresholds = [{ grade = "investor", at = "60" }]
price_targets = [{ asset = "bitcoin", at_least = "100000", at_most = "50000" }]
[alerts.channels]
terminal = { kind = "log" }
pager = { kind = "sns", topic = "arn:aws:sns:eu-central-1:123456789012:pager" }
team = { kind = "slack", webhook_secret = "rebalance/slack#team" }
chat = { kind = "telegram", chat = "-100200300", token_secret = "rebalance/telegram" }
[[alerts.routes]]
events = ["order_unknown", "run_aborted"]
channels = ["pager", "team", "chat"]
"#;

fn text(alerts: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/over-cap-after-rally/policy.toml");
    fs::read_to_string(path).expect("a policy") + alerts
}

#[test]
fn alerts_are_read_and_keep_to_the_schema() {
    let read = policy::parse(&text(SOUND)).expect("a sound policy");
    assert_eq!(read.alerts.as_ref().map(|alerts| alerts.channels.len()), Some(4));
    let schema = serde_json::to_value(policy::schema()).expect("a schema is JSON");
    let schema = jsonschema::validator_for(&schema).expect("the schema is one");
    let value = serde_json::to_value(&read).expect("JSON");
    let faults: Vec<String> = schema.iter_errors(&value).map(|error| error.to_string()).collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn every_rule_of_alerts_is_one() {
    for (from, to, told) in [
        ("= 12", "= 0", "alerts.most_messages_per_hour = \"0\": not from 1 to 10000"),
        ("\"0.2\"", "\"1\"", "alerts.stop_loss = \"1\": not above 0 and below 1"),
        ("\"60\"", "\"101\"", "101"),
        ("at_least = \"100000\", at_most = \"50000\"", "", "alerts.price_targets.bitcoin: there is no price"),
        ("at_most = \"50000\"", "at_most = \"100000\"", "every price reaches one of the two"),
        (
            "arn:aws:sns:eu-central-1:123456789012:pager",
            "pager",
            "alerts.channels.pager.topic = \"pager\": not the ARN",
        ),
        ("\"-100200300\"", "\"my chat\"", "alerts.channels.chat.chat = \"my chat\": not a chat"),
        (
            "\"pager\", \"team\"",
            "\"pagers\", \"team\"",
            "alerts.routes[0].channels = \"pagers\": there is no such channel",
        ),
        ("\"order_unknown\", \"run_aborted\"", "", "alerts.routes[0].events: no event is routed"),
        ("\"pager\", \"team\", \"chat\"", "", "alerts.routes[0].channels: the route leads nowhere"),
        ("order_unknown", "order_lost", "order_lost"),
        ("kind = \"log\"", "kind = \"pigeon\"", "pigeon"),
        ("kind = \"log\"", "kind = \"log\", loud = true", "loud"),
    ] {
        assert!(SOUND.contains(from), "{from}");
        let error = policy::parse(&text(&SOUND.replace(from, to))).expect_err(told).to_string();
        assert!(error.contains(told), "{to}: {error}");
    }
}

#[test]
fn a_secret_in_a_policy_is_refused_and_not_repeated() {
    for (from, to) in [
        ("rebalance/slack#team", "https://hooks.slack.com/services/T0/B0/canary"),
        ("rebalance/slack#team", "hooks.slack.com//services/canary"),
        ("rebalance/telegram", "123456:canary"),
        ("rebalance/telegram", "canary canary"),
        ("rebalance/telegram", ""),
    ] {
        let error = policy::parse(&text(&SOUND.replace(from, to))).expect_err("a secret");
        assert!(matches!(error, PreparationError::BadInput(_)));
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("not the name of a secret") && !shown.contains("canary"), "{shown}");
    }
}

#[test]
fn a_policy_that_differs_in_its_alerts_only_is_the_same_policy() {
    let plain = policy::parse(&text("")).expect("a policy");
    let mut telling = plain.clone();
    telling.alerts = Some(everything());
    assert_eq!(policy_digest(&plain), policy_digest(&telling));
    assert_eq!(policy_digest(&plain), digest_of(&plain), "as policies were digested before there were alerts");
    telling.name.push('!');
    assert_ne!(policy_digest(&plain), policy_digest(&telling));
}
