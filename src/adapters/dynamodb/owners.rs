//! Whose cash each account holds.

use super::keys;
use super::{Condition, DynamoStore, encode, text};
use crate::ports::ownership::{AccountOwners, OwnerItem};
use crate::ports::store::{AccountKey, StoreError, Written};

impl AccountOwners for DynamoStore {
    async fn load_owner(&self, account: &AccountKey) -> Result<Option<OwnerItem>, StoreError> {
        self.get_as(&keys::owner(account), "reading whose an account is").await
    }

    async fn put_owner(&self, before: Option<&OwnerItem>, after: &OwnerItem) -> Result<Written, StoreError> {
        let condition = before.map_or_else(Condition::absent, |before| {
            let since = before.since.to_string();
            Condition::all_equal([("portfolio", text(before.portfolio.as_str())), ("since", text(&since))])
        });
        let done = self
            .put_if(&keys::owner(&after.account), encode(after)?, condition, "recording whose an account is")
            .await?;
        Ok(if done { Written::Done } else { Written::Refused })
    }
}
