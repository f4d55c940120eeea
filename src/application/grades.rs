//! Which grades a policy looks at, and how they are asked for.

use jiff::ToSpan as _;
use jiff::civil::Date;

use super::failure::Failure;
use crate::adapters::files::token_metrics::Endpoint;
use crate::adapters::token_metrics::{Query, Tokens, Version};
use crate::model::Policy;
use crate::model::policy::GradeKind;

/// The sets that the policy looks at: the grades it ranks or tilts by, and signals where it has a regime.
#[must_use]
pub fn wanted(policy: &Policy) -> Vec<Endpoint> {
    let mut wanted = Vec::new();
    if policy.uses_grades() {
        wanted.push(match policy.ranking.grade {
            GradeKind::Trader => Endpoint::TraderGrades,
            GradeKind::Investor => Endpoint::InvestorGrades,
        });
    }
    if policy.regime.is_some() {
        wanted.push(Endpoint::TradingSignals);
    }
    wanted
}

/// What has to be asked for these, each once: a later version tells several sets at one place.
#[must_use]
pub fn sources(wanted: &[Endpoint], version: Version) -> Vec<Endpoint> {
    let mut sources = Vec::new();
    for endpoint in wanted.iter().map(|endpoint| version.source_of(*endpoint)) {
        if !sources.contains(&endpoint) {
            sources.push(endpoint);
        }
    }
    sources
}

/// The key of the set under `[[days]]`.
#[must_use]
pub const fn set_name(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::TraderGrades => "trader_grades",
        Endpoint::InvestorGrades => "investor_grades",
        Endpoint::TradingSignals => "trading_signals",
    }
}

/// The day and the one before it: early in the day its own grades may not be made yet.
///
/// # Errors
/// When there is no day before.
pub fn query(endpoint: Endpoint, day: Date, tokens: Tokens) -> Result<Query, Failure> {
    let from = day
        .checked_sub(1.day())
        .map_err(|error| Failure::bad_input(format!("--day {day}: {error}"), "give a day of this century"))?;
    Ok(Query { endpoint, from, to: day, tokens })
}
