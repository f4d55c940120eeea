//! Adapters: one file or folder per outside system, each behind a port.

pub mod clock;
#[cfg(feature = "dynamodb")]
pub mod dynamodb;
#[cfg(feature = "local")]
pub mod embedded_store;
pub mod files;
pub mod paper_venue;
#[cfg(feature = "rehearsal")]
pub mod rehearsal;
