//! `plan`: the same planner as `run`, and nothing else. Writes nothing.

use super::Telling;
use crate::adapters::embedded_store::EmbeddedStore;
use crate::cli::args::Cases;
use crate::cli::failure::Failure;
use crate::cli::occasion::{Earlier, Occasion, load_case, occasions};
use crate::cli::output::Output;
use crate::cli::progress::Progress;
use crate::cli::store::StorePath;
use crate::planning;
use crate::report::RunReport;
use crate::report::document::RunEntry;

pub(in crate::cli) async fn plan(asked: &Cases, store: &StorePath, output: &Output) -> Result<u8, Failure> {
    let store = store.look().await?;
    let mut telling = Telling::new(output, asked.brief);
    for directory in &asked.cases {
        let case = match load_case(directory) {
            Ok(case) => case,
            Err(failure) => {
                telling.failure(directory.display().to_string(), String::new(), &failure)?;
                continue;
            }
        };
        let occasions = match occasions(&case, asked) {
            Ok(occasions) => occasions,
            Err(failure) => {
                telling.failure(directory.display().to_string(), String::new(), &failure)?;
                continue;
            }
        };
        for occasion in occasions {
            let case = directory.display().to_string();
            match dry_run(&occasion, store.as_ref(), output).await {
                Ok(run) => {
                    let account = occasion.account.to_string();
                    telling
                        .entry(RunEntry { case, account, new_orders: 0, run: Some(Box::new(run)), error: None }, 0)?;
                }
                Err(failure) => {
                    telling.failure(case, occasion.account.to_string(), &failure.about(&occasion.name()))?;
                }
            }
        }
    }
    telling.end("planned")
}

async fn dry_run(
    occasion: &Occasion<'_>,
    store: Option<&EmbeddedStore>,
    output: &Output,
) -> Result<RunReport, Failure> {
    let _progress = Progress::start(!output.is_json(), format!("planning {}", occasion.name()));
    let earlier = match store {
        Some(store) => Earlier::read(store, occasion).await?,
        None => Earlier::default(),
    };
    let input = occasion.input(earlier.account, earlier.state)?;
    let plan = planning::plan(&input)?;
    let mut report = RunReport::dry_run(&plan, &input);
    if let Some(owner) = earlier.owner {
        report.notices.push(format!(
            "account {} holds the money of portfolio {owner} in this store: a run of {} needs another account or store; planned from the case's own holdings",
            occasion.account, occasion.identity.portfolio
        ));
    }
    Ok(report)
}
