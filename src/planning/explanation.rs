//! Why each asset is traded, and why not.

use crate::model::{Decimal, Flow, PlanningInput, Side};

use super::constraints::Limits;
use super::integers::{MAX_HOLDINGS, MIN_WEIGHT};
use super::plan::{Reason, ReasonCode, Role};
use super::portfolio::{Bar, Line, Portfolio, max_weight};
use super::program::Allocation;
use super::rounding::{Rounded, Trade};

/// What the reasons are read from.
#[derive(Debug)]
pub(crate) struct Decision<'a> {
    pub(crate) input: &'a PlanningInput,
    pub(crate) portfolio: &'a Portfolio<'a>,
    pub(crate) limits: &'a Limits,
    pub(crate) allocation: &'a Allocation,
    pub(crate) rounded: &'a Rounded,
    /// Set when the whole run trades nothing: every asset then has this reason.
    pub(crate) idle: Option<(ReasonCode, String)>,
}

/// Explains one line.
pub(crate) fn explain(decision: &Decision<'_>, index: usize, line: &Line<'_>) -> Reason {
    match decision.rounded.trades.iter().find(|trade| trade.line == index) {
        Some(trade) => traded(decision, index, line, trade),
        None => untraded(decision, index, line),
    }
}

fn reason(code: ReasonCode, binding: Vec<String>, sentence: String) -> Reason {
    Reason { code, binding, sentence }
}

fn traded(decision: &Decision<'_>, index: usize, line: &Line<'_>, trade: &Trade) -> Reason {
    let by = line.price().value_of(trade.quantity).fraction_of(decision.portfolio.net_asset_value).get();
    let after = match trade.side {
        Side::Buy => line.weight + by,
        Side::Sell => line.weight - by,
    };
    let binding = binding(decision, index, line, trade.side, Some(by));
    let wholes = wholes(decision, index, line, trade.side);
    let goal = percent(line.reference);
    let cap = max_weight(decision.input, line);
    let (code, sentence) = match (trade.side, line.role) {
        (Side::Buy, Role::StableLeg) => {
            (ReasonCode::TopUp, format!("the stable share asks for {goal}; {} is held", percent(line.weight)))
        }
        (Side::Buy, _) if line.held.is_zero() => {
            (ReasonCode::Enter, format!("enters the index; {} of a reference weight of {goal}", percent(after)))
        }
        (Side::Buy, _) => {
            (ReasonCode::TopUp, format!("{} is below its reference weight of {goal}", percent(line.weight)))
        }
        (Side::Sell, Role::MustExit) if trade.full_exit => {
            (ReasonCode::Exit, format!("not in the index: sold in full{}", dust(line)))
        }
        (Side::Sell, Role::MustExit) => {
            (ReasonCode::Exit, format!("not in the index: sold down to {} for now", percent(after)))
        }
        (Side::Sell, _) if cap.is_some_and(|cap| line.weight > cap) => {
            let cap = percent(cap.unwrap_or_default());
            (ReasonCode::OverLimit, format!("{} is over its cap of {cap}", percent(line.weight)))
        }
        (Side::Sell, Role::Constituent) if trade.full_exit && !wholes.is_empty() => {
            (ReasonCode::Exit, format!("sold in full: {} leaves no room for it{}", wholes.join(", "), dust(line)))
        }
        (Side::Sell, _) if line.weight > line.reference => {
            (ReasonCode::Trim, format!("{} is above its reference weight of {goal}", percent(line.weight)))
        }
        (Side::Sell, _) if matches!(decision.input.flow, Flow::Withdraw(_)) => {
            (ReasonCode::RaiseCash, "sold to raise the cash to be withdrawn".to_owned())
        }
        (Side::Sell, _) => (ReasonCode::RaiseCash, "sold to meet a limit on cash or on a category".to_owned()),
    };
    reason(code, binding, sentence)
}

fn dust(line: &Line<'_>) -> String {
    let left = line.free - line.sellable();
    if left.is_zero() { String::new() } else { format!("; {left} of it is less than a lot and stays") }
}

fn untraded(decision: &Decision<'_>, index: usize, line: &Line<'_>) -> Reason {
    // What cannot be traded is said even where nothing would have been.
    let stuck = line.role == Role::MustExit || line.weight > line.reference;
    if let (true, Some(bar)) = (stuck && !line.held.is_zero(), &line.sell_barred)
        && matches!(bar.code, ReasonCode::Halted | ReasonCode::NotListed | ReasonCode::Stranded | ReasonCode::Locked)
    {
        return barred(bar);
    }
    if let Some((code, sentence)) = &decision.idle {
        return reason(*code, Vec::new(), sentence.clone());
    }
    if let Some(least) = decision.limits.whole.gives_way(index) {
        let sentence = format!(
            "stays at {}: other limits leave no room to sell it or to raise it to {}",
            percent(line.weight),
            percent(least)
        );
        return reason(ReasonCode::LimitBinds, vec![format!("{MIN_WEIGHT}({})", line.asset)], sentence);
    }
    if let Some(dropped) = decision.rounded.dropped.iter().find(|dropped| dropped.line == index) {
        return reason(ReasonCode::BelowMinimum, Vec::new(), format!("not traded: {}", dropped.sentence));
    }
    if line.has_no_place && line.held.is_zero() {
        let sentence = "a member, but limits.max_holdings leaves no place for it".to_owned();
        return reason(ReasonCode::LimitBinds, vec![MAX_HOLDINGS.to_owned()], sentence);
    }
    let gap = line.weight - line.reference;
    if line.role != Role::MustExit && gap.abs() <= line.reference * decision.portfolio.round_trip.max(line.lot) {
        return reason(ReasonCode::OnTarget, Vec::new(), format!("{} is on target", percent(line.weight)));
    }
    let side = if gap > Decimal::ZERO { Side::Sell } else { Side::Buy };
    let bar = match side {
        Side::Sell => &line.sell_barred,
        Side::Buy => &line.buy_barred,
    };
    if let Some(bar) = bar {
        return barred(bar);
    }
    let binding = binding(decision, index, line, side, None);
    if binding.is_empty() {
        let sentence = format!(
            "{} against a reference of {}: trading would cost more than it improves",
            percent(line.weight),
            percent(line.reference)
        );
        return reason(ReasonCode::CostExceedsBenefit, binding, sentence);
    }
    let sentence = format!("held at {} by {}", percent(line.weight), in_words(&binding));
    reason(ReasonCode::LimitBinds, binding, sentence)
}

/// Budget, limit prices, buffer: in a sentence all of them are "cash", once.
fn in_words(limits: &[String]) -> String {
    let mut words: Vec<&str> = limits
        .iter()
        .map(|limit| match limit.as_str() {
            "budget" | "cash_at_limit_prices" | "cash_buffer" => "cash",
            other => other,
        })
        .collect();
    words.dedup();
    words.join(", ")
}

fn barred(bar: &Bar) -> Reason {
    reason(bar.code, Vec::new(), bar.sentence.clone())
}

/// The limits without slack that a further trade on this side would use up.
fn binding(decision: &Decision<'_>, index: usize, line: &Line<'_>, side: Side, traded: Option<Decimal>) -> Vec<String> {
    let probe = super::program::Column {
        line: index,
        side,
        upper: Decimal::ONE,
        reward: Decimal::ZERO,
        cost_rate: line.costs.last().map_or(Decimal::ZERO, |piece| piece.rate),
    };
    let rows = decision.allocation.binding.iter().filter_map(|row| decision.limits.rows.get(*row));
    let mut names: Vec<String> = rows
        .filter(|row| row.kind.use_at(decision.portfolio, &probe, &decision.allocation.tail_slopes) > Decimal::ZERO)
        .map(|row| row.name.clone())
        .collect();
    let edge = traded.unwrap_or_default() + line.lot + line.lot;
    if line.participation.is_some_and(|most| edge >= most) {
        names.push(format!("participation({})", line.asset));
    }
    let largest_order = decision.input.policy.orders.max_order_notional;
    if edge >= largest_order.fraction_of(decision.portfolio.net_asset_value).get() {
        names.push("max_order_notional".to_owned());
    }
    if side == Side::Buy
        && max_weight(decision.input, line)
            .is_some_and(|cap| line.weight + edge >= cap * (Decimal::ONE - decision.portfolio.round_trip))
    {
        names.push(format!("max_weight({})", line.asset));
    }
    names.extend(wholes(decision, index, line, side));
    names
}

/// The limits on wholes that keep a constituent where it is: too many holdings for another one or for this one to stay,
/// too little weight for a holding.
fn wholes(decision: &Decision<'_>, index: usize, line: &Line<'_>, side: Side) -> Vec<String> {
    let limits = &decision.limits.whole;
    if line.has_no_place {
        return vec![MAX_HOLDINGS.to_owned()];
    }
    let Some(whole) = limits.line(index) else { return Vec::new() };
    let weights = decision.rounded.weights(decision.portfolio);
    let after = weights.get(index).copied().unwrap_or_default();
    let mut names = Vec::new();
    let at_an_end = |end: Decimal| (after - end).abs() <= line.lot + line.lot;
    let wanted_out = side == Side::Sell && at_an_end(whole.low) || side == Side::Buy && after <= whole.low;
    if limits.asks_for_min_weight() && (at_an_end(whole.high) || (wanted_out && line.reference < whole.high)) {
        names.push(format!("{MIN_WEIGHT}({})", line.asset));
    }
    let full = limits.max_holdings.is_some_and(|most| limits.holdings(&weights) >= most);
    if full && !whole.is_held(after) && line.reference > Decimal::ZERO {
        names.push(MAX_HOLDINGS.to_owned());
    }
    names
}

/// A weight for people: percent with two decimals.
pub(crate) fn percent(weight: Decimal) -> String {
    format!("{:.2} %", (weight * Decimal::ONE_HUNDRED).round_dp(2))
}
