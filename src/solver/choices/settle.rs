//! Choices near a relaxation: the best way to set the lines that it leaves between points, and better ways one or two moves
//! away.

use super::super::dense::{add, at};
use super::{Choices, MET, NEARLY_MET};

/// Ways to set torn lines that are tried, at most.
const WAYS: usize = 4096;

/// A better way is better by more than this.
const BETTER: f64 = 1e-9;

/// One point for each line, that keep the rows together.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// By line; of elastic lines, and of those that stand for a sum, any.
    pub points: Vec<usize>,
    /// What they are worth, with what elastic lines cost.
    pub objective: f64,
    /// What they use of every row.
    pub(super) used: Vec<f64>,
    /// Without what elastic lines cost.
    reward: f64,
}

impl Choices {
    /// The best of all combinations of the torn lines' options, all others standing at `points`; absent where none keeps
    /// the rows. Where there are too many combinations the last lines stand at their first option.
    #[must_use]
    pub fn settled(&self, points: &[usize], options: &[Vec<usize>]) -> Option<Settled> {
        let line = |options: &Vec<usize>| options.first().map(|point| self.line_of(*point));
        let torn: Vec<usize> = options.iter().filter_map(line).collect();
        let mut base = self.at(points.to_vec());
        for line in &torn {
            self.take_out(&mut base, *line);
        }
        [MET, NEARLY_MET].into_iter().find_map(|met| self.best_way(&base, options, met))
    }

    /// The best combination that keeps every row but for so much.
    fn best_way(&self, base: &Settled, options: &[Vec<usize>], met: f64) -> Option<Settled> {
        let mut best: Option<Settled> = None;
        let mut ways = 1_usize;
        let counts: Vec<usize> = options
            .iter()
            .map(|options| {
                let count = if ways * options.len() <= WAYS { options.len() } else { 1 };
                ways *= count.max(1);
                count
            })
            .collect();
        for way in 0..ways {
            let mut tried = base.clone();
            let mut rest = way;
            for (options, count) in options.iter().zip(&counts) {
                if let Some(point) = options.get(rest % (*count).max(1)) {
                    self.put_in(&mut tried, *point);
                }
                rest /= (*count).max(1);
            }
            if self.finished(&mut tried, met) && best.as_ref().is_none_or(|best| tried.objective > best.objective) {
                best = Some(tried);
            }
        }
        best
    }

    /// The same points after the best one or two of these moves, each to a point of another line; absent where none is any
    /// better.
    #[must_use]
    pub fn better(&self, from: &Settled, moves: &[usize]) -> Option<Settled> {
        let mut single: Vec<(usize, f64, Vec<f64>)> = Vec::with_capacity(moves.len());
        for to in moves {
            let at = from.points.get(self.line_of(*to)).copied().unwrap_or(*to);
            let mut uses = self.uses_of(*to).to_vec();
            add(&mut uses, self.uses_of(at), -1.0);
            single.push((*to, self.reward_of(*to) - self.reward_of(at), uses));
        }
        let none = vec![0.0; self.bounds.len()];
        let mut best = (from.objective + BETTER, None);
        for (index, (first, gain, uses)) in single.iter().enumerate() {
            let alone = std::iter::once((None, 0.0, &none));
            let others = single.iter().skip(index + 1).filter(|(to, ..)| self.line_of(*to) != self.line_of(*first));
            for (second, more, others) in alone.chain(others.map(|(to, gain, uses)| (Some(*to), *gain, uses))) {
                let reward = from.reward + gain + more;
                // What elastic lines cost is never a gain.
                if reward <= best.0 {
                    continue;
                }
                let used = |row: usize| at(&from.used, row) + at(uses, row) + at(others, row);
                if let Some(cost) = self.cost_of(used, MET).filter(|cost| reward - cost > best.0) {
                    best = (reward - cost, Some((*first, second)));
                }
            }
        }
        let (first, second) = best.1?;
        let mut next = from.clone();
        for to in [Some(first), second].into_iter().flatten() {
            let line = self.line_of(to);
            self.take_out(&mut next, line);
            self.put_in(&mut next, to);
        }
        self.finished(&mut next, MET).then_some(next)
    }

    /// Points with their sums, elastic lines left out.
    pub(super) fn at(&self, points: Vec<usize>) -> Settled {
        let mut settled =
            Settled { points: Vec::new(), objective: 0.0, used: vec![0.0; self.bounds.len()], reward: 0.0 };
        for point in &points {
            if !self.elastic.iter().any(|elastic| self.line_of(elastic.empty) == self.line_of(*point)) {
                settled.reward += self.reward_of(*point);
                add(&mut settled.used, self.uses_of(*point), 1.0);
            }
        }
        Settled { points, ..settled }
    }

    fn take_out(&self, settled: &mut Settled, line: usize) {
        if let Some(point) = settled.points.get(line).copied() {
            settled.reward -= self.reward_of(point);
            add(&mut settled.used, self.uses_of(point), -1.0);
        }
    }

    fn put_in(&self, settled: &mut Settled, point: usize) {
        settled.reward += self.reward_of(point);
        add(&mut settled.used, self.uses_of(point), 1.0);
        if let Some(place) = settled.points.get_mut(self.line_of(point)) {
            *place = point;
        }
    }

    /// Settles elastic lines; whether every row is kept.
    fn finished(&self, settled: &mut Settled, met: f64) -> bool {
        let Some(cost) = self.cost_of(|row| at(&settled.used, row), met) else { return false };
        settled.objective = settled.reward - cost;
        true
    }

    /// What elastic lines must give, so that every row is kept: the first that give a row room as much as they have, then the
    /// next; absent where that is not enough.
    fn cost_of(&self, used: impl Fn(usize) -> f64, met: f64) -> Option<f64> {
        let mut given: Vec<f64> = Vec::new();
        for (row, bound) in self.bounds.iter().enumerate().filter(|(row, _)| !self.ties.contains(row)) {
            let mut over = used(row) - bound;
            if over <= 0.0 {
                continue;
            }
            given.resize(self.elastic.len(), 0.0);
            for (elastic, given) in self.elastic.iter().zip(&mut given) {
                let by = -at(self.uses_of(elastic.full), row);
                if over > 0.0 && by > 0.0 {
                    let part = (over / by).min(1.0);
                    *given = given.max(part);
                    over -= part * by;
                }
            }
            if over > met {
                return None;
            }
        }
        Some(self.elastic.iter().zip(given).map(|(elastic, part)| -self.reward_of(elastic.full) * part).sum())
    }
}
