//! A run's log: what each entry is about, and what its check found.

use crate::report::audit::{AuditEntry, AuditFinding, AuditReport};
use crate::report::run::count;

/// `run`, or the order that the entry is about.
#[must_use]
pub fn subject(entry: &AuditEntry) -> String {
    let Some(key) = entry.order else { return "run".to_owned() };
    match (entry.side, &entry.instrument) {
        (Some(side), Some(instrument)) => format!("{side} {instrument}"),
        _ => format!("order {}", key.to_string().chars().take(8).collect::<String>()),
    }
}

/// `filled`, `sending → filled`, or `sending, as before`.
#[must_use]
pub fn change(entry: &AuditEntry, arrow: &str) -> String {
    let words = |state: &str| state.replace('_', " ");
    match &entry.from {
        None => words(&entry.to),
        Some(from) if *from == entry.to => format!("{}, as before", words(from)),
        Some(from) => format!("{} {arrow} {}", words(from), words(&entry.to)),
    }
}

/// To the millisecond; the column says that it is UTC.
#[must_use]
pub fn moment(entry: &AuditEntry) -> String {
    entry.at.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string()
}

/// On whose word.
#[must_use]
pub fn author(entry: &AuditEntry) -> &str {
    entry.operator.as_deref().unwrap_or("program")
}

/// Whether the log is whole.
#[must_use]
pub fn verdict(report: &AuditReport) -> String {
    let entries =
        if report.entries.len() == 1 { "1 entry".to_owned() } else { format!("{} entries", report.entries.len()) };
    if report.is_whole {
        format!("{entries}, every hash recomputed: as written, and as the stored run and orders say")
    } else {
        format!("{entries}, {}; a person must look at the store", count(report.findings.len(), "finding"))
    }
}

/// One finding as a sentence.
#[must_use]
pub fn finding(finding: &AuditFinding) -> String {
    let of = finding.order.map_or_else(|| "run".to_owned(), |key| format!("order {key}"));
    let at = finding.sequence.map_or_else(String::new, |sequence| format!(", entry {sequence}"));
    format!("{}, {of}{at}: {}", finding.fault.replace('_', " "), finding.what)
}
