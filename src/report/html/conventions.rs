//! How to read a backtest, and what it was made of.

use maud::html;

use super::charts::LIBRARY_LICENCE;
use super::figure::foreign;
use super::page::Section;
use super::table::{Column, Table};
use crate::report::backtest::{Conventions, Definition, PolicyReport};
use crate::report::wording::printable;

pub(super) fn how_to_read(conventions: &Conventions, notices: &[String], definitions: &[Definition]) -> Section {
    let mut table = Table::new(
        "definitions-table",
        "What each figure means",
        [Column::name("Figure"), Column::prose("Definition")],
    );
    for it in definitions {
        table.row([html! { code { (printable(&it.figure)) } }, foreign(&it.definition)]);
    }
    let body = html! {
        ul .notices {
            @for sentence in conventions.sentences.iter().chain(notices) { li { (foreign(sentence)) } }
        }
        details { summary { "What each figure means" } (table.render()) }
    };
    Section::new("reading", "How to read it", "", body)
}

/// `with_charts`: the page holds the chart library, whose licence it names.
pub(super) fn provenance(policy: &PolicyReport, conventions: &Conventions, with_charts: bool) -> Section {
    let body = html! {
        dl .facts {
            div { dt { "Policy" } dd { (foreign(&policy.file)) } }
            div { dt { "Digest" } dd { code { (printable(&policy.digest)) } } }
            div { dt { "Sources" } dd {
                @for (at, source) in conventions.sources.iter().enumerate() {
                    @if at > 0 { ", " }
                    (foreign(source))
                }
            } }
        }
        @if with_charts {
            details {
                summary { "Licence of the chart library, uPlot 1.6.32" }
                pre .licence { (LIBRARY_LICENCE) }
            }
        }
    };
    Section::new("provenance", "Provenance", "", body)
}
