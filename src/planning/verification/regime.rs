//! The regime, worked out again from the signals of the plan's constituents and what was seen before.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::arithmetic::{OutOfRange, fraction};
use super::findings::Findings;
use crate::model::policy::RegimePolicy;
use crate::model::{Decimal, PlanningInput, Signal};
use crate::planning::plan::{RebalancePlan, Role};

/// The plan's regime is what signals and history say, and its stable share is the policy's for that regime.
pub(super) fn check(input: &PlanningInput, plan: &RebalancePlan, findings: &mut Findings) -> Result<(), OutOfRange> {
    let (bearish, expected) = match &input.policy.regime {
        None => (false, Decimal::ZERO),
        Some(policy) => {
            let bearish = is_bearish(input, plan, policy)?;
            let share = if bearish { policy.bearish_stable_share } else { policy.bullish_stable_share };
            (bearish, share.get())
        }
    };
    findings.require(plan.regime.bearish == bearish, "regime", || {
        let (stated, found) = (name(plan.regime.bearish), name(bearish));
        format!("the plan calls the market {stated}; by the signals of its constituents it is {found}")
    });
    findings.require(plan.regime.stable_share.get() == expected, "regime", || {
        let (share, regime) = (plan.regime.stable_share, name(bearish));
        format!("the plan's stable share is {share}; the policy's while {regime} is {expected}")
    });
    Ok(())
}

fn name(bearish: bool) -> &'static str {
    if bearish { "bearish" } else { "bullish" }
}

/// A regime once set turns when as many of the latest signal dates as the policy asks for are all on the other side;
/// the first ever observation sets it alone.
fn is_bearish(input: &PlanningInput, plan: &RebalancePlan, policy: &RegimePolicy) -> Result<bool, OutOfRange> {
    let seen = &input.state.regime_observations;
    let mut shares: Vec<Decimal> = seen.iter().map(|observation| observation.bullish_share.get()).collect();
    if let Some((date, share)) = bullish_share(input, plan)?
        && seen.last().is_none_or(|last| last.date < date)
    {
        shares.push(share);
    }
    let needed = usize::try_from(policy.confirmations).unwrap_or(usize::MAX).max(1);
    let all = |side: &dyn Fn(Decimal) -> bool| {
        shares.len() >= needed && shares.iter().rev().take(needed).all(|share| side(*share))
    };
    Ok(match input.state.bearish {
        None => shares.last().is_some_and(|share| *share <= policy.bearish_at.get()),
        Some(true) => !all(&|share| share >= policy.bullish_at.get()),
        Some(false) => all(&|share| share <= policy.bearish_at.get()),
    })
}

/// The newest day of any constituent's signal, and the part of those with a signal whose signal is bullish.
fn bullish_share(input: &PlanningInput, plan: &RebalancePlan) -> Result<Option<(Date, Decimal)>, OutOfRange> {
    let constituents = plan.positions.iter().filter(|position| position.role == Role::Constituent);
    let signals = constituents.filter_map(|position| input.assets.get(&position.asset)?.grades.signal);
    let (mut newest, mut bullish, mut all) = (None, Decimal::ZERO, Decimal::ZERO);
    for signal in signals {
        newest = newest.max(Some(TimeZone::UTC.to_datetime(signal.at).date()));
        all += Decimal::ONE;
        if signal.value == Signal::Bullish {
            bullish += Decimal::ONE;
        }
    }
    let Some(newest) = newest else { return Ok(None) };
    // As it is remembered: twelve digits.
    Ok(Some((newest, fraction(bullish, all)?.round_dp(12))))
}
