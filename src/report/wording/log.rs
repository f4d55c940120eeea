//! A log of a run or of a kill switch: what each entry is about, and what its check found.

use jiff::Timestamp;

use crate::report::audit::{AuditEntry, AuditFinding};
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
pub fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string()
}

/// On whose word.
#[must_use]
pub fn author(entry: &AuditEntry) -> &str {
    entry.operator.as_deref().unwrap_or("program")
}

/// What of the store a log is checked against; the first word says whose chain it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    Run,
    Switch,
}

impl Stored {
    const fn owner(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Switch => "switch",
        }
    }

    const fn says(self) -> &'static str {
        match self {
            Self::Run => "run and orders say",
            Self::Switch => "switch says",
        }
    }
}

/// Whether a log of so many entries is whole.
#[must_use]
pub fn verdict(entries: usize, findings: &[AuditFinding], stored: Stored) -> String {
    let entries = if entries == 1 { "1 entry".to_owned() } else { format!("{entries} entries") };
    if findings.is_empty() {
        format!("{entries}, every hash recomputed: as written, and as the stored {}", stored.says())
    } else {
        format!("{entries}, {}; a person must look at the store", count(findings.len(), "finding"))
    }
}

/// One finding as a sentence.
#[must_use]
pub fn finding(finding: &AuditFinding, stored: Stored) -> String {
    let of = finding.order.map_or_else(|| stored.owner().to_owned(), |key| format!("order {key}"));
    let at = finding.sequence.map_or_else(String::new, |sequence| format!(", entry {sequence}"));
    format!("{}, {of}{at}: {}", finding.fault.replace('_', " "), finding.what)
}
