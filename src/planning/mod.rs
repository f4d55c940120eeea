//! Planning: a pure function from [`PlanningInput`] to a verified, keyed plan.
//!
//! [`plan()`] reads top to bottom like the process itself: value the account, select the universe, decide the regime,
//! set reference weights, lay out the portfolio and its limits, ask whether anything needs to be done, solve, round,
//! key, explain, verify. No I/O, no clock, no environment, no randomness: the same input gives the same bytes.

pub mod idempotency;
pub mod plan;
pub mod verification;

mod allocation;
mod assembly;
mod candidate;
pub(crate) mod closes;
mod conflict;
mod constraints;
mod curve;
mod drift_band;
mod dual;
mod error;
mod explanation;
mod integers;
mod keeping;
mod optimality;
mod places;
mod portfolio;
mod program;
pub(crate) mod reference_weights;
mod regime;
mod rounding;
mod shadow_prices;
mod slacks;
mod solver;
mod tail_risk;
mod tracking;
pub(crate) mod universe;
pub(crate) mod valuation;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

pub use error::{BestOrders, Conflict, PlanError, Repair};
pub use keeping::Instead;
pub use plan::RebalancePlan;
pub use shadow_prices::{AtTheMargin, Margin, ShadowPrice, at_the_margin};
pub use solver::{AtMostRow, BoxedColumn, SolverFault, has_backend};
pub use tail_risk::Fund;

use std::collections::BTreeSet;

use crate::model::{AssetId, Decimal, Flow, Money, PlanningInput, Side};
use crate::solver::Backend;

pub(crate) use assembly::Intent;
pub(crate) use valuation::MAX_NET_ASSET_VALUE;

use allocation::Decided;
use constraints::Limits;
use drift_band::Changes;
use idempotency::{InputDigests, digest_of, policy_digest};
use plan::{Outcome, ReasonCode};
use portfolio::Portfolio;
use reference_weights::References;
use regime::RegimeDecision;
use solver::Verdict;
use universe::Universe;

/// Makes the plan.
///
/// # Errors
/// When nothing is eligible, the hard limits conflict, the orders are more than the policy allows, the solver fails, or
/// the finished plan does not pass its own independent verification. No plan is returned then, and none of its orders exist.
pub fn plan(input: &PlanningInput) -> Result<RebalancePlan, PlanError> {
    plan_telling(input, |_| {})
}

/// The same, and tells what is decided as soon as it is, before it is proved: who plans day after day may go on with it
/// while the plan is still being made. It is no plan, and nothing but simulation may follow from it.
pub(crate) fn plan_telling(input: &PlanningInput, tell: impl FnOnce(&Intent<'_>)) -> Result<RebalancePlan, PlanError> {
    let survey = survey(input)?;
    let (decided, solved) = if survey.net_asset_value <= Money::ZERO {
        (Decided::idle(Outcome::NothingToTrade("the account holds nothing".to_owned()), ReasonCode::OnTarget), None)
    } else if drift_band::in_band(input, &survey.portfolio, &survey.limits, survey.changes) {
        (Decided::idle(Outcome::InBand, ReasonCode::InBand), None)
    } else {
        let (decided, solved) = allocation::allocate(input, &survey.portfolio, &survey.limits, survey.changes)?;
        (decided, Some(solved))
    };
    let (orders, most) = (decided.rounded.trades.len(), input.policy.orders.max_orders);
    if u32::try_from(orders).is_ok_and(|orders| orders > most) {
        return Err(PlanError::TooManyOrders { orders, most });
    }
    tell(&Intent { input, survey: &survey, decided: &decided });
    let prices = solved.map(|solved| solved.multipliers());
    let digests = InputDigests { input: digest_of(input), policy: survey.policy_digest.clone() };
    let plan = assembly::assemble(input, &digests, survey, &decided, prices.as_ref());
    certified(input, &digests, plan)
}

/// The plan with its certificate; a plan that breaks a limit does not leave.
fn certified(
    input: &PlanningInput,
    digests: &InputDigests,
    mut plan: RebalancePlan,
) -> Result<RebalancePlan, PlanError> {
    plan.certificate = verification::verify_for(input, digests, &plan).map_err(PlanError::Verification)?;
    Ok(plan)
}

/// Everything that is known before anything is decided about trades.
#[derive(Debug)]
pub(crate) struct Survey<'a> {
    pub(crate) net_asset_value: Money,
    pub(crate) universe: Universe,
    pub(crate) regime: RegimeDecision,
    pub(crate) portfolio: Portfolio<'a>,
    pub(crate) limits: Limits,
    pub(crate) policy_digest: String,
    pub(crate) changes: Changes,
}

fn survey(input: &PlanningInput) -> Result<Survey<'_>, PlanError> {
    let net_asset_value = valuation::net_asset_value(input)?;
    // An account that holds nothing has no weights; it is laid out against one unit of money and left alone.
    let scale = if net_asset_value > Money::ZERO { net_asset_value } else { one() };
    let universe = universe::select_universe(input);
    refuse_empty(input, &universe)?;
    let regime = regime::decide_regime(input, &universe);
    let current = portfolio::current_weights(input, scale);
    let weighed = |places: Option<&BTreeSet<AssetId>>| {
        let among = (&universe, places);
        reference_weights::reference_weights(input, among, &regime.regime, &current, net_asset_value)
    };
    let lay_out = |references: References| portfolio::lay_out(input, scale, &universe, &regime.regime, &references);
    let mut portfolio = lay_out(weighed(None));
    // Who has a place hangs on what can be traded, and reference weights on who has one.
    if let Some(places) = places::places(input, &portfolio, &universe) {
        portfolio = lay_out(weighed(Some(&places)));
        portfolio.with_places(&places);
    }
    let limits = constraints::limits(input, &portfolio, &regime.regime);
    let policy_digest = policy_digest(&input.policy);
    let changes = Changes {
        membership: universe.member_set() != input.state.members,
        regime: regime.regime.changed,
        // A case's opening state does not know the policy of the run before: unknown is not changed.
        policy: input.state.policy_digest.as_ref().is_some_and(|before| *before != policy_digest),
    };
    Ok(Survey { net_asset_value, universe, regime, portfolio, limits, policy_digest, changes })
}

/// The program that [`plan()`] solves first, as plain numbers: for comparing solvers.
///
/// # Errors
/// As [`plan()`], as far as it goes.
pub fn segment_program(input: &PlanningInput) -> Result<SegmentProgram, PlanError> {
    let survey = survey(input)?;
    let program = program::Program::formulate(input, &survey.portfolio, &survey.limits, survey.changes);
    Ok(program.as_numbers()?)
}

/// What such a program's optimum is worth, solved the way planning solves it; absent where it has no solution.
///
/// # Errors
/// When a row names a column that the program does not have, or the solver fails.
pub fn optimum(program: &SegmentProgram) -> Result<Option<Decimal>, SolverFault> {
    match solver::maximise_on(Backend::default(), &program.columns, &program.rows)? {
        Verdict::Optimal { objective, .. } => Ok(Some(objective)),
        Verdict::Infeasible => Ok(None),
    }
}

/// Maximise `Σ reward · x` over `0 ≤ x ≤ upper` with every row `Σ coefficient · x ≤ bound`; all in fractions of net
/// asset value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentProgram {
    pub columns: Vec<BoxedColumn>,
    pub rows: Vec<AtMostRow>,
    /// What the first columns trade, one by one. Behind them comes the measure of tail risk where the policy has one, then
    /// idle cash where it tracks.
    pub trades: Vec<(AssetId, Side)>,
}

fn one() -> Money {
    Money::new(Decimal::ONE).unwrap_or_default()
}

/// An empty universe is an error only where somebody has to buy: an account may still have to sell everything.
fn refuse_empty(input: &PlanningInput, universe: &universe::Universe) -> Result<(), PlanError> {
    let holds_any = input.account.holdings.values().any(|holding| !holding.total().is_zero());
    if !universe.members.is_empty() || (holds_any && input.flow != Flow::DepositOnly) {
        return Ok(());
    }
    let commonest = universe.commonest_breach().unwrap_or_else(|| "there are none".to_owned());
    Err(PlanError::EmptyUniverse { candidates: universe.exclusions.len(), commonest })
}
