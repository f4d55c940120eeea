//! `run`: claim, plan, commit, emit, settle on the paper venue.
//!
//! A run that could not be planned is refused before anything is claimed: a person at a terminal mends the file and
//! runs again. (A schedule has nobody to do so; there the claim comes first and the run ends as aborted.)

use super::Telling;
use crate::adapters::clock::{CaseClock, claim_token};
use crate::adapters::dynamodb::DynamoStore;
use crate::adapters::paper_venue::{PaperBook, PaperVenue};
use crate::alerts::{Seen, holders};
use crate::cli::alerting::Alerting;
use crate::cli::args::RunCases;
use crate::cli::failure::Failure;
use crate::cli::occasion::{Earlier, Occasion, occasions};
use crate::cli::output::Output;
use crate::cli::progress::Progress;
use crate::cli::store::{self, OpenStore, StorePath};
use crate::execution::{
    self, ExecutionError, Opening, Ports, PreparationFailure, RunOutcome, RunRequest, Settings, gate,
};
use crate::model::{Environment, PlanningInput, Rate};
use crate::planning::idempotency::run_id;
use crate::planning::plan;
use crate::ports::{Clock, Venue};
use crate::preparation::PreparationError;
use crate::report::document::{ErrorKind, RunEntry};
use crate::report::run::ExecutionReport;
use crate::report::text;
use crate::report::{Mode, RunReport, published};

pub(in crate::cli) async fn run(asked: &RunCases, path: &StorePath, output: &Output) -> Result<u8, Failure> {
    path.must_be_embedded()?;
    let mut telling = Telling::new(output, asked.cases.brief);
    let alerting = Alerting::new(asked.alerts.send_alerts);
    // Made when the first run needs it: what is refused leaves no store behind.
    let mut store: Option<OpenStore> = None;
    for occasion in occasions(&asked.cases) {
        let occasion = match occasion {
            Ok(occasion) => occasion,
            Err(refused) => {
                telling.refused(refused)?;
                continue;
            }
        };
        let opened = match (refuse_live(&occasion), store.take()) {
            (Err(failure), _) => {
                telling.failed(&occasion, failure)?;
                continue;
            }
            (Ok(()), Some(opened)) => opened,
            (Ok(()), None) => path.open().await?,
        };
        // Another run may hold the account, and be finished first: it has its own to tell.
        let holders = holders(opened.store(), &occasion.identity).await.unwrap_or_default();
        #[cfg(not(feature = "rehearsal"))]
        let answer = execute(&occasion, &opened, asked.paper_depth, output).await;
        #[cfg(feature = "rehearsal")]
        let answer = match path.rehearsal() {
            Some(rehearsal) => rehearse(&occasion, &opened, rehearsal).await,
            None => execute(&occasion, &opened, asked.paper_depth, output).await,
        };
        for holder in holders {
            alerting.tell(opened.store(), &holder, None, Seen::Nothing).await;
        }
        if let Some(seen) = seen(&answer) {
            let policy = occasion.case.policy().alerts.as_ref();
            alerting.tell(opened.store(), &occasion.identity, policy, seen).await;
        }
        store = Some(opened);
        match answer.map_err(Failure::from).and_then(|outcome| tell(outcome, &occasion)) {
            Ok((entry, code)) => telling.entry(entry, code)?,
            Err(failure) => telling.failed(&occasion, failure)?,
        }
    }
    if let Some(store) = store {
        store.close().await;
    }
    telling.end()
}

fn refuse_live(occasion: &Occasion) -> Result<(), Failure> {
    if occasion.identity.environment == Environment::Paper {
        return Ok(());
    }
    Err(Failure::bad_input(
        "case.toml: environment = \"live\": this command trades on the paper venue only",
        "write environment = \"paper\"; `rebalance plan` shows the live keys",
    ))
}

async fn execute(
    occasion: &Occasion,
    store: &OpenStore,
    depth: Option<Rate>,
    output: &Output,
) -> Result<RunOutcome, Stopped> {
    let _progress = Progress::start(!output.is_json(), format!("rebalancing {}", occasion.name()));
    let assets = known_assets(occasion, store).await?;
    let costs = &assets.policy.costs;
    let book = PaperBook::of(&assets.assets, costs.fee, costs.half_spread, depth);
    let clock = CaseClock::starting_at(occasion.as_of);
    let venue: PaperVenue<'_, DynamoStore, _> =
        PaperVenue::new(occasion.identity.venue.clone(), store.store(), &clock, book);
    let opening = occasion.case.opening_account(&occasion.account, occasion.as_of)?;
    // Refused when it is open already: then its own balance stands.
    let _ = venue.open(&occasion.account, &opening).await.map_err(Failure::from)?;
    trade(occasion, store, &venue, &clock, &Settings::default()).await
}

/// At the rehearsal's venue and in its time, which is the real one: every worker of a run has the same.
#[cfg(feature = "rehearsal")]
async fn rehearse(
    occasion: &Occasion,
    store: &OpenStore,
    rehearsal: &crate::cli::rehearsal::Rehearsal,
) -> Result<RunOutcome, Stopped> {
    known_assets(occasion, store).await?;
    let venue = rehearsal.venue(&occasion.identity.venue);
    trade(occasion, store, &venue, &crate::adapters::clock::SystemClock, &rehearsal.settings()).await
}

async fn trade<V: Venue, C: Clock>(
    occasion: &Occasion,
    store: &OpenStore,
    venue: &V,
    clock: &C,
    settings: &Settings,
) -> Result<RunOutcome, Stopped> {
    let ports = Ports { store: store.store(), venue, clock, settings };
    let request =
        RunRequest { identity: occasion.identity.clone(), flow: occasion.flow.clone(), claim_token: claim_token() };
    let prepare = async |opening: Opening| {
        let state = opening.settled.map(|settled| settled.state);
        let account = crate::model::AccountSnapshot { observed_at: occasion.as_of, ..opening.account };
        occasion.input(Some(account), state).map_err(|error| preparation_failure(&error))
    };
    // Boxed: the whole protocol is one large future.
    Ok(Box::pin(execution::execute(&request, &ports, prepare, plan)).await?)
}

fn preparation_failure(error: &PreparationError) -> PreparationFailure {
    if error.is_transient() {
        PreparationFailure::Transient(error.to_string())
    } else {
        PreparationFailure::Refused(error.to_string())
    }
}

/// The input whose prices and rules the paper venue trades by: the stored one of a run that is committed, else the
/// one that would be planned from. That one is planned as a trial, and the kill switch read, so that nothing is
/// claimed in vain.
async fn known_assets(occasion: &Occasion, store: &OpenStore) -> Result<PlanningInput, Stopped> {
    let stored = store::load(store, run_id(&occasion.identity)).await?;
    if let Some(input) = stored.and_then(|record| record.input) {
        return Ok(input);
    }
    let earlier = Earlier::read(store, occasion).await?;
    if let Some(owner) = earlier.owner {
        return Err(Stopped::Otherwise(Failure::bad_input(
            format!(
                "account {} at {} holds the money of portfolio {owner} in this store, and cash belongs to one portfolio",
                occasion.account, occasion.identity.venue
            ),
            "give this portfolio an account of its own in case.toml, or another --store",
        )));
    }
    let input = occasion.input(earlier.account, earlier.state)?;
    plan(&input).map_err(Failure::from)?;
    match gate::read_switch(store.store(), &occasion.identity).await {
        gate::Switch::Off => Ok(input),
        gate::Switch::On(reason) => Err(Stopped::Otherwise(Failure::new(
            ErrorKind::NeedsAttention,
            reason,
            "`rebalance kill-switch off` allows sending again",
        ))),
    }
}

/// Why there is no outcome.
enum Stopped {
    /// Its data were refused before it began.
    Refused(PreparationError),
    /// On the way: what was done until then is stored.
    Underway(ExecutionError),
    /// By something else, before it began.
    Otherwise(Failure),
}

impl From<PreparationError> for Stopped {
    fn from(error: PreparationError) -> Self {
        Self::Refused(error)
    }
}

impl From<ExecutionError> for Stopped {
    fn from(error: ExecutionError) -> Self {
        Self::Underway(error)
    }
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::Otherwise(failure)
    }
}

impl From<Stopped> for Failure {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Refused(error) => error.into(),
            Stopped::Underway(error) => error.into(),
            Stopped::Otherwise(failure) => failure,
        }
    }
}

/// What there may be to tell of a run; nothing of one that another worker is at, or that is to be tried again.
fn seen(answer: &Result<RunOutcome, Stopped>) -> Option<Seen<'_>> {
    match answer {
        Ok(RunOutcome::Busy { .. } | RunOutcome::InProgressElsewhere { .. }) => None,
        Err(Stopped::Refused(error)) => (!error.is_transient()).then_some(Seen::Refused(error)),
        Err(Stopped::Underway(ExecutionError::Halted { cause, .. })) => Some(Seen::Halted(cause)),
        Ok(_) | Err(Stopped::Underway(_)) => Some(Seen::Nothing),
        Err(Stopped::Otherwise(failure)) => Some(Seen::Stopped(&failure.message)),
    }
}

/// The entry and its exit code.
fn tell(outcome: RunOutcome, occasion: &Occasion) -> Result<(RunEntry, u8), Failure> {
    let (mode, record) = match outcome {
        RunOutcome::Completed(record) | RunOutcome::Aborted(record) | RunOutcome::Unsettled(record) => {
            (Mode::Executed, record)
        }
        RunOutcome::AlreadyDone(record) => (Mode::AlreadyDone, record),
        RunOutcome::Busy { holder } => {
            return Err(Failure::new(
                ErrorKind::Busy,
                format!("the account is held by run {holder}, which is not settled"),
                "`rebalance recover` finishes it, once its worker is gone",
            ));
        }
        RunOutcome::InProgressElsewhere { run_id, lease_until } => {
            return Err(Failure::new(
                ErrorKind::Busy,
                format!("another process works on run {run_id}, or stopped while it did"),
                format!("run again after {}, when its lease is over", text::time(lease_until)),
            ));
        }
    };
    let Some(run) = RunReport::of_record(mode, &record) else {
        let told = if mode == Mode::AlreadyDone { "ended before, without a plan" } else { "ended without a plan" };
        return Err(Failure::new(
            ErrorKind::NeedsAttention,
            format!("run {} {told}: {}", record.run_id, record.reason),
            "mend the cause and plan this occasion under a --label of its own, or wait for the next schedule",
        ));
    };
    let sent = run.execution.as_ref().map_or(0, |execution| execution.sent);
    let new_orders = if mode == Mode::Executed { sent } else { 0 };
    let code = exit_code(&run);
    Ok((
        RunEntry {
            case: occasion.directory(),
            account: occasion.account.to_string(),
            new_orders,
            run: Some(Box::new(run)),
            error: None,
        },
        code,
    ))
}

/// A run that is over and needs nobody is well; everything else wants a person.
fn exit_code(run: &RunReport) -> u8 {
    let is_well = |it: &ExecutionReport| it.state == published::RunState::Done && it.needs_attention == 0;
    if run.execution.as_ref().is_some_and(is_well) { 0 } else { ErrorKind::NeedsAttention.exit_code() }
}
