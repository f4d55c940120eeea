//! What was not traded and why, what is not in the index and why, and what there is to note.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::figure::{foreign, toned, weight};
use super::page::Section;
use super::table::{Column, Table};
use super::weights::{name, named};
use crate::report::published::ReasonCode;
use crate::report::run::{PositionReport, RunReport, count};
use crate::report::wording::order::{is_ordinary, reason_tone, reason_words};
use crate::report::wording::{Tone, limit};

/// More than so many are folded away.
const MOST_ROWS: usize = 12;

pub(super) fn not_traded(report: &RunReport) -> Option<Section> {
    let mut groups: BTreeMap<ReasonCode, Vec<&PositionReport>> = BTreeMap::new();
    for position in report.not_traded() {
        groups.entry(position.reason).or_default().push(position);
    }
    let total: usize = groups.values().map(Vec::len).sum();
    if total == 0 {
        return None;
    }
    let (ordinary, others): (Vec<_>, Vec<_>) = groups.into_iter().partition(|(reason, _)| is_ordinary(*reason));
    let body = html! {
        @for (reason, positions) in &ordinary { (names(report, *reason, positions)) }
        @if !others.is_empty() { (sentences(report, &others)) }
    };
    Some(Section::new("not-traded", "Not traded", count(total, "asset"), body))
}

/// Nothing is in the way of these: their names do.
fn names(report: &RunReport, reason: ReasonCode, positions: &[&PositionReport]) -> Markup {
    html! {
        p {
            (toned(Tone::Strong, &reason_words(reason))) " (" (positions.len()) "): "
            @for (at, position) in positions.iter().enumerate() {
                @if at > 0 { ", " }
                (foreign(report.label(&position.asset, &position.symbol)))
            }
        }
    }
}

fn sentences(report: &RunReport, groups: &[(ReasonCode, Vec<&PositionReport>)]) -> Markup {
    let mut table = Table::new(
        "not-traded-table",
        "Assets without an order for which something is in the way",
        [
            Column::name("Asset"),
            Column::text("Reason"),
            Column::number("Held"),
            Column::number("Reference"),
            Column::prose("Why"),
        ],
    );
    for position in groups.iter().flat_map(|(_, positions)| positions) {
        table.row([
            name(report, position),
            toned(reason_tone(position), &reason_words(position.reason)),
            weight(position.weight_after),
            weight(position.reference_weight),
            html! {
                (foreign(&position.sentence))
                @if !position.binding.is_empty() { span .note { "Held by " (foreign(&position.binding.join(", "))) } }
                @if let Some(margin) = &position.margin { span .note { (foreign(&limit::margin(margin))) } }
            },
        ]);
    }
    table.render()
}

pub(super) fn not_in_the_index(report: &RunReport) -> Option<Section> {
    if report.exclusions.is_empty() {
        return None;
    }
    let mut table = Table::new(
        "exclusions-table",
        "Candidates that are not in the index",
        [Column::name("Asset"), Column::prose("Why")],
    );
    for exclusion in &report.exclusions {
        table.row([named(report, &exclusion.asset, &exclusion.symbol), foreign(&exclusion.why)]);
    }
    let total = count(report.exclusions.len(), "candidate");
    let body = folded(report.exclusions.len(), &format!("All {total}"), &table.render());
    Some(Section::new("exclusions", "Not in the index", total, body))
}

pub(super) fn notices(report: &RunReport) -> Option<Section> {
    if report.notices.is_empty() {
        return None;
    }
    let total = count(report.notices.len(), "notice");
    let list = html! { ul .notices { @for notice in &report.notices { li { (foreign(notice)) } } } };
    let body = folded(report.notices.len(), &format!("All {total}"), &list);
    Some(Section::new("notices", "Notices", total, body))
}

/// As it is where it is short; behind a summary where it is long.
pub(super) fn folded(rows: usize, summary: &str, body: &Markup) -> Markup {
    html! {
        @if rows > MOST_ROWS { details { summary { (summary) } (body) } } @else { (body) }
    }
}
