//! The published JSON Schema of events: what [`event::parse`](super::event::parse) takes, for whoever writes a
//! schedule's payload.
//!
//! A schema cannot say that a key stands twice, that a time lies in the future, or which account and region are a
//! function's own; everything else that the parser refuses, it refuses as well. A test holds the two together.

use serde_json::{Map, Value, json};

use super::event::MAX_REASON;

/// The JSON Schema (2020-12) of all payloads.
#[must_use]
pub fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What may start a run",
        "oneOf": [run(), recovery(), abort(), settlement(), envelope()],
        "$defs": {
            "id": {
                "description": "1 to 64 characters; begins with a letter or digit",
                "type": "string", "pattern": ID
            },
            "moment": {
                "description": "RFC 3339 with an offset; a schedule's nominal time",
                "type": "string", "pattern": MOMENT
            },
            "flow": {
                "oneOf": [
                    { "enum": ["full", "deposit_only"] },
                    {
                        "type": "object", "required": ["withdraw"], "additionalProperties": false,
                        "properties": { "withdraw": {
                            "description": "In quote currency, above 0",
                            "type": "string", "pattern": AMOUNT
                        } }
                    },
                    { "type": "null" }
                ]
            },
            "arn": { "type": ["string", "null"], "pattern": "^arn:[^:]*:scheduler:[^:]*:[^:]*:." }
        }
    })
}

/// As identifiers of the model are.
const ID: &str = "^[a-z0-9][a-z0-9._-]{0,63}$";
const MOMENT: &str = "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]+)?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$";
const UUID: &str = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$";
const AMOUNT: &str = "^(0|[1-9][0-9]*)(\\.[0-9]+)?$";
const PLAN_DIGEST: &str = "^[0-9a-f]{64}$";

fn optional(definition: &str) -> Value {
    json!({ "oneOf": [{ "$ref": format!("#/$defs/{definition}") }, { "type": "null" }] })
}

/// What every payload of one run has, wherever it stands.
fn asked() -> Map<String, Value> {
    let mut fields = Map::new();
    let mut field = |name: &str, value: Value| {
        let _ = fields.insert(name.to_owned(), value);
    };
    field("schema", json!({ "const": 1 }));
    field("portfolio", json!({ "$ref": "#/$defs/id" }));
    field("mode", json!({ "enum": ["live", "dry-run", "propose"] }));
    field("venue_account", optional("id"));
    field("flow", json!({ "$ref": "#/$defs/flow" }));
    field(
        "approved_plan",
        json!({
            "description": "SHA-256 of a proposal's plan: exactly that plan is sent",
            "type": ["string", "null"], "pattern": PLAN_DIGEST
        }),
    );
    field("approved_by", optional("id"));
    fields
}

/// An approval goes with `live` and names a plan.
fn approval_fits() -> Value {
    let given = json!({ "anyOf": [
        { "required": ["approved_plan"], "properties": { "approved_plan": { "type": "string" } } },
        { "required": ["approved_by"], "properties": { "approved_by": { "type": "string" } } }
    ] });
    json!({
        "if": given,
        "then": {
            "required": ["approved_plan"],
            "properties": { "mode": { "const": "live" }, "approved_plan": { "type": "string" } }
        }
    })
}

/// What changes with every attempt, and is looked at by nobody.
fn attempt() -> Map<String, Value> {
    let any = |name: &str| (name.to_owned(), Value::Bool(true));
    [any("execution_id"), any("attempt_number")].into_iter().collect()
}

fn run() -> Value {
    let mut fields = asked();
    fields.extend(attempt());
    fields.extend([
        ("scheduled_time".to_owned(), optional("moment")),
        ("label".to_owned(), optional("id")),
        ("schedule_arn".to_owned(), json!({ "$ref": "#/$defs/arn" })),
    ]);
    let present = |name: &str| json!({ "required": [name], "properties": { name: { "type": "string" } } });
    json!({
        "description": "One run: by hand, by EventBridge Scheduler, or through a rule's input transformer",
        "type": "object", "additionalProperties": false, "properties": fields,
        "required": ["schema", "portfolio", "mode"],
        "oneOf": [present("scheduled_time"), present("label")],
        "allOf": [approval_fits()]
    })
}

fn recovery() -> Value {
    let mut fields = attempt();
    fields.extend([
        ("schema".to_owned(), json!({ "const": 1 })),
        ("mode".to_owned(), json!({ "const": "recover" })),
        ("scheduled_time".to_owned(), Value::Bool(true)),
        ("schedule_arn".to_owned(), json!({ "$ref": "#/$defs/arn" })),
    ]);
    json!({
        "description": "Finish what earlier runs left",
        "type": "object", "additionalProperties": false, "properties": fields, "required": ["schema", "mode"]
    })
}

/// What every word of a person on a stored run has.
fn word(mode: &str) -> Map<String, Value> {
    [
        ("schema", json!({ "const": 1 })),
        ("mode", json!({ "const": mode })),
        ("run", json!({ "description": "The run's whole id", "type": "string", "pattern": UUID })),
        ("by", json!({ "$ref": "#/$defs/id" })),
        (
            "reason",
            json!({
                "description": "One line for the log", "type": "string", "maxLength": MAX_REASON,
                "pattern": "^[^\\p{Cc}]*[^\\p{Cc}\\s][^\\p{Cc}]*$"
            }),
        ),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

fn abort() -> Value {
    json!({
        "description": "A person stops a run that is stuck",
        "type": "object", "additionalProperties": false, "properties": word("abort"),
        "required": ["schema", "mode", "run", "by", "reason"]
    })
}

fn settlement() -> Value {
    let number =
        |kind: Value, description: &str| json!({ "description": description, "type": kind, "pattern": AMOUNT });
    let optional = || json!(["string", "null"]);
    let mut fields = word("settle");
    fields.extend([
        ("order".to_owned(), json!({ "description": "The order's key", "type": "string", "pattern": UUID })),
        (
            "not_placed".to_owned(),
            json!({ "description": "The venue never took it, and will not", "enum": [true, null] }),
        ),
        (
            "filled".to_owned(),
            json!({
                "description": "So much of it was filled, and the rest will not be",
                "type": ["object", "null"], "additionalProperties": false, "required": ["quantity"],
                "properties": {
                    "quantity": number(json!("string"), "0 where nothing was"),
                    "price": number(optional(), "The average, in quote currency; absent where nothing was filled"),
                    "fee": number(optional(), "In quote currency; 0 where absent")
                }
            }),
        ),
    ]);
    let one_of_the_two = json!([
        { "required": ["not_placed"], "properties": { "not_placed": { "const": true }, "filled": { "type": "null" } } },
        { "required": ["filled"], "properties": { "filled": { "type": "object" }, "not_placed": { "type": "null" } } }
    ]);
    json!({
        "description": "A person says what became of an order",
        "type": "object", "additionalProperties": false, "properties": fields,
        "required": ["schema", "mode", "run", "order", "by", "reason"], "oneOf": one_of_the_two
    })
}

fn envelope() -> Value {
    let recovery = json!({
        "type": "object", "additionalProperties": false, "required": ["schema", "mode"],
        "properties": { "schema": { "const": 1 }, "mode": { "const": "recover" } }
    });
    let run = json!({
        "type": "object", "additionalProperties": false, "properties": asked(),
        "required": ["schema", "portfolio", "mode"], "allOf": [approval_fits()]
    });
    json!({
        "description": "A rule's own envelope; the time is the envelope's",
        "type": "object", "additionalProperties": false,
        "required": ["detail-type", "source", "account", "region", "time", "detail"],
        "properties": {
            "version": true, "id": true, "resources": true,
            "detail-type": { "const": "Scheduled Event" },
            "source": { "const": "aws.events" },
            "account": { "type": "string" },
            "region": { "type": "string" },
            "time": { "$ref": "#/$defs/moment" },
            "detail": { "oneOf": [run, recovery] }
        }
    })
}
