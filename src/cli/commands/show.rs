//! `show`: a stored run in full.

use crate::cli::args::Show;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::store::{self, StorePath};
use crate::report::document::{Document, RunWithoutPlan};
use crate::report::published::RunState;
use crate::report::text;
use crate::report::{Mode, RunReport};

pub(in crate::cli) async fn show(asked: &Show, path: &StorePath, output: &Output) -> Result<u8, Failure> {
    let store = path.look_at_existing().await?;
    let record = store::find(&store, &asked.run).await?;
    if let Some(report) = RunReport::of_record(Mode::Stored, &record) {
        output.say(&Document::Run(Box::new(report.clone())), |canvas| text::run_report(&report, canvas))?;
        return Ok(0);
    }
    let state = RunState::from(record.state);
    let document = RunWithoutPlan { run_id: record.run_id, state, reason: record.reason.clone() };
    output.say(&Document::RunWithoutPlan(document), |_| {
        let reason = if record.reason.is_empty() { "it has no plan yet" } else { record.reason.as_str() };
        format!("run {} is {state}: {reason}\n", record.run_id)
    })?;
    Ok(0)
}
