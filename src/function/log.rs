//! Lines of JSON on standard output, one for each thing that happened. Secrets are of types that do not print.

use std::io::Write as _;

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::adapters::clock::SystemClock;
use crate::application::failure::Failure;
use crate::ports::Clock as _;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Info,
    /// Something is to be looked at, and the function goes on.
    Warn,
    Error,
}

impl Level {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }
}

/// One line: level, real time, what happened, and about what.
#[derive(Debug, Clone)]
pub struct Line(Map<String, Value>);

impl Line {
    #[must_use]
    pub fn new(level: Level, message: &str) -> Self {
        let mut fields = Map::new();
        for (name, value) in [("level", level.as_str()), ("message", message)] {
            let _ = fields.insert(name.to_owned(), Value::from(value));
        }
        let _ = fields.insert("time".to_owned(), Value::from(SystemClock.now().to_string()));
        Self(fields)
    }

    /// With one more field.
    #[must_use]
    pub fn field(mut self, name: &str, value: impl Into<Value>) -> Self {
        let _ = self.0.insert(name.to_owned(), value.into());
        self
    }

    /// With what went wrong, of which kind, and what to do.
    #[must_use]
    pub fn failure(self, failure: &Failure) -> Self {
        let kind = serde_json::to_value(failure.kind).unwrap_or_default();
        self.field("error_kind", kind)
            .field("problem", failure.message.as_str())
            .field("remedy", Some(failure.remedy.as_str()).filter(|remedy| !remedy.is_empty()))
    }

    /// Writes it whole, or not at all where nobody listens any more.
    pub fn write(self) {
        write_line(&Value::Object(self.0));
    }
}

/// What lines and metrics are about: an invocation, and as far as they are known its portfolio and its run. Whoever looks
/// for a portfolio or a run finds every line about it.
#[derive(Debug, Clone, Default)]
pub struct Subject {
    request_id: String,
    pub(super) portfolio: Option<String>,
    pub(super) run_id: Option<Uuid>,
}

impl Subject {
    #[must_use]
    pub fn of_request(request_id: &str) -> Self {
        Self { request_id: request_id.to_owned(), portfolio: None, run_id: None }
    }

    /// The same invocation, at this run.
    #[must_use]
    pub fn of_run(&self, portfolio: &str, run_id: Uuid) -> Self {
        Self { portfolio: Some(portfolio.to_owned()), run_id: Some(run_id), ..self.clone() }
    }

    /// The same invocation, at a run of which no more is known.
    #[must_use]
    pub fn of_run_id(&self, run_id: Uuid) -> Self {
        Self { run_id: Some(run_id), ..self.clone() }
    }

    /// A line about it.
    #[must_use]
    pub fn line(&self, level: Level, message: &str) -> Line {
        Line::new(level, message)
            .field("request_id", self.request_id.as_str())
            .field("portfolio", self.portfolio.as_deref())
            .field("run_id", self.run_id.map(|run_id| run_id.to_string()))
    }
}

/// One line of JSON: line breaks inside it are escaped, so that it stays one.
pub(super) fn write_line(value: &Value) {
    let _ = writeln!(std::io::stdout().lock(), "{value}");
}
