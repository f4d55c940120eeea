//! A backtest for people: what became of the money, beside what, month by month, and what to doubt.

use rust_decimal::MathematicalOps;

use super::canvas::{Canvas, Line, Tone};
use super::spark::{range, spark};
use super::table::{Column, Grid};
use super::{heading, number};
use crate::model::{Decimal, Money};
use crate::report::backtest::BacktestReport;
use crate::report::run::count;
use crate::report::wording::backtest::{
    COMPARED, MONTHS, comparisons, costs, event_words, fall, fall_tone, gone, of_months, runs, short, signed,
    value as value_sentence,
};

const LABEL: usize = 13;
/// Assets, events and refused runs that are shown without `--full`.
const MOST_ASSETS: usize = 12;
const MOST_LINES: usize = 8;

/// The whole report.
#[must_use]
pub fn backtest(report: &BacktestReport, canvas: &Canvas) -> String {
    let mut out = title(report, canvas);
    out.push_str(&head(report, canvas));
    out.push_str(&value(report, canvas));
    out.push_str(&compared(report, canvas));
    out.push_str(&months(report, canvas));
    out.push_str(&assets(report, canvas));
    out.push_str(&refused(report, canvas));
    out.push_str(&events(report, canvas));
    out.push_str(&dropped(report, canvas));
    out.push_str(&conventions(report, canvas));
    out
}

fn title(report: &BacktestReport, canvas: &Canvas) -> String {
    let width = canvas.columns();
    let badge = "backtest";
    let left = Line::new(Tone::Strong, canvas.clean(&report.policy.name))
        .and(Tone::Plain, format!("  {} to {}", report.from, report.to));
    let gap = width.saturating_sub(left.width() + badge.len()).max(2);
    let line = left.and(Tone::Plain, " ".repeat(gap)).and(Tone::Warn, badge);
    let rule = canvas.pick("━", "=").repeat(width);
    format!("{}\n{}\n", line.render(canvas), canvas.paint(Tone::Faint, &rule))
}

fn head(report: &BacktestReport, canvas: &Canvas) -> String {
    let (summary, quote) = (&report.summary, &report.policy.quote_currency);
    let performance = &summary.performance;
    let mut out = String::new();
    let mut say = |label: &str, tone: Tone, text: &str| {
        let label = Line::new(Tone::Faint, format!("  {label:<width$}", width = LABEL - 2));
        out.push_str(&canvas.fill(&label, tone, text));
    };
    say("value", Tone::Strong, &value_sentence(report, canvas.pick("→", "->")));
    say("worst fall", fall_tone(&performance.max_drawdown), &fall(&performance.max_drawdown));
    say("costs", Tone::Plain, &costs(summary, quote));
    say("runs", Tone::Plain, &runs(report));
    if let Some(gone) = gone(report) {
        say("gone", Tone::Warn, &gone);
    }
    out
}

/// Portfolio and benchmarks on one logarithmic scale, and the drawdown on its own.
fn value(report: &BacktestReport, canvas: &Canvas) -> String {
    if report.daily.dates.len() < 2 {
        return String::new();
    }
    let logs = |values: &[Money]| -> Vec<Decimal> {
        values.iter().map(|value| value.get().checked_ln().unwrap_or_default()).collect()
    };
    let mut series =
        vec![("portfolio".to_owned(), Tone::Strong, logs(&report.daily.value), report.summary.final_value)];
    for benchmark in &report.benchmarks {
        let last = benchmark.value.last().copied().unwrap_or_default();
        series.push((short(benchmark).to_owned(), Tone::Plain, logs(&benchmark.value), last));
    }
    let Some(scale) = range(series.iter().flat_map(|(_, _, values, _)| values.iter().copied())) else {
        return String::new();
    };
    let columns = canvas.columns().saturating_sub(LABEL + 2 + 10);
    let mut out = heading(canvas, "Value", "one logarithmic scale; what the opening money became");
    for (name, tone, values, last) in &series {
        let drawn = spark(canvas, values, scale, columns);
        let label = format!("  {name:<width$}", width = LABEL - 2);
        let line =
            Line::new(Tone::Faint, label).and(*tone, drawn).and(Tone::Plain, format!("  {}", number::magnitude(*last)));
        out.push_str(&(line.render(canvas) + "\n"));
    }
    let falls: Vec<Decimal> = report.daily.drawdown.iter().map(|fall| fall.get()).collect();
    let deepest = report.summary.performance.max_drawdown.depth;
    let drawn = spark(canvas, &falls, (deepest.get(), Decimal::ZERO), columns);
    let label = format!("  {:<width$}", "drawdown", width = LABEL - 2);
    let line =
        Line::new(Tone::Faint, label).and(Tone::Sell, drawn).and(Tone::Plain, format!("  {}", signed(deepest, 0)));
    out.push_str(&(line.render(canvas) + "\n"));
    out.push_str(&canvas.faint_line(&format!("{:<LABEL$}{}", "", years(report, columns))));
    out
}

/// The years below a spark, each where it begins.
fn years(report: &BacktestReport, columns: usize) -> String {
    let dates = &report.daily.dates;
    let columns = columns.min(dates.len());
    let mut text = String::new();
    let mut before = None;
    for column in 0..columns {
        let Some(date) = dates.get(column * dates.len() / columns) else { continue };
        if before != Some(date.year()) && text.len() <= column && column + 4 <= columns {
            before = Some(date.year());
            text = format!("{text:<column$}{} ", date.year());
        }
    }
    text
}

fn compared(report: &BacktestReport, canvas: &Canvas) -> String {
    let mut columns = vec![Column::left(""), Column::right("portfolio")];
    columns.extend(report.benchmarks.iter().map(|benchmark| Column::right(short(benchmark))));
    let mut grid = Grid::new(columns);
    for (name, portfolio, benchmarks) in comparisons(report) {
        let mut row = vec![Line::plain(name), Line::new(Tone::Strong, portfolio)];
        row.extend(benchmarks.into_iter().map(Line::plain));
        grid.row(row);
    }
    heading(canvas, "Compared", COMPARED) + &grid.render(canvas)
}

fn months(report: &BacktestReport, canvas: &Canvas) -> String {
    let mut columns = vec![Column::left("")];
    columns.extend(MONTHS.map(Column::right));
    columns.push(Column::right("year"));
    let mut grid = Grid::new(columns);
    for of_year in report.monthly.chunk_by(|left, right| left.year == right.year) {
        let mut row = vec![Line::plain(of_year.first().map_or_else(String::new, |month| month.year.to_string()))];
        for month in 1..=12 {
            let found = of_year.iter().find(|it| it.month == month);
            row.push(found.map_or_else(|| Line::plain(""), |it| change(it.change.get())));
        }
        row.push(of_months(of_year).map_or_else(|| Line::plain(""), |it| change(it.get())));
        grid.row(row);
    }
    heading(canvas, "Months", "return in percent") + &grid.render(canvas)
}

fn change(change: Decimal) -> Line {
    let tone = if change < Decimal::ZERO { Tone::Sell } else { Tone::Buy };
    let text = number::signed_percent(change, 0);
    Line::new(tone, text.trim_end_matches(" %"))
}

fn assets(report: &BacktestReport, canvas: &Canvas) -> String {
    if report.assets.is_empty() {
        return String::new();
    }
    let mut assets: Vec<_> = report.assets.iter().collect();
    assets.sort_by_key(|asset| std::cmp::Reverse(asset.profit.get().abs()));
    let shown = if canvas.full { assets.len() } else { assets.len().min(MOST_ASSETS) };
    let mut grid = Grid::new([
        Column::left("asset"),
        Column::left("name").or_drop(3),
        Column::right("days"),
        Column::left("from").or_drop(2),
        Column::left("to").or_drop(2),
        Column::right("mean weight").or_drop(1),
        Column::right("profit"),
        Column::right("costs").or_drop(4),
    ]);
    for asset in assets.iter().take(shown) {
        let tone = if asset.profit < Money::ZERO { Tone::Sell } else { Tone::Buy };
        grid.row([
            Line::plain(canvas.clean(&asset.symbol)),
            Line::plain(canvas.clean(&asset.name)),
            Line::plain(asset.days_held.to_string()),
            Line::plain(asset.first_held.to_string()),
            Line::plain(asset.last_held.to_string()),
            Line::plain(number::percent(asset.mean_weight)),
            Line::new(tone, number::money(asset.profit)),
            Line::plain(number::money(asset.costs)),
        ]);
    }
    let remark = if shown < assets.len() {
        format!("the {shown} of {} that gained or lost most", assets.len())
    } else {
        "by what they gained or lost".to_owned()
    };
    heading(canvas, "Assets", &remark) + &grid.render(canvas)
}

fn refused(report: &BacktestReport, canvas: &Canvas) -> String {
    let refused: Vec<_> = report.runs.iter().filter(|run| run.run_id.is_none()).collect();
    if refused.is_empty() {
        return String::new();
    }
    let shown = if canvas.full { refused.len() } else { refused.len().min(MOST_LINES) };
    let mut out = heading(canvas, "Without a plan", &more(refused.len(), shown, "run"));
    for run in refused.iter().take(shown) {
        out.push_str(&canvas.fill(&Line::new(Tone::Warn, format!("  {}  ", run.date)), Tone::Plain, &run.why));
    }
    out
}

fn events(report: &BacktestReport, canvas: &Canvas) -> String {
    if report.events.is_empty() {
        return String::new();
    }
    let shown = if canvas.full { report.events.len() } else { report.events.len().min(MOST_LINES) };
    let mut out = heading(canvas, "Events", &more(report.events.len(), shown, "event"));
    for event in report.events.iter().take(shown) {
        let kind = event_words(event.kind);
        let text = format!("{} ({}) {kind}: {}", event.symbol, event.asset, event.sentence);
        out.push_str(&canvas.fill(&Line::new(Tone::Warn, format!("  {}  ", event.date)), Tone::Plain, &text));
    }
    out
}

fn more(all: usize, shown: usize, noun: &str) -> String {
    if shown < all { format!("{shown} of {}; --full shows all", count(all, noun)) } else { count(all, noun) }
}

fn dropped(report: &BacktestReport, canvas: &Canvas) -> String {
    if report.dropped.is_empty() {
        return String::new();
    }
    let mut grid = Grid::new([
        Column::left("source").or_drop(2),
        Column::right("rows"),
        Column::wrapping("what and why"),
        Column::wrapping("where").or_drop(1),
    ]);
    for rows in &report.dropped {
        let shown = if canvas.full { rows.examples.len() } else { 4 };
        let examples: Vec<&str> = rows.examples.iter().take(shown).map(String::as_str).collect();
        grid.row([
            Line::plain(canvas.clean(&rows.source)),
            Line::plain(rows.rows.to_string()),
            Line::plain(rows.sentence.as_str()),
            Line::plain(canvas.clean(&examples.join(", "))),
        ]);
    }
    heading(canvas, "Left out", "by source and reason") + &grid.render(canvas)
}

fn conventions(report: &BacktestReport, canvas: &Canvas) -> String {
    let mut out = heading(canvas, "How to read it", "");
    for sentence in report.conventions.sentences.iter().chain(&report.notices) {
        out.push_str(&canvas.fill(&Line::plain("  "), Tone::Faint, sentence));
    }
    out
}
