//! `report`: a run, or a backtest from its JSON document, as a page.

use std::path::Path;

use serde::Deserialize;

use super::audit;
use crate::cli::args::Report;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::store::{self, StorePath};
use crate::preparation::reading::read_file;
use crate::report::html::{backtest_page, run_page};
use crate::report::{BacktestReport, Mode, RunReport};

pub(in crate::cli) async fn report(asked: &Report, path: &StorePath, output: &Output) -> Result<u8, Failure> {
    let file = Path::new(&asked.subject);
    let is_file = file.extension().is_some_and(|extension| extension == "json") || file.is_file();
    let page = if is_file { of_backtest(file)? } else { of_run(&asked.subject, path).await? };
    output.deliver(&page, asked.out.as_deref())?;
    Ok(0)
}

async fn of_run(name: &str, path: &StorePath) -> Result<String, Failure> {
    let store = path.look_at_existing().await?;
    let record = store::find(&store, name).await?;
    let report = RunReport::of_record(Mode::Stored, &record).ok_or_else(|| store::without_plan(&record))?;
    let audit = audit::report(&store, record.run_id).await?;
    Ok(run_page(&report, Some(&audit)))
}

/// The documents that have a page; another one is named by its schema.
#[derive(Deserialize)]
#[serde(tag = "schema")]
enum Readable {
    #[serde(rename = "rebalance/backtest/1")]
    Backtest(Box<BacktestReport>),
}

fn of_backtest(file: &Path) -> Result<String, Failure> {
    let bytes = read_file(file)?;
    let Readable::Backtest(report) = serde_json::from_slice(&bytes).map_err(|error| {
        Failure::bad_input(
            format!("{}: not a backtest's document: {error}", file.display()),
            "`rebalance backtest POLICY … --json FILE` writes one; a run is named by its id, or `last`",
        )
    })?;
    Ok(backtest_page(&report))
}
