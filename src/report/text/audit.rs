//! `audit`: the log of a run as a table, and what its check found.

use super::canvas::{Canvas, Line, Tone};
use super::heading;
use super::table::{Column, Grid};
use crate::report::audit::{AuditEntry, AuditFinding, AuditReport};
use crate::report::run::count;

/// Entries that are shown where not all are.
const SHOWN: usize = 40;

/// One run in full, several in a line each, and every finding in either case.
#[must_use]
pub fn audit(reports: &[AuditReport], canvas: &Canvas) -> String {
    match reports {
        [] => "No runs yet. `rebalance run CASE` makes one.\n".to_owned(),
        [one] => entries(one, canvas) + &verdict(one, canvas),
        several => several.iter().map(|report| verdict(report, canvas)).collect(),
    }
}

fn entries(report: &AuditReport, canvas: &Canvas) -> String {
    let remark = format!("{}, {} on {}, is {}", report.run_id, report.portfolio, report.account, report.state);
    let mut out = heading(canvas, "Log", &remark).trim_start_matches('\n').to_owned();
    let mut grid = Grid::new([
        Column::left("time, UTC"),
        Column::left("of"),
        Column::right("#"),
        Column::left("change"),
        Column::right("epoch").or_drop(2),
        Column::left("by").or_drop(1),
        Column::left("hash").or_drop(3),
        Column::wrapping("why").or_drop(4),
    ]);
    let most = if canvas.full { usize::MAX } else { SHOWN };
    for entry in report.entries.iter().take(most) {
        grid.row([
            Line::plain(entry.at.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string()),
            Line::plain(subject(entry)),
            Line::plain(entry.sequence.to_string()),
            change(entry, canvas),
            Line::plain(entry.epoch.to_string()),
            Line::plain(canvas.clean(entry.operator.as_deref().unwrap_or("program"))),
            Line::new(Tone::Faint, entry.hash.chars().take(8).collect::<String>()),
            Line::plain(canvas.clean(&entry.why)),
        ]);
    }
    out.push_str(&grid.render(canvas));
    if report.entries.len() > most {
        let more = format!("  {} and {} more; --full shows all", canvas.pick("…", "..."), report.entries.len() - most);
        out.push_str(&canvas.faint_line(&more));
    }
    out.push('\n');
    out
}

fn subject(entry: &AuditEntry) -> String {
    let Some(key) = entry.order else { return "run".to_owned() };
    match (entry.side, &entry.instrument) {
        (Some(side), Some(instrument)) => format!("{side} {instrument}"),
        _ => format!("order {}", key.to_string().chars().take(8).collect::<String>()),
    }
}

fn change(entry: &AuditEntry, canvas: &Canvas) -> Line {
    let words = |state: &str| state.replace('_', " ");
    let arrow = canvas.pick("→", "->");
    Line::plain(match &entry.from {
        None => words(&entry.to),
        Some(from) if *from == entry.to => format!("{}, as before", words(from)),
        Some(from) => format!("{} {arrow} {}", words(from), words(&entry.to)),
    })
}

fn verdict(report: &AuditReport, canvas: &Canvas) -> String {
    let what = format!("run {} of {}: {}", report.run_id, report.portfolio, count_of_entries(report));
    if report.is_whole {
        let mark = Line::new(Tone::Good, format!("{} ", canvas.pick("✓", "+")));
        let text = format!("{what}, every hash recomputed: as written, and as the stored run and orders say");
        return canvas.fill(&mark, Tone::Plain, &text);
    }
    let mark = Line::new(Tone::Bad, format!("{} ", canvas.pick("✗", "X")));
    let found = count(report.findings.len(), "finding");
    let mut out = canvas.fill(&mark, Tone::Plain, &format!("{what}, {found}; a person must look at the store"));
    for finding in &report.findings {
        let bullet = Line::new(Tone::Bad, format!("  {} ", canvas.pick("•", "*")));
        out.push_str(&canvas.fill(&bullet, Tone::Plain, &canvas.clean(&told(finding))));
    }
    out
}

fn count_of_entries(report: &AuditReport) -> String {
    if report.entries.len() == 1 { "1 entry".to_owned() } else { format!("{} entries", report.entries.len()) }
}

fn told(finding: &AuditFinding) -> String {
    let of = finding.order.map_or_else(|| "run".to_owned(), |key| format!("order {key}"));
    let at = finding.sequence.map_or_else(String::new, |sequence| format!(", entry {sequence}"));
    format!("{}, {of}{at}: {}", finding.fault.replace('_', " "), finding.what)
}
