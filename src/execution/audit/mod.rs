//! The audit log: one entry for every write of a run, an order or a kill switch, chained by hashes. Pure.
//!
//! ```text
//! run     entry 1 ─▶ entry 2 ─▶ entry 3 ─▶ … ─▶ last entry: digest over the last entry of every order
//!                       └─▶ order A  entry 1 ─▶ entry 2 …          (an order's first entry names the run's)
//!                       └─▶ order B  entry 1 …
//! switch  entry 1 ─▶ entry 2 …                                    (one chain for each kill switch)
//! ```
//!
//! Each chain is numbered by its item's revision, so the conditional write of the item is what keeps two workers
//! from writing the same entry, and orders do not wait for one another. The item keeps the hash of its last entry
//! and the entry the digest of its item: neither can change, or go missing, without the other telling.
//!
//! What it proves: the log is whole and is what the stored items say, along the tables of `transition`. What it
//! cannot prove: that nobody with write access to the table replaced items and log together.

mod chain;
mod switch;

use std::collections::BTreeMap;

use uuid::Uuid;

use super::transition::{order_transition, run_transition};
use crate::planning::idempotency::digest_of;
use crate::ports::RunState;
use crate::ports::store::{Change, ITEM_SCHEMA, LogEntry, OrderItem, RunItem};
use chain::{Head, Link};
pub use switch::{SwitchHead, Switching, of_switch, switch_hash_of, verify_switch};

/// A run after a change, with the entry that tells of it. `operator`: on whose word, if a person's.
#[must_use]
pub fn of_run(before: Option<&RunItem>, after: RunItem, operator: Option<&str>) -> (RunItem, LogEntry) {
    of_run_with_orders(before, after, operator, None)
}

/// The same for the change that ends a committed run: it seals the orders' chains.
#[must_use]
pub fn of_ended_run(
    before: &RunItem,
    after: RunItem,
    orders: &BTreeMap<Uuid, OrderItem>,
    operator: Option<&str>,
) -> (RunItem, LogEntry) {
    let heads = orders.iter().map(|(key, order)| (*key, order.log_head.as_str()));
    of_run_with_orders(Some(before), after, operator, Some(orders_digest(heads)))
}

fn of_run_with_orders(
    before: Option<&RunItem>,
    after: RunItem,
    operator: Option<&str>,
    orders_digest: Option<String>,
) -> (RunItem, LogEntry) {
    let sequence = before.map_or(0, |before| before.revision).saturating_add(1);
    let mut run = RunItem { revision: sequence, log_head: String::new(), ..after };
    let entry = sealed(LogEntry {
        schema: ITEM_SCHEMA,
        run_id: run.run_id,
        sequence,
        change: Change::Run { from: before.map(|before| before.state), to: run.state },
        at: run.updated_at,
        claim_token: run.claim_token,
        epoch: run.epoch,
        operator: operator.map(str::to_owned),
        why: why(before, &run),
        item_digest: digest_of(&run),
        orders_digest,
        previous: before.map(|before| before.log_head.clone()).unwrap_or_default(),
        hash: String::new(),
    });
    run.log_head.clone_from(&entry.hash);
    (run, entry)
}

/// Why the run is or will be aborted; else what else than its state has changed, where a reader would ask.
fn why(before: Option<&RunItem>, after: &RunItem) -> String {
    let is_given = |run: &RunItem| run.approval.as_ref().is_some_and(|approval| approval.given.is_some());
    let Some(before) = before.filter(|_| after.reason.is_empty()) else { return after.reason.clone() };
    match (is_given(after) && !is_given(before), after.interruptions > before.interruptions) {
        (true, _) => "the plan is approved".to_owned(),
        (_, true) => "taken over from a worker that did not end it".to_owned(),
        _ if before.is_left && !after.is_left => "taken up again".to_owned(),
        _ if after.is_left && !before.is_left => "left to whoever looks next".to_owned(),
        _ => String::new(),
    }
}

/// An order after a change, with the entry that tells of it. `run` is the run as its worker knows it.
#[must_use]
pub fn of_order(
    run: &RunItem,
    before: Option<&OrderItem>,
    after: OrderItem,
    operator: Option<&str>,
) -> (OrderItem, LogEntry) {
    let mut order = OrderItem { log_head: String::new(), ..after };
    let entry = sealed(LogEntry {
        schema: ITEM_SCHEMA,
        run_id: order.run_id,
        sequence: order.revision,
        change: Change::Order { key: order.key, from: before.map(|before| before.state), to: order.state },
        at: order.updated_at,
        claim_token: run.claim_token,
        epoch: run.epoch,
        operator: operator.map(str::to_owned),
        why: order.note.clone(),
        item_digest: digest_of(&order),
        orders_digest: None,
        previous: before.map_or(&run.log_head, |before| &before.log_head).clone(),
        hash: String::new(),
    });
    order.log_head.clone_from(&entry.hash);
    (order, entry)
}

fn sealed(entry: LogEntry) -> LogEntry {
    debug_assert!(entry.hash.is_empty(), "the hash is over an entry without one");
    let hash = digest_of(&entry);
    LogEntry { hash, ..entry }
}

/// The hash that an entry must have.
#[must_use]
pub fn hash_of(entry: &LogEntry) -> String {
    digest_of(&LogEntry { hash: String::new(), ..entry.clone() })
}

fn orders_digest<'a>(heads: impl Iterator<Item = (Uuid, &'a str)>) -> String {
    digest_of(&heads.collect::<BTreeMap<Uuid, &str>>())
}

/// Something in a log that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The run's own chain, or the order's.
    pub order: Option<Uuid>,
    /// Absent when it is about the chain as a whole.
    pub sequence: Option<u64>,
    pub fault: Fault,
    /// One sentence.
    pub what: String,
}

impl Finding {
    /// About the run itself.
    pub(super) const fn of_run(fault: Fault, what: String) -> Self {
        Self { order: None, sequence: None, fault, what }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// An entry, or the item that it tells of, is not what was written.
    Altered,
    /// An entry or a whole chain is gone.
    Missing,
    OutOfOrder,
    /// An entry that belongs to nothing.
    Stray,
    /// A change that the tables of states do not have.
    Illegal,
}

impl Fault {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Altered => "altered",
            Self::Missing => "missing",
            Self::OutOfOrder => "out_of_order",
            Self::Stray => "stray",
            Self::Illegal => "illegal",
        }
    }
}

/// What is stored of a run, to be checked against its log.
#[derive(Debug, Clone, Copy)]
pub struct Stored<'a> {
    pub run: &'a RunItem,
    pub orders: &'a [OrderItem],
    /// The keys of the committed plan; empty before the commit.
    pub planned: &'a [Uuid],
}

/// Recomputes every chain of a run's log. No finding: the log is whole, and it is what the items say.
///
/// `log` is as it is filed: the entries of one chain in the sequence of their numbers.
#[must_use]
pub fn verify(stored: Stored<'_>, log: &[LogEntry]) -> Vec<Finding> {
    let mut chains: BTreeMap<Option<Uuid>, Vec<&LogEntry>> = BTreeMap::new();
    for entry in log {
        chains.entry(chain_of(entry)).or_default().push(entry);
    }
    let run_chain = chains.remove(&None).unwrap_or_default();
    let trunk: Vec<&str> = run_chain.iter().map(|entry| entry.hash.as_str()).collect();
    let run = stored.run;
    let digest = digest_of(&RunItem { log_head: String::new(), ..run.clone() });
    let mut findings = run_head(run, &digest).check(&run_chain, str::is_empty);
    for order in stored.orders {
        let chain = chains.remove(&Some(order.key)).unwrap_or_default();
        let digest = digest_of(&OrderItem { log_head: String::new(), ..order.clone() });
        let (owner, order, revision, hash) = (&run.run_id, Some(order.key), order.revision, order.log_head.as_str());
        let head = Head { owner, order, revision, digest: &digest, hash };
        findings.extend(head.check(&chain, |previous| trunk.contains(&previous)));
    }
    for (order, chain) in chains {
        let what = format!("{} without the order that they tell of", entries(chain.len()));
        findings.push(Finding { order, sequence: None, fault: Fault::Stray, what });
    }
    findings.extend(check_seal(stored, &run_chain));
    findings
}

const fn chain_of(entry: &LogEntry) -> Option<Uuid> {
    match entry.change {
        Change::Run { .. } => None,
        Change::Order { key, .. } => Some(key),
    }
}

fn run_head<'a>(run: &'a RunItem, digest: &'a str) -> Head<'a, Uuid> {
    Head { owner: &run.run_id, order: None, revision: run.revision, digest, hash: &run.log_head }
}

impl Link for LogEntry {
    type Owner = Uuid;

    fn sequence(&self) -> u64 {
        self.sequence
    }

    fn previous(&self) -> &str {
        &self.previous
    }

    fn hash(&self) -> &str {
        &self.hash
    }

    fn recomputed(&self) -> String {
        hash_of(self)
    }

    fn item_digest(&self) -> &str {
        &self.item_digest
    }

    fn owner(&self) -> &Uuid {
        &self.run_id
    }

    fn illegal_after(&self, before: Option<&Self>) -> Option<String> {
        (!is_legal(before, self)).then(|| illegal(self))
    }
}

/// A run that is over has every order of its plan, and its last entry seals their chains.
fn check_seal(stored: Stored<'_>, run_chain: &[&LogEntry]) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !stored.run.state.is_terminal() || stored.run.commitment.is_none() {
        return findings;
    }
    for key in stored.planned.iter().filter(|key| !stored.orders.iter().any(|order| order.key == **key)) {
        let what = "the order is in the plan, the run is over, and neither order nor entry is stored";
        findings.push(Finding { order: Some(*key), sequence: None, fault: Fault::Missing, what: what.to_owned() });
    }
    let Some(last) = run_chain.iter().find(|entry| entry.sequence == stored.run.revision) else {
        return findings;
    };
    let found = orders_digest(stored.orders.iter().map(|order| (order.key, order.log_head.as_str())));
    if last.orders_digest.as_ref() != Some(&found) {
        let what = "the orders are not those that the run ended with".to_owned();
        findings.push(Finding { order: None, sequence: Some(last.sequence), fault: Fault::Altered, what });
    }
    findings
}

fn is_legal(before: Option<&LogEntry>, entry: &LogEntry) -> bool {
    match (before.map(|before| before.change), entry.change) {
        (None, Change::Run { from: None, to: RunState::Claimed }) => true,
        (Some(Change::Run { to: was, .. }), Change::Run { from: Some(from), to }) => {
            // With or without orders: which of the two it was, the commitment says and not the log.
            let moves = |orders| run_transition(from, to, orders).is_ok();
            was == from && (from == to || moves(0) || moves(1))
        }
        (None, Change::Order { from: None, to, .. }) => order_transition(crate::ports::OrderState::Planned, to).is_ok(),
        (Some(Change::Order { to: was, .. }), Change::Order { from: Some(from), to, .. }) => {
            was == from && (from == to || order_transition(from, to).is_ok())
        }
        _ => false,
    }
}

fn illegal(entry: &LogEntry) -> String {
    let (from, to) = match entry.change {
        Change::Run { from, to } => (from.map(RunState::as_str), to.as_str()),
        Change::Order { from, to, .. } => (from.map(crate::ports::OrderState::as_str), to.as_str()),
    };
    format!("it goes from {} to {to}, which the table of states does not have", from.unwrap_or("nothing"))
}

fn entries(count: usize) -> String {
    if count == 1 { "1 entry".to_owned() } else { format!("{count} entries") }
}
