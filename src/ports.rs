//! Ports: what execution needs from the outside, as narrow traits. Adapters implement them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::model::{AccountSnapshot, Money, PlanningInput, Price, Quantity};
use crate::planning::RebalancePlan;

/// The time. A port, so that tests own it.
pub trait Clock {
    fn now(&self) -> Timestamp;
}

/// A run as the store knows it: what reports, `show`, `explain`, `replay` and `diff` read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRecord {
    pub run_id: Uuid,
    pub state: RunState,
    /// Why the run was aborted; empty otherwise.
    pub reason: String,
    /// Absent until the plan is committed.
    pub input: Option<PlanningInput>,
    pub plan: Option<RebalancePlan>,
    pub plan_digest: Option<String>,
    /// In the plan's order; an order without an item is `Planned`.
    pub orders: Vec<OrderRecord>,
    /// The account after settlement.
    pub account_after: Option<AccountSnapshot>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    Claimed,
    Planned,
    Emitting,
    Done,
    Aborted,
}

/// What became of one order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderRecord {
    pub key: Uuid,
    pub state: OrderState,
    pub filled_quantity: Quantity,
    /// Volume-weighted; absent while nothing is filled.
    pub average_price: Option<Price>,
    /// In quote currency.
    pub fee: Money,
    /// Why it was skipped, rejected or is unknown; empty otherwise.
    pub note: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    Planned,
    Sending,
    Skipped,
    Expired,
    Acknowledged,
    PartiallyFilled,
    Filled,
    Cancelled,
    Rejected,
    Unknown,
    NotPlaced,
}
