//! What the outside world says, in neutral records: the shapes that readers produce and [`assemble`] joins.
//!
//! [`assemble`]: super::assemble()

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;

use crate::model::{AssetId, CategoryId, Dated, Grade, InstrumentId, Listing, Money, Price, Signal};

/// The market on one day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MarketData {
    pub assets: BTreeMap<AssetId, MarketRecord>,
    /// What was dropped or mended while reading, and why.
    pub notices: Vec<String>,
    /// Rows of the day that gave no record.
    pub dropped_rows: usize,
}

/// One asset on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarketRecord {
    pub symbol: String,
    pub name: String,
    /// Token Metrics' `TOKEN_ID`; absent: never graded.
    pub token_id: Option<u64>,
    /// Absent where the source has none (a file of market caps only, a price that was rounded to 0).
    pub price: Option<Price>,
    pub market_cap: Option<Money>,
    pub average_daily_volume: Option<Money>,
    pub categories: BTreeSet<CategoryId>,
    pub first_seen: Option<Date>,
    pub observed_at: Timestamp,
}

/// Daily closes by asset; of days without a close there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Closes {
    pub assets: BTreeMap<AssetId, BTreeMap<Date, Price>>,
    /// What was left out while reading, and why.
    pub notices: Vec<String>,
}

impl Closes {
    /// The newest day with a close.
    #[must_use]
    pub fn newest(&self) -> Option<Date> {
        self.assets.values().filter_map(|closes| closes.keys().next_back().copied()).max()
    }
}

/// Grades and signals by Token Metrics' `TOKEN_ID`. Symbols collide, so nothing is ever joined by symbol.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grades {
    pub trader: BTreeMap<u64, Dated<Grade>>,
    pub investor: BTreeMap<u64, Dated<Grade>>,
    pub signals: BTreeMap<u64, Dated<Signal>>,
}

impl Grades {
    /// The newest date of any grade or signal.
    #[must_use]
    pub fn newest_date(&self) -> Option<Timestamp> {
        let trader = self.trader.values().map(|grade| grade.at);
        let investor = self.investor.values().map(|grade| grade.at);
        trader.chain(investor).chain(self.signals.values().map(|signal| signal.at)).max()
    }
}

/// One venue's instruments and their rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VenueRules {
    pub instruments: BTreeMap<InstrumentId, InstrumentRules>,
    pub notices: Vec<String>,
}

/// What one instrument trades, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstrumentRules {
    /// The venue's symbol of what is bought, in its common spelling (Kraken's `XBT` is `BTC`).
    pub base: String,
    /// The currency it is paid in, in its common spelling (Kraken's `ZUSD` is `USD`).
    pub quote: String,
    /// Spot or perpetual; a dated future is never chosen by symbol.
    pub dated: bool,
    pub listing: Listing,
}
