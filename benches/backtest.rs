//! A backtest of four years of daily closes of 100 assets, beside `bt` (Python) on the same file under the same rule,
//! in the same run: equal weights, a fee of 10 basis points, trades at the close that decides them.
//!
//! `make bench-backtest` installs `bt` and prints a row for each schedule: days a second of both, and the ratio. Both
//! time the run alone, without reading the file; the final values are compared to 1e-9, so that nobody wins by being
//! wrong. The planner here makes, proves and digests a whole plan for every rebalance; `bt` multiplies weights.
//!
//! Without `bt` (`REBALANCE_BT` names a Python that has it) only our side is timed; of the schedules only those that are
//! named, where any is: `cargo bench --bench backtest -- monthly`.

#![expect(
    clippy::expect_used,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark reads its switch, prints times and stops where something is wrong"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use index_rebalancer::adapters::history::{Period, load, open};
use index_rebalancer::backtest::{Charged, FeeBasis, FillAt, History, Schedule, Settings, run};
use index_rebalancer::model::{Money, Policy, Rate};
use index_rebalancer::parallel::Crew;
use index_rebalancer::preparation::policy;
use jiff::civil::{Date, date};
use rust_decimal::prelude::ToPrimitive;

const ASSETS: u64 = 100;
const FROM: Date = date(2020, 1, 1);
const TO: Date = date(2023, 12, 31);
const POLICY: &str = include_str!("../tests/backtest/policies/equal.toml");
/// Runs of each side; the fastest counts.
const REPEATS: usize = 3;

fn main() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (closes, grades) = (folder.join("closes.csv"), folder.join("grades.csv"));
    write_market(&closes, &grades);
    let start = Instant::now();
    let history = history(&closes, &grades);
    let days = history.dates().iter().filter(|date| **date >= FROM).count();
    println!("{days} days of {ASSETS} assets, read in {:.3} s; fastest of {REPEATS}", start.elapsed().as_secs_f64());
    println!("  rule      days/s here  days/s bt  ratio");
    let python = std::env::var("REBALANCE_BT").ok();
    let mut schedules = vec![("monthly", Schedule::Monthly), ("weekly", Schedule::Weekly), ("daily", Schedule::Daily)];
    let named: Vec<String> = std::env::args().filter(|it| schedules.iter().any(|(name, _)| name == it)).collect();
    schedules.retain(|(name, _)| named.is_empty() || named.iter().any(|it| it == name));
    for (name, schedule) in schedules {
        let (seconds, value) = fastest(|| ours(&history, schedule));
        let here = count(days) / seconds;
        let Some(python) = &python else {
            println!("  {name:<8}  {here:>11.0}");
            continue;
        };
        let (seconds, theirs) = fastest(|| of_bt(python, &closes, name));
        assert!((value - theirs).abs() <= theirs * 1e-9, "{name}: {value} here, {theirs} in bt");
        let there = count(days) / seconds;
        println!("  {name:<8}  {here:>11.0}  {there:>9.0}  {:>5.1}", here / there);
    }
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).expect("small"))
}

fn fastest(run: impl Fn() -> (f64, f64)) -> (f64, f64) {
    let runs: Vec<(f64, f64)> = (0..REPEATS).map(|_| run()).collect();
    runs.into_iter().min_by(|left, right| left.0.total_cmp(&right.0)).expect("a run")
}

/// Closes that wander, the same in every run, and one grade for each asset.
fn write_market(closes: &Path, grades: &Path) {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut choose = |count: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % count
    };
    let mut text = "date,symbol,close_usd,volume_usd\n".to_owned();
    let mut prices: Vec<u64> = (0..ASSETS).map(|_| 100_000 + choose(10_000_000)).collect();
    let mut day = FROM;
    while day <= TO {
        for (asset, price) in prices.iter_mut().enumerate() {
            *price = (*price * (9_500 + choose(1_003)) / 10_000).max(10_000);
            writeln!(text, "{day},A{asset:03},{}.{:04},1000000", *price / 10_000, *price % 10_000).expect("text grows");
        }
        day = day.tomorrow().expect("a day");
    }
    fs::write(closes, text).expect("the folder can be written");
    let mut text = "date,asset_id,trader_grade,investor_grade,signal\n".to_owned();
    for asset in 0..ASSETS {
        writeln!(text, "{FROM},a{asset:03},,50,").expect("text grows");
    }
    fs::write(grades, text).expect("the folder can be written");
}

fn history(closes: &Path, grades: &Path) -> History {
    let files = [closes, grades].map(|file| file.display().to_string());
    let period = Period { from: FROM, to: TO, lookback_days: 0, grade_days: 0 };
    load(open(&files).expect("files"), &period, &[]).expect("a history")
}

fn policy() -> Policy {
    let mut policy = policy::parse(POLICY).expect("a policy");
    let members = u32::try_from(ASSETS).expect("small");
    policy.ranking.members = members;
    policy.ranking.enter_rank = members;
    policy.ranking.exit_rank = members;
    policy
}

fn ours(history: &History, schedule: Schedule) -> (f64, f64) {
    let policy = policy();
    let settings = Settings {
        from: FROM,
        to: TO,
        schedule,
        rests_on_last_day: true,
        fill: FillAt::SameClose,
        fee_basis: FeeBasis::Included,
        charged: Charged { fee: Some(Rate::parse("0.001").expect("a rate")), half_spread: None, impact: false },
        opening_cash: Money::parse("1000000").expect("money"),
        delisting_recovery: Rate::ZERO,
        bitcoin: None,
    };
    let start = Instant::now();
    let happened = run(&policy, history, &settings, Crew::of_all_cores(), |_, _| {}).expect("it runs");
    let seconds = start.elapsed().as_secs_f64();
    (seconds, happened.value[happened.value.len() - 1].to_f64().expect("finite"))
}

fn of_bt(python: &str, closes: &Path, schedule: &str) -> (f64, f64) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/backtest.py");
    let answer = Command::new(python).arg(script).arg(closes).args([schedule, "0.001"]).output().expect("bt starts");
    let text = String::from_utf8(answer.stdout).expect("text");
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    let mut numbers = text.split_whitespace().map(|number| number.parse::<f64>().expect("a number"));
    (numbers.next().expect("seconds"), numbers.next().expect("the final value"))
}
