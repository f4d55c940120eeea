//! Sentences and figures about several backtests under one question.

use super::backtest::compounded;
use crate::report::backtest::{BenchmarkId, Performance, Ratio, StudyReport, StudyResult, Window};
use crate::report::run::count;

/// What the figures cannot say.
pub const CAUTION: &str = "every backtest begins with the opening cash; the best of many on the past is luck in part";
/// What walking forward is.
pub const WALKING: &str = "the highest Sharpe ratio on a window, tried on the next";

#[must_use]
pub fn window(window: Window) -> String {
    format!("{} to {}", window.from, window.to)
}

/// `4 combinations, 2 windows`.
#[must_use]
pub fn extent(study: &StudyReport) -> String {
    let windows = study.windows.len();
    let combinations = study.results.len() / windows.max(1);
    format!("{}, {}", count(combinations, "combination"), count(windows, "window"))
}

/// What the results are listed by.
#[must_use]
pub fn listed_by(study: &StudyReport) -> String {
    let paths: Vec<&str> = study.parameters.iter().map(|it| it.path.as_str()).collect();
    if paths.is_empty() { "by window".to_owned() } else { format!("values of {}", paths.join(", ")) }
}

#[must_use]
pub fn window_of(study: &StudyReport, result: &StudyResult) -> Option<Window> {
    study.windows.get(usize::try_from(result.window).ok()?).copied()
}

/// Whether no other combination has a higher Sharpe ratio on the window.
#[must_use]
pub fn is_best_of_window(study: &StudyReport, result: &StudyResult) -> bool {
    let others = study.results.iter().filter(|other| other.window == result.window);
    let highest = others.map(|other| other.summary.performance.sharpe).max().flatten();
    !study.parameters.is_empty() && highest.is_some() && result.summary.performance.sharpe == highest
}

/// The return less that of a benchmark.
#[must_use]
pub fn ahead_of(result: &StudyResult, benchmark: BenchmarkId) -> Option<Ratio> {
    let beside = result.comparisons.iter().find(|it| it.benchmark == benchmark)?;
    let own = result.summary.performance.total_return.get();
    Some(Ratio::new(own - beside.performance.total_return.get()))
}

/// One step of walking forward: the window, what was chosen for it, and what that did on it.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    pub window: Window,
    pub chosen: &'a [String],
    pub performance: &'a Performance,
}

#[must_use]
pub fn steps(study: &StudyReport) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    for (window, step) in study.windows.iter().zip(&study.walk_forward) {
        let Some(step) = step else { continue };
        let Some(result) = usize::try_from(step.result).ok().and_then(|place| study.results.get(place)) else {
            continue;
        };
        steps.push(Step { window: *window, chosen: &step.chosen, performance: &result.summary.performance });
    }
    steps
}

/// What the steps return one after the other.
#[must_use]
pub fn walked(steps: &[Step<'_>]) -> Option<Ratio> {
    let returns = steps.iter().map(|step| step.performance.total_return);
    if steps.is_empty() { None } else { compounded(returns) }
}
