//! The dual simplex method for multiple-choice programs.
//!
//! Each line has a key point, whose share is what the line's other points in the basis leave (generalised upper bounds:
//! Dantzig and Van Slyke, Generalized upper bounding techniques, Journal of Computer and System Sciences 1, 1967); the basis
//! has as many members as there are rows. Any basis of slacks is dual feasible once every line stands at its best point, so
//! the search starts from there, or from another search's end where only points were taken away or rows added: a point that
//! was taken away leaves the basis like one whose share is below zero. On its way a step moves lines without other points in
//! the basis from one best point to the next as long as that pays, as `few_rows` flips columns.
//!
//! What is proved is proved by multipliers alone: [`Mixture::bound`] is reckoned from them anew, and what is called infeasible
//! has a ray that shows it.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::super::dense::{self, add, at, inverted};
use super::super::few_rows::Ending;
use super::{Choices, dot};

/// A slack is broken by more than this, in the rows' own unit.
const BROKEN: f64 = 1e-13;

/// A share is below zero by more than this.
const SHARE: f64 = 1e-13;

/// No pivot is smaller: a lot of a large account uses next to nothing of a limit, and yet may be what it needs.
const LEAST_PIVOT: f64 = 1e-13;

/// A price below zero by no more than this is zero.
const LEAST_PRICE: f64 = 1e-9;

/// Rows that ask for more than there is do so by more than this.
const CLEARLY: f64 = 1e-10;

/// The inverse is reckoned anew after so many steps.
const REFRESH: u32 = 40;

/// A search ends after so many steps for each row.
const STEPS: usize = 60;

/// One member of a basis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Member {
    /// Of the row.
    Slack(usize),
    Point(usize),
}

/// Where a search ended, for another to start from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basis {
    members: Vec<Member>,
    /// By line.
    keys: Vec<usize>,
}

/// The relaxation's solution.
#[derive(Debug, Clone, PartialEq)]
pub struct Mixture {
    /// Absent where the search ended early: at its cutoff.
    pub ending: Option<Ending>,
    /// No choice is worth more.
    pub bound: f64,
    pub basis: Basis,
    /// Points besides the lines' keys, with their share.
    pub parts: Vec<(usize, f64)>,
    /// By row, what a unit of it is worth.
    pub prices: Vec<f64>,
}

impl Mixture {
    /// By line the point that takes what its other points leave.
    #[must_use]
    pub fn keys(&self) -> &[usize] {
        &self.basis.keys
    }
}

impl Choices {
    /// The best mixture of the points that are `open`, by line, from another search's end; ends as soon as the bound is no
    /// better than `cutoff`.
    #[must_use]
    pub fn mix(&self, open: &[&[usize]], from: Option<&Basis>, cutoff: f64) -> Mixture {
        let walk = from.and_then(|basis| Walk::from(self, open, basis));
        let mut walk = walk.unwrap_or_else(|| Walk::new(self, open));
        let mut ending = walk.run(cutoff);
        if ending == Some(Ending::Unsettled) && from.is_some() {
            // Another way there may be better to go.
            walk = Walk::new(self, open);
            ending = walk.run(cutoff);
        }
        let bound = if ending == Some(Ending::Infeasible) { f64::NEG_INFINITY } else { walk.bound() };
        let values = walk.values();
        let parts = walk.members.iter().zip(values).filter_map(|(member, share)| match member {
            Member::Point(point) if share > SHARE && walk.is_open(*point) => Some((*point, share.min(1.0))),
            _ => None,
        });
        let parts = parts.collect();
        Mixture { ending, bound, parts, basis: Basis { members: walk.members, keys: walk.keys }, prices: walk.prices }
    }
}

struct Walk<'a> {
    choices: &'a Choices,
    open: &'a [&'a [usize]],
    members: Vec<Member>,
    keys: Vec<usize>,
    /// By line, how many of its points are in the basis.
    others: Vec<u32>,
    /// Rows by position in the basis.
    inverse: Vec<Vec<f64>>,
    prices: Vec<f64>,
    /// By row: the bound less what keys use.
    rooms: Vec<f64>,
}

/// What leaves the basis, and by how much it is out of bounds.
struct Leaving {
    position: usize,
    by: f64,
    /// It was taken away and has a share.
    above: bool,
    /// Not the member itself but the key of its line.
    key: bool,
}

/// Where a line's best point changes, or a row's price comes to nothing.
struct Turn {
    at: f64,
    /// What the slope loses by it.
    worth: f64,
    enters: Member,
}

impl Ord for Turn {
    /// The nearest is the greatest; of equals that which is worth more, then the first.
    fn cmp(&self, other: &Self) -> Ordering {
        let place = |turn: &Self| match turn.enters {
            Member::Slack(row) => (0, row),
            Member::Point(point) => (1, point),
        };
        let nearer = other.at.total_cmp(&self.at).then(self.worth.total_cmp(&other.worth));
        nearer.then_with(|| place(other).cmp(&place(self)))
    }
}

impl PartialOrd for Turn {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Turn {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Turn {}

/// How one step went.
enum Step {
    Taken,
    /// The bound is no better than the cutoff.
    CutOff,
    /// Nothing on the way ends it.
    Endless(Vec<f64>),
    /// No pivot is large enough.
    Lost,
}

impl<'a> Walk<'a> {
    /// From the rows' slacks.
    fn new(choices: &'a Choices, open: &'a [&'a [usize]]) -> Self {
        let rows = choices.bounds.len();
        let first = |points: &&[usize]| points.first().copied().unwrap_or_default();
        let mut walk = Self {
            choices,
            open,
            members: (0..rows).map(Member::Slack).collect(),
            keys: open.iter().map(first).collect(),
            others: vec![0; open.len()],
            inverse: Vec::new(),
            prices: Vec::new(),
            rooms: Vec::new(),
        };
        let _ = walk.refresh();
        walk
    }

    /// From another search's end: rows that were added have their slacks in the basis, and a key that was taken away changes
    /// places with a point that was not.
    fn from(choices: &'a Choices, open: &'a [&'a [usize]], basis: &Basis) -> Option<Self> {
        let mut walk = Self::new(choices, open);
        let added = basis.members.len()..choices.bounds.len();
        walk.members = basis.members.iter().copied().chain(added.map(Member::Slack)).collect();
        walk.keys.clone_from(&basis.keys);
        for place in 0..walk.members.len() {
            let Some(Member::Point(point)) = walk.members.get(place).copied() else { continue };
            let line = choices.line_of(point);
            *walk.others.get_mut(line)? += 1;
            let key = *walk.keys.get(line)?;
            if !walk.is_open(key) && walk.is_open(point) {
                *walk.keys.get_mut(line)? = point;
                *walk.members.get_mut(place)? = Member::Point(key);
            }
        }
        let keyed = |(line, key): (usize, &usize)| at(&walk.others, line) == 0 || walk.is_open(*key);
        let all = walk.keys.iter().enumerate().all(keyed);
        (all && walk.refresh().is_some()).then_some(walk)
    }

    fn is_open(&self, point: usize) -> bool {
        self.open.get(self.choices.line_of(point)).is_some_and(|open| open.contains(&point))
    }

    fn run(&mut self, cutoff: f64) -> Option<Ending> {
        let mut stale = 0;
        for _ in 0..STEPS * (self.members.len() + 1) {
            let Some(leaving) = self.leaving() else {
                if stale == 0 {
                    return Some(Ending::Optimal);
                }
                if self.refresh().is_none() {
                    return Some(Ending::Unsettled);
                }
                stale = 0;
                continue;
            };
            match self.step(&leaving, cutoff) {
                Step::Taken => stale += 1,
                Step::CutOff => return None,
                Step::Endless(ray) if self.is_proof(&ray) => return Some(Ending::Infeasible),
                Step::Endless(_) | Step::Lost if stale == 0 => {
                    return Some(if leaving.by <= CLEARLY { Ending::Optimal } else { Ending::Unsettled });
                }
                Step::Endless(_) | Step::Lost => stale = REFRESH,
            }
            if stale >= REFRESH {
                if self.refresh().is_none() {
                    return Some(Ending::Unsettled);
                }
                stale = 0;
            }
        }
        Some(Ending::Unsettled)
    }

    /// What no choice is worth more than, by these prices.
    fn bound(&self) -> f64 {
        // A price below zero by a last digit would bound nothing.
        let prices: Vec<f64> = self.prices.iter().map(|price| price.max(0.0)).collect();
        let best = |points: &&[usize]| {
            let left = points.iter().map(|point| self.choices.left(*point, &prices));
            left.fold(f64::NEG_INFINITY, f64::max)
        };
        dot(&self.choices.bounds, &prices) + self.open.iter().map(best).sum::<f64>()
    }

    /// Whether rows weighted like that ask for more than all lines can give (Farkas).
    fn is_proof(&self, ray: &[f64]) -> bool {
        let weights: Vec<f64> = ray.iter().map(|weight| weight.max(0.0)).collect();
        let heaviest = weights.iter().copied().fold(0.0, f64::max);
        let least = |points: &&[usize]| {
            let used = points.iter().map(|point| dot(self.choices.uses_of(*point), &weights));
            used.fold(f64::INFINITY, f64::min)
        };
        let least: f64 = self.open.iter().map(least).sum();
        heaviest > 0.0 && least - dot(&self.choices.bounds, &weights) > CLEARLY * heaviest
    }

    fn values(&self) -> Vec<f64> {
        self.inverse.iter().map(|row| dot(row, &self.rooms)).collect()
    }

    /// The one that is out of bounds most.
    fn leaving(&self) -> Option<Leaving> {
        let values = self.values();
        let mut worst: Option<Leaving> = None;
        let mut consider = |position, by: f64, least: f64, above, key| {
            if by > worst.as_ref().map_or(least, |worst| worst.by.max(least)) {
                worst = Some(Leaving { position, by, above, key });
            }
        };
        for (position, (member, value)) in self.members.iter().zip(&values).enumerate() {
            match member {
                Member::Slack(_) => consider(position, -value, BROKEN, false, false),
                Member::Point(point) if self.is_open(*point) => {
                    consider(position, -value, SHARE, false, false);
                    let line = self.choices.line_of(*point);
                    let largest = self.of_line(line).all(|(other, _)| at(&values, other) <= *value);
                    if largest {
                        let sum: f64 = self.of_line(line).map(|(other, _)| at(&values, other)).sum();
                        consider(position, sum - 1.0, SHARE, false, true);
                    }
                }
                Member::Point(_) => consider(position, value.abs(), SHARE, *value > 0.0, false),
            }
        }
        worst
    }

    /// Positions and points of a line that are in the basis.
    fn of_line(&self, line: usize) -> impl Iterator<Item = (usize, usize)> {
        self.members.iter().enumerate().filter_map(move |(position, member)| match member {
            Member::Point(point) if self.choices.line_of(*point) == line => Some((position, *point)),
            _ => None,
        })
    }

    /// The key of a line and one of its points in the basis change places.
    fn exchange_key(&mut self, position: usize) -> Option<()> {
        let Member::Point(point) = *self.members.get(position)? else { return None };
        let line = self.choices.line_of(point);
        let others: Vec<usize> = self.of_line(line).map(|(other, _)| other).collect();
        let mut row = vec![0.0; self.members.len()];
        for other in others {
            add(&mut row, self.inverse.get(other)?, -1.0);
        }
        *self.inverse.get_mut(position)? = row;
        let key = std::mem::replace(self.keys.get_mut(line)?, point);
        *self.members.get_mut(position)? = Member::Point(key);
        self.keyed(key, point);
        Some(())
    }

    /// Another key uses other room.
    fn keyed(&mut self, before: usize, after: usize) {
        let choices = self.choices;
        add(&mut self.rooms, choices.uses_of(before), 1.0);
        add(&mut self.rooms, choices.uses_of(after), -1.0);
    }

    fn step(&mut self, leaving: &Leaving, cutoff: f64) -> Step {
        if leaving.key && self.exchange_key(leaving.position).is_none() {
            return Step::Lost;
        }
        let sign = if leaving.above { -1.0 } else { 1.0 };
        let Some(row) = self.inverse.get(leaving.position) else { return Step::Lost };
        let along: Vec<f64> = row.iter().map(|by| by * sign).collect();
        let from = match self.members.get(leaving.position) {
            Some(Member::Point(point)) => Some(self.choices.line_of(*point)),
            _ => None,
        };
        let (mut turns, bound) = self.turns(&along, from);
        if bound <= cutoff {
            return Step::CutOff;
        }
        let mut slope = leaving.by - BROKEN;
        while let Some(turn) = turns.pop() {
            let Member::Point(point) = turn.enters else { return self.enter(leaving, &turn, &along) };
            slope -= turn.worth;
            if slope <= 0.0 {
                return self.enter(leaving, &turn, &along);
            }
            let line = self.choices.line_of(point);
            let Some(key) = self.keys.get_mut(line) else { return Step::Lost };
            let before = std::mem::replace(key, point);
            self.keyed(before, point);
            turns.extend(self.turn(line, &along, false).1);
        }
        Step::Endless(along)
    }

    /// The next turn of every line and of every row's price, and what is proved by the prices.
    fn turns(&self, along: &[f64], from: Option<usize>) -> (BinaryHeap<Turn>, f64) {
        let mut turns = Vec::new();
        let mut bound = dot(&self.choices.bounds, &self.prices);
        for (line, others) in self.others.iter().enumerate() {
            let tied = *others > u32::from(from == Some(line));
            let (best, turn) = self.turn(line, along, tied);
            bound += best;
            turns.extend(turn);
        }
        for (row, (price, by)) in self.prices.iter().zip(along).enumerate() {
            if *by < -LEAST_PIVOT && !self.members.contains(&Member::Slack(row)) {
                turns.push(Turn { at: (price / -by).max(0.0), worth: 0.0, enters: Member::Slack(row) });
            }
        }
        (BinaryHeap::from(turns), bound)
    }

    /// What the line's best point leaves now, and where on the way another is better than its key; that ends a step where
    /// other points of the line stay in the basis.
    fn turn(&self, line: usize, along: &[f64], tied: bool) -> (f64, Option<Turn>) {
        let Some(key) = self.keys.get(line).copied() else { return (0.0, None) };
        let choices = self.choices;
        let priced = |point: usize| {
            let (mut left, mut slope) = (choices.reward_of(point), 0.0);
            for ((by, price), along) in choices.uses_of(point).iter().zip(&self.prices).zip(along) {
                left -= by * price;
                slope += by * along;
            }
            (left, slope)
        };
        let (left, slope) = priced(key);
        let mut best = left;
        let mut turn: Option<Turn> = None;
        for point in self.open.get(line).into_iter().flat_map(|open| open.iter().copied()) {
            if point == key || (tied && self.members.contains(&Member::Point(point))) {
                continue;
            }
            let (other, by) = priced(point);
            best = best.max(other);
            if slope - by > LEAST_PIVOT {
                let at = ((left - other) / (slope - by)).max(0.0);
                let worth = if tied { f64::INFINITY } else { slope - by };
                let found = Turn { at, worth, enters: Member::Point(point) };
                if turn.as_ref().is_none_or(|turn| found > *turn) {
                    turn = Some(found);
                }
            }
        }
        (best, turn)
    }

    /// Swaps the two in the basis.
    fn enter(&mut self, leaving: &Leaving, turn: &Turn, along: &[f64]) -> Step {
        let choices = self.choices;
        let mut column = vec![0.0; self.members.len()];
        match turn.enters {
            Member::Slack(row) => column.iter_mut().skip(row).take(1).for_each(|by| *by = 1.0),
            Member::Point(point) => {
                let key = self.keys.get(choices.line_of(point)).copied().unwrap_or(point);
                add(&mut column, choices.uses_of(point), 1.0);
                add(&mut column, choices.uses_of(key), -1.0);
            }
        }
        let weights: Vec<f64> = self.inverse.iter().map(|row| dot(row, &column)).collect();
        let pivots = at(&weights, leaving.position).abs() >= LEAST_PIVOT;
        if !pivots || dense::exchange(&mut self.inverse, leaving.position, &weights).is_none() {
            return Step::Lost;
        }
        let Some(member) = self.members.get_mut(leaving.position) else { return Step::Lost };
        let out = std::mem::replace(member, turn.enters);
        for (member, more) in [(out, false), (turn.enters, true)] {
            if let Member::Point(point) = member
                && let Some(others) = self.others.get_mut(choices.line_of(point))
            {
                *others = if more { *others + 1 } else { others.saturating_sub(1) };
            }
        }
        add(&mut self.prices, along, turn.at);
        Step::Taken
    }

    /// Inverse, prices and rooms from the basis alone, and every line without other points in it at its best; nothing where
    /// the basis is singular or a price below zero.
    fn refresh(&mut self) -> Option<()> {
        let (choices, rows) = (self.choices, self.choices.bounds.len());
        let mut left = vec![vec![0.0; rows]; rows];
        let (mut rewards, mut units) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
        for (position, member) in self.members.iter().enumerate() {
            let mut column = vec![0.0; rows];
            match member {
                Member::Slack(row) => {
                    *column.get_mut(*row)? = 1.0;
                    rewards.push(0.0);
                }
                Member::Point(point) => {
                    let key = *self.keys.get(choices.line_of(*point))?;
                    add(&mut column, choices.uses_of(*point), 1.0);
                    add(&mut column, choices.uses_of(key), -1.0);
                    rewards.push(choices.reward_of(*point) - choices.reward_of(key));
                }
            }
            // Columns of points are as small as their trades: in units of their own none looks like nothing.
            let unit = column.iter().fold(0.0_f64, |most, by| most.max(by.abs()));
            units.push(unit);
            for (row, by) in left.iter_mut().zip(&column) {
                *row.get_mut(position)? = if unit > 0.0 { by / unit } else { 0.0 };
            }
        }
        self.inverse = inverted(left)?;
        for (row, unit) in self.inverse.iter_mut().zip(&units) {
            for by in row {
                *by /= unit;
            }
        }
        self.prices = vec![0.0; rows];
        for (reward, row) in rewards.iter().zip(&self.inverse) {
            add(&mut self.prices, row, *reward);
        }
        self.rooms.clone_from(&choices.bounds);
        for ((open, key), others) in self.open.iter().zip(&mut self.keys).zip(&self.others) {
            if *others == 0 {
                let left = |point: usize| choices.left(point, &self.prices);
                let best = open.iter().copied().max_by(|one, other| left(*one).total_cmp(&left(*other)));
                *key = best.unwrap_or(*key);
            }
            add(&mut self.rooms, choices.uses_of(*key), -1.0);
        }
        self.prices.iter().all(|price| *price > -LEAST_PRICE).then_some(())
    }
}
