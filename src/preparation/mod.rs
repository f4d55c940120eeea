//! Preparation: the only reader of the outside world. Its product is one validated
//! [`PlanningInput`](crate::model::PlanningInput).
//!
//! ```text
//! event ──▶ event.rs ─┐
//! recorded files ──▶ files ─▶ sources.rs ─▶ assemble.rs ─▶ guards.rs ─▶ PlanningInput
//! case.toml, policy.toml ─▶ case.rs, policy.rs ─┘
//! ```
//!
//! Nothing is guessed: what is malformed is refused with field, value and remedy ([`BadInput`]), what is sound in
//! form and unfit to trade on ends the run ([`GuardViolation`], all of them together), and what is dropped is named
//! in the input's notices.

pub mod assemble;
pub mod case;
pub mod error;
pub mod event;
pub mod files;
pub mod guards;
pub mod json;
pub mod listing;
pub mod migration;
pub mod policy;
pub mod sources;
pub mod time;
mod toml_text;

pub use assemble::{Occasion, Sources, assemble};
pub use case::Case;
pub use error::{BadInput, GuardViolation, PreparationError};
pub use migration::Migration;
