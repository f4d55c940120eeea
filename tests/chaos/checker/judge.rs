//! The properties, one function each.

use std::collections::{BTreeMap, BTreeSet};

use index_rebalancer::adapters::rehearsal::venue::Placing;
use index_rebalancer::model::{Order, Quantity};
use index_rebalancer::planning::RebalancePlan;
use index_rebalancer::ports::venue::Duplicates;
use jiff::SignedDuration;
use serde_json::Value;

use super::evidence::{Evidence, Sent, Write, number};
use super::{NAMED_STEPS, NOT_AIMED_AT, Verdict};
use crate::steps::{kind, text};
use crate::venue_class::VenueClass;
use crate::venue_server::{Books, Refusal, Refused};
use crate::worker::PATIENCE;

const S1: &str = "S1 at most one accepted order per key";
const S2: &str = "S2 one plan digest per run";
const S3: &str = "S3 one payload digest per order";
const S4: &str = "S4 nothing sent without its attempt stored before";
const S5: &str = "S5 nothing sent past its attempt's deadline, nor a deadline past its window";
const S6: &str = "S6 one unsettled run per venue account";
const S7: &str = "S7 states move along the table";
const S8: &str = "S8 not placed means that nothing was accepted";
const S9: &str = "S9 a dry run writes and sends nothing";
const S10: &str = "S10 sent as planned, and covered by what was there";
const LOST: &str = "no order lost: the store ends with what the venue did";
const INVENTED: &str = "nothing invented: the venue did what the store says of it";
const STEPS: &str = "every step is one at which workers are killed, or excused";
const ENDS: &str = "every run ends, or an alarm says that a person must look";

/// From the worker's look at the clock to the wire. What the machine kept the driver waiting within a second of it is
/// added: a worker that is not let run is late without having done anything wrong.
const TOLERANCE_MS: i64 = 50;

fn tolerance(evidence: &Evidence, sent: &Sent) -> i64 {
    let near = evidence.stalls.iter().filter(|(at, _)| at.duration_since(sent.at).as_secs().abs() < 1);
    TOLERANCE_MS + near.map(|(_, milliseconds)| *milliseconds).max().unwrap_or(0)
}

pub(super) fn judge(evidence: &Evidence, items: &[Value], books: &Books) -> Verdict {
    let mut verdict = Verdict::default();
    count(evidence, &mut verdict);
    let store = Store::of(items);
    every_step_is_known(evidence, &mut verdict);
    accepted_once(evidence, books, &mut verdict);
    one_digest(evidence, &mut verdict);
    journal_first(evidence, &mut verdict);
    in_time(evidence, &store, &mut verdict);
    one_unsettled(evidence, &mut verdict);
    along_the_table(evidence, &mut verdict);
    nothing_written(evidence, &mut verdict);
    as_planned(evidence, &store, books, &mut verdict);
    nothing_lost(&store, books, &mut verdict);
    nothing_invented(&store, books, &mut verdict);
    every_run_ends(evidence, &store, &mut verdict);
    verdict
}

/// The store at the end.
struct Store<'a> {
    runs: Vec<&'a Value>,
    /// By client order id.
    orders: BTreeMap<String, &'a Value>,
    locks: Vec<&'a Value>,
    /// By run id.
    plans: BTreeMap<String, RebalancePlan>,
}

impl<'a> Store<'a> {
    fn of(items: &'a [Value]) -> Self {
        let of_kind = |wanted: &'static str| items.iter().filter(move |item| kind(item) == wanted);
        let chunks: BTreeMap<(&str, &str), &str> = of_kind("chunk")
            .filter_map(|item| Some(((text(item, "pk")?, text(item, "sk")?), item["bytes"]["B"].as_str()?)))
            .collect();
        let runs: Vec<&Value> = of_kind("run").collect();
        let plan = |run: &Value| {
            let (id, digest) = (text(run, "run_id")?, plan_digest(run)?);
            let (pk, sk) = (format!("blob#run#{}", id.replace('-', "")), format!("{digest}#00000"));
            let plan = serde_json::from_str(chunks.get(&(pk.as_str(), sk.as_str()))?).ok()?;
            Some((id.to_owned(), plan))
        };
        Self {
            plans: runs.iter().filter_map(|run| plan(run)).collect(),
            orders: of_kind("order").filter_map(|item| Some((text(item, "sk")?.to_owned(), item))).collect(),
            locks: of_kind("lock").collect(),
            runs,
        }
    }
}

impl Store<'_> {
    /// By client order id.
    fn planned(&self) -> BTreeMap<String, &Order> {
        let orders = self.plans.values().flat_map(|plan| &plan.orders);
        orders.map(|order| (order.key.simple().to_string(), order)).collect()
    }
}

fn plan_digest(run: &Value) -> Option<&str> {
    run["commitment"]["M"]["plan"]["M"]["digest"]["S"].as_str()
}

fn class_of(account: &str) -> VenueClass {
    VenueClass::of_account(account).expect("accounts are named after their class")
}

fn count(evidence: &Evidence, verdict: &mut Verdict) {
    let mut takes: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut releases = takes.clone();
    for write in &evidence.runs {
        if write.step.starts_with("store: take the lock") {
            takes.entry(&write.account).or_default().push(write.answered);
        } else if is_release(write) {
            releases.entry(&write.account).or_default().push(write.answered);
        }
    }
    for kill in &evidence.kills {
        let so_far = |writes: &BTreeMap<&str, Vec<usize>>| {
            let of_account = writes.get(kill.account.as_str()).into_iter().flatten();
            of_account.filter(|answered| **answered < kill.position).count()
        };
        verdict.kills += 1;
        verdict.kills_between += usize::from(so_far(&takes) > so_far(&releases));
        let (before, after) =
            verdict.kills_at.entry(kill.step.clone().unwrap_or_else(|| "at a random moment".to_owned())).or_default();
        *(if kill.before { before } else { after }) += 1;
    }
    let at = |step: &&str| verdict.kills_at.get(*step).map_or(0, |(before, after)| before + after);
    verdict.rarest_step = NAMED_STEPS.iter().map(at).min().unwrap_or(0);
    verdict.workers = evidence.workers;
    verdict.acts.clone_from(&evidence.acts);
    verdict.requests = evidence.requests;
    verdict.cuts = evidence.cuts;
    verdict.delays = evidence.delays;
    verdict.endings.clone_from(&evidence.endings);
    verdict.sent = evidence.sent.len();
    verdict.longest_stall_ms = evidence.stalls.iter().map(|(_, milliseconds)| *milliseconds).max().unwrap_or(0);
}

fn is_release(write: &Write) -> bool {
    write.step.starts_with("store: release the lock")
}

fn every_step_is_known(evidence: &Evidence, verdict: &mut Verdict) {
    for step in &evidence.steps {
        let is_aimed_at = NAMED_STEPS.contains(&step.as_str());
        let is_excused = NOT_AIMED_AT.iter().any(|(name, _)| name == step);
        verdict.rule(STEPS, is_aimed_at != is_excused, || step.clone());
    }
}

fn accepted_once(evidence: &Evidence, books: &Books, verdict: &mut Verdict) {
    let mut per_key: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for order in &books.accepted {
        *per_key.entry((&order.placing.account, &order.placing.client_order_id)).or_default() += 1;
    }
    for ((account, id), count) in per_key {
        verdict.rule(S1, count == 1, || format!("{account} {id}: accepted {count} times"));
    }
    verdict.accepted = books.accepted.len();
    for Refused { placing, why } in &books.refused {
        *verdict.refused.entry(why.clone()).or_default() += 1;
        let once = *why != Refusal::DuplicateId;
        verdict.rule(S1, once, || format!("{} {}: sent again while open", placing.account, placing.client_order_id));
    }
    // At most one send where a repeat could be taken; and one for each attempt anywhere.
    let mut sends: BTreeMap<(&str, &str), BTreeMap<String, usize>> = BTreeMap::new();
    for sent in &evidence.sent {
        let attempts = sends.entry((&sent.placing.account, &sent.placing.client_order_id)).or_default();
        *attempts.entry(sent.placing.signed_at.to_string()).or_default() += 1;
    }
    for ((account, id), attempts) in sends {
        let total: usize = attempts.values().sum();
        let once = total == attempts.len() && (class_of(account).duplicates == Duplicates::Replayed || total == 1);
        verdict.rule(S1, once, || format!("{account} {id}: sent {attempts:?}"));
    }
}

fn one_digest(evidence: &Evidence, verdict: &mut Verdict) {
    let mut plans: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for write in &evidence.runs {
        plans.entry(write.text("run_id")).or_default().extend(plan_digest(&write.item));
    }
    for (run, digests) in plans {
        verdict.rule(S2, digests.len() <= 1, || format!("run {run}: {digests:?}"));
    }
    let mut payloads: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for write in &evidence.orders {
        payloads.entry(write.text("key")).or_default().insert(write.text("payload_digest"));
    }
    for (key, digests) in payloads {
        verdict.rule(S3, digests.len() == 1, || format!("order {key}: {digests:?}"));
    }
}

fn journal_first(evidence: &Evidence, verdict: &mut Verdict) {
    let mut written: BTreeMap<&str, Vec<&Write>> = BTreeMap::new();
    for write in &evidence.orders {
        written.entry(write.text("sk")).or_default().push(write);
    }
    for sent in &evidence.sent {
        let id = &sent.placing.client_order_id;
        let earlier = || {
            let of_order = written.get(id.as_str()).into_iter().flatten();
            of_order.filter(|write| write.answered < sent.asked)
        };
        let (signed_at, deadline) = (sent.placing.signed_at.to_string(), sent.placing.deadline.to_string());
        let attempt = |write: &Write, field: &str| write.item["attempt"]["M"][field]["S"].as_str().map(str::to_owned);
        let journalled = earlier().any(|write| write.text("state") == "sending");
        let stored = earlier().any(|write| {
            attempt(write, "signed_at").as_ref() == Some(&signed_at)
                && attempt(write, "deadline").as_ref() == Some(&deadline)
        });
        verdict.rule(S4, journalled && stored, || format!("{} {id} at {}", sent.placing.account, sent.at));
    }
}

/// By its attempt's deadline, which no attempt may put off: at most the send window after it was signed, and within the
/// validity of its plan.
fn in_time(evidence: &Evidence, store: &Store<'_>, verdict: &mut Verdict) {
    let planned = store.planned();
    let window = SignedDuration::from_millis(i64::try_from(PATIENCE.send_window_ms).expect("a short time"));
    for sent in &evidence.sent {
        let Placing { account, client_order_id: id, signed_at, deadline, .. } = &sent.placing;
        let late = i64::try_from(sent.at.duration_since(*deadline).as_millis()).unwrap_or(i64::MAX);
        verdict.latest_ms = verdict.latest_ms.max(late);
        verdict.rule(S5, late <= tolerance(evidence, sent), || format!("{account} {id} left {late} ms late"));
        let valid_until = planned.get(id).map(|order| order.valid_until);
        let bounded = deadline.duration_since(*signed_at) <= window && valid_until.is_some_and(|end| *deadline <= end);
        verdict.rule(S5, bounded, || format!("{account} {id}: {signed_at} to {deadline}, valid until {valid_until:?}"));
    }
}

/// A claim that was answered before the account's earlier run was even asked to end.
fn one_unsettled(evidence: &Evidence, verdict: &mut Verdict) {
    let mut claims: BTreeMap<&str, Vec<&Write>> = BTreeMap::new();
    for write in evidence.runs.iter().filter(|write| write.step.starts_with("store: take the lock")) {
        claims.entry(&write.account).or_default().push(write);
    }
    for (account, claims) in claims {
        for pair in claims.windows(2) {
            let run = pair[0].text("run_id");
            let ended = evidence.runs.iter().find(|write| is_release(write) && write.text("run_id") == run);
            let free = ended.is_some_and(|ended| ended.asked < pair[1].answered);
            verdict
                .rule(S6, free, || format!("{account}: {} claimed while {run} was not over", pair[1].text("run_id")));
        }
        let ids: BTreeSet<&str> = claims.iter().map(|write| write.text("run_id")).collect();
        verdict.rule(S6, ids.len() == claims.len(), || format!("{account}: a run was claimed twice"));
    }
}

fn along_the_table(evidence: &Evidence, verdict: &mut Verdict) {
    const RUN: [(&str, &str); 7] = [
        ("", "claimed"),
        ("claimed", "planned"),
        ("claimed", "aborted"),
        ("planned", "emitting"),
        ("planned", "aborted"),
        ("emitting", "done"),
        ("emitting", "aborted"),
    ];
    const ORDER: [(&str, &[&str]); 5] = [
        ("", &["sending", "skipped", "expired"]),
        ("sending", &["acknowledged", "partially_filled", "filled", "cancelled", "rejected", "unknown"]),
        ("unknown", &["acknowledged", "partially_filled", "filled", "cancelled", "rejected", "not_placed"]),
        ("acknowledged", &["partially_filled", "filled", "cancelled"]),
        ("partially_filled", &["filled", "cancelled"]),
    ];
    for write in &evidence.runs {
        let (from, to) = (text(&write.expected, ":state").unwrap_or(""), write.text("state"));
        let same = from == to && !matches!(from, "" | "done" | "aborted");
        let epochs = (number(&write.expected, ":epoch"), write.number("epoch"));
        let revisions = (number(&write.expected, ":revision"), write.number("revision"));
        let forward = epochs.0 <= epochs.1 && revisions.0 + 1 == revisions.1;
        verdict.rule(S7, (same || RUN.contains(&(from, to))) && forward, || {
            format!("run {}: {from} → {to}, epochs {epochs:?}, revisions {revisions:?}", write.text("run_id"))
        });
    }
    let mut chains: BTreeMap<&str, BTreeMap<u64, Vec<&Write>>> = BTreeMap::new();
    for write in &evidence.orders {
        chains.entry(write.text("sk")).or_default().entry(write.number("revision")).or_default().push(write);
    }
    for (id, chain) in chains {
        let mut from = "";
        for (place, (revision, writes)) in chain.iter().enumerate() {
            let to = writes[0].text("state");
            let legal = ORDER.iter().any(|(state, targets)| *state == from && targets.contains(&to));
            let same = from == to && matches!(to, "sending" | "unknown" | "acknowledged" | "partially_filled");
            let single = writes.len() == 1 && *revision == place as u64 + 1;
            verdict.rule(S7, (legal || same) && single, || format!("order {id}: {from} → {to} as revision {revision}"));
            from = to;
        }
    }
}

/// Every request of a dry run is a read by its name: what is not known to be one counts as a write.
fn nothing_written(evidence: &Evidence, verdict: &mut Verdict) {
    const READS: [&str; 3] = ["store: read ", "store: list ", "venue: account"];
    for (worker, asked) in &evidence.dry_runs {
        for step in asked {
            let reads = READS.iter().any(|read| step.starts_with(read));
            verdict.rule(S9, reads, || format!("worker {worker} asked for {step}"));
        }
    }
}

/// The venue takes no order that its account cannot pay for, so what is not covered shows as a refusal.
fn as_planned(evidence: &Evidence, store: &Store<'_>, books: &Books, verdict: &mut Verdict) {
    let planned = store.planned();
    for Sent { placing, .. } in &evidence.sent {
        let planned = planned.get(&placing.client_order_id).is_some_and(|planned| {
            planned.venue_account.as_str() == placing.account
                && planned.instrument.as_str() == placing.instrument
                && planned.side == placing.side
                && planned.quantity == placing.quantity
                && planned.limit_price == placing.limit_price
        });
        verdict.rule(S10, planned, || format!("{} {} is in no plan", placing.account, placing.client_order_id));
    }
    for Refused { placing, why } in &books.refused {
        let covered = matches!(why, Refusal::DuplicateId | Refusal::Late);
        verdict.rule(S10, covered, || format!("{} {}: {why:?}", placing.account, placing.client_order_id));
    }
}

fn nothing_lost(store: &Store<'_>, books: &Books, verdict: &mut Verdict) {
    for order in &books.accepted {
        let id = &order.placing.client_order_id;
        let item = store.orders.get(id);
        verdict.rule(LOST, item.is_some(), || format!("{} {id} is not in the store", order.placing.account));
        let Some(item) = item else { continue };
        let state = text(item, "state").unwrap_or("");
        verdict.rule(S8, state != "not_placed", || format!("{} {id}", order.placing.account));
        // What is not terminal is judged with its run.
        if matches!(state, "filled" | "cancelled" | "rejected" | "not_placed" | "skipped" | "expired") {
            let stored = text(item, "filled_quantity").and_then(|text| Quantity::parse(text).ok());
            let same = stored == Some(order.order.filled_quantity);
            verdict.rule(LOST, same, || format!("{id}: {state} with {stored:?}, venue {:?}", order.order));
        }
    }
}

/// What was accepted or refused by the store's word was so by the venue's.
fn nothing_invented(store: &Store<'_>, books: &Books, verdict: &mut Verdict) {
    let accepted: BTreeSet<&str> = books.accepted.iter().map(|order| order.placing.client_order_id.as_str()).collect();
    let refused: BTreeSet<&str> = books.refused.iter().map(|order| order.placing.client_order_id.as_str()).collect();
    for (id, item) in &store.orders {
        let state = text(item, "state").unwrap_or("");
        *verdict.orders.entry(state.to_owned()).or_default() += 1;
        let is_so = match state {
            "acknowledged" | "partially_filled" | "filled" | "cancelled" => accepted.contains(id.as_str()),
            "rejected" => refused.contains(id.as_str()) && !accepted.contains(id.as_str()),
            _ => continue,
        };
        verdict.rule(INVENTED, is_so, || format!("{id} is {state}"));
    }
}

/// The exit code that asks for a person.
const A_PERSON_MUST_LOOK: i32 = 5;

/// A run may stay open only at a venue where absence never becomes a fact, and only if recovery says so every time.
fn every_run_ends(evidence: &Evidence, store: &Store<'_>, verdict: &mut Verdict) {
    for run in &store.runs {
        let (id, state) = (text(run, "run_id").unwrap_or(""), text(run, "state").unwrap_or(""));
        verdict.runs += 1;
        *verdict.ended.entry(state.to_owned()).or_default() += 1;
        let is_over = matches!(state, "done" | "aborted");
        let of_run = |item: &&&Value| text(item, "run_id") == Some(id);
        let open: Vec<&&Value> = store
            .orders
            .values()
            .filter(of_run)
            .filter(|item| {
                matches!(text(item, "state"), Some("sending" | "unknown" | "acknowledged" | "partially_filled"))
            })
            .collect();
        let account = text(&run["identity"]["M"], "venue_account").unwrap_or("");
        let told = evidence.recoveries.get(account) == Some(&A_PERSON_MUST_LOOK);
        let alarmed = told && !open.is_empty() && !class_of(account).bounds_late_requests;
        verdict.alarmed += usize::from(!is_over && alarmed);
        verdict.rule(ENDS, is_over || alarmed, || format!("run {id} is {state}, open orders {open:?}"));
        verdict.rule(ENDS, !is_over || open.is_empty(), || format!("run {id} is {state} with open orders {open:?}"));
        let locked = store.locks.iter().any(|lock| text(lock, "run_id") == Some(id));
        verdict.rule(ENDS, locked != is_over, || format!("run {id} is {state}, lock held: {locked}"));
    }
}
