//! Limits that cannot all be met by whole holdings.

use crate::model::{Decimal, PlanningInput};

use super::super::constraints::{Limits, RowKind};
use super::super::error::{Conflict, PlanError, Repair};
use super::super::portfolio::Portfolio;
use super::super::program::{Allocation, Program};
use super::model::Model;
use super::search::{Search, Verdict};
use super::whole_limits::{MAX_HOLDINGS, WholeLimits};

/// Nodes of each question. What is not answered within them counts as a limit that is needed for the conflict, and as a change
/// that would not do.
const NODES: u32 = 500;

/// As good as no bound.
const FREE: Decimal = Decimal::TEN;

/// Whether the orders of a solution keep limits on wholes, and every row beyond what it is given.
pub(crate) type Keeps<'a> = dyn Fn(Allocation, &WholeLimits) -> bool + 'a;

/// Questions whether a selection of limits can be met.
struct Questions<'a> {
    input: &'a PlanningInput,
    portfolio: &'a Portfolio<'a>,
    program: &'a Program<'a>,
    limits: &'a Limits,
    given: &'a [Decimal],
    keeps: &'a Keeps<'a>,
}

impl Questions<'_> {
    /// Whether there are orders without the free rows' limits: found, proved to be none, or open.
    fn ask(&self, free: &[usize], whole: &WholeLimits) -> Result<Verdict, PlanError> {
        let given = self.given.iter().enumerate();
        let given: Vec<Decimal> = given.map(|(row, by)| if free.contains(&row) { FREE } else { *by }).collect();
        let model = Model::new(self.input, self.portfolio, self.program, whole, &given)?;
        let mut judge = |allocation: Allocation| {
            // As good as it gets: one solution is all that is asked for.
            let objective = allocation.objective + FREE;
            (self.keeps)(allocation, whole).then_some(objective)
        };
        Ok(Search::new(model, &given, None, Decimal::ZERO, &mut judge).run(NODES).verdict)
    }

    fn impossible(&self, free: &[usize], whole: &WholeLimits) -> Result<bool, PlanError> {
        Ok(self.ask(free, whole)? == Verdict::Impossible)
    }

    fn possible(&self, free: &[usize], whole: &WholeLimits) -> Result<bool, PlanError> {
        Ok(matches!(self.ask(free, whole)?, Verdict::Found(_)))
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
        if enough <= from || !self.possible(&[], &whole.with_most(enough))? {
            return Ok(None);
        }
        while enough - too_few > 1 {
            let middle = too_few.midpoint(enough);
            if self.possible(&[], &whole.with_most(middle))? { enough = middle } else { too_few = middle }
        }
        Ok(Some(enough))
    }
}

/// A minimal set of limits that whole holdings cannot meet (deletion filter), and how many holdings would do.
pub(crate) fn conflict(
    input: &PlanningInput,
    portfolio: &Portfolio<'_>,
    program: &Program<'_>,
    limits: &Limits,
    given: &[Decimal],
    keeps: &Keeps<'_>,
) -> Result<Conflict, PlanError> {
    let questions = Questions { input, portfolio, program, limits, given, keeps };
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
