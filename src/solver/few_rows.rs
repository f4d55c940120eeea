//! The dual simplex method for programs of many boxed columns under few rows, in floating point.
//!
//! `max Σ rⱼ xⱼ, 0 ≤ xⱼ ≤ uⱼ, Σⱼ aₖⱼ xⱼ ≤ bₖ`. Every column has two ends, so any basis is dual feasible once each column
//! stands at the end that its reduced reward points to: the search starts from the rows' own slacks, without a first
//! phase. A step takes the row that is broken most, moves the multipliers along it, and lets every column that they pass
//! change ends as long as that pays (the bound flipping ratio test: Maros, A generalized dual phase-2 simplex algorithm,
//! European Journal of Operational Research 149, 2003). One step can so place thousands of columns, and what is inverted has
//! as many rows as there are limits, whatever the number of assets.
//!
//! What comes out is a proposal: [`super::sifting`] has a backend settle the columns that are near a decision and proves the
//! rest, and the planner's verifier bounds by the multipliers and trusts nothing in them.

mod form;

use std::sync::Arc;

use form::{Form, take};

use super::dense::{self, add, at, identity, inverted};
use super::{Column, Goal, Program};

/// A row is broken, or a column beyond its end, by more than this.
const BROKEN: f64 = 1e-13;

/// What rows ask for beyond all there is, and is no more than this of any of them, is the arithmetic's own.
const BLUR: f64 = 1e-10;

/// Rows that ask for too much are loosened by so much more, and none of them by more than this in all.
const LEAST_LOOSENED: f64 = 1e-12;
const MOST_LOOSENED: f64 = 2.0 * BLUR;

/// No pivot is smaller, beside the largest figure that it comes from: what two columns that are all but the same differ by is
/// none.
const LEAST_PIVOT: f64 = 1e-9;

/// The inverse is reckoned anew after so many steps.
const REFRESH: u32 = 50;

/// A search ends after so many steps for each row, and as many for a program without rows.
const STEPS: usize = 40;

/// How a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Optimal,
    /// The rows ask for more than all columns together can give, by more than the arithmetic's own.
    Infeasible,
    /// Too many steps, or a basis that cannot be told from a singular one.
    Unsettled,
}

/// A program and where the search stands.
#[derive(Debug, Clone)]
pub struct FewRows {
    /// What no search changes: searches from one another share it.
    form: Arc<Form>,
    bounds: Vec<f64>,
    /// By how much each of them is above the program's own.
    loosened: Vec<f64>,
    /// By column, whether it stands at its upper end; without meaning while it is in the basis.
    full: Vec<bool>,
    /// By column and then by row's slack.
    in_basis: Vec<bool>,
    /// A column, or past the columns a row's slack.
    basis: Vec<usize>,
    /// Of the basis; rows by position in it.
    inverse: Vec<Vec<f64>>,
    /// The multipliers, by row.
    prices: Vec<f64>,
    /// By row: the bound less what full columns use.
    rooms: Vec<f64>,
    /// Weights of rows that together ask for more than there is, where the search last came upon such.
    ray: Vec<f64>,
}

/// What leaves the basis, and by how much it is out of bounds.
struct Leaving {
    position: usize,
    by: f64,
    /// It is above its upper end and leaves there, not below zero.
    above: bool,
}

/// What every step needs anew, in memory that all of them share.
#[derive(Default)]
struct Space {
    /// By column, what it takes of the rows at the multipliers, and along the way.
    taken: Vec<f64>,
    along: Vec<f64>,
    turns: Vec<Turn>,
}

/// Where a column's reduced reward changes its sign on the way.
#[derive(Clone, Copy)]
struct Turn {
    at: f64,
    /// What the slope loses by it.
    worth: f64,
    index: usize,
}

impl FewRows {
    /// Where nothing has been searched yet; absent for a program of another form.
    #[must_use]
    pub fn of(program: &Arc<Program>) -> Option<Self> {
        let boxed = |it: &Column| it.lower == 0.0 && (0.0..f64::INFINITY).contains(&it.upper) && !it.integer;
        let boxed = program.columns.iter().all(|it| boxed(it) && it.objective.is_finite());
        let at_most = program.rows.iter().all(|row| row.lower == f64::NEG_INFINITY && row.upper.is_finite());
        if program.goal != Goal::Maximise || !boxed || !at_most || !program.constant.is_finite() {
            return None;
        }
        let form = Form::of(program)?;
        let (columns, rows) = (program.columns.len(), program.rows.len());
        let mut search = Self {
            bounds: program.rows.iter().map(|row| row.upper).collect(),
            loosened: vec![0.0; rows],
            full: program.columns.iter().map(|column| column.objective > 0.0).collect(),
            in_basis: (0..columns + rows).map(|index| index >= columns).collect(),
            basis: (columns..columns + rows).collect(),
            inverse: identity(rows),
            prices: vec![0.0; rows],
            rooms: Vec::new(),
            ray: Vec::new(),
            form: Arc::new(form),
        };
        search.rooms = search.rooms();
        Some(search)
    }

    /// The same with the bound of one row moved; the basis stays, and stays dual feasible.
    #[must_use]
    pub fn moved(mut self, row: usize, by: f64) -> Self {
        for bounds in [&mut self.bounds, &mut self.rooms] {
            if let Some(bound) = bounds.get_mut(row) {
                *bound += by;
            }
        }
        self
    }

    /// Searches from where it stands.
    pub fn search(&mut self) -> Ending {
        let mut stale = 0;
        let mut space = Space::default();
        for _ in 0..STEPS * (self.bounds.len() + 1) {
            let Some(leaving) = self.leaving() else {
                if stale == 0 {
                    return Ending::Optimal;
                }
                // What many steps have blurred is reckoned once more.
                if self.refresh().is_none() {
                    return Ending::Unsettled;
                }
                stale = 0;
                continue;
            };
            match self.step(&leaving, &mut space) {
                Some(true) => stale += 1,
                Some(false) => {
                    let breach = self.breach();
                    if breach > BLUR {
                        return Ending::Infeasible;
                    }
                    if !self.loosen(breach + LEAST_LOOSENED) {
                        return Ending::Unsettled;
                    }
                }
                None if stale == 0 => return Ending::Unsettled,
                None => stale = REFRESH,
            }
            if stale >= REFRESH {
                if self.refresh().is_none() {
                    return Ending::Unsettled;
                }
                stale = 0;
            }
        }
        Ending::Unsettled
    }

    /// The multipliers, by row.
    #[must_use]
    pub fn prices(&self) -> &[f64] {
        &self.prices
    }

    /// What no solution is worth more than, by these multipliers; rows that were loosened count as they are now.
    pub(super) fn bound(&self) -> f64 {
        // A price below zero by a last digit would bound nothing.
        let prices: Vec<f64> = self.prices.iter().map(|price| price.max(0.0)).collect();
        let rows: f64 = self.bounds.iter().zip(&prices).map(|(bound, price)| bound * price).sum();
        let left = |(column, taken): (&Column, f64)| column.upper * (column.objective - taken).max(0.0);
        rows + self.form.columns().iter().zip(self.form.taken(&prices)).map(left).sum::<f64>()
    }

    /// By how much rows that ask for more than all columns together can give do so, the heaviest of them counted once: no
    /// columns within their ends keep `Σ yₖ Σⱼ aₖⱼ xⱼ ≤ Σ yₖ bₖ` for these `y ≥ 0` (Farkas). Zero where there is no such thing.
    pub(super) fn breach(&self) -> f64 {
        let weights: Vec<f64> = self.ray.iter().map(|weight| weight.max(0.0)).collect();
        let heaviest = weights.iter().copied().fold(0.0, f64::max);
        let least = |(column, taken): (&Column, f64)| taken.min(0.0) * column.upper;
        let used: f64 = self.form.columns().iter().zip(self.form.taken(&weights)).map(least).sum();
        let room: f64 = self.bounds.iter().zip(&weights).map(|(bound, weight)| bound * weight).sum();
        if heaviest > 0.0 { ((used - room) / heaviest).max(0.0) } else { 0.0 }
    }

    /// Rows that together ask for next to nothing more than there is ask for so much less: rows that are all but the same, or
    /// leave one another no room, do so by their last digits. Whether that is still next to nothing.
    fn loosen(&mut self, by: f64) -> bool {
        let heaviest = self.ray.iter().copied().fold(0.0, f64::max);
        let rows = self.bounds.iter_mut().zip(&mut self.rooms).zip(&mut self.loosened);
        for (((bound, room), loosened), weight) in rows.zip(&self.ray) {
            if *weight > heaviest * LEAST_PIVOT {
                *bound += by;
                *room += by;
                *loosened += by;
            }
        }
        self.loosened.iter().all(|loosened| *loosened <= MOST_LOOSENED)
    }

    /// Where every column stands, those of the basis within their ends.
    pub(super) fn values(&self) -> Vec<f64> {
        let ends = self.form.columns().iter().zip(&self.full);
        let mut values: Vec<f64> = ends.map(|(column, full)| if *full { column.upper } else { 0.0 }).collect();
        for (variable, row) in self.basis.iter().zip(&self.inverse) {
            let value: f64 = row.iter().zip(&self.rooms).map(|(by, room)| by * room).sum();
            let upper = self.upper(*variable);
            if let Some(place) = values.get_mut(*variable) {
                *place = value.clamp(0.0, upper);
            }
        }
        values
    }

    /// By column: its reward less what it takes of the rows at their multipliers.
    fn reduced(&self) -> Vec<f64> {
        let taken = self.form.taken(&self.prices);
        self.form.columns().iter().zip(taken).map(|(column, taken)| column.objective - taken).collect()
    }

    /// The columns that are between their ends, or may as well be: whose reduced reward is no more than this.
    pub(super) fn undecided(&self, near: f64) -> Vec<usize> {
        let columns = self.reduced().into_iter().zip(&self.in_basis).enumerate();
        columns.filter(|(_, (reduced, in_basis))| **in_basis || reduced.abs() <= near).map(|(index, _)| index).collect()
    }

    /// Whether a column that is decided stands at its upper end.
    pub(super) fn is_full(&self, index: usize) -> bool {
        self.full.get(index).copied().unwrap_or_default()
    }

    fn rooms(&self) -> Vec<f64> {
        let ends = self.form.columns().iter().zip(&self.full).zip(&self.in_basis);
        let amounts: Vec<f64> =
            ends.map(|((column, full), in_basis)| if *full && !*in_basis { column.upper } else { 0.0 }).collect();
        self.form.left(&self.bounds, &amounts)
    }

    fn stands_full(&self, index: usize) -> bool {
        self.is_full(index) && !self.in_basis.get(index).copied().unwrap_or_default()
    }

    fn upper(&self, index: usize) -> f64 {
        self.form.columns().get(index).map_or(f64::INFINITY, |column| column.upper)
    }

    /// The one in the basis that is out of bounds most.
    fn leaving(&self) -> Option<Leaving> {
        let mut worst: Option<Leaving> = None;
        for (position, (variable, row)) in self.basis.iter().zip(&self.inverse).enumerate() {
            let value: f64 = row.iter().zip(&self.rooms).map(|(by, room)| by * room).sum();
            let (by, above) = if value < 0.0 { (-value, false) } else { (value - self.upper(*variable), true) };
            if by > worst.as_ref().map_or(BROKEN, |worst| worst.by) {
                worst = Some(Leaving { position, by, above });
            }
        }
        worst
    }

    /// One step: whether there is one, or the program has no solution; nothing where no pivot is large enough.
    fn step(&mut self, leaving: &Leaving, space: &mut Space) -> Option<bool> {
        let along: Vec<f64> = {
            let sign = if leaving.above { -1.0 } else { 1.0 };
            self.inverse.get(leaving.position)?.iter().map(|by| by * sign).collect()
        };
        self.find_turns(&along, space);
        let turns = &mut space.turns;
        // A sum of what just suffices may fall short by its last digit.
        let Some((last, passed)) = pass(turns, leaving.by - BROKEN) else {
            self.ray = along;
            return Some(false);
        };
        let entering = *turns.get(last)?;
        for turn in turns.iter().take(passed) {
            self.flip(turn.index);
        }
        self.exchange(leaving, entering.index)?;
        for (price, by) in self.prices.iter_mut().zip(&along) {
            *price += entering.at * by;
        }
        Some(true)
    }

    /// Every change of sign on the way, in no order.
    fn find_turns(&self, along: &[f64], Space { taken, along: taken_along, turns }: &mut Space) {
        turns.clear();
        let least_pivot = along.iter().fold(1.0, |largest, by| by.abs().max(largest)) * LEAST_PIVOT;
        self.form.take_into(taken, &self.prices);
        self.form.take_into(taken_along, along);
        let mut consider = |index: usize, reduced: f64, by: f64, full: bool, upper: f64| {
            let turns_here = if full { by > least_pivot } else { by < -least_pivot };
            if turns_here && upper > 0.0 {
                turns.push(Turn { at: (reduced / by).max(0.0), worth: by.abs() * upper, index });
            }
        };
        let taken = taken.iter().zip(taken_along.iter());
        let stand = self.full.iter().zip(&self.in_basis);
        for (index, ((column, (taken, by)), (full, in_basis))) in
            self.form.columns().iter().zip(taken).zip(stand).enumerate()
        {
            if !in_basis {
                consider(index, column.objective - taken, *by, *full, column.upper);
            }
        }
        let slacks = self.prices.iter().zip(along).enumerate();
        for (row, (price, by)) in slacks {
            let index = self.form.columns().len() + row;
            if !self.in_basis.get(index).copied().unwrap_or_default() {
                consider(index, -price, *by, false, f64::INFINITY);
            }
        }
    }

    /// What a column, or past the columns a row's slack, takes of the rows.
    fn variable(&self, index: usize) -> Vec<(usize, f64)> {
        let slack = index.checked_sub(self.form.columns().len());
        slack.map_or_else(|| self.form.column(index).collect(), |row| vec![(row, 1.0)])
    }

    fn flip(&mut self, index: usize) {
        let upper = self.upper(index);
        let Some(full) = self.full.get_mut(index) else { return };
        *full = !*full;
        let by = if *full { upper } else { -upper };
        take(&mut self.rooms, self.form.column(index), by);
    }

    /// Swaps the two in the basis.
    fn exchange(&mut self, leaving: &Leaving, entering: usize) -> Option<()> {
        let column: Vec<(usize, f64)> = self.variable(entering);
        let weights: Vec<f64> =
            self.inverse.iter().map(|row| column.iter().map(|(at_row, by)| at(row, *at_row) * by).sum()).collect();
        let pivot = at(&weights, leaving.position);
        if pivot.abs() < LEAST_PIVOT {
            return None;
        }
        if self.stands_full(entering) {
            let upper = self.upper(entering);
            take(&mut self.rooms, column.into_iter(), -upper);
        }
        let out = std::mem::replace(self.basis.get_mut(leaving.position)?, entering);
        *self.in_basis.get_mut(entering)? = true;
        *self.in_basis.get_mut(out)? = false;
        if let Some(full) = self.full.get_mut(out) {
            *full = leaving.above;
            if leaving.above {
                let upper = self.upper(out);
                take(&mut self.rooms, self.form.column(out), upper);
            }
        }
        dense::exchange(&mut self.inverse, leaving.position, &weights)
    }

    /// Inverse, multipliers and rooms from the basis alone; nothing where the basis is singular.
    fn refresh(&mut self) -> Option<()> {
        let count = self.bounds.len();
        // By position: what each in the basis takes of every row.
        let mut left: Vec<Vec<f64>> = vec![vec![0.0; count]; count];
        for (position, variable) in self.basis.iter().enumerate() {
            for (row, by) in self.variable(*variable) {
                *left.get_mut(row)?.get_mut(position)? += by;
            }
        }
        self.inverse = inverted(left)?;
        let rewards: Vec<f64> = self
            .basis
            .iter()
            .map(|variable| self.form.columns().get(*variable).map_or(0.0, |column| column.objective))
            .collect();
        self.prices = vec![0.0; count];
        for (reward, row) in rewards.iter().zip(&self.inverse) {
            add(&mut self.prices, row, *reward);
        }
        let reduced = self.reduced();
        for (full, reduced) in self.full.iter_mut().zip(reduced) {
            // A blurred reduced reward may point to the other end by now.
            if reduced.abs() > BROKEN {
                *full = reduced > 0.0;
            }
        }
        self.rooms = self.rooms();
        self.prices.iter().all(|price| *price > -LEAST_PIVOT).then_some(())
    }
}

/// Sorts the turns so far that those which the slope lasts for come first, and names the one that ends it: its place, and
/// how many come before it. Nothing where the slope outlasts all.
fn pass(turns: &mut [Turn], mut slope: f64) -> Option<(usize, usize)> {
    let (mut from, mut to) = (0, turns.len());
    // Each round halves what is left, so that all of them together take time in proportion to the number of turns.
    while from < to {
        let middle = from + (to - from) / 2;
        let part = turns.get_mut(from..to)?;
        part.select_nth_unstable_by(middle - from, |left, right| {
            left.at.total_cmp(&right.at).then(left.index.cmp(&right.index))
        });
        let before: f64 = turns.get(from..middle)?.iter().map(|turn| turn.worth).sum();
        if before >= slope {
            to = middle;
        } else if before + turns.get(middle)?.worth >= slope {
            return Some((middle, middle));
        } else {
            slope -= before + turns.get(middle)?.worth;
            from = middle + 1;
        }
    }
    None
}
