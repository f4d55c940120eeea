//! The verifier, on a clean plan and on plans with one fault each.
//!
//! Every case takes the clean sample, does one thing to it and names the violations that must follow: exactly
//! those, by limit. A case that expects none is the other side of a boundary.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test stops where its own sample is broken"
)]

#[path = "../common/sample.rs"]
mod sample;

mod limits;
mod objective;
mod optimality;
mod orders;
mod permission;
mod relaxations;
mod statement;
mod tail_risk;
mod wholes;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use index_rebalancer::planning::plan::{Certificate, LimitCheck};
use index_rebalancer::planning::verification::{Violation, verify};
use sample::Sample;

/// What is done, how, and the limits that must be reported.
struct Case(&'static str, fn(&mut Sample), &'static [&'static str]);

/// Runs every case and reports all that differ at once.
fn check(cases: &[Case]) {
    let mut failures = Vec::new();
    for Case(name, change, expected) in cases {
        let mut sample = Sample::clean();
        change(&mut sample);
        let found = violations(&sample);
        let limits: BTreeSet<&str> = found.iter().map(|violation| violation.limit.as_str()).collect();
        if limits != expected.iter().copied().collect() {
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            failures.push(format!("{name}\n  expected {expected:?}\n  found {found:#?}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn violations(sample: &Sample) -> Vec<Violation> {
    verify(&sample.input, &sample.plan).err().unwrap_or_default()
}

fn certificate(sample: &Sample) -> Certificate {
    verify(&sample.input, &sample.plan).expect("a clean plan")
}

/// One limit's check as text: left side, bound, relaxation, lot allowance, slack.
fn certified(sample: &Sample, limit: &str) -> String {
    let certificate = certificate(sample);
    let check = certificate.checks.iter().find(|check| check.limit == limit).expect(limit);
    figures(check)
}

fn figures(check: &LimitCheck) -> String {
    let LimitCheck { left_side, bound, relaxation, lot_allowance, slack, .. } = check;
    format!("{left_side} {bound} {relaxation} {lot_allowance} {slack}")
}

/// Everything the certificate of the clean sample says, worked out by hand from the table in `common/sample.rs`.
const CLEAN: &str = "\
budget = 1 1 0 0 0
cash_at_limit_prices >= 0.1181303 0 0 0 0.1181303
cash_buffer >= 0.1296225 0.05 0 0 0.0796225
stable_share >= 0.2896225 0.2 0 0 0.0896225
must_exit <= 0 0 0 0 0
category_min(layer-1) >= 0.7 0.5 0 0 0.2
category_max(layer-1) <= 0.7 0.8 0 0 0.1
category_max(meme) <= 0 0.05 0 0 0.05
max_weight(bitcoin) <= 0.35 0.4 0 0 0.05
max_weight(cardano) <= 0.02 0.3 0 0 0.28
max_weight(ethereum) <= 0.24 0.3 0 0 0.06
max_weight(polkadot) <= 0 0.3 0 0 0.3
max_weight(ripple) <= 0.01 0.3 0 0 0.29
max_weight(solana) <= 0.09 0.3 0 0 0.21
turnover <= 0.085 0.1 0 0 0.015
participation(bitcoin) <= 0.000005 0.05 0 0 0.049995
participation(cardano) <= 0.00002 0.05 0 0 0.04998
participation(dogwif) <= 0.02 0.05 0 0 0.03
participation(ethereum) <= 0.000008 0.05 0 0 0.049992
participation(polkadot) <= 0 0.05 0 0 0.05
participation(ripple) <= 0 0.05 0 0 0.05
participation(solana) <= 0 0.05 0 0 0.05
participation(usd-coin) <= 0.000001 0.05 0 0 0.049999
sell_within_holding(bitcoin) <= 0.05 0.3 0 0 0.25
sell_within_holding(dogwif) <= 0.05 0.05 0 0 0
collar(bitcoin) <= 0.01 0.01 0 0 0
collar(cardano) <= 0.01 0.01 0 0 0
collar(dogwif) <= 0.01 0.01 0 0 0
collar(ethereum) <= 0.01 0.01 0 0 0
collar(usd-coin) <= 0.01 0.01 0 0 0
max_order_notional <= 0.625 1 0 0 0.375
max_run_notional <= 0.85 1 0 0 0.15
max_orders <= 0.5 1 0 0 0.5
";

#[test]
fn the_clean_sample_is_certified_with_numbers_worked_out_by_hand() {
    use index_rebalancer::planning::plan::Sense;
    let sample = Sample::clean();
    let mut text = String::new();
    for check in certificate(&sample).checks {
        let sense = match check.sense {
            Sense::AtMost => "<=",
            Sense::AtLeast => ">=",
            Sense::Equal => "=",
        };
        writeln!(text, "{} {sense} {}", check.limit, figures(&check)).unwrap();
    }
    assert_eq!(text, CLEAN);
}

#[test]
fn the_plans_own_certificate_is_not_looked_at() {
    let mut sample = Sample::clean();
    sample.plan.certificate.checks.push(certificate(&sample).checks.remove(0));
    assert_eq!(violations(&sample), []);
}

#[test]
fn a_violation_reads_as_limit_and_sentence() {
    let mut sample = Sample::clean();
    sample.input.policy.limits.max_weight_of.insert(sample::id("bitcoin"), sample::weight("0.3"));
    sample.restate();
    let text: Vec<String> = violations(&sample).iter().map(ToString::to_string).collect();
    let expected = "max_weight(bitcoin): it is 0.35, and must be at most 0.3 with relaxation 0 and lot allowance up to 0.000000001";
    assert_eq!(text, [expected]);
}
