//! The only file that names `good_lp` and `f64`.
//!
//! Programs are stated in weights (net asset value = 1): in currency units the backends lose feasible programs.
//! What goes in is finite because decimals are; what comes out is checked, and `Ok` is not taken for "optimal": the
//! status is read. The caller re-verifies everything in `Decimal`.
//!
//! There is no limit on iterations: the backend takes none for a program without integers, only a time limit, and
//! planning reads no clock. A solve that did not end would be ended by whoever started the process, before anything is
//! committed or sent; an answer that the backend had cut short would be refused as not proved.

use good_lp::solvers::microlp::microlp;
use good_lp::{Constraint, Expression, ProblemVariables, ResolutionError, Solution, SolutionStatus, SolverModel};
use good_lp::{Variable, variable};
use rust_decimal::prelude::FromPrimitive;

use crate::model::Decimal;

/// The backend's name, recorded in every plan.
pub const BACKEND: &str = "microlp";
/// The backend's version as locked; a test compares it with the lock file.
pub const BACKEND_VERSION: &str = "0.6.0";

/// Below this a weight is noise of the simplex method, not a decision: 1e-11 of net asset value.
const NOISE: f64 = 1e-11;

/// A simplex answer may leave its box by the backend's own tolerance, never by more.
const TOLERANCE: f64 = 1e-8;

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

impl AtMostRow {
    /// What column values use of it; a column without a value counts as zero.
    pub(crate) fn use_of(&self, values: &[Decimal]) -> Decimal {
        self.terms.iter().filter_map(|(column, by)| Some(*values.get(*column)? * *by)).sum()
    }
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
    #[error("a row of the program names column {0}, which the program does not have")]
    UnknownColumn(usize),
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
/// When a row names a column that does not exist, the answer is not finite or out of bounds, or the backend neither
/// proves an optimum nor infeasibility.
pub(crate) fn maximise(columns: &[BoxedColumn], rows: &[AtMostRow]) -> Result<Verdict, SolverFault> {
    let mut variables = ProblemVariables::new();
    let handles: Vec<Variable> =
        columns.iter().map(|column| variables.add(variable().min(0.0).max(float(column.upper)))).collect();
    let mut objective = Expression::with_capacity(columns.len());
    for (handle, column) in handles.iter().zip(columns) {
        objective.add_mul(float(column.reward), *handle);
    }
    let mut model = variables.maximise(objective).using(microlp);
    for row in rows {
        model.add_constraint(constraint(row, &handles)?);
    }
    let answer = model.solve().map(|solution| Answer {
        status: solution.status(),
        values: handles.iter().map(|handle| solution.value(*handle)).collect(),
    });
    verdict(columns, answer)
}

/// What the backend answers when it does not fail.
struct Answer {
    status: SolutionStatus,
    /// By column.
    values: Vec<f64>,
}

/// Reads an answer, taking nothing in it for granted.
fn verdict(columns: &[BoxedColumn], answer: Result<Answer, ResolutionError>) -> Result<Verdict, SolverFault> {
    let answer = match answer {
        Ok(answer) => answer,
        Err(ResolutionError::Infeasible) => return Ok(Verdict::Infeasible),
        Err(ResolutionError::Unbounded) => return Err(SolverFault::Unbounded),
        Err(error) => return Err(SolverFault::Backend(error.to_string())),
    };
    if !matches!(answer.status, SolutionStatus::Optimal) {
        return Err(SolverFault::NotProved);
    }
    if answer.values.len() != columns.len() {
        return Err(SolverFault::BadAnswer);
    }
    let values = columns.iter().zip(&answer.values).map(|(column, value)| snapped(column.upper, *value));
    let values = values.collect::<Result<Vec<Decimal>, SolverFault>>()?;
    let objective = columns.iter().zip(&values).map(|(column, value)| *value * column.reward).sum();
    Ok(Verdict::Optimal { values, objective })
}

/// One value of the answer as a weight, on a bound where it touches one.
#[expect(clippy::float_arithmetic, reason = "the seam to the solver; the result is re-verified in Decimal")]
fn snapped(most: Decimal, value: f64) -> Result<Decimal, SolverFault> {
    let upper = float(most);
    if !value.is_finite() || value < -TOLERANCE || value > upper + TOLERANCE {
        return Err(SolverFault::BadAnswer);
    }
    // The nearer bound: a box may be smaller than the noise.
    let (from_zero, from_most) = (value, upper - value);
    if from_zero <= NOISE && from_zero <= from_most {
        Ok(Decimal::ZERO)
    } else if from_most <= NOISE {
        Ok(most)
    } else {
        Decimal::from_f64(value).ok_or(SolverFault::BadAnswer)
    }
}

fn constraint(row: &AtMostRow, handles: &[Variable]) -> Result<Constraint, SolverFault> {
    let mut left = Expression::with_capacity(row.terms.len());
    for (column, coefficient) in &row.terms {
        let handle = handles.get(*column).ok_or(SolverFault::UnknownColumn(*column))?;
        left.add_mul(float(*coefficient), *handle);
    }
    Ok(left.leq(float(row.bound)))
}

/// The nearest float but for a last digit: the mantissa over a power of ten. `Decimal::to_f64` splits whole and fraction
/// with 128-bit divisions, which would cost more than the simplex method does. Always finite: a mantissa is below 2^96.
#[expect(clippy::float_arithmetic, reason = "the seam to the solver; the result is re-verified in Decimal")]
#[expect(clippy::cast_precision_loss, reason = "a float is what is wanted")]
pub(super) fn float(value: Decimal) -> f64 {
    value.mantissa() as f64 / 10_f64.powi(value.scale().cast_signed())
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
            let (fast, exact) = (float(dec(text)), text.parse::<f64>().expect(text));
            assert!((fast - exact).abs() <= exact.abs() * 1e-15, "{text}: {fast} and {exact}");
        }
    }

    fn read(upper: &str, status: SolutionStatus, values: &[f64]) -> Result<Verdict, SolverFault> {
        verdict(&[column(upper, "2")], Ok(Answer { status, values: values.to_vec() }))
    }

    #[test]
    fn a_solution_that_is_not_finite_or_out_of_bounds_is_refused() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -2e-8, 0.5 + 2e-8, 1e300] {
            let read = read("0.5", SolutionStatus::Optimal, &[value]);
            assert_eq!(read, Err(SolverFault::BadAnswer), "{value}");
        }
        for values in [&[][..], &[0.1, 0.1]] {
            assert_eq!(read("0.5", SolutionStatus::Optimal, values), Err(SolverFault::BadAnswer), "{values:?}");
        }
    }

    #[test]
    fn within_the_backends_tolerance_a_value_is_on_its_bound() {
        for (value, snapped) in [(-5e-9, "0"), (5e-12, "0"), (0.25, "0.25"), (0.5 - 5e-12, "0.5"), (0.5 + 5e-9, "0.5")]
        {
            let wanted = Verdict::Optimal { values: vec![dec(snapped)], objective: dec(snapped) * dec("2") };
            assert_eq!(read("0.5", SolutionStatus::Optimal, &[value]), Ok(wanted), "{value}");
        }
    }

    #[test]
    fn in_a_box_smaller_than_the_noise_the_nearer_bound_counts() {
        for (value, snapped) in [(0.0, "0"), (1e-12, "0"), (4e-12, "0.000000000005"), (5e-12, "0.000000000005")] {
            let wanted = Verdict::Optimal { values: vec![dec(snapped)], objective: dec(snapped) * dec("2") };
            assert_eq!(read("0.000000000005", SolutionStatus::Optimal, &[value]), Ok(wanted), "{value}");
        }
    }

    #[test]
    fn what_was_stopped_before_a_proof_is_refused() {
        for status in [SolutionStatus::TimeLimit, SolutionStatus::GapLimit] {
            assert_eq!(read("0.5", status, &[0.25]), Err(SolverFault::NotProved));
        }
        let timed_out = verdict(&[column("0.5", "1")], Err(ResolutionError::Other("time limit reached")));
        let Err(SolverFault::Backend(why)) = timed_out else { panic!("{timed_out:?}") };
        assert!(why.contains("time limit reached"), "{why}");
    }

    #[test]
    fn a_failing_backend_is_no_verdict() {
        let failed = |error| verdict(&[column("0.5", "1")], Err(error));
        assert_eq!(failed(ResolutionError::Unbounded), Err(SolverFault::Unbounded));
        assert_eq!(failed(ResolutionError::Infeasible), Ok(Verdict::Infeasible));
        assert!(matches!(failed(ResolutionError::Str("singular".to_owned())), Err(SolverFault::Backend(_))));
    }

    #[test]
    fn a_row_over_a_column_that_does_not_exist_is_refused() {
        let rows = [AtMostRow { terms: vec![(1, dec("1"))], bound: dec("1") }];
        assert_eq!(maximise(&[column("1", "1")], &rows), Err(SolverFault::UnknownColumn(1)));
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
