//! A linear or mixed-integer program in general form.

/// Which way the objective is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    Minimise,
    Maximise,
}

impl Goal {
    /// Of two objective values, the better; what is not a number never is.
    pub(super) fn better(self, left: f64, right: f64) -> f64 {
        match self {
            Self::Minimise => left.min(right),
            Self::Maximise => left.max(right),
        }
    }
}

/// A column: `lower ≤ x ≤ upper`, either of which may be infinite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Column {
    /// Below it, nothing; `-∞` for none.
    pub lower: f64,
    /// `+∞` for none.
    pub upper: f64,
    /// Objective per unit.
    pub objective: f64,
    /// Whole numbers only.
    pub integer: bool,
}

/// A row: `lower ≤ Σ coefficient · x ≤ upper`; equal bounds make it an equation, an infinite one a one-sided limit.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub lower: f64,
    pub upper: f64,
    /// Column and coefficient; what names a column twice counts as the sum.
    pub terms: Vec<(usize, f64)>,
}

impl Row {
    /// `Σ coefficient · x`, and what the sizes of its terms add up to.
    pub(super) fn activity(&self, values: &[f64]) -> (f64, f64) {
        let products = self.terms.iter().map(|(column, by)| values.get(*column).copied().unwrap_or(0.0) * by);
        products.fold((0.0, 0.0), |(sum, size), product| (sum + product, size + product.abs()))
    }

    /// By how much a sum is outside the bounds; not positive where it is inside.
    pub(super) fn breach(&self, sum: f64) -> f64 {
        (self.lower - sum).max(sum - self.upper)
    }
}

/// A program: the goal over `constant + Σ objective · x`, subject to boxes, rows and whole numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    pub goal: Goal,
    /// Added to the objective.
    pub constant: f64,
    pub columns: Vec<Column>,
    pub rows: Vec<Row>,
}

/// A program that is none.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ProgramError {
    #[error("row {row} of the program names column {column}, which the program does not have; it has {columns}")]
    UnknownColumn { row: usize, column: usize, columns: usize },
    #[error("{what} is {value}; state a finite number")]
    NotFinite { what: String, value: f64 },
    #[error("{what} is {value}; a lower bound is a number or -inf, an upper bound a number or inf")]
    NoBound { what: String, value: f64 },
}

impl Program {
    /// Are there columns of whole numbers?
    #[must_use]
    pub fn has_integers(&self) -> bool {
        self.columns.iter().any(|column| column.integer)
    }

    /// The objective at column values.
    #[must_use]
    pub fn objective(&self, values: &[f64]) -> f64 {
        self.columns.iter().zip(values).map(|(column, value)| column.objective * value).sum::<f64>() + self.constant
    }

    pub(super) fn check(&self) -> Result<(), ProgramError> {
        finite("the objective's constant", self.constant)?;
        for (index, column) in self.columns.iter().enumerate() {
            if !column.objective.is_finite() {
                finite(&format!("the objective of column {index}"), column.objective)?;
            }
            bounds("column", index, column.lower, column.upper)?;
        }
        for (index, row) in self.rows.iter().enumerate() {
            bounds("row", index, row.lower, row.upper)?;
            for (column, by) in &row.terms {
                if *column >= self.columns.len() {
                    let columns = self.columns.len();
                    return Err(ProgramError::UnknownColumn { row: index, column: *column, columns });
                }
                if !by.is_finite() {
                    finite(&format!("the coefficient of column {column} in row {index}"), *by)?;
                }
            }
        }
        Ok(())
    }

    /// A box, or a row of nothing, that no value fits: backends differ in what they make of these.
    pub(super) fn is_infeasible_at_sight(&self, tolerance: f64) -> bool {
        let no_value = |column: &Column| {
            column.lower > column.upper || (column.integer && column.lower.ceil() > column.upper.floor())
        };
        let no_sum = |row: &Row| {
            row.lower > row.upper || (row.terms.iter().all(|(_, by)| *by == 0.0) && row.breach(0.0) > tolerance)
        };
        self.columns.iter().any(no_value) || self.rows.iter().any(no_sum)
    }
}

fn finite(what: &str, value: f64) -> Result<(), ProgramError> {
    if value.is_finite() { Ok(()) } else { Err(ProgramError::NotFinite { what: what.to_owned(), value }) }
}

fn bounds(of: &str, index: usize, lower: f64, upper: f64) -> Result<(), ProgramError> {
    if lower.is_nan() || lower == f64::INFINITY {
        return Err(ProgramError::NoBound { what: format!("the lower bound of {of} {index}"), value: lower });
    }
    if upper.is_nan() || upper == f64::NEG_INFINITY {
        return Err(ProgramError::NoBound { what: format!("the upper bound of {of} {index}"), value: upper });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Rows<'a> = &'a [(f64, f64, &'a [(usize, f64)])];

    fn program(columns: &[(f64, f64, bool)], rows: Rows<'_>) -> Program {
        let column = |(lower, upper, integer): &(f64, f64, bool)| Column {
            lower: *lower,
            upper: *upper,
            objective: 1.0,
            integer: *integer,
        };
        let row = |(lower, upper, terms): &(f64, f64, &[(usize, f64)])| Row {
            lower: *lower,
            upper: *upper,
            terms: terms.to_vec(),
        };
        Program {
            goal: Goal::Maximise,
            constant: 0.0,
            columns: columns.iter().map(column).collect(),
            rows: rows.iter().map(row).collect(),
        }
    }

    #[test]
    fn numbers_that_are_none_are_refused_by_name() {
        let mut sound = program(&[(0.0, 1.0, false)], &[(0.0, 1.0, &[(0, 1.0)])]);
        assert_eq!(sound.check(), Ok(()));
        let message = |change: &dyn Fn(&mut Program)| {
            let mut program = sound.clone();
            change(&mut program);
            program.check().map_err(|error| error.to_string())
        };
        let said = |text: &str| Err(text.to_owned());
        assert_eq!(
            message(&|it| it.constant = f64::NAN),
            said("the objective's constant is NaN; state a finite number")
        );
        assert_eq!(
            message(&|it| it.columns[0].objective = f64::INFINITY),
            said("the objective of column 0 is inf; state a finite number")
        );
        assert_eq!(
            message(&|it| it.rows[0].terms[0].1 = f64::NAN),
            said("the coefficient of column 0 in row 0 is NaN; state a finite number")
        );
        let remedy = "a lower bound is a number or -inf, an upper bound a number or inf";
        assert_eq!(
            message(&|it| it.columns[0].lower = f64::INFINITY),
            said(&format!("the lower bound of column 0 is inf; {remedy}"))
        );
        assert_eq!(
            message(&|it| it.rows[0].upper = f64::NEG_INFINITY),
            said(&format!("the upper bound of row 0 is -inf; {remedy}"))
        );
        assert_eq!(
            message(&|it| it.rows[0].lower = f64::NAN),
            said(&format!("the lower bound of row 0 is NaN; {remedy}"))
        );
        sound.rows[0].terms.push((1, 1.0));
        assert_eq!(sound.check(), Err(ProgramError::UnknownColumn { row: 0, column: 1, columns: 1 }));
    }

    #[test]
    fn boxes_and_rows_of_nothing_that_no_value_fits_are_seen_at_once() {
        let infeasible =
            |columns: &[(f64, f64, bool)], rows: Rows<'_>| program(columns, rows).is_infeasible_at_sight(1e-6);
        assert!(infeasible(&[(1.0, 0.0, false)], &[]));
        assert!(infeasible(&[(0.2, 0.8, true)], &[]));
        assert!(!infeasible(&[(0.2, 0.8, false)], &[]));
        assert!(!infeasible(&[(0.2, 1.0, true)], &[]));
        assert!(infeasible(&[(0.0, 1.0, false)], &[(2.0, 1.0, &[(0, 1.0)])]));
        assert!(infeasible(&[(0.0, 1.0, false)], &[(1.0, 2.0, &[])]));
        assert!(infeasible(&[(0.0, 1.0, false)], &[(1.0, 2.0, &[(0, 0.0)])]));
        assert!(!infeasible(&[(0.0, 1.0, false)], &[(-1.0, 0.0, &[])]));
    }
}
