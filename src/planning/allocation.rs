//! Solve, round, drop what no venue would take, and solve again where that is better.

use std::collections::BTreeSet;

use crate::model::{Decimal, Flow, PlanningInput, Side};

use super::constraints::Limits;
use super::drift_band::{Changes, min_turnover};
use super::error::PlanError;
use super::explanation::percent;
use super::plan::{Outcome, ReasonCode};
use super::portfolio::Portfolio;
use super::program::{Allocation, Program, RelaxedRow};
use super::rounding::{Dropped, Rounded, round_to_lots};

/// What the run does.
#[derive(Debug, Clone)]
pub(crate) struct Decided {
    pub(crate) outcome: Outcome,
    pub(crate) allocation: Allocation,
    pub(crate) rounded: Rounded,
    pub(crate) relaxed: Vec<RelaxedRow>,
    /// The reason of every asset when the whole run is idle.
    pub(crate) idle: Option<(ReasonCode, String)>,
}

impl Decided {
    pub(crate) fn idle(outcome: Outcome, code: ReasonCode) -> Self {
        let sentence = match &outcome {
            Outcome::NothingToTrade(why) => why.clone(),
            Outcome::InBand | Outcome::Rebalance => "inside its band; the run trades nothing".to_owned(),
        };
        Self {
            outcome,
            allocation: Allocation::default(),
            rounded: Rounded::default(),
            relaxed: Vec::new(),
            idle: Some((code, sentence)),
        }
    }
}

/// One rounded solution.
struct Candidate {
    allocation: Allocation,
    rounded: Rounded,
    /// By how much its trades break limits beyond what these give way: what dropped trades leave undone.
    shortfall: Decimal,
    value: Decimal,
}

impl Candidate {
    fn of(input: &PlanningInput, portfolio: &Portfolio<'_>, program: &Program<'_>, allocation: Allocation) -> Self {
        let rounded = round_to_lots(input, portfolio, &allocation).within_means(input, portfolio);
        let cost = rounded.cost().fraction_of(portfolio.net_asset_value).get();
        let value = program.value(&rounded.weights(portfolio), cost);
        let shortfall = program.shortfall(&rounded.trades, &allocation.given);
        Self { allocation, rounded, shortfall, value }
    }

    /// Keeps the limits better, or as well and is worth more.
    fn is_better_than(&self, other: &Self) -> bool {
        let gain = other.shortfall - self.shortfall;
        gain > SHORTFALL_NOISE || (gain >= -SHORTFALL_NOISE && self.value > other.value)
    }
}

/// Shortfalls this close are the same.
const SHORTFALL_NOISE: Decimal = Decimal::from_parts(1, 0, 0, false, 9);

/// Allocates. Trades that fall below a minimum are barred and the rest is solved again until none falls, or until the
/// limits cannot be met without those; of all candidates on the way the best is taken. How far limits give way is
/// settled by the first solution, which knows nothing of minimums: what a dropped trade leaves undone, at most a
/// minimum each, is no reason to relax a limit.
pub(crate) fn allocate(
    input: &PlanningInput,
    portfolio: &Portfolio<'_>,
    limits: &Limits,
    changes: Changes,
) -> Result<Decided, PlanError> {
    let program = Program::formulate(input, portfolio, limits, changes);
    let first = program.solve()?;
    let mut programs = first.programs;
    let mut barred: BTreeSet<(usize, Side)> = BTreeSet::new();
    let mut dropped: Vec<Dropped> = Vec::new();
    let mut best = Candidate::of(input, portfolio, &program, first.clone());
    let mut fallen = best.rounded.dropped.clone();
    while !fallen.is_empty() {
        barred.extend(fallen.iter().map(|dropped| (dropped.line, dropped.side)));
        dropped.append(&mut fallen);
        let is_barred = |line, side| barred.contains(&(line, side));
        let Some(next) = program.solve_without(&is_barred, &first, &mut programs)? else { break };
        let candidate = Candidate::of(input, portfolio, &program, next);
        fallen.clone_from(&candidate.rounded.dropped);
        if candidate.is_better_than(&best) {
            best = candidate;
        }
    }
    let Candidate { mut allocation, mut rounded, .. } = best;
    allocation.programs = programs;
    // Whoever was dropped on the way and is not traded in the end is named.
    let traded: BTreeSet<usize> = rounded.trades.iter().map(|trade| trade.line).collect();
    rounded.dropped = dropped.into_iter().filter(|dropped| !traded.contains(&dropped.line)).collect();
    let relaxed = program.relaxed(&allocation.given);
    Ok(Decided { relaxed, ..decide(input, portfolio, limits, changes, allocation, rounded) })
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
    Decided { outcome, allocation, rounded, relaxed: Vec::new(), idle: None }
}
