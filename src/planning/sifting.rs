//! Programs of many boxed columns under few rows, solved on the few columns that are near a decision.
//!
//! At an optimum nearly every column stands at one of its ends, and the multipliers say at which. [`FewRows`] proposes
//! multipliers; the columns whose reduced reward they leave next to nothing go to the solver, the others stand where the
//! multipliers put them, and the bound that the multipliers prove for the whole program says whether the answer is its
//! optimum. Where it is not, more columns go to the solver, in the end all of them: sifting as in Bixby et al., Very
//! large-scale linear programming, Operations Research 40 (1992), with the pricing done first.
//!
//! Nothing rests on the proposal: an answer from here is the solver's, and as good as the solver's own on the whole.

#![expect(clippy::float_arithmetic, reason = "the seam to the solver; the result is re-verified in Decimal")]

use rust_decimal::prelude::FromPrimitive;

use crate::model::Decimal;

use super::few_rows::{Ending, FewRows};
use super::solver::{self, AtMostRow, BoxedColumn, SolverFault, Verdict, float};

/// With so few columns the solver is as fast alone.
const FEW_COLUMNS: usize = 48;

/// A reduced reward below this is next to nothing. Where that leaves more than half of the columns undecided, as in a
/// program that only asks how far a limit must give way, those of the proposal's basis alone.
const NEAR: [f64; 2] = [1e-9, -1.0];

/// The solver calls optimal what is this close to it.
const PROVED: f64 = 1e-10;

/// Rows that are broken by less than this without a way out may be met by the solver's own tolerance: it is asked.
const CLEARLY: f64 = 1e-7;

/// Decimals of a row's room: those that a float of a weight has.
const DECIMALS: u32 = 16;

/// Maximises the program.
///
/// # Errors
/// As [`solver::maximise`].
pub(crate) fn maximise(columns: &[BoxedColumn], rows: &[AtMostRow]) -> Result<Verdict, SolverFault> {
    if columns.len() <= FEW_COLUMNS {
        return solver::maximise(columns, rows);
    }
    let mut search = FewRows::new(columns, rows);
    match search.search() {
        Ending::Optimal => {
            let bound = search.bound();
            for near in NEAR {
                let part = Part::of(&search, columns, rows, near);
                if part.columns.len() * 2 > columns.len() {
                    continue;
                }
                if let Verdict::Optimal { values, objective } = solver::maximise(&part.columns, &part.rows)?
                    && bound - part.reward - float(objective) <= PROVED
                {
                    return Ok(part.whole(&search, columns, values));
                }
            }
        }
        Ending::Infeasible if search.breach() > CLEARLY => return Ok(Verdict::Infeasible),
        Ending::Infeasible | Ending::Unsettled => {}
    }
    solver::maximise(columns, rows)
}

/// The columns that are near a decision, under what the others leave of the rows.
struct Part {
    /// Where each of its columns is in the whole program.
    undecided: Vec<usize>,
    columns: Vec<BoxedColumn>,
    rows: Vec<AtMostRow>,
    /// What the others are worth.
    reward: f64,
}

impl Part {
    fn of(search: &FewRows, columns: &[BoxedColumn], rows: &[AtMostRow], near: f64) -> Self {
        let undecided: Vec<usize> = (0..columns.len()).filter(|index| search.is_undecided(*index, near)).collect();
        let mut place = vec![None; columns.len()];
        for (position, index) in undecided.iter().enumerate() {
            if let Some(place) = place.get_mut(*index) {
                *place = Some(position);
            }
        }
        let full = |index: &usize| search.is_full(*index) && place.get(*index) == Some(&None);
        let row = |row: &AtMostRow| {
            let mut terms = Vec::new();
            let mut used = 0.0;
            for (column, by) in &row.terms {
                if let Some(position) = place.get(*column).copied().flatten() {
                    terms.push((position, *by));
                } else if full(column) {
                    used += columns.get(*column).map_or(0.0, |column| float(column.upper)) * float(*by);
                }
            }
            let used = Decimal::from_f64(used).unwrap_or_default().round_dp(DECIMALS);
            AtMostRow { terms, bound: row.bound - used }
        };
        let reward = columns.iter().enumerate().filter(|(index, _)| full(index));
        Self {
            columns: undecided.iter().filter_map(|index| columns.get(*index)).copied().collect(),
            rows: rows.iter().map(row).collect(),
            reward: reward.map(|(_, column)| float(column.reward) * float(column.upper)).sum(),
            undecided,
        }
    }

    /// The answer for the whole program.
    fn whole(&self, search: &FewRows, columns: &[BoxedColumn], values: Vec<Decimal>) -> Verdict {
        let stands = |(index, column): (usize, &BoxedColumn)| {
            if search.is_full(index) { column.upper } else { Decimal::ZERO }
        };
        let mut whole: Vec<Decimal> = columns.iter().enumerate().map(stands).collect();
        for (index, value) in self.undecided.iter().zip(values) {
            if let Some(whole) = whole.get_mut(*index) {
                *whole = value;
            }
        }
        let traded = columns.iter().zip(&whole).filter(|(_, value)| !value.is_zero());
        let objective = traded.map(|(column, value)| *value * column.reward).sum();
        Verdict::Optimal { values: whole, objective }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planning::drawn::{Draws, drawn};

    /// A program of the planner's kind: pieces of trades, some worth the same, under a few rows, some without any room, some
    /// of which may give way.
    fn program(seed: u64) -> (Vec<BoxedColumn>, Vec<AtMostRow>) {
        let mut draws = Draws(seed);
        let (mut columns, mut rows) = (Vec::new(), Vec::new());
        for part in 0..=seed % 9 {
            let (more, _) = drawn(seed * 31 + part);
            columns.extend(more);
        }
        let uninteresting = seed.is_multiple_of(5);
        for column in &mut columns {
            if uninteresting {
                column.reward = Decimal::ZERO;
            }
            if draws.below(5) {
                column.upper /= Decimal::from(1_000_000_000);
            }
        }
        for _ in 0..=seed % 11 {
            let coefficient = if draws.below(50) { Decimal::ONE } else { draws.part() - Decimal::new(4, 1) };
            let mut terms = Vec::new();
            for index in 0..columns.len() {
                if draws.below(60) {
                    terms.push((index, if draws.below(50) { coefficient } else { draws.part() }));
                }
            }
            let mut bound = if draws.below(20) { Decimal::ZERO } else { draws.part() };
            if draws.below(20) {
                bound = -bound * Decimal::new(2, 1);
            }
            if draws.below(50) {
                terms.push((columns.len(), Decimal::NEGATIVE_ONE));
                columns.push(BoxedColumn { upper: Decimal::TEN, reward: -draws.part() * Decimal::TEN });
            }
            rows.push(AtMostRow { terms, bound });
        }
        (columns, rows)
    }

    /// How often each way out is taken.
    #[derive(Debug, Default)]
    struct Taken {
        optimal: u32,
        infeasible: u32,
        /// More columns than the solver is given at once.
        many: u32,
        by_proposal: u32,
    }

    #[test]
    fn the_answer_is_the_solvers_own() {
        let mut taken = Taken::default();
        for seed in 1..=1500 {
            let (columns, rows) = program(seed);
            let alone = solver::maximise(&columns, &rows).expect("an answer");
            let sifted = maximise(&columns, &rows).expect("an answer");
            match (&alone, &sifted) {
                (Verdict::Infeasible, Verdict::Infeasible) => taken.infeasible += 1,
                (Verdict::Optimal { objective, .. }, Verdict::Optimal { objective: found, values }) => {
                    taken.optimal += 1;
                    let apart = (*objective - *found).abs();
                    assert!(apart <= Decimal::new(1, 8), "seed {seed}: {found} and {objective}");
                    for row in &rows {
                        let over = row.use_of(values) - row.bound;
                        assert!(over <= Decimal::new(1, 8), "seed {seed}: a row is broken by {over}");
                    }
                }
                _ => panic!("seed {seed}: {sifted:?} and {alone:?}"),
            }
            if columns.len() > FEW_COLUMNS {
                taken.many += 1;
                let mut search = FewRows::new(&columns, &rows);
                let ended = search.search();
                let agrees = match alone {
                    Verdict::Infeasible => ended == Ending::Infeasible && search.breach() > CLEARLY,
                    Verdict::Optimal { objective, .. } => (search.bound() - float(objective)).abs() < 1e-8,
                };
                taken.by_proposal += u32::from(agrees);
            }
        }
        let enough = taken.optimal > 500 && taken.infeasible > 100 && taken.many > 1000;
        assert!(enough, "a case is missing: {taken:?}");
        assert!(taken.by_proposal * 100 >= taken.many * 99, "the solver has to do it all: {taken:?}");
    }
}
