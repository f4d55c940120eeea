//! The largest run: 5,000 orders in a plan of several chunks, committed by one conditional update.

use std::collections::BTreeMap;

use index_rebalancer::execution::{Opening, RunRequest, execute, load_audit, load_run};
use index_rebalancer::model::{AssetId, AssetRecord, InstrumentId, Order, PlanningInput, Side};
use index_rebalancer::planning::RebalancePlan;
use index_rebalancer::planning::idempotency::{order_key, payload_digest, run_id};
use index_rebalancer::ports::store::Change;
use index_rebalancer::ports::{OrderState, RunState};

use crate::support::*;

const ORDERS: usize = 5_000;

/// As many assets as orders, each priced and listed like alpha.
fn many_assets() -> BTreeMap<AssetId, AssetRecord> {
    let template = assets().remove(&asset("alpha")).expect("alpha");
    let one = |at: usize| {
        let mut record = template.clone();
        let listing = record.listing.as_mut().expect("listed");
        listing.instrument = InstrumentId::new(&format!("A{at:04}USDT")).expect("valid");
        (asset(&format!("a{at:04}")), record)
    };
    (0..ORDERS).map(one).collect()
}

fn many_assets_input(request: &RunRequest, opening: &Opening) -> PlanningInput {
    let mut input = input_for(request, opening);
    input.assets = many_assets();
    input.policy.orders.max_orders = 5_000;
    input
}

fn many_orders(input: &PlanningInput) -> RebalancePlan {
    let mut plan = plan_of(input, &[(Side::Sell, "a0000", "0.1", "98")]);
    let template = plan.orders.remove(0);
    plan.orders = (0_u32..)
        .zip(&input.assets)
        .map(|(priority, (id, record))| {
            let instrument = record.listing.as_ref().expect("listed").instrument.clone();
            let run = run_id(&input.run);
            let key = order_key(run, &input.run.venue, &input.run.venue_account, &instrument, Side::Sell, 0);
            let mut order = Order { key, instrument, asset: id.clone(), priority, ..template.clone() };
            order.payload_digest = payload_digest(&order);
            order
        })
        .collect();
    plan
}

/// One conditional update commits them all: a worker that dies at its first order leaves the whole plan behind.
#[tokio::test]
async fn five_thousand_orders_are_committed_at_once() {
    let world = World::new().await;
    let request = scheduled(monday());
    let prepare = async |opening: Opening| Ok(many_assets_input(&request, &opening));
    world.dies_at_order_of(&request, 0, prepare, many_orders).await;

    let item = world.run_item(&request).await;
    let commitment = item.commitment.expect("committed");
    println!("plan: {} bytes in {} chunks", commitment.plan.bytes, commitment.plan.chunks);
    assert!(commitment.plan.chunks > 3 && commitment.input.chunks > 3, "{commitment:?}");
    assert_eq!((item.state, commitment.order_count), (RunState::Emitting, 5_000));
    let record = load_run(world.store(), item.run_id).await.expect("reads").expect("is stored");
    let keys: std::collections::BTreeSet<_> = record.orders.iter().map(|order| order.key).collect();
    assert_eq!(keys.len(), ORDERS);
    let (first, rest) = states(&record).split_first().map(|(first, rest)| (*first, rest.to_vec())).expect("orders");
    assert_eq!(first, OrderState::Sending);
    assert!(rest.iter().all(|state| *state == OrderState::Planned));
    let trail = load_audit(world.store(), item.run_id).await.expect("reads").expect("is stored");
    assert_eq!(trail.findings, []);
}

/// After the plan's validity nothing is sent, and every order has an end of its own.
#[tokio::test]
#[ignore = "some minutes on a busy machine: make long-largest-run, which is part of make ci-long"]
async fn each_of_five_thousand_orders_has_its_end() {
    let world = World::new().await;
    let request = scheduled(monday());
    let prepare = async |opening: Opening| Ok(many_assets_input(&request, &opening));
    // The worker needs longer for its plan than the plan is valid.
    let plan = |input: &PlanningInput| {
        world.clock.advance(hours(1));
        Ok::<_, String>(many_orders(input))
    };
    let venue = world.venue();
    let record = completed(execute(&request, &world.ports(&venue), prepare, plan).await.expect("runs"));
    assert_eq!(venue.placed().len(), 0);
    assert_eq!((record.state, record.orders.len()), (RunState::Done, ORDERS));
    assert!(record.orders.iter().all(|order| order.state == OrderState::Expired));
    let trail = load_audit(world.store(), record.run_id).await.expect("reads").expect("is stored");
    assert_eq!(trail.findings, []);
    let orders = trail.entries.iter().filter(|entry| matches!(entry.change, Change::Order { .. })).count();
    assert_eq!(orders, ORDERS, "one entry for each");
    let again = load_run(world.store(), record.run_id).await.expect("reads").expect("is stored");
    assert_eq!(again, record);
}
