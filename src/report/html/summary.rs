//! What a reader sees first: whose run it is, how it ended, and the figures that matter.

use maud::{Markup, html};

use super::figure::{badge, count, foreign, money, time, tone_class, weight};
use super::page::Section;
use crate::model::{Flow, Weight};
use crate::report::audit::AuditReport;
use crate::report::run::{RunReport, count as words};
use crate::report::wording::log::{self, Stored};
use crate::report::wording::{Tone, limit, number, printable, run as sentence};

pub(super) fn header(report: &RunReport) -> Markup {
    let (tone, mode) = sentence::badge(report.mode);
    html! {
        header {
            p .kicker { "Rebalance " (badge(tone, mode)) }
            h1 { (foreign(report.portfolio.as_str())) " " span .index { (foreign(&report.index)) } }
            p .where {
                (foreign(report.account.as_str())) " at " (foreign(report.venue.as_str())) ", " (report.environment)
                " · as of " (time(report.as_of))
            }
        }
    }
}

/// What wants a person, worst first; then how it ended.
fn verdicts(report: &RunReport, audit: Option<&AuditReport>) -> Vec<(Tone, String)> {
    let mut verdicts = Vec::new();
    let (tone, limits) = limit::verdict(report);
    if tone == Tone::Bad {
        verdicts.push((tone, limits));
    }
    if let Some(audit) = audit.filter(|audit| !audit.is_whole) {
        verdicts.push((
            Tone::Bad,
            format!("Transaction log: {}", log::verdict(audit.entries.len(), &audit.findings, Stored::Run)),
        ));
    }
    if let Some(execution) = &report.execution {
        verdicts.push((sentence::result_tone(execution), sentence::result(execution)));
    }
    verdicts.push((Tone::Plain, report.outcome.sentence.clone()));
    verdicts
}

pub(super) fn summary(report: &RunReport, audit: Option<&AuditReport>) -> Section {
    let body = html! {
        @for (tone, text) in verdicts(report, audit) {
            p class={ "verdict " (tone_class(tone)) } { (printable(&text)) }
        }
        (cards(report))
        (facts(report))
    };
    Section::new("summary", "Summary", "", body)
}

fn cards(report: &RunReport) -> Markup {
    let quote = &report.quote_currency;
    let execution = report.execution.as_ref();
    let value_after = execution.and_then(|it| it.net_asset_value_after);
    let gave_way = report.relaxations.len();
    html! {
        dl .cards {
            (card("Value", &money(value_after.unwrap_or(report.net_asset_value)), &html! {
                (foreign(quote))
                @if value_after.is_some() { " after; " (money(report.net_asset_value)) " before" }
            }))
            (card("Orders", &count(report.orders.len()), &html! {
                @if let Some(execution) = execution {
                    (words(execution.sent, "order")) " sent"
                } @else { "planned, none sent" }
            }))
            (card("Turnover", &weight(report.turnover), &html! { "of value, half of buys and sells" }))
            @match execution.filter(|it| it.sent > 0) {
                Some(execution) => (card("Cost", &money(execution.cost), &html! {
                    (number::basis_points(execution.cost, report.net_asset_value)) " of value; "
                    (money(execution.estimated_cost)) " expected"
                })),
                None => (card("Cost", &money(report.estimated_cost), &html! {
                    "expected; " (number::basis_points(report.estimated_cost, report.net_asset_value)) " of value"
                })),
            }
            (card("Limits", &count(report.certificate.checks.len()), &html! {
                @if gave_way > 0 { span .warn { "met; " (gave_way) " gave way" } } @else { (met(report)) }
            }))
            (card("Cash", &weight(report.cash.weight_after), &html! {
                "after; " (weight(report.cash.weight_before)) " before, " (weight(report.cash.reference_weight)) " wanted"
            }))
        }
    }
}

fn met(report: &RunReport) -> Markup {
    let tightest = report.certificate.families.iter().map(|family| family.tightest.slack).min();
    html! {
        @if tightest.is_some_and(|slack| slack < Weight::ZERO) { span .bad { "not all met" } } @else { "all met" }
    }
}

fn card(title: &str, figure: &Markup, remark: &Markup) -> Markup {
    html! {
        div .card { dt { (title) } dd .figure { (figure) } dd .remark { (remark) } }
    }
}

/// The head of the same report on a terminal.
fn facts(report: &RunReport) -> Markup {
    let fact = |title: &str, tone: Tone, text: &str| {
        html! { div { dt { (title) } dd class=(tone_class(tone)) { (foreign(text)) } } }
    };
    html! {
        dl .facts {
            (fact("Run", Tone::Plain, &report.run_id.to_string()))
            (fact("When", Tone::Plain, &sentence::when(report)))
            (fact("Value", Tone::Plain, &sentence::value(report)))
            @if let Some(loaded) = &report.loaded { (fact("Loaded", Tone::Plain, &sentence::loaded(loaded, report))) }
            @if report.flow != Flow::Full { (fact("Flow", Tone::Warn, &sentence::flow(report))) }
            (fact("Regime", if report.regime.bearish { Tone::Warn } else { Tone::Plain }, &sentence::regime(report)))
            @if !report.orders.is_empty() { (fact("Expected", Tone::Plain, &sentence::cost(report))) }
            @if let Some(execution) = report.execution.as_ref().filter(|it| it.sent > 0) {
                (fact("Settled", Tone::Plain, &sentence::settled(execution, report)))
            }
        }
    }
}

/// Where every figure comes from, so that it can be recomputed.
pub(super) fn provenance(report: &RunReport) -> Section {
    let short = sentence::short_id(report);
    let digest = |title: &str, value: &str| html! { div { dt { (title) } dd { code { (printable(value)) } } } };
    let body = html! {
        dl .facts {
            (digest("Run id", &report.run_id.to_string()))
            (digest("Input digest", &report.input_digest))
            (digest("Policy digest", &report.policy_digest))
            @if let Some(plan) = report.execution.as_ref().and_then(|it| it.plan_digest.as_deref()) {
                (digest("Plan digest", plan))
            }
            (digest("Solver", &format!(
                "{} {}, {}, objective {}",
                report.solver.backend,
                report.solver.version,
                words(report.solver.programs as usize, "program"),
                report.solver.objective
            )))
        }
        p .faint {
            code { "rebalance replay " (short) } " recomputes the plan from the stored input and compares it byte by byte; "
            code { "rebalance audit " (short) } " recomputes the log."
        }
    };
    Section::new("provenance", "Provenance", "", body)
}
