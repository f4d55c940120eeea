//! The transaction log: every change of the run and of its orders, and whether it is as it was written.

use maud::html;

use super::figure::{foreign, mark};
use super::page::Section;
use super::reasons::folded;
use super::table::{Column, Table};
use crate::report::audit::AuditReport;
use crate::report::wording::Tone;
use crate::report::wording::log::{self, Stored};

pub(super) fn transactions(audit: &AuditReport) -> Section {
    let mut table = Table::new(
        "log-table",
        "Every change of the run and of its orders, by time",
        [
            Column::name("Time, UTC"),
            Column::text("Of"),
            Column::number("Entry"),
            Column::text("Change"),
            Column::text("By"),
            Column::text("Hash"),
            Column::prose("Why"),
        ],
    );
    for entry in &audit.entries {
        table.row([
            html! { time datetime=(entry.at) { (log::moment(entry.at)) } },
            foreign(&log::subject(entry)),
            html! { data value=(entry.sequence) { (entry.sequence) } },
            foreign(&log::change(entry, "→")),
            foreign(log::author(entry)),
            html! { code { (entry.hash.chars().take(8).collect::<String>()) } },
            foreign(&entry.why),
        ]);
    }
    let (tone, sign) = if audit.is_whole {
        (Tone::Good, mark(Tone::Good, "✓", ""))
    } else {
        (Tone::Bad, mark(Tone::Bad, "✗", ""))
    };
    let body = html! {
        @if !audit.findings.is_empty() {
            ul .notices { @for finding in &audit.findings { li .bad { (sign) " " (foreign(&log::finding(finding, Stored::Run))) } } }
        }
        (folded(audit.entries.len(), "Every entry", &table.render()))
    };
    Section::new("log", "Transaction log", log::verdict(audit.entries.len(), &audit.findings, Stored::Run), body)
        .toned(tone)
}
