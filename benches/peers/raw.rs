//! `MicroLP` by itself, through the seam.

use index_rebalancer::solver::{Backend, Program, Settings, Verdict, solve};

/// The backend as it is: no second look at anything.
const PLAIN: Settings = Settings {
    nodes: None,
    iterations: None,
    relative_gap: 0.0,
    tolerance: 1e-8,
    presolve: false,
    scale: false,
    confirm: false,
};

/// The objective that MicroLP comes to.
pub(crate) fn by_microlp(program: &Program) -> f64 {
    match solve(program, Backend::Microlp, &PLAIN).expect("a program") {
        Verdict::Optimal(optimum) => optimum.objective,
        verdict => panic!("MicroLP: {verdict:?}"),
    }
}
