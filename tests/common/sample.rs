//! A small portfolio, and a clean plan for it, worked out by hand.
//!
//! 100,000 USDT: cash 10,000 (1,000 locked), and seven assets in every role. The plan trims bitcoin, sells the
//! excluded dogwif, tops up ethereum and the stable leg, and enters cardano. Solana and the halted ripple stay,
//! polkadot is a constituent that is not held.
//!
//! | asset | price | before | weight | order | after | weight | smallest order |
//! |---|---|---|---|---|---|---|---|
//! | bitcoin | 50,000 | 0.6 + 0.2 locked | 0.40 | sell 0.1 at 49,500 | 0.7 | 0.35 | 50 (lot) |
//! | cardano | 0.5 | 0 | 0 | buy 4,000 at 0.505 | 4,000 | 0.02 | 10 (policy) |
//! | dogwif | 0.5 | 10,000 | 0.05 | sell 10,000 at 0.495 | 0 | 0 | 10 |
//! | ethereum | 2,000 | 10 | 0.20 | buy 2 at 2,020 | 12 | 0.24 | 10 |
//! | polkadot | 4 | 0 | 0 | | 0 | 0 | 10 |
//! | ripple, halted | 0.5 | 2,000 | 0.01 | | 2,000 | 0.01 | |
//! | solana | 100 | 90 | 0.09 | | 90 | 0.09 | 20 (min quantity) |
//! | usd-coin | 1 | 15,000 | 0.15 | buy 1,000 at 1.01 | 16,000 | 0.16 | 15 (min notional of 14.85 at a sell's lowest price) |
//!
//! Costs: 10 bitcoin, 13.75 dogwif (half of it beyond the first impact piece), 8 ethereum, 4 cardano, 2 usd-coin;
//! 37.75 together. Cash after: 10,000 + 10,000 − 7,000 − 37.75 = 12,962.25.

use index_rebalancer::model::account::Holding;
use index_rebalancer::model::grade::Dated;
use index_rebalancer::model::{
    AssetId, AssetRecord, Decimal, Flow, InstrumentId, ListingStatus, Money, Order, PlanningInput, Price, Quantity,
    Side, Weight,
};
use index_rebalancer::planning::RebalancePlan;
use index_rebalancer::planning::idempotency;
use index_rebalancer::planning::plan::{
    CashLine, Certificate, Outcome, PLAN_SCHEMA, Position, Reason, ReasonCode, Regime, Relaxation, Role, SolverRecord,
};
use jiff::SignedDuration;
use serde_json::{Value, json};

pub(crate) fn dec(text: &str) -> Decimal {
    text.parse().expect(text)
}

pub(crate) fn money(text: &str) -> Money {
    Money::parse(text).expect(text)
}

pub(crate) fn weight(text: &str) -> Weight {
    Weight::parse(text).expect(text)
}

pub(crate) fn quantity(text: &str) -> Quantity {
    Quantity::parse(text).expect(text)
}

pub(crate) fn price(text: &str) -> Price {
    Price::parse(text).expect(text)
}

pub(crate) fn id(text: &str) -> AssetId {
    AssetId::new(text).expect(text)
}

/// An input and a plan for it. [`Sample::restate`] makes the plan's figures follow its orders again.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) input: PlanningInput,
    pub(crate) plan: RebalancePlan,
}

impl Sample {
    pub(crate) fn clean() -> Self {
        let input = input();
        let mut sample = Self { plan: empty_plan(&input), input };
        for (asset, role) in [
            ("bitcoin", Role::Constituent),
            ("ethereum", Role::Constituent),
            ("usd-coin", Role::StableLeg),
            ("solana", Role::Constituent),
            ("cardano", Role::Constituent),
            ("ripple", Role::Constituent),
            ("polkadot", Role::Constituent),
            ("dogwif", Role::MustExit),
        ] {
            sample.add_position(asset, role);
        }
        sample.add_order("bitcoin", Side::Sell, "0.1", "49500");
        sample.add_order("dogwif", Side::Sell, "10000", "0.495");
        sample.add_order("ethereum", Side::Buy, "2", "2020");
        sample.add_order("cardano", Side::Buy, "4000", "0.505");
        sample.add_order("usd-coin", Side::Buy, "1000", "1.01");
        sample.restate();
        sample
    }

    pub(crate) fn asset(&mut self, asset: &str) -> &mut AssetRecord {
        self.input.assets.get_mut(&id(asset)).expect(asset)
    }

    pub(crate) fn holding(&mut self, asset: &str) -> &mut Holding {
        self.input.account.holdings.entry(id(asset)).or_default()
    }

    pub(crate) fn position(&mut self, asset: &str) -> &mut Position {
        let asset = id(asset);
        self.plan.positions.iter_mut().find(|position| position.asset == asset).expect("a position")
    }

    pub(crate) fn order(&mut self, asset: &str) -> &mut Order {
        let asset = id(asset);
        self.plan.orders.iter_mut().find(|order| order.asset == asset).expect("an order")
    }

    pub(crate) fn drop_order(&mut self, asset: &str) {
        let asset = id(asset);
        self.plan.orders.retain(|order| order.asset != asset);
    }

    pub(crate) fn add_position(&mut self, asset: &str, role: Role) {
        let record = &self.input.assets[&id(asset)];
        self.plan.positions.push(Position {
            asset: id(asset),
            symbol: record.symbol.clone(),
            role,
            price: record.price,
            quantity_before: Quantity::ZERO,
            quantity_after: Quantity::ZERO,
            weight_before: Weight::ZERO,
            reference_weight: Weight::ZERO,
            weight_after: Weight::ZERO,
            rank: None,
            reason: Reason { code: ReasonCode::OnTarget, binding: Vec::new(), sentence: "on target".to_owned() },
        });
    }

    /// Appends an order with the figures that a person chooses; [`Sample::restate`] fills in the rest.
    pub(crate) fn add_order(&mut self, asset: &str, side: Side, units: &str, limit: &str) {
        let record = &self.input.assets[&id(asset)];
        let instrument = record
            .listing
            .as_ref()
            .map_or_else(|| InstrumentId::new("UNLISTED").expect("valid"), |listing| listing.instrument.clone());
        self.plan.orders.push(Order {
            key: uuid::Uuid::nil(),
            payload_digest: String::new(),
            venue: self.input.run.venue.clone(),
            venue_account: self.input.run.venue_account.clone(),
            instrument,
            asset: id(asset),
            side,
            slice: 0,
            quantity: quantity(units),
            limit_price: price(limit),
            reference_price: record.price,
            notional: Money::ZERO,
            estimated_cost: Money::ZERO,
            valid_until: self.input.as_of,
            priority: 0,
        });
    }

    pub(crate) fn relax(&mut self, limit: &str, priority: u32, bound: &str, amount: &str) {
        self.plan.relaxations.push(Relaxation {
            limit: limit.to_owned(),
            priority,
            bound: weight(bound),
            amount: weight(amount),
        });
    }

    /// Makes every stated figure follow from the input, the roles and what the orders trade.
    pub(crate) fn restate(&mut self) {
        let Self { input, plan } = self;
        plan.run = input.run.clone();
        plan.run_id = idempotency::run_id(&input.run);
        plan.flow = input.flow.clone();
        plan.as_of = input.as_of;
        plan.valid_until = input.as_of + SignedDuration::from_mins(i64::from(input.policy.orders.valid_minutes));
        plan.policy_name.clone_from(&input.policy.name);
        plan.quote_currency.clone_from(&input.policy.quote_currency);
        plan.input_digest = idempotency::digest_of(input);
        plan.policy_digest = idempotency::digest_of(&input.policy);
        plan.outcome = if plan.orders.is_empty() { Outcome::InBand } else { Outcome::Rebalance };
        restate_orders(input, plan);
        restate_totals(input, plan);
        for position in &mut plan.positions {
            restate_position(input, &plan.orders, plan.net_asset_value, position);
        }
    }

    /// Keys and digests again, after an order was changed by hand.
    pub(crate) fn rekey(&mut self) {
        for order in &mut self.plan.orders {
            rekey(self.plan.run_id, order);
        }
    }
}

fn rekey(run_id: uuid::Uuid, order: &mut Order) {
    order.key =
        idempotency::order_key(run_id, &order.venue, &order.venue_account, &order.instrument, order.side, order.slice);
    order.payload_digest = idempotency::payload_digest(order);
}

fn restate_orders(input: &PlanningInput, plan: &mut RebalancePlan) {
    for (index, order) in plan.orders.iter_mut().enumerate() {
        let Some(record) = input.assets.get(&order.asset) else { continue };
        order.reference_price = record.price;
        order.notional = record.price.value_of(order.quantity);
        order.estimated_cost = expected_cost(input, record, order.notional);
        order.valid_until = plan.valid_until;
        order.priority = u32::try_from(index).expect("few orders");
        rekey(plan.run_id, order);
    }
}

fn expected_cost(input: &PlanningInput, record: &AssetRecord, notional: Money) -> Money {
    let costs = &input.policy.costs;
    let notional = notional.get();
    let mut cost = notional * (costs.fee.get() + costs.half_spread.get());
    let volume = record.average_daily_volume.map_or(Decimal::ZERO, Money::get);
    for (index, piece) in costs.impact.iter().enumerate() {
        let from = if index == 0 { Decimal::ZERO } else { costs.impact[index - 1].up_to.get() * volume };
        let to = if index + 1 == costs.impact.len() { notional } else { piece.up_to.get() * volume };
        cost += (notional.min(to) - notional.min(from)) * piece.cost.get();
    }
    Money::new(cost).expect("in range")
}

fn restate_totals(input: &PlanningInput, plan: &mut RebalancePlan) {
    let account = &input.account;
    let before = account.cash_free + account.cash_locked;
    let mut value = before;
    for (asset, holding) in &account.holdings {
        let unmanaged = plan.positions.iter().any(|line| line.asset == *asset && line.role == Role::Unmanaged);
        if let Some(record) = input.assets.get(asset).filter(|_| !unmanaged) {
            value += record.price.value_of(holding.total());
        }
    }
    let (mut after, mut traded, mut cost) = (before, Money::ZERO, Money::ZERO);
    for order in &plan.orders {
        match order.side {
            Side::Sell => after += order.notional,
            Side::Buy => after -= order.notional,
        }
        after -= order.estimated_cost;
        traded += order.notional;
        cost += order.estimated_cost;
    }
    plan.net_asset_value = value;
    plan.cash = CashLine {
        before,
        after,
        weight_before: before.fraction_of(value),
        reference_weight: Weight::ZERO,
        weight_after: after.fraction_of(value),
    };
    plan.estimated_cost = cost;
    plan.turnover = Money::new(traded.get() / Decimal::TWO).expect("in range").fraction_of(value);
}

fn restate_position(input: &PlanningInput, orders: &[Order], value: Money, position: &mut Position) {
    let holding = input.account.holdings.get(&position.asset).copied().unwrap_or_default();
    let counts = position.role != Role::Unmanaged;
    if let Some(record) = input.assets.get(&position.asset) {
        position.price = record.price;
    }
    let weigh = |units: Quantity| {
        if counts { position.price.value_of(units).fraction_of(value) } else { Weight::ZERO }
    };
    let mut units = holding.total().get();
    let mut code = ReasonCode::OnTarget;
    for order in orders.iter().filter(|order| order.asset == position.asset) {
        match order.side {
            Side::Sell => units -= order.quantity.get(),
            Side::Buy => units += order.quantity.get(),
        }
        code = if order.side == Side::Buy { ReasonCode::TopUp } else { ReasonCode::Trim };
    }
    // More sold than held: the sample cannot state a negative quantity.
    let after = Quantity::new(units.max(Decimal::ZERO)).expect("in range");
    (position.weight_before, position.weight_after) = (weigh(holding.total()), weigh(after));
    (position.quantity_before, position.quantity_after) = (holding.total(), after);
    position.reason.code = code;
}

fn empty_plan(input: &PlanningInput) -> RebalancePlan {
    RebalancePlan {
        schema: PLAN_SCHEMA,
        run_id: uuid::Uuid::nil(),
        run: input.run.clone(),
        flow: Flow::Full,
        input_digest: String::new(),
        policy_digest: String::new(),
        policy_name: String::new(),
        quote_currency: String::new(),
        as_of: input.as_of,
        valid_until: input.as_of,
        solver: SolverRecord {
            backend: "hand".to_owned(),
            version: "1".to_owned(),
            options: Vec::new(),
            programs: 0,
            objective: String::new(),
            integers: None,
        },
        net_asset_value: Money::ZERO,
        outcome: Outcome::InBand,
        regime: Regime {
            bearish: false,
            changed: false,
            bullish_share: None,
            stable_share: weight("0.2"),
            why: "bullish".to_owned(),
        },
        cash: CashLine {
            before: Money::ZERO,
            after: Money::ZERO,
            weight_before: Weight::ZERO,
            reference_weight: Weight::ZERO,
            weight_after: Weight::ZERO,
        },
        positions: Vec::new(),
        orders: Vec::new(),
        exclusions: Vec::new(),
        relaxations: Vec::new(),
        multipliers: None,
        tail: None,
        certificate: Certificate::default(),
        turnover: Weight::ZERO,
        estimated_cost: Money::ZERO,
        notices: Vec::new(),
        next_state: input.state.clone(),
    }
}

/// One grade for every asset, given as investor grade.
fn graded(grade: &str) -> Dated<index_rebalancer::model::Grade> {
    Dated {
        value: index_rebalancer::model::Grade::new(dec(grade)).expect("valid"),
        at: "2026-03-01T00:00:00Z".parse().expect("valid"),
    }
}

fn input() -> PlanningInput {
    let mut input: PlanningInput = serde_json::from_value(json!({
        "schema": 1,
        "run": {
            "environment": "paper",
            "venue": "binance",
            "venue_account": "main",
            "portfolio": "blue-chip",
            "trigger": { "scheduled": "2026-03-02T00:00:00Z" },
        },
        "as_of": "2026-03-02T00:00:00Z",
        "flow": "full",
        "policy": policy(),
        "assets": assets(),
        "account": {
            "observed_at": "2026-03-02T00:00:00Z",
            "cash_free": "9000",
            "cash_locked": "1000",
            "holdings": {
                "bitcoin": { "free": "0.6", "locked": "0.2" },
                "dogwif": { "free": "10000", "locked": "0" },
                "ethereum": { "free": "10", "locked": "0" },
                "ripple": { "free": "2000", "locked": "0" },
                "solana": { "free": "90", "locked": "0" },
                "usd-coin": { "free": "15000", "locked": "0" },
            },
        },
        "state": {
            "members": [],
            "bearish": null,
            "regime_observations": [],
            "policy_digest": null,
            "last_prices": {},
            "last_signals": {},
        },
        "notices": [],
    }))
    .expect("the sample is a valid input");
    for record in input.assets.values_mut() {
        record.grades.investor = Some(graded("60"));
    }
    let ripple = input.assets.get_mut(&id("ripple")).and_then(|record| record.listing.as_mut());
    ripple.expect("listed").status = ListingStatus::Halted;
    input
}

fn policy() -> Value {
    json!({
        "schema": 1,
        "name": "sample",
        "index": "blue_chip",
        "quote_currency": "USDT",
        "eligibility": {
            "min_market_cap": "1000000",
            "max_market_cap": "5000000000000",
            "min_average_daily_volume": "200000",
            "min_age_days": 60,
            "excluded_categories": ["wrapped"],
            "excluded_assets": ["dogwif"],
            "require_grade": true,
            "min_grade": "20",
        },
        "ranking": { "by": "market_cap", "grade": "investor", "members": 6, "enter_rank": 6, "exit_rank": 8 },
        "reference_weights": { "method": "market_cap" },
        "regime": {
            "bullish_at": "0.6",
            "bearish_at": "0.4",
            "confirmations": 1,
            "bullish_stable_share": "0.2",
            "bearish_stable_share": "0.25",
            "no_buy_when_bearish": true,
            "stable_legs": ["usd-coin"],
            "max_depeg": "0.02",
        },
        "drift_band": { "kind": "none" },
        "objective": { "tracking_aversion": "1", "cost_aversion": "1" },
        "limits": {
            "cash_buffer": { "bound": "0.05" },
            "max_weight": { "bound": "0.3" },
            "max_weight_of": { "bitcoin": "0.4" },
            "categories": [
                { "category": "layer-1", "min_weight": "0.5", "max_weight": "0.8" },
                { "category": "meme", "max_weight": "0.05" },
            ],
            "turnover": { "bound": "0.1" },
            "participation": "0.05",
        },
        "costs": {
            "fee": "0.001",
            "half_spread": "0.0005",
            "impact": [{ "up_to": "0.01", "cost": "0.0005" }, { "up_to": "0.1", "cost": "0.002" }],
        },
        "orders": {
            "collar": "0.01",
            "valid_minutes": 30,
            "min_trade": "10",
            "max_order_notional": "8000",
            "max_run_notional": "20000",
            "max_orders": 10,
        },
        "guards": {
            "max_price_age_hours": 24,
            "max_grade_age_hours": 48,
            "max_snapshot_skew_hours": 24,
            "max_missing_grades": "0.2",
            "max_signal_flips": "0.5",
            "max_price_jump": "3",
            "unmanaged_assets": ["airdrop"],
        },
    })
}

fn assets() -> Value {
    json!({
        "bitcoin": asset("BTC", "50000", "layer-1", "1000000000", &["0.001", "0.001", "0.01", "5"]),
        "cardano": asset("ADA", "0.5", "layer-1", "100000000", &["0.1", "0.1", "0.0001", "5"]),
        "dogwif": asset("WIF", "0.5", "meme", "250000", &["1", "1", "0.0001", "5"]),
        "ethereum": asset("ETH", "2000", "layer-1", "500000000", &["0.0001", "0.0001", "0.01", "5"]),
        "polkadot": asset("DOT", "4", "layer-1", "50000000", &["0.01", "0.01", "0.001", "5"]),
        "ripple": asset("XRP", "0.5", "payments", "400000000", &["0.1", "0.1", "0.0001", "5"]),
        "solana": asset("SOL", "100", "layer-1", "300000000", &["0.001", "0.2", "0.01", "5"]),
        "usd-coin": asset("USDC", "1", "stablecoin", "1000000000", &["1", "1", "0.0001", "14.85"]),
    })
}

/// `rules` are lot, minimum quantity, tick and minimum notional.
fn asset(symbol: &str, price: &str, category: &str, volume: &str, rules: &[&str; 4]) -> Value {
    let [lot, min_quantity, tick, min_notional] = rules;
    json!({
        "symbol": symbol,
        "name": symbol,
        "categories": [category],
        "first_seen": "2026-01-01",
        "price": price,
        "market_cap": "1000000000",
        "average_daily_volume": volume,
        "observed_at": "2026-03-02T00:00:00Z",
        "grades": { "trader": null, "investor": null, "signal": null },
        "listing": {
            "instrument": format!("{symbol}USDT"),
            "status": "trading",
            "lot_size": lot,
            "min_quantity": min_quantity,
            "max_quantity": "10000",
            "tick_size": tick,
            "min_notional": min_notional,
        },
    })
}
