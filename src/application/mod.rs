//! What the command line and the function have in common: one occasion from its case to its report, stored runs taken
//! up again, and the alerts afterwards. Wiring over ports: no terminal, no environment, no adapter of its own.
//!
//! # Layout, in reading order
//! * [`failure`]: what goes wrong, for the person who can mend it.
//! * [`occasion`]: case, account and time of one run, and what earlier runs left for it.
//! * [`ownership`]: cash belongs to one portfolio.
//! * [`run`]: one occasion, claimed, planned, committed, emitted and settled.
//! * [`dry_run`]: the same planner, and nothing written.
//! * [`handling`]: stored runs that are taken up again, by recovery or by hand.
//! * [`paper`]: the paper venue as a run needs it.
//! * [`grades`]: which grades a policy looks at.
//! * [`telling`]: the entry of a run in a document.
//! * [`audit`]: a run's log and what its check found.
//! * [`pages`]: pages of runs, and messages that say where they are.
//! * [`alerting`]: what there is to tell people after a run was worked on.

pub mod alerting;
pub mod audit;
pub mod dry_run;
pub mod failure;
pub mod grades;
pub mod handling;
pub mod occasion;
pub mod ownership;
pub mod pages;
pub mod paper;
pub mod run;
pub mod telling;
