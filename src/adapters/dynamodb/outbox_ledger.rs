//! The outbox in the same table: accounts, orders, and lists of both for people.

use super::keys::{self, Key};
use super::{Condition, DynamoStore, encode, number};
use crate::adapters::outbox::statement;
use crate::model::{AccountId, AccountSnapshot, VenueId};
use crate::ports::outbox::{OutboxAccount, OutboxAddress, OutboxLedger, OutboxOrder, Stated};
use crate::ports::store::{StoreError, Written};

/// The revision before is still the stored one; before the first there is nothing.
fn follows(revision: u64) -> Condition {
    match revision.saturating_sub(1) {
        0 => Condition::absent(),
        before => Condition::all_equal([("revision", number(before))]),
    }
}

impl OutboxLedger for DynamoStore {
    async fn load_outbox_account(
        &self,
        venue: &VenueId,
        account: &AccountId,
    ) -> Result<Option<OutboxAccount>, StoreError> {
        self.get_as(&keys::outbox_account(venue, account), "reading an account of the outbox").await
    }

    async fn load_outbox_order(&self, address: &OutboxAddress) -> Result<Option<OutboxOrder>, StoreError> {
        self.get_as(&keys::outbox_order(address), "reading an order of the outbox").await
    }

    async fn record_outbox(
        &self,
        account: Option<&OutboxAccount>,
        order: Option<&OutboxOrder>,
    ) -> Result<Written, StoreError> {
        let mut actions = Vec::new();
        let mut put = |key: Key, item, revision| -> Result<(), StoreError> {
            actions.push(self.put(&key, item, follows(revision))?);
            Ok(())
        };
        if let Some(order) = order {
            put(keys::outbox_order(&order.address()), encode(order)?, order.revision)?;
        }
        if let Some(account) = account {
            put(keys::outbox_account(&account.venue, &account.account), encode(account)?, account.revision)?;
        }
        let done = self.transact(actions, "recording an order of the outbox").await?.is_ok();
        Ok(if done { Written::Done } else { Written::Refused })
    }
}

impl DynamoStore {
    /// States what an account of an outbox held at one moment. Safe to repeat; see [`Stated`] for what is refused.
    ///
    /// # Errors
    /// When the store does not answer, or cash is below 0.
    pub async fn state_account(
        &self,
        venue: &VenueId,
        account: &AccountId,
        statement: &AccountSnapshot,
    ) -> Result<Stated, StoreError> {
        statement::state_account(self, venue, account, statement).await
    }

    /// Every account that was ever stated, by venue and id; strongly consistent.
    ///
    /// # Errors
    /// When the store does not answer or an account cannot be read.
    pub async fn outbox_accounts(&self) -> Result<Vec<OutboxAccount>, StoreError> {
        self.partition(keys::OUTBOX, "listing accounts of the outbox").await
    }

    /// Every order of an account that is not purged, oldest first; strongly consistent.
    ///
    /// # Errors
    /// When the store does not answer or an order cannot be read.
    pub async fn outbox_orders(&self, venue: &VenueId, account: &AccountId) -> Result<Vec<OutboxOrder>, StoreError> {
        let partition = keys::outbox(venue, account);
        let mut orders: Vec<OutboxOrder> = self.partition(partition, "listing orders of the outbox").await?;
        orders.sort_by(|one, other| {
            (one.placed_at, &one.client_order_id).cmp(&(other.placed_at, &other.client_order_id))
        });
        Ok(orders)
    }
}
