//! Multipliers for a program of many boxed columns under few rows.
//!
//! The solver gives no multipliers. For any `λ ≥ 0` no solution of `max Σ rⱼ xⱼ, 0 ≤ xⱼ ≤ uⱼ, Σⱼ aₖⱼ xⱼ ≤ bₖ` is worth more
//! than `D(λ) = Σ λₖ bₖ + Σ uⱼ max(0, rⱼ − Σ λₖ aₖⱼ)` (Boyd and Vandenberghe, Convex Optimization, 5.1.3), and the least
//! `D` is the program's optimum: [`FewRows`] finds it.
//!
//! Nothing rests on this: the verifier bounds by whatever comes out, and a poor search makes a wide gap, not a wrong one.

use crate::model::Decimal;
use crate::solver::{Ending, FewRows};

use super::solver::{self, AtMostRow, BoxedColumn};

/// Multipliers are kept to this many decimals: any will do.
const DECIMALS: u32 = 12;

/// The dual of a program, around one of its solutions.
#[derive(Debug, Clone)]
pub(crate) struct Dual {
    search: Option<FewRows>,
}

impl Dual {
    /// Around a solution. A bound that the solution does not keep is taken to be where the solution is, or the dual would
    /// be unbounded.
    pub(crate) fn new(columns: &[BoxedColumn], rows: &[AtMostRow], solution: &[Decimal]) -> Self {
        let kept = |row: &AtMostRow| AtMostRow { bound: row.bound.max(row.use_of(solution)), ..row.clone() };
        let rows: Vec<AtMostRow> = rows.iter().map(kept).collect();
        Self { search: solver::few_rows(columns, &rows) }
    }

    /// The best multipliers, by row; none below zero.
    ///
    /// # Errors
    /// How the search ended, where not at an optimum.
    pub(crate) fn search(&mut self) -> Result<Vec<Decimal>, Ending> {
        let Some(search) = &mut self.search else { return Err(Ending::Unsettled) };
        match search.search() {
            Ending::Optimal => Ok(solver::multipliers(search, DECIMALS)),
            ending => Err(ending),
        }
    }

    /// The same with the bound of one row moved, from where this search ended.
    pub(crate) fn moved(&self, row: usize, by: Decimal) -> Self {
        Self { search: self.search.as_ref().map(|search| solver::moved(search, row, by)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planning::solver::{SolverFault, Verdict, maximise};

    /// A stream of numbers that look random (Knuth's MMIX congruence).
    struct Draws(u64);

    impl Draws {
        /// From 0 to 1, in thousandths.
        fn part(&mut self) -> Decimal {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            Decimal::new(i64::try_from((self.0 >> 33) % 1001).expect("small"), 3)
        }

        fn below(&mut self, count: u32) -> bool {
            self.part() * Decimal::from(100) < Decimal::from(count)
        }
    }

    /// Many boxed columns under few rows, some of them degenerate: equal rewards, rows that hold nothing back or all.
    fn drawn(seed: u64) -> (Vec<BoxedColumn>, Vec<AtMostRow>) {
        let mut draws = Draws(seed);
        let (columns, rows) =
            (5 + usize::try_from(seed % 60).expect("small"), 1 + usize::try_from(seed % 7).expect("small"));
        let same = draws.part();
        let column = |draws: &mut Draws| BoxedColumn {
            upper: draws.part() / Decimal::TEN,
            reward: if draws.below(30) { same } else { draws.part() + draws.part() - Decimal::ONE },
        };
        let columns: Vec<BoxedColumn> = (0..columns).map(|_| column(&mut draws)).collect();
        let row = |draws: &mut Draws| {
            let mut terms = Vec::new();
            for index in 0..columns.len() {
                if draws.below(60) {
                    terms.push((index, draws.part() - Decimal::new(3, 1)));
                }
            }
            let bound = if draws.below(20) { Decimal::ZERO } else { draws.part() / Decimal::from(5) };
            AtMostRow { terms, bound }
        };
        let rows = (0..rows).map(|_| row(&mut draws)).collect();
        (columns, rows)
    }

    fn solved(columns: &[BoxedColumn], rows: &[AtMostRow]) -> Result<(Vec<Decimal>, Decimal), SolverFault> {
        match maximise(columns, rows)? {
            Verdict::Optimal { values, objective } => Ok((values, objective)),
            Verdict::Infeasible => panic!("nothing at all is feasible"),
        }
    }

    /// The multipliers, and the bound that they prove.
    fn searched(columns: &[BoxedColumn], rows: &[AtMostRow], solution: &[Decimal]) -> (Vec<Decimal>, Decimal) {
        let prices = Dual::new(columns, rows, solution).search().expect("an optimum");
        let mut bound: Decimal =
            rows.iter().zip(&prices).map(|(row, price)| row.bound.max(row.use_of(solution)) * price).sum();
        for (index, column) in columns.iter().enumerate() {
            let of = |(row, price): (&AtMostRow, &Decimal)| {
                let terms = row.terms.iter().filter(|(column, _)| *column == index);
                terms.map(|(_, by)| *by * *price).sum::<Decimal>()
            };
            let left = column.reward - rows.iter().zip(&prices).map(of).sum::<Decimal>();
            bound += column.upper * left.max(Decimal::ZERO);
        }
        (prices, bound)
    }

    #[test]
    fn the_search_reaches_the_optimum_around_any_solution() {
        for seed in 1..=400 {
            let (columns, rows) = drawn(seed);
            let (values, optimum) = solved(&columns, &rows).expect("solves");
            let none = vec![Decimal::ZERO; columns.len()];
            for around in [&values, &none] {
                let (_, bound) = searched(&columns, &rows, around);
                let over = bound - optimum;
                assert!(over >= Decimal::new(-1, 9), "seed {seed}: {bound} is below {optimum}");
                assert!(over <= Decimal::new(1, 9), "seed {seed}: {bound} is far above {optimum}");
            }
        }
    }

    /// Rows that the solution does not keep are taken to be where it is.
    #[test]
    fn a_solution_out_of_bounds_moves_the_bounds() {
        let columns = [BoxedColumn { upper: Decimal::ONE, reward: Decimal::ONE }];
        let rows = [AtMostRow { terms: vec![(0, Decimal::ONE)], bound: Decimal::NEGATIVE_ONE }];
        let found = searched(&columns, &rows, &[Decimal::new(5, 1)]);
        assert_eq!(found, (vec![Decimal::ONE], Decimal::new(5, 1)));
    }

    #[test]
    fn what_holds_nothing_back_has_no_price() {
        let columns = [BoxedColumn { upper: Decimal::ONE, reward: Decimal::TWO }];
        let rows = [AtMostRow { terms: vec![(0, Decimal::ONE)], bound: Decimal::TEN }];
        assert_eq!(searched(&columns, &rows, &[Decimal::ONE]), (vec![Decimal::ZERO], Decimal::TWO));
    }

    #[test]
    fn moved_so_far_that_nothing_is_left_it_says_so() {
        let columns = [BoxedColumn { upper: Decimal::ONE, reward: Decimal::ONE }];
        let rows = [AtMostRow { terms: vec![(0, Decimal::ONE)], bound: Decimal::new(5, 1) }];
        let mut dual = Dual::new(&columns, &rows, &[]);
        assert_eq!(dual.search(), Ok(vec![Decimal::ONE]));
        assert_eq!(dual.moved(0, Decimal::ONE).search(), Ok(vec![Decimal::ZERO]));
        assert_eq!(dual.moved(0, Decimal::new(-6, 1)).search(), Err(Ending::Infeasible));
    }
}
