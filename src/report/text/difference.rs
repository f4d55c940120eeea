//! Two runs side by side.

use super::canvas::{Canvas, Line, Tone};
use super::table::{Column, Grid};
use super::{heading, number, time};
use crate::model::Side;
use crate::report::difference::{Difference, FieldChange, NamedAsset, RunSummary};
use crate::report::run::count;

const MOST_ROWS: usize = 30;

#[must_use]
pub fn difference(difference: &Difference, canvas: &Canvas) -> String {
    let mut out = summary(difference, canvas);
    if difference.identical {
        out.push_str("\nNo difference in membership, weights, orders or policy.\n");
        return out;
    }
    out.push_str(&membership(difference, canvas));
    out.push_str(&weights(difference, canvas));
    out.push_str(&orders(difference, canvas));
    out.push_str(&policy(difference, canvas));
    out
}

fn summary(difference: &Difference, canvas: &Canvas) -> String {
    let mut grid = Grid::new([Column::left(""), Column::left("before"), Column::left("after")]);
    let mut row = |label: &str, field: &dyn Fn(&RunSummary) -> String| {
        grid.row([
            Line::new(Tone::Faint, label),
            Line::plain(field(&difference.before)),
            Line::plain(field(&difference.after)),
        ]);
    };
    row("run", &|run| run.run_id.to_string().chars().take(8).collect());
    row("portfolio", &|run| run.portfolio.clone());
    row("account", &|run| run.account.clone());
    row("as of", &|run| time(run.as_of));
    row("value", &|run| number::money(run.net_asset_value));
    row("regime", &|run| if run.bearish { "bearish".to_owned() } else { "bullish".to_owned() });
    row("orders", &|run| run.orders.to_string());
    row("turnover", &|run| number::percent(run.turnover));
    grid.render(canvas)
}

fn membership(difference: &Difference, canvas: &Canvas) -> String {
    let mut out = heading(canvas, "Membership", "");
    let names = |assets: &[NamedAsset]| -> String {
        let names: Vec<String> =
            assets.iter().map(|it| format!("{} ({})", canvas.clean(&it.symbol), it.asset)).collect();
        if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
    };
    out.push_str(&canvas.fill(&Line::new(Tone::Buy, "  entered "), Tone::Plain, &names(&difference.entered)));
    out.push_str(&canvas.fill(&Line::new(Tone::Sell, "  left    "), Tone::Plain, &names(&difference.left)));
    out
}

fn weights(difference: &Difference, canvas: &Canvas) -> String {
    let changes = &difference.weights;
    if changes.is_empty() {
        return String::new();
    }
    let most = if canvas.full { usize::MAX } else { MOST_ROWS };
    let arrow = canvas.pick("→", "->");
    let mut out = heading(canvas, "Weights after the run", "largest change first; changes in points");
    let mut grid = Grid::new([
        Column::left("asset"),
        Column::right("reference"),
        Column::left(""),
        Column::right(""),
        Column::right("change"),
        Column::right("weight"),
        Column::left(""),
        Column::right(""),
        Column::right("change"),
    ]);
    for it in changes.iter().take(most) {
        grid.row([
            Line::plain(canvas.clean(&it.symbol)),
            Line::plain(number::percent(it.reference_before)),
            Line::new(Tone::Faint, arrow),
            Line::plain(number::percent(it.reference_after)),
            change(it.reference_after - it.reference_before),
            Line::plain(number::percent(it.weight_before)),
            Line::new(Tone::Faint, arrow),
            Line::plain(number::percent(it.weight_after)),
            change(it.weight_after - it.weight_before),
        ]);
    }
    out.push_str(&grid.render(canvas));
    if changes.len() > most {
        let more = format!("  {} and {} more; --full shows all", canvas.pick("…", "..."), changes.len() - most);
        out.push_str(&canvas.faint_line(&more));
    }
    out
}

fn change(points: crate::model::Weight) -> Line {
    let tone = if points.is_zero() {
        Tone::Faint
    } else if points.get() > crate::model::Decimal::ZERO {
        Tone::Buy
    } else {
        Tone::Sell
    };
    Line::new(tone, number::points(points))
}

fn orders(difference: &Difference, canvas: &Canvas) -> String {
    if difference.orders.is_empty() {
        return String::new();
    }
    let mut out = heading(canvas, "Orders", &format!("{} differ", count(difference.orders.len(), "order")));
    let mut grid = Grid::new([
        Column::left("side"),
        Column::left("instrument"),
        Column::right("quantity before"),
        Column::right("after"),
        Column::right("notional before").or_drop(1),
        Column::right("after").or_drop(2),
    ]);
    for it in &difference.orders {
        let none = || Line::new(Tone::Faint, canvas.pick("–", "-"));
        let tone = if it.side == Side::Buy { Tone::Buy } else { Tone::Sell };
        grid.row([
            Line::new(tone, it.side.as_str()),
            Line::plain(it.instrument.as_str()),
            it.quantity_before.map_or_else(none, |quantity| Line::plain(number::quantity(quantity))),
            it.quantity_after.map_or_else(none, |quantity| Line::plain(number::quantity(quantity))),
            it.notional_before.map_or_else(none, |money| Line::plain(number::money(money))),
            it.notional_after.map_or_else(none, |money| Line::plain(number::money(money))),
        ]);
    }
    out.push_str(&grid.render(canvas));
    out
}

fn policy(difference: &Difference, canvas: &Canvas) -> String {
    let remark = if difference.policy_changed { "changed" } else { "unchanged" };
    let mut out = heading(canvas, "Policy", remark);
    out.push_str(&field_changes(&difference.policy, canvas));
    out
}

pub(super) fn field_changes(changes: &[FieldChange], canvas: &Canvas) -> String {
    let shown = |value: &Option<serde_json::Value>| match value {
        None | Some(serde_json::Value::Null) => "(none)".to_owned(),
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    changes
        .iter()
        .map(|it| {
            let first = Line::plain("  ").and(Tone::Strong, canvas.clean(&it.path)).and(Tone::Plain, "  ");
            canvas.fill(
                &first,
                Tone::Plain,
                &format!("{} {} {}", shown(&it.before), canvas.pick("→", "->"), shown(&it.after)),
            )
        })
        .collect()
}
