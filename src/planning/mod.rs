//! Planning: a pure function from [`PlanningInput`] to a verified, keyed plan.
//!
//! [`plan`] reads top to bottom like the process itself: value the account, select the universe, decide the regime,
//! set reference weights, lay out the portfolio and its limits, ask whether anything needs to be done, solve, round,
//! key, explain, verify. No I/O, no clock, no environment, no randomness: the same input gives the same bytes.

pub mod idempotency;
pub mod plan;
pub mod slicing;
pub mod units;
pub mod verification;

mod allocation;
mod assembly;
mod constraints;
mod drift_band;
mod error;
mod explanation;
mod portfolio;
mod program;
mod reference_weights;
mod regime;
mod rounding;
mod solver;
pub(crate) mod universe;
mod valuation;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

pub use error::{Conflict, PlanError, Repair};
pub use plan::RebalancePlan;
pub use solver::{BACKEND, BACKEND_VERSION, SolverFault};

use crate::model::{Decimal, Flow, Money, PlanningInput, PortfolioState};

use allocation::Decided;
use drift_band::Changes;
use idempotency::digest_of;
use plan::{Outcome, ReasonCode};

/// Makes the plan.
///
/// # Errors
/// When nothing is eligible, the hard limits conflict, the solver fails, or the finished plan does not pass its own
/// independent verification. No plan is returned then, and none of its orders exist.
pub fn plan(input: &PlanningInput) -> Result<RebalancePlan, PlanError> {
    let net_asset_value = valuation::net_asset_value(input)?;
    let universe = universe::select_universe(input);
    refuse_empty(input, &universe)?;
    let decision = regime::decide_regime(input, &universe);
    let current = if net_asset_value > Money::ZERO {
        portfolio::current_weights(input, net_asset_value)
    } else {
        std::collections::BTreeMap::new()
    };
    let references =
        reference_weights::reference_weights(input, &universe, &decision.regime, &current, net_asset_value);
    // An account that holds nothing has no weights; it is laid out against one unit of money and left alone.
    let scale = if net_asset_value > Money::ZERO { net_asset_value } else { one() };
    let portfolio = portfolio::lay_out(input, scale, &universe, &decision.regime, &references);
    let limits = constraints::limits(input, &portfolio, &decision.regime);
    let policy_digest = digest_of(&input.policy);
    let changes = Changes {
        membership: universe.member_set() != input.state.members,
        regime: decision.regime.changed,
        // A case's opening state does not know the policy of the run before: unknown is not changed.
        policy: input.state.policy_digest.as_ref().is_some_and(|before| *before != policy_digest),
    };
    let decided = if net_asset_value <= Money::ZERO {
        Decided::idle(Outcome::NothingToTrade("the account holds nothing".to_owned()), ReasonCode::OnTarget)
    } else if drift_band::in_band(input, &portfolio, &limits, changes) {
        Decided::idle(Outcome::InBand, ReasonCode::InBand)
    } else {
        allocation::allocate(input, &portfolio, &limits, changes)?
    };
    let next_state = PortfolioState {
        members: universe.member_set(),
        bearish: Some(decision.regime.bearish),
        regime_observations: decision.observations.clone(),
        policy_digest: Some(policy_digest.clone()),
        last_prices: input.assets.iter().map(|(asset, record)| (asset.clone(), record.price)).collect(),
        last_signals: input
            .assets
            .iter()
            .filter_map(|(asset, record)| Some((asset.clone(), record.grades.signal?.value)))
            .collect(),
    };
    let parts = assembly::Parts {
        input,
        net_asset_value,
        universe: &universe,
        regime: decision.regime,
        portfolio: &portfolio,
        limits: &limits,
        decided: &decided,
        policy_digest,
        next_state,
    };
    let mut plan = assembly::assemble(parts);
    plan.certificate = verification::verify(input, &plan).map_err(PlanError::Verification)?;
    Ok(plan)
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
    let mut counts: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    for exclusion in &universe.exclusions {
        *counts.entry(exclusion.why.as_str()).or_default() += 1;
    }
    let commonest = counts.into_iter().max_by_key(|(_, count)| *count).map_or("there are none", |(why, _)| why);
    Err(PlanError::EmptyUniverse { candidates: universe.exclusions.len(), commonest: commonest.to_owned() })
}
