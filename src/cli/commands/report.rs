//! `report`: a run, or a backtest or a study from its JSON document, as a page.

use std::path::Path;

use crate::application::pages;
use crate::cli::args::Report;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::store::{self, StorePath};
use crate::preparation::reading::read_file_up_to;
use crate::preparation::{BadInput, PreparationError};
use crate::report::backtest::reading::{self, Fault, MAX_DOCUMENT_SIZE, Readable};
use crate::report::html::{backtest_page, study_page};

const REMEDY: &str =
    "give a file that `rebalance backtest POLICY … --json FILE` wrote; a run is named by its id, or `last`";

pub(in crate::cli) async fn report(asked: &Report, path: &StorePath, output: &Output) -> Result<u8, Failure> {
    let file = Path::new(&asked.subject);
    let is_file = file.extension().is_some_and(|extension| extension == "json") || file.is_file();
    let page = if is_file { of_document(file)? } else { of_run(&asked.subject, path).await? };
    output.deliver(&page, asked.out.as_deref())?;
    Ok(0)
}

async fn of_run(name: &str, path: &StorePath) -> Result<String, Failure> {
    let store = path.look_at_existing().await?;
    let record = store::find(&store, name).await?;
    pages::page_of(store.store(), &record).await?.ok_or_else(|| store::without_plan(&record))
}

fn of_document(file: &Path) -> Result<String, Failure> {
    let bytes = read_file_up_to(file, MAX_DOCUMENT_SIZE)?;
    let read = reading::read(&bytes).map_err(|Fault { field, problem }| {
        PreparationError::from(BadInput::new(&file.display().to_string(), field, "", problem, REMEDY))
    })?;
    Ok(match read {
        Readable::Backtest(report) => backtest_page(&report),
        Readable::Study(study) => study_page(&study),
    })
}
