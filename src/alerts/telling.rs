//! The one way from a run that somebody worked on to its messages: `run`, recovery, `settle`, `abort`, a schedule.
//!
//! Called after every act on a run, whatever came of it. What is told follows from what is stored, so it does not matter
//! who calls and how often; [`Seen`] adds what the caller saw and nobody stored. Whose policy counts: the run's own, as it
//! was committed; of a run without a plan the one that was to be followed, or else that of the portfolio's run before.

use uuid::Uuid;

use super::derive::{self, Alert};
use super::dispatch::{Delivery, caught, dispatch};
use crate::execution::{self, ExecutionError};
use crate::model::alert::AlertPolicy;
use crate::model::{PlanningInput, RunIdentity};
use crate::planning::idempotency;
use crate::ports::alert::{AlertLog, Notifier};
use crate::ports::counter::Counters;
use crate::ports::store::{AccountKey, RunItem, RunStore};
use crate::ports::{Clock, RunRecord, RunState};
use crate::preparation::PreparationError;

/// What the one who worked on a run saw of it beyond what is stored.
#[derive(Debug, Clone, Copy)]
pub enum Seen<'a> {
    Nothing,
    /// Its data were refused: before it began, or as the reason why it was aborted.
    Refused(&'a PreparationError),
    /// Something else kept it from beginning.
    Stopped(&'a str),
    /// What is stored or found contradicts the plan.
    Halted(&'a str),
}

/// What was told of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    pub run_id: Uuid,
    pub deliveries: Vec<Delivery>,
    /// What kept alerts from being made, or made some of them less complete.
    pub problems: Vec<String>,
}

/// Tells what the run's policy wants told, once. Never an error and never a panic: an alert does not end a run.
///
/// `policy`: the one that a run without a plan was to follow, where that is known.
pub async fn tell_run<S, N, C>(
    run: &RunIdentity,
    policy: Option<&AlertPolicy>,
    seen: Seen<'_>,
    store: &S,
    notifier: &N,
    clock: &C,
) -> Told
where
    S: RunStore + AlertLog + Counters,
    N: Notifier,
    C: Clock,
{
    // Boxed: everything that is stored of two runs is in it.
    let telling = Box::pin(tell_stored(run, policy, seen, store, notifier, clock));
    let told = caught(telling).await.unwrap_or_else(|| Err("the alerts ended in a defect".to_owned()));
    let (deliveries, problems) = told.unwrap_or_else(|problem| (Vec::new(), vec![problem]));
    Told { run_id: idempotency::run_id(run), deliveries, problems }
}

/// The run that holds the account now, if it is another: who works on `run` may finish it first, and then it too has
/// something to tell.
///
/// # Errors
/// When the store does not answer.
pub async fn holder<S: RunStore>(
    store: &S,
    run: &RunIdentity,
) -> Result<Option<RunIdentity>, crate::ports::StoreError> {
    let lock = store.load_lock(&AccountKey::from(run)).await?;
    let Some(lock) = lock.filter(|lock| lock.run_id != idempotency::run_id(run)) else {
        return Ok(None);
    };
    Ok(store.load_run(lock.run_id).await?.map(|holder| holder.identity))
}

async fn tell_stored<S, N, C>(
    run: &RunIdentity,
    policy: Option<&AlertPolicy>,
    seen: Seen<'_>,
    store: &S,
    notifier: &N,
    clock: &C,
) -> Result<(Vec<Delivery>, Vec<String>), String>
where
    S: RunStore + AlertLog + Counters,
    N: Notifier,
    C: Clock,
{
    let run_id = idempotency::run_id(run);
    let unknown = |error: ExecutionError| format!("what is stored of run {run_id} is not known to its alerts: {error}");
    let item = store.load_run(run_id).await.map_err(|error| unknown(error.into()))?;
    let mut problems = Vec::new();
    // A plan that cannot be read is what a run may be halted for, and that can be told without it.
    let record = execution::load_run(store, run_id).await.unwrap_or_else(|error| {
        problems.push(unknown(error));
        None
    });
    let previous = previous_input(store, run, run_id).await.unwrap_or_else(|error| {
        problems.push(format!("what was before run {run_id} is not known to its alerts: {error}"));
        None
    });
    let own = record.as_ref().and_then(|record| record.input.as_ref());
    let wanted = match own {
        Some(input) => input.policy.alerts.as_ref(),
        None => policy.or_else(|| previous.as_ref().and_then(|input| input.policy.alerts.as_ref())),
    };
    let deliveries = match wanted {
        Some(wanted) => {
            let stored = item.as_ref().map(|item| (item, record.as_ref()));
            let alerts = alerts(run, stored, previous.as_ref(), seen);
            dispatch(&alerts, wanted, notifier, store, clock).await
        }
        // Nobody wants to be told, so nobody misses anything.
        None => return Ok((Vec::new(), Vec::new())),
    };
    Ok((deliveries, problems))
}

/// What there is to tell. Pure.
fn alerts(
    run: &RunIdentity,
    stored: Option<(&RunItem, Option<&RunRecord>)>,
    previous: Option<&PlanningInput>,
    seen: Seen<'_>,
) -> Vec<Alert> {
    let run_id = idempotency::run_id(run);
    let Some((item, record)) = stored else {
        return match seen {
            Seen::Refused(error) => derive::before_it_began(derive::of_refusal(run_id, run, error)),
            Seen::Stopped(reason) => derive::before_it_began(derive::of_abort(run_id, run, reason)),
            Seen::Halted(cause) => derive::of_halt(run_id, run, cause),
            Seen::Nothing => Vec::new(),
        };
    };
    let mut alerts = match (record, seen) {
        (Some(record), _) if record.plan.is_some() => derive::of_run(record, previous),
        (Some(_), Seen::Refused(error)) if item.state == RunState::Aborted => derive::of_refusal(run_id, run, error),
        (Some(_), _) if item.state == RunState::Aborted => derive::of_abort(run_id, run, &item.reason),
        _ => Vec::new(),
    };
    alerts.extend(derive::of_takeover(item));
    if let Seen::Halted(cause) = seen {
        alerts.extend(derive::of_halt(run_id, run, cause));
    }
    alerts
}

/// The input of the portfolio's committed run before this one on its account.
async fn previous_input<S: RunStore>(
    store: &S,
    run: &RunIdentity,
    run_id: Uuid,
) -> Result<Option<PlanningInput>, ExecutionError> {
    let account = AccountKey::from(run);
    let runs = store.list_runs(run.environment, &run.portfolio).await?;
    let earlier = runs
        .iter()
        .take_while(|earlier| earlier.run_id != run_id)
        .filter(|earlier| earlier.commitment.is_some() && AccountKey::from(&earlier.identity) == account)
        .last();
    match earlier {
        Some(earlier) => Ok(execution::load_run(store, earlier.run_id).await?.and_then(|record| record.input)),
        None => Ok(None),
    }
}
