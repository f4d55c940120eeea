//! The audit log as the store keeps it: written with every change, and checked against the stored items.

use aws_sdk_dynamodb::types::AttributeValue;
use index_rebalancer::adapters::embedded_store::TABLE;
use index_rebalancer::execution::audit::{Fault, of_run};
use index_rebalancer::execution::{AuditTrail, load_audit};
use index_rebalancer::planning::idempotency::run_id;
use index_rebalancer::ports::store::{Change, RunItem, StoreError};
use index_rebalancer::ports::{OrderState, RunState, RunStore};
use uuid::Uuid;

use crate::support::*;

async fn trail(world: &World, run: Uuid) -> AuditTrail {
    load_audit(world.store(), run).await.expect("reads").expect("is stored")
}

async fn done(world: &World) -> Uuid {
    completed(world.run(&scheduled(monday()), &world.venue(), &LEGS).await.expect("runs")).run_id
}

#[tokio::test]
async fn every_change_of_a_run_and_its_orders_is_told() {
    let world = World::new().await;
    let run = done(&world).await;
    let trail = trail(&world, run).await;
    assert_eq!(trail.findings, []);
    let of_run = trail.entries.iter().filter_map(|entry| match entry.change {
        Change::Run { to, .. } => Some(to),
        Change::Order { .. } => None,
    });
    let of_run: Vec<_> = of_run.collect();
    assert_eq!(of_run, [RunState::Claimed, RunState::Planned, RunState::Emitting, RunState::Done]);
    let of_orders = trail.entries.iter().filter_map(|entry| match entry.change {
        Change::Order { from, to, .. } => Some((from, to)),
        Change::Run { .. } => None,
    });
    let of_orders: Vec<_> = of_orders.collect();
    let told = [(None, OrderState::Sending), (Some(OrderState::Sending), OrderState::Filled)];
    for step in told {
        assert_eq!(of_orders.iter().filter(|found| **found == step).count(), 3, "{step:?}");
    }
    assert_eq!(of_orders.len(), 6);
    assert_eq!(load_audit(world.store(), Uuid::nil()).await, Ok(None));
}

/// A plan that cannot be read is a finding, and hides neither the rest of its run nor other runs.
#[tokio::test]
async fn an_unreadable_plan_is_told_with_everything_else() {
    let world = World::new().await;
    let run = done(&world).await;
    let plan =
        world.store().load_run(run).await.expect("reads").expect("is stored").commitment.expect("committed").plan;
    world.remove(&format!("blob#run#{}", run.simple()), &format!("{}#00000", plan.digest)).await;
    let trail = trail(&world, run).await;
    let [finding] = &trail.findings[..] else { panic!("{:?}", trail.findings) };
    assert!(finding.fault == Fault::Altered && finding.what.contains("chunk 0 of 1 is missing"), "{finding:?}");
    assert_eq!((trail.plan, trail.entries.len()), (None, 10), "the log itself is whole");
}

#[tokio::test]
async fn a_run_in_the_middle_is_whole_as_well() {
    let world = World::new().await;
    let (venue, request) = (world.venue(), scheduled(monday()));
    *venue.mute.lock().expect("not poisoned") = true;
    unsettled(world.run(&request, &venue, &LEGS[..2]).await.expect("runs"));
    assert_eq!(trail(&world, run_id(&request.identity)).await.findings, []);
}

/// The entry's sort key in the table.
fn entry_key(run: Uuid, chain: &str, number: u64) -> (String, String) {
    (format!("log#{}", run.simple()), format!("{chain}#{number:010}"))
}

#[tokio::test]
async fn an_altered_a_missing_and_a_misfiled_entry_are_found_in_the_store() {
    let world = World::new().await;
    let run = done(&world).await;
    let (pk, sk) = entry_key(run, "run", 2);
    world.tamper(&pk, &sk, "why", AttributeValue::S("all is well".to_owned())).await;
    let findings = trail(&world, run).await.findings;
    assert!(findings.iter().all(|found| (found.fault, found.sequence) == (Fault::Altered, Some(2))), "{findings:?}");
    assert!(!findings.is_empty());

    let world = World::new().await;
    let run = done(&world).await;
    let (pk, sk) = entry_key(run, "run", 2);
    let client = world.embedded.client();
    let key = |name: &str, value: &str| (name.to_owned(), AttributeValue::S(value.to_owned()));
    let at = std::collections::HashMap::from([key("pk", &pk), key("sk", &sk)]);
    let item = client.get_item().table_name(TABLE).set_key(Some(at.clone())).send().await.expect("reads").item;
    client.delete_item().table_name(TABLE).set_key(Some(at)).send().await.expect("deletes");
    let findings = trail(&world, run).await.findings;
    assert!(
        findings.iter().any(|found| found.fault == Fault::Missing && found.what.contains("entry 2")),
        "{findings:?}"
    );

    // The same entry again, filed at the end.
    let mut moved = item.expect("was there");
    moved.insert("sk".to_owned(), AttributeValue::S(entry_key(run, "run", 9).1));
    client.put_item().table_name(TABLE).set_item(Some(moved)).send().await.expect("writes");
    let findings = trail(&world, run).await.findings;
    assert!(findings.iter().any(|found| found.fault == Fault::OutOfOrder), "{findings:?}");
}

#[tokio::test]
async fn an_order_or_a_run_that_was_changed_by_hand_is_found() {
    let world = World::new().await;
    let run = done(&world).await;
    let order = world.store().load_orders(run).await.expect("reads").remove(0);
    let (pk, sk) = (format!("orders#{}", run.simple()), order.key.simple().to_string());
    world.tamper(&pk, &sk, "fee", AttributeValue::S("0".to_owned())).await;
    let findings = trail(&world, run).await.findings;
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!((findings[0].fault, findings[0].order), (Fault::Altered, Some(order.key)));

    let (pk, sk) = raw_run_key(run);
    world.tamper(&pk, &sk, "reason", AttributeValue::S("nothing".to_owned())).await;
    assert_eq!(trail(&world, run).await.findings.len(), 2);
}

/// The log is append-only by the store's own condition: a number that is taken is not written again.
#[tokio::test]
async fn an_entry_is_never_replaced() {
    let world = World::new().await;
    let (venue, request) = (world.venue(), scheduled(monday()));
    *venue.mute.lock().expect("not poisoned") = true;
    unsettled(world.run(&request, &venue, &LEGS[..1]).await.expect("runs"));
    let run = world.run_item(&request).await;
    let before = world.store().load_log(run.run_id).await;
    // Somebody set the item back to before its last change: the number of the next entry is taken.
    let earlier = RunItem { revision: run.revision - 1, ..run.clone() };
    let (pk, sk) = raw_run_key(run.run_id);
    world.tamper(&pk, &sk, "revision", AttributeValue::N(earlier.revision.to_string())).await;
    let (after, entry) = of_run(Some(&earlier), RunItem { reason: "again".to_owned(), ..earlier.clone() }, None);
    let refused = world.store().update_run(&earlier, &after, &entry).await;
    assert!(
        matches!(&refused, Err(StoreError::Corrupt { cause, .. }) if cause.contains("there already")),
        "{refused:?}"
    );
    assert_eq!(world.store().load_log(run.run_id).await, before);
}

/// A write that is refused tells nothing, and one that tells nothing is refused: both or neither.
#[tokio::test]
async fn a_refused_change_leaves_no_entry() {
    let world = World::new().await;
    let run = done(&world).await;
    let before = world.store().load_log(run).await.expect("reads");
    let order = world.store().load_orders(run).await.expect("reads").remove(0);
    let item = world.store().load_run(run).await.expect("reads").expect("is stored");
    let stale = index_rebalancer::ports::store::OrderItem { revision: 7, ..order.clone() };
    let again = index_rebalancer::ports::store::OrderItem { revision: 8, ..order };
    let (again, entry) = index_rebalancer::execution::audit::of_order(&item, Some(&stale), again, None);
    let refused = world.store().update_order(None, &stale, &again, &entry).await;
    assert_eq!(refused, Ok(index_rebalancer::ports::store::Written::Refused));
    assert_eq!(world.store().load_log(run).await.expect("reads"), before);
}

/// A replanned or resumed run keeps one log: every worker's part in it, by epoch.
#[tokio::test]
async fn a_takeover_is_told() {
    let world = World::new().await;
    let request = scheduled(monday());
    world.dies_at(&request, 0, &LEGS).await;
    world.later(seconds(61));
    completed(world.resume(&redelivered(&request), &world.venue()).await.expect("takes over"));
    let trail = trail(&world, run_id(&request.identity)).await;
    assert_eq!(trail.findings, []);
    let epochs: std::collections::BTreeSet<u64> = trail.entries.iter().map(|entry| entry.epoch).collect();
    assert_eq!(epochs, [1, 2].into());
    let why = |epoch| trail.entries.iter().find(|entry| entry.epoch == epoch).map(|entry| entry.why.as_str());
    assert_eq!((why(1), why(2)), (Some(""), Some("taken over from a worker that did not end it")));
}
