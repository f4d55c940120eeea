//! A planning input as one JSON document, as runs store it: for whoever prepares inputs elsewhere.
//!
//! A stored input has been prepared here; a document may come from anywhere. So what preparation promises of its
//! product is asked of it anew: strict JSON, checked types, a policy whose fields fit together, every guard. Of what
//! preparation made itself nothing is changed, so that it makes the same plan, byte for byte.

use std::collections::BTreeMap;

use schemars::Schema;
use serde_path_to_error::Segment;

use super::json::{self, Json, Node};
use super::toml_text::may_be_secret;
use super::{BadInput, PreparationError, guards, policy};
use crate::model::PlanningInput;
use crate::model::input::INPUT_SCHEMA;

/// The longest document, in bytes: more than twice what 10,000 assets take.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Reads and checks one planning input, which messages call `place`.
///
/// # Errors
/// [`PreparationError::BadInput`] where it is not JSON as [`json::parse`] takes it, not of this schema, or its policy
/// does not fit together; [`PreparationError::Guarded`] where a guard is violated.
pub fn parse(place: &str, bytes: &[u8]) -> Result<PlanningInput, PreparationError> {
    let document = json::parse(place, bytes, MAX_BYTES)?;
    let root = Node::root(place, &document);
    let schema = root.required("schema")?;
    if schema.whole_number()? != u64::from(INPUT_SCHEMA) {
        let remedy = format!("send inputs of schema {INPUT_SCHEMA}, as this version exports them");
        return Err(schema.bad("the schema is another one", remedy).into());
    }
    let input = typed(&root, bytes)?;
    let faults = policy::faults(place, &input.policy);
    if !faults.is_empty() {
        return Err(PreparationError::BadInput(faults));
    }
    one_owner_each(place, &input)?;
    guards::enforce(input)
}

/// What preparation takes out or refuses while it puts an input together: holdings that nobody manages, and an instrument
/// that is two assets'.
fn one_owner_each(place: &str, input: &PlanningInput) -> Result<(), BadInput> {
    for unmanaged in &input.policy.guards.unmanaged_assets {
        if input.assets.contains_key(unmanaged) || input.account.holdings.contains_key(unmanaged) {
            let remedy = "take it out of assets and of account.holdings, or out of policy.guards.unmanaged_assets";
            let field = format!("assets.{unmanaged}");
            return Err(BadInput::new(place, field, unmanaged.as_str(), "the policy leaves it unmanaged", remedy));
        }
    }
    let mut owners = BTreeMap::new();
    for (asset, record) in &input.assets {
        let Some(listing) = &record.listing else { continue };
        if let Some(other) = owners.insert(&listing.instrument, asset) {
            let (field, problem) = (format!("assets.{asset}.listing.instrument"), format!("{other} has this one too"));
            let remedy = "give each instrument to one asset";
            return Err(BadInput::new(place, field, listing.instrument.as_str(), problem, remedy));
        }
    }
    Ok(())
}

fn typed(root: &Node<'_>, bytes: &[u8]) -> Result<PlanningInput, BadInput> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let message = error.inner().to_string();
        // Where it stands is said by path: columns of one long line help nobody.
        let problem = message.rsplit_once(" at line ").map_or(message.as_str(), |(problem, _)| problem);
        let refusal =
            reached(root, error.path()).bad(problem, "mend this field; `rebalance schema input` has its form");
        // A policy's alerts have places for names of secrets, where somebody may have put the secret.
        match (may_be_secret(&refusal.value), may_be_secret(problem)) {
            (false, false) => refusal,
            (_, hidden) => BadInput {
                value: String::new(),
                problem: if hidden { "it does not fit the schema".to_owned() } else { refusal.problem },
                ..refusal
            },
        }
    })
}

/// The value at the path, or the last one before it that is there.
fn reached<'a>(root: &Node<'a>, path: &serde_path_to_error::Path) -> Node<'a> {
    let mut node = root.clone();
    for segment in path {
        let next = match (segment, node.json()) {
            (Segment::Map { key }, Json::Table(_)) => {
                node.fields().ok().and_then(|mut fields| fields.find(|(name, _)| name == key).map(|(_, field)| field))
            }
            (Segment::Seq { index }, Json::List(_)) => node.items().ok().and_then(|mut items| items.nth(*index)),
            _ => None,
        };
        let Some(next) = next else { break };
        node = next;
    }
    node
}

/// The JSON Schema of a planning input, generated from the types.
#[must_use]
pub fn schema() -> Schema {
    schemars::schema_for!(PlanningInput)
}
