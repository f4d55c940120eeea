//! `batch`: planning inputs to plans, a line each.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, stdin};
use std::ops::ControlFlow;
use std::path::Path;

use crate::batch::{Answer, Refusal, plan_lines};
use crate::cli::args::Batch;
use crate::cli::environment;
use crate::cli::failure::{Failure, most_urgent};
use crate::cli::output::Output;
use crate::cli::progress::Progress;
use crate::parallel::Crew;
use crate::report::batch::{BatchAnswer, BatchError, BatchLine, PlanHead};
use crate::report::document::Document;
use crate::report::run::count;

pub(in crate::cli) fn batch(asked: &Batch, output: &Output) -> Result<u8, Failure> {
    let (name, lines) = open(asked.file.as_deref())?;
    let crew = asked.workers.map_or_else(Crew::of_all_cores, Crew::of);
    let progress = Progress::start(!environment::stdout_is_terminal(), "planning".to_owned());
    let mut tally = Tally::default();
    let ended = plan_lines(
        &name,
        lines,
        crew,
        |line, answer| told(line, answer, asked.brief),
        |told| {
            let said = told.and_then(|(code, text)| {
                tally.add(code);
                progress.say(format!("planning: {}", count(tally.lines, "line")));
                output.line(&text)
            });
            match said {
                Ok(true) => ControlFlow::Continue(()),
                // Nobody reads on: that is no failure.
                Ok(false) => ControlFlow::Break(Ok(())),
                Err(failure) => ControlFlow::Break(Err(failure)),
            }
        },
    );
    drop(progress);
    if let ControlFlow::Break(ended) = ended {
        ended?;
    }
    if let Some(failure) = tally.failure() {
        output.tell(&failure);
    }
    Ok(most_urgent(tally.codes))
}

/// The text, and what messages call it.
fn open(file: Option<&Path>) -> Result<(String, Box<dyn BufRead + Send>), Failure> {
    let Some(file) = file.filter(|file| *file != Path::new("-")) else {
        return Ok(("standard input".to_owned(), Box::new(BufReader::new(stdin()))));
    };
    let shown = file.display().to_string();
    let opened = File::open(file).map_err(|error| {
        Failure::bad_input(format!("{shown} cannot be read: {error}"), "check the path and its permissions")
    })?;
    Ok((shown, Box::new(BufReader::new(opened))))
}

/// The exit code of a line and what is said of it.
fn told(line: u64, answer: Answer, brief: bool) -> Result<(u8, String), Failure> {
    let (code, answer) = match answer {
        Ok(plan) if brief => (0, BatchAnswer::Head(PlanHead::from(&plan))),
        Ok(plan) => (0, BatchAnswer::Plan(Box::new(plan))),
        Err(refusal) => {
            let retry_helps = refusal.is_transient();
            let failure = Failure::from(refusal);
            (failure.kind.exit_code(), BatchAnswer::Error(BatchError { error: failure.report(), retry_helps }))
        }
    };
    let document = Document::BatchLine(BatchLine { line, answer });
    let text = document.to_line().map_err(|error| Failure::unexpected(format!("line {line} has no JSON: {error}")))?;
    Ok((code, text))
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Input(error) => error.into(),
            Refusal::Plan(error) => error.into(),
            defect @ Refusal::Defect(_) => Self::unexpected(defect.to_string()),
        }
    }
}

/// How the lines went.
#[derive(Debug, Default)]
struct Tally {
    lines: usize,
    /// How many have no plan, and the first of them.
    failed: usize,
    first_failed: Option<usize>,
    codes: BTreeSet<u8>,
}

impl Tally {
    fn add(&mut self, code: u8) {
        self.lines += 1;
        if code != 0 {
            self.failed += 1;
            let _ = self.first_failed.get_or_insert(self.lines);
        }
        let _ = self.codes.insert(code);
    }

    fn failure(&self) -> Option<Failure> {
        let first = self.first_failed?;
        let message =
            format!("{} of {} without a plan; the first is line {first}", self.failed, count(self.lines, "line"));
        Some(Failure::bad_input(message, "look for \"error\" in the answers: each says what to do"))
    }
}
