//! What a policy says about tail risk, volatility and stops: the rules that are read from daily closes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::policy::{Policy, Soft};
use super::{Decimal, Rate, Weight};

/// The most of conditional value at risk (expected shortfall): what the portfolio loses on average in the worst
/// `1 - beta` of the scenarios, as a fraction of net asset value, and never below 0.
///
/// Scenarios are the returns over `horizon_days` that ended on each of the last `window_days` days, all as likely. Cash
/// and stable legs lose nothing in any. A day without a close has the one before it. In scenarios before its first close
/// an asset loses what it lost in its own worst; one with fewer than `min_days` closes of its own in the window counts as
/// lost in every scenario, and is not bought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RiskLimit {
    /// Confidence level, above 0 and below 1: at 0.95 the worst twentieth of the scenarios counts.
    pub beta: Weight,
    /// Days over which a scenario's returns go; 1 when not given.
    #[serde(default = "RiskLimit::one_day")]
    pub horizon_days: u32,
    /// How many scenarios there are.
    pub window_days: u32,
    /// The fewest closes in the window by which an asset is judged.
    pub min_days: u32,
    /// Absent: no limit, only the measure that `objective.risk_aversion` prices.
    #[serde(default)]
    pub bound: Option<Weight>,
    #[serde(default)]
    pub soft: Option<Soft>,
}

impl RiskLimit {
    const fn one_day() -> u32 {
        1
    }

    /// The part of the scenarios that counts.
    #[must_use]
    pub fn tail(&self) -> Decimal {
        Decimal::ONE - self.beta.get()
    }
}

/// Sizes by volatility: the weight that the method gives is divided by the standard deviation of daily returns, but by no
/// less than `floor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InverseVolatility {
    /// The days whose returns count.
    pub window_days: u32,
    /// The fewest of them; a member with fewer keeps the weight it has and is not bought.
    pub min_days: u32,
    /// The least daily volatility that divides, above 0: what hardly moved for a while is not riskless.
    pub floor: Rate,
}

/// A trailing stop by daily closes: an asset whose close fell by `fall` or more from the highest close of the window that
/// ends that day is no constituent on that day, nor on the `cool_down_days` days after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrailingStop {
    /// A fraction above 0 and below 1: 0.3 is 30 % below the high.
    pub fall: Rate,
    /// The days whose highest close counts, that day included.
    pub window_days: u32,
    pub cool_down_days: u32,
}

impl Policy {
    /// How many days of closes the policy's rules read, up to the last one that is over; absent where none reads any.
    #[must_use]
    pub fn history_days(&self) -> Option<u32> {
        let risk = self.limits.risk.as_ref().map(|rule| rule.window_days.saturating_add(rule.horizon_days));
        let volatility = self.reference_weights.inverse_volatility.as_ref();
        let volatility = volatility.map(|rule| rule.window_days.saturating_add(1));
        let stop = self.eligibility.trailing_stop.as_ref();
        let stop = stop.map(|rule| rule.window_days.saturating_add(rule.cool_down_days));
        [risk, volatility, stop].into_iter().flatten().max()
    }
}
