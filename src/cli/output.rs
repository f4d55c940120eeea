//! Where answers go: text or one JSON document to standard output, errors to standard error.

use std::io::{self, ErrorKind, Write};
use std::path::Path;

use super::args::{Format, Look};
use super::environment;
use super::failure::Failure;
use crate::report::document::Document;
use crate::report::text::{Canvas, Line, Tone};

#[derive(Debug)]
pub(super) struct Output {
    format: Format,
    canvas: Canvas,
    errors: Canvas,
}

impl Output {
    pub(super) fn new(look: &Look) -> Self {
        Self { format: look.format, canvas: environment::canvas(look), errors: environment::error_canvas(look) }
    }

    pub(super) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    pub(super) fn canvas(&self) -> &Canvas {
        &self.canvas
    }

    /// Says it in the asked format.
    pub(super) fn say(&self, document: &Document, text: impl FnOnce(&Canvas) -> String) -> Result<(), Failure> {
        if self.is_json() { self.document(document) } else { self.raw(&text(&self.canvas)) }
    }

    pub(super) fn document(&self, document: &Document) -> Result<(), Failure> {
        let json = document.to_json().map_err(|error| Failure::unexpected(format!("a report has no JSON: {error}")))?;
        self.raw(&json)
    }

    /// As it is. A reader who has seen enough (a closed pipe) is no failure.
    pub(super) fn raw(&self, text: &str) -> Result<(), Failure> {
        self.line(text).map(|_| ())
    }

    /// The same, of an answer in many lines; says whether anybody reads on.
    #[expect(clippy::unused_self, reason = "whoever may say something has an Output to say it with")]
    pub(super) fn line(&self, text: &str) -> Result<bool, Failure> {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(Failure::unexpected(format!("the answer cannot be written: {error}"))),
        }
    }

    /// Into the file, if one is named; else as it is.
    pub(super) fn deliver(&self, text: &str, file: Option<&Path>) -> Result<(), Failure> {
        let Some(file) = file else { return self.raw(text) };
        std::fs::write(file, text)
            .map_err(|error| Failure::unexpected(format!("{} cannot be written: {error}", file.display())))
    }

    /// Tells a failure on standard error.
    pub(super) fn tell(&self, failure: &Failure) {
        let mut text = String::new();
        for (index, line) in failure.message.lines().enumerate() {
            let first = if index == 0 { Line::new(Tone::Bad, "error: ") } else { Line::plain("  ") };
            text.push_str(&self.errors.fill(&first, Tone::Plain, line));
        }
        if !failure.remedy.is_empty() {
            text.push_str(&self.errors.fill(&Line::new(Tone::Good, "  try: "), Tone::Plain, &failure.remedy));
        }
        // Nobody is left to be told when standard error is closed.
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }

    /// Ends a command that failed as a whole; answers with its exit code.
    pub(super) fn fail(&self, failure: &Failure) -> u8 {
        self.tell(failure);
        if self.is_json() {
            let document = Document::Error(failure.report());
            if let Err(second) = self.document(&document) {
                self.tell(&second);
            }
        }
        failure.kind.exit_code()
    }
}
