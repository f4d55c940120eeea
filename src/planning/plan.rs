//! The plan: what a run will do, why, and the proof that it may.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::model::{
    AssetId, BasisPoints, DualPrice, Flow, Money, Order, PortfolioState, Price, Quantity, RunIdentity, Weight, Worth,
};

/// The version of the stored plan.
pub const PLAN_SCHEMA: u32 = 1;

/// An immutable plan. Execution has no choices left: quantities, limit prices, order and keys are all here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RebalancePlan {
    pub schema: u32,
    pub run_id: Uuid,
    pub run: RunIdentity,
    pub flow: Flow,
    /// SHA-256 of the planning input, in hex.
    pub input_digest: String,
    pub policy_digest: String,
    pub policy_name: String,
    pub quote_currency: String,
    pub as_of: Timestamp,
    pub valid_until: Timestamp,
    pub solver: SolverRecord,
    /// Cash plus holdings at reference prices before trading.
    pub net_asset_value: Money,
    pub outcome: Outcome,
    pub regime: Regime,
    pub cash: CashLine,
    /// Every asset that is held or is a constituent, by reference weight falling, then id.
    pub positions: Vec<Position>,
    /// Sells first, each side by notional falling, then instrument.
    pub orders: Vec<Order>,
    /// Candidates that are not constituents, and why; by id.
    pub exclusions: Vec<Exclusion>,
    pub relaxations: Vec<Relaxation>,
    /// What proves how far the orders are from the best possible, by limit. Absent where no program was solved, and in
    /// plans stored before there was such a proof.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multipliers: Option<Vec<Multiplier>>,
    /// The same for tail risk, where it has a price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tail: Option<Tail>,
    pub certificate: Certificate,
    /// Half of buys plus sells, as a fraction of net asset value.
    pub turnover: Weight,
    pub estimated_cost: Money,
    pub notices: Vec<String>,
    /// What the portfolio remembers once this plan has settled.
    pub next_state: PortfolioState,
}

/// Which solver made the plan; recorded because another one may break ties differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SolverRecord {
    pub backend: String,
    pub version: String,
    /// What it was told about how to solve, as `name=value`; empty where it was left to itself, and in plans stored before
    /// there was a choice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// How many programs were solved: 0 in band, 1 for a plain plan, more when limits gave way.
    pub programs: u32,
    /// Objective of the last program, in fractions of net asset value, as text; empty when none was solved.
    pub objective: String,
    /// How whole quantities were found. Absent where the policy asks for none, nothing was solved, or no plan keeps every
    /// limit in whole orders and dropped ones leave some short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integers: Option<IntegerSearch>,
}

/// A search for whole quantities: orders that venue and policy take, holdings, lots. The bound is the solver's own: no
/// plan that keeps the limits as this one does, and, of assets in smaller lots, room below caps for what costs take, has more.
/// Plan and bound are worth what the policy's objective says, both less what limits on wholes give way. The certificate, which
/// knows nothing of whole quantities, proves another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntegerSearch {
    /// Nodes of branch and bound; 1 where the linear program's own plan is close enough.
    pub nodes: u32,
    /// Every node that could hold a better plan was looked at, not only as many as `integers.max_gap` asks for.
    pub complete: bool,
    /// Assets of which one lot is worth more than `integers.whole_lots_above`.
    pub whole_lots: u32,
    /// The policy's objective for the best orders found, before any that costs outweigh were left out; in net asset value.
    pub value: Worth,
    /// No plan has more.
    pub bound: Worth,
    /// The distance between the two in basis points of net asset value.
    pub gap_bp: BasisPoints,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// There are orders.
    Rebalance,
    /// Every member and cash is inside its band, every limit holds, nothing else changed.
    InBand,
    /// Out of band, but no trade is worth making or possible; the sentence says why.
    NothingToTrade(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regime {
    pub bearish: bool,
    pub changed: bool,
    /// Share of members with a bullish signal on the newest signal date, where known.
    pub bullish_share: Option<Weight>,
    pub stable_share: Weight,
    /// One sentence for people.
    pub why: String,
}

/// Cash before, targeted and after, counting full fills at reference prices and estimated costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CashLine {
    pub before: Money,
    pub after: Money,
    pub weight_before: Weight,
    pub reference_weight: Weight,
    /// Of net asset value before trading, like all weights.
    pub weight_after: Weight,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    pub asset: AssetId,
    pub symbol: String,
    pub role: Role,
    pub price: Price,
    pub quantity_before: Quantity,
    pub quantity_after: Quantity,
    pub weight_before: Weight,
    pub reference_weight: Weight,
    pub weight_after: Weight,
    /// Rank among the eligible, from 1; absent for what is not eligible.
    pub rank: Option<u32>,
    /// Why it is traded, or why not.
    pub reason: Reason,
}

/// What an asset is to the portfolio. Exactly one each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Constituent,
    StableLeg,
    /// Held, and no longer wanted: sold as far as the limits allow.
    MustExit,
    /// Held, and nobody prices it: valued at 0.
    Unmanaged,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Constituent => "constituent",
            Self::StableLeg => "stable leg",
            Self::MustExit => "exit",
            Self::Unmanaged => "unmanaged",
        })
    }
}

/// Why an asset is traded or left alone: a machine-readable code, the limits that bind, one sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    pub code: ReasonCode,
    /// Limits whose bound holds this asset where it is, named as in the certificate.
    pub binding: Vec<String>,
    pub sentence: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasonCode {
    // Traded.
    Enter,
    TopUp,
    Trim,
    Exit,
    OverLimit,
    RaiseCash,
    // Not traded.
    InBand,
    OnTarget,
    Halted,
    NotListed,
    NoBuy,
    LimitBinds,
    CostExceedsBenefit,
    BelowMinimum,
    Stranded,
    Unmanaged,
    Locked,
}

/// A candidate that is not in the index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exclusion {
    pub asset: AssetId,
    pub symbol: String,
    /// One sentence naming the rule, the value and the bound.
    pub why: String,
}

/// A soft limit that gave way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relaxation {
    /// As in the certificate: `max_weight(bitcoin)`, `turnover`, `category_max(meme)`.
    pub limit: String,
    pub priority: u32,
    pub bound: Weight,
    /// By how much the bound had to move so that the program has a solution; the least possible.
    pub amount: Weight,
}

/// Every limit re-checked on the rounded orders, in `Decimal`, by code that shares nothing with the program.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    pub checks: Vec<LimitCheck>,
    /// Absent where the plan has no multipliers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optimality: Option<Optimality>,
}

/// The multiplier of cash that is neither invested nor meant to be cash: not a limit, but a part of the objective.
pub const IDLE_CASH: &str = "idle_cash";

/// What a unit of room in one limit counts in the bound on the objective: a dual solution of the program. Zero for a limit
/// that is not named. Found by search and taken on no trust: any multipliers bound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Multiplier {
    /// As in the certificate, for limits over several assets, and [`IDLE_CASH`].
    pub limit: String,
    /// Objective per unit of bound, both in net asset value.
    pub price: DualPrice,
}

/// A choice of worst scenarios, and what a unit of their average loss counts in the bound on the objective. Any choice
/// bounds the measure of tail risk from below.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tail {
    /// Objective per unit of loss, both in net asset value: at most the multiplier of `risk` and the policy's
    /// `risk_aversion` together.
    pub price: DualPrice,
    pub days: Vec<TailDay>,
}

/// A scenario of the tail, and how much of it counts: from 0 to 1, all together `(1 - beta)` times the scenarios.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TailDay {
    /// On which the scenario ended.
    pub day: Date,
    pub part: Weight,
}

/// How good the rounded orders are by the policy's own objective, costs included, and how good any could be: by weak
/// duality from the plan's multipliers, in decimals with directed rounding. See the verifier for what is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Optimality {
    /// The objective of the plan as it would be filled at reference prices, in net asset value; rounded down.
    pub value: Worth,
    /// No portfolio that keeps the limits as the plan does has more, lots and minimums aside; rounded up.
    pub bound: Worth,
    /// The distance between the two in basis points of net asset value; rounded up.
    pub gap_bp: BasisPoints,
}

/// One limit: `left_side ≤ bound + relaxation + lot_allowance` (or `≥` with the signs turned).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitCheck {
    pub limit: String,
    pub sense: Sense,
    pub left_side: Weight,
    pub bound: Weight,
    /// What the policy asks for, where that cannot be had and the bound is the nearest that can: what nobody can sell stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stated: Option<Weight>,
    pub relaxation: Weight,
    pub lot_allowance: Weight,
    /// Room left: never negative in a plan that is emitted.
    pub slack: Weight,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sense {
    AtMost,
    AtLeast,
    Equal,
}
