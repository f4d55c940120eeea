//! A stored run that is taken up again, on the paper venue: with the book of its stored input, and without its case.

use jiff::Timestamp;
use uuid::Uuid;

use super::alerting::Alerting;
use super::args::{Alerts, Operator};
use super::environment;
use super::failure::{Failure, most_urgent};
use super::output::Output;
use super::store::StorePath;
use crate::adapters::clock::{CaseClock, SystemClock};
use crate::adapters::dynamodb::DynamoStore;
use crate::application::handling::{self, Act};
use crate::application::paper;
use crate::execution::{Ports, Settings};
use crate::model::{Environment, Rate};
use crate::ports::store::RunItem;
use crate::ports::{Clock, Venue};
use crate::report::document::{Document, ErrorKind};
use crate::report::handling::HandledRun;
use crate::report::text;

/// When and where a run is taken up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Circumstances {
    /// Now, where absent.
    pub(super) at: Option<Timestamp>,
    pub(super) depth: Option<Rate>,
    pub(super) alerts: Alerts,
}

/// Does it to each of these runs, and says what became of them, and of the failures known before. One that cannot be
/// read keeps none of the others waiting.
pub(super) async fn take_up(
    path: &StorePath,
    runs: Vec<Uuid>,
    mut failures: Vec<Failure>,
    act: &Act,
    circumstances: Circumstances,
    output: &Output,
) -> Result<u8, Failure> {
    let alerting = Alerting::new(circumstances.alerts.send_alerts);
    let store = path.open().await?;
    let mut handled = Vec::new();
    let asked = runs.len() + failures.len();
    for run in runs {
        match Box::pin(take_up_at(path, store.store(), run, act, circumstances, &alerting)).await {
            Ok(run) => handled.push(run),
            Err(failure) if asked == 1 => failures.push(failure),
            Err(failure) => match handling::failed_run(store.store(), run, &failure).await {
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
    let codes = handled.iter().map(|run| handling::urgency(run, act).map_or(0, ErrorKind::exit_code));
    let code = most_urgent(codes.chain(failures.iter().map(|failure| failure.kind.exit_code())));
    output.say(&Document::HandledRuns { runs: handled.clone() }, |canvas| text::handled(&handled, canvas))?;
    Ok(code)
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
    circumstances: Circumstances,
    alerting: &Alerting,
) -> Result<HandledRun, Failure> {
    #[cfg(feature = "rehearsal")]
    if let Some(rehearsal) = path.rehearsal() {
        let before = handling::load(store, run).await?;
        let (venue, settings) = (rehearsal.venue(&before.identity.venue), rehearsal.settings());
        let ports = Ports { store, venue: &venue, clock: &SystemClock, settings: &settings };
        return take_up_one(&ports, &before, act, alerting).await;
    }
    take_up_on_paper(store, run, act, circumstances, alerting).await
}

async fn take_up_on_paper(
    store: &DynamoStore,
    run_id: Uuid,
    act: &Act,
    circumstances: Circumstances,
    alerting: &Alerting,
) -> Result<HandledRun, Failure> {
    let before = handling::load(store, run_id).await?;
    refuse_live(&before)?;
    let clock = CaseClock::starting_at(circumstances.at.unwrap_or_else(|| own_time(&before)));
    let input = paper::stored_input(store, run_id).await?;
    let book = paper::book_of(input.as_ref(), circumstances.depth);
    let venue = paper::venue_of_run(store, &clock, &before, book);
    let settings = Settings::default();
    take_up_one(&Ports { store, venue: &venue, clock: &clock, settings: &settings }, &before, act, alerting).await
}

/// Now, in the time of the run's own case: orders of the past are not overdue because the past is long ago, and a paper
/// account that was looked at in the present would take none of the past any more. Whoever left the run wrote its own
/// time, and its lease by the real one.
pub(super) fn own_time(run: &RunItem) -> Timestamp {
    let since = SystemClock.now().duration_since(run.lease_until);
    run.updated_at.checked_add(since).unwrap_or(Timestamp::MAX)
}

pub(super) fn refuse_live(run: &RunItem) -> Result<(), Failure> {
    if run.identity.environment == Environment::Paper {
        return Ok(());
    }
    let message = format!("run {} is of the environment {}", run.run_id, run.identity.environment);
    Err(Failure::bad_input(message, "this command trades on the paper venue only"))
}

async fn take_up_one<V: Venue, C: Clock>(
    ports: &Ports<'_, DynamoStore, V, C>,
    before: &RunItem,
    act: &Act,
    alerting: &Alerting,
) -> Result<HandledRun, Failure> {
    let (handled, told) = handling::take_up(ports, before, act, alerting).await;
    alerting.warn(told);
    handled
}

/// Who acts: named, or as the system knows them.
pub(super) fn operator(asked: &Operator) -> Result<String, Failure> {
    asked.by.clone().or_else(environment::user).ok_or_else(|| {
        Failure::new(ErrorKind::Usage, "the log names who did this, and this session has no user name", "add --by NAME")
    })
}
