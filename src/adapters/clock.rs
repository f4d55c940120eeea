//! Clocks: the only place that asks the system for the time.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::planning::idempotency::NAMESPACE;
use crate::ports::Clock;

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        system_now()
    }

    async fn pause(&self, milliseconds: u64) {
        sleep(milliseconds).await;
    }
}

/// A clock that begins at a time of its own and runs at the system's pace: for cases of the past, whose plans would
/// long be expired by the system's clock. Leases go by the system's clock all the same.
#[derive(Debug, Clone, Copy)]
pub struct CaseClock {
    ahead: SignedDuration,
}

impl CaseClock {
    #[must_use]
    pub fn starting_at(begin: Timestamp) -> Self {
        Self { ahead: begin.duration_since(system_now()) }
    }
}

impl Clock for CaseClock {
    fn now(&self) -> Timestamp {
        system_now().checked_add(self.ahead).unwrap_or(Timestamp::MAX)
    }

    fn lease_now(&self) -> Timestamp {
        system_now()
    }

    async fn pause(&self, milliseconds: u64) {
        sleep(milliseconds).await;
    }
}

/// A claim token for this process: no other process on any machine has it, and it repeats never.
#[must_use]
pub fn claim_token() -> Uuid {
    let now = system_now();
    let name = format!("worker/1 {} {} {:p}", std::process::id(), now.as_nanosecond(), &raw const now);
    Uuid::new_v5(&NAMESPACE, name.as_bytes())
}

#[expect(clippy::disallowed_methods, reason = "the one home of the system clock")]
fn system_now() -> Timestamp {
    Timestamp::now()
}

#[cfg(any(feature = "dynamodb", feature = "https"))]
async fn sleep(milliseconds: u64) {
    tokio::time::sleep(std::time::Duration::from_millis(milliseconds)).await;
}

/// Without an adapter that speaks to others there is no async runtime in the build, and nobody else to be kept waiting.
#[cfg(not(any(feature = "dynamodb", feature = "https")))]
#[expect(clippy::unused_async, reason = "same signature as with a runtime")]
async fn sleep(milliseconds: u64) {
    std::thread::sleep(std::time::Duration::from_millis(milliseconds));
}
