//! Several backtests under one question, for people: one line for each, and what walking forward would have got.

use super::canvas::{Canvas, Line, Tone};
use super::table::{Column, Grid};
use super::{heading, number};
use crate::report::backtest::{BenchmarkId, Ratio, StudyReport, StudyResult};
use crate::report::wording::backtest::{figure, signed};
use crate::report::wording::study::{
    CAUTION, WALKING, ahead_of, extent, is_best_of_window, listed_by, steps, window, window_of,
};

/// The study.
#[must_use]
pub fn backtest_study(study: &StudyReport, canvas: &Canvas) -> String {
    let mut out = title(study, canvas);
    out.push_str(&results(study, canvas));
    out.push_str(&walk_forward(study, canvas));
    out.push_str(&heading(canvas, "How to read it", ""));
    let remark = CAUTION.to_owned();
    for sentence in [&remark].into_iter().chain(&study.conventions.sentences).chain(&study.notices) {
        out.push_str(&canvas.fill(&Line::plain("  "), Tone::Faint, sentence));
    }
    out
}

fn title(study: &StudyReport, canvas: &Canvas) -> String {
    let name = canvas.clean(&study.policy.name);
    let what = format!("  {} to {}: {}", study.from, study.to, extent(study));
    let rule = canvas.pick("━", "=").repeat(canvas.columns());
    let line = Line::new(Tone::Strong, name).and(Tone::Plain, what);
    format!("{}\n{}\n", line.render(canvas), canvas.paint(Tone::Faint, &rule))
}

fn results(study: &StudyReport, canvas: &Canvas) -> String {
    let mut out = heading(canvas, "Results", &listed_by(study));
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
        let best = is_best_of_window(study, result);
        let tone = if best { Tone::Good } else { Tone::Plain };
        grid.row(line(study, result, tone, canvas));
    }
    out.push_str(&grid.render(canvas));
    out
}

fn line(study: &StudyReport, result: &StudyResult, tone: Tone, canvas: &Canvas) -> Vec<Line> {
    let performance = &result.summary.performance;
    let percent = |ratio: Ratio| signed(ratio, 1);
    vec![
        Line::plain(canvas.clean(&result.values.join(", "))),
        Line::plain(window_of(study, result).map(window).unwrap_or_default()),
        Line::plain(number::money(result.summary.final_value)),
        Line::new(tone, percent(performance.total_return)),
        Line::plain(percent(performance.max_drawdown.depth)),
        Line::new(tone, figure(performance.sharpe)),
        Line::plain(figure(performance.sortino)),
        Line::plain(figure(result.summary.turnover_per_year)),
        Line::plain(number::money(result.summary.costs)),
        Line::plain(ahead_of(result, BenchmarkId::Bitcoin).map_or_else(String::new, percent)),
    ]
}

fn walk_forward(study: &StudyReport, canvas: &Canvas) -> String {
    let steps = steps(study);
    if steps.is_empty() {
        return String::new();
    }
    let mut grid = Grid::new([
        Column::left("window"),
        Column::left("best on the one before"),
        Column::right("return"),
        Column::right("Sharpe"),
    ]);
    for step in steps {
        grid.row([
            Line::plain(window(step.window)),
            Line::plain(canvas.clean(&step.chosen.join(", "))),
            Line::plain(signed(step.performance.total_return, 1)),
            Line::plain(figure(step.performance.sharpe)),
        ]);
    }
    heading(canvas, "Walking forward", WALKING) + &grid.render(canvas)
}
