//! Return, risk and comparison of daily values. All in decimals, so that they are the same on every machine.

use jiff::civil::Date;
use rust_decimal::MathematicalOps;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ratio::Ratio;
use super::settings::DAYS_IN_YEAR;
use crate::model::Decimal;

/// Days below which nothing is annualised: a week's return to the power of 52 tells nobody anything.
const LEAST_DAYS: usize = 30;

/// Of daily returns: what is less is the last digits of quotients, and nothing over it says anything.
const LEAST_DEVIATION: Decimal = Decimal::from_parts(1, 0, 0, false, 12);

/// What the figures mean, each by its path in the report.
pub const DEFINITIONS: [(&str, &str); 15] = [
    ("summary.performance.total_return", "last value over the opening cash, less 1"),
    (
        "summary.performance.annual_return",
        "last value over the opening cash to the power of 365 over the number of daily returns, less 1; absent below 30 days",
    ),
    (
        "summary.performance.annual_volatility",
        "sample standard deviation of daily returns times the square root of 365; absent below 30 days",
    ),
    (
        "summary.performance.sharpe",
        "mean of daily returns over their sample standard deviation, times the square root of 365; risk-free rate 0",
    ),
    (
        "summary.performance.sortino",
        "mean of daily returns over the root mean square of the negative ones, taken over all days, times the square root of 365; target 0",
    ),
    (
        "summary.performance.max_drawdown",
        "lowest value over the highest daily value before it, or over the opening cash, less 1; at daily closes",
    ),
    ("summary.turnover_per_year", "half of buys plus sells over the mean daily value, per 365 days"),
    (
        "summary.costs",
        "fees, spread and impact of all fills, as charged; the portfolio's value is after them, the benchmarks' is before any",
    ),
    ("benchmarks.comparison.annual_excess_return", "annual return less the benchmark's"),
    (
        "benchmarks.comparison.tracking_error",
        "sample standard deviation of the daily differences of return, times the square root of 365",
    ),
    (
        "benchmarks.comparison.information_ratio",
        "mean of the daily differences of return over their sample standard deviation, times the square root of 365",
    ),
    ("benchmarks.comparison.beta", "covariance of daily returns over the variance of the benchmark's"),
    ("benchmarks.comparison.correlation", "of daily returns (Pearson)"),
    ("assets.mean_weight", "mean of the weights at every day's close, 0 on days without it"),
    (
        "monthly.return",
        "value on the month's last day over value on the last day of the month before, or over the opening cash, less 1",
    ),
];

/// How a series of daily values did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Performance {
    pub total_return: Ratio,
    pub annual_return: Option<Ratio>,
    pub annual_volatility: Option<Ratio>,
    pub sharpe: Option<Ratio>,
    pub sortino: Option<Ratio>,
    pub max_drawdown: Drawdown,
    #[schemars(with = "Option<String>")]
    pub best_day: Option<Date>,
    #[schemars(with = "Option<String>")]
    pub worst_day: Option<Date>,
}

/// The deepest fall from a peak.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Drawdown {
    /// 0, or below it: -0.5 is a fall by half.
    pub depth: Ratio,
    #[schemars(with = "Option<String>")]
    pub peak: Option<Date>,
    #[schemars(with = "Option<String>")]
    pub trough: Option<Date>,
    /// The first day on which the peak was reached again; absent: not in the period.
    #[schemars(with = "Option<String>")]
    pub recovered: Option<Date>,
}

/// A portfolio beside a benchmark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// Annual return less the benchmark's.
    pub annual_excess_return: Option<Ratio>,
    /// Annualised standard deviation of the daily differences of return.
    pub tracking_error: Option<Ratio>,
    /// Annualised mean of the daily differences over the tracking error.
    pub information_ratio: Option<Ratio>,
    pub beta: Option<Ratio>,
    pub correlation: Option<Ratio>,
}

/// Relative changes from day to day; a value of zero ends it, for nothing can be said after that.
#[must_use]
pub fn returns(values: &[Decimal]) -> Vec<Decimal> {
    let pairs = values.iter().zip(values.iter().skip(1));
    pairs.map_while(|(before, after)| after.checked_div(*before).map(|factor| factor - Decimal::ONE)).collect()
}

/// From the highest value so far, the opening cash among them; 0 or below it.
#[must_use]
pub fn drawdowns(opening: Decimal, values: &[Decimal]) -> Vec<Decimal> {
    let mut highest = opening;
    let drawdown = |value: &Decimal| {
        highest = highest.max(*value);
        value.checked_div(highest).map_or(Decimal::ZERO, |part| part - Decimal::ONE)
    };
    values.iter().map(drawdown).collect()
}

/// The figures of one series of closes, which began as so much cash: what trading cost on the first day is in the first close.
#[must_use]
pub fn performance(opening: Decimal, dates: &[Date], values: &[Decimal]) -> Performance {
    let returns = returns(values);
    let total = growth(opening, values).unwrap_or(Decimal::ONE) - Decimal::ONE;
    let mean = mean(&returns);
    let deviation = deviation(&returns);
    let day_of = |best: fn(&(Decimal, &Date), &(Decimal, &Date)) -> bool| {
        let days = returns.iter().copied().zip(dates.iter().skip(1));
        days.reduce(|left, right| if best(&right, &left) { right } else { left }).map(|(_, date)| *date)
    };
    Performance {
        total_return: Ratio::new(total),
        annual_return: annual(&returns, growth(opening, values)).map(Ratio::new),
        annual_volatility: deviation.and_then(|it| it.checked_mul(root_of_year())).map(Ratio::new),
        sharpe: annualised(mean, deviation),
        sortino: annualised(mean, downside(&returns)),
        max_drawdown: deepest(opening, dates, values),
        best_day: day_of(|new, old| new.0 > old.0),
        worst_day: day_of(|new, old| new.0 < old.0),
    }
}

/// One series beside another, day by day.
#[must_use]
pub fn comparison(opening: Decimal, values: &[Decimal], benchmark: &[Decimal]) -> Comparison {
    let (own, other) = (returns(values), returns(benchmark));
    let differences: Option<Vec<Decimal>> =
        own.iter().zip(&other).map(|(own, other)| own.checked_sub(*other)).collect();
    let differences = differences.unwrap_or_default();
    let apart = deviation(&differences);
    let annual = |returns: &[Decimal], values| annual(returns, growth(opening, values));
    let excess = annual(&own, values).zip(annual(&other, benchmark)).and_then(|(own, other)| own.checked_sub(other));
    let (spread, other_spread) = (deviation(&own), deviation(&other));
    let covariance = covariance(&own, &other);
    let beta = covariance.zip(other_spread).and_then(|(both, other)| both.checked_div(other.checked_mul(other)?));
    let scale = spread.zip(other_spread).and_then(|(own, other)| own.checked_mul(other));
    Comparison {
        annual_excess_return: excess.map(Ratio::new),
        tracking_error: apart.and_then(|it| it.checked_mul(root_of_year())).map(Ratio::new),
        information_ratio: annualised(mean(&differences), apart.filter(|apart| *apart > LEAST_DEVIATION)),
        beta: beta.map(Ratio::new),
        correlation: covariance.zip(scale).and_then(|(both, scale)| both.checked_div(scale)).map(Ratio::new),
    }
}

fn growth(opening: Decimal, values: &[Decimal]) -> Option<Decimal> {
    values.last()?.checked_div(opening)
}

fn annual(returns: &[Decimal], growth: Option<Decimal>) -> Option<Decimal> {
    let growth = growth.filter(|growth| *growth > Decimal::ZERO)?;
    if returns.len() < LEAST_DAYS {
        return None;
    }
    let years = Decimal::from(DAYS_IN_YEAR).checked_div(Decimal::from(returns.len()))?;
    growth.checked_ln()?.checked_mul(years)?.checked_exp().map(|factor| factor - Decimal::ONE)
}

fn root_of_year() -> Decimal {
    Decimal::from(DAYS_IN_YEAR).sqrt().unwrap_or_default()
}

fn annualised(mean: Option<Decimal>, deviation: Option<Decimal>) -> Option<Ratio> {
    let ratio = mean?.checked_div(deviation?)?;
    Some(Ratio::new(ratio.checked_mul(root_of_year())?))
}

fn mean(values: &[Decimal]) -> Option<Decimal> {
    sum(values.iter().copied().map(Some))?.checked_div(Decimal::from(values.len()))
}

/// Sample standard deviation; absent below [`LEAST_DAYS`].
fn deviation(values: &[Decimal]) -> Option<Decimal> {
    covariance(values, values)?.sqrt()
}

/// Absent where a part or the whole is beyond every number.
fn sum(mut values: impl Iterator<Item = Option<Decimal>>) -> Option<Decimal> {
    values.try_fold(Decimal::ZERO, |sum, value| sum.checked_add(value?))
}

fn covariance(left: &[Decimal], right: &[Decimal]) -> Option<Decimal> {
    let count = left.len().min(right.len());
    if count < LEAST_DAYS {
        return None;
    }
    let (mean_left, mean_right) = (mean(left.get(..count)?)?, mean(right.get(..count)?)?);
    let products = left.iter().zip(right).map(|(left, right)| {
        let (left, right) = (left.checked_sub(mean_left)?, right.checked_sub(mean_right)?);
        left.checked_mul(right)
    });
    sum(products)?.checked_div(Decimal::from(count - 1))
}

/// Root mean square of the negative returns, over all days.
fn downside(returns: &[Decimal]) -> Option<Decimal> {
    if returns.len() < LEAST_DAYS {
        return None;
    }
    let squares = returns.iter().filter(|it| **it < Decimal::ZERO).map(|it| it.checked_mul(*it));
    sum(squares)?.checked_div(Decimal::from(returns.len()))?.sqrt()
}

fn deepest(opening: Decimal, dates: &[Date], values: &[Decimal]) -> Drawdown {
    let falls = drawdowns(opening, values);
    let deepest = falls.iter().enumerate().min_by(|left, right| left.1.cmp(right.1).then(left.0.cmp(&right.0)));
    let Some((trough, depth)) = deepest.filter(|(_, depth)| **depth < Decimal::ZERO) else {
        return Drawdown { depth: Ratio::default(), peak: None, trough: None, recovered: None };
    };
    // The opening cash is a value of the first day.
    let before = std::iter::once((0, &opening)).chain(values.iter().take(trough).enumerate());
    let peak = before.max_by(|left, right| left.1.cmp(right.1).then(left.0.cmp(&right.0)));
    let regained = peak.and_then(|(_, peak)| {
        values.iter().enumerate().skip(trough).find(|(_, value)| *value >= peak).map(|(place, _)| place)
    });
    let date = |place: usize| dates.get(place).copied();
    Drawdown {
        depth: Ratio::new(*depth),
        peak: peak.and_then(|(place, _)| date(place)),
        trough: date(trough),
        recovered: regained.and_then(date),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimals(values: &[i64]) -> Vec<Decimal> {
        values.iter().copied().map(Decimal::from).collect()
    }

    fn dates(count: usize) -> Vec<Date> {
        jiff::civil::date(2024, 1, 1).series(jiff::Span::new().days(1)).take(count).collect()
    }

    /// 40 days that go up by a tenth and down by a tenth, in turn.
    fn zigzag() -> Vec<Decimal> {
        let steps = (0..40).map(|day| if day % 2 == 0 { Decimal::new(11, 1) } else { Decimal::new(9, 1) });
        std::iter::once(Decimal::ONE)
            .chain(steps.scan(Decimal::ONE, |value, step| {
                *value *= step;
                Some(*value)
            }))
            .collect()
    }

    #[test]
    fn the_deepest_fall_has_its_peak_trough_and_recovery() {
        let values = decimals(&[100, 120, 90, 110, 60, 130, 125]);
        let fall = deepest(values[0], &dates(7), &values);
        assert_eq!(fall.depth, Ratio::new(Decimal::new(-5, 1)));
        let on = |day| Some(jiff::civil::date(2024, 1, day));
        assert_eq!((fall.peak, fall.trough, fall.recovered), (on(2), on(5), on(6)));
        assert_eq!(deepest(Decimal::ONE, &dates(2), &decimals(&[1, 2])).trough, None);
    }

    /// A first day that costs a tenth: what came before it is the cash that it was paid from.
    #[test]
    fn what_the_first_day_costs_counts() {
        let values = decimals(&[90, 95, 99]);
        let figures = performance(Decimal::ONE_HUNDRED, &dates(3), &values);
        assert_eq!(figures.total_return, Ratio::new(Decimal::new(-1, 2)));
        assert_eq!(figures.max_drawdown.depth, Ratio::new(Decimal::new(-1, 1)));
        let on = |day| Some(jiff::civil::date(2024, 1, day));
        let fall = &figures.max_drawdown;
        assert_eq!((fall.peak, fall.trough, fall.recovered), (on(1), on(1), None));
        assert_eq!(drawdowns(Decimal::ONE_HUNDRED, &values)[2], Decimal::new(-1, 2));
    }

    /// Two series that differ in the last digits of quotients only.
    #[test]
    fn nothing_is_said_of_noise() {
        let values = rising();
        let noise = |place: usize| Decimal::new(i64::try_from(place % 2).expect("a bit"), 20);
        let beside: Vec<Decimal> = values.iter().enumerate().map(|(place, value)| *value + noise(place)).collect();
        let same = comparison(values[0], &values, &beside);
        assert_eq!((same.tracking_error, same.information_ratio), (Some(Ratio::default()), None));
    }

    #[test]
    fn figures_agree_with_their_definitions() {
        let values = zigzag();
        let figures = performance(values[0], &dates(values.len()), &values);
        let shown = |ratio: Option<Ratio>| ratio.map(|it| it.get().round_dp(9).to_string());
        // 0.99^20 - 1, and that to the power of 365/40.
        assert_eq!(figures.total_return.get().round_dp(9).to_string(), "-0.182093062");
        assert_eq!(shown(figures.annual_return).as_deref(), Some("-0.840256567"));
        // Mean 0: every figure over it is 0. Deviation: sqrt(40 * 0.01 / 39) * sqrt(365).
        assert_eq!(shown(figures.annual_volatility).as_deref(), Some("1.934835844"));
        assert_eq!(figures.sharpe, Some(Ratio::default()));
        let short = performance(Decimal::ONE, &dates(3), &decimals(&[1, 2, 3]));
        assert_eq!((short.sharpe, short.annual_return), (None, None), "nothing is annualised from two days");
    }

    /// 40 days that go up by a tenth and down by a twentieth, in turn.
    fn rising() -> Vec<Decimal> {
        let steps = (0..40).map(|day| if day % 2 == 0 { Decimal::new(11, 1) } else { Decimal::new(95, 2) });
        let values = steps.scan(Decimal::ONE, |value, step| {
            *value *= step;
            Some(*value)
        });
        std::iter::once(Decimal::ONE).chain(values).collect()
    }

    #[test]
    fn ratios_of_a_rising_series_are_those_by_hand() {
        let values = rising();
        let figures = performance(values[0], &dates(values.len()), &values);
        let shown = |ratio: Option<Ratio>| ratio.map(|it| it.get().round_dp(6).to_string()).unwrap_or_default();
        // Mean 0.025; each day 0.075 from it: 0.025 / sqrt(40 * 0.075^2 / 39) * sqrt(365).
        assert_eq!(shown(figures.sharpe), "6.288216");
        // 0.025 / sqrt(20 * 0.05^2 / 40) * sqrt(365).
        assert_eq!(shown(figures.sortino), "13.509256");
        let beside = comparison(values[0], &values, &zigzag());
        // The differences are 0 and 0.05 in turn: sqrt(40 * 0.025^2 / 39) * sqrt(365), and 0.025 over it by the year.
        assert_eq!(shown(beside.tracking_error), "0.483709");
        assert_eq!(shown(beside.information_ratio), "18.864649");
        // Days of 0.075 beside days of 0.1, always on the same side.
        assert_eq!((shown(beside.beta), shown(beside.correlation)), ("0.75".to_owned(), "1".to_owned()));
    }

    #[test]
    fn what_is_beyond_every_number_is_absent() {
        let spike = |day: usize| if day == 20 { Decimal::from(900_000_000) } else { Decimal::new(1, 9) };
        let values: Vec<Decimal> = (0..41).map(spike).collect();
        let figures = performance(values[0], &dates(41), &values);
        assert_eq!((figures.annual_volatility, figures.sharpe), (None, None), "its square has 36 digits");
        let beside = comparison(values[0], &values, &zigzag());
        assert_eq!((beside.tracking_error, beside.information_ratio, beside.correlation), (None, None, None));
        let twice = comparison(values[0], &values, &values);
        assert_eq!((twice.tracking_error, twice.beta), (Some(Ratio::default()), None));
    }

    #[test]
    fn a_series_beside_itself_and_beside_twice_its_returns() {
        let values = zigzag();
        let same = comparison(values[0], &values, &values);
        assert_eq!(same.tracking_error, Some(Ratio::default()));
        assert_eq!(same.beta, Some(Ratio::new(Decimal::ONE)));
        let doubled: Vec<Decimal> = std::iter::once(Decimal::ONE)
            .chain(returns(&values).into_iter().scan(Decimal::ONE, |value, step| {
                *value *= Decimal::ONE + step * Decimal::TWO;
                Some(*value)
            }))
            .collect();
        let both = comparison(doubled[0], &doubled, &values);
        assert_eq!(both.beta.map(|it| it.get().round_dp(9)), Some(Decimal::TWO));
        assert_eq!(both.correlation.map(|it| it.get().round_dp(9)), Some(Decimal::ONE));
    }
}
