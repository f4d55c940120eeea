//! One invocation: an event in, a document out, or an error where the event is to come again.

use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::answer::{Answer, Retry, failure_of, of_failure, retry_helps};
use super::clients::{Clients, Senders};
use super::clock::FunctionClock;
use super::configuration::Configuration;
use super::grades;
use super::log::{self, Level};
use super::metrics::{self, Metric, Metrics};
use super::venue::Venues;
use crate::adapters::clock::{SystemClock, claim_token};
use crate::adapters::dynamodb::DynamoStore;
use crate::adapters::s3::S3Pages;
use crate::adapters::snapshots::{load_case, load_files};
use crate::alerts::Told;
use crate::application::alerting::{warnings, with_alerts};
use crate::application::dry_run::dry_run;
use crate::application::failure::Failure;
use crate::application::handling::{self, Act};
use crate::application::occasion::{Earlier, Occasion};
use crate::application::ownership;
use crate::application::pages::WithPages;
use crate::application::run::{Attempted, Stopped, run};
use crate::application::telling::{entry, entry_of};
use crate::execution::{Intent, Ports, RunOutcome, Settings};
use crate::model::{AccountId, Trigger};
use crate::planning::idempotency::run_id;
use crate::ports::store::RunItem;
use crate::ports::{Clock as _, RunState, RunStore as _};
use crate::preparation::event::{self, AbortEvent, Event, Mode, RunEvent};
use crate::preparation::{BadInput, PreparationError};
use crate::report::document::{Document, ErrorKind, RunEntry};
use crate::report::handling::HandledRun;

/// So long before Lambda's own deadline nothing new is taken up: enough for one order, a few writes and the alerts.
pub const RESERVE_MS: i64 = 8_000;

/// The function, for as long as its sandbox is warm.
#[derive(Debug)]
pub struct Function {
    configuration: Configuration,
    clients: Clients,
    clock: FunctionClock,
}

/// Alerts, each with its run's page.
type Telling<'a> = WithPages<'a, DynamoStore, S3Pages, Senders>;

/// What Lambda says of one invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    pub request_id: String,
    /// By the real time; absent where nobody ends it.
    pub deadline: Option<Timestamp>,
}

impl Function {
    #[must_use]
    pub fn new(configuration: Configuration, clients: Clients) -> Self {
        let clock = FunctionClock::new(configuration.paper_clock);
        Self { configuration, clients, clock }
    }

    /// Says what this sandbox runs with; no secret is among it.
    pub fn log_start(&self) {
        log::Line::new(Level::Info, "ready")
            .field("version", env!("CARGO_PKG_VERSION"))
            .field("table", self.configuration.table.as_str())
            .field("environment", self.configuration.environment.to_string())
            .field("venue_mode", format!("{:?}", self.configuration.venue_mode).to_lowercase())
            .field("fetches_grades", self.configuration.token_metrics.is_some())
            .field("report_bucket", self.configuration.report_bucket.as_deref())
            .field("paper_clock", self.configuration.paper_clock.map(|at| at.to_string()))
            .write();
    }

    /// Handles one event.
    ///
    /// # Errors
    /// Where another delivery of the event may succeed; see [`super::answer`].
    pub async fn handle(&self, payload: &[u8], invocation: &Invocation) -> Answer {
        let answer = match event::parse(payload, &self.configuration.origin, self.clock.now()) {
            Err(refused) => self.refuse_event(refused),
            Ok(Event::Recover) => self.recover(invocation).await,
            Ok(Event::Abort(asked)) => self.abort(asked, invocation).await,
            Ok(Event::Run(event)) => Box::pin(self.run(&event, invocation)).await,
        };
        log_answer(&answer, invocation);
        answer
    }

    #[expect(clippy::unused_self, reason = "one of three answers of the function")]
    fn refuse_event(&self, refused: BadInput) -> Answer {
        count_one(Metric::EventsRefused, None);
        of_failure(PreparationError::from(refused).into())
    }

    async fn run(&self, event: &RunEvent, invocation: &Invocation) -> Answer {
        let portfolio = event.portfolio.as_str();
        let (occasion, stored) = match self.occasion(event).await {
            Ok(found) => found,
            Err(failure) if event.mode == Mode::DryRun => return Ok(Document::Error(failure.report())),
            Err(failure) => return self.not_begun(failure, portfolio),
        };
        if event.mode == Mode::DryRun {
            let told = self.dry_run(&occasion).await;
            let entry = match &told {
                Ok(report) => entry_of(&occasion.named(), Ok(report.clone()), 0),
                Err(failure) => entry_of(&occasion.named(), Err(failure), 0),
            };
            return Ok(Document::Runs { runs: vec![entry] });
        }
        let settings = self.settings(invocation);
        let policy = occasion.case.policy().alerts.as_ref();
        let work = Box::pin(async {
            self.work(&occasion, stored.as_ref(), event, &settings).await.unwrap_or_else(Attempted::from)
        });
        let notifier = self.notifier();
        let (attempted, told) = with_alerts(&self.clients.store, &notifier, &occasion.identity, policy, work).await;
        keep_pages(&notifier, &told, invocation).await;
        log_warnings(told, invocation);
        let planning_ms = attempted.planning_ms;
        let is_news = !matches!(attempted.answer, Ok(RunOutcome::AlreadyDone(_)));
        let told = attempted.answer.map_err(failure_of).and_then(|outcome| {
            let plan = planned(&outcome);
            Ok((entry(outcome, &occasion.named())?, plan))
        });
        match told {
            Ok(((entry, _), plan)) => {
                if let Some(run) = entry.run.as_ref().filter(|_| is_news) {
                    let planned = plan.as_ref().map(|planned| (&planned.0, &planned.1));
                    let metrics = metrics::of_run(run, entry.new_orders, planned, planning_ms);
                    metrics.write(Some(portfolio), Some(&run.run_id.to_string()));
                }
                log_run(&entry, invocation);
                Ok(Document::Runs { runs: vec![entry] })
            }
            Err(failure) if retry_helps(failure.kind) => Err(Retry(failure)),
            Err(failure) => {
                if is_news {
                    count_one(Metric::RunsAborted, Some(portfolio));
                }
                let entry = entry_of(&occasion.named(), Err(&failure), 0);
                log_run(&entry, invocation);
                Ok(Document::Runs { runs: vec![entry] })
            }
        }
    }

    /// A run that was to be and never began: somebody waits for it, so it counts as one that was aborted.
    #[expect(clippy::unused_self, reason = "one of the answers of the function")]
    fn not_begun(&self, failure: Failure, portfolio: &str) -> Answer {
        if !retry_helps(failure.kind) {
            count_one(Metric::RunsAborted, Some(portfolio));
        }
        of_failure(failure)
    }

    /// Case and identity of what the event asks for, its grades fetched where they are this function's to fetch, and the
    /// run as it is stored. A dry run fetches nothing, for it writes nothing and credits are counted in the table; whether
    /// its run is stored is all the same to it.
    async fn occasion(&self, event: &RunEvent) -> Result<(Occasion, Option<RunItem>), Failure> {
        // To the second, as schedules are; a second is nothing to any guard.
        let as_of = Timestamp::from_second(self.clock.now().as_second()).unwrap_or_else(|_| self.clock.now());
        let store = &self.clients.store;
        let fetching = self.configuration.token_metrics.as_ref().filter(|_| event.mode != Mode::DryRun);
        let mut stored = None;
        let case = match fetching {
            None => load_case(store, &event.portfolio, as_of).await.map_err(transient_as_busy)?,
            Some(asked) => {
                // Without the guards of a whole set: its grades may be those of the last occasion.
                let standing = load_files(store, &event.portfolio, as_of).await.map_err(transient_as_busy)?;
                let identity = standing.run_identity(&account_of(&standing, event)?, event.trigger.clone())?;
                stored = store.load_run(run_id(&identity)).await?;
                self.refuse_late(&event.trigger, stored.as_ref())?;
                if event.approval.is_some() || stored.as_ref().is_some_and(|run| run.state != RunState::Claimed) {
                    standing
                } else {
                    grades::renew(&self.clients, asked, &standing, &event.trigger, as_of, &self.clock).await?;
                    load_case(store, &event.portfolio, as_of).await.map_err(transient_as_busy)?
                }
            }
        };
        let account = account_of(&case, event)?;
        let identity = case.run_identity(&account, event.trigger.clone())?;
        if identity.environment != self.configuration.environment {
            return Err(Failure::bad_input(
                format!(
                    "portfolio {}: its environment is {}, and this function's is {}",
                    event.portfolio, identity.environment, self.configuration.environment
                ),
                "send the event to the function of its own environment, or load the portfolio anew",
            ));
        }
        if fetching.is_none() && event.mode != Mode::DryRun {
            stored = store.load_run(run_id(&identity)).await?;
            self.refuse_late(&event.trigger, stored.as_ref())?;
        }
        let flow = event.flow.clone().unwrap_or_else(|| case.flow());
        let source = case.place();
        Ok((Occasion { source, case: Rc::new(case), account, identity, as_of, flow, from_store: true }, stored))
    }

    /// A record that was purged must never let an old event run again.
    fn refuse_late(&self, trigger: &Trigger, stored: Option<&RunItem>) -> Result<(), PreparationError> {
        let (Trigger::Scheduled(at), None) = (trigger, stored) else { return Ok(()) };
        let window = SignedDuration::from_mins(i64::from(self.configuration.window_minutes));
        Ok(event::check_window(*at, self.clock.now(), window)?)
    }

    async fn dry_run(&self, occasion: &Occasion) -> Result<crate::report::RunReport, Failure> {
        let account = self.venues().account(occasion).await?;
        let mut report = dry_run(occasion, Earlier::read(&self.clients.store, occasion, account).await?)?;
        let owner = ownership::other_owner(&self.clients.store, &occasion.identity).await?;
        report.notices.extend(owner.map(|owner| {
            format!("a run would be refused: account {} holds the money of portfolio {owner}", occasion.account)
        }));
        Ok(report)
    }

    /// `stored`: the run as it was before.
    async fn work(
        &self,
        occasion: &Occasion,
        stored: Option<&RunItem>,
        event: &RunEvent,
        settings: &Settings,
    ) -> Result<Attempted, Stopped> {
        let venue = self.venues().of_occasion(occasion, stored).await?;
        let ports = Ports { store: &self.clients.store, venue: &venue, clock: &self.clock, settings };
        Ok(run(occasion, intent_of(event), claim_token(), &ports).await)
    }

    const fn venues(&self) -> Venues<'_> {
        Venues { mode: self.configuration.venue_mode, store: &self.clients.store, clock: &self.clock }
    }

    /// For one invocation: each page is written once in it.
    const fn notifier(&self) -> Telling<'_> {
        WithPages::new(&self.clients.store, self.clients.pages.as_ref(), &self.clients.notifier)
    }

    fn settings(&self, invocation: &Invocation) -> Settings {
        let ours = Settings::default();
        let reserve = SignedDuration::from_millis(RESERVE_MS);
        Settings {
            stop_at: invocation.deadline.map(|at| at.checked_sub(reserve).unwrap_or(Timestamp::MIN)),
            window_hours: self.configuration.window_minutes.div_ceil(60),
            proposal_ms: self
                .configuration
                .proposal_minutes
                .map_or(ours.proposal_ms, |minutes| u64::from(minutes) * 60_000),
            phase_timeout_ms: self.venues().patience_ms().unwrap_or(ours.phase_timeout_ms),
            ..ours
        }
    }

    /// Takes up every run that holds an account, as far as the time goes; what is left is taken up by the next schedule.
    async fn recover(&self, invocation: &Invocation) -> Answer {
        let settings = self.settings(invocation);
        let (runs, unreadable) = match handling::unfinished(&self.clients.store).await {
            Ok(found) => found,
            Err(error) => return of_failure(error.into()),
        };
        for failure in &unreadable {
            log_failure(failure, "an account's lock cannot be read", None, invocation);
            count_one(Metric::EventsRefused, None);
        }
        let mut handled = Vec::new();
        for run_id in runs {
            if settings.stop_at.is_some_and(|at| SystemClock.now() >= at) {
                log::Line::new(Level::Warn, "no time to take up more runs")
                    .field("request_id", invocation.request_id.as_str())
                    .write();
                break;
            }
            let taken = match handling::load(&self.clients.store, run_id).await {
                Ok(before) => self.take_up(before, &Act::Recover, &settings, invocation).await,
                Err(failure) => Err(failure),
            };
            match taken {
                Ok(Some(run)) => handled.push(run),
                Ok(None) => {}
                Err(failure) => {
                    log_failure(&failure, "a run could not be taken up", Some(run_id), invocation);
                    handled.extend(handling::failed_run(&self.clients.store, run_id, &failure).await);
                }
            }
        }
        // Everything else is taken up by now.
        unreadable.into_iter().next().map_or(Ok(Document::HandledRuns { runs: handled }), of_failure)
    }

    /// A person's word on one run: what was not sent never will be, and what was is settled first.
    async fn abort(&self, asked: AbortEvent, invocation: &Invocation) -> Answer {
        let AbortEvent { run, by, reason } = asked;
        let unknown = |problem: &str| {
            let problem = format!("event: run {run}: {problem}");
            of_failure(Failure::bad_input(problem, "send the whole id, as `rebalance show RUN` prints it"))
        };
        let before = match self.clients.store.load_run(run).await {
            Ok(Some(before)) => before,
            Ok(None) => return unknown("there is no such run in this function's table"),
            Err(error) => return of_failure(error.into()),
        };
        let act = Act::Abort { operator: by.to_string(), reason };
        match self.take_up(before, &act, &self.settings(invocation), invocation).await {
            Ok(Some(handled)) => Ok(Document::HandledRuns { runs: vec![handled] }),
            Ok(None) => unknown("it is of another environment than this function"),
            Err(failure) => of_failure(failure),
        }
    }

    /// `None`: it is of another environment, and another function's to take up.
    async fn take_up(
        &self,
        before: RunItem,
        act: &Act,
        settings: &Settings,
        invocation: &Invocation,
    ) -> Result<Option<HandledRun>, Failure> {
        let (store, clock) = (&self.clients.store, &self.clock);
        if before.identity.environment != self.configuration.environment {
            return Ok(None);
        }
        let notifier = self.notifier();
        let venue = self.venues().of_run(&before).await?;
        let ports = Ports { store, venue: &venue, clock, settings };
        let (handled, told) = handling::take_up(&ports, &before, act, &notifier).await;
        keep_pages(&notifier, &told, invocation).await;
        log_warnings(told, invocation);
        let handled = handled?;
        let id = before.run_id.to_string();
        metrics::of_recovered(&handled).write(Some(&handled.portfolio), Some(&id));
        log::Line::new(if handled.needs_person { Level::Warn } else { Level::Info }, "run taken up")
            .field("request_id", invocation.request_id.as_str())
            .field("run_id", id)
            .field("portfolio", handled.portfolio.as_str())
            .field("state_before", handled.state_before.as_str())
            .field("state", handled.state.as_str())
            .write();
        Ok(Some(handled))
    }
}

fn intent_of(event: &RunEvent) -> Intent {
    match (event.mode, &event.approval) {
        (_, Some(approval)) => Intent::Approve {
            plan_digest: approval.plan_digest.clone(),
            operator: approval.by.as_ref().map_or_else(|| "an event".to_owned(), ToString::to_string),
        },
        (Mode::Propose, None) => Intent::Propose,
        (Mode::Live | Mode::DryRun, None) => Intent::Execute,
    }
}

/// The one that the event names, or the portfolio's only one.
fn account_of(case: &crate::adapters::files::Case, event: &RunEvent) -> Result<AccountId, Failure> {
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

/// Plan and input of a run, for its metrics.
fn planned(outcome: &RunOutcome) -> Option<(crate::planning::RebalancePlan, crate::model::PlanningInput)> {
    match outcome {
        RunOutcome::Completed(record)
        | RunOutcome::Aborted(record)
        | RunOutcome::Unsettled(record)
        | RunOutcome::Proposed(record)
        | RunOutcome::OutOfTime(record) => record.plan.clone().zip(record.input.clone()),
        RunOutcome::AlreadyDone(_) | RunOutcome::Busy { .. } | RunOutcome::InProgressElsewhere { .. } => None,
    }
}

fn count_one(metric: Metric, portfolio: Option<&str>) {
    let mut metrics = Metrics::default();
    metrics.whole(metric, 1);
    metrics.write(portfolio, None);
}

fn log_run(entry: &RunEntry, invocation: &Invocation) {
    let execution = entry.run.as_ref().and_then(|run| run.execution.as_ref());
    let error = entry.error.as_ref().map(|error| error.message.as_str());
    let reason = execution.map(|execution| execution.reason.as_str()).filter(|reason| !reason.is_empty());
    let level = if error.or(reason).is_some() { Level::Error } else { Level::Info };
    log::Line::new(level, "run")
        .field("request_id", invocation.request_id.as_str())
        .field("run_id", entry.run.as_ref().map(|run| run.run_id.to_string()))
        .field("portfolio", entry.run.as_ref().map(|run| run.portfolio.to_string()))
        .field("account", entry.account.as_str())
        .field("state", execution.map(|execution| execution.state.as_str()))
        .field("new_orders", entry.new_orders)
        .field("reason", error.or(reason))
        .write();
}

fn log_answer(answer: &Answer, invocation: &Invocation) {
    match answer {
        Ok(Document::Error(error)) => log::Line::new(Level::Error, "refused")
            .field("request_id", invocation.request_id.as_str())
            .field("problem", error.message.as_str())
            .field("remedy", error.remedy.as_str())
            .write(),
        Ok(_) => {}
        Err(Retry(failure)) => log_failure(failure, "another delivery may help", None, invocation),
    }
}

fn log_failure(failure: &Failure, message: &str, run_id: Option<Uuid>, invocation: &Invocation) {
    log::Line::new(Level::Error, message)
        .field("request_id", invocation.request_id.as_str())
        .field("run_id", run_id.map(|run_id| run_id.to_string()))
        .field("problem", failure.message.as_str())
        .write();
}

/// The pages of all runs that there may be something to tell of, whether or not somebody wanted to be told.
async fn keep_pages(pages: &Telling<'_>, told: &[Told], invocation: &Invocation) {
    for told in told {
        if let Some(Err(problem)) = pages.keep(told.run_id).await {
            let run_id = told.run_id.to_string();
            let mut metrics = Metrics::default();
            metrics.whole(Metric::PagesFailed, 1);
            metrics.write(None, Some(&run_id));
            log::Line::new(Level::Warn, "the run's page was not written")
                .field("request_id", invocation.request_id.as_str())
                .field("run_id", run_id)
                .field("problem", problem)
                .write();
        }
    }
}

fn log_warnings(told: Vec<Told>, invocation: &Invocation) {
    for warning in warnings(told) {
        log::Line::new(Level::Warn, "alert")
            .field("request_id", invocation.request_id.as_str())
            .field("problem", warning)
            .write();
    }
}
