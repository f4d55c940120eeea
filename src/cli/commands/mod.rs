//! One file per command: read the arguments, call the library, say the answer.

pub(super) mod abort;
pub(super) mod approve;
pub(super) mod audit;
pub(super) mod backtest;
pub(super) mod batch;
pub(super) mod completions;
pub(super) mod diff;
pub(super) mod explain;
pub(super) mod export;
pub(super) mod fetch;
pub(super) mod kill_switch;
pub(super) mod load;
pub(super) mod outbox;
pub(super) mod plan;
pub(super) mod policy;
pub(super) mod recover;
pub(super) mod replay;
pub(super) mod report;
pub(super) mod run;
pub(super) mod runs;
pub(super) mod settle;
pub(super) mod show;

use super::failure::{Failure, most_urgent};
use super::occasion::Refused;
use super::output::Output;
use crate::application::occasion::Occasion;
use crate::report::Mode;
use crate::report::document::{Document, RunEntry};
use crate::report::run::count;
use crate::report::text::{self, Canvas};

/// Says several runs: in text each as soon as it is there, in JSON all in one document.
struct Telling<'a> {
    output: &'a Output,
    brief: bool,
    entries: Vec<RunEntry>,
    codes: Vec<u8>,
    /// The account whose run failed last, and the case and the message of that: what concerns a whole case is told once.
    last_failure: Option<(String, String, String)>,
}

impl<'a> Telling<'a> {
    fn new(output: &'a Output, brief: bool) -> Self {
        Self { output, brief, entries: Vec::new(), codes: Vec::new(), last_failure: None }
    }

    fn entry(&mut self, entry: RunEntry, code: u8) -> Result<(), Failure> {
        if !self.output.is_json() {
            let gap = if self.entries.is_empty() { "" } else { "\n\n" };
            let canvas = self.output.canvas();
            if let Some(run) = &entry.run {
                let text = if self.brief { text::run_head(run, canvas) } else { text::run_report(run, canvas) };
                self.output.raw(&format!("{gap}{text}"))?;
            }
        }
        self.entries.push(entry);
        self.codes.push(code);
        Ok(())
    }

    /// A run that was refused or failed: told on standard error, and in the document.
    fn refused(&mut self, refused: Refused) -> Result<(), Failure> {
        let Refused { case, account, failure } = refused;
        self.output.tell(&failure);
        self.not_done(case, account, &failure)
    }

    fn not_done(&mut self, case: String, account: String, failure: &Failure) -> Result<(), Failure> {
        let entry = RunEntry { case, account, new_orders: 0, run: None, error: Some(failure.report()) };
        self.entry(entry, failure.kind.exit_code())
    }

    /// The same, of an occasion that exists.
    fn failed(&mut self, occasion: &Occasion, failure: Failure) -> Result<(), Failure> {
        let (case, account) = (occasion.source.clone(), occasion.account.to_string());
        let named = failure.clone().about(&occasion.name());
        let before = self.last_failure.take().filter(|(_, of, message)| *of == case && *message == failure.message);
        match &before {
            Some((first, ..)) => {
                let same = Failure { message: format!("the same as for account {first}"), ..failure.clone() };
                self.output.tell(&Failure { remedy: String::new(), ..same }.about(&occasion.name()));
            }
            None => self.output.tell(&named),
        }
        self.last_failure = Some(before.unwrap_or_else(|| (account.clone(), case.clone(), failure.message)));
        self.not_done(case, account, &named)
    }

    fn end(self) -> Result<u8, Failure> {
        let code = most_urgent(self.codes.iter().copied());
        if self.output.is_json() {
            self.output.document(&Document::Runs { runs: self.entries })?;
        } else if self.entries.len() > 1 {
            self.output.raw(&summary(&self.entries, self.output.canvas()))?;
        }
        Ok(code)
    }
}

/// The last line of several runs: `3 runs: 2 run, 1 already done; 12 new orders`.
fn summary(entries: &[RunEntry], canvas: &Canvas) -> String {
    let of = |mode: Mode| entries.iter().filter(|entry| entry.run.as_ref().is_some_and(|run| run.mode == mode)).count();
    let not_done = entries.iter().filter(|entry| entry.error.is_some()).count();
    let counts = [
        (of(Mode::DryRun), "planned"),
        (of(Mode::Executed), "run now"),
        (of(Mode::Proposed), "proposed"),
        (of(Mode::AlreadyDone), "already done"),
        (not_done, "not done"),
    ];
    let counts: Vec<String> =
        counts.into_iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}")).collect();
    let planned: usize = entries.iter().filter_map(|entry| entry.run.as_ref()).map(|run| run.orders.len()).sum();
    let sent: usize = entries.iter().map(|entry| entry.new_orders).sum();
    let orders = if of(Mode::DryRun) > 0 { count(planned, "order") } else { count(sent, "new order") };
    let line = format!("{}: {}; {orders}", count(entries.len(), "run"), counts.join(", "));
    format!("\n{}\n", canvas.paint(text::Tone::Strong, &line))
}
