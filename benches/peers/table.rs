//! The table, and whether the goals are met.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::process::ExitCode;

use super::instances::Kind;
use super::process::{OURS, THEIRS};
use super::{AGREED, Instance, is_linear, is_tail, is_whole, median};

const PEERS: [&str; 6] = ["MicroLP", "HiGHS", "HiGHS presolved", "SciPy", "cvxpy", "PyPortfolioOpt"];

type Instances = BTreeMap<String, Instance>;

pub(crate) fn print(instances: &Instances) {
    println!(
        "milliseconds of the program, of all of planning, and of the process from its spawn on; then how many times longer\n\
         each peer takes for the program, and for its process: median, and worst for us, of so many instances.\n\
         Objectives agree to {AGREED:e}; with whole quantities to the gap that everybody is asked for.\n"
    );
    print!("{:>6}  {:<12} {:>7} {:>9} {:>9}", "n", "kind", "columns", "program", "planning");
    for peer in PEERS {
        print!("  {peer:>18}");
    }
    print!("  {:>9}", "process");
    for peer in THEIRS {
        print!("  {:>16}", format!("{peer} process"));
    }
    println!();
    for (size, kind) in rows_of(instances) {
        let rows = of(instances, size, kind);
        print!("{size:>6}  {kind:<12} {:>7}", rows[0].columns);
        print!(" {:>9.3}", milliseconds(rows.iter().map(|it| it.program)));
        print!(" {:>9.3}", milliseconds(rows.iter().map(|it| it.planning)));
        for peer in PEERS {
            print!("  {:>18}", shown(&ratios(&rows, peer)));
        }
        let processes: Vec<f64> = rows.iter().filter_map(|it| it.processes.get(OURS)).copied().collect();
        let shown_process =
            if processes.is_empty() { "-".to_owned() } else { format!("{:.1}", milliseconds(processes.into_iter())) };
        print!("  {shown_process:>9}");
        for peer in THEIRS {
            print!("  {:>16}", shown(&process_ratios(&rows, peer)));
        }
        println!();
    }
    for (name, instance) in instances.iter().filter(|(_, it)| !it.wrong.is_empty()) {
        println!("another objective, {name}: {}", instance.wrong.join(", "));
    }
    for (name, instance) in instances.iter().filter(|(_, it)| !it.stopped.is_empty()) {
        println!("stopped before its end, {name}: {}", instance.stopped.join(", "));
    }
    let linear = || instances.values().filter(|it| is_linear(it.kind));
    if linear().map(|it| it.size).collect::<BTreeSet<u32>>().len() > 1 {
        println!(
            "\ntime grows with n to the power of: program {:.2}, planning {:.2}",
            growth(linear().map(|it| (it.size, it.program))),
            growth(linear().map(|it| (it.size, it.planning)))
        );
    }
}

/// Sizes and kinds, those of one group together.
fn rows_of(instances: &Instances) -> Vec<(u32, Kind)> {
    let rows: BTreeSet<(bool, bool, u32, Kind)> =
        instances.values().map(|it| (is_whole(it.kind), !is_linear(it.kind), it.size, it.kind)).collect();
    rows.into_iter().map(|(_, _, size, kind)| (size, kind)).collect()
}

fn of(instances: &Instances, size: u32, kind: Kind) -> Vec<&Instance> {
    instances.values().filter(|it| it.size == size && it.kind == kind).collect()
}

fn milliseconds(seconds: impl Iterator<Item = f64>) -> f64 {
    median(seconds.collect()) * 1e3
}

/// Median, worst, of how many.
fn shown(ratios: &[f64]) -> String {
    if ratios.is_empty() {
        return "-".to_owned();
    }
    format!("{:.1} ({:.1}) {:>2}", median(ratios.to_vec()), least(ratios), ratios.len())
}

fn least(ratios: &[f64]) -> f64 {
    ratios.iter().copied().fold(f64::INFINITY, f64::min)
}

/// How many times longer the peer takes, where it came to the same.
fn ratios(rows: &[&Instance], peer: &str) -> Vec<f64> {
    rows.iter().filter_map(|row| Some(row.peers.get(peer)? / row.program)).collect()
}

fn process_ratios(rows: &[&Instance], peer: &str) -> Vec<f64> {
    rows.iter().filter_map(|row| Some(row.processes.get(peer)? / row.processes.get(OURS)?)).collect()
}

/// The exponent that fits best, by least squares of the logarithms.
fn growth(times: impl Iterator<Item = (u32, f64)>) -> f64 {
    let points: Vec<(f64, f64)> = times.map(|(size, seconds)| (f64::from(size).ln(), seconds.ln())).collect();
    let count = points.iter().map(|_| 1.0).sum::<f64>();
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let covariance: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    covariance / points.iter().map(|point| (point.0 - x).powi(2)).sum::<f64>()
}

/// What is to be reached: in every row of these kinds and sizes each of the peers takes so many times as long.
struct Goal {
    what: &'static str,
    kinds: fn(Kind) -> bool,
    sizes: RangeInclusive<u32>,
    times: f64,
    /// In every instance, not in the median of a row.
    always: bool,
    /// What the peers take of a row's time.
    ratios: fn(&[&Instance]) -> Vec<Vec<f64>>,
}

const ALL: RangeInclusive<u32> = 0..=u32::MAX;

const GOALS: [Goal; 8] = [
    Goal { what: "HiGHS at its best", kinds: is_linear, sizes: ALL, times: 1.0, always: true, ratios: highs },
    Goal {
        what: "HiGHS at its best",
        kinds: is_linear,
        sizes: 2_000..=2_000,
        times: 5.0,
        always: false,
        ratios: highs,
    },
    Goal {
        what: "HiGHS at its best",
        kinds: is_linear,
        sizes: 10_000..=10_000,
        times: 10.0,
        always: false,
        ratios: highs,
    },
    Goal {
        what: "SciPy",
        kinds: is_linear,
        sizes: 0..=500,
        times: 4.0,
        always: false,
        ratios: |it| vec![ratios(it, "SciPy")],
    },
    Goal {
        what: "cvxpy",
        kinds: is_linear,
        sizes: 0..=500,
        times: 10.0,
        always: false,
        ratios: |it| vec![ratios(it, "cvxpy")],
    },
    Goal {
        what: "HiGHS without presolve, tail risk",
        kinds: is_tail,
        sizes: ALL,
        times: 1.0,
        always: false,
        ratios: |it| vec![ratios(it, "HiGHS")],
    },
    Goal {
        what: "SciPy or cvxpy, whole quantities",
        kinds: is_whole,
        sizes: ALL,
        times: 1.0 / 1.2,
        always: true,
        ratios: |it| vec![ratios(it, "SciPy"), ratios(it, "cvxpy")],
    },
    Goal {
        what: "any process of Python",
        kinds: |_| true,
        sizes: ALL,
        times: 50.0,
        always: false,
        ratios: |it| THEIRS.iter().map(|peer| process_ratios(it, peer)).collect(),
    },
];

/// Without presolve, where the better of two methods counts, and with it.
fn highs(rows: &[&Instance]) -> Vec<Vec<f64>> {
    vec![ratios(rows, "HiGHS"), ratios(rows, "HiGHS presolved")]
}

/// Instances without a plan are a goal missed, too.
pub(crate) fn judge(instances: &Instances, without_plan: &[String]) -> ExitCode {
    let mut missed = !without_plan.is_empty();
    println!();
    for name in without_plan {
        println!("MISSED: a plan for {name}");
    }
    for goal in &GOALS {
        let mut lowest: Vec<(f64, u32, Kind)> = Vec::new();
        for (size, kind) in
            rows_of(instances).into_iter().filter(|(size, kind)| goal.sizes.contains(size) && (goal.kinds)(*kind))
        {
            for ratios in (goal.ratios)(&of(instances, size, kind)).into_iter().filter(|it| !it.is_empty()) {
                let ratio = if goal.always { least(&ratios) } else { median(ratios) };
                lowest.push((ratio, size, kind));
            }
        }
        lowest.sort_by(|left, right| left.0.total_cmp(&right.0));
        let Some((ratio, size, kind)) = lowest.first() else { continue };
        let below: Vec<String> = lowest
            .iter()
            .filter(|(ratio, ..)| *ratio < goal.times)
            .map(|(ratio, size, kind)| format!("{ratio:.1} at {size} {kind}"))
            .collect();
        let when = if goal.always { "always" } else { "in the median of every row" };
        println!(
            "{}: {} takes at least {:.2} times as long, {when}: {ratio:.2} at n = {size}, {kind}",
            if below.is_empty() { "met" } else { "MISSED" },
            goal.what,
            goal.times,
        );
        if !below.is_empty() {
            println!("        below it: {}", below.join("; "));
            missed = true;
        }
    }
    if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
