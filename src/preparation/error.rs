//! What is wrong with an input, for the person who can mend it.

use std::fmt;

use super::reading::is_printable;
use crate::model::{InvalidId, InvalidNumber};
use crate::ports::StoreError;

/// The longest value that an error repeats, in characters.
const MAX_SHOWN: usize = 80;

/// The longest path of a field, and the longest problem: both may quote what the input says.
const MAX_FIELD: usize = 200;
const MAX_PROBLEM: usize = 500;

/// One refused value: where it stands, what it is, what is wrong, what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadInput {
    /// The file, `event` or `policy`.
    pub place: String,
    /// The path of the field: `data[3].TM_TRADER_GRADE`, `line 7, price_usd`, `orders.collar`.
    pub field: String,
    /// The value as it stands, cut to 80 characters; empty when there is none.
    pub value: String,
    pub problem: String,
    pub remedy: String,
}

impl BadInput {
    pub fn new(
        place: &str,
        field: impl Into<String>,
        value: &str,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            place: place.to_owned(),
            field: cut(&field.into(), MAX_FIELD),
            value: cut(value, MAX_SHOWN),
            problem: cut(&problem.into(), MAX_PROBLEM),
            remedy: remedy.into(),
        }
    }

    /// From a refused number; its own text says what was expected.
    pub fn number(place: &str, field: impl Into<String>, error: &InvalidNumber) -> Self {
        let text = error.to_string();
        let (problem, expected) = text.split_once("; ").unwrap_or((&text, ""));
        let quoted = format!("{:?} ", error.text);
        let problem = problem.strip_prefix(&quoted).unwrap_or(problem);
        Self::new(
            place,
            field,
            &error.text,
            format!("it {problem}"),
            format!("write {}", expected.trim_start_matches("expected ")),
        )
    }

    /// From a refused identifier.
    pub fn id(place: &str, field: impl Into<String>, error: &InvalidId) -> Self {
        Self::new(
            place,
            field,
            &error.text,
            format!("not a valid {}: {}", error.kind, error.fault),
            format!("use {}", error.expected),
        )
    }
}

impl fmt::Display for BadInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, printable(&self.field))?;
        if !self.value.is_empty() {
            // Debug form: control and look-alike characters become visible escapes.
            write!(f, " = {}", visible(&self.value))?;
        }
        write!(f, ": {}; {}", printable(&self.problem), self.remedy)
    }
}

impl std::error::Error for BadInput {}

/// A limit on data that does not hold: the run ends with no orders.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct GuardViolation {
    /// The guard's name, as in the policy where it has a bound there: `max_price_age_hours`.
    pub guard: String,
    /// What was looked at: `assets.bitcoin.observed_at`.
    pub field: String,
    /// What was found, with the bound.
    pub value: String,
    pub remedy: String,
}

impl fmt::Display for GuardViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}; {}", self.guard, self.field, self.value, self.remedy)
    }
}

/// Why there is no planning input. Nothing has been written when one of these comes back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PreparationError {
    /// Values that cannot be meant. Permanent: the same input fails the same way.
    #[error("{}", lines(.0))]
    BadInput(Vec<BadInput>),
    /// Data that is sound in form and not fit to trade on.
    #[error("the data is not fit to trade on; no orders were made\n{}", grouped(.0))]
    Guarded(Vec<GuardViolation>),
    /// A file that cannot be read now; it may be there on the next attempt.
    #[error("{path} cannot be read: {problem}; check the path and its permissions")]
    Unreadable { path: String, problem: String },
    /// The store, where the inputs are in one.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PreparationError {
    /// Can the same run succeed later without anybody mending anything?
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unreadable { .. } | Self::Store(StoreError::Unavailable { .. }))
    }
}

impl From<BadInput> for PreparationError {
    fn from(error: BadInput) -> Self {
        Self::BadInput(vec![error])
    }
}

fn lines<T: fmt::Display>(errors: &[T]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// How many fields are named of those of which the same is said.
const NAMED: usize = 3;

/// One line for each guard and finding: a whole file that is too old is one fault and not forty.
fn grouped(violations: &[GuardViolation]) -> String {
    let mut lines: Vec<(&GuardViolation, Vec<&str>)> = Vec::new();
    for one in violations {
        let same = |(first, _): &&mut (&GuardViolation, Vec<&str>)| {
            first.guard == one.guard && first.value == one.value && first.remedy == one.remedy
        };
        match lines.iter_mut().find(same) {
            Some((_, fields)) => fields.push(&one.field),
            None => lines.push((one, vec![&one.field])),
        }
    }
    let line = |(first, fields): &(&GuardViolation, Vec<&str>)| {
        let named = fields.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
        let more = fields.len().saturating_sub(NAMED);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        format!("{}: {named}{more}: {}; {}", first.guard, first.value, first.remedy)
    };
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn cut(text: &str, longest: usize) -> String {
    let mut shown: String = text.chars().take(longest).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// The same text with what a terminal would act upon or hide (control characters, marks of direction, characters
/// without a width) as escapes: keys and lines of an input stand in errors too.
fn printable(text: &str) -> String {
    let shown = |character: char| {
        if is_printable(character) { vec![character] } else { character.escape_debug().collect() }
    };
    text.chars().flat_map(shown).collect()
}

/// Quoted, with everything outside printable ASCII escaped, so that look-alikes are seen for what they are.
fn visible(text: &str) -> String {
    let escaped: String = text
        .chars()
        .flat_map(|character| match character {
            '"' | '\\' => vec!['\\', character],
            '…' | ' '..='~' => vec![character],
            other => other.escape_unicode().collect(),
        })
        .collect();
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_many_is_said_once() {
        let of = |guard: &str, field: &str, value: &str| GuardViolation {
            guard: guard.to_owned(),
            field: field.to_owned(),
            value: value.to_owned(),
            remedy: "fetch it again".to_owned(),
        };
        let mut all: Vec<GuardViolation> = ["a", "b", "c", "d", "e"].map(|field| of("age", field, "5 h")).into();
        all.insert(1, of("age", "f", "6 h"));
        all.insert(3, of("skew", "g", "5 h"));
        let text = PreparationError::Guarded(all).to_string();
        let lines: Vec<&str> = text.lines().skip(1).collect();
        let wanted = [
            "age: a, b, c and 2 more: 5 h; fetch it again",
            "age: f: 6 h; fetch it again",
            "skew: g: 5 h; fetch it again",
        ];
        assert_eq!(lines, wanted);
    }

    #[test]
    fn an_error_is_one_printable_line_whatever_the_input_says() {
        let field = "a\u{1b}[31m\n\u{202e}b";
        let error = BadInput::new("event", field, "\u{200b}", "it's \"\r\" in café", "remove it");
        let expected = r#"event: a\u{1b}[31m\n\u{202e}b = "\u{200b}": it's "\r" in café; remove it"#;
        assert_eq!(error.to_string(), expected);
        let long = BadInput::new("event", "k".repeat(10_000), "", "p".repeat(10_000), "remove it");
        assert_eq!(
            long.to_string().chars().count(),
            "event: …: …; remove it".chars().count() + MAX_FIELD + MAX_PROBLEM
        );
    }
}
