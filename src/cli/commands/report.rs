//! `report`: a run as a page.

use super::audit;
use crate::cli::args::Report;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::store::{self, StorePath};
use crate::report::html::run_page;
use crate::report::{Mode, RunReport};

pub(in crate::cli) async fn report(asked: &Report, path: &StorePath, output: &Output) -> Result<u8, Failure> {
    let store = path.look_at_existing().await?;
    let record = store::find(&store, &asked.run).await?;
    let report = RunReport::of_record(Mode::Stored, &record).ok_or_else(|| store::without_plan(&record))?;
    let audit = audit::report(&store, record.run_id).await?;
    output.deliver(&run_page(&report, Some(&audit)), asked.out.as_deref())?;
    Ok(0)
}
