//! Programs in fewer words.

use index_rebalancer::solver::{Column, Goal, Program, Row};

pub(crate) const FREE: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);
pub(crate) const FROM_ZERO: (f64, f64) = (0.0, f64::INFINITY);

/// A program that is put together bit by bit.
#[derive(Debug)]
pub(crate) struct Statement(pub(crate) Program);

impl Statement {
    pub(crate) fn minimise() -> Self {
        Self(Program { goal: Goal::Minimise, constant: 0.0, columns: Vec::new(), rows: Vec::new() })
    }

    /// One more column; its index.
    pub(crate) fn column(&mut self, (lower, upper): (f64, f64), objective: f64) -> usize {
        self.0.columns.push(Column { lower, upper, objective, integer: false });
        self.0.columns.len() - 1
    }

    /// One more column of whole numbers; its index.
    pub(crate) fn whole(&mut self, bounds: (f64, f64), objective: f64) -> usize {
        let index = self.column(bounds, objective);
        self.0.columns[index].integer = true;
        index
    }

    pub(crate) fn row(&mut self, (lower, upper): (f64, f64), terms: Vec<(usize, f64)>) {
        self.0.rows.push(Row { lower, upper, terms });
    }
}
