//! Execution end to end: the shipped protocol over the real store adapter, on the embedded store, against the paper
//! venue.
#![cfg(feature = "local")]

mod support;

mod controls;
mod emission;
mod paper_venue;
mod recovery;
mod runs;
mod store;
mod tampering;
