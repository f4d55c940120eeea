//! The same program gives the same bytes in every process, on each backend.

use std::fmt::Write as _;
use std::process::Command;

use index_rebalancer::solver::{Settings, solve};

use crate::backends;
use crate::split_mix::SplitMix64;
use crate::statement::Statement;
use crate::tail_risk::least_tail_risk;

const TELL: &str = "REBALANCE_TELL_ANSWERS";

/// A program of tail risk over scenarios with ties, and one of whole numbers.
fn programs() -> Vec<Statement> {
    let mut draw = SplitMix64::new(1);
    let mut number = |steps: u64| (draw.below(steps) as f64 - steps as f64 / 2.0) / 1000.0;
    let scenarios: Vec<Vec<f64>> = (0..120).map(|_| (0..12).map(|_| number(40)).collect()).collect();
    let mut knapsack = Statement::minimise();
    let items: Vec<(usize, f64)> =
        (0..14).map(|_| (knapsack.whole((0.0, 3.0), number(9)), 1.0 + number(800))).collect();
    knapsack.row((f64::NEG_INFINITY, 9.5), items);
    vec![least_tail_risk(&scenarios, 0.9, 0.4), knapsack]
}

/// Every digit of every answer.
fn answers() -> String {
    let mut told = String::new();
    for backend in backends() {
        for (at, program) in programs().iter().enumerate() {
            let settings = Settings { nodes: Some(500), ..Settings::careful() };
            let verdict = solve(&program.0, backend, &settings).expect("a program");
            writeln!(told, "ANSWER {backend} {at} {verdict:?}").expect("a string");
        }
    }
    told
}

#[test]
fn every_process_gives_the_same_bytes() {
    if std::env::var_os(TELL).is_some() {
        // In a process that another run of this test started.
        print!("\n{}", answers());
        return;
    }
    let expected = answers();
    for _ in 0..3 {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["--exact", "determinism::every_process_gives_the_same_bytes", "--nocapture"]).env(TELL, "1");
        let output = command.output().expect("it starts");
        let text = String::from_utf8(output.stdout).expect("text");
        let told: Vec<&str> = text.lines().filter(|line| line.starts_with("ANSWER ")).collect();
        assert_eq!(told, expected.lines().collect::<Vec<&str>>());
    }
    assert!(expected.contains("Optimal"), "{expected}");
}
