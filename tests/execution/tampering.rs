//! What is stored and contradicts itself: nothing is sent.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use index_rebalancer::execution::{ExecutionError, RunRequest};
use index_rebalancer::planning::idempotency::run_id;
use index_rebalancer::ports::store::{BlobOwner, ChunkAddress};
use index_rebalancer::ports::{RunStore, StoreError};

use crate::support::*;

/// A committed run whose worker died before it sent anything: its venue had no answer about the account.
async fn committed(world: &World) -> RunRequest {
    let request = scheduled(monday());
    let venue = world.venue();
    *venue.mute.lock().expect("not poisoned") = true;
    *venue.faults.lock().expect("not poisoned") = vec![Fault::RequestLost];
    unsettled(world.run(&request, &venue, &LEGS[..1]).await.expect("runs"));
    world.later(seconds(61));
    request
}

async fn refused(world: &World, request: &RunRequest) -> ExecutionError {
    let venue = world.venue();
    let error = world.resume(&redelivered(request), &venue).await.expect_err("is refused");
    assert_eq!(venue.placed(), []);
    assert!(world.lock_holder().await.is_some(), "the account stays locked until somebody has looked");
    error
}

#[tokio::test]
async fn a_tampered_or_missing_chunk_halts() {
    for (truncated, expected) in [(false, "have the digest"), (true, "is missing")] {
        let world = World::new().await;
        let request = committed(&world).await;
        let run = world.run_item(&request).await;
        let plan = run.commitment.expect("committed").plan;
        let address = ChunkAddress { owner: BlobOwner::Run(run.run_id), digest: &plan.digest, chunk: 0 };
        let bytes = world.store().load_chunk(&address).await.expect("reads").expect("is stored");
        let text = String::from_utf8(bytes).expect("JSON");
        let pk = format!("blob#run#{}", run.run_id.simple());
        let sk = format!("{}#00000", plan.digest);
        if truncated {
            world.remove(&pk, &sk).await;
        } else {
            let more = text.replace("\"quantity\":\"20\"", "\"quantity\":\"50\"");
            assert_ne!(more, text);
            world.tamper(&pk, &sk, "bytes", AttributeValue::B(Blob::new(more))).await;
        }
        let error = refused(&world, &request).await;
        assert!(matches!(&error, ExecutionError::Store(StoreError::Corrupt { .. })), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[tokio::test]
async fn an_unknown_state_halts() {
    let world = World::new().await;
    let request = committed(&world).await;
    let (pk, sk) = raw_run_key(run_id(&request.identity));
    world.tamper(&pk, &sk, "state", AttributeValue::S("exploded".to_owned())).await;
    let error = refused(&world, &request).await;
    assert!(error.to_string().contains("exploded"), "{error}");
}

#[tokio::test]
async fn an_unknown_order_state_or_a_foreign_schema_halts() {
    for (attribute, value, expected) in [
        ("state", AttributeValue::S("lost".to_owned()), "lost"),
        ("schema", AttributeValue::N("4".to_owned()), "schema"),
    ] {
        let world = World::new().await;
        let request = committed(&world).await;
        let run = run_id(&request.identity);
        let order = world.store().load_orders(run).await.expect("reads").remove(0);
        let (pk, sk) = (format!("orders#{}", run.simple()), order.key.simple().to_string());
        world.tamper(&pk, &sk, attribute, value).await;
        let error = refused(&world, &request).await;
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[tokio::test]
async fn the_same_key_with_another_payload_is_refused() {
    let world = World::new().await;
    let request = committed(&world).await;
    let run = run_id(&request.identity);
    let order = world.store().load_orders(run).await.expect("reads").remove(0);
    let (pk, sk) = (format!("orders#{}", run.simple()), order.key.simple().to_string());
    world.tamper(&pk, &sk, "payload_digest", AttributeValue::S("0".repeat(64))).await;
    let error = refused(&world, &request).await;
    assert!(matches!(error, ExecutionError::Halted { .. }), "{error}");
    assert!(error.to_string().contains(&"0".repeat(64)) && error.to_string().contains(&order.payload_digest));
}

#[tokio::test]
async fn an_order_that_is_not_in_the_plan_halts() {
    let world = World::new().await;
    let request = committed(&world).await;
    let run = world.run_item(&request).await;
    let mut stray = world.store().load_orders(run.run_id).await.expect("reads").remove(0);
    stray.key = uuid::Uuid::from_u128(4);
    stray.revision = 1;
    let (stray, entry) = index_rebalancer::execution::audit::of_order(&run, None, stray, None);
    assert_eq!(
        world.store().create_order(&run, &stray, &entry).await,
        Ok(index_rebalancer::ports::store::Written::Done)
    );
    let error = refused(&world, &request).await;
    assert!(error.to_string().contains("not in the plan"), "{error}");
}
