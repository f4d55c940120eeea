//! The paper venue's book-keeping in the same table.

use super::keys;
use super::{Condition, DynamoStore, encode, number};
use crate::adapters::paper_venue::{PaperAccount, PaperLedger, PaperOrder};
use crate::model::{AccountId, VenueId};
use crate::ports::store::{StoreError, Written};

impl PaperLedger for DynamoStore {
    async fn load_account(&self, venue: &VenueId, account: &AccountId) -> Result<Option<PaperAccount>, StoreError> {
        self.get_as(&keys::paper_account(venue, account), "reading a paper account").await
    }

    async fn open_account(
        &self,
        venue: &VenueId,
        account: &AccountId,
        opening: &PaperAccount,
    ) -> Result<Written, StoreError> {
        let key = keys::paper_account(venue, account);
        let opened = self.put_if(&key, encode(opening)?, Condition::absent(), "opening a paper account").await?;
        Ok(if opened { Written::Done } else { Written::Refused })
    }

    async fn load_paper_order(
        &self,
        venue: &VenueId,
        account: &AccountId,
        client_order_id: &str,
    ) -> Result<Option<PaperOrder>, StoreError> {
        self.get_as(&keys::paper_order(venue, account, client_order_id), "reading a paper order").await
    }

    async fn record(
        &self,
        venue: &VenueId,
        account: &AccountId,
        after: &PaperAccount,
        order: Option<&PaperOrder>,
    ) -> Result<Written, StoreError> {
        // Two orders matched against one balance: the second to arrive is matched again against what is left.
        let version_before = Condition::all_equal([("version", number(after.version.saturating_sub(1)))]);
        let account_key = keys::paper_account(venue, account);
        let mut actions = vec![self.put(&account_key, encode(after)?, version_before)?];
        if let Some(order) = order {
            let key = keys::paper_order(venue, account, &order.order.client_order_id);
            actions.push(self.put(&key, encode(order)?, Condition::absent())?);
        }
        let done = self.transact(actions, "recording a paper order").await?.is_ok();
        Ok(if done { Written::Done } else { Written::Refused })
    }
}
