//! The verifier's own reading of daily closes: who has enough of them, who is stopped, and what each asset lost in each
//! scenario.
//!
//! A scenario is a day `d` of the last `window_days` for which there is a day `d - horizon_days` in the history; the return
//! is close over close less one, cut to 12 decimals downwards, where a day without a close has that of the day before it.

use jiff::civil::Date;
use rust_decimal::RoundingStrategy;

use super::arithmetic::OutOfRange;
use crate::model::history::later;
use crate::model::policy::{RiskLimit, TrailingStop};
use crate::model::{AssetId, Decimal, PlanningInput, Price};

/// A last close older than this many days tells nothing of today.
const LAST_CLOSE_DAYS: i64 = 3;

/// Decimals of a return.
const DIGITS: u32 = 12;

fn is_stable_leg(input: &PlanningInput, asset: &AssetId) -> bool {
    input.policy.regime.as_ref().is_some_and(|regime| regime.stable_legs.contains(asset))
}

/// The closes of an asset, and the day of each.
fn dated<'a>(input: &'a PlanningInput, asset: &AssetId) -> impl DoubleEndedIterator<Item = (Date, Option<Price>)> + 'a {
    let history = input.history.as_ref();
    let closes = history.map_or(&[][..], |history| history.of(asset));
    let day = move |place| history.map_or(Date::MIN, |history| history.day(place));
    (0..closes.len()).zip(closes).map(move |(place, close)| (day(place), *close))
}

fn last_day(input: &PlanningInput) -> Option<Date> {
    let history = input.history.as_ref()?;
    history.days().checked_sub(1).map(|last| history.day(last))
}

/// Whether an asset has too few closes for a rule of the policy that reads them. Of stable legs nobody asks it.
pub(super) fn too_few(input: &PlanningInput, asset: &AssetId) -> bool {
    let policy = &input.policy;
    let (risk, sized) = (policy.limits.risk.as_ref(), policy.reference_weights.inverse_volatility.as_ref());
    let reads = risk.is_some() || sized.is_some() || policy.eligibility.trailing_stop.is_some();
    if !reads {
        return false;
    }
    let Some(last) = last_day(input) else { return true };
    let known = |since: Option<Date>| {
        let since = since.unwrap_or(Date::MIN);
        dated(input, asset).filter(|(day, close)| *day >= since && close.is_some()).count()
    };
    let within = |window: u32| known(later(last, 1 - i64::from(window)));
    let fewer = |(window, least): (u32, u32)| u32::try_from(within(window)).is_ok_and(|days| days < least);
    known(later(last, 1 - LAST_CLOSE_DAYS)) == 0
        || risk.is_some_and(|rule| fewer((rule.window_days, rule.min_days)))
        || sized.is_some_and(|rule| fewer((rule.window_days, rule.min_days)))
}

/// The day on which a trailing stop that still holds was last set off.
pub(super) fn stopped(input: &PlanningInput, asset: &AssetId) -> Option<Date> {
    let rule: &TrailingStop = input.policy.eligibility.trailing_stop.as_ref()?;
    let last = last_day(input)?;
    let oldest = later(last, -i64::from(rule.cool_down_days)).unwrap_or(Date::MIN);
    let left = Decimal::ONE.checked_sub(rule.fall.get())?;
    dated(input, asset).rev().take_while(|(day, _)| *day >= oldest).find_map(|(day, close)| {
        let begin = later(day, 1 - i64::from(rule.window_days)).unwrap_or(Date::MIN);
        let window = dated(input, asset).filter(|(other, _)| (begin..=day).contains(other));
        let high = window.filter_map(|(_, close)| close).max()?;
        (close?.get() <= high.get().checked_mul(left)?).then_some(day)
    })
}

/// The days on which scenarios ended. Without any closes there is one scenario, in which everything is lost.
pub(super) fn days(input: &PlanningInput, rule: &RiskLimit) -> Vec<Date> {
    let whole = |history: &crate::model::PriceHistory| -> Vec<Date> {
        let count = history.days();
        let first = usize::try_from(rule.horizon_days).unwrap_or(usize::MAX);
        let window = usize::try_from(rule.window_days).unwrap_or(usize::MAX);
        (first.max(count.saturating_sub(window))..count).map(|place| history.day(place)).collect()
    };
    let days = input.history.as_ref().map(whole).unwrap_or_default();
    if days.is_empty() { vec![Date::MIN] } else { days }
}

/// The return of an asset in each scenario of these days.
pub(super) fn returns(
    input: &PlanningInput,
    rule: &RiskLimit,
    asset: &AssetId,
    days: &[Date],
) -> Result<Vec<Decimal>, OutOfRange> {
    if is_stable_leg(input, asset) {
        return Ok(vec![Decimal::ZERO; days.len()]);
    }
    if too_few(input, asset) {
        return Ok(vec![Decimal::NEGATIVE_ONE; days.len()]);
    }
    let mut carried = Vec::new();
    for (_, close) in dated(input, asset) {
        let before = carried.last().copied().flatten();
        carried.push(close.or(before));
    }
    let horizon = usize::try_from(rule.horizon_days).unwrap_or(usize::MAX);
    let first = carried.len().checked_sub(days.len()).ok_or(OutOfRange)?;
    let mut known = Vec::with_capacity(days.len());
    for place in first..carried.len() {
        let close = |place: Option<usize>| carried.get(place?).copied().flatten();
        let pair = close(place.checked_sub(horizon)).zip(close(Some(place)));
        known.push(match pair {
            Some((from, to)) => {
                let ratio = to.get().checked_div(from.get()).ok_or(OutOfRange)?;
                let change = ratio.checked_sub(Decimal::ONE).ok_or(OutOfRange)?;
                Some(change.round_dp_with_strategy(DIGITS, RoundingStrategy::ToNegativeInfinity))
            }
            None => None,
        });
    }
    // Nothing is known of the days before the first close: as bad as the worst that is.
    let worst = known.iter().flatten().min().copied().unwrap_or(Decimal::NEGATIVE_ONE).min(Decimal::ZERO);
    Ok(known.into_iter().map(|known| known.unwrap_or(worst)).collect())
}
