//! What a run planned and did, as one value with a published shape. Made by `assembly`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::certificate::{Check, LimitFamily, OptimalityReport};
use super::margin::{InsteadReport, MarginReport, ShadowPriceReport};
use super::published::{OrderState, ReasonCode, Role, RunState, UtcTime, UuidText};
use crate::model::policy::GradeKind;
use crate::model::{
    AccountId, AssetId, BasisPoints, Environment, Flow, InstrumentId, Money, PortfolioId, Price, Quantity, Side,
    VenueId, Weight, Worth,
};

/// What the reader is looking at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Planned only; nothing was written or sent.
    DryRun,
    /// Committed, emitted and settled just now.
    Executed,
    /// Committed as a proposal: nothing was sent, and nothing is before somebody approves it.
    Proposed,
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
    /// Limits whose bound holds the asset where it is, named as in the certificate.
    pub binding: Vec<String>,
    pub sentence: String,
    /// What trading a little more of it would do; absent where that is not possible or the planning input not at hand.
    pub margin: Option<MarginReport>,
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
    /// What a little more of it would do; absent where that is not possible or the planning input not at hand.
    pub margin: Option<MarginReport>,
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
    /// Paid over, or received under, the reference price, fee not counted; negative: better than it.
    pub slippage: Money,
    /// What it did cost: fee plus slippage.
    pub cost: Money,
    /// What the plan expected the filled part to cost: its estimate in proportion to the quantity.
    pub estimated_cost: Money,
    pub note: String,
    /// The venue rejected it after it had taken it: it is cancelled, and `note` says why.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refused: bool,
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
    /// What could have given way instead; none where the planning input is not at hand, or nothing alone would have done.
    pub instead: Vec<InsteadReport>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CertificateReport {
    /// One line per kind of limit, with its tightest member.
    pub families: Vec<LimitFamily>,
    pub checks: Vec<Check>,
    /// Absent where no program was solved, and in runs from before there was such a proof.
    pub optimality: Option<OptimalityReport>,
    /// Limits that a point of room more or less would be worth something at; none where the planning input is not at hand.
    pub shadow_prices: Vec<ShadowPriceReport>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SolverReport {
    pub backend: String,
    pub version: String,
    pub programs: u32,
    pub objective: String,
    /// Absent where no whole quantities were sought.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integers: Option<IntegerReport>,
}

/// How whole quantities were found, and how far the orders are proved to be from the best by the solver's own bound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct IntegerReport {
    /// Nodes of branch and bound; 1 where the linear program's own plan was close enough.
    pub nodes: u32,
    /// False where the search ended as soon as it was as close as the policy asks for.
    pub complete: bool,
    /// Assets whose quantity was sought in whole lots.
    pub whole_lots: u32,
    /// The policy's objective for the best orders found, in net asset value.
    pub value: Worth,
    /// No plan has more, says the solver.
    pub bound: Worth,
    /// The distance between the two in basis points of net asset value.
    pub gap_bp: BasisPoints,
}

/// What became of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ExecutionReport {
    pub state: RunState,
    /// Why it was aborted; empty otherwise.
    pub reason: String,
    pub plan_digest: Option<String>,
    /// Absent where the plan needs nobody's word.
    pub approval: Option<ApprovalReport>,
    /// Orders that went to the venue, whatever became of them there.
    pub sent: usize,
    /// How many orders are in each state.
    pub orders_by_state: BTreeMap<String, usize>,
    pub bought: Money,
    pub sold: Money,
    pub fees: Money,
    /// Paid over, or received under, the reference prices, fees not counted; negative: better than them.
    pub slippage: Money,
    /// What trading did cost: fees plus slippage.
    pub cost: Money,
    /// What the plan expected the filled parts to cost.
    pub estimated_cost: Money,
    pub cash_after: Option<Money>,
    /// Settled cash plus settled holdings at the plan's prices.
    pub net_asset_value_after: Option<Money>,
    /// Orders at which a person must look: of unknown fate, or never seen by the venue.
    pub needs_attention: usize,
}

/// How a proposal stands to a person's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ApprovalReport {
    /// From then on it cannot be given any more.
    #[schemars(with = "UtcTime")]
    pub until: Timestamp,
    /// Who gave it; absent while nobody has.
    pub given_by: Option<String>,
    #[schemars(with = "Option<UtcTime>")]
    pub given_at: Option<Timestamp>,
}

impl RunReport {
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

/// `1 order`, `2 orders`.
#[must_use]
pub fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}
