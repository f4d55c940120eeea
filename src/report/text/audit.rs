//! `audit`: the log of a run as a table, and what its check found.

use super::canvas::{Canvas, Line, Tone};
use super::heading;
use super::table::{Column, Grid};
use crate::report::audit::AuditReport;
use crate::report::wording::log;

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
            Line::plain(log::moment(entry)),
            Line::plain(log::subject(entry)),
            Line::plain(entry.sequence.to_string()),
            Line::plain(log::change(entry, canvas.pick("→", "->"))),
            Line::plain(entry.epoch.to_string()),
            Line::plain(canvas.clean(log::author(entry))),
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

fn verdict(report: &AuditReport, canvas: &Canvas) -> String {
    let text = format!("run {} of {}: {}", report.run_id, report.portfolio, log::verdict(report));
    let (tone, mark) =
        if report.is_whole { (Tone::Good, canvas.pick("✓", "+")) } else { (Tone::Bad, canvas.pick("✗", "X")) };
    let mut out = canvas.fill(&Line::new(tone, format!("{mark} ")), Tone::Plain, &text);
    for finding in &report.findings {
        let bullet = Line::new(Tone::Bad, format!("  {} ", canvas.pick("•", "*")));
        out.push_str(&canvas.fill(&bullet, Tone::Plain, &canvas.clean(&log::finding(finding))));
    }
    out
}
