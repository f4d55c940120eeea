//! `audit`: the log of a run or of the kill switches as a table, and what their check found.

use super::canvas::{Canvas, Line, Tone};
use super::heading;
use super::table::{Column, Grid};
use crate::report::audit::{AuditEntry, AuditFinding, AuditReport, SwitchReport};
use crate::report::run::count;

/// Entries that are shown where not all are.
const SHOWN: usize = 40;

/// One run in full, several in a line each, every kill switch in full, and every finding in any case.
#[must_use]
pub fn audit(reports: &[AuditReport], switches: &[SwitchReport], canvas: &Canvas) -> String {
    let runs = match reports {
        [] => "No runs yet. `rebalance run CASE` makes one.\n".to_owned(),
        [one] => entries(one, canvas) + &verdict(one, canvas),
        several => several.iter().map(|report| verdict(report, canvas)).collect(),
    };
    runs + &switches.iter().map(|switch| switch_log(switch, canvas)).collect::<String>()
}

fn switch_log(report: &SwitchReport, canvas: &Canvas) -> String {
    let of = report.portfolio.as_ref().map_or_else(|| "everything".to_owned(), |id| format!("portfolio {id}"));
    let state = if report.on { "on" } else { "off" };
    let mut out = heading(canvas, "Kill switch", &format!("{of}, is {state}"));
    let mut grid = Grid::new([
        Column::left("time, UTC"),
        Column::right("#"),
        Column::left("set"),
        Column::left("by"),
        Column::left("hash").or_drop(1),
        Column::wrapping("why").or_drop(2),
    ]);
    let hidden = if canvas.full { 0 } else { report.entries.len().saturating_sub(SHOWN) };
    for entry in report.entries.iter().skip(hidden) {
        let (tone, set) = if entry.on { (Tone::Bad, "on") } else { (Tone::Good, "off") };
        grid.row([
            Line::plain(moment(entry.at)),
            Line::plain(entry.sequence.to_string()),
            Line::new(tone, set),
            Line::plain(canvas.clean(&entry.operator)),
            Line::new(Tone::Faint, short(&entry.hash)),
            Line::plain(canvas.clean(&entry.why)),
        ]);
    }
    out.push_str(&grid.render(canvas));
    if hidden > 0 {
        out.push_str(&canvas.faint_line(&format!("  and {hidden} before them; --full shows all")));
    }
    out.push('\n');
    let told = count_of_entries(report.entries.len());
    out + &judged(&format!("kill switch of {of}: {told}"), "switch says", &report.findings, canvas)
}

fn moment(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string()
}

fn short(hash: &str) -> String {
    hash.chars().take(8).collect()
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
            Line::plain(moment(entry.at)),
            Line::plain(subject(entry)),
            Line::plain(entry.sequence.to_string()),
            change(entry, canvas),
            Line::plain(entry.epoch.to_string()),
            Line::plain(canvas.clean(entry.operator.as_deref().unwrap_or("program"))),
            Line::new(Tone::Faint, short(&entry.hash)),
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
    let told = count_of_entries(report.entries.len());
    judged(
        &format!("run {} of {}: {told}", report.run_id, report.portfolio),
        "run and orders say",
        &report.findings,
        canvas,
    )
}

/// One line where the log is whole, else every finding. `stored`: what of the store agrees with it; the first word says
/// whose chain it is.
fn judged(what: &str, stored: &str, findings: &[AuditFinding], canvas: &Canvas) -> String {
    if findings.is_empty() {
        let mark = Line::new(Tone::Good, format!("{} ", canvas.pick("✓", "+")));
        let text = format!("{what}, every hash recomputed: as written, and as the stored {stored}");
        return canvas.fill(&mark, Tone::Plain, &text);
    }
    let mark = Line::new(Tone::Bad, format!("{} ", canvas.pick("✗", "X")));
    let found = count(findings.len(), "finding");
    let mut out = canvas.fill(&mark, Tone::Plain, &format!("{what}, {found}; a person must look at the store"));
    for finding in findings {
        let bullet = Line::new(Tone::Bad, format!("  {} ", canvas.pick("•", "*")));
        out.push_str(&canvas.fill(&bullet, Tone::Plain, &canvas.clean(&told(finding, stored))));
    }
    out
}

fn count_of_entries(number: usize) -> String {
    if number == 1 { "1 entry".to_owned() } else { format!("{number} entries") }
}

fn told(finding: &AuditFinding, stored: &str) -> String {
    let own = stored.split(' ').next().unwrap_or(stored);
    let of = finding.order.map_or_else(|| own.to_owned(), |key| format!("order {key}"));
    let at = finding.sequence.map_or_else(String::new, |sequence| format!(", entry {sequence}"));
    format!("{}, {of}{at}: {}", finding.fault.replace('_', " "), finding.what)
}
