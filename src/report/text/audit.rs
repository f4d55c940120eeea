//! `audit`: the log of a run or of the kill switches as a table, and what their check found.

use super::canvas::{Canvas, Line, Tone};
use super::heading;
use super::table::{Column, Grid};
use crate::report::audit::{AuditFinding, AuditReport, SwitchReport};
use crate::report::wording::log::{self, Stored};

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
            Line::plain(log::moment(entry.at)),
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
    out + &judged(&format!("kill switch of {of}"), report.entries.len(), &report.findings, Stored::Switch, canvas)
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
            Line::plain(log::moment(entry.at)),
            Line::plain(log::subject(entry)),
            Line::plain(entry.sequence.to_string()),
            Line::plain(log::change(entry, canvas.pick("→", "->"))),
            Line::plain(entry.epoch.to_string()),
            Line::plain(canvas.clean(log::author(entry))),
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

fn verdict(report: &AuditReport, canvas: &Canvas) -> String {
    judged(
        &format!("run {} of {}", report.run_id, report.portfolio),
        report.entries.len(),
        &report.findings,
        Stored::Run,
        canvas,
    )
}

/// One line where the log is whole, else every finding.
fn judged(what: &str, entries: usize, findings: &[AuditFinding], stored: Stored, canvas: &Canvas) -> String {
    let text = format!("{what}: {}", log::verdict(entries, findings, stored));
    let (tone, mark) =
        if findings.is_empty() { (Tone::Good, canvas.pick("✓", "+")) } else { (Tone::Bad, canvas.pick("✗", "X")) };
    let mut out = canvas.fill(&Line::new(tone, format!("{mark} ")), Tone::Plain, &text);
    for finding in findings {
        let bullet = Line::new(Tone::Bad, format!("  {} ", canvas.pick("•", "*")));
        out.push_str(&canvas.fill(&bullet, Tone::Plain, &canvas.clean(&log::finding(finding, stored))));
    }
    out
}
