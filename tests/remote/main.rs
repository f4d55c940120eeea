//! Clients of other people's servers, against a server that answers as real ones do, and misbehaves as real ones do.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test stops where something is not as it must be")]

#[cfg(any(feature = "webhooks", feature = "sns"))]
mod alerts;
#[cfg(feature = "cli")]
mod command;
mod https;
#[path = "../common/manual_clock.rs"]
mod manual_clock;
mod scripted_server;
#[cfg(feature = "secrets-manager")]
mod secrets;
#[path = "../common/shared.rs"]
mod shared;
mod token_metrics;
