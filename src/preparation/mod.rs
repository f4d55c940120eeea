//! Preparation: the only reader of the outside world. Its product is one validated
//! [`PlanningInput`](crate::model::PlanningInput).
//!
//! ```text
//! event ─▶ event.rs ──────────────────────┐
//! policy.toml ─▶ policy ──────────────────┤
//! adapters (files, venues) ─▶ sources.rs ─┴▶ assemble.rs ─▶ guards ─▶ PlanningInput
//! ```
//!
//! Nothing is guessed: what is malformed is refused with field, value and remedy ([`BadInput`]), what is sound in
//! form and unfit to trade on ends the run ([`GuardViolation`], all of them together), and what is dropped is named
//! in the input's notices.

pub mod assemble;
pub mod error;
pub mod event;
pub mod event_schema;
pub mod guards;
pub mod json;
pub mod listing;
pub mod migration;
pub mod planning_input;
pub mod policy;
pub mod reading;
pub mod sources;
pub mod time;
pub mod toml_text;

pub use assemble::{Occasion, Sources, assemble};
pub use error::{BadInput, GuardViolation, PreparationError};
pub use migration::Migration;
