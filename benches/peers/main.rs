//! The program that planning solves first, on the same seeded instances, by this product and by what a user would pick
//! instead: `MicroLP` and `HiGHS` by themselves, `SciPy` with its `HiGHS`, `cvxpy`, `PyPortfolioOpt`; all in one run.
//!
//! `make bench` installs the peers and prints a row for each size and kind of instance. What is timed here is what
//! planning calls, decimals in and decimals out, and the whole of planning beside it: input in memory to verified and keyed
//! plan. A peer is given the same program in its own numbers, with the formulation that suits it best and built outside the
//! time where it allows that. Objective values are compared to 1e-7: who is further off does not count.
//!
//! A goal that is missed makes the exit code 1.

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

use std::collections::BTreeMap;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use index_rebalancer::model::{Decimal, PlanningInput};
use index_rebalancer::planning::{SegmentProgram, optimum, plan, segment_program};
use index_rebalancer::solver::{Backend, Column, Goal, Program, Row, Settings, Verdict, solve};
use instances::{Kind, instance};
use rust_decimal::prelude::ToPrimitive;

const SIZES: [u32; 5] = [20, 100, 500, 2_000, 10_000];
/// Of each kind.
const INSTANCES: u64 = 5;
/// Objectives may differ by so much.
const AGREED: f64 = 1e-7;
/// MicroLP takes seconds for larger ones.
const MICROLP_SIZE: u32 = 500;
const REPEATS: usize = 5;

/// A backend as it is: no second look at anything.
const PLAIN: Settings = Settings {
    nodes: None,
    iterations: None,
    relative_gap: 0.0,
    tolerance: 1e-8,
    presolve: false,
    scale: false,
    confirm: false,
};

/// Seconds of one peer on one instance.
type Times = BTreeMap<String, f64>;

fn main() -> ExitCode {
    let asked: Vec<u32> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let python = std::env::var("REBALANCE_PEERS").ok();
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("peers");
    let sizes: Vec<u32> = SIZES.into_iter().filter(|size| asked.is_empty() || asked.contains(size)).collect();
    let mut instances: BTreeMap<String, Instance> = BTreeMap::new();
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    for size in &sizes {
        for kind in Kind::ALL {
            for seed in 0..INSTANCES {
                let name = format!("{size:05}-{kind}-{seed}");
                instances.insert(name.clone(), Instance::measured(*size, kind, seed, &name, &folder));
            }
        }
    }
    if let Some(python) = &python {
        by_peers(python, &folder, &mut instances);
    }
    let peers = told(&instances);
    print_table(&sizes, &instances, &peers);
    judge(&sizes, &instances)
}

/// One program, and what everybody took for it.
struct Instance {
    size: u32,
    kind: Kind,
    columns: usize,
    objective: f64,
    /// Of this product: the program alone, and the whole of planning.
    program: f64,
    planning: f64,
    peers: Times,
    /// Peers whose objective was another.
    wrong: Vec<String>,
}

impl Instance {
    fn measured(size: u32, kind: Kind, seed: u64, name: &str, folder: &Path) -> Self {
        let input = instance(size, kind, seed);
        let program = segment_program(&input).expect("the instance is plannable");
        let stated = numbers(&program);
        write(folder, name, &stated);
        let (seconds, objective) = timed(|| optimum(black_box(&program)).expect("solves").expect("feasible"));
        let objective = float(objective);
        let (planning, _) = timed(|| whole(black_box(&input)));
        let mut measured = Self {
            size,
            kind,
            columns: program.columns.len(),
            objective,
            program: seconds,
            planning,
            peers: Times::new(),
            wrong: Vec::new(),
        };
        if size <= MICROLP_SIZE {
            measured.backend("MicroLP", Backend::Microlp, &stated);
        }
        if Backend::Highs.is_built() {
            measured.backend("HiGHS", Backend::Highs, &stated);
        }
        measured
    }

    fn backend(&mut self, name: &str, backend: Backend, program: &Program) {
        let (seconds, objective) = timed(|| match solve(black_box(program), backend, &PLAIN).expect("a program") {
            Verdict::Optimal(optimum) => optimum.objective,
            verdict => panic!("{name}: {verdict:?}"),
        });
        self.peer(name, seconds, objective);
    }

    fn peer(&mut self, name: &str, seconds: f64, objective: f64) {
        if (objective - self.objective).abs() <= AGREED {
            self.peers.insert(name.to_owned(), seconds);
        } else {
            self.wrong.push(name.to_owned());
        }
    }
}

fn whole(input: &PlanningInput) -> usize {
    plan(input).expect("the instance is plannable").orders.len()
}

fn numbers(program: &SegmentProgram) -> Program {
    let column = |(upper, reward): &(Decimal, Decimal)| Column {
        lower: 0.0,
        upper: float(*upper),
        objective: float(*reward),
        integer: false,
    };
    let row = |(terms, bound): &(Vec<(usize, Decimal)>, Decimal)| Row {
        lower: f64::NEG_INFINITY,
        upper: float(*bound),
        terms: terms.iter().map(|(column, by)| (*column, float(*by))).collect(),
    };
    Program {
        goal: Goal::Maximise,
        constant: 0.0,
        columns: program.columns.iter().map(column).collect(),
        rows: program.rows.iter().map(row).collect(),
    }
}

/// As `peers.py` reads it.
fn write(folder: &Path, name: &str, program: &Program) {
    let (columns, rows) = (&program.columns, &program.rows);
    let terms: usize = rows.iter().map(|row| row.terms.len()).sum();
    let head = serde_json::json!({ "columns": columns.len(), "rows": rows.len(), "terms": terms });
    fs::write(folder.join(format!("{name}.json")), head.to_string()).expect("written");
    let mut data: Vec<u8> = Vec::new();
    let numbers = columns.iter().map(|it| it.objective).chain(columns.iter().map(|it| it.upper));
    data.extend(numbers.chain(rows.iter().map(|row| row.upper)).flat_map(f64::to_le_bytes));
    let mut start = 0;
    let mut places = vec![start];
    for row in rows {
        start += row.terms.len();
        places.push(start);
    }
    places.extend(rows.iter().flat_map(|row| row.terms.iter().map(|(column, _)| *column)));
    data.extend(places.iter().flat_map(|place| i64::try_from(*place).expect("small").to_le_bytes()));
    data.extend(rows.iter().flat_map(|row| row.terms.iter().flat_map(|(_, by)| by.to_le_bytes())));
    fs::write(folder.join(format!("{name}.bin")), data).expect("written");
}

fn by_peers(python: &str, folder: &Path, instances: &mut BTreeMap<String, Instance>) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/peers.py");
    let ran = Command::new(python).arg(script).arg(folder).output().expect("Python starts");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    // Solvers print what they like besides.
    for line in String::from_utf8(ran.stdout).expect("text").lines().filter(|line| line.starts_with('{')) {
        let told: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let name = told["name"].as_str().expect("a name");
        let seconds = told["seconds"].as_f64().expect("a number");
        let objective = told["objective"].as_f64().expect("a number");
        let peer = told["peer"].as_str().expect("a peer");
        instances.get_mut(name).expect("one of ours").peer(peer, seconds, objective);
    }
    // Of cvxpy's solvers the best counts.
    for instance in instances.values_mut() {
        let through: Vec<String> = instance.peers.keys().filter(|name| name.starts_with("cvxpy ")).cloned().collect();
        let best = through.iter().filter_map(|name| instance.peers.remove(name)).min_by(f64::total_cmp);
        instance.peers.extend(best.map(|seconds| ("cvxpy".to_owned(), seconds)));
    }
}

/// Every peer that told something, in the order of the table.
fn told(instances: &BTreeMap<String, Instance>) -> Vec<&'static str> {
    let known = ["MicroLP", "HiGHS", "SciPy", "cvxpy", "PyPortfolioOpt"];
    let told = |peer: &&str| instances.values().any(|it| it.peers.contains_key(*peer));
    known.into_iter().filter(|peer| told(peer)).collect()
}

fn print_table(sizes: &[u32], instances: &BTreeMap<String, Instance>, peers: &[&str]) {
    println!(
        "{INSTANCES} seeded instances a row; milliseconds of the program and of all of planning, then how many times"
    );
    println!("longer each peer takes for the program: median, and worst for us; objectives agree to {AGREED:e}\n");
    print!("{:>6}  {:<6} {:>8} {:>9} {:>9}", "n", "kind", "columns", "program", "planning");
    for peer in peers {
        print!("  {peer:>14}");
    }
    println!();
    for size in sizes {
        for kind in Kind::ALL {
            let rows: Vec<&Instance> = of(instances, *size, Some(kind));
            print!(
                "{size:>6}  {:<6} {:>8} {:>9.3} {:>9.3}",
                kind,
                rows[0].columns,
                median(rows.iter().map(|row| row.program).collect()) * 1e3,
                median(rows.iter().map(|row| row.planning).collect()) * 1e3,
            );
            for peer in peers {
                let ratios = ratios(&rows, peer);
                if ratios.is_empty() {
                    print!("  {:>14}", "-");
                } else {
                    let worst = ratios.iter().copied().fold(f64::INFINITY, f64::min);
                    print!("  {:>14}", format!("{:.1} ({worst:.1})", median(ratios)));
                }
            }
            println!();
        }
    }
    for instance in instances.values().filter(|it| !it.wrong.is_empty()) {
        println!("another objective, n = {}, {}: {}", instance.size, instance.kind, instance.wrong.join(", "));
    }
    println!(
        "\ntime grows with n to the power of: program {:.2}, planning {:.2}",
        growth(instances, |it| it.program),
        growth(instances, |it| it.planning)
    );
}

fn of(instances: &BTreeMap<String, Instance>, size: u32, kind: Option<Kind>) -> Vec<&Instance> {
    instances.values().filter(|it| it.size == size && kind.is_none_or(|kind| it.kind == kind)).collect()
}

/// How many times longer the peer takes, where it came to the same.
fn ratios(rows: &[&Instance], peer: &str) -> Vec<f64> {
    rows.iter().filter_map(|row| Some(row.peers.get(peer)? / row.program)).collect()
}

/// The exponent that fits best, by least squares of the logarithms.
fn growth(instances: &BTreeMap<String, Instance>, time: impl Fn(&Instance) -> f64) -> f64 {
    let points: Vec<(f64, f64)> = instances.values().map(|it| (f64::from(it.size).ln(), time(it).ln())).collect();
    let count = points.iter().map(|_| 1.0).sum::<f64>();
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let covariance: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    covariance / points.iter().map(|point| (point.0 - x).powi(2)).sum::<f64>()
}

/// A goal: at these sizes the peer takes so many times as long, in the median of every kind.
const GOALS: [(&str, std::ops::RangeInclusive<u32>, f64); 5] = [
    ("HiGHS", 0..=u32::MAX, 1.0),
    ("HiGHS", 2_000..=2_000, 5.0),
    ("HiGHS", 10_000..=10_000, 10.0),
    ("SciPy", 0..=500, 4.0),
    ("cvxpy", 0..=500, 10.0),
];

fn judge(sizes: &[u32], instances: &BTreeMap<String, Instance>) -> ExitCode {
    let mut missed = false;
    println!();
    for (peer, among, goal) in GOALS {
        let mut least: Option<(f64, u32, Kind)> = None;
        for size in sizes.iter().filter(|size| among.contains(size)) {
            for kind in Kind::ALL {
                let ratios = ratios(&of(instances, *size, Some(kind)), peer);
                if ratios.is_empty() {
                    continue;
                }
                let ratio = median(ratios);
                if least.is_none_or(|(least, ..)| ratio < least) {
                    least = Some((ratio, *size, kind));
                }
            }
        }
        let Some((ratio, size, kind)) = least else { continue };
        let verdict = if ratio >= goal { "met" } else { "MISSED" };
        missed |= ratio < goal;
        println!("{verdict}: {peer} takes at least {goal} times as long: {ratio:.1} at n = {size}, {kind}");
    }
    if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn float(value: Decimal) -> f64 {
    value.to_f64().expect("finite")
}

/// The median of some repetitions, in seconds, and what came out.
fn timed<T>(work: impl Fn() -> T) -> (f64, T) {
    let start = Instant::now();
    let mut told = work();
    let first = start.elapsed().as_secs_f64();
    let mut times = vec![first];
    // What takes long is steady.
    for _ in 1..if first > 0.5 { 1 } else { REPEATS } {
        let start = Instant::now();
        told = work();
        times.push(start.elapsed().as_secs_f64());
    }
    (median(times), told)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
