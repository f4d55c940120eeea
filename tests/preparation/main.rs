//! Preparation: from outside files and events to one validated planning input, and every refusal on the way.
//!
//! The modules are marked `cfg(test)` so that lints know them for tests.

#[cfg(test)]
mod bad_inputs;
#[cfg(test)]
mod cases;
#[cfg(test)]
mod event_schemas;
#[cfg(test)]
mod events;
#[cfg(test)]
mod files;
#[cfg(test)]
mod history;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod planning_inputs;
#[cfg(test)]
mod policies;
#[cfg(test)]
#[path = "../common/shared.rs"]
mod shared;
#[cfg(test)]
mod shared_data;
#[cfg(test)]
mod workspace;
