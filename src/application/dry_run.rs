//! The same planner as a run's, and nothing written.

use super::failure::Failure;
use super::occasion::{Earlier, Occasion};
use crate::planning;
use crate::report::RunReport;

/// What the occasion's run would do, from what earlier runs left.
///
/// # Errors
/// When the input is refused or no plan fits it.
pub fn dry_run(occasion: &Occasion, earlier: Earlier) -> Result<RunReport, Failure> {
    let input = occasion.input(earlier.account, earlier.state)?;
    let plan = planning::plan(&input)?;
    let mut report = RunReport::dry_run(&plan, &input);
    if let Some(state) = earlier.same_run {
        report.notices.push(format!(
            "this run is {state} in the store: `rebalance run` tells its stored result and does not plan again"
        ));
    }
    Ok(report)
}
