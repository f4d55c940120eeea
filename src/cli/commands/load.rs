//! `load`: the files of cases as snapshots in the store, which the function plans from; and what is stored.

use std::path::Path;

use crate::adapters::clock::SystemClock;
use crate::adapters::dynamodb::DynamoStore;
use crate::adapters::snapshots::{
    AccountOutcome, LoadOutcome, LoadedAccount, LoadedInput, check_case, store_accounts, store_case,
};
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
        let (mut inputs, mut accounts) = (Vec::new(), Vec::new());
        let done = loading.case(folder, &mut inputs, &mut accounts).await;
        let error = done.err().map(|failure| {
            let failure = failure.about(&shown);
            output.tell(&failure);
            failure.report()
        });
        codes.push(error.as_ref().map_or(0, |error| error.exit_code));
        cases.push(LoadedCase {
            case: shown,
            portfolio: inputs.first().map(|input| input.snapshot.portfolio.to_string()),
            store: path.display(),
            stored: !inputs.is_empty() && !asked.check,
            inputs: inputs.iter().map(published).collect(),
            accounts: accounts.iter().map(published_account).collect(),
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
    /// Tells in the two lists what was done before anything failed.
    async fn case(
        &mut self,
        folder: &Path,
        inputs: &mut Vec<LoadedInput>,
        accounts: &mut Vec<LoadedAccount>,
    ) -> Result<(), Failure> {
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
            *inputs = check_case(self.store.as_ref().map(OpenStore::store), folder, now, tell).await?;
            return Ok(());
        }
        if self.store.is_none() && !self.path.exists() {
            check_case::<DynamoStore>(None, folder, now, tell).await?;
        }
        let store = match self.store.take() {
            Some(store) => store,
            None => self.path.open().await?,
        };
        let store = self.store.insert(store).store();
        *inputs = store_case(store, folder, now, tell).await?;
        *accounts = store_accounts(store, folder).await?;
        refusal(accounts)
    }
}

/// The files are stored all the same: only the balance is not what the case says.
fn refusal(accounts: &[LoadedAccount]) -> Result<(), Failure> {
    let refused = accounts.iter().filter_map(|loaded| match &loaded.outcome {
        AccountOutcome::Refused(why) => Some(format!("account {}: {why}", loaded.account)),
        _ => None,
    });
    let refused: Vec<String> = refused.collect();
    if refused.is_empty() { Ok(()) } else { Err(Failure::bad_input(refused.join("\n"), "")) }
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

fn published_account(loaded: &LoadedAccount) -> loading::LoadedAccount {
    let (outcome, refusal) = match &loaded.outcome {
        AccountOutcome::Opened => (loading::AccountOutcome::Opened, ""),
        AccountOutcome::Restated => (loading::AccountOutcome::Restated, ""),
        AccountOutcome::Unchanged => (loading::AccountOutcome::Unchanged, ""),
        AccountOutcome::Kept => (loading::AccountOutcome::Kept, ""),
        AccountOutcome::Refused(why) => (loading::AccountOutcome::Refused, why.as_str()),
    };
    let account = loaded.account.to_string();
    loading::LoadedAccount { account, observed_at: loaded.observed_at, outcome, refusal: refusal.to_owned() }
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
