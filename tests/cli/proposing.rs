//! `propose` and `approve`: a plan that is shown, held and sent on somebody's word.

use serde_json::{Value, json};

use crate::bench::Bench;
use crate::{BLUE_CHIP, keys, run_id};

fn digest(runs: &Value) -> String {
    runs["runs"][0]["run"]["execution"]["plan_digest"].as_str().expect("a digest").to_owned()
}

/// Without the line breaks of the layout.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_proposal_is_approved_by_its_digest() {
    let bench = Bench::new();
    let planned = bench.json(0, &["plan", BLUE_CHIP]);
    let proposed = bench.json(0, &["propose", BLUE_CHIP]);
    assert_eq!(
        (&proposed["runs"][0]["run"]["mode"], &proposed["runs"][0]["new_orders"]),
        (&json!("proposed"), &json!(0))
    );
    assert_eq!(keys(&planned), keys(&proposed));
    let (run, digest) = (run_id(&proposed), digest(&proposed));
    let text = bench.expect(0, &["propose", BLUE_CHIP]).out;
    let told = words(&text);
    assert!(told.contains("A proposal: nothing was sent") && told.contains(&format!("--plan {digest}")), "{text}");
    // Neither a plain run nor another digest sends it.
    let refused = bench.expect(3, &["run", BLUE_CHIP]).err;
    assert!(words(&refused).contains("nothing is sent of run"), "{refused}");
    let other = bench.expect(3, &["approve", &run, "--plan", &"0".repeat(64), "--by", "alice"]).err;
    assert!(other.contains("digest"), "{other}");
    bench.expect(2, &["approve", &run, "--plan", "0f", "--by", "alice"]);

    let sent = bench.json(0, &["approve", &run, "--plan", &digest, "--by", "alice"]);
    assert_eq!(sent["runs"][0]["run"]["execution"]["approval"]["given_by"], "alice");
    assert_eq!(sent["runs"][0]["run"]["execution"]["state"], "done");
    assert_eq!(keys(&sent), keys(&planned));
    let again = bench.json(0, &["approve", &run, "--plan", &digest, "--by", "alice"]);
    assert_eq!(again["runs"][0]["run"]["mode"], "already_done");
    bench.expect(0, &["audit"]);
}

#[test]
fn what_is_not_approved_in_time_is_ended_by_recovery() {
    let bench = Bench::new();
    let proposed = bench.json(0, &["propose", BLUE_CHIP]);
    let waiting = bench.json(0, &["recover", "--at", "2025-04-10T00:14:59Z"]);
    assert_eq!(waiting["runs"][0]["outcome"], "awaits_approval", "{waiting}");
    let ended = bench.json(5, &["recover", "--at", "2025-04-10T00:15:00Z"]);
    assert_eq!(ended["runs"][0]["state"], "aborted");
    let refused = bench.expect(3, &["approve", &run_id(&proposed), "--plan", &digest(&proposed), "--by", "alice"]).err;
    assert!(words(&refused).contains("was not approved before"), "{refused}");
}

#[test]
fn the_schema_of_events_is_printed() {
    let printed = Bench::new().expect(0, &["schema", "event"]).out;
    let schema: Value = serde_json::from_str(&printed).expect("JSON");
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    let event = json!({ "schema": 1, "portfolio": "blue-chip", "mode": "live", "label": "x" });
    assert!(schema.is_valid(&event));
    assert!(!schema.is_valid(&json!({ "schema": 1, "portfolio": "blue-chip", "mode": "live" })));
}
