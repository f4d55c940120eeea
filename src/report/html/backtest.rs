//! The page of a backtest: what became of the money, beside what, when, and what to doubt.

use maud::{Markup, html};

use super::backtest_tables::{assets, dropped, events, refused, runs};
use super::charts::{Chart, Unit};
use super::conventions::{how_to_read, provenance};
use super::figure::{badge, foreign, money, tone_class};
use super::months::months;
use super::page::{Page, Section};
use super::table::{Column, Table};
use super::trades::trades;
use super::weights_over_time;
use crate::report::backtest::BacktestReport;
use crate::report::run::count;
use crate::report::wording::backtest::{
    COMPARED, comparisons, costs, fall, fall_tone, figure, gone, short, signed, value,
};
use crate::report::wording::{Tone, backtest as sentence, number, printable};

/// A policy on the past, as a page.
#[must_use]
pub fn backtest_page(report: &BacktestReport) -> String {
    let charts = vec![value_chart(report), drawdown_chart(report), weights_over_time::chart(report)];
    let [value, drawdown, weights] = charts.as_slice() else { return String::new() };
    let years = report.monthly.chunk_by(|left, right| left.year == right.year).count();
    let sections = [
        Some(summary(report)),
        Some(Section::new(
            "value",
            "Value",
            format!("in {}, on a logarithmic scale", report.policy.quote_currency),
            html! { (value.place()) (month_ends(report)) },
        )),
        Some(Section::new("drawdown", "Drawdown", fall(&report.summary.performance.max_drawdown), drawdown.place())),
        Some(compared(report)),
        Some(Section::new("months", "Monthly returns", format!("percent, {}", count(years, "year")), months(report))),
        Some(Section::new(
            "weights",
            "Weights over time",
            "at the end of each month and after what filled",
            html! { (weights.place()) (weights_over_time::table(report)) },
        )),
        assets(report),
        runs(report),
        trades(report),
        refused(report),
        events(report),
        dropped(&report.dropped),
        Some(how_to_read(&report.conventions, &report.notices, &report.definitions)),
        Some(provenance(&report.policy, &report.conventions, true)),
    ];
    let page = Page {
        title: format!("{} {} to {} · backtest", report.policy.name, report.from, report.to),
        header: header(report),
        sections: sections.into_iter().flatten().collect(),
        footer: html! { footer { p { "A backtest is what would have been, not what will be. The page loads nothing and sends nothing." } } },
        charts,
    };
    page.render()
}

fn header(report: &BacktestReport) -> Markup {
    html! {
        header {
            p .kicker { "Backtest " (badge(Tone::Warn, "past prices")) }
            h1 { (foreign(&report.policy.name)) }
            p .where {
                time datetime=(report.from) { (report.from) } " to " time datetime=(report.to) { (report.to) }
                " · " (sentence::schedule_words(report.conventions.schedule)) " · " (count(report.summary.days as usize, "day"))
            }
        }
    }
}

fn summary(report: &BacktestReport) -> Section {
    let (summary, performance) = (&report.summary, &report.summary.performance);
    let quote = &report.policy.quote_currency;
    let fall_of = &performance.max_drawdown;
    let card = |title: &str, figure: Markup, remark: Markup| {
        html! { div .card { dt { (title) } dd .figure { (figure) } dd .remark { (remark) } } }
    };
    let fact = |title: &str, tone: Tone, text: &str| {
        html! { div { dt { (title) } dd class=(tone_class(tone)) { (foreign(text)) } } }
    };
    let body = html! {
        p .verdict { (printable(&value(report, "→"))) }
        dl .cards {
            (card("Final value", money(summary.final_value), html! {
                (foreign(quote)) "; began with " (money(report.conventions.opening_cash))
            }))
            (card("Return", ratio(performance.total_return), html! {
                @if let Some(annual) = performance.annual_return { (signed(annual, 1)) " a year" }
            }))
            (card("Worst fall", ratio(fall_of.depth), html! {
                @if let Some((peak, trough)) = fall_of.peak.zip(fall_of.trough) { (peak) " to " (trough) }
            }))
            (card("Sharpe", html! { (figure(performance.sharpe)) }, html! { "Sortino " (figure(performance.sortino)) }))
            (card("Costs", money(summary.costs), html! { "fees, spread, impact" }))
            (card("Runs", html! { data value=(summary.runs) { (summary.runs) } }, html! { (summary.rebalances) " traded" }))
        }
        dl .facts {
            (fact("Worst fall", fall_tone(fall_of), &fall(fall_of)))
            (fact("Costs", Tone::Plain, &costs(summary, quote)))
            (fact("Runs", Tone::Plain, &sentence::runs(report)))
            (fact("Traded", Tone::Plain, &format!("{} {quote}", number::money(summary.traded))))
            @if let Some(gone) = gone(report) { (fact("Gone", Tone::Warn, &gone)) }
        }
    };
    Section::new("summary", "Summary", "", body)
}

fn ratio(ratio: crate::report::backtest::Ratio) -> Markup {
    html! { data value=(ratio.get()) { (signed(ratio, 1)) } }
}

fn value_chart(report: &BacktestReport) -> Chart {
    let title = "Value of the portfolio and its benchmarks on each day";
    let mut chart = Chart::new("value", title, Unit::MoneyLog, &report.daily.dates);
    chart.line("portfolio", 1, report.daily.value.iter().map(|it| it.get()), 2);
    for (color, benchmark) in (2..).zip(&report.benchmarks) {
        chart.line(short(benchmark), color, benchmark.value.iter().map(|it| it.get()), 2);
    }
    chart
}

fn drawdown_chart(report: &BacktestReport) -> Chart {
    let title = "Fall from the highest value so far, on each day";
    let mut chart = Chart::new("drawdown", title, Unit::Percent, &report.daily.dates);
    chart.line("portfolio", 1, report.daily.drawdown.iter().map(|it| it.get()), 4);
    for (color, benchmark) in (2..).zip(&report.benchmarks) {
        chart.line(short(benchmark), color, benchmark.drawdown.iter().map(|it| it.get()), 4);
    }
    chart
}

/// The value chart for who sees none: the last day of each month.
fn month_ends(report: &BacktestReport) -> Markup {
    let mut columns = vec![Column::name("Month"), Column::number("Value"), Column::number("Return, %")];
    columns.extend(report.benchmarks.iter().map(|it| Column::number(short(it))));
    let mut table = Table::new("value-table", "Value on the last day of each month, and returns in percent", columns);
    for month in &report.monthly {
        let points = |it: crate::report::backtest::Ratio| {
            html! { data value=(it.get()) { (signed(it, 1).trim_end_matches(" %")) } }
        };
        let mut row =
            vec![html! { (month.year) "-" (format!("{:02}", month.month)) }, money(month.value), points(month.change)];
        row.extend(report.benchmarks.iter().enumerate().map(|(at, _)| {
            html! { @if let Some(it) = month.benchmark_returns.get(at) { (points(*it)) } }
        }));
        table.row(row);
    }
    html! { details { summary { "Value at the end of each month" } (table.render()) } }
}

fn compared(report: &BacktestReport) -> Section {
    let mut columns = vec![Column::name("Figure"), Column::number("portfolio")];
    columns.extend(report.benchmarks.iter().map(|it| Column::number(short(it))));
    let mut table = Table::new("compared-table", "The portfolio beside its benchmarks", columns);
    for (name, portfolio, benchmarks) in comparisons(report) {
        let mut row = vec![html! { (name) }, html! { (portfolio) }];
        row.extend(benchmarks.iter().map(|it| html! { (it) }));
        table.row(row);
    }
    let holds = html! {
        ul .notices {
            @for it in &report.benchmarks { li { (short(it)) ": " (foreign(&it.holds)) } }
        }
    };
    Section::new("compared", "Compared", COMPARED, html! { (table.render()) (holds) })
}
