//! The patterns by which infra/RUNBOOK.md looks for lines of the log, on lines that the function writes.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::stage::Stage;
use crate::table::Fault;

const RUNBOOK: &str = include_str!("../../infra/RUNBOOK.md");

/// The patterns of each section, by its heading, `$PORTFOLIO` and `$RUN` filled in.
fn patterns(portfolio: &str, run: &str) -> BTreeMap<String, Vec<String>> {
    let (mut found, mut heading) = (BTreeMap::<_, Vec<_>>::new(), String::new());
    for line in RUNBOOK.lines() {
        if let Some(name) = line.strip_prefix("### ").or_else(|| line.strip_prefix("## ")) {
            name.clone_into(&mut heading);
        }
        let Some((_, rest)) = line.split_once("--filter-pattern ") else { continue };
        let quote = rest.chars().next().expect("a quoted pattern");
        // As long as it is, an escaped quote is none.
        let end = rest.replace("\\\"", "xx")[1..].find(quote).expect("the pattern ends");
        let pattern = rest[1..=end].replace("\\\"", "\"").replace("$PORTFOLIO", portfolio).replace("$RUN", run);
        found.entry(heading.clone()).or_default().push(pattern);
    }
    found
}

/// As CloudWatch Logs matches: `{ $.field = "value" && … }` a line of JSON, `"a phrase"` and `?a ?b` any line, letter by
/// letter.
fn matches(pattern: &str, line: &str) -> bool {
    if let Some(conditions) = pattern.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        let Ok(json) = serde_json::from_str::<Value>(line) else { return false };
        return conditions.split("&&").all(|condition| {
            let (field, value) = condition.split_once('=').expect("a comparison");
            let field = field.trim().strip_prefix("$.").expect("a field");
            json[field] == json!(value.trim().trim_matches('"'))
        });
    }
    if let Some(phrase) = pattern.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        return line.contains(phrase);
    }
    assert!(pattern.starts_with('?'), "{pattern}: what this test does not know");
    pattern.split_whitespace().any(|term| line.contains(term.trim_start_matches('?').trim_matches('"')))
}

/// At least one of the section's patterns finds the line.
fn finds(section: &str, portfolio: &str, run: &str, line: &Value) {
    let all = patterns(portfolio, run);
    let patterns = all.get(section).unwrap_or_else(|| panic!("{section}: no pattern"));
    assert!(patterns.iter().any(|pattern| matches(pattern, &line.to_string())), "{section}: {patterns:?} miss {line}");
}

#[test]
fn patterns_are_read_and_matched_as_cloudwatch_does() {
    let line = r#"{"level":"ERROR","portfolio":"blue-chip"}"#;
    assert!(matches(r#"{ $.level = "ERROR" && $.portfolio = "blue-chip" }"#, line));
    assert!(!matches(r#"{ $.level = "error" }"#, line) && !matches("?error ?panicked", line));
    assert!(!matches(r#"{ $.level = "ERROR" && $.portfolio = "moonshot" }"#, line));
    assert!(matches(r#""Task timed out""#, "2025-04-10T00:05:00Z 8f Task timed out after 300.00 seconds"));
    assert!(!matches(r#"{ $.level = "ERROR" }"#, "Task timed out"));
    assert!(patterns("blue-chip", "r").values().flatten().count() > 5);
}

#[tokio::test]
async fn what_failed_is_found_by_the_runbooks_commands() {
    let stage = Stage::blue_chip().await;
    let run = stage.scheduled_run().to_string();
    let sandbox = stage.sandbox().on_paper().with("REBALANCE_PAPER_CLOCK", "2025-04-20T00:00:00Z").start();
    // Aborted without a plan, refused before it began, refused as an event, failed with a retry.
    let too_old = json!({ "mode": "live", "scheduled_time": "2025-04-20T00:00:00Z" });
    let _ = sandbox.invoke(stage.payload(&too_old)).refusal();
    let _ = sandbox.invoke(stage.scheduled("live")).refusal();
    let approval = json!({ "mode": "live", "label": "x", "approved_plan": "0".repeat(64) });
    let _ = sandbox.invoke(stage.payload(&approval)).refusal();
    let _ = sandbox.invoke("{}").refusal();
    stage.table.inject("GetItem", 1_000, Fault::Throttled);
    let _ = sandbox.invoke(stage.scheduled("live")).retry();
    let lines: Vec<Value> = sandbox.log().into_iter().filter(|line| line["level"] == "ERROR").collect();
    let [aborted, late, not_approved, no_event, retry] = lines.as_slice() else { panic!("{lines:#?}") };
    for line in [aborted, late] {
        finds("RunAborted", "blue-chip", &run, line);
        finds("RunMissing", "blue-chip", &run, line);
        assert!(line["run_id"].is_string(), "{line}");
    }
    for line in [not_approved, no_event] {
        finds("EventRefused", "blue-chip", &run, line);
    }
    finds("FunctionErrors", "blue-chip", &run, retry);
    assert_eq!((&retry["error_type"], &retry["portfolio"]), (&json!("RetryHelps"), &json!("blue-chip")));
    // Figures name their run and their portfolio, under which they are filed or not.
    let counted = |metric: &str, dimensions: Value| {
        let lines: Vec<Value> = sandbox.log().into_iter().filter(|line| line.get(metric).is_some()).collect();
        for line in &lines {
            assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"], dimensions, "{line}");
        }
        lines.into_iter().filter(|line| line["run_id"].is_string() && line["portfolio"] == "blue-chip").count()
    };
    assert_eq!(counted("RunsAborted", json!([["portfolio"]])), 2);
    assert_eq!(counted("EventsRefused", json!([[]])), 1, "of what is no event neither is known");
}

/// Of what Lambda itself says, and of a defect, which no test can bring about.
#[test]
fn what_ends_an_invocation_is_found() {
    for line in [
        "2025-04-10T00:10:00.123Z 5f1 Task timed out after 300.00 seconds".to_owned(),
        json!({ "level": "ERROR", "message": "a defect in the program; nothing is sent twice by another delivery" })
            .to_string(),
    ] {
        let all = patterns("blue-chip", "r");
        assert!(all["FunctionErrors"].iter().any(|pattern| matches(pattern, &line)), "{line}");
    }
}
