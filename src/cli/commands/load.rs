//! `load`: the files of cases as snapshots in the store, which the function plans from; and what is stored.

use std::path::Path;

use crate::adapters::clock::SystemClock;
use crate::adapters::dynamodb::DynamoStore;
use crate::adapters::snapshots::{LoadOutcome, LoadedInput, check_case, store_case};
use crate::cli::args::Load;
use crate::cli::failure::{Failure, most_urgent};
use crate::cli::occasion::check_folder;
use crate::cli::output::Output;
use crate::cli::progress::Progress;
use crate::cli::store::{OpenStore, StorePath};
use crate::model::PortfolioId;
use crate::ports::Clock as _;
use crate::ports::snapshot::SnapshotStore as _;
use crate::report::document::Document;
use crate::report::loading::{self, LoadedCase, StoredSnapshots};
use crate::report::text;

pub(in crate::cli) async fn load(asked: &Load, path: &StorePath, output: &Output) -> Result<u8, Failure> {
    if let Some(portfolio) = &asked.list {
        return list(portfolio, path, output).await;
    }
    let mut loading = Loading { path, output, check: asked.check, store: None };
    let (mut cases, mut codes) = (Vec::new(), Vec::new());
    for folder in &asked.cases {
        let shown = folder.display().to_string();
        let (inputs, error) = match loading.case(folder).await {
            Ok(inputs) => (inputs, None),
            Err(failure) => {
                let failure = failure.about(&shown);
                output.tell(&failure);
                (Vec::new(), Some(failure.report()))
            }
        };
        codes.push(error.as_ref().map_or(0, |error| error.exit_code));
        cases.push(LoadedCase {
            case: shown,
            portfolio: inputs.first().map(|input| input.snapshot.portfolio.to_string()),
            store: path.display(),
            stored: error.is_none() && !asked.check,
            inputs: inputs.iter().map(published).collect(),
            error,
        });
    }
    if let Some(store) = loading.store {
        store.close().await;
    }
    output.say(&Document::LoadedCases { cases: cases.clone() }, |canvas| text::loaded_cases(&cases, canvas))?;
    Ok(most_urgent(codes))
}

/// Cases one after the other, into one store.
struct Loading<'a> {
    path: &'a StorePath,
    output: &'a Output,
    check: bool,
    /// Opened when it is needed: what is refused leaves no store behind.
    store: Option<OpenStore>,
}

impl Loading<'_> {
    async fn case(&mut self, folder: &Path) -> Result<Vec<LoadedInput>, Failure> {
        check_folder(folder)?;
        let shown = folder.display();
        let progress = Progress::start(!self.output.is_json(), format!("loading {shown}"));
        let tell = |what: String| progress.say(format!("loading {shown}: {what}"));
        let now = SystemClock.now();
        if self.check {
            let store = match self.store.take() {
                Some(store) => Some(store),
                None => self.path.look().await?,
            };
            self.store = store;
            return Ok(check_case(self.store.as_ref().map(OpenStore::store), folder, now, tell).await?);
        }
        if self.store.is_none() && !self.path.exists() {
            check_case::<DynamoStore>(None, folder, now, tell).await?;
        }
        let store = match self.store.take() {
            Some(store) => store,
            None => self.path.open().await?,
        };
        let stored = store_case(store.store(), folder, now, tell).await;
        self.store = Some(store);
        Ok(stored?)
    }
}

async fn list(portfolio: &PortfolioId, path: &StorePath, output: &Output) -> Result<u8, Failure> {
    let snapshots = match path.look().await? {
        Some(store) => store.store().list_snapshots(portfolio, None).await?,
        None => Vec::new(),
    };
    let stored = StoredSnapshots {
        portfolio: portfolio.to_string(),
        store: path.display(),
        snapshots: snapshots.iter().map(Into::into).collect(),
    };
    output.say(&Document::StoredSnapshots(stored.clone()), |canvas| text::stored_snapshots(&stored, canvas))?;
    Ok(0)
}

fn published(input: &LoadedInput) -> loading::LoadedInput {
    let outcome = match input.outcome {
        LoadOutcome::New => loading::LoadOutcome::New,
        LoadOutcome::Unchanged => loading::LoadOutcome::Unchanged,
        LoadOutcome::Replaced => loading::LoadOutcome::Replaced,
        LoadOutcome::Ended => loading::LoadOutcome::Ended,
    };
    loading::LoadedInput { outcome, snapshot: (&input.snapshot).into() }
}
