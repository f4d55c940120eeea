//! The store of the simulation: the conditions of the port exactly, in memory, with a history of every change.
//!
//! That it is no laxer than the shipped adapter is checked in `conformance`: both go through the same operations.
//! [`Slip`] makes it forget one condition; the tests of the tests use that, nothing else does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use index_rebalancer::execution::audit::{SwitchHead, Switching, of_switch};
use index_rebalancer::model::{Environment, Money, PortfolioId};
use index_rebalancer::ports::store;
use index_rebalancer::ports::store::{
    AccountKey, BlobOwner, ChunkAddress, CommitAnswer, DayReservation, ITEM_SCHEMA, KillSwitch, LockItem, LogEntry,
    OrderItem, PortfolioItem, PortfolioKey, RunItem, StoreError, SwitchEntry, SwitchScope, Written,
};
use jiff::Timestamp;
use jiff::civil::Date;
use uuid::Uuid;

use crate::world::WorkerId;

/// Who made a change, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Writer {
    pub(crate) worker: WorkerId,
    pub(crate) at_ms: i64,
    pub(crate) step: u32,
}

/// One change of what is stored, or one look at a switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    Run {
        before: Option<Arc<RunItem>>,
        after: Arc<RunItem>,
    },
    Order {
        before: Option<Arc<OrderItem>>,
        after: Arc<OrderItem>,
    },
    Lock {
        account: AccountKey,
        before: Option<Uuid>,
        after: Option<Uuid>,
    },
    Switched {
        on: bool,
    },
    /// What a worker was told; `None` when it was told nothing.
    SwitchRead {
        on: Option<bool>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) by: Writer,
    pub(crate) change: Change,
}

/// A deliberate mistake of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Slip {
    OrderPutWithoutAbsence,
    OrderPutWithoutFence,
    OrderUpdateWithoutRevision,
    /// A further attempt is written whoever has the run by now.
    AttemptWithoutFence,
    CommitWithoutCondition,
    ClaimWithoutLock,
    ClaimOverStoredRun,
    /// Writes go by whether the lease is over, not by what the writer has read.
    LeaseInsteadOfCompare,
    FinishWithoutCondition,
    /// The lock ends by itself after a minute.
    LockWithExpiry,
    /// Every settled-looking run gives its lock back: each write of a run that is not Claimed frees the account.
    ReleaseBeforeSettlement,
    /// Writes of a run compare epoch and lease, not its state.
    StateNotCompared,
    /// A claim whose lock is refused leaves its run behind.
    HalfClaim,
}

/// What goes through them all compares this table with the shipped adapter.
#[cfg(feature = "local")]
impl Slip {
    pub(crate) const ALL: [Self; 13] = [
        Self::OrderPutWithoutAbsence,
        Self::OrderPutWithoutFence,
        Self::OrderUpdateWithoutRevision,
        Self::AttemptWithoutFence,
        Self::CommitWithoutCondition,
        Self::ClaimWithoutLock,
        Self::ClaimOverStoredRun,
        Self::LeaseInsteadOfCompare,
        Self::FinishWithoutCondition,
        Self::LockWithExpiry,
        Self::ReleaseBeforeSettlement,
        Self::StateNotCompared,
        Self::HalfClaim,
    ];
}

/// Items are shared with the history, and with the tables that go on from here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) runs: BTreeMap<Uuid, Arc<RunItem>>,
    pub(crate) orders: BTreeMap<(Uuid, Uuid), Arc<OrderItem>>,
    pub(crate) locks: BTreeMap<AccountKey, LockItem>,
    pub(crate) chunks: BTreeMap<(String, String, u32), Chunk>,
    pub(crate) days: BTreeMap<(AccountKey, Date), Money>,
    pub(crate) portfolios: BTreeMap<PortfolioKey, PortfolioItem>,
    pub(crate) switches: BTreeMap<SwitchScope, KillSwitch>,
    pub(crate) switch_log: BTreeMap<(SwitchScope, u64), SwitchEntry>,
    /// By run, order (none: the run's own chain) and number.
    pub(crate) log: BTreeMap<(Uuid, Option<Uuid>, u64), Arc<LogEntry>>,
    pub(crate) history: Vec<Entry>,
    pub(crate) slips: BTreeSet<Slip>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) bytes: Arc<[u8]>,
    pub(crate) expires_at_s: Option<i64>,
}

pub(crate) fn owner_name(owner: BlobOwner<'_>) -> String {
    match owner {
        BlobOwner::Run(id) => id.to_string(),
        BlobOwner::Portfolio(key) => format!("{key:?}"),
        BlobOwner::Snapshot(key) => format!("{key:?}"),
    }
}

type Answer<T> = Result<T, StoreError>;

/// Where an entry is filed.
fn place_of(entry: &LogEntry) -> (Uuid, Option<Uuid>, u64) {
    let order = match entry.change {
        store::Change::Run { .. } => None,
        store::Change::Order { key, .. } => Some(key),
    };
    (entry.run_id, order, entry.sequence)
}

impl Table {
    pub(crate) fn slips(&self, slip: Slip) -> bool {
        self.slips.contains(&slip)
    }

    fn note(&mut self, by: Writer, change: Change) {
        self.history.push(Entry { by, change });
    }

    fn put_run(&mut self, by: Writer, after: &RunItem) {
        let after = Arc::new(after.clone());
        let before = self.runs.insert(after.run_id, Arc::clone(&after));
        self.note(by, Change::Run { before, after });
    }

    fn put_order(&mut self, by: Writer, after: &OrderItem) {
        let after = Arc::new(after.clone());
        let before = self.orders.insert((after.run_id, after.key), Arc::clone(&after));
        self.note(by, Change::Order { before, after });
    }

    fn put_lock(&mut self, by: Writer, account: &AccountKey, after: Option<LockItem>) {
        let holder = after.as_ref().map(|lock| lock.run_id);
        let before = match after {
            Some(lock) => self.locks.insert(account.clone(), lock),
            None => self.locks.remove(account),
        };
        let before = before.map(|lock| lock.run_id);
        self.note(by, Change::Lock { account: account.clone(), before, after: holder });
    }

    /// Whether the entry can be filed: its place is free. A store that forgets conditions forgets this one as well.
    fn is_new(&self, entry: &LogEntry) -> Result<(), StoreError> {
        if self.slips.is_empty() && self.log.contains_key(&place_of(entry)) {
            let cause = "it is there already, and the change that it tells of is not".to_owned();
            return Err(StoreError::Corrupt { item: format!("{:?}", place_of(entry)), cause });
        }
        Ok(())
    }

    fn file(&mut self, entry: &LogEntry) {
        self.log.insert(place_of(entry), Arc::new(entry.clone()));
    }

    pub(crate) fn load_log(&self, run_id: Uuid) -> Vec<LogEntry> {
        self.log.iter().filter(|((run, ..), _)| *run == run_id).map(|(_, entry)| (**entry).clone()).collect()
    }

    /// The run is as it was read.
    fn still(&self, before: &RunItem, now: Timestamp) -> bool {
        let Some(stored) = self.runs.get(&before.run_id) else { return false };
        if self.slips(Slip::LeaseInsteadOfCompare) {
            return stored.claim_token == before.claim_token || stored.lease_until < now || before.lease_until > now;
        }
        stored.revision == before.revision
            && (stored.state == before.state || self.slips(Slip::StateNotCompared))
            && stored.epoch == before.epoch
            && stored.lease_until == before.lease_until
    }

    pub(crate) fn load_run(&self, run_id: Uuid) -> Option<RunItem> {
        self.runs.get(&run_id).map(|run| (**run).clone())
    }

    pub(crate) fn find_runs(&self, prefix: &str) -> Result<Vec<RunItem>, StoreError> {
        let digits: String = prefix.chars().filter(|letter| *letter != '-').collect();
        if digits.len() < index_rebalancer::ports::store::MIN_RUN_PREFIX {
            let expected = "at least four hex digits";
            return Err(StoreError::Invalid { field: "run", value: prefix.to_owned(), expected });
        }
        let fits = |run: &&Arc<RunItem>| run.run_id.simple().to_string().starts_with(&digits);
        Ok(self.runs.values().filter(fits).map(|run| (**run).clone()).collect())
    }

    pub(crate) fn list_runs(&self, environment: Environment, portfolio: &PortfolioId) -> Vec<RunItem> {
        let fits =
            |run: &&Arc<RunItem>| run.identity.environment == environment && run.identity.portfolio == *portfolio;
        oldest_first(self.runs.values().filter(fits))
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.runs.values().all(|run| run.state.is_terminal())
    }

    pub(crate) fn held_locks(&self) -> Vec<LockItem> {
        let mut locks: Vec<LockItem> = self.locks.values().cloned().collect();
        locks.sort_by_key(|lock| (lock.taken_at, lock.run_id));
        locks
    }

    pub(crate) fn claim(&mut self, by: Writer, run: &RunItem, entry: &LogEntry) -> Answer<Written> {
        let account = AccountKey::from(&run.identity);
        let absent = !self.runs.contains_key(&run.run_id) || self.slips(Slip::ClaimOverStoredRun);
        let over = |lock: &LockItem| {
            self.slips(Slip::LockWithExpiry)
                && run.created_at.as_millisecond() > lock.taken_at.as_millisecond() + 60_000
        };
        let free = self.locks.get(&account).is_none_or(|lock| lock.run_id == run.run_id || over(lock));
        if absent && !free && self.slips(Slip::HalfClaim) {
            self.put_run(by, run);
            return Ok(Written::Refused);
        }
        if !absent || !(free || self.slips(Slip::ClaimWithoutLock)) {
            return Ok(Written::Refused);
        }
        self.is_new(entry)?;
        self.file(entry);
        self.put_run(by, run);
        let lock =
            LockItem { schema: ITEM_SCHEMA, account: account.clone(), run_id: run.run_id, taken_at: run.created_at };
        self.put_lock(by, &account, Some(lock));
        Ok(Written::Done)
    }

    pub(crate) fn update_run(
        &mut self,
        by: Writer,
        now: Timestamp,
        before: &RunItem,
        after: &RunItem,
        entry: &LogEntry,
    ) -> Answer<Written> {
        if !self.still(before, now) {
            return Ok(Written::Refused);
        }
        self.is_new(entry)?;
        self.file(entry);
        self.put_run(by, after);
        if self.slips(Slip::ReleaseBeforeSettlement) && after.commitment.is_some() {
            self.put_lock(by, &AccountKey::from(&after.identity), None);
        }
        Ok(Written::Done)
    }

    pub(crate) fn put_chunk(&mut self, address: &ChunkAddress<'_>, bytes: &[u8]) {
        let key = (owner_name(address.owner), address.digest.to_owned(), address.chunk);
        self.chunks.entry(key).or_insert_with(|| Chunk { bytes: bytes.into(), expires_at_s: None });
    }

    pub(crate) fn load_chunk(&self, address: &ChunkAddress<'_>) -> Option<Vec<u8>> {
        let key = (owner_name(address.owner), address.digest.to_owned(), address.chunk);
        self.chunks.get(&key).map(|chunk| chunk.bytes.to_vec())
    }

    pub(crate) fn expire_chunk(&mut self, address: &ChunkAddress<'_>, at_s: i64) -> Result<(), StoreError> {
        let key = (owner_name(address.owner), address.digest.to_owned(), address.chunk);
        let cause = "there is no such chunk".to_owned();
        let chunk = self.chunks.get_mut(&key);
        chunk.ok_or(StoreError::Unavailable { step: "marking a chunk", cause })?.expires_at_s = Some(at_s);
        Ok(())
    }

    pub(crate) fn commit(
        &mut self,
        by: Writer,
        now: Timestamp,
        before: &RunItem,
        after: &RunItem,
        day: &DayReservation,
        entry: &LogEntry,
    ) -> Answer<CommitAnswer> {
        let still = self.still(before, now) || self.slips(Slip::CommitWithoutCondition);
        let key = (day.account.clone(), day.day);
        let sum = self.reserved_notional(&day.account, day.day) + day.notional;
        let room = day.limit.is_none_or(|limit| sum <= limit);
        let alone_too_much = day.limit.is_some_and(|limit| day.notional > limit);
        if alone_too_much {
            return Ok(CommitAnswer::OverDayLimit);
        }
        if !still {
            return Ok(CommitAnswer::Refused);
        }
        if !room {
            return Ok(CommitAnswer::OverDayLimit);
        }
        self.is_new(entry)?;
        self.file(entry);
        self.put_run(by, after);
        self.days.insert(key, sum);
        Ok(CommitAnswer::Done)
    }

    pub(crate) fn reserved_notional(&self, account: &AccountKey, day: Date) -> Money {
        self.days.get(&(account.clone(), day)).copied().unwrap_or(Money::ZERO)
    }

    pub(crate) fn create_order(
        &mut self,
        by: Writer,
        fence: &RunItem,
        order: &OrderItem,
        entry: &LogEntry,
    ) -> Answer<Written> {
        let fenced = self.is_within(fence) || self.slips(Slip::OrderPutWithoutFence);
        let absent = !self.orders.contains_key(&(order.run_id, order.key)) || self.slips(Slip::OrderPutWithoutAbsence);
        if !fenced || !absent {
            return Ok(Written::Refused);
        }
        self.is_new(entry)?;
        self.file(entry);
        self.put_order(by, order);
        Ok(Written::Done)
    }

    /// The run that the fence is of is its worker's, and emitting.
    fn is_within(&self, fence: &RunItem) -> bool {
        let stored = self.runs.get(&fence.run_id);
        stored.is_some_and(|stored| stored.state == fence.state && stored.epoch == fence.epoch)
    }

    pub(crate) fn update_order(
        &mut self,
        by: Writer,
        fence: Option<&RunItem>,
        before: &OrderItem,
        after: &OrderItem,
        entry: &LogEntry,
    ) -> Answer<Written> {
        let fenced = fence.is_none_or(|fence| self.is_within(fence)) || self.slips(Slip::AttemptWithoutFence);
        let same = self.orders.get(&(after.run_id, after.key)).is_some_and(|stored| {
            (stored.revision == before.revision || self.slips(Slip::OrderUpdateWithoutRevision))
                && stored.payload_digest == before.payload_digest
        });
        if !fenced || !same {
            return Ok(Written::Refused);
        }
        self.is_new(entry)?;
        self.file(entry);
        self.put_order(by, after);
        Ok(Written::Done)
    }

    pub(crate) fn load_order(&self, run_id: Uuid, key: Uuid) -> Option<OrderItem> {
        self.orders.get(&(run_id, key)).map(|item| (**item).clone())
    }

    pub(crate) fn load_orders(&self, run_id: Uuid) -> Vec<OrderItem> {
        self.orders.range((run_id, Uuid::nil())..=(run_id, Uuid::max())).map(|(_, item)| (**item).clone()).collect()
    }

    pub(crate) fn finish(
        &mut self,
        by: Writer,
        now: Timestamp,
        before: &RunItem,
        after: &RunItem,
        portfolio: Option<&PortfolioItem>,
        entry: &LogEntry,
    ) -> Answer<Written> {
        let account = AccountKey::from(&after.identity);
        let mine = self.locks.get(&account).is_some_and(|lock| lock.run_id == after.run_id);
        let free = self.slips(Slip::FinishWithoutCondition)
            || (self.still(before, now) && (mine || self.slips(Slip::ReleaseBeforeSettlement)));
        if !free {
            return Ok(Written::Refused);
        }
        self.is_new(entry)?;
        self.file(entry);
        self.put_run(by, after);
        self.put_lock(by, &account, None);
        if let Some(portfolio) = portfolio {
            self.portfolios.insert(portfolio.key.clone(), portfolio.clone());
        }
        Ok(Written::Done)
    }

    pub(crate) fn kill_switch(&self, scope: &SwitchScope) -> Option<KillSwitch> {
        self.switches.get(scope).cloned()
    }

    pub(crate) fn kill_switches(&self) -> Vec<KillSwitch> {
        self.switches.values().cloned().collect()
    }

    pub(crate) fn switch_log(&self) -> Vec<SwitchEntry> {
        self.switch_log.values().cloned().collect()
    }

    pub(crate) fn set_kill_switch(&mut self, by: Writer, switch: &KillSwitch, entry: &SwitchEntry) -> Written {
        let number = (entry.scope.clone(), entry.sequence);
        if self.switch_log.contains_key(&number) {
            return Written::Refused;
        }
        self.note(by, Change::Switched { on: switch.on });
        self.switches.insert(switch.scope.clone(), switch.clone());
        self.switch_log.insert(number, entry.clone());
        Written::Done
    }

    /// A person stops everything.
    pub(crate) fn throw_switch(&mut self, by: Writer) {
        let scope = SwitchScope::Everything;
        let head = self.kill_switch(&scope).as_ref().map_or_else(SwitchHead::default, Into::into);
        let (operator, note) = ("alice".to_owned(), "a drill".to_owned());
        let change = Switching { on: true, operator, note, at: crate::scenario::begin() };
        let (switch, entry) = of_switch(&scope, &head, &change);
        assert_eq!(self.set_kill_switch(by, &switch, &entry), Written::Done);
    }

    pub(crate) fn note_switch_read(&mut self, by: Writer, on: Option<bool>) {
        self.note(by, Change::SwitchRead { on });
    }
}

fn oldest_first<'a>(runs: impl Iterator<Item = &'a Arc<RunItem>>) -> Vec<RunItem> {
    let mut runs: Vec<RunItem> = runs.map(|run| (**run).clone()).collect();
    runs.sort_by_key(|run| (run.created_at, run.run_id));
    runs
}
