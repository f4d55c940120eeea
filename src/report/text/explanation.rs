//! Why: every order, every asset left alone, every candidate left out; or all that is known of one asset.

use std::fmt::Write as _;

use super::canvas::{Canvas, Line, Tone};
use super::certificate::{figures, optimality, shadow_prices, verdict};
use super::orders::side;
use super::table::{Column, Grid};
use super::{heading, number, time};
use crate::model::{ListingStatus, Signal};
use crate::report::certificate::Check;
use crate::report::explanation::{Explanation, KnownAsset};
use crate::report::margin::MarginReport;
use crate::report::published::Sense;
use crate::report::run::{ExclusionReport, OrderReport, PositionReport, count};
use crate::report::wording::limit;
use crate::report::wording::order::{reason_tone, reason_words, state_tone};

/// All of it: nothing is cut, because this is the command that other reports refer to.
#[must_use]
pub fn explanation(explanation: &Explanation, canvas: &Canvas) -> String {
    let subject = explanation.asset.as_ref().map_or_else(String::new, |asset| format!(": {asset}"));
    let title = Line::new(Tone::Strong, canvas.clean(&explanation.index)).and(Tone::Strong, subject);
    let mut out = format!("{}\n", title.render(canvas));
    out.push_str(&canvas.fill(&Line::new(Tone::Faint, "  run       "), Tone::Plain, &explanation.run_id.to_string()));
    if let Some(known) = &explanation.known {
        out.push_str(&facts(known, canvas));
    }
    out.push_str(&orders(&explanation.orders, canvas));
    out.push_str(&not_traded(&explanation.not_traded, canvas));
    out.push_str(&exclusions(&explanation.exclusions, canvas));
    out.push_str(&limits(explanation, canvas));
    if let Some(proved) = &explanation.optimality {
        out.push_str(&optimality(proved, canvas));
    }
    out.push_str(&shadow_prices(&explanation.shadow_prices, canvas));
    out
}

fn orders(orders: &[OrderReport], canvas: &Canvas) -> String {
    if orders.is_empty() {
        return String::new();
    }
    let mut out = heading(canvas, "Orders", &count(orders.len(), "order"));
    for order in orders {
        let what = side(order)
            .and(Tone::Plain, format!(" {} {}", number::quantity(order.quantity), canvas.clean(&order.symbol)))
            .and(
                Tone::Faint,
                format!(" at {} or better: {}", number::price(order.limit_price), reason_words(order.reason)),
            );
        let _ = writeln!(out, "  {}", what.fitted(canvas.columns() - 2).render(canvas));
        out.push_str(&canvas.fill(&Line::plain("    "), Tone::Plain, &order.sentence));
        out.push_str(&binding(&order.binding, canvas));
        out.push_str(&at_the_margin(order.margin.as_ref(), canvas));
        out.push_str(&became(order, canvas));
        out.push_str(&canvas.fill(&Line::new(Tone::Faint, "    key "), Tone::Faint, &order.key.to_string()));
    }
    out
}

/// What became of an order: the sentence before it is what the plan meant to do.
fn became(order: &OrderReport, canvas: &Canvas) -> String {
    let Some(result) = &order.result else { return String::new() };
    let price = result.average_price.map_or_else(String::new, |at| format!(" at {}", number::market_price(at)));
    let filled = match result.filled_quantity {
        none if none.is_zero() => String::new(),
        all if all == order.quantity => format!("all{price}"),
        part => format!("{} of {}{price}", number::quantity(part), number::quantity(order.quantity)),
    };
    let said: Vec<&str> = [filled.as_str(), &result.note].into_iter().filter(|said| !said.is_empty()).collect();
    let state = Line::new(Tone::Faint, "    became ").and(state_tone(result.state), result.state.to_string());
    canvas.fill(&state.and(Tone::Plain, if said.is_empty() { "" } else { ": " }), Tone::Plain, &said.join("; "))
}

fn binding(limits: &[String], canvas: &Canvas) -> String {
    if limits.is_empty() {
        return String::new();
    }
    canvas.fill(&Line::new(Tone::Warn, "    held by "), Tone::Plain, &limits.join(", "))
}

fn at_the_margin(margin: Option<&MarginReport>, canvas: &Canvas) -> String {
    margin.map_or_else(String::new, |it| canvas.fill(&Line::plain("    "), Tone::Faint, &limit::margin(it)))
}

fn not_traded(positions: &[PositionReport], canvas: &Canvas) -> String {
    if positions.is_empty() {
        return String::new();
    }
    let mut out = heading(canvas, "Not traded", &count(positions.len(), "asset"));
    for position in positions {
        let what = Line::plain(format!("  {} ", canvas.clean(&position.symbol)))
            .and(Tone::Faint, format!("({}) ", position.asset))
            .and(reason_tone(position), reason_words(position.reason))
            .and(
                Tone::Faint,
                format!(
                    ", {} held, {} wanted",
                    number::percent(position.weight_after),
                    number::percent(position.reference_weight)
                ),
            );
        let _ = writeln!(out, "{}", what.fitted(canvas.columns()).render(canvas));
        out.push_str(&canvas.fill(&Line::plain("    "), Tone::Plain, &position.sentence));
        out.push_str(&binding(&position.binding, canvas));
        out.push_str(&at_the_margin(position.margin.as_ref(), canvas));
    }
    out
}

fn exclusions(exclusions: &[ExclusionReport], canvas: &Canvas) -> String {
    if exclusions.is_empty() {
        return String::new();
    }
    let mut out = heading(canvas, "Not in the index", &count(exclusions.len(), "candidate"));
    let mut grid = Grid::new([Column::left("asset"), Column::left("id").or_drop(1), Column::wrapping("why")]);
    for it in exclusions {
        grid.row([
            Line::plain(canvas.clean(&it.symbol)),
            Line::new(Tone::Faint, it.asset.as_str()),
            Line::plain(canvas.clean(&it.why)),
        ]);
    }
    out.push_str(&grid.render(canvas));
    out
}

fn limits(explanation: &Explanation, canvas: &Canvas) -> String {
    if explanation.limits.is_empty() {
        return String::new();
    }
    let title = if explanation.asset.is_some() { "Its limits" } else { "Limits that bind" };
    let mut out = heading(canvas, title, "value against bound, and the room left, on the rounded orders");
    let mut grid = Grid::new([
        Column::left(""),
        Column::left("limit"),
        Column::right("value"),
        Column::left(""),
        Column::right("bound"),
        Column::right("room"),
    ]);
    for check in &explanation.limits {
        let [value, sense, bound, room] = figures(canvas, check);
        let mark = verdict(canvas, met(check), !check.relaxation.is_zero());
        grid.row([mark, Line::plain(canvas.clean(&check.limit)), value, sense, bound, room]);
    }
    out.push_str(&grid.render(canvas));
    out
}

fn met(check: &Check) -> bool {
    check.slack.get() >= crate::model::Decimal::ZERO || check.sense == Sense::Equal && check.slack.is_zero()
}

fn facts(known: &KnownAsset, canvas: &Canvas) -> String {
    let unknown = || "unknown".to_owned();
    let mut out = String::new();
    let mut say = |label: &str, text: &str| {
        out.push_str(&canvas.fill(&Line::new(Tone::Faint, format!("  {label:<10}")), Tone::Plain, text));
    };
    say("name", &format!("{} ({})", known.name, known.symbol));
    say("price", &format!("{}, observed {}", number::price(known.price), time(known.observed_at)));
    let volume = known.average_daily_volume.map_or_else(unknown, number::magnitude);
    say(
        "market",
        &format!(
            "market cap {}, average daily volume {volume}",
            known.market_cap.map_or_else(unknown, number::magnitude)
        ),
    );
    say("grades", &grades(known));
    let categories: Vec<&str> = known.categories.iter().map(crate::model::CategoryId::as_str).collect();
    say("category", if categories.is_empty() { "unknown".to_owned() } else { categories.join(", ") }.as_str());
    say("seen", &known.first_seen.map_or_else(unknown, |day| format!("since {day}")));
    say("listing", &listing(known));
    say(
        "held",
        &format!("{} free, {} locked, before the run", number::quantity(known.free), number::quantity(known.locked)),
    );
    out
}

fn grades(known: &KnownAsset) -> String {
    let grade = |grade: Option<crate::model::Grade>| grade.map_or_else(|| "none".to_owned(), |grade| grade.to_string());
    let signal = match known.signal {
        None => "none",
        Some(Signal::Bearish) => "bearish",
        Some(Signal::Neutral) => "neutral",
        Some(Signal::Bullish) => "bullish",
    };
    format!(
        "Trader Grade {}, Investor Grade {}, signal {signal}",
        grade(known.trader_grade),
        grade(known.investor_grade)
    )
}

fn listing(known: &KnownAsset) -> String {
    let Some(instrument) = &known.instrument else { return "not listed at the venue".to_owned() };
    let status = match known.status {
        Some(ListingStatus::Halted) => "halted",
        _ => "trading",
    };
    let lot = known.lot_size.map_or_else(String::new, |lot| format!(", lot {}", number::quantity(lot)));
    let tick = known.tick_size.map_or_else(String::new, |tick| format!(", tick {tick}"));
    let units =
        known.min_quantity.map_or_else(String::new, |least| format!(", least order {}", number::quantity(least)));
    let worth = known.min_notional.map_or_else(String::new, |least| format!(" and worth {}", number::money(least)));
    format!("{instrument}, {status}{lot}{tick}{units}{worth}")
}
