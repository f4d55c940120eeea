//! The time that the function goes by.

use jiff::Timestamp;

use crate::adapters::clock::{CaseClock, SystemClock};
use crate::ports::Clock;

/// The real time, or that of data of the past.
#[derive(Debug, Clone, Copy)]
pub(super) enum FunctionClock {
    Real(SystemClock),
    OfThePast(CaseClock),
}

impl FunctionClock {
    /// `at`: when it is now, where it is not now.
    pub(super) fn new(at: Option<Timestamp>) -> Self {
        at.map_or(Self::Real(SystemClock), |at| Self::OfThePast(CaseClock::starting_at(at)))
    }
}

impl Clock for FunctionClock {
    fn now(&self) -> Timestamp {
        match self {
            Self::Real(clock) => clock.now(),
            Self::OfThePast(clock) => clock.now(),
        }
    }

    fn lease_now(&self) -> Timestamp {
        SystemClock.now()
    }

    async fn pause(&self, milliseconds: u64) {
        SystemClock.pause(milliseconds).await;
    }
}
