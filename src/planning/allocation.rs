//! Solve, round, drop what no venue would take, and solve again where that is better.

use std::collections::BTreeSet;

use crate::model::{Decimal, Flow, PlanningInput, Side};

use super::constraints::Limits;
use super::drift_band::{Changes, min_turnover};
use super::error::PlanError;
use super::explanation::percent;
use super::plan::{Outcome, ReasonCode};
use super::portfolio::Portfolio;
use super::program::{Allocation, Program};
use super::rounding::{Dropped, Rounded, round_to_lots};

/// What the run does.
#[derive(Debug, Clone)]
pub(crate) struct Decided {
    pub(crate) outcome: Outcome,
    pub(crate) allocation: Allocation,
    pub(crate) rounded: Rounded,
    /// The reason of every asset when the whole run is idle.
    pub(crate) idle: Option<(ReasonCode, String)>,
}

impl Decided {
    pub(crate) fn idle(outcome: Outcome, code: ReasonCode) -> Self {
        let sentence = match &outcome {
            Outcome::NothingToTrade(why) => why.clone(),
            Outcome::InBand | Outcome::Rebalance => "inside its band; the run trades nothing".to_owned(),
        };
        Self { outcome, allocation: Allocation::default(), rounded: Rounded::default(), idle: Some((code, sentence)) }
    }
}

/// One rounded solution.
struct Candidate {
    allocation: Allocation,
    rounded: Rounded,
    value: Decimal,
}

/// Allocates. Trades that fall below a minimum are barred and the rest is solved again until none falls; of all
/// payable candidates on the way the one with the best objective is taken.
pub(crate) fn allocate(
    input: &PlanningInput,
    portfolio: &Portfolio<'_>,
    limits: &Limits,
    changes: Changes,
) -> Result<Decided, PlanError> {
    let program = Program::formulate(input, portfolio, limits, changes);
    let mut barred: BTreeSet<(usize, Side)> = BTreeSet::new();
    let mut best: Option<Candidate> = None;
    let mut programs = 0;
    let mut dropped: Vec<Dropped> = Vec::new();
    loop {
        let allocation = program.solve(&|line, side| barred.contains(&(line, side)))?;
        programs += allocation.programs;
        let rounded = round_to_lots(input, portfolio, &allocation);
        let fallen = rounded.dropped.clone();
        if rounded.is_payable(input) || fallen.is_empty() {
            let cost = rounded.cost().fraction_of(portfolio.net_asset_value).get();
            let value = program.value(&rounded.weights(portfolio), cost);
            // A later candidate must be better than an earlier one: fewer drops are no end in themselves.
            if best.as_ref().is_none_or(|best| value > best.value) {
                best = Some(Candidate { allocation, rounded, value });
            }
        }
        if fallen.is_empty() {
            break;
        }
        barred.extend(fallen.iter().map(|dropped| (dropped.line, dropped.side)));
        dropped.extend(fallen);
    }
    let Some(Candidate { mut allocation, mut rounded, .. }) = best else {
        return Ok(Decided::idle(
            Outcome::NothingToTrade("no trade is large enough to be made".to_owned()),
            ReasonCode::BelowMinimum,
        ));
    };
    allocation.programs = programs;
    // Whoever was dropped on the way and is not traded in the end is named.
    let traded: BTreeSet<usize> = rounded.trades.iter().map(|trade| trade.line).collect();
    rounded.dropped = dropped.into_iter().filter(|dropped| !traded.contains(&dropped.line)).collect();
    Ok(decide(input, portfolio, limits, changes, allocation, rounded))
}

fn decide(
    input: &PlanningInput,
    portfolio: &Portfolio<'_>,
    limits: &Limits,
    changes: Changes,
    allocation: Allocation,
    mut rounded: Rounded,
) -> Decided {
    let turnover = rounded.traded().fraction_of(portfolio.net_asset_value).get() / Decimal::TWO;
    let least = min_turnover(input);
    let optional = input.flow == Flow::Full && !changes.any() && limits.hold_untraded(portfolio);
    if !rounded.trades.is_empty() && optional && turnover < least {
        let why = format!("a turnover of {} is below the least worth a run, {}", percent(turnover), percent(least));
        rounded = Rounded::default();
        let mut idle = Decided::idle(Outcome::NothingToTrade(why), ReasonCode::InBand);
        idle.allocation.programs = allocation.programs;
        idle.allocation.objective = allocation.objective;
        return Decided { rounded, ..idle };
    }
    let outcome = if rounded.trades.is_empty() {
        Outcome::NothingToTrade("no trade would improve the portfolio within its limits".to_owned())
    } else {
        Outcome::Rebalance
    };
    Decided { outcome, allocation, rounded, idle: None }
}
