//! The function on AWS Lambda: wiring only. An event comes in, the application does the work, a document goes out.
//!
//! ```text
//! Runtime API ─▶ serving ─▶ preparation::event ─▶ handler ─▶ application ─▶ Document, metrics, log lines
//! ```
//!
//! # What an invocation answers
//! * A document, the same as `rebalance --format json` prints: of runs, of runs that were recovered, or of an error that
//!   another delivery would meet again. Lambda takes that as done and does not deliver the event again.
//! * An error, where another delivery may succeed: a source or the store did not answer, another worker is at the run,
//!   the time was too short to commit a plan. Lambda delivers the event twice more and then hands it to the dead-letter
//!   queue. Nothing is sent twice by that.
//!
//! A dry run always answers with a document: somebody waits for it.
//!
//! # Layout, in reading order
//! * [`configuration`]: what the environment says, checked once.
//! * [`clients`]: everything that is built once and used by every invocation.
//! * [`handler`]: one invocation. `occasion`: which run an event is about. `venue`: where its orders go.
//! * `recovery`: stored runs that are taken up, on schedule and by a person's word. `telling`: alerts and pages.
//! * [`grades`]: Token Metrics' answers, fetched and stored before a run plans from them.
//! * [`answer`]: whether another delivery helps.
//! * [`log`]: lines of JSON. [`metrics`]: CloudWatch's embedded metric format.
//! * [`serving`]: the Runtime API.

pub mod answer;
pub mod clients;
mod clock;
pub mod configuration;
pub mod grades;
pub mod handler;
pub mod log;
pub mod metrics;
mod occasion;
mod recovery;
pub mod serving;
mod telling;
mod venue;

pub use serving::main;
