//! The judge: reads the store's last state, the history of its changes and the venue's log, and nothing of the code
//! that made them. Its tables are copied from the design by hand, on purpose.
//!
//! S1 one accepted order per key. S2 one plan per run. S3 a key stands for one payload. S4 nothing sent without a
//! journalled attempt. S5 nothing sent past its attempt's deadline. S6 one unsettled run per account. S7 states move
//! along the table, and only a run's owner makes attempts, as long as it is not stopped. S8 what ended without a trade
//! has none at the venue, and what traded is known in full. S9 a dry run changes nothing. S10 what was sent is in the
//! plan, buys wait for the sells and cash pays for them, nothing of a proposal leaves before a person's word, and a
//! kill switch that is on or unreadable, or was read too long ago, holds. The log has one entry for every change, in unbroken chains. L everything ends, or an alarm says
//! that a person must look; where one looks, everything ends.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use index_rebalancer::execution::ExecutionError;
use index_rebalancer::execution::audit::{Stored, verify};
use index_rebalancer::model::{Money, Order, Side};
use index_rebalancer::planning::RebalancePlan;
use index_rebalancer::planning::idempotency::run_id;
use index_rebalancer::ports::store::{Attempt, OrderItem, RunItem};
use index_rebalancer::ports::venue::{OrderRequest, VenueOrderStatus};
use index_rebalancer::ports::{OrderState, RunState};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::faults::Kind;
use crate::market::{Arrival, Fate, Refusal};
use crate::run::{Ended, History};
use crate::scenario::{Scenario, begin};
use crate::table::{Change, Entry};
use crate::world::Event;

/// What must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Property {
    S1,
    S2,
    S3,
    S4,
    S5,
    S6,
    S7,
    S8,
    S9,
    S10,
    Log,
    Liveness,
}

/// What did not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    pub(crate) property: Property,
    pub(crate) what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.property, self.what)
    }
}

/// The judgment on one history.
#[derive(Debug, Default)]
pub(crate) struct Judgment {
    pub(crate) violations: BTreeSet<Violation>,
    /// A person was asked to look.
    pub(crate) alarmed: bool,
}

/// How long the first phase may last before buys leave although a sell is open.
const PHASE_MS: i64 = 10_000;

/// How long what the controls said may be acted on: an attempt's window, and how far a clock is turned meanwhile.
const CONTROLS_HOLD_MS: i64 = 5_000 + 2 * 900;

/// The same, and every hash of the log recomputed: as long again, so not in every one of millions of runs.
pub(crate) fn judge_whole(history: &History) -> Judgment {
    let mut judge = Judge { history, judgment: judge(history) };
    judge.hashes();
    judge.judgment
}

pub(crate) fn judge(history: &History) -> Judgment {
    let mut judge = Judge { history, judgment: Judgment::default() };
    judge.one_order_per_key();
    judge.one_plan_per_run();
    judge.one_payload_per_key();
    judge.journal_before_sending();
    judge.one_unsettled_run();
    judge.moves();
    judge.nothing_lost();
    judge.dry_runs();
    judge.only_the_plan();
    judge.cash_and_phases();
    judge.switches();
    judge.owners();
    judge.consent();
    judge.day();
    judge.log();
    judge.liveness();
    judge.judgment
}

struct Judge<'a> {
    history: &'a History,
    judgment: Judgment,
}

/// The order state table of the design.
fn may_move(from: OrderState, to: OrderState) -> bool {
    use OrderState as O;
    let ends: &[O] = match from {
        O::Sending => &[O::Acknowledged, O::PartiallyFilled, O::Filled, O::Cancelled, O::Rejected, O::Unknown],
        O::Unknown => &[O::Acknowledged, O::PartiallyFilled, O::Filled, O::Cancelled, O::Rejected, O::NotPlaced],
        O::Acknowledged => &[O::PartiallyFilled, O::Filled, O::Cancelled],
        O::PartiallyFilled => &[O::Filled, O::Cancelled],
        _ => &[],
    };
    (from == to && !ends.is_empty()) || ends.contains(&to)
}

/// The attempt that a write of an order adds, if it adds one.
fn new_attempt<'a>(before: Option<&OrderItem>, after: &'a OrderItem) -> Option<&'a Attempt> {
    let known = before.and_then(|before| before.attempt.as_ref());
    after.attempt.as_ref().filter(|attempt| known.is_none_or(|known| known.id != attempt.id))
}

fn is_over(state: OrderState) -> bool {
    use OrderState as O;
    matches!(state, O::Skipped | O::Expired | O::Filled | O::Cancelled | O::Rejected | O::NotPlaced)
}

fn run_may_move(from: RunState, to: RunState, orders: u32) -> bool {
    use RunState as R;
    match (from, to) {
        (R::Planned, R::Done) => orders == 0,
        (R::Claimed, R::Planned)
        | (R::Planned, R::Emitting)
        | (R::Emitting, R::Done)
        | (R::Claimed | R::Planned | R::Emitting, R::Aborted) => true,
        (R::Claimed | R::Planned | R::Emitting, same) => from == same,
        _ => false,
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.extend([digit(byte >> 4), digit(byte & 0xf)]);
    }
    text
}

fn key_of(client_order_id: &str) -> Option<Uuid> {
    Uuid::try_parse(client_order_id).ok()
}

impl<'a> Judge<'a> {
    fn broken(&mut self, property: Property, what: String) {
        self.judgment.violations.insert(Violation { property, what });
    }

    fn accepted(&self) -> impl Iterator<Item = &'a Arrival> {
        self.history.market.arrivals.iter().filter(|arrival| matches!(arrival.fate, Fate::Accepted { .. }))
    }

    fn run_changes(&self) -> impl Iterator<Item = (&'a Entry, Option<&'a RunItem>, &'a RunItem)> {
        self.history.table.history.iter().filter_map(|entry| match &entry.change {
            Change::Run { before, after } => Some((entry, before.as_deref(), &**after)),
            _ => None,
        })
    }

    fn order_changes(&self) -> impl Iterator<Item = (&'a Entry, Option<&'a OrderItem>, &'a OrderItem)> {
        self.history.table.history.iter().filter_map(|entry| match &entry.change {
            Change::Order { before, after } => Some((entry, before.as_deref(), &**after)),
            _ => None,
        })
    }

    /// The committed plan of a run, from the bytes of its chunks.
    fn plan_of(run: &RunItem) -> Option<&'static RebalancePlan> {
        Scenario::get().plans.get(&run.commitment.as_ref()?.plan.digest)
    }

    fn planned_order(&self, key: Uuid) -> Option<(&'a RunItem, &'static Order)> {
        self.history.table.runs.values().find_map(|run| {
            let order = Self::plan_of(run)?.orders.iter().find(|order| order.key == key)?;
            Some((&**run, order))
        })
    }

    fn one_order_per_key(&mut self) {
        let mut times: BTreeMap<&str, u32> = BTreeMap::new();
        for arrival in self.accepted() {
            *times.entry(&arrival.sent.request.client_order_id).or_default() += 1;
        }
        for (id, count) in times.into_iter().filter(|(_, count)| *count > 1) {
            self.broken(Property::S1, format!("{count} orders were accepted under {id}"));
        }
    }

    fn one_plan_per_run(&mut self) {
        let mut plans: BTreeMap<Uuid, &str> = BTreeMap::new();
        let mut broken = Vec::new();
        for (_, before, after) in self.run_changes() {
            let digest = after.commitment.as_ref().map(|commitment| commitment.plan.digest.as_str());
            match (digest, plans.get(&after.run_id)) {
                (Some(now), Some(then)) if now != *then => {
                    broken.push(format!("run {} has the plans {then} and {now}", after.run_id));
                }
                (None, Some(then)) => broken.push(format!("run {} lost its plan {then}", after.run_id)),
                (Some(now), None) => {
                    let from = before.map(|before| before.state);
                    if from != Some(RunState::Claimed) || after.state != RunState::Planned {
                        broken.push(format!("run {} was committed from {from:?} to {:?}", after.run_id, after.state));
                    }
                    plans.insert(after.run_id, now);
                }
                _ => {}
            }
        }
        for run in self.history.table.runs.values() {
            let Some(commitment) = &run.commitment else { continue };
            for reference in [&commitment.plan, &commitment.input] {
                let mut sha = Sha256::new();
                for chunk in 0..reference.chunks {
                    let key = (run.run_id.to_string(), reference.digest.clone(), chunk);
                    match self.history.table.chunks.get(&key) {
                        Some(chunk) => sha.update(&chunk.bytes),
                        None => broken.push(format!("chunk {chunk} of {} is missing", reference.digest)),
                    }
                }
                let found = hex(&sha.finalize());
                if found != reference.digest {
                    broken.push(format!("what is stored as {} has the digest {found}", reference.digest));
                }
                if reference.chunks < 2 {
                    broken.push(format!("{} is stored in {} chunk", reference.digest, reference.chunks));
                }
            }
        }
        for what in broken {
            self.broken(Property::S2, what);
        }
    }

    fn one_payload_per_key(&mut self) {
        let mut digests: BTreeMap<Uuid, &str> = BTreeMap::new();
        let mut broken = Vec::new();
        for (_, _, after) in self.order_changes() {
            let first = digests.entry(after.key).or_insert(&after.payload_digest);
            if *first != after.payload_digest {
                broken.push(format!("order {} is stored with two payloads", after.key));
            }
        }
        let mut sent: BTreeMap<&str, &OrderRequest> = BTreeMap::new();
        for arrival in &self.history.market.arrivals {
            let request = &arrival.sent.request;
            let first = sent.entry(&request.client_order_id).or_insert(request);
            let payload = |request: &OrderRequest| {
                (request.instrument.clone(), request.side, request.quantity, request.limit_price)
            };
            if payload(first) != payload(request) {
                broken.push(format!("two payloads were sent under {}", request.client_order_id));
            }
        }
        for what in broken {
            self.broken(Property::S3, what);
        }
    }

    /// S4 and S5: the attempt on the wire is one that was stored before, and it left in time.
    fn journal_before_sending(&mut self) {
        let mut broken = Vec::new();
        for arrival in &self.history.market.arrivals {
            let request = &arrival.sent.request;
            let stored = self.order_changes().find(|(entry, _, item)| {
                entry.by.at_ms <= arrival.at_ms
                    && Some(item.key) == key_of(&request.client_order_id)
                    && matches!(item.state, OrderState::Sending | OrderState::Unknown)
                    && item.attempt.as_ref().is_some_and(|attempt| {
                        attempt.signed_at == request.signed_at && attempt.deadline == request.deadline
                    })
            });
            if stored.is_none() {
                let what = format!("{} arrived with an attempt that was not stored before", request.client_order_id);
                broken.push((Property::S4, what));
            }
            if arrival.sent.sent_by_clock >= request.deadline {
                let what = format!("{} was sent at {}", request.client_order_id, arrival.sent.sent_by_clock);
                broken.push((Property::S5, format!("{what}, its deadline was {}", request.deadline)));
            }
            let taken = matches!(arrival.fate, Fate::Accepted { .. });
            if self.history.class.bounded && taken && arrival.at > request.deadline {
                broken.push((Property::S5, format!("{} was taken after its deadline", request.client_order_id)));
            }
            if let Some((_, order)) = key_of(&request.client_order_id).and_then(|key| self.planned_order(key))
                && request.deadline > order.valid_until
            {
                broken.push((Property::S5, format!("{} outlives its plan", request.client_order_id)));
            }
        }
        for (property, what) in broken {
            self.broken(property, what);
        }
    }

    fn one_unsettled_run(&mut self) {
        let mut open: BTreeSet<Uuid> = BTreeSet::new();
        let mut broken = Vec::new();
        for (entry, _, after) in self.run_changes() {
            if after.state.is_terminal() {
                open.remove(&after.run_id);
            } else {
                open.insert(after.run_id);
            }
            if open.len() > 1 {
                broken.push(format!("step {}: {} runs are unsettled on one account", entry.by.step, open.len()));
            }
        }
        let mut holder: Option<Uuid> = None;
        let mut states: BTreeMap<Uuid, RunState> = BTreeMap::new();
        for entry in &self.history.table.history {
            match &entry.change {
                Change::Run { after, .. } => {
                    states.insert(after.run_id, after.state);
                }
                Change::Lock { before, after, .. } => {
                    if *before != holder {
                        broken.push(format!("step {}: the lock was not {holder:?}'s", entry.by.step));
                    }
                    if let (Some(run), true) = (before, before != after) {
                        let over = states.get(run).is_some_and(|state| state.is_terminal());
                        if !over {
                            broken.push(format!("step {}: run {run} lost its lock before its end", entry.by.step));
                        }
                    }
                    holder = *after;
                }
                _ => {}
            }
        }
        for what in broken {
            self.broken(Property::S6, what);
        }
    }

    fn moves(&mut self) {
        let mut broken = Vec::new();
        for (_, before, after) in self.run_changes() {
            let Some(before) = before else {
                if after.state != RunState::Claimed || after.epoch != 1 {
                    broken.push(format!("run {} began as {:?}", after.run_id, after.state));
                }
                continue;
            };
            let orders = after.commitment.as_ref().map_or(0, |commitment| commitment.order_count);
            if !run_may_move(before.state, after.state, orders) || after.epoch < before.epoch {
                broken.push(format!(
                    "run {} went from {:?} in epoch {} to {:?} in {}",
                    after.run_id, before.state, before.epoch, after.state, after.epoch
                ));
            }
            if after.epoch == before.epoch && after.claim_token != before.claim_token {
                broken.push(format!("run {} changed hands within epoch {}", after.run_id, after.epoch));
            }
            if !before.reason.is_empty() && after.reason != before.reason {
                broken.push(format!("run {} forgot why it was stopped", after.run_id));
            }
        }
        for (_, before, after) in self.order_changes() {
            let legal = match before {
                None => matches!(after.state, OrderState::Sending | OrderState::Skipped | OrderState::Expired),
                Some(before) => may_move(before.state, after.state) && after.revision == before.revision + 1,
            };
            if !legal {
                let from = before.map(|before| (before.state, before.revision));
                broken.push(format!("order {} went from {from:?} to {:?}", after.key, (after.state, after.revision)));
            }
        }
        // Whose run it is, and whether it was stopped, as the store knew it at each put of an order.
        let mut owners: BTreeMap<Uuid, (Uuid, bool)> = BTreeMap::new();
        for entry in &self.history.table.history {
            match &entry.change {
                Change::Run { after, .. } => {
                    owners.insert(after.run_id, (after.claim_token, !after.reason.is_empty()));
                }
                Change::Order { before: None, after } => {
                    let token = Uuid::from_u128(1_000 + entry.by.worker.0 as u128);
                    let owner = owners.get(&after.run_id);
                    if owner.is_none_or(|(owner, _)| *owner != token) {
                        broken.push(format!("order {} was put by a worker that had lost the run", after.key));
                    }
                    if owner.is_some_and(|(_, stopped)| *stopped) && after.attempt.is_some() {
                        broken.push(format!("order {} was put although the run was stopped", after.key));
                    }
                }
                _ => {}
            }
        }
        for (run_id, key) in self.history.table.orders.keys() {
            if self.planned_order(*key).is_none_or(|(run, _)| run.run_id != *run_id) {
                broken.push(format!("order {key} is stored and in no plan"));
            }
        }
        for what in broken {
            self.broken(Property::S7, what);
        }
    }

    /// S8, and what goes beyond it: no order is lost, whatever its state says of it is what the venue has.
    fn nothing_lost(&mut self) {
        use OrderState as O;
        let mut broken = Vec::new();
        for item in self.history.table.orders.values() {
            let taken: Vec<_> = self
                .history
                .market
                .orders
                .iter()
                .filter(|order| key_of(&order.client_order_id) == Some(item.key))
                .collect();
            match item.state {
                O::NotPlaced | O::Skipped | O::Expired | O::Rejected if !taken.is_empty() => {
                    broken.push(format!("order {} is {:?} and the venue has it", item.key, item.state));
                }
                O::Filled | O::Cancelled => {
                    let fills: Vec<_> = taken.iter().flat_map(|order| order.all_fills()).collect();
                    let (quantity, fee): (index_rebalancer::model::Quantity, Money) =
                        (fills.iter().map(|fill| fill.quantity).sum(), fills.iter().map(|fill| fill.fee).sum());
                    let ended = taken.first().map(|order| order.last().0);
                    let expected =
                        if item.state == O::Filled { VenueOrderStatus::Filled } else { VenueOrderStatus::Cancelled };
                    if ended != Some(expected) || quantity != item.filled_quantity || fee != item.fee {
                        broken.push(format!(
                            "order {} is {:?} with {} filled; the venue says {ended:?} with {quantity}",
                            item.key, item.state, item.filled_quantity
                        ));
                    }
                }
                _ => {}
            }
        }
        for arrival in self.accepted() {
            let id = &arrival.sent.request.client_order_id;
            let stored = key_of(id).is_some_and(|key| self.history.table.orders.keys().any(|(_, other)| *other == key));
            if !stored {
                broken.push(format!("the venue has {id} and the store does not"));
            }
        }
        for what in broken {
            self.broken(Property::S8, what);
        }
    }

    fn dry_runs(&mut self) {
        let dry: BTreeSet<_> = self
            .history
            .ends
            .iter()
            .filter(|(_, event, _)| *event == Event::DryRun)
            .map(|(worker, ..)| *worker)
            .collect();
        let mut broken = Vec::new();
        for step in self.history.steps.iter().filter(|step| dry.contains(&step.worker)) {
            if matches!(step.kind, Kind::Write | Kind::Transaction | Kind::Place) {
                broken.push(format!("step {}: a dry run called {}", step.number, step.call));
            }
        }
        for what in broken {
            self.broken(Property::S9, what);
        }
    }

    fn only_the_plan(&mut self) {
        let mut broken = Vec::new();
        for arrival in &self.history.market.arrivals {
            let request = &arrival.sent.request;
            let planned = key_of(&request.client_order_id).and_then(|key| self.planned_order(key));
            let same = planned.is_some_and(|(_, order)| {
                request.instrument == order.instrument
                    && request.side == order.side
                    && request.quantity == order.quantity
                    && request.limit_price == order.limit_price
            });
            if !same {
                let what = format!("{} {} {}", request.side, request.quantity, request.instrument);
                broken.push(format!("{what} under {} is not in the committed plan", request.client_order_id));
            }
        }
        for what in broken {
            self.broken(Property::S10, what);
        }
    }

    fn cash_and_phases(&mut self) {
        let mut broken = Vec::new();
        for arrival in &self.history.market.arrivals {
            if arrival.fate == Fate::Refused(Refusal::NoCash) {
                broken.push(format!("cash does not pay for {}", arrival.sent.request.client_order_id));
            }
        }
        // When each order was first journalled, and when it was first stored as over.
        let mut began: BTreeMap<Uuid, i64> = BTreeMap::new();
        let mut over: BTreeMap<Uuid, i64> = BTreeMap::new();
        for (entry, _, item) in self.order_changes() {
            if item.attempt.is_some() {
                began.entry(item.key).or_insert(entry.by.at_ms);
            }
            if is_over(item.state) {
                over.entry(item.key).or_insert(entry.by.at_ms);
            }
        }
        for run in self.history.table.runs.values() {
            let Some(plan) = Self::plan_of(run) else { continue };
            let side = |side| plan.orders.iter().filter(move |order| order.side == side);
            for (buy, at_ms) in side(Side::Buy).filter_map(|buy| Some((buy, *began.get(&buy.key)?))) {
                for sell in side(Side::Sell) {
                    let settled = over.get(&sell.key).is_some_and(|over_ms| *over_ms <= at_ms);
                    let waited = began.get(&sell.key).is_some_and(|began_ms| began_ms + PHASE_MS <= at_ms);
                    if !settled && !waited {
                        broken.push(format!("buy {} left before sell {} was settled", buy.key, sell.key));
                    }
                }
            }
        }
        for what in broken {
            self.broken(Property::S10, what);
        }
    }

    /// Every order that leaves was preceded by its own worker's two looks at switches, both answered with off, and left
    /// before they were older than an attempt may be.
    fn switches(&mut self) {
        let mut looks: BTreeMap<usize, Vec<(i64, Option<bool>)>> = BTreeMap::new();
        let mut broken = Vec::new();
        for entry in &self.history.table.history {
            let worker = entry.by.worker.0;
            match &entry.change {
                Change::SwitchRead { on } => looks.entry(worker).or_default().push((entry.by.at_ms, *on)),
                Change::Order { before, after } => {
                    let Some(attempt) = new_attempt(before.as_deref(), after) else { continue };
                    let looked = looks.remove(&worker).unwrap_or_default();
                    // A look that went wrong may be followed by another one: the last two count.
                    let last = &looked[looked.len().saturating_sub(2)..];
                    if last.len() < 2 || last.iter().any(|(_, on)| *on != Some(false)) {
                        broken.push(format!("order {} left although the switches said {looked:?}", after.key));
                    }
                    let Some((looked_ms, _)) = last.first() else { continue };
                    let stale = self.left_at(after.key, attempt).filter(|left| *left > looked_ms + CONTROLS_HOLD_MS);
                    if let Some(left) = stale {
                        let what = format!("order {} left at {left} ms by switches read at {looked_ms} ms", after.key);
                        broken.push(what);
                    }
                }
                _ => {}
            }
        }
        for what in broken {
            self.broken(Property::S10, what);
        }
    }

    /// When an attempt was sent, by the clock of the worker that sent it.
    fn left_at(&self, key: Uuid, attempt: &Attempt) -> Option<i64> {
        let sent = self.history.market.arrivals.iter().map(|arrival| &arrival.sent).find(|sent| {
            key_of(&sent.request.client_order_id) == Some(key)
                && (sent.request.signed_at, sent.request.deadline) == (attempt.signed_at, attempt.deadline)
        })?;
        i64::try_from(sent.sent_by_clock.duration_since(begin()).as_millis()).ok()
    }

    /// Attempts are made by the worker that has the run, and by nobody once the run is stopped.
    fn owners(&mut self) {
        let mut runs: BTreeMap<Uuid, &RunItem> = BTreeMap::new();
        let mut broken = Vec::new();
        for entry in &self.history.table.history {
            match &entry.change {
                Change::Run { after, .. } => {
                    runs.insert(after.run_id, after);
                }
                Change::Order { before, after } if new_attempt(before.as_deref(), after).is_some() => {
                    let (run, worker) = (runs[&after.run_id], entry.by.worker);
                    if run.claim_token != Scenario::token(worker) || !run.reason.is_empty() {
                        let (worker, key, reason) = (worker.0, after.key, &run.reason);
                        broken.push(format!("worker {worker} attempts {key}: not its run, or stopped {reason:?}"));
                    }
                }
                _ => {}
            }
        }
        for what in broken {
            self.broken(Property::S7, what);
        }
    }

    /// Nothing is attempted of a plan that waits for a person's word, which is given once, in time and to that plan.
    fn consent(&mut self) {
        let mut runs: BTreeMap<Uuid, &RunItem> = BTreeMap::new();
        let mut broken = Vec::new();
        for entry in &self.history.table.history {
            match &entry.change {
                Change::Run { before, after } => {
                    let before = before.as_deref().and_then(|before| before.approval.as_ref());
                    let (run_id, approval) = (after.run_id, after.approval.as_ref());
                    let planned = after.commitment.as_ref().map(|commitment| &commitment.plan.digest);
                    if before.is_some_and(|before| approval.is_none_or(|approval| approval.until != before.until)) {
                        broken.push(format!("run {run_id} forgot that it waits for a word, or until when"));
                    }
                    let word = approval.and_then(|approval| Some((approval.until, approval.given.as_ref()?)));
                    let first = before.and_then(|before| before.given.as_ref());
                    if first.is_some_and(|first| word.is_none_or(|(_, given)| given != first)) {
                        broken.push(format!("run {run_id} forgot the word that was given"));
                    }
                    if word.is_some_and(|(until, given)| given.at >= until || Some(&given.plan_digest) != planned) {
                        broken.push(format!("run {run_id} was approved too late, or another plan was: {word:?}"));
                    }
                    runs.insert(run_id, after);
                }
                Change::Order { before, after } if new_attempt(before.as_deref(), after).is_some() => {
                    let approval = runs[&after.run_id].approval.as_ref();
                    let consents = approval.map(|approval| approval.given.is_some());
                    if consents.unwrap_or(self.is_unattended(after.run_id)) {
                        continue;
                    }
                    broken.push(format!("order {} left and nobody has approved its plan", after.key));
                }
                _ => {}
            }
        }
        for what in broken {
            self.broken(Property::S10, what);
        }
    }

    /// Whether nobody's word is asked for about that run.
    fn is_unattended(&self, run: Uuid) -> bool {
        !self.history.class.attended || run != run_id(&Scenario::identity(Event::FirstRun))
    }

    /// What commits reserve of the day is what is committed, once each.
    fn day(&mut self) {
        let committed: Money = self
            .history
            .table
            .runs
            .values()
            .filter_map(|run| run.commitment.as_ref())
            .map(|commitment| commitment.notional)
            .sum();
        let reserved: Money = self.history.table.days.values().copied().sum();
        if committed != reserved {
            self.broken(Property::S2, format!("{committed} is committed and {reserved} reserved"));
        }
    }

    /// One chain per item, as long as the item has revisions, and the item knows its end.
    fn log(&mut self) {
        let table = &self.history.table;
        let runs = table.runs.values().map(|run| ((run.run_id, None), (run.revision, &run.log_head)));
        let orders = table.orders.values().map(|item| ((item.run_id, Some(item.key)), (item.revision, &item.log_head)));
        let mut broken = Vec::new();
        let mut entries = 0;
        for ((run, order), (revision, head)) in runs.chain(orders) {
            let mut previous: Option<&str> = None;
            for number in 1..=revision {
                let Some(entry) = table.log.get(&(run, order, number)) else {
                    broken.push(format!("entry {number} of {order:?} is missing"));
                    continue;
                };
                entries += 1;
                if number > 1 && previous != Some(&entry.previous) {
                    broken.push(format!("entry {number} of {order:?} does not follow the one before"));
                }
                previous = Some(&entry.hash);
            }
            if previous != Some(head) {
                broken.push(format!("{order:?} does not know the end of its log"));
            }
        }
        if entries != table.log.len() {
            broken.push(format!("{} entries are filed and {entries} belong to something", table.log.len()));
        }
        for what in broken {
            self.broken(Property::Log, what);
        }
    }

    /// What `audit` finds.
    fn hashes(&mut self) {
        let table = &self.history.table;
        let mut broken = Vec::new();
        for run in table.runs.values() {
            let (orders, log) = (table.load_orders(run.run_id), table.load_log(run.run_id));
            let planned: Vec<Uuid> =
                Self::plan_of(run).map_or_else(Vec::new, |plan| plan.orders.iter().map(|order| order.key).collect());
            let stored = Stored { run, orders: &orders, planned: &planned };
            broken.extend(verify(stored, &log).into_iter().map(|finding| format!("{finding:?}")));
        }
        for what in broken {
            self.broken(Property::Log, what);
        }
    }

    /// After the last fault and some rounds of recovery.
    fn liveness(&mut self) {
        let (_, _, last) = &self.history.ends[self.history.ends.len() - 1];
        let told = |run_id: &Uuid| match last {
            Ended::Recovered { halted, .. } => halted.contains(run_id),
            Ended::Failed(ExecutionError::Halted { run_id: halted, .. }) => halted == run_id,
            Ended::Answered(what) => *what == "unsettled",
            _ => false,
        };
        let open: Vec<_> = self.history.table.runs.values().filter(|run| !run.state.is_terminal()).collect();
        self.judgment.alarmed = open.iter().any(|run| told(&run.run_id));
        let mut broken = Vec::new();
        for run in self.history.table.runs.values() {
            let items: Vec<_> = self.history.table.orders.values().filter(|item| item.run_id == run.run_id).collect();
            if run.state.is_terminal() {
                let planned = Self::plan_of(run).map_or(0, |plan| plan.orders.len());
                let over = items.iter().filter(|item| is_over(item.state)).count();
                let unplanned = run.commitment.is_none() && run.state == RunState::Aborted;
                if over != planned && !unplanned {
                    broken.push(format!("run {} is {:?} with {over} of {planned} orders over", run.run_id, run.state));
                }
                continue;
            }
            if !told(&run.run_id) {
                broken.push(format!("run {} stays {:?} and nobody is told", run.run_id, run.state));
            }
            if run.state == RunState::Claimed || self.history.class.attended {
                broken.push(format!("run {} stays {:?}", run.run_id, run.state));
            }
            if items.iter().all(|item| is_over(item.state)) {
                broken.push(format!("run {} stays {:?} and nothing of it is open", run.run_id, run.state));
            }
            for item in items.iter().filter(|item| !is_over(item.state)) {
                let known =
                    self.history.market.orders.iter().any(|order| key_of(&order.client_order_id) == Some(item.key));
                // Only where absence never becomes a fact may an order stay open, and only while it is absent.
                if self.history.class.bounded || (known && self.arrived_early(item.key)) {
                    broken.push(format!("order {} stays {:?}", item.key, item.state));
                }
            }
        }
        if self.history.table.locks.len() != open.len() {
            let what = format!("{} locks are held and {} runs are open", self.history.table.locks.len(), open.len());
            broken.push(what);
        }
        for what in broken {
            self.broken(Property::Liveness, what);
        }
    }

    /// The order reached the venue before recovery looked for the last time.
    fn arrived_early(&self, key: Uuid) -> bool {
        let last_look =
            self.history.steps.iter().rev().find(|step| step.call == "find_order").map_or(0, |step| step.at_ms);
        self.accepted()
            .any(|arrival| key_of(&arrival.sent.request.client_order_id) == Some(key) && arrival.at_ms < last_look)
    }
}
