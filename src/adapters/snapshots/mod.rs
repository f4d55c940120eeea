//! The inputs of plans as snapshots in the table: what `rebalance load` puts there and the function plans from.
//!
//! | of the case | snapshot | counts at a planning time |
//! |---|---|---|
//! | `case.toml`, policy, venue rules | known from the case's first day on | the one loaded last |
//! | market, grades, signals, closes of a day | known from the day's `at` on | the latest |
//!
//! A snapshot is the file's bytes as they were; the same readers and guards look at it that look at a folder, so that
//! both give the same plan. One of after the planning time is never used. What a run was planned from stands with the
//! run: loading changes nothing about it.
//!
//! ```text
//! load:  read and check every file ─▶ compare with what is stored ─▶ guards on what is new
//!        ─▶ bytes, in chunks ─▶ snapshots, one transaction for up to a hundred ─▶ a date of purge on what they replace
//! ```
//!
//! Cash and holdings change with every fill, so they are no snapshots: they are stated once to the outbox, and again
//! where the case says when they were so ([`store_accounts`]).
//!
//! A load that is cut off leaves bytes without a snapshot, which nobody reads; the next one goes on from there.

mod accounts;
mod comparison;
mod reading;
mod storing;

pub use accounts::{AccountOutcome, LoadedAccount, store_accounts};
pub use comparison::{LoadOutcome, LoadedInput};
pub use reading::{StandingFiles, load_case, load_files};
pub use storing::{GradeFile, KEEP_DAYS, check_case, kind_of, store_case, store_grades};
