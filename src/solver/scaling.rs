//! Brings rows and columns of mixed units to one size, by powers of two so that nothing is rounded.
//!
//! Rows and columns are divided in turn by the geometric mean of their smallest and largest coefficient, a few times over
//! (Tomlin, On scaling linear programming problems, Mathematical Programming Study 4, 1975). Whole numbers keep their unit.

use super::program::{Column, Program, Row};
use super::verdict::Said;
use super::{Backend, Settings, said};

const ROUNDS: u32 = 4;

/// Factors further from one than this would do more harm than good.
const MOST: i32 = 60;

/// Solves the program in units of its own; values and bound are in the program's.
pub(super) fn solve(program: &Program, backend: Backend, settings: &Settings) -> Said {
    let units = Units::of(program);
    let unscaled = |values: Vec<f64>| values.iter().zip(&units.columns).map(|(value, unit)| value * unit).collect();
    let bound_of = |bound: Option<f64>| bound.map(|bound| bound * units.objective);
    match said(&units.scaled(program), backend, settings) {
        Said::Optimal { values, bound } => Said::Optimal { values: unscaled(values), bound: bound_of(bound) },
        Said::Stopped { values, bound } => Said::Stopped { values: values.map(unscaled), bound: bound_of(bound) },
        other => other,
    }
}

/// The program in units of its own.
pub(super) fn in_one_size(program: &Program) -> Program {
    Units::of(program).scaled(program)
}

/// What one of each is worth in the program's own units.
struct Units {
    columns: Vec<f64>,
    rows: Vec<f64>,
    objective: f64,
}

impl Units {
    fn of(program: &Program) -> Self {
        let mut units =
            Self { columns: vec![1.0; program.columns.len()], rows: vec![1.0; program.rows.len()], objective: 1.0 };
        for _ in 0..ROUNDS {
            let mut sizes = vec![Size::default(); program.columns.len()];
            for (row, unit) in program.rows.iter().zip(&mut units.rows) {
                let mut size = Size::default();
                for (column, by) in &row.terms {
                    size.add(by * units.columns.get(*column).copied().unwrap_or(1.0));
                }
                *unit = size.unit();
                for (column, by) in &row.terms {
                    if let Some(size) = sizes.get_mut(*column) {
                        size.add(by / *unit);
                    }
                }
            }
            for ((column, unit), size) in program.columns.iter().zip(&mut units.columns).zip(sizes) {
                *unit = if column.integer { 1.0 } else { 1.0 / size.unit() };
            }
        }
        let mut size = Size::default();
        for (column, unit) in program.columns.iter().zip(&units.columns) {
            size.add(column.objective * unit);
        }
        units.objective = size.unit();
        units
    }

    fn scaled(&self, program: &Program) -> Program {
        let column = |(column, unit): (&Column, &f64)| Column {
            lower: column.lower / unit,
            upper: column.upper / unit,
            objective: column.objective * unit / self.objective,
            integer: column.integer,
        };
        let row = |(row, unit): (&Row, &f64)| Row {
            lower: row.lower / unit,
            upper: row.upper / unit,
            terms: row
                .terms
                .iter()
                .map(|(column, by)| (*column, by * self.columns.get(*column).unwrap_or(&1.0) / unit))
                .collect(),
        };
        Program {
            goal: program.goal,
            constant: 0.0,
            columns: program.columns.iter().zip(&self.columns).map(column).collect(),
            rows: program.rows.iter().zip(&self.rows).map(row).collect(),
        }
    }
}

/// The smallest and the largest of some coefficients.
#[derive(Clone, Copy, Default)]
struct Size {
    range: Option<(f64, f64)>,
}

impl Size {
    fn add(&mut self, coefficient: f64) {
        let size = coefficient.abs();
        if size > 0.0 {
            let (least, most) = self.range.unwrap_or((size, size));
            self.range = Some((least.min(size), most.max(size)));
        }
    }

    /// The power of two next to the geometric mean of both; one where there are none.
    fn unit(self) -> f64 {
        let Some((least, most)) = self.range else { return 1.0 };
        let exponent = f64::midpoint(least.log2(), most.log2()).round();
        let most = f64::from(MOST);
        exponent.max(-most).min(most).exp2()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Goal;
    use super::*;

    #[test]
    fn mixed_units_come_to_one_size_and_back_without_rounding() {
        let column = |objective| Column { lower: 0.0, upper: 1e9, objective, integer: false };
        let program = Program {
            goal: Goal::Maximise,
            constant: 5.0,
            columns: vec![column(3e-7), column(2e6)],
            rows: vec![
                Row { lower: f64::NEG_INFINITY, upper: 7e9, terms: vec![(0, 1e-4), (1, 3e8)] },
                Row { lower: 1e-9, upper: f64::INFINITY, terms: vec![(0, 2e-9), (1, 5e3)] },
            ],
        };
        let units = Units::of(&program);
        let scaled = units.scaled(&program);
        let sizes: Vec<f64> = scaled.rows.iter().flat_map(|row| row.terms.iter().map(|(_, by)| by.abs())).collect();
        assert!(sizes.iter().all(|size| (0.05..20.0).contains(size)), "{sizes:?}");
        for (row, (before, unit)) in scaled.rows.iter().zip(program.rows.iter().zip(&units.rows)) {
            for ((column, by), (_, exact)) in row.terms.iter().zip(&before.terms) {
                assert!((by * unit / units.columns[*column]).total_cmp(exact).is_eq());
            }
        }
    }

    #[test]
    fn whole_numbers_keep_their_unit() {
        let column = Column { lower: 0.0, upper: 10.0, objective: 1.0, integer: true };
        let terms = vec![(0, 1e6)];
        let rows = vec![Row { lower: f64::NEG_INFINITY, upper: 1e7, terms }];
        let program = Program { goal: Goal::Maximise, constant: 0.0, columns: vec![column], rows };
        assert_eq!(Units::of(&program).columns, [1.0]);
    }
}
