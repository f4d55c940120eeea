//! Stating an account: what it held at one moment, from whoever can see it.

use std::collections::BTreeSet;

use super::{MOST_TRIES, crowded};
use crate::model::{AccountId, AccountSnapshot, Money, VenueId};
use crate::planning::idempotency::digest_of;
use crate::ports::outbox::{OutboxAccount, OutboxLedger, Stated};
use crate::ports::store::{ITEM_SCHEMA, StoreError, Written};

/// States an account. The same statement again changes nothing, whatever was filled since.
///
/// # Errors
/// When the store does not answer, or cash is below 0.
pub async fn state_account<L: OutboxLedger>(
    ledger: &L,
    venue: &VenueId,
    account: &AccountId,
    statement: &AccountSnapshot,
) -> Result<Stated, StoreError> {
    for (field, value) in [("cash_free", statement.cash_free), ("cash_locked", statement.cash_locked)] {
        if value < Money::ZERO {
            let value = value.to_string();
            return Err(StoreError::Invalid { field, value, expected: "an amount of at least 0" });
        }
    }
    for _ in 0..MOST_TRIES {
        let before = ledger.load_outbox_account(venue, account).await?;
        let digest = digest_of(statement);
        if let Some(refused) = before.as_ref().and_then(|before| judged(before, statement, &digest)) {
            return Ok(refused);
        }
        let after = OutboxAccount {
            schema: ITEM_SCHEMA,
            venue: venue.clone(),
            account: account.clone(),
            revision: before.as_ref().map_or(0, |before| before.revision).saturating_add(1),
            observed_at: statement.observed_at,
            statement_digest: digest,
            cash_free: statement.cash_free,
            cash_locked: statement.cash_locked,
            holdings: statement.holdings.clone(),
            last_execution_at: None,
            open_orders: BTreeSet::new(),
            closed_before: before.as_ref().and_then(|before| before.closed_before),
        };
        if ledger.record_outbox(Some(&after), None).await? == Written::Done {
            return Ok(if before.is_some() { Stated::Replaced } else { Stated::Opened });
        }
    }
    Err(crowded("stating an account of the outbox"))
}

/// What ends it before anything is written; `None`: the statement may take the stored one's place. Pure.
fn judged(before: &OutboxAccount, statement: &AccountSnapshot, digest: &str) -> Option<Stated> {
    if before.statement_digest == digest {
        return Some(Stated::Unchanged);
    }
    // A statement from before an execution does not have it, and would undo it.
    let stored = before.last_execution_at.map_or(before.observed_at, |at| at.max(before.observed_at));
    if statement.observed_at < stored {
        return Some(Stated::Older { stored });
    }
    if statement.observed_at == before.observed_at {
        return Some(Stated::Contradicts { stored: before.observed_at });
    }
    if before.open_orders.is_empty() {
        return None;
    }
    Some(Stated::OrdersOpen { orders: before.open_orders.clone() })
}
