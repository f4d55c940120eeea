//! The top of a report: who, where, when, from what, with what result; and the sentence it ends on.

use super::canvas::{Canvas, Line, Tone};
use super::heading;
use crate::model::Flow;
use crate::report::run::{OutcomeKind, RunReport};
use crate::report::wording::run as sentence;

const LABEL: usize = 12;

pub(super) fn header(report: &RunReport, canvas: &Canvas) -> String {
    let mut out = title(report, canvas);
    let mut say = |label: &str, tone: Tone, text: &str| {
        let label = Line::new(Tone::Faint, format!("  {label:<width$}", width = LABEL - 2));
        out.push_str(&canvas.fill(&label, tone, text));
    };
    say("run", Tone::Plain, &report.run_id.to_string());
    say("account", Tone::Plain, &format!("{} at {}, {}", report.account, report.venue, report.environment));
    say("when", Tone::Plain, &sentence::when(report));
    say("value", Tone::Plain, &sentence::value(report));
    if let Some(loaded) = &report.loaded {
        say("loaded", Tone::Plain, &sentence::loaded(loaded, report));
    }
    if report.flow != Flow::Full {
        say("flow", Tone::Warn, &sentence::flow(report));
    }
    say("regime", if report.regime.bearish { Tone::Warn } else { Tone::Plain }, &sentence::regime(report));
    let tone = if report.outcome.kind == OutcomeKind::Rebalance { Tone::Strong } else { Tone::Good };
    say("outcome", tone, &report.outcome.sentence);
    if !report.orders.is_empty() {
        say("cost", Tone::Plain, &sentence::cost(report));
    }
    if let Some(execution) = &report.execution {
        say("result", sentence::result_tone(execution), &sentence::result(execution));
        if execution.sent > 0 {
            say("settled", Tone::Plain, &sentence::settled(execution, report));
        }
    }
    out
}

fn title(report: &RunReport, canvas: &Canvas) -> String {
    let width = canvas.columns();
    let (tone, badge) = sentence::badge(report.mode);
    let portfolio = report.portfolio.to_string();
    let index = canvas.clean(&report.index);
    let left = Line::new(Tone::Strong, portfolio).and(Tone::Plain, "  ").and(Tone::Plain, index);
    let gap = width.saturating_sub(left.width() + badge.len()).max(2);
    let line = left.and(Tone::Plain, " ".repeat(gap)).and(tone, badge);
    let rule = canvas.pick("━", "=").repeat(width);
    format!("{}\n{}\n", line.render(canvas), canvas.paint(Tone::Faint, &rule))
}

pub(super) fn notices(report: &RunReport, canvas: &Canvas) -> String {
    if report.notices.is_empty() {
        return String::new();
    }
    let most = if canvas.full { usize::MAX } else { 8 };
    let mut out = heading(canvas, "Notices", "");
    for notice in report.notices.iter().take(most) {
        out.push_str(&canvas.fill(
            &Line::new(Tone::Warn, format!("  {} ", canvas.pick("•", "*"))),
            Tone::Plain,
            notice,
        ));
    }
    if report.notices.len() > most {
        let more = format!("  {} and {} more; --full shows all", canvas.pick("…", "..."), report.notices.len() - most);
        out.push_str(&canvas.faint_line(&more));
    }
    out
}

/// The sentence a reader is left with.
pub(super) fn closing(report: &RunReport, canvas: &Canvas) -> String {
    sentence::closing(report)
        .map_or_else(String::new, |(tone, text)| format!("\n{}", canvas.fill(&Line::default(), tone, &text)))
}
