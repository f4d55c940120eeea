//! Limits that cannot all be met by whole holdings: how far the soft ones must give way, or which of the hard ones conflict.

use crate::model::{Decimal, PlanningInput};

use super::super::constraints::{LimitRow, Limits, RowKind, families};
use super::super::error::{Conflict, PlanError, Repair};
use super::super::portfolio::Portfolio;
use super::super::program::{Allocation, Program, RELAXATION_NOISE};
use super::model::{GIVEN_WORTH, Model};
use super::search::{Ended, Search, Verdict};
use super::whole_limits::{MAX_HOLDINGS, WholeLimits};

/// Nodes of each question. What is not answered within them counts as a limit that is needed for the conflict, and as a change
/// that would not do.
const NODES: u32 = 500;

/// As good as no bound.
const FREE: Decimal = Decimal::TEN;

/// What the orders of a solution use of each row beyond its bound; nothing where they break limits on wholes, or a row by more
/// than it is given.
pub(crate) type Used<'a> = dyn Fn(Allocation, &WholeLimits) -> Option<Vec<Decimal>> + 'a;

/// What came of the search for how far soft limits must give way.
#[derive(Debug)]
pub(crate) enum Least {
    /// Orders, and by how much each row is to give way.
    Given(Allocation),
    /// All that soft limits may give is not enough.
    Impossible,
    /// It ended after so many nodes, before anything was known.
    Open(u32),
}

/// Orders that judgement took.
struct Orders {
    allocation: Allocation,
    used: Vec<Decimal>,
}

/// Questions whether a selection of limits can be met.
pub(crate) struct Questions<'a> {
    pub(crate) input: &'a PlanningInput,
    pub(crate) portfolio: &'a Portfolio<'a>,
    pub(crate) program: &'a Program<'a>,
    pub(crate) limits: &'a Limits,
    /// By how much each row gives way in the linear program.
    pub(crate) given: &'a [Decimal],
    pub(crate) used: &'a Used<'a>,
}

impl Questions<'_> {
    /// Whether there are orders when each row gives way by so much: found, proved to be none, or open.
    fn ask(&self, given: &[Decimal], whole: &WholeLimits) -> Result<Verdict, PlanError> {
        let model = Model::new(self.input, self.portfolio, self.program, whole, given)?;
        let mut judge = |allocation: Allocation| {
            // As good as it gets: one solution is all that is asked for.
            let objective = allocation.objective + FREE;
            (self.used)(allocation, whole).map(|_| objective)
        };
        Ok(Search::new(model, given, None, Decimal::ZERO, &mut judge).run(NODES).verdict)
    }

    /// Whether there are none without the free rows' limits.
    fn impossible(&self, free: &[usize], whole: &WholeLimits) -> Result<bool, PlanError> {
        let given = self.given.iter().enumerate();
        let given: Vec<Decimal> = given.map(|(row, by)| if free.contains(&row) { FREE } else { *by }).collect();
        Ok(self.ask(&given, whole)? == Verdict::Impossible)
    }

    fn possible(&self, given: &[Decimal], whole: &WholeLimits) -> Result<bool, PlanError> {
        Ok(matches!(self.ask(given, whole)?, Verdict::Found(_)))
    }

    /// Orders that keep the limits on wholes, with every row giving way by what they use of it: family by family, the most
    /// important first, by the least sum that is found with the rows of those before it at what the orders found for them use.
    /// Each family has an equal part of the nodes.
    pub(crate) fn least_given(&self, most_nodes: u32, programs: &mut u32) -> Result<Least, PlanError> {
        let most = |(limit, given): (&LimitRow, &Decimal)| limit.most_relaxation().max(*given);
        // Those whose turn has not come yet give all that they may.
        let mut given: Vec<Decimal> = self.limits.rows.iter().zip(self.given).map(most).collect();
        // Where nothing may give way any further, the search before has shown that there is none.
        if given == self.given {
            return Ok(Least::Impossible);
        }
        let mut least: Option<Orders> = None;
        let families = families(&self.limits.rows);
        let part = most_nodes / u32::try_from(families.len()).unwrap_or(u32::MAX).max(1);
        for family in families {
            let ended = self.give_least(&family, &given, part, &mut least)?;
            *programs += ended.nodes;
            let Some(orders) = &least else {
                let is_proved = ended.verdict == Verdict::Impossible;
                return Ok(if is_proved { Least::Impossible } else { Least::Open(ended.nodes) });
            };
            for row in family {
                if let (Some(given), Some(used)) = (given.get_mut(row), orders.used.get(row)) {
                    *given = (*used).clamp(Decimal::ZERO, *given);
                }
            }
        }
        Ok(least.map_or(Least::Impossible, |orders| Least::Given(Allocation { given, ..orders.allocation })))
    }

    /// Seeks orders for which these rows together give way by less, the others by no more than they are given.
    fn give_least(
        &self,
        family: &[usize],
        given: &[Decimal],
        most_nodes: u32,
        least: &mut Option<Orders>,
    ) -> Result<Ended, PlanError> {
        let worth = |used: &[Decimal]| {
            let used = family.iter().filter_map(|row| used.get(*row));
            -used.map(|used| (*used).max(Decimal::ZERO)).sum::<Decimal>() * GIVEN_WORTH
        };
        let whole = &self.limits.whole;
        let standing = least.as_ref().map(|orders| worth(&orders.used));
        if standing.is_some_and(|worth| worth >= -RELAXATION_NOISE) {
            return Ok(Ended { nodes: 0, verdict: Verdict::Open });
        }
        let model = Model::giving_least(self.input, self.portfolio, self.program, whole, given, family)?;
        let mut judge = |allocation: Allocation| {
            let used = (self.used)(allocation.clone(), whole)?;
            let found = worth(&used);
            if least.as_ref().is_none_or(|orders| worth(&orders.used) < found) {
                *least = Some(Orders { allocation, used });
            }
            Some(found)
        };
        Ok(Search::new(model, given, standing, Decimal::ZERO, &mut judge).run(most_nodes))
    }

    /// Adds to the free ones as many of these as leave the rest impossible: all at once where that will do, else by halves.
    fn free(&self, rows: &[usize], free: &mut Vec<usize>) -> Result<(), PlanError> {
        let before = free.len();
        free.extend(rows);
        if rows.is_empty() || self.impossible(free, &self.limits.whole)? {
            return Ok(());
        }
        free.truncate(before);
        if rows.len() > 1 {
            let (first, second) = rows.split_at(rows.len() / 2);
            self.free(first, free)?;
            self.free(second, free)?;
        }
        Ok(())
    }

    /// The fewest holdings that are shown to do, by bisection; absent where no number is. Every row counts: there may be
    /// another set of limits that conflicts.
    fn fewest(&self, from: usize) -> Result<Option<usize>, PlanError> {
        let whole = &self.limits.whole;
        let (mut too_few, mut enough) = (from, self.portfolio.lines.len());
        if enough <= from || !self.possible(self.given, &whole.with_most(enough))? {
            return Ok(None);
        }
        while enough - too_few > 1 {
            let middle = too_few.midpoint(enough);
            if self.possible(self.given, &whole.with_most(middle))? { enough = middle } else { too_few = middle }
        }
        Ok(Some(enough))
    }
}

/// A minimal set of limits that whole holdings cannot meet (deletion filter), and how many holdings would do.
pub(crate) fn conflict(questions: &Questions<'_>) -> Result<Conflict, PlanError> {
    let Questions { limits, program, .. } = questions;
    let mut free = Vec::new();
    let asked = limits.rows.iter().enumerate().filter(|(_, limit)| is_the_policys(&limit.kind));
    let asked: Vec<usize> = asked.map(|(row, _)| row).collect();
    questions.free(&asked, &mut free)?;
    let mut whole = limits.whole.clone();
    for name in limits.whole.names() {
        let without = whole.without(name);
        if questions.impossible(&free, &without)? {
            whole = without;
        }
    }
    let kept: Vec<usize> = asked.into_iter().filter(|row| !free.contains(row)).collect();
    let mut names: Vec<String> = kept.iter().filter_map(|row| Some(limits.rows.get(*row)?.name.clone())).collect();
    names.extend(whole.names().into_iter().map(str::to_owned));
    names.extend(program.boxes_at_fault(&kept));
    let mut repairs = Vec::new();
    if let Some(from) = whole.max_holdings
        && let Some(to) = questions.fewest(from)?
    {
        let (from, to) = (Decimal::from(from), Decimal::from(to));
        repairs.push(Repair { limit: MAX_HOLDINGS.to_owned(), from, to });
    }
    Ok(Conflict { limits: names, repairs, together: Vec::new() })
}

/// Cash cannot be spent twice, whatever a policy says.
fn is_the_policys(kind: &RowKind) -> bool {
    !matches!(kind, RowKind::Budget | RowKind::CashAtLimitPrices { .. })
}
