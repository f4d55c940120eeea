//! The last rounds of recovery: when they come, and when there are enough of them.
//!
//! Nothing can be said of a run whose last round a fault has hit: what that round did not see, the next one would
//! have. A crash or a refused call shows in how the round ended; a venue's answer of the past does not. So a round is not
//! judged by its end, but by when it began: it counts if all faults and what follows from them were over by then, and
//! every run gets the same number of rounds that count.
//!
//! What waits for a person is another matter: it is named by every round that ends well, for the locks are read as
//! they are. An alarm that comes and goes is one that nobody believes.

use crate::checker::judge;
use crate::faults::{Fault, FaultPlan};
use crate::run::{Course, Ended, History, Setup, simulate};
use crate::scenario::{CLASSES, Class};

/// When nothing else is left to happen, recovery is called after so long, and so on: past the longest outage and past
/// the window in which a run may begin.
const ROUNDS_MS: [i64; 6] = [300_000, 1_500_000, 4_000_000, 22_000_000, 300_000, 300_000];
/// As long as a fault is felt: an outage, a request that is late, a lease taken by a clock that is ahead.
pub(crate) const AFTERMATH_MS: i64 = 3_600_000;
/// Rounds that make up for disturbed ones come after so long: past the aftermath of whatever hit the one before.
const SPARE_ROUND_MS: i64 = 4_000_000;
/// Rounds without any fault: one to finish what there is to finish, one to tell again what stays.
pub(crate) const UNDISTURBED: usize = 2;

/// The rounds of one run, each with the moment at which it begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rounds(Vec<i64>);

impl Rounds {
    /// Whether those that have begun are all that a run gets, whose last fault struck at that moment.
    pub(crate) fn are_over(&self, last_fault_ms: Option<i64>) -> bool {
        self.0.len() >= ROUNDS_MS.len() && self.undisturbed(last_fault_ms) >= UNDISTURBED
    }

    /// How many began when no fault was felt any more.
    pub(crate) fn undisturbed(&self, last_fault_ms: Option<i64>) -> usize {
        let is_undisturbed =
            |begin_ms: &&i64| last_fault_ms.is_none_or(|fault_ms| **begin_ms > fault_ms + AFTERMATH_MS);
        self.0.iter().filter(is_undisturbed).count()
    }

    /// Begins one more round; the answer is how long it is until then.
    pub(crate) fn begin_another(&mut self, now_ms: i64) -> i64 {
        let after_ms = ROUNDS_MS.get(self.0.len()).copied().unwrap_or(SPARE_ROUND_MS);
        self.0.push(now_ms + after_ms);
        after_ms
    }
}

#[test]
fn a_fault_in_the_last_round_is_followed_by_as_many_as_one_in_the_first() {
    let last_of = |fault_after: Option<usize>| {
        let (mut rounds, mut now_ms, mut fault_ms) = (Rounds::default(), 0, None);
        while !rounds.are_over(fault_ms) {
            now_ms += rounds.begin_another(now_ms);
            if Some(rounds.0.len()) == fault_after {
                fault_ms = Some(now_ms + 1);
            }
        }
        (rounds.0.len(), rounds.undisturbed(fault_ms))
    };
    assert_eq!(last_of(None), (6, 6), "nobody disturbs them");
    assert_eq!(last_of(Some(1)), (6, 4), "the outage of the first round is felt in the second");
    assert_eq!(last_of(Some(4)), (8, 2), "the last two of the six are felt to be part of the outage");
    assert_eq!(last_of(Some(6)), (8, 2));
    assert_eq!(last_of(Some(7)), (6, 6), "there is no seventh round to hit");
}

/// A run of which one order stays unknown for ever: its worker died before it sent it.
fn with_an_unknown_order(class: Class) -> Setup {
    let steps = simulate(&Setup::of(class, FaultPlan::default())).steps;
    let put = steps.iter().find(|step| step.call == "create_order").expect("an order is put");
    Setup::of(class, FaultPlan::of([(put.number, Fault::CrashAfter)]))
}

fn listings(history: &[crate::world::Step]) -> Vec<u32> {
    history.iter().filter(|step| step.call == "held_locks").map(|step| step.number).collect()
}

fn assert_told(history: &History, setup: &Setup) {
    let last_fault_ms = history.steps.iter().rev().find(|step| step.fault.is_some()).map(|step| step.at_ms);
    let judgment = judge(history);
    assert!(judgment.violations.is_empty(), "{:?}: {:?}", setup.faults, judgment.violations);
    assert!(judgment.alarmed, "{:?}: a person must look", setup.faults);
    for (worker, event, ended) in &history.ends {
        let is_silent = matches!(ended, Ended::Recovered { halted, is_elsewhere: false } if halted.is_empty());
        assert!(!is_silent, "{:?}: {worker:?} ({event:?}) ended well and told nothing", setup.faults);
    }
    assert!(history.rounds.undisturbed(last_fault_ms) >= UNDISTURBED, "{:?}: {:?}", setup.faults, history.rounds);
}

/// Whatever hits the last rounds of a run that waits for a person, the person is told afterwards.
#[test]
fn a_fault_in_the_last_rounds_is_not_the_last_word() {
    for class in [CLASSES[3], CLASSES[5]] {
        let course = Course::of(&with_an_unknown_order(class));
        let from = *listings(&course.steps).iter().rev().nth(1).expect("there are six rounds");
        let late = course.steps.iter().filter(|step| step.number >= from);
        for (number, fault) in
            late.flat_map(|step| step.kind.pair_faults().into_iter().map(|fault| (step.number, fault)))
        {
            let setup = course.setup_with(number, fault);
            assert_told(&course.simulate_with(&setup, number), &setup);
        }
    }
}

/// Nor is it when the round that makes up for it is hit again, and the one after that.
#[test]
fn rounds_that_are_hit_again_and_again_are_made_up_for() {
    let mut setup = with_an_unknown_order(CLASSES[3]);
    for times in 0..5 {
        let history = simulate(&setup);
        assert_told(&history, &setup);
        assert_eq!(setup.faults.0.len(), 1 + times);
        setup.faults.0.insert(*listings(&history.steps).last().expect("a round"), Fault::Throttled);
    }
}
