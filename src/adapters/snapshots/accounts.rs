//! What accounts held, as a case states it, for the outbox: the venue whose accounts stand in the table.

use std::path::Path;

use jiff::Timestamp;

use crate::adapters::files::Case;
use crate::adapters::outbox::statement::state_account;
use crate::model::AccountId;
use crate::ports::outbox::{OutboxLedger, Stated};
use crate::preparation::PreparationError;

/// One account of a case, and what became of its statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedAccount {
    pub account: AccountId,
    /// Of the balance that now stands; where it was refused, of the one that was stated.
    pub observed_at: Timestamp,
    pub outcome: AccountOutcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountOutcome {
    /// The account is new in the table and holds what the case says.
    Opened,
    /// The case says when the account held this, and that is newer than what stood.
    Restated,
    /// It is the statement that stands; what was filled since stands too.
    Unchanged,
    /// There is a balance, and the case does not say when its own was so: that may be long ago.
    Kept,
    /// Why, and what to do.
    Refused(String),
}

/// States every account of the case. One that is in the table already is only restated where `case.toml` says when
/// its cash and holdings were so: what a case opened with must never undo what was filled since.
///
/// # Errors
/// When the case is refused, or the store does not answer. A statement that is refused is an outcome.
pub async fn store_accounts<L: OutboxLedger>(
    ledger: &L,
    folder: &Path,
) -> Result<Vec<LoadedAccount>, PreparationError> {
    let case = Case::load(folder)?;
    let begin = case.days().first().map_or(Timestamp::MIN, |day| day.at);
    let mut loaded = Vec::new();
    for account in case.accounts() {
        let statement = case.opening_account(account, begin)?;
        let stored = ledger.load_outbox_account(case.venue(), account).await?;
        let stands = stored.filter(|_| !case.says_when_observed(account));
        let (observed_at, outcome) = if let Some(stored) = stands {
            (stored.observed_at, AccountOutcome::Kept)
        } else {
            let stated = state_account(ledger, case.venue(), account, &statement).await?;
            (statement.observed_at, of_statement(&stated))
        };
        loaded.push(LoadedAccount { account: account.clone(), observed_at, outcome });
    }
    Ok(loaded)
}

fn of_statement(stated: &Stated) -> AccountOutcome {
    match stated {
        Stated::Opened => AccountOutcome::Opened,
        Stated::Replaced => AccountOutcome::Restated,
        Stated::Unchanged => AccountOutcome::Unchanged,
        Stated::Older { .. } | Stated::Contradicts { .. } | Stated::OrdersOpen { .. } => {
            AccountOutcome::Refused(stated.refusal().unwrap_or_default())
        }
    }
}
