//! Whose cash a venue account holds: one portfolio's.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::store::{AccountKey, StoreError, Written};
use crate::model::PortfolioId;

/// Remembers the portfolio of each account.
#[expect(async_fn_in_trait, reason = "callers are generic over the store, and auto traits of the future follow it")]
pub trait AccountOwners {
    async fn load_owner(&self, account: &AccountKey) -> Result<Option<OwnerItem>, StoreError>;

    /// One conditional write: puts the item, if what is there is `before`, or nothing where that is absent.
    async fn put_owner(&self, before: Option<&OwnerItem>, after: &OwnerItem) -> Result<Written, StoreError>;
}

/// A portfolio that counts an account's cash as its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnerItem {
    pub schema: u32,
    pub account: AccountKey,
    pub portfolio: PortfolioId,
    /// When its first run on the account was about to be claimed, by the real time.
    pub since: Timestamp,
}
