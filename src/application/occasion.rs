//! Case, account and time of one run, and what it would plan from.

use std::rc::Rc;

use jiff::Timestamp;

use super::failure::Failure;
use super::telling::Named;
use crate::adapters::files::Case;
use crate::execution::load_settlement;
use crate::model::{AccountId, AccountSnapshot, Flow, PlanningInput, PortfolioState, RunIdentity};
use crate::planning::idempotency::run_id;
use crate::ports::RunStore;
use crate::ports::store::PortfolioKey;
use crate::preparation::PreparationError;
use crate::report::published::RunState;

/// One run that was asked for.
#[derive(Debug)]
pub struct Occasion {
    pub case: Rc<Case>,
    /// Where the case is from, as it was named: a folder, or a portfolio of a store.
    pub source: String,
    pub account: AccountId,
    pub identity: RunIdentity,
    /// The time that is planned as of.
    pub as_of: Timestamp,
    pub flow: Flow,
    /// Its inputs are in the store, where a function plans from what is there, accounts included.
    pub from_store: bool,
}

impl Occasion {
    /// For messages.
    #[must_use]
    pub fn name(&self) -> String {
        if self.case.accounts().count() > 1 {
            format!("{}, account {}", self.source, self.account)
        } else {
            self.source.clone()
        }
    }

    /// As its entry in a document calls it.
    #[must_use]
    pub fn named(&self) -> Named {
        Named { source: self.source.clone(), account: self.account.clone() }
    }

    /// The validated planning input; account and state are the case's own where they are absent.
    ///
    /// # Errors
    /// When an input is missing, malformed or held back by a guard.
    pub fn input(
        &self,
        account: Option<AccountSnapshot>,
        state: Option<PortfolioState>,
    ) -> Result<PlanningInput, PreparationError> {
        let trigger = self.identity.trigger.clone();
        self.case.planning_input(&self.account, trigger, self.as_of, Some(self.flow.clone()), account, state)
    }
}

/// What earlier runs left for this one; nothing of it before the first.
#[derive(Debug, Default)]
pub struct Earlier {
    pub account: Option<AccountSnapshot>,
    pub state: Option<PortfolioState>,
    /// Where this very run stands, if it is committed.
    pub same_run: Option<RunState>,
}

impl Earlier {
    /// `account`: the venue's, where there is one.
    ///
    /// # Errors
    /// When the store does not answer, or what is stored cannot be read.
    pub async fn read<S: RunStore>(
        store: &S,
        occasion: &Occasion,
        account: Option<AccountSnapshot>,
    ) -> Result<Self, Failure> {
        let identity = &occasion.identity;
        let same_run = store.load_run(run_id(identity)).await?.filter(|run| run.commitment.is_some());
        let settled = load_settlement(store, &PortfolioKey::from(identity)).await?;
        let state = settled.map(|settled| settled.state);
        Ok(Self { account, state, same_run: same_run.map(|run| run.state.into()) })
    }
}
