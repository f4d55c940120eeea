//! A run's log and what its check found, as reports show it.

use uuid::Uuid;

use super::failure::Failure;
use crate::execution;
use crate::execution::audit::Finding;
use crate::ports::RunStore;
use crate::report::audit::{AuditFinding, AuditReport};

/// Of one run.
///
/// # Errors
/// When the store does not answer, or has it no more.
pub async fn report<S: RunStore>(store: &S, run: Uuid) -> Result<AuditReport, Failure> {
    let trail = execution::load_audit(store, run).await?;
    let trail = trail.ok_or_else(|| Failure::unexpected(format!("run {run} is gone from the store")))?;
    let findings = trail.findings.into_iter().map(published).collect();
    Ok(AuditReport::of(&trail.run, trail.plan.as_ref(), &trail.entries, findings))
}

/// As documents have it.
#[must_use]
pub fn published(finding: Finding) -> AuditFinding {
    AuditFinding {
        fault: finding.fault.as_str().to_owned(),
        order: finding.order,
        sequence: finding.sequence,
        what: finding.what,
    }
}
