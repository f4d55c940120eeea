//! When the bad events are judged.

const NOW: &str = "2025-04-16T06:05:00Z";

/// When the function's clock starts: early enough that what lies in the future still does when it comes to that.
pub(crate) const START: &str = "2025-04-16T06:01:00Z";

pub(crate) fn now() -> jiff::Timestamp {
    NOW.parse().expect("a moment")
}
