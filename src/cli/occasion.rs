//! The occasions that were asked for: cases, accounts, a time.

use std::path::Path;
use std::rc::Rc;

use jiff::Timestamp;

use super::args::Cases;
use super::failure::Failure;
use super::store::OpenStore;
use crate::adapters::files::Case;
use crate::adapters::files::case::CASE_FILE;
use crate::adapters::snapshots;
use crate::application::occasion::{Earlier, Occasion};
use crate::application::paper;
use crate::model::{AccountId, PortfolioId, Trigger};
use crate::ports::outbox::OutboxLedger;
use crate::ports::snapshot::{SnapshotKind, SnapshotStore};
use crate::ports::store::AccountKey;
use crate::report::run::count;

/// Something that was asked for and cannot be: which case or account, and why.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) case: String,
    pub(super) account: String,
    pub(super) failure: Failure,
}

/// Everything that was asked for, in order: one occasion per case and account.
pub(super) fn occasions(asked: &Cases) -> Vec<Result<Occasion, Refused>> {
    asked.cases.iter().flat_map(|directory| of_case(directory, asked)).collect()
}

/// The same of portfolios whose files are in the store.
pub(super) async fn stored_occasions(asked: &Cases, store: &OpenStore) -> Vec<Result<Occasion, Refused>> {
    let mut occasions = Vec::new();
    for name in &asked.cases {
        let shown = name.display().to_string();
        let loaded = match stored_case(&shown, asked.at, store).await {
            Ok((as_of, case)) => of_loaded(&shown, as_of, case, asked, true),
            Err(failure) => vec![Err(refused(&shown, "", failure))],
        };
        occasions.extend(loaded);
    }
    occasions
}

async fn stored_case(name: &str, at: Option<Timestamp>, store: &OpenStore) -> Result<(Timestamp, Case), Failure> {
    let portfolio = PortfolioId::new(name).map_err(|error| {
        Failure::bad_input(format!("not the id of a portfolio: {}", error.fault), format!("use {}", error.expected))
    })?;
    let newest = store.store().latest_snapshot(&portfolio, SnapshotKind::Market, Timestamp::MAX).await?;
    let as_of = at.or_else(|| newest.map(|market| market.at)).unwrap_or(Timestamp::MAX);
    Ok((as_of, snapshots::load_case(store.store(), &portfolio, as_of).await?))
}

fn refused(shown: &str, account: &str, failure: Failure) -> Refused {
    Refused { case: shown.to_owned(), account: account.to_owned(), failure: failure.about(shown) }
}

fn of_case(directory: &Path, asked: &Cases) -> Vec<Result<Occasion, Refused>> {
    let shown = directory.display().to_string();
    match load_case(directory).and_then(|case| Ok((planning_time(&case, asked)?, case))) {
        Ok((as_of, case)) => of_loaded(&shown, as_of, case, asked, false),
        Err(failure) => vec![Err(refused(&shown, "", failure))],
    }
}

fn of_loaded(
    shown: &str,
    as_of: Timestamp,
    case: Case,
    asked: &Cases,
    from_store: bool,
) -> Vec<Result<Occasion, Refused>> {
    let case = Rc::new(case);
    let trigger = asked.label.clone().map_or(Trigger::Scheduled(as_of), Trigger::Manual);
    let accounts: Vec<AccountId> = match &asked.account {
        Some(account) => vec![account.clone()],
        None => case.accounts().cloned().collect(),
    };
    let flow = asked.flow.clone().unwrap_or_else(|| case.flow());
    accounts
        .into_iter()
        .map(|account| match case.run_identity(&account, trigger.clone()) {
            Ok(identity) => {
                let (case, source, flow) = (Rc::clone(&case), case.place(), flow.clone());
                Ok(Occasion { case, source, account, identity, as_of, flow, from_store })
            }
            Err(error) => Err(refused(shown, account.as_str(), error.into())),
        })
        .collect()
}

pub(super) fn load_case(directory: &Path) -> Result<Case, Failure> {
    check_folder(directory)?;
    Ok(Case::load(directory)?)
}

/// Is it a folder with a case? Who names something else by mistake is told so.
pub(super) fn check_folder(directory: &Path) -> Result<(), Failure> {
    if directory.is_file() {
        return Err(Failure::bad_input("this is a file", "name the folder that holds case.toml"));
    }
    if !directory.join(CASE_FILE).is_file() {
        let remedy = "name a folder with a case.toml, such as fixtures/blue-chip";
        return Err(Failure::bad_input("there is no case.toml", remedy));
    }
    Ok(())
}

fn planning_time(case: &Case, asked: &Cases) -> Result<Timestamp, Failure> {
    if let Some(at) = asked.at {
        return Ok(at);
    }
    let number = asked.day.unwrap_or(1);
    let days = case.days();
    let index = usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
    days.get(index).map(|day| day.at).ok_or_else(|| {
        let last = days.last().map_or_else(String::new, |day| day.at.to_string());
        let most = days.len();
        Failure::bad_input(
            format!("--day {number}: the case has {}; the last is {last}", count(most, "day")),
            format!("give a number from 1 to {most}, or a time with --at"),
        )
    })
}

/// What earlier runs left for this one on the paper venue, and the portfolio whose money the account holds if that is
/// another: then nothing of it is this one's.
pub(super) async fn earlier(store: &OpenStore, occasion: &Occasion) -> Result<(Earlier, Option<PortfolioId>), Failure> {
    let identity = &occasion.identity;
    let account = AccountKey::from(identity);
    let runs = store.store().all_runs().await?.into_iter();
    let on_account = runs.filter(|run| AccountKey::from(&run.identity) == account);
    let owner = on_account.map(|run| run.identity.portfolio).find(|portfolio| *portfolio != identity.portfolio);
    if owner.is_some() {
        return Ok((Earlier::default(), owner));
    }
    let mut account = paper::account(store.store(), occasion).await?;
    if account.is_none() && occasion.from_store {
        let stated = store.store().load_outbox_account(&identity.venue, &identity.venue_account).await?;
        account = stated.map(|stated| stated.balance());
    }
    Ok((Earlier::read(store.store(), occasion, account).await?, None))
}
