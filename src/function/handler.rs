//! One invocation: an event in, a document out, or an error where the event is to come again.

use jiff::{SignedDuration, Timestamp};

use super::answer::{Answer, Retry, failure_of, of_failure, retry_helps};
use super::clients::Clients;
use super::clock::FunctionClock;
use super::configuration::Configuration;
use super::log::{self, Level, Subject};
use super::metrics::{self, Metric, count_one};
use super::occasion::Task;
use super::venue::Venues;
use crate::adapters::clock::claim_token;
use crate::application::alerting;
use crate::application::dry_run::dry_run;
use crate::application::failure::Failure;
use crate::application::occasion::{Earlier, Occasion};
use crate::application::ownership;
use crate::application::run::{Attempted, Stopped, resume, run};
use crate::application::telling::{Named, entry, entry_of};
use crate::execution::{Intent, Ports, RunOutcome, Settings};
use crate::model::PlanningInput;
use crate::planning::RebalancePlan;
use crate::ports::Clock as _;
use crate::preparation::PreparationError;
use crate::preparation::event::{self, Event, Mode, RunEvent};
use crate::report::RunReport;
use crate::report::document::{Document, RunEntry};

/// So long before Lambda's own deadline nothing new is taken up: enough for one order and a few writes, and then for what
/// there is to tell.
pub const RESERVE_MS: i64 = 15_000;

/// The function, for as long as its sandbox is warm.
#[derive(Debug)]
pub struct Function {
    pub(super) configuration: Configuration,
    pub(super) clients: Clients,
    pub(super) clock: FunctionClock,
}

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
        let mut subject = Subject::of_request(&invocation.request_id);
        let answer = match event::parse(payload, &self.configuration.origin, self.clock.now()) {
            Err(refused) => {
                count_one(Metric::EventsRefused, &subject);
                of_failure(PreparationError::from(refused).into())
            }
            Ok(Event::Recover) => self.recover(&subject, invocation).await,
            Ok(Event::Word(word)) => {
                subject.run_id = Some(word.run);
                self.word(word, &subject, invocation).await
            }
            Ok(Event::Run(event)) => {
                subject.portfolio = Some(event.portfolio.to_string());
                Box::pin(self.run(&event, &mut subject, invocation)).await
            }
        };
        log_answer(&answer, &subject);
        answer
    }

    async fn run(&self, event: &RunEvent, subject: &mut Subject, invocation: &Invocation) -> Answer {
        let asked = match self.asked(event).await {
            Ok(asked) => asked,
            Err(failure) if event.mode == Mode::DryRun => return Ok(Document::Error(failure.report())),
            Err(failure) => return not_begun(&failure.into(), subject),
        };
        subject.run_id = Some(asked.run_id);
        let named = asked.named();
        if event.mode == Mode::DryRun {
            return Ok(match self.occasion(asked, event, None).await {
                Ok(occasion) => one_run(self.dry_run(&occasion).await, &named),
                Err(stopped) => Document::Error(failure_of(stopped).report()),
            });
        }
        let (store, run, policy) = (&self.clients.store, asked.identity.clone(), asked.alerts());
        let settings = self.settings(invocation);
        let task = match Box::pin(self.task(asked, event, settings.stop_at)).await {
            Ok(task) => task,
            Err(stopped) => {
                let answer = not_begun(&stopped, subject);
                // No other delivery comes, so this is the last that anybody hears of it.
                if answer.is_ok() {
                    let attempted = Attempted::from(stopped);
                    self.tell(subject, invocation, async |notifier| {
                        alerting::tell(store, notifier, &run, None, policy.as_ref(), &attempted).await
                    })
                    .await;
                }
                return answer;
            }
        };
        let earlier = alerting::earlier_holder(store, &run).await;
        let work = Box::pin(self.work(&task, event, &settings));
        let attempted = work.await.unwrap_or_else(Attempted::from);
        // Before anything is told: a channel may take longer than there is time.
        let answer = conclude(&attempted, &named, subject, self.clock.now());
        self.tell(subject, invocation, async |notifier| {
            alerting::tell(store, notifier, &run, earlier.as_ref(), policy.as_ref(), &attempted).await
        })
        .await;
        answer
    }

    async fn dry_run(&self, occasion: &Occasion) -> Result<RunReport, Failure> {
        let account = self.venues().account(occasion).await?;
        let mut report = dry_run(occasion, Earlier::read(&self.clients.store, occasion, account).await?)?;
        let owner = ownership::other_owner(&self.clients.store, &occasion.identity).await?;
        report.notices.extend(owner.map(|owner| {
            format!("a run would be refused: account {} holds the money of portfolio {owner}", occasion.account)
        }));
        Ok(report)
    }

    async fn work(&self, task: &Task, event: &RunEvent, settings: &Settings) -> Result<Attempted, Stopped> {
        let (store, clock, intent) = (&self.clients.store, &self.clock, intent_of(event));
        Ok(match task {
            Task::Resume(stored) => {
                let venue = self.venues().of_run(stored).await?;
                let ports = Ports { store, venue: &venue, clock, settings };
                resume(stored, event.flow.clone(), intent, claim_token(), &ports).await
            }
            Task::Plan(occasion) => {
                let venue = self.venues().of_occasion(occasion).await?;
                run(occasion, intent, claim_token(), &Ports { store, venue: &venue, clock, settings }).await
            }
        })
    }

    pub(super) const fn venues(&self) -> Venues<'_> {
        Venues { mode: self.configuration.venue_mode, store: &self.clients.store, clock: &self.clock }
    }

    pub(super) fn settings(&self, invocation: &Invocation) -> Settings {
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
}

/// A run that was to be and never began: somebody waits for it, so it counts as one that was aborted.
fn not_begun(stopped: &Stopped, subject: &Subject) -> Answer {
    let metric = metrics::of_stopped(stopped);
    let failure = failure_of(stopped.clone());
    if !retry_helps(failure.kind) {
        count_one(metric, subject);
    }
    of_failure(failure)
}

/// How long the end of a run is counted anew by whoever delivers its event again: Lambda does so within minutes.
const END_IS_NEWS_FOR: SignedDuration = SignedDuration::from_mins(15);

/// The answer to a run that was worked on, its metrics and its line. Another delivery of what is over counts nothing but
/// the end, while that is new: who ended the run may have been gone before it was counted, and alarms hang on it.
fn conclude(attempted: &Attempted, named: &Named, subject: &Subject, now: Timestamp) -> Answer {
    let ended_before = match &attempted.answer {
        Ok(RunOutcome::AlreadyDone(record)) => Some(record.updated_at),
        _ => None,
    };
    let is_news = ended_before.is_none();
    let end_is_news = ended_before.is_none_or(|ended| now.duration_since(ended) <= END_IS_NEWS_FOR);
    let (told, metric) = match &attempted.answer {
        Ok(outcome) => (entry(outcome, named), Metric::RunsAborted),
        Err(stopped) => (Err(failure_of(stopped.clone())), metrics::of_stopped(stopped)),
    };
    let entry = match told {
        Ok((entry, _)) => {
            if let Some(run) = entry.run.as_ref().filter(|_| is_news) {
                let planned = attempted.answer.as_ref().ok().and_then(planned);
                metrics::of_run(run, entry.new_orders, planned, attempted.planning_ms).write(subject);
            } else if let Some(run) = entry.run.as_ref().filter(|_| end_is_news) {
                metrics::of_end(run).write(subject);
            }
            entry
        }
        Err(failure) if retry_helps(failure.kind) => return Err(Retry(failure)),
        Err(failure) => {
            if end_is_news {
                count_one(metric, subject);
            }
            entry_of(named, Err(&failure), 0)
        }
    };
    log_run(&entry, subject);
    Ok(Document::Runs { runs: vec![entry] })
}

fn one_run(told: Result<RunReport, Failure>, named: &Named) -> Document {
    let entry = match told {
        Ok(report) => entry_of(named, Ok(report), 0),
        Err(failure) => entry_of(named, Err(&failure), 0),
    };
    Document::Runs { runs: vec![entry] }
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

/// Plan and input of a run, for its metrics.
fn planned(outcome: &RunOutcome) -> Option<(&RebalancePlan, &PlanningInput)> {
    match outcome {
        RunOutcome::Completed(record)
        | RunOutcome::Aborted(record)
        | RunOutcome::Unsettled(record)
        | RunOutcome::Proposed(record)
        | RunOutcome::OutOfTime(record) => record.plan.as_ref().zip(record.input.as_ref()),
        RunOutcome::AlreadyDone(_) | RunOutcome::Busy { .. } | RunOutcome::InProgressElsewhere { .. } => None,
    }
}

fn log_run(entry: &RunEntry, subject: &Subject) {
    let execution = entry.run.as_ref().and_then(|run| run.execution.as_ref());
    let error = entry.error.as_ref().map(|error| error.message.as_str());
    let reason = execution.map(|execution| execution.reason.as_str()).filter(|reason| !reason.is_empty());
    let level = if error.or(reason).is_some() { Level::Error } else { Level::Info };
    subject
        .line(level, "run")
        .field("account", entry.account.as_str())
        .field("state", execution.map(|execution| execution.state.as_str()))
        .field("new_orders", entry.new_orders)
        .field("reason", error.or(reason))
        .write();
}

fn log_answer(answer: &Answer, subject: &Subject) {
    match answer {
        Ok(Document::Error(error)) => subject
            .line(Level::Error, "refused")
            .field("error_kind", serde_json::to_value(error.kind).unwrap_or_default())
            .field("problem", error.message.as_str())
            .field("remedy", error.remedy.as_str())
            .write(),
        Ok(_) => {}
        Err(Retry(failure)) => subject
            .line(Level::Error, "another delivery may help")
            .field("error_type", Retry::TYPE)
            .failure(failure)
            .write(),
    }
}
