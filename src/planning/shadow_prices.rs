//! What a point more or less of a limit would be worth, and what holds each asset where it is.
//!
//! The optimum of a linear program is concave in straight pieces in the bound of any row, and the row's multiplier is its
//! slope (Boyd and Vandenberghe, Convex Optimization, 5.6.3). Where a program is degenerate, several multipliers are
//! optimal, and the slopes to either side of the bound differ. So each side is asked on its own: the dual with the bound
//! moved there by [`STEP`], whose multiplier is the slope over there. That is exact for the program unless a piece is
//! shorter than the step; a whole point more is worth no more than what is stated, and a whole point less costs no less.
//!
//! Where a limit gave way, [`keeping`] says what else could have.
//!
//! The program is the one that the plan answers: the policy's own bounds, moved where the plan says that they gave way,
//! and amounts that need not be whole lots. Where whole holdings and least orders were decided, they stay as decided.
//! Worth is the policy's objective: tilt, tracking and costs as it weighs them.

use std::collections::BTreeMap;

use crate::model::{AssetId, BasisPoints, Decimal, PlanningInput, Side};
use crate::solver::Ending;

use super::constraints::{LimitRow, RowKind};
use super::dual::Dual;
use super::error::PlanError;
use super::keeping::{self, Instead};
use super::optimality::Exact;
use super::plan::RebalancePlan;
use super::portfolio::Line;
use super::program::{Allocation, Program};
use super::survey;

/// A thousandth of a point of weight.
const STEP: Decimal = Decimal::from_parts(1, 0, 0, false, 5);

/// A multiplier as basis points of net asset value per point, a hundredth of it.
const PER_POINT: Decimal = Decimal::ONE_HUNDRED;

/// Decimals of what is stated, in basis points.
const DECIMALS: u32 = 4;

/// What one limit is worth at the margin, in basis points of net asset value for each point (a hundredth of net asset
/// value) that its bound moves; for `max_run_notional` likewise, though the policy states that in money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShadowPrice {
    /// As in the certificate.
    pub limit: String,
    /// What a point more of room would be worth.
    pub looser_bp: BasisPoints,
    /// What a point less would cost: the same unless the program is degenerate. Absent where there can be no less.
    pub tighter_bp: Option<BasisPoints>,
}

/// What trading a little more of an asset would do, in basis points of net asset value for each point of weight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Margin {
    /// Which way: on from its order, or towards its reference weight where it has none.
    pub side: Side,
    /// What it would be worth by itself: tilt, tracking, idle cash and cost.
    pub gain_bp: BasisPoints,
    /// What it would take of limits at their prices, by name; below zero where it gives a limit room. What the gain has
    /// over all of it, the asset's own limits hold back.
    pub takes_bp: BTreeMap<String, BasisPoints>,
}

/// All of one plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AtTheMargin {
    /// In the order of the program; those with a price.
    pub limits: Vec<ShadowPrice>,
    /// Absent: nothing of it may be traded that way.
    pub assets: BTreeMap<AssetId, Margin>,
    /// For each limit that gave way, what could have done so instead.
    pub instead: BTreeMap<String, Vec<Instead>>,
}

/// Prices a plan's limits and assets; nothing for a plan that no program was solved for.
///
/// # Errors
/// When the input is not one that a plan can be made from.
pub fn at_the_margin(input: &PlanningInput, plan: &RebalancePlan) -> Result<AtTheMargin, PlanError> {
    if plan.multipliers.is_none() {
        return Ok(AtTheMargin::default());
    }
    let survey = survey(input)?;
    let program = Program::formulate(input, &survey.portfolio, &survey.limits, survey.changes);
    let traded = traded(&program, plan);
    let exact = program.exact(&traded, &[]);
    let decided = exact.decided(&program, &traded);
    let instead = keeping::instead(&program, &decided, &traded.given)?;
    Ok(AtTheMargin { instead, ..priced(&program, &exact, decided.dual(), plan) })
}

/// Limits and assets at the best multipliers: nothing has a price where none were found.
fn priced(program: &Program<'_>, exact: &Exact, mut dual: Dual, plan: &RebalancePlan) -> AtTheMargin {
    let Ok(prices) = dual.search() else { return AtTheMargin::default() };
    let limits = limits(program, &dual, &prices);
    let margin = |(index, line): (usize, &Line<'_>)| {
        Some((line.asset.clone(), margin(program, exact, &prices, index, line, plan)?))
    };
    let assets = program.portfolio.lines.iter().enumerate().filter_map(margin).collect();
    AtTheMargin { limits, assets, instead: BTreeMap::new() }
}

/// The plan's orders and relaxations in the program's terms.
fn traded(program: &Program<'_>, plan: &RebalancePlan) -> Allocation {
    let mut allocation = Allocation { given: program.nothing_given(), ..Allocation::default() };
    for (given, row) in allocation.given.iter_mut().zip(&program.limits.rows) {
        let found = plan.relaxations.iter().find(|relaxation| relaxation.limit == row.name);
        *given = found.map_or(Decimal::ZERO, |relaxation| relaxation.amount.get());
    }
    for (index, line) in program.portfolio.lines.iter().enumerate() {
        for order in plan.orders.iter().filter(|order| order.asset == *line.asset) {
            let side = if order.side == Side::Buy { &mut allocation.buys } else { &mut allocation.sells };
            let weight = order.notional.fraction_of(program.portfolio.net_asset_value).get();
            *side.entry(index).or_default() += weight;
        }
    }
    allocation
}

fn limits(program: &Program<'_>, dual: &Dual, prices: &[Decimal]) -> Vec<ShadowPrice> {
    // The slope on the side that the bound is moved to; none where nothing is left there.
    let slope = |index: usize, by: Decimal| match dual.moved(index, by).search() {
        Ok(moved) => Some(moved.get(index).copied()),
        Err(Ending::Infeasible) => Some(None),
        Err(_) => None,
    };
    let stated = |(index, (row, price)): (usize, (&LimitRow, &Decimal))| {
        let tighter = slope(index, -STEP)?;
        let looser = if price.is_zero() { Decimal::ZERO } else { slope(index, STEP)?? };
        let looser = tighter.map_or(looser, |tighter| looser.min(tighter));
        let (looser_bp, tighter_bp) = (per_point(looser)?, tighter.map(per_point));
        let free = looser_bp.is_zero() && tighter_bp == Some(Some(BasisPoints::ZERO));
        (!free).then(|| ShadowPrice { limit: row.name.clone(), looser_bp, tighter_bp: tighter_bp.flatten() })
    };
    program.limits.rows.iter().zip(prices).enumerate().filter_map(stated).collect()
}

fn per_point(multiplier: Decimal) -> Option<BasisPoints> {
    BasisPoints::new((multiplier * PER_POINT).round_dp(DECIMALS).normalize()).ok()
}

fn margin(
    program: &Program<'_>,
    exact: &Exact,
    prices: &[Decimal],
    index: usize,
    line: &Line<'_>,
    plan: &RebalancePlan,
) -> Option<Margin> {
    let order = plan.orders.iter().find(|order| order.asset == *line.asset);
    let towards = if line.weight > line.reference { Side::Sell } else { Side::Buy };
    let side = order.map_or(towards, |order| order.side);
    let next = exact.next_piece(index, side)?;
    let mut takes_bp = BTreeMap::new();
    for (row, price) in program.limits.rows.iter().zip(prices) {
        let taken = per_point(row.kind.coefficient(program.portfolio, next) * *price)?;
        if !taken.is_zero() {
            takes_bp.insert(row.name.clone(), taken);
        }
    }
    let bought = |worth: Decimal| if side == Side::Buy { worth } else { -worth };
    // A buy uses up idle cash, and a sale adds to it.
    let idle = prices.get(program.limits.rows.len()).copied().filter(|_| exact.has_idle_cash(program));
    let (of_objective, of_limit) = tail(program, exact, prices, index);
    let limited = per_point(bought(of_limit))?;
    if !limited.is_zero() {
        takes_bp.insert("risk".to_owned(), limited);
    }
    let gain = next.reward + bought(idle.unwrap_or_default() - of_objective);
    Some(Margin { side, gain_bp: per_point(gain)?, takes_bp })
}

/// What a unit of weight costs by its part in the tail: of the objective, and of the limit's room at its price.
fn tail(program: &Program<'_>, exact: &Exact, prices: &[Decimal], line: usize) -> (Decimal, Decimal) {
    let Some(risk) = &program.limits.risk else { return (Decimal::ZERO, Decimal::ZERO) };
    let row = program.limits.rows.iter().position(|row| row.kind == RowKind::Risk);
    let limit = row.and_then(|row| prices.get(row)).copied().unwrap_or_default();
    let paid = program.tail_prices(exact.of_planes(prices)).paid_by(line);
    let all = limit + risk.aversion;
    let limited = (paid * limit).checked_div(all).unwrap_or_default();
    (paid - limited, limited)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planning::plan;
    use crate::planning::sample::{input, policy};

    #[test]
    fn nothing_is_priced_where_no_multipliers_are_found() {
        let input = input(policy(|_| {}), &["600", "300", "100"], &[], "10000");
        let (plan, survey) = (plan(&input).expect("a plan"), survey(&input).expect("a survey"));
        let program = Program::formulate(&input, &survey.portfolio, &survey.limits, survey.changes);
        let exact = program.exact(&traded(&program, &plan), &[]);
        assert!(!priced(&program, &exact, exact.dual(), &plan).assets.is_empty());
        let broken = exact.dual().moved(0, -Decimal::TEN);
        assert_eq!(priced(&program, &exact, broken, &plan), AtTheMargin::default());
    }
}
