//! The published schema of events beside their parser: what one takes the other takes.

use index_rebalancer::preparation::event::parse;
use index_rebalancer::preparation::event_schema::schema;
use serde_json::{Value, json};

use crate::bad_inputs::bad_events;
use crate::events::{now, origin};

/// What a schema cannot say; the parser says it.
const ONLY_THE_PARSER: &[&str] = &[
    "nesting of 200",
    "empty body",
    "not UTF-8",
    "byte-order mark",
    "trailing JSON",
    "over the size limit",
    "duplicate key",
    "lone surrogate",
    "a time in the future",
    "a time past the window",
    "wrong account or region",
];

fn validator() -> jsonschema::Validator {
    jsonschema::validator_for(&schema()).expect("a schema")
}

#[test]
fn what_the_parser_refuses_the_schema_refuses() {
    let validator = validator();
    let mut judged = 0;
    for (entry, payload) in bad_events() {
        if ONLY_THE_PARSER.contains(&entry) {
            continue;
        }
        let shown = String::from_utf8_lossy(&payload);
        // Of a moment, the calendar is the parser's to know.
        if shown.contains("2025-02-30") || shown.contains("\"schema\": 1.0") {
            continue;
        }
        let event: Value = serde_json::from_slice(&payload).unwrap_or_else(|error| panic!("{entry}: {shown}: {error}"));
        assert!(!validator.is_valid(&event), "{entry}: the schema takes {shown}");
        judged += 1;
    }
    assert!(judged > 30, "{judged} events");
}

#[test]
fn what_the_schema_takes_the_parser_takes() {
    let validator = validator();
    let digest = "0f".repeat(32);
    let ours = |fields: &Value| {
        let mut event = json!({ "schema": 1, "portfolio": "blue-chip", "mode": "live" });
        let object = event.as_object_mut().expect("an object");
        object.extend(fields.as_object().expect("an object").clone());
        event
    };
    let settle = |fields: &Value| {
        let mut event = json!({ "schema": 1, "mode": "settle", "run": "76b1c65c-2767-5099-9c4d-fa0b9554229c",
                                "order": "af015365-ebc9-55fe-bbef-e43202639933", "by": "alice", "reason": "seen there" });
        let object = event.as_object_mut().expect("an object");
        object.extend(fields.as_object().expect("an object").clone());
        event
    };
    let time = "2025-04-16T08:00:00+02:00";
    let envelope = |detail: Value| {
        json!({ "version": "0", "id": "53dc4d37", "detail-type": "Scheduled Event", "source": "aws.events",
                "account": "123456789012", "time": time, "region": "us-east-1", "resources": [], "detail": detail })
    };
    let events = [
        ours(&json!({ "scheduled_time": time })),
        ours(&json!({ "scheduled_time": time, "label": null, "attempt_number": 3, "execution_id": "x" })),
        ours(&json!({ "label": "try-1", "venue_account": "sub-2", "flow": { "withdraw": "1000.50" } })),
        ours(&json!({ "label": "try-1", "mode": "dry-run", "flow": "deposit_only" })),
        ours(&json!({ "label": "try-1", "mode": "propose", "approved_plan": null })),
        ours(&json!({ "label": "try-1", "approved_plan": digest, "approved_by": "alice" })),
        ours(
            &json!({ "scheduled_time": time, "schedule_arn": "arn:aws:scheduler:us-east-1:123456789012:schedule/default/x" }),
        ),
        json!({ "schema": 1, "mode": "recover", "scheduled_time": time, "attempt_number": "1" }),
        json!({ "schema": 1, "mode": "abort", "run": "76b1c65c-2767-5099-9c4d-fa0b9554229c", "by": "alice",
                "reason": "Börse außer Betrieb" }),
        settle(&json!({ "not_placed": true })),
        settle(&json!({ "not_placed": null, "filled": { "quantity": "0" } })),
        settle(&json!({ "filled": { "quantity": "0.5", "price": "1790.2", "fee": "0.9" } })),
        settle(&json!({ "filled": { "quantity": "0.5", "price": "1790.2", "fee": null } })),
        envelope(json!({ "schema": 1, "portfolio": "blue-chip", "mode": "live" })),
        envelope(json!({ "schema": 1, "mode": "recover" })),
    ];
    for event in events {
        let faults: Vec<String> = validator.iter_errors(&event).map(|error| error.to_string()).collect();
        assert!(faults.is_empty(), "{event}: {faults:?}");
        let parsed = parse(event.to_string().as_bytes(), &origin(), now());
        assert!(parsed.is_ok(), "{event}: {parsed:?}");
    }
}
