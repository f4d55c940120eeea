//! Token Metrics' client against recorded answers, and answers that no client should believe.

mod bench;
mod failures;
mod keys;
mod recorded;

pub(crate) use bench::{LIMITS, block_on};
