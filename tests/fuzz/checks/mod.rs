//! What must hold for any input at all, one module for each family of inputs.
//!
//! A check reads the bytes as the product does and asserts more than the absence of a panic:
//!
//! * what is accepted, written out again in the product's normal form, reads back as the same value;
//! * what does not matter (the order of keys and rows, fields that change with every attempt) does not matter;
//! * what is refused names the place, the field and the remedy in one printable line of bounded length.

pub(crate) mod event;
pub(crate) mod grades;
pub(crate) mod input;
pub(crate) mod market;
pub(crate) mod policy;
pub(crate) mod refusal;
pub(crate) mod report;
pub(crate) mod venue;

use crate::mutation::Format;

/// Whether an input was accepted by at least one of its readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Accepted,
    Refused,
}

/// One family of inputs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Family {
    /// Of the target, and of its folder in `corpus`.
    pub(crate) name: &'static str,
    pub(crate) format: Format,
    /// Panics where something does not hold.
    pub(crate) check: fn(&[u8]) -> Answer,
}

pub(crate) const FAMILIES: [Family; 7] =
    [event::FAMILY, policy::FAMILY, grades::FAMILY, market::FAMILY, venue::FAMILY, report::FAMILY, input::FAMILY];
