//! Short answers: the list of runs, a replay's verdict, a policy's.

use super::canvas::{Canvas, Line, Tone};
use super::difference::field_changes;
use super::table::{Column, Grid};
use super::{number, time};
use crate::report::document::{KillSwitchReport, PolicyCheck, ReplayReport, RunLine};
use crate::report::published::RunState;

/// `portfolio` is the one that was asked for; absent: every portfolio.
#[must_use]
pub fn run_list(runs: &[RunLine], portfolio: Option<&str>, canvas: &Canvas) -> String {
    if runs.is_empty() {
        return match portfolio {
            Some(portfolio) => format!("No run of portfolio {portfolio}. `rebalance runs` lists those of all.\n"),
            None => "No runs yet. `rebalance run CASE` makes one.\n".to_owned(),
        };
    }
    let mut grid = Grid::new([
        Column::left("run"),
        Column::left("portfolio"),
        Column::left("account").or_drop(2),
        Column::left("as of"),
        Column::right("value").or_drop(3),
        Column::right("orders"),
        Column::right("turnover").or_drop(4),
        Column::right("fees").or_drop(5),
        Column::left("state"),
        Column::wrapping("reason").or_drop(1),
    ]);
    for run in runs {
        let tone = match run.state {
            RunState::Done => Tone::Good,
            RunState::Aborted => Tone::Bad,
            _ => Tone::Warn,
        };
        grid.row([
            Line::plain(run.run_id.to_string().chars().take(8).collect::<String>()),
            Line::plain(run.portfolio.as_str()),
            Line::plain(run.account.as_str()),
            Line::plain(run.as_of.map_or_else(String::new, time)),
            Line::plain(run.net_asset_value.map_or_else(String::new, number::money)),
            Line::plain(run.orders.to_string()),
            Line::plain(run.turnover.map_or_else(String::new, number::percent)),
            Line::plain(number::money(run.fees)),
            Line::new(tone, run.state.to_string()),
            Line::plain(canvas.clean(&run.reason)),
        ]);
    }
    grid.render(canvas)
}

#[must_use]
pub fn replay(report: &ReplayReport, canvas: &Canvas) -> String {
    if report.identical {
        let text = format!(
            "run {}: its stored input makes the stored plan again, byte for byte ({} bytes)",
            report.run_id, report.stored_bytes
        );
        let mark = Line::new(Tone::Good, format!("{} ", canvas.pick("✓", "+")));
        let digest = canvas.fill(&Line::plain("  "), Tone::Faint, &format!("SHA-256 {}", report.stored_digest));
        return canvas.fill(&mark, Tone::Plain, &text) + &digest;
    }
    let mut out = canvas.fill(
        &Line::new(Tone::Bad, format!("{} ", canvas.pick("✗", "X"))),
        Tone::Plain,
        &format!(
            "run {}: its stored input makes another plan now: {} bytes stored, {} recomputed",
            report.run_id, report.stored_bytes, report.recomputed_bytes
        ),
    );
    if report.stored_solver != report.recomputed_solver {
        let text = format!("stored by {}, recomputed by {}", report.stored_solver, report.recomputed_solver);
        out.push_str(&canvas.fill(&Line::plain("  "), Tone::Plain, &text));
    }
    if let Some(change) = &report.first_difference {
        out.push_str("  first difference, stored and recomputed:\n");
        out.push_str(&field_changes(std::slice::from_ref(change), canvas));
    }
    out
}

#[must_use]
pub fn policy_check(check: &PolicyCheck, canvas: &Canvas) -> String {
    let mark = Line::new(Tone::Good, format!("{} ", canvas.pick("✓", "+")));
    let limits =
        if check.limits.is_empty() { "no limits".to_owned() } else { format!("limits: {}", check.limits.join(", ")) };
    let text =
        format!("{}: {} with {} members; {limits}; digest {}", check.file, check.name, check.members, check.digest);
    canvas.fill(&mark, Tone::Plain, &text)
}

#[must_use]
pub fn kill_switch(report: &KillSwitchReport, canvas: &Canvas) -> String {
    let what = report.portfolio.as_ref().map_or_else(|| "everything".to_owned(), |id| format!("portfolio {id}"));
    let (tone, state) = if report.on { (Tone::Bad, "on") } else { (Tone::Good, "off") };
    let effect = if report.on { "nothing is sent" } else { "orders may be sent" };
    let since = match (report.updated_at, &report.operator) {
        (Some(at), Some(operator)) => format!("since {}, by {operator}: {}", time(at), report.note),
        _ => "never set".to_owned(),
    };
    let line = Line::plain(format!("kill switch of {what}: ")).and(tone, state).and(Tone::Plain, format!(", {effect}"));
    format!("{}\n{}", line.render(canvas), canvas.fill(&Line::plain("  "), Tone::Faint, &since))
}
