//! Plans that wait for a person's word: nothing leaves before it, exactly the stored plan leaves after it, and what is
//! not approved in time ends by itself.

use index_rebalancer::execution::audit::of_run;
use index_rebalancer::execution::{
    ExecutionError, Handled, Intent, RunOutcome, RunRequest, Unplanned, abort, load_audit, recover,
};
use index_rebalancer::planning::idempotency::{digest_of, run_id};
use index_rebalancer::ports::store::{Approval, Given, RunItem, SwitchScope, Written};
use index_rebalancer::ports::{Clock, OrderState, RunRecord, RunState, RunStore};
use uuid::Uuid;

use crate::support::*;

fn proposing() -> RunRequest {
    RunRequest { intent: Intent::Propose, ..scheduled(monday()) }
}

/// The occasion of a proposal, approved by Alice in a worker of its own.
fn approving(proposal: &RunRequest, plan_digest: &str) -> RunRequest {
    let intent = Intent::Approve { plan_digest: plan_digest.to_owned(), operator: "alice".to_owned() };
    RunRequest { intent, ..redelivered(proposal) }
}

fn proposed(outcome: RunOutcome) -> RunRecord {
    match outcome {
        RunOutcome::Proposed(record) => *record,
        other => panic!("not proposed: {other:?}"),
    }
}

/// A stored proposal and its plan's digest.
async fn propose(world: &World) -> (RunRequest, String) {
    let (request, venue) = (proposing(), world.venue());
    let record = proposed(world.run(&request, &venue, &LEGS).await.expect("proposes"));
    assert_eq!(venue.placed(), []);
    (request, record.plan_digest.expect("committed"))
}

fn refusal(outcome: Result<RunOutcome, ExecutionError>) -> String {
    match outcome {
        Err(error @ ExecutionError::NotApproved { .. }) => error.to_string(),
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_proposal_sends_nothing_and_holds_the_account() {
    let world = World::new().await;
    let (request, venue) = (proposing(), world.venue());
    let record = proposed(world.run(&request, &venue, &LEGS).await.expect("proposes"));
    assert_eq!((record.state, venue.placed().len()), (RunState::Planned, 0));
    assert_eq!(record.approval, Some(Approval { until: monday() + seconds(30 * 60), given: None }));
    assert_eq!(states(&record), [OrderState::Planned; 3]);
    let item = world.run_item(&request).await;
    assert_eq!(world.lock_holder().await, Some(item.run_id));
    assert_eq!(world.store().load_orders(item.run_id).await.expect("reads"), []);
    assert!(item.lease_until < world.clock.now(), "whoever approves need not wait for a lease");
}

#[tokio::test]
async fn approval_sends_exactly_the_stored_plan() {
    let world = World::new().await;
    let (request, digest) = propose(&world).await;
    world.later(seconds(29 * 60));
    let venue = world.venue();
    let record = completed(world.resume(&approving(&request, &digest), &venue).await.expect("runs"));
    let plan = record.plan.expect("committed");
    assert_eq!(digest_of(&plan), digest);
    let sent: Vec<_> = venue.placed().into_iter().map(|it| (it.instrument, it.quantity, it.limit_price)).collect();
    let stored: Vec<_> = plan.orders.iter().map(|it| (it.instrument.clone(), it.quantity, it.limit_price)).collect();
    assert_eq!(sent, stored);
    let given = Given { plan_digest: digest, operator: "alice".to_owned(), at: monday() + seconds(29 * 60) };
    assert_eq!(record.approval.and_then(|approval| approval.given), Some(given));
    let trail = load_audit(world.store(), record.run_id).await.expect("reads").expect("is stored");
    assert_eq!(trail.findings, []);
    let operators: Vec<_> = trail.entries.iter().filter_map(|entry| entry.operator.as_deref()).collect();
    assert_eq!(operators, ["alice"], "the log names who approved, once");
}

#[tokio::test]
async fn another_digest_is_refused_and_so_is_a_run_that_nobody_proposed() {
    let world = World::new().await;
    let venue = world.venue();
    let nobody = refusal(world.resume(&approving(&proposing(), "0"), &venue).await);
    assert!(nobody.contains("propose it first"), "{nobody}");
    let (request, digest) = propose(&world).await;
    let before = world.run_item(&request).await;
    let other = refusal(world.resume(&approving(&request, "feed"), &venue).await);
    assert!(other.contains(&digest) && other.contains("not feed"), "{other}");
    assert_eq!((world.run_item(&request).await, venue.placed().len()), (before, 0));
}

#[tokio::test]
async fn without_approval_the_occasion_is_refused_and_a_second_proposal_is_the_first() {
    let world = World::new().await;
    let (request, digest) = propose(&world).await;
    let before = world.run_item(&request).await;
    let venue = world.venue();
    let plain = RunRequest { intent: Intent::Execute, ..redelivered(&request) };
    let text = refusal(world.resume(&plain, &venue).await);
    assert!(text.contains("to be approved before") && text.contains(&digest), "{text}");
    let again = proposed(world.resume(&redelivered(&request), &venue).await.expect("answers"));
    assert_eq!(again.plan_digest, Some(digest));
    assert_eq!((world.run_item(&request).await, venue.placed().len()), (before, 0));
}

#[tokio::test]
async fn what_is_not_approved_in_time_ends_and_frees_the_account() {
    let world = World::new().await;
    let (request, digest) = propose(&world).await;
    world.later(seconds(30 * 60));
    let venue = world.venue();
    let record = aborted(world.resume(&approving(&request, &digest), &venue).await.expect("answers"));
    assert!(record.reason.contains("was not approved before 2025-04-14T00:30:00Z"), "{}", record.reason);
    assert_eq!((states(&record), venue.placed().len()), (vec![OrderState::Skipped; 3], 0));
    assert_eq!((world.lock_holder().await, world.balance().await.cash_free), (None, money("1000")));
    let trail = load_audit(world.store(), record.run_id).await.expect("reads").expect("is stored");
    assert_eq!(trail.findings, []);
    // And it stays refused.
    let text = refusal(world.resume(&approving(&redelivered(&request), &digest), &venue).await);
    assert!(text.contains("it is over: the proposal was not approved"), "{text}");
}

#[tokio::test]
async fn an_operator_may_give_less_time_than_the_plan_is_valid() {
    let mut world = World::new().await;
    world.settings.proposal_ms = 60_000;
    let (request, digest) = propose(&world).await;
    world.later(seconds(61));
    let record = aborted(world.resume(&approving(&request, &digest), &world.venue()).await.expect("answers"));
    assert!(record.reason.contains("before 2025-04-14T00:01:00Z"), "{}", record.reason);
}

#[tokio::test]
async fn recovery_leaves_a_proposal_alone_until_it_has_lapsed() {
    let world = World::new().await;
    let (request, _) = propose(&world).await;
    let (run, venue) = (run_id(&request.identity), world.venue());
    let recovered = async |token| {
        let ports = world.ports(&venue);
        recover(&ports, run, Uuid::from_u128(token), Unplanned::Leave).await.expect("recovers").expect("is stored")
    };
    let before = world.run_item(&request).await;
    world.later(seconds(29 * 60));
    assert_eq!(recovered(8).await, before, "not a write");
    world.later(seconds(60));
    let ended = recovered(9).await;
    assert_eq!((ended.state, ended.interruptions, venue.placed().len()), (RunState::Aborted, 0, 0), "nobody was lost");
    assert_eq!(world.lock_holder().await, None);
}

#[tokio::test]
async fn another_run_waits_for_a_proposal_and_goes_on_once_it_has_lapsed() {
    let world = World::new().await;
    let (request, _) = propose(&world).await;
    let venue = world.venue();
    let other = RunRequest { claim_token: Uuid::from_u128(7), ..scheduled(monday() + seconds(60)) };
    world.later(seconds(60));
    let busy = world.run(&other, &venue, &LEGS).await.expect("answers");
    assert_eq!(busy, RunOutcome::Busy { holder: run_id(&request.identity) });
    world.later(seconds(30 * 60));
    completed(world.run(&other, &venue, &LEGS[..1]).await.expect("runs"));
    assert_eq!(world.run_item(&request).await.state, RunState::Aborted);
}

#[tokio::test]
async fn an_approval_delivered_twice_sends_once() {
    let world = World::new().await;
    let (request, digest) = propose(&world).await;
    let venue = world.venue();
    let approval = approving(&request, &digest);
    let first = completed(world.resume(&approval, &venue).await.expect("runs"));
    let second = world.resume(&redelivered(&approval), &venue).await.expect("answers");
    assert_eq!(second, RunOutcome::AlreadyDone(Box::new(first)));
    assert_eq!(venue.placed().len(), 3);
    let log = world.store().load_log(run_id(&request.identity)).await.expect("reads");
    let by_alice: Vec<_> =
        log.iter().filter(|entry| entry.operator.is_some()).map(|entry| entry.why.as_str()).collect();
    assert_eq!(by_alice, ["the plan is approved"]);
}

#[tokio::test]
async fn an_approved_run_whose_worker_died_is_finished_as_approved() {
    let world = World::new().await;
    let (request, digest) = propose(&world).await;
    world.dies_at(&approving(&request, &digest), 1, &[]).await;
    world.later(seconds(61));
    let venue = world.venue();
    let ports = world.ports(&venue);
    let run = run_id(&request.identity);
    let item = recover(&ports, run, Uuid::from_u128(9), Unplanned::Leave).await.expect("recovers").expect("is stored");
    assert_eq!(item.state, RunState::Done);
    assert!(item.approval.is_some_and(|approval| approval.given.is_some()));
}

#[tokio::test]
async fn an_approval_of_another_plan_sends_nothing() {
    let world = World::new().await;
    let (request, digest) = propose(&world).await;
    let before = world.run_item(&request).await;
    let given = Given { plan_digest: "feed".to_owned(), operator: "mallory".to_owned(), at: monday() };
    let approval = before.approval.clone().map(|approval| Approval { given: Some(given), ..approval });
    let (forged, entry) = of_run(Some(&before), RunItem { approval, ..before.clone() }, None);
    assert_eq!(world.store().update_run(&before, &forged, &entry).await, Ok(Written::Done));
    let venue = world.venue();
    let ports = world.ports(&venue);
    let recovered = recover(&ports, before.run_id, Uuid::from_u128(9), Unplanned::Leave).await;
    assert!(matches!(&recovered, Err(ExecutionError::NotApproved { cause, .. }) if cause.contains("another plan")));
    world.later(seconds(61));
    let approved = world.resume(&approving(&request, &digest), &venue).await;
    assert!(matches!(approved, Err(ExecutionError::Halted { .. })), "{approved:?}");
    assert_eq!(venue.placed(), []);
}

#[tokio::test]
async fn the_kill_switch_stops_an_approved_plan_and_a_person_ends_a_proposal() {
    let world = World::new().await;
    let (request, digest) = propose(&world).await;
    world.throw(&SwitchScope::Everything, true, "drill").await;
    let venue = world.venue();
    let record = aborted(world.resume(&approving(&request, &digest), &venue).await.expect("answers"));
    assert!(record.reason.contains("drill"), "{}", record.reason);

    let world = World::new().await;
    let (request, _) = propose(&world).await;
    let ports = world.ports(&venue);
    let run = run_id(&request.identity);
    let ended = abort(&ports, run, Uuid::from_u128(9), "bob", "not today").await.expect("ends");
    assert!(matches!(ended, Handled::Run(run) if run.reason == "aborted by bob: not today"));
    assert_eq!((world.lock_holder().await, venue.placed().len()), (None, 0));
}

#[tokio::test]
async fn a_plan_without_orders_needs_nobodys_word() {
    let world = World::new().await;
    let record = completed(world.run(&proposing(), &world.venue(), &[]).await.expect("runs"));
    assert_eq!((record.approval, world.lock_holder().await), (None, None));
}

/// A run that was to be sent and whose worker died is nobody's proposal: it is neither sent nor ended by one.
#[tokio::test]
async fn a_proposal_does_not_send_what_an_execution_left() {
    let world = World::new().await;
    let request = scheduled(monday());
    world.dies_at(&request, 1, &LEGS).await;
    world.later(seconds(61));
    let venue = world.venue();
    let late = RunRequest { intent: Intent::Propose, ..redelivered(&request) };
    let record = unsettled(world.resume(&late, &venue).await.expect("answers"));
    assert_eq!((record.state, venue.placed().len()), (RunState::Emitting, 0));
    completed(world.resume(&RunRequest { intent: Intent::Execute, ..late }, &venue).await.expect("goes on at once"));
}

/// What was stored before there were proposals: it reads, and digests as it did, so its log is still whole.
#[test]
fn items_of_before_read_as_they_were() {
    let stored = include_str!("stored/run-schema-3.json");
    let run: RunItem = serde_json::from_str(stored).expect("reads");
    assert_eq!(run.approval, None);
    assert_eq!(serde_json::to_string(&run).expect("serialises"), stored.trim_end());
    let recorded = include_str!("stored/run-schema-3.digest").trim_end();
    assert_eq!(digest_of(&RunItem { log_head: String::new(), ..run }), recorded);
}
