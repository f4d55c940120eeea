//! Case, account and time of one run, and what it would plan from.

use std::path::Path;
use std::rc::Rc;

use jiff::Timestamp;

use super::args::Cases;
use super::failure::Failure;
use super::store::OpenStore;
use crate::adapters::files::Case;
use crate::adapters::files::case::CASE_FILE;
use crate::adapters::paper_venue::PaperLedger;
use crate::adapters::snapshots;
use crate::execution::load_settlement;
use crate::model::{
    AccountId, AccountSnapshot, Flow, PlanningInput, PortfolioId, PortfolioState, RunIdentity, Trigger,
};
use crate::ports::outbox::OutboxLedger;
use crate::ports::snapshot::{SnapshotKind, SnapshotStore};
use crate::ports::store::{AccountKey, PortfolioKey};
use crate::report::published::RunState;
use crate::report::run::count;

/// One run that was asked for.
#[derive(Debug)]
pub(super) struct Occasion {
    pub(super) case: Rc<Case>,
    pub(super) account: AccountId,
    pub(super) identity: RunIdentity,
    pub(super) as_of: Timestamp,
    pub(super) flow: Flow,
    /// Its inputs are in the store, where a function plans from what is there, accounts included.
    pub(super) from_store: bool,
}

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
                Ok(Occasion { case: Rc::clone(&case), account, identity, as_of, flow: flow.clone(), from_store })
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

/// What earlier runs left for this one; nothing of it before the first.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    pub(super) account: Option<AccountSnapshot>,
    pub(super) state: Option<PortfolioState>,
    /// Another portfolio whose money the venue account holds.
    pub(super) owner: Option<PortfolioId>,
    /// Where this very run stands, if it is committed.
    pub(super) same_run: Option<RunState>,
}

impl Earlier {
    pub(super) async fn read(store: &OpenStore, occasion: &Occasion) -> Result<Self, Failure> {
        let store = store.store();
        let identity = &occasion.identity;
        let account = AccountKey::from(identity);
        let runs = store.all_runs().await?;
        let same_run = runs.iter().find(|run| run.identity == *identity && run.commitment.is_some());
        let same_run = same_run.map(|run| run.state.into());
        let on_account = runs.into_iter().filter(|run| AccountKey::from(&run.identity) == account);
        let owner = on_account.map(|run| run.identity.portfolio).find(|portfolio| *portfolio != identity.portfolio);
        if owner.is_some() {
            return Ok(Self { owner, ..Self::default() });
        }
        let settled = load_settlement(store, &PortfolioKey::from(identity)).await?;
        let held = store.load_account(&identity.venue, &identity.venue_account).await?;
        let mut account = held.map(|held| AccountSnapshot {
            observed_at: occasion.as_of,
            cash_free: held.cash_free,
            cash_locked: held.cash_locked,
            holdings: held.holdings,
        });
        if account.is_none() && occasion.from_store {
            let stated = store.load_outbox_account(&identity.venue, &identity.venue_account).await?;
            account = stated.map(|stated| stated.balance());
        }
        Ok(Self { account, state: settled.map(|settled| settled.state), owner: None, same_run })
    }
}

impl Occasion {
    /// The case as it was named.
    pub(super) fn directory(&self) -> String {
        self.case.place()
    }

    /// For messages.
    pub(super) fn name(&self) -> String {
        let directory = self.case.place();
        if self.case.accounts().count() > 1 { format!("{directory}, account {}", self.account) } else { directory }
    }

    pub(super) fn input(
        &self,
        account: Option<AccountSnapshot>,
        state: Option<PortfolioState>,
    ) -> Result<PlanningInput, crate::preparation::PreparationError> {
        let trigger = self.identity.trigger.clone();
        self.case.planning_input(&self.account, trigger, self.as_of, Some(self.flow.clone()), account, state)
    }
}
