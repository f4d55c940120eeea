//! Workers whose time is limited: they take up nothing new in the end, and whoever comes next goes on at once.

use index_rebalancer::execution::{ExecutionError, RunOutcome};
use index_rebalancer::model::Side;
use index_rebalancer::ports::{Clock, OrderState, RunRecord, RunState};

use crate::support::*;

fn out_of_time(outcome: RunOutcome) -> RunRecord {
    match outcome {
        RunOutcome::OutOfTime(record) => *record,
        other => panic!("not out of time: {other:?}"),
    }
}

#[tokio::test]
async fn nothing_is_claimed_when_there_is_no_time_for_it() {
    let mut world = World::new().await;
    world.settings.stop_at = Some(monday());
    let error = world.run(&scheduled(monday()), &world.venue(), &LEGS).await.expect_err("too late");
    assert!(matches!(error, ExecutionError::OutOfTime { .. }), "{error}");
    assert_eq!(world.lock_holder().await, None);
}

#[tokio::test]
async fn a_plan_that_took_too_long_is_not_committed() {
    let mut world = World::new().await;
    world.settings.stop_at = Some(monday() + seconds(10));
    let (request, venue) = (scheduled(monday()), world.venue());
    let slow = |input: &_| {
        world.later(seconds(11));
        plan_of(input, &LEGS)
    };
    let error = world.run_plan(&request, &venue, slow).await.expect_err("too late");
    assert!(matches!(error, ExecutionError::OutOfTime { .. }), "{error}");
    let left = world.run_item(&request).await;
    assert_eq!((left.state, left.commitment.is_none()), (RunState::Claimed, true));
    world.settings.stop_at = None;
    completed(world.run(&redelivered(&request), &world.venue(), &LEGS).await.expect("goes on at once"));
}

#[tokio::test]
async fn what_is_not_sent_in_time_is_sent_by_the_next_worker() {
    let mut world = World::new().await;
    world.settings.stop_at = Some(monday() + seconds(3));
    let request = scheduled(monday());
    let venue = world.venue();
    // The sell's end is not to be had, so the worker waits for it until its time is over.
    *venue.mute.lock().expect("not poisoned") = true;
    let record = out_of_time(world.run(&request, &venue, &LEGS).await.expect("stops"));
    assert_eq!(states(&record), [OrderState::Acknowledged, OrderState::Planned, OrderState::Planned]);
    assert!(world.clock.now() <= monday() + seconds(4), "it waited until {}", world.clock.now());
    let lease = world.run_item(&request).await.lease_until;
    assert!(lease < world.clock.now(), "the lease is given up");
    let first = venue.placed();
    drop(venue);
    world.settings.stop_at = Some(world.clock.now() + seconds(10));
    let venue = world.venue();
    let record = completed(world.resume(&redelivered(&request), &venue).await.expect("goes on"));
    assert_eq!(states(&record), [OrderState::Filled; 3]);
    assert_eq!((first.len(), venue.placed().len()), (1, 2), "nothing is sent twice");
}

/// At a venue that takes its time, buys are not sent before the sells that pay for them are over; elsewhere they are
/// sent after a phase, as far as what was there pays for them.
#[tokio::test]
async fn buys_can_wait_for_sells_across_workers() {
    let legs = [LEGS[0], (Side::Buy, "beta", "10", "51")];
    for (orders_rest, expected) in [(true, OrderState::Planned), (false, OrderState::Acknowledged)] {
        let world = World::new().await;
        let (request, mut venue) = (scheduled(monday()), world.venue());
        venue.orders_rest = orders_rest;
        *venue.mute.lock().expect("not poisoned") = true;
        let record = unsettled(world.run(&request, &venue, &legs).await.expect("leaves it"));
        assert_eq!(states(&record)[1], expected, "orders_rest = {orders_rest}");
        *venue.mute.lock().expect("not poisoned") = false;
        let record = completed(world.resume(&redelivered(&request), &venue).await.expect("goes on"));
        assert_eq!(states(&record)[1], OrderState::Filled);
    }
}
