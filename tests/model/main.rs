//! The protocol's decisions under a model checker: every interleaving of two workers, two orders and a venue.
//!
//! What decides is the shipped code: `claim::judge` and `taken_over`, `run_transition`, `order_transition`,
//! `settlement::judge`, `moved` and `adopted`, `gate::judge` and `cash_covers`. What the model adds is the order in which
//! a worker asks them, one port call at a time, and a world that may do anything in between: let time pass, kill a
//! worker, leave one standing for as long as it likes, lose answers, deliver requests late.
//!
//! * [`sample`]: the two orders, and the items that the shipped functions take.
//! * [`state`]: store, wire, venue, workers, as small as they can be.
//! * [`worker`]: one worker's next step. [`protocol`]: the model and its properties.
//! * [`mutants`]: the same model with one decision or one condition swapped, which must be found.
//!
//! Not stated here: S9, for there is no dry run in the model; the simulation and the command line's tests have it.

#![expect(
    clippy::struct_excessive_bools,
    reason = "a state of the model is a set of facts, and the checker counts states, not types"
)]
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where something is wrong; the exemption for tests does not reach its own functions"
)]

mod mutants;
mod protocol;
mod sample;
mod state;
mod worker;
