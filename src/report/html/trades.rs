//! The trades of a backtest: each order with its key, what became of it, and what it cost beside what was expected.

use maud::{Markup, html};

use super::figure::{badge, foreign, market_price, money, quantity, toned};
use super::page::Section;
use super::reasons::folded;
use super::table::{Column, Table};
use crate::model::Money;
use crate::report::backtest::{BacktestReport, FillOfBacktest, OrderOfBacktest, RunOfBacktest};
use crate::report::run::count;
use crate::report::wording::Tone;
use crate::report::wording::order::{reason_words, side_tone};

/// The newest orders that a page shows: of years of daily runs it would be slow with all of them.
const MOST: usize = 500;

pub(super) fn trades(report: &BacktestReport) -> Option<Section> {
    let all: Vec<(&RunOfBacktest, &OrderOfBacktest)> =
        report.runs.iter().flat_map(|run| run.orders.iter().map(move |order| (run, order))).collect();
    if all.is_empty() {
        return None;
    }
    let shown = all.get(all.len().saturating_sub(MOST)..).unwrap_or_default();
    let mut table = Table::new(
        "trades-table",
        "Every order, the newest first",
        [
            Column::name("Order"),
            Column::text("Planned"),
            Column::text("Filled"),
            Column::number("Quantity"),
            Column::number("Price"),
            Column::number("Notional"),
            Column::number("Expected cost"),
            Column::number("Actual cost"),
            Column::prose("Why"),
        ],
    );
    for (run, order) in shown.iter().rev() {
        table.row(row(run, order));
    }
    let remark = if shown.len() < all.len() {
        format!("the last {} of {}; `--csv` has them all", shown.len(), count(all.len(), "order"))
    } else {
        count(all.len(), "order")
    };
    let body = folded(shown.len(), &format!("The last {}", count(shown.len(), "order")), &table.render());
    Some(Section::new("trades", "Trades", remark, body))
}

fn row(run: &RunOfBacktest, order: &OrderOfBacktest) -> [Markup; 9] {
    let fill = order.fill.as_ref();
    [
        html! {
            span .order { (badge(side_tone(order.side), order.side.as_str())) " " (foreign(&order.symbol)) }
            " "
            code .key { (order.key) }
        },
        html! { time datetime=(run.date) { (run.date) } },
        html! {
            @match fill {
                Some(fill) => time datetime=(fill.date) { (fill.date) },
                None => (toned(Tone::Warn, "not filled")),
            }
        },
        quantity(fill.map_or(order.quantity, |fill| fill.quantity)),
        market_price(fill.map_or(order.reference_price, |fill| fill.price)),
        money(fill.map_or(order.notional, |fill| fill.notional)),
        money(order.estimated_cost),
        html! { @if let Some(fill) = fill { (money(cost(fill))) } },
        html! {
            (toned(side_tone(order.side), &reason_words(order.reason)))
            @if !order.sentence.is_empty() { ": " (foreign(&order.sentence)) }
            @if !order.note.is_empty() { span .note .warn { (foreign(&order.note)) } }
        },
    ]
}

fn cost(fill: &FillOfBacktest) -> Money {
    fill.fee + fill.spread_cost + fill.impact_cost
}
