//! Reports for people, at any width from 60 columns: tables, bars, sentences that wrap.
//!
//! * [`canvas`]: what the terminal can show.
//! * [`backtest()`]: a policy on the past.
//! * [`handled`]: runs that were taken up again; [`audit()`]: a run's log.
//! * [`outbox_orders`], [`outbox_act`]: orders that wait for executors.
//! * [`run_report`]: a plan or a run; [`explanation()`], [`difference()`], [`run_list`]: the other views.

mod audit;
mod backtest;
mod backtest_study;
mod bar;
pub mod canvas;
mod certificate;
mod difference;
mod explanation;
mod fetching;
mod handling;
mod header;
mod listing;
mod loading;
mod orders;
mod outbox;
mod positions;
mod spark;
mod table;

pub use audit::audit;
pub use backtest::backtest;
pub use backtest_study::backtest_study;
pub use canvas::{Canvas, Line, Tone};
pub use difference::difference;
pub use explanation::explanation;
pub use fetching::fetched_grades;
pub use handling::handled;
pub use listing::{kill_switch, policy_check, replay, run_list};
pub use loading::{loaded_cases, stored_snapshots};
pub use outbox::{outbox_act, outbox_orders};

use super::run::{Mode, RunReport};
pub use super::wording::{number, time};

/// A plan or a run in full; a run that was already done in brief.
#[must_use]
pub fn run_report(report: &RunReport, canvas: &Canvas) -> String {
    let mut out = header::header(report, canvas);
    if report.mode == Mode::AlreadyDone && !canvas.full {
        return out + &header::closing(report, canvas);
    }
    out.push_str(&positions::weights(report, canvas));
    out.push_str(&orders::orders(report, canvas));
    out.push_str(&orders::keys(report, canvas));
    out.push_str(&positions::not_traded(report, canvas));
    out.push_str(&positions::not_in_the_index(report, canvas));
    out.push_str(&certificate::relaxations(report, canvas));
    out.push_str(&certificate::certificate(report, canvas));
    out.push_str(&header::notices(report, canvas));
    out.push_str(&header::closing(report, canvas));
    out
}

/// The head of a report, its notices and its last sentence.
#[must_use]
pub fn run_head(report: &RunReport, canvas: &Canvas) -> String {
    header::header(report, canvas) + &header::notices(report, canvas) + &header::closing(report, canvas)
}

/// A section's title, with a remark.
fn heading(canvas: &Canvas, title: &str, remark: &str) -> String {
    let line = Line::new(Tone::Strong, title);
    let text = if remark.is_empty() {
        line.render(canvas)
    } else {
        canvas.fill(&line.and(Tone::Plain, "  "), Tone::Faint, remark)
    };
    format!("\n{}\n", text.trim_end_matches('\n'))
}
