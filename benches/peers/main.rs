//! The same seeded instances by this product and by what a user would pick instead: `HiGHS` and `MicroLP` by themselves,
//! `SciPy` with its `HiGHS`, `cvxpy` with the best of its solvers, `PyPortfolioOpt`; all in one run. Raw HiGHS has
//! the program in its own form beforehand: that it takes it and runs is timed, and nothing else.
//!
//! `make bench` installs the peers and prints a row for each size and kind of instance ([`instances::Kind`]): linear programs
//! of few rows, tail risk over many scenarios, and whole quantities. What is timed here:
//!
//! * `program`: what planning calls, decimals in and decimals out. Without tail risk that is the optimum of the program that
//!   planning solves first; with it everything from the input on, since planes are stated as solutions ask for them; with
//!   whole quantities all of planning.
//! * `planning`: input in memory to verified and keyed plan.
//! * `process`: from the spawn of `rebalance plan` on the instance's files to its end.
//!
//! Times are the processor's: the clock's belong to whoever else is at work on the machine, and everybody computes in one
//! thread. A peer is given the same program in its own numbers ([`stated`]), in the form that suits it best and built outside the
//! time where it allows that; as a process it reads them from a file and is spared everything else. Objective values are
//! compared: to 1e-7 without whole quantities, otherwise to the gap that everybody is asked for. Who is further off does
//! not count and is named. A peer's search for whole quantities is stopped after 10 seconds; it is named, and counts as if it
//! had come to its end then.
//!
//! `BENCH_SIZES` and `BENCH_KINDS`, each a list with commas, run a part, and `BENCH_INSTANCES` so many of each row at most. A goal that is missed makes the exit code 1.

#![expect(
    clippy::expect_used,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark reads its switches, prints times and stops where something is wrong"
)]

#[path = "../instances/mod.rs"]
mod instances;
mod process;
mod raw;
mod stated;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use index_rebalancer::planning::{PlanError, optimum, plan, segment_program};
use instances::{Kind, instance};
use rustix::time::{ClockId, Timespec, clock_gettime};
use stated::{Stated, float, worth};

/// What is run: kinds at sizes, how many instances of each, and of how many of them each peer is asked.
struct Group {
    kinds: &'static [Kind],
    sizes: &'static [u32],
    instances: u64,
    /// By size: `HiGHS` and `SciPy`, then cvxpy, then `PyPortfolioOpt`, then whole processes.
    asked: fn(u32) -> [u64; 4],
}

/// Everybody is asked less often where each takes longer, so that all of it takes about an hour.
const GROUPS: [Group; 3] = [
    Group {
        kinds: Kind::GROUPS[0],
        sizes: &[20, 100, 500, 2_000, 10_000],
        instances: 20,
        asked: |size| match size {
            0..=100 => [20, 20, 20, 3],
            101..=500 => [20, 20, 2, 3],
            501..=2_000 => [20, 2, 0, 2],
            _ => [4, 1, 0, 1],
        },
    },
    Group {
        kinds: Kind::GROUPS[1],
        sizes: &[100, 500],
        instances: 20,
        asked: |size| if size == 100 { [20, 5, 0, 2] } else { [5, 2, 0, 1] },
    },
    Group {
        kinds: Kind::GROUPS[2],
        sizes: &[20, 100, 500],
        instances: 20,
        asked: |size| match size {
            0..=20 => [20, 20, 0, 2],
            21..=100 => [20, 5, 0, 2],
            _ => [2, 1, 0, 1],
        },
    },
];

/// Objectives may differ by so much.
const AGREED: f64 = 1e-7;
/// MicroLP takes seconds for larger ones.
const MICROLP_SIZE: u32 = 500;
const REPEATS: usize = 5;
/// What takes longer is steady: once is enough.
const LONG_SECONDS: f64 = 0.5;

/// Seconds by peer.
type Times = BTreeMap<String, f64>;

fn main() -> ExitCode {
    let python = std::env::var("REBALANCE_PEERS").ok();
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("peers");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    let most = std::env::var("BENCH_INSTANCES").map_or(u64::MAX, |most| most.parse().expect("a number"));
    let mut instances: BTreeMap<String, Instance> = BTreeMap::new();
    let mut without_plan = Vec::new();
    for group in &GROUPS {
        for size in group.sizes.iter().filter(|size| is_asked_for("BENCH_SIZES", &size.to_string())) {
            for kind in group.kinds.iter().filter(|kind| is_asked_for("BENCH_KINDS", &kind.to_string())) {
                for seed in 0..group.instances.min(most) {
                    let name = format!("{size:05}-{kind}-{seed:02}");
                    let asked = (group.asked)(*size).map(|most| seed < most);
                    match Instance::measured((*size, *kind, seed), &name, &folder, asked) {
                        Ok(measured) => drop(instances.insert(name, measured)),
                        // A search for whole quantities may end without a proof.
                        Err(error) => without_plan.push(format!("{name}: {error}")),
                    }
                }
                eprintln!("{size} {kind}: measured here");
            }
        }
    }
    if instances.is_empty() && without_plan.is_empty() {
        let sizes: BTreeSet<u32> = GROUPS.iter().flat_map(|group| group.sizes).copied().collect();
        let kinds: Vec<String> = Kind::GROUPS.iter().copied().flatten().map(Kind::to_string).collect();
        eprintln!("nothing is asked for: BENCH_SIZES is a list with commas of {sizes:?}, BENCH_KINDS one of {kinds:?}");
        return ExitCode::FAILURE;
    }
    if let Some(python) = &python {
        by_peers(python, &folder, &mut instances);
        process::measure(python, &folder, &mut instances);
    }
    table::print(&instances);
    table::judge(&instances, &without_plan)
}

/// Whether a switch names this, or is not set.
fn is_asked_for(switch: &str, name: &str) -> bool {
    std::env::var(switch).map_or(true, |list| list.split(',').any(|asked| asked == name))
}

/// Which of the three groups a kind is in.
fn is_linear(kind: Kind) -> bool {
    Kind::GROUPS[0].contains(&kind)
}

fn is_tail(kind: Kind) -> bool {
    Kind::GROUPS[1].contains(&kind)
}

fn is_whole(kind: Kind) -> bool {
    Kind::GROUPS[2].contains(&kind)
}

/// One program, and what everybody took for it.
struct Instance {
    size: u32,
    kind: Kind,
    seed: u64,
    columns: usize,
    objective: f64,
    /// By how much another objective may differ.
    agreed: f64,
    /// Of this product: the program alone, and the whole of planning.
    program: f64,
    planning: f64,
    peers: Times,
    /// Whether whole processes are asked, and what each took, this product's own among them.
    as_process: bool,
    processes: Times,
    /// Peers whose objective was another.
    wrong: Vec<String>,
    /// Peers that were stopped before they had one.
    stopped: Vec<String>,
}

impl Instance {
    fn measured(
        (size, kind, seed): (u32, Kind, u64),
        name: &str,
        folder: &Path,
        asked: [bool; 4],
    ) -> Result<Self, PlanError> {
        let input = instance(size, kind, seed);
        let segments = segment_program(&input).expect("the instance is plannable");
        let stated = Stated::of(&input, &segments);
        let (planning, plan) = timed(|| plan(black_box(&input)));
        let plan = plan?;
        let solved = || float(optimum(black_box(&segments)).expect("solves").expect("feasible"));
        let (program, objective) = match kind {
            _ if is_whole(kind) => (planning, worth(&plan, &input, &segments)),
            Kind::Tail(_) => (timed(|| segment_program(black_box(&input)).expect("plannable").rows.len()).0, solved()),
            _ => timed(solved),
        };
        let [by_solvers, by_cvxpy, by_portfolio, as_process] = asked;
        let mut measured = Self {
            size,
            kind,
            seed,
            columns: segments.columns.len(),
            objective,
            agreed: stated.gap.unwrap_or(AGREED),
            program,
            planning,
            peers: Times::new(),
            as_process,
            processes: Times::new(),
            wrong: Vec::new(),
            stopped: Vec::new(),
        };
        let peers =
            [("HiGHS", by_solvers), ("SciPy", by_solvers), ("cvxpy", by_cvxpy), ("PyPortfolioOpt", by_portfolio)];
        let peers: Vec<&str> = peers.into_iter().filter(|(_, asked)| *asked).map(|(peer, _)| peer).collect();
        if !peers.is_empty() || as_process {
            stated.write(folder, name, &peers);
        }
        if size <= MICROLP_SIZE && is_linear(kind) {
            let (seconds, objective) = timed(|| raw::by_microlp(black_box(&stated.program)));
            measured.peer("MicroLP", seconds, Some(objective));
        }
        Ok(measured)
    }

    fn peer(&mut self, name: &str, seconds: f64, objective: Option<f64>) {
        if self.counts(name.to_owned(), objective) {
            self.peers.insert(name.to_owned(), seconds);
        }
    }

    /// Whether somebody's time counts: not with another objective, but with none yet, for it would have taken longer.
    fn counts(&mut self, who: String, objective: Option<f64>) -> bool {
        let Some(objective) = objective else {
            self.stopped.push(who);
            return true;
        };
        let off = objective - self.objective;
        let agrees = off.abs() <= self.agreed;
        if !agrees {
            self.wrong.push(format!("{who} by {off:.1e}"));
        }
        agrees
    }

    /// Replaces some by the fastest of them.
    fn keep_best(&mut self, name: &str, among: impl Fn(&str) -> bool) {
        let through: Vec<String> = self.peers.keys().filter(|name| among(name)).cloned().collect();
        let best = through.iter().filter_map(|name| self.peers.remove(name)).min_by(f64::total_cmp);
        self.peers.extend(best.map(|seconds| (name.to_owned(), seconds)));
    }
}

fn by_peers(python: &str, folder: &Path, instances: &mut BTreeMap<String, Instance>) {
    let told = process::ran(process::of_python(python).arg(folder));
    // Solvers print what they like besides.
    for line in told.lines().filter(|line| line.starts_with('{')) {
        let told: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let name = told["name"].as_str().expect("a name");
        let seconds = told["seconds"].as_f64().expect("a number");
        let objective = told["objective"].as_f64();
        let peer = told["peer"].as_str().expect("a peer");
        instances.get_mut(name).expect("one of ours").peer(peer, seconds, objective);
    }
    for instance in instances.values_mut() {
        instance.keep_best("cvxpy", |name| name.starts_with("cvxpy "));
        instance.keep_best("HiGHS", |name| matches!(name, "HiGHS dual" | "HiGHS primal"));
    }
}

/// The median of some repetitions in seconds of this thread, and what came out.
fn timed<T>(work: impl Fn() -> T) -> (f64, T) {
    let mut times = Vec::new();
    loop {
        let start = seconds();
        let told = work();
        times.push(seconds() - start);
        if times.len() == REPEATS || times[0] > LONG_SECONDS {
            return (median(times), told);
        }
    }
}

/// What this thread has computed for so far.
fn seconds() -> f64 {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::ThreadCPUTime);
    let part = |number: i64| f64::from(u32::try_from(number).expect("small"));
    part(tv_sec) + part(tv_nsec) * 1e-9
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
