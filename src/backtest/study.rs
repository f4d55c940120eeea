//! Several backtests under one question: windows of time, and every combination of some parameters, on all cores.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use jiff::civil::Date;

use super::engine::run;
use super::history::History;
use super::record::Backtest;
use super::settings::Settings;
use crate::model::Policy;
use crate::parallel::{Crew, in_order};
use crate::preparation::{BadInput, PreparationError};

/// One backtest of a study.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    pub policy: &'a Policy,
    pub settings: &'a Settings,
}

/// Runs every job on all cores, and tells what became of each, in the order of the jobs. `done` hears how many are
/// finished.
///
/// # Errors
/// The first one, by the order of the jobs; none is begun after it.
pub fn run_all<T: Send>(
    history: &History,
    jobs: &[Job<'_>],
    tell: impl Fn(&Job<'_>, &Backtest) -> T + Sync,
    mut done: impl FnMut(usize),
) -> Result<Vec<T>, PreparationError> {
    let mut told = Vec::with_capacity(jobs.len());
    let one = |job: &Job<'_>| {
        run(job.policy, history, job.settings, Crew::of(NonZeroUsize::MIN), |_, _| {})
            .map(|happened| tell(job, &happened))
    };
    let ended = in_order(jobs.iter(), Crew::of_all_cores(), one, |result| match result {
        Ok(result) => {
            told.push(result);
            done(told.len());
            ControlFlow::Continue(())
        }
        Err(error) => ControlFlow::Break(error),
    });
    match ended {
        ControlFlow::Continue(()) => Ok(told),
        ControlFlow::Break(error) => Err(error),
    }
}

/// A period in so many consecutive windows of like length, the last with the days that are left over.
///
/// # Errors
/// When there are fewer days than windows.
pub fn windows(from: Date, to: Date, count: u32) -> Result<Vec<(Date, Date)>, BadInput> {
    let refuse = |problem: String| {
        BadInput::new("backtest", "windows", &count.to_string(), problem, "ask for fewer windows or a longer period")
    };
    let span = from.until((jiff::Unit::Day, to)).map_err(|error| refuse(error.to_string()))?;
    let days = i64::from(span.get_days()) + 1;
    let each = days / i64::from(count.max(1));
    if each < 1 {
        return Err(refuse(format!("there are {days} days from {from} to {to}")));
    }
    let after = |days: i64| from.checked_add(jiff::Span::new().days(days)).map_err(|error| refuse(error.to_string()));
    let window = |place: u32| {
        let begin = after(i64::from(place) * each)?;
        let end = if place + 1 == count { to } else { after(i64::from(place + 1) * each - 1)? };
        Ok((begin, end))
    };
    (0..count.max(1)).map(window).collect()
}

/// Every combination of some lists of values, the last list fastest.
#[must_use]
pub fn combinations(lists: &[Vec<String>]) -> Vec<Vec<String>> {
    lists.iter().fold(vec![Vec::new()], |before, list| {
        let extended = |values: &Vec<String>| {
            let values = values.clone();
            list.iter().map(move |value| values.iter().cloned().chain([value.clone()]).collect())
        };
        before.iter().flat_map(extended).collect()
    })
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn windows_cover_the_period_without_overlap() {
        let found = windows(date(2023, 1, 1), date(2023, 1, 10), 3).expect("ten days are enough for three");
        let on = |day| date(2023, 1, day);
        assert_eq!(found, [(on(1), on(3)), (on(4), on(6)), (on(7), on(10))]);
        assert_eq!(windows(on(1), on(10), 1).expect("one"), [(on(1), on(10))]);
        let error = windows(on(1), on(2), 3).expect_err("two days have no three windows");
        assert!(error.to_string().contains("there are 2 days"), "{error}");
    }

    #[test]
    fn combinations_are_all_of_them_once() {
        let list = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
        let found = combinations(&[list(&["a", "b"]), list(&["1", "2"])]);
        assert_eq!(found, [list(&["a", "1"]), list(&["a", "2"]), list(&["b", "1"]), list(&["b", "2"])]);
        assert_eq!(combinations(&[]), [Vec::<String>::new()], "nothing varied is one combination");
    }
}
