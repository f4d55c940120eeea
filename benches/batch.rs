//! `rebalance batch` in memory: 1,000 portfolios of 100 assets, planning inputs as JSON lines to plans as JSON lines, with
//! one worker and with all of them; the function that the command calls.
//!
//! Inputs are made and plans thrown away one by one, so that the peak of the process is what is in flight: it stands
//! beside each row, and is not to grow with the number of portfolios. The answers' digest shows that every row has the
//! same bytes.

#![expect(
    clippy::expect_used,
    clippy::float_arithmetic,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark prints times and stops where something is wrong"
)]

mod instances;

use std::io::{self, BufReader, Read};
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::Instant;

use index_rebalancer::batch::plan_lines;
use index_rebalancer::parallel::Crew;
use index_rebalancer::planning::idempotency::digest_of_bytes;
use instances::{Kind, instance};

const PORTFOLIOS: u64 = 1_000;
const SIZE: u32 = 100;
/// Portfolios that differ; the batch repeats them, so that making them takes little beside planning them.
const DIFFERENT: u64 = 20;

/// What the peak may grow by, in MB, from the smallest batch to one of ten times as many portfolios.
const MOST_GROWTH: f64 = 8.0;

fn main() -> ExitCode {
    let [linear, ..] = Kind::GROUPS;
    let kinds = linear.iter().copied().cycle();
    let lines: Vec<Vec<u8>> = kinds.zip(0..DIFFERENT).map(|(kind, seed)| line(kind, seed)).collect();
    let all = Crew::of_all_cores();
    println!("{PORTFOLIOS} portfolios of {SIZE} assets, JSON lines to JSON lines; {} cores\n", all.workers);
    println!("portfolios  workers  in flight  portfolios/s  peak MB  digest");
    // The smallest first: the peak of a process never falls.
    let before = row(&lines, PORTFOLIOS / 10, all);
    let _ = row(&lines, PORTFOLIOS, Crew::of(NonZeroUsize::MIN));
    let after = row(&lines, PORTFOLIOS, all);
    let (Some(before), Some(after)) = (before, after) else {
        println!("\nthe peak is not known on this system");
        return ExitCode::SUCCESS;
    };
    let growth = after - before;
    println!("\nten times the portfolios: {growth:.1} MB more, at most {MOST_GROWTH} are allowed");
    if growth > MOST_GROWTH { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// A portfolio as the batch reads it.
fn line(kind: Kind, seed: u64) -> Vec<u8> {
    let input = instance(SIZE, kind, seed);
    let mut line = serde_json::to_vec(&input).expect("an input has JSON");
    line.push(b'\n');
    line
}

/// Times one batch; the peak of this process so far.
fn row(lines: &[Vec<u8>], portfolios: u64, crew: Crew) -> Option<f64> {
    let text = BufReader::new(Repeated { lines, left: portfolios, at: io::Cursor::default() });
    let tell = |line: u64, answer: Result<_, _>| {
        let plan = answer.unwrap_or_else(|refusal| panic!("line {line}: {refusal}"));
        serde_json::to_string(&plan).expect("a plan has JSON")
    };
    let mut digest = String::new();
    let mut told: u64 = 0;
    let start = Instant::now();
    let _ = plan_lines("the instances", text, crew, tell, |plan| {
        digest = digest_of_bytes((digest.clone() + &plan).as_bytes());
        told += 1;
        ControlFlow::<()>::Continue(())
    });
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(told, portfolios, "an answer for each line");
    let rate = f64::from(u32::try_from(portfolios).expect("small")) / seconds;
    let peak = peak();
    let shown = peak.map_or_else(|| "?".to_owned(), |peak| format!("{peak:.1}"));
    let digest: String = digest.chars().take(8).collect();
    println!("{portfolios:>10}  {:>7}  {:>9}  {rate:>12.1}  {shown:>7}  {digest}", crew.workers, crew.in_flight);
    peak
}

/// The most memory that this process has had, in MB; Linux tells.
fn peak() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes / 1024.0)
}

/// The lines again and again, without ever being one text.
struct Repeated<'a> {
    lines: &'a [Vec<u8>],
    left: u64,
    at: io::Cursor<&'a [u8]>,
}

impl Read for Repeated<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.at.read(buffer)?;
        if read > 0 || self.left == 0 {
            return Ok(read);
        }
        self.left -= 1;
        let next = usize::try_from(self.left % DIFFERENT).expect("small");
        self.at = io::Cursor::new(self.lines.get(next).expect("a line"));
        self.at.read(buffer)
    }
}
