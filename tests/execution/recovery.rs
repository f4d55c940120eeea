//! Workers that die, and runs that stand in each other's way.

use index_rebalancer::execution::audit::{of_order, of_run};
use index_rebalancer::execution::{ExecutionError, RunOutcome, Unplanned, recover};
use index_rebalancer::planning::idempotency::run_id;
use index_rebalancer::ports::store::{OrderItem, RunItem, Written};
use index_rebalancer::ports::{Clock, OrderState, RunState, RunStore, StoreError};
use uuid::Uuid;

use crate::support::*;

/// A run whose worker died after the sell was journalled and sent, its answer unseen.
async fn left_behind(world: &World) -> index_rebalancer::execution::RunRequest {
    let request = scheduled(monday());
    let mut venue = world.venue();
    venue.before_placing = Some(Box::new(|count| assert_eq!(count, 0, "one order only")));
    *venue.mute.lock().expect("not poisoned") = true;
    unsettled(world.run(&request, &venue, &LEGS[..1]).await.expect("runs"));
    // It died: it did not give its lease up.
    let left = world.run_item(&request).await;
    let held = RunItem { lease_until: world.clock.now() + seconds(60), ..left.clone() };
    let (held, entry) = of_run(Some(&left), held, None);
    assert_eq!(world.store().update_run(&left, &held, &entry).await, Ok(Written::Done));
    request
}

#[tokio::test]
async fn a_worker_that_leaves_a_run_gives_its_lease_up() {
    let world = World::new().await;
    let (request, venue) = (scheduled(monday()), world.venue());
    *venue.mute.lock().expect("not poisoned") = true;
    unsettled(world.run(&request, &venue, &LEGS[..1]).await.expect("runs"));
    *venue.mute.lock().expect("not poisoned") = false;
    let record = completed(world.resume(&redelivered(&request), &venue).await.expect("goes on at once"));
    assert_eq!((states(&record), venue.placed().len()), (vec![OrderState::Filled], 1));
}

#[tokio::test]
async fn no_lease_is_longer_than_a_minute() {
    let mut world = World::new().await;
    world.settings.lease_ms = 3_600_000;
    let request = scheduled(monday());
    world.dies_at(&request, 0, &LEGS).await;
    assert_eq!(world.run_item(&request).await.lease_until, monday() + seconds(60));
}

/// A run whose input was not to be had is left to its event until its window ends; then nobody will come any more.
#[tokio::test]
async fn recovery_ends_an_unplanned_run_when_its_window_is_over() {
    let world = World::new().await;
    let (request, venue) = (scheduled(monday()), world.venue());
    let down = async |_| Err(index_rebalancer::execution::PreparationFailure::Transient("down".to_owned()));
    let no_plan = |_: &_| -> Result<index_rebalancer::planning::RebalancePlan, String> { panic!("no input") };
    let _ = index_rebalancer::execution::execute(&request, &world.ports(&venue), down, no_plan).await;
    let run = run_id(&request.identity);
    let recovered = async |token| {
        let ports = world.ports(&venue);
        recover(&ports, run, Uuid::from_u128(token), Unplanned::Leave).await.expect("recovers").expect("is stored")
    };
    world.later(hours(5));
    let left = recovered(9).await;
    assert_eq!((left.state, left.epoch), (RunState::Claimed, 1), "not even taken over");
    world.later(hours(1));
    let ended = recovered(10).await;
    assert_eq!((ended.state, world.lock_holder().await), (RunState::Aborted, None));
    assert!(ended.reason.contains("before its window ended"), "{}", ended.reason);
}

#[tokio::test]
async fn a_live_lease_is_respected_and_a_dead_one_taken_over() {
    let world = World::new().await;
    let request = left_behind(&world).await;
    let venue = world.venue();
    let lease_until = world.run_item(&request).await.lease_until;
    let other = redelivered(&request);
    let outcome = world.resume(&other, &venue).await.expect("answers");
    assert_eq!(outcome, RunOutcome::InProgressElsewhere { run_id: run_id(&request.identity), lease_until });

    world.later(seconds(61));
    let record = completed(world.resume(&other, &venue).await.expect("takes over"));
    assert_eq!((states(&record), venue.placed().len()), (vec![OrderState::Filled], 0));
    let run = world.run_item(&request).await;
    assert_eq!((run.epoch, run.claim_token), (2, other.claim_token));
}

#[tokio::test]
async fn a_busy_account_is_answered_and_its_dead_run_recovered() {
    let world = World::new().await;
    let first = left_behind(&world).await;
    let next = redelivered(&scheduled(world.later(seconds(1))));
    let venue = world.venue();
    let outcome = world.resume(&next, &venue).await.expect("answers");
    assert_eq!(outcome, RunOutcome::Busy { holder: run_id(&first.identity) });
    assert_eq!(world.store().load_run(run_id(&next.identity)).await, Ok(None), "half a claim is none");

    world.later(seconds(61));
    let record = completed(world.run(&next, &venue, &LEGS[1..]).await.expect("runs"));
    assert_eq!(states(&record), [OrderState::Filled; 2]);
    assert_eq!(world.run_item(&first).await.state, RunState::Done, "settled from its stored plan");
    assert_eq!(world.balance().await.cash_free, money("992"), "and the next run had its proceeds");
}

#[tokio::test]
async fn a_run_that_stays_unsettled_keeps_the_account() {
    let world = World::new().await;
    let first = left_behind(&world).await;
    let next = redelivered(&scheduled(world.later(seconds(61))));
    let mute = world.venue();
    *mute.mute.lock().expect("not poisoned") = true;
    let outcome = world.resume(&next, &mute).await.expect("answers");
    assert_eq!(outcome, RunOutcome::Busy { holder: run_id(&first.identity) });
}

#[tokio::test]
async fn an_unplanned_run_gives_way_to_a_later_one_and_not_to_recovery_alone() {
    let world = World::new().await;
    let venue = world.venue();
    let request = scheduled(monday());
    let claimed = async |_| Err(index_rebalancer::execution::PreparationFailure::Transient("down".to_owned()));
    let no_plan = |_: &_| -> Result<index_rebalancer::planning::RebalancePlan, String> { panic!("no input") };
    let error = index_rebalancer::execution::execute(&request, &world.ports(&venue), claimed, no_plan).await;
    assert!(matches!(error, Err(ExecutionError::TryAgain { .. })));

    world.later(seconds(61));
    let left = recover(&world.ports(&venue), run_id(&request.identity), Uuid::from_u128(9), Unplanned::Leave).await;
    assert_eq!(left.expect("recovers").expect("is stored").state, RunState::Claimed);

    world.later(seconds(61));
    let next = redelivered(&scheduled(world.later(hours(1))));
    completed(world.run(&next, &venue, &LEGS).await.expect("runs"));
    let given_way = world.run_item(&request).await;
    assert_eq!(given_way.state, RunState::Aborted);
    assert!(given_way.reason.contains("later run needed the account"), "{}", given_way.reason);
    assert_eq!(recover(&world.ports(&venue), Uuid::nil(), Uuid::nil(), Unplanned::Abort).await, Ok(None));
}

/// Recovery after the plan's validity sends nothing: it settles what was sent and expires the rest.
#[tokio::test]
async fn recovery_after_the_validity_only_settles() {
    let world = World::new().await;
    let request = scheduled(monday());
    world.dies_at(&request, 0, &LEGS).await;
    let run = world.run_item(&request).await;
    assert_eq!(run.state, RunState::Emitting);
    let items = world.store().load_orders(run.run_id).await.expect("reads");
    assert_eq!(items.iter().map(|item| item.state).collect::<Vec<_>>(), [OrderState::Sending], "journal first");

    world.later(hours(1));
    let venue = world.venue();
    let recovered = recover(&world.ports(&venue), run.run_id, Uuid::from_u128(9), Unplanned::Leave).await;
    assert_eq!(recovered.expect("recovers").expect("is stored").state, RunState::Done);
    let record = index_rebalancer::execution::load_run(world.store(), run.run_id).await.expect("reads");
    let record = record.expect("is stored");
    assert_eq!(states(&record), [OrderState::NotPlaced, OrderState::Expired, OrderState::Expired]);
    assert_eq!((venue.placed().len(), world.lock_holder().await), (0, None));
}

/// The same within the validity: the rest of the committed plan is carried out, and nothing is planned again.
#[tokio::test]
async fn recovery_within_the_validity_carries_the_stored_plan_out() {
    let world = World::new().await;
    let request = scheduled(monday());
    world.dies_at(&request, 1, &LEGS).await;

    world.later(seconds(61));
    let venue = world.venue();
    let record = completed(world.resume(&redelivered(&request), &venue).await.expect("takes over"));
    assert_eq!(states(&record), [OrderState::Filled; 3]);
    assert_eq!(venue.placed().len(), 2, "the sell was not sent again");
    assert_eq!(world.balance().await.cash_free, money("992"));
}

/// A worker frozen after its checks thaws when its run is another's: its put is refused, so it sends nothing.
#[tokio::test]
async fn a_thawed_worker_is_fenced_out() {
    let world = World::new().await;
    let request = left_behind(&world).await;
    let frozen = world.run_item(&request).await;
    world.later(seconds(61));
    let venue = world.venue();
    *venue.mute.lock().expect("not poisoned") = true;
    unsettled(world.resume(&redelivered(&request), &venue).await.expect("takes over"));

    let template = world.store().load_orders(frozen.run_id).await.expect("reads").remove(0);
    let late = OrderItem { key: Uuid::from_u128(77), state: OrderState::Sending, revision: 1, ..template };
    let (late, entry) = of_order(&frozen, None, late, None);
    assert_eq!(world.store().create_order(&frozen, &late, &entry).await, Ok(Written::Refused));
    let current = world.run_item(&request).await;
    assert_eq!(world.store().create_order(&current, &late, &entry).await, Ok(Written::Done));
    let renewed = index_rebalancer::ports::store::RunItem { lease_until: monday() + hours(9), ..frozen.clone() };
    let (renewed, entry) = of_run(Some(&frozen), renewed, None);
    assert_eq!(world.store().update_run(&frozen, &renewed, &entry).await, Ok(Written::Refused));
    assert_eq!(world.store().finish(&frozen, &renewed, None, &entry).await, Ok::<_, StoreError>(Written::Refused));
}
