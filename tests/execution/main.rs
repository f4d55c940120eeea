//! Execution end to end: the shipped protocol over the real store adapter, on the embedded store, against the paper
//! venue.
#![cfg(feature = "local")]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code: what is unexpected panics"
)]

#[path = "../common/manual_clock.rs"]
mod manual_clock;
mod plans;
mod support;

mod audit;
mod controls;
mod deadlines;
mod emission;
mod interruptions;
mod interventions;
mod kill_switches;
mod many_orders;
mod outbox;
mod paper_venue;
mod proposals;
mod recovery;
mod runs;
mod store;
mod tampering;
