//! Time in the test's hands.

use std::sync::{Mutex, PoisonError};

use index_rebalancer::ports::Clock;
use jiff::{SignedDuration, Timestamp};

/// A clock that moves only when it is told to, or when somebody waits on it.
#[derive(Debug)]
pub(crate) struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    pub(crate) fn at(begin: Timestamp) -> Self {
        Self(Mutex::new(begin))
    }

    pub(crate) fn advance(&self, by: SignedDuration) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now = now.checked_add(by).unwrap_or(Timestamp::MAX);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn pause(&self, milliseconds: u64) {
        self.advance(SignedDuration::from_millis(i64::try_from(milliseconds).unwrap_or(i64::MAX)));
    }
}
