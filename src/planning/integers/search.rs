//! Branch and bound: from the node with the best bound down to a choice, and again; so many nodes at most.
//!
//! Every rule for ties is fixed: of nodes with one bound the deeper, then the older comes first; of torn lines the one whose
//! branches are expected to lose most is branched on, then the first by id.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap};
use std::rc::Rc;

use crate::model::Decimal;

use super::super::program::Allocation;
use super::super::solver::{Basis, Settled, objective_of};
use super::model::{Model, Narrowings, Relaxed, Torn};
use super::ranges::{Range, split};

/// Bounds this close to a solution promise nothing better: a tenth of a basis point.
const CLOSE: Decimal = Decimal::from_parts(1, 0, 0, false, 5);

/// A choice this close to its node's bound solves the node.
const SOLVED: Decimal = Decimal::from_parts(1, 0, 0, false, 8);

/// Planes of tail risk that one node may add.
const PLANES: u32 = 50;

/// Moves of a local search, at most.
const MOVES: u32 = 100;

/// The bound where the solver has none: no difference of it is taken.
const UNBOUNDED: Decimal = Decimal::MAX;

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) nodes: u32,
    /// Every node that could hold anything better was looked at.
    pub(super) complete: bool,
    /// No solution has a larger objective; absent where there is none at all.
    pub(super) bound: Option<Decimal>,
}

impl Found {
    /// By how much something better than `best` may be missed, ties of `tie_break` with it; absent where the solver has no
    /// bound.
    pub(super) fn gap(&self, best: Decimal, tie_break: Decimal) -> Option<Decimal> {
        self.bound.filter(|bound| *bound < UNBOUNDED).map(|bound| bound + tie_break - best)
    }
}

/// Where a branch stands.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Node {
    /// [`UNBOUNDED`] where nothing is known.
    bound: Decimal,
    depth: u32,
    number: u32,
    narrowed: Narrowings,
    from: Option<Rc<Basis>>,
    /// The branch that it is, and where its parent stood: line, whether it is the upper one, how far, and the bound.
    branched: Option<(usize, bool, Decimal)>,
}

impl Ord for Node {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |node: &Self| (node.bound, node.depth, Reverse(node.number));
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for Node {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What branching on a line has lost for each unit of trade so far, below and above.
#[derive(Debug, Clone, Copy, Default)]
struct Losses {
    sum: [Decimal; 2],
    count: [u32; 2],
}

/// One search; `judge` rounds a solution and says what objective its orders have, where they keep the limits.
pub(super) struct Search<'a> {
    model: Model<'a>,
    given: &'a [Decimal],
    judge: &'a mut dyn FnMut(Allocation) -> Option<Decimal>,
    /// What is as close as this to the best promises nothing.
    gap: Decimal,
    open: BinaryHeap<Node>,
    losses: BTreeMap<usize, Losses>,
    /// The best objective of a solution that judgement took.
    best: Option<Decimal>,
    /// The best that a choice was worth before judgement.
    chosen: Option<Decimal>,
    /// The best bound of what was closed without looking further.
    closed: Option<Decimal>,
    made: u32,
    nodes: u32,
    /// No node was left that could hold anything better, nor one of which too little is known.
    complete: bool,
}

impl<'a> Search<'a> {
    /// `best` is the objective of orders that are there already; the search ends where nothing is better by more than `gap`.
    pub(super) fn new(
        model: Model<'a>,
        given: &'a [Decimal],
        best: Option<Decimal>,
        gap: Decimal,
        judge: &'a mut dyn FnMut(Allocation) -> Option<Decimal>,
    ) -> Self {
        Self {
            model,
            given,
            judge,
            gap: gap.max(CLOSE),
            open: BinaryHeap::new(),
            losses: BTreeMap::new(),
            best,
            chosen: best,
            closed: None,
            made: 0,
            nodes: 0,
            complete: true,
        }
    }

    /// Searches until nothing better can be left, or so many nodes were looked at.
    pub(super) fn run(mut self, most: u32) -> Found {
        self.push(Node {
            bound: UNBOUNDED,
            depth: 0,
            number: 0,
            narrowed: Narrowings::new(),
            from: None,
            branched: None,
        });
        while let Some(node) = self.open.pop() {
            let mut next = Some(node);
            while let Some(node) = next.take() {
                if !self.promises(node.bound) || self.nodes == most {
                    self.complete &= !self.is_open(node.bound);
                    self.close(node.bound);
                } else {
                    self.nodes += 1;
                    next = self.look_at(&node);
                }
            }
        }
        let Self { nodes, complete, closed, best, .. } = self;
        Found { nodes, complete, bound: closed.max(best) }
    }

    fn promises(&self, bound: Decimal) -> bool {
        self.best.is_none_or(|best| bound > best + self.gap)
    }

    /// Whether something is left there that is better by more than next to nothing.
    fn is_open(&self, bound: Decimal) -> bool {
        self.best.is_none_or(|best| bound > best + CLOSE)
    }

    fn close(&mut self, bound: Decimal) {
        self.closed = self.closed.max(Some(bound));
    }

    fn push(&mut self, node: Node) {
        self.open.push(Node { number: self.made, ..node });
        self.made += 1;
    }

    /// One node; of its branches the one to look at next.
    fn look_at(&mut self, node: &Node) -> Option<Node> {
        let mut least = node.bound;
        for _ in 0..PLANES {
            let cutoff = self.best.map(|best| best + self.gap);
            let relaxed = self.model.relax(&node.narrowed, node.from.as_deref(), cutoff);
            if relaxed.is_infeasible() {
                return None;
            }
            // Weak duality: whatever the search for it came to.
            let bound = relaxed.bound.map_or(least, |bound| bound.min(least));
            least = bound;
            self.learn(node, bound);
            if !self.promises(bound) {
                self.complete &= !self.is_open(bound);
                self.close(bound);
                return None;
            }
            if node.depth == 0 && self.model.cut_mixture(&relaxed) {
                continue;
            }
            let settled = self.model.settled(&relaxed, &node.narrowed);
            if let Some(settled) = settled {
                let solves = objective_of(&settled) >= bound - SOLVED;
                if self.would_gain(&settled, solves) && self.model.cut_choice(&settled) {
                    continue;
                }
                let taken = self.consider(&settled, node.depth == 0, solves);
                if solves {
                    self.complete &= taken || !self.is_open(bound);
                    self.close(bound);
                    return None;
                }
            }
            return self.branch(node, &relaxed, bound);
        }
        self.complete = false;
        self.close(least);
        None
    }

    fn would_gain(&self, settled: &Settled, solves: bool) -> bool {
        solves || self.chosen.is_none_or(|chosen| objective_of(settled) > chosen)
    }

    /// Hands a choice to judgement where it may be the best so far, and what is better near it. Whether it was taken, or need
    /// not be.
    fn consider(&mut self, settled: &Settled, first: bool, solves: bool) -> bool {
        if !first && !self.would_gain(settled, solves) {
            return true;
        }
        let better = self.model.improved(settled.clone(), MOVES);
        let improved = objective_of(&better) > objective_of(settled) + SOLVED;
        if improved && !self.model.cut_choice(&better) {
            self.take(&better);
        }
        // What judgement refuses says nothing about what it was made from.
        let wanted = solves || self.chosen.is_none_or(|chosen| objective_of(settled) > chosen);
        !wanted || self.take(settled)
    }

    fn take(&mut self, settled: &Settled) -> bool {
        let objective = objective_of(settled);
        let Some(judged) = (self.judge)(self.model.allocation(settled, self.given, objective)) else { return false };
        self.chosen = self.chosen.max(Some(objective));
        self.best = self.best.max(Some(judged));
        true
    }

    /// Notes what a branch has lost.
    fn learn(&mut self, node: &Node, bound: Decimal) {
        let branched = node.branched.filter(|(.., distance)| !distance.is_zero() && node.bound < UNBOUNDED);
        let Some((line, above, distance)) = branched else { return };
        let losses = self.losses.entry(line).or_default();
        let place = usize::from(above);
        if let (Some(sum), Some(count)) = (losses.sum.get_mut(place), losses.count.get_mut(place)) {
            *sum += (node.bound - bound) / distance;
            *count += 1;
        }
    }

    /// What a unit of trade loses on one side of a line, by what is known of it or of all.
    fn loss(&self, line: usize, side: usize) -> Decimal {
        let mean = |losses: &Losses| {
            let (sum, count) = (losses.sum.get(side)?, losses.count.get(side)?);
            (*count > 0).then(|| *sum / Decimal::from(*count))
        };
        self.losses.get(&line).and_then(mean).unwrap_or(Decimal::ONE)
    }

    /// Branches on a torn line; the branch that is nearer to where the line stands.
    fn branch(&mut self, node: &Node, relaxed: &Relaxed, bound: Decimal) -> Option<Node> {
        let mut chosen: Option<(Decimal, usize, Sides)> = None;
        let matter = relaxed.torn.iter().any(|torn| torn.matters);
        for torn in relaxed.torn.iter().filter(|torn| torn.matters || !matter) {
            let Some(open) = self.model.open(&node.narrowed, torn.line) else { continue };
            let Some(sides) = sides(&open.ranges, torn) else { continue };
            let [below, above] = sides.distances;
            let least = SOLVED;
            let score = (self.loss(torn.line, 0) * below).max(least) * (self.loss(torn.line, 1) * above).max(least);
            if chosen.as_ref().is_none_or(|(best, ..)| score > *best) {
                chosen = Some((score, torn.line, sides));
            }
        }
        let Some((_, line, sides)) = chosen else {
            // Nothing to branch on, and not solved: too little is known.
            self.complete = false;
            self.close(bound);
            return None;
        };
        let from = Some(Rc::new(relaxed.basis()));
        let [below, above] = sides.distances;
        let nearer_above = above < below;
        let mut nodes = sides.ranges.into_iter().zip(sides.distances).enumerate().map(|(side, (ranges, distance))| {
            let mut narrowed = node.narrowed.clone();
            narrowed.insert(line, self.model.narrowed(line, ranges));
            let branched = Some((line, side == 1, distance));
            Node { bound, depth: node.depth + 1, number: 0, narrowed, from: from.clone(), branched }
        });
        let (below, above) = (nodes.next()?, nodes.next()?);
        drop(nodes);
        let (next, later) = if nearer_above { (above, below) } else { (below, above) };
        self.push(later);
        Some(next)
    }
}

/// A line's ranges to either side of where it stands, and how far each is.
struct Sides {
    ranges: [Vec<Range>; 2],
    distances: [Decimal; 2],
}

fn sides(ranges: &[Range], torn: &Torn) -> Option<Sides> {
    let (below, above) = split(ranges, torn.trade);
    let away = |below: &[Range], above: &[Range]| {
        let down = below.iter().map(|range| torn.trade - range.high).min()?;
        let up = above.iter().map(|range| range.low - torn.trade).min()?;
        Some([down.max(Decimal::ZERO), up.max(Decimal::ZERO)])
    };
    if let Some(distances) = away(&below, &above).filter(|[down, up]| !down.is_zero() && !up.is_zero()) {
        return Some(Sides { ranges: [below, above], distances });
    }
    // It stands in a range that it is not whole in: apart goes what its lowest point is in.
    let (below, above): (Vec<Range>, Vec<Range>) = ranges.iter().cloned().partition(|range| range.low <= torn.lowest);
    let distances = away(&below, &above)?;
    Some(Sides { ranges: [below, above], distances })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_no_gap_where_the_solver_has_no_bound() {
        let found = |bound| Found { nodes: 1, complete: false, bound };
        assert_eq!(found(Some(UNBOUNDED)).gap(Decimal::NEGATIVE_ONE, SOLVED), None, "and no overflow");
        assert_eq!(found(None).gap(Decimal::ONE, SOLVED), None);
        assert_eq!(found(Some(Decimal::TWO)).gap(Decimal::ONE, SOLVED), Some(Decimal::ONE + SOLVED));
    }
}
