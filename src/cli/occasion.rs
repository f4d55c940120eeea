//! Case, account and time of one run, and what it would plan from.

use std::path::Path;

use jiff::Timestamp;

use super::args::Cases;
use super::failure::Failure;
use crate::adapters::embedded_store::EmbeddedStore;
use crate::adapters::files::Case;
use crate::adapters::paper_venue::PaperLedger;
use crate::execution::load_settlement;
use crate::model::{
    AccountId, AccountSnapshot, Flow, PlanningInput, PortfolioId, PortfolioState, RunIdentity, Trigger,
};
use crate::ports::store::{AccountKey, PortfolioKey};

/// One run that was asked for.
#[derive(Debug)]
pub(super) struct Occasion<'a> {
    pub(super) case: &'a Case,
    pub(super) account: AccountId,
    pub(super) identity: RunIdentity,
    pub(super) as_of: Timestamp,
    pub(super) flow: Flow,
}

/// Loads a case; the message names its folder.
pub(super) fn load_case(directory: &Path) -> Result<Case, Failure> {
    let shown = directory.display();
    if directory.is_file() {
        return Err(Failure::bad_input(format!("{shown} is a file"), "name the folder that holds case.toml"));
    }
    if !directory.join("case.toml").is_file() {
        return Err(Failure::bad_input(
            format!("{shown} has no case.toml"),
            "name a folder with a case.toml, such as fixtures/blue-chip",
        ));
    }
    Case::load(directory).map_err(|error| Failure::from(error).about(&shown.to_string()))
}

/// The occasions of one case: one per account.
pub(super) fn occasions<'a>(case: &'a Case, asked: &Cases) -> Result<Vec<Occasion<'a>>, Failure> {
    let shown = case.directory().display().to_string();
    let as_of = planning_time(case, asked).map_err(|failure| failure.about(&shown))?;
    let trigger = asked.label.clone().map_or(Trigger::Scheduled(as_of), Trigger::Manual);
    let accounts: Vec<AccountId> = match &asked.account {
        Some(account) => vec![account.clone()],
        None => case.accounts().cloned().collect(),
    };
    accounts
        .into_iter()
        .map(|account| {
            let identity = case.run_identity(&account, trigger.clone());
            let identity = identity.map_err(|error| Failure::from(error).about(&shown))?;
            let flow = asked.flow.clone().unwrap_or_else(|| case.flow());
            Ok(Occasion { case, account, identity, as_of, flow })
        })
        .collect()
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
        let (has, it) = if days.len() == 1 { ("1 day", "it is") } else { ("days", "the last is") };
        let has = if days.len() == 1 { has.to_owned() } else { format!("{} {has}", days.len()) };
        Failure::bad_input(
            format!("--day {number}: the case has {has}; {it} {last}"),
            format!("give a number from 1 to {}, or a time with --at", days.len()),
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
}

impl Earlier {
    pub(super) async fn read(store: &EmbeddedStore, occasion: &Occasion<'_>) -> Result<Self, Failure> {
        let store = store.store();
        let identity = &occasion.identity;
        let account = AccountKey::from(identity);
        let runs = store.all_runs().await?;
        let others = runs.into_iter().filter(|run| AccountKey::from(&run.identity) == account);
        let owner = others.map(|run| run.identity.portfolio).find(|portfolio| *portfolio != identity.portfolio);
        if owner.is_some() {
            return Ok(Self { owner, ..Self::default() });
        }
        let settled = load_settlement(store, &PortfolioKey::from(identity)).await?;
        let held = store.load_account(&identity.venue, &identity.venue_account).await?;
        let account = held.map(|held| AccountSnapshot {
            observed_at: occasion.as_of,
            cash_free: held.cash_free,
            cash_locked: held.cash_locked,
            holdings: held.holdings,
        });
        Ok(Self { account, state: settled.map(|settled| settled.state), owner: None })
    }
}

impl Occasion<'_> {
    /// For messages.
    pub(super) fn name(&self) -> String {
        let directory = self.case.directory().display();
        if self.case.accounts().count() > 1 {
            format!("{directory}, account {}", self.account)
        } else {
            directory.to_string()
        }
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
