//! Solve, round, drop what no venue would take, and solve again where that is better.

use std::collections::BTreeSet;

use crate::model::{Decimal, Flow, PlanningInput, Side};

use super::constraints::{Limits, RowKind};
use super::drift_band::{Changes, min_turnover};
use super::error::PlanError;
use super::explanation::percent;
use super::plan::{Outcome, ReasonCode, Role};
use super::portfolio::Portfolio;
use super::program::{Allocation, Program, RelaxedRow};
use super::rounding::{Dropped, Rounded, Trade, round_to_lots};

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
        let rounded = round_to_lots(input, portfolio, &allocation);
        Self::rounded(input, portfolio, program, allocation, rounded)
    }

    /// Values what rounding made of it, as far as it can be paid.
    fn rounded(
        input: &PlanningInput,
        portfolio: &Portfolio<'_>,
        program: &Program<'_>,
        allocation: Allocation,
        rounded: Rounded,
    ) -> Self {
        let rounded = rounded.within_means(input, portfolio);
        let cost = rounded.cost().fraction_of(portfolio.net_asset_value).get();
        let value = program.value(&rounded.weights(portfolio), cost);
        let shortfall = program.shortfall(&rounded.trades, &allocation.given);
        Self { allocation, rounded, shortfall, value }
    }

    /// Nothing is traded. What lots and minimums leave of an optimum may be worth less than that.
    fn idle(portfolio: &Portfolio<'_>, program: &Program<'_>, first: &Allocation) -> Self {
        let allocation = Allocation { given: first.given.clone(), objective: first.objective, ..Allocation::default() };
        let rounded = Rounded::default();
        let value = program.value(&rounded.weights(portfolio), Decimal::ZERO);
        let shortfall = program.shortfall(&rounded.trades, &allocation.given);
        Self { allocation, rounded, shortfall, value }
    }

    /// The same but for the trades of some lines.
    fn without(
        &self,
        input: &PlanningInput,
        portfolio: &Portfolio<'_>,
        program: &Program<'_>,
        left: &BTreeSet<usize>,
    ) -> Self {
        let mut rounded = self.rounded.clone();
        rounded.trades.retain(|trade| !left.contains(&trade.line));
        Self::rounded(input, portfolio, program, self.allocation.clone(), rounded)
    }

    fn keeps_limits_as_well_as(&self, other: &Self) -> bool {
        self.shortfall <= other.shortfall + SHORTFALL_NOISE
    }

    /// Keeps the limits better, or as well and is worth more.
    fn is_better_than(&self, other: &Self) -> bool {
        !other.keeps_limits_as_well_as(self) || (self.keeps_limits_as_well_as(other) && self.value > other.value)
    }

    /// Trades no larger than what paying costs moves a weight by: a position held at a limit, or at a corner of the
    /// tracking term, would be trimmed run after run. Exits, and trades that participation or the venue cuts short,
    /// are small for a reason; so are all of them together where turnover or the largest run leaves no more.
    fn negligible(&self, portfolio: &Portfolio<'_>, limits: &Limits) -> Vec<Dropped> {
        let negligible = |trade: &&Trade| {
            let Some(line) = portfolio.lines.get(trade.line) else { return false };
            let part = trade.notional.fraction_of(portfolio.net_asset_value).get();
            let most = match trade.side {
                Side::Buy => line.buy_box,
                Side::Sell => line.sell_box,
            };
            let noise = line.weight * portfolio.round_trip;
            line.role != Role::MustExit && part <= noise && part + line.lot < most
        };
        let trades: Vec<&Trade> = self.rounded.trades.iter().filter(negligible).collect();
        let throttles = |row: &usize| {
            let row = limits.rows.get(*row);
            row.is_some_and(|row| matches!(row.kind, RowKind::Turnover | RowKind::RunNotional))
        };
        if trades.len() == self.rounded.trades.len() && self.allocation.binding.iter().any(throttles) {
            return Vec::new();
        }
        let sentence = "it would move the weight by less than costs do".to_owned();
        let dropped = |trade: &Trade| Dropped { line: trade.line, side: trade.side, sentence: sentence.clone() };
        trades.into_iter().map(dropped).collect()
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
    loop {
        let negligible = best.negligible(portfolio, limits);
        if negligible.is_empty() {
            break;
        }
        let left: BTreeSet<usize> = negligible.iter().map(|dropped| dropped.line).collect();
        let without = best.without(input, portfolio, &program, &left);
        if without.keeps_limits_as_well_as(&best) {
            dropped.extend(negligible);
            best = without;
            break;
        }
        // The rest must adapt, but nothing is traded in their stead.
        let stays = |trade: &&Trade| !left.contains(&trade.line);
        let kept: BTreeSet<(usize, Side)> =
            best.rounded.trades.iter().filter(stays).map(|trade| (trade.line, trade.side)).collect();
        let is_barred = |line, side| !kept.contains(&(line, side));
        let Some(next) = program.solve_without(&is_barred, &first, &mut programs)? else { break };
        let candidate = Candidate::of(input, portfolio, &program, next);
        if !candidate.keeps_limits_as_well_as(&best) {
            break;
        }
        dropped.extend(negligible);
        dropped.extend(candidate.rounded.dropped.iter().cloned());
        best = candidate;
    }
    let idle = Candidate::idle(portfolio, &program, &first);
    // No limit is brought nearer by trading, whether it holds or nothing can be done about it.
    let optional = idle.keeps_limits_as_well_as(&best);
    if optional && idle.value >= best.value {
        best = idle;
    }
    let Candidate { mut allocation, rounded, .. } = best;
    allocation.programs = programs;
    let rounded = rounded.naming(dropped);
    let relaxed = program.relaxed(&allocation.given);
    Ok(Decided { relaxed, ..decide(input, portfolio, changes, allocation, rounded, optional) })
}

fn decide(
    input: &PlanningInput,
    portfolio: &Portfolio<'_>,
    changes: Changes,
    allocation: Allocation,
    mut rounded: Rounded,
    optional: bool,
) -> Decided {
    let turnover = rounded.traded().fraction_of(portfolio.net_asset_value).get() / Decimal::TWO;
    let least = min_turnover(input);
    // A deposit is to be invested and a withdrawal to be paid, however small: only a full run has a band.
    let optional = optional && input.flow == Flow::Full && !changes.any();
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
