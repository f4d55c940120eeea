//! What a backtest held, did and left out, row by row.

use maud::{Markup, html};

use super::figure::{foreign, money, toned, weight, weight_or_nothing};
use super::page::Section;
use super::reasons::folded;
use super::table::{Column, Table};
use crate::model::Money;
use crate::report::backtest::{BacktestReport, Dropped, RunOfBacktest, RunOutcome};
use crate::report::run::count;
use crate::report::wording::Tone;
use crate::report::wording::backtest::{event_words, outcome_words};

/// Every asset that was ever held, by what it gained or lost.
pub(super) fn assets(report: &BacktestReport) -> Option<Section> {
    if report.assets.is_empty() {
        return None;
    }
    let mut assets: Vec<_> = report.assets.iter().collect();
    assets.sort_by_key(|it| std::cmp::Reverse(it.profit.get().abs()));
    let mut table = Table::new(
        "assets-table",
        "Every asset that was held, by what it gained or lost",
        [
            Column::name("Asset"),
            Column::number("Days"),
            Column::text("From"),
            Column::text("To"),
            Column::number("Mean weight"),
            Column::number("Profit"),
            Column::number("Costs"),
            Column::number("Held at the end"),
        ],
    );
    for it in assets {
        let tone = if it.profit < Money::ZERO { "sell" } else { "buy" };
        table.row([
            html! { (foreign(&it.symbol)) " " span .faint .id { (foreign(&it.name)) } },
            html! { data value=(it.days_held) { (it.days_held) } },
            html! { time datetime=(it.first_held) { (it.first_held) } },
            html! { time datetime=(it.last_held) { (it.last_held) } },
            weight(it.mean_weight),
            html! { span class=(tone) { (money(it.profit)) } },
            money(it.costs),
            html! { @if !it.final_value.is_zero() { (money(it.final_value)) } },
        ]);
    }
    let total = count(report.assets.len(), "asset");
    let body = folded(report.assets.len(), &format!("All {total}"), &table.render());
    Some(Section::new("assets", "Assets", format!("{total}, by what they gained or lost"), body))
}

/// Every run of the planner.
pub(super) fn runs(report: &BacktestReport) -> Option<Section> {
    if report.runs.is_empty() {
        return None;
    }
    let mut table = Table::new(
        "runs-table",
        "Every run of the planner, oldest first",
        [
            Column::name("Day"),
            Column::text("Outcome"),
            Column::number("Orders"),
            Column::number("Turnover"),
            Column::number("Expected cost"),
            Column::number("Actual cost"),
            Column::prose("Entered and left"),
        ],
    );
    for run in &report.runs {
        let tone = if run.run_id.is_none() { Tone::Warn } else { Tone::Plain };
        table.row([
            html! { time datetime=(run.date) { (run.date) } },
            toned(tone, outcome_words(run.outcome)),
            html! { @if !run.orders.is_empty() { data value=(run.orders.len()) { (run.orders.len()) } } },
            weight_or_nothing(run.turnover),
            html! { @if run.outcome == RunOutcome::Rebalance { (money(run.estimated_cost)) } },
            html! { @if run.outcome == RunOutcome::Rebalance { (money(run.actual_cost)) } },
            html! {
                @for (at, id) in run.entered.iter().enumerate() { @if at > 0 { ", " } span .buy { "+" (id) } }
                @if !run.entered.is_empty() && !run.left.is_empty() { ", " }
                @for (at, id) in run.left.iter().enumerate() { @if at > 0 { ", " } span .sell { "−" (id) } }
                @if !run.relaxed.is_empty() { span .note .warn { "Gave way: " (foreign(&run.relaxed.join(", "))) } }
            },
        ]);
    }
    let [estimated, actual] = [|run: &RunOfBacktest| run.estimated_cost, |run: &RunOfBacktest| run.actual_cost]
        .map(|cost| report.runs.iter().map(cost).sum::<Money>());
    let blank = || html! {};
    table.total([html! { "Total" }, blank(), blank(), blank(), money(estimated), money(actual), blank()]);
    let total = count(report.runs.len(), "run");
    Some(Section::new(
        "runs",
        "Runs",
        total.clone(),
        folded(report.runs.len(), &format!("All {total}"), &table.render()),
    ))
}

/// Runs that ended without a plan, each with its reason.
pub(super) fn refused(report: &BacktestReport) -> Option<Section> {
    let refused: Vec<_> = report.runs.iter().filter(|run| run.run_id.is_none()).collect();
    let rows = refused.iter().map(|run| (run.date.to_string(), foreign(&run.why)));
    dated("without-a-plan", "Without a plan", "refused-table", &count(refused.len(), "run"), rows.collect())
        .map(|section| section.toned(Tone::Warn))
}

/// What happened to holdings outside of runs.
pub(super) fn events(report: &BacktestReport) -> Option<Section> {
    let rows = report.events.iter().map(|it| {
        let what = html! {
            (foreign(&it.symbol)) " " span .faint .id { (it.asset) } " " (event_words(it.kind)) ": " (foreign(&it.sentence))
        };
        (it.date.to_string(), what)
    });
    dated("events", "Events", "events-table", &count(report.events.len(), "event"), rows.collect())
}

fn dated(
    id: &'static str,
    title: &'static str,
    table_id: &'static str,
    total: &str,
    rows: Vec<(String, Markup)>,
) -> Option<Section> {
    if rows.is_empty() {
        return None;
    }
    let number = rows.len();
    let mut table = Table::new(table_id, title, [Column::name("Day"), Column::prose("What")]);
    for (day, what) in rows {
        table.row([html! { time datetime=(day) { (day) } }, what]);
    }
    Some(Section::new(id, title, total, folded(number, &format!("All {total}"), &table.render())))
}

/// What the loaders left out.
pub(super) fn dropped(dropped: &[Dropped]) -> Option<Section> {
    if dropped.is_empty() {
        return None;
    }
    let mut table = Table::new(
        "dropped-table",
        "Rows and values that were not used",
        [Column::name("Source"), Column::number("Rows"), Column::prose("What and why"), Column::prose("Where")],
    );
    for it in dropped {
        table.row([
            foreign(&it.source),
            html! { data value=(it.rows) { (it.rows) } },
            foreign(&it.sentence),
            foreign(&it.examples.join(", ")),
        ]);
    }
    let total = format!("{}, by source and reason", count(dropped.len(), "line"));
    let body = folded(dropped.len(), "By source and reason", &table.render());
    Some(Section::new("dropped", "Left out", total, body))
}
