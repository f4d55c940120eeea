//! A backtest for people: what became of the money, beside what, month by month, and what to doubt.

use rust_decimal::MathematicalOps;

use super::canvas::{Canvas, Line, Tone};
use super::spark::{range, spark};
use super::table::{Column, Grid};
use super::{heading, number};
use crate::model::{Decimal, Money, Weight};
use crate::report::backtest::{
    BacktestReport, Benchmark, BenchmarkId, Drawdown, EventKind, Month, Performance, Ratio, RunOutcome, Summary,
};
use crate::report::run::count;

const LABEL: usize = 13;
/// Assets, events and refused runs that are shown without `--full`.
const MOST_ASSETS: usize = 12;
const MOST_LINES: usize = 8;
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

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
    let (from, to) = (number::money(report.conventions.opening_cash), number::money(summary.final_value));
    let annual = performance.annual_return.map_or_else(String::new, |it| format!(", {} a year", signed(it, 1)));
    let total = signed(performance.total_return, 1);
    let arrow = canvas.pick("→", "->");
    say("value", Tone::Strong, &format!("{from} {arrow} {to} {quote} ({total}{annual})"));
    say("worst fall", fall_tone(&performance.max_drawdown), &fall(&performance.max_drawdown));
    say("costs", Tone::Plain, &costs(summary, quote));
    say("runs", Tone::Plain, &runs(report));
    if let Some(gone) = gone(report) {
        say("gone", Tone::Warn, &gone);
    }
    out
}

fn fall_tone(fall: &Drawdown) -> Tone {
    if fall.depth.get() < Decimal::new(-5, 1) { Tone::Warn } else { Tone::Plain }
}

fn fall(fall: &Drawdown) -> String {
    let Some((peak, trough)) = fall.peak.zip(fall.trough) else {
        return "none: it never closed below a peak".to_owned();
    };
    let recovered = fall.recovered.map_or_else(|| "not regained".to_owned(), |day| format!("regained on {day}"));
    format!("{} from {peak} to {trough}, {recovered}", signed(fall.depth, 1))
}

fn costs(summary: &Summary, quote: &str) -> String {
    let turnover = summary.turnover_per_year.map_or_else(String::new, |it| {
        format!("; turnover {} times the portfolio a year", it.get().round_dp(2).normalize())
    });
    format!(
        "{} {quote}: fees {}, spread {}, impact {}{turnover}",
        number::money(summary.costs),
        number::money(summary.fees),
        number::money(summary.spread_cost),
        number::money(summary.impact_cost)
    )
}

fn runs(report: &BacktestReport) -> String {
    let summary = &report.summary;
    let of = |outcome: RunOutcome| report.runs.iter().filter(|run| run.outcome == outcome).count();
    let mut parts = vec![format!("{} traded", summary.rebalances)];
    let planned = u32::try_from(of(RunOutcome::Rebalance)).unwrap_or(u32::MAX);
    if planned > summary.rebalances {
        parts.push(format!("{} with nothing filled", planned - summary.rebalances));
    }
    for (outcome, words) in [(RunOutcome::InBand, "in band"), (RunOutcome::NothingToTrade, "nothing to trade")] {
        let runs = of(outcome);
        if runs > 0 {
            parts.push(format!("{runs} {words}"));
        }
    }
    if summary.refused_runs > 0 {
        parts.push(format!("{} without a plan", summary.refused_runs));
    }
    let orders = usize::try_from(summary.orders).unwrap_or(usize::MAX);
    let runs = usize::try_from(summary.runs).unwrap_or(usize::MAX);
    format!("{}: {}; {}, {} filled", count(runs, "run"), parts.join(", "), count(orders, "order"), summary.fills)
}

/// What delistings cost, in one sentence.
fn gone(report: &BacktestReport) -> Option<String> {
    let gone: Vec<_> = report.events.iter().filter(|event| event.kind == EventKind::Delisting).collect();
    let lost: Money = gone.iter().filter_map(|event| event.value_change).sum();
    (!gone.is_empty()).then(|| {
        format!(
            "{} left every source while held: {} {}",
            count(gone.len(), "coin"),
            number::money(lost),
            report.policy.quote_currency
        )
    })
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

fn short(benchmark: &Benchmark) -> &'static str {
    match benchmark.id {
        BenchmarkId::Bitcoin => "bitcoin",
        BenchmarkId::UncappedIndex => "uncapped",
    }
}

/// `+12.3 %`.
fn signed(ratio: Ratio, places: u32) -> String {
    number::signed_percent(ratio.get(), places)
}

fn figure(ratio: Option<Ratio>) -> String {
    ratio.map_or_else(|| "-".to_owned(), |it| number::fixed(it.get(), 2))
}

type Cell = fn(&Performance) -> String;

fn compared(report: &BacktestReport, canvas: &Canvas) -> String {
    let mut columns = vec![Column::left(""), Column::right("portfolio")];
    columns.extend(report.benchmarks.iter().map(|benchmark| Column::right(short(benchmark))));
    let mut grid = Grid::new(columns);
    let percent = |ratio: Option<Ratio>| ratio.map_or_else(|| "-".to_owned(), |it| signed(it, 1));
    let rows: [(&str, Cell); 6] = [
        ("return", |it| signed(it.total_return, 1)),
        ("a year", |it| it.annual_return.map_or_else(|| "-".to_owned(), |it| signed(it, 1))),
        ("volatility", |it| {
            it.annual_volatility.map_or_else(|| "-".to_owned(), |it| number::fixed_percent(it.get(), 1))
        }),
        ("Sharpe", |it| figure(it.sharpe)),
        ("Sortino", |it| figure(it.sortino)),
        ("worst fall", |it| signed(it.max_drawdown.depth, 1)),
    ];
    for (name, cell) in rows {
        let mut row = vec![Line::plain(name), Line::new(Tone::Strong, cell(&report.summary.performance))];
        row.extend(report.benchmarks.iter().map(|benchmark| Line::plain(cell(&benchmark.performance))));
        grid.row(row);
    }
    let mut against = |name: &str, cell: &dyn Fn(&Benchmark) -> String| {
        let mut row = vec![Line::plain(name), Line::plain("")];
        row.extend(report.benchmarks.iter().map(|benchmark| Line::plain(cell(benchmark))));
        grid.row(row);
    };
    if !report.benchmarks.is_empty() {
        against("excess a year", &|it| percent(it.comparison.annual_excess_return));
        against("tracking error", &|it| {
            it.comparison.tracking_error.map_or_else(|| "-".to_owned(), |it| number::fixed_percent(it.get(), 1))
        });
        against("information", &|it| figure(it.comparison.information_ratio));
        against("beta", &|it| figure(it.comparison.beta));
        against("correlation", &|it| figure(it.comparison.correlation));
    }
    heading(canvas, "Compared", "risk-free rate 0, 365 days a year; benchmarks pay no costs") + &grid.render(canvas)
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
        row.push(change(of_year.iter().fold(Decimal::ONE, grown) - Decimal::ONE));
        grid.row(row);
    }
    heading(canvas, "Months", "return in percent") + &grid.render(canvas)
}

fn grown(before: Decimal, month: &Month) -> Decimal {
    before * (Decimal::ONE + month.change.get())
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
        let series = report.weights.assets.iter().find(|series| series.asset == asset.asset);
        let mean = series.and_then(|series| {
            let sum: Weight = series.weights.iter().copied().sum();
            Weight::new(sum.get().checked_div(Decimal::from(series.weights.len()))?).ok()
        });
        grid.row([
            Line::plain(canvas.clean(&asset.symbol)),
            Line::plain(canvas.clean(&asset.name)),
            Line::plain(asset.days_held.to_string()),
            Line::plain(asset.first_held.to_string()),
            Line::plain(asset.last_held.to_string()),
            Line::plain(mean.map_or_else(String::new, number::percent)),
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
        let kind = match event.kind {
            EventKind::Delisting => "delisted",
            EventKind::Migration => "migrated",
        };
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
