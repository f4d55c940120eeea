//! A backtest, told as one value with a published shape: `rebalance/backtest/1`, and `rebalance/backtest-study/1` for
//! several under one question (walk-forward windows, a grid of parameters).
//!
//! Amounts and ratios are exact decimals as text; a ratio of 0.25 is a quarter. Arrays that stand beside `dates` have
//! one entry for each of them. A figure that is not defined (the volatility of one day) is absent, never 0.

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::published::{Day, ReasonCode, UuidText};
use crate::model::policy::IndexKind;
use crate::model::{AssetId, Money, Price, Quantity, Rate, Side, Weight};

mod assembly;
pub mod csv;
pub mod reading;
mod study;

pub use assembly::Made;

pub use crate::backtest::Ratio;
pub use crate::backtest::dropped::DropReason;
pub use crate::backtest::figures::{Comparison, Drawdown, Performance};
pub use crate::backtest::record::EventKind;
pub use crate::backtest::settings::{FeeBasis, FillAt, Schedule};

/// One policy over one period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BacktestReport {
    pub policy: PolicyReport,
    #[schemars(with = "Day")]
    pub from: Date,
    #[schemars(with = "Day")]
    pub to: Date,
    pub conventions: Conventions,
    pub summary: Summary,
    /// What the figures mean, for the reader: one entry for each figure of the summary and of the comparisons.
    pub definitions: Vec<Definition>,
    pub daily: Daily,
    /// Bitcoin first, then the uncapped index; one that cannot be had is absent and `notices` says why.
    pub benchmarks: Vec<Benchmark>,
    /// Calendar months, the first and the last perhaps in part.
    pub monthly: Vec<Month>,
    pub weights: WeightsOverTime,
    /// Every asset that was ever held, by the time that it was held and then by id.
    pub assets: Vec<AssetReport>,
    /// Every run of the planner, oldest first.
    pub runs: Vec<RunOfBacktest>,
    /// What happened to holdings outside of runs: delistings and migrations.
    pub events: Vec<Event>,
    /// What the loaders left out, by source and reason.
    pub dropped: Vec<Dropped>,
    /// Anything else a reader must know, one sentence each.
    pub notices: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyReport {
    pub file: String,
    pub name: String,
    pub index: IndexKind,
    pub digest: String,
    pub quote_currency: String,
}

/// How time, prices and costs are taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Conventions {
    pub schedule: Schedule,
    /// No run on the period's last day, but for a period of one day.
    #[serde(default)]
    pub rests_on_last_day: bool,
    pub fill: FillAt,
    pub fee_basis: FeeBasis,
    /// Charged on each fill, as fractions of its notional. Absent in a study that varies it.
    pub fee: Option<Rate>,
    pub half_spread: Option<Rate>,
    /// Whether impact is charged by the policy's table.
    pub impact: bool,
    pub opening_cash: Money,
    /// Days in a year, for annualised figures: crypto trades on all of them.
    pub days_in_year: u32,
    /// Of what a delisted asset is still worth, the part that comes back.
    pub delisting_recovery: Rate,
    /// The files that were read, in the order given.
    pub sources: Vec<String>,
    /// The same for people, one sentence each.
    pub sentences: Vec<String>,
}

/// The result in figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    pub days: u32,
    pub opening_value: Money,
    pub final_value: Money,
    pub performance: Performance,
    /// Half of buys plus sells over the mean value, per year.
    pub turnover_per_year: Option<Ratio>,
    /// Buys plus sells.
    pub traded: Money,
    pub fees: Money,
    pub spread_cost: Money,
    pub impact_cost: Money,
    /// Fees, spread and impact.
    pub costs: Money,
    /// Days on which the planner ran.
    pub runs: u32,
    /// Runs that traded.
    pub rebalances: u32,
    /// Runs that a guard, a conflict of limits or an empty universe ended without a plan.
    pub refused_runs: u32,
    /// Orders of all plans, and of those the ones that filled at all.
    pub orders: u32,
    pub fills: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Definition {
    /// The figure's path in this document: `summary.performance.sharpe`.
    pub figure: String,
    pub definition: String,
}

/// One entry for each day of the period.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Daily {
    #[schemars(with = "Vec<Day>")]
    pub dates: Vec<Date>,
    /// Cash plus holdings at the day's closes, after what filled on that day.
    pub value: Vec<Money>,
    pub cash: Vec<Money>,
    /// From the highest value so far; 0 or below it.
    pub drawdown: Vec<Ratio>,
    /// Holdings whose price on that day is an older one.
    pub stale_prices: Vec<u32>,
}

/// What the portfolio is measured against. It begins with the same money and pays no costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Benchmark {
    pub id: BenchmarkId,
    pub name: String,
    /// One sentence: what it holds.
    pub holds: String,
    pub performance: Performance,
    pub comparison: Comparison,
    /// Beside `daily.dates`.
    pub value: Vec<Money>,
    pub drawdown: Vec<Ratio>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BenchmarkId {
    Bitcoin,
    UncappedIndex,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Month {
    pub year: i16,
    pub month: i8,
    /// Value on its last day.
    pub value: Money,
    #[serde(rename = "return")]
    pub change: Ratio,
    /// Beside `benchmarks`.
    pub benchmark_returns: Vec<Ratio>,
}

/// Weights at the close: after fills (but not within seven days of such a sample before), on the last day of each month
/// and of the period.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WeightsOverTime {
    #[schemars(with = "Vec<Day>")]
    pub dates: Vec<Date>,
    /// Beside `dates`.
    pub cash: Vec<Weight>,
    /// Every asset that was held, by mean weight over all days falling, then id.
    pub assets: Vec<WeightSeries>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WeightSeries {
    pub asset: AssetId,
    pub symbol: String,
    /// Beside `dates` of the whole.
    pub weights: Vec<Weight>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AssetReport {
    pub asset: AssetId,
    pub symbol: String,
    pub name: String,
    pub days_held: u32,
    #[schemars(with = "Day")]
    pub first_held: Date,
    #[schemars(with = "Day")]
    pub last_held: Date,
    /// Over every day of the period, those without it among them.
    pub mean_weight: Weight,
    pub bought: Money,
    pub sold: Money,
    pub costs: Money,
    /// What is held at the end, plus sold, less bought and costs.
    pub profit: Money,
    pub final_value: Money,
}

/// One run of the planner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunOfBacktest {
    /// The day whose close the plan was made from.
    #[schemars(with = "Day")]
    pub date: Date,
    /// Absent where there is no plan.
    #[schemars(with = "Option<UuidText>")]
    pub run_id: Option<Uuid>,
    pub outcome: RunOutcome,
    /// One sentence: why it did not trade, or why there is no plan; empty for a run that traded.
    pub why: String,
    pub net_asset_value: Option<Money>,
    pub bearish: bool,
    pub members: u32,
    /// Assets that joined and left the index with this run.
    pub entered: Vec<AssetId>,
    pub left: Vec<AssetId>,
    /// Soft limits that gave way, as in certificates.
    pub relaxed: Vec<String>,
    /// Half of planned buys plus sells, as a fraction of net asset value.
    pub turnover: Weight,
    pub estimated_cost: Money,
    pub actual_cost: Money,
    pub orders: Vec<OrderOfBacktest>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    Rebalance,
    InBand,
    NothingToTrade,
    /// A guard on the data ended it.
    Guarded,
    /// The planner found no plan.
    NoPlan,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderOfBacktest {
    #[schemars(with = "UuidText")]
    pub key: Uuid,
    pub asset: AssetId,
    pub symbol: String,
    pub side: Side,
    pub quantity: Quantity,
    pub reference_price: Price,
    pub notional: Money,
    pub estimated_cost: Money,
    pub reason: ReasonCode,
    pub sentence: String,
    /// Absent: nothing filled; `note` says why.
    pub fill: Option<FillOfBacktest>,
    /// Why it did not fill, or not in full; empty otherwise.
    pub note: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FillOfBacktest {
    #[schemars(with = "Day")]
    pub date: Date,
    pub quantity: Quantity,
    /// The close that it filled at; spread and impact stand beside it.
    pub price: Price,
    pub notional: Money,
    pub fee: Money,
    pub spread_cost: Money,
    pub impact_cost: Money,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    #[schemars(with = "Day")]
    pub date: Date,
    pub kind: EventKind,
    pub asset: AssetId,
    pub symbol: String,
    /// What it changed the value by, where it did.
    pub value_change: Option<Money>,
    pub sentence: String,
}

/// Rows or values of one source that were not used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Dropped {
    pub source: String,
    pub reason: DropReason,
    /// For people: what was wrong and what was done.
    pub sentence: String,
    pub rows: u32,
    #[schemars(with = "Option<Day>")]
    pub first: Option<Date>,
    #[schemars(with = "Option<Day>")]
    pub last: Option<Date>,
    /// Up to ten, the ones with most rows first: `AVAX (69)`.
    pub examples: Vec<String>,
}

/// Several backtests under one question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StudyReport {
    pub policy: PolicyReport,
    #[schemars(with = "Day")]
    pub from: Date,
    #[schemars(with = "Day")]
    pub to: Date,
    pub conventions: Conventions,
    /// What was varied; empty for walk-forward windows of one policy.
    pub parameters: Vec<Parameter>,
    /// Windows of time; one, the whole period, where none were asked for.
    pub windows: Vec<Window>,
    /// One for each combination and window, by combination and then by window.
    pub results: Vec<StudyResult>,
    /// Beside `windows`, where there are both a grid and several windows: the combination that was best on the window
    /// before, and what it did on this one. The first has none, nor has one after a window too short for a Sharpe ratio.
    pub walk_forward: Vec<Option<WalkForward>>,
    pub definitions: Vec<Definition>,
    pub dropped: Vec<Dropped>,
    pub notices: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Parameter {
    /// The field's path in the policy: `ranking.members`.
    pub path: String,
    pub values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Window {
    #[schemars(with = "Day")]
    pub from: Date,
    #[schemars(with = "Day")]
    pub to: Date,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StudyResult {
    /// Beside `parameters`.
    pub values: Vec<String>,
    /// Index into `windows`.
    pub window: u32,
    pub policy_digest: String,
    pub summary: Summary,
    /// Against bitcoin and the uncapped index, as in a single backtest, without the series.
    pub comparisons: Vec<StudyComparison>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StudyComparison {
    pub benchmark: BenchmarkId,
    pub performance: Performance,
    pub comparison: Comparison,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WalkForward {
    /// The combination with the highest Sharpe ratio on the window before.
    pub chosen: Vec<String>,
    /// Index into `results`: what it did on this window.
    pub result: u32,
}
