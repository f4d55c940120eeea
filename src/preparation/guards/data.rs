//! Guards on prices, dates and the account.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{age, candidates, in_hours, longer_than, named};
use crate::model::policy::Guards;
use crate::model::{AssetId, AssetRecord, Decimal, Flow, Money, PlanningInput, Price, PriceHistory};
use crate::planning::MAX_NET_ASSET_VALUE;
use crate::planning::universe::doubt_about;
use crate::ports::capability;
use crate::preparation::GuardViolation;
use crate::preparation::time::{day_of, start_of};

const PRICE_JUMP: &str = "max_price_jump";

/// Why a price cannot be traded on; the guard's name first.
fn price_fault(input: &PlanningInput, id: &AssetId, asset: &AssetRecord) -> Option<(&'static str, String)> {
    let Guards { max_price_age_hours, max_price_jump, confirmed_prices, .. } = &input.policy.guards;
    let old = age(input.as_of, asset.observed_at);
    if asset.observed_at > input.as_of {
        let value = format!("observed at {}, after the planning time {}", asset.observed_at, input.as_of);
        return Some(("price_from_the_future", value));
    }
    if longer_than(old, *max_price_age_hours) {
        let value = format!(
            "observed at {}, {} ago, and at most {max_price_age_hours} h are allowed",
            asset.observed_at,
            in_hours(old)
        );
        return Some(("max_price_age_hours", value));
    }
    let last = input.state.last_prices.get(id)?;
    let is_near = |known: &Price| !jumped(*known, asset.price, max_price_jump.get());
    let accepted = is_near(last) || confirmed_prices.get(id).is_some_and(is_near);
    (!accepted).then(|| {
        (
            PRICE_JUMP,
            format!(
                "{last} in the last run that saw it, {} now, and at most a factor {max_price_jump} either way is allowed",
                asset.price
            ),
        )
    })
}

/// Whether one price is further from the other than this factor, either way.
pub(in crate::preparation) fn jumped(last: Price, now: Price, factor: Decimal) -> bool {
    let most = last.get().checked_mul(factor);
    let reach = now.get().checked_mul(factor);
    most.is_some_and(|most| now.get() > most) || reach.is_some_and(|reach| reach < last.get())
}

/// Takes out candidates with an unsound price that nothing depends on.
pub(super) fn drop_unsound(input: &mut PlanningInput, watched: &BTreeSet<AssetId>) {
    let unsound: Vec<(AssetId, &'static str)> = input
        .assets
        .iter()
        .filter(|(id, _)| !watched.contains(*id))
        .filter_map(|(id, asset)| price_fault(input, id, asset).map(|(guard, _)| (id.clone(), guard)))
        .collect();
    let guards: BTreeSet<&str> = unsound.iter().map(|(_, guard)| *guard).collect();
    for guard in guards {
        let ids: Vec<&AssetId> = unsound.iter().filter(|(_, other)| *other == guard).map(|(id, _)| id).collect();
        let plural = if ids.len() == 1 { "" } else { "s" };
        let remedy = if guard == PRICE_JUMP { "; where the move is real, add guards.confirmed_prices" } else { "" };
        let names = named(ids.iter().copied());
        input.notices.push(format!("{guard}: {} candidate{plural} dropped: {names}{remedy}", ids.len()));
    }
    for (id, _) in &unsound {
        let _ = input.assets.remove(id);
    }
}

/// A member that is neither held nor priced any more leaves the index by itself; held, it would be a violation.
pub(super) fn note_vanished_members(input: &mut PlanningInput) {
    let gone = input
        .state
        .members
        .iter()
        .filter(|id| !input.assets.contains_key(*id) && !input.account.holdings.contains_key(*id));
    let notices = gone.map(|id| format!("the member {id} is neither priced nor held any more"));
    // Said once, of an input that has been here before.
    let notices: Vec<String> = notices.filter(|notice| !input.notices.contains(notice)).collect();
    input.notices.extend(notices);
}

/// Live orders go only to a venue of which something is promised, or with the operator's consent.
pub(super) fn check_consent(input: &PlanningInput, violations: &mut Vec<GuardViolation>) {
    let promise = capability::promised_live(&input.run.venue);
    if let Some(why) = capability::lacks_consent(&input.run, promise, &input.policy.orders) {
        violations.push(GuardViolation {
            guard: "no_consent".to_owned(),
            field: capability::CONSENT_FIELD.to_owned(),
            value: format!("false, and {why}"),
            remedy: capability::CONSENT_REMEDY.to_owned(),
        });
    }
}

pub(super) fn check_universe(input: &PlanningInput, violations: &mut Vec<GuardViolation>) {
    // The rules about grades are asked elsewhere: an unreadable grade must not look like an empty market.
    if candidates::leading(input, 1, false).is_empty() {
        let listed = input.assets.values().filter(|asset| asset.listing.is_some()).count();
        let priced = input.assets.len();
        violations.push(GuardViolation {
            guard: "empty_universe".to_owned(),
            field: "assets".to_owned(),
            value: format!("none of {priced} priced assets ({listed} listed) passes the policy's eligibility"),
            remedy: "check the market file, the venue rules, the quote currency and [eligibility]".to_owned(),
        });
    }
}

pub(super) fn check_prices(input: &PlanningInput, watched: &BTreeSet<AssetId>, violations: &mut Vec<GuardViolation>) {
    for (id, asset) in input.assets.iter().filter(|(id, _)| watched.contains(*id)) {
        if let Some((guard, value)) = price_fault(input, id, asset) {
            let (field, remedy) = match guard {
                PRICE_JUMP => (
                    "price",
                    "where the move is real, add guards.confirmed_prices; where the token was exchanged, [[migrations]]",
                ),
                "price_from_the_future" => ("observed_at", "check the clocks and the dates of the market data"),
                _ => ("observed_at", "fetch the market data again"),
            };
            violations.push(GuardViolation {
                guard: guard.to_owned(),
                field: format!("assets.{id}.{field}"),
                value,
                remedy: remedy.to_owned(),
            });
        }
    }
}

/// Where the policy reads daily closes there are some, and the newest is no older than a price may be.
pub(super) fn check_history(input: &PlanningInput, violations: &mut Vec<GuardViolation>) {
    let Some(days) = input.policy.history_days() else { return };
    let mut report = |guard: &str, value: String, remedy: &str| {
        let (guard, remedy) = (guard.to_owned(), remedy.to_owned());
        violations.push(GuardViolation { guard, field: "history".to_owned(), value, remedy });
    };
    let Some(newest) = input.history.as_ref().and_then(PriceHistory::newest) else {
        let value =
            format!("no daily close of before {}, and the policy reads those of {days} days", day_of(input.as_of));
        let remedy = "name a file of daily closes as `history` of the day in case.toml, or take [limits.risk], \
                      inverse_volatility and trailing_stop out of the policy";
        return report("missing_history", value, remedy);
    };
    let history = input.history.iter();
    if history.clone().any(|history| history.closes.values().any(|closes| closes.len() != history.days())) {
        let value = "the assets have closes of different numbers of days".to_owned();
        report("missing_history", value, "state a close or null for each asset and day from first_day on");
    }
    let last = history.map(|history| history.day(history.days().saturating_sub(1))).max().unwrap_or(newest);
    if last >= day_of(input.as_of) {
        let value = format!("it goes on to {last}, which is not over at the planning time {}", input.as_of);
        return report("history_from_the_future", value, "end with the day before");
    }
    let Ok(over) = newest.tomorrow().map_err(|error| error.to_string()).and_then(start_of) else { return };
    let (old, most) = (age(input.as_of, over), input.policy.guards.max_price_age_hours);
    if longer_than(old, most) {
        let value =
            format!("the newest daily close is of {newest}, {} ago, and at most {most} h are allowed", in_hours(old));
        report("max_price_age_hours", value, "fetch the daily closes again");
    }
}

/// The dates of what is watched, oldest and newest, each with its name.
///
/// An account counts when it is older than the rest: one that was read just now is no reason to call prices old, while
/// one of last week says nothing about what is held today.
pub(super) fn check_skew(input: &PlanningInput, watched: &BTreeSet<AssetId>, violations: &mut Vec<GuardViolation>) {
    let assets = || input.assets.iter().filter(|(id, _)| watched.contains(*id));
    let mut dates: Vec<(Timestamp, String)> =
        assets().map(|(id, asset)| (asset.observed_at, format!("the price of {id}"))).collect();
    if input.policy.uses_grades() {
        let newest =
            input.assets.values().filter_map(|asset| candidates::grade(input, asset)).map(|grade| grade.at).max();
        dates.extend(newest.map(|at| (at, "the newest grade".to_owned())));
    }
    if input.policy.regime.is_some() {
        let newest = input.assets.values().filter_map(|asset| asset.grades.signal).map(|signal| signal.at).max();
        dates.extend(newest.map(|at| (at, "the newest signal".to_owned())));
    }
    let is_oldest = dates.iter().all(|(at, _)| *at > input.account.observed_at);
    if is_oldest {
        let account = &input.run.venue_account;
        dates.push((input.account.observed_at, format!("the balance of account {account}")));
    }
    violations.extend(snapshot_skew(&dates, &input.policy.guards));
}

/// The violation where the oldest and the newest of these dates, each with what it is of, are further apart than
/// `max_snapshot_skew_hours`.
#[must_use]
pub fn snapshot_skew(dates: &[(Timestamp, String)], guards: &Guards) -> Option<GuardViolation> {
    let (oldest, newest) = (dates.iter().min()?, dates.iter().max()?);
    let skew = age(newest.0, oldest.0);
    let most = guards.max_snapshot_skew_hours;
    longer_than(skew, most).then(|| GuardViolation {
        guard: "max_snapshot_skew_hours".to_owned(),
        field: "observed_at".to_owned(),
        value: format!(
            "{} is of {} and {} of {}: {} apart, and at most {most} h are allowed",
            oldest.1,
            oldest.0,
            newest.1,
            newest.0,
            in_hours(skew)
        ),
        remedy: "fetch all sources for the same day".to_owned(),
    })
}

/// Before the first run nobody is a member, and what is no member is sold: not for a figure that is unknown. Less than the
/// policy's least trade is nobody's loss.
pub(super) fn check_unknown_holdings(input: &PlanningInput, violations: &mut Vec<GuardViolation>) {
    if !input.state.members.is_empty() {
        return;
    }
    let today = day_of(input.as_of);
    let is_leg = |id: &AssetId| input.policy.regime.as_ref().is_some_and(|regime| regime.stable_legs.contains(id));
    for (id, holding) in input.account.holdings.iter().filter(|(id, _)| !is_leg(id)) {
        let Some(record) = input.assets.get(id) else { continue };
        if record.price.value_of(holding.total()) < input.policy.orders.min_trade {
            continue;
        }
        let Some(what) = doubt_about(id, record, input, today) else { continue };
        let remedy = "load the figure; or name the asset in eligibility.excluded_assets, and it is sold, or in \
                      guards.unmanaged_assets, and it is left alone";
        violations.push(GuardViolation {
            guard: "unknown_figure".to_owned(),
            field: format!("assets.{id}"),
            value: format!("{what}, and it is held before the first run"),
            remedy: remedy.to_owned(),
        });
    }
}

pub(super) fn check_stable_legs(input: &PlanningInput, violations: &mut Vec<GuardViolation>) {
    let Some(regime) = &input.policy.regime else { return };
    for leg in &regime.stable_legs {
        let (field, value, remedy) = match input.assets.get(leg) {
            None => {
                ("price", "no price".to_owned(), "add the leg to the market data or remove it from regime.stable_legs")
            }
            Some(asset) => {
                let distance = (asset.price.get() - Decimal::ONE).abs();
                if distance <= regime.max_depeg.get() {
                    continue;
                }
                let value = format!(
                    "{} is {} from 1, and at most {} is allowed",
                    asset.price,
                    distance.normalize(),
                    regime.max_depeg
                );
                ("price", value, "choose another stable leg, or wait until the peg holds")
            }
        };
        violations.push(GuardViolation {
            guard: "max_depeg".to_owned(),
            field: format!("assets.{leg}.{field}"),
            value,
            remedy: remedy.to_owned(),
        });
    }
}

pub(super) fn check_account(input: &PlanningInput, violations: &mut Vec<GuardViolation>) {
    let mut report = |guard: &str, field: String, value: String, remedy: &str| {
        violations.push(GuardViolation { guard: guard.to_owned(), field, value, remedy: remedy.to_owned() });
    };
    let account = &input.account;
    for (field, cash) in [("cash_free", account.cash_free), ("cash_locked", account.cash_locked)] {
        if cash < Money::ZERO {
            let remedy = "repay what is owed first; margin is not supported";
            report("negative_cash", format!("account.{field}"), cash.to_string(), remedy);
        }
    }
    let mut value = account.cash_free.get().checked_add(account.cash_locked.get());
    for (id, holding) in &account.holdings {
        match input.assets.get(id) {
            None => report(
                "unpriced_holding",
                format!("account.holdings.{id}"),
                format!("{} units that no source prices", holding.total()),
                "add a price, or name the asset in guards.unmanaged_assets to value it at 0 and leave it alone",
            ),
            Some(asset) => {
                let units = holding.free.get().checked_add(holding.locked.get());
                let worth = units.and_then(|units| units.checked_mul(asset.price.get()));
                value = value.zip(worth).and_then(|(sum, worth)| sum.checked_add(worth));
            }
        }
    }
    // An amount beyond all there is would sell everything; more likely it has a digit too many.
    if let (Flow::Withdraw(amount), Some(value)) = (&input.flow, value)
        && amount.get() > value
    {
        let shown = format!("{amount}, and the account is worth {}", value.round_dp(2).normalize());
        report("withdrawal", "flow.withdraw".to_owned(), shown, "withdraw at most what the account is worth");
    }
    if value.is_none_or(|value| value > Decimal::from(MAX_NET_ASSET_VALUE)) {
        let shown = value.map_or_else(|| "out of range".to_owned(), |value| value.normalize().to_string());
        let value = format!("{shown}, and at most 1e15 is supported");
        report("max_net_asset_value", "account".to_owned(), value, "check prices and quantities");
    }
}
