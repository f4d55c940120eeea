//! Preparation: from outside files and events to one validated planning input, and every refusal on the way.

mod bad_inputs;
mod cases;
mod events;
mod policies;
#[path = "../common/shared.rs"]
mod shared;
mod shared_data;
mod workspace;
