//! The protocol's decisions under a model checker: every interleaving of two workers, two orders and a venue.
//!
//! What decides is the shipped code: `claim::judge` and `taken_over`, `run_transition`, `order_transition`, `gate::judge`
//! and `cash_allows`, `attempt::next`, `answered` and `may_follow`, `settlement::judge`, `moved` and `concluded`, which
//! takes a venue's state over. What the model adds is the order in which a worker asks them, one port call at a time, and a
//! world that may do anything in between: let time pass, kill a worker, leave one standing for as long as it likes, lose
//! answers, deliver requests late.
//!
//! * [`sample`]: the two orders, and the items that the shipped functions take.
//! * [`state`]: store, wire, venue, workers, as small as they can be.
//! * [`worker`]: one worker's next step with its run; [`order`]: with an order. [`protocol`]: the model and its properties.
//! * [`mutants`]: the same model with one decision or one condition swapped, which must be found.
//!
//! # The model's own
//! * The sequence of steps: that a phase sends before it waits and waits before the next one begins, one more look at the
//!   end, what is read again after a refused write. The simulation runs that code as it is.
//! * The store's conditions and the venue's conduct, with the least balance that pays for the buy.
//! * What is left out: leases are never renewed, and a worker that ends early leaves its lease to run out; an item has no
//!   note, so a wait writes nothing; nothing contradicts the plan, and no person does anything but throw the switch.
//! * The plan that a request is of stands for its payload. Two orders have no other buy whose cost is unclear.
//!
//! # Not seen here
//! * S9, for there is no dry run in the model; the simulation and the command line's tests have it.
//! * Liveness is judged at the end of time, when nothing fails any more: that one invocation ends however another is in its
//!   way, and that invocations one after the other end the run. Two that go on taking the run from each other are not seen.

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

#[path = "../common/claimed_run.rs"]
mod claimed_run;
mod mutants;
mod order;
#[path = "../common/planned_run.rs"]
#[expect(dead_code, reason = "shared with the tests of execution, which use the rest of it")]
mod planned_run;
#[path = "../execution/plans.rs"]
#[expect(dead_code, reason = "shared with the tests of execution, which use the rest of it")]
mod plans;
mod protocol;
mod sample;
mod state;
mod worker;
