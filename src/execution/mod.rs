//! Execution: claim, commit, emit, settle. Everything that makes an order leave at most once stands here.
//!
//! ```text
//! claim ─▶ prepare + plan ─▶ commit ─▶ emit sells ─▶ settle ─▶ emit buys ─▶ settle ─▶ conclude
//!   │                          │            every order: journal first (Sending), then send
//!   └ a stored run is answered └ from here on only the stored plan counts; nobody solves again
//!     or taken over
//! ```
//!
//! # Layout, in reading order
//! * [`transition`]: the two state machines, as tables. Pure.
//! * [`request`]: what is asked, how patient execution is, what comes out.
//! * [`claim`]: one run per occasion, one unsettled run per venue account; takeover of a worker that died. Its
//!   verdict on a stored run is pure.
//! * [`commitment`]: the checks on a plan, the one conditional update that commits it, and reading it back.
//! * [`proposal`]: a committed plan that waits for a person's word.
//! * [`gate`]: the controls at the last step before the venue. Pure.
//! * [`attempt`]: what is signed, and what follows from the venue's answer. Pure.
//! * [`emission`]: two phases, one conditional write and one send per order.
//! * [`settlement`]: what became of an order; its verdict is pure.
//! * [`conclusion`]: the account after the run, the portfolio's memory and the release of the lock, in one step.
//! * [`audit`]: the log of every change, chained by hashes, and its check. Pure.
//! * [`kill_switch`]: setting a switch, and the log of all of them.
//! * [`intervention`]: what a person does by hand: looks again, says what became of an order, stops a run.
//! * [`record`]: a run as reports read it.
//!
//! Safety rests on conditional writes of states and on persisted deadlines; leases only keep two workers from
//! wasting each other's time.

use std::fmt::Display;

use uuid::Uuid;

use crate::model::PlanningInput;
use crate::planning::{RebalancePlan, idempotency};
use crate::ports::store::{PortfolioKey, RunItem};
use crate::ports::{Clock, RunState, RunStore, Venue};

pub mod attempt;
pub mod audit;
pub mod claim;
pub mod commitment;
pub mod conclusion;
pub mod emission;
pub mod gate;
pub mod intervention;
pub mod kill_switch;
pub mod proposal;
pub mod record;
pub mod request;
pub mod settlement;
pub mod transition;

pub use intervention::{Answer, Handled, Statement, abort, settle};
pub use kill_switch::{SwitchTrail, load_switch_trails, set_kill_switch};
pub use record::{AuditTrail, find_item, find_run, load_audit, load_run, load_settlement};
pub use request::{ExecutionError, Intent, Opening, Ports, PreparationFailure, RunOutcome, RunRequest, Settings};

use claim::Claim;

/// Runs one occasion to its end: claims it, has it prepared and planned, commits the plan, emits and settles it. A
/// run that is stored already is answered or finished from its stored plan; then neither `prepare` nor `plan` is
/// called.
///
/// `prepare` gets what earlier runs left behind and returns the planning input; `plan` is the planner.
///
/// # Errors
/// When the request is refused, an outside system does not answer, or what is stored contradicts itself. Nothing is
/// sent twice by calling again.
pub async fn execute<S, V, C, E>(
    request: &RunRequest,
    ports: &Ports<'_, S, V, C>,
    prepare: impl AsyncFnOnce(Opening) -> Result<PlanningInput, PreparationFailure>,
    plan: impl FnOnce(&PlanningInput) -> Result<RebalancePlan, E>,
) -> Result<RunOutcome, ExecutionError>
where
    S: RunStore,
    V: Venue,
    C: Clock,
    E: Display,
{
    let run_id = idempotency::run_id(&request.identity);
    // Boxed: the whole protocol is one future, too large for its callers' stacks.
    match Box::pin(run_occasion(request, ports, prepare, plan)).await {
        Err(ExecutionError::LostLease { .. }) => {
            let stored = ports.store.load_run(run_id).await?;
            let lease_until = stored.map_or_else(|| ports.clock.lease_now(), |run| run.lease_until);
            Ok(RunOutcome::InProgressElsewhere { run_id, lease_until })
        }
        answer => answer,
    }
}

async fn run_occasion<S, V, C, E>(
    request: &RunRequest,
    ports: &Ports<'_, S, V, C>,
    prepare: impl AsyncFnOnce(Opening) -> Result<PlanningInput, PreparationFailure>,
    plan: impl FnOnce(&PlanningInput) -> Result<RebalancePlan, E>,
) -> Result<RunOutcome, ExecutionError>
where
    S: RunStore,
    V: Venue,
    C: Clock,
    E: Display,
{
    if let Intent::Approve { plan_digest, operator } = &request.intent {
        return proposal::approve(ports, request, plan_digest, operator).await;
    }
    if request::is_out_of_time(ports) {
        return Err(ExecutionError::OutOfTime { run_id: idempotency::run_id(&request.identity) });
    }
    let run = match claim_or_recover(request, ports).await? {
        Claim::Won(run) => *run,
        Claim::Pending(run) => return proposal::answer(ports, request, *run).await,
        Claim::Settled(run) => return Ok(RunOutcome::AlreadyDone(record::of(ports.store, *run).await?)),
        Claim::Elsewhere { run_id, lease_until } => {
            return Ok(RunOutcome::InProgressElsewhere { run_id, lease_until });
        }
        Claim::Busy { holder } => return Ok(RunOutcome::Busy { holder }),
    };
    let run = match run.state {
        RunState::Claimed => match commit_new_plan(ports, run, &request.intent, prepare, plan).await? {
            Ok(committed) => committed,
            Err(aborted) => return outcome(ports, aborted).await,
        },
        _ => run,
    };
    if request.intent == Intent::Propose && !run.state.is_terminal() && holds_orders(&run) {
        // What was not proposed is not ended by a proposal either: it is left to whoever may send it.
        let left = claim::give_up(ports, &run).await?;
        return outcome(ports, left).await;
    }
    let run = emission::carry_out(ports, run).await?;
    outcome(ports, run).await
}

/// Claims; when another run holds the account, finishes that one first, if its worker is gone, and claims again.
async fn claim_or_recover<S: RunStore, V: Venue, C: Clock>(
    request: &RunRequest,
    ports: &Ports<'_, S, V, C>,
) -> Result<Claim, ExecutionError> {
    let first = claim::claim(ports, request).await?;
    let Claim::Busy { holder } = first else {
        return Ok(first);
    };
    recover(ports, holder, request.claim_token, Unplanned::Abort).await?;
    claim::claim(ports, request).await
}

/// What recovery does with a run that has no plan yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unplanned {
    /// Its event may be delivered again until its window ends: leave it until then, and end it afterwards.
    Leave,
    /// Another run waits for the account, and this one has sent nothing: end it.
    Abort,
}

/// Finishes a stored run without its event, if its lease is over: expires what was not sent in time, settles,
/// releases the account. Answers with the run as it then is; `None` when there is no such run.
///
/// # Errors
/// As [`execute`].
pub async fn recover<S: RunStore, V: Venue, C: Clock>(
    ports: &Ports<'_, S, V, C>,
    run_id: Uuid,
    claim_token: Uuid,
    unplanned: Unplanned,
) -> Result<Option<RunItem>, ExecutionError> {
    let Some(stored) = ports.store.load_run(run_id).await? else {
        return Ok(None);
    };
    if is_awaited(&stored, unplanned, ports) {
        return Ok(Some(stored));
    }
    let consent = proposal::consent(&stored, ports.clock.now());
    if proposal::is_pending(&stored) && matches!(consent, proposal::Consent::Awaited { .. }) {
        return Ok(Some(stored));
    }
    let event_digest = stored.event_digest.clone();
    let run = match claim::judge(&stored, &event_digest, claim_token, ports.clock.lease_now()) {
        claim::Standing::Mine | claim::Standing::LeaseOver if proposal::is_pending(&stored) => {
            return Ok(Some(proposal::end(ports, stored, consent, claim_token).await?));
        }
        claim::Standing::Mine => stored,
        claim::Standing::LeaseOver => match claim::take_over(ports, &stored, claim_token).await? {
            Some(run) => run,
            None => return Ok(ports.store.load_run(run_id).await?),
        },
        _ => return Ok(Some(stored)),
    };
    if run.state != RunState::Claimed {
        return Ok(Some(Box::pin(emission::carry_out(ports, run)).await?));
    }
    let reason = match unplanned {
        Unplanned::Leave => "no plan was made before its window ended",
        Unplanned::Abort => "its worker ended before a plan was made, and a later run needed the account",
    };
    Ok(Some(conclusion::abort_unplanned(ports, run, reason.to_owned()).await?))
}

/// A run without a plan whose event may still be delivered again. It is not taken over: its lease would only keep that
/// delivery waiting.
fn is_awaited<S, V, C: Clock>(run: &RunItem, unplanned: Unplanned, ports: &Ports<'_, S, V, C>) -> bool {
    let in_time = ports.clock.now() < request::window_end(run, ports.settings);
    run.state == RunState::Claimed && unplanned == Unplanned::Leave && in_time
}

/// From Claimed to Planned, or to Aborted when there is nothing to commit. The inner error is the aborted run.
async fn commit_new_plan<S, V, C, E>(
    ports: &Ports<'_, S, V, C>,
    run: RunItem,
    intent: &Intent,
    prepare: impl AsyncFnOnce(Opening) -> Result<PlanningInput, PreparationFailure>,
    plan: impl FnOnce(&PlanningInput) -> Result<RebalancePlan, E>,
) -> Result<Result<RunItem, RunItem>, ExecutionError>
where
    S: RunStore,
    V: Venue,
    C: Clock,
    E: Display,
{
    // Checked again before every order; here it saves making a plan that could not be sent.
    if let gate::Switch::On(reason) = gate::read_switch(ports.store, &run.identity).await {
        return Ok(Err(conclusion::abort_unplanned(ports, run, reason).await?));
    }
    let prepared = match ports.venue.account(&run.identity.venue_account).await {
        Ok(account) => {
            let settled = load_settlement(ports.store, &PortfolioKey::from(&run.identity)).await?;
            prepare(Opening { run_id: run.run_id, account, settled }).await
        }
        Err(error) => Err(PreparationFailure::from(error)),
    };
    let input = match prepared {
        Ok(input) => input,
        Err(PreparationFailure::Transient(cause)) => {
            let until = request::window_end(&run, ports.settings);
            if ports.clock.now() < until {
                claim::give_up(ports, &run).await?;
                return Err(ExecutionError::TryAgain { cause, until });
            }
            let reason = format!("the input was not to be had until {until}: {cause}");
            return Ok(Err(conclusion::abort_unplanned(ports, run, reason).await?));
        }
        Err(PreparationFailure::Refused(reason)) => {
            return Ok(Err(conclusion::abort_unplanned(ports, run, reason).await?));
        }
    };
    // Checked again before every order, as the switch is.
    if let Some(reason) = gate::unconsented(&run.identity, ports.venue.promise(), &input.policy.orders) {
        return Ok(Err(conclusion::abort_unplanned(ports, run, reason).await?));
    }
    if request::is_out_of_time(ports) {
        return leave_unplanned(ports, &run).await;
    }
    let planned = plan(&input).map_err(|error| error.to_string());
    // Planning cannot be interrupted: what took too long is planned again by whoever comes next.
    if request::is_out_of_time(ports) {
        return leave_unplanned(ports, &run).await;
    }
    match planned.and_then(|plan| commitment::check(&run, &input, &plan).map(|()| plan)) {
        Ok(plan) => commitment::commit(ports, run, &input, &plan, intent).await,
        Err(reason) => Ok(Err(conclusion::abort_unplanned(ports, run, reason).await?)),
    }
}

/// A run that is claimed, and this worker's time over: whoever comes next need not wait for its lease.
async fn leave_unplanned<S: RunStore, V: Venue, C: Clock, T>(
    ports: &Ports<'_, S, V, C>,
    run: &RunItem,
) -> Result<T, ExecutionError> {
    claim::give_up(ports, run).await?;
    Err(ExecutionError::OutOfTime { run_id: run.run_id })
}

fn holds_orders(run: &RunItem) -> bool {
    run.commitment.as_ref().is_some_and(|commitment| commitment.order_count > 0)
}

async fn outcome<S: RunStore, V: Venue, C: Clock>(
    ports: &Ports<'_, S, V, C>,
    run: RunItem,
) -> Result<RunOutcome, ExecutionError> {
    let (state, pending) = (run.state, proposal::is_pending(&run));
    let record = record::of(ports.store, run).await?;
    Ok(match state {
        RunState::Done => RunOutcome::Completed(record),
        RunState::Aborted => RunOutcome::Aborted(record),
        RunState::Planned if pending => RunOutcome::Proposed(record),
        RunState::Planned | RunState::Emitting if request::is_out_of_time(ports) => RunOutcome::OutOfTime(record),
        RunState::Claimed | RunState::Planned | RunState::Emitting => RunOutcome::Unsettled(record),
    })
}
