//! One run with a sell and a buy that needs its proceeds, and the items that the shipped decisions take.

use std::sync::OnceLock;

use index_rebalancer::execution::claim;
use index_rebalancer::execution::{RunRequest, gate};
use index_rebalancer::model::policy::OrderPolicy;
use index_rebalancer::model::{
    AssetId, Flow, InstrumentId, Money, Order, Policy, Price, Quantity, Rate, RunIdentity, Side, Trigger, VenueId,
};
use index_rebalancer::planning::idempotency::{order_key, payload_digest, run_id};
use index_rebalancer::ports::capability::client_order_id;
use index_rebalancer::ports::store::{Attempt, OrderItem, RunItem};
use index_rebalancer::ports::venue::{Duplicates, Fill, LateRequests, Promise, VenueOrder, VenueOrderStatus};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::state::{Cell, RunCell, Taken};

/// Ticks from signing to the deadline.
pub(crate) const WINDOW: u8 = 1;
/// Ticks that a lease lasts.
pub(crate) const LEASE: u8 = 2;
/// Ticks that a phase waits for its order.
pub(crate) const PHASE: u8 = 3;
/// Most attempts under one key.
pub(crate) const MOST_ATTEMPTS: u8 = 2;

const POLICY: &str = r#"
schema = 1
name = "Two"
index = "blue_chip"
quote_currency = "USDT"
eligibility = {}
ranking = { by = "market_cap", grade = "trader", members = 2, enter_rank = 2, exit_rank = 2 }
reference_weights = { method = "equal" }
drift_band = { kind = "none" }
objective = { cost_aversion = "1" }
limits = {}
costs = { fee = "0.001", half_spread = "0.001" }
[orders]
collar = "0.02"
valid_minutes = 30
max_order_notional = "5000"
max_run_notional = "10000"
max_orders = 10
[guards]
max_price_age_hours = 24
max_grade_age_hours = 24
max_snapshot_skew_hours = 24
max_missing_grades = "0.2"
max_signal_flips = "0.5"
max_price_jump = "3"
"#;

pub(crate) struct Sample {
    pub(crate) run: RunItem,
    /// The sell, then the buy.
    pub(crate) orders: [Order; 2],
    pub(crate) policy: Policy,
}

pub(crate) fn time(tick: i16) -> Timestamp {
    let begin: Timestamp = "2025-04-14T00:00:00Z".parse().expect("a time");
    begin + SignedDuration::from_secs(i64::from(tick))
}

fn order(identity: &RunIdentity, run: Uuid, side: Side, name: &str, units: &str, limit: &str, priority: u32) -> Order {
    let instrument = InstrumentId::new(&format!("{}USDT", name.to_uppercase())).expect("an instrument");
    let (reference_price, quantity) =
        (Price::parse("100").expect("a price"), Quantity::parse(units).expect("a quantity"));
    let mut order = Order {
        key: order_key(run, &identity.venue, &identity.venue_account, &instrument, side, 0),
        payload_digest: String::new(),
        venue: identity.venue.clone(),
        venue_account: identity.venue_account.clone(),
        instrument,
        asset: AssetId::new(name).expect("an asset"),
        side,
        slice: 0,
        quantity,
        limit_price: Price::parse(limit).expect("a price"),
        reference_price,
        notional: reference_price.value_of(quantity),
        estimated_cost: Money::ZERO,
        // Past the last tick of the bounded history, long before the end of all.
        valid_until: time(20),
        priority,
    };
    order.payload_digest = payload_digest(&order);
    order
}

impl Sample {
    pub(crate) fn get() -> &'static Self {
        static SAMPLE: OnceLock<Sample> = OnceLock::new();
        SAMPLE.get_or_init(|| {
            let identity = RunIdentity {
                environment: index_rebalancer::model::Environment::Paper,
                venue: VenueId::new("binance").expect("a venue"),
                venue_account: "main".parse().expect("an account"),
                portfolio: "blue-chip".parse().expect("a portfolio"),
                trigger: Trigger::Scheduled(time(0)),
            };
            let id = run_id(&identity);
            let request = RunRequest {
                identity: identity.clone(),
                flow: Flow::Full,
                intent: index_rebalancer::execution::Intent::Execute,
                claim_token: Uuid::nil(),
            };
            let orders = [
                order(&identity, id, Side::Sell, "alpha", "10", "98", 0),
                order(&identity, id, Side::Buy, "beta", "9", "102", 1),
            ];
            let run = RunItem {
                schema: 2,
                run_id: id,
                event_digest: claim::event_digest(&request),
                identity,
                flow: Flow::Full,
                state: index_rebalancer::ports::RunState::Claimed,
                revision: 1,
                log_head: String::new(),
                reason: String::new(),
                epoch: 1,
                lease_until: time(0),
                claim_token: Uuid::nil(),
                is_left: false,
                interruptions: 0,
                created_at: time(0),
                updated_at: time(0),
                commitment: None,
                approval: None,
                settlement: None,
                expires_at_s: None,
            };
            Self { run, orders, policy: toml::from_str(POLICY).expect("the policy is valid") }
        })
    }

    pub(crate) fn fee(&self) -> Rate {
        self.policy.costs.fee
    }

    pub(crate) fn order_policy(&self) -> &OrderPolicy {
        &self.policy.orders
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
        let order = &self.orders[which];
        let id = |taken: Taken| format!("v{}", u8::from(taken.half));
        OrderItem {
            schema: 2,
            run_id: self.run.run_id,
            key: order.key,
            payload_digest: order.payload_digest.clone(),
            state: cell.state,
            revision: u64::from(cell.revision),
            log_head: String::new(),
            attempt: cell.attempt.map(|attempt| Attempt {
                id: Uuid::from_u128(u128::from(attempt.token)),
                number: u32::from(attempt.number),
                signed_at: time(attempt.signed),
                deadline: time(attempt.deadline),
            }),
            venue_order_id: cell.known.map(id),
            filled_quantity: Quantity::ZERO,
            average_price: None,
            fee: Money::ZERO,
            note: String::new(),
            refused: false,
            updated_at: time(0),
            expires_at_s: None,
        }
    }

    /// What the venue shows of an order.
    pub(crate) fn venue_order(&self, which: usize, taken: Taken) -> (VenueOrder, Vec<Fill>) {
        let order = &self.orders[which];
        let filled = if taken.half { half(order.quantity) } else { order.quantity };
        let found = VenueOrder {
            client_order_id: client_order_id(&order.venue, order.key),
            venue_order_id: format!("v{}", u8::from(taken.half)),
            instrument: order.instrument.clone(),
            side: order.side,
            quantity: order.quantity,
            status: if taken.half { VenueOrderStatus::Cancelled } else { VenueOrderStatus::Filled },
            filled_quantity: filled,
            refusal: None,
        };
        (found, vec![Fill { quantity: filled, price: order.reference_price, fee: Money::ZERO }])
    }

    /// Cash after what was taken of each order: none before the sell.
    pub(crate) fn cash(&self, taken: [Option<Taken>; 2]) -> Money {
        let value = |which: usize| {
            let order = &self.orders[which];
            let whole = order.reference_price.value_of(order.quantity);
            match taken[which] {
                None => Money::ZERO,
                Some(Taken { half: true, .. }) => order.reference_price.value_of(half(order.quantity)),
                Some(_) => whole,
            }
        };
        value(0) - value(1)
    }

    /// Whether the venue takes a buy with this cash.
    pub(crate) fn pays(&self, cash: Money) -> bool {
        gate::cash_covers(&self.orders[1], self.fee(), cash, Money::ZERO).is_ok()
    }
}

fn half(quantity: Quantity) -> Quantity {
    Quantity::new(quantity.get() * "0.5".parse::<index_rebalancer::model::Decimal>().expect("a number")).expect("less")
}

/// What a class of venue promises: a tick of skew and a tick of lag where late requests are refused.
pub(crate) fn promise(duplicates: Duplicates, bounded: bool) -> Promise {
    let late = LateRequests { clock_skew_ms: 1_000, query_lag_ms: 1_000, longest_window_ms: 60_000 };
    Promise { duplicates, late_requests: bounded.then_some(late) }
}
