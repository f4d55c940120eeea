//! Policies on the past: peers' results, no look-ahead, loaders, books.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where something is wrong; the exemption for tests does not reach its own functions"
)]

#[path = "../common/shared.rs"]
mod shared;

#[path = "../common/split_mix.rs"]
mod split_mix;

mod books;
mod crashes;
mod grades;
mod holes;
mod identity;
mod loaders;
mod look_ahead;
mod market;
mod peers;
mod report;
mod snapshots;
