//! The function end to end: its real binary against a bare Runtime API and the embedded store served over HTTP.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code: what is unexpected panics"
)]

mod bad_inputs;
mod events;
mod http;
mod permissions;
mod sandbox;
#[expect(dead_code, reason = "it can do more than these tests need")]
#[path = "../remote/scripted_server.rs"]
mod scripted_server;
mod services;
#[path = "../common/shared.rs"]
mod shared;
mod stage;
mod table;

mod alerts;
mod bad_events;
mod configuration;
mod faults;
mod grades;
mod ownership;
mod pages;
mod proposals;
mod recovery;
mod runbook;
mod runs;
#[cfg(not(feature = "highs"))]
mod solvers;
