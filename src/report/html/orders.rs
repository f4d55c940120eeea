//! Orders with their reasons and keys, and what they cost against what was expected.

use maud::{Markup, html};

use super::figure::{badge, foreign, limit_price, market_price, money, quantity, toned};
use super::page::Section;
use super::table::{Column, Table};
use crate::model::Money;
use crate::report::run::{ExecutionReport, OrderReport, OrderResult, RunReport, count};
use crate::report::wording::limit;
use crate::report::wording::number::basis_points;
use crate::report::wording::order::{reason_words, side_tone, state_tone, wire_form};

pub(super) fn orders(report: &RunReport) -> Section {
    let remark = format!(
        "{}, sells first; amounts in {}; {}",
        count(report.orders.len(), "order"),
        report.quote_currency,
        wire_form(report)
    );
    if report.orders.is_empty() {
        return Section::new("orders", "Orders", "", html! { p { (foreign(&report.outcome.sentence)) } });
    }
    let executed = report.execution.is_some();
    let mut columns = vec![
        Column::name("Order"),
        Column::number("Quantity"),
        Column::number("Limit price"),
        Column::number("Notional"),
    ];
    if executed {
        columns.extend([Column::text("State"), Column::number("Average"), Column::number("Fee")]);
    } else {
        columns.push(Column::number("Expected cost"));
    }
    columns.push(Column::prose("Why"));
    let mut table =
        Table::new("orders-table", "Orders in the order in which they are sent, each with its key", columns);
    for order in &report.orders {
        let mut row =
            vec![name(order), quantity(order.quantity), limit_price(order.limit_price), money(order.notional)];
        match &order.result {
            Some(result) => row.extend(outcome(order, result)),
            None => row.push(money(order.estimated_cost)),
        }
        row.push(why(order));
        table.row(row);
    }
    Section::new("orders", "Orders", remark, table.render())
}

fn name(order: &OrderReport) -> Markup {
    html! {
        span .order {
            (badge(side_tone(order.side), order.side.as_str())) " "
            (foreign(order.instrument.as_str()))
            @if order.slice > 0 { " " span .faint { "slice " (order.slice) } }
        }
        " "
        code .key { (order.key) }
    }
}

fn outcome(order: &OrderReport, result: &OrderResult) -> [Markup; 3] {
    let in_part = !result.filled_quantity.is_zero() && result.filled_quantity != order.quantity;
    [
        html! {
            (badge(state_tone(result.state), &result.state.to_string()))
            @if in_part { " " span .warn { (quantity(result.filled_quantity)) } }
        },
        html! { @if let Some(price) = result.average_price { (market_price(price)) } },
        money(result.fee),
    ]
}

fn why(order: &OrderReport) -> Markup {
    let note = order.result.as_ref().map(|result| result.note.as_str()).filter(|note| !note.is_empty());
    html! {
        (toned(side_tone(order.side), &reason_words(order.reason)))
        @if !order.sentence.is_empty() { ": " (foreign(&order.sentence)) }
        @if !order.binding.is_empty() {
            span .note { "Held by " (foreign(&order.binding.join(", "))) }
        }
        @if let Some(margin) = &order.margin { span .note { (foreign(&limit::margin(margin))) } }
        @if let Some(note) = note { span .note .warn { (foreign(note)) } }
    }
}

/// Nothing before anything was traded: the plan's estimate stands at the top.
pub(super) fn costs(report: &RunReport) -> Option<Section> {
    let execution = report.execution.as_ref().filter(|execution| execution.sent > 0)?;
    let mut table = Table::new(
        "costs-table",
        "Cost of each order that was filled: expected, and as it was",
        [
            Column::name("Order"),
            Column::number("Traded"),
            Column::number("Expected"),
            Column::number("Fee"),
            Column::number("Slippage"),
            Column::number("Actual"),
            Column::number("Expected, bp"),
            Column::number("Actual, bp"),
        ],
    );
    for order in &report.orders {
        let Some(result) = order.result.as_ref().filter(|result| !result.filled_quantity.is_zero()) else { continue };
        let paid = Paid {
            traded: result.filled_notional,
            expected: result.estimated_cost,
            fee: result.fee,
            slippage: result.slippage,
            cost: result.cost,
        };
        let name =
            html! { (toned(side_tone(order.side), order.side.as_str())) " " (foreign(order.instrument.as_str())) };
        table.row(paid.cells(name));
    }
    table.total(Paid::of(execution).cells(html! { "Total" }));
    let remark = format!(
        "amounts in {}, for what was filled; slippage against the plan's reference prices, below 0 is better",
        report.quote_currency
    );
    Some(Section::new("costs", "Costs", remark, table.render()))
}

/// What one order or all of them cost.
struct Paid {
    traded: Money,
    expected: Money,
    fee: Money,
    slippage: Money,
    cost: Money,
}

impl Paid {
    fn of(execution: &ExecutionReport) -> Self {
        Self {
            traded: execution.bought + execution.sold,
            expected: execution.estimated_cost,
            fee: execution.fees,
            slippage: execution.slippage,
            cost: execution.cost,
        }
    }

    fn cells(&self, name: Markup) -> Vec<Markup> {
        let dearer = self.cost > self.expected;
        vec![
            name,
            money(self.traded),
            money(self.expected),
            money(self.fee),
            money(self.slippage),
            html! { span .warn[dearer] .good[!dearer] { (money(self.cost)) } },
            html! { (basis_points(self.expected, self.traded)) },
            html! { (basis_points(self.cost, self.traded)) },
        ]
    }
}
