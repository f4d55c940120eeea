//! The page of a study: one policy over windows of time, or a grid of its fields, and what walking forward would have got.

use maud::{Markup, html};

use super::backtest_tables::dropped;
use super::conventions::{how_to_read, provenance};
use super::figure::{badge, count as number_of, foreign, mark, money, tone_class};
use super::grid::grid;
use super::page::{Page, Section};
use super::reasons::folded;
use super::table::{Column, Table};
use crate::report::backtest::{BenchmarkId, Ratio, StudyReport, StudyResult};
use crate::report::run::count;
use crate::report::wording::Tone;
use crate::report::wording::backtest::{figure, schedule_words, signed};
use crate::report::wording::study::{
    CAUTION, Step, WALKING, ahead_of, extent, is_best_of_window, listed_by, steps, walked, window, window_of,
};

/// Several backtests under one question, as a page. It runs no script.
#[must_use]
pub fn study_page(study: &StudyReport) -> String {
    let mut notices = vec![CAUTION.to_owned()];
    notices.extend(study.notices.iter().cloned());
    let steps = steps(study);
    let sections = [
        Some(summary(study, &steps)),
        grid(study).map(|table| Section::new("grid", "Returns", "each combination on each window", table)),
        walking(&steps),
        Some(results(study)),
        dropped(&study.dropped),
        Some(how_to_read(&study.conventions, &notices, &study.definitions)),
        Some(provenance(&study.policy, &study.conventions, false)),
    ];
    let page = Page {
        title: format!("{} {} to {} · study", study.policy.name, study.from, study.to),
        header: header(study),
        sections: sections.into_iter().flatten().collect(),
        footer: html! { footer { p { "A backtest is what would have been, not what will be. The page loads nothing and sends nothing." } } },
        charts: Vec::new(),
    };
    page.render()
}

fn header(study: &StudyReport) -> Markup {
    html! {
        header {
            p .kicker { "Study of backtests " (badge(Tone::Warn, "past prices")) }
            h1 { (foreign(&study.policy.name)) }
            p .where {
                time datetime=(study.from) { (study.from) } " to " time datetime=(study.to) { (study.to) }
                " · " (schedule_words(study.conventions.schedule)) " · " (extent(study))
            }
        }
    }
}

fn ratio(ratio: Ratio) -> Markup {
    html! { data value=(ratio.get()) { (signed(ratio, 1)) } }
}

fn plain(ratio: Option<Ratio>) -> Markup {
    html! { @match ratio { Some(it) => data value=(it.get()) { (figure(ratio)) }, None => (figure(None)) } }
}

fn summary(study: &StudyReport, steps: &[Step<'_>]) -> Section {
    let card = |title: &str, figure: Markup, remark: Markup| {
        html! { div .card { dt { (title) } dd .figure { (figure) } dd .remark { (remark) } } }
    };
    let change = |it: &&StudyResult| it.summary.performance.total_return;
    let best = study.results.iter().max_by_key(|it| it.summary.performance.sharpe);
    let (least, most) = (study.results.iter().min_by_key(change), study.results.iter().max_by_key(change));
    let gained = study.results.iter().filter(|it| change(it) > Ratio::default()).count();
    let place = |it: &StudyResult| {
        let of = if it.values.is_empty() { String::new() } else { format!("{}, ", it.values.join(", ")) };
        of + &window_of(study, it).map(window).unwrap_or_default()
    };
    let body = html! {
        dl .cards {
            @if let Some(walked) = walked(steps) {
                (card("Walked forward", ratio(walked), html! { "over " (count(steps.len(), "window")) }))
            }
            @if let Some(best) = best {
                (card("Highest Sharpe", plain(best.summary.performance.sharpe), foreign(&place(best))))
            }
            @if let Some(most) = most { (card("Highest return", ratio(change(&most)), foreign(&place(most)))) }
            @if let Some(least) = least { (card("Lowest return", ratio(change(&least)), foreign(&place(least)))) }
            (card("With a gain", number_of(gained), html! { "of " (count(study.results.len(), "backtest")) }))
        }
        p .faint { (CAUTION) "." }
    };
    Section::new("summary", "Summary", "", body)
}

fn walking(steps: &[Step<'_>]) -> Option<Section> {
    if steps.is_empty() {
        return None;
    }
    let mut table = Table::new(
        "walking-table",
        "For each window the combination that was best on the one before, and what it did",
        [
            Column::name("Window"),
            Column::text("Best on the one before"),
            Column::number("Return"),
            Column::number("Worst fall"),
            Column::number("Sharpe"),
        ],
    );
    for step in steps {
        table.row([
            html! { (window(step.window)) },
            foreign(&step.chosen.join(", ")),
            ratio(step.performance.total_return),
            ratio(step.performance.max_drawdown.depth),
            plain(step.performance.sharpe),
        ]);
    }
    if let Some(whole) = walked(steps) {
        table.total([html! { "Together" }, html! {}, ratio(whole), html! {}, html! {}]);
    }
    Some(Section::new("walking", "Walking forward", WALKING, table.render()))
}

fn results(study: &StudyReport) -> Section {
    let by_value = !study.parameters.is_empty();
    let mut columns =
        if by_value { vec![Column::name("Values"), Column::text("Window")] } else { vec![Column::name("Window")] };
    columns.extend(
        [
            "Final value",
            "Return",
            "Worst fall",
            "Sharpe",
            "Sortino",
            "Turnover",
            "Costs",
            "Ahead of bitcoin",
            "Ahead of uncapped",
        ]
        .map(Column::number),
    );
    let mut table = Table::new("results-table", "Every backtest of the study", columns);
    for result in &study.results {
        table.row(row(study, result, by_value));
    }
    let total = count(study.results.len(), "backtest");
    let body = folded(study.results.len(), &format!("All {total}"), &table.render());
    Section::new("results", "Results", format!("{total}, {}; turnover a year", listed_by(study)), body)
}

fn row(study: &StudyReport, result: &StudyResult, by_value: bool) -> Vec<Markup> {
    let (summary, performance) = (&result.summary, &result.summary.performance);
    let ahead = |of: BenchmarkId| html! { @if let Some(it) = ahead_of(result, of) { (ratio(it)) } };
    let dates = html! { (window_of(study, result).map(window).unwrap_or_default()) };
    let best = is_best_of_window(study, result);
    let values = html! {
        (foreign(&result.values.join(", ")))
        @if best { " " (mark(Tone::Good, "★", "highest Sharpe ratio of the window")) }
    };
    let tone = if performance.total_return < Ratio::default() { Tone::Sell } else { Tone::Buy };
    let mut cells = if by_value { vec![values, dates] } else { vec![dates] };
    cells.extend([
        money(summary.final_value),
        html! { span class=(tone_class(tone)) { (ratio(performance.total_return)) } },
        ratio(performance.max_drawdown.depth),
        plain(performance.sharpe),
        plain(performance.sortino),
        plain(summary.turnover_per_year),
        money(summary.costs),
        ahead(BenchmarkId::Bitcoin),
        ahead(BenchmarkId::UncappedIndex),
    ]);
    cells
}
