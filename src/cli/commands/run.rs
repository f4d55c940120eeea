//! `run`: claim, plan, commit, emit, settle on the paper venue. `propose`: the same up to the commit.
//!
//! A run that could not be planned is refused before anything is claimed: a person at a terminal mends the file and
//! runs again. (A schedule has nobody to do so; there the claim comes first and the run ends as aborted.)

use super::Telling;
use crate::adapters::clock::{CaseClock, claim_token};
use crate::application::alerting::with_alerts;
use crate::application::occasion::Occasion;
use crate::application::paper;
use crate::application::run::{Attempted, Stopped, run as run_occasion};
use crate::application::telling::entry;
use crate::cli::alerting::Alerting;
use crate::cli::args::RunCases;
use crate::cli::failure::Failure;
use crate::cli::occasion::{earlier, occasions};
use crate::cli::output::Output;
use crate::cli::progress::Progress;
use crate::cli::store::{OpenStore, StorePath};
use crate::execution::{Intent, Ports, Settings, gate};
use crate::model::{Environment, PlanningInput, Rate};
use crate::planning::idempotency::run_id;
use crate::planning::plan;
use crate::report::document::ErrorKind;

pub(in crate::cli) async fn run(
    asked: &RunCases,
    intent: &Intent,
    path: &StorePath,
    output: &Output,
) -> Result<u8, Failure> {
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
        let work = Box::pin(work(&occasion, intent, &opened, path, asked.paper_depth, output));
        let policy = occasion.case.policy().alerts.as_ref();
        let (attempted, told) = with_alerts(opened.store(), &alerting, &occasion.identity, policy, work).await;
        alerting.warn(told);
        store = Some(opened);
        match attempted.answer.map_err(Failure::from).and_then(|outcome| entry(&outcome, &occasion.named())) {
            Ok((entry, kind)) => telling.entry(entry, kind.map_or(0, ErrorKind::exit_code))?,
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

#[cfg_attr(
    not(feature = "rehearsal"),
    expect(unused_variables, reason = "where the store is says as well whether this is a rehearsal")
)]
async fn work(
    occasion: &Occasion,
    intent: &Intent,
    store: &OpenStore,
    path: &StorePath,
    depth: Option<Rate>,
    output: &Output,
) -> Attempted {
    #[cfg(feature = "rehearsal")]
    if let Some(rehearsal) = path.rehearsal() {
        return rehearse(occasion, intent, store, rehearsal).await.unwrap_or_else(Attempted::from);
    }
    execute(occasion, intent, store, depth, output).await.unwrap_or_else(Attempted::from)
}

async fn execute(
    occasion: &Occasion,
    intent: &Intent,
    store: &OpenStore,
    depth: Option<Rate>,
    output: &Output,
) -> Result<Attempted, Stopped> {
    let _progress = Progress::start(!output.is_json(), format!("rebalancing {}", occasion.name()));
    let input = known_input(occasion, store).await?;
    let clock = CaseClock::starting_at(occasion.as_of);
    let book = paper::book_of(Some(&input), depth);
    let venue = paper::venue(store.store(), &clock, occasion, book).await?;
    let ports = Ports { store: store.store(), venue: &venue, clock: &clock, settings: &Settings::default() };
    Ok(run_occasion(occasion, intent.clone(), claim_token(), &ports).await)
}

/// At the rehearsal's venue and in its time, which is the real one: every worker of a run has the same.
#[cfg(feature = "rehearsal")]
async fn rehearse(
    occasion: &Occasion,
    intent: &Intent,
    store: &OpenStore,
    rehearsal: &crate::cli::rehearsal::Rehearsal,
) -> Result<Attempted, Stopped> {
    known_input(occasion, store).await?;
    let (venue, settings) = (rehearsal.venue(&occasion.identity.venue), rehearsal.settings());
    let clock = crate::adapters::clock::SystemClock;
    let ports = Ports { store: store.store(), venue: &venue, clock: &clock, settings: &settings };
    Ok(run_occasion(occasion, intent.clone(), claim_token(), &ports).await)
}

/// The input whose prices and rules the paper venue trades by: the stored one of a run that is committed, else the
/// one that would be planned from. That one is planned as a trial, and the kill switch read, so that nothing is
/// claimed in vain.
async fn known_input(occasion: &Occasion, store: &OpenStore) -> Result<PlanningInput, Stopped> {
    if let Some(input) = paper::stored_input(store.store(), run_id(&occasion.identity)).await? {
        return Ok(input);
    }
    let (earlier, owner) = earlier(store, occasion).await?;
    if let Some(owner) = owner {
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
