//! Planning: a pure function from [`PlanningInput`](crate::model::PlanningInput) to a verified, keyed plan.

pub mod idempotency;
pub mod plan;
pub mod slicing;
pub mod units;

pub use plan::RebalancePlan;
