//! HiGHS, through the model that `good_lp` builds: `good_lp` itself would take every gap for a limit met and would not say
//! what is proved.

use ::highs::{HighsModelStatus, HighsSolutionStatus, Model, SolvedModel};
use std::borrow::Cow;

use good_lp::solvers::highs::highs;

use super::program::{Program, Row};
use super::verdict::{Beyond, Said};
use super::{Backend, Settings, model};

const SELF: Backend = Backend::Highs;

/// HiGHS takes bounds from here for infinite, and costs; larger coefficients it refuses.
const INFINITE: f64 = 1e20;
const LARGEST: f64 = 1e15;
/// Coefficients up to here it drops as it takes a program. (An option says how small, but is heard only after that, and then
/// spoils its proofs that something is infeasible.)
const SMALL: f64 = 1e-9;
/// The tightest tolerance that it takes.
const TIGHTEST: f64 = 1e-10;

/// The status of values that keep the program.
const FEASIBLE: i64 = HighsSolutionStatus::Feasible as i64;

/// One option, as HiGHS names it.
#[derive(Debug, Clone, Copy)]
enum Value {
    Text(&'static str),
    Whole(i32),
    Real(f64),
}

/// What HiGHS is told besides the program. One thread: how many there are is decided once for the whole process.
fn options(settings: &Settings, presolve: bool) -> Vec<(&'static str, Value)> {
    let tolerance = (settings.tolerance / 10.0).max(TIGHTEST);
    let whole = |limit: u32| Value::Whole(i32::try_from(limit).unwrap_or(i32::MAX));
    let mut options = vec![
        ("threads", Value::Whole(1)),
        ("parallel", Value::Text("off")),
        ("random_seed", Value::Whole(0)),
        ("solver", Value::Text("simplex")),
        ("presolve", Value::Text(if presolve { "on" } else { "off" })),
        ("primal_feasibility_tolerance", Value::Real(tolerance)),
        ("dual_feasibility_tolerance", Value::Real(tolerance)),
        ("mip_feasibility_tolerance", Value::Real(tolerance)),
        ("mip_rel_gap", Value::Real(settings.relative_gap)),
        ("mip_abs_gap", Value::Real(0.0)),
    ];
    options.extend(settings.nodes.map(|limit| ("mip_max_nodes", whole(limit))));
    options.extend(settings.iterations.map(|limit| ("simplex_iteration_limit", whole(limit))));
    options
}

/// What it is told, as `name=value`.
pub(super) fn told(settings: &Settings) -> Vec<String> {
    let text = |(name, value): (&str, Value)| match value {
        Value::Text(text) => format!("{name}={text}"),
        Value::Whole(number) => format!("{name}={number}"),
        Value::Real(number) => format!("{name}={number}"),
    };
    options(settings, settings.presolve).into_iter().map(text).collect()
}

pub(super) fn solve(program: &Program, settings: &Settings) -> Said {
    let program = &lifted(program);
    if let Some(beyond) = beyond(program) {
        return Said::Beyond(Beyond::Magnitude(SELF, beyond));
    }
    match run(program, settings, settings.presolve) {
        // Presolve alone cannot always tell which of the two it is.
        Answer::InfeasibleOrUnbounded => match run(program, settings, false) {
            Answer::InfeasibleOrUnbounded => failed("infeasible or unbounded"),
            Answer::Said(said) => said,
        },
        Answer::Said(said) => said,
    }
}

/// The same with rows of small coefficients multiplied, by powers of two so that nothing is rounded, until none is dropped.
fn lifted(program: &Program) -> Cow<'_, Program> {
    let smallest = |row: &Row| coefficients(row).map(f64::abs).fold(f64::INFINITY, f64::min);
    if program.rows.iter().all(|row| smallest(row) > SMALL) {
        return Cow::Borrowed(program);
    }
    let mut program = program.clone();
    for row in &mut program.rows {
        let by = (SMALL / smallest(row)).log2().max(-1.0).floor() + 1.0;
        let by = by.exp2();
        row.lower *= by;
        row.upper *= by;
        row.terms.iter_mut().for_each(|(_, coefficient)| *coefficient *= by);
    }
    Cow::Owned(program)
}

/// A number that HiGHS would take for another.
fn beyond(program: &Program) -> Option<f64> {
    let bounds = program.columns.iter().flat_map(|it| [it.lower, it.upper]);
    let mut bounds = bounds.chain(program.rows.iter().flat_map(|it| [it.lower, it.upper]));
    let mut costs = program.columns.iter().map(|it| it.objective);
    bounds
        .find(|bound| bound.is_finite() && bound.abs() >= INFINITE)
        .or_else(|| costs.find(|cost| cost.abs() >= INFINITE))
        .or_else(|| program.rows.iter().flat_map(coefficients).find(|by| by.abs() >= LARGEST))
}

/// Those that are not zero.
fn coefficients(row: &Row) -> impl Iterator<Item = f64> {
    row.terms.iter().map(|(_, by)| *by).filter(|by| *by != 0.0)
}

enum Answer {
    Said(Said),
    InfeasibleOrUnbounded,
}

fn failed(why: &str) -> Said {
    Said::Beyond(Beyond::Failed(SELF, why.to_owned()))
}

fn run(program: &Program, settings: &Settings, presolve: bool) -> Answer {
    let mut model = match model::stated(program, highs).try_into_inner() {
        Ok(model) => model,
        Err(error) => return Answer::Said(failed(&error.to_string())),
    };
    for (name, value) in options(settings, presolve) {
        if set(&mut model, name, value).is_err() {
            return Answer::Said(failed(&format!("it does not take the option {name} = {value:?}")));
        }
    }
    match model.try_solve() {
        Ok(solved) => answer(program, &solved),
        Err(status) => Answer::Said(failed(&format!("{status:?}"))),
    }
}

fn set(model: &mut Model, name: &str, value: Value) -> Result<(), ::highs::TrySetOptionError> {
    match value {
        Value::Text(text) => model.try_set_option(name, text),
        Value::Whole(number) => model.try_set_option(name, number),
        Value::Real(number) => model.try_set_option(name, number),
    }
}

fn answer(program: &Program, solved: &SolvedModel) -> Answer {
    let values = || solved.get_solution().columns().to_vec();
    // Asked for by name: the crate's own reading of it stops the process where there is nothing to read.
    let has_values = solved.int_info_value(c"primal_solution_status").is_ok_and(|status| status == FEASIBLE);
    let bound = if program.has_integers() { solved.double_info_value(c"mip_dual_bound").ok() } else { None };
    Answer::Said(match solved.status() {
        HighsModelStatus::Optimal if has_values => Said::Optimal { values: values(), bound },
        HighsModelStatus::ModelEmpty => Said::Optimal { values: values(), bound: None },
        HighsModelStatus::Infeasible => Said::Infeasible,
        HighsModelStatus::Unbounded => Said::Unbounded,
        HighsModelStatus::UnboundedOrInfeasible => return Answer::InfeasibleOrUnbounded,
        HighsModelStatus::ReachedIterationLimit | HighsModelStatus::ReachedSolutionLimit => {
            Said::Stopped { values: has_values.then(values), bound }
        }
        status => failed(&format!("{status:?}")),
    })
}
