//! All single faults at every step, and all pairs: the second fault at every later step of the run that the first one
//! has made.
//!
//! `REBALANCE_PAIRS=all` runs every pair; without it a part of them is run, the same ones each time: the pairs of every
//! 19th first fault, and of those every 31st.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::checker::{Judgment, judge, judge_whole};
use crate::faults::{Fault, FaultPlan};
use crate::replay::{command, setting};
use crate::run::{Course, History, Setup, simulate};
use crate::scenario::{CLASSES, Class};
use crate::world::{Event, Step};

/// Where not all pairs are run: one of so many first faults, and one of so many second faults after each.
const FIRST_STRIDE: usize = 19;
const PAIR_STRIDE: usize = 31;
/// Runs that one core does at a time.
const PART: usize = 64;
/// Failures that are printed; the rest is counted.
const PRINTED: usize = 5;

/// What a number of runs came to.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) runs: usize,
    pub(crate) steps: usize,
    pub(crate) violations: usize,
    pub(crate) alarms: usize,
    ends: BTreeMap<String, usize>,
    /// How often each fault struck. What is planned for a call that it cannot happen to does nothing.
    struck: BTreeMap<Fault, usize>,
    failures: Vec<String>,
}

impl Tally {
    pub(crate) fn add(&mut self, setup: &Setup, history: &History, judgment: &Judgment) {
        self.runs += 1;
        self.steps += history.steps.len();
        self.alarms += usize::from(judgment.alarmed);
        for fault in history.steps.iter().filter_map(|step| step.fault) {
            *self.struck.entry(fault).or_default() += 1;
        }
        for run in history.table.runs.values() {
            *self.ends.entry(run.state.as_str().to_owned()).or_default() += 1;
        }
        if judgment.violations.is_empty() {
            return;
        }
        self.violations += 1;
        if self.failures.len() < PRINTED {
            let found: Vec<String> = judgment.violations.iter().map(|violation| format!("    {violation}")).collect();
            self.failures.push(format!("{}\n{}", command(setup), found.join("\n")));
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.runs += other.runs;
        self.steps += other.steps;
        self.violations += other.violations;
        self.alarms += other.alarms;
        for (end, count) in other.ends {
            *self.ends.entry(end).or_default() += count;
        }
        for (fault, count) in other.struck {
            *self.struck.entry(fault).or_default() += count;
        }
        self.failures.extend(other.failures);
        self.failures.truncate(PRINTED);
    }

    pub(crate) fn assert_clean(&self) {
        assert!(
            self.violations == 0,
            "{} runs with violations, among them\n{}",
            self.violations,
            self.failures.join("\n")
        );
        assert!(self.ends.contains_key("done"), "some run ends Done, or nothing was tried: {:?}", self.ends);
    }

    /// How many faults struck in all; each of these must have.
    pub(crate) fn struck(&self, expected: &BTreeSet<Fault>) -> usize {
        for fault in expected {
            assert!(self.struck.contains_key(fault), "{fault:?} never struck: {:?}", self.struck);
        }
        self.struck.values().sum()
    }

    pub(crate) fn summary(&self, since: Instant) -> String {
        let seconds = since.elapsed().as_secs_f64();
        let ends: Vec<String> = self.ends.iter().map(|(end, count)| format!("{count} {end}")).collect();
        format!(
            "{} runs, {} steps, {} violations, {} alarms, runs ended: {}; {:.0} runs/s",
            self.runs,
            self.steps,
            self.violations,
            self.alarms,
            ends.join(", "),
            count(self.runs) / seconds
        )
    }
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}

/// Does all parts of a work on all cores; the answer does not depend on how many there are.
fn on_all_cores<P: Sync, T: Send>(parts: &[P], work: impl Fn(&P) -> T + Sync) -> Vec<T> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    let next = AtomicUsize::new(0);
    let mut done: Vec<(usize, T)> = std::thread::scope(|scope| {
        let take_parts = || {
            let mut done = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(part) = parts.get(at) else { return done };
                done.push((at, work(part)));
            }
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(take_parts)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("the simulation does not panic")).collect()
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, answer)| answer).collect()
}

fn merged(tallies: Vec<Tally>) -> Tally {
    tallies.into_iter().fold(Tally::default(), |mut all, tally| {
        all.merge(tally);
        all
    })
}

/// Runs every setup.
pub(crate) fn run_all(setups: &[Setup]) -> Tally {
    let parts: Vec<_> = setups.chunks(PART).collect();
    merged(on_all_cores(&parts, |part| {
        let mut tally = Tally::default();
        for setup in *part {
            let history = simulate(setup);
            tally.add(setup, &history, &judge_whole(&history));
        }
        tally
    }))
}

/// Runs a plan of faults with each of some later faults in its turn.
fn run_each_after(
    class: Class,
    first: &FaultPlan,
    later: &[(u32, Fault)],
    judge: impl Fn(&History) -> Judgment,
) -> Tally {
    let mut tally = Tally::default();
    if later.is_empty() {
        return tally;
    }
    let course = Course::of(&Setup::of(class, first.clone()));
    for (step, fault) in later {
        let setup = course.setup_with(*step, *fault);
        let history = course.simulate_with(&setup, *step);
        tally.add(&setup, &history, &judge(&history));
    }
    tally
}

/// Every fault at every step of a run.
fn faults_of(steps: &[Step], from: u32, faults: impl Fn(&Step) -> Vec<Fault>) -> Vec<(u32, Fault)> {
    let later = steps.iter().filter(|step| step.number >= from);
    later.flat_map(|step| faults(step).into_iter().map(|fault| (step.number, fault))).collect()
}

fn baseline(class: Class) -> Vec<Step> {
    simulate(&Setup::of(class, FaultPlan::default())).steps
}

#[test]
fn without_faults_both_runs_end() {
    for class in CLASSES {
        let history = simulate(&Setup::of(class, FaultPlan::default()));
        let judgment = judge(&history);
        let steps: Vec<String> = history.steps.iter().map(Step::to_string).collect();
        assert!(judgment.violations.is_empty(), "{:?}\n{}", judgment.violations, steps.join("\n"));
        assert!(!judgment.alarmed);
        let ends: Vec<_> = history.ends.iter().map(|(_, event, ended)| format!("{event:?} {ended:?}")).collect();
        // Orders that rest outlive their worker, and recovery brings their run to its end.
        let end = if class.rests { "unsettled" } else { "completed" };
        let first: &[_] = if class.attended {
            &[("FirstRun", "proposed"), ("Approval", end), ("Approval", "elsewhere")]
        } else {
            &[("FirstRun", end), ("FirstRun", "elsewhere")]
        };
        let others = [("SecondRun", "busy"), ("SecondRun", end), ("DryRun", "shown")];
        for (event, answer) in first.iter().chain(&others) {
            let expected = &format!("{event} Answered({answer:?})");
            assert!(ends.iter().any(|end| end == expected), "{expected}: {ends:?}\n{}", steps.join("\n"));
        }
        let states: Vec<_> = history.table.orders.values().map(|item| item.state.as_str()).collect();
        let filled = states.iter().filter(|state| **state == "filled").count();
        assert_eq!((filled, states.len()), (4, 5), "DELTA is filled in part, everything else in full: {states:?}");
        assert!(history.ends.iter().any(|(_, event, _)| *event == Event::Recovery));
        println!("{}: {} steps without faults", class.name(), steps.len());
    }
}

/// What is not simulated again is left out of nothing: a run from a moment of another one is the run from the beginning.
#[test]
fn a_run_that_branches_off_is_the_same_run() {
    let (mut runs, mut branched) = (0, 0);
    for (class, stride) in CLASSES.into_iter().zip([173, 179, 181, 191, 193, 197, 199, 211]) {
        let firsts = faults_of(&baseline(class), 1, |step| step.kind.pair_faults());
        for first in firsts.into_iter().step_by(stride) {
            let course = Course::of(&Setup::of(class, FaultPlan::of([first])));
            let seconds = faults_of(&course.steps, first.0 + 1, |step| step.kind.pair_faults());
            for (step, fault) in seconds.into_iter().step_by(stride / 2) {
                let setup = course.setup_with(step, fault);
                let (whole, branch) = (simulate(&setup), course.simulate_with(&setup, step));
                assert_eq!(branch.steps, whole.steps, "{setup:?}");
                assert_eq!(branch.ends, whole.ends, "{setup:?}");
                assert_eq!(branch.table, whole.table, "{setup:?}");
                assert_eq!(branch.market, whole.market, "{setup:?}");
                runs += 1;
                branched += usize::from(course.branches_before(step));
            }
        }
    }
    println!("{runs} runs of two faults are the same from the beginning; {branched} of them branch off later");
    assert!(branched > 20, "{branched} of {runs}");
}

/// All single faults at every step.
fn singles(class: Class) {
    let start = Instant::now();
    let steps = baseline(class);
    let faults = faults_of(&steps, 1, |step| step.kind.all_faults());
    let parts: Vec<_> = faults.chunks(PART).collect();
    let tally = merged(on_all_cores(&parts, |part| run_each_after(class, &FaultPlan::default(), part, judge_whole)));
    println!(
        "singles, {}: {} steps, {} steps x faults: {}",
        class.name(),
        steps.len(),
        faults.len(),
        tally.summary(start)
    );
    tally.assert_clean();
}

/// All pairs, or the deterministic part of them that fits a quick test.
fn pairs(class: Class) {
    let all = setting("REBALANCE_PAIRS").is_some_and(|value| value == "all");
    let (first_stride, stride) = if all { (1, 1) } else { (FIRST_STRIDE, PAIR_STRIDE) };
    let start = Instant::now();
    let steps = baseline(class);
    let every = faults_of(&steps, 1, |step| step.kind.pair_faults());
    let firsts: Vec<_> = every.iter().copied().step_by(first_stride).collect();
    // The second fault at every step of the run that the first one has made.
    let seconds = |first: &(u32, Fault)| {
        let faulted = simulate(&Setup::of(class, FaultPlan::of([*first]))).steps;
        faults_of(&faulted, first.0 + 1, |step| step.kind.pair_faults())
    };
    let mut seen = 0;
    let mut parts = Vec::new();
    for (first, count) in firsts.iter().zip(on_all_cores(&firsts, |first| seconds(first).len())) {
        parts.push((*first, seen));
        seen += count;
    }
    let tally = merged(on_all_cores(&parts, |(first, before)| {
        let numbered = (*before..).zip(seconds(first));
        let chosen: Vec<_> = numbered.filter(|(at, _)| at % stride == 0).map(|(_, second)| second).collect();
        run_each_after(class, &FaultPlan::of([*first]), &chosen, judge)
    }));
    let pairs = tally.runs;
    println!(
        "pairs, {}: {} steps, {} of {} first faults, {pairs} of the {seen} pairs that begin with them: {}",
        class.name(),
        steps.len(),
        firsts.len(),
        every.len(),
        tally.summary(start)
    );
    tally.assert_clean();
}

/// One test for each class, so that each can be run alone.
macro_rules! for_each_class {
    ($($index:literal $single:ident $pair:ident)*) => {
        $(
            #[test]
            fn $single() {
                singles(CLASSES[$index]);
            }

            #[test]
            fn $pair() {
                pairs(CLASSES[$index]);
            }
        )*
    };
}

for_each_class! {
    0 singles_replayed_bounded pairs_replayed_bounded
    1 singles_replayed_unbounded pairs_replayed_unbounded
    2 singles_refused_while_open_bounded pairs_refused_while_open_bounded
    3 singles_refused_while_open_unbounded pairs_refused_while_open_unbounded
    4 singles_unchecked_bounded pairs_unchecked_bounded
    5 singles_unchecked_unbounded pairs_unchecked_unbounded
    6 singles_orders_rest pairs_orders_rest
    7 singles_attended pairs_attended
}
