//! Solve, round, drop what no venue would take, and solve again where that is better.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::policy::IntegerPolicy;
use crate::model::{Decimal, Flow, PlanningInput, Side};

use super::candidate::{Candidate, SHORTFALL_NOISE};
use super::constraints::Limits;
use super::drift_band::{Changes, min_turnover};
use super::error::PlanError;
use super::explanation::percent;
use super::integers::{Breach, Judge, Least, Questions, Sighted, Sought, WholeLimits, conflict, nothing_found, seek};
use super::optimality::Prices;
use super::plan::{IntegerSearch, Outcome, ReasonCode};
use super::portfolio::{Line, Portfolio, least_order};
use super::program::{Allocation, Program, RelaxedRow, Sides};
use super::rounding::{Dropped, Rounded, Trade};

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
    let (outcome, best, idle) = decide(input, &program, changes, &first, best);
    let Candidate { mut allocation, rounded, shortfalls, breaches, .. } = best;
    allocation.programs = programs;
    state_what_is_used(input, &program, &rounded.trades, &mut allocation.given);
    let mut relaxed = program.relaxed(&allocation.given);
    relaxed.extend(breaches.iter().map(Breach::relaxed));
    let rounded = rounded.naming(dropped);
    let decided = Decided { outcome, allocation, rounded, relaxed, integers, idle };
    Ok((decided, Solved { program, first, shortfalls }))
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
    let tradable = portfolio.lines.iter().filter(|line| line.is_open());
    let blur = tradable.map(order).sum::<Decimal>() + LEAST_BLUR;
    for (given, used) in given.iter_mut().zip(program.used_beyond(trades)) {
        if *given > used + blur {
            *given = used.max(Decimal::ZERO);
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
        let used = |allocation: Allocation, whole: &WholeLimits| {
            let candidate = Candidate::of(input, portfolio, program, allocation);
            let breaches = whole.breaches(&candidate.rounded.weights(portfolio));
            let lots = program.lots_beyond(&candidate.allocation.given);
            let keeps = whole.given_way(&breaches).is_some() && candidate.keeps_rows(input, program, &lots);
            keeps.then(|| program.used_beyond(&candidate.rounded.trades))
        };
        let given = self.first.given.clone();
        let questions = Questions { input, portfolio, program, limits, given: &given, used: &used };
        let mut sighted = self.seek(policy, limits)?;
        if sighted == Sighted::Impossible && !self.keeps_wholes(limits) {
            let orders = match questions.least_given(policy.nodes(), &mut self.programs)? {
                Least::Given(orders) => orders,
                Least::Impossible => return Err(PlanError::Conflict(conflict(&questions)?)),
                Least::Open(nodes) => return Err(nothing_found(nodes, policy)),
            };
            self.first.given.clone_from(&orders.given);
            let orders = Allocation { objective: self.first.objective, ..orders };
            self.best = Candidate::of(input, portfolio, program, orders);
            self.dropped.extend(self.best.rounded.dropped.iter().cloned());
            sighted = self.seek(policy, limits)?;
            if let Sighted::Short(unproved) = sighted {
                return Err(unproved);
            }
            self.take_back();
        }
        match sighted {
            Sighted::Proved(search) => Ok(Some(search)),
            _ if self.keeps_wholes(limits) => Ok(None),
            Sighted::Short(unproved) => Err(unproved),
            Sighted::Impossible => Err(PlanError::Conflict(conflict(&questions)?)),
        }
    }

    /// Limits give way by what the best orders use of it.
    fn take_back(&mut self) {
        let used = self.program.used_beyond(&self.best.rounded.trades);
        for (given, used) in self.first.given.iter_mut().zip(used) {
            *given = used.clamp(Decimal::ZERO, *given);
        }
        self.best.allocation.given.clone_from(&self.first.given);
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

/// Whether the run is worth its orders, and what it does then; what it does not do has one reason for all assets.
fn decide(
    input: &PlanningInput,
    program: &Program<'_>,
    changes: Changes,
    first: &Allocation,
    best: Candidate,
) -> (Outcome, Candidate, Option<(ReasonCode, String)>) {
    let none = || Outcome::NothingToTrade("no trade would improve the portfolio within its limits".to_owned());
    let portfolio = program.portfolio;
    let idle = Candidate::idle(portfolio, program, first);
    // No limit is brought nearer by trading, whether it holds or nothing can be done about it.
    let optional = idle.breaks_nothing_more_than(&best);
    if optional && idle.value >= best.value {
        return (none(), idle, None);
    }
    if best.rounded.trades.is_empty() {
        return (none(), best, None);
    }
    let turnover = best.rounded.traded().fraction_of(portfolio.net_asset_value).get() / Decimal::TWO;
    let least = min_turnover(input);
    // A deposit is to be invested and a withdrawal to be paid, however small: only a full run has a band.
    if optional && input.flow == Flow::Full && !changes.any() && turnover < least {
        let why = format!("a turnover of {} is below the least worth a run, {}", percent(turnover), percent(least));
        let idle =
            Candidate { allocation: Allocation { objective: best.allocation.objective, ..idle.allocation }, ..idle };
        return (Outcome::NothingToTrade(why.clone()), idle, Some((ReasonCode::InBand, why)));
    }
    (Outcome::Rebalance, best, None)
}

#[cfg(test)]
mod tests {
    use super::super::sample::{dec, id, input, policy};
    use super::super::survey;
    use super::*;
    use crate::model::policy::{Limit, Soft};
    use crate::model::{ListingStatus, Money, Price, Quantity, Weight};

    /// What the cap of 40 % is stated to give way, of this much that it was found to need, where so much is sold of the 60 % that
    /// are held; the other holding has a lot of a fifth, and may be halted.
    fn stated(needed: &str, sold: &str, halted: bool) -> Vec<(String, Decimal)> {
        let policy = policy(|policy| {
            let soft = Some(Soft { priority: 2, hard_bound: None });
            policy.limits.max_weight = Some(Limit { bound: Weight::parse("0.4").expect("0.4"), soft });
        });
        let mut input = input(policy, &["600", "300"], &[("a", "6000"), ("b", "2000")], "2000");
        let listing = input.assets.get_mut(&id("b")).expect("b").listing.as_mut().expect("listed");
        listing.lot_size = Quantity::parse("2000").expect("a lot");
        listing.status = if halted { ListingStatus::Halted } else { ListingStatus::Trading };
        let survey = survey(&input).expect("a survey");
        let (portfolio, limits) = (&survey.portfolio, &survey.limits);
        let program = Program::formulate(&input, portfolio, limits, survey.changes);
        let part = dec(sold) / Decimal::from(10_000);
        let trade = Trade {
            line: portfolio.lines.iter().position(|line| *line.asset == id("a")).expect("a line"),
            side: Side::Sell,
            quantity: Quantity::parse(sold).expect(sold),
            limit_price: Price::parse("1").expect("1"),
            notional: Money::parse(sold).expect(sold),
            weight: part,
            part,
            cost: Money::ZERO,
            full_exit: false,
        };
        let trades = if part.is_zero() { Vec::new() } else { vec![trade] };
        let cap = |row: &super::super::constraints::LimitRow| {
            if row.name == "max_weight(a)" { dec(needed) } else { Decimal::ZERO }
        };
        let mut given: Vec<Decimal> = limits.rows.iter().map(cap).collect();
        state_what_is_used(&input, &program, &trades, &mut given);
        let relaxed = program.relaxed(&given);
        relaxed.into_iter().map(|row| (row.name, row.amount.normalize())).collect()
    }

    #[test]
    fn a_relaxation_is_stated_by_what_orders_use_where_lots_do_not_explain_the_difference() {
        let cap = |amount: &str| vec![("max_weight(a)".to_owned(), dec(amount))];
        assert_eq!(stated("0.2", "0", true), cap("0.2"), "what is not traded uses all of it");
        assert_eq!(stated("0.2", "10", true), cap("0.2"), "least orders of 10 explain a tenth of a percent");
        assert_eq!(stated("0.2", "1500", true), cap("0.05"));
        assert_eq!(stated("0.2", "1500", false), cap("0.2"), "a lot that could be traded explains it");
        assert_eq!(stated("0.2", "2500", true), [], "none of it is used");
    }

    /// What is there to spare is no use of it.
    #[test]
    fn a_relaxation_smaller_than_lots_explain_is_taken_back_where_its_limit_has_room_to_spare() {
        let small = vec![("max_weight(a)".to_owned(), dec("0.0005"))];
        assert_eq!(stated("0.0005", "2000", true), small);
        assert_eq!(stated("0.0005", "2100", true), []);
        assert_eq!(stated("0.000000001", "2000", true), [], "a solver's noise is none");
    }
}
