//! Lines of JSON on standard output, one for each thing that happened. Secrets are of types that do not print.

use std::io::Write as _;

use serde_json::{Map, Value};

use crate::adapters::clock::SystemClock;
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

    /// Writes it whole, or not at all where nobody listens any more.
    pub fn write(self) {
        write_line(&Value::Object(self.0));
    }
}

/// One line of JSON: line breaks inside it are escaped, so that it stays one.
pub(super) fn write_line(value: &Value) {
    let _ = writeln!(std::io::stdout().lock(), "{value}");
}
