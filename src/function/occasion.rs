//! What an event is about: its run as it is stored, and what one that is not committed yet is planned from.
//!
//! Whether a stored run goes on does not depend on what was loaded since: only a run that has to be planned needs a
//! complete set of snapshots.

use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::grades;
use super::handler::Function;
use crate::adapters::files::Case;
use crate::adapters::snapshots::{StandingFiles, load_case, load_files};
use crate::application::failure::Failure;
use crate::application::occasion::Occasion;
use crate::application::run::Stopped;
use crate::application::telling::Named;
use crate::execution::ExecutionError;
use crate::model::alert::AlertPolicy;
use crate::model::{AccountId, RunIdentity, Trigger};
use crate::planning::idempotency::run_id;
use crate::ports::store::RunItem;
use crate::ports::{Clock as _, RunState, RunStore as _};
use crate::preparation::PreparationError;
use crate::preparation::event::{self, Mode, RunEvent};
use crate::report::document::ErrorKind;

/// Which run an event asks for.
#[derive(Debug)]
pub(super) struct Asked {
    files: StandingFiles,
    account: AccountId,
    pub(super) identity: RunIdentity,
    pub(super) run_id: Uuid,
    as_of: Timestamp,
    /// Not looked for by a dry run, to which it is all the same.
    stored: Option<RunItem>,
}

/// What there is to do for it.
#[derive(Debug)]
pub(super) enum Task {
    /// Committed or over, or to be approved: it goes on from what is stored.
    Resume(Box<RunItem>),
    /// To be planned; it may be claimed already.
    Plan(Box<Occasion>),
}

impl Asked {
    /// As its entry in a document calls it.
    pub(super) fn named(&self) -> Named {
        Named { source: self.files.case.place(), account: self.account.clone() }
    }

    /// The policy that a run without a plan was to follow.
    pub(super) fn alerts(&self) -> Option<AlertPolicy> {
        self.files.case.policy().alerts.clone()
    }
}

impl Function {
    /// Finds out which run is meant, and how it stands.
    pub(super) async fn asked(&self, event: &RunEvent) -> Result<Asked, Failure> {
        // To the second, as schedules are; a second is nothing to any guard.
        let as_of = Timestamp::from_second(self.clock.now().as_second()).unwrap_or_else(|_| self.clock.now());
        let store = &self.clients.store;
        let files = load_files(store, &event.portfolio, as_of).await.map_err(transient_as_busy)?;
        let account = account_of(&files.case, event)?;
        let identity = files.case.run_identity(&account, event.trigger.clone())?;
        if identity.environment != self.configuration.environment {
            return Err(Failure::bad_input(
                format!(
                    "portfolio {}: its environment is {}, and this function's is {}",
                    event.portfolio, identity.environment, self.configuration.environment
                ),
                "send the event to the function of its own environment, or load the portfolio anew",
            ));
        }
        let run_id = run_id(&identity);
        let stored = if event.mode == Mode::DryRun { None } else { store.load_run(run_id).await? };
        Ok(Asked { files, account, identity, run_id, as_of, stored })
    }

    /// What is to be done for it; its grades are fetched where they are this function's to fetch and it is to be planned.
    pub(super) async fn task(
        &self,
        asked: Asked,
        event: &RunEvent,
        stop_at: Option<Timestamp>,
    ) -> Result<Task, Stopped> {
        let is_stored = |run: &RunItem| event.approval.is_some() || run.state != RunState::Claimed;
        match asked.stored {
            Some(run) if is_stored(&run) => Ok(Task::Resume(Box::new(run))),
            None if event.approval.is_some() => {
                let cause = "no such run is stored; propose it first".to_owned();
                Err(ExecutionError::NotApproved { run_id: asked.run_id, cause }.into())
            }
            _ => {
                self.refuse_late(&event.trigger, asked.stored.as_ref())?;
                Ok(Task::Plan(Box::new(self.occasion(asked, event, stop_at).await?)))
            }
        }
    }

    /// What it is planned from. A dry run fetches nothing: it writes nothing, and credits are counted in the table.
    /// `stop_at`: when nothing new is taken up any more, by the real time.
    pub(super) async fn occasion(
        &self,
        asked: Asked,
        event: &RunEvent,
        stop_at: Option<Timestamp>,
    ) -> Result<Occasion, Stopped> {
        let Asked { files, account, identity, as_of, stored, .. } = asked;
        let fetching = self.configuration.token_metrics.as_ref().filter(|_| event.mode != Mode::DryRun);
        let case = match fetching {
            None => files.complete()?,
            Some(access) => {
                let (case, trigger) = (&files.case, &event.trigger);
                grades::renew(&self.clients, access, case, trigger, as_of, stop_at, &self.clock).await?;
                let case = load_case(&self.clients.store, &event.portfolio, as_of).await?;
                if case.run_identity(&account, event.trigger.clone())? != identity {
                    let problem = format!("portfolio {} was loaded anew as another while it was read", event.portfolio);
                    return Err(Failure::new(ErrorKind::Busy, problem, "send the event again").into());
                }
                case
            }
        };
        // Another delivery that names no flow is about the one that the run was claimed with.
        let flow = event.flow.clone().or_else(|| stored.map(|run| run.flow)).unwrap_or_else(|| case.flow());
        let source = case.place();
        Ok(Occasion { source, case: Rc::new(case), account, identity, as_of, flow, from_store: true })
    }

    /// A record that was purged must never let an old event run again.
    fn refuse_late(&self, trigger: &Trigger, stored: Option<&RunItem>) -> Result<(), PreparationError> {
        let (Trigger::Scheduled(at), None) = (trigger, stored) else { return Ok(()) };
        let window = SignedDuration::from_mins(i64::from(self.configuration.window_minutes));
        Ok(event::check_window(*at, self.clock.now(), window)?)
    }
}

/// The one that the event names, or the portfolio's only one.
fn account_of(case: &Case, event: &RunEvent) -> Result<AccountId, Failure> {
    if let Some(account) = &event.venue_account {
        return Ok(account.clone());
    }
    let accounts: Vec<&AccountId> = case.accounts().collect();
    if let [only] = accounts.as_slice() {
        return Ok((*only).clone());
    }
    let names: Vec<&str> = accounts.into_iter().map(AccountId::as_str).collect();
    let problem = format!("event: venue_account: portfolio {} has several accounts", event.portfolio);
    Err(Failure::bad_input(problem, format!("send one of {}", names.join(", "))))
}

/// What is worth another delivery is told as such.
fn transient_as_busy(error: PreparationError) -> Failure {
    if error.is_transient() { Failure::new(ErrorKind::Busy, error.to_string(), "") } else { error.into() }
}
