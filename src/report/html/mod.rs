//! Reports as pages: each is one HTML file that needs nothing else. No script, font, image or style comes from
//! elsewhere, and the page's own content security policy forbids it.
//!
//! A page is a function of its report: no time of printing, no random id, the same bytes every time. Whatever comes
//! from outside (names, notes, symbols, reasons) is escaped where it is written, and where nothing is to be run the
//! policy allows no script at all.
//!
//! # Layout, in reading order
//! * [`run_page`]: a run, section by section (`run`, `summary`, `weights`, `treemap`, `orders`, `reasons`, `limits`,
//!   `log`).
//! * [`backtest_page`]: a policy on the past (`backtest`, `charts`, `months`, `weights_over_time`, `backtest_tables`,
//!   `trades`, `conventions`).
//! * [`study_page`]: several backtests under one question (`study`, `grid`).
//! * `page`: the document around the sections: head, policy, landmarks, list of contents.
//! * `table`: tables that become cards where the screen is narrow, and stay tables for a screen reader.
//! * `figure`: numbers with their exact value in the page, bars, times, marks.

mod backtest;
mod backtest_tables;
mod charts;
mod conventions;
mod figure;
mod grid;
mod limits;
mod log;
mod months;
mod orders;
mod page;
mod reasons;
mod run;
mod study;
mod summary;
mod table;
mod trades;
mod treemap;
mod weights;
mod weights_over_time;

pub use backtest::backtest_page;
pub use run::run_page;
pub use study::study_page;
