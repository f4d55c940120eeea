//! MicroLP, through the model that `good_lp` builds: `good_lp` itself would neither pass on a limit on nodes nor say what is
//! proved.

use good_lp::solvers::microlp::microlp;
use microlp::{Error, Solution, SolveOptions, SolveOutcome, TerminationReason};

use super::program::Program;
use super::verdict::{Beyond, Said};
use super::{Backend, Settings, model};

const SELF: Backend = Backend::Microlp;

/// What it is told; left to itself it takes no limit and no gap.
pub(super) fn told(settings: &Settings) -> Vec<String> {
    let nodes = settings.nodes.map(|limit| format!("node_limit={limit}"));
    let gap = (settings.relative_gap > 0.0).then(|| format!("mip_gap={}", settings.relative_gap));
    nodes.into_iter().chain(gap).collect()
}

/// Solves. Without integers it ends by itself or not at all: a cycle would be ended by whoever started the process.
pub(super) fn solve(program: &Program, settings: &Settings) -> Said {
    if settings.iterations.is_some() {
        return Said::Beyond(Beyond::IterationLimit(SELF));
    }
    if let Some(column) = program.columns.iter().position(|column| column.integer && !fits(column.lower, column.upper))
    {
        return Said::Beyond(Beyond::IntegerRange(SELF, column));
    }
    let mut options = SolveOptions::default();
    options.node_limit = settings.nodes.map(u64::from);
    options.mip_gap = settings.relative_gap;
    let said = match model::stated(program, microlp).as_inner().solve_with(options) {
        Ok(outcome) => outcome_of(program, &outcome),
        Err(Error::Infeasible) => Said::Infeasible,
        Err(Error::Unbounded) => Said::Unbounded,
        Err(error) => Said::Beyond(Beyond::Failed(SELF, error.to_string())),
    };
    at_the_edge(program, &said).map_or(said, |column| Said::Beyond(Beyond::IntegerRange(SELF, column)))
}

/// Are the finite bounds inside the whole numbers of 32 bits?
fn fits(lower: f64, upper: f64) -> bool {
    let range = f64::from(i32::MIN)..=f64::from(i32::MAX);
    [lower, upper].iter().all(|bound| bound.is_infinite() || range.contains(bound))
}

/// A whole number without a bound is given one of 32 bits on the way: one that ends there would go further.
fn at_the_edge(program: &Program, said: &Said) -> Option<usize> {
    let (Said::Optimal { values, .. } | Said::Stopped { values: Some(values), .. }) = said else { return None };
    let is_at_edge = |(column, value): (&super::Column, &f64)| {
        column.integer
            && ((column.lower.is_infinite() && *value <= f64::from(i32::MIN))
                || (column.upper.is_infinite() && *value >= f64::from(i32::MAX)))
    };
    program.columns.iter().zip(values).position(is_at_edge)
}

fn outcome_of(program: &Program, outcome: &SolveOutcome) -> Said {
    let bound = outcome.stats().best_bound;
    let values = outcome.solution().map(values);
    match (outcome.termination_reason(), values) {
        (TerminationReason::ProvenOptimal | TerminationReason::MipGap, Some(values)) => {
            Said::Optimal { values, bound: if program.has_integers() { bound } else { None } }
        }
        (_, values) => Said::Stopped { values, bound },
    }
}

fn values(solution: &Solution) -> Vec<f64> {
    solution.iter().map(|(_, value)| value).collect()
}
