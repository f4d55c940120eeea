//! What is known of one asset on the planning day.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::{Day, UtcTime};
use super::{CategoryId, GradeRecord, InstrumentId, Money, Price, Quantity, Tick};

/// One asset: who it is, what it trades at, how it is graded and where it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AssetRecord {
    /// For people to read. Two assets may share it.
    pub symbol: String,
    pub name: String,
    pub categories: BTreeSet<CategoryId>,
    /// The first day this asset was seen on a market; unknown where the source does not say.
    #[schemars(with = "Option<Day>")]
    pub first_seen: Option<Date>,
    pub price: Price,
    pub market_cap: Option<Money>,
    /// Quote currency a day.
    pub average_daily_volume: Option<Money>,
    /// When price, market cap and volume were observed.
    #[schemars(with = "UtcTime")]
    pub observed_at: Timestamp,
    pub grades: GradeRecord,
    /// Absent: not tradable at the run's venue.
    pub listing: Option<Listing>,
}

/// The rules of one instrument at the run's venue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    pub instrument: InstrumentId,
    pub status: ListingStatus,
    /// Quantities are multiples of this; zero means any quantity.
    pub lot_size: Quantity,
    pub min_quantity: Quantity,
    /// Absent: no upper bound.
    pub max_quantity: Option<Quantity>,
    /// Limit prices are multiples of this.
    pub tick_size: Tick,
    /// The smallest order, in quote currency.
    pub min_notional: Money,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ListingStatus {
    Trading,
    /// The venue takes no orders now (Binance calls it BREAK or HALT). Neither buys nor sells.
    Halted,
}
