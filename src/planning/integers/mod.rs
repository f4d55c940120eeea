//! Whole quantities: orders that venue and policy take or none, holdings of some weight or none, so many holdings at
//! most, whole lots.
//!
//! A linear program trades any amount. What it may trade in truth is, for each line, a few [`ranges`] with gaps between:
//! nothing, or at least the least order; sold in full, or down to the least weight; and inside a range perhaps whole lots
//! only. [`whole_limits`] states the limits, [`model`] the relaxation of one choice of ranges, and [`search`] looks for
//! the best choice by branch and bound: best bound first, so many nodes at most, no clock.
//!
//! # The relaxation
//! A line with a choice takes a mixture `Σ λ = 1, λ ≥ 0` of the points at which its ranges begin and end or its slope
//! changes, and each point counts with its own objective, its own use of every limit, and as one holding or none. That is
//! the convex hull of what the line may do, jumps included: no constant stands for "large". Between lines there are but
//! the limits' rows, so no more lines are torn between two points than there are rows, and the bound is close. Where lots, least
//! weights or least orders are much alike it is not, and [`tally`] mends that.

#[cfg(test)]
mod brute_force;
mod conflict;
mod model;
mod ranges;
mod search;
mod seek;
mod tally;
#[cfg(test)]
mod tests;
mod whole_limits;

pub(crate) use conflict::{Least, Questions, conflict};
pub(crate) use ranges::range_of;
pub(crate) use seek::{Judge, Sighted, Sought, nothing_found, seek};
pub(crate) use whole_limits::{Breach, MAX_HOLDINGS, MIN_WEIGHT, WholeLimits, is_holding};
