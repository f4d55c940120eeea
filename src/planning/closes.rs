//! What daily closes tell of one asset: whether there are enough of them, how much it moves, how far it fell.
//!
//! Closes end with the newest day that was over before the planning time. A day without a close has the one before it.

use jiff::civil::Date;
use rust_decimal::{MathematicalOps, RoundingStrategy};

use crate::model::history::later;
use crate::model::policy::{InverseVolatility, RiskLimit, TrailingStop};
use crate::model::{AssetId, Decimal, PlanningInput, Price, PriceHistory};

use super::explanation::percent;

/// Closes of an asset that stopped longer ago than this many days tell nothing of today.
const STALE_DAYS: usize = 3;

/// Decimals of a return; more are cut off, downwards.
pub(crate) const RETURN_DECIMALS: u32 = 12;

/// Decimals of a volatility.
const VOLATILITY_DECIMALS: u32 = 12;

/// Why an asset's closes are too few for the policy's rules: which rule, and what there is. Nothing where it reads none,
/// and for stable legs.
pub(crate) fn shortage(input: &PlanningInput, asset: &AssetId) -> Option<String> {
    let policy = &input.policy;
    let _ = policy.history_days()?;
    if policy.regime.as_ref().is_some_and(|regime| regime.stable_legs.contains(asset)) {
        return None;
    }
    let history = input.history.as_ref();
    let closes = history.map_or(&[][..], |history| history.of(asset));
    let Some(newest) = closes.iter().rposition(Option::is_some) else {
        return Some("no daily close in the price history".to_owned());
    };
    if closes.len() - newest > STALE_DAYS {
        let day = history.map_or(Date::MIN, |history| history.day(newest));
        return Some(format!("no daily close since {day}"));
    }
    let asked = [
        policy.limits.risk.as_ref().map(|rule| ("limits.risk", rule.window_days, rule.min_days)),
        policy
            .reference_weights
            .inverse_volatility
            .as_ref()
            .map(|rule| ("reference_weights.inverse_volatility", rule.window_days, rule.min_days)),
    ];
    asked.into_iter().flatten().find_map(|(rule, window, least)| {
        let days = newest_of(closes, window).iter().flatten().count();
        let short = u32::try_from(days).is_ok_and(|days| days < least);
        short.then(|| format!("{days} daily closes in {window} days, and {rule}.min_days is {least}"))
    })
}

/// The last so many.
fn newest_of<T>(all: &[T], count: u32) -> &[T] {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    all.get(all.len().saturating_sub(count)..).unwrap_or_default()
}

/// Each day's close, or the one before it; absent before the first.
fn carried(closes: &[Option<Price>]) -> Vec<Option<Price>> {
    let mut last = None;
    let newest = |close: &Option<Price>| {
        last = close.or(last);
        last
    };
    closes.iter().map(newest).collect()
}

/// Returns over so many days that ended on each of the last `window` days of the history, fewer where it is shorter;
/// absent where either close is missing. Rounded down.
fn returns(closes: &[Option<Price>], horizon: u32, window: u32) -> Vec<Option<Decimal>> {
    let closes = carried(closes);
    let horizon = usize::try_from(horizon).unwrap_or(usize::MAX);
    let ends = closes.iter().skip(horizon);
    let all: Vec<Option<Decimal>> = closes.iter().zip(ends).map(|(from, to)| return_of((*from)?, (*to)?)).collect();
    newest_of(&all, window).to_vec()
}

/// Absent where it is beyond what a decimal can hold.
fn return_of(from: Price, to: Price) -> Option<Decimal> {
    let ratio = to.get().checked_div(from.get())?;
    let change = ratio.checked_sub(Decimal::ONE)?;
    Some(change.round_dp_with_strategy(RETURN_DECIMALS, RoundingStrategy::ToNegativeInfinity))
}

/// The day on which each scenario ended.
pub(crate) fn scenario_days(history: &PriceHistory, rule: &RiskLimit) -> Vec<Date> {
    let first = usize::try_from(rule.horizon_days).unwrap_or(usize::MAX);
    let days: Vec<Date> = (first..history.days()).map(|place| history.day(place)).collect();
    newest_of(&days, rule.window_days).to_vec()
}

/// What one unit of the asset loses in each scenario of the rule, below zero where it gains: see [`RiskLimit`] for what
/// counts where closes are missing. Nothing for stable legs.
pub(crate) fn losses(input: &PlanningInput, rule: &RiskLimit, asset: &AssetId, scenarios: usize) -> Vec<Decimal> {
    if input.policy.regime.as_ref().is_some_and(|regime| regime.stable_legs.contains(asset)) {
        return vec![Decimal::ZERO; scenarios];
    }
    if shortage(input, asset).is_some() {
        return vec![Decimal::ONE; scenarios];
    }
    let closes = input.history.as_ref().map_or(&[][..], |history| history.of(asset));
    let mut returns = returns(closes, rule.horizon_days, rule.window_days);
    // Where the history is shorter than the horizon no return is known at all.
    returns.resize(scenarios, None);
    let worst = returns.iter().flatten().min().copied().unwrap_or(Decimal::NEGATIVE_ONE).min(Decimal::ZERO);
    returns.iter().map(|known| -known.unwrap_or(worst)).collect()
}

/// The standard deviation of the daily returns of the window (Bessel's), at least the floor; absent with fewer than two.
pub(crate) fn volatility(input: &PlanningInput, rule: &InverseVolatility, asset: &AssetId) -> Option<Decimal> {
    let closes = input.history.as_ref()?.of(asset);
    let returns: Vec<Decimal> = returns(closes, 1, rule.window_days).into_iter().flatten().collect();
    let count = Decimal::from(returns.len());
    let mean = returns.iter().sum::<Decimal>().checked_div(count)?.round_dp(VOLATILITY_DECIMALS);
    let square = |value: &Decimal| (*value - mean).checked_mul(*value - mean);
    let squares = returns.iter().map(square).try_fold(Decimal::ZERO, |sum, square| sum.checked_add(square?))?;
    let variance = squares.checked_div(count - Decimal::ONE)?;
    Some(variance.sqrt()?.round_dp(VOLATILITY_DECIMALS).max(rule.floor.get()))
}

/// An asset that a trailing stop keeps out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stopped {
    /// The latest day on which the close was so far below its high.
    pub(crate) on: Date,
    pub(crate) close: Price,
    pub(crate) high: Price,
    pub(crate) high_on: Date,
    /// The first day on which it may be a constituent again, if it does not fall so far until then.
    pub(crate) returns_on: Date,
}

impl Stopped {
    pub(crate) fn sentence(&self) -> String {
        let Self { on, close, high, high_on, returns_on } = self;
        let fall = (high.get() - close.get()) / high.get();
        format!(
            "trailing stop: {} below the high of {high} on {high_on} with {close} on {on}; back on {returns_on} at the earliest",
            percent(fall)
        )
    }
}

/// Whether the policy's trailing stop keeps the asset out: the latest day that set it off, of the last and the
/// `cool_down_days` before it.
pub(crate) fn stopped(input: &PlanningInput, asset: &AssetId) -> Option<Stopped> {
    let rule = input.policy.eligibility.trailing_stop.as_ref()?;
    let history = input.history.as_ref()?;
    let closes = history.of(asset);
    let cool_down = usize::try_from(rule.cool_down_days).unwrap_or(usize::MAX);
    let oldest = closes.len().checked_sub(1)?.saturating_sub(cool_down);
    (oldest..closes.len()).rev().find_map(|place| fallen(history, closes, rule, place))
}

/// Whether the close of this day is too far below the highest of the window that ends with it.
fn fallen(history: &PriceHistory, closes: &[Option<Price>], rule: &TrailingStop, place: usize) -> Option<Stopped> {
    let close = closes.get(place).copied().flatten()?;
    let window = newest_of(closes.get(..=place)?, rule.window_days);
    let start = place + 1 - window.len();
    let highest = window.iter().enumerate().filter_map(|(at, close)| close.map(|close| (close, at)));
    // Of equal highs the latest.
    let (high, at) = highest.max()?;
    let limit = high.get().checked_mul(Decimal::ONE - rule.fall.get())?;
    // A run looks at the days that are over: the day after the last of these.
    let back = i64::from(rule.cool_down_days).saturating_add(2);
    (close.get() <= limit).then(|| {
        let on = history.day(place);
        let (high_on, returns_on) = (history.day(start + at), later(on, back).unwrap_or(Date::MAX));
        Stopped { on, close, high, high_on, returns_on }
    })
}
