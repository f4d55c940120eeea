//! Events that are refused before anything is claimed.

use index_rebalancer::preparation::event as events;
use jiff::SignedDuration;

use super::{Row, event, text};
use crate::events::now;

/// Our payload with one field replaced or left out.
fn ours(key: &str, value: Option<&str>) -> String {
    let fields = [
        ("schema", "1"),
        ("portfolio", "\"blue-chip\""),
        ("mode", "\"live\""),
        ("scheduled_time", "\"2025-04-16T06:00:00Z\""),
    ];
    let known = fields.iter().any(|(name, _)| *name == key);
    let mut parts: Vec<String> = fields
        .iter()
        .filter_map(|(name, old)| {
            let value = if *name == key { value? } else { old };
            Some(format!("\"{name}\": {value}"))
        })
        .collect();
    if let (false, Some(value)) = (known, value) {
        parts.push(format!("\"{key}\": {value}"));
    }
    format!("{{{}}}", parts.join(", "))
}

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn rows() -> Vec<Row> {
    let envelope = |account: &str, region: &str, detail: &str| {
        format!(
            r#"{{"version": "0", "id": "53dc4d37", "detail-type": "Scheduled Event", "source": "aws.events", "account": "{account}",
                "time": "2025-04-16T06:00:00Z", "region": "{region}", "resources": [], "detail": {detail}}}"#
        )
    };
    let detail = r#"{"schema": 1, "portfolio": "blue-chip", "mode": "live"}"#;
    let abort = |more: &str| {
        format!(
            r#"{{"schema": 1, "mode": "abort", "run": "76b1c65c-2767-5099-9c4d-fa0b9554229c", "by": "alice",
                "reason": "wrong policy"{more}}}"#
        )
    };
    let settle = |more: &str| abort(more).replace("abort", "settle");
    let key = r#", "order": "af015365-ebc9-55fe-bbef-e43202639933""#;
    let filled = |fields: &str| settle(&format!("{key}, \"filled\": {fields}"));
    let arn = |arn: &str| ours("schedule_arn", Some(&format!("\"{arn}\"")));
    let id = |id: &str| ours("portfolio", Some(&format!("\"{id}\"")));
    vec![
        event("empty body", "", &["event: the document", "it is empty", "send one JSON value"]),
        event("empty body", " \n", &["event: the document", "it is empty"]),
        event(
            "not UTF-8",
            b"{\"schema\": 1, \"portfolio\": \"\xff\"}",
            &["byte 28", "not UTF-8", "save the text as UTF-8"],
        ),
        event(
            "byte-order mark",
            [b"\xef\xbb\xbf".as_slice(), ours("", None).as_bytes()].concat(),
            &["EF BB BF", "byte-order mark", "without"],
        ),
        event(
            "trailing JSON",
            format!("{} {{}}", ours("", None)),
            &["the document", "trailing characters", "nothing after it"],
        ),
        event("trailing JSON", format!("{},", ours("", None)), &["the document", "trailing characters"]),
        event(
            "nesting of 200",
            ours("flow", Some(&format!("{}{}", "[".repeat(200), "]".repeat(200)))),
            &["flow[0][0]", "deeper than 32", "flatter"],
        ),
        event("nesting of 200", format!("{}1{}", "{\"a\":".repeat(200), "}".repeat(200)), &["a.a.a", "deeper than 32"]),
        event(
            "over the size limit",
            ours("label", Some(&format!("\"{}\"", "x".repeat(70_000)))),
            &["70", "at most 65536", "smaller"],
        ),
        event(
            "duplicate key",
            r#"{"schema": 1, "portfolio": "a", "portfolio": "b", "mode": "live"}"#,
            &["portfolio", "twice", "once"],
        ),
        event(
            "duplicate key",
            r#"{"schema": 1, "portfolio": "a", "portf\u006flio": "b", "mode": "live"}"#,
            &["portfolio", "twice"],
        ),
        event(
            "duplicate key",
            r#"{"schema": 1, "portfolio": "a", "mode": "live", "label": "x", "flow": {"withdraw": "1", "withdraw": "2"}}"#,
            &["flow.withdraw", "twice"],
        ),
        event("unknown field", ours("dry_run", Some("true")), &["dry_run", "unknown", "remove it", "portfolio"]),
        event("unknown field", ours("Portfolio", Some("\"x\"")), &["Portfolio", "unknown"]),
        event(
            "unknown field",
            envelope("123456789012", "us-east-1", r#"{"schema": 1, "portfolio": "a", "mode": "live", "x": 1}"#),
            &["detail.x", "unknown"],
        ),
        event("unknown field", ours("flow", Some(r#"{"withdraw": "5", "asset": "btc"}"#)), &["flow.asset", "unknown"]),
        event("missing or null portfolio", ours("portfolio", None), &["portfolio", "missing or null", "send a value"]),
        event("missing or null portfolio", ours("portfolio", Some("null")), &["portfolio", "missing or null"]),
        event("missing or null portfolio", ours("portfolio", Some("7")), &["portfolio = \"7\"", "text was expected"]),
        event(
            "missing or null portfolio",
            envelope("123456789012", "us-east-1", "{}"),
            &["detail.portfolio", "names no portfolio", "input transformer"],
        ),
        event("lone surrogate", ours("portfolio", Some(r#""\ud800""#)), &["portfolio", "lone surrogate", "in UTF-8"]),
        event("lone surrogate", ours("portfolio", Some(r#""a\udc00b""#)), &["portfolio", "lone surrogate", "in UTF-8"]),
        event(
            "separator, control or look-alike characters in an id",
            id("a/b"),
            &["portfolio = \"a/b\"", "not allowed", "a-z"],
        ),
        event(
            "separator, control or look-alike characters in an id",
            id("a#b"),
            &["portfolio = \"a#b\"", "not allowed"],
        ),
        event(
            "separator, control or look-alike characters in an id",
            id("a:b"),
            &["portfolio = \"a:b\"", "not allowed"],
        ),
        event(
            "separator, control or look-alike characters in an id",
            id("a\\u0000b"),
            &["portfolio = \"a\\u{0}b\"", "not allowed"],
        ),
        event(
            "separator, control or look-alike characters in an id",
            id("a\\nb"),
            &["portfolio = \"a\\u{a}b\"", "not allowed"],
        ),
        event(
            "separator, control or look-alike characters in an id",
            id("bluе-chip"),
            &["portfolio = \"blu\\u{435}-chip\"", "not allowed"],
        ),
        event(
            "separator, control or look-alike characters in an id",
            id("a\u{200b}b"),
            &["portfolio = \"a\\u{200b}b\"", "not allowed"],
        ),
        event("separator, control or look-alike characters in an id", id("../x"), &["portfolio = \"../x\"", "begins"]),
        event("overlong id", id(&"a".repeat(65)), &["portfolio = \"aaaa", "longer than 64", "1 to 64"]),
        event(
            "overlong id",
            ours("scheduled_time", None).replace('}', &format!(", \"label\": \"{}\"}}", "a".repeat(65))),
            &["label", "longer than 64"],
        ),
        event(
            "missing scheduled time",
            ours("scheduled_time", None),
            &["scheduled_time", "missing or null", "<aws.scheduler.scheduled-time>"],
        ),
        event("missing scheduled time", ours("scheduled_time", Some("null")), &["scheduled_time", "missing or null"]),
        event(
            "missing scheduled time",
            ours("scheduled_time", Some("\"<aws.scheduler.scheduled-time>\"")),
            &["scheduled_time = \"<aws.scheduler", "not a moment", "RFC 3339"],
        ),
        event(
            "missing scheduled time",
            ours("label", Some("\"x\"")),
            &["label", "both name the occasion", "one of the two"],
        ),
        event(
            "local-time offset",
            ours("scheduled_time", Some("\"2025-04-16T06:00:00\"")),
            &["scheduled_time", "not a moment", "with an offset"],
        ),
        event(
            "local-time offset",
            ours("scheduled_time", Some("\"2025-04-16 06:00:00Z\"")),
            &["scheduled_time", "not a moment"],
        ),
        event(
            "local-time offset",
            ours("scheduled_time", Some("\"2025-04-16T06:00:00+25:00\"")),
            &["scheduled_time", "not a moment"],
        ),
        event(
            "local-time offset",
            ours("scheduled_time", Some("\"2025-02-30T06:00:00Z\"")),
            &["scheduled_time", "not a moment"],
        ),
        event(
            "local-time offset",
            ours("scheduled_time", Some("1744783200")),
            &["scheduled_time = \"1744783200\"", "text was expected"],
        ),
        event(
            "a time in the future",
            ours("scheduled_time", Some("\"2025-04-16T06:06:01Z\"")),
            &["scheduled_time = \"2025-04-16T06:06:01Z\"", "in the future", "check the clock"],
        ),
        event(
            "a time in the future",
            ours("scheduled_time", Some("\"2025-04-16T06:00:00-01:00\"")),
            &["scheduled_time = \"2025-04-16T07:00:00Z\"", "in the future"],
        ),
        text(
            "a time past the window",
            || {
                events::check_window(
                    "2025-04-15T06:00:00Z".parse().expect("a moment"),
                    now(),
                    SignedDuration::from_hours(2),
                )
                .expect_err("late")
                .to_string()
            },
            &["scheduled_time = \"2025-04-15T06:00:00Z\"", "120 minutes", "no run exists", "label"],
        ),
        event(
            "wrong account or region",
            envelope("999999999999", "us-east-1", detail),
            &["account = \"999999999999\"", "another AWS account", "123456789012"],
        ),
        event(
            "wrong account or region",
            envelope("123456789012", "eu-west-1", detail),
            &["region = \"eu-west-1\"", "another AWS region", "us-east-1"],
        ),
        event(
            "wrong account or region",
            arn("arn:aws:scheduler:us-east-1:999999999999:schedule/default/x"),
            &["schedule_arn", "another AWS account"],
        ),
        event(
            "wrong account or region",
            arn("arn:aws:scheduler:eu-west-1:123456789012:schedule/default/x"),
            &["schedule_arn", "another AWS region"],
        ),
        event(
            "wrong account or region",
            arn("arn:aws:events:us-east-1:123456789012:rule/x"),
            &["schedule_arn", "not the ARN of a schedule"],
        ),
        event("unknown field", abort(r#", "portfolio": "blue-chip""#), &["portfolio", "the field is unknown"]),
        event("unknown field", abort("").replace("\"run\"", "\"runs\""), &["runs", "the field is unknown"]),
        event("unknown mode", abort("").replace("wrong policy", "  "), &["reason", "1 to 500", "one line"]),
        event("unknown mode", abort("").replace("wrong policy", "a\\nb"), &["reason", "printable"]),
        event("unknown mode", abort("").replace("wrong policy", &"x".repeat(501)), &["reason", "1 to 500"]),
        event("unknown mode", abort("").replace("alice", ""), &["by"]),
        event("unknown mode", abort("").replace("-fa0b9554229c", ""), &["run = ", "not the id", "whole id"]),
        event("unknown mode", abort("").replace("76b1", "76B1"), &["run = ", "not the id"]),
        event("unknown field", abort(key), &["order", "the field is unknown"]),
        event("unknown field", filled(r#"{"quantity": "1", "prise": "2"}"#), &["prise", "the field is unknown"]),
        event("unknown mode", settle(r#", "not_placed": true"#), &["order", "missing"]),
        event("unknown mode", settle(&key.replace("-e43202639933", "")), &["order = ", "not the key", "whole id"]),
        event("unknown mode", settle(key), &["filled", "missing", "not_placed"]),
        event("unknown mode", settle(&format!(r#"{key}, "not_placed": false"#)), &["not_placed", "not true"]),
        event(
            "unknown mode",
            settle(&format!(r#"{key}, "not_placed": true, "filled": {{"quantity": "1"}}"#)),
            &["filled", "not placed has no fill", "one of the two"],
        ),
        event("unknown mode", filled(r#"{"price": "2"}"#), &["filled.quantity", "missing"]),
        event("unknown mode", filled(r#"{"quantity": 1}"#), &["filled.quantity"]),
        event("unknown mode", filled(r#"{"quantity": "-1"}"#), &["filled.quantity"]),
        event("unknown mode", filled(r#"{"quantity": "1", "price": "x"}"#), &["filled.price"]),
        event("unknown mode", filled(r#"{"quantity": "1", "fee": "-1"}"#), &["filled.fee", "not below 0"]),
        event("unknown mode", ours("mode", Some("\"LIVE\"")), &["mode = \"LIVE\"", "unknown mode", "dry-run"]),
        event(
            "unknown mode",
            ours("approved_plan", Some("\"abc\"")),
            &["approved_plan = \"abc\"", "not the digest of a plan", "64 hex digits"],
        ),
        event(
            "unknown mode",
            ours("approved_plan", Some(&format!("\"{}\"", "a".repeat(64)))).replace("\"live\"", "\"dry-run\""),
            &["approved_plan", "only \"live\" sends what was approved"],
        ),
        event(
            "unknown mode",
            ours("approved_by", Some("\"alice\"")),
            &["approved_by = \"alice\"", "approves nothing", "approved_plan"],
        ),
        event("unknown mode", ours("mode", None), &["mode", "missing or null", "send a value"]),
        event("unknown mode", ours("mode", Some("true")), &["mode = \"true\"", "text was expected"]),
        event(
            "unknown schema version",
            ours("schema", Some("2")),
            &["schema = \"2\"", "unknown version", "\"schema\": 1"],
        ),
        event("unknown schema version", ours("schema", Some("\"1\"")), &["schema = \"1\"", "unknown version"]),
        event("unknown schema version", ours("schema", Some("1.0")), &["schema = \"1.0\"", "unknown version"]),
        event("unknown schema version", ours("schema", None), &["schema", "missing or null"]),
    ]
}
