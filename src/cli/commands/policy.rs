//! `policy check`, `policy schema`, `schema`.

use std::path::Path;

use crate::cli::args::SchemaOf;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::model::Policy;
use crate::planning::idempotency::policy_digest;
use crate::preparation::{event_schema, planning_input, policy};
use crate::report::document::{Document, PolicyCheck};
use crate::report::text;

pub(in crate::cli) fn check(file: &Path, output: &Output) -> Result<u8, Failure> {
    let policy = policy::load(file)?;
    let check = PolicyCheck {
        file: file.display().to_string(),
        name: policy.name.clone(),
        digest: policy_digest(&policy),
        members: policy.ranking.members,
        limits: limits(&policy),
    };
    output.say(&Document::PolicyCheck(check.clone()), |canvas| text::policy_check(&check, canvas))?;
    Ok(0)
}

/// The limits that the policy sets, as they are called in it.
fn limits(policy: &Policy) -> Vec<String> {
    let limits = &policy.limits;
    let mut names = Vec::new();
    let mut name = |is_set: bool, name: &str| {
        if is_set {
            names.push(name.to_owned());
        }
    };
    name(limits.cash_buffer.is_some(), "cash_buffer");
    name(limits.max_weight.is_some() || !limits.max_weight_of.is_empty(), "max_weight");
    for limit in &limits.categories {
        name(true, &format!("category({})", limit.category));
    }
    name(limits.turnover.is_some(), "turnover");
    name(limits.participation.is_some(), "participation");
    name(policy.regime.is_some(), "stable_share");
    name(limits.min_weight.is_some(), "min_weight");
    name(limits.max_holdings.is_some(), "max_holdings");
    names
}

pub(in crate::cli) fn schema(output: &Output) -> Result<u8, Failure> {
    schema_of(SchemaOf::Policy, output)
}

pub(in crate::cli) fn schema_of(of: SchemaOf, output: &Output) -> Result<u8, Failure> {
    let schema = match of {
        SchemaOf::Policy => policy::schema().to_value(),
        SchemaOf::Report => Document::json_schema().to_value(),
        SchemaOf::Event => event_schema::schema(),
        SchemaOf::Input => planning_input::schema().to_value(),
    };
    let text = serde_json::to_string_pretty(&schema)
        .map_err(|error| Failure::unexpected(format!("the schema has no JSON: {error}")))?;
    output.raw(&format!("{text}\n"))?;
    Ok(0)
}
