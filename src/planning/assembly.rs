//! Puts the plan together: positions, orders with their keys, relaxations.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::model::{
    AssetId, AssetRecord, Decimal, DualPrice, Money, Order, PlanningInput, PortfolioState, Price, Quantity, Side,
    Weight,
};

use super::Survey;
use super::allocation::Decided;
use super::constraints::Limits;
use super::explanation::{Decision, explain};
use super::idempotency::{InputDigests, order_key, payload_digest, run_id};
use super::optimality::Prices;
use super::plan::{
    CashLine, Certificate, Multiplier, PLAN_SCHEMA, Position, RebalancePlan, Relaxation, Role, SolverRecord, Tail,
    TailDay,
};
use super::portfolio::{Line, Portfolio};
use super::rounding::Trade;
use super::solver;
use super::tail_risk::PricedTail;
use super::universe::grade_of;

/// Everything the plan is made of.
struct Parts<'a> {
    input: &'a PlanningInput,
    net_asset_value: Money,
    portfolio: &'a Portfolio<'a>,
    limits: &'a Limits,
    decided: &'a Decided,
}

/// What a run decided, before its plan is put together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Intent<'a> {
    pub(super) input: &'a PlanningInput,
    pub(super) survey: &'a Survey<'a>,
    pub(super) decided: &'a Decided,
}

/// What an order will say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Intended<'a> {
    pub(crate) asset: &'a AssetId,
    pub(crate) side: Side,
    pub(crate) quantity: Quantity,
    pub(crate) reference_price: Price,
}

impl<'a> Intent<'a> {
    /// In the order of the plan's orders.
    pub(crate) fn trades(&self) -> impl Iterator<Item = Intended<'a>> {
        let intended = |(trade, line): (&Trade, &Line<'a>)| Intended {
            asset: line.asset,
            side: trade.side,
            quantity: trade.quantity,
            reference_price: line.price(),
        };
        in_order(&self.survey.portfolio, self.decided).into_iter().map(intended)
    }

    pub(crate) fn constituents(&self) -> impl Iterator<Item = &'a AssetId> {
        self.survey.portfolio.lines.iter().filter(|line| line.role == Role::Constituent).map(|line| line.asset)
    }

    pub(crate) fn next_state(&self) -> PortfolioState {
        next_state(self.input, self.survey)
    }
}

/// Assembles the plan, without its certificate.
pub(crate) fn assemble(
    input: &PlanningInput,
    digests: &InputDigests,
    survey: Survey<'_>,
    decided: &Decided,
    prices: Option<&Prices>,
) -> RebalancePlan {
    let net_asset_value = survey.net_asset_value;
    let (portfolio, limits) = (&survey.portfolio, &survey.limits);
    let parts = Parts { input, net_asset_value, portfolio, limits, decided };
    let run_id = run_id(&input.run);
    let valid_until = expiry(input.as_of, input.policy.orders.valid_minutes);
    let traded = decided.rounded.traded();
    RebalancePlan {
        schema: PLAN_SCHEMA,
        run_id,
        run: input.run.clone(),
        flow: input.flow.clone(),
        input_digest: digests.input.clone(),
        policy_name: input.policy.name.clone(),
        quote_currency: input.policy.quote_currency.clone(),
        as_of: input.as_of,
        valid_until,
        solver: solver_record(input, decided),
        net_asset_value,
        outcome: decided.outcome.clone(),
        cash: cash_line(&parts),
        positions: positions(&parts),
        orders: orders(&parts, run_id, valid_until),
        relaxations: relaxations(decided),
        multipliers: prices.map(|prices| multipliers(&prices.by_limit)),
        tail: prices.and_then(|prices| tail(prices.tail.as_ref()?)),
        certificate: Certificate::default(),
        turnover: Weight::new(traded.fraction_of(net_asset_value).get() / Decimal::TWO).unwrap_or_default(),
        estimated_cost: decided.rounded.cost(),
        notices: notices(&parts, survey.universe.notices(input.policy.ranking.grade)),
        next_state: next_state(input, &survey),
        exclusions: survey.universe.exclusions,
        regime: survey.regime.regime,
        policy_digest: digests.policy.clone(),
    }
}

fn notices(parts: &Parts<'_>, of_universe: impl IntoIterator<Item = String>) -> Vec<String> {
    let weights = parts.decided.rounded.weights(parts.portfolio);
    let notices = parts.input.notices.iter().cloned().chain(of_universe);
    notices.chain(parts.limits.whole.notice(&weights)).collect()
}

fn solver_record(input: &PlanningInput, decided: &Decided) -> SolverRecord {
    let backend = solver::backend_of(input.policy.solver_backend());
    let programs = decided.allocation.programs;
    let objective = (programs > 0).then(|| decided.allocation.objective.round_dp(12).normalize().to_string());
    SolverRecord {
        backend: backend.to_string(),
        version: backend.version().to_owned(),
        options: solver::options(backend),
        programs,
        objective: objective.unwrap_or_default(),
        integers: decided.integers.clone(),
    }
}

/// What the portfolio remembers once this plan has settled.
///
/// What is not seen today is not forgotten: a price that preparation refused would else be nobody's jump tomorrow.
fn next_state(input: &PlanningInput, survey: &Survey<'_>) -> PortfolioState {
    let price = |(asset, record): (&AssetId, &AssetRecord)| (asset.clone(), record.price);
    let signal = |(asset, record): (&AssetId, &AssetRecord)| Some((asset.clone(), record.grades.signal?.value));
    let mut last_grades = input.state.last_grades.clone();
    let kind = input.policy.ranking.grade;
    if input.policy.uses_grades() {
        let grade = |(asset, record): (&AssetId, &AssetRecord)| Some((asset.clone(), grade_of(record, kind)?));
        last_grades.entry(kind).or_default().extend(input.assets.iter().filter_map(grade));
    }
    PortfolioState {
        last_grades,
        members: survey.universe.member_set(),
        bearish: Some(survey.regime.regime.bearish),
        regime_observations: survey.regime.observations.clone(),
        policy_digest: Some(survey.policy_digest.clone()),
        last_prices: overlaid(&input.state.last_prices, input.assets.iter().map(price)),
        last_signals: overlaid(&input.state.last_signals, input.assets.iter().filter_map(signal)),
    }
}

fn overlaid<V: Clone>(before: &BTreeMap<AssetId, V>, seen: impl Iterator<Item = (AssetId, V)>) -> BTreeMap<AssetId, V> {
    let mut known = before.clone();
    known.extend(seen);
    known
}

fn expiry(as_of: Timestamp, minutes: u32) -> Timestamp {
    as_of.checked_add(SignedDuration::from_mins(i64::from(minutes))).unwrap_or(Timestamp::MAX)
}

fn cash_line(parts: &Parts<'_>) -> CashLine {
    let before = parts.input.account.cash_free + parts.input.account.cash_locked;
    let mut after = before - parts.decided.rounded.cost();
    for trade in &parts.decided.rounded.trades {
        match trade.side {
            Side::Buy => after -= trade.notional,
            Side::Sell => after += trade.notional,
        }
    }
    CashLine {
        before,
        after,
        weight_before: before.fraction_of(parts.net_asset_value),
        reference_weight: weight(parts.portfolio.cash_reference),
        weight_after: after.fraction_of(parts.net_asset_value),
    }
}

fn weight(value: Decimal) -> Weight {
    Weight::new(value.round_dp(18)).unwrap_or_default()
}

fn positions(parts: &Parts<'_>) -> Vec<Position> {
    let decision = Decision {
        input: parts.input,
        portfolio: parts.portfolio,
        limits: parts.limits,
        allocation: &parts.decided.allocation,
        rounded: &parts.decided.rounded,
        largest_order: parts.input.policy.orders.max_order_notional.fraction_of(parts.portfolio.net_asset_value).get(),
        idle: parts.decided.idle.clone(),
    };
    let mut trades: Vec<Option<&Trade>> = vec![None; parts.portfolio.lines.len()];
    for trade in &parts.decided.rounded.trades {
        // The first one of a line is its trade.
        if let Some(place @ None) = trades.get_mut(trade.line) {
            *place = Some(trade);
        }
    }
    let lines = parts.portfolio.lines.iter().zip(trades).enumerate();
    let position = |(index, (line, trade))| position(parts, &decision, index, line, trade);
    let mut positions: Vec<Position> = lines.map(position).collect();
    positions.sort_by(|left, right| {
        right.reference_weight.cmp(&left.reference_weight).then_with(|| left.asset.cmp(&right.asset))
    });
    positions
}

fn position(
    parts: &Parts<'_>,
    decision: &Decision<'_>,
    index: usize,
    line: &Line<'_>,
    trade: Option<&Trade>,
) -> Position {
    let after = quantity_after(line, trade);
    let fraction = |quantity: Quantity| line.price().value_of(quantity).fraction_of(parts.net_asset_value);
    let weight_before = fraction(line.held);
    Position {
        asset: line.asset.clone(),
        symbol: line.record.symbol.clone(),
        role: line.role,
        price: line.price(),
        quantity_before: line.held,
        quantity_after: after,
        weight_before,
        reference_weight: weight(line.reference),
        weight_after: if trade.is_some() { fraction(after) } else { weight_before },
        rank: line.rank,
        reason: explain(decision, index, line, trade),
    }
}

fn quantity_after(line: &Line<'_>, trade: Option<&Trade>) -> Quantity {
    match trade {
        None => line.held,
        Some(trade) if trade.side == Side::Buy => line.held + trade.quantity,
        Some(trade) => line.held - trade.quantity,
    }
}

/// The trades with their lines as their orders stand in the plan: sells first, each side by notional falling, then
/// instrument.
fn in_order<'a, 'b>(portfolio: &'a Portfolio<'b>, decided: &'a Decided) -> Vec<(&'a Trade, &'a Line<'b>)> {
    let trades = decided.rounded.trades.iter();
    let mut trades: Vec<_> = trades.filter_map(|trade| Some((trade, portfolio.lines.get(trade.line)?))).collect();
    let instrument = |line: &'a Line<'b>| line.listing().map(|listing| &listing.instrument);
    trades.sort_by(|(left, of_left), (right, of_right)| {
        let by_size = left.side.cmp(&right.side).then_with(|| right.notional.cmp(&left.notional));
        by_size.then_with(|| instrument(of_left).cmp(&instrument(of_right)))
    });
    trades
}

fn orders(parts: &Parts<'_>, run_id: Uuid, valid_until: Timestamp) -> Vec<Order> {
    let run = &parts.input.run;
    let trades = in_order(parts.portfolio, parts.decided);
    let order = |(priority, (trade, line)): (u32, (&Trade, &Line<'_>))| {
        let instrument = line.listing()?.instrument.clone();
        let mut order = Order {
            key: order_key(run_id, &run.venue, &run.venue_account, &instrument, trade.side, 0),
            payload_digest: String::new(),
            venue: run.venue.clone(),
            venue_account: run.venue_account.clone(),
            instrument,
            asset: line.asset.clone(),
            side: trade.side,
            slice: 0,
            quantity: trade.quantity,
            limit_price: trade.limit_price,
            reference_price: line.price(),
            notional: trade.notional,
            estimated_cost: trade.cost,
            valid_until,
            priority,
        };
        order.payload_digest = payload_digest(&order);
        Some(order)
    };
    (0_u32..).zip(trades).filter_map(order).collect()
}

/// One too large to be stated is left out: any multipliers bound.
fn multipliers(by_limit: &[(String, Decimal)]) -> Vec<Multiplier> {
    let stated = |(limit, price): &(String, Decimal)| {
        Some(Multiplier { limit: limit.clone(), price: DualPrice::new(*price).ok()? })
    };
    by_limit.iter().filter_map(stated).collect()
}

/// One whose price is too large to be stated is left out.
fn tail(priced: &PricedTail) -> Option<Tail> {
    let price = DualPrice::new(priced.price).ok()?;
    let day = |(day, part): &(Date, Decimal)| TailDay { day: *day, part: Weight::new(*part).unwrap_or_default() };
    Some(Tail { price, days: priced.days.iter().map(day).collect() })
}

fn relaxations(decided: &Decided) -> Vec<Relaxation> {
    let exact = |value: Decimal| Weight::new(value).unwrap_or_default();
    let record = |row: &super::program::RelaxedRow| Relaxation {
        limit: row.name.clone(),
        priority: row.priority,
        bound: exact(row.bound),
        amount: exact(row.amount),
    };
    decided.relaxed.iter().map(record).collect()
}
