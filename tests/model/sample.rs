//! One run with a sell and a buy that needs its proceeds, and the items that the shipped decisions take.

use std::sync::OnceLock;

use index_rebalancer::execution::Opening;
use index_rebalancer::model::{AccountSnapshot, Money, Order, PlanningInput, Quantity, Rate, Side};
use index_rebalancer::planning::RebalancePlan;
use index_rebalancer::ports::OrderState;
use index_rebalancer::ports::capability::client_order_id;
use index_rebalancer::ports::store::{Attempt, OrderItem, RunItem};
use index_rebalancer::ports::venue::{Duplicates, Fill, LateRequests, Promise, VenueOrder, VenueOrderStatus};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::claimed_run::claimed;
use crate::state::{Cell, RunCell, Shown, Taken, Try};
use crate::{planned_run, plans};

/// Ticks from signing to the deadline.
pub(crate) const WINDOW: u8 = 1;
/// Ticks that a lease lasts.
pub(crate) const LEASE: u8 = 2;
/// Ticks that a phase waits for its order.
pub(crate) const PHASE: u8 = 3;
/// Most attempts under one key.
pub(crate) const MOST_ATTEMPTS: u32 = 2;
/// Past the last tick of the bounded history, long before the end of all.
const VALID: i16 = 20;
const TICK_MS: u64 = 1_000;
pub(crate) const WINDOW_MS: u64 = TICK_MS * WINDOW as u64;

/// The whole sell pays for the buy with its buffer; half of it does not.
const LEGS: [plans::Leg; 2] = [(Side::Sell, "alpha", "20", "98"), (Side::Buy, "beta", "30", "51")];

pub(crate) struct Sample {
    pub(crate) run: RunItem,
    pub(crate) input: PlanningInput,
    pub(crate) plan: RebalancePlan,
}

pub(crate) fn time(tick: i16) -> Timestamp {
    plans::monday() + SignedDuration::from_secs(i64::from(tick))
}

fn tick(time: Timestamp) -> i16 {
    i16::try_from(time.duration_since(plans::monday()).as_secs()).expect("a small time")
}

impl Sample {
    pub(crate) fn get() -> &'static Self {
        static SAMPLE: OnceLock<Sample> = OnceLock::new();
        SAMPLE.get_or_init(|| {
            let request = plans::scheduled(time(0));
            let account = AccountSnapshot { cash_free: Money::ZERO, ..plans::opening_account() };
            let run_id = index_rebalancer::planning::idempotency::run_id(&request.identity);
            let input = plans::input_for(&request, &Opening { run_id, account, settled: None });
            let mut plan = plans::plan_of(&input, &LEGS);
            plan.valid_until = time(VALID);
            plan.orders.iter_mut().for_each(|order| order.valid_until = time(VALID));
            Self { run: claimed(request), input, plan: plans::resealed(plan) }
        })
    }

    /// The sell, then the buy.
    pub(crate) fn order(&self, which: usize) -> &Order {
        &self.plan.orders[which]
    }

    pub(crate) fn run_item(&self, cell: &RunCell) -> RunItem {
        RunItem {
            state: cell.state,
            epoch: u64::from(cell.epoch),
            lease_until: time(cell.lease),
            claim_token: Uuid::from_u128(u128::from(cell.token)),
            reason: if cell.stopped { "stopped".to_owned() } else { String::new() },
            revision: u64::from(cell.revision),
            ..self.run.clone()
        }
    }

    pub(crate) fn order_item(&self, which: usize, cell: &Cell) -> OrderItem {
        let order = self.order(which);
        let filled = match cell.state {
            OrderState::Filled => order.quantity,
            OrderState::Cancelled => half(order.quantity),
            _ => Quantity::ZERO,
        };
        OrderItem {
            revision: u64::from(cell.revision),
            attempt: cell.attempt.map(|attempt| Attempt {
                id: Uuid::from_u128(u128::from(attempt.token)),
                number: u32::from(attempt.number),
                signed_at: time(attempt.signed),
                deadline: time(attempt.deadline),
            }),
            venue_order_id: cell.known.then(|| VENUE_ORDER_ID.to_owned()),
            filled_quantity: filled,
            average_price: (!filled.is_zero()).then_some(order.reference_price),
            ..planned_run::item(order, cell.state)
        }
    }

    /// What is kept of an item that a shipped function made. Its attempt is as it was before.
    pub(crate) fn cell(item: &OrderItem, before: Cell) -> Cell {
        let revision = u8::try_from(item.revision).expect("few writes");
        Cell { state: item.state, revision, known: item.venue_order_id.is_some(), ..before }
    }

    /// What is kept of an attempt of the worker with this token.
    pub(crate) fn attempt(attempt: &Attempt, token: u8) -> Try {
        let number = u8::try_from(attempt.number).expect("few attempts");
        Try { token, number, signed: tick(attempt.signed_at), deadline: tick(attempt.deadline) }
    }

    /// What the venue shows of an order.
    pub(crate) fn venue_order(&self, which: usize, shown: Shown) -> (VenueOrder, Vec<Fill>) {
        let order = self.order(which);
        let (status, filled) = match shown {
            Shown::Open => (VenueOrderStatus::Open, Quantity::ZERO),
            Shown::Half => (VenueOrderStatus::Cancelled, half(order.quantity)),
            Shown::Whole => (VenueOrderStatus::Filled, order.quantity),
        };
        let found = VenueOrder {
            client_order_id: client_order_id(&order.venue, order.key),
            venue_order_id: VENUE_ORDER_ID.to_owned(),
            instrument: order.instrument.clone(),
            side: order.side,
            quantity: order.quantity,
            status,
            filled_quantity: filled,
            refusal: None,
        };
        let fill = Fill { quantity: filled, price: order.reference_price, fee: Money::ZERO };
        (found, if filled.is_zero() { Vec::new() } else { vec![fill] })
    }

    /// The balance after what was taken of each order: nothing before the sell.
    pub(crate) fn account(&self, taken: [Option<Taken>; 2]) -> AccountSnapshot {
        let value = |which: usize| {
            let order = self.order(which);
            taken[which].map_or(Money::ZERO, |taken| {
                let filled = if taken.half { half(order.quantity) } else { order.quantity };
                order.reference_price.value_of(filled)
            })
        };
        AccountSnapshot { cash_free: value(0) - value(1), ..self.input.account.clone() }
    }

    /// The least balance with which the venue takes the buy: written down a second time, for the venue decides by itself.
    pub(crate) fn price_of_the_buy(&self) -> Money {
        let buy = self.order(1);
        let value = buy.limit_price.value_of(buy.quantity);
        value + value.times(Rate::parse("0.001").expect("a rate"))
    }
}

const VENUE_ORDER_ID: &str = "v1";

fn half(quantity: Quantity) -> Quantity {
    Quantity::new(quantity.get() * "0.5".parse::<index_rebalancer::model::Decimal>().expect("a number")).expect("less")
}

/// What a class of venue promises: a tick of skew and a tick of lag where late requests are refused.
pub(crate) fn promise(duplicates: Duplicates, bounded: bool) -> Promise {
    let late = LateRequests { clock_skew_ms: TICK_MS, query_lag_ms: TICK_MS, longest_window_ms: 60_000 };
    Promise { duplicates, late_requests: bounded.then_some(late) }
}
