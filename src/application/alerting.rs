//! What there is to tell people after a run was worked on. Whatever goes wrong here is a warning and changes no run.

use super::run::Attempted;
use crate::adapters::clock::SystemClock;
use crate::alerts::{Delivery, Outcome, Seen, Told, holder, tell_run};
use crate::model::RunIdentity;
use crate::model::alert::AlertPolicy;
use crate::ports::RunStore;
use crate::ports::alert::{AlertLog, Notifier};
use crate::ports::counter::Counters;

/// Works on a run and tells what came of it: its own alerts, and those of runs that held the account before, which may
/// have been finished first. Answers with what was told as well. `policy`: the one that a run without a plan was to
/// follow, where that is known. `work` is best boxed: it is a large future.
pub async fn with_alerts<S, N>(
    store: &S,
    notifier: &N,
    run: &RunIdentity,
    policy: Option<&AlertPolicy>,
    work: impl Future<Output = Attempted>,
) -> (Attempted, Vec<Told>)
where
    S: RunStore + AlertLog + Counters,
    N: Notifier,
{
    let holder = earlier_holder(store, run).await;
    let attempted = work.await;
    let told = tell(store, notifier, run, holder.as_ref(), policy, &attempted).await;
    (attempted, told)
}

/// Whose alerts there may be besides the run's own: asked before it is worked on, told with them afterwards.
pub async fn earlier_holder<S: RunStore>(store: &S, run: &RunIdentity) -> Option<RunIdentity> {
    holder(store, run).await.unwrap_or_default()
}

/// Tells what came of a run that was worked on, and of the one that held its account before; see [`with_alerts`].
pub async fn tell<S, N>(
    store: &S,
    notifier: &N,
    run: &RunIdentity,
    earlier: Option<&RunIdentity>,
    policy: Option<&AlertPolicy>,
    attempted: &Attempted,
) -> Vec<Told>
where
    S: RunStore + AlertLog + Counters,
    N: Notifier,
{
    let mut told = Vec::new();
    if let Some(earlier) = earlier {
        told.push(tell_run(earlier, None, Seen::Nothing, store, notifier, &SystemClock).await);
    }
    if let Some(seen) = attempted.seen() {
        told.push(tell_run(run, policy, seen, store, notifier, &SystemClock).await);
    }
    told
}

/// What a person should hear of alerts of a run that were not told, one sentence each.
#[must_use]
pub fn warnings(told: &Told) -> Vec<String> {
    let unsent = told.deliveries.iter().filter_map(|delivery| {
        let why = unsent(delivery)?;
        Some(format!("the alert {} for {} was not sent: {why}", delivery.event, delivery.channel))
    });
    told.problems.iter().cloned().chain(unsent).collect()
}

fn unsent(delivery: &Delivery) -> Option<&str> {
    match &delivery.outcome {
        Outcome::Sent | Outcome::AlreadyTold => None,
        Outcome::Suppressed => Some("its channel has had all messages of this hour; run again later"),
        Outcome::NoTime => Some("the others took too long; run again"),
        Outcome::Failed(why) => Some(why),
    }
}
