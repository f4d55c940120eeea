//! What it would have taken to keep a limit that gave way, and what that would have been worth.
//!
//! A limit gives way because others are kept. So each of the others is asked by how much it alone would have to move for
//! this one to hold at the policy's own bound while the rest stays as it is, and the program is solved once more like that:
//! the difference between the two optima is what the choice cost, or saved, by the policy's own objective.

use std::collections::BTreeMap;

use crate::model::{BasisPoints, Decimal, Weight};

use super::error::PlanError;
use super::optimality::Exact;
use super::program::Program;
use super::solver::{AtMostRow, Verdict};

/// Basis points in one.
const BASIS_POINTS: Decimal = Decimal::from_parts(10_000, 0, 0, false, 0);

/// Decimals of what is stated, in basis points.
const DECIMALS: u32 = 4;

/// Another limit moved, so that the one that gave way is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instead {
    /// The other limit, as in the certificate.
    pub limit: String,
    /// Where the plan has its bound, and where that would have to be, both in net asset value.
    pub from: Weight,
    pub to: Weight,
    /// What the portfolio would have been worth more by the policy's own objective, in basis points of net asset value;
    /// below zero where it would have been worth less.
    pub worth_bp: BasisPoints,
}

/// For each limit that gave way, every other limit that could have done so instead.
pub(super) fn instead(
    program: &Program<'_>,
    exact: &Exact,
    given: &[Decimal],
) -> Result<BTreeMap<String, Vec<Instead>>, PlanError> {
    let mut found = BTreeMap::new();
    if given.iter().all(Decimal::is_zero) {
        return Ok(found);
    }
    let Verdict::Optimal { objective: planned, .. } =
        program.optimum(exact.trades(), exact.columns(), &mut exact.rows())?
    else {
        return Ok(found);
    };
    for (index, limit) in program.limits.rows.iter().enumerate() {
        if given.get(index).is_some_and(|given| !given.is_zero()) {
            found.insert(limit.name.clone(), instead_of(program, exact, given, planned, index)?);
        }
    }
    Ok(found)
}

fn instead_of(
    program: &Program<'_>,
    exact: &Exact,
    given: &[Decimal],
    planned: Decimal,
    gave_way: usize,
) -> Result<Vec<Instead>, PlanError> {
    let mut kept: Vec<AtMostRow> = exact.rows();
    if let (Some(row), Some(amount)) = (kept.get_mut(gave_way), given.get(gave_way)) {
        row.bound -= *amount;
    }
    let mut found = Vec::new();
    for (index, limit) in program.limits.rows.iter().enumerate().filter(|(index, _)| *index != gave_way) {
        let Some(moves) = program.least_moves((exact.trades(), exact.columns()), &kept, &[index])? else { continue };
        let Some((_, by)) = moves.first() else { continue };
        let mut rows = kept.clone();
        if let Some(row) = rows.get_mut(index) {
            row.bound += *by + ROOM;
        }
        let Verdict::Optimal { objective, .. } = program.optimum(exact.trades(), exact.columns(), &mut rows)? else {
            continue;
        };
        let before = given.get(index).copied().unwrap_or_default();
        let worth = ((objective - planned) * BASIS_POINTS).round_dp(DECIMALS).normalize();
        let weights = (Weight::new(limit.moved(before)), Weight::new(limit.moved(before + *by)));
        if let ((Ok(from), Ok(to)), Ok(worth_bp)) = (weights, BasisPoints::new(worth)) {
            found.push(Instead { limit: limit.name.clone(), from, to, worth_bp });
        }
    }
    Ok(found)
}

/// So that the least move has a solution by the solver's own tolerance.
const ROOM: Decimal = Decimal::from_parts(1, 0, 0, false, 9);
