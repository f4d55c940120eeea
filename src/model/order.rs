//! An order as it is planned, keyed and committed. Nothing about it changes afterwards.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AccountId, AssetId, InstrumentId, Money, Price, Quantity, VenueId};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// First in every ordering: sells raise the cash that buys spend.
    Sell,
    Buy,
}

impl Side {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sell => "sell",
            Self::Buy => "buy",
        }
    }

    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Sell => Self::Buy,
            Self::Buy => Self::Sell,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A limit order, immediate-or-cancel, good until `valid_until`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The idempotency key: UUIDv5 of run, venue, account, instrument, side and slice. See `planning::idempotency`.
    pub key: Uuid,
    /// SHA-256 of the whole order, in hex: the same key with another digest is refused.
    pub payload_digest: String,
    pub venue: VenueId,
    pub venue_account: AccountId,
    pub instrument: InstrumentId,
    pub asset: AssetId,
    pub side: Side,
    /// 0, then n + 1 for the remainder of a slice that is terminal.
    pub slice: u32,
    /// A multiple of the lot.
    pub quantity: Quantity,
    /// A multiple of the tick, within the collar of the reference price.
    pub limit_price: Price,
    pub reference_price: Price,
    /// Quantity at the reference price, in quote currency.
    pub notional: Money,
    /// Fee, half spread and impact expected, in quote currency.
    pub estimated_cost: Money,
    pub valid_until: Timestamp,
    /// Position in the committed order of emission; sells first.
    pub priority: u32,
}
