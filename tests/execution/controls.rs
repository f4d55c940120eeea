//! The controls at the last step before the venue.

use aws_sdk_dynamodb::types::AttributeValue;
use index_rebalancer::execution::{Opening, execute};
use index_rebalancer::model::{Environment, PlanningInput, Side};
use index_rebalancer::ports::capability::PAPER;
use index_rebalancer::ports::store::SwitchScope;
use index_rebalancer::ports::venue::{Duplicates, Promise};
use index_rebalancer::ports::{OrderState, RunState};

use crate::support::*;

fn scopes() -> [SwitchScope; 2] {
    let identity = scheduled(monday()).identity;
    [SwitchScope::Everything, SwitchScope::Portfolio(identity.environment, identity.portfolio)]
}

#[tokio::test]
async fn a_switch_that_is_on_ends_the_run_before_anything_is_prepared() {
    for scope in scopes() {
        let world = World::new().await;
        world.throw(&scope, true, "drill").await;
        let venue = world.venue();
        let record = aborted(world.resume(&scheduled(monday()), &venue).await.expect("ends"));
        assert!(record.reason.contains("set by alice: drill"), "{}", record.reason);
        assert_eq!((venue.placed().len(), world.lock_holder().await), (0, None));

        world.throw(&scope, false, "over").await;
        let next = scheduled(world.later(hours(1)));
        completed(world.run(&next, &venue, &LEGS).await.expect("runs"));
    }
}

#[tokio::test]
async fn the_switch_of_another_portfolio_stops_nothing() {
    let world = World::new().await;
    let identity = scheduled(monday()).identity;
    let other = SwitchScope::Portfolio(identity.environment, "moonshot".parse().expect("valid"));
    world.throw(&other, true, "drill").await;
    completed(world.run(&scheduled(monday()), &world.venue(), &LEGS).await.expect("runs"));
}

/// The switch is thrown, or becomes unreadable, after the first look at it: the last look before the venue sees it.
#[tokio::test]
async fn the_switch_is_read_again_at_the_last_step() {
    for unreadable in [false, true] {
        let world = World::new().await;
        let (venue, request) = (world.venue(), scheduled(monday()));
        let prepare = async |opening: Opening| {
            if unreadable {
                world.tamper("switch", "everything", "on", AttributeValue::S("perhaps".to_owned())).await;
            } else {
                world.throw(&SwitchScope::Everything, true, "stop").await;
            }
            Ok(input_for(&request, &opening))
        };
        let plan = |input: &PlanningInput| Ok::<_, String>(plan_of(input, &LEGS));
        let record = aborted(execute(&request, &world.ports(&venue), prepare, plan).await.expect("ends"));
        assert_eq!(venue.placed(), []);
        assert_eq!(states(&record), [OrderState::Skipped; 3]);
        assert!(record.plan.is_some(), "the plan was committed: it was the last step that stopped it");
        let why = if unreadable { "unreadable" } else { "stop" };
        assert!(record.reason.contains(why) && record.orders[2].note.contains(why), "{}", record.reason);
        assert_eq!(world.lock_holder().await, None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_switch_thrown_between_two_orders_stops_the_second() {
    let world = std::sync::Arc::new(World::new().await);
    let mut venue = world.venue();
    // Thrown from within the venue's call, that is, while the first order is on its way.
    let thrower = std::sync::Arc::clone(&world);
    venue.before_placing = Some(Box::new(move |_| {
        let world = std::sync::Arc::clone(&thrower);
        let throw = async move { world.throw(&SwitchScope::Everything, true, "now").await };
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(throw));
    }));
    let record = aborted(world.run(&scheduled(monday()), &venue, &LEGS).await.expect("ends"));
    assert_eq!(venue.placed().len(), 1);
    assert_eq!(states(&record), [OrderState::Filled, OrderState::Skipped, OrderState::Skipped]);
    let after = record.account_after.expect("settled");
    assert_eq!(after.holdings[&asset("alpha")].free, quantity("30"), "what was sold is settled");
}

/// Runs with a changed policy and says how many orders reached the venue, and why the run stopped.
async fn with_policy(change: impl Fn(&mut PlanningInput)) -> (usize, String) {
    let world = World::new().await;
    let (venue, request) = (world.venue(), scheduled(monday()));
    let prepare = async |opening: Opening| {
        let mut input = input_for(&request, &opening);
        change(&mut input);
        Ok(input)
    };
    let plan = |input: &PlanningInput| Ok::<_, String>(plan_of(input, &LEGS));
    let record = aborted(execute(&request, &world.ports(&venue), prepare, plan).await.expect("ends"));
    assert_eq!(record.state, RunState::Aborted);
    let skipped = states(&record).iter().filter(|state| **state == OrderState::Skipped).count();
    assert_eq!(skipped + venue.placed().len(), 3);
    (venue.placed().len(), record.reason)
}

#[tokio::test]
async fn each_limit_stops_the_run_at_the_last_step() {
    let (sent, reason) = with_policy(|input| input.policy.orders.max_order_notional = money("1999.99")).await;
    assert!(sent == 0 && reason.contains("max_order_notional 1999.99"), "{sent} {reason}");
    let (sent, reason) = with_policy(|input| input.policy.orders.max_run_notional = money("3999")).await;
    assert!(sent == 2 && reason.contains("max_run_notional 3999"), "{sent} {reason}");
    let (sent, reason) = with_policy(|input| input.policy.orders.max_orders = 2).await;
    assert!(sent == 2 && reason.contains("max_orders 2"), "{sent} {reason}");
    let (sent, reason) = with_policy(|input| input.policy.orders.collar = rate("0.0199")).await;
    assert!(sent == 0 && reason.contains("collar 0.0199"), "{sent} {reason}");
}

/// The tighter of the operator's limit and the policy's counts, and it is looked at again before every order.
#[tokio::test]
async fn a_days_limit_is_kept_at_the_commit_and_at_the_last_step() {
    for (settings, policy, commits) in
        [(None, Some("3999.99"), false), (Some("3999.99"), Some("9000"), false), (Some("9000"), Some("4000"), true)]
    {
        let mut world = World::new().await;
        world.settings.max_day_notional = settings.map(money);
        let (venue, request) = (world.venue(), scheduled(monday()));
        let prepare = async |opening: Opening| {
            let mut input = input_for(&request, &opening);
            input.policy.orders.max_day_notional = policy.map(money);
            Ok(input)
        };
        let plan = |input: &PlanningInput| Ok::<_, String>(plan_of(input, &LEGS));
        let outcome = execute(&request, &world.ports(&venue), prepare, plan).await.expect("ends");
        if commits {
            completed(outcome);
        } else {
            let record = aborted(outcome);
            assert!(record.plan.is_none() && record.reason.contains("3999.99"), "{}", record.reason);
        }
    }
    // Lowered by the operator after the commit: what is not sent yet stays.
    let mut world = World::new().await;
    world.settings.max_day_notional = Some(money("4000"));
    let request = scheduled(monday());
    world.dies_at(&request, 1, &LEGS).await;
    world.settings.max_day_notional = Some(money("3000"));
    world.later(seconds(61));
    let venue = world.venue();
    let record = aborted(world.resume(&redelivered(&request), &venue).await.expect("ends"));
    assert!(record.reason.contains("4000, over max_day_notional 3000"), "{}", record.reason);
    assert_eq!((venue.placed().len(), states(&record)[2]), (0, OrderState::Skipped));
}

/// The limits themselves are inside: exactly at each of them the run completes.
#[tokio::test]
async fn at_the_limits_everything_passes() {
    let world = World::new().await;
    let request = scheduled(monday());
    let prepare = async |opening: Opening| {
        let mut input = input_for(&request, &opening);
        let orders = &mut input.policy.orders;
        (orders.max_order_notional, orders.max_run_notional) = (money("2000"), money("4000"));
        (orders.max_orders, orders.collar) = (3, rate("0.02"));
        Ok(input)
    };
    let plan = |input: &PlanningInput| Ok::<_, String>(plan_of(input, &LEGS));
    completed(execute(&request, &world.ports(&world.venue()), prepare, plan).await.expect("runs"));
}

#[tokio::test]
async fn what_was_not_sent_in_time_expires() {
    let world = std::sync::Arc::new(World::new().await);
    let mut venue = world.venue();
    let clock = std::sync::Arc::clone(&world);
    // The second order takes until after the plan's validity, and is refused for its own deadline.
    venue.before_placing = Some(Box::new(move |count| {
        if count == 1 {
            clock.clock.advance(hours(1));
        }
    }));
    let record = completed(world.run(&scheduled(monday()), &venue, &LEGS).await.expect("runs"));
    assert_eq!(states(&record), [OrderState::Filled, OrderState::Rejected, OrderState::Expired]);
    assert!(record.orders[1].note.contains("deadline"), "{}", record.orders[1].note);
    assert!(record.orders[2].note.contains("2025-04-14T00:30:00Z"), "{}", record.orders[2].note);
    assert_eq!(venue.placed().len(), 2);
}

/// After the validity nothing is sent whatever the switch says: what was planned expires, and the run just ends.
#[tokio::test]
async fn what_expired_needs_no_switch() {
    let world = World::new().await;
    let request = scheduled(monday());
    world.dies_at(&request, 0, &LEGS).await;
    world.later(hours(1));
    world.throw(&SwitchScope::Everything, true, "drill").await;
    let venue = world.venue();
    let record = completed(world.resume(&redelivered(&request), &venue).await.expect("ends"));
    assert_eq!(states(&record), [OrderState::NotPlaced, OrderState::Expired, OrderState::Expired]);
    assert_eq!((record.reason.as_str(), venue.placed().len()), ("", 0));
}

#[tokio::test]
async fn the_deadline_on_the_wire_is_within_the_plans_validity() {
    let mut world = World::new().await;
    world.settings.send_window_ms = 3_600_000;
    let venue = world.venue();
    completed(world.run(&scheduled(monday()), &venue, &LEGS[..1]).await.expect("runs"));
    let placed = venue.placed();
    assert_eq!((placed[0].signed_at, placed[0].deadline), (monday(), monday() + seconds(1800)));
    world.settings.send_window_ms = 5_000;
    let venue = world.venue();
    let next = world.later(hours(1));
    completed(world.run(&scheduled(next), &venue, &LEGS[..1]).await.expect("runs"));
    assert_eq!(venue.placed()[0].deadline, next + seconds(5));
}

#[tokio::test]
async fn buys_stop_where_the_actual_cash_ends() {
    // Nobody takes more than 5 of the 20 alpha: 499.5 come in where 1998 were planned.
    let mut world = World::new().await;
    world.book.instruments.get_mut(&"ALPHAUSDT".parse().expect("valid")).expect("listed").available =
        Some(quantity("5"));
    let record = completed(world.run(&scheduled(monday()), &world.venue(), &LEGS).await.expect("runs"));
    assert_eq!(states(&record), [OrderState::Cancelled, OrderState::Filled, OrderState::Skipped]);
    assert_eq!(record.orders[0].filled_quantity, quantity("5"));
    let note = &record.orders[2].note;
    assert!(note.starts_with("insufficient proceeds: 1021.02 needed"), "{note}");
    let cash = record.account_after.expect("settled").cash_free;
    assert_eq!(cash, money("496.9995"), "1000 + 499.5 - 0.4995 - 1001 - 1.001");
}

#[tokio::test]
async fn the_cash_buffer_is_not_spent() {
    // 1000 in cash, 300 of it buffer: 700 can be spent at the expected price and cost, whatever the limit price.
    let fits: Leg = (Side::Buy, "gamma", "70", "10.2");
    let too_much: Leg = (Side::Buy, "gamma", "70.01", "10.2");
    for (leg, expected) in [(fits, OrderState::Filled), (too_much, OrderState::Skipped)] {
        let world = World::new().await;
        let record = completed(world.run(&scheduled(monday()), &world.venue(), &[leg]).await.expect("runs"));
        assert_eq!(states(&record), [expected], "{}", record.orders[0].note);
    }
}

#[tokio::test]
async fn slippage_of_one_buy_does_not_cost_the_next_one() {
    // Together 700 at expected prices, which leaves the buffer of 300 whole. The book is a hundredth above them: the
    // first buy costs 3.5 more, and the second is made all the same. One that the plan had not left room for is not.
    let first: Leg = (Side::Buy, "gamma", "35", "10.2");
    for (quantity, expected) in [("7", OrderState::Filled), ("7.01", OrderState::Skipped)] {
        let mut world = World::new().await;
        world.book.half_spread = rate("0.01");
        let legs: [Leg; 2] = [first, (Side::Buy, "beta", quantity, "51")];
        let record = completed(world.run(&scheduled(monday()), &world.venue(), &legs).await.expect("runs"));
        assert_eq!(states(&record), [OrderState::Filled, expected], "{}", record.orders[1].note);
    }
}

/// Where neither a repetition nor a late request is safe, nothing live is sent unless the operator has said so.
#[tokio::test]
async fn live_orders_go_where_nothing_is_promised_only_with_consent() {
    let nothing = Promise { duplicates: Duplicates::Unchecked, late_requests: None };
    for (environment, promise, consents, sends) in [
        (Environment::Live, nothing, false, false),
        (Environment::Live, nothing, true, true),
        (Environment::Live, PAPER.promise(), false, true),
        (Environment::Paper, nothing, false, true),
    ] {
        let world = World::new().await;
        let mut venue = world.venue();
        venue.promise = promise;
        let mut request = scheduled(monday());
        request.identity.environment = environment;
        let prepare = async |opening: Opening| {
            let mut input = input_for(&request, &opening);
            input.policy.orders.accept_unknown_fate = consents;
            Ok(input)
        };
        let plan = |input: &PlanningInput| Ok::<_, String>(plan_of(input, &LEGS));
        let outcome = execute(&request, &world.ports(&venue), prepare, plan).await.expect("ends");
        if sends {
            assert_eq!((states(&completed(outcome)), venue.placed().len()), (vec![OrderState::Filled; 3], 3));
        } else {
            let record = aborted(outcome);
            assert!(record.plan.is_none() && record.reason.contains("accept_unknown_fate = true"), "{}", record.reason);
            assert_eq!(venue.placed(), []);
        }
    }
}
