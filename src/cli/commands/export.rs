//! `export`: a run for a spreadsheet, or what it was planned from for a batch.

use crate::cli::args::Export;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::store::{self, StorePath};
use crate::model::PlanningInput;
use crate::report::{Mode, RunReport, csv};

pub(in crate::cli) async fn export(asked: &Export, path: &StorePath, output: &Output) -> Result<u8, Failure> {
    let store = path.look_at_existing().await?;
    let record = store::find(&store, &asked.run).await?;
    if asked.input {
        let input = record.input.as_ref().ok_or_else(|| store::without_plan(&record))?;
        output.deliver(&input_line(input)?, asked.output.as_deref())?;
        return Ok(0);
    }
    let report = RunReport::of_record(Mode::Stored, &record).ok_or_else(|| store::without_plan(&record))?;
    let text = if asked.positions { csv::positions(&report) } else { csv::orders(&report) };
    let text = text.map_err(|error| Failure::unexpected(format!("the run has no CSV: {error}")))?;
    output.deliver(&text, asked.output.as_deref())?;
    Ok(0)
}

/// As `batch` reads it, and as it is stored.
pub(super) fn input_line(input: &PlanningInput) -> Result<String, Failure> {
    let line =
        serde_json::to_string(input).map_err(|error| Failure::unexpected(format!("an input has no JSON: {error}")))?;
    Ok(line + "\n")
}
