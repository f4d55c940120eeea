//! The columns and rows of a search.

use std::sync::Arc;

use super::super::dense::at;
use super::super::{Column, Program, Row};

/// Columns and rows, both ways round: prices go along rows, of which few have one, and single columns come and go.
#[derive(Debug)]
pub(super) struct Form {
    program: Arc<Program>,
    /// Rows and coefficients, column after column.
    row_of: Vec<u32>,
    by: Vec<f64>,
    /// Where each column starts there, and the last ends.
    starts: Vec<usize>,
}

impl Form {
    /// Nothing where a term names no column or is not finite.
    pub(super) fn of(program: &Arc<Program>) -> Option<Self> {
        let mut starts = vec![0_usize; program.columns.len() + 1];
        for (column, by) in program.rows.iter().flat_map(|row| &row.terms) {
            *starts.get_mut(1..)?.get_mut(*column).filter(|_| by.is_finite())? += 1;
        }
        let mut end = 0;
        for start in &mut starts {
            end += *start;
            *start = end;
        }
        let mut next = starts.clone();
        let (mut row_of, mut by_term) = (vec![0_u32; end], vec![0.0; end]);
        for (index, row) in (0..).zip(&program.rows) {
            for (column, by) in &row.terms {
                let place = next.get_mut(*column)?;
                *row_of.get_mut(*place)? = index;
                *by_term.get_mut(*place)? = *by;
                *place += 1;
            }
        }
        Some(Self { program: Arc::clone(program), row_of, by: by_term, starts })
    }

    pub(super) fn columns(&self) -> &[Column] {
        &self.program.columns
    }

    /// Row and coefficient.
    pub(super) fn column(&self, index: usize) -> impl Iterator<Item = (usize, f64)> + use<'_> {
        let span = match (self.starts.get(index), self.starts.get(index + 1)) {
            (Some(start), Some(end)) => *start..*end,
            _ => 0..0,
        };
        let rows = self.row_of.get(span.clone()).unwrap_or_default();
        let by = self.by.get(span).unwrap_or_default();
        rows.iter().zip(by).map(|(row, by)| (usize::try_from(*row).unwrap_or(usize::MAX), *by))
    }

    /// By column: what a unit of it takes of the rows at these weights.
    pub(super) fn taken(&self, weights: &[f64]) -> Vec<f64> {
        let mut taken = Vec::new();
        self.take_into(&mut taken, weights);
        taken
    }

    /// The same into memory that is there already.
    pub(super) fn take_into(&self, taken: &mut Vec<f64>, weights: &[f64]) {
        taken.clear();
        taken.resize(self.columns().len(), 0.0);
        for (row, weight) in self.program.rows.iter().zip(weights).filter(|(_, weight)| **weight != 0.0) {
            for (column, by) in &row.terms {
                if let Some(taken) = taken.get_mut(*column) {
                    *taken += weight * by;
                }
            }
        }
    }

    /// By row: what these amounts of columns leave of the bounds.
    pub(super) fn left(&self, bounds: &[f64], amounts: &[f64]) -> Vec<f64> {
        let row = |(row, bound): (&Row, &f64)| {
            row.terms.iter().fold(*bound, |left, (column, by)| left - by * at(amounts, *column))
        };
        self.program.rows.iter().zip(bounds).map(row).collect()
    }
}

/// Takes so many units of a column out of what the rows have left.
pub(super) fn take(rooms: &mut [f64], terms: impl Iterator<Item = (usize, f64)>, units: f64) {
    for (row, by) in terms {
        if let Some(room) = rooms.get_mut(row) {
            *room -= by * units;
        }
    }
}
