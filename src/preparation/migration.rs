//! Token migrations: `from` was exchanged into `to`, so many units of `to` for each unit of `from`.
//!
//! Migrations are everyday events (LEND became AAVE at 100 to 1). Only an explicit entry explains one; without it
//! the jump in price ends the run.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;

use super::time::day_of;
use super::{BadInput, PreparationError};
use crate::model::{AccountSnapshot, AssetId, Holding, PortfolioState, Price, Quantity};

/// One exchange of a token into another.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Migration {
    pub from: AssetId,
    pub to: AssetId,
    /// Units of `to` for each unit of `from`.
    pub ratio: Quantity,
    /// The first day (UTC) on which holdings count as `to`.
    pub on: Date,
}

/// The migrations in force at a moment in the order in which chains resolve: earliest first, and of one day those that
/// turn something into a token before the one that turns this token into the next.
///
/// # Errors
/// When migrations of one day go round in a circle.
pub fn in_force(migrations: &[Migration], as_of: Timestamp) -> Result<Vec<&Migration>, BadInput> {
    let mut waiting: Vec<&Migration> = migrations.iter().filter(|migration| migration.on <= day_of(as_of)).collect();
    waiting.sort_by(|left, right| (left.on, &left.from).cmp(&(right.on, &right.from)));
    let mut ordered = Vec::with_capacity(waiting.len());
    while let Some(day) = waiting.first().map(|migration| migration.on) {
        let is_fed = |next: &Migration| waiting.iter().any(|other| other.on == day && other.to == next.from);
        let Some(free) = waiting.iter().position(|next| next.on == day && !is_fed(next)) else {
            return Err(circle(day, &waiting));
        };
        ordered.push(waiting.remove(free));
    }
    Ok(ordered)
}

fn circle(day: Date, waiting: &[&Migration]) -> BadInput {
    let names: Vec<&str> =
        waiting.iter().filter(|migration| migration.on == day).map(|migration| migration.from.as_str()).collect();
    let problem = format!("the migrations of {day} go round in a circle");
    let remedy = "correct from and to, or give the steps days of their own";
    BadInput::new("migration", "migrations".to_owned(), &names.join(", "), problem, remedy)
}

/// Turns what is held and remembered of `from` into `to`.
///
/// # Errors
/// When a quantity cannot be converted without losing a digit.
pub fn apply(
    migration: &Migration,
    account: &mut AccountSnapshot,
    state: &mut PortfolioState,
    notices: &mut Vec<String>,
) -> Result<(), PreparationError> {
    let Migration { from, to, ratio, on } = migration;
    if let Some(old) = account.holdings.remove(from) {
        let free = convert(migration, old.free)?;
        let locked = convert(migration, old.locked)?;
        let new = account.holdings.entry(to.clone()).or_default();
        *new = Holding { free: add(migration, new.free, free)?, locked: add(migration, new.locked, locked)? };
        notices.push(format!(
            "migration: {} {from} counted as {} {to} ({ratio} {to} for each {from} since {on})",
            old.total(),
            free + locked
        ));
    }
    if state.members.remove(from) {
        let _ = state.members.insert(to.clone());
        notices.push(format!("migration: the member {from} is now {to} (since {on})"));
    }
    if let Some(price) = state.last_prices.remove(from) {
        // One unit of `to` was worth 1/ratio units of `from`.
        let implied = price.get().checked_div(ratio.get()).and_then(|value| Price::new(value).ok());
        if let Some(implied) = implied {
            let _ = state.last_prices.entry(to.clone()).or_insert(implied);
        }
    }
    if let Some(signal) = state.last_signals.remove(from) {
        let _ = state.last_signals.entry(to.clone()).or_insert(signal);
    }
    for grades in state.last_grades.values_mut() {
        if let Some(grade) = grades.remove(from) {
            let _ = grades.entry(to.clone()).or_insert(grade);
        }
    }
    Ok(())
}

fn convert(migration: &Migration, quantity: Quantity) -> Result<Quantity, PreparationError> {
    let (units, ratio) = (quantity.get(), migration.ratio.get());
    // A product that keeps every digit has the two scales added; one that had to be rounded has fewer.
    let exact = units
        .checked_mul(ratio)
        .filter(|product| product.scale() == units.scale() + ratio.scale() || product.is_zero());
    exact.and_then(|product| Quantity::new(product).ok()).ok_or_else(|| inexact(migration, quantity))
}

fn add(migration: &Migration, left: Quantity, right: Quantity) -> Result<Quantity, PreparationError> {
    let sum =
        left.get().checked_add(right.get()).filter(|sum| sum.scale() >= left.get().scale().max(right.get().scale()));
    sum.and_then(|sum| Quantity::new(sum).ok()).ok_or_else(|| inexact(migration, right))
}

fn inexact(migration: &Migration, quantity: Quantity) -> PreparationError {
    let Migration { from, to, ratio, .. } = migration;
    BadInput::new(
        "migration",
        format!("holdings.{from}"),
        &quantity.to_string(),
        format!("it cannot become {to} at {ratio} without losing digits or passing 1e18"),
        "state the holding as the venue states it after the exchange, under the new asset",
    )
    .into()
}
