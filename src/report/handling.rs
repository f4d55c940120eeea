//! What became of stored runs that were taken up again: by `recover`, `settle` or `abort`.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::document::ErrorReport;
use super::published::{OrderState, RunState, UtcTime, UuidText};
use crate::model::{InstrumentId, Order, Quantity, Side};
use crate::planning::RebalancePlan;
use crate::ports;
use crate::ports::capability::{client_order_id, where_to_look};
use crate::ports::store::{Change, LogEntry, OrderItem, RunItem};

/// One run that was taken up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HandledRun {
    #[schemars(with = "UuidText")]
    pub run_id: Uuid,
    pub portfolio: String,
    pub account: String,
    pub state_before: RunState,
    pub state: RunState,
    pub outcome: HandledOutcome,
    /// Why it was or will be aborted; empty otherwise.
    pub reason: String,
    /// Until when its worker's lease holds; only where a worker is at it.
    #[schemars(with = "Option<UtcTime>")]
    pub lease_until: Option<Timestamp>,
    /// Nothing goes on by itself: somebody must look at the orders below, or at the error, or let it be recovered.
    pub needs_person: bool,
    /// Orders at which a person must look.
    pub attention: Vec<OrderAttention>,
    /// Orders that rest at the venue within their validity: whoever has them there goes on with them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub orders_resting: usize,
    /// Orders that the venue rejected, at once or after it had taken them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub orders_rejected: usize,
    /// Orders that somebody took and has not ended, although they may not be executed any more.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub orders_overdue: usize,
    pub error: Option<ErrorReport>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HandledOutcome {
    /// Every order is terminal and the account is free.
    Settled,
    /// It was over before.
    AlreadySettled,
    /// The fate of an order is not known, or orders may still be sent; the account stays locked.
    Unsettled,
    /// It has no plan yet, and its event may still come again.
    AwaitsInput,
    /// It is a proposal that nobody has approved yet; nothing was done.
    AwaitsApproval,
    /// A worker is at it; nothing was done.
    InProgress,
    /// What is stored of it could not be read, or it was refused: the error says which. Nothing was done.
    Failed,
}

/// An order at which a person must look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OrderAttention {
    #[schemars(with = "UuidText")]
    pub key: Uuid,
    /// The key as the venue has it.
    pub client_order_id: String,
    /// The same with the venue's own name for it, and where orders are found by it.
    pub look_for: String,
    pub side: Side,
    pub instrument: InstrumentId,
    pub quantity: Quantity,
    pub state: OrderState,
    pub filled_quantity: Quantity,
    pub note: String,
    /// What is known of it does not change by itself: `settle` takes a person's answer.
    pub wants_answer: bool,
}

/// What is stored of a run after it was taken up.
#[derive(Debug, Clone, Copy)]
pub struct Aftermath<'a> {
    pub before: &'a RunItem,
    pub after: &'a RunItem,
    pub orders: &'a [OrderItem],
    /// Absent before the commit.
    pub plan: Option<&'a RebalancePlan>,
    pub log: &'a [LogEntry],
    pub error: Option<&'a ErrorReport>,
    pub now: Timestamp,
}

impl HandledRun {
    /// Recovery cannot bring it to its end, however often it looks: a person has to say or to mend something first.
    #[must_use]
    pub const fn is_stuck(&self) -> bool {
        self.error.is_some() || self.orders_overdue > 0
    }

    #[must_use]
    pub fn of(seen: Aftermath<'_>, outcome: HandledOutcome) -> Self {
        let Aftermath { before, after, error, .. } = seen;
        let in_progress = outcome == HandledOutcome::InProgress;
        let attention = if in_progress { Vec::new() } else { attention(seen) };
        let count = |wanted: &dyn Fn((&Order, &OrderItem)) -> bool| {
            if in_progress { 0 } else { planned_items(seen).filter(|it| wanted(*it)).count() }
        };
        let orders_resting = count(&|it| is_resting(it, seen));
        let is_left = outcome == HandledOutcome::Unsettled && orders_resting == 0;
        Self {
            run_id: after.run_id,
            portfolio: after.identity.portfolio.to_string(),
            account: format!("{}/{}", after.identity.venue, after.identity.venue_account),
            state_before: before.state.into(),
            state: after.state.into(),
            outcome,
            reason: after.reason.clone(),
            lease_until: in_progress.then_some(after.lease_until),
            needs_person: is_left || !attention.is_empty() || error.is_some(),
            attention,
            orders_resting,
            orders_rejected: seen.orders.iter().filter(|item| is_rejected(item)).count(),
            orders_overdue: count(&|it| is_overdue(it, seen.now)),
            error: error.cloned(),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_zero(count: &usize) -> bool {
    *count == 0
}

fn is_rejected(item: &OrderItem) -> bool {
    item.state == ports::OrderState::Rejected || item.refused
}

/// Orders of the plan that were begun, with what is stored of them.
fn planned_items(seen: Aftermath<'_>) -> impl Iterator<Item = (&Order, &OrderItem)> {
    let planned = seen.plan.map(|plan| plan.orders.as_slice()).unwrap_or_default();
    planned.iter().filter_map(move |order| Some((order, seen.orders.iter().find(|item| item.key == order.key)?)))
}

/// Taken by the venue, or by whoever carries it out there, and without an end yet.
const fn is_taken(item: &OrderItem) -> bool {
    matches!(item.state, ports::OrderState::Acknowledged | ports::OrderState::PartiallyFilled)
}

/// Still to be executed by whoever took it. A run that is halted goes on with none of its orders.
fn is_resting((order, item): (&Order, &OrderItem), seen: Aftermath<'_>) -> bool {
    is_taken(item) && seen.now < order.valid_until && seen.error.is_none()
}

/// Whoever took it is to end it with its validity: what is left after that is executed by nobody who keeps to it.
fn is_overdue((order, item): (&Order, &OrderItem), now: Timestamp) -> bool {
    is_taken(item) && now >= order.valid_until
}

/// Orders without an end that nobody is to bring any more, and orders that the venue should have taken and did not, unless a
/// person said so.
fn attention(seen: Aftermath<'_>) -> Vec<OrderAttention> {
    planned_items(seen)
        .filter(|it| !is_resting(*it, seen))
        .filter_map(|(order, item)| {
            use ports::OrderState::{Acknowledged, NotPlaced, PartiallyFilled, Sending, Unknown};
            let open = matches!(item.state, Acknowledged | PartiallyFilled | Sending | Unknown);
            let lost = item.state == NotPlaced && !is_a_persons_word(item, seen.log);
            (open || lost).then(|| OrderAttention {
                key: order.key,
                client_order_id: client_order_id(&order.venue, order.key),
                look_for: where_to_look(&order.venue, order.key),
                side: order.side,
                instrument: order.instrument.clone(),
                quantity: order.quantity,
                state: item.state.into(),
                filled_quantity: item.filled_quantity,
                note: item.note.clone(),
                wants_answer: open,
            })
        })
        .collect()
}

fn is_a_persons_word(item: &OrderItem, log: &[LogEntry]) -> bool {
    let of_item = |entry: &&LogEntry| {
        entry.sequence == item.revision && matches!(entry.change, Change::Order { key, .. } if key == item.key)
    };
    log.iter().find(of_item).is_some_and(|entry| entry.operator.is_some())
}
