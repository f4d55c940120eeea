//! A failure as one command, and that command.
//!
//! `REBALANCE_SIMULATION='{"class":0,"faults":{"12":"crash_after"}}' cargo test --no-default-features --test simulation
//! replay -- --nocapture` prints the history step by step and judges it.

use serde::{Deserialize, Serialize};

use crate::checker::judge;
use crate::faults::FaultPlan;
use crate::run::{Setup, simulate};
use crate::scenario::CLASSES;

/// What is needed to see a run again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Replay {
    /// Position in the list of classes.
    pub(crate) class: usize,
    #[serde(default)]
    pub(crate) seed: Option<u64>,
    pub(crate) faults: FaultPlan,
}

impl Replay {
    pub(crate) fn setup(&self) -> Setup {
        Setup { class: CLASSES[self.class], faults: self.faults.clone(), seed: self.seed, bug: None }
    }
}

pub(crate) fn command(setup: &Setup) -> String {
    let class = CLASSES.iter().position(|class| *class == setup.class).expect("one of them");
    let replay = Replay { class, seed: setup.seed, faults: setup.faults.clone() };
    let json = serde_json::to_string(&replay).expect("it serialises");
    format!("REBALANCE_SIMULATION='{json}' cargo test --no-default-features --test simulation replay -- --nocapture")
}

#[expect(clippy::disallowed_methods, reason = "how much is tried and what is replayed is the caller's choice")]
pub(crate) fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// With nothing to replay: a printed command reads back as the same run.
#[test]
fn replay() {
    let Some(text) = setting("REBALANCE_SIMULATION") else {
        let setup =
            Setup { seed: Some(7), ..Setup::of(CLASSES[3], FaultPlan::of([(12, crate::faults::Fault::CrashAfter)])) };
        let printed = command(&setup);
        let json = printed.split('\'').nth(1).expect("between quotes");
        let read: Replay = serde_json::from_str(json).expect("it is JSON");
        let (once, again) = (simulate(&setup), simulate(&read.setup()));
        assert_eq!(once.steps, again.steps, "the same history, call by call");
        assert_eq!(once.table.history, again.table.history);
        return;
    };
    let replay: Replay = serde_json::from_str(&text).unwrap_or_else(|error| panic!("REBALANCE_SIMULATION: {error}"));
    let history = simulate(&replay.setup());
    for step in &history.steps {
        println!("{step}");
    }
    for arrival in &history.market.arrivals {
        let request = &arrival.sent.request;
        println!("{:>9} ms  the venue: {} {} {:?}", arrival.at_ms, request.side, request.instrument, arrival.fate);
    }
    for item in history.table.orders.values() {
        println!("order {} {} revision {} {:?}", item.key, item.state.as_str(), item.revision, item.note);
    }
    for (worker, event, ended) in &history.ends {
        println!("worker {} {event:?}: {ended:?}", worker.0);
    }
    for run in history.table.runs.values() {
        println!("run {} {} {:?}", run.run_id, run.state.as_str(), run.reason);
    }
    let judgment = judge(&history);
    for violation in &judgment.violations {
        println!("{violation}");
    }
    assert!(judgment.violations.is_empty(), "{} violations", judgment.violations.len());
}
