//! Limits: how close they are, and which gave way.

use super::Tone;
use crate::model::Weight;
use crate::report::certificate::{Check, LimitFamily};
use crate::report::published::Sense;
use crate::report::run::{RelaxationReport, RunReport, count};

/// How many limits there are and whether all hold.
#[must_use]
pub fn verdict(report: &RunReport) -> (Tone, String) {
    let certificate = &report.certificate;
    let violated: usize = certificate.families.iter().map(|family| family.violated).sum();
    let limits = count(certificate.checks.len(), "limit");
    if violated == 0 {
        (Tone::Good, format!("{limits} re-checked on the rounded orders, all met"))
    } else {
        (Tone::Bad, format!("{violated} of {limits} VIOLATED"))
    }
}

/// The bound that a limit which gave way was met at.
#[must_use]
pub fn met_at(report: &RunReport, relaxed: &RelaxationReport) -> Weight {
    let at_least =
        report.certificate.checks.iter().any(|check| check.limit == relaxed.limit && check.sense == Sense::AtLeast);
    if at_least { relaxed.bound - relaxed.amount } else { relaxed.bound + relaxed.amount }
}

#[must_use]
pub fn is_met(check: &Check) -> bool {
    check.slack >= Weight::ZERO
}

/// How many checks of a family needed something; empty if none did.
#[must_use]
pub fn gave_way(family: &LimitFamily) -> String {
    let mut parts = Vec::new();
    if family.relaxed > 0 {
        parts.push(format!("{} relaxed", family.relaxed));
    }
    if family.with_lot_allowance > 0 {
        parts.push(format!("{} by lots", family.with_lot_allowance));
    }
    parts.join(", ")
}
