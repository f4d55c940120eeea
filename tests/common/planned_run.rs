//! A run's input and plan, and an item of one of its orders, for tests of the pure decisions; beside `plans`.

use index_rebalancer::execution::Opening;
use index_rebalancer::model::{Money, Order, PlanningInput};
use index_rebalancer::planning::plan::RebalancePlan;
use index_rebalancer::ports::OrderState;
use index_rebalancer::ports::store::{Attempt, OrderItem};
use uuid::Uuid;

use crate::plans::*;

pub(crate) fn input() -> PlanningInput {
    let opening = Opening { run_id: Uuid::nil(), account: opening_account(), settled: None };
    input_for(&scheduled(monday()), &opening)
}

pub(crate) fn plan() -> RebalancePlan {
    plan_of(&input(), &LEGS)
}

pub(crate) fn item(order: &Order, state: OrderState) -> OrderItem {
    OrderItem {
        schema: 1,
        run_id: Uuid::nil(),
        key: order.key,
        payload_digest: order.payload_digest.clone(),
        state,
        revision: 3,
        log_head: "head".to_owned(),
        attempt: Some(Attempt {
            id: Uuid::from_u128(8),
            number: 1,
            signed_at: monday(),
            deadline: monday() + seconds(5),
        }),
        venue_order_id: None,
        filled_quantity: quantity("0"),
        average_price: None,
        fee: Money::ZERO,
        note: "before".to_owned(),
        refused: false,
        updated_at: monday(),
        expires_at_s: None,
    }
}
