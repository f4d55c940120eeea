//! Placeholder until the verifier is merged.
use super::plan::{Certificate, RebalancePlan};
use crate::model::PlanningInput;
/// A broken limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub limit: String,
    pub sentence: String,
}
/// # Errors
/// Never yet.
pub fn verify(_: &PlanningInput, _: &RebalancePlan) -> Result<Certificate, Vec<Violation>> {
    Ok(Certificate::default())
}
