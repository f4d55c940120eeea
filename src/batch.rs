//! Many portfolios at once: one planning input a line, one answer for each, in the order of the lines, on all cores.
//!
//! Lines are planned apart: what is wrong with one, even a defect that panics, ends that one only. Memory is bounded by
//! the longest line and by how many are in flight, whatever the length of the whole.

use std::io::{self, BufRead, Read};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::model::PlanningInput;
use crate::parallel::{Crew, in_order};
use crate::planning::{PlanError, RebalancePlan, plan};
use crate::preparation::planning_input::{self, MAX_BYTES};
use crate::preparation::{BadInput, PreparationError};

/// Why a line has no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(transparent)]
    Input(#[from] PreparationError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error("a defect in the program: {0}; please report it with this line")]
    Defect(String),
}

impl Refusal {
    /// Can the same line have a plan later without anybody mending anything? Planning itself always ends alike.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Input(error) if error.is_transient())
    }
}

/// What became of one line; lines are counted from 1.
pub type Answer = Result<RebalancePlan, Refusal>;

/// Plans every line of `lines`, which messages call `name`. `tell` makes of an answer what the sink gets, in parallel;
/// the sink gets it in the order of the lines and says when it has enough.
///
/// Lines end with a line feed, the last one at the end of the text. One that is longer than [`MAX_BYTES`] is refused
/// without being held. When the text cannot be read on, the answer to the line that fails says so, and is the last.
pub fn plan_lines<T: Send, B>(
    name: &str,
    lines: impl BufRead + Send,
    crew: Crew,
    tell: impl Fn(u64, Answer) -> T + Sync,
    sink: impl FnMut(T) -> ControlFlow<B>,
) -> ControlFlow<B> {
    let lines = Lines { name, text: lines, number: 0, is_broken: false };
    in_order(lines, crew, |line| tell(line.number, answer(line.number, line.text, plan)), sink)
}

fn answer(
    number: u64,
    text: Result<Vec<u8>, PreparationError>,
    planner: impl Fn(&PlanningInput) -> Result<RebalancePlan, PlanError>,
) -> Answer {
    let through = || Ok(planner(&planning_input::parse(&place(number), &text?)?)?);
    catch_unwind(AssertUnwindSafe(through)).unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Err(Refusal::Defect(words.unwrap_or("no message").to_owned()))
    })
}

fn place(number: u64) -> String {
    format!("line {number}")
}

#[derive(Debug)]
struct Line {
    number: u64,
    text: Result<Vec<u8>, PreparationError>,
}

#[derive(Debug)]
struct Lines<'a, R> {
    name: &'a str,
    text: R,
    number: u64,
    is_broken: bool,
}

impl<R: BufRead> Iterator for Lines<'_, R> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        if self.is_broken {
            return None;
        }
        let number = self.number + 1;
        let text = match self.read(number) {
            Ok(text) => text?,
            Err(error) => {
                self.is_broken = true;
                let path = format!("line {number} of {}", self.name);
                Err(PreparationError::Unreadable { path, problem: error.to_string() })
            }
        };
        self.number = number;
        Some(Line { number, text })
    }
}

impl<R: BufRead> Lines<'_, R> {
    /// The next line without its end; `None` at the end of the text.
    fn read(&mut self, number: u64) -> io::Result<Option<Result<Vec<u8>, PreparationError>>> {
        let mut text = Vec::new();
        // One byte more than allowed is the line's end, or too many.
        let most = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
        if self.text.by_ref().take(most).read_until(b'\n', &mut text)? == 0 {
            return Ok(None);
        }
        let has_end = text.pop_if(|last| *last == b'\n').is_some();
        if !has_end && text.len() > MAX_BYTES {
            let _ = self.text.skip_until(b'\n')?;
            let problem = format!("it has more than {MAX_BYTES} bytes");
            let remedy = "send one planning input a line, without line breaks inside";
            return Ok(Some(Err(BadInput::new(&place(number), "the line", "", problem, remedy).into())));
        }
        Ok(Some(Ok(text)))
    }
}

#[cfg(test)]
mod tests;
