//! The proof: every limit re-checked on the rounded orders, with the room that is left.

use maud::{Markup, html};
use rust_decimal::prelude::*;

use super::figure::{count, foreign, limit_figure, marginal, mark, meter};
use super::page::Section;
use super::table::{Column, Table};
use crate::model::Weight;
use crate::report::certificate::{Check, LimitFamily, subject_of};
use crate::report::margin::ShadowPriceReport;
use crate::report::published::Sense;
use crate::report::run::RunReport;
use crate::report::wording::{Tone, limit};

pub(super) fn gave_way(report: &RunReport) -> Option<Section> {
    if report.relaxations.is_empty() {
        return None;
    }
    let mut table = Table::new(
        "relaxations-table",
        "Soft limits that gave way",
        [
            Column::name("Limit"),
            Column::number("Priority"),
            Column::number("Bound"),
            Column::number("Moved by"),
            Column::number("Ends at"),
        ],
    );
    for relaxed in &report.relaxations {
        table.row([
            foreign(&relaxed.limit),
            html! { data value=(relaxed.priority) { (relaxed.priority) } },
            limit_figure(&relaxed.limit, relaxed.bound),
            html! { span .warn { (limit_figure(&relaxed.limit, relaxed.amount)) } },
            html! { @if let Some(at) = limit::ends_at(report, relaxed) { (limit_figure(&relaxed.limit, at)) } },
        ]);
    }
    let remark = "soft limits, each by the least amount that has a solution";
    let instead =
        report.relaxations.iter().flat_map(|it| it.instead.iter().map(move |other| limit::instead(it, other)));
    let instead: Vec<String> = instead.collect();
    let body = html! {
        (table.render())
        @if !instead.is_empty() {
            p { "What could have given way instead:" }
            ul .notices { @for sentence in &instead { li { (sentence) "." } } }
        }
    };
    Some(Section::new("gave-way", "Limits that gave way", remark, body).toned(Tone::Warn))
}

pub(super) fn limits(report: &RunReport) -> Option<Section> {
    let certificate = &report.certificate;
    if certificate.checks.is_empty() {
        return None;
    }
    let (tone, verdict) = limit::verdict(report);
    let body = html! {
        @if let Some(proved) = &certificate.optimality {
            p { (limit::optimality(proved)) "." }
        }
        @if let Some(found) = &report.solver.integers {
            p { (limit::integers(found)) "." }
        }
        (families(&certificate.families))
        @for sentence in limit::out_of_reach(&certificate.checks) { p .warn { (foreign(&sentence)) "." } }
        details {
            summary { "Every check" }
            (checks(&certificate.checks))
        }
        @if !certificate.shadow_prices.is_empty() { (shadow_prices(&certificate.shadow_prices)) }
    };
    Some(Section::new("limits", "Limits", verdict, body).toned(tone))
}

fn families(families: &[LimitFamily]) -> Markup {
    let mut table = Table::new(
        "limits-table",
        "Each kind of limit with its tightest member",
        [
            Column::name("Limit"),
            Column::number("Checks"),
            Column::text("Tightest"),
            Column::number("Value"),
            Column::number("Bound"),
            Column::number("Room"),
            Column::drawing("Used"),
            Column::text("Gave way"),
        ],
    );
    for family in families {
        let tightest = &family.tightest;
        let gave_way = limit::gave_way(family);
        let (tone, sign) = verdict(family.violated == 0, !family.is_as_asked());
        table.row([
            html! { (sign) " " (foreign(&family.family)) },
            count(family.checks),
            html! { @if let Some(subject) = subject_of(&tightest.limit) { span .faint { (foreign(subject)) } } },
            limit_figure(&tightest.limit, tightest.left_side),
            bound(tightest),
            limit_figure(&tightest.limit, tightest.slack),
            used(tightest, tone),
            html! { @if !gave_way.is_empty() { span .warn { (gave_way) } } },
        ]);
    }
    table.render()
}

fn checks(checks: &[Check]) -> Markup {
    let mut table = Table::new(
        "checks-table",
        "Every check on the rounded orders",
        [
            Column::name("Limit"),
            Column::number("Value"),
            Column::number("Bound"),
            Column::number("Relaxed by"),
            Column::number("Lots"),
            Column::number("Room"),
        ],
    );
    for check in checks {
        let (_, sign) = verdict(limit::is_met(check), !check.is_as_asked());
        table.row([
            html! { (sign) " " (foreign(&check.limit)) },
            limit_figure(&check.limit, check.left_side),
            bound(check),
            figure_or_nothing(&check.limit, check.relaxation),
            figure_or_nothing(&check.limit, check.lot_allowance),
            limit_figure(&check.limit, check.slack),
        ]);
    }
    table.render()
}

/// Apart from the checks: most of them have no price.
fn shadow_prices(prices: &[ShadowPriceReport]) -> Markup {
    let mut table = Table::new(
        "shadow-prices-table",
        "What a point more or less room in a limit would be worth at the margin, in basis points of value",
        [Column::name("Limit"), Column::number("A point more room"), Column::number("A point less")],
    );
    for price in prices {
        table.row([
            foreign(&price.limit),
            marginal(price.looser_bp),
            html! {
                @match price.tighter_bp {
                    Some(less) => (marginal(less)),
                    None => span .faint { "not possible" },
                }
            },
        ]);
    }
    table.render()
}

fn verdict(met: bool, relaxed: bool) -> (Tone, Markup) {
    match (met, relaxed) {
        (false, _) => (Tone::Bad, mark(Tone::Bad, "✗", "violated:")),
        (true, true) => (Tone::Warn, mark(Tone::Warn, "≈", "met after giving way:")),
        (true, false) => (Tone::Good, mark(Tone::Good, "✓", "met:")),
    }
}

/// Nothing where there is nothing to tell.
fn figure_or_nothing(name: &str, it: Weight) -> Markup {
    if it.is_zero() {
        html! {}
    } else {
        limit_figure(name, it)
    }
}

fn bound(check: &Check) -> Markup {
    let (sign, words) = match check.sense {
        Sense::AtMost => ("≤", "at most"),
        Sense::AtLeast => ("≥", "at least"),
        Sense::Equal => ("=", "equal to"),
    };
    html! {
        span .faint aria-hidden="true" { (sign) " " }
        span .unseen { (words) " " }
        (limit_figure(&check.limit, check.bound))
    }
}

/// Value over bound for what must stay below it, bound over value for what must stay above it.
fn used(check: &Check, tone: Tone) -> Markup {
    let (part, whole) = match check.sense {
        Sense::AtMost => (check.left_side.get(), check.bound.get()),
        Sense::AtLeast => (check.bound.get(), check.left_side.get()),
        Sense::Equal => return html! {},
    };
    let nothing = if part > Decimal::ZERO { Decimal::ONE } else { Decimal::ZERO };
    let fraction = if whole > Decimal::ZERO { part.checked_div(whole).unwrap_or(nothing) } else { nothing };
    meter(fraction, tone)
}
