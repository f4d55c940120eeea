//! Runs a property over many drawn inputs: replayable seeds, counted discards, a failing input kept as JSON.
//!
//! * `REBALANCE_CASES`: cases for each property (300).
//! * `REBALANCE_SEED`: the seed, a whole number (fixed, so that a build neither flakes nor drifts).
//! * `REBALANCE_REPLAY`: a file with one input as JSON, tried instead of drawing any.
//! * `REBALANCE_PLANNED`: with a replay, a file for what was planned of it first: some properties add to what is drawn, limits
//!   on tail risk or on whole holdings.
//! * `REBALANCE_SURVEY`: set, every case is tried whatever fails, and what failed is listed by kind with the smallest
//!   input of each. For looking around; a survey fails like the property does.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;
use std::{env, fs};

use index_rebalancer::model::PlanningInput;
use index_rebalancer::planning::{PlanError, RebalancePlan, plan};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestCaseResult, TestRng, TestRunner};
use sha2::{Digest, Sha256};

use crate::generator;

const DEFAULT_CASES: u32 = 300;
const DEFAULT_SEED: u64 = 20_250_416;
/// The most cases of a property that may assert nothing, in percent.
const MAX_DISCARDED_PERCENT: u32 = 10;

/// The most answers of an oracle that may be unsure, in percent.
const MAX_UNSURE_PERCENT: u32 = 2;

/// What became of the cases of one property.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    tried: Cell<u32>,
    discarded: Cell<u32>,
    asked: Cell<u32>,
    unsure: Cell<u32>,
    notes: RefCell<BTreeMap<String, u32>>,
    largest: RefCell<BTreeMap<String, f64>>,
    kept: Cell<bool>,
}

impl Tally {
    /// Counts something worth knowing about this case, printed at the end.
    pub(crate) fn note(&self, what: &str) {
        *self.notes.borrow_mut().entry(what.to_owned()).or_default() += 1;
    }

    /// Keeps the largest of a figure, printed at the end.
    pub(crate) fn largest(&self, what: &str, value: f64) {
        let mut figures = self.largest.borrow_mut();
        let largest = figures.entry(what.to_owned()).or_insert(value);
        *largest = largest.max(value);
    }

    /// An oracle is asked.
    pub(crate) fn ask(&self) {
        self.asked.set(self.asked.get() + 1);
    }

    /// It is not sure.
    pub(crate) fn unsure(&self, why: &str) {
        self.note(why);
        self.unsure.set(self.unsure.get() + 1);
    }

    /// The case asserts nothing.
    pub(crate) fn discard(&self, why: &str) {
        self.note(&format!("discarded: {why}"));
        self.discarded.set(self.discarded.get() + 1);
    }

    /// Keeps what is planned of a replayed input, where that is asked for.
    pub(crate) fn keep(&self, input: &PlanningInput) {
        if let Some(path) = env::var_os("REBALANCE_PLANNED").filter(|_| !self.kept.replace(true)) {
            let text = serde_json::to_string_pretty(input).expect("serialises");
            fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
    }

    /// The plan, or a counted discard where hard limits conflict or nothing is eligible; any other error fails.
    ///
    /// # Errors
    /// When planning fails in any other way.
    pub(crate) fn plan(&self, input: &PlanningInput) -> Result<Option<RebalancePlan>, TestCaseError> {
        self.keep(input);
        match plan(input) {
            Ok(plan) => Ok(Some(plan)),
            Err(PlanError::Conflict(_)) => {
                self.discard("the hard limits conflict");
                Ok(None)
            }
            Err(PlanError::EmptyUniverse { .. }) => {
                self.discard("nothing is eligible");
                Ok(None)
            }
            Err(error) => Err(TestCaseError::fail(error.to_string())),
        }
    }
}

/// Holds a property against many drawn inputs.
pub(crate) fn check(name: &str, property: impl Fn(&PlanningInput, &Tally) -> TestCaseResult) {
    let tally = Tally::default();
    let started = Instant::now();
    let last_failure: RefCell<Option<PlanningInput>> = RefCell::new(None);
    let tried = |input: PlanningInput| -> TestCaseResult {
        // Shrinking runs the property again; only what is drawn counts.
        if last_failure.borrow().is_none() {
            tally.tried.set(tally.tried.get() + 1);
        }
        // A panic is a failure like any other, with its input kept.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| property(&input, &tally)));
        let outcome = outcome.unwrap_or_else(|_| Err(TestCaseError::fail("it panicked; see above")));
        if outcome.is_err() {
            let _ = last_failure.replace(Some(input));
        }
        outcome
    };
    if let Some(path) = env::var_os("REBALANCE_REPLAY") {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let input = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        tried(input).unwrap_or_else(|error| panic!("{name}: {error}"));
        println!("{name}: the replayed input passes");
        return;
    }
    let (cases, seed) = (number("REBALANCE_CASES", DEFAULT_CASES), number("REBALANCE_SEED", DEFAULT_SEED));
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 20_000,
        max_shrink_time: 120_000,
        ..Config::default()
    };
    let bytes = Sha256::digest(format!("{name}/{seed}"));
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    if env::var_os("REBALANCE_SURVEY").is_some() {
        let kinds = survey(name, cases, &mut runner, |input| {
            tally.tried.set(tally.tried.get() + 1);
            property(&input, &tally)
        });
        report(name, seed, &tally, started);
        assert_eq!(kinds, 0, "{name} fails in so many ways");
        return;
    }
    let outcome = runner.run(&generator::input(), tried);
    report(name, seed, &tally, started);
    if let Err(error) = outcome {
        let error = match error {
            proptest::test_runner::TestError::Fail(why, _) | proptest::test_runner::TestError::Abort(why) => {
                why.to_string()
            }
        };
        let kept = last_failure.borrow().as_ref().map(|input| keep(name, input));
        let kept = kept.map_or(String::new(), |path| format!("\n  replay: REBALANCE_REPLAY={}", path.display()));
        panic!("{name} does not hold: {error}\n  seed: REBALANCE_SEED={seed} REBALANCE_CASES={cases}{kept}");
    }
    let (tried, discarded) = (tally.tried.get(), tally.discarded.get());
    assert!(
        discarded * 100 <= tried * MAX_DISCARDED_PERCENT,
        "{name}: {discarded} of {tried} cases assert nothing; at most {MAX_DISCARDED_PERCENT} % may"
    );
    let (asked, unsure) = (tally.asked.get(), tally.unsure.get());
    assert!(
        unsure * 100 <= asked * MAX_UNSURE_PERCENT,
        "{name}: the oracle is unsure of {unsure} answers out of {asked}; at most {MAX_UNSURE_PERCENT} % may be"
    );
}

/// Tries every case, and lists the failures by what they say, numbers aside.
fn survey(
    name: &str,
    cases: u32,
    runner: &mut TestRunner,
    property: impl Fn(PlanningInput) -> TestCaseResult,
) -> usize {
    let mut kinds: BTreeMap<String, (u32, String, PlanningInput)> = BTreeMap::new();
    let size = |input: &PlanningInput| serde_json::to_string(input).map_or(0, |text| text.len());
    for _ in 0..cases {
        let input = generator::input().new_tree(runner).expect("draws").current();
        let tried = input.clone();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| property(tried)));
        let Err(error) = outcome.unwrap_or_else(|_| Err(TestCaseError::fail("it panicked"))) else { continue };
        let text = error.to_string();
        let kind = text.replace(|letter: char| letter.is_ascii_digit(), "").replace("...", ".");
        let (count, example, smallest) = kinds.entry(kind).or_insert((0, text.clone(), input.clone()));
        *count += 1;
        if size(&input) < size(smallest) {
            (*example, *smallest) = (text, input);
        }
    }
    let mut kinds: Vec<_> = kinds.into_values().collect();
    kinds.sort_by_key(|(count, ..)| std::cmp::Reverse(*count));
    for (index, (count, example, input)) in kinds.iter().enumerate() {
        println!("{count:>6} {example}\n       {}", keep(&format!("{name}-{index}"), input).display());
    }
    kinds.len()
}

fn report(name: &str, seed: u64, tally: &Tally, started: Instant) {
    let (tried, discarded) = (tally.tried.get(), tally.discarded.get());
    let share = f64::from(discarded) * 100.0 / f64::from(tried.max(1));
    let rate = f64::from(tried) / started.elapsed().as_secs_f64();
    println!("{name}: {tried} cases, {discarded} discarded ({share:.1} %), {rate:.0} a second, seed {seed}");
    for (what, count) in tally.notes.borrow().iter() {
        println!("  {count:>6} {what}");
    }
    for (what, value) in tally.largest.borrow().iter() {
        println!("  largest {what}: {value:.3e}");
    }
}

fn number<T: std::str::FromStr + Copy>(variable: &str, default: T) -> T {
    let Some(text) = env::var_os(variable) else { return default };
    let parsed = text.to_str().and_then(|text| text.parse().ok());
    parsed.unwrap_or_else(|| panic!("{variable}={} is not a whole number", text.display()))
}

fn keep(name: &str, input: &PlanningInput) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("failed-properties");
    fs::create_dir_all(&directory).expect("a directory for failures");
    let path = directory.join(format!("{name}.json"));
    fs::write(&path, serde_json::to_string_pretty(input).expect("serialises")).expect("writes");
    path
}
