//! Bullish or bearish: the share of members with a bullish signal, confirmed on distinct signal dates.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::model::policy::RegimePolicy;
use crate::model::{Decimal, PlanningInput, RegimeObservation, Signal, Weight};

use super::plan::Regime;
use super::universe::Universe;

/// The decision and the observations to remember.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RegimeDecision {
    pub(crate) regime: Regime,
    pub(crate) observations: Vec<RegimeObservation>,
}

/// Decides the regime.
///
/// The first observation ever decides alone. After that the regime changes only when the latest
/// `confirmations` observations, of distinct signal dates, all lie on the other side. A repeated run on the same
/// signal date adds nothing.
pub(crate) fn decide_regime(input: &PlanningInput, universe: &Universe) -> RegimeDecision {
    let mut observations = input.state.regime_observations.clone();
    let Some(policy) = &input.policy.regime else {
        return RegimeDecision { regime: no_policy(), observations };
    };
    let observed = observe(input, universe);
    if let Some(observation) = observed
        && observations.last().is_none_or(|last| last.date < observation.date)
    {
        observations.push(observation);
    }
    let keep = usize::try_from(policy.confirmations).unwrap_or(usize::MAX).max(1);
    let surplus = observations.len().saturating_sub(keep);
    observations.drain(..surplus);

    let before = input.state.bearish;
    let newest = observations.last().copied();
    let bearish = match before {
        None => newest.is_some_and(|newest| newest.bullish_share <= policy.bearish_at),
        Some(true) => !confirmed(&observations, keep, |share| share >= policy.bullish_at),
        Some(false) => confirmed(&observations, keep, |share| share <= policy.bearish_at),
    };
    let stable_share = if bearish { policy.bearish_stable_share } else { policy.bullish_stable_share };
    let regime = Regime {
        bearish,
        changed: before.is_some_and(|before| before != bearish),
        bullish_share: newest.map(|newest| newest.bullish_share),
        stable_share,
        why: why(policy, before, bearish, &observations),
    };
    RegimeDecision { regime, observations }
}

fn no_policy() -> Regime {
    Regime {
        bearish: false,
        changed: false,
        bullish_share: None,
        stable_share: Weight::ZERO,
        why: "assumed, for the policy has no regime rule".to_owned(),
    }
}

fn confirmed(observations: &[RegimeObservation], needed: usize, side: impl Fn(Weight) -> bool) -> bool {
    observations.len() >= needed && observations.iter().rev().take(needed).all(|one| side(one.bullish_share))
}

/// The share of members with a bullish signal on the newest signal date; absent where no member has a signal.
fn observe(input: &PlanningInput, universe: &Universe) -> Option<RegimeObservation> {
    let signals: Vec<(Signal, Date)> = universe
        .members
        .iter()
        .filter_map(|asset| input.assets.get(asset)?.grades.signal)
        .map(|signal| (signal.value, signal.at.to_zoned_datetime(TimeZone::UTC).date()))
        .collect();
    let date = signals.iter().map(|(_, date)| *date).max()?;
    let bullish = signals.iter().filter(|(signal, _)| *signal == Signal::Bullish).count();
    let share = Decimal::from(bullish) / Decimal::from(signals.len());
    Some(RegimeObservation { date, bullish_share: Weight::new(share.round_dp(12)).ok()? })
}

/// The observation behind the decision; the report names the regime itself beside it.
fn why(policy: &RegimePolicy, before: Option<bool>, bearish: bool, observations: &[RegimeObservation]) -> String {
    let Some(newest) = observations.last() else {
        return "no member has a signal, so nothing changes".to_owned();
    };
    let percent = (newest.bullish_share.get() * Decimal::ONE_HUNDRED).round_dp(1).normalize();
    let seen = format!("{percent} % of members had a bullish signal on {}", newest.date);
    match before {
        None => format!("{seen}; the first observation decides"),
        Some(before) if before != bearish => format!("{seen}; confirmed on {} signal dates", policy.confirmations),
        Some(_) => format!("{seen}; turns after {} agreeing signal dates", policy.confirmations),
    }
}
