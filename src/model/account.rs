//! What one venue account holds.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::UtcTime;
use super::{AssetId, Money, Quantity};

/// Cash and holdings of one account at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountSnapshot {
    #[schemars(with = "UtcTime")]
    pub observed_at: Timestamp,
    /// Quote currency that can be spent now.
    pub cash_free: Money,
    /// Quote currency bound in open orders: counted in net asset value, not spendable.
    pub cash_locked: Money,
    pub holdings: BTreeMap<AssetId, Holding>,
}

/// Units of one asset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Holding {
    /// Can be sold now.
    pub free: Quantity,
    /// Bound in open orders or staked: valued, never sold.
    pub locked: Quantity,
}

impl Holding {
    #[must_use]
    pub fn total(self) -> Quantity {
        self.free + self.locked
    }
}
