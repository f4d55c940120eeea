use super::PreparationError;
use crate::model::PlanningInput;
pub fn enforce(input: PlanningInput) -> Result<PlanningInput, PreparationError> { Ok(input) }
