//! Limits that cannot all be met by whole holdings.

use crate::model::{Decimal, PlanningInput};

use super::super::constraints::{Limits, RowKind};
use super::super::error::{Conflict, PlanError, Repair};
use super::super::portfolio::Portfolio;
use super::super::program::{Allocation, Program};
use super::model::Model;
use super::search::Search;
use super::whole_limits::{MAX_HOLDINGS, WholeLimits};

/// Nodes of each question. What is not answered within them counts as a limit that is needed for the conflict.
const NODES: u32 = 30;

/// As good as no bound.
const FREE: Decimal = Decimal::TEN;

/// Questions whether a selection of limits can be met.
struct Questions<'a> {
    input: &'a PlanningInput,
    portfolio: &'a Portfolio<'a>,
    program: &'a Program<'a>,
    limits: &'a Limits,
    given: &'a [Decimal],
}

impl Questions<'_> {
    /// Proved to be out of reach.
    fn impossible(&self, free: &[usize], whole: &WholeLimits) -> Result<bool, PlanError> {
        let given = self.given.iter().enumerate();
        let given: Vec<Decimal> = given.map(|(row, by)| if free.contains(&row) { FREE } else { *by }).collect();
        let model = Model::new(self.input, self.portfolio, self.program, whole, &given)?;
        let mut any = false;
        let mut judge = |allocation: Allocation| {
            any = true;
            // As good as it gets: one solution is all that is asked for.
            Some(allocation.objective + FREE)
        };
        let found = Search::new(model, self.given, None, Decimal::ZERO, &mut judge).run(NODES);
        Ok(!any && found.complete)
    }
}

/// A minimal set of limits that whole holdings cannot meet (deletion filter), and how many holdings would do.
pub(crate) fn conflict(
    input: &PlanningInput,
    portfolio: &Portfolio<'_>,
    program: &Program<'_>,
    limits: &Limits,
    given: &[Decimal],
) -> Result<Conflict, PlanError> {
    let questions = Questions { input, portfolio, program, limits, given };
    let mut free = Vec::new();
    for (row, limit) in limits.rows.iter().enumerate() {
        if matches!(limit.kind, RowKind::Budget | RowKind::CashAtLimitPrices { .. }) {
            continue;
        }
        free.push(row);
        if !questions.impossible(&free, &limits.whole)? {
            free.pop();
        }
    }
    let mut whole = limits.whole.clone();
    for name in limits.whole.names() {
        let without = whole.without(name);
        if questions.impossible(&free, &without)? {
            whole = without;
        }
    }
    let kept = questions.limits.rows.iter().enumerate().filter(|(row, limit)| {
        !free.contains(row) && !matches!(limit.kind, RowKind::Budget | RowKind::CashAtLimitPrices { .. })
    });
    let mut names: Vec<String> = kept.map(|(_, limit)| limit.name.clone()).collect();
    names.extend(whole.names().into_iter().map(str::to_owned));
    let mut repairs = Vec::new();
    if let Some(from) = whole.max_holdings {
        for more in 1..=portfolio.lines.len().saturating_sub(from) {
            if !questions.impossible(&free, &whole.with_most(from + more))? {
                let (from, to) = (Decimal::from(from), Decimal::from(from + more));
                repairs.push(Repair { limit: MAX_HOLDINGS.to_owned(), from, to });
                break;
            }
        }
    }
    Ok(Conflict { limits: names, repairs, together: Vec::new() })
}
