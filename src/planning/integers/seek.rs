//! From what rounding made of the linear program to whole quantities, and how far those are proved to be from the best.

use crate::model::policy::IntegerPolicy;
use crate::model::{BasisPoints, Decimal, PlanningInput, Worth};

use super::super::constraints::Limits;
use super::super::error::PlanError;
use super::super::plan::IntegerSearch;
use super::super::portfolio::Portfolio;
use super::super::program::{Allocation, Program, RELAXATION_NOISE, TIE_BREAK};
use super::model::Model;
use super::search::{Found, Search};

/// What one search starts from.
#[derive(Clone, Copy)]
pub(crate) struct Sought<'a> {
    pub(crate) input: &'a PlanningInput,
    pub(crate) portfolio: &'a Portfolio<'a>,
    pub(crate) program: &'a Program<'a>,
    pub(crate) limits: &'a Limits,
    /// The linear program's solution.
    pub(crate) first: &'a Allocation,
    /// The objective of the best orders so far, from the program's own origin, less what gives way; absent where they
    /// break a limit.
    pub(crate) best: Option<Decimal>,
    /// By how much the best orders so far leave each row short.
    pub(crate) shortfalls: &'a [Decimal],
}

/// Basis points in one.
const BASIS_POINTS: Decimal = Decimal::from_parts(10_000, 0, 0, false, 0);

/// Seeks better orders, of which `judge` is shown every solution; what it answers is the objective of the rounded orders as
/// in [`Sought::best`]. Where no whole quantities keep every limit, those that fall short as the best so far do may; the
/// record is absent where there are none at all.
///
/// # Errors
/// When the search ends at the policy's limit too far from its bound, or the solver fails.
pub(crate) fn seek(
    sought: Sought<'_>,
    policy: IntegerPolicy,
    judge: &mut dyn FnMut(Allocation, &[Decimal]) -> Option<Decimal>,
    programs: &mut u32,
) -> Result<Option<IntegerSearch>, PlanError> {
    let lots = sought.program.lots_beyond(&sought.first.given);
    let none = vec![Decimal::ZERO; sought.shortfalls.len()];
    let short = sought.shortfalls.iter().any(|short| *short > RELAXATION_NOISE);
    let tries: &[&[Decimal]] = if short { &[&none, sought.shortfalls] } else { &[&none] };
    for (place, allowed) in tries.iter().enumerate() {
        let falls_short = place > 0;
        let allowed_with_lots: Vec<Decimal> = lots.iter().zip(*allowed).map(|(lots, short)| *lots.max(short)).collect();
        let mut best = sought.best;
        let mut remembered = |allocation: Allocation| {
            let objective = judge(allocation, &allowed_with_lots)?;
            best = best.max(Some(objective));
            Some(objective)
        };
        let given: Vec<Decimal> = sought.first.given.iter().zip(*allowed).map(|(given, short)| given + short).collect();
        let model = Model::new(sought.input, sought.portfolio, sought.program, &sought.limits.whole, &given)?;
        // Ties are broken by so much of the objective, which is not the policy's own.
        let gap = policy.gap() - TIE_BREAK;
        let search = Search::new(model, &sought.first.given, sought.best, gap, &mut remembered);
        let found = search.run(policy.nodes());
        let Found { nodes, complete, bound } = found;
        *programs += nodes;
        let gap = best.and_then(|best| found.gap(best, TIE_BREAK));
        match (best, gap) {
            (Some(best), Some(gap)) if complete || gap <= policy.gap() => {
                return Ok(Some(record(&sought, nodes, complete, best, gap.max(Decimal::ZERO))));
            }
            // Where some limit is short, what is found is used, and nothing is said of how good it is.
            _ if falls_short && nodes < policy.nodes() => {}
            (Some(_), gap) if bound.is_some() => {
                return Err(PlanError::NotProved { nodes, gap, most: policy.gap() });
            }
            (None, _) if nodes == policy.nodes() && place + 1 == tries.len() => {
                return Err(PlanError::NotProved { nodes, gap: None, most: policy.gap() });
            }
            _ => {}
        }
    }
    Ok(None)
}

fn record(sought: &Sought<'_>, nodes: u32, complete: bool, best: Decimal, gap: Decimal) -> IntegerSearch {
    let origin = sought.program.origin();
    let whole_lots = sought.portfolio.lines.iter().filter(|line| line.whole_lots).count();
    let worth = |value: Decimal| Worth::new((origin + value).round_dp(DECIMALS)).unwrap_or_default();
    let value = worth(best);
    let gap_bp = BasisPoints::new((gap * BASIS_POINTS).round_dp(DECIMALS_BP).normalize()).unwrap_or_default();
    let whole_lots = u32::try_from(whole_lots).unwrap_or(u32::MAX);
    IntegerSearch { nodes, complete, whole_lots, value, bound: worth(best + gap), gap_bp }
}

/// Decimals of what is recorded.
const DECIMALS: u32 = 12;
const DECIMALS_BP: u32 = 4;
