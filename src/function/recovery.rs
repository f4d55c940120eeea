//! Stored runs that are taken up without their case: by recovery, and by a person's word.

use uuid::Uuid;

use super::answer::{Answer, of_failure};
use super::handler::{Function, Invocation};
use super::log::{Level, Subject};
use super::metrics::{self, Metric, Metrics};
use crate::adapters::clock::SystemClock;
use crate::application::failure::Failure;
use crate::application::handling::{self, Act};
use crate::execution::{self, Ports, Settings, Statement};
use crate::ports::store::RunItem;
use crate::ports::{Clock as _, RunStore as _};
use crate::preparation::event::{Fate, Word, WordEvent};
use crate::report::document::{Document, ErrorKind};
use crate::report::handling::HandledRun;

impl Function {
    /// Takes up every run that holds an account, as far as the time goes: whoever was looked at longest ago comes first, so
    /// that runs which stay unsettled keep none of the others waiting for ever.
    pub(super) async fn recover(&self, subject: &Subject, invocation: &Invocation) -> Answer {
        let settings = self.settings(invocation);
        let (runs, unreadable) = match handling::unfinished(&self.clients.store).await {
            Ok(found) => found,
            Err(error) => return of_failure(error.into()),
        };
        for failure in &unreadable {
            subject.line(Level::Error, "an account's lock cannot be read").failure(failure).write();
        }
        let (waiting, lost) = self.in_turn(runs, subject).await;
        let (mut handled, mut stuck) = (Vec::new(), unreadable.len() + lost);
        let (mut waiting, mut not_reached) = (waiting.into_iter(), 0);
        while let Some(before) = waiting.next() {
            if settings.stop_at.is_some_and(|at| SystemClock.now() >= at) {
                not_reached = 1 + waiting.len();
                subject.line(Level::Warn, "no time to take up more runs").field("runs", not_reached).write();
                break;
            }
            let subject = subject.of_run(before.identity.portfolio.as_str(), before.run_id);
            match self.take_up(&before, &Act::Recover, &settings, &subject, invocation).await {
                Ok(Some(run)) => {
                    stuck += usize::from(run.is_stuck());
                    handled.push(run);
                }
                Ok(None) => {}
                Err(failure) => {
                    stuck += not_taken_up(&failure, &subject);
                    handled.extend(handling::failed_run(&self.clients.store, before.run_id, &failure).await);
                }
            }
        }
        // By every recovery, also where there is none: an alarm ends when nothing is stuck any more.
        let mut metrics = Metrics::default();
        metrics.whole(Metric::RunsStuck, stuck);
        metrics.whole(Metric::RunsNotReached, not_reached);
        metrics.write(subject);
        // Everything else is taken up by now.
        unreadable.into_iter().next().map_or(Ok(Document::HandledRuns { runs: handled }), of_failure)
    }

    /// The runs as they are stored, those first that were looked at longest ago: whoever is taken up is written. And how
    /// many there are that cannot be read.
    async fn in_turn(&self, runs: Vec<Uuid>, subject: &Subject) -> (Vec<RunItem>, usize) {
        let (mut read, mut stuck) = (Vec::new(), 0);
        for run_id in runs {
            match handling::load(&self.clients.store, run_id).await {
                Ok(run) => read.push(run),
                Err(failure) => stuck += not_taken_up(&failure, &subject.of_run_id(run_id)),
            }
        }
        read.sort_by_key(|run| (run.updated_at, run.run_id));
        (read, stuck)
    }

    /// A person's word on one run. Stopped: what was not sent never will be, and what was is settled first. Answered for:
    /// an order's fate is what the person says, where the venue does not say it, and nothing is sent.
    pub(super) async fn word(&self, event: WordEvent, subject: &Subject, invocation: &Invocation) -> Answer {
        let WordEvent { run, by, reason, word } = event;
        let unknown = |problem: &str| {
            let problem = format!("event: run {run}: {problem}");
            of_failure(Failure::bad_input(problem, "send the whole id, as `rebalance show RUN` prints it"))
        };
        let before = match self.clients.store.load_run(run).await {
            Ok(Some(before)) => before,
            Ok(None) => return unknown("there is no such run in this function's table"),
            Err(error) => return of_failure(error.into()),
        };
        let operator = by.to_string();
        let act = match word {
            Word::Abort => Act::Abort { operator, reason },
            Word::Settle { order, fate } => {
                let answer = match fate {
                    Fate::NotPlaced => execution::Answer::NotPlaced,
                    Fate::Filled { quantity, price, fee } => execution::Answer::Filled { quantity, price, fee },
                };
                Act::Settle(Some(Statement { order, answer, operator, reason }))
            }
        };
        let subject = subject.of_run(before.identity.portfolio.as_str(), run);
        match self.take_up(&before, &act, &self.settings(invocation), &subject, invocation).await {
            Ok(Some(handled)) => Ok(Document::HandledRuns { runs: vec![handled] }),
            Ok(None) => unknown("it is of another environment than this function"),
            Err(failure) => of_failure(failure),
        }
    }

    /// `None`: it is of another environment, and another function's to take up.
    async fn take_up(
        &self,
        before: &RunItem,
        act: &Act,
        settings: &Settings,
        subject: &Subject,
        invocation: &Invocation,
    ) -> Result<Option<HandledRun>, Failure> {
        if before.identity.environment != self.configuration.environment {
            return Ok(None);
        }
        let (store, clock) = (&self.clients.store, &self.clock);
        let venue = self.venues().of_run(before).await?;
        let ports = Ports { store, venue: &venue, clock, settings };
        let acted = handling::carry_out(&ports, before, act).await;
        // Before anything is told: a channel may take longer than there is time.
        if let Ok(handled) = &acted.run {
            metrics::of_recovered(handled).write(subject);
            log_handled(handled, subject);
        }
        self.tell(subject, invocation, async |notifier| acted.tell(store, before, notifier).await).await;
        acted.run.map(Some)
    }
}

/// How many are stuck by it: none where another worker is at the run, which looks after it.
fn not_taken_up(failure: &Failure, subject: &Subject) -> usize {
    subject.line(Level::Error, "a run could not be taken up").failure(failure).write();
    usize::from(failure.kind != ErrorKind::Busy)
}

fn log_handled(run: &HandledRun, subject: &Subject) {
    let level = match (run.is_stuck(), run.needs_person) {
        (true, _) => Level::Error,
        (false, true) => Level::Warn,
        (false, false) => Level::Info,
    };
    subject
        .line(level, "run taken up")
        .field("state_before", run.state_before.as_str())
        .field("state", run.state.as_str())
        .field("orders_overdue", run.orders_overdue)
        .field("problem", run.error.as_ref().map(|error| error.message.as_str()))
        .write();
}
