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

use std::ops::Range;

use super::{Column, Goal, Program, Row};

/// A row is broken, or a column beyond its end, by more than this.
const BROKEN: f64 = 1e-13;

/// What nothing can mend and is no more than this is the arithmetic's own.
const BLUR: f64 = 1e-10;

/// No pivot is smaller.
const LEAST_PIVOT: f64 = 1e-9;

/// The inverse is reckoned anew after so many steps.
const REFRESH: u32 = 50;

/// A search ends after so many steps for each row, and as many for a program without rows.
const STEPS: usize = 40;

/// How a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Optimal,
    /// The rows ask for more than all columns together can give.
    Infeasible,
    /// Too many steps, or a basis that cannot be told from a singular one.
    Unsettled,
}

/// A program and where the search stands.
#[derive(Debug, Clone)]
pub struct FewRows {
    rewards: Vec<f64>,
    uppers: Vec<f64>,
    /// Row and coefficient, column after column.
    terms: Vec<(usize, f64)>,
    spans: Vec<Range<usize>>,
    bounds: Vec<f64>,
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
    /// Weights of rows that together ask for more than there is, where the search ended so.
    ray: Vec<f64>,
}

/// What leaves the basis, and by how much it is out of bounds.
struct Leaving {
    position: usize,
    by: f64,
    /// It is above its upper end and leaves there, not below zero.
    above: bool,
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
    pub fn of(program: &Program) -> Option<Self> {
        let ends = |it: &Column| it.lower == 0.0 && (0.0..f64::INFINITY).contains(&it.upper);
        let boxed = program.columns.iter().all(|it| ends(it) && !it.integer);
        let at_most = program.rows.iter().all(|row| row.lower == f64::NEG_INFINITY && row.upper < f64::INFINITY);
        if program.goal != Goal::Maximise || !boxed || !at_most || program.check().is_err() {
            return None;
        }
        let (columns, rows) = (&program.columns, &program.rows);
        let rewards: Vec<f64> = columns.iter().map(|column| column.objective).collect();
        let (terms, spans) = by_column(columns.len(), rows);
        let bounds: Vec<f64> = rows.iter().map(|row| row.upper).collect();
        let mut search = Self {
            uppers: columns.iter().map(|column| column.upper).collect(),
            full: rewards.iter().map(|reward| *reward > 0.0).collect(),
            in_basis: (0..columns.len() + rows.len()).map(|index| index >= columns.len()).collect(),
            basis: (columns.len()..columns.len() + rows.len()).collect(),
            inverse: identity(rows.len()),
            prices: vec![0.0; rows.len()],
            rooms: Vec::new(),
            ray: Vec::new(),
            rewards,
            terms,
            spans,
            bounds,
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
            match self.step(&leaving) {
                Some(true) => stale += 1,
                // The one that is broken most: no other is by more.
                Some(false) if leaving.by <= BLUR => return Ending::Optimal,
                Some(false) => return Ending::Infeasible,
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

    /// What no solution is worth more than, by these multipliers.
    pub(super) fn bound(&self) -> f64 {
        // A price below zero by a last digit would bound nothing.
        let prices: Vec<f64> = self.prices.iter().map(|price| price.max(0.0)).collect();
        let rows: f64 = self.bounds.iter().zip(&prices).map(|(bound, price)| bound * price).sum();
        let left = |(index, reward): (usize, &f64)| (reward - dot(&prices, self.column(index))).max(0.0);
        let columns = self.rewards.iter().enumerate().zip(&self.uppers).map(|(column, upper)| upper * left(column));
        rows + columns.sum::<f64>()
    }

    /// By how much rows that ask for more than all columns together can give do so, the heaviest of them counted once: no
    /// columns within their ends keep `Σ yₖ Σⱼ aₖⱼ xⱼ ≤ Σ yₖ bₖ` for these `y ≥ 0` (Farkas). Zero where there is no such thing.
    pub(super) fn breach(&self) -> f64 {
        let weights: Vec<f64> = self.ray.iter().map(|weight| weight.max(0.0)).collect();
        let heaviest = weights.iter().copied().fold(0.0, f64::max);
        let least = |(index, upper): (usize, &f64)| dot(&weights, self.column(index)).min(0.0) * upper;
        let used: f64 = self.uppers.iter().enumerate().map(least).sum();
        let room: f64 = self.bounds.iter().zip(&weights).map(|(bound, weight)| bound * weight).sum();
        if heaviest > 0.0 { ((used - room) / heaviest).max(0.0) } else { 0.0 }
    }

    /// Where every column stands, those of the basis within their ends.
    pub(super) fn values(&self) -> Vec<f64> {
        let mut values: Vec<f64> = self
            .uppers
            .iter()
            .enumerate()
            .map(|(index, upper)| if self.is_full(index) { *upper } else { 0.0 })
            .collect();
        for (variable, row) in self.basis.iter().zip(&self.inverse) {
            let value: f64 = row.iter().zip(&self.rooms).map(|(by, room)| by * room).sum();
            let upper = self.upper(*variable);
            if let Some(place) = values.get_mut(*variable) {
                *place = value.clamp(0.0, upper);
            }
        }
        values
    }

    /// A column's reward less what it takes of the rows at their multipliers.
    pub(super) fn reduced(&self, index: usize) -> f64 {
        at(&self.rewards, index) - dot(&self.prices, self.column(index))
    }

    /// Whether the column is between its ends, or may as well be.
    pub(super) fn is_undecided(&self, index: usize, near: f64) -> bool {
        self.in_basis.get(index).copied().unwrap_or_default() || self.reduced(index).abs() <= near
    }

    /// Whether a column that is decided stands at its upper end.
    pub(super) fn is_full(&self, index: usize) -> bool {
        self.full.get(index).copied().unwrap_or_default()
    }

    fn column(&self, index: usize) -> &[(usize, f64)] {
        of_column(&self.terms, &self.spans, index)
    }

    fn rooms(&self) -> Vec<f64> {
        let mut rooms = self.bounds.clone();
        for (index, upper) in self.uppers.iter().enumerate().filter(|(index, _)| self.stands_full(*index)) {
            take(&mut rooms, self.column(index), *upper);
        }
        rooms
    }

    fn stands_full(&self, index: usize) -> bool {
        self.is_full(index) && !self.in_basis.get(index).copied().unwrap_or_default()
    }

    fn upper(&self, index: usize) -> f64 {
        self.uppers.get(index).copied().unwrap_or(f64::INFINITY)
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
    fn step(&mut self, leaving: &Leaving) -> Option<bool> {
        let along: Vec<f64> = {
            let sign = if leaving.above { -1.0 } else { 1.0 };
            self.inverse.get(leaving.position)?.iter().map(|by| by * sign).collect()
        };
        let mut turns = self.turns(&along);
        // A sum of what just suffices may fall short by its last digit.
        let passed = pass(&mut turns, leaving.by - BROKEN);
        let Some((last, passed)) = passed else {
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
    fn turns(&self, along: &[f64]) -> Vec<Turn> {
        let mut turns = Vec::new();
        let mut consider = |index: usize, reduced: f64, by: f64, full: bool, upper: f64| {
            let turns_here = if full { by > LEAST_PIVOT } else { by < -LEAST_PIVOT };
            if turns_here && upper > 0.0 {
                turns.push(Turn { at: (reduced / by).max(0.0), worth: by.abs() * upper, index });
            }
        };
        for (index, (reward, upper)) in self.rewards.iter().zip(&self.uppers).enumerate() {
            if self.in_basis.get(index).copied().unwrap_or_default() {
                continue;
            }
            let (mut taken, mut by) = (0.0, 0.0);
            for (row, coefficient) in self.column(index) {
                taken += at(&self.prices, *row) * coefficient;
                by += at(along, *row) * coefficient;
            }
            consider(index, reward - taken, by, self.is_full(index), *upper);
        }
        let slacks = self.prices.iter().zip(along).enumerate();
        for (row, (price, by)) in slacks {
            let index = self.rewards.len() + row;
            if !self.in_basis.get(index).copied().unwrap_or_default() {
                consider(index, -price, *by, false, f64::INFINITY);
            }
        }
        turns
    }

    fn flip(&mut self, index: usize) {
        let upper = self.upper(index);
        let Some(full) = self.full.get_mut(index) else { return };
        *full = !*full;
        let by = if *full { upper } else { -upper };
        take(&mut self.rooms, of_column(&self.terms, &self.spans, index), by);
    }

    /// Swaps the two in the basis.
    fn exchange(&mut self, leaving: &Leaving, entering: usize) -> Option<()> {
        let column: Vec<(usize, f64)> = if entering < self.rewards.len() {
            self.column(entering).to_vec()
        } else {
            vec![(entering - self.rewards.len(), 1.0)]
        };
        let weights: Vec<f64> = self.inverse.iter().map(|row| dot(row, &column)).collect();
        let pivot = at(&weights, leaving.position);
        if pivot.abs() < LEAST_PIVOT {
            return None;
        }
        if self.stands_full(entering) {
            let upper = self.upper(entering);
            take(&mut self.rooms, &column, -upper);
        }
        let out = std::mem::replace(self.basis.get_mut(leaving.position)?, entering);
        *self.in_basis.get_mut(entering)? = true;
        *self.in_basis.get_mut(out)? = false;
        if let Some(full) = self.full.get_mut(out) {
            *full = leaving.above;
            if leaving.above {
                let upper = self.upper(out);
                let terms = of_column(&self.terms, &self.spans, out);
                take(&mut self.rooms, terms, upper);
            }
        }
        let row = self.inverse.get_mut(leaving.position)?;
        for by in row.iter_mut() {
            *by /= pivot;
        }
        let row = row.clone();
        for (position, (other, weight)) in self.inverse.iter_mut().zip(&weights).enumerate() {
            if position != leaving.position && *weight != 0.0 {
                other.iter_mut().zip(&row).for_each(|(by, from)| *by -= weight * from);
            }
        }
        Some(())
    }

    /// Inverse, multipliers and rooms from the basis alone; nothing where the basis is singular.
    fn refresh(&mut self) -> Option<()> {
        let count = self.bounds.len();
        // By position: what each in the basis takes of every row.
        let mut left: Vec<Vec<f64>> = vec![vec![0.0; count]; count];
        for (position, variable) in self.basis.iter().enumerate() {
            let slack = [(variable.checked_sub(self.rewards.len()).unwrap_or_default(), 1.0)];
            let terms = if *variable < self.rewards.len() { self.column(*variable) } else { &slack[..] };
            for (row, by) in terms {
                *left.get_mut(*row)?.get_mut(position)? += by;
            }
        }
        self.inverse = inverted(left)?;
        let rewards: Vec<f64> = self.basis.iter().map(|variable| at(&self.rewards, *variable)).collect();
        self.prices = vec![0.0; count];
        for (reward, row) in rewards.iter().zip(&self.inverse) {
            self.prices.iter_mut().zip(row).for_each(|(price, by)| *price += reward * by);
        }
        for index in 0..self.rewards.len() {
            // A blurred reduced reward may point to the other end by now.
            let reduced = self.reduced(index);
            if let Some(full) = self.full.get_mut(index)
                && reduced.abs() > BROKEN
            {
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

/// Terms by column, from terms by row.
fn by_column(count: usize, rows: &[Row]) -> (Vec<(usize, f64)>, Vec<Range<usize>>) {
    let mut lengths = vec![0_usize; count];
    for (column, _) in rows.iter().flat_map(|row| &row.terms) {
        if let Some(length) = lengths.get_mut(*column) {
            *length += 1;
        }
    }
    let mut end = 0;
    let mut spans: Vec<Range<usize>> = Vec::with_capacity(count);
    for length in lengths {
        // Filled from its start as the rows are gone through.
        spans.push(end..end);
        end += length;
    }
    let mut terms = vec![(0, 0.0); end];
    for (index, row) in rows.iter().enumerate() {
        for (column, by) in &row.terms {
            let Some(span) = spans.get_mut(*column) else { continue };
            if let Some(term) = terms.get_mut(span.end) {
                *term = (index, *by);
                span.end += 1;
            }
        }
    }
    (terms, spans)
}

fn identity(count: usize) -> Vec<Vec<f64>> {
    (0..count).map(|row| (0..count).map(|column| f64::from(u8::from(row == column))).collect()).collect()
}

/// By Gauss and Jordan with the largest pivot of each column; nothing where one is next to nothing.
pub(super) fn inverted(mut matrix: Vec<Vec<f64>>) -> Option<Vec<Vec<f64>>> {
    let count = matrix.len();
    let mut inverse = identity(count);
    for column in 0..count {
        let size = |row: &usize| matrix.get(*row).map_or(0.0, |row| at(row, column).abs());
        let best = (column..count).max_by(|left, right| size(left).total_cmp(&size(right)))?;
        matrix.swap(column, best);
        inverse.swap(column, best);
        let pivot = at(matrix.get(column)?, column);
        if pivot.abs() < LEAST_PIVOT {
            return None;
        }
        for rows in [&mut matrix, &mut inverse] {
            for value in rows.get_mut(column)? {
                *value /= pivot;
            }
        }
        let (from, from_inverse) = (matrix.get(column)?.clone(), inverse.get(column)?.clone());
        for row in (0..count).filter(|row| *row != column) {
            let by = at(matrix.get(row)?, column);
            if by != 0.0 {
                matrix.get_mut(row)?.iter_mut().zip(&from).for_each(|(value, from)| *value -= by * from);
                inverse.get_mut(row)?.iter_mut().zip(&from_inverse).for_each(|(value, from)| *value -= by * from);
            }
        }
    }
    Some(inverse)
}

/// Apart from the rest of a search, so that its rooms can be changed by it.
fn of_column<'a>(terms: &'a [(usize, f64)], spans: &[Range<usize>], index: usize) -> &'a [(usize, f64)] {
    spans.get(index).and_then(|span| terms.get(span.clone())).unwrap_or_default()
}

fn at(values: &[f64], index: usize) -> f64 {
    values.get(index).copied().unwrap_or_default()
}

fn dot(values: &[f64], terms: &[(usize, f64)]) -> f64 {
    terms.iter().map(|(row, by)| at(values, *row) * by).sum()
}

/// Takes so many units of a column out of what the rows have left.
fn take(rooms: &mut [f64], terms: &[(usize, f64)], units: f64) {
    for (row, by) in terms {
        if let Some(room) = rooms.get_mut(*row) {
            *room -= by * units;
        }
    }
}
