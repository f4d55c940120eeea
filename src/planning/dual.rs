//! Multipliers for a program of many boxed columns under few rows: its dual, searched from a solution of the program.
//!
//! The solver gives no multipliers. For any `λ ≥ 0` no solution of `max Σ rⱼ xⱼ, 0 ≤ xⱼ ≤ uⱼ, Σⱼ aₖⱼ xⱼ ≤ bₖ` is worth more
//! than `D(λ) = Σ λₖ bₖ + Σ uⱼ max(0, rⱼ − Σ λₖ aₖⱼ)` (Boyd and Vandenberghe, Convex Optimization, 5.1.3), and the least
//! `D` is the program's optimum. At that least, columns that are strictly between their bounds have no reduced reward
//! left, and columns at a bound stay there: so only the few of the first kind need a term of their own, the others count
//! as where they are. That leaves a program with as many columns as there are rows and open columns. Columns that
//! its multipliers would move are opened, and it is solved again: columns are priced in as a sifting method prices them
//! (Bixby et al., Very large-scale linear programming, Operations Research 40, 1992).
//!
//! Nothing rests on this: the verifier bounds by whatever comes out, and a poor search makes a wide gap, not a wrong one.

use crate::model::Decimal;

use super::solver::{AtMostRow, BoxedColumn, Verdict, maximise};

/// A search ends after so many programs.
const ROUNDS: u32 = 12;

/// Closer to a bound than this, a column is on it.
const AT_BOUND: Decimal = Decimal::from_parts(1, 0, 0, false, 9);

/// No multiplier is looked for beyond this.
const MOST: Decimal = Decimal::from_parts(1_000_000, 0, 0, false, 0);

/// Multipliers are kept to this many decimals: any will do.
const DECIMALS: u32 = 12;

/// Rooms are fractions of net asset value and may be far below what the solver calls zero: they are stated in millionths.
const SCALE: Decimal = Decimal::from_parts(1_000_000, 0, 0, false, 0);

/// The least price of a multiplier, so that none is large for nothing where a row has no room at all.
const TOLL: Decimal = Decimal::from_parts(1, 0, 0, false, 12);

/// Where a column is taken to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Empty,
    Full,
    /// Free to go anywhere: it has a term of its own.
    Open,
}

#[derive(Debug, Clone)]
struct Column {
    upper: Decimal,
    reward: Decimal,
    /// By row.
    terms: Vec<(usize, Decimal)>,
    place: Place,
}

/// The dual of a program, around one of its solutions.
#[derive(Debug, Clone)]
pub(crate) struct Dual {
    columns: Vec<Column>,
    bounds: Vec<Decimal>,
}

/// Multipliers by row, and the bound that they prove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Multipliers {
    pub(crate) by_row: Vec<Decimal>,
    pub(crate) bound: Decimal,
}

impl Dual {
    /// Around a solution. A bound that the solution does not keep is taken to be where the solution is, or the dual would
    /// be unbounded.
    pub(crate) fn new(columns: &[BoxedColumn], rows: &[AtMostRow], solution: &[Decimal]) -> Self {
        let place = |upper: Decimal, value: Decimal| {
            if value <= AT_BOUND {
                Place::Empty
            } else if upper - value <= AT_BOUND {
                Place::Full
            } else {
                Place::Open
            }
        };
        let values = solution.iter().copied().chain(std::iter::repeat(Decimal::ZERO));
        let mut columns: Vec<Column> = columns
            .iter()
            .zip(values)
            .map(|(column, value)| Column {
                upper: column.upper,
                reward: column.reward,
                terms: Vec::new(),
                place: place(column.upper, value),
            })
            .collect();
        let mut bounds = Vec::with_capacity(rows.len());
        for (index, row) in rows.iter().enumerate() {
            for (column, by) in &row.terms {
                if let Some(column) = columns.get_mut(*column) {
                    column.terms.push((index, *by));
                }
            }
            bounds.push(row.bound.max(row.use_of(solution)));
        }
        Self { columns, bounds }
    }

    /// The same with the bound of one row moved.
    pub(crate) fn moved(mut self, row: usize, by: Decimal) -> Self {
        if let Some(bound) = self.bounds.get_mut(row) {
            *bound += by;
        }
        self
    }

    /// The best multipliers found: at most `close_enough` above the least bound, unless the search takes too long; none at
    /// all where the solver fails at once.
    pub(crate) fn search(mut self, close_enough: Decimal) -> Multipliers {
        let mut best = self.proved(vec![Decimal::ZERO; self.bounds.len()]);
        for _ in 0..ROUNDS {
            let Some(by_row) = self.solve() else { break };
            let found = self.proved(by_row);
            let misplaced = self.misplaced(&found.by_row);
            let short: Decimal = misplaced.iter().map(|(amount, _)| *amount).sum();
            if found.bound < best.bound {
                best = found;
            }
            if short <= close_enough {
                break;
            }
            for (_, index) in misplaced.into_iter().take(self.bounds.len() * 2 + 8) {
                if let Some(column) = self.columns.get_mut(index) {
                    column.place = Place::Open;
                }
            }
        }
        best
    }

    fn proved(&self, by_row: Vec<Decimal>) -> Multipliers {
        let mut bound: Decimal = self.bounds.iter().zip(&by_row).map(|(bound, price)| *bound * *price).sum();
        for column in &self.columns {
            bound += column.upper * column.left(&by_row).max(Decimal::ZERO);
        }
        Multipliers { by_row, bound }
    }

    /// Columns at a bound that these multipliers would move, by what that is worth.
    fn misplaced(&self, by_row: &[Decimal]) -> Vec<(Decimal, usize)> {
        let worth = |(index, column): (usize, &Column)| {
            let left = column.left(by_row);
            let amount = match column.place {
                Place::Empty => left * column.upper,
                Place::Full => -left * column.upper,
                Place::Open => Decimal::ZERO,
            };
            (amount > Decimal::ZERO).then_some((amount, index))
        };
        let mut misplaced: Vec<(Decimal, usize)> = self.columns.iter().enumerate().filter_map(worth).collect();
        misplaced.sort_unstable_by(|left, right| right.0.cmp(&left.0).then(left.1.cmp(&right.1)));
        misplaced
    }

    /// The least of the dual with every column but the open ones where it is: minimise `Σ λₖ (bₖ − what full columns
    /// use) + Σ uⱼ μⱼ` over open j, where `μⱼ ≥ rⱼ − Σ λₖ aₖⱼ`.
    fn solve(&self) -> Option<Vec<Decimal>> {
        let mut rooms = self.bounds.clone();
        for column in self.columns.iter().filter(|column| column.place == Place::Full) {
            for (row, by) in &column.terms {
                if let Some(room) = rooms.get_mut(*row) {
                    *room -= column.upper * *by;
                }
            }
        }
        let count = rooms.len();
        let mut all: Vec<BoxedColumn> =
            rooms.into_iter().map(|room| BoxedColumn { upper: MOST, reward: -(room + TOLL) * SCALE }).collect();
        let mut rows = Vec::new();
        for column in self.columns.iter().filter(|column| column.place == Place::Open) {
            let mut terms: Vec<(usize, Decimal)> = column.terms.iter().map(|(row, by)| (*row, -*by)).collect();
            terms.push((all.len(), Decimal::NEGATIVE_ONE));
            rows.push(AtMostRow { terms, bound: -column.reward });
            all.push(BoxedColumn { upper: MOST, reward: -column.upper * SCALE });
        }
        match maximise(&all, &rows) {
            Ok(Verdict::Optimal { mut values, .. }) => {
                values.truncate(count);
                Some(values.into_iter().map(|value| value.round_dp(DECIMALS)).collect())
            }
            Ok(Verdict::Infeasible) | Err(_) => None,
        }
    }
}

impl Column {
    /// What is left of the reward when what the column uses of the rows is paid for.
    fn left(&self, by_row: &[Decimal]) -> Decimal {
        let paid = self.terms.iter().filter_map(|(row, by)| by_row.get(*row).map(|price| *price * *by));
        self.reward - paid.sum::<Decimal>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planning::solver::SolverFault;

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

    #[test]
    fn the_search_reaches_the_optimum_from_any_solution() {
        for seed in 1..=400 {
            let (columns, rows) = drawn(seed);
            let (values, optimum) = solved(&columns, &rows).expect("solves");
            let none = vec![Decimal::ZERO; columns.len()];
            for start in [&values, &none] {
                let found = Dual::new(&columns, &rows, start).search(Decimal::new(1, 10));
                let over = found.bound - optimum;
                assert!(over >= Decimal::new(-1, 9), "seed {seed}: {} is below {optimum}", found.bound);
                assert!(over <= Decimal::new(1, 9), "seed {seed}: {} is far above {optimum}", found.bound);
            }
        }
    }

    /// Rows that the solution does not keep are taken to be where it is.
    #[test]
    fn a_solution_out_of_bounds_moves_the_bounds() {
        let columns = [BoxedColumn { upper: Decimal::ONE, reward: Decimal::ONE }];
        let rows = [AtMostRow { terms: vec![(0, Decimal::ONE)], bound: Decimal::NEGATIVE_ONE }];
        let found = Dual::new(&columns, &rows, &[Decimal::new(5, 1)]).search(Decimal::new(1, 10));
        assert_eq!((found.by_row, found.bound), (vec![Decimal::ONE], Decimal::new(5, 1)));
    }

    #[test]
    fn what_holds_nothing_back_has_no_price() {
        let columns = [BoxedColumn { upper: Decimal::ONE, reward: Decimal::TWO }];
        let rows = [AtMostRow { terms: vec![(0, Decimal::ONE)], bound: Decimal::TEN }];
        let found = Dual::new(&columns, &rows, &[Decimal::ONE]).search(Decimal::new(1, 10));
        assert_eq!((found.by_row, found.bound), (vec![Decimal::ZERO], Decimal::TWO));
    }
}
