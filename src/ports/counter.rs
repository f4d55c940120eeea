//! The counter port: what may happen so often in a period and no oftener, whoever counts.

use super::store::StoreError;

/// One counter: what is counted, and in which period. Neither holds `#`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Counter {
    /// Such as `token_metrics_credits`.
    pub name: String,
    /// Such as `2026-11` for a month.
    pub period: String,
    /// Unix seconds after the period at which the count may be forgotten.
    pub expires_at_s: i64,
}

/// Counts that all processes share.
#[expect(async_fn_in_trait, reason = "callers are generic over the counters, and auto traits of the future follow it")]
pub trait Counters {
    /// One atomic step: adds 1 and answers with the new count, if that is at most `most`.
    async fn count(&self, counter: &Counter, most: u64) -> Result<Counted, StoreError>;
}

/// Whether there was room for one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Counted {
    /// So many with this one.
    Within(u64),
    /// Nothing was added.
    Exhausted,
}
