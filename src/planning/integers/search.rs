//! Branch and bound: from the node with the best bound down to a choice, and again; so many nodes at most.
//!
//! Every rule for ties is fixed: of nodes with one bound the deeper, then the older comes first; of torn lines the one whose
//! branches are expected to lose most is branched on, then the first by id; before them all the [`tally`](super::tally).

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::rc::Rc;

use crate::model::Decimal;

use super::super::program::Allocation;
use super::super::solver::{Basis, Prices, Settled, objective_of};
use super::model::{Model, Narrowings, Relaxed, Torn};
use super::ranges::{Range, is_one_trade, split};

/// Bounds this close to a solution promise nothing better: a tenth of a basis point.
const CLOSE: Decimal = Decimal::from_parts(1, 0, 0, false, 5);

/// A choice this close to its node's bound solves the node.
const SOLVED: Decimal = Decimal::from_parts(1, 0, 0, false, 8);

/// Rounds in which one node may add planes of tail risk; after them it is branched on as it is.
const PLANES: u32 = 50;

/// Choices that judgement refuses before the search ends, where it takes none and smaller lots are left to rounding: what
/// rounding breaks in so many of them it is taken to break in all.
const REFUSALS: usize = 100;

/// Moves of a local search, at most.
const MOVES: u32 = 100;

/// The bound where the solver has none: no difference of it is taken.
const UNBOUNDED: Decimal = Decimal::MAX;

/// What a search came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) nodes: u32,
    pub(super) verdict: Verdict,
}

/// What is known of all solutions after a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// There are orders that judgement took.
    Found(Found),
    /// There are none: proved.
    Impossible,
    /// None were found, and there may be some.
    Open,
}

/// The best of what judgement took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) best: Decimal,
    /// By how much something better may be missed; absent where the solver has no bound.
    pub(super) gap: Option<Decimal>,
    /// Every node that could hold anything better was looked at.
    pub(super) complete: bool,
}

/// What judgement said of a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Judged {
    /// Its orders keep the limits, and are worth so much.
    Taken(Decimal),
    /// They do not.
    Refused,
    /// It would have gained nothing.
    Unasked,
}

/// Two branches that hold everything their node does, or everything but for a choice that was judged.
struct Split {
    line: usize,
    ranges: [Vec<Range>; 2],
    /// How far each is from where the line stands.
    distances: [Decimal; 2],
    /// Which of them is looked at next.
    next: usize,
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
    /// What a unit of each row is worth where nothing is branched on.
    prices: Prices,
    /// The best bound of what was closed without looking further.
    closed: Option<Decimal>,
    /// Rounds of tail risk at one node, at most.
    planes: u32,
    /// Choices that were refused, as the points of all lines.
    refused: BTreeSet<Vec<usize>>,
    made: u32,
    nodes: u32,
    /// No node was left that could hold anything better.
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
            prices: Prices::default(),
            closed: None,
            planes: PLANES,
            refused: BTreeSet::new(),
            made: 0,
            nodes: 0,
            complete: true,
        }
    }

    /// Searches until nothing better can be left, or so many nodes were looked at.
    pub(super) fn run(mut self, most: u32) -> Ended {
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
                if !self.promises(node.bound) || self.nodes == most || self.is_hopeless() {
                    self.leave(node.bound);
                } else {
                    self.nodes += 1;
                    next = self.look_at(&node);
                }
            }
        }
        Ended { nodes: self.nodes, verdict: self.verdict() }
    }

    fn verdict(&self) -> Verdict {
        match self.best {
            Some(best) => {
                let bound = self.closed.max(self.best).filter(|bound| *bound < UNBOUNDED);
                Verdict::Found(Found { best, gap: bound.map(|bound| bound - best), complete: self.complete })
            }
            None if self.complete => Verdict::Impossible,
            None => Verdict::Open,
        }
    }

    fn is_hopeless(&self) -> bool {
        self.best.is_none() && self.refused.len() >= REFUSALS && self.model.leaves_lots_to_rounding()
    }

    fn promises(&self, bound: Decimal) -> bool {
        self.best.is_none_or(|best| bound > best + self.gap)
    }

    /// Whether something is left there that is better by more than next to nothing.
    fn is_open(&self, bound: Decimal) -> bool {
        self.best.is_none_or(|best| bound > best + CLOSE)
    }

    /// Everything in a node was looked at: nothing in it has more than this.
    fn close(&mut self, bound: Decimal) {
        self.closed = self.closed.max(Some(bound));
    }

    /// The same of a node in which there may be something that nobody looked at.
    fn leave(&mut self, bound: Decimal) {
        self.complete &= !self.is_open(bound);
        self.close(bound);
    }

    fn push(&mut self, node: Node) {
        self.open.push(Node { number: self.made, ..node });
        self.made += 1;
    }

    /// One node; of its branches the one to look at next.
    fn look_at(&mut self, node: &Node) -> Option<Node> {
        let (relaxed, bound, settled) = self.bounded(node)?;
        let Some(settled) = settled else {
            let Some(split) = self.torn_apart(node, &relaxed) else {
                // Nothing to branch on, and no choice: too little is known.
                self.leave(bound);
                return None;
            };
            return self.branch(node, &relaxed, bound, split);
        };
        let solves = objective_of(&settled) >= bound - SOLVED;
        let judged = self.consider(&settled, node.depth == 0, solves);
        if solves && matches!(judged, Judged::Taken(worth) if worth >= objective_of(&settled) - CLOSE) {
            self.close(bound);
            return None;
        }
        // A choice that solves its node and lost by judgement says nothing about the next best one.
        let torn = if solves { None } else { self.torn_apart(node, &relaxed) };
        match (torn.or_else(|| self.excluding(node, &settled)), judged) {
            (Some(split), _) if self.promises(bound) => return self.branch(node, &relaxed, bound, split),
            // All that is left is small lots, and what rounding takes of them is the gap.
            (None, Judged::Taken(_)) if solves => self.close(bound),
            // These very orders break a limit.
            (None, Judged::Refused) if self.is_decided(node) => {}
            _ => self.leave(bound),
        }
        None
    }

    /// What a node holds at most, and the best choice near that; nothing where it holds nothing, or nothing better.
    fn bounded(&mut self, node: &Node) -> Option<(Relaxed, Decimal, Option<Settled>)> {
        let mut bound = node.bound;
        let mut planes = 0;
        loop {
            let cutoff = self.best.map(|best| best + self.gap);
            let relaxed = self.model.relax(&node.narrowed, node.from.as_deref(), cutoff);
            if relaxed.is_infeasible() {
                return None;
            }
            // Weak duality: whatever the search for it came to.
            bound = relaxed.bound.map_or(bound, |it| it.min(bound));
            self.learn(node, bound);
            if node.depth == 0 {
                self.prices = relaxed.prices();
            }
            if !self.promises(bound) {
                self.leave(bound);
                return None;
            }
            planes += 1;
            // A bound holds without them, too, only less closely.
            let may_cut = planes < self.planes;
            if may_cut && node.depth == 0 && self.model.cut_mixture(&relaxed) {
                continue;
            }
            let settled = self.model.settled(&relaxed, &node.narrowed);
            if let Some(settled) = settled.as_ref().filter(|_| may_cut) {
                let solves = objective_of(settled) >= bound - SOLVED;
                if self.would_gain(settled, solves) && self.model.cut_choice(settled) {
                    continue;
                }
            }
            return Some((relaxed, bound, settled));
        }
    }

    fn would_gain(&self, settled: &Settled, solves: bool) -> bool {
        solves || self.chosen.is_none_or(|chosen| objective_of(settled) > chosen)
    }

    /// Hands a choice to judgement where it may be the best so far, and what is better near it.
    fn consider(&mut self, settled: &Settled, first: bool, solves: bool) -> Judged {
        if !first && !self.would_gain(settled, solves) {
            return Judged::Unasked;
        }
        let better = self.model.improved(settled.clone(), MOVES, &self.prices);
        let improved = objective_of(&better) > objective_of(settled) + SOLVED;
        if improved && !self.model.cut_choice(&better) {
            self.judge(&better);
        }
        // What judgement refuses says nothing about what it was made from.
        if self.would_gain(settled, solves) { self.judge(settled) } else { Judged::Unasked }
    }

    fn judge(&mut self, settled: &Settled) -> Judged {
        let objective = objective_of(settled);
        let choice = || settled.points.iter().copied().take(self.model.lines()).collect::<Vec<usize>>();
        if self.refused.contains(&choice()) {
            return Judged::Refused;
        }
        let Some(judged) = (self.judge)(self.model.allocation(settled, self.given, objective)) else {
            self.refused.insert(choice());
            return Judged::Refused;
        };
        self.chosen = self.chosen.max(Some(objective));
        self.best = self.best.max(Some(judged));
        Judged::Taken(judged)
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

    /// Apart at the tally, where it is torn: what is decided of all lines together leaves little to tell apart. Else at the torn
    /// line whose branches are expected to lose most.
    fn torn_apart(&self, node: &Node, relaxed: &Relaxed) -> Option<Split> {
        let apart = |torn: &Torn| apart(&self.model.open(&node.narrowed, torn.line)?.ranges, torn);
        let tally = relaxed.torn.iter().find(|torn| self.model.is_tally(torn.line));
        if let Some(split) = tally.and_then(apart) {
            return Some(split);
        }
        let mut chosen: Option<(Decimal, Split)> = None;
        let matter = relaxed.torn.iter().any(|torn| torn.matters);
        for torn in relaxed.torn.iter().filter(|torn| torn.matters || !matter) {
            let Some(split) = apart(torn) else { continue };
            let [below, above] = split.distances;
            let least = SOLVED;
            let score = (self.loss(torn.line, 0) * below).max(least) * (self.loss(torn.line, 1) * above).max(least);
            if chosen.as_ref().is_none_or(|(best, _)| score > *best) {
                chosen = Some((score, split));
            }
        }
        chosen.map(|(_, split)| split)
    }

    /// Apart at the first line that may trade anything else than a choice has it trade: what it trades there, and all else.
    /// Down the one branch the next line follows, until nothing is left of it but the choice itself.
    fn excluding(&self, node: &Node, settled: &Settled) -> Option<Split> {
        (0..self.model.lines()).find_map(|line| {
            let open = self.model.open(&node.narrowed, line)?;
            let ranges = self.model.pinned(settled, line, &open.ranges)?;
            Some(Split { line, ranges, distances: [Decimal::ZERO; 2], next: 1 })
        })
    }

    /// Whether a node holds one choice alone.
    fn is_decided(&self, node: &Node) -> bool {
        let one = |line| self.model.open(&node.narrowed, line).is_some_and(|open| is_one_trade(&open.ranges));
        (0..self.model.lines()).all(one)
    }

    /// Both branches of a split; the one to look at next.
    fn branch(&mut self, node: &Node, relaxed: &Relaxed, bound: Decimal, split: Split) -> Option<Node> {
        let Split { line, ranges, distances, next } = split;
        let from = Some(Rc::new(relaxed.basis()));
        let mut nodes = ranges.into_iter().zip(distances).enumerate().map(|(side, (ranges, distance))| {
            let mut narrowed = node.narrowed.clone();
            narrowed.insert(line, self.model.narrowed(line, ranges));
            let branched = Some((line, side == 1, distance));
            Node { bound, depth: node.depth + 1, number: 0, narrowed, from: from.clone(), branched }
        });
        let (first, second) = (nodes.next()?, nodes.next()?);
        drop(nodes);
        let (next, later) = if next == 1 { (second, first) } else { (first, second) };
        self.push(later);
        Some(next)
    }
}

/// A torn line's ranges to either side of where it stands; the nearer one is looked at next.
fn apart(ranges: &[Range], torn: &Torn) -> Option<Split> {
    let away = |ranges: &[Vec<Range>; 2]| {
        let [below, above] = ranges;
        let down = below.iter().map(|range| torn.trade - range.high).min()?;
        let up = above.iter().map(|range| range.low - torn.trade).min()?;
        Some([down.max(Decimal::ZERO), up.max(Decimal::ZERO)])
    };
    let (below, above) = split(ranges, torn.trade);
    let beside = [below, above];
    let distances = away(&beside).filter(|[down, up]| !down.is_zero() && !up.is_zero());
    // It stands in a range that it is not whole in: apart goes what its lowest point is in.
    let (ranges, distances) = if let Some(distances) = distances {
        (beside, distances)
    } else {
        let (below, above) = ranges.iter().cloned().partition(|range| range.low <= torn.lowest);
        let ranges = [below, above];
        let distances = away(&ranges)?;
        (ranges, distances)
    };
    let [down, up] = distances;
    Some(Split { line: torn.line, ranges, distances, next: usize::from(up < down) })
}

#[cfg(test)]
mod tests;
