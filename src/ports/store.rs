//! The store port: items of the exactly-once protocol, and one method per atomic step.
//!
//! Every write states what it expects to find. A write whose expectation fails answers [`Written::Refused`] and
//! changes nothing; the caller reads what is there and decides. The decisions are pure functions of `execution`.
//!
//! Every write of a run or an order comes with its [`LogEntry`], every write of a kill switch with its [`SwitchEntry`].
//! It is put in the same transaction and is never replaced: no state without the entry that tells of it, and no entry without the state.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::snapshot::SnapshotKey;
use super::{OrderState, RunState};
use crate::model::{
    AccountId, AccountSnapshot, Environment, Flow, Money, PortfolioId, PortfolioState, Price, Quantity, RunIdentity,
    VenueId,
};

/// The version of every stored item.
pub const ITEM_SCHEMA: u32 = 3;

/// Runs, plans, orders, locks and switches. Each method is one atomic step: a read, a conditional write or one
/// transaction. Reads are strongly consistent unless the method says otherwise.
#[expect(async_fn_in_trait, reason = "callers are generic over the store, and auto traits of the future follow it")]
pub trait RunStore {
    async fn load_run(&self, run_id: Uuid) -> Result<Option<RunItem>, StoreError>;

    /// The runs whose id begins with these hex digits (at least [`MIN_RUN_PREFIX`], hyphens ignored).
    async fn find_runs(&self, prefix: &str) -> Result<Vec<RunItem>, StoreError>;

    /// The runs of a portfolio on all its accounts, oldest first. May lag behind writes by a moment.
    async fn list_runs(&self, environment: Environment, portfolio: &PortfolioId) -> Result<Vec<RunItem>, StoreError>;

    /// Every account that is held, the longest held first. A run has its account's lock from its claim to its end, so
    /// these are the runs that are neither Done nor Aborted: none is missing, however recently it was claimed. A lock
    /// that cannot be read keeps none of the others from being found; such come last.
    async fn held_locks(&self) -> Result<Vec<Result<LockItem, StoreError>>, StoreError>;

    async fn load_lock(&self, account: &AccountKey) -> Result<Option<LockItem>, StoreError>;

    /// One transaction: the run, if there is none; the account's lock, if nobody has it or this run has; the entry.
    async fn claim(&self, run: &RunItem, entry: &LogEntry) -> Result<Written, StoreError>;

    /// One transaction: replaces the run, if it is still as `before` says in revision, state, epoch and lease; the
    /// entry.
    async fn update_run(&self, before: &RunItem, after: &RunItem, entry: &LogEntry) -> Result<Written, StoreError>;

    /// Puts one chunk of immutable bytes. A chunk that exists already is left as it is: its address is its digest.
    async fn put_chunk(&self, address: &ChunkAddress<'_>, bytes: &[u8]) -> Result<(), StoreError>;

    async fn load_chunk(&self, address: &ChunkAddress<'_>) -> Result<Option<Vec<u8>>, StoreError>;

    /// Lets the chunks be purged at `expires_at_s` (Unix seconds). For runs that are terminal.
    async fn expire_chunk(&self, address: &ChunkAddress<'_>, expires_at_s: i64) -> Result<(), StoreError>;

    /// The commit. One transaction: replaces the run, if it is still as `before` says; raises the day's reserved
    /// notional, if the sum stays within the limit; the entry.
    async fn commit(
        &self,
        before: &RunItem,
        after: &RunItem,
        day: &DayReservation,
        entry: &LogEntry,
    ) -> Result<CommitAnswer, StoreError>;

    /// Notional reserved on that day so far; zero when there is none.
    async fn reserved_notional(&self, account: &AccountKey, day: jiff::civil::Date) -> Result<Money, StoreError>;

    /// One transaction: the order, if there is none; only while the run is still as `fence` says in state and epoch;
    /// the entry.
    async fn create_order(&self, fence: &RunItem, order: &OrderItem, entry: &LogEntry) -> Result<Written, StoreError>;

    /// One transaction: replaces the order, if its revision and payload digest are still those of `before`; where a
    /// fence is given, only while the run is still as it says in state and epoch; the entry. What was learned of an
    /// order is anybody's to write and needs no fence, a further attempt is the owner's alone and has one.
    async fn update_order(
        &self,
        fence: Option<&RunItem>,
        before: &OrderItem,
        after: &OrderItem,
        entry: &LogEntry,
    ) -> Result<Written, StoreError>;

    async fn load_order(&self, run_id: Uuid, key: Uuid) -> Result<Option<OrderItem>, StoreError>;

    /// All order items of a run, by key.
    async fn load_orders(&self, run_id: Uuid) -> Result<Vec<OrderItem>, StoreError>;

    /// One transaction: replaces the run (now terminal), if it is still as `before` says; puts the portfolio, if
    /// given; releases the account's lock, which must be this run's; the entry.
    async fn finish(
        &self,
        before: &RunItem,
        after: &RunItem,
        portfolio: Option<&PortfolioItem>,
        entry: &LogEntry,
    ) -> Result<Written, StoreError>;

    /// All entries of a run's log, those of one chain (the run's, or one order's) in the sequence in which they are
    /// filed.
    async fn load_log(&self, run_id: Uuid) -> Result<Vec<LogEntry>, StoreError>;

    async fn load_portfolio(&self, key: &PortfolioKey) -> Result<Option<PortfolioItem>, StoreError>;

    /// The kill switch of everything, or of one portfolio. One that was never set, which is none, is off; one that
    /// cannot be read is an error, which callers take as on.
    async fn kill_switch(&self, scope: &SwitchScope) -> Result<Option<KillSwitch>, StoreError>;

    /// Every switch that was ever set.
    async fn kill_switches(&self) -> Result<Vec<KillSwitch>, StoreError>;

    /// One transaction: the switch, whatever is stored of it; the entry, if none of its number is there.
    async fn set_kill_switch(&self, switch: &KillSwitch, entry: &SwitchEntry) -> Result<Written, StoreError>;

    /// All entries of all switches, those of one switch in the sequence in which they are filed.
    async fn load_switch_log(&self) -> Result<Vec<SwitchEntry>, StoreError>;
}

/// The least hex digits by which a run can be looked for.
pub const MIN_RUN_PREFIX: usize = 4;

/// Whether a conditional write took place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Written {
    Done,
    /// What is stored is not what the write expected. Nothing changed.
    Refused,
}

#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum CommitAnswer {
    Done,
    /// The run is not as expected. Nothing changed.
    Refused,
    /// The day's limit would be passed. Nothing changed.
    OverDayLimit,
}

/// A venue account in an environment: what a lock is taken on, for cash belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountKey {
    pub environment: Environment,
    pub venue: VenueId,
    pub account: AccountId,
}

impl From<&RunIdentity> for AccountKey {
    fn from(run: &RunIdentity) -> Self {
        Self { environment: run.environment, venue: run.venue.clone(), account: run.venue_account.clone() }
    }
}

/// A portfolio on one venue account: what membership and regime are remembered for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortfolioKey {
    pub account: AccountKey,
    pub portfolio: PortfolioId,
}

impl From<&RunIdentity> for PortfolioKey {
    fn from(run: &RunIdentity) -> Self {
        Self { account: run.into(), portfolio: run.portfolio.clone() }
    }
}

/// One run. Its state, epoch and lease are what conditional writes compare.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunItem {
    pub schema: u32,
    pub run_id: Uuid,
    pub identity: RunIdentity,
    pub flow: Flow,
    /// What the run is about; another delivery of the same run must have the same.
    pub event_digest: String,
    pub state: RunState,
    /// Raised by every write, from 1: the number of the log entry that tells of it.
    pub revision: u64,
    /// Hash of that entry.
    pub log_head: String,
    /// Why the run is or will be aborted; empty otherwise. Set while Emitting, it stops all further sends.
    pub reason: String,
    /// Raised by every takeover: the fence of a worker that was thought dead.
    pub epoch: u64,
    pub lease_until: Timestamp,
    /// Whose write this is. Tells a worker its own earlier write, whose answer was lost, from another's.
    pub claim_token: Uuid,
    /// Its last worker has left it with nothing unclear, and nobody has it until it is taken over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_left: bool,
    /// How often it was taken over from a worker that had not left it so: it was lost, or an order's fate was not known.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub interruptions: u32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Absent before the commit.
    pub commitment: Option<Commitment>,
    /// Absent where the plan needs nobody's word. Left out then, so that items of before there were proposals read and
    /// digest as they did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// Absent before settlement.
    pub settlement: Option<BlobRef>,
    /// Unix seconds at which the item may be purged; only on terminal runs.
    pub expires_at_s: Option<i64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// A plan that is sent only on a person's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// From then on it cannot be given any more.
    pub until: Timestamp,
    /// Absent until it is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<Given>,
}

/// The word that was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// SHA-256 of the plan's bytes, in hex: to this plan and no other.
    pub plan_digest: String,
    /// Who gave it.
    pub operator: String,
    pub at: Timestamp,
}

/// What was committed. Nothing is solved again afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commitment {
    pub input: BlobRef,
    pub plan: BlobRef,
    pub order_count: u32,
    pub notional: Money,
    pub valid_until: Timestamp,
    pub committed_at: Timestamp,
}

/// Immutable bytes, by their digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlobRef {
    /// SHA-256 of all chunks together, in hex.
    pub digest: String,
    pub bytes: u64,
    pub chunks: u32,
}

/// Whose bytes they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobOwner<'a> {
    Run(Uuid),
    Portfolio(&'a PortfolioKey),
    Snapshot(&'a SnapshotKey),
}

/// One chunk of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkAddress<'a> {
    pub owner: BlobOwner<'a>,
    pub digest: &'a str,
    /// From 0.
    pub chunk: u32,
}

/// What a commit adds to a day's reserved notional.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayReservation {
    pub account: AccountKey,
    /// UTC.
    pub day: jiff::civil::Date,
    pub notional: Money,
    /// Most that the day's sum may be; absent: no limit.
    pub limit: Option<Money>,
}

/// One order. No item: still Planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderItem {
    pub schema: u32,
    pub run_id: Uuid,
    pub key: Uuid,
    pub payload_digest: String,
    pub state: OrderState,
    /// Raised by every write, from 1; what conditional writes compare, and the number of the log entry that tells of
    /// it.
    pub revision: u64,
    /// Hash of that entry.
    pub log_head: String,
    /// Absent when it was never to be sent.
    pub attempt: Option<Attempt>,
    pub venue_order_id: Option<String>,
    pub filled_quantity: Quantity,
    pub average_price: Option<Price>,
    pub fee: Money,
    pub note: String,
    /// The venue rejected it after it had taken it: it is Cancelled, and `note` says why.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refused: bool,
    pub updated_at: Timestamp,
    pub expires_at_s: Option<i64>,
}

/// One sending of an order. Persisted before anything is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    /// Of this worker, epoch, order and number: only who stored it may send it.
    pub id: Uuid,
    /// From 1.
    pub number: u32,
    pub signed_at: Timestamp,
    pub deadline: Timestamp,
}

/// One entry of a run's audit log. Entries form chains by their hashes: the run's own, and one for each order, which
/// begins at the run's entry of its time. Made and checked by `execution::audit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogEntry {
    pub schema: u32,
    pub run_id: Uuid,
    /// The revision of the run or order after the change: from 1, without a gap.
    pub sequence: u64,
    pub change: Change,
    pub at: Timestamp,
    /// The worker that wrote it.
    pub claim_token: Uuid,
    pub epoch: u64,
    /// The person on whose word it was written; absent when the program decided by itself.
    pub operator: Option<String>,
    /// The run's reason or the order's note after the change.
    pub why: String,
    /// SHA-256 of the item after the change, its `log_head` left empty.
    pub item_digest: String,
    /// SHA-256 over the last entry of every order of the run; on the entry that ends it.
    pub orders_digest: Option<String>,
    /// Hash of the entry before; of a run's first entry empty, of an order's first entry the run's of that time.
    pub previous: String,
    /// SHA-256 of this entry, its `hash` left empty.
    pub hash: String,
}

/// What changed. `from` is absent when the item was made; the same state twice means that something else in it
/// changed, such as lease, attempt or note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    Run { from: Option<RunState>, to: RunState },
    Order { key: Uuid, from: Option<OrderState>, to: OrderState },
}

/// The run that holds a venue account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockItem {
    pub schema: u32,
    pub account: AccountKey,
    pub run_id: Uuid,
    pub taken_at: Timestamp,
}

/// What a portfolio remembers between runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortfolioItem {
    pub schema: u32,
    pub key: PortfolioKey,
    pub last_run: Uuid,
    /// A [`Settlement`], owned by the portfolio.
    pub settlement: BlobRef,
    pub updated_at: Timestamp,
}

/// The bytes behind a portfolio's settlement: state and account after its last settled run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settlement {
    pub schema: u32,
    pub run_id: Uuid,
    pub state: PortfolioState,
    pub account: AccountSnapshot,
}

/// What a kill switch stops.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SwitchScope {
    Everything,
    Portfolio(Environment, PortfolioId),
}

impl std::fmt::Display for SwitchScope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Everything => f.write_str("everything"),
            Self::Portfolio(_, portfolio) => write!(f, "portfolio {portfolio}"),
        }
    }
}

/// Stops all sending while on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KillSwitch {
    pub schema: u32,
    pub scope: SwitchScope,
    pub on: bool,
    /// Why, for people.
    pub note: String,
    /// Who set it.
    pub operator: String,
    /// Raised by every change, from 1: the number of the log entry that tells of it.
    pub revision: u64,
    /// Hash of that entry.
    pub log_head: String,
    pub updated_at: Timestamp,
}

/// One entry of a kill switch's audit log. Made and checked by `execution::audit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SwitchEntry {
    pub schema: u32,
    pub scope: SwitchScope,
    /// The revision of the switch after the change: from 1, without a gap.
    pub sequence: u64,
    /// After the change.
    pub on: bool,
    pub at: Timestamp,
    /// Who did it.
    pub operator: String,
    pub why: String,
    /// SHA-256 of the switch after the change, its `log_head` left empty.
    pub item_digest: String,
    /// Hash of the entry before; empty for the first.
    pub previous: String,
    /// SHA-256 of this entry, its `hash` left empty.
    pub hash: String,
}

/// What can be wrong with the store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No answer, throttled or in conflict: whether a write took place is not known. Every step may be repeated.
    #[error("the store did not complete {step}: {cause}; run again, every step may be repeated")]
    Unavailable { step: &'static str, cause: String },
    /// What is stored cannot be what this program wrote.
    #[error("the stored {item} cannot be read: {cause}; nothing more is sent before a person has looked at it")]
    Corrupt { item: String, cause: String },
    /// The request itself is at fault.
    #[error("{field} {value:?} is not valid: use {expected}")]
    Invalid { field: &'static str, value: String, expected: &'static str },
}
