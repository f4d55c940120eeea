//! Random plans of up to six faults, with random latencies: what nobody has thought of.
//!
//! `REBALANCE_SEEDS=100000` runs more, `REBALANCE_SEED=n` begins elsewhere.

use std::time::Instant;

use crate::exhaustion::run_all;
use crate::faults::{FaultPlan, Kind};
use crate::replay::setting;
use crate::run::{Setup, simulate};
use crate::scenario::CLASSES;
use crate::split_mix::SplitMix64;

const SEEDS: u64 = 2_000;
const FIRST_SEED: u64 = 1;
/// Seeds that once found something.
const KEPT: [u64; 1] = [42_304];
/// Steps beyond which a fault would rarely happen.
const LAST_STEP: u64 = 220;
const MOST_FAULTS: u64 = 6;

fn number(name: &str, default: u64) -> u64 {
    setting(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} {text:?} is not a number")))
}

/// Everything about a run follows from its seed.
fn setup_of(seed: u64, kinds: &[Kind]) -> Setup {
    let mut random = SplitMix64::new(seed);
    let class = *random.pick(&CLASSES);
    let count = 1 + random.below(MOST_FAULTS);
    let faults = (0..count).map(|_| {
        let step = u32::try_from(1 + random.below(LAST_STEP)).expect("small");
        // Of the kind that this step has without faults; what does not fit a call does nothing.
        let kind = kinds[usize::try_from(step).expect("small") % kinds.len()];
        (step, *random.pick(&kind.all_faults()))
    });
    let faults = FaultPlan::of(faults);
    Setup { seed: Some(seed), ..Setup::of(class, faults) }
}

#[test]
fn random_faults_from_seeds() {
    let start = Instant::now();
    let (first, count) = (number("REBALANCE_SEED", FIRST_SEED), number("REBALANCE_SEEDS", SEEDS));
    let kinds: Vec<Kind> =
        simulate(&Setup::of(CLASSES[0], FaultPlan::default())).steps.iter().map(|step| step.kind).collect();
    let seeds = (first..first + count).chain(KEPT);
    let setups: Vec<Setup> = seeds.map(|seed| setup_of(seed, &kinds)).collect();
    let faults: usize = setups.iter().map(|setup| setup.faults.0.len()).sum();
    let tally = run_all(&setups);
    println!("seeds {first} to {}, {faults} faults: {}", first + count - 1, tally.summary(start));
    tally.assert_clean();
}
