//! Reports: a plan or a stored run, told to people (text) and to programs (JSON, CSV). They decide nothing.
//!
//! Everything is told from one value, [`RunReport`], so that the table on the terminal and the JSON document
//! cannot disagree.
//!
//! # Layout, in reading order
//! * [`run`]: what a run planned and did, as one value with a published shape.
//! * `assembly`: how that value is made from plan, input and stored results.
//! * [`certificate`]: the proof of the limits, family by family.
//! * [`margin`]: what a point more or less of a limit would be worth.
//! * [`explanation`]: why each order, why no order, why not in the index.
//! * [`difference`]: what changed from one run to another.
//! * [`handling`]: stored runs that were taken up again, and what a person must do.
//! * [`audit`]: a run's log and what its check found.
//! * [`backtest`]: a policy over a period of the past, and several of them under one question.
//! * [`batch`]: a line for each of many planning inputs.
//! * [`fetching`], [`loading`]: what `fetch` brought, what `load` stored.
//! * [`outbox`]: orders that wait for executors, and what was done to one.
//! * [`document`]: every JSON document that the command line prints, each with its schema name.
//! * [`published`]: the spellings that documents use.
//! * [`csv`]: orders and positions for a spreadsheet.
//! * [`wording`] (features `terminal` and `html`): numbers and sentences for people.
//! * [`text`] (feature `terminal`): the same for people, at any width.
//! * [`html`] (feature `html`): a page of it, in one file.

mod assembly;
pub mod audit;
pub mod backtest;
pub mod batch;
pub mod certificate;
pub mod csv;
pub mod difference;
pub mod document;
pub mod explanation;
pub mod fetching;
pub mod handling;
#[cfg(feature = "html")]
pub mod html;
pub mod loading;
pub mod margin;
pub mod outbox;
pub mod published;
pub mod run;
#[cfg(feature = "terminal")]
pub mod text;
#[cfg(any(feature = "terminal", feature = "html"))]
pub mod wording;

pub use backtest::{BacktestReport, StudyReport};
pub use certificate::LimitFamily;
pub use difference::Difference;
pub use document::Document;
pub use explanation::Explanation;
pub use run::{Mode, RunReport};
