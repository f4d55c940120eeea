//! Cash belongs to one portfolio: two that plan from the same account's balance would each spend all of it.
//!
//! The first run on an account registers its portfolio, before it is claimed and without looking through all runs, which the
//! function may not do. Another portfolio is refused from then on, unless nothing came of the first: it left no
//! settlement there, no run holds the account, and [`UNCLAIMED`] is over, so that no run is between its registration and
//! its claim. What ran before there were registrations is not known here; `rebalance run` looks through all runs besides.

use jiff::{SignedDuration, Timestamp};

use super::failure::Failure;
use super::run::Stopped;
use crate::execution::ExecutionError;
use crate::model::{PortfolioId, RunIdentity};
use crate::ports::ownership::{AccountOwners, OwnerItem};
use crate::ports::store::{AccountKey, ITEM_SCHEMA, PortfolioKey, RunStore, StoreError, Written};

/// Longer than any invocation lasts, after a registration has been renewed for the last time.
const UNCLAIMED: SignedDuration = SignedDuration::from_hours(1);
/// A registration that is older is renewed. What is left of [`UNCLAIMED`] is longer than any invocation lasts, too.
const RENEWED: SignedDuration = SignedDuration::from_mins(30);
/// So often a registration is tried anew because another came first.
const MOST_TRIES: u32 = 4;

/// The other portfolio whose cash the account holds, if it is another's.
///
/// # Errors
/// When the store does not answer.
pub async fn other_owner<S: AccountOwners>(store: &S, run: &RunIdentity) -> Result<Option<PortfolioId>, StoreError> {
    let owner = store.load_owner(&AccountKey::from(run)).await?;
    Ok(owner.map(|owner| owner.portfolio).filter(|portfolio| *portfolio != run.portfolio))
}

/// Registers the run's portfolio as the one whose cash its account holds. `now`: the real time.
///
/// # Errors
/// When it is another's, or the store does not answer.
pub async fn register<S>(store: &S, run: &RunIdentity, now: Timestamp) -> Result<(), Stopped>
where
    S: RunStore + AccountOwners,
{
    let account = AccountKey::from(run);
    let own = OwnerItem { schema: ITEM_SCHEMA, account, portfolio: run.portfolio.clone(), since: now };
    for _ in 0..MOST_TRIES {
        let known = store.load_owner(&own.account).await.map_err(ExecutionError::from)?;
        match &known {
            // Renewed as long as nothing has come of it: another portfolio must not take over while this run begins.
            Some(owner) if owner.portfolio == own.portfolio => {
                let is_fresh = now.duration_since(owner.since) < RENEWED;
                if is_fresh || has_settled(store, owner).await.map_err(ExecutionError::from)? {
                    return Ok(());
                }
            }
            Some(owner) if !came_to_nothing(store, owner, now).await.map_err(ExecutionError::from)? => {
                return Err(Stopped::Otherwise(refused(run, &owner.portfolio)));
            }
            _ => {}
        }
        if store.put_owner(known.as_ref(), &own).await.map_err(ExecutionError::from)? == Written::Done {
            return Ok(());
        }
    }
    let (step, cause) = ("recording whose an account is", format!("another came first {MOST_TRIES} times"));
    Err(ExecutionError::from(StoreError::Unavailable { step, cause }).into())
}

/// Whether the registered portfolio has nothing on the account, and nothing on its way there.
async fn came_to_nothing<S: RunStore>(store: &S, owner: &OwnerItem, now: Timestamp) -> Result<bool, StoreError> {
    if now.duration_since(owner.since) < UNCLAIMED {
        return Ok(false);
    }
    let is_free = store.load_lock(&owner.account).await?.is_none();
    Ok(is_free && !has_settled(store, owner).await?)
}

async fn has_settled<S: RunStore>(store: &S, owner: &OwnerItem) -> Result<bool, StoreError> {
    let key = PortfolioKey { account: owner.account.clone(), portfolio: owner.portfolio.clone() };
    Ok(store.load_portfolio(&key).await?.is_some())
}

fn refused(run: &RunIdentity, owner: &PortfolioId) -> Failure {
    Failure::bad_input(
        format!(
            "account {} at {} holds the money of portfolio {owner}, and cash belongs to one portfolio",
            run.venue_account, run.venue
        ),
        format!("give portfolio {} an account of its own, and load it anew", run.portfolio),
    )
}
