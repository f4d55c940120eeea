//! A policy on the past: the planner that trades, [`plan()`](crate::planning::plan()), over dated inputs.
//!
//! ```text
//! adapters::history ─▶ History ─▶ for each day: migrate ─▶ pay out what is gone ─▶ fill ─▶ plan ─▶ value
//! ```
//!
//! Pure over a [`History`] in memory: no clock, file or network. A run of day `t` reads what is dated `t` or before
//! and nothing else, so changing anything after `t` leaves its plan as it is, byte by byte; a property test proves it
//! from the files on.
//!
//! # Layout, in reading order
//! * [`settings`]: period, schedule, fills, costs.
//! * [`history`]: what was known on which day.
//! * [`dropped`]: what loaders left out, and why.
//! * [`engine`]: the day loop.
//! * `market`: the planner's input of one day.
//! * [`ledger`]: cash, holdings, fills.
//! * `benchmark`: bitcoin and the uncapped index.
//! * `valuation`: what all of it is worth at the close of each day.
//! * [`record`]: what is told of days, runs and assets.
//! * [`figures`]: return, risk, comparison.
//! * [`study`]: windows of time and grids of parameters, on all cores.

pub mod dropped;
pub mod engine;
pub mod figures;
pub mod history;
pub mod ledger;
pub mod ratio;
pub mod record;
pub mod settings;
pub mod study;

mod benchmark;
mod market;
mod valuation;

pub use engine::run;
pub use history::{History, HistoryBuilder};
pub use ratio::Ratio;
pub use record::Backtest;
pub use settings::{Charged, FeeBasis, FillAt, Schedule, Settings};
