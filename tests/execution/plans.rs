//! Builders without a store: amounts, a policy, three assets, one account, plans by hand.

use std::collections::BTreeMap;

use index_rebalancer::execution::{Intent, Opening, RunRequest};
use index_rebalancer::model::{
    AccountId, AccountSnapshot, AssetId, AssetRecord, Flow, GradeRecord, Holding, InstrumentId, Listing, ListingStatus,
    Money, Order, PlanningInput, Policy, PortfolioState, Price, Quantity, Rate, RunIdentity, Side, Tick, Trigger,
    VenueId, Weight,
};
use index_rebalancer::planning::RebalancePlan;
use index_rebalancer::planning::idempotency::{digest_of, order_key, payload_digest, run_id};
use index_rebalancer::planning::plan::{CashLine, Certificate, Outcome, Regime, SolverRecord};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

pub(crate) fn money(text: &str) -> Money {
    Money::parse(text).expect(text)
}

pub(crate) fn quantity(text: &str) -> Quantity {
    Quantity::parse(text).expect(text)
}

pub(crate) fn price(text: &str) -> Price {
    Price::parse(text).expect(text)
}

pub(crate) fn rate(text: &str) -> Rate {
    Rate::parse(text).expect(text)
}

pub(crate) fn asset(text: &str) -> AssetId {
    AssetId::new(text).expect(text)
}

pub(crate) fn account() -> AccountId {
    AccountId::new("main").expect("valid")
}

pub(crate) fn venue_id() -> VenueId {
    VenueId::new("binance").expect("valid")
}

/// The first scheduled time.
pub(crate) fn monday() -> Timestamp {
    "2025-04-14T00:00:00Z".parse().expect("valid")
}

pub(crate) fn hours(count: i64) -> SignedDuration {
    SignedDuration::from_hours(count)
}

pub(crate) fn seconds(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count)
}

const POLICY: &str = r#"
schema = 1
name = "Three"
index = "blue_chip"
quote_currency = "USDT"
eligibility = {}
ranking = { by = "market_cap", grade = "trader", members = 3, enter_rank = 3, exit_rank = 3 }
reference_weights = { method = "equal" }
drift_band = { kind = "none" }
objective = { cost_aversion = "1" }
limits = { cash_buffer = { bound = "0.05" } }
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

pub(crate) fn policy() -> Policy {
    toml::from_str(POLICY).expect("the policy is valid")
}

/// alpha at 100, beta at 50, gamma at 10.
pub(crate) fn assets() -> BTreeMap<AssetId, AssetRecord> {
    [("alpha", "100"), ("beta", "50"), ("gamma", "10")]
        .into_iter()
        .map(|(id, at)| {
            let record = AssetRecord {
                symbol: id.to_uppercase(),
                name: id.to_owned(),
                categories: std::iter::empty().collect(),
                first_seen: None,
                price: price(at),
                market_cap: None,
                average_daily_volume: Some(money("1000000")),
                observed_at: monday(),
                grades: GradeRecord::default(),
                listing: Some(Listing {
                    instrument: InstrumentId::new(&format!("{}USDT", id.to_uppercase())).expect("valid"),
                    status: ListingStatus::Trading,
                    lot_size: quantity("0.01"),
                    min_quantity: quantity("0.01"),
                    max_quantity: Some(quantity("100000")),
                    tick_size: Tick::parse("0.01").expect("valid"),
                    min_notional: money("5"),
                }),
            };
            (asset(id), record)
        })
        .collect()
}

/// 1000 in cash and 50 alpha: 6000 in all.
pub(crate) fn opening_account() -> AccountSnapshot {
    AccountSnapshot {
        observed_at: monday(),
        cash_free: money("1000"),
        cash_locked: Money::ZERO,
        holdings: [(asset("alpha"), Holding { free: quantity("50"), locked: Quantity::ZERO })].into(),
    }
}

pub(crate) fn identity(trigger: Trigger) -> RunIdentity {
    RunIdentity {
        environment: index_rebalancer::model::Environment::Paper,
        venue: venue_id(),
        venue_account: account(),
        portfolio: "blue-chip".parse().expect("valid"),
        trigger,
    }
}

pub(crate) fn scheduled(at: Timestamp) -> RunRequest {
    RunRequest {
        identity: identity(Trigger::Scheduled(at)),
        flow: Flow::Full,
        intent: Intent::Execute,
        claim_token: Uuid::from_u128(1),
    }
}

/// The same occasion, delivered to another worker.
pub(crate) fn redelivered(request: &RunRequest) -> RunRequest {
    RunRequest { claim_token: Uuid::from_u128(request.claim_token.as_u128() + 1), ..request.clone() }
}

pub(crate) fn input_for(request: &RunRequest, opening: &Opening) -> PlanningInput {
    PlanningInput {
        schema: 1,
        run: request.identity.clone(),
        as_of: opening.account.observed_at,
        flow: request.flow.clone(),
        policy: policy(),
        assets: assets(),
        account: opening.account.clone(),
        state: opening.settled.as_ref().map(|settled| settled.state.clone()).unwrap_or_default(),
        notices: Vec::new(),
        history: None,
    }
}

/// One leg of a plan: side, asset, quantity, limit price.
pub(crate) type Leg = (Side, &'static str, &'static str, &'static str);

/// Sells 20 alpha and buys 20 beta and 100 gamma, which it brings in as members.
pub(crate) const LEGS: [Leg; 3] =
    [(Side::Sell, "alpha", "20", "98"), (Side::Buy, "beta", "20", "51"), (Side::Buy, "gamma", "100", "10.2")];

pub(crate) fn plan_of(input: &PlanningInput, legs: &[Leg]) -> RebalancePlan {
    let run = run_id(&input.run);
    let valid_until = input.as_of + SignedDuration::from_mins(30);
    let orders: Vec<Order> = (0_u32..).zip(legs).map(|(at, leg)| order_of(input, run, at, *leg, valid_until)).collect();
    RebalancePlan {
        schema: 1,
        run_id: run,
        run: input.run.clone(),
        flow: input.flow.clone(),
        input_digest: digest_of(input),
        policy_digest: digest_of(&input.policy),
        policy_name: input.policy.name.clone(),
        quote_currency: input.policy.quote_currency.clone(),
        as_of: input.as_of,
        valid_until,
        solver: SolverRecord {
            backend: "by hand".into(),
            version: "1".into(),
            options: Vec::new(),
            programs: 0,
            objective: String::new(),
            integers: None,
        },
        net_asset_value: money("6000"),
        outcome: if orders.is_empty() { Outcome::InBand } else { Outcome::Rebalance },
        regime: Regime {
            bearish: false,
            changed: false,
            bullish_share: None,
            stable_share: Weight::ZERO,
            why: "none".into(),
        },
        cash: CashLine {
            before: input.account.cash_free,
            after: input.account.cash_free,
            weight_before: Weight::ZERO,
            reference_weight: Weight::ZERO,
            weight_after: Weight::ZERO,
        },
        positions: Vec::new(),
        orders,
        exclusions: Vec::new(),
        relaxations: Vec::new(),
        multipliers: None,
        tail: None,
        certificate: Certificate::default(),
        turnover: Weight::ZERO,
        estimated_cost: Money::ZERO,
        notices: Vec::new(),
        next_state: PortfolioState {
            members: ["alpha", "beta", "gamma"].into_iter().map(asset).collect(),
            bearish: Some(false),
            ..PortfolioState::default()
        },
    }
}

fn order_of(input: &PlanningInput, run: Uuid, at: u32, leg: Leg, valid_until: Timestamp) -> Order {
    let (side, name, units, limit) = leg;
    let record = &input.assets[&asset(name)];
    let instrument = record.listing.as_ref().expect("listed").instrument.clone();
    let mut order = Order {
        key: order_key(run, &input.run.venue, &input.run.venue_account, &instrument, side, 0),
        payload_digest: String::new(),
        venue: input.run.venue.clone(),
        venue_account: input.run.venue_account.clone(),
        instrument,
        asset: asset(name),
        side,
        slice: 0,
        quantity: quantity(units),
        limit_price: price(limit),
        reference_price: record.price,
        notional: record.price.value_of(quantity(units)),
        estimated_cost: Money::ZERO,
        valid_until,
        priority: at,
    };
    order.payload_digest = payload_digest(&order);
    order
}

/// Recomputes the digests after a plan was changed by hand.
pub(crate) fn resealed(mut plan: RebalancePlan) -> RebalancePlan {
    for order in &mut plan.orders {
        order.payload_digest = payload_digest(order);
    }
    plan
}
