//! `export`: a run for a spreadsheet.

use crate::cli::args::Export;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::store::{self, StorePath};
use crate::report::{Mode, RunReport, csv};

pub(in crate::cli) async fn export(asked: &Export, path: &StorePath, output: &Output) -> Result<u8, Failure> {
    let store = path.look_at_existing().await?;
    let record = store::find(&store, &asked.run).await?;
    let report = RunReport::of_record(Mode::Stored, &record).ok_or_else(|| store::without_plan(&record))?;
    let text = if asked.positions { csv::positions(&report) } else { csv::orders(&report) };
    let text = text.map_err(|error| Failure::unexpected(format!("the run has no CSV: {error}")))?;
    output.deliver(&text, asked.output.as_deref())?;
    Ok(0)
}
