//! The allocation program by segments, and its solution with limits that give way in order.
//!
//! Each asset's buy and sell is a run of boxed pieces: the objective along a trade is concave and piecewise linear
//! (tracking gets dearer in segments, impact rises), so a better piece always comes before a worse one and no
//! row per asset is needed. Only the limits of `constraints` are rows.
//!
//! Maximise, in fractions of net asset value:
//! `grade_tilt · Σ gᵢ wᵢ − tracking_aversion · (Σ tᵢ φ(|wᵢ − tᵢ| / tᵢ) + max(0, 1 − Σ wᵢ − t_c))
//! − cost_aversion · Σ cost`, where only constituents have a grade gᵢ, and where `tracking` states φ to the letter: a
//! trade away from where tracking pulls to counts once more.
//!
//! Cash above its reference weight is a deviation like any other; what costs burn counts as if it were still there,
//! or a round trip would be a way to track. Without that term a run short of turnover would sell what is too much and
//! buy nothing for it: a sale alone moves as much towards the index, at half the turnover, as a sale and a purchase.
//!
//! Where the policy measures tail risk, one more column is that measure (`tail_risk`), and `risk_aversion` its price.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::model::{Decimal, PlanningInput, Side};

use super::SegmentProgram;
use super::constraints::{LimitRow, Limits, RowKind, SOLVER_NOISE, tight_buy_box, whole_buy_box};
use super::curve::{Curve, HALF};
use super::drift_band::Changes;
use super::error::PlanError;
use super::portfolio::Portfolio;
use super::rounding::Trade;
use super::slacks::Slacks;
use super::solver::{AtMostRow, BoxedColumn, SolverFault, Verdict, backend_of, maximise_on};
use super::tracking::Track;

/// Breaks ties: a hundredth of a basis point per unit of weight between the first and the last line, by id.
pub(super) const TIE_BREAK: Decimal = Decimal::from_parts(1, 0, 0, false, 6);

/// Relaxations below this are rounding of the solver, not a need.
pub(crate) const RELAXATION_NOISE: Decimal = Decimal::from_parts(1, 0, 0, false, 9);

/// Left to limits that gave way before, while later ones are asked: next to nothing, for a limit that costs decide may
/// multiply it a thousandfold; or, where the solver then finds no way at all, as little as it can tell apart.
const LEEWAYS: [Decimal; 2] = [Decimal::from_parts(1, 0, 0, false, 13), RELAXATION_NOISE];

/// Part of a piece below this is what fixed relaxations leave to spare.
const TRADE_NOISE: Decimal = RELAXATION_NOISE;

/// One piece of one side of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) line: usize,
    pub(crate) side: Side,
    pub(crate) upper: Decimal,
    pub(crate) reward: Decimal,
    pub(crate) cost_rate: Decimal,
}

/// A solution in weights, before rounding.
#[derive(Debug, Clone, Default)]
pub(crate) struct Allocation {
    /// Bought minus sold by line index; lines without a trade are absent.
    pub(crate) buys: BTreeMap<usize, Decimal>,
    pub(crate) sells: BTreeMap<usize, Decimal>,
    pub(crate) objective: Decimal,
    /// By row: how far it had to give way.
    pub(crate) given: Vec<Decimal>,
    /// Indices of the rows without slack.
    pub(crate) binding: Vec<usize>,
    /// By line: what a unit of weight adds to the measure of tail risk. Empty where there is none.
    pub(crate) tail_slopes: Vec<Decimal>,
    pub(crate) programs: u32,
}

impl Allocation {
    /// Takes what a line buys and sells at once from both sides: where nothing prices a trade a solver may do either, and to
    /// do neither leads to the same weights, takes less of every limit, and costs nothing.
    fn net(&mut self) {
        let Self { buys, sells, .. } = self;
        for (line, sold) in &mut *sells {
            if let Some(bought) = buys.get_mut(line) {
                let both = (*sold).min(*bought);
                *sold -= both;
                *bought -= both;
            }
        }
        for side in [buys, sells] {
            side.retain(|_, amount| !amount.is_zero());
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RelaxedRow {
    pub(crate) name: String,
    pub(crate) priority: u32,
    pub(crate) bound: Decimal,
    pub(crate) amount: Decimal,
}

/// The program of one run.
#[derive(Debug)]
pub(crate) struct Program<'a> {
    pub(super) input: &'a PlanningInput,
    pub(super) portfolio: &'a Portfolio<'a>,
    pub(super) limits: &'a Limits,
    /// By line; shared with the same program without a rule for ties.
    lines: Rc<[Curve]>,
    /// What each line's weight is worth less than the one's before it, so that equal choices have one answer.
    tie_step: Decimal,
}

/// Trades, then columns and rows.
pub(super) type Eased = (Vec<Column>, Vec<BoxedColumn>, Vec<AtMostRow>);

/// What a solve may trade, besides what the limits allow.
#[derive(Clone, Copy)]
pub(crate) struct Sides<'a> {
    /// Closed sides.
    pub(crate) barred: &'a dyn Fn(usize, Side) -> bool,
    /// The least weight of those that must trade.
    pub(crate) least: &'a BTreeMap<(usize, Side), Decimal>,
}

impl Sides<'static> {
    /// Every side open, none made to trade.
    const FREE: Self = Self { barred: &|_, _| false, least: &BTreeMap::new() };
}

/// Which bounds a solve uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bounds {
    /// Tightened by the worst rounding.
    Tight,
    /// The same, and each row gives up its room for rounding, at a price, where it cannot keep it: one row without
    /// such room must not cost all others theirs.
    Eased,
    /// The policy's own, where whole lots leave nothing to round: only below caps room is kept for what costs take, unless
    /// that would take a lot.
    Whole,
    /// The policy's own.
    Exact,
}

impl<'a> Program<'a> {
    pub(crate) fn formulate(
        input: &'a PlanningInput,
        portfolio: &'a Portfolio<'a>,
        limits: &'a Limits,
        changes: Changes,
    ) -> Self {
        let curve = |line| Curve::of(input, limits, line, Track::of(input, portfolio, line, changes));
        let lines = portfolio.lines.iter().map(curve).collect();
        let tie_step = TIE_BREAK / Decimal::from(portfolio.lines.len().max(1));
        Self { input, portfolio, limits, lines, tie_step }
    }

    /// Solves. First with bounds tightened for rounding, then with the policy's own, then lets soft limits give
    /// way: in order of priority, each by the least that those before it allow.
    pub(crate) fn solve(&self) -> Result<Allocation, PlanError> {
        let mut programs = 0;
        if let Some(allocation) = self.solve_within(&Sides::FREE, &self.nothing_given(), &mut programs)? {
            return Ok(allocation);
        }
        let mut elastic = None;
        for leeway in LEEWAYS {
            if elastic.is_none() {
                elastic = self.solve_elastic(leeway, &mut programs)?;
            }
        }
        let Some(elastic) = elastic else {
            return Err(PlanError::Conflict(self.conflict()?));
        };
        // Once it is settled what gives way, everything else keeps its room for rounding where it can.
        let refined = self.solve_within(&Sides::FREE, &elastic.given, &mut programs)?;
        Ok(Allocation { programs, ..refined.unwrap_or(elastic) })
    }

    /// The same without a rule for ties.
    pub(super) fn untied(&self) -> Self {
        Self { tie_step: Decimal::ZERO, lines: Rc::clone(&self.lines), ..*self }
    }

    /// What the first solve is given.
    pub(crate) fn as_numbers(&self) -> Result<SegmentProgram, SolverFault> {
        let columns = self.columns(Bounds::Tight, &|_, _| false);
        let mut rows = self.rows(&columns, Bounds::Tight, &self.nothing_given());
        let mut all = self.boxes(&columns);
        self.measure_idle_cash(&columns, &mut all, &mut rows);
        if self.limits.risk.is_some() {
            let _ = self.optimum(&columns, &all, &mut rows)?;
        }
        let line = |column: &Column| Some((self.portfolio.lines.get(column.line)?.asset.clone(), column.side));
        Ok(SegmentProgram { columns: all, rows, trades: columns.iter().filter_map(line).collect() })
    }

    /// Solves again without the trades that no venue would take, or with as much of them as it would. What gave way in
    /// `first` may give way as far and no further; absent when the limits cannot be met so.
    pub(crate) fn solve_again(
        &self,
        sides: &Sides<'_>,
        first: &Allocation,
        programs: &mut u32,
    ) -> Result<Option<Allocation>, PlanError> {
        self.solve_within(sides, &first.given, programs)
    }

    /// How far orders in whole lots may pass each limit that gave way: it gave way by no more than parts of lots need.
    pub(super) fn lots_beyond(&self, given: &[Decimal]) -> Vec<Decimal> {
        let open = self.portfolio.lines.iter().filter(|line| line.is_open());
        let lots: Decimal = open.map(|line| line.lot).sum();
        let beyond = |(row, given): (&LimitRow, &Decimal)| match row.kind {
            RowKind::Turnover if !given.is_zero() => lots / Decimal::TWO,
            _ => Decimal::ZERO,
        };
        self.limits.rows.iter().zip(given).map(beyond).collect()
    }

    pub(super) fn nothing_given(&self) -> Vec<Decimal> {
        vec![Decimal::ZERO; self.limits.rows.len()]
    }

    /// The optimum that keeps every row at its bound plus what it is `given`; absent when there is none.
    fn solve_within(
        &self,
        sides: &Sides<'_>,
        given: &[Decimal],
        programs: &mut u32,
    ) -> Result<Option<Allocation>, PlanError> {
        for bounds in [Bounds::Tight, Bounds::Eased, Bounds::Exact] {
            let columns = self.columns(bounds, sides.barred);
            let mut rows = self.rows(&columns, bounds, given);
            let mut all = self.boxes(&columns);
            self.measure_idle_cash(&columns, &mut all, &mut rows);
            if bounds == Bounds::Eased {
                self.ease(given, &mut all, &mut rows);
            }
            rows.extend(sides.least.iter().map(|(side, least)| at_least(&columns, *side, *least)));
            *programs += 1;
            if let Verdict::Optimal { values, objective } = self.optimum(&columns, &all, &mut rows)? {
                return Ok(Some(self.allocation(&columns, &rows, &values, objective, given.to_vec(), *programs)));
            }
        }
        Ok(None)
    }

    /// Maximises on the backend that the policy asks for.
    pub(super) fn maximise(&self, columns: &[BoxedColumn], rows: &[AtMostRow]) -> Result<Verdict, SolverFault> {
        maximise_on(backend_of(self.input.policy.solver_backend()), columns, rows)
    }

    /// The optimum when soft rows give way; absent when that is not enough.
    fn solve_elastic(&self, leeway: Decimal, programs: &mut u32) -> Result<Option<Allocation>, PlanError> {
        let columns = self.columns(Bounds::Exact, &|_, _| false);
        let rows = self.rows(&columns, Bounds::Exact, &self.nothing_given());
        let slacks = Slacks::new(&self.limits.rows, self.boxes(&columns).len());
        if slacks.is_empty() {
            return Ok(None);
        }
        let mut fixed: Vec<AtMostRow> = Vec::new();
        let mut needed: BTreeSet<usize> = BTreeSet::new();
        for members in slacks.by_priority() {
            // Trades are free here: what is sought is the least relaxation, whatever it is worth.
            let mut all = self.without_reward(&columns);
            all.extend(slacks.columns(Some(members)));
            let mut rows = slacks.extend(rows.clone());
            rows.extend(fixed.iter().cloned());
            *programs += 1;
            let Verdict::Optimal { objective, .. } = self.optimum(&columns, &all, &mut rows)? else { return Ok(None) };
            let least = (-objective).max(Decimal::ZERO);
            let least = if least <= RELAXATION_NOISE { Decimal::ZERO } else { least };
            if !least.is_zero() {
                needed.extend(members);
            }
            let terms = members.iter().map(|slack| (*slack, Decimal::ONE)).collect();
            fixed.push(AtMostRow { terms, bound: least + leeway });
        }
        let mut all = self.boxes(&columns);
        all.extend(slacks.columns(None));
        let mut rows = slacks.extend(rows);
        rows.extend(fixed);
        self.measure_idle_cash(&columns, &mut all, &mut rows);
        *programs += 1;
        let Verdict::Optimal { values, objective } = self.optimum(&columns, &all, &mut rows)? else { return Ok(None) };
        let given = slacks.given(self.nothing_given(), &values, &needed);
        Ok(Some(self.allocation(&columns, &rows, &values, objective, given, *programs)))
    }

    /// The limits that gave way.
    pub(crate) fn relaxed(&self, given: &[Decimal]) -> Vec<RelaxedRow> {
        let rows = self.limits.rows.iter().zip(given);
        rows.filter(|(_, amount)| **amount > RELAXATION_NOISE)
            .filter_map(|(row, amount)| {
                Some(RelaxedRow {
                    name: row.name.clone(),
                    priority: row.soft?.priority,
                    bound: row.bound,
                    amount: *amount,
                })
            })
            .collect()
    }

    /// By how much trades break each row beyond what it is given.
    pub(crate) fn shortfalls(&self, trades: &[Trade], given: &[Decimal]) -> Vec<Decimal> {
        let used = self.used_beyond(trades).into_iter().zip(given);
        used.map(|(used, given)| (used - given).max(Decimal::ZERO)).collect()
    }

    /// By how much trades pass each row's own bound; below zero where they stay within it.
    pub(super) fn used_beyond(&self, trades: &[Trade]) -> Vec<Decimal> {
        let trades: Vec<(Column, Decimal)> = trades.iter().map(Self::as_column).collect();
        let risk = self.risk_after(trades.iter().map(|(column, weight)| (column.line, column.side, *weight)));
        let used = |row: &LimitRow| -> Decimal {
            match (&row.kind, risk, &self.limits.risk) {
                (RowKind::Risk, Some(after), Some(risk)) => after - risk.before,
                _ => trades.iter().map(|(column, weight)| row.kind.coefficient(self.portfolio, column) * *weight).sum(),
            }
        };
        self.limits.rows.iter().map(|row| used(row) - row.room).collect()
    }

    /// Whether trading this side would bring a row nearer that is short.
    pub(crate) fn mends(&self, shortfalls: &[Decimal], tail_slopes: &[Decimal], line: usize, side: Side) -> bool {
        let column = Self::probe(line, side);
        let mut short = self.limits.rows.iter().zip(shortfalls).filter(|(_, by)| **by > RELAXATION_NOISE);
        short.any(|(row, _)| row.kind.use_at(self.portfolio, &column, tail_slopes) < Decimal::ZERO)
    }

    /// A unit of a side, as far as limits ask.
    pub(crate) fn probe(line: usize, side: Side) -> Column {
        Column { line, side, upper: Decimal::ZERO, reward: Decimal::ZERO, cost_rate: Decimal::ZERO }
    }

    fn as_column(trade: &Trade) -> (Column, Decimal) {
        let cost_rate = trade.cost.fraction_of(trade.notional).get();
        (Column { line: trade.line, side: trade.side, upper: trade.part, reward: Decimal::ZERO, cost_rate }, trade.part)
    }

    /// One more column, and the row that makes it at least what is neither invested nor meant to be cash:
    /// `c0 + Σs − Σb − t_c ≤ idle`. Costs count as if they were still there: to burn cash is no way to track.
    pub(super) fn measure_idle_cash(&self, columns: &[Column], all: &mut Vec<BoxedColumn>, rows: &mut Vec<AtMostRow>) {
        let price = self.input.policy.objective.tracking_aversion.get();
        if price.is_zero() {
            return;
        }
        let raised = |(index, column): (usize, &Column)| match column.side {
            Side::Sell => (index, Decimal::ONE),
            Side::Buy => (index, Decimal::NEGATIVE_ONE),
        };
        let mut terms: Vec<(usize, Decimal)> = columns.iter().enumerate().map(raised).collect();
        terms.push((all.len(), Decimal::NEGATIVE_ONE));
        let cash = self.portfolio.cash_free + self.portfolio.cash_locked;
        rows.push(AtMostRow { terms, bound: self.portfolio.cash_reference - cash });
        all.push(BoxedColumn { upper: Decimal::TWO, reward: -price });
    }

    /// The program in which whole quantities are sought, by [`Bounds::Whole`]. Tail risk is in it by the planes found so far, besides those that its own
    /// optimum needs: less than all there is, so that a bound stays a bound.
    pub(super) fn whole(&self, given: &[Decimal]) -> Result<Eased, SolverFault> {
        let columns = self.columns(Bounds::Whole, &|_, _| false);
        let mut rows = self.rows(&columns, Bounds::Whole, given);
        for (given, row) in given.iter().zip(&mut rows) {
            // How far it gives way is known but for the solver's noise, of which half is left to rounding.
            row.bound += if given.is_zero() { Decimal::ZERO } else { RELAXATION_NOISE * HALF };
        }
        let mut all = self.boxes(&columns);
        self.measure_idle_cash(&columns, &mut all, &mut rows);
        if self.limits.risk.is_some() {
            let _ = self.optimum(&columns, &all, &mut rows.clone())?;
            rows.extend(self.planes(&columns));
        }
        Ok((columns, all, rows))
    }

    /// Dearer than any trade, per unit of weight: the slopes of tracking and idle cash add up to three times the aversion.
    pub(super) fn prohibitive(&self) -> Decimal {
        let objective = &self.input.policy.objective;
        let worth = objective.grade_tilt.get() + objective.tracking_aversion.get() + objective.cost_aversion.get();
        worth * Decimal::TEN
    }

    /// One more column for each row that keeps room for rounding: what it gives up of it.
    fn ease(&self, given: &[Decimal], all: &mut Vec<BoxedColumn>, rows: &mut [AtMostRow]) {
        let price = self.prohibitive();
        for ((limit, given), row) in self.limits.rows.iter().zip(given).zip(rows) {
            let room = limit.room - limit.kept() - limit.tight_room - SOLVER_NOISE;
            if given.is_zero() && room > Decimal::ZERO {
                row.terms.push((all.len(), Decimal::NEGATIVE_ONE));
                all.push(BoxedColumn { upper: room, reward: -price });
            }
        }
    }

    pub(super) fn columns(&self, bounds: Bounds, barred: &dyn Fn(usize, Side) -> bool) -> Vec<Column> {
        let mut columns = Vec::with_capacity(self.portfolio.lines.len() * 4);
        let objective = &self.input.policy.objective;
        for (index, (line, curve)) in self.portfolio.lines.iter().zip(&*self.lines).enumerate() {
            let tie = self.tie_step * Decimal::from(index);
            for (side, pieces) in curve.sides() {
                if barred(index, side) {
                    continue;
                }
                let most = match (side, bounds) {
                    (Side::Sell, _) => line.sell_box,
                    (Side::Buy, Bounds::Tight | Bounds::Eased) => tight_buy_box(self.input, self.portfolio, line),
                    (Side::Buy, Bounds::Whole) => whole_buy_box(self.input, self.portfolio, line),
                    (Side::Buy, Bounds::Exact) => line.buy_box,
                };
                let needed = side == Side::Sell || curve.buy_may_be_needed;
                let mut from = Decimal::ZERO;
                for piece in pieces {
                    if from >= most {
                        break;
                    }
                    let to = piece.to.min(most);
                    let reward = piece.reward(objective, side, tie);
                    // A buy that loses and that no limit can ask for is left out of the program; besides what it is worth
                    // itself, it may use up idle cash.
                    if needed || reward + objective.tracking_aversion.get() > Decimal::ZERO {
                        columns.push(Column {
                            line: index,
                            side,
                            upper: to - from,
                            reward,
                            cost_rate: piece.cost_rate,
                        });
                    }
                    from = to;
                }
            }
        }
        columns
    }

    pub(super) fn rows(&self, columns: &[Column], bounds: Bounds, given: &[Decimal]) -> Vec<AtMostRow> {
        let row = |(limit, given): (&LimitRow, &Decimal)| {
            let room = match bounds {
                // What gives way has nothing to spare for rounding.
                Bounds::Tight | Bounds::Eased if given.is_zero() => limit.tight_room,
                _ => limit.room - limit.kept() + given,
            };
            if let (RowKind::Risk, Some(risk)) = (&limit.kind, &self.limits.risk) {
                return AtMostRow { terms: vec![(columns.len(), Decimal::ONE)], bound: risk.before + room };
            }
            let terms = columns.iter().enumerate();
            let terms = terms.map(|(index, column)| (index, limit.kind.coefficient(self.portfolio, column)));
            AtMostRow { terms: terms.filter(|(_, coefficient)| !coefficient.is_zero()).collect(), bound: room }
        };
        self.limits.rows.iter().zip(given).map(row).collect()
    }

    /// What the objective of a solution counts from: the portfolio's own before any trade, but for idle cash and tail risk.
    pub(super) fn origin(&self) -> Decimal {
        let weights: Vec<Decimal> = self.portfolio.lines.iter().map(|line| line.weight).collect();
        let cash = self.portfolio.cash_free + self.portfolio.cash_locked;
        let idle = (cash - self.portfolio.cash_reference).max(Decimal::ZERO);
        let risk = self.limits.risk.as_ref().map_or(Decimal::ZERO, |risk| risk.aversion * risk.measure(&weights));
        self.value(&weights, Decimal::ZERO) + self.input.policy.objective.tracking_aversion.get() * idle + risk
    }

    /// The objective of a portfolio reached by given trades: for comparing rounded plans.
    pub(crate) fn value(&self, weights: &[Decimal], cost: Decimal) -> Decimal {
        let objective = &self.input.policy.objective;
        let uninvested = Decimal::ONE - weights.iter().sum::<Decimal>();
        let idle = (uninvested - self.portfolio.cash_reference).max(Decimal::ZERO);
        let mut total = -objective.cost_aversion.get() * cost - objective.tracking_aversion.get() * idle;
        if let Some(risk) = self.limits.risk.as_ref().filter(|risk| !risk.aversion.is_zero()) {
            total -= risk.aversion * risk.measure(weights);
        }
        for ((line, curve), weight) in self.portfolio.lines.iter().zip(&*self.lines).zip(weights) {
            total += objective.grade_tilt.get() * line.score * *weight;
            total -= objective.tracking_aversion.get() * curve.loss(*weight);
        }
        total
    }

    /// For programs that only ask how far a limit must give way.
    pub(super) fn without_reward(&self, columns: &[Column]) -> Vec<BoxedColumn> {
        let mut all = self.boxes(columns);
        for column in &mut all {
            column.reward = Decimal::ZERO;
        }
        all
    }

    /// The trades, and the risk column where there is one.
    pub(super) fn boxes(&self, columns: &[Column]) -> Vec<BoxedColumn> {
        let trades = columns.iter().map(|column| BoxedColumn { upper: column.upper, reward: column.reward });
        trades.chain(self.risk_column()).collect()
    }

    /// A solution, with what it leaves of the rows that are given here.
    pub(super) fn allocation(
        &self,
        columns: &[Column],
        rows: &[AtMostRow],
        values: &[Decimal],
        objective: Decimal,
        given: Vec<Decimal>,
        programs: u32,
    ) -> Allocation {
        let binding = rows.iter().enumerate().filter(|(_, row)| row.bound - row.use_of(values) <= RELAXATION_NOISE);
        let binding = binding.map(|(index, _)| index).collect();
        let tail_slopes = self.limits.risk.as_ref().map(|risk| risk.slopes(&self.weights_at(columns, values)));
        let tail_slopes = tail_slopes.unwrap_or_default();
        let mut allocation = Allocation { objective, given, binding, tail_slopes, programs, ..Allocation::default() };
        // What fixed relaxations leave to spare is no trade; a whole piece is one, however small.
        let relaxed = allocation.given.iter().any(|given| !given.is_zero());
        let spare = if relaxed { TRADE_NOISE } else { Decimal::ZERO };
        let meant = |(column, value): &(&Column, &Decimal)| **value > spare || **value == column.upper;
        for (column, value) in columns.iter().zip(values).filter(meant) {
            let side = match column.side {
                Side::Buy => &mut allocation.buys,
                Side::Sell => &mut allocation.sells,
            };
            *side.entry(column.line).or_default() += *value;
        }
        allocation.net();
        allocation
    }
}

/// The pieces of one side, no less than this together.
pub(super) fn at_least(columns: &[Column], (line, side): (usize, Side), least: Decimal) -> AtMostRow {
    let pieces = columns.iter().enumerate().filter(|(_, column)| column.line == line && column.side == side);
    AtMostRow { terms: pieces.map(|(index, _)| (index, Decimal::NEGATIVE_ONE)).collect(), bound: -least }
}
