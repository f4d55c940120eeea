//! The only file that names `good_lp` and `f64`.
//!
//! Programs are stated in weights (net asset value = 1): in currency units the backends lose feasible programs.
//! What goes in is checked to be finite, what comes out is checked again, and `Ok` is not taken for "optimal":
//! the status is read. The caller re-verifies everything in `Decimal`.

use good_lp::solvers::microlp::microlp;
use good_lp::{Constraint, Expression, ProblemVariables, ResolutionError, Solution, SolutionStatus, SolverModel};
use good_lp::{Variable, variable};
use rust_decimal::prelude::{FromPrimitive, ToPrimitive};

use crate::model::Decimal;

/// The backend's name, recorded in every plan.
pub const BACKEND: &str = "microlp";
/// The backend's version as locked; a test compares it with the lock file.
pub const BACKEND_VERSION: &str = "0.6.0";

/// Below this a weight is noise of the simplex method, not a decision: 1e-11 of net asset value.
const NOISE: f64 = 1e-11;

/// A column: 0 ≤ x ≤ upper.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BoxedColumn {
    pub(crate) upper: Decimal,
    /// Objective per unit; the program is maximised.
    pub(crate) reward: Decimal,
}

/// A row: Σ coefficient · x ≤ bound.
#[derive(Debug, Clone)]
pub(crate) struct AtMostRow {
    pub(crate) terms: Vec<(usize, Decimal)>,
    pub(crate) bound: Decimal,
}

/// What the backend says of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Column values, snapped to their bounds where they touch them, and the objective.
    Optimal {
        values: Vec<Decimal>,
        objective: Decimal,
    },
    Infeasible,
}

/// The backend failed or answered what cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SolverFault {
    #[error("the program has a coefficient that is not a finite number")]
    NotFinite,
    #[error("the solver calls the program unbounded although every column is bounded")]
    Unbounded,
    #[error("the solver stopped before it had proved optimality")]
    NotProved,
    #[error("the solver's answer is not finite or leaves the columns' bounds")]
    BadAnswer,
    #[error("the solver failed: {0}")]
    Backend(String),
}

/// Maximises the program.
///
/// # Errors
/// When the input or the answer is not finite, or the backend neither proves an optimum nor infeasibility.
#[expect(clippy::float_arithmetic, reason = "the seam to the solver; the result is re-verified in Decimal")]
pub(crate) fn maximise(columns: &[BoxedColumn], rows: &[AtMostRow]) -> Result<Verdict, SolverFault> {
    let uppers = columns.iter().map(|column| finite(column.upper)).collect::<Result<Vec<f64>, _>>()?;
    let mut variables = ProblemVariables::new();
    let handles: Vec<Variable> = uppers.iter().map(|upper| variables.add(variable().min(0.0).max(*upper))).collect();
    let mut objective = Expression::with_capacity(columns.len());
    for (handle, column) in handles.iter().zip(columns) {
        objective.add_mul(finite(column.reward)?, *handle);
    }
    let mut model = variables.maximise(objective).using(microlp);
    for row in rows {
        model.add_constraint(constraint(row, &handles)?);
    }
    let solution = match model.solve() {
        Ok(solution) => solution,
        Err(ResolutionError::Infeasible) => return Ok(Verdict::Infeasible),
        Err(ResolutionError::Unbounded) => return Err(SolverFault::Unbounded),
        Err(error) => return Err(SolverFault::Backend(error.to_string())),
    };
    if !matches!(solution.status(), SolutionStatus::Optimal) {
        return Err(SolverFault::NotProved);
    }
    let mut values = Vec::with_capacity(columns.len());
    let mut total = Decimal::ZERO;
    for ((handle, upper), column) in handles.iter().zip(&uppers).zip(columns) {
        let value = solution.value(*handle);
        // A simplex answer may leave its box by the backend's own tolerance, never by more.
        if !value.is_finite() || value < -1e-8 || value > *upper + 1e-8 {
            return Err(SolverFault::BadAnswer);
        }
        let value = if value >= *upper - NOISE {
            column.upper
        } else if value <= NOISE {
            Decimal::ZERO
        } else {
            Decimal::from_f64(value).ok_or(SolverFault::BadAnswer)?
        };
        total += value * column.reward;
        values.push(value);
    }
    Ok(Verdict::Optimal { values, objective: total })
}

fn constraint(row: &AtMostRow, handles: &[Variable]) -> Result<Constraint, SolverFault> {
    let mut left = Expression::with_capacity(row.terms.len());
    for (column, coefficient) in &row.terms {
        let handle = handles.get(*column).ok_or(SolverFault::BadAnswer)?;
        left.add_mul(finite(*coefficient)?, *handle);
    }
    Ok(left.leq(finite(row.bound)?))
}

/// The nearest float but for a last digit: the mantissa over a power of ten. `Decimal::to_f64` splits whole and fraction
/// with 128-bit divisions, which would cost more than the simplex method does.
#[expect(clippy::float_arithmetic, reason = "the seam to the solver; the result is re-verified in Decimal")]
fn finite(value: Decimal) -> Result<f64, SolverFault> {
    let power = i32::try_from(value.scale()).map_err(|_| SolverFault::NotFinite)?;
    let mantissa = value.mantissa().to_f64().ok_or(SolverFault::NotFinite)?;
    let float = mantissa / 10_f64.powi(power);
    if float.is_finite() { Ok(float) } else { Err(SolverFault::NotFinite) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dec(text: &str) -> Decimal {
        text.parse().expect(text)
    }

    fn column(upper: &str, reward: &str) -> BoxedColumn {
        BoxedColumn { upper: dec(upper), reward: dec(reward) }
    }

    #[test]
    fn fills_the_better_column_first_and_snaps_to_bounds() {
        let columns = [column("0.3", "1"), column("0.7", "2")];
        let rows = [AtMostRow { terms: vec![(0, dec("1")), (1, dec("1"))], bound: dec("0.8") }];
        let verdict = maximise(&columns, &rows).expect("solves");
        let Verdict::Optimal { values, objective } = verdict else { panic!("feasible") };
        assert_eq!(values.get(1), Some(&dec("0.7")));
        assert_eq!(values.first().map(|value| value.round_dp(9)), Some(dec("0.1")));
        assert_eq!(objective.round_dp(9), dec("1.5"));
    }

    #[test]
    fn floats_agree_with_the_exact_conversion() {
        for text in ["0", "-0.25", "0.3333333333333333333333333333", "1146.5", "0.0000000000000000000000000001"] {
            let (fast, exact) = (finite(dec(text)).expect(text), text.parse::<f64>().expect(text));
            assert!((fast - exact).abs() <= exact.abs() * 1e-15, "{text}: {fast} and {exact}");
        }
    }

    #[test]
    fn says_infeasible() {
        let rows = [AtMostRow { terms: vec![(0, dec("-1"))], bound: dec("-2") }];
        assert_eq!(maximise(&[column("1", "1")], &rows), Ok(Verdict::Infeasible));
    }

    #[test]
    fn the_recorded_version_is_the_locked_one() {
        let lock = include_str!("../../Cargo.lock");
        let entry = format!("name = \"{BACKEND}\"\nversion = \"{BACKEND_VERSION}\"");
        assert!(lock.contains(&entry), "Cargo.lock locks another {BACKEND}; update BACKEND_VERSION");
    }
}
