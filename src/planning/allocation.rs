//! Solve, round, drop what no venue would take, and solve again where that is better.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::policy::IntegerPolicy;
use crate::model::{Decimal, Flow, PlanningInput, Side};

use super::constraints::{Limits, RowKind};
use super::drift_band::{Changes, min_turnover};
use super::error::PlanError;
use super::explanation::percent;
use super::integers::{Breach, Judge, Questions, Sighted, Sought, WholeLimits, conflict, seek};
use super::optimality::Prices;
use super::plan::{IntegerSearch, Outcome, ReasonCode, Role};
use super::portfolio::{Line, Portfolio, least_order};
use super::program::{Allocation, Program, RelaxedRow, Sides};
use super::rounding::{Dropped, Rounded, Trade, round_to_lots};

/// What the run does.
#[derive(Debug, Clone)]
pub(crate) struct Decided {
    pub(crate) outcome: Outcome,
    pub(crate) allocation: Allocation,
    pub(crate) rounded: Rounded,
    pub(crate) relaxed: Vec<RelaxedRow>,
    /// How whole quantities were found, where they were sought.
    pub(crate) integers: Option<IntegerSearch>,
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
            integers: None,
            idle: Some((code, sentence)),
        }
    }
}

/// One side of the line at this index.
type Sided = (usize, Side);

/// One rounded solution.
#[derive(Clone)]
struct Candidate {
    allocation: Allocation,
    rounded: Rounded,
    /// By how much its trades break each limit beyond what it gives way: what dropped trades leave undone.
    shortfalls: Vec<Decimal>,
    /// What its weights break of the limits on wholes.
    breaches: Vec<Breach>,
    /// What either comes to, as a weight.
    short: Short,
    value: Decimal,
}

/// What a candidate leaves undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Short {
    of_rows: Decimal,
    of_wholes: Decimal,
}

impl Short {
    fn sum(self) -> Decimal {
        self.of_rows + self.of_wholes
    }
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
        Self::valued(portfolio, program, allocation, rounded, value)
    }

    fn valued(
        portfolio: &Portfolio<'_>,
        program: &Program<'_>,
        allocation: Allocation,
        rounded: Rounded,
        value: Decimal,
    ) -> Self {
        let shortfalls = program.shortfalls(&rounded.trades, &allocation.given);
        let breaches = program.limits.whole.breaches(&rounded.weights(portfolio));
        let short = Short { of_rows: shortfalls.iter().sum(), of_wholes: WholeLimits::shortfall(&breaches) };
        Self { allocation, rounded, shortfalls, breaches, short, value }
    }

    /// What it is worth to a search for whole quantities, from the program's own origin and less a penalty for what gives
    /// way; absent where it leaves more of a row short than is `allowed` and lots or least orders excuse, or breaks a limit
    /// on wholes worse than doing nothing would.
    fn objective(&self, input: &PlanningInput, program: &Program<'_>, allowed: &[Decimal]) -> Option<Decimal> {
        let given_way = program.limits.whole.given_way(&self.breaches)?;
        let kept = self.keeps_rows(input, program, allowed);
        kept.then(|| self.value - program.origin() - given_way * program.prohibitive())
    }

    /// Whether it leaves no row short but by what is allowed and excused.
    fn keeps_rows(&self, input: &PlanningInput, program: &Program<'_>, allowed: &[Decimal]) -> bool {
        let mut rows = program.limits.rows.iter().zip(&self.shortfalls).zip(allowed);
        rows.all(|((row, short), allowed)| {
            *short <= SHORTFALL_NOISE
                || (*short <= *allowed + SHORTFALL_NOISE && *short <= self.excuse(input, program.portfolio, &row.kind))
        })
    }

    /// By how much a row may be short: of what is traded by the lots of every order, of anything else by the least orders
    /// that would mend it and are not made.
    fn excuse(&self, input: &PlanningInput, portfolio: &Portfolio<'_>, kind: &RowKind) -> Decimal {
        let traded = |index: usize| self.rounded.trades.iter().any(|trade| trade.line == index);
        let mut excuse = Decimal::ZERO;
        for (index, line) in portfolio.lines.iter().enumerate() {
            match kind {
                RowKind::Turnover if traded(index) => excuse += line.lot / Decimal::TWO,
                RowKind::Turnover => {}
                _ if traded(index) => {}
                _ => {
                    let sides = [(Side::Buy, line.buy_box), (Side::Sell, line.sell_box)];
                    let orders = sides.into_iter().filter(|(side, most)| {
                        let probe = Program::probe(index, *side);
                        *most > Decimal::ZERO
                            && kind.use_at(portfolio, &probe, &self.allocation.tail_slopes) < Decimal::ZERO
                    });
                    let least = |(side, most): (Side, Decimal)| {
                        least_order(input, line, side, portfolio.net_asset_value, Decimal::ZERO)
                            .unwrap_or(most)
                            .min(most)
                    };
                    excuse += orders.map(least).max().unwrap_or_default();
                }
            }
        }
        excuse
    }

    /// Nothing is traded. What lots and minimums leave of an optimum may be worth less than that.
    fn idle(portfolio: &Portfolio<'_>, program: &Program<'_>, first: &Allocation) -> Self {
        let allocation = Allocation { given: first.given.clone(), objective: first.objective, ..Allocation::default() };
        let rounded = Rounded::default();
        let value = program.value(&rounded.weights(portfolio), Decimal::ZERO);
        Self::valued(portfolio, program, allocation, rounded, value)
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

    /// No row is any shorter, and no holding is too many or too small by more: what lots leave of one limit is no excuse for
    /// another.
    fn breaks_nothing_more_than(&self, other: &Self) -> bool {
        let mut rows = self.shortfalls.iter().zip(&other.shortfalls);
        rows.all(|(short, other)| *short <= *other + SHORTFALL_NOISE)
            && self.short.of_wholes <= other.short.of_wholes + SHORTFALL_NOISE
    }

    fn keeps_limits_as_well_as(&self, other: &Self) -> bool {
        self.short.sum() <= other.short.sum() + SHORTFALL_NOISE
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
            let most = match trade.side {
                Side::Buy => line.buy_box,
                Side::Sell => line.sell_box,
            };
            let noise = line.weight * portfolio.round_trip;
            line.role != Role::MustExit && trade.part <= noise && trade.part + line.lot < most
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

/// Holds the candidates of a search against the best so far.
struct Bench<'a> {
    input: &'a PlanningInput,
    program: &'a Program<'a>,
    best: &'a Candidate,
    /// What a candidate must be worth more than.
    standing: Option<Decimal>,
    better: Option<Candidate>,
}

impl Judge for Bench<'_> {
    fn begin(&mut self, allowed: &[Decimal]) -> Option<Decimal> {
        let best = self.better.as_ref().unwrap_or(self.best);
        self.standing = best.objective(self.input, self.program, allowed);
        self.standing
    }

    fn judge(&mut self, allocation: Allocation, allowed: &[Decimal]) -> Option<Decimal> {
        let candidate = Candidate::of(self.input, self.program.portfolio, self.program, allocation);
        let objective = candidate.objective(self.input, self.program, allowed)?;
        if self.standing.is_none_or(|standing| objective > standing) {
            self.standing = Some(objective);
            self.better = Some(candidate);
        }
        Some(objective)
    }
}

/// So much of a relaxation may be the solver's noise, where limits compete: a basis point.
const LEAST_BLUR: Decimal = Decimal::from_parts(1, 0, 0, false, 4);

/// Shortfalls this close are the same.
const SHORTFALL_NOISE: Decimal = Decimal::from_parts(1, 0, 0, false, 9);

/// Allocates. Trades that fall below a minimum are barred and the rest is solved again until none falls, or until the
/// limits cannot be met without those; of all candidates on the way the best is taken. Where that leaves a limit short,
/// trades that would mend it are made as large as the least order. How far limits give way is settled by the first
/// solution, which knows nothing of minimums: what a dropped trade leaves undone, at most a minimum each, is no reason
/// to relax a limit.
pub(crate) fn allocate<'a>(
    input: &'a PlanningInput,
    portfolio: &'a Portfolio<'a>,
    limits: &'a Limits,
    changes: Changes,
) -> Result<(Decided, Solved<'a>), PlanError> {
    let program = Program::formulate(input, portfolio, limits, changes);
    let mut search = Search::start(input, portfolio, &program)?;
    search.bar_what_falls()?;
    search.raise_what_mends()?;
    let integers = search.seek_whole_quantities(limits)?;
    search.leave_out_what_costs_outweigh(limits)?;
    let Search { first, best, dropped, programs, .. } = search;
    let idle = Candidate::idle(portfolio, &program, &first);
    // No limit is brought nearer by trading, whether it holds or nothing can be done about it.
    let optional = idle.keeps_limits_as_well_as(&best);
    let best = if optional && idle.value >= best.value { idle } else { best };
    let Candidate { mut allocation, rounded, shortfalls, .. } = best;
    allocation.programs = programs;
    state_what_is_used(input, &program, &rounded.trades, &mut allocation.given);
    let rounded = rounded.naming(dropped);
    let mut relaxed = program.relaxed(&allocation.given);
    let decided = decide(input, portfolio, changes, allocation, rounded, optional);
    relaxed.extend(limits.whole.breaches(&decided.rounded.weights(portfolio)).iter().map(Breach::relaxed));
    Ok((Decided { relaxed, integers, ..decided }, Solved { program, first, shortfalls }))
}

/// A limit is stated to give way by what the solver found that it must; where the orders use less than that by more than lots
/// and least orders explain, by what they use. Two limits that compete by all but the same amounts are told apart by no solver.
fn state_what_is_used(input: &PlanningInput, program: &Program<'_>, trades: &[Trade], given: &mut [Decimal]) {
    if given.iter().all(Decimal::is_zero) {
        return;
    }
    let portfolio = program.portfolio;
    let order = |line: &Line<'_>| {
        let least = |side| least_order(input, line, side, portfolio.net_asset_value, Decimal::ZERO).unwrap_or_default();
        line.lot.max(least(Side::Buy)).max(least(Side::Sell))
    };
    let blur = portfolio.lines.iter().map(order).sum::<Decimal>() + LEAST_BLUR;
    for (given, used) in given.iter_mut().zip(program.used_beyond(trades)) {
        if *given > used + blur {
            *given = used;
        }
    }
}

/// The program that was solved, from which the proof of what was decided is made.
#[derive(Debug)]
pub(crate) struct Solved<'a> {
    program: Program<'a>,
    first: Allocation,
    shortfalls: Vec<Decimal>,
}

impl Solved<'_> {
    /// By limit: see [`Program::multipliers`].
    pub(crate) fn multipliers(&self) -> Prices {
        self.program.multipliers(&self.first, &self.shortfalls)
    }
}

/// The way from the first solution to the best rounded one.
struct Search<'a> {
    input: &'a PlanningInput,
    portfolio: &'a Portfolio<'a>,
    program: &'a Program<'a>,
    first: Allocation,
    best: Candidate,
    /// Sides that no longer take part.
    barred: BTreeSet<Sided>,
    /// Sides that fell below a minimum where a limit was short that they would mend, in the order in which they fell.
    wanted: Vec<Sided>,
    dropped: Vec<Dropped>,
    programs: u32,
}

impl<'a> Search<'a> {
    fn start(
        input: &'a PlanningInput,
        portfolio: &'a Portfolio<'a>,
        program: &'a Program<'a>,
    ) -> Result<Self, PlanError> {
        let first = program.solve()?;
        let best = Candidate::of(input, portfolio, program, first.clone());
        let programs = first.programs;
        let mut search = Self {
            input,
            portfolio,
            program,
            first,
            best: best.clone(),
            barred: BTreeSet::new(),
            wanted: Vec::new(),
            dropped: Vec::new(),
            programs,
        };
        search.take_note(&best);
        Ok(search)
    }

    /// Bars what fell below a minimum and keeps what a limit wants of it. Whether anything fell.
    fn take_note(&mut self, candidate: &Candidate) -> bool {
        for fallen in &candidate.rounded.dropped {
            let side = (fallen.line, fallen.side);
            if self.barred.insert(side)
                && self.program.mends(
                    &candidate.shortfalls,
                    &candidate.allocation.tail_slopes,
                    fallen.line,
                    fallen.side,
                )
            {
                self.wanted.push(side);
            }
        }
        self.dropped.extend(candidate.rounded.dropped.iter().cloned());
        !candidate.rounded.dropped.is_empty()
    }

    fn solve(
        &mut self,
        barred: &BTreeSet<Sided>,
        least: &BTreeMap<Sided, Decimal>,
    ) -> Result<Option<Candidate>, PlanError> {
        let is_barred = |line, side| barred.contains(&(line, side));
        let sides = Sides { barred: &is_barred, least };
        let next = self.program.solve_again(&sides, &self.first, &mut self.programs)?;
        Ok(next.map(|next| Candidate::of(self.input, self.portfolio, self.program, next)))
    }

    fn bar_what_falls(&mut self) -> Result<(), PlanError> {
        let mut fell = !self.barred.is_empty();
        while fell {
            let barred = self.barred.clone();
            let Some(candidate) = self.solve(&barred, &BTreeMap::new())? else { break };
            fell = self.take_note(&candidate);
            if candidate.is_better_than(&self.best) {
                self.best = candidate;
            }
        }
        Ok(())
    }

    /// Makes the wanted sides trade their least order, one by one, as long as that keeps the limits better.
    fn raise_what_mends(&mut self) -> Result<(), PlanError> {
        let mut least = BTreeMap::new();
        for side in std::mem::take(&mut self.wanted) {
            if self.best.short.sum() <= SHORTFALL_NOISE {
                break;
            }
            let Some(line) = self.portfolio.lines.get(side.0) else { continue };
            let Some(order) = least_order(self.input, line, side.1, self.portfolio.net_asset_value, line.step) else {
                continue;
            };
            let mut barred = self.barred.clone();
            barred.remove(&side);
            // Or part of it would be traded back in the same breath.
            barred.insert((side.0, side.1.opposite()));
            least.insert(side, order);
            match self.solve(&barred, &least)? {
                Some(candidate) if !self.best.keeps_limits_as_well_as(&candidate) => {
                    self.barred = barred;
                    self.take_note(&candidate);
                    self.best = candidate;
                }
                _ => {
                    least.remove(&side);
                }
            }
        }
        Ok(())
    }

    /// Seeks whole quantities where the policy asks for them; what was found so far is where the search starts, and stays
    /// unless there is better. Where the linear program made soft limits give way by less than whole quantities need, they
    /// give way by that.
    fn seek_whole_quantities(&mut self, limits: &Limits) -> Result<Option<IntegerSearch>, PlanError> {
        let Some(policy) = self.input.policy.whole_quantities() else { return Ok(None) };
        let (input, portfolio, program) = (self.input, self.portfolio, self.program);
        let keeps = |allocation: Allocation, whole: &WholeLimits| {
            let candidate = Candidate::of(input, portfolio, program, allocation);
            let breaches = whole.breaches(&candidate.rounded.weights(portfolio));
            let lots = program.lots_beyond(&candidate.allocation.given);
            whole.given_way(&breaches).is_some() && candidate.keeps_rows(input, program, &lots)
        };
        let given = self.first.given.clone();
        let questions = Questions { input, portfolio, program, limits, given: &given, keeps: &keeps };
        let mut sighted = self.seek(policy, limits)?;
        if sighted == Sighted::Impossible
            && !self.keeps_wholes(limits)
            && let Some(least) = questions.least_given()?
        {
            self.first.given.clone_from(&least);
            sighted = self.seek(policy, limits)?;
            self.take_back(&least);
        }
        match sighted {
            Sighted::Proved(search) => Ok(Some(search)),
            _ if self.keeps_wholes(limits) => Ok(None),
            Sighted::Short(unproved) => Err(unproved),
            Sighted::Impossible => Err(PlanError::Conflict(conflict(&questions)?)),
        }
    }

    /// Limits give way by what the best orders use of it: one measure was taken for all limits of a family.
    fn take_back(&mut self, given: &[Decimal]) {
        let used = self.program.used_beyond(&self.best.rounded.trades);
        let given: Vec<Decimal> = given.iter().zip(used).map(|(given, used)| used.min(*given)).collect();
        self.best.allocation.given.clone_from(&given);
        self.first.given = given;
    }

    fn keeps_wholes(&self, limits: &Limits) -> bool {
        limits.whole.given_way(&self.best.breaches).is_some()
    }

    /// One search, of which the best orders are kept.
    fn seek(&mut self, policy: IntegerPolicy, limits: &Limits) -> Result<Sighted, PlanError> {
        let (input, portfolio, program) = (self.input, self.portfolio, self.program);
        let shortfalls = self.best.shortfalls.clone();
        let sought = Sought { input, portfolio, program, limits, first: &self.first, shortfalls: &shortfalls };
        let mut bench = Bench { input, program, best: &self.best, standing: None, better: None };
        let sighted = seek(sought, policy, &mut bench, &mut self.programs)?;
        if let Some(candidate) = bench.better {
            self.dropped.extend(candidate.rounded.dropped.iter().cloned());
            self.best = candidate;
        }
        Ok(sighted)
    }

    /// Takes out trades that move a weight by less than paying costs does, and lets the rest adapt where a limit needs it.
    fn leave_out_what_costs_outweigh(&mut self, limits: &Limits) -> Result<(), PlanError> {
        loop {
            let negligible = self.best.negligible(self.portfolio, limits);
            if negligible.is_empty() {
                return Ok(());
            }
            let left: BTreeSet<usize> = negligible.iter().map(|dropped| dropped.line).collect();
            let without = self.best.without(self.input, self.portfolio, self.program, &left);
            if without.breaks_nothing_more_than(&self.best) {
                self.dropped.extend(negligible);
                self.best = without;
                return Ok(());
            }
            // The rest must adapt, but nothing is traded in their stead.
            let traded = self.best.rounded.trades.iter().map(|trade| (trade.line, trade.side));
            let kept: BTreeSet<Sided> = traded.filter(|(line, _)| !left.contains(line)).collect();
            let lines = 0..self.portfolio.lines.len();
            let barred = lines.flat_map(|line| [(line, Side::Buy), (line, Side::Sell)]);
            let barred = barred.filter(|side| !kept.contains(side)).collect();
            let Some(candidate) = self.solve(&barred, &BTreeMap::new())? else { return Ok(()) };
            if !candidate.breaks_nothing_more_than(&self.best) {
                return Ok(());
            }
            self.dropped.extend(negligible);
            self.dropped.extend(candidate.rounded.dropped.iter().cloned());
            self.best = candidate;
        }
    }
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
    Decided { outcome, allocation, rounded, relaxed: Vec::new(), integers: None, idle: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short(rows: [i64; 2], of_wholes: i64) -> Candidate {
        let millionths = |count| Decimal::new(count, 6);
        let shortfalls = rows.map(millionths).to_vec();
        Candidate {
            allocation: Allocation::default(),
            rounded: Rounded::default(),
            breaches: Vec::new(),
            short: Short { of_rows: shortfalls.iter().sum(), of_wholes: millionths(of_wholes) },
            shortfalls,
            value: Decimal::ZERO,
        }
    }

    #[test]
    fn neither_another_row_nor_fewer_holdings_too_many_are_an_excuse_for_a_row() {
        let best = short([2, 5], 50);
        assert!(short([2, 5], 40).breaks_nothing_more_than(&best));
        assert!(!short([3, 5], 40).breaks_nothing_more_than(&best), "though the sum is smaller");
        assert!(!short([3, 1], 50).breaks_nothing_more_than(&best), "though the rows' sum is smaller");
        assert!(!short([1, 5], 60).breaks_nothing_more_than(&best));
    }
}
