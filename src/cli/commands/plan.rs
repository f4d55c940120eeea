//! `plan`: the same planner as `run`, and nothing else. Writes nothing.

use super::Telling;
use super::export::input_line;
use crate::application::dry_run::dry_run;
use crate::application::occasion::{Earlier, Occasion};
use crate::application::telling::entry_of;
use crate::cli::args::PlanCases;
use crate::cli::failure::{Failure, most_urgent};
use crate::cli::occasion::{Refused, earlier, occasions, stored_occasions};
use crate::cli::output::Output;
use crate::cli::progress::Progress;
use crate::cli::store::{OpenStore, StorePath};
use crate::model::PortfolioId;
use crate::report::RunReport;

pub(in crate::cli) async fn plan(asked: &PlanCases, path: &StorePath, output: &Output) -> Result<u8, Failure> {
    let (store, found) = if asked.from_store {
        let store = path.look_at_existing().await?;
        let found = stored_occasions(&asked.cases, &store).await;
        (Some(store), found)
    } else {
        (path.look().await?, occasions(&asked.cases))
    };
    if asked.input {
        return inputs(found, store.as_ref(), output).await;
    }
    let mut telling = Telling::new(output, asked.cases.brief);
    for occasion in found {
        let occasion = match occasion {
            Ok(occasion) => occasion,
            Err(refused) => {
                telling.refused(refused)?;
                continue;
            }
        };
        match shown(&occasion, store.as_ref(), output).await {
            Ok(run) => telling.entry(entry_of(&occasion.named(), Ok(run), 0), 0)?,
            Err(failure) => telling.failed(&occasion, failure)?,
        }
    }
    telling.end()
}

/// What the plans would be made from: a line each, and nothing besides on standard output.
async fn inputs(
    found: Vec<Result<Occasion, Refused>>,
    store: Option<&OpenStore>,
    output: &Output,
) -> Result<u8, Failure> {
    let mut codes = Vec::new();
    for occasion in found {
        let line = match &occasion {
            Ok(occasion) => input_of(occasion, store).await.map_err(|failure| failure.about(&occasion.name())),
            Err(refused) => Err(refused.failure.clone()),
        };
        match line {
            Ok(line) => output.raw(&line)?,
            Err(failure) => {
                output.tell(&failure);
                codes.push(failure.kind.exit_code());
            }
        }
    }
    Ok(most_urgent(codes))
}

async fn input_of(occasion: &Occasion, store: Option<&OpenStore>) -> Result<String, Failure> {
    let (earlier, _) = left_for(occasion, store).await?;
    input_line(&occasion.input(earlier.account, earlier.state)?)
}

/// What earlier runs left, and whose money the account holds where it is another portfolio's.
async fn left_for(occasion: &Occasion, store: Option<&OpenStore>) -> Result<(Earlier, Option<PortfolioId>), Failure> {
    match store {
        Some(store) => earlier(store, occasion).await,
        None => Ok((Earlier::default(), None)),
    }
}

async fn shown(occasion: &Occasion, store: Option<&OpenStore>, output: &Output) -> Result<RunReport, Failure> {
    let _progress = Progress::start(!output.is_json(), format!("planning {}", occasion.name()));
    let (earlier, owner) = left_for(occasion, store).await?;
    let mut report = dry_run(occasion, earlier)?;
    report.notices.extend(owner.map(|owner| {
        format!(
            "planned from the case's own holdings: in this store the account {} holds the money of portfolio {owner}; a run of {} needs another account or store",
            occasion.account, occasion.identity.portfolio
        )
    }));
    Ok(report)
}
