//! Every sanity limit on data. All of them run, and all violations come back together.
//!
//! **Watched** assets are those that the plan could value or trade: what is held, the members, the stable legs, and
//! the best candidates down to `exit_rank`. Their data must be sound, or the run ends. An unsound candidate behind
//! them cannot enter the index on this day; it is dropped, and a notice names it.
//!
//! A single grade that is too old counts as missing; when the newest grade of all is too old, the source is stale
//! and the run ends.

mod candidates;
mod data;
mod grades;

pub(super) use data::jumped;
pub use data::snapshot_skew;
pub use grades::tells_of_stale_grades;

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{GuardViolation, PreparationError};
use crate::model::{AccountSnapshot, AssetId, PlanningInput};

/// Drops what is unsound behind the candidates, then refuses the input if any guard is violated.
///
/// # Errors
/// All violations together.
pub fn enforce(mut input: PlanningInput) -> Result<PlanningInput, PreparationError> {
    let mut violations = Vec::new();
    // Before stale grades are taken out, or the newest one could not be seen.
    grades::check_dates(&input, &mut violations);
    grades::drop_stale(&mut input);
    let watched = watched(&input);
    data::drop_unsound(&mut input, &watched);
    data::note_vanished_members(&mut input);
    data::check_consent(&input, &mut violations);
    data::check_universe(&input, &mut violations);
    data::check_prices(&input, &watched, &mut violations);
    data::check_history(&input, &mut violations);
    data::check_skew(&input, &watched, &mut violations);
    data::check_stable_legs(&input, &mut violations);
    data::check_account(&input, &mut violations);
    data::check_unknown_holdings(&input, &mut violations);
    grades::check_missing(&input, &mut violations);
    grades::check_zero(&input, &mut violations);
    grades::check_grade_flips(&input, &mut violations);
    grades::check_signal_flips(&input, &mut violations);
    if violations.is_empty() {
        return Ok(input);
    }
    violations.sort();
    violations.dedup();
    Err(PreparationError::Guarded(violations))
}

/// Refuses to plan on an account on which an earlier run's orders are not settled.
#[must_use]
pub fn unsettled(earlier_run: Option<&str>) -> Option<GuardViolation> {
    earlier_run.map(|run| GuardViolation {
        guard: "unsettled_run".to_owned(),
        field: "account".to_owned(),
        value: format!("orders of run {run} are not settled, so holdings are not known"),
        remedy: "settle that run first: invoke mode recover, or resolve its unknown orders by hand".to_owned(),
    })
}

/// Compares two readings of one account, the second taken after everything else was read.
#[must_use]
pub fn changed_while_reading(before: &AccountSnapshot, after: &AccountSnapshot) -> Vec<GuardViolation> {
    let violation = |field: String, before: String, after: String| GuardViolation {
        guard: "account_changed".to_owned(),
        field,
        value: format!("{before} at first, {after} when read again"),
        remedy: "run again when nobody else trades on this account".to_owned(),
    };
    let mut violations = Vec::new();
    for (field, before, after) in
        [("cash_free", before.cash_free, after.cash_free), ("cash_locked", before.cash_locked, after.cash_locked)]
    {
        if before != after {
            violations.push(violation(format!("account.{field}"), before.to_string(), after.to_string()));
        }
    }
    let assets: BTreeSet<&AssetId> = before.holdings.keys().chain(after.holdings.keys()).collect();
    for asset in assets {
        let read = |account: &AccountSnapshot| account.holdings.get(asset).copied().unwrap_or_default();
        let (first, second) = (read(before), read(after));
        if first != second {
            let show = |holding: crate::model::Holding| format!("{} free and {} locked", holding.free, holding.locked);
            violations.push(violation(format!("account.holdings.{asset}"), show(first), show(second)));
        }
    }
    violations
}

/// Everything whose data must be sound.
fn watched(input: &PlanningInput) -> BTreeSet<AssetId> {
    let mut watched: BTreeSet<AssetId> = input.account.holdings.keys().cloned().collect();
    watched.extend(input.state.members.iter().cloned());
    watched.extend(input.policy.regime.iter().flat_map(|regime| regime.stable_legs.iter().cloned()));
    let count = input.policy.ranking.exit_rank;
    watched.extend(candidates::leading(input, count, true).into_iter().map(|(id, _)| id.clone()));
    watched
}

fn age(as_of: Timestamp, then: Timestamp) -> SignedDuration {
    as_of.duration_since(then)
}

/// Longer than so many hours.
fn longer_than(duration: SignedDuration, hours: u32) -> bool {
    duration > SignedDuration::from_hours(i64::from(hours))
}

/// `30.5 h`.
fn in_hours(duration: SignedDuration) -> String {
    let minutes = duration.as_mins();
    let tenths = (minutes * 10) / 60;
    format!("{}.{} h", tenths / 10, (tenths % 10).abs())
}

/// `a, b, c and 7 more`.
fn named<'a>(ids: impl IntoIterator<Item = &'a AssetId>) -> String {
    let ids: Vec<&str> = ids.into_iter().map(AssetId::as_str).collect();
    let shown = ids.iter().take(8).copied().collect::<Vec<_>>().join(", ");
    if ids.len() > 8 { format!("{shown} and {} more", ids.len() - 8) } else { shown }
}
