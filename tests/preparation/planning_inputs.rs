//! Planning inputs as documents: what preparation made is taken as it is, and nothing else is taken.

use std::path::Path;

use index_rebalancer::adapters::files::Case;
use index_rebalancer::model::{PlanningInput, Trigger};
use index_rebalancer::planning::idempotency::digest_of;
use index_rebalancer::preparation::PreparationError;
use index_rebalancer::preparation::planning_input::{MAX_BYTES, parse, schema};
use serde_json::{Value, json};

use crate::cases::asset;
use crate::workspace::Workspace;

fn text(input: &PlanningInput) -> String {
    serde_json::to_string(input).expect("an input has JSON")
}

/// Grades and regimes, migrations, many accounts, every flow.
const CASES: [&str; 8] = [
    "bearish-regime",
    "blue-chip",
    "deposit-only",
    "ineligible-holding",
    "moonshot",
    "ten-accounts",
    "token-migration",
    "withdraw",
];

/// Every input that these fixtures make, on every day.
fn fixtures() -> Vec<(String, PlanningInput)> {
    let mut inputs = Vec::new();
    for name in CASES {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
        let case = Case::load(&directory).expect("a case");
        for day in case.days() {
            for account in case.accounts() {
                let trigger = Trigger::Scheduled(day.at);
                if let Ok(input) = case.planning_input(account, trigger, day.at, None, None, None) {
                    inputs.push((format!("{name} on {}", day.at), input));
                }
            }
        }
    }
    assert!(inputs.len() >= 20, "{} inputs", inputs.len());
    inputs
}

#[test]
fn what_preparation_made_is_taken_as_it_is() {
    let schema = jsonschema::validator_for(&schema().to_value()).expect("a schema");
    for (name, input) in fixtures() {
        let stored = text(&input);
        let read = parse("line 1", stored.as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((&read, digest_of(&read)), (&input, digest_of(&input)), "{name}");
        let document: Value = serde_json::from_str(&stored).expect("JSON");
        let faults: Vec<String> = schema.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(faults.is_empty(), "{name}: {faults:#?}");
    }
}

/// A member that is gone is noticed, and noticed once.
#[test]
fn what_guards_note_is_not_noted_again() {
    let mut input = Workspace::new().plan().expect("the clean case");
    input.state.members.insert(asset("long-gone"));
    let once = parse("line 1", text(&input).as_bytes()).expect("it may be gone");
    assert_eq!(once.notices, ["the member long-gone is neither priced nor held any more"]);
    assert_eq!(parse("line 1", text(&once).as_bytes()), Ok(once));
}

fn refused(edit: impl FnOnce(&mut Value)) -> String {
    let input = Workspace::new().plan().expect("the clean case");
    let mut document = serde_json::to_value(&input).expect("JSON");
    edit(&mut document);
    parse("line 7", document.to_string().as_bytes()).expect_err("refused").to_string()
}

#[test]
fn what_does_not_fit_is_refused_by_field_and_value() {
    let edits: [(&str, Value, &str); 7] = [
        ("/schema", json!(2), "line 7: schema = \"2\": the schema is another one; send inputs of schema 1"),
        ("/account/cash_free", json!(100.5), "line 7: account.cash_free = \"100.5\": invalid type: floating point"),
        ("/assets/bitcoin/price", json!("-1"), "line 7: assets.bitcoin.price = \"-1\":"),
        ("/assets/bitcoin/surprise", json!(1), "line 7: assets.bitcoin.surprise = \"1\": unknown field `surprise`"),
        ("/assets/Bitcoin", json!({}), "line 7: assets"),
        ("/policy/ranking/members", json!(0), "line 7: ranking.members = \"0\": below 1"),
        ("/run/trigger", json!("whenever"), "line 7: run.trigger = \"whenever\": unknown variant"),
    ];
    for (pointer, value, expected) in edits {
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        let told = refused(|document| document.pointer_mut(parent).expect("there")[key] = value);
        assert!(told.contains(expected) && told.contains("; "), "{pointer}: {told}");
    }
    let told = refused(|document| drop(document.as_object_mut().expect("an object").remove("account")));
    assert!(told.starts_with("line 7: the document = \"an object of 8\": missing field `account`"), "{told}");
}

#[test]
fn every_guard_is_asked_again() {
    let told = refused(|document| document["assets"]["bitcoin"]["observed_at"] = json!("2020-01-01T00:00:00Z"));
    assert!(told.contains("max_price_age_hours: assets.bitcoin.observed_at"), "{told}");
    let told = refused(|document| document["account"]["cash_free"] = json!("-1"));
    assert!(told.contains("negative_cash: account.cash_free"), "{told}");
}

/// Preparation would have taken the one out and refused the other.
#[test]
fn what_is_unmanaged_or_twofold_is_refused() {
    let told = refused(|document| document["policy"]["guards"]["unmanaged_assets"] = json!(["bitcoin"]));
    assert!(told.contains("assets.bitcoin = \"bitcoin\": the policy leaves it unmanaged; take it out"), "{told}");
    let told = refused(|document| {
        let instrument = document["assets"]["bitcoin"]["listing"]["instrument"].clone();
        document["assets"]["ethereum"]["listing"]["instrument"] = instrument;
    });
    assert!(told.contains("assets.ethereum.listing.instrument = ") && told.contains("bitcoin has this one"), "{told}");
}

#[test]
fn what_may_be_a_secret_is_not_repeated() {
    let secret = "https://hooks.slack.com/services/T000/B000/canary";
    for channel in [json!({ "kind": "slack", "webhook": secret }), json!({ "kind": secret }), json!(secret)] {
        let told = refused(|document| {
            document["policy"]["alerts"] = json!({ "routes": [], "channels": { "team": channel } });
        });
        assert!(told.contains("policy.alerts") && !told.contains("canary"), "{told}");
    }
}

#[test]
fn json_is_read_strictly() {
    let stored = text(&Workspace::new().plan().expect("the clean case"));
    let twice = stored.replacen("\"bitcoin\":{", "\"bitcoin\":null,\"bitcoin\":{", 1);
    let told = |text: &str| parse("line 7", text.as_bytes()).expect_err("refused").to_string();
    assert!(told(&twice).contains("assets.bitcoin = \"bitcoin\": the key appears twice"), "{}", told(&twice));
    assert!(told(&format!("{stored} {stored}")).contains("not valid JSON: trailing characters"));
    assert!(told(&format!("\u{feff}{stored}")).contains("byte-order mark"));
    let padded = |bytes: usize| format!("{stored}{}", " ".repeat(bytes - stored.len()));
    assert!(parse("line 7", padded(MAX_BYTES).as_bytes()).is_ok());
    let long = parse("line 7", padded(MAX_BYTES + 1).as_bytes());
    assert!(matches!(long, Err(PreparationError::BadInput(faults)) if faults[0].problem.contains("at most 16777216")));
}
