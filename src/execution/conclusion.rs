//! Conclusion: the run's end, the portfolio's memory and the release of the account, in one step.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::audit;
use super::claim;
use super::request::{self, ExecutionError, Ports};
use super::transition::run_transition;
use crate::model::PlanningInput;
use crate::planning::RebalancePlan;
use crate::ports::blob::{self, Blob};
use crate::ports::store::{
    BlobOwner, ITEM_SCHEMA, LogEntry, OrderItem, PortfolioItem, PortfolioKey, RunItem, Settlement, Written,
};
use crate::ports::{Clock, RunState, RunStore, Venue};

/// Ends a run before anything was committed. The portfolio remembers what it did before.
pub(super) async fn abort_unplanned<S: RunStore, V: Venue, C: Clock>(
    ports: &Ports<'_, S, V, C>,
    run: RunItem,
    reason: String,
) -> Result<RunItem, ExecutionError> {
    abort_unplanned_by(ports, run, reason, None).await
}

/// The same on a person's word. What stopped the run first stays its reason.
pub(super) async fn abort_unplanned_by<S: RunStore, V: Venue, C: Clock>(
    ports: &Ports<'_, S, V, C>,
    run: RunItem,
    reason: String,
    operator: Option<&str>,
) -> Result<RunItem, ExecutionError> {
    let aborted = RunItem {
        state: run_transition(run.state, RunState::Aborted, 0)?,
        reason: if run.reason.is_empty() { reason } else { run.reason.clone() },
        updated_at: ports.clock.now(),
        expires_at_s: Some(request::purge_time(ports.clock.now(), ports.settings)),
        ..run.clone()
    };
    finish(ports, &run, audit::of_run(Some(&run), aborted, operator), None).await
}

/// Ends a run all of whose orders are terminal: Done, or Aborted when it was stopped on the way.
///
/// A stopped run leaves membership and regime as they were: its plan was not carried out. The account it leaves
/// behind is stored in either case.
pub(super) async fn conclude<S: RunStore, V: Venue, C: Clock>(
    ports: &Ports<'_, S, V, C>,
    run: RunItem,
    input: &PlanningInput,
    plan: &RebalancePlan,
    orders: &BTreeMap<Uuid, OrderItem>,
) -> Result<RunItem, ExecutionError> {
    let stopped = !run.reason.is_empty();
    let key = PortfolioKey::from(&run.identity);
    let settlement = Settlement {
        schema: ITEM_SCHEMA,
        run_id: run.run_id,
        state: if stopped { input.state.clone() } else { plan.next_state.clone() },
        account: ports.venue.account(&run.identity.venue_account).await?,
    };
    let halted = |cause: String| ExecutionError::Halted { run_id: run.run_id, cause };
    let blob =
        Blob::of(&settlement).map_err(|cause| halted(format!("the settled account cannot be stored: {cause}")))?;
    blob.put(ports.store, BlobOwner::Portfolio(&key)).await?;

    let now = ports.clock.now();
    let superseded = ports.store.load_portfolio(&key).await?;
    let order_count = run.commitment.as_ref().map_or(0, |commitment| commitment.order_count);
    let target = if stopped { RunState::Aborted } else { RunState::Done };
    let ended = RunItem {
        state: run_transition(run.state, target, order_count)?,
        settlement: Some(blob.reference.clone()),
        updated_at: now,
        expires_at_s: Some(request::purge_time(now, ports.settings)),
        ..run.clone()
    };
    let portfolio = PortfolioItem {
        schema: ITEM_SCHEMA,
        key: key.clone(),
        last_run: run.run_id,
        settlement: blob.reference,
        updated_at: now,
    };
    let ended = audit::of_ended_run(&run, ended, orders, None);
    let ended = finish(ports, &run, ended, Some(&portfolio)).await?;
    mark_for_purge(ports, &ended, superseded.as_ref()).await;
    Ok(ended)
}

async fn finish<S: RunStore, V: Venue, C: Clock>(
    ports: &Ports<'_, S, V, C>,
    before: &RunItem,
    (after, entry): (RunItem, LogEntry),
    portfolio: Option<&PortfolioItem>,
) -> Result<RunItem, ExecutionError> {
    match ports.store.finish(before, &after, portfolio, &entry).await? {
        Written::Done => Ok(after),
        Written::Refused => claim::confirm_own(ports, after).await,
    }
}

/// Lets the ended run's chunks, and the portfolio's superseded settlement, be purged in due time.
async fn mark_for_purge<S: RunStore, V, C>(
    ports: &Ports<'_, S, V, C>,
    run: &RunItem,
    superseded: Option<&PortfolioItem>,
) {
    let Some(expires_at_s) = run.expires_at_s.map(request::purge_time_of_parts) else { return };
    // The run is over and answered for. A mark that fails leaves some kilobytes behind for ever, which is not worth
    // failing a run that did its work: the answers are dropped on purpose.
    if let Some(commitment) = &run.commitment {
        for reference in [&commitment.input, &commitment.plan] {
            let _ = blob::expire(ports.store, BlobOwner::Run(run.run_id), reference, expires_at_s).await;
        }
    }
    if let Some(old) = superseded.filter(|old| Some(&old.settlement) != run.settlement.as_ref()) {
        let _ = blob::expire(ports.store, BlobOwner::Portfolio(&old.key), &old.settlement, expires_at_s).await;
    }
}
