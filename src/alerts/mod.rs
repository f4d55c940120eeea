//! Alerts: what of a run is told, to whom, once.
//!
//! ```text
//! tell_run: what is stored, what was seen ─▶ derive (pure) ─▶ Alert ─▶ dispatch: routes ─▶ key ─▶ claim ─▶ channel
//! ```
//!
//! * [`tell_run()`]: the one entrance, called after every act on a run.
//! * [`mod@derive`]: events from what is stored of a run and from nothing else, so that whoever tells a run tells the same.
//! * [`dispatch()`]: each event to each channel of its routes, once per run, within the hour's messages. It cannot fail:
//!   what goes wrong with an alert is an outcome, and the run's own result stands.

pub mod derive;
pub mod dispatch;
pub mod telling;

pub use derive::{Alert, of_refusal, of_run};
pub use dispatch::{Delivery, Outcome, dispatch};
pub use telling::{Seen, Told, holder, tell_run};
