//! A stored run that is taken up again, on the paper venue: with the book of its stored input, and without its case.

use jiff::Timestamp;
use uuid::Uuid;

use super::alerting::Alerting;
use super::args::{Alerts, Operator};
use super::environment;
use super::failure::{Failure, most_urgent};
use super::output::Output;
use super::store::StorePath;
use crate::adapters::clock::{CaseClock, SystemClock, claim_token};
use crate::adapters::dynamodb::DynamoStore;
use crate::adapters::paper_venue::{PaperBook, PaperVenue};
use crate::alerts::Seen;
use crate::execution::{self, ExecutionError, Handled, Ports, Settings, Statement, Unplanned};
use crate::model::{Environment, PlanningInput, Rate};
use crate::ports::store::{RunItem, RunStore};
use crate::ports::{Clock, RunState, Venue};
use crate::report::document::{Document, ErrorKind};
use crate::report::handling::{Aftermath, HandledOutcome, HandledRun};
use crate::report::text;

/// What is done with a run.
#[derive(Debug, Clone)]
pub(super) enum Act {
    Recover { depth: Option<Rate> },
    Settle(Option<Statement>),
    Abort { operator: String, reason: String },
}

/// Does it to each of these runs, and says what became of them. One that cannot be read keeps none of the others waiting.
pub(super) async fn take_up(
    path: &StorePath,
    runs: Vec<Uuid>,
    act: &Act,
    at: Option<Timestamp>,
    alerts: Alerts,
    output: &Output,
) -> Result<u8, Failure> {
    let alerting = Alerting::new(alerts.send_alerts);
    let store = path.open().await?;
    let (mut handled, mut failures) = (Vec::new(), Vec::new());
    let asked = runs.len();
    for run in runs {
        match Box::pin(take_up_at(path, store.store(), run, act, at, &alerting)).await {
            Ok(run) => handled.push(run),
            Err(failure) if asked == 1 => failures.push(failure),
            Err(failure) => match failed_run(store.store(), run, &failure).await {
                Some(run) => handled.push(run),
                None => failures.push(failure.about(&format!("run {run}"))),
            },
        }
    }
    store.close().await;
    if handled.is_empty() && failures.len() == 1 {
        return failures.pop().map_or(Ok(0), Err);
    }
    for failure in &failures {
        output.tell(failure);
    }
    let codes = handled.iter().map(|run| exit_code(run, act));
    let code = most_urgent(codes.chain(failures.iter().map(|failure| failure.kind.exit_code())));
    output.say(&Document::HandledRuns { runs: handled.clone() }, |canvas| text::handled(&handled, canvas))?;
    Ok(code)
}

/// The run with what went wrong, as far as its item can be read.
async fn failed_run(store: &DynamoStore, run_id: Uuid, failure: &Failure) -> Option<HandledRun> {
    let run = store.load_run(run_id).await.ok()??;
    let error = failure.report();
    let seen = Aftermath { before: &run, after: &run, orders: &[], plan: None, log: &[], error: Some(&error) };
    Some(HandledRun::of(seen, HandledOutcome::Failed))
}

#[cfg_attr(
    not(feature = "rehearsal"),
    expect(unused_variables, reason = "where the store is says as well whether this is a rehearsal")
)]
async fn take_up_at(
    path: &StorePath,
    store: &DynamoStore,
    run: Uuid,
    act: &Act,
    at: Option<Timestamp>,
    alerting: &Alerting,
) -> Result<HandledRun, Failure> {
    #[cfg(feature = "rehearsal")]
    if let Some(rehearsal) = path.rehearsal() {
        let before = load(store, run).await?;
        let (venue, settings) = (rehearsal.venue(&before.identity.venue), rehearsal.settings());
        let ports = Ports { store, venue: &venue, clock: &SystemClock, settings: &settings };
        return take_up_one(&ports, &before, act, alerting).await;
    }
    take_up_on_paper(store, run, act, at, alerting).await
}

async fn take_up_on_paper(
    store: &DynamoStore,
    run_id: Uuid,
    act: &Act,
    at: Option<Timestamp>,
    alerting: &Alerting,
) -> Result<HandledRun, Failure> {
    let before = load(store, run_id).await?;
    if before.identity.environment != Environment::Paper {
        let message = format!("run {run_id} is of the environment {}", before.identity.environment);
        return Err(Failure::bad_input(message, "this command trades on the paper venue only"));
    }
    let clock = CaseClock::starting_at(at.unwrap_or_else(|| SystemClock.now()));
    let depth = if let Act::Recover { depth } = act { *depth } else { None };
    let input = execution::load_run(store, run_id).await?.and_then(|record| record.input);
    let venue: PaperVenue<'_, DynamoStore, _> =
        PaperVenue::new(before.identity.venue.clone(), store, &clock, book_of(input.as_ref(), depth));
    let settings = Settings::default();
    take_up_one(&Ports { store, venue: &venue, clock: &clock, settings: &settings }, &before, act, alerting).await
}

async fn take_up_one<V: Venue, C: Clock>(
    ports: &Ports<'_, DynamoStore, V, C>,
    before: &RunItem,
    act: &Act,
    alerting: &Alerting,
) -> Result<HandledRun, Failure> {
    let (run_id, token) = (before.run_id, claim_token());
    let answer = match act {
        Act::Recover { .. } => {
            let recovered = Box::pin(execution::recover(ports, run_id, token, Unplanned::Leave)).await;
            recovered.map(|run| run.map_or(Handled::NoSuchRun, |run| recovered_as(run, token)))
        }
        Act::Settle(statement) => Box::pin(execution::settle(ports, run_id, token, statement.as_ref())).await,
        Act::Abort { operator, reason } => Box::pin(execution::abort(ports, run_id, token, operator, reason)).await,
    };
    let seen = match &answer {
        Ok(Handled::InProgress(_) | Handled::NoSuchRun) => None,
        Err(ExecutionError::Halted { cause, .. }) => Some(Seen::Halted(cause)),
        // Whatever else went wrong: what was changed before it is stored.
        Ok(Handled::Run(_)) | Err(_) => Some(Seen::Nothing),
    };
    if let Some(seen) = seen {
        alerting.tell(ports.store, &before.identity, None, seen).await;
    }
    tell(ports.store, before, answer).await
}

/// Another worker's run that is not over is in progress, unless it waits for its input.
fn recovered_as(run: RunItem, token: Uuid) -> Handled {
    let is_left = run.state.is_terminal() || run.claim_token == token;
    let awaits = run.state == RunState::Claimed && run.lease_until < SystemClock.now();
    if is_left || awaits { Handled::Run(Box::new(run)) } else { Handled::InProgress(Box::new(run)) }
}

/// An account without a plan has nothing to trade.
fn book_of(input: Option<&PlanningInput>, depth: Option<Rate>) -> PaperBook {
    input.map_or_else(PaperBook::default, |input| {
        PaperBook::of(&input.assets, input.policy.costs.fee, input.policy.costs.half_spread, depth)
    })
}

async fn load(store: &DynamoStore, run_id: Uuid) -> Result<RunItem, Failure> {
    let run = store.load_run(run_id).await?;
    run.ok_or_else(|| Failure::unexpected(format!("run {run_id} is gone from the store")))
}

/// Puts the answer beside what is now stored. An answer that was refused, or a run that somebody else took, ends the
/// command; a halt is told with the orders that it is about.
async fn tell(
    store: &DynamoStore,
    before: &RunItem,
    answer: Result<Handled, ExecutionError>,
) -> Result<HandledRun, Failure> {
    let halt = match answer {
        Ok(Handled::InProgress(run)) => {
            let seen = Aftermath { before, after: &run, orders: &[], plan: None, log: &[], error: None };
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
        RunState::Planned | RunState::Emitting => HandledOutcome::Unsettled,
    };
    let seen =
        Aftermath { before, after: &after, orders: &orders, plan: plan.as_ref(), log: &log, error: halt.as_ref() };
    Ok(HandledRun::of(seen, outcome))
}

fn exit_code(run: &HandledRun, act: &Act) -> u8 {
    // A run that ended as aborted is news, except to the one who acted on it or knew it before.
    let is_news = run.outcome == HandledOutcome::Settled && matches!(act, Act::Recover { .. });
    let aborted = is_news && run.state == RunState::Aborted.into();
    match run.outcome {
        HandledOutcome::InProgress => ErrorKind::Busy.exit_code(),
        HandledOutcome::Failed => run.error.as_ref().map_or(ErrorKind::Unexpected, |error| error.kind).exit_code(),
        _ if run.needs_person || aborted => ErrorKind::NeedsAttention.exit_code(),
        _ => 0,
    }
}

/// Who acts: named, or as the system knows them.
pub(super) fn operator(asked: &Operator) -> Result<String, Failure> {
    asked.by.clone().or_else(environment::user).ok_or_else(|| {
        Failure::new(ErrorKind::Usage, "the log names who did this, and this session has no user name", "add --by NAME")
    })
}
