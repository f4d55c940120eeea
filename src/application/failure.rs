//! What goes wrong, for the person who can mend it, with its exit code.

use crate::adapters::token_metrics::FetchError;
use crate::execution::ExecutionError;
use crate::planning::PlanError;
use crate::ports::StoreError;
use crate::ports::venue::VenueError;
use crate::preparation::PreparationError;
use crate::report::document::{ErrorKind, ErrorReport};

/// A failure of one command, one invocation or one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub kind: ErrorKind,
    /// What happened: which file, field, value; and what to do, where that belongs to it.
    pub message: String,
    /// What to do besides; empty where the message says it.
    pub remedy: String,
}

impl Failure {
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { kind, message: message.into(), remedy: remedy.into() }
    }

    #[must_use]
    pub fn unexpected(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unexpected, message, "")
    }

    #[must_use]
    pub fn bad_input(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(ErrorKind::BadInput, message, remedy)
    }

    /// With what it is about in front.
    #[must_use]
    pub fn about(mut self, what: &str) -> Self {
        let separator = if self.message.contains('\n') { ":\n" } else { ": " };
        self.message = format!("{what}{separator}{}", self.message);
        self
    }

    /// As documents have it.
    #[must_use]
    pub fn report(&self) -> ErrorReport {
        ErrorReport::new(self.kind, self.message.clone(), self.remedy.clone())
    }
}

impl From<PreparationError> for Failure {
    fn from(error: PreparationError) -> Self {
        match error {
            PreparationError::Store(error) => error.into(),
            error => Self::new(ErrorKind::BadInput, error.to_string(), ""),
        }
    }
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        let kind = match &error {
            FetchError::Uncounted(StoreError::Corrupt { .. }) => ErrorKind::NeedsAttention,
            other if other.is_transient() => ErrorKind::Busy,
            _ => ErrorKind::BadInput,
        };
        Self::new(kind, error.to_string(), "")
    }
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        let kind = match &error {
            PlanError::Unpriced(_) | PlanError::NetAssetValueTooLarge => ErrorKind::BadInput,
            PlanError::EmptyUniverse { .. }
            | PlanError::Conflict(_)
            | PlanError::TooManyOrders { .. }
            | PlanError::NotProved { .. } => ErrorKind::Infeasible,
            PlanError::Solver(_) | PlanError::Verification(_) => ErrorKind::Unexpected,
        };
        Self::new(kind, error.to_string(), "")
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let kind = match &error {
            StoreError::Unavailable { .. } => ErrorKind::Unexpected,
            StoreError::Corrupt { .. } => ErrorKind::NeedsAttention,
            StoreError::Invalid { .. } => ErrorKind::Usage,
        };
        Self::new(kind, error.to_string(), "")
    }
}

impl From<ExecutionError> for Failure {
    fn from(error: ExecutionError) -> Self {
        let kind = match error {
            ExecutionError::Store(error) => return error.into(),
            ExecutionError::Venue(VenueError::Unanswered { .. }) | ExecutionError::Illegal(_) => ErrorKind::Unexpected,
            ExecutionError::OtherOccasion { .. }
            | ExecutionError::PastWindow { .. }
            | ExecutionError::NotYetDue { .. }
            | ExecutionError::AnswerRefused { .. }
            | ExecutionError::NotApproved { .. }
            | ExecutionError::WrongVenue { .. } => ErrorKind::BadInput,
            ExecutionError::TryAgain { .. } | ExecutionError::LostLease { .. } | ExecutionError::OutOfTime { .. } => {
                ErrorKind::Busy
            }
            ExecutionError::Halted { .. } | ExecutionError::Venue(VenueError::Refused { .. }) => {
                ErrorKind::NeedsAttention
            }
            ExecutionError::Ambiguous { .. } => ErrorKind::Usage,
        };
        let remedy = match &error {
            ExecutionError::Halted { run_id, .. } => {
                // Neither this nor whoever reads it knows which store it is about.
                format!(
                    "look at the venue, then say what was filled: `rebalance settle {run_id} --order KEY`, or on a table \
                     the event `settle`"
                )
            }
            _ => String::new(),
        };
        Self::new(kind, error.to_string(), remedy)
    }
}

/// The most urgent of several exit codes: a person must look, then defects, then what can be mended or waited for.
pub fn most_urgent(codes: impl IntoIterator<Item = u8>) -> u8 {
    const URGENCY: [u8; 7] = [5, 1, 4, 3, 6, 7, 2];
    let codes: Vec<u8> = codes.into_iter().collect();
    URGENCY.into_iter().find(|code| codes.contains(code)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_urgent_code_counts() {
        assert_eq!(most_urgent([0, 0]), 0);
        assert_eq!(most_urgent([0, 3, 7]), 3);
        assert_eq!(most_urgent([4, 5, 1]), 5);
        assert_eq!(most_urgent([]), 0);
    }
}
