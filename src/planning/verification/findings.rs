//! Where the checks put what they find.

use std::fmt::Display;

use super::Violation;

#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Violation>);

impl Findings {
    /// Records a violation of `limit` unless the condition holds. The sentence is made only then.
    pub(super) fn require(&mut self, holds: bool, limit: &str, sentence: impl FnOnce() -> String) {
        if !holds {
            self.0.push(Violation { limit: limit.to_owned(), sentence: sentence() });
        }
    }

    /// The same for a check that exists once per asset: `collar(bitcoin)`.
    pub(super) fn require_of(
        &mut self,
        holds: bool,
        check: &str,
        asset: &impl Display,
        sentence: impl FnOnce() -> String,
    ) {
        if !holds {
            self.0.push(Violation { limit: format!("{check}({asset})"), sentence: sentence() });
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn into_violations(self) -> Vec<Violation> {
        self.0
    }
}
