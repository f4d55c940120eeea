//! Ports: what execution needs from the outside, as narrow traits. Adapters implement them.
//!
//! * [`Clock`]: the time, and waiting.
//! * [`store::RunStore`]: runs, plans, orders and locks, each call one atomic step.
//! * [`blob`]: immutable bytes of any length over it, in chunks, by digest.
//! * [`snapshot::SnapshotStore`]: what the planner reads, as dated snapshots.
//! * [`venue::Venue`]: balances, placing, finding.
//! * [`capability`]: what each venue can do, as a table.
//! * [`outbox`]: orders that wait in a table for an executor.
//! * [`secret::SecretReader`]: values that nobody may see.
//! * [`alert`]: who carries a message to people, and who remembers that it was sent.
//! * [`ownership::AccountOwners`]: whose cash an account holds.
//! * [`page::PageStore`]: where pages of runs are kept for people.
//! * [`counter::Counters`]: what may happen so often in a period.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::model::{AccountSnapshot, Money, PlanningInput, Price, Quantity};
use crate::planning::RebalancePlan;

pub mod alert;
pub mod blob;
pub mod capability;
pub mod counter;
pub mod outbox;
pub mod ownership;
pub mod page;
pub mod secret;
pub mod snapshot;
pub mod store;
pub mod venue;

use store::Approval;
pub use store::{RunStore, StoreError};
pub use venue::{Venue, VenueError};

/// The time. A port, so that tests own it.
#[expect(async_fn_in_trait, reason = "callers are generic over the clock, and auto traits of the future follow it")]
pub trait Clock {
    /// The time of the market that is traded in: validity, deadlines and days are measured by it.
    fn now(&self) -> Timestamp;

    /// The time that leases are measured by. Differs from [`Self::now`] only where a case runs in a time of its
    /// own: a lease left by a killed process must end all the same.
    fn lease_now(&self) -> Timestamp {
        self.now()
    }

    /// The time that a worker's own end is measured by.
    fn stop_now(&self) -> Timestamp {
        self.lease_now()
    }

    /// Waits this long before looking again at something that is not settled yet.
    async fn pause(&self, milliseconds: u64);
}

/// A run as the store knows it: what reports, `show`, `explain`, `replay` and `diff` read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRecord {
    pub run_id: Uuid,
    pub state: RunState,
    /// When it last changed; of a run that is over, when it ended.
    pub updated_at: Timestamp,
    /// Why the run was aborted; empty otherwise.
    pub reason: String,
    /// Absent until the plan is committed.
    pub input: Option<PlanningInput>,
    pub plan: Option<RebalancePlan>,
    pub plan_digest: Option<String>,
    /// Absent where the plan needs nobody's word.
    pub approval: Option<Approval>,
    /// In the plan's order; an order without an item is `Planned`.
    pub orders: Vec<OrderRecord>,
    /// The account after settlement.
    pub account_after: Option<AccountSnapshot>,
}

/// States of a run; the legal moves are in [`execution::transition`](crate::execution::transition).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    Claimed,
    Planned,
    Emitting,
    Done,
    Aborted,
}

impl RunState {
    pub const ALL: [Self; 5] = [Self::Claimed, Self::Planned, Self::Emitting, Self::Done, Self::Aborted];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::Planned => "planned",
            Self::Emitting => "emitting",
            Self::Done => "done",
            Self::Aborted => "aborted",
        }
    }

    /// Nothing more can happen to the run.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Done | Self::Aborted)
    }
}

/// What became of one order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderRecord {
    pub key: Uuid,
    pub state: OrderState,
    pub filled_quantity: Quantity,
    /// Volume-weighted; absent while nothing is filled.
    pub average_price: Option<Price>,
    /// In quote currency.
    pub fee: Money,
    /// Why it was skipped, rejected or is unknown; empty otherwise.
    pub note: String,
    /// The venue rejected it after it had taken it: it is Cancelled, and `note` says why.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refused: bool,
}

/// States of an order; the legal moves are in [`execution::transition`](crate::execution::transition).
///
/// `Cancelled` with a filled quantity is the usual end of an immediate-or-cancel order that found too little.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    Planned,
    Sending,
    Skipped,
    Expired,
    Acknowledged,
    PartiallyFilled,
    Filled,
    Cancelled,
    Rejected,
    Unknown,
    NotPlaced,
}

impl OrderState {
    pub const ALL: [Self; 11] = [
        Self::Planned,
        Self::Sending,
        Self::Skipped,
        Self::Expired,
        Self::Acknowledged,
        Self::PartiallyFilled,
        Self::Filled,
        Self::Cancelled,
        Self::Rejected,
        Self::Unknown,
        Self::NotPlaced,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Sending => "sending",
            Self::Skipped => "skipped",
            Self::Expired => "expired",
            Self::Acknowledged => "acknowledged",
            Self::PartiallyFilled => "partially_filled",
            Self::Filled => "filled",
            Self::Cancelled => "cancelled",
            Self::Rejected => "rejected",
            Self::Unknown => "unknown",
            Self::NotPlaced => "not_placed",
        }
    }
}
