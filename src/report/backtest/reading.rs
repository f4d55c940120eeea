//! Reading a backtest's or a study's document back: as it was written, or not at all.
//!
//! A document may have been written by another version, cut off, edited or made up. What a page adds up, divides or
//! looks up by place is checked here, so that no later reader has to.

use jiff::civil::Date;
use serde::Deserialize;

use super::{BacktestReport, StudyReport};

/// The largest document that is read, in bytes: ten years of daily runs of a hundred assets have some 200 MB.
pub const MAX_DOCUMENT_SIZE: u64 = 512 * 1024 * 1024;

/// The documents that have a page, by their schema.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "schema")]
pub enum Readable {
    #[serde(rename = "rebalance/backtest/1")]
    Backtest(Box<BacktestReport>),
    #[serde(rename = "rebalance/backtest-study/1")]
    Study(Box<StudyReport>),
}

/// What is wrong with a document, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// A path, or line and column.
    pub field: String,
    pub problem: String,
}

/// Reads one document.
///
/// # Errors
/// When it is none of these documents, or says something that no backtest says.
pub fn read(bytes: &[u8]) -> Result<Readable, Fault> {
    let read: Readable = serde_json::from_slice(bytes).map_err(|error| {
        let field = format!("line {}, column {}", error.line(), error.column());
        let text = error.to_string();
        let said = text.strip_suffix(&format!(" at line {} column {}", error.line(), error.column())).unwrap_or(&text);
        Fault { field, problem: format!("not a backtest's document: {said}") }
    })?;
    let faults = match &read {
        Readable::Backtest(report) => of_backtest(report),
        Readable::Study(study) => of_study(study),
    };
    faults.into_iter().next().map_or(Ok(read), Err)
}

/// What stands beside something has as many entries.
fn beside(field: impl Into<String>, found: usize, of: &str, expected: usize) -> Option<Fault> {
    let problem = format!("it has {found} entries beside {expected} of {of}");
    (found != expected).then(|| Fault { field: field.into(), problem })
}

fn rising(field: &str, dates: &[Date]) -> Option<Fault> {
    let falls = dates.iter().zip(dates.iter().skip(1)).find(|(before, after)| before >= after);
    falls.map(|(before, after)| Fault { field: field.to_owned(), problem: format!("{after} stands after {before}") })
}

fn of_backtest(report: &BacktestReport) -> Vec<Fault> {
    let (daily, weights) = (&report.daily, &report.weights);
    let days = daily.dates.len();
    let mut faults = vec![
        daily
            .dates
            .is_empty()
            .then(|| Fault { field: "daily.dates".to_owned(), problem: "there is no day".to_owned() }),
        rising("daily.dates", &daily.dates),
        beside("daily.value", daily.value.len(), "daily.dates", days),
        beside("daily.cash", daily.cash.len(), "daily.dates", days),
        beside("daily.drawdown", daily.drawdown.len(), "daily.dates", days),
        beside("daily.stale_prices", daily.stale_prices.len(), "daily.dates", days),
        rising("weights.dates", &weights.dates),
        beside("weights.cash", weights.cash.len(), "weights.dates", weights.dates.len()),
    ];
    for (at, it) in report.benchmarks.iter().enumerate() {
        faults.push(beside(format!("benchmarks[{at}].value"), it.value.len(), "daily.dates", days));
        faults.push(beside(format!("benchmarks[{at}].drawdown"), it.drawdown.len(), "daily.dates", days));
    }
    for (at, month) in report.monthly.iter().enumerate() {
        let (field, found) = (format!("monthly[{at}].benchmark_returns"), month.benchmark_returns.len());
        faults.push(beside(field, found, "benchmarks", report.benchmarks.len()));
        let problem = format!("there is no month {}", month.month);
        faults
            .push((!(1..=12).contains(&month.month)).then(|| Fault { field: format!("monthly[{at}].month"), problem }));
    }
    for (at, it) in weights.assets.iter().enumerate() {
        faults.push(beside(
            format!("weights.assets[{at}].weights"),
            it.weights.len(),
            "weights.dates",
            weights.dates.len(),
        ));
    }
    faults.into_iter().flatten().collect()
}

fn of_study(study: &StudyReport) -> Vec<Fault> {
    let place = |index: u32| usize::try_from(index).unwrap_or(usize::MAX);
    let outside = |field: String, index: u32, of: &str, length: usize| {
        let problem = format!("{index} is no place in {of}, which has {length}");
        (place(index) >= length).then_some(Fault { field, problem })
    };
    let combinations: usize = study.parameters.iter().map(|it| it.values.len()).fold(1, usize::saturating_mul);
    let expected = combinations.saturating_mul(study.windows.len());
    let mut faults = vec![
        study.windows.is_empty().then(|| Fault { field: "windows".to_owned(), problem: "there is none".to_owned() }),
        beside("results", study.results.len(), "every combination on every window", expected),
    ];
    for (at, result) in study.results.iter().enumerate() {
        let values = result.values.len();
        faults.push(beside(format!("results[{at}].values"), values, "parameters", study.parameters.len()));
        faults.push(outside(format!("results[{at}].window"), result.window, "windows", study.windows.len()));
    }
    if !study.walk_forward.is_empty() {
        faults.push(beside("walk_forward", study.walk_forward.len(), "windows", study.windows.len()));
    }
    for (at, step) in study.walk_forward.iter().enumerate() {
        let Some(step) = step else { continue };
        faults.push(outside(format!("walk_forward[{at}].result"), step.result, "results", study.results.len()));
    }
    faults.into_iter().flatten().collect()
}
