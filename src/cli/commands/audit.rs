//! `audit`: is the log of every change whole, and is it what the stored runs and orders say? Writes nothing.

use crate::application::audit::{published, report};
use crate::cli::args::Audit;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::store::{self, OpenStore, StorePath};
use crate::execution;
use crate::report::audit::SwitchReport;
use crate::report::document::{Document, ErrorKind};
use crate::report::text;

pub(in crate::cli) async fn audit(asked: &Audit, path: &StorePath, output: &Output) -> Result<u8, Failure> {
    let looked = path.look_at_existing().await?;
    let runs = match &asked.run {
        Some(name) => vec![store::find_item(&looked, name).await?.run_id],
        None => looked.store().all_runs().await?.into_iter().rev().map(|run| run.run_id).collect(),
    };
    let mut reports = Vec::new();
    for run in runs {
        reports.push(report(looked.store(), run).await?);
    }
    // Switches belong to no run.
    let switches = if asked.run.is_some() { Vec::new() } else { switches(&looked).await? };
    let is_whole = reports.iter().all(|run| run.is_whole) && switches.iter().all(|switch| switch.is_whole);
    let document = Document::Audit { runs: reports.clone(), switches: switches.clone() };
    output.say(&document, |canvas| text::audit(&reports, &switches, canvas))?;
    Ok(if is_whole { 0 } else { ErrorKind::NeedsAttention.exit_code() })
}

async fn switches(store: &OpenStore) -> Result<Vec<SwitchReport>, Failure> {
    let trails = execution::load_switch_trails(store.store()).await?;
    let report = |trail: execution::SwitchTrail| {
        let findings = trail.findings.into_iter().map(published).collect();
        SwitchReport::of(&trail.scope, trail.switch.as_ref(), &trail.entries, findings)
    };
    Ok(trails.into_iter().map(report).collect())
}
