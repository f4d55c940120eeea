//! Events of the market: what happened to holdings since the run before.

use super::facts::Facts;
use crate::model::alert::{AlertEvent, AlertPolicy, GradeThreshold, PriceTarget};
use crate::model::policy::GradeKind;
use crate::model::{AssetId, AssetRecord, Decimal, PlanningInput, Price, Signal};
use crate::planning::plan::Role;
use crate::planning::{RebalancePlan, closes};
use crate::ports::alert::Severity;

pub(super) fn events(
    wanted: &AlertPolicy,
    input: &PlanningInput,
    plan: &RebalancePlan,
    previous: Option<&PlanningInput>,
    facts: &mut Facts,
) {
    let held: Vec<(&AssetId, &AssetRecord)> = plan
        .positions
        .iter()
        .filter(|position| !position.quantity_before.is_zero())
        .filter_map(|position| input.assets.get_key_value(&position.asset))
        .collect();
    stop_loss(wanted, input, &held, facts);
    grades(wanted, &held, previous, facts);
    signals(input, &held, facts);
    price_targets(wanted, input, facts);
}

/// Prices are compared with those that the last settled run saw.
fn stop_loss(wanted: &AlertPolicy, input: &PlanningInput, held: &[(&AssetId, &AssetRecord)], facts: &mut Facts) {
    let Some(most) = wanted.stop_loss else {
        return;
    };
    let fallen: Vec<(String, String)> = held
        .iter()
        .filter_map(|(id, asset)| {
            let before = input.state.last_prices.get(*id)?;
            let fall = (before.get() - asset.price.get()).checked_div(before.get())?;
            let line = format!("{id}: {before} to {}, {} % down", asset.price, percent(fall));
            (fall >= most.get()).then(|| (id.to_string(), line))
        })
        .collect();
    if !fallen.is_empty() {
        let title = format!("Holdings fell by {} % or more since the run before", percent(most.get()));
        facts.add(AlertEvent::StopLoss, Severity::Critical, title, fallen);
    }
}

/// Holdings that the policy's trailing stop keeps out of the index, whatever else is told.
pub(super) fn stopped(input: &PlanningInput, plan: &RebalancePlan, facts: &mut Facts) {
    let leaving = plan.positions.iter().filter(|position| position.role == Role::MustExit);
    let stopped: Vec<(String, String)> = leaving
        .filter_map(|position| {
            let stopped = closes::stopped(input, &position.asset)?;
            // Of the same event as a fall since the run before, and of the same holding: another subject, or one of the
            // two would count as told by the other.
            let subject = format!("trailing {}", position.asset);
            Some((subject, format!("{}: {}", position.asset, stopped.sentence())))
        })
        .collect();
    if !stopped.is_empty() {
        let title = "The trailing stop takes holdings out of the index".to_owned();
        facts.add(AlertEvent::StopLoss, Severity::Critical, title, stopped);
    }
}

fn grades(
    wanted: &AlertPolicy,
    held: &[(&AssetId, &AssetRecord)],
    previous: Option<&PlanningInput>,
    facts: &mut Facts,
) {
    let Some(previous) = previous else {
        return;
    };
    let mut crossed = Vec::new();
    for GradeThreshold { grade, at } in &wanted.grade_thresholds {
        let read = |asset: &AssetRecord| match grade {
            GradeKind::Trader => asset.grades.trader,
            GradeKind::Investor => asset.grades.investor,
        };
        let name = match grade {
            GradeKind::Trader => "trader",
            GradeKind::Investor => "investor",
        };
        for (id, asset) in held {
            let before = previous.assets.get(*id).and_then(read).map(|grade| grade.value);
            let (Some(before), Some(now)) = (before, read(asset).map(|grade| grade.value)) else {
                continue;
            };
            // At the threshold is above it.
            if (before >= *at) != (now >= *at) {
                let side = if now >= *at { "above" } else { "below" };
                let line = format!("{id}: {name} grade {before} to {now}, {side} {at}");
                crossed.push((format!("{id} {name} {at} {side}"), line));
            }
        }
    }
    if !crossed.is_empty() {
        facts.add(
            AlertEvent::GradeCrossed,
            Severity::Warning,
            "Grades of holdings crossed a threshold".to_owned(),
            crossed,
        );
    }
}

fn signals(input: &PlanningInput, held: &[(&AssetId, &AssetRecord)], facts: &mut Facts) {
    let turned: Vec<(String, String)> = held
        .iter()
        .filter_map(|(id, asset)| {
            let before = *input.state.last_signals.get(*id)?;
            let now = asset.grades.signal?.value;
            (before != now).then(|| (format!("{id} {}", word(now)), format!("{id}: {} to {}", word(before), word(now))))
        })
        .collect();
    if !turned.is_empty() {
        facts.add(AlertEvent::SignalTurned, Severity::Warning, "Signals of holdings turned".to_owned(), turned);
    }
}

const fn word(signal: Signal) -> &'static str {
    match signal {
        Signal::Bearish => "bearish",
        Signal::Neutral => "neutral",
        Signal::Bullish => "bullish",
    }
}

/// A target counts when it is reached now and was not before; without a price before, when it is reached.
fn price_targets(wanted: &AlertPolicy, input: &PlanningInput, facts: &mut Facts) {
    let mut reached = Vec::new();
    for PriceTarget { asset, at_least, at_most } in &wanted.price_targets {
        let Some(now) = input.assets.get(asset).map(|asset| asset.price) else {
            continue;
        };
        let before = input.state.last_prices.get(asset);
        let mut look = |target: Option<Price>, side: &str, is_reached: &dyn Fn(Price, Price) -> bool| {
            let Some(target) = target else {
                return;
            };
            if is_reached(now, target) && before.is_none_or(|before| !is_reached(*before, target)) {
                let line = format!("{asset}: {now} is {side} {target}");
                reached.push((format!("{asset} {side} {target}"), line));
            }
        };
        look(*at_least, "at least", &|price, target| price >= target);
        look(*at_most, "at most", &|price, target| price <= target);
    }
    if !reached.is_empty() {
        facts.add(AlertEvent::PriceTarget, Severity::Info, "Prices reached a target".to_owned(), reached);
    }
}

/// With one digit.
fn percent(fraction: Decimal) -> Decimal {
    (fraction * Decimal::ONE_HUNDRED).round_dp(1).normalize()
}
