//! The proof: every limit re-checked on the rounded orders, the closest of each kind first to be seen.

use super::canvas::{Canvas, Line, Tone};
use super::heading;
use super::table::{Column, Grid};
use crate::report::certificate::{Check, LimitFamily, OptimalityReport};
use crate::report::margin::ShadowPriceReport;
use crate::report::published::Sense;
use crate::report::run::RunReport;
use crate::report::wording::limit;

pub(super) fn relaxations(report: &RunReport, canvas: &Canvas) -> String {
    if report.relaxations.is_empty() {
        return String::new();
    }
    let mut out = heading(canvas, "Limits that gave way", "soft limits, each by the least amount that has a solution");
    let mut grid = Grid::new([
        Column::left("limit"),
        Column::right("priority"),
        Column::right("bound"),
        Column::right("moved by"),
        Column::right("ends at"),
    ]);
    for it in &report.relaxations {
        let ends = limit::ends_at(report, it).map_or_else(String::new, |at| limit::figure(&it.limit, at));
        grid.row([
            Line::new(Tone::Warn, canvas.clean(&it.limit)),
            Line::plain(it.priority.to_string()),
            Line::plain(limit::figure(&it.limit, it.bound)),
            Line::new(Tone::Warn, limit::figure(&it.limit, it.amount)),
            Line::plain(ends),
        ]);
    }
    out.push_str(&grid.render(canvas));
    for it in &report.relaxations {
        for other in &it.instead {
            out.push_str(&canvas.fill(&Line::plain("  "), Tone::Faint, &limit::instead(it, other)));
        }
    }
    out
}

pub(super) fn certificate(report: &RunReport, canvas: &Canvas) -> String {
    let certificate = &report.certificate;
    if certificate.checks.is_empty() {
        return String::new();
    }
    let (_, verdict) = limit::verdict(report);
    let mut out = heading(canvas, "Certificate", &verdict);
    let grid = if canvas.full { all(canvas, &certificate.checks) } else { families(canvas, &certificate.families) };
    out.push_str(&grid.render(canvas));
    for sentence in limit::out_of_reach(&certificate.checks) {
        out.push_str(&canvas.fill(&Line::plain("  "), Tone::Warn, &canvas.clean(&sentence)));
    }
    if let Some(proved) = &certificate.optimality {
        out.push_str(&optimality(proved, canvas));
    }
    if let Some(found) = &report.solver.integers {
        out.push_str(&canvas.fill(&Line::plain("  "), Tone::Plain, &limit::integers(found)));
    }
    out.push_str(&shadow_prices(&certificate.shadow_prices, canvas));
    out
}

pub(super) fn shadow_prices(prices: &[ShadowPriceReport], canvas: &Canvas) -> String {
    let said = |it| canvas.fill(&Line::plain("  "), Tone::Faint, &limit::shadow_price(it));
    prices.iter().map(said).collect()
}

pub(super) fn optimality(proved: &OptimalityReport, canvas: &Canvas) -> String {
    canvas.fill(&Line::plain("  "), Tone::Plain, &limit::optimality(proved))
}

fn families(canvas: &Canvas, families: &[LimitFamily]) -> Grid {
    let mut grid = Grid::new([
        Column::left(""),
        Column::left("limit"),
        Column::right("checks"),
        Column::left("tightest").or_drop(2),
        Column::right("value"),
        Column::left(""),
        Column::right("bound"),
        Column::right("room"),
        Column::left("gave way").or_drop(1),
    ]);
    for family in families {
        let tightest = crate::report::certificate::subject_of(&family.tightest.limit).unwrap_or("");
        let mut row = vec![
            verdict(canvas, family.violated == 0, !family.is_as_asked()),
            Line::plain(canvas.clean(&family.family)),
            Line::plain(family.checks.to_string()),
            Line::new(
                Tone::Faint,
                if family.checks > 1 || !tightest.is_empty() { canvas.clean(tightest) } else { String::new() },
            ),
        ];
        row.extend(figures(canvas, &family.tightest));
        row.push(Line::new(Tone::Warn, limit::gave_way(family)));
        grid.row(row);
    }
    grid
}

fn all(canvas: &Canvas, checks: &[Check]) -> Grid {
    let mut grid = Grid::new([
        Column::left(""),
        Column::left("limit"),
        Column::right("value"),
        Column::left(""),
        Column::right("bound"),
        Column::right("relaxed by").or_drop(1),
        Column::right("lots").or_drop(2),
        Column::right("room"),
    ]);
    for check in checks {
        let [value, sense, bound, room] = figures(canvas, check);
        grid.row([
            verdict(canvas, limit::is_met(check), !check.is_as_asked()),
            Line::plain(canvas.clean(&check.limit)),
            value,
            sense,
            bound,
            Line::new(Tone::Warn, amount_or_nothing(&check.limit, check.relaxation)),
            Line::plain(amount_or_nothing(&check.limit, check.lot_allowance)),
            room,
        ]);
    }
    grid
}

pub(super) fn verdict(canvas: &Canvas, met: bool, relaxed: bool) -> Line {
    match (met, relaxed) {
        (false, _) => Line::new(Tone::Bad, canvas.pick("✗", "X")),
        (true, true) => Line::new(Tone::Warn, canvas.pick("≈", "~")),
        (true, false) => Line::new(Tone::Good, canvas.pick("✓", "+")),
    }
}

/// Value, relation, bound, room.
pub(super) fn figures(canvas: &Canvas, check: &Check) -> [Line; 4] {
    let sense = match check.sense {
        Sense::AtMost => canvas.pick("≤", "<="),
        Sense::AtLeast => canvas.pick("≥", ">="),
        Sense::Equal => "=",
    };
    [
        Line::plain(limit::figure(&check.limit, check.left_side)),
        Line::new(Tone::Faint, sense),
        Line::plain(limit::figure(&check.limit, check.bound)),
        Line::plain(limit::figure(&check.limit, check.slack)),
    ]
}

fn amount_or_nothing(name: &str, weight: crate::model::Weight) -> String {
    if weight.is_zero() { String::new() } else { limit::figure(name, weight) }
}
