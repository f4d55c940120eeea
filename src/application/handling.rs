//! A stored run that is taken up again, without its case and its event: by recovery, or by hand.

use jiff::Timestamp;
use uuid::Uuid;

use super::failure::Failure;
use crate::adapters::clock::{SystemClock, claim_token};
use crate::alerts::{Seen, Told, tell_run};
use crate::execution::proposal::is_pending;
use crate::execution::{self, ExecutionError, Handled, Ports, Statement, Unplanned};
use crate::ports::alert::{AlertLog, Notifier};
use crate::ports::counter::Counters;
use crate::ports::store::{RunItem, RunStore};
use crate::ports::{Clock, RunState, StoreError, Venue};
use crate::report::document::ErrorKind;
use crate::report::handling::{Aftermath, HandledOutcome, HandledRun};

/// What is done with a run.
#[derive(Debug, Clone)]
pub enum Act {
    Recover,
    Settle(Option<Statement>),
    Abort { operator: String, reason: String },
}

/// Every run that holds an account: those that are neither done nor aborted, the longest held first. Beside them the
/// locks that cannot be read: whose they are is for a person to find out, and no other account waits for that.
///
/// # Errors
/// When the store does not answer.
pub async fn unfinished<S: RunStore>(store: &S) -> Result<(Vec<Uuid>, Vec<Failure>), StoreError> {
    let (mut runs, mut unreadable) = (Vec::new(), Vec::new());
    for lock in store.held_locks().await? {
        match lock {
            Ok(lock) => runs.push(lock.run_id),
            Err(error) => unreadable.push(error.into()),
        }
    }
    Ok((runs, unreadable))
}

/// A run that is known to be stored.
///
/// # Errors
/// When the store does not answer, or has it no more.
pub async fn load<S: RunStore>(store: &S, run_id: Uuid) -> Result<RunItem, Failure> {
    let run = store.load_run(run_id).await?;
    run.ok_or_else(|| Failure::unexpected(format!("run {run_id} is gone from the store")))
}

/// Does it to one run, tells what there is to tell of it, and says what became of it.
pub async fn take_up<S, V, C, N>(
    ports: &Ports<'_, S, V, C>,
    before: &RunItem,
    act: &Act,
    notifier: &N,
) -> (Result<HandledRun, Failure>, Vec<Told>)
where
    S: RunStore + AlertLog + Counters,
    V: Venue,
    C: Clock,
    N: Notifier,
{
    let acted = carry_out(ports, before, act).await;
    let told = acted.tell(ports.store, before, notifier).await;
    (acted.run, told)
}

/// What became of a run that was taken up, before anybody is told.
#[derive(Debug)]
pub struct Acted {
    pub run: Result<HandledRun, Failure>,
    /// What contradicts its plan or cannot be read, where it goes on only after somebody has looked.
    halted: Option<String>,
    /// Nothing was done, so there is nothing to tell.
    was_left: bool,
}

impl Acted {
    /// Tells what there is to tell.
    pub async fn tell<S, N>(&self, store: &S, before: &RunItem, notifier: &N) -> Vec<Told>
    where
        S: RunStore + AlertLog + Counters,
        N: Notifier,
    {
        if self.was_left {
            return Vec::new();
        }
        // Whatever else went wrong: what was changed before it is stored.
        let seen = self.halted.as_deref().map_or(Seen::Nothing, Seen::Halted);
        vec![tell_run(&before.identity, None, seen, store, notifier, &SystemClock).await]
    }
}

/// Does it to one run, and says what became of it.
pub async fn carry_out<S, V, C>(ports: &Ports<'_, S, V, C>, before: &RunItem, act: &Act) -> Acted
where
    S: RunStore,
    V: Venue,
    C: Clock,
{
    let (run_id, token) = (before.run_id, claim_token());
    let answer = match act {
        Act::Recover => {
            let recovered = Box::pin(execution::recover(ports, run_id, token, Unplanned::Leave)).await;
            recovered.map(|run| run.map_or(Handled::NoSuchRun, |run| recovered_as(run, token)))
        }
        Act::Settle(statement) => Box::pin(execution::settle(ports, run_id, token, statement.as_ref())).await,
        Act::Abort { operator, reason } => Box::pin(execution::abort(ports, run_id, token, operator, reason)).await,
    };
    let was_left = matches!(&answer, Ok(Handled::InProgress(_) | Handled::NoSuchRun));
    let halted = match &answer {
        Err(ExecutionError::Halted { cause, .. }) => Some(cause.clone()),
        // Nothing goes on before somebody has looked, whichever item it is that cannot be read.
        Err(ExecutionError::Store(error @ StoreError::Corrupt { .. })) => Some(error.to_string()),
        _ => None,
    };
    Acted { run: tell(ports.store, before, answer, ports.clock.now()).await, halted, was_left }
}

/// Another worker's run that is not over is in progress, unless it waits for its input.
fn recovered_as(run: RunItem, token: Uuid) -> Handled {
    let is_left = run.state.is_terminal() || run.claim_token == token;
    let waits = run.state == RunState::Claimed || is_pending(&run);
    let awaits = waits && run.lease_until < SystemClock.now();
    if is_left || awaits { Handled::Run(Box::new(run)) } else { Handled::InProgress(Box::new(run)) }
}

/// Puts the answer beside what is now stored. An answer that was refused, or a run that somebody else took, ends the
/// command; a halt is told with the orders that it is about.
async fn tell<S: RunStore>(
    store: &S,
    before: &RunItem,
    answer: Result<Handled, ExecutionError>,
    now: Timestamp,
) -> Result<HandledRun, Failure> {
    let halt = match answer {
        Ok(Handled::InProgress(run)) => {
            let seen = Aftermath { before, after: &run, orders: &[], plan: None, log: &[], error: None, now };
            return Ok(HandledRun::of(seen, HandledOutcome::InProgress));
        }
        Ok(Handled::Run(_) | Handled::NoSuchRun) => None,
        Err(error @ ExecutionError::Halted { .. }) => Some(Failure::from(error).report()),
        Err(error) => return Err(error.into()),
    };
    let after = load(store, before.run_id).await?;
    let plan = execution::load_run(store, before.run_id).await?.and_then(|record| record.plan);
    let orders = store.load_orders(before.run_id).await?;
    let log = store.load_log(before.run_id).await?;
    let outcome = match after.state {
        _ if before.state.is_terminal() => HandledOutcome::AlreadySettled,
        RunState::Done | RunState::Aborted => HandledOutcome::Settled,
        RunState::Claimed => HandledOutcome::AwaitsInput,
        RunState::Planned if is_pending(&after) => HandledOutcome::AwaitsApproval,
        RunState::Planned | RunState::Emitting => HandledOutcome::Unsettled,
    };
    let seen =
        Aftermath { before, after: &after, orders: &orders, plan: plan.as_ref(), log: &log, error: halt.as_ref(), now };
    Ok(HandledRun::of(seen, outcome))
}

/// The run with what went wrong, as far as its item can be read.
pub async fn failed_run<S: RunStore>(store: &S, run_id: Uuid, failure: &Failure) -> Option<HandledRun> {
    let run = store.load_run(run_id).await.ok()??;
    let error = failure.report();
    let now = SystemClock.now();
    let seen = Aftermath { before: &run, after: &run, orders: &[], plan: None, log: &[], error: Some(&error), now };
    Some(HandledRun::of(seen, HandledOutcome::Failed))
}

/// What kind of failure the run is to be taken for, if any.
#[must_use]
pub fn urgency(run: &HandledRun, act: &Act) -> Option<ErrorKind> {
    // A run that ended as aborted is news, except to the one who acted on it or knew it before.
    let is_news = run.outcome == HandledOutcome::Settled && matches!(act, Act::Recover);
    let aborted = is_news && run.state == RunState::Aborted.into();
    match run.outcome {
        HandledOutcome::InProgress => Some(ErrorKind::Busy),
        HandledOutcome::Failed => Some(run.error.as_ref().map_or(ErrorKind::Unexpected, |error| error.kind)),
        _ if run.needs_person || aborted => Some(ErrorKind::NeedsAttention),
        _ => None,
    }
}
