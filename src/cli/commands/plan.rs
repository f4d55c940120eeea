//! `plan`: the same planner as `run`, and nothing else. Writes nothing.

use super::Telling;
use crate::adapters::embedded_store::EmbeddedStore;
use crate::application::dry_run::dry_run;
use crate::application::occasion::{Earlier, Occasion};
use crate::application::telling::entry_of;
use crate::cli::args::Cases;
use crate::cli::failure::Failure;
use crate::cli::occasion::{earlier, occasions};
use crate::cli::output::Output;
use crate::cli::progress::Progress;
use crate::cli::store::StorePath;
use crate::report::RunReport;

pub(in crate::cli) async fn plan(asked: &Cases, path: &StorePath, output: &Output) -> Result<u8, Failure> {
    let store = path.look().await?;
    let mut telling = Telling::new(output, asked.brief);
    for occasion in occasions(asked) {
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

async fn shown(occasion: &Occasion, store: Option<&EmbeddedStore>, output: &Output) -> Result<RunReport, Failure> {
    let _progress = Progress::start(!output.is_json(), format!("planning {}", occasion.name()));
    let (earlier, owner) = match store {
        Some(store) => earlier(store, occasion).await?,
        None => (Earlier::default(), None),
    };
    let mut report = dry_run(occasion, earlier)?;
    report.notices.extend(owner.map(|owner| {
        format!(
            "planned from the case's own holdings: in this store the account {} holds the money of portfolio {owner}; a run of {} needs another account or store",
            occasion.account, occasion.identity.portfolio
        )
    }));
    Ok(report)
}
