//! Branch and bound: the node with the best bound first, so many at most.
//!
//! Every rule for ties is fixed: of nodes with one bound the deeper, then the older comes first; of lines that are torn the
//! one furthest from what it may do, then the first by id is branched on.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeSet, BinaryHeap};

use crate::model::Decimal;

use super::super::program::Allocation;
use super::super::solver::SolverFault;
use super::model::{Model, Narrowed, Relaxed};
use super::ranges::{Range, nearest, split};

/// Bounds this close to a solution promise nothing better: a tenth of a basis point.
const CLOSE: Decimal = Decimal::from_parts(1, 0, 0, false, 5);

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) nodes: u32,
    pub(super) programs: u32,
    /// Every node that could hold anything better was looked at.
    pub(super) complete: bool,
    /// Of some of them only a solution was that broke what the program knows in part.
    pub(super) refused: bool,
    /// No solution has a larger objective; absent where there is none at all.
    pub(super) bound: Option<Decimal>,
}

/// Where a branch stands.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Node {
    bound: Decimal,
    depth: u32,
    number: u32,
    narrowed: Narrowed,
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

/// One search; `judge` rounds a solution and says what objective its orders have, where they keep the limits.
pub(super) struct Search<'a> {
    model: &'a Model<'a>,
    given: &'a [Decimal],
    judge: &'a mut dyn FnMut(Allocation) -> Option<Decimal>,
    open: BinaryHeap<Node>,
    pointed: BTreeSet<usize>,
    /// The best objective of a solution that judgement took.
    best: Option<Decimal>,
    /// The best bound of what was closed without looking further.
    closed: Option<Decimal>,
    made: u32,
    nodes: u32,
    programs: u32,
    /// No node was left that could hold anything better, nor one that the backend failed at.
    complete: bool,
    /// What solved a node broke a limit that the program knows in part only, such as tail risk: nothing is known of the rest
    /// of that node.
    refused: bool,
}

impl<'a> Search<'a> {
    /// `best` is the objective of orders that are there already.
    pub(super) fn new(
        model: &'a Model<'a>,
        given: &'a [Decimal],
        best: Option<Decimal>,
        judge: &'a mut dyn FnMut(Allocation) -> Option<Decimal>,
    ) -> Self {
        let pointed = model.pointed();
        let (open, closed) = (BinaryHeap::new(), None);
        Self {
            model,
            given,
            judge,
            open,
            pointed,
            best,
            closed,
            made: 0,
            nodes: 0,
            programs: 0,
            complete: true,
            refused: false,
        }
    }

    /// Searches until nothing better can be left, or so many nodes were looked at.
    pub(super) fn run(mut self, most: u32) -> Result<Found, SolverFault> {
        self.push(Decimal::MAX, 0, Narrowed::new());
        while let Some(node) = self.open.pop() {
            if !self.promises(node.bound) || self.nodes == most {
                self.complete &= !self.promises(node.bound);
                self.close(node.bound);
                break;
            }
            self.nodes += 1;
            self.look_at(&node)?;
        }
        let bound = self.closed.max(self.best);
        let Self { nodes, programs, complete, refused, .. } = self;
        Ok(Found { nodes, programs, complete, refused, bound })
    }

    fn promises(&self, bound: Decimal) -> bool {
        self.best.is_none_or(|best| bound > best + CLOSE)
    }

    fn close(&mut self, bound: Decimal) {
        self.closed = self.closed.max(Some(bound));
    }

    fn push(&mut self, bound: Decimal, depth: u32, narrowed: Narrowed) {
        self.open.push(Node { bound, depth, number: self.made, narrowed });
        self.made += 1;
    }

    fn look_at(&mut self, node: &Node) -> Result<(), SolverFault> {
        let solved = match self.relax(&node.narrowed) {
            // The root has a bound from nowhere else.
            Err(SolverFault::Backend(_) | SolverFault::BadAnswer) if node.depth > 0 => {
                self.complete = false;
                self.close(node.bound);
                return Ok(());
            }
            solved => solved?,
        };
        let Some((relaxed, torn)) = solved else { return Ok(()) };
        let bound = relaxed.objective.min(node.bound);
        if !self.promises(bound) {
            self.close(bound);
            return Ok(());
        }
        if torn.is_empty() {
            self.close(bound);
            self.take(&relaxed, true);
            return Ok(());
        }
        if self.best.is_none() || self.nodes.is_power_of_two() {
            self.round(&relaxed, &node.narrowed);
        }
        let Some((line, below, above)) = self.branch(&relaxed, &torn, &node.narrowed) else {
            // Torn by nothing but noise.
            self.close(bound);
            self.take(&relaxed, true);
            return Ok(());
        };
        for ranges in [below, above] {
            let mut narrowed = node.narrowed.clone();
            narrowed.insert(line, ranges);
            self.push(bound, node.depth + 1, narrowed);
        }
        Ok(())
    }

    /// The relaxation, with points for every line that it tears.
    fn relax(&mut self, narrowed: &Narrowed) -> Result<Option<(Relaxed, Vec<usize>)>, SolverFault> {
        loop {
            self.programs += 1;
            let Some(relaxed) = self.model.relax(narrowed, &self.pointed)? else { return Ok(None) };
            let torn = self.model.torn(&relaxed, narrowed);
            let before = self.pointed.len();
            self.pointed.extend(&torn);
            if self.pointed.len() == before {
                return Ok(Some((relaxed, torn)));
            }
        }
    }

    /// Hands a solution to judgement. One that solves its node stands for what is before rounding.
    fn take(&mut self, relaxed: &Relaxed, solves: bool) {
        let allocation = self.model.allocation(relaxed, self.given, self.programs);
        let Some(objective) = (self.judge)(allocation) else {
            self.refused |= solves && self.model.knows_in_part();
            return;
        };
        let objective = if solves { objective.max(relaxed.objective) } else { objective };
        self.best = self.best.max(Some(objective));
    }

    /// Tries what is nearest to a relaxation: every line at its nearest range, the largest parts of holdings held.
    fn round(&mut self, relaxed: &Relaxed, narrowed: &Narrowed) {
        let mut tried = narrowed.clone();
        let mut held = self.model.most_holdings().map(|most| Self::largest(relaxed, most));
        for line in &self.pointed {
            let Some(trade) = relaxed.trades.get(*line) else { continue };
            let mut ranges = self.model.ranges(narrowed, *line).to_vec();
            if let Some(held) = &mut held
                && ranges.iter().any(|range| range.held != held.contains(line))
            {
                let wanted: Vec<Range> =
                    ranges.iter().filter(|range| range.held == held.contains(line)).cloned().collect();
                ranges = if wanted.is_empty() { ranges } else { wanted };
            }
            let Some((range, there)) = nearest(&ranges, *trade) else { continue };
            let only = if range.step.is_zero() { range } else { Range { low: there, high: there, ..range } };
            tried.insert(*line, vec![only]);
        }
        self.programs += 1;
        // A try that the backend fails at is a try that leads nowhere.
        if let Ok(Some(rounded)) = self.model.relax(&tried, &self.pointed)
            && self.model.torn(&rounded, &tried).is_empty()
        {
            self.take(&rounded, false);
        }
    }

    /// The lines that count as the largest parts of holdings, so many.
    fn largest(relaxed: &Relaxed, most: usize) -> BTreeSet<usize> {
        let mut parts: Vec<(Decimal, usize)> =
            relaxed.held.iter().enumerate().map(|(line, held)| (*held, line)).collect();
        parts.sort_by_key(|(held, line)| (Reverse(*held), *line));
        parts.into_iter().take(most).filter(|(held, _)| !held.is_zero()).map(|(_, line)| line).collect()
    }

    /// The line to branch on, and its ranges to either side.
    fn branch(
        &self,
        relaxed: &Relaxed,
        torn: &[usize],
        narrowed: &Narrowed,
    ) -> Option<(usize, Vec<Range>, Vec<Range>)> {
        let mut chosen: Option<(Decimal, usize, Vec<Range>, Vec<Range>)> = None;
        for line in torn {
            let (Some(trade), Some(held)) = (relaxed.trades.get(*line), relaxed.held.get(*line)) else { continue };
            let ranges = self.model.ranges(narrowed, *line);
            let (mut below, mut above, mut distance) = split(ranges, *trade);
            if below.is_empty() || above.is_empty() || distance.is_zero() {
                (below, above) = ranges.iter().cloned().partition(|range| !range.held);
                distance = (*held).min(Decimal::ONE - *held) * TORN_HOLDING;
            }
            if below.is_empty() || above.is_empty() {
                continue;
            }
            if chosen.as_ref().is_none_or(|(best, ..)| distance > *best) {
                chosen = Some((distance, *line, below, above));
            }
        }
        chosen.map(|(_, line, below, above)| (line, below, above))
    }
}

/// What half a holding weighs against a trade that no range admits, when a line to branch on is chosen.
const TORN_HOLDING: Decimal = Decimal::from_parts(1, 0, 0, false, 2);
