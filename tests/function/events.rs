//! When the bad events are judged.

pub(crate) const NOW: &str = "2025-04-16T06:05:00Z";

pub(crate) fn now() -> jiff::Timestamp {
    NOW.parse().expect("a moment")
}
