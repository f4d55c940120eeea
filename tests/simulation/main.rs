//! The shipped protocol under every fault, in a world whose time and order are the test's own.
//!
//! * [`world`]: scheduler, clock, numbered steps. [`faults`]: what goes wrong, as data.
//! * [`table`], [`market`], [`ports`]: the store, the venue, and both as the ports that workers see.
//! * [`scenario`], [`run`]: what is simulated, from the first event to the last recovery. [`rounds`]: which one
//!   that is.
//! * [`checker`]: judges the store's history and the venue's log.
//! * [`exhaustion`]: all single faults and pairs. [`seeds`]: random plans of faults, and the replay of one.
//! * [`bugs`], [`caught`]: deliberate mistakes, each of which must be found.
//! * [`conformance`]: the store of the simulation against the shipped adapter (feature `local`).
//!
//! A failure prints one command that replays it.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::float_arithmetic,
    reason = "a test stops where something is wrong; the exemption for tests does not reach its own functions"
)]

mod bugs;
mod caught;
mod checker;
mod conformance;
mod exhaustion;
mod faults;
mod market;
mod numbered;
mod ports;
mod replay;
mod rounds;
mod run;
mod scenario;
mod seeds;
#[path = "../common/split_mix.rs"]
#[expect(dead_code, reason = "choices of which another test needs more")]
mod split_mix;
mod table;
mod world;
