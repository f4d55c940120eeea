//! Multiple-choice programs: each of many lines takes one of its points, or in the relaxation a mixture of them, and all
//! of them together keep a few rows.
//!
//! `max Σ rₚ μₚ` with `Σ_{p of a line} μₚ = 1`, `μ ≥ 0` and for every row `Σ aₖₚ μₚ ≤ bₖ`. For any multipliers `λ ≥ 0` no
//! choice is worth more than `Σ λₖ bₖ + Σ_lines max_p (rₚ − Σ λₖ aₖₚ)`: lines are independent but for the rows, so a bound
//! costs one look at every point, and the relaxation is the least such bound over as many multipliers as there are rows.
//! [`simplex`] finds it, [`settle`] the choices near it.
//!
//! Lines named elastic take any part of their second point, and by that give rows more room at a price.
//!
//! Rows named ties say of a line that it stands for a sum over others. A relaxation keeps them like any row, so that a search
//! may branch on the sum; a choice of the others keeps them by itself, and nobody asks it for more.

mod settle;
mod simplex;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub use settle::Settled;
pub use simplex::{Basis, Mixture};

/// A row is met that is broken by no more than this: what shares too small to be told from none may break it by.
const MET: f64 = 1e-12;

/// The same where nothing keeps it better: limits that leave each other no room do so but for a solver's noise.
const NEARLY_MET: f64 = 2e-10;

/// Points with their line, worth and use of every row.
#[derive(Debug, Clone, Default)]
pub struct Choices {
    bounds: Vec<f64>,
    lines: Vec<usize>,
    rewards: Vec<f64>,
    /// By point, then row.
    uses: Vec<f64>,
    elastic: Vec<Elastic>,
    ties: Range<usize>,
}

/// A line whose first point is nothing, and whose second gives room in rows.
#[derive(Debug, Clone, Copy)]
struct Elastic {
    empty: usize,
    full: usize,
}

impl Choices {
    /// Without any points; a bound for each row.
    #[must_use]
    pub fn new(bounds: Vec<f64>) -> Self {
        Self { bounds, ..Self::default() }
    }

    /// These rows say of a line that it stands for a sum over others.
    #[must_use]
    pub fn with_ties(self, ties: Range<usize>) -> Self {
        Self { ties, ..self }
    }

    /// How many points there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rewards.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rewards.is_empty()
    }

    /// One more point of a line, by its use of rows; its place.
    pub fn add_point(&mut self, line: usize, reward: f64, uses: impl Iterator<Item = (usize, f64)>) -> usize {
        let (place, rows) = (self.len(), self.bounds.len());
        self.lines.push(line);
        self.rewards.push(reward);
        let start = self.uses.len();
        self.uses.resize(start + rows, 0.0);
        for (row, by) in uses {
            if let Some(used) = self.uses.get_mut(start + row) {
                *used += by;
            }
        }
        place
    }

    /// A line that gives room: nothing, or all of `uses` (none of them above zero) at `reward` (not above zero). Its points.
    pub fn add_elastic(
        &mut self,
        line: usize,
        reward: f64,
        uses: impl Iterator<Item = (usize, f64)>,
    ) -> (usize, usize) {
        let empty = self.add_point(line, 0.0, std::iter::empty());
        let full = self.add_point(line, reward, uses);
        self.elastic.push(Elastic { empty, full });
        (empty, full)
    }

    /// One more row, with what each point uses of it.
    pub fn add_row(&mut self, bound: f64, use_of: impl Fn(usize) -> f64) {
        let rows = self.bounds.len();
        let mut uses = Vec::with_capacity(self.len() * (rows + 1));
        for point in 0..self.len() {
            uses.extend_from_slice(self.uses_of(point));
            uses.push(use_of(point));
        }
        self.bounds.push(bound);
        self.uses = uses;
    }

    fn uses_of(&self, point: usize) -> &[f64] {
        let rows = self.bounds.len();
        self.uses.get(point * rows..(point + 1) * rows).unwrap_or_default()
    }

    fn reward_of(&self, point: usize) -> f64 {
        self.rewards.get(point).copied().unwrap_or_default()
    }

    fn line_of(&self, point: usize) -> usize {
        self.lines.get(point).copied().unwrap_or_default()
    }

    /// The worth of a point once its use of rows is paid for.
    fn left(&self, point: usize, prices: &[f64]) -> f64 {
        self.reward_of(point) - dot(self.uses_of(point), prices)
    }
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(left, right)| left * right).sum()
}
