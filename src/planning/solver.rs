//! The planner's programs, in decimals, over the seam to the solvers ([`crate::solver`]).
//!
//! Programs are stated in weights (net asset value = 1): in currency units the backends lose feasible programs.
//! What goes in is finite because decimals are; what comes out has been checked there, and the caller re-verifies everything
//! in `Decimal`.
//!
//! There is no limit on iterations: the default backend takes none for a program without integers, only a time limit, and
//! planning reads no clock. A solve that did not end would be ended by whoever started the process, before anything is
//! committed or sent; an answer that the backend had cut short would be refused as not proved.

use std::ops::Range;
use std::sync::Arc;

use rust_decimal::prelude::FromPrimitive;

use crate::model::Decimal;
use crate::model::policy::SolverBackend;
use crate::solver::{self, Backend, Beyond, Choices, Column, FewRows, Goal, Program, ProgramError, Row, Settings};

pub(super) use crate::solver::{Basis, Ending, Mixture, Settled};

/// How planning solves: plain, for its programs are small, in one unit, and bounded on every side.
const SETTINGS: Settings = Settings {
    nodes: None,
    iterations: None,
    relative_gap: 0.0,
    tolerance: TOLERANCE,
    presolve: false,
    scale: false,
    confirm: false,
};

/// The backend that a policy asks for.
pub(crate) const fn backend_of(named: SolverBackend) -> Backend {
    match named {
        SolverBackend::Microlp => Backend::Microlp,
        SolverBackend::Highs => Backend::Highs,
    }
}

/// Is the backend in this build?
#[must_use]
pub const fn has_backend(named: SolverBackend) -> bool {
    backend_of(named).is_built()
}

/// What the backend was told about how to solve, beyond the program; nothing where it is left to itself.
pub(crate) fn options(backend: Backend) -> Vec<String> {
    SETTINGS.as_told(backend)
}

/// Below this a weight is noise of the simplex method, not a decision: 1e-11 of net asset value.
const NOISE: f64 = 1e-11;

/// A simplex answer may leave its box by the backend's own tolerance, never by more.
const TOLERANCE: f64 = 1e-8;

/// A column: 0 ≤ x ≤ upper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoxedColumn {
    pub upper: Decimal,
    /// Objective per unit; the program is maximised.
    pub reward: Decimal,
}

/// A row: Σ coefficient · x ≤ bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AtMostRow {
    /// Coefficients by column index.
    pub terms: Vec<(usize, Decimal)>,
    pub bound: Decimal,
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

impl From<ProgramError> for SolverFault {
    fn from(error: ProgramError) -> Self {
        match error {
            ProgramError::UnknownColumn { column, .. } => Self::UnknownColumn(column),
            other => Self::Backend(other.to_string()),
        }
    }
}

impl From<Beyond> for SolverFault {
    fn from(why: Beyond) -> Self {
        match why {
            Beyond::WrongLength { .. } | Beyond::BadValue { .. } | Beyond::BrokenRow { .. } => Self::BadAnswer,
            other => Self::Backend(other.to_string()),
        }
    }
}

/// Maximises the program on the default backend.
///
/// # Errors
/// As [`maximise_on`].
#[cfg(test)]
pub(crate) fn maximise(columns: &[BoxedColumn], rows: &[AtMostRow]) -> Result<Verdict, SolverFault> {
    maximise_on(Backend::default(), columns, rows)
}

/// Maximises the program.
///
/// # Errors
/// When a row names a column that does not exist, the answer is not finite or out of bounds, or the backend neither
/// proves an optimum nor infeasibility.
pub(crate) fn maximise_on(
    backend: Backend,
    columns: &[BoxedColumn],
    rows: &[AtMostRow],
) -> Result<Verdict, SolverFault> {
    let program = Arc::new(program(columns, rows));
    let said = solver::sift(&program, backend, &SETTINGS)?;
    verdict(columns, &program.columns, said)
}

/// The search for a program's multipliers; absent where it cannot be stated.
pub(super) fn few_rows(columns: &[BoxedColumn], rows: &[AtMostRow]) -> Option<FewRows> {
    FewRows::of(&Arc::new(program(columns, rows)))
}

/// The same with the bound of one row moved.
pub(super) fn moved(search: &FewRows, row: usize, by: Decimal) -> FewRows {
    search.clone().moved(row, float(by))
}

/// The multipliers by row, to so many decimals; one that no decimal can hold, or below zero, is left out.
pub(super) fn multipliers(search: &FewRows, decimals: u32) -> Vec<Decimal> {
    let multiplier = |price: &f64| Decimal::from_f64(*price).unwrap_or_default().round_dp(decimals).max(Decimal::ZERO);
    search.prices().iter().map(multiplier).collect()
}

/// A program whose lines choose among points, stated in decimals; solved in floating point.
#[derive(Debug, Clone)]
pub(super) struct Points(Choices);

impl Points {
    /// `ties` are the rows that say of a line that it stands for a sum over others.
    pub(super) fn new(bounds: &[Decimal], ties: Range<usize>) -> Self {
        Self(Choices::new(bounds.iter().copied().map(float).collect()).with_ties(ties))
    }

    /// One more point of a line; its place.
    pub(super) fn add(&mut self, line: usize, reward: Decimal, uses: impl Iterator<Item = (usize, Decimal)>) -> usize {
        self.0.add_point(line, float(reward), uses.map(|(row, by)| (row, float(by))))
    }

    /// A line that gives room in rows for a price; its two points.
    pub(super) fn add_elastic(
        &mut self,
        line: usize,
        reward: Decimal,
        uses: impl Iterator<Item = (usize, Decimal)>,
    ) -> [usize; 2] {
        let (empty, full) = self.0.add_elastic(line, float(reward), uses.map(|(row, by)| (row, float(by))));
        [empty, full]
    }

    /// One more row, with what each point uses of it.
    pub(super) fn add_row(&mut self, bound: Decimal, use_of: impl Fn(usize) -> Decimal) {
        self.0.add_row(float(bound), |point| float(use_of(point)));
    }

    /// The best mixture of points that are open, by line; ends early where it is worth no more than `cutoff`.
    pub(super) fn mix(&self, open: &[&[usize]], from: Option<&Basis>, cutoff: Option<Decimal>) -> Mixture {
        self.0.mix(open, from, cutoff.map_or(f64::NEG_INFINITY, float))
    }

    pub(super) fn settled(&self, points: &[usize], options: &[Vec<usize>]) -> Option<Settled> {
        self.0.settled(points, options)
    }

    pub(super) fn better(&self, from: &Settled, moves: &[usize], prices: &Prices) -> Option<Settled> {
        self.0.better(from, moves, &prices.0)
    }
}

/// By row, what a unit of it is worth; a row beyond them is worth nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct Prices(Vec<f64>);

pub(super) fn prices_of(mixture: &Mixture) -> Prices {
    Prices(mixture.prices.clone())
}

/// What no choice is worth more than; absent where there is none.
pub(super) fn bound_of(mixture: &Mixture) -> Option<Decimal> {
    Decimal::from_f64(mixture.bound)
}

pub(super) fn objective_of(settled: &Settled) -> Decimal {
    Decimal::from_f64(settled.objective).unwrap_or(Decimal::MIN)
}

/// Points besides the lines' keys, with their share.
pub(super) fn parts_of(mixture: &Mixture) -> impl Iterator<Item = (usize, Decimal)> {
    mixture.parts.iter().filter_map(|(point, share)| Some((*point, Decimal::from_f64(*share)?)))
}

fn program(columns: &[BoxedColumn], rows: &[AtMostRow]) -> Program {
    Program {
        goal: Goal::Maximise,
        constant: 0.0,
        columns: columns.iter().map(boxed).collect(),
        rows: rows.iter().map(at_most).collect(),
    }
}

fn boxed(column: &BoxedColumn) -> Column {
    Column { lower: 0.0, upper: float(column.upper), objective: float(column.reward), integer: false }
}

fn at_most(row: &AtMostRow) -> Row {
    let terms = row.terms.iter().map(|(column, by)| (*column, float(*by))).collect();
    Row { lower: f64::NEG_INFINITY, upper: float(row.bound), terms }
}

/// The verdict in decimals; the columns are there as the solver was given them, too.
fn verdict(columns: &[BoxedColumn], given: &[Column], said: solver::Verdict) -> Result<Verdict, SolverFault> {
    let optimum = match said {
        solver::Verdict::Optimal(optimum) => optimum,
        solver::Verdict::Infeasible => return Ok(Verdict::Infeasible),
        solver::Verdict::Unbounded => return Err(SolverFault::Unbounded),
        solver::Verdict::Stopped(_) => return Err(SolverFault::NotProved),
        solver::Verdict::Beyond(why) => return Err(why.into()),
    };
    if optimum.values.len() != columns.len() {
        return Err(SolverFault::BadAnswer);
    }
    let values = columns.iter().zip(given).zip(&optimum.values);
    let values = values.map(|((column, given), value)| snapped(column.upper, given.upper, *value));
    let values = values.collect::<Result<Vec<Decimal>, SolverFault>>()?;
    let traded = columns.iter().zip(&values).filter(|(_, value)| !value.is_zero());
    let objective = traded.map(|(column, value)| *value * column.reward).sum();
    Ok(Verdict::Optimal { values, objective })
}

/// One value of the answer as a weight, on a bound where it touches one; the upper one is there twice.
#[expect(clippy::float_arithmetic, reason = "the seam to the solver; the result is re-verified in Decimal")]
fn snapped(most: Decimal, upper: f64, value: f64) -> Result<Decimal, SolverFault> {
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

/// Powers of ten, by exponent; a decimal has no more than 28 places.
const POWERS: [f64; 29] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22, 1e23, 1e24, 1e25, 1e26, 1e27, 1e28,
];

/// The nearest float but for a last digit: the mantissa over a power of ten. `Decimal::to_f64` splits whole and fraction
/// with 128-bit divisions, which would cost more than the simplex method does. Always finite: a mantissa is below 2^96.
#[expect(clippy::float_arithmetic, reason = "the seam to the solver; the result is re-verified in Decimal")]
#[expect(clippy::cast_precision_loss, reason = "a float is what is wanted")]
fn float(value: Decimal) -> f64 {
    let power = usize::try_from(value.scale()).ok().and_then(|scale| POWERS.get(scale));
    let mantissa = value.mantissa();
    // The same to the last bit; what fits a register is converted by one instruction.
    let mantissa = i64::try_from(mantissa).map_or(mantissa as f64, |short| short as f64);
    mantissa / power.copied().unwrap_or(f64::INFINITY)
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

    fn read(upper: &str, values: &[f64]) -> Result<Verdict, SolverFault> {
        let optimum = solver::Optimum { values: values.to_vec(), objective: 0.0, bound: 0.0, gap: 0.0 };
        let column = column(upper, "2");
        verdict(&[column], &[boxed(&column)], solver::Verdict::Optimal(optimum))
    }

    #[test]
    fn a_solution_that_is_not_finite_or_out_of_bounds_is_refused() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -2e-8, 0.5 + 2e-8, 1e300] {
            assert_eq!(read("0.5", &[value]), Err(SolverFault::BadAnswer), "{value}");
        }
        for values in [&[][..], &[0.1, 0.1]] {
            assert_eq!(read("0.5", values), Err(SolverFault::BadAnswer), "{values:?}");
        }
    }

    #[test]
    fn within_the_backends_tolerance_a_value_is_on_its_bound() {
        for (value, snapped) in [(-5e-9, "0"), (5e-12, "0"), (0.25, "0.25"), (0.5 - 5e-12, "0.5"), (0.5 + 5e-9, "0.5")]
        {
            let wanted = Verdict::Optimal { values: vec![dec(snapped)], objective: dec(snapped) * dec("2") };
            assert_eq!(read("0.5", &[value]), Ok(wanted), "{value}");
        }
    }

    #[test]
    fn in_a_box_smaller_than_the_noise_the_nearer_bound_counts() {
        for (value, snapped) in [(0.0, "0"), (1e-12, "0"), (4e-12, "0.000000000005"), (5e-12, "0.000000000005")] {
            let wanted = Verdict::Optimal { values: vec![dec(snapped)], objective: dec(snapped) * dec("2") };
            assert_eq!(read("0.000000000005", &[value]), Ok(wanted), "{value}");
        }
    }

    fn read_as(said: solver::Verdict) -> Result<Verdict, SolverFault> {
        let column = column("0.5", "1");
        verdict(&[column], &[boxed(&column)], said)
    }

    #[test]
    fn what_was_stopped_before_a_proof_is_refused() {
        let stopped = solver::Stopped { best: None, bound: Some(0.5), gap: None };
        assert_eq!(read_as(solver::Verdict::Stopped(stopped)), Err(SolverFault::NotProved));
    }

    #[test]
    fn a_failing_backend_is_no_verdict() {
        assert_eq!(read_as(solver::Verdict::Infeasible), Ok(Verdict::Infeasible));
        assert_eq!(read_as(solver::Verdict::Unbounded), Err(SolverFault::Unbounded));
        let broken = Beyond::BrokenRow { row: 0, by: 1.0 };
        assert_eq!(read_as(solver::Verdict::Beyond(broken)), Err(SolverFault::BadAnswer));
        let singular = Beyond::Failed(Backend::Microlp, "singular".to_owned());
        let Err(SolverFault::Backend(why)) = read_as(solver::Verdict::Beyond(singular)) else { panic!("no verdict") };
        assert_eq!(why, "microlp found no way on: singular");
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
}
