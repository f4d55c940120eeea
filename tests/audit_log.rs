//! The audit log, pure: what the chains of a whole run look like, and what each way of spoiling them is called.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test stops where something is not as it must be")]

#[path = "common/claimed_run.rs"]
mod claimed_run;
#[path = "execution/plans.rs"]
#[expect(dead_code, reason = "builders of which another test needs more")]
mod plans;

use std::collections::BTreeMap;

use claimed_run::claimed;
use index_rebalancer::execution::audit::{Fault, Finding, Stored, hash_of, of_ended_run, of_order, of_run, verify};
use index_rebalancer::model::{Money, Order};
use index_rebalancer::ports::store::{Attempt, BlobRef, Change, Commitment, LogEntry, OrderItem, RunItem};
use index_rebalancer::ports::{OrderState, RunState};
use plans::*;
use uuid::Uuid;

/// A run with two filled orders, from claim to Done, and everything that was told of it.
struct Told {
    run: RunItem,
    orders: Vec<OrderItem>,
    planned: Vec<Uuid>,
    /// As filed: the run's chain, then each order's.
    log: Vec<LogEntry>,
}

impl Told {
    fn findings(&self) -> Vec<Finding> {
        verify(Stored { run: &self.run, orders: &self.orders, planned: &self.planned }, &self.log)
    }

    /// The faults, once each.
    fn faults(&self) -> Vec<Fault> {
        let mut faults: Vec<Fault> = self.findings().into_iter().map(|finding| finding.fault).collect();
        faults.sort();
        faults.dedup();
        faults
    }
}

fn commitment() -> Commitment {
    let reference = BlobRef { digest: "d".to_owned(), bytes: 1, chunks: 1 };
    Commitment {
        input: reference.clone(),
        plan: reference,
        order_count: 2,
        notional: money("4000"),
        valid_until: monday() + seconds(1800),
        committed_at: monday(),
    }
}

fn sending(run: Uuid, order: &Order) -> OrderItem {
    OrderItem {
        schema: 2,
        run_id: run,
        key: order.key,
        payload_digest: order.payload_digest.clone(),
        state: OrderState::Sending,
        revision: 1,
        log_head: String::new(),
        attempt: Some(Attempt { id: Uuid::nil(), number: 1, signed_at: monday(), deadline: monday() + seconds(5) }),
        venue_order_id: None,
        filled_quantity: quantity("0"),
        average_price: None,
        fee: Money::ZERO,
        note: String::new(),
        refused: false,
        updated_at: monday(),
        expires_at_s: None,
    }
}

fn told() -> Told {
    let opening =
        index_rebalancer::execution::Opening { run_id: Uuid::nil(), account: opening_account(), settled: None };
    let plan = plan_of(&input_for(&scheduled(monday()), &opening), &LEGS[..2]);
    let (run, first) = of_run(None, claimed(scheduled(monday())), None);
    let mut log = vec![first];
    let mut run = run;
    for state in [RunState::Planned, RunState::Emitting] {
        let after = RunItem { state, commitment: Some(commitment()), ..run.clone() };
        let (after, entry) = of_run(Some(&run), after, None);
        (run, log) = (after, [log, vec![entry]].concat());
    }
    let mut orders = BTreeMap::new();
    let mut chains = Vec::new();
    for order in &plan.orders {
        let (item, entry) = of_order(&run, None, sending(run.run_id, order), None);
        chains.push(entry);
        let filled = OrderItem { state: OrderState::Filled, revision: 2, ..item.clone() };
        let (filled, entry) = of_order(&run, Some(&item), filled, None);
        chains.push(entry);
        orders.insert(order.key, filled);
    }
    let (run, last) = of_ended_run(&run, RunItem { state: RunState::Done, ..run.clone() }, &orders, None);
    log.push(last);
    log.extend(chains);
    let planned = plan.orders.iter().map(|order| order.key).collect();
    Told { run, orders: orders.into_values().collect(), planned, log }
}

fn rehashed(entry: &mut LogEntry) {
    entry.hash = hash_of(entry);
}

#[test]
fn a_run_that_was_told_as_it_went_has_no_findings() {
    let told = told();
    assert_eq!(told.findings(), []);
    assert_eq!(told.log.len(), 8);
    assert_eq!(told.log.iter().map(|entry| entry.sequence).collect::<Vec<_>>(), [1, 2, 3, 4, 1, 2, 1, 2]);
    assert_eq!(told.log[0].previous, "");
    assert_eq!(told.log[4].previous, told.log[2].hash, "an order begins at the run's entry of its time");
    assert!(told.log[3].orders_digest.is_some() && told.log[2].orders_digest.is_none());
}

/// The stored form and its hash stay what they are: whoever checks a log years later gets the same digits.
#[test]
fn the_hash_of_an_entry_is_fixed() {
    let entry = LogEntry {
        schema: 2,
        run_id: Uuid::from_u128(1),
        sequence: 3,
        change: Change::Order { key: Uuid::from_u128(2), from: Some(OrderState::Unknown), to: OrderState::NotPlaced },
        at: monday(),
        claim_token: Uuid::from_u128(4),
        epoch: 5,
        operator: Some("alice".to_owned()),
        why: "not in the venue's statement".to_owned(),
        item_digest: "i".to_owned(),
        orders_digest: None,
        previous: "p".to_owned(),
        hash: "anything".to_owned(),
    };
    // SHA-256 of the entry's JSON without spaces, its hash empty: recomputed by an independent script.
    assert_eq!(hash_of(&entry), "42ded3379b0e6ba765917441e0dd0a87fb258395ce97c9ba1d6407aba9a543f4");
}

#[test]
fn every_altered_field_of_an_entry_is_found() {
    type Spoil = fn(&mut LogEntry);
    let spoils: [Spoil; 11] = [
        |entry| entry.schema = 9,
        |entry| entry.run_id = Uuid::nil(),
        |entry| entry.at = monday() + seconds(1),
        |entry| entry.claim_token = Uuid::nil(),
        |entry| entry.epoch += 1,
        |entry| entry.operator = Some("mallory".to_owned()),
        |entry| entry.why = "nothing happened".to_owned(),
        |entry| entry.item_digest = "0".to_owned(),
        |entry| entry.orders_digest = Some("0".to_owned()),
        |entry| entry.previous = "0".to_owned(),
        |entry| entry.hash = "0".to_owned(),
    ];
    for at in 0..told().log.len() {
        for (number, spoil) in spoils.iter().enumerate() {
            let mut told = told();
            spoil(&mut told.log[at]);
            assert!(told.faults().contains(&Fault::Altered), "entry {at}, field {number}: {:?}", told.findings());
        }
        // Made to fit itself again, it no longer fits its neighbours or the item.
        let mut told = told();
        told.log[at].why = "nothing happened".to_owned();
        rehashed(&mut told.log[at]);
        assert!(told.faults().contains(&Fault::Altered), "entry {at}, rehashed: {:?}", told.findings());
    }
}

#[test]
fn every_missing_entry_is_found_and_named() {
    for at in 0..told().log.len() {
        let mut told = told();
        let gone = told.log.remove(at);
        let findings = told.findings();
        let missing = findings.iter().find(|finding| finding.fault == Fault::Missing);
        let missing = missing.unwrap_or_else(|| panic!("entry {at}: {findings:?}"));
        assert!(missing.what.contains(&format!("entry {} is missing", gone.sequence)), "{}", missing.what);
    }
    let mut told = told();
    told.log.drain(1..3);
    assert!(told.findings().iter().any(|finding| finding.what.contains("entries 2 to 3 are missing")));
}

#[test]
fn entries_that_changed_places_are_found() {
    for (one, other) in [(0, 1), (1, 2), (2, 3), (0, 3), (4, 5), (6, 7)] {
        let mut told = told();
        told.log.swap(one, other);
        assert!(told.faults().contains(&Fault::OutOfOrder), "{one} and {other}: {:?}", told.findings());
    }
    let mut told = told();
    let again = told.log[1].clone();
    told.log.insert(2, again);
    assert!(told.faults().contains(&Fault::OutOfOrder), "an entry filed twice");
}

#[test]
fn an_item_that_was_changed_past_the_log_is_found() {
    let mut told = told();
    told.orders[0].filled_quantity = quantity("1");
    assert_eq!(told.faults(), [Fault::Altered]);
    let mut told = self::told();
    told.run.reason = "all is well".to_owned();
    assert_eq!(told.faults(), [Fault::Altered]);
    let mut told = self::told();
    told.run.log_head = "0".to_owned();
    assert_eq!(told.faults(), [Fault::Altered]);
    // Set back to how it was one change earlier.
    let mut told = self::told();
    told.orders[0].revision = 1;
    assert_eq!(told.faults(), [Fault::Altered]);
}

#[test]
fn an_order_that_went_away_with_its_entries_is_found_once_the_run_is_over() {
    let mut told = told();
    let gone = told.orders.remove(0);
    let of_gone = |entry: &LogEntry| matches!(entry.change, Change::Order { key, .. } if key == gone.key);
    assert_eq!(told.faults(), [Fault::Altered, Fault::Missing, Fault::Stray]);
    told.log.retain(|entry| !of_gone(entry));
    assert_eq!(told.faults(), [Fault::Altered, Fault::Missing]);
    assert!(told.findings().iter().any(|finding| finding.order == Some(gone.key)));
    told.planned.retain(|key| *key != gone.key);
    assert_eq!(told.faults(), [Fault::Altered], "the run's last entry seals the orders that it had");
}

#[test]
fn a_move_that_no_table_has_is_found_in_a_log_that_is_otherwise_whole() {
    let (claimed, first) = of_run(None, claimed(scheduled(monday())), None);
    let (done, second) = of_run(Some(&claimed), RunItem { state: RunState::Done, ..claimed.clone() }, None);
    let told = Told { run: done, orders: vec![], planned: vec![], log: vec![first, second] };
    let findings = told.findings();
    assert_eq!(told.faults(), [Fault::Illegal], "{findings:?}");
    assert!(findings[0].what.contains("from claimed to done"), "{}", findings[0].what);

    let mut told = self::told();
    let run = told.run.clone();
    let born_filled = OrderItem {
        key: Uuid::from_u128(77),
        state: OrderState::Filled,
        revision: 1,
        run_id: run.run_id,
        ..told.orders[0].clone()
    };
    let (born_filled, entry) =
        of_order(&RunItem { log_head: told.log[2].hash.clone(), ..run }, None, born_filled, None);
    (told.orders, told.planned, told.log) = (vec![born_filled], vec![], [&told.log[..4], &[entry]].concat());
    assert_eq!(told.faults(), [Fault::Altered, Fault::Illegal], "filled without having been sent, and not sealed");
}

/// The same state again is no move: leases, attempts and notes change within one.
#[test]
fn changes_within_a_state_are_told_and_legal() {
    let (run, first) = of_run(None, claimed(scheduled(monday())), None);
    let (renewed, second) = of_run(Some(&run), RunItem { lease_until: monday() + seconds(90), ..run.clone() }, None);
    assert_eq!((second.sequence, &second.previous), (2, &first.hash));
    let told = Told { run: renewed, orders: vec![], planned: vec![], log: vec![first, second] };
    assert_eq!(told.findings(), []);
}

#[test]
fn an_entry_says_on_whose_word() {
    let (run, entry) = of_run(None, claimed(scheduled(monday())), Some("alice"));
    assert_eq!(entry.operator.as_deref(), Some("alice"));
    assert_eq!((entry.epoch, entry.claim_token, entry.at), (run.epoch, run.claim_token, run.updated_at));
    let stopped = RunItem { reason: "a drill".to_owned(), ..run.clone() };
    assert_eq!(of_run(Some(&run), stopped, None).1.why, "a drill");
}
