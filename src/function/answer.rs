//! Whether another delivery of the same event helps.

use crate::application::failure::Failure;
use crate::application::run::Stopped;
use crate::execution::ExecutionError;
use crate::report::document::{Document, ErrorKind};

/// What an invocation ends with where another delivery may succeed: Lambda delivers the event again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.message)]
pub struct Retry(pub Failure);

impl Retry {
    /// What the Runtime API is told the error is: whose metric filters and alarms may look for it.
    pub const TYPE: &'static str = "RetryHelps";
}

/// A document where the event is done with, an error where it is to come again.
pub type Answer = Result<Document, Retry>;

/// Whether another delivery may succeed without anybody mending anything.
#[must_use]
pub const fn retry_helps(kind: ErrorKind) -> bool {
    // Unexpected is what a store or a venue did that did not answer; a defect is met again, and ends in the dead-letter
    // queue, where somebody finds it.
    matches!(kind, ErrorKind::Busy | ErrorKind::Unexpected)
}

/// The answer to an event that came to nothing.
///
/// # Errors
/// Where another delivery helps.
pub fn of_failure(failure: Failure) -> Answer {
    if retry_helps(failure.kind) { Err(Retry(failure)) } else { Ok(Document::Error(failure.report())) }
}

/// Why a run stopped, with what a schedule's time ahead of this clock is: a matter of seconds.
#[must_use]
pub fn failure_of(stopped: Stopped) -> Failure {
    match stopped {
        Stopped::Underway(error @ ExecutionError::NotYetDue { .. }) => {
            Failure::new(ErrorKind::Busy, error.to_string(), "")
        }
        Stopped::Refused(error) if error.is_transient() => Failure::new(ErrorKind::Busy, error.to_string(), ""),
        stopped => stopped.into(),
    }
}
