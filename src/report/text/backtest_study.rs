//! Several backtests under one question, for people: one line for each, and what walking forward would have got.

use super::canvas::{Canvas, Line, Tone};
use super::table::{Column, Grid};
use super::{heading, number};
use crate::report::backtest::{BenchmarkId, Ratio, StudyReport, StudyResult, Window};
use crate::report::run::count;

/// The study.
#[must_use]
pub fn backtest_study(study: &StudyReport, canvas: &Canvas) -> String {
    let mut out = title(study, canvas);
    out.push_str(&results(study, canvas));
    out.push_str(&walk_forward(study, canvas));
    out.push_str(&heading(canvas, "How to read it", ""));
    let remark = "every backtest begins with the opening cash; the best of many on the past is luck in part".to_owned();
    for sentence in [&remark].into_iter().chain(&study.conventions.sentences).chain(&study.notices) {
        out.push_str(&canvas.fill(&Line::plain("  "), Tone::Faint, sentence));
    }
    out
}

fn title(study: &StudyReport, canvas: &Canvas) -> String {
    let name = canvas.clean(&study.policy.name);
    let what = format!(
        "  {} to {}: {}, {}",
        study.from,
        study.to,
        count(study.results.len() / study.windows.len().max(1), "combination"),
        count(study.windows.len(), "window")
    );
    let rule = canvas.pick("━", "=").repeat(canvas.columns());
    let line = Line::new(Tone::Strong, name).and(Tone::Plain, what);
    format!("{}\n{}\n", line.render(canvas), canvas.paint(Tone::Faint, &rule))
}

fn window(window: Window) -> String {
    format!("{} to {}", window.from, window.to)
}

fn figure(ratio: Option<Ratio>) -> String {
    ratio.map_or_else(|| "-".to_owned(), |it| number::fixed(it.get(), 2))
}

fn results(study: &StudyReport, canvas: &Canvas) -> String {
    let mut out = heading(canvas, "Results", &paths(study));
    let mut grid = Grid::new([
        Column::left("values"),
        Column::left("window"),
        Column::right("final value").or_drop(2),
        Column::right("return"),
        Column::right("worst fall"),
        Column::right("Sharpe"),
        Column::right("Sortino").or_drop(5),
        Column::right("turnover").or_drop(3),
        Column::right("costs").or_drop(4),
        Column::right("against bitcoin").or_drop(1),
    ]);
    for result in &study.results {
        let best = best_of_window(study, result);
        let tone = if best { Tone::Good } else { Tone::Plain };
        grid.row(line(study, result, tone, canvas));
    }
    out.push_str(&grid.render(canvas));
    out
}

fn paths(study: &StudyReport) -> String {
    let paths: Vec<&str> = study.parameters.iter().map(|it| it.path.as_str()).collect();
    if paths.is_empty() { "by window".to_owned() } else { format!("values of {}", paths.join(", ")) }
}

/// Whether no other combination has a higher Sharpe ratio on the window.
fn best_of_window(study: &StudyReport, result: &StudyResult) -> bool {
    let others = study.results.iter().filter(|other| other.window == result.window);
    let highest = others.map(|other| other.summary.performance.sharpe).max().flatten();
    !study.parameters.is_empty() && highest.is_some() && result.summary.performance.sharpe == highest
}

fn line(study: &StudyReport, result: &StudyResult, tone: Tone, canvas: &Canvas) -> Vec<Line> {
    let performance = &result.summary.performance;
    let place = usize::try_from(result.window).unwrap_or(usize::MAX);
    let bitcoin = result.comparisons.iter().find(|it| it.benchmark == BenchmarkId::Bitcoin);
    let percent = |ratio: Ratio| number::signed_percent(ratio.get(), 1);
    let ahead = bitcoin.map(|it| performance.total_return.get() - it.performance.total_return.get());
    vec![
        Line::plain(canvas.clean(&result.values.join(", "))),
        Line::plain(study.windows.get(place).copied().map(window).unwrap_or_default()),
        Line::plain(number::money(result.summary.final_value)),
        Line::new(tone, percent(performance.total_return)),
        Line::plain(percent(performance.max_drawdown.depth)),
        Line::new(tone, figure(performance.sharpe)),
        Line::plain(figure(performance.sortino)),
        Line::plain(figure(result.summary.turnover_per_year)),
        Line::plain(number::money(result.summary.costs)),
        Line::plain(ahead.map_or_else(String::new, |it| number::signed_percent(it, 1))),
    ]
}

fn walk_forward(study: &StudyReport, canvas: &Canvas) -> String {
    if study.walk_forward.is_empty() {
        return String::new();
    }
    let mut grid = Grid::new([
        Column::left("window"),
        Column::left("best on the one before"),
        Column::right("return"),
        Column::right("Sharpe"),
    ]);
    for (place, step) in study.walk_forward.iter().enumerate() {
        let Some(step) = step else { continue };
        let result = usize::try_from(step.result).ok().and_then(|place| study.results.get(place));
        let Some(performance) = result.map(|result| &result.summary.performance) else { continue };
        grid.row([
            Line::plain(study.windows.get(place).copied().map(window).unwrap_or_default()),
            Line::plain(canvas.clean(&step.chosen.join(", "))),
            Line::plain(number::signed_percent(performance.total_return.get(), 1)),
            Line::plain(figure(performance.sharpe)),
        ]);
    }
    heading(canvas, "Walking forward", "the highest Sharpe ratio on a window, tried on the next") + &grid.render(canvas)
}
