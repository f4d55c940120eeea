//! Alerts: which events a run has, and that each is told once, within bounds, without ever failing a run.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where something is not as it must be"
)]

mod derived;
mod dispatched;
#[path = "../common/manual_clock.rs"]
mod manual_clock;
mod policies;
#[cfg(feature = "local")]
mod stored;

use std::path::Path;

use index_rebalancer::adapters::files::Case;
use index_rebalancer::model::alert::AlertPolicy;
use index_rebalancer::model::{AssetId, Trigger};
use index_rebalancer::planning::plan;
use index_rebalancer::ports::{OrderRecord, OrderState, RunRecord, RunState};

/// A finished run of four coins on Binance: one sell (SUI), two buys, all filled.
fn finished() -> RunRecord {
    let case =
        Case::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/over-cap-after-rally")).expect("a case");
    let account = case.accounts().next().expect("an account").clone();
    let at = case.days()[0].at;
    let mut input = case.planning_input(&account, Trigger::Scheduled(at), at, None, None, None).expect("an input");
    input.policy.alerts = Some(everything());
    let plan = plan(&input).expect("a plan");
    let filled = plan.orders.iter().map(|order| OrderRecord {
        key: order.key,
        state: OrderState::Filled,
        filled_quantity: order.quantity,
        average_price: Some(order.reference_price),
        fee: index_rebalancer::model::Money::ZERO,
        note: String::new(),
        refused: false,
    });
    let orders = filled.collect();
    RunRecord {
        run_id: plan.run_id,
        state: RunState::Done,
        updated_at: plan.as_of,
        reason: String::new(),
        plan_digest: None,
        approval: None,
        orders,
        account_after: None,
        input: Some(input),
        plan: Some(plan),
    }
}

/// Every event to one channel.
fn everything() -> AlertPolicy {
    alert_policy(
        r#"
        stop_loss = "0.1"
        grade_thresholds = [{ grade = "trader", at = "50" }]
        price_targets = [{ asset = "bitcoin", at_least = "90000" }, { asset = "sui", at_most = "1" }]
        [channels.ops]
        kind = "log"
        [[routes]]
        events = ["plan_ready", "orders_sent", "order_rejected", "order_unknown", "run_aborted", "run_halted",
                  "run_recovered", "limit_relaxed",
                  "stop_loss", "regime_changed", "grade_crossed", "signal_turned", "price_target", "stale_data"]
        channels = ["ops"]
        "#,
    )
}

fn alert_policy(toml: &str) -> AlertPolicy {
    toml::from_str(toml).unwrap_or_else(|error| panic!("{error}"))
}

fn asset(id: &str) -> AssetId {
    AssetId::new(id).expect("an id")
}
