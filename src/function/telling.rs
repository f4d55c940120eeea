//! Alerts, and pages of runs. They come last, after metrics and lines, and take only the time that is left: whatever goes
//! wrong with them is a line of the log and changes no run and no answer.

use std::time::Duration;

use jiff::SignedDuration;

use super::clients::Senders;
use super::handler::{Function, Invocation};
use super::log::{Level, Subject};
use super::metrics::{Metric, Metrics, count_one};
use crate::adapters::clock::SystemClock;
use crate::adapters::dynamodb::DynamoStore;
use crate::adapters::s3::S3Pages;
use crate::alerts::Told;
use crate::application::alerting::warnings;
use crate::application::pages::WithPages;
use crate::ports::Clock as _;

/// So long before Lambda's own deadline the last message is given up: enough for the answer.
const LAST_MS: i64 = 1_000;

/// What lines of it are found by.
const UNTOLD: &str = "an alert was not told";

/// Alerts, each with its run's page.
pub(super) type Telling<'a> = WithPages<'a, DynamoStore, S3Pages, Senders>;

impl Function {
    /// Tells what there is to tell, and keeps the pages of the runs that it was about.
    pub(super) async fn tell(
        &self,
        subject: &Subject,
        invocation: &Invocation,
        telling: impl AsyncFnOnce(&Telling<'_>) -> Vec<Told>,
    ) {
        // For one invocation: each page is written once in it.
        let notifier = WithPages::new(&self.clients.store, self.clients.pages.as_ref(), &self.clients.notifier);
        let telling = Box::pin(async {
            let told = telling(&notifier).await;
            keep_pages(&notifier, &told, subject).await;
            for told in &told {
                say_untold(told, subject);
            }
        });
        let Some(left) = time_left(invocation) else { return telling.await };
        if tokio::time::timeout(left, telling).await.is_err() {
            count_one(Metric::AlertsFailed, subject);
            subject.line(Level::Warn, UNTOLD).field("problem", "no time to tell and to keep everything").write();
        }
    }
}

/// Nobody hears of an event that was not told, so it is counted: the channel that failed cannot say so itself.
fn say_untold(told: &Told, subject: &Subject) {
    let (warnings, subject) = (warnings(told), subject.of_run_id(told.run_id));
    if !warnings.is_empty() {
        let mut metrics = Metrics::default();
        metrics.whole(Metric::AlertsFailed, warnings.len());
        metrics.write(&subject);
    }
    for warning in warnings {
        subject.line(Level::Warn, UNTOLD).field("problem", warning).write();
    }
}

/// `None`: nobody ends the invocation.
fn time_left(invocation: &Invocation) -> Option<Duration> {
    let left = invocation.deadline?.duration_since(SystemClock.now()) - SignedDuration::from_millis(LAST_MS);
    Some(Duration::try_from(left).unwrap_or_default())
}

/// The pages of all runs that there may be something to tell of, whether or not somebody wanted to be told.
async fn keep_pages(pages: &Telling<'_>, told: &[Told], subject: &Subject) {
    for told in told {
        if let Some(Err(problem)) = pages.keep(told.run_id).await {
            let subject = subject.of_run_id(told.run_id);
            count_one(Metric::PagesFailed, &subject);
            subject.line(Level::Warn, "the run's page was not written").field("problem", problem).write();
        }
    }
}
