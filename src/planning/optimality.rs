//! The program that a plan is held against: the policy's own bounds, before any room is kept for lots, and the
//! multipliers that prove how far the plan is from its best.

use std::collections::BTreeMap;

use crate::model::{Decimal, Side};

use super::constraints::RowKind;
use super::dual::Dual;
use super::integers::range_of;
use super::plan::IDLE_CASH;
use super::program::{Allocation, Bounds, Column, Program, at_least};
use super::solver::{AtMostRow, BoxedColumn};
use super::tail_risk::PricedTail;

/// The program with exact bounds, and a solution to start from.
#[derive(Debug, Clone)]
pub(crate) struct Exact {
    columns: Vec<Column>,
    all: Vec<BoxedColumn>,
    rows: Vec<AtMostRow>,
    /// How many rows come before the planes of tail risk.
    own: usize,
    /// What must be traded at least, where whole quantities were decided.
    least: Vec<AtMostRow>,
    solution: Vec<Decimal>,
}

/// Multipliers of one plan.
#[derive(Debug, Clone, Default)]
pub(crate) struct Prices {
    /// Of the rows over several lines, by name.
    pub(crate) by_limit: Vec<(String, Decimal)>,
    /// Where tail risk is limited or priced, and holds something back.
    pub(crate) tail: Option<PricedTail>,
}

impl Exact {
    /// Its multipliers are by row, those of the planes behind the others.
    pub(crate) fn dual(&self) -> Dual {
        let rows: Vec<AtMostRow> = self.rows.iter().chain(&self.least).cloned().collect();
        Dual::new(&self.all, &rows, &self.solution)
    }

    pub(super) fn trades(&self) -> &[Column] {
        &self.columns
    }

    pub(super) fn columns(&self) -> &[BoxedColumn] {
        &self.all
    }

    /// But for the planes of tail risk.
    pub(super) fn rows(&self) -> Vec<AtMostRow> {
        self.rows.iter().take(self.own).chain(&self.least).cloned().collect()
    }

    /// Of all multipliers those of the planes.
    pub(crate) fn of_planes<'a>(&self, by_row: &'a [Decimal]) -> &'a [Decimal] {
        by_row.get(self.own..self.rows.len()).unwrap_or_default()
    }

    /// The same where every line stays in the range that the whole quantities of a solution are in, of those that venue and
    /// policy leave it: what was decided against at the price of a whole holding is worth nothing at the margin.
    pub(crate) fn decided(&self, program: &Program<'_>, solution: &Allocation) -> Self {
        let mut decided = self.clone();
        if program.input.policy.whole_quantities().is_none() {
            return decided;
        }
        for line in 0..program.portfolio.lines.len() {
            let most = |side| {
                let pieces = self.columns.iter().filter(|column| column.line == line && column.side == side);
                pieces.map(|column| column.upper).sum::<Decimal>()
            };
            let traded = |side: &BTreeMap<usize, Decimal>| side.get(&line).copied().unwrap_or_default();
            let trade = traded(&solution.buys) - traded(&solution.sells);
            let most = (most(Side::Buy), most(Side::Sell));
            if let Some((low, high)) =
                range_of(program.input, program.portfolio, &program.limits.whole, line, most, trade)
            {
                decided.keep_between(line, Side::Buy, (low, high));
                decided.keep_between(line, Side::Sell, (-high, -low));
            }
        }
        decided
    }

    /// Trades no less of a side than the first, no more than the second; neither below nothing.
    fn keep_between(&mut self, line: usize, side: Side, (least, most): (Decimal, Decimal)) {
        let mut left = most.max(Decimal::ZERO);
        let columns = self.columns.iter_mut().zip(&mut self.all).filter(|(it, _)| it.line == line && it.side == side);
        for (column, boxed) in columns {
            column.upper = column.upper.min(left);
            boxed.upper = column.upper;
            left -= column.upper;
        }
        if least > Decimal::ZERO {
            self.least.push(at_least(&self.columns, (line, side), least));
        }
    }

    /// Whether the row behind the limits measures idle cash.
    pub(crate) fn has_idle_cash(&self, program: &Program<'_>) -> bool {
        self.own > program.limits.rows.len()
    }

    /// The piece that trading a little more of this side would use; its last one where that is used up.
    pub(crate) fn next_piece(&self, line: usize, side: Side) -> Option<&Column> {
        let pieces = || self.columns.iter().zip(&self.solution).filter(|(it, _)| it.line == line && it.side == side);
        let next = pieces().find(|(column, used)| **used < column.upper).or_else(|| pieces().next_back());
        next.map(|(column, _)| column)
    }
}

impl Program<'_> {
    /// The exact program around a solution: bounds are moved by what was given, and by what trades break them by beyond
    /// that. Ties are left unbroken: a plan's worth knows nothing of them.
    pub(crate) fn exact(&self, solution: &Allocation, shortfalls: &[Decimal]) -> Exact {
        let untied = self.untied();
        let columns = untied.columns(Bounds::Exact, &|_, _| false);
        let mut rows = untied.rows(&columns, Bounds::Exact, &solution.given);
        for ((row, short), limit) in rows.iter_mut().zip(shortfalls).zip(&self.limits.rows) {
            // What a run kept for rounding was the policy's to use.
            row.bound += limit.kept() + short;
        }
        let mut all = untied.boxes(&columns);
        untied.measure_idle_cash(&columns, &mut all, &mut rows);
        let mut values = by_piece(solution, &columns);
        let own = rows.len();
        if let Some(risk) = &self.limits.risk {
            // The planes that this program needs are found by solving it; that it may fail to costs a wider gap.
            let _ = untied.optimum(&columns, &all, &mut rows.clone());
            rows.extend(untied.planes(&columns));
            values.push(risk.measure(&untied.weights_at(&columns, &values)));
        }
        if let Some(idle) = rows.get(self.limits.rows.len()).filter(|_| own > self.limits.rows.len()) {
            values.push(idle.use_of(&values) - idle.bound);
        }
        Exact { columns, all, rows, own, least: Vec::new(), solution: values }
    }

    /// Multipliers that prove how far a plan is from the best; `first` is the solution of the program before anything was
    /// rounded or dropped.
    pub(crate) fn multipliers(&self, first: &Allocation, shortfalls: &[Decimal]) -> Prices {
        let exact = self.exact(first, shortfalls);
        // None at all bound too, only not closely.
        let prices = exact.dual().search().unwrap_or_default();
        // A row over a single line is the end of that line's trade.
        let limits = self.limits.rows.iter().zip(&prices).filter(|(row, _)| !matches!(row.kind, RowKind::MaxWeight(_)));
        let mut named: Vec<(String, Decimal)> = limits.map(|(row, price)| (row.name.clone(), *price)).collect();
        let most = self.input.policy.objective.tracking_aversion.get();
        if exact.has_idle_cash(self) {
            named.extend(prices.get(self.limits.rows.len()).map(|price| (IDLE_CASH.to_owned(), (*price).min(most))));
        }
        named.retain(|(_, price)| !price.is_zero());
        let tail = self.limits.risk.as_ref().and_then(|risk| {
            let limit = named.iter().find(|(name, _)| name == "risk").map_or(Decimal::ZERO, |(_, price)| *price);
            self.tail_prices(exact.of_planes(&prices)).stated(risk, limit + risk.aversion)
        });
        Prices { by_limit: named, tail }
    }
}

/// As column values: the pieces of a side are filled from the first on.
fn by_piece(allocation: &Allocation, columns: &[Column]) -> Vec<Decimal> {
    let mut left = [allocation.buys.clone(), allocation.sells.clone()];
    let fill = |column: &Column| {
        let [buys, sells] = &mut left;
        let side = if column.side == Side::Buy { buys } else { sells };
        let Some(rest) = side.get_mut(&column.line) else { return Decimal::ZERO };
        let value = (*rest).min(column.upper);
        *rest -= value;
        value
    };
    columns.iter().map(fill).collect()
}
