//! Adapters: one file or folder per outside system, each behind a port.

pub mod alerts;
#[cfg(any(feature = "dynamodb", feature = "secrets-manager", feature = "sns"))]
pub mod aws;
pub mod clock;
#[cfg(feature = "dynamodb")]
pub mod dynamodb;
#[cfg(feature = "local")]
pub mod embedded_store;
pub mod files;
pub mod history;
#[cfg(feature = "https")]
pub mod https;
pub mod outbox;
pub mod paper_venue;
#[cfg(feature = "rehearsal")]
pub mod rehearsal;
#[cfg(feature = "s3")]
pub mod s3;
pub mod secrets;
pub mod snapshots;
#[cfg(feature = "token-metrics")]
pub mod token_metrics;
