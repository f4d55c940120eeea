//! Inputs that are stored in the table: that plans made from them are those made from the files, what a second load
//! changes, and what is refused.
#![cfg(feature = "local")]
#![expect(clippy::expect_used, reason = "a test stops where something is not as it must be")]

mod loading;
mod purging;
mod refusals;
mod round_trip;
mod support;
