//! Whole runs: first, again, next, and across processes.

use index_rebalancer::adapters::embedded_store::EmbeddedStore;
use index_rebalancer::execution::{
    ExecutionError, Opening, PreparationFailure, RunOutcome, execute, find_run, load_run, load_settlement,
};
use index_rebalancer::model::{Flow, Holding, Money, Quantity, Trigger};
use index_rebalancer::planning::RebalancePlan;
use index_rebalancer::planning::idempotency::{digest_of, run_id};
use index_rebalancer::ports::store::{AccountKey, PortfolioKey};
use index_rebalancer::ports::{OrderState, RunState, RunStore};

use crate::support::*;

#[tokio::test]
async fn the_first_run_sells_buys_and_settles() {
    let world = World::new().await;
    let (venue, request) = (world.venue(), scheduled(monday()));
    let record = completed(world.run(&request, &venue, &LEGS).await.expect("runs"));

    assert_eq!(record.state, RunState::Done);
    assert_eq!(states(&record), [OrderState::Filled; 3]);
    // Sold 20 at 99.9, bought 20 at 50.05 and 100 at 10.01, each with a fee of 0.001.
    let [sell, beta, gamma] = &record.orders[..] else { panic!("three orders") };
    assert_eq!((sell.average_price, sell.fee), (Some(price("99.9")), money("1.998")));
    assert_eq!((beta.average_price, beta.fee), (Some(price("50.05")), money("1.001")));
    assert_eq!((gamma.filled_quantity, gamma.fee), (quantity("100"), money("1.001")));
    let after = record.account_after.expect("settled");
    assert_eq!(after.cash_free, money("992"), "1000 + 1998 - 1001 - 1001 - 4.0, to the last digit");
    let free = |name: &str| after.holdings[&asset(name)].free;
    assert_eq!((free("alpha"), free("beta"), free("gamma")), (quantity("30"), quantity("20"), quantity("100")));

    let sides: Vec<_> = venue.placed().iter().map(|request| request.instrument.to_string()).collect();
    assert_eq!(sides, ["ALPHAUSDT", "BETAUSDT", "GAMMAUSDT"], "sells first, then by priority");
    assert_eq!(world.lock_holder().await, None, "the account is free again");
    let plan = record.plan.expect("committed");
    assert_eq!(record.plan_digest, Some(digest_of(&plan)));
    assert_eq!(plan.input_digest, digest_of(&record.input.expect("committed")));
}

#[tokio::test]
async fn the_same_run_again_reports_the_first_and_sends_nothing() {
    let world = World::new().await;
    let request = scheduled(monday());
    let first = completed(world.run(&request, &world.venue(), &LEGS).await.expect("runs"));
    for again in [request.clone(), redelivered(&request)] {
        let venue = world.venue();
        let outcome = world.resume(&again, &venue).await.expect("answers");
        assert_eq!(outcome, RunOutcome::AlreadyDone(Box::new(first.clone())));
        assert_eq!(venue.placed(), []);
    }
    // A delivery long past its window is still answered, because the run exists.
    world.later(hours(24 * 30));
    let outcome = world.resume(&redelivered(&request), &world.venue()).await.expect("answers");
    assert!(matches!(outcome, RunOutcome::AlreadyDone(_)));
}

#[tokio::test]
async fn the_next_run_plans_from_settled_holdings() {
    let world = World::new().await;
    let first = completed(world.run(&scheduled(monday()), &world.venue(), &LEGS).await.expect("runs"));
    let tuesday = world.later(hours(24));
    let request = scheduled(tuesday);
    let mut seen: Option<Opening> = None;
    let venue = world.venue();
    let prepare = async |opening: Opening| {
        let input = input_for(&request, &opening);
        seen = Some(opening);
        Ok(input)
    };
    let outcome = execute(&request, &world.ports(&venue), prepare, |input| Ok::<_, String>(plan_of(input, &[]))).await;

    let record = completed(outcome.expect("runs"));
    assert_eq!((record.state, record.orders.len(), venue.placed().len()), (RunState::Done, 0, 0), "in band");
    let opening = seen.expect("prepared");
    let settled = opening.settled.expect("remembered");
    assert_eq!(settled.state, first.plan.expect("committed").next_state);
    let after = first.account_after.expect("settled");
    assert_eq!((opening.account.cash_free, &opening.account.holdings), (after.cash_free, &after.holdings));
    assert_eq!(settled.account, after);
    assert_eq!(world.lock_holder().await, None);
}

#[tokio::test]
async fn a_store_in_a_file_is_found_again_and_gives_the_same_keys_when_recreated() {
    let folder = tempfile::tempdir().expect("a folder");
    let request = scheduled(monday());
    let mut keys = Vec::new();
    for name in ["one.db", "two.db"] {
        let path = folder.path().join(name);
        let world = World::on(EmbeddedStore::open(&path).await.expect("opens")).await;
        let first = completed(world.run(&request, &world.venue(), &LEGS).await.expect("runs"));
        keys.push(first.orders.iter().map(|order| order.key).collect::<Vec<_>>());
        let balance = world.balance().await;
        world.embedded.close().await;

        let again = World::on(EmbeddedStore::open(&path).await.expect("opens again")).await;
        assert_eq!(again.balance().await, balance, "opening the account again does not refill it");
        let venue = again.venue();
        let outcome = again.resume(&redelivered(&request), &venue).await.expect("answers");
        assert_eq!(outcome, RunOutcome::AlreadyDone(Box::new(first)));
        assert_eq!(venue.placed(), []);
    }
    assert_eq!(keys[0], keys[1]);
    assert_eq!(keys[0].len(), 3);
}

#[tokio::test]
async fn plan_and_input_larger_than_one_item_are_stored_in_chunks() {
    let world = World::new().await;
    let request = scheduled(monday());
    let prepare = async |opening: Opening| {
        let notices = (0..5_000).map(|at| format!("{at}: {}", "ü".repeat(80))).collect();
        Ok(index_rebalancer::model::PlanningInput { notices, ..input_for(&request, &opening) })
    };
    let plan = |input: &index_rebalancer::model::PlanningInput| {
        Ok::<_, String>(RebalancePlan { notices: input.notices.clone(), ..plan_of(input, &LEGS) })
    };
    let record = completed(execute(&request, &world.ports(&world.venue()), prepare, plan).await.expect("runs"));
    let commitment = world.run_item(&request).await.commitment.expect("committed");
    assert!(commitment.plan.chunks >= 3 && commitment.input.chunks >= 3, "{commitment:?}");
    assert_eq!(record.plan.expect("read back").notices.len(), 5_000);
    assert_eq!(states(&load_run(world.store(), record.run_id).await.expect("reads").expect("is stored")).len(), 3);
}

#[tokio::test]
async fn input_that_is_not_to_be_had_is_tried_again_until_the_window_ends() {
    let world = World::new().await;
    let request = scheduled(monday());
    let fails = async |_: Opening| Err(PreparationFailure::Transient("prices: timed out".to_owned()));
    let no_plan = |_: &_| -> Result<RebalancePlan, String> { panic!("nothing to plan") };
    let venue = world.venue();

    let error = execute(&request, &world.ports(&venue), fails, no_plan).await.expect_err("no input");
    assert!(matches!(&error, ExecutionError::TryAgain { cause, .. } if cause == "prices: timed out"), "{error}");
    assert_eq!(world.run_item(&request).await.state, RunState::Claimed);

    world.later(hours(7));
    let late = redelivered(&request);
    let record = aborted(execute(&late, &world.ports(&venue), fails, no_plan).await.expect("ends"));
    assert!(record.reason.contains("prices: timed out"), "{}", record.reason);
    assert_eq!(world.lock_holder().await, None);
}

/// A balance is an input like any other: whoever comes next need not wait for the lease of a worker that got none.
#[tokio::test]
async fn a_balance_that_is_not_to_be_had_is_asked_for_again() {
    let world = World::new().await;
    let request = scheduled(monday());
    let venue = Watched { balance_is_mute: true, ..world.venue() };
    let error = world.run(&request, &venue, &LEGS).await.expect_err("no balance");
    assert!(matches!(&error, ExecutionError::TryAgain { cause, .. } if cause.contains("timed out")), "{error}");
    let run = world.run_item(&request).await;
    assert!(run.state == RunState::Claimed && run.lease_until < monday(), "nobody waits for it: {run:?}");
    completed(world.run(&redelivered(&request), &world.venue(), &LEGS).await.expect("runs"));
}

#[tokio::test]
async fn refused_input_and_a_failed_plan_end_the_run_without_orders() {
    let world = World::new().await;
    let venue = world.venue();
    let refuse = async |_: Opening| Err(PreparationFailure::Refused("price of alpha is negative".to_owned()));
    let request = scheduled(monday());
    let no_plan = |_: &_| -> Result<RebalancePlan, String> { panic!("nothing to plan") };
    let record = aborted(execute(&request, &world.ports(&venue), refuse, no_plan).await.expect("ends"));
    assert_eq!(record.reason, "price of alpha is negative");
    assert!(record.plan.is_none() && record.account_after.is_none());

    let request = scheduled(world.later(hours(1)));
    let prepare = async |opening: Opening| Ok(input_for(&request, &opening));
    let infeasible = |_: &_| Err::<RebalancePlan, _>("max_weight and stable_share cannot both hold");
    let record = aborted(execute(&request, &world.ports(&venue), prepare, infeasible).await.expect("ends"));
    assert_eq!(record.reason, "max_weight and stable_share cannot both hold");

    assert_eq!((venue.placed().len(), world.lock_holder().await), (0, None));
    let outcome = world.resume(&redelivered(&request), &venue).await.expect("answers");
    assert!(matches!(outcome, RunOutcome::AlreadyDone(record) if record.state == RunState::Aborted));
    let key = PortfolioKey::from(&request.identity);
    assert_eq!(load_settlement(world.store(), &key).await.expect("reads"), None);
}

#[tokio::test]
async fn an_occasion_out_of_time_is_refused_before_anything_is_claimed() {
    let world = World::new().await;
    let venue = world.venue();
    let early = scheduled(monday() + seconds(1));
    let error = world.run(&early, &venue, &LEGS).await.expect_err("too early");
    assert!(matches!(error, ExecutionError::NotYetDue { .. }), "{error}");

    world.later(hours(6));
    world.run(&scheduled(monday()), &venue, &[]).await.expect("the window's last moment is inside");
    world.later(seconds(1));
    let known = redelivered(&scheduled(monday()));
    assert!(matches!(world.run(&known, &venue, &LEGS).await, Ok(RunOutcome::AlreadyDone(_))), "it exists");
    let purged = scheduled(monday() - seconds(60));
    let error = world.run(&purged, &venue, &LEGS).await.expect_err("too late");
    assert!(matches!(error, ExecutionError::PastWindow { window_hours: 6, .. }), "{error}");
    assert_eq!(world.lock_holder().await, None);
}

#[tokio::test]
async fn one_label_is_one_flow() {
    let world = World::new().await;
    let venue = world.venue();
    let label = Trigger::Manual("payout".parse().expect("valid"));
    let mut request = scheduled(monday());
    request.identity.trigger = label;
    request.flow = Flow::Withdraw(money("100"));
    completed(world.run(&request, &venue, &[]).await.expect("runs"));
    for flow in [Flow::Full, Flow::Withdraw(money("200"))] {
        let other = index_rebalancer::execution::RunRequest { flow, ..redelivered(&request) };
        let error = world.resume(&other, &venue).await.expect_err("another flow");
        assert!(matches!(error, ExecutionError::OtherOccasion { .. }), "{error}");
    }
}

#[tokio::test]
async fn the_wrong_venue_is_refused() {
    let world = World::new().await;
    let mut request = scheduled(monday());
    request.identity.venue = "kraken".parse().expect("valid");
    let error = world.run(&request, &world.venue(), &LEGS).await.expect_err("another venue");
    assert!(error.to_string().contains("kraken") && error.to_string().contains("binance"), "{error}");
}

#[tokio::test]
async fn runs_are_found_by_prefix_and_listed_by_portfolio() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for day in 0..3 {
        let request = scheduled(monday() + hours(24 * day));
        completed(world.run(&request, &world.venue(), &[]).await.expect("runs"));
        ids.push(run_id(&request.identity));
        world.later(hours(24));
    }
    let text = ids[1].to_string();
    for prefix in [&text[..4], &text[..13], &text, &text.to_uppercase()] {
        let found = find_run(world.store(), prefix).await.expect("reads").expect("is stored");
        assert_eq!(found.run_id, ids[1], "{prefix}");
    }
    assert_eq!(find_run(world.store(), "ffffffff").await.expect("reads"), None);
    for bad in ["", "abc", "xyzw", &"a".repeat(33)] {
        let error = find_run(world.store(), bad).await.expect_err("not a prefix");
        assert!(error.to_string().contains("4 to 32 hex digits"), "{error}");
    }
    let identity = scheduled(monday()).identity;
    let listed = world.store().list_runs(identity.environment, &identity.portfolio).await.expect("lists");
    assert_eq!(listed.iter().map(|run| run.run_id).collect::<Vec<_>>(), ids, "oldest first");
    assert_eq!(world.store().held_locks().await.expect("lists"), []);
}

#[tokio::test]
async fn a_days_notional_is_reserved_with_the_commit_and_bounded() {
    let mut world = World::new().await;
    world.settings.max_day_notional = Some(money("5000"));
    let request = scheduled(monday());
    completed(world.run(&request, &world.venue(), &LEGS).await.expect("runs"));
    let (key, day) = (AccountKey::from(&request.identity), jiff::civil::date(2025, 4, 14));
    let reserved = |day| world.store().reserved_notional(&key, day);
    assert_eq!(reserved(day).await.expect("reads"), money("4000"), "2000 sold and 2000 bought");

    let second = scheduled(world.later(hours(1)));
    let venue = world.venue();
    let record = aborted(world.run(&second, &venue, &LEGS[..1]).await.expect("ends"));
    assert!(record.reason.contains("2000") && record.reason.contains("5000"), "{}", record.reason);
    assert_eq!((venue.placed().len(), world.lock_holder().await), (0, None));
    assert_eq!(reserved(day).await.expect("reads"), money("4000"), "a refused commit reserves nothing");

    let next_day = scheduled(world.later(hours(24)));
    completed(world.run(&next_day, &world.venue(), &LEGS[..1]).await.expect("runs"));
    assert_eq!(reserved(jiff::civil::date(2025, 4, 15)).await.expect("reads"), money("2000"));

    world.settings.max_day_notional = Some(money("1999.99"));
    let first_of_its_day = scheduled(world.later(hours(24)));
    aborted(world.run(&first_of_its_day, &world.venue(), &LEGS[..1]).await.expect("ends"));
    assert_eq!(world.store().reserved_notional(&key, jiff::civil::date(2025, 4, 16)).await, Ok(Money::ZERO));
}

#[tokio::test]
async fn what_ended_may_be_purged_and_what_counts_may_not() {
    let world = World::new().await;
    let request = scheduled(monday());
    completed(world.run(&request, &world.venue(), &LEGS).await.expect("runs"));
    let run = world.run_item(&request).await;
    let purge_at = monday().as_second() + 400 * 86_400;
    assert_eq!(run.expires_at_s, Some(purge_at));
    for order in world.store().load_orders(run.run_id).await.expect("reads") {
        assert_eq!(order.expires_at_s, Some(purge_at + 30 * 86_400), "a run goes before its parts");
    }
    let items = world.embedded.client().scan().table_name("index-rebalancer").send().await.expect("scans").items;
    let with_ttl = |prefix: &str| {
        let items = items.iter().flatten().filter(|item| item["pk"].as_s().expect("text").starts_with(prefix));
        let times = items.map(|item| item.get("expires_at_s").map(|at| at.as_n().expect("a number").clone()));
        let times: Vec<Option<String>> = times.collect();
        let of_parts = (purge_at + 30 * 86_400).to_string();
        assert!(!prefix.starts_with("blob#") || times.iter().flatten().all(|at| *at == of_parts), "{times:?}");
        let marks: Vec<bool> = times.iter().map(Option::is_some).collect();
        assert!(!marks.is_empty(), "{prefix}");
        marks
    };
    assert_eq!(with_ttl("blob#run#"), [true, true], "input and plan");
    assert_eq!(with_ttl("blob#portfolio#"), [false], "the portfolio still needs its settlement");
    for kept in ["portfolio#", "paper#", "account#"] {
        assert!(!with_ttl(kept).contains(&true), "{kept}");
    }
}

#[tokio::test]
async fn a_plan_that_is_not_this_runs_is_never_committed() {
    type Change = fn(&mut RebalancePlan);
    let changes: [(&str, Change); 9] = [
        ("run id", |plan| plan.run_id = uuid::Uuid::from_u128(5)),
        ("plan's run", |plan| plan.run.portfolio = "other".parse().expect("valid")),
        ("flow", |plan| plan.flow = Flow::DepositOnly),
        ("input digest", |plan| plan.input_digest = "0".repeat(64)),
        ("should have the key", |plan| plan.orders[0].key = uuid::Uuid::from_u128(5)),
        ("payload digest", |plan| plan.orders[0].quantity = quantity("21")),
        ("out of sequence", |plan| plan.orders.swap(0, 1)),
        ("twice", |plan| {
            let mut copy = plan.orders[1].clone();
            copy.priority = 9;
            plan.orders.push(copy);
            *plan = resealed(plan.clone());
        }),
        ("valid for longer", |plan| {
            plan.orders[0].valid_until = plan.valid_until + seconds(1);
            *plan = resealed(plan.clone());
        }),
    ];
    for (expected, change) in changes {
        let world = World::new().await;
        let venue = world.venue();
        let outcome = world
            .run_plan(&scheduled(monday()), &venue, |input| {
                let mut plan = plan_of(input, &LEGS);
                change(&mut plan);
                plan
            })
            .await;
        let record = aborted(outcome.expect("ends"));
        assert!(record.reason.contains(expected), "{expected}: {}", record.reason);
        assert!(record.plan.is_none() && venue.placed().is_empty());
    }
}

#[tokio::test]
async fn accounts_do_not_wait_for_each_other() {
    let world = World::new().await;
    let other: index_rebalancer::model::AccountId = "sub-1".parse().expect("valid");
    let mut opening = opening_account();
    opening.holdings.insert(asset("alpha"), Holding { free: quantity("20"), locked: Quantity::ZERO });
    let _ = world.venue().paper.open(&other, &opening).await.expect("opens");
    // The first run is stuck with an order of unknown fate; the second is on another account.
    let stuck = world.venue();
    *stuck.mute.lock().expect("not poisoned") = true;
    *stuck.faults.lock().expect("not poisoned") = vec![Fault::AnswerLost];
    unsettled(world.run(&scheduled(monday()), &stuck, &LEGS[..1]).await.expect("runs"));
    let mut request = scheduled(monday());
    request.identity.venue_account = other;
    let record = completed(world.run(&request, &world.venue(), &LEGS[..1]).await.expect("runs"));
    assert_eq!(states(&record), [OrderState::Filled]);
    assert!(world.lock_holder().await.is_some());
}
