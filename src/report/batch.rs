//! What `batch` says: one line of JSON for each planning input.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use uuid::Uuid;

use super::document::ErrorReport;
use super::published::UuidText;
use crate::model::{AccountId, Money, PortfolioId, Weight};
use crate::planning::RebalancePlan;
use crate::planning::idempotency::digest_of;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BatchLine {
    /// Of the text that was read, from 1.
    pub line: u64,
    #[serde(flatten)]
    pub answer: BatchAnswer,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BatchAnswer {
    Plan(#[schemars(with = "StoredPlan")] Box<RebalancePlan>),
    /// With `--brief`.
    Head(PlanHead),
    Error(BatchError),
}

/// Enough of a plan to know it by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PlanHead {
    #[schemars(with = "UuidText")]
    pub run_id: Uuid,
    pub portfolio: PortfolioId,
    pub account: AccountId,
    /// SHA-256 of the plan's bytes.
    pub plan_digest: String,
    pub net_asset_value: Money,
    pub quote_currency: String,
    pub orders: usize,
    pub turnover: Weight,
}

impl From<&RebalancePlan> for PlanHead {
    fn from(plan: &RebalancePlan) -> Self {
        Self {
            run_id: plan.run_id,
            portfolio: plan.run.portfolio.clone(),
            account: plan.run.venue_account.clone(),
            plan_digest: digest_of(plan),
            net_asset_value: plan.net_asset_value,
            quote_currency: plan.quote_currency.clone(),
            orders: plan.orders.len(),
            turnover: plan.turnover,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BatchError {
    #[serde(flatten)]
    pub error: ErrorReport,
    /// Whether the same line can have a plan later without anybody mending anything.
    pub retry_helps: bool,
}

/// The schema of a stored plan: an object whose own `schema` is its version.
#[derive(Debug)]
pub struct StoredPlan;

impl JsonSchema for StoredPlan {
    fn schema_name() -> Cow<'static, str> {
        "StoredPlan".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The plan with its certificate, byte for byte as a run of this input stores it",
            "type": "object",
            "required": ["schema", "run_id", "input_digest", "orders", "certificate"],
            "properties": { "schema": { "const": crate::planning::plan::PLAN_SCHEMA } }
        })
    }
}
