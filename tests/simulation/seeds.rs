//! Random plans of up to six faults, with random latencies: what nobody has thought of.
//!
//! `REBALANCE_SEEDS=100000` runs more, `REBALANCE_SEED=n` begins elsewhere.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::exhaustion::run_all;
use crate::faults::{Fault, FaultPlan, Kind};
use crate::replay::{Replay, setting};
use crate::run::{Setup, simulate};
use crate::scenario::CLASSES;
use crate::split_mix::SplitMix64;

const SEEDS: u64 = 2_000;
const FIRST_SEED: u64 = 1;
/// Runs of seeds that once found something.
const KEPT: [&str; 1] = [r#"{"class":1,"seed":42304,"faults":{"8":{"freeze_after":{"foreign_steps":9}},
    "12":{"clock_skew":{"ms":900}},"21":{"clock_skew":{"ms":-900}},"31":"settle","64":"throttled","173":"kill_switch"}}"#];
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
        let kind = kinds[usize::try_from(step - 1).expect("small") % kinds.len()];
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
    let kept = KEPT.map(|text| serde_json::from_str::<Replay>(text).expect("it is a run").setup());
    let setups: Vec<Setup> = (first..first + count).map(|seed| setup_of(seed, &kinds)).chain(kept).collect();
    let faults: usize = setups.iter().map(|setup| setup.faults.0.len()).sum();
    let tally = run_all(&setups);
    // Of a few seeds nobody expects every fault.
    let possible = kinds.iter().filter(|_| count >= SEEDS).flat_map(|kind| kind.all_faults());
    let struck = tally.struck(&possible.collect::<BTreeSet<Fault>>());
    let last = first + count - 1;
    println!("seeds {first} to {last}, {faults} faults, of which {struck} struck: {}", tally.summary(start));
    tally.assert_clean();
}
