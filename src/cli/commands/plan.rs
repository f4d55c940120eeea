//! `plan`: the same planner as `run`, and nothing else. Writes nothing.

use super::Telling;
use crate::cli::args::PlanCases;
use crate::cli::failure::Failure;
use crate::cli::occasion::{Earlier, Occasion, occasions, stored_occasions};
use crate::cli::output::Output;
use crate::cli::progress::Progress;
use crate::cli::store::{OpenStore, StorePath};
use crate::model::PortfolioId;
use crate::planning;
use crate::report::RunReport;
use crate::report::document::RunEntry;
use crate::report::published::RunState;

pub(in crate::cli) async fn plan(asked: &PlanCases, path: &StorePath, output: &Output) -> Result<u8, Failure> {
    let (store, found) = if asked.from_store {
        let store = path.look_at_existing().await?;
        let found = stored_occasions(&asked.cases, &store).await;
        (Some(store), found)
    } else {
        (path.look().await?, occasions(&asked.cases))
    };
    let mut telling = Telling::new(output, asked.cases.brief);
    for occasion in found {
        let occasion = match occasion {
            Ok(occasion) => occasion,
            Err(refused) => {
                telling.refused(refused)?;
                continue;
            }
        };
        match dry_run(&occasion, store.as_ref(), output).await {
            Ok(run) => {
                let (case, account) = (occasion.directory(), occasion.account.to_string());
                let entry = RunEntry { case, account, new_orders: 0, run: Some(Box::new(run)), error: None };
                telling.entry(entry, 0)?;
            }
            Err(failure) => telling.failed(&occasion, failure)?,
        }
    }
    telling.end()
}

async fn dry_run(occasion: &Occasion, store: Option<&OpenStore>, output: &Output) -> Result<RunReport, Failure> {
    let _progress = Progress::start(!output.is_json(), format!("planning {}", occasion.name()));
    let earlier = match store {
        Some(store) => Earlier::read(store, occasion).await?,
        None => Earlier::default(),
    };
    let input = occasion.input(earlier.account, earlier.state)?;
    let plan = planning::plan(&input)?;
    let mut report = RunReport::dry_run(&plan, &input);
    report.notices.extend(remark(occasion, earlier.owner.as_ref(), earlier.same_run));
    Ok(report)
}

/// Where `run` would not do what the dry run shows.
fn remark(occasion: &Occasion, owner: Option<&PortfolioId>, same_run: Option<RunState>) -> Option<String> {
    if let Some(owner) = owner {
        return Some(format!(
            "planned from the case's own holdings: in this store the account {} holds the money of portfolio {owner}; a run of {} needs another account or store",
            occasion.account, occasion.identity.portfolio
        ));
    }
    same_run.map(|state| {
        format!("this run is {state} in the store: `rebalance run` tells its stored result and does not plan again")
    })
}
