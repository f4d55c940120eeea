//! Runs that did not end by themselves, and a log, made by the product's own constructors from the plan by hand.

use index_rebalancer::execution::audit::{Finding, SwitchHead, Switching, of_order, of_run, of_switch, verify_switch};
use index_rebalancer::model::{Environment, Flow, Money, Order};
use index_rebalancer::ports::store::{Attempt, BlobRef, Commitment, LogEntry, OrderItem, RunItem, SwitchScope};
use index_rebalancer::ports::{OrderState, RunState};
use index_rebalancer::report::audit::{AuditFinding, AuditReport, SwitchReport};
use index_rebalancer::report::document::{ErrorKind, ErrorReport};
use index_rebalancer::report::handling::{Aftermath, HandledOutcome, HandledRun};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::{identity, money, plan, price, quantity};

fn at(seconds: i64) -> Timestamp {
    plan().as_of + SignedDuration::from_secs(seconds)
}

fn claimed() -> RunItem {
    let plan = plan();
    RunItem {
        schema: 2,
        run_id: plan.run_id,
        identity: identity(),
        flow: Flow::Full,
        event_digest: "e".to_owned(),
        state: RunState::Claimed,
        revision: 0,
        log_head: String::new(),
        reason: String::new(),
        epoch: 1,
        lease_until: at(60),
        claim_token: Uuid::from_u128(0xc1a1),
        is_left: false,
        interruptions: 0,
        created_at: at(0),
        updated_at: at(0),
        commitment: None,
        approval: None,
        settlement: None,
        expires_at_s: None,
    }
}

fn sending(order: &Order) -> OrderItem {
    OrderItem {
        schema: 2,
        run_id: plan().run_id,
        key: order.key,
        payload_digest: order.payload_digest.clone(),
        state: OrderState::Sending,
        revision: 1,
        log_head: String::new(),
        attempt: Some(Attempt { id: Uuid::nil(), number: 1, signed_at: at(2), deadline: at(7) }),
        venue_order_id: None,
        filled_quantity: quantity("0"),
        average_price: None,
        fee: Money::ZERO,
        note: String::new(),
        refused: false,
        updated_at: at(2),
        expires_at_s: None,
    }
}

/// A run with three orders out: the first filled, the second lost, the third lost and answered for by a person.
struct Story {
    run: RunItem,
    orders: Vec<OrderItem>,
    log: Vec<LogEntry>,
}

fn story() -> Story {
    let plan = plan();
    let (mut run, first) = of_run(None, claimed(), None);
    let mut log = vec![first];
    let reference = BlobRef { digest: "d".to_owned(), bytes: 1, chunks: 1 };
    let commitment = Commitment {
        input: reference.clone(),
        plan: reference,
        order_count: 12,
        notional: money("250000"),
        valid_until: plan.valid_until,
        committed_at: at(1),
    };
    for (state, seconds) in [(RunState::Planned, 1), (RunState::Emitting, 2)] {
        let after = RunItem { state, updated_at: at(seconds), commitment: Some(commitment.clone()), ..run.clone() };
        let (after, entry) = of_run(Some(&run), after, None);
        (run, log) = (after, [log, vec![entry]].concat());
    }
    let mut orders = Vec::new();
    let ends = [
        (OrderState::Filled, "", None),
        (
            OrderState::Unknown,
            "absent, and the venue does not bound late requests: a person must look at the venue",
            None,
        ),
        (
            OrderState::NotPlaced,
            "alice says so: no trace in the venue's statement (the venue knows nothing of it)",
            Some("alice"),
        ),
    ];
    for (order, (state, note, operator)) in plan.orders.iter().zip(ends) {
        let (mut item, entry) = of_order(&run, None, sending(order), None);
        log.push(entry);
        if state == OrderState::NotPlaced {
            let unknown = OrderItem {
                state: OrderState::Unknown,
                revision: 2,
                note: "timed out".to_owned(),
                updated_at: at(12),
                ..item.clone()
            };
            let (unknown, entry) = of_order(&run, Some(&item), unknown, None);
            (item, log) = (unknown, [log, vec![entry]].concat());
        }
        let filled = if state == OrderState::Filled { order.quantity } else { quantity("0") };
        let after = OrderItem {
            state,
            revision: item.revision + 1,
            note: note.to_owned(),
            filled_quantity: filled,
            average_price: (state == OrderState::Filled).then(|| price("83650")),
            updated_at: at(if operator.is_some() { 3_600 } else { 3 }),
            ..item.clone()
        };
        let (after, entry) = of_order(&run, Some(&item), after, operator);
        log.push(entry);
        orders.push(after);
    }
    log.sort_by_key(|entry| entry.at);
    Story { run, orders, log }
}

/// One of every outcome.
pub(crate) fn handled() -> Vec<HandledRun> {
    let (story, plan) = (story(), plan());
    let [filled, unknown, _] = story.orders.as_slice() else { unreachable!("three orders are out") };
    let only_filled = std::slice::from_ref(filled);
    let seen = Aftermath {
        before: &story.run,
        after: &story.run,
        orders: &story.orders,
        plan: Some(&plan),
        log: &story.log,
        error: None,
        now: at(60),
    };
    let taken = |state| OrderItem { state, note: String::new(), ..unknown.clone() };
    let resting = [taken(OrderState::Acknowledged), filled.clone()];
    let resting = Aftermath { orders: &resting, ..seen };
    let lost = OrderItem {
        state: OrderState::NotPlaced,
        note: "in neither orders nor fills after 2025-04-16T00:00:19Z, when no request could still arrive".to_owned(),
        ..unknown.clone()
    };
    let done = RunItem { state: RunState::Done, ..story.run.clone() };
    let (ended, orders) = (Aftermath { after: &done, ..seen }, [filled.clone(), lost]);
    let halt = ErrorReport::new(ErrorKind::NeedsAttention, "run halted: overfill: 25 of 20 BTCUSDT", "");
    let stopped = RunItem { reason: "halted: overfill: 25 of 20 BTCUSDT".to_owned(), ..story.run.clone() };
    let aborted =
        RunItem { state: RunState::Aborted, reason: "aborted by alice: wrong policy".to_owned(), ..done.clone() };
    let claimed = claimed();
    let unplanned = Aftermath { before: &claimed, after: &claimed, orders: &[], plan: None, ..seen };
    vec![
        HandledRun::of(seen, HandledOutcome::Unsettled),
        HandledRun::of(Aftermath { orders: only_filled, ..ended }, HandledOutcome::Settled),
        HandledRun::of(Aftermath { orders: &orders, ..ended }, HandledOutcome::Settled),
        HandledRun::of(Aftermath { after: &stopped, error: Some(&halt), ..seen }, HandledOutcome::Unsettled),
        HandledRun::of(Aftermath { after: &aborted, orders: only_filled, ..seen }, HandledOutcome::Settled),
        HandledRun::of(Aftermath { before: &done, orders: only_filled, ..ended }, HandledOutcome::AlreadySettled),
        HandledRun::of(unplanned, HandledOutcome::AwaitsInput),
        HandledRun::of(seen, HandledOutcome::InProgress),
        HandledRun::of(Aftermath { orders: &[], plan: None, error: Some(&halt), ..seen }, HandledOutcome::Failed),
        HandledRun::of(Aftermath { orders: only_filled, ..seen }, HandledOutcome::Unsettled),
        HandledRun::of(resting, HandledOutcome::Unsettled),
        HandledRun::of(Aftermath { now: plan.valid_until, ..resting }, HandledOutcome::Unsettled),
        HandledRun::of(Aftermath { error: Some(&halt), ..resting }, HandledOutcome::Unsettled),
    ]
}

/// Fault, whether it is about an order, number, sentence.
pub(crate) type SampleFinding = (&'static str, bool, Option<u64>, &'static str);

pub(crate) const FINDINGS: [SampleFinding; 3] = [
    ("altered", false, Some(2), "its hash is not that of what it says"),
    ("missing", true, None, "entries 2 to 3 are missing at the end"),
    ("out_of_order", true, Some(3), "it is filed where entry 2 belongs"),
];

pub(crate) fn audited(findings: &[SampleFinding]) -> AuditReport {
    let (story, plan) = (story(), plan());
    let key = plan.orders.first().map(|order| order.key);
    let findings = findings.iter().map(|(fault, is_order, sequence, what)| AuditFinding {
        fault: (*fault).to_owned(),
        order: key.filter(|_| *is_order),
        sequence: *sequence,
        what: (*what).to_owned(),
    });
    AuditReport::of(&story.run, Some(&plan), &story.log, findings.collect())
}

/// The switch of everything, set and set back, and one portfolio's that is gone.
pub(crate) fn switched() -> [SwitchReport; 2] {
    let scopes = [SwitchScope::Everything, SwitchScope::Portfolio(Environment::Paper, plan().run.portfolio)];
    scopes.map(|scope| {
        let (mut head, mut log, mut last) = (SwitchHead::default(), Vec::new(), None);
        for (on, operator, note) in [(true, "alice", "venue is down"), (false, "bob", "venue is back")] {
            let change = Switching { on, operator: operator.to_owned(), note: note.to_owned(), at: plan().as_of };
            let (switch, entry) = of_switch(&scope, &head, &change);
            head = (&entry).into();
            log.push(entry);
            last = Some(switch).filter(|_| scope == SwitchScope::Everything);
        }
        let published = |finding: Finding| AuditFinding {
            fault: finding.fault.as_str().to_owned(),
            order: finding.order,
            sequence: finding.sequence,
            what: finding.what,
        };
        let findings = verify_switch(&scope, last.as_ref(), &log).into_iter().map(published).collect();
        SwitchReport::of(&scope, last.as_ref(), &log, findings)
    })
}
