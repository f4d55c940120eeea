//! A linear program in the plainest form, solved by an interior-point method: nothing in common with the planner's
//! simplex on boxed segments.

use clarabel::algebra::CscMatrix;
use clarabel::solver::SupportedConeT::{NonnegativeConeT, ZeroConeT};
use clarabel::solver::{DefaultSettingsBuilder, DefaultSolver, IPSolver, SolverStatus};

pub(crate) type Term = (usize, f64);

/// Minimise a linear function of variables that may have any sign, under `≤` and `=` rows.
#[derive(Debug, Clone, Default)]
pub(crate) struct LinearProgram {
    prices: Vec<f64>,
    equal: Vec<(Vec<Term>, f64)>,
    at_most: Vec<(Vec<Term>, f64)>,
}

#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Solved {
        minimum: f64,
        /// How far below the true minimum that may be: rows that the solution does not keep, each at its multiplier, and
        /// what is between primal and dual.
        doubt: f64,
    },
    Infeasible,
    /// Anything that is not proved to full accuracy, "almost solved" too.
    Unknown,
}

impl LinearProgram {
    pub(crate) fn variable(&mut self, price: f64) -> usize {
        self.prices.push(price);
        self.prices.len() - 1
    }

    /// A variable from 0 to `most`.
    pub(crate) fn boxed(&mut self, most: f64, price: f64) -> usize {
        let variable = self.variable(price);
        self.at_least(vec![(variable, 1.0)], 0.0);
        self.at_most(vec![(variable, 1.0)], most);
        variable
    }

    pub(crate) fn not_negative(&mut self, price: f64) -> usize {
        let variable = self.variable(price);
        self.at_least(vec![(variable, 1.0)], 0.0);
        variable
    }

    pub(crate) fn at_most(&mut self, terms: Vec<Term>, bound: f64) {
        self.at_most.push((terms, bound));
    }

    pub(crate) fn at_least(&mut self, terms: Vec<Term>, bound: f64) {
        let negated = terms.into_iter().map(|(variable, by)| (variable, -by)).collect();
        self.at_most.push((negated, -bound));
    }

    pub(crate) fn equal(&mut self, terms: Vec<Term>, bound: f64) {
        self.equal.push((terms, bound));
    }

    /// What a variable costs: none of the others is asked.
    pub(crate) fn minimise_only(&mut self, terms: &[Term]) {
        self.prices.fill(0.0);
        for (variable, price) in terms {
            self.prices[*variable] += price;
        }
    }

    pub(crate) fn solve(&self) -> Answer {
        let rows: Vec<&(Vec<Term>, f64)> = self.equal.iter().chain(&self.at_most).collect();
        let (mut at, mut on, mut by) = (Vec::new(), Vec::new(), Vec::new());
        for (row, (terms, _)) in rows.iter().enumerate() {
            for (variable, coefficient) in terms {
                at.push(row);
                on.push(*variable);
                by.push(*coefficient);
            }
        }
        let variables = self.prices.len();
        let matrix = CscMatrix::new_from_triplets(rows.len(), variables, at, on, by);
        let bounds: Vec<f64> = rows.iter().map(|(_, bound)| *bound).collect();
        let cones = [ZeroConeT(self.equal.len()), NonnegativeConeT(self.at_most.len())];
        let quadratic = CscMatrix::zeros((variables, variables));
        // As exactly as it goes; where rounding stops the method short of that, a hundredth of what is compared.
        for tolerance in [1e-11, 1e-9] {
            let settings = DefaultSettingsBuilder::default()
                .verbose(false)
                .max_threads(1)
                .tol_gap_abs(tolerance)
                .tol_gap_rel(tolerance)
                .tol_feas(tolerance)
                .build()
                .expect("settings");
            let solver = DefaultSolver::new(&quadratic, &self.prices, &matrix, &bounds, &cones, settings);
            let mut solver = solver.expect("a program of matching sizes");
            solver.solve();
            match solver.solution.status {
                SolverStatus::Solved => {
                    let found = &solver.solution;
                    let broken = |(place, (terms, bound)): (usize, &&(Vec<Term>, f64))| {
                        let over = terms.iter().map(|(variable, by)| by * found.x[*variable]).sum::<f64>() - bound;
                        let over = if place < self.equal.len() { over.abs() } else { over.max(0.0) };
                        over * found.z[place].abs()
                    };
                    let broken: f64 = rows.iter().enumerate().map(broken).sum();
                    let doubt = broken + (found.obj_val - found.obj_val_dual).abs();
                    return Answer::Solved { minimum: found.obj_val, doubt };
                }
                SolverStatus::PrimalInfeasible => return Answer::Infeasible,
                _ => {}
            }
        }
        Answer::Unknown
    }
}
