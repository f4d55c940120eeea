//! Every combination on every window, as a table whose cells are coloured by return.

use maud::{Markup, html};

use super::figure::{foreign, mark};
use super::months::shade;
use crate::report::backtest::{StudyReport, StudyResult};
use crate::report::wording::Tone;
use crate::report::wording::backtest::signed;
use crate::report::wording::study::{is_best_of_window, window};

/// Windows beyond this are too many columns for a screen; the list of all results has them.
const MOST_WINDOWS: usize = 8;
const BEST: &str = "highest Sharpe ratio of the window";

/// Absent where there is only one result for each row or column, or there are too many windows.
pub(super) fn grid(study: &StudyReport) -> Option<Markup> {
    let windows = study.windows.len();
    if study.parameters.is_empty() || !(2..=MOST_WINDOWS).contains(&windows) {
        return None;
    }
    let titles: Vec<String> = study.windows.iter().map(|it| window(*it)).collect();
    let paths: Vec<&str> = study.parameters.iter().map(|it| it.path.as_str()).collect();
    Some(html! {
        table #grid-table .grid role="table" {
            caption .unseen { "Return of each combination on each window; a star marks the " (BEST) }
            thead role="rowgroup" {
                tr role="row" {
                    th role="columnheader" scope="col" .name { (foreign(&paths.join(", "))) }
                    @for title in &titles { th role="columnheader" scope="col" .number { (title) } }
                }
            }
            tbody role="rowgroup" {
                @for of_combination in study.results.chunks(windows) {
                    tr role="row" {
                        th role="rowheader" scope="row" .name {
                            (foreign(&of_combination.first().map(|it| it.values.join(", ")).unwrap_or_default()))
                        }
                        @for (result, title) in of_combination.iter().zip(&titles) { (cell(study, result, title)) }
                    }
                }
            }
        }
        p .faint .key { (mark(Tone::Good, "★", "A star")) " " (BEST) }
    })
}

fn cell(study: &StudyReport, result: &StudyResult, title: &str) -> Markup {
    let change = result.summary.performance.total_return;
    html! {
        td role="cell" class={ "number " (shade(change.get())) } data-label=(title) {
            @if is_best_of_window(study, result) { (mark(Tone::Plain, "★ ", &format!("{BEST}: "))) }
            data value=(change.get().normalize()) { (signed(change, 1)) }
        }
    }
}
