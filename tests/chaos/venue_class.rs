//! The classes of venue that the run is repeated for: what happens to a second order under one id, and to a late one.

use index_rebalancer::ports::venue::{Duplicates, LateRequests, Promise};

/// How long an accepted order is missing from queries, and how long it is open before it is terminal.
pub(crate) const QUERY_LAG_MS: i64 = 10;
pub(crate) const OPEN_MS: i64 = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VenueClass {
    pub(crate) duplicates: Duplicates,
    pub(crate) bounds_late_requests: bool,
}

impl VenueClass {
    pub(crate) const ALL: [Self; 6] = {
        const fn class(duplicates: Duplicates, bounds_late_requests: bool) -> VenueClass {
            VenueClass { duplicates, bounds_late_requests }
        }
        [
            class(Duplicates::Replayed, true),
            class(Duplicates::Replayed, false),
            class(Duplicates::RefusedWhileOpen, true),
            class(Duplicates::RefusedWhileOpen, false),
            class(Duplicates::Unchecked, true),
            class(Duplicates::Unchecked, false),
        ]
    };

    pub(crate) const fn name(self) -> &'static str {
        match (self.duplicates, self.bounds_late_requests) {
            (Duplicates::Replayed, true) => "replays-bounded",
            (Duplicates::Replayed, false) => "replays-unbounded",
            (Duplicates::RefusedWhileOpen, true) => "open-bounded",
            (Duplicates::RefusedWhileOpen, false) => "open-unbounded",
            (Duplicates::Unchecked, true) => "unchecked-bounded",
            (Duplicates::Unchecked, false) => "unchecked-unbounded",
        }
    }

    /// From the beginning of an account's id.
    pub(crate) fn of_account(account: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| account.starts_with(class.name()))
    }

    /// What the venue says of itself. Its clock is this machine's.
    pub(crate) fn promise(self) -> Promise {
        let query_lag_ms = 3 * QUERY_LAG_MS.unsigned_abs();
        let late = LateRequests { clock_skew_ms: 5, query_lag_ms, longest_window_ms: 1_000 };
        Promise { duplicates: self.duplicates, late_requests: self.bounds_late_requests.then_some(late) }
    }
}
