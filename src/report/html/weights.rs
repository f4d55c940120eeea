//! Weights before the run, in the index, and after the run.

use maud::{Markup, html};

use super::figure::{badge, foreign, toned, weight, weight_bar, weight_legend};
use super::page::Section;
use super::table::{Column, Table};
use crate::model::{AssetId, Weight};
use crate::report::published::Role;
use crate::report::run::{PositionReport, RunReport, count};
use crate::report::wording::Tone;
use crate::report::wording::number::round_weight_above;
use crate::report::wording::order::{reason_tone, reason_words};

pub(super) fn weights(report: &RunReport) -> Section {
    let full = round_weight_above(largest(report));
    let mut table = Table::new(
        "weights-table",
        "Weight of each asset and of cash before the run, in the index and after the run",
        [
            Column::name("Asset"),
            Column::number("Before"),
            Column::number("Reference"),
            Column::number("After"),
            Column::drawing("Before to after"),
            Column::text("Why"),
        ],
    );
    for position in &report.positions {
        table.row([
            name(report, position),
            weight(position.weight_before),
            weight(position.reference_weight),
            weight(position.weight_after),
            weight_bar(full, position.weight_before, position.reference_weight, position.weight_after),
            toned(reason_tone(position), &reason_words(position.reason)),
        ]);
    }
    let cash = &report.cash;
    table.row([
        html! { "cash " span .faint { (foreign(&report.quote_currency)) } },
        weight(cash.weight_before),
        weight(cash.reference_weight),
        weight(cash.weight_after),
        weight_bar(full, cash.weight_before, cash.reference_weight, cash.weight_after),
        html! {},
    ]);
    let held = report.positions.iter().filter(|it| it.role == Role::Constituent).count();
    let remark = format!("of net asset value before trading; {} and cash", count(held, "constituent"));
    Section::new("weights", "Weights", remark, html! { (weight_legend(full)) (table.render()) })
}

/// Symbol and id, for two assets may share a symbol; and the role of what is no constituent.
pub(super) fn name(report: &RunReport, position: &PositionReport) -> Markup {
    html! {
        (named(report, &position.asset, &position.symbol))
        @if position.role != Role::Constituent { " " (badge(Tone::Plain, &position.role.to_string())) }
    }
}

/// Symbol and id.
pub(super) fn named(report: &RunReport, asset: &AssetId, symbol: &str) -> Markup {
    let label = report.label(asset, symbol);
    html! {
        (foreign(label))
        @if label != asset.as_str() { " " span .faint .id { (asset) } }
    }
}

fn largest(report: &RunReport) -> Weight {
    let cash = [report.cash.weight_before, report.cash.reference_weight, report.cash.weight_after];
    let weights = report.positions.iter().flat_map(|it| [it.weight_before, it.reference_weight, it.weight_after]);
    weights.chain(cash).max().unwrap_or(Weight::ONE)
}
