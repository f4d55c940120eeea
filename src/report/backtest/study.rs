//! How the report of a study is made.

use super::assembly::{Made, definitions, series};
use super::{
    Conventions, Dropped, Parameter, PolicyReport, StudyComparison, StudyReport, StudyResult, Summary, WalkForward,
    Window,
};
use crate::backtest::Backtest;
use crate::backtest::figures::{comparison, performance};
use crate::model::Policy;
use crate::planning::idempotency::digest_of;

impl StudyResult {
    /// What became of one combination on one window.
    #[must_use]
    pub fn of(values: Vec<String>, window: u32, policy: &Policy, happened: &Backtest) -> Self {
        let comparisons = series(happened).map(|(benchmark, series)| StudyComparison {
            benchmark,
            performance: performance(happened.opening.get(), &happened.dates, series),
            comparison: comparison(happened.opening.get(), &happened.value, series),
        });
        Self {
            values,
            window,
            policy_digest: digest_of(policy),
            summary: Summary::of(happened),
            comparisons: comparisons.collect(),
        }
    }
}

impl StudyReport {
    /// Results come by combination and then by window.
    #[must_use]
    pub fn of(made: &Made<'_>, parameters: Vec<Parameter>, windows: Vec<Window>, results: Vec<StudyResult>) -> Self {
        let walk_forward =
            if parameters.is_empty() || windows.len() < 2 { Vec::new() } else { walk_forward(windows.len(), &results) };
        let mut notices = made.history.notices.clone();
        let without = walk_forward.iter().skip(1).filter(|step| step.is_none()).count();
        if without > 0 {
            notices.push(format!(
                "{without} of {} windows have none before them with a Sharpe ratio, which takes 30 daily returns: ask for fewer windows",
                windows.len()
            ));
        }
        Self {
            policy: PolicyReport::of(made),
            from: made.settings.from,
            to: made.settings.to,
            conventions: Conventions::of(made, |path| parameters.iter().any(|it| it.path == path)),
            parameters,
            windows,
            results,
            walk_forward,
            definitions: definitions(),
            dropped: made.history.dropped.iter().map(Dropped::of).collect(),
            notices,
        }
    }
}

/// For each window but the first: the combination with the highest Sharpe ratio on the window before, the first of
/// several alike, and its result on this one. Where none has a Sharpe ratio, none is the best.
fn walk_forward(windows: usize, results: &[StudyResult]) -> Vec<Option<WalkForward>> {
    let combination = |place: usize| results.get(place * windows..(place + 1) * windows);
    let chosen = |window: usize| {
        let before = window.checked_sub(1)?;
        let sharpe = |place: usize| Some(combination(place)?.get(before)?.summary.performance.sharpe);
        let places = (0..).map_while(|place| sharpe(place).map(|sharpe| (place, sharpe)));
        let known = places.filter_map(|(place, sharpe)| sharpe.map(|sharpe| (place, sharpe)));
        let (best, _) = known.reduce(|best, next| if next.1 > best.1 { next } else { best })?;
        let values = combination(best)?.get(window)?.values.clone();
        Some(WalkForward { chosen: values, result: u32::try_from(best * windows + window).ok()? })
    };
    (0..windows).map(chosen).collect()
}
