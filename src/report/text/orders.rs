//! Orders, what became of them, and their keys in full.

use super::canvas::{Canvas, Line, Tone};
use super::table::{Column, Grid};
use super::{heading, number};
use crate::report::run::{OrderReport, RunReport, count};
use crate::report::wording::order::{reason_words, side_tone, state_tone, wire_form};

/// The column that holds keys when there is room for it.
const KEY: &str = "key";

pub(super) fn orders(report: &RunReport, canvas: &Canvas) -> String {
    if report.orders.is_empty() {
        return String::new();
    }
    let remark = format!("{}, sells first; amounts in {}", count(report.orders.len(), "order"), report.quote_currency);
    let mut out = heading(canvas, "Orders", &remark);
    if report.execution.is_some() {
        out.push_str(&executed(report).render(canvas));
        out.push_str(&remarks(report, canvas));
    } else {
        out.push_str(&planned(report, canvas).render(canvas));
    }
    out
}

/// The keys on their own where the order table has no room for them.
pub(super) fn keys(report: &RunReport, canvas: &Canvas) -> String {
    if report.orders.is_empty() {
        return String::new();
    }
    let grid = if report.execution.is_some() { executed(report) } else { planned(report, canvas) };
    if grid.shows(canvas, KEY) {
        return String::new();
    }
    let mut out = heading(canvas, "Keys", wire_form(report));
    let mut grid = Grid::new([Column::right("#"), Column::left("side"), Column::left("instrument"), Column::left(KEY)]);
    for order in &report.orders {
        grid.row([
            priority(order),
            side(order),
            Line::plain(order.instrument.as_str()),
            Line::plain(order.key.to_string()),
        ]);
    }
    out.push_str(&grid.render(canvas));
    out
}

fn planned(report: &RunReport, canvas: &Canvas) -> Grid {
    let mut grid = Grid::new([
        Column::right("#").or_drop(3),
        Column::left("side"),
        Column::left("instrument"),
        Column::right("quantity"),
        Column::right("limit price"),
        Column::right("notional"),
        Column::right("cost").or_drop(2),
        Column::left("reason").or_drop(1),
        Column::left(KEY).or_drop(4),
        Column::wrapping("why").or_drop(5),
    ]);
    for order in &report.orders {
        grid.row([
            priority(order),
            side(order),
            Line::plain(order.instrument.as_str()),
            Line::plain(number::quantity(order.quantity)),
            Line::plain(number::price(order.limit_price)),
            Line::plain(number::money(order.notional)),
            Line::plain(number::money(order.estimated_cost)),
            Line::plain(reason_words(order.reason)),
            Line::plain(order.key.to_string()),
            Line::new(Tone::Faint, canvas.clean(&order.sentence)),
        ]);
    }
    grid
}

fn executed(report: &RunReport) -> Grid {
    let mut grid = Grid::new([
        Column::right("#").or_drop(4),
        Column::left("side"),
        Column::left("instrument"),
        Column::right("quantity"),
        Column::right("limit price").or_drop(7),
        Column::right("filled"),
        Column::right("average").or_drop(3),
        Column::right("notional").or_drop(1),
        Column::right("fee").or_drop(2),
        Column::left("state"),
        Column::left("reason").or_drop(5),
        Column::left(KEY).or_drop(6),
    ]);
    for order in &report.orders {
        let Some(result) = &order.result else { continue };
        let filled = if result.filled_quantity == order.quantity {
            Line::plain("all")
        } else {
            Line::new(Tone::Warn, number::quantity(result.filled_quantity))
        };
        grid.row([
            priority(order),
            side(order),
            Line::plain(order.instrument.as_str()),
            Line::plain(number::quantity(order.quantity)),
            Line::plain(number::price(order.limit_price)),
            filled,
            Line::plain(result.average_price.map_or_else(String::new, number::market_price)),
            Line::plain(number::money(result.filled_notional)),
            Line::plain(number::money(result.fee)),
            Line::new(state_tone(result.state), result.state.to_string()),
            Line::plain(reason_words(order.reason)),
            Line::plain(order.key.to_string()),
        ]);
    }
    grid
}

/// What the venue or the protocol said of single orders.
fn remarks(report: &RunReport, canvas: &Canvas) -> String {
    let noted = report.orders.iter().filter_map(|order| {
        let note = order.result.as_ref().map(|result| result.note.as_str()).filter(|note| !note.is_empty())?;
        Some((order, note))
    });
    noted
        .map(|(order, note)| {
            let first = Line::plain("  ")
                .and(Tone::Warn, format!("{} {}", order.side, order.instrument))
                .and(Tone::Plain, "  ");
            canvas.fill(&first, Tone::Plain, note)
        })
        .collect()
}

fn priority(order: &OrderReport) -> Line {
    Line::new(Tone::Faint, order.priority.to_string())
}

pub(super) fn side(order: &OrderReport) -> Line {
    Line::new(side_tone(order.side), order.side.as_str())
}
