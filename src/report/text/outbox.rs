//! Orders of outboxes: a table, and one order after something was done to it.

use super::canvas::{Canvas, Line, Tone};
use super::table::{Column, Grid};
use super::{number, time};
use crate::report::outbox::{OutboxActReport, OutboxLine};
use crate::report::published::OutboxState;
use crate::report::run::count;

/// `open_only`: what has ended was not asked for.
#[must_use]
pub fn outbox_orders(orders: &[OutboxLine], open_only: bool, canvas: &Canvas) -> String {
    if orders.is_empty() {
        let what = if open_only { "No open orders" } else { "No orders" };
        return format!("{what} in any outbox of this store.\n");
    }
    let mut grid = Grid::new([
        Column::left("account").or_drop(2),
        Column::left("side"),
        Column::left("instrument"),
        Column::right("quantity").or_drop(1),
        Column::right("limit price").or_drop(4),
        Column::right("filled").or_drop(3),
        Column::left("valid until").or_drop(5),
        Column::left("state"),
        Column::left("with").or_drop(6),
        Column::left("key"),
    ]);
    for order in orders {
        let filled =
            if order.filled_quantity.is_zero() { String::new() } else { number::quantity(order.filled_quantity) };
        grid.row([
            Line::plain(format!("{}/{}", order.venue, order.account)),
            Line::plain(order.side.to_string()),
            Line::plain(order.instrument.to_string()),
            Line::plain(number::quantity(order.quantity)),
            Line::plain(number::price(order.limit_price)),
            Line::plain(filled),
            Line::plain(time(order.valid_until)),
            Line::new(tone(order), order.state.to_string()),
            Line::plain(order.acknowledged_by.as_deref().map_or_else(String::new, |by| canvas.clean(by))),
            Line::plain(order.client_order_id.as_str()),
        ]);
    }
    let overdue = orders.iter().filter(|order| order.overdue).count();
    let mut out = grid.render(canvas);
    if overdue > 0 {
        let text = format!(
            "{} past the validity without an end: who has it says what became of it, or `rebalance cancel` ends it",
            count(overdue, "order")
        );
        out.push_str(&canvas.fill(&Line::plain("  "), Tone::Warn, &text));
    }
    out
}

fn tone(order: &OutboxLine) -> Tone {
    match order.state {
        _ if order.overdue => Tone::Bad,
        OutboxState::Filled => Tone::Good,
        OutboxState::Open | OutboxState::Acknowledged | OutboxState::PartiallyFilled => Tone::Warn,
        OutboxState::Cancelled | OutboxState::Rejected | OutboxState::Expired => Tone::Plain,
    }
}

#[must_use]
pub fn outbox_act(report: &OutboxActReport, canvas: &Canvas) -> String {
    let order = &report.order;
    let head = Line::plain("order ").and(Tone::Strong, order.client_order_id.as_str());
    let what = format!(
        "{} {} {} at {} or better, {}/{}",
        order.side,
        number::quantity(order.quantity),
        order.instrument,
        number::price(order.limit_price),
        order.venue,
        order.account
    );
    let mut out = canvas.fill(&head.and(Tone::Plain, "  "), Tone::Faint, &what);
    let done = if report.changed { "is" } else { "nothing changed, this was recorded before; it is" };
    let by = order.acknowledged_by.as_deref().map_or_else(String::new, |by| format!(", with {}", canvas.clean(by)));
    let filled = format!("{} of {} filled", number::quantity(order.filled_quantity), number::quantity(order.quantity));
    let text = format!("{done} {}: {filled}{by}; valid until {}", order.state, time(order.valid_until));
    out.push_str(&canvas.fill(&Line::plain("  "), tone(order), &text));
    if !order.closed_why.is_empty() {
        out.push_str(&canvas.fill(&Line::plain("  reason: "), Tone::Plain, &canvas.clean(&order.closed_why)));
    }
    out
}
