//! `approve`: send exactly the plan that was proposed.

use super::Telling;
use crate::adapters::clock::{CaseClock, claim_token};
use crate::adapters::dynamodb::DynamoStore;
use crate::application::alerting::with_alerts;
use crate::application::handling::load;
use crate::application::paper;
use crate::application::run::{Attempted, Stopped, resume};
use crate::application::telling::{Named, entry};
use crate::cli::alerting::Alerting;
use crate::cli::args::Approve;
use crate::cli::failure::Failure;
use crate::cli::handling::{operator, own_time, refuse_live};
use crate::cli::output::Output;
use crate::cli::store::{self, StorePath};
use crate::execution::{Intent, Ports, Settings};
use crate::ports::store::RunItem;
use crate::report::document::ErrorKind;

pub(in crate::cli) async fn approve(asked: &Approve, path: &StorePath, output: &Output) -> Result<u8, Failure> {
    path.must_be_embedded()?;
    let intent = Intent::Approve { plan_digest: asked.plan.clone(), operator: operator(&asked.operator)? };
    let found = store::find(&path.look_at_existing().await?, &asked.run).await?.run_id;
    let alerting = Alerting::new(asked.alerts.send_alerts);
    let mut telling = Telling::new(output, false);
    let opened = path.open().await?;
    let run = load(opened.store(), found).await?;
    let work = Box::pin(async { work(&run, intent, asked, opened.store()).await.unwrap_or_else(Attempted::from) });
    let (attempted, told) = with_alerts(opened.store(), &alerting, &run.identity, None, work).await;
    alerting.warn(told);
    opened.close().await;
    let named = Named { source: format!("run {found}"), account: run.identity.venue_account.clone() };
    match attempted.answer.map_err(Failure::from).and_then(|outcome| entry(&outcome, &named)) {
        Ok((entry, kind)) => telling.entry(entry, kind.map_or(0, ErrorKind::exit_code))?,
        Err(failure) => return Err(failure),
    }
    telling.end()
}

async fn work(run: &RunItem, intent: Intent, asked: &Approve, store: &DynamoStore) -> Result<Attempted, Stopped> {
    refuse_live(run)?;
    let clock = CaseClock::starting_at(asked.time.at.unwrap_or_else(|| own_time(run)));
    let input = paper::stored_input(store, run.run_id).await?;
    let venue = paper::venue_of_run(store, &clock, run, paper::book_of(input.as_ref(), asked.paper_depth));
    let ports = Ports { store, venue: &venue, clock: &clock, settings: &Settings::default() };
    Ok(resume(run, None, intent, claim_token(), &ports).await)
}
