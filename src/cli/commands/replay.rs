//! `replay`: does the stored input still make the stored plan, byte for byte?

use serde_json::Value;

use crate::cli::args::Replay;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::progress::Progress;
use crate::cli::store::{self, StorePath};
use crate::planning::idempotency::digest_of;
use crate::planning::{self, RebalancePlan};
use crate::report::difference::first_change;
use crate::report::document::{Document, ErrorKind, ReplayReport};
use crate::report::text;

pub(in crate::cli) async fn replay(asked: &Replay, path: &StorePath, output: &Output) -> Result<u8, Failure> {
    let store = path.look_at_existing().await?;
    let record = store::find(&store, &asked.run).await?;
    let (Some(input), Some(stored)) = (&record.input, &record.plan) else {
        return Err(store::without_plan(&record));
    };
    let progress = Progress::start(!output.is_json(), format!("replaying run {}", record.run_id));
    let recomputed = planning::plan(input).map_err(|error| {
        Failure::new(ErrorKind::ReplayMismatch, format!("the stored input makes no plan any more: {error}"), "")
    })?;
    drop(progress);
    let recomputed = as_far_as(stored, recomputed);
    let stored_digest = record.plan_digest.clone().unwrap_or_else(|| digest_of(stored));
    let report = compare(stored, stored_digest, &recomputed)?;
    let code = if report.identical { 0 } else { ErrorKind::ReplayMismatch.exit_code() };
    output.say(&Document::Replay(report.clone()), |canvas| text::replay(&report, canvas))?;
    Ok(code)
}

/// A plan that was stored before plans said how far they are from the best is compared in everything else.
fn as_far_as(stored: &RebalancePlan, mut recomputed: RebalancePlan) -> RebalancePlan {
    if stored.multipliers.is_none() && stored.certificate.optimality.is_none() {
        recomputed.multipliers = None;
        recomputed.certificate.optimality = None;
    }
    recomputed
}

/// `stored_digest` is of the bytes in the store, whatever this program makes of them.
fn compare(stored: &RebalancePlan, stored_digest: String, recomputed: &RebalancePlan) -> Result<ReplayReport, Failure> {
    let (before, after) = (bytes(stored)?, bytes(recomputed)?);
    let recomputed_digest = digest_of(recomputed);
    let identical = before == after && stored_digest == recomputed_digest;
    let change = if identical { None } else { first_change(&value(&before), &value(&after)) };
    let solver = |plan: &RebalancePlan| format!("{} {}", plan.solver.backend, plan.solver.version);
    Ok(ReplayReport {
        run_id: stored.run_id,
        identical,
        stored_bytes: before.len(),
        recomputed_bytes: after.len(),
        stored_digest,
        recomputed_digest,
        stored_solver: solver(stored),
        recomputed_solver: solver(recomputed),
        first_difference: change,
    })
}

fn bytes(plan: &RebalancePlan) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(plan).map_err(|error| Failure::unexpected(format!("a plan has no JSON: {error}")))
}

fn value(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or(Value::Null)
}
