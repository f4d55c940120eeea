//! A policy: everything a person decides about an index, in one TOML file.
//!
//! Amounts are written as strings (`"0.25"`), so that no digit passes through binary floating point. Fractions
//! are fractions: a quarter is `"0.25"`, ten basis points are `"0.001"`. Unknown keys are refused. The JSON
//! Schema is generated from these types (`rebalance policy schema`).

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::alert::AlertPolicy;
pub use super::risk::{InverseVolatility, RiskLimit, TrailingStop};
use super::{AssetId, CategoryId, Decimal, Grade, Money, Price, Rate, Weight};

/// The version of the policy format that this build reads.
pub const POLICY_SCHEMA: u32 = 1;

/// One index and the rules by which a portfolio follows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The format's version; 1.
    pub schema: u32,
    /// What reports call the index.
    pub name: String,
    pub index: IndexKind,
    /// What prices, cash and fees are counted in, such as `USDT`. Text of 1 to 12 letters and digits.
    pub quote_currency: String,
    pub eligibility: Eligibility,
    pub ranking: Ranking,
    pub reference_weights: ReferenceWeights,
    #[serde(default)]
    pub regime: Option<RegimePolicy>,
    pub drift_band: DriftBand,
    pub objective: Objective,
    pub limits: Limits,
    pub costs: Costs,
    pub orders: OrderPolicy,
    pub guards: Guards,
    /// Which solver makes the plan. Left out: the one that every build has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub solver: Option<SolverPolicy>,
    /// How far whole quantities are searched. Absent: only where `limits.min_weight` or `limits.max_holdings` asks for it,
    /// with the figures that stand for absent ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integers: Option<IntegerPolicy>,
    /// What is told to whom. Decides nothing about trades: a policy that differs in its alerts only is the same policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alerts: Option<AlertPolicy>,
}

impl Policy {
    /// Does any rule look at the grade that `ranking.grade` names? Then an asset without one is not weighed as if its
    /// grade were 0: a member is held, not bought, and named; anybody else is no candidate.
    #[must_use]
    pub fn uses_grades(&self) -> bool {
        self.ranking.by == RankBy::Grade
            || self.eligibility.require_grade
            || self.eligibility.min_grade.is_some()
            || self.reference_weights.method.uses_grades()
            || !self.objective.grade_tilt.is_zero()
    }

    /// Whether market caps rank, weigh or bar anybody. An unknown one is not 0: a member is held, not bought, and named.
    #[must_use]
    pub fn uses_market_caps(&self) -> bool {
        self.ranking.by == RankBy::MarketCap
            || self.reference_weights.method.uses_market_cap()
            || self.eligibility.min_market_cap.is_some()
            || self.eligibility.max_market_cap.is_some()
    }

    #[must_use]
    pub fn solver_backend(&self) -> SolverBackend {
        self.solver.as_ref().map_or_else(SolverBackend::default, |solver| solver.backend)
    }

    /// How whole quantities are searched; absent where no rule asks for them.
    #[must_use]
    pub fn whole_quantities(&self) -> Option<IntegerPolicy> {
        let asked = self.limits.min_weight.is_some() || self.limits.max_holdings.is_some();
        self.integers.or_else(|| asked.then(IntegerPolicy::default))
    }
}

/// How programs are solved. Solvers agree on how good a plan is, not on which of several equally good ones it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SolverPolicy {
    /// Left out: `microlp`.
    #[serde(default)]
    pub backend: SolverBackend,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SolverBackend {
    /// In every build.
    #[default]
    Microlp,
    /// HiGHS, for large programs: only in builds with the feature `highs`.
    Highs,
}

impl SolverBackend {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Microlp => "microlp",
            Self::Highs => "highs",
        }
    }
}

/// The two kinds of index. The kind names the product; every rule stands in the policy itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IndexKind {
    /// Large, liquid, long held.
    BlueChip,
    /// Small caps picked by grade.
    Moonshot,
}

/// Which assets may be constituents. Stable legs and what is merely held are not asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Eligibility {
    #[serde(default)]
    pub min_market_cap: Option<Money>,
    /// Moonshots: nothing larger than this.
    #[serde(default)]
    pub max_market_cap: Option<Money>,
    /// Quote currency a day.
    #[serde(default)]
    pub min_average_daily_volume: Option<Money>,
    /// Days since first seen; an asset whose first day is unknown is not eligible when this is set.
    #[serde(default)]
    pub min_age_days: Option<u32>,
    /// Refuse assets with any of these categories.
    #[serde(default)]
    pub excluded_categories: BTreeSet<CategoryId>,
    #[serde(default)]
    pub excluded_assets: BTreeSet<AssetId>,
    /// Must a constituent have the grade named by `ranking.grade`? It must wherever another rule uses grades: ranking
    /// by grade, a least grade, weights by grade, a tilt. A member that loses its grade is held, not bought.
    #[serde(default)]
    pub require_grade: bool,
    #[serde(default)]
    pub min_grade: Option<Grade>,
    /// What has fallen too far from its high, and for how long it stays out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trailing_stop: Option<TrailingStop>,
}

/// How the eligible are ordered, and who is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ranking {
    pub by: RankBy,
    /// The grade that scores assets: for ranking by grade, for grade-tilted weights and for the tilt.
    pub grade: GradeKind,
    /// How many constituents the index has.
    pub members: u32,
    /// A newcomer enters at this rank or better, or takes a place that is vacant; at most `members`.
    pub enter_rank: u32,
    /// A member stays until its rank is worse than this; at least `members`.
    pub exit_rank: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RankBy {
    MarketCap,
    Grade,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GradeKind {
    Trader,
    Investor,
}

/// How the index itself is weighted, before regime and trading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReferenceWeights {
    pub method: WeightMethod,
    /// Caps by rank of weight, the first tier for the largest: `[{ top = 1, max_weight = "0.3" }]`. Excess is
    /// handed on pro rata until nobody is over. Relative to the invested part of the index.
    #[serde(default)]
    pub cap_tiers: Vec<CapTier>,
    /// The cap of everyone not in a tier; absent: none.
    #[serde(default)]
    pub max_weight: Option<Weight>,
    /// The cash that the portfolio aims at. Absent: the cash buffer. A little more than the buffer keeps a rising
    /// market, in which cash weighs less and less, from breaking the buffer every day.
    #[serde(default)]
    pub cash: Option<Weight>,
    /// Divides every weight by the asset's volatility, before caps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inverse_volatility: Option<InverseVolatility>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WeightMethod {
    MarketCap,
    SqrtMarketCap,
    Equal,
    /// In proportion to the grade.
    Grade,
    /// Market cap times grade.
    MarketCapGrade,
}

impl WeightMethod {
    #[must_use]
    pub fn uses_grades(self) -> bool {
        matches!(self, Self::Grade | Self::MarketCapGrade)
    }

    #[must_use]
    pub fn uses_market_cap(self) -> bool {
        matches!(self, Self::MarketCap | Self::SqrtMarketCap | Self::MarketCapGrade)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapTier {
    /// How many assets, counted on from the tier before.
    pub top: u32,
    pub max_weight: Weight,
}

/// Bullish or bearish, and what that means for the stable share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegimePolicy {
    /// At or above this share of members with a bullish signal an observation is bullish.
    pub bullish_at: Weight,
    /// At or below this share it is bearish; between the two it confirms nothing.
    pub bearish_at: Weight,
    /// How many distinct signal dates in a row must agree before the regime changes; at least 1.
    pub confirmations: u32,
    /// The share of net asset value in stable legs and cash while bullish.
    pub bullish_stable_share: Weight,
    /// The same while bearish.
    pub bearish_stable_share: Weight,
    /// While bearish, no constituent is bought.
    #[serde(default)]
    pub no_buy_when_bearish: bool,
    /// What holds the stable share, in equal parts; empty: cash does.
    #[serde(default)]
    pub stable_legs: BTreeSet<AssetId>,
    /// The run ends when a stable leg's price is further than this from 1 quote unit.
    pub max_depeg: Rate,
}

/// When drift is large enough to trade at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DriftBand {
    pub kind: BandKind,
    /// Points of weight for `absolute`, a fraction of the target for `relative`; unused otherwise.
    #[serde(default)]
    pub width: Option<Weight>,
    #[serde(default)]
    pub on_breach: OnBreach,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BandKind {
    /// No band: every run may trade.
    None,
    Absolute,
    Relative,
    /// Five points for targets of 20 % and more, a quarter of the target below that.
    FiveTwentyFive,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnBreach {
    #[default]
    ToTarget,
    ToBandEdge,
}

/// The weights of the terms, in fractions of net asset value. See the allocation program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Objective {
    /// Reward of a whole portfolio at grade 100; 0 for a pure tracker.
    #[serde(default)]
    pub grade_tilt: Rate,
    /// Price of deviating from the reference weights; 0 for a pure tilt.
    #[serde(default)]
    pub tracking_aversion: Rate,
    /// Multiplies fees, spread and impact; above 0, so that nothing is bought and sold at once.
    pub cost_aversion: Rate,
    /// Price of the conditional value at risk that `limits.risk` measures; 0 when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk_aversion: Option<Rate>,
}

/// What the portfolio must keep to. Every limit that has a `soft` table may give way, in order of priority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Least cash after the run, as a fraction of net asset value.
    #[serde(default)]
    pub cash_buffer: Option<Limit>,
    /// Most of one constituent.
    #[serde(default)]
    pub max_weight: Option<Limit>,
    /// Exceptions to `max_weight` by asset, under the same softness.
    #[serde(default)]
    pub max_weight_of: BTreeMap<AssetId, Weight>,
    /// Least and most of all assets in a category.
    #[serde(default)]
    pub categories: Vec<CategoryLimit>,
    /// Half of buys plus sells, as a fraction of net asset value.
    #[serde(default)]
    pub turnover: Option<Limit>,
    /// Most of an asset's average daily volume that one run may trade. Never gives way.
    #[serde(default)]
    pub participation: Option<Rate>,
    /// When the regime's stable share cannot be met. Absent: the stable share is hard.
    #[serde(default)]
    pub stable_share: Option<Soft>,
    /// Least of one constituent, as a fraction of net asset value: after the run it weighs nothing, or this much and more.
    /// A holding below it is sold or raised as far as one run may; where other limits leave no room for either it stays as
    /// it is, and the plan says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_weight: Option<Weight>,
    /// Most constituents held after the run: those that weigh most by `reference_weights.method`, which have all of the
    /// index's weight, and places that nobody gives up first. What cannot be sold counts and is named. What takes several runs to sell, or
    /// what other limits leave no room to sell, counts until it has gone, and the plan says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_holdings: Option<u32>,
    /// Most of conditional value at risk, from daily closes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<RiskLimit>,
}

impl Limits {
    /// The cap on an asset as a constituent, where there is one.
    #[must_use]
    pub fn cap_of(&self, asset: &AssetId) -> Option<Weight> {
        let general = self.max_weight.as_ref()?.bound;
        Some(self.max_weight_of.get(asset).copied().unwrap_or(general))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    pub bound: Weight,
    #[serde(default)]
    pub soft: Option<Soft>,
}

/// How a soft limit gives way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Soft {
    /// 1 is kept longest. Of limits with one priority the first by name is kept longest.
    pub priority: u32,
    /// Never beyond this. Absent: as far as it must.
    #[serde(default)]
    pub hard_bound: Option<Weight>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CategoryLimit {
    pub category: CategoryId,
    #[serde(default)]
    pub min_weight: Option<Weight>,
    #[serde(default)]
    pub max_weight: Option<Weight>,
    #[serde(default)]
    pub soft: Option<Soft>,
}

/// What trading is expected to cost, as fractions of notional.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Costs {
    pub fee: Rate,
    pub half_spread: Rate,
    /// Market impact by traded share of average daily volume, rising: the part of a trade up to `up_to` costs
    /// `cost`. Empty: none. The last piece also prices what is beyond it.
    #[serde(default)]
    pub impact: Vec<ImpactPiece>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImpactPiece {
    /// Traded share of average daily volume.
    pub up_to: Rate,
    /// Fraction of notional.
    pub cost: Rate,
}

/// What an order looks like and what no order may pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderPolicy {
    /// How far the limit price may be from the reference price.
    pub collar: Rate,
    /// Minutes after the planning time at which orders not yet sent expire.
    pub valid_minutes: u32,
    /// Smallest trade worth making, in quote currency; the venue's own minimum applies besides. A full exit is
    /// exempt from this one.
    #[serde(default)]
    pub min_trade: Money,
    /// A run whose turnover would be below this fraction trades nothing, unless membership, regime or policy
    /// changed or a limit is broken. Absent: collar plus the dearest trading cost.
    #[serde(default)]
    pub min_turnover: Option<Weight>,
    /// Pre-trade controls, checked again at the last step before the venue.
    pub max_order_notional: Money,
    pub max_run_notional: Money,
    pub max_orders: u32,
    /// Most that all runs on the account may commit in one UTC day. Absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_day_notional: Option<Money>,
    /// Consent to trade live at a venue that neither returns the order of a repeated request nor refuses a late one:
    /// what became of an order without an answer cannot be found out there by asking, so it stays unknown, and the
    /// account locked, until a person says what became of it. Without consent no live order is sent to such a venue.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub accept_unknown_fate: bool,
}

/// How far whole quantities are searched: by branch and bound, best bound first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IntegerPolicy {
    /// Most nodes of one search: a limit on work that gives the same plan everywhere, as no clock would. Absent: 20000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_nodes: Option<u32>,
    /// Most that a plan may be from the proved bound, as a fraction of net asset value: the search ends as soon as it is as
    /// close as this, and where it is not at `max_nodes`, there is no plan. Absent: 0.0005, five basis points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_gap: Option<Weight>,
    /// Where one lot of an asset is worth more than this fraction of net asset value, its quantity is decided before those
    /// with smaller lots, and the linear program keeps no room for rounding it. Absent: 0.001, ten basis points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole_lots_above: Option<Weight>,
}

impl IntegerPolicy {
    const DEFAULT_NODES: u32 = 20_000;
    const DEFAULT_GAP: Decimal = Decimal::from_parts(5, 0, 0, false, 4);
    const DEFAULT_LOT: Decimal = Decimal::from_parts(1, 0, 0, false, 3);

    /// `max_nodes`, or what stands for it.
    #[must_use]
    pub fn nodes(&self) -> u32 {
        self.max_nodes.unwrap_or(Self::DEFAULT_NODES)
    }

    /// `max_gap`, or what stands for it.
    #[must_use]
    pub fn gap(&self) -> Decimal {
        self.max_gap.map_or(Self::DEFAULT_GAP, Weight::get)
    }

    /// `whole_lots_above`, or what stands for it.
    #[must_use]
    pub fn largest_rounded_lot(&self) -> Decimal {
        self.whole_lots_above.map_or(Self::DEFAULT_LOT, Weight::get)
    }
}

/// When data is too old, too sparse or too strange to trade on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Guards {
    pub max_price_age_hours: u32,
    pub max_grade_age_hours: u32,
    /// Hours by which the sources' dates may differ.
    pub max_snapshot_skew_hours: u32,
    /// Most of the members (by count) whose grade may be missing; fewer are held, not bought, and named.
    pub max_missing_grades: Weight,
    /// Most of the assets graded in both runs whose signal may turn from bullish to bearish or back at once.
    pub max_signal_flips: Weight,
    /// Most of the pairs of assets whose order by grade may turn round between two runs: of two assets graded in both,
    /// the better one is now the worse. None does while grades stand still, half of them do when grades are dealt out
    /// to the wrong assets, all of them when the scale is turned round. A fraction from 0 to 1; absent: 0.35.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_grade_flips: Option<Weight>,
    /// A price may be at most this many times, and at least this part of, the last one that a run accepted.
    pub max_price_jump: Rate,
    /// Prices that somebody has confirmed, by asset: a price within `max_price_jump` of one of these is accepted
    /// whatever the last one was. For a real move of that size; the entry can go once a run has accepted the price.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub confirmed_prices: BTreeMap<AssetId, Price>,
    /// Holdings that nobody needs to price: airdrops, dust. Valued at 0 and named.
    #[serde(default)]
    pub unmanaged_assets: BTreeSet<AssetId>,
}

impl Guards {
    /// Real grades of small coins, a third of which moved by half overnight, turned an eighth of the pairs; grades dealt
    /// out to the wrong assets turn half.
    const DEFAULT_GRADE_FLIPS: Decimal = Decimal::from_parts(35, 0, 0, false, 2);

    /// `max_grade_flips`, or what stands for it.
    #[must_use]
    pub fn grade_flips(&self) -> Decimal {
        self.max_grade_flips.map_or(Self::DEFAULT_GRADE_FLIPS, Weight::get)
    }
}
