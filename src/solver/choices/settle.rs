//! Choices near a relaxation: the best way to set the lines that it leaves between points, and better ways one or two moves
//! away.

use super::super::dense::{add, at};
use super::{Choices, MET, NEARLY_MET, dot};

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

/// One line to another of its points, or nothing moved at all.
struct Move {
    to: Option<usize>,
    line: usize,
    gain: f64,
    /// What is left of the gain once the use of rows is paid for.
    leaves: f64,
    uses: Vec<f64>,
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
    ///
    /// At any prices of the rows no two moves come to more than the reward so far, what each leaves of its gain once its use of
    /// rows is paid for, and what is left of rows and elastic lines is worth. At a relaxation's prices that rules out nearly all.
    #[must_use]
    pub fn better(&self, from: &Settled, moves: &[usize], prices: &[f64]) -> Option<Settled> {
        // A choice keeps ties whatever it is.
        let price = |row: usize| if self.ties.contains(&row) { 0.0 } else { at(prices, row).max(0.0) };
        let prices: Vec<f64> = (0..self.bounds.len()).map(price).collect();
        let rooms = self.bounds.iter().zip(&from.used).map(|(bound, used)| bound + MET - used);
        let rooms: f64 = rooms.zip(&prices).map(|(room, price)| room * price).sum();
        let sold = self.elastic.iter().map(|elastic| self.left(elastic.full, &prices).max(0.0)).sum::<f64>();
        let most = from.reward + rooms + sold;
        let mut single: Vec<Move> = moves.iter().map(|to| self.move_to(*to, from, &prices)).collect();
        single.sort_by(|one, other| other.leaves.total_cmp(&one.leaves));
        let none = Move { to: None, line: usize::MAX, gain: 0.0, leaves: 0.0, uses: vec![0.0; self.bounds.len()] };
        let mut best = (from.objective + BETTER, None);
        for (index, first) in single.iter().enumerate() {
            let others = single.iter().skip(index + 1).filter(|other| other.line != first.line);
            for second in std::iter::once(&none).chain(others) {
                // Of all others that follow none leaves any more.
                if second.to.is_some() && most + first.leaves + second.leaves <= best.0 {
                    break;
                }
                let reward = from.reward + first.gain + second.gain;
                let used = |row: usize| at(&from.used, row) + at(&first.uses, row) + at(&second.uses, row);
                // What elastic lines cost is never a gain.
                let cost = if reward > best.0 { self.cost_of(used, MET) } else { None };
                if let Some(cost) = cost.filter(|cost| reward - cost > best.0) {
                    best = (reward - cost, Some([first.to, second.to]));
                }
            }
        }
        let mut next = from.clone();
        for to in best.1?.into_iter().flatten() {
            let line = self.line_of(to);
            self.take_out(&mut next, line);
            self.put_in(&mut next, to);
        }
        self.finished(&mut next, MET).then_some(next)
    }

    fn move_to(&self, to: usize, from: &Settled, prices: &[f64]) -> Move {
        let line = self.line_of(to);
        let at = from.points.get(line).copied().unwrap_or(to);
        let mut uses = self.uses_of(to).to_vec();
        add(&mut uses, self.uses_of(at), -1.0);
        let gain = self.reward_of(to) - self.reward_of(at);
        Move { to: Some(to), line, gain, leaves: gain - dot(&uses, prices), uses }
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
