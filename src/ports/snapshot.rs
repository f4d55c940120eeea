//! Snapshots: the files of a portfolio as they were loaded, dated, digested and immutable.
//!
//! What plans are made from on AWS, where there is no folder to read. A snapshot is never changed: other bytes for the
//! same kind and time are a further revision, and the highest one counts.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::store::{BlobRef, StoreError, Written};
use crate::model::PortfolioId;

/// What a snapshot is of; each is one file of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotKind {
    /// `case.toml`: environment, venue, accounts, instruments, migrations, opening state.
    Portfolio,
    Policy,
    VenueRules,
    Market,
    TraderGrades,
    InvestorGrades,
    TradingSignals,
    /// Daily closes, up to the day before.
    History,
}

impl SnapshotKind {
    pub const ALL: [Self; 8] = [
        Self::Portfolio,
        Self::Policy,
        Self::VenueRules,
        Self::Market,
        Self::TraderGrades,
        Self::InvestorGrades,
        Self::TradingSignals,
        Self::History,
    ];

    /// As it is stored, and as `case.toml` calls the file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Portfolio => "portfolio",
            Self::Policy => "policy",
            Self::VenueRules => "venue_rules",
            Self::Market => "market",
            Self::TraderGrades => "trader_grades",
            Self::InvestorGrades => "investor_grades",
            Self::TradingSignals => "trading_signals",
            Self::History => "history",
        }
    }

    /// Does it hold until it is replaced? Then the one loaded last counts, whatever time it begins at. Of the others,
    /// which tell of a day, the latest counts.
    #[must_use]
    pub const fn is_standing(self) -> bool {
        matches!(self, Self::Portfolio | Self::Policy | Self::VenueRules)
    }
}

impl fmt::Display for SnapshotKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What one snapshot is found by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SnapshotKey {
    pub portfolio: PortfolioId,
    pub kind: SnapshotKind,
    pub at: Timestamp,
    pub revision: u32,
}

/// One snapshot, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotItem {
    pub schema: u32,
    pub portfolio: PortfolioId,
    pub kind: SnapshotKind,
    /// Known from this moment on: a run uses no snapshot of after its planning time.
    pub at: Timestamp,
    /// Of this kind and time, from 1; the highest counts.
    pub revision: u32,
    /// The newest date that the content itself states: when prices were observed, what day grades are of.
    pub dated: Option<Timestamp>,
    /// The file's name, for messages.
    pub file: String,
    /// Absent: from that moment on the portfolio has no file of this kind.
    pub content: Option<BlobRef>,
    /// Rises with every load, so that the last one can be told.
    pub loaded_at: Timestamp,
    /// Unix seconds at which it may be purged; never on the one in use.
    pub expires_at_s: Option<i64>,
}

impl SnapshotItem {
    #[must_use]
    pub fn key(&self) -> SnapshotKey {
        SnapshotKey { portfolio: self.portfolio.clone(), kind: self.kind, at: self.at, revision: self.revision }
    }

    /// SHA-256 of its bytes, in hex; absent where there is no file.
    #[must_use]
    pub fn digest(&self) -> Option<&str> {
        self.content.as_ref().map(|content| content.digest.as_str())
    }
}

/// The snapshot that counts at this time: of what stands, the one loaded last; of what tells of a day, the latest. One
/// of after that time never counts.
#[must_use]
pub fn in_force<'a>(
    snapshots: impl IntoIterator<Item = &'a SnapshotItem>,
    kind: SnapshotKind,
    as_of: Timestamp,
) -> Option<&'a SnapshotItem> {
    let known = snapshots.into_iter().filter(|item| item.kind == kind && item.at <= as_of);
    if kind.is_standing() {
        known.max_by_key(|item| (item.loaded_at, item.at, item.revision))
    } else {
        known.max_by_key(|item| (item.at, item.revision))
    }
}

/// Snapshots of portfolios. Reads are strongly consistent.
#[expect(async_fn_in_trait, reason = "callers are generic over the store, and auto traits of the future follow it")]
pub trait SnapshotStore {
    /// The latest one of this kind at or before this time, and of that its highest revision.
    async fn latest_snapshot(
        &self,
        portfolio: &PortfolioId,
        kind: SnapshotKind,
        as_of: Timestamp,
    ) -> Result<Option<SnapshotItem>, StoreError>;

    /// All of the portfolio, or all of one kind: by kind, then time, then revision.
    async fn list_snapshots(
        &self,
        portfolio: &PortfolioId,
        kind: Option<SnapshotKind>,
    ) -> Result<Vec<SnapshotItem>, StoreError>;

    /// One transaction: all of these, if none of them is there. At most [`MOST_AT_ONCE`].
    async fn put_snapshots(&self, snapshots: &[SnapshotItem]) -> Result<Written, StoreError>;

    /// Lets one be purged at `expires_at_s` (Unix seconds). One that is gone already stays gone.
    async fn expire_snapshot(&self, key: &SnapshotKey, expires_at_s: i64) -> Result<(), StoreError>;
}

/// Most snapshots that one transaction puts.
pub const MOST_AT_ONCE: usize = 100;
