//! What a run planned and did, as one value with a published shape.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::certificate::{Check, LimitFamily};
use super::published::{OrderState, ReasonCode, Role, RunState, UtcTime, UuidText};
use crate::model::policy::GradeKind;
use crate::model::{
    AccountId, AssetId, Environment, Flow, InstrumentId, Money, Order, PlanningInput, PortfolioId, Price, Quantity,
    Side, Trigger, VenueId, Weight,
};
use crate::planning::RebalancePlan;
use crate::planning::idempotency::client_order_id;
use crate::planning::plan::{Outcome, Position};
use crate::ports::{OrderRecord, RunRecord};

/// What the reader is looking at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Planned only; nothing was written or sent.
    DryRun,
    /// Committed, emitted and settled just now.
    Executed,
    /// The run had ended before; this is its stored result, and no order was sent.
    AlreadyDone,
    /// Read from the store.
    Stored,
}

/// One run on one venue account. Amounts are exact decimals as text; weights are fractions of net asset value
/// before trading; times are UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RunReport {
    pub mode: Mode,
    #[schemars(with = "UuidText")]
    pub run_id: Uuid,
    pub environment: Environment,
    pub venue: VenueId,
    pub account: AccountId,
    pub portfolio: PortfolioId,
    pub occasion: Occasion,
    pub flow: Flow,
    pub index: String,
    pub quote_currency: String,
    #[schemars(with = "UtcTime")]
    pub as_of: Timestamp,
    /// Orders not sent by then expire.
    #[schemars(with = "UtcTime")]
    pub valid_until: Timestamp,
    pub input_digest: String,
    pub policy_digest: String,
    pub net_asset_value: Money,
    /// Absent where the planning input is not at hand.
    pub loaded: Option<Loaded>,
    pub outcome: OutcomeReport,
    pub regime: RegimeReport,
    pub cash: CashReport,
    /// Every asset that is held or is a constituent, by reference weight falling, then id.
    pub positions: Vec<PositionReport>,
    /// In the order of emission: sells first.
    pub orders: Vec<OrderReport>,
    /// Candidates that are not in the index, by id.
    pub exclusions: Vec<ExclusionReport>,
    pub relaxations: Vec<RelaxationReport>,
    pub certificate: CertificateReport,
    /// Half of buys plus sells.
    pub turnover: Weight,
    pub estimated_cost: Money,
    pub solver: SolverReport,
    pub notices: Vec<String>,
    /// Absent for a dry run.
    pub execution: Option<ExecutionReport>,
}

/// What started the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// The schedule's nominal time.
    Scheduled(#[schemars(with = "UtcTime")] Timestamp),
    /// The label a person gave.
    Manual(PortfolioId),
}

/// How much went into the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Loaded {
    /// Assets with a price.
    pub assets: usize,
    /// Of these, listed at the venue.
    pub listed: usize,
    /// Of these, with the grade that the policy ranks or tilts by.
    pub graded: usize,
    pub grade: GradeKind,
    /// With a trading signal.
    pub with_signal: usize,
    /// Held before the run.
    pub held: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeKind {
    Rebalance,
    InBand,
    NothingToTrade,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OutcomeReport {
    pub kind: OutcomeKind,
    /// One sentence.
    pub sentence: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RegimeReport {
    pub bearish: bool,
    pub changed: bool,
    pub bullish_share: Option<Weight>,
    pub stable_share: Weight,
    pub why: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CashReport {
    pub before: Money,
    pub after: Money,
    pub weight_before: Weight,
    pub reference_weight: Weight,
    pub weight_after: Weight,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PositionReport {
    pub asset: AssetId,
    /// For people; two assets may share it.
    pub symbol: String,
    pub role: Role,
    pub rank: Option<u32>,
    pub price: Price,
    pub quantity_before: Quantity,
    pub quantity_after: Quantity,
    pub weight_before: Weight,
    pub reference_weight: Weight,
    pub weight_after: Weight,
    pub traded: bool,
    pub reason: ReasonCode,
    /// Limits whose bound holds the asset where it is.
    pub binding: Vec<String>,
    pub sentence: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OrderReport {
    /// The idempotency key.
    #[schemars(with = "UuidText")]
    pub key: Uuid,
    /// The key as it goes to the venue.
    pub client_order_id: String,
    pub payload_digest: String,
    pub priority: u32,
    pub side: Side,
    pub instrument: InstrumentId,
    pub asset: AssetId,
    pub symbol: String,
    pub slice: u32,
    pub quantity: Quantity,
    pub limit_price: Price,
    pub reference_price: Price,
    pub notional: Money,
    pub estimated_cost: Money,
    #[schemars(with = "UtcTime")]
    pub valid_until: Timestamp,
    pub reason: ReasonCode,
    pub binding: Vec<String>,
    pub sentence: String,
    /// What became of it; absent for a dry run.
    pub result: Option<OrderResult>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OrderResult {
    pub state: OrderState,
    pub filled_quantity: Quantity,
    pub average_price: Option<Price>,
    /// Filled quantity at the average price; 0 while nothing is filled.
    pub filled_notional: Money,
    pub fee: Money,
    pub note: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ExclusionReport {
    pub asset: AssetId,
    pub symbol: String,
    pub why: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RelaxationReport {
    pub limit: String,
    pub priority: u32,
    pub bound: Weight,
    pub amount: Weight,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CertificateReport {
    /// One line per kind of limit, with its tightest member.
    pub families: Vec<LimitFamily>,
    pub checks: Vec<Check>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SolverReport {
    pub backend: String,
    pub version: String,
    pub programs: u32,
    pub objective: String,
}

/// What became of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ExecutionReport {
    pub state: RunState,
    /// Why it was aborted; empty otherwise.
    pub reason: String,
    pub plan_digest: Option<String>,
    /// Orders that went to the venue, whatever became of them there.
    pub sent: usize,
    /// How many orders are in each state.
    pub orders_by_state: BTreeMap<String, usize>,
    pub bought: Money,
    pub sold: Money,
    pub fees: Money,
    /// Paid over, or received under, the reference prices, fees not counted; negative: better than them.
    pub slippage: Money,
    pub cash_after: Option<Money>,
    /// Settled cash plus settled holdings at the plan's prices.
    pub net_asset_value_after: Option<Money>,
    /// Orders at which a person must look: of unknown fate, or never seen by the venue.
    pub needs_attention: usize,
}

impl RunReport {
    /// A plan that was not committed.
    #[must_use]
    pub fn dry_run(plan: &RebalancePlan, input: &PlanningInput) -> Self {
        Self::build(Mode::DryRun, plan, Some(input), None)
    }

    /// A run as the store knows it; `None` before its plan is committed.
    #[must_use]
    pub fn of_record(mode: Mode, record: &RunRecord) -> Option<Self> {
        let plan = record.plan.as_ref()?;
        Some(Self::build(mode, plan, record.input.as_ref(), Some(record)))
    }

    fn build(mode: Mode, plan: &RebalancePlan, input: Option<&PlanningInput>, record: Option<&RunRecord>) -> Self {
        let traded: BTreeSet<&AssetId> = plan.orders.iter().map(|order| &order.asset).collect();
        Self {
            mode,
            run_id: plan.run_id,
            environment: plan.run.environment,
            venue: plan.run.venue.clone(),
            account: plan.run.venue_account.clone(),
            portfolio: plan.run.portfolio.clone(),
            occasion: match &plan.run.trigger {
                Trigger::Scheduled(at) => Occasion::Scheduled(*at),
                Trigger::Manual(label) => Occasion::Manual(label.clone()),
            },
            flow: plan.flow.clone(),
            index: plan.policy_name.clone(),
            quote_currency: plan.quote_currency.clone(),
            as_of: plan.as_of,
            valid_until: plan.valid_until,
            input_digest: plan.input_digest.clone(),
            policy_digest: plan.policy_digest.clone(),
            net_asset_value: plan.net_asset_value,
            loaded: input.map(Loaded::of),
            outcome: OutcomeReport::of(plan),
            regime: RegimeReport {
                bearish: plan.regime.bearish,
                changed: plan.regime.changed,
                bullish_share: plan.regime.bullish_share,
                stable_share: plan.regime.stable_share,
                why: plan.regime.why.clone(),
            },
            cash: CashReport {
                before: plan.cash.before,
                after: plan.cash.after,
                weight_before: plan.cash.weight_before,
                reference_weight: plan.cash.reference_weight,
                weight_after: plan.cash.weight_after,
            },
            positions: plan.positions.iter().map(|it| PositionReport::of(it, traded.contains(&it.asset))).collect(),
            orders: orders(plan, record),
            exclusions: plan
                .exclusions
                .iter()
                .map(|it| ExclusionReport { asset: it.asset.clone(), symbol: it.symbol.clone(), why: it.why.clone() })
                .collect(),
            relaxations: plan
                .relaxations
                .iter()
                .map(|it| RelaxationReport {
                    limit: it.limit.clone(),
                    priority: it.priority,
                    bound: it.bound,
                    amount: it.amount,
                })
                .collect(),
            certificate: CertificateReport {
                families: LimitFamily::of(&plan.certificate),
                checks: plan.certificate.checks.iter().map(Check::of).collect(),
            },
            turnover: plan.turnover,
            estimated_cost: plan.estimated_cost,
            solver: SolverReport {
                backend: plan.solver.backend.clone(),
                version: plan.solver.version.clone(),
                programs: plan.solver.programs,
                objective: plan.solver.objective.clone(),
            },
            notices: notices(plan, input),
            execution: record.map(|record| ExecutionReport::of(plan, record)),
        }
    }

    /// Positions without an order.
    pub fn not_traded(&self) -> impl Iterator<Item = &PositionReport> {
        self.positions.iter().filter(|position| !position.traded)
    }

    /// How to name an asset to people: its symbol, or its id where another asset of the plan has the same symbol.
    #[must_use]
    pub fn label<'a>(&'a self, asset: &'a AssetId, symbol: &'a str) -> &'a str {
        let namesakes = self.positions.iter().filter(|it| it.symbol == symbol && it.asset != *asset).count();
        if namesakes > 0 || symbol.is_empty() { asset.as_str() } else { symbol }
    }
}

/// The plan's notices, and those of preparation that the plan does not repeat.
fn notices(plan: &RebalancePlan, input: Option<&PlanningInput>) -> Vec<String> {
    let mut notices = plan.notices.clone();
    for notice in input.iter().flat_map(|input| &input.notices) {
        if !notices.contains(notice) {
            notices.push(notice.clone());
        }
    }
    notices
}

fn orders(plan: &RebalancePlan, record: Option<&RunRecord>) -> Vec<OrderReport> {
    let positions: BTreeMap<&AssetId, &Position> = plan.positions.iter().map(|it| (&it.asset, it)).collect();
    let results: BTreeMap<Uuid, &OrderRecord> =
        record.iter().flat_map(|record| &record.orders).map(|it| (it.key, it)).collect();
    let mut orders: Vec<OrderReport> = plan
        .orders
        .iter()
        .map(|order| {
            let result = record.map(|_| OrderResult::of(results.get(&order.key).copied()));
            OrderReport::of(order, positions.get(&order.asset).copied(), result)
        })
        .collect();
    orders.sort_by_key(|order| order.priority);
    orders
}

impl Loaded {
    fn of(input: &PlanningInput) -> Self {
        let grade = input.policy.ranking.grade;
        let graded = |record: &&crate::model::AssetRecord| match grade {
            GradeKind::Trader => record.grades.trader.is_some(),
            GradeKind::Investor => record.grades.investor.is_some(),
        };
        Self {
            assets: input.assets.len(),
            listed: input.assets.values().filter(|record| record.listing.is_some()).count(),
            graded: input.assets.values().filter(graded).count(),
            grade,
            with_signal: input.assets.values().filter(|record| record.grades.signal.is_some()).count(),
            held: input.account.holdings.values().filter(|holding| !holding.total().is_zero()).count(),
        }
    }
}

impl OutcomeReport {
    fn of(plan: &RebalancePlan) -> Self {
        match &plan.outcome {
            Outcome::Rebalance => {
                let sells = plan.orders.iter().filter(|order| order.side == Side::Sell).count();
                let buys = plan.orders.len() - sells;
                let sentence = format!(
                    "{}: {}, then {}",
                    count(plan.orders.len(), "order"),
                    count(sells, "sell"),
                    count(buys, "buy")
                );
                Self { kind: OutcomeKind::Rebalance, sentence }
            }
            Outcome::InBand => Self {
                kind: OutcomeKind::InBand,
                sentence: "in band: every member and cash is inside its drift band and every limit holds".to_owned(),
            },
            Outcome::NothingToTrade(why) => Self { kind: OutcomeKind::NothingToTrade, sentence: why.clone() },
        }
    }
}

impl PositionReport {
    fn of(position: &Position, traded: bool) -> Self {
        Self {
            asset: position.asset.clone(),
            symbol: position.symbol.clone(),
            role: position.role.into(),
            rank: position.rank,
            price: position.price,
            quantity_before: position.quantity_before,
            quantity_after: position.quantity_after,
            weight_before: position.weight_before,
            reference_weight: position.reference_weight,
            weight_after: position.weight_after,
            traded,
            reason: position.reason.code.into(),
            binding: position.reason.binding.clone(),
            sentence: position.reason.sentence.clone(),
        }
    }
}

impl OrderReport {
    fn of(order: &Order, position: Option<&Position>, result: Option<OrderResult>) -> Self {
        let fallback = match order.side {
            Side::Sell => ReasonCode::Trim,
            Side::Buy => ReasonCode::TopUp,
        };
        Self {
            key: order.key,
            client_order_id: client_order_id(order.key),
            payload_digest: order.payload_digest.clone(),
            priority: order.priority,
            side: order.side,
            instrument: order.instrument.clone(),
            asset: order.asset.clone(),
            symbol: position.map_or_else(|| order.asset.to_string(), |it| it.symbol.clone()),
            slice: order.slice,
            quantity: order.quantity,
            limit_price: order.limit_price,
            reference_price: order.reference_price,
            notional: order.notional,
            estimated_cost: order.estimated_cost,
            valid_until: order.valid_until,
            reason: position.map_or(fallback, |it| it.reason.code.into()),
            binding: position.map(|it| it.reason.binding.clone()).unwrap_or_default(),
            sentence: position.map(|it| it.reason.sentence.clone()).unwrap_or_default(),
            result,
        }
    }
}

impl OrderResult {
    /// An order without an item has not been sent.
    fn of(record: Option<&OrderRecord>) -> Self {
        let Some(record) = record else {
            return Self {
                state: OrderState::Planned,
                filled_quantity: Quantity::ZERO,
                average_price: None,
                filled_notional: Money::ZERO,
                fee: Money::ZERO,
                note: String::new(),
            };
        };
        Self {
            state: record.state.into(),
            filled_quantity: record.filled_quantity,
            average_price: record.average_price,
            filled_notional: record.average_price.map_or(Money::ZERO, |price| price.value_of(record.filled_quantity)),
            fee: record.fee,
            note: record.note.clone(),
        }
    }
}

impl ExecutionReport {
    fn of(plan: &RebalancePlan, record: &RunRecord) -> Self {
        let mut by_state = BTreeMap::new();
        let (mut bought, mut sold, mut fees, mut slippage) = (Money::ZERO, Money::ZERO, Money::ZERO, Money::ZERO);
        let (mut sent, mut needs_attention) = (0, 0);
        for order in orders(plan, Some(record)) {
            let Some(result) = &order.result else { continue };
            *by_state.entry(result.state.as_str().to_owned()).or_insert(0) += 1;
            sent +=
                usize::from(!matches!(result.state, OrderState::Planned | OrderState::Skipped | OrderState::Expired));
            needs_attention +=
                usize::from(matches!(result.state, OrderState::Unknown | OrderState::Sending | OrderState::NotPlaced));
            fees += result.fee;
            let at_reference = order.reference_price.value_of(result.filled_quantity);
            match order.side {
                Side::Buy => {
                    bought += result.filled_notional;
                    slippage += result.filled_notional - at_reference;
                }
                Side::Sell => {
                    sold += result.filled_notional;
                    slippage += at_reference - result.filled_notional;
                }
            }
        }
        Self {
            state: record.state.into(),
            reason: record.reason.clone(),
            plan_digest: record.plan_digest.clone(),
            sent,
            orders_by_state: by_state,
            bought,
            sold,
            fees,
            slippage,
            cash_after: record.account_after.as_ref().map(|account| account.cash_free + account.cash_locked),
            net_asset_value_after: value_after(plan, record),
            needs_attention,
        }
    }
}

/// Settled cash and holdings at the plan's prices; what nobody prices counts for nothing, as in the plan.
fn value_after(plan: &RebalancePlan, record: &RunRecord) -> Option<Money> {
    let account = record.account_after.as_ref()?;
    let prices: BTreeMap<&AssetId, Price> = plan
        .positions
        .iter()
        .filter(|position| Role::from(position.role) != Role::Unmanaged)
        .map(|position| (&position.asset, position.price))
        .collect();
    let holdings: Money = account
        .holdings
        .iter()
        .filter_map(|(asset, holding)| prices.get(asset).map(|price| price.value_of(holding.total())))
        .sum();
    Some(account.cash_free + account.cash_locked + holdings)
}

/// `1 order`, `2 orders`.
#[must_use]
pub fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}
