//! How time, prices and costs are taken: what a backtest decides and a policy does not.

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::policy::Costs;
use crate::model::{AssetId, Money, Rate};

/// Days in a year, for annualised figures: crypto trades on all of them.
pub const DAYS_IN_YEAR: u32 = 365;

/// A period and its conventions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub from: Date,
    pub to: Date,
    pub schedule: Schedule,
    /// No run on the last day, but for a period of one day: what it trades costs and can earn nothing any more.
    pub rests_on_last_day: bool,
    pub fill: FillAt,
    pub fee_basis: FeeBasis,
    pub charged: Charged,
    pub opening_cash: Money,
    /// Of what a delisted asset is still worth, the part that comes back.
    pub delisting_recovery: Rate,
    /// What the portfolio is measured against first; absent: `bitcoin` or `btc`, if there is one.
    pub bitcoin: Option<AssetId>,
}

/// What fills cost: what the policy expects, unless a figure is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charged {
    pub fee: Option<Rate>,
    pub half_spread: Option<Rate>,
    /// Whether impact is charged by the policy's table.
    pub impact: bool,
}

impl Charged {
    #[must_use]
    pub fn costs(&self, policy: &Costs) -> Costs {
        let impact = if self.impact { policy.impact.clone() } else { Vec::new() };
        Costs {
            fee: self.fee.unwrap_or(policy.fee),
            half_spread: self.half_spread.unwrap_or(policy.half_spread),
            impact,
        }
    }
}

/// The days on which the planner runs. The first day of the period is always one. A run that ends without a plan is
/// tried again on the next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    Once,
    Daily,
    /// The first day of each ISO week.
    Weekly,
    /// The first day of each calendar month.
    Monthly,
    /// The first day of each calendar quarter.
    Quarterly,
}

impl Schedule {
    /// Whether a day is one of the schedule, the first of the period aside.
    #[must_use]
    pub fn includes(self, date: Date) -> bool {
        match self {
            Self::Once => false,
            Self::Daily => true,
            Self::Weekly => date.weekday() == jiff::civil::Weekday::Monday,
            Self::Monthly => date.day() == 1,
            Self::Quarterly => date.day() == 1 && date.month() % 3 == 1,
        }
    }
}

/// At which price orders fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FillAt {
    /// The close of the next day that has one; of an asset without one for three days, the last known.
    NextClose,
    /// The close that the plan was made from, as many backtests do.
    SameClose,
}

/// What a fee is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FeeBasis {
    /// The order's quantity is traded, and costs are paid from cash beside it, as venues do.
    OnTop,
    /// The order's notional is what leaves or reaches cash, costs included: a buy gets less, a sell gives more.
    Included,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_has_the_first_days_of_its_periods() {
        let year = || jiff::civil::date(2024, 1, 1).series(jiff::Span::new().days(1)).take(366);
        let days = |schedule: Schedule| year().filter(|day| schedule.includes(*day)).collect::<Vec<_>>();
        let quarters = [1, 4, 7, 10].map(|month| jiff::civil::date(2024, month, 1));
        assert_eq!(days(Schedule::Quarterly), quarters);
        let counts = [Schedule::Once, Schedule::Daily, Schedule::Weekly, Schedule::Monthly].map(|it| days(it).len());
        assert_eq!(counts, [0, 366, 53, 12]);
    }
}
