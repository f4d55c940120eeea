//! Settlement: what became of an order that was sent, or may have been.
//!
//! Only an explicit refusal is Rejected. Whatever is unclear is Unknown, and stays so until the venue's own answer,
//! or its promise about late requests, says otherwise.

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::audit;
use super::request::{self, ExecutionError, Ports};
use super::transition::{IllegalTransition, order_is_terminal, order_is_unclear, order_transition};
use crate::model::{Money, Order, Price, Quantity};
use crate::ports::capability::client_order_id;
use crate::ports::store::{OrderItem, RunItem, Written};
use crate::ports::venue::{Duplicates, Fill, Promise, Sought, VenueOrder, VenueOrderStatus};
use crate::ports::{Clock, OrderState, RunStore, Venue};

/// What the venue answered about an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    Found {
        order: VenueOrder,
        fills: Vec<Fill>,
    },
    /// The venue knows neither the order nor a fill of it.
    Absent,
    Unanswered(String),
}

/// What follows from a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The venue's order is ours: take its state over.
    Adopt(Adoption),
    /// Nothing can be concluded yet; the sentence says why.
    Wait(String),
    /// Absent at a venue that replays: send the same key again, as a new attempt.
    Resend,
    /// Absent for longer than a request can be late: nothing was placed and nothing will be.
    NotPlaced(String),
    /// What was found is not what was sent.
    Halt(String),
}

/// The state to take over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adoption {
    pub state: OrderState,
    pub venue_order_id: String,
    pub filled_quantity: Quantity,
    pub average_price: Option<Price>,
    pub fee: Money,
    /// Why the venue rejected it, where it did.
    pub refusal: Option<String>,
}

/// Judges a finding about an order that is not terminal. Pure.
///
/// `asked_at`: when the question was asked, not when it was answered: an order may arrive in between, and an absence
/// says nothing of what came after the question.
/// `may_resend`: the gate would let the order pass now, and attempts are left.
#[must_use]
pub fn judge(
    order: &Order,
    item: &OrderItem,
    finding: &Finding,
    promise: Promise,
    asked_at: Timestamp,
    may_resend: bool,
) -> Verdict {
    match finding {
        Finding::Found { order: found, fills } => judge_found(order, item, found, fills),
        Finding::Unanswered(cause) => Verdict::Wait(cause.clone()),
        Finding::Absent if item.venue_order_id.is_some() => {
            Verdict::Wait("the venue took the order and does not find it now".to_owned())
        }
        Finding::Absent => judge_absent(item, promise, asked_at, may_resend),
    }
}

/// Absence means something only where the venue bounds late requests, and only after deadline, skew and query lag.
fn judge_absent(item: &OrderItem, promise: Promise, asked_at: Timestamp, may_resend: bool) -> Verdict {
    if may_resend && promise.duplicates == Duplicates::Replayed {
        return Verdict::Resend;
    }
    let Some(certain) = certain_after(item, promise) else {
        let cause = "absent, and the venue does not bound late requests: a person must look at the venue";
        return Verdict::Wait(cause.to_owned());
    };
    if asked_at > certain {
        let cause = format!("in neither orders nor fills after {certain}, when no request could still arrive");
        return Verdict::NotPlaced(cause);
    }
    Verdict::Wait(format!("absent; a request may still arrive until {certain}"))
}

/// After this, what is absent was not placed and never will be. `None` where a venue does not bound late requests.
#[must_use]
pub fn certain_after(item: &OrderItem, promise: Promise) -> Option<Timestamp> {
    let (late, attempt) = promise.late_requests.zip(item.attempt.as_ref())?;
    Some(request::after(attempt.deadline, late.clock_skew_ms.saturating_add(late.query_lag_ms)))
}

fn judge_found(order: &Order, item: &OrderItem, found: &VenueOrder, fills: &[Fill]) -> Verdict {
    let same = found.client_order_id == client_order_id(&order.venue, order.key)
        && found.instrument == order.instrument
        && found.side == order.side
        && found.quantity == order.quantity;
    if !same {
        return Verdict::Halt(format!(
            "the venue's order {} is {} {} {}, planned was {} {} {}",
            found.venue_order_id,
            found.side,
            found.quantity,
            found.instrument,
            order.side,
            order.quantity,
            order.instrument
        ));
    }
    let filled: Quantity = fills.iter().map(|fill| fill.quantity).sum();
    if filled > order.quantity || found.filled_quantity > order.quantity {
        let more = filled.max(found.filled_quantity);
        return Verdict::Halt(format!("overfill: {more} of {} {}", order.quantity, order.instrument));
    }
    if filled < item.filled_quantity {
        // A copy of the venue that lags behind what was seen before.
        return Verdict::Wait(format!("the venue shows {filled} filled and showed {} before", item.filled_quantity));
    }
    if filled != found.filled_quantity {
        return Verdict::Wait(format!("the venue reports {} filled and shows {filled}", found.filled_quantity));
    }
    let state = match found.status {
        VenueOrderStatus::Filled if filled < order.quantity => {
            return Verdict::Halt(format!("reported as filled with {filled} of {}", order.quantity));
        }
        VenueOrderStatus::Filled => OrderState::Filled,
        VenueOrderStatus::Rejected if order_is_unclear(item.state) => OrderState::Rejected,
        // Once acknowledged, an order that is rejected is cancelled; that it was refused is kept beside it.
        VenueOrderStatus::Cancelled | VenueOrderStatus::Rejected => OrderState::Cancelled,
        VenueOrderStatus::PartiallyFilled => OrderState::PartiallyFilled,
        VenueOrderStatus::Open if item.state == OrderState::PartiallyFilled => OrderState::PartiallyFilled,
        VenueOrderStatus::Open => OrderState::Acknowledged,
    };
    Verdict::Adopt(Adoption {
        state,
        venue_order_id: found.venue_order_id.clone(),
        filled_quantity: filled,
        average_price: average_price(fills, filled),
        fee: fills.iter().map(|fill| fill.fee).sum(),
        refusal: (found.status == VenueOrderStatus::Rejected)
            .then(|| found.refusal.clone().unwrap_or_else(|| "the venue rejected it and gave no reason".to_owned())),
    })
}

/// Volume-weighted, to 20 significant digits.
fn average_price(fills: &[Fill], filled: Quantity) -> Option<Price> {
    if filled.is_zero() {
        return None;
    }
    let value: Decimal = fills.iter().map(|fill| fill.price.value_of(fill.quantity).get()).sum();
    let average = value / filled.get();
    Price::new(average.round_sf(20).unwrap_or(average)).ok()
}

/// The item in another state, or in the same with other details; its revision rises. Pure.
///
/// # Errors
/// When the table has no such move.
pub fn moved(
    item: &OrderItem,
    to: OrderState,
    now: Timestamp,
    purge_at_s: i64,
) -> Result<OrderItem, IllegalTransition> {
    let state = if item.state == to { to } else { order_transition(item.state, to)? };
    Ok(OrderItem {
        state,
        revision: item.revision.saturating_add(1),
        updated_at: now,
        expires_at_s: order_is_terminal(state).then_some(purge_at_s),
        ..item.clone()
    })
}

/// The item with the venue's state taken over. Pure.
///
/// # Errors
/// When the table has no such move.
pub fn adopted(
    item: &OrderItem,
    adoption: &Adoption,
    now: Timestamp,
    purge_at_s: i64,
) -> Result<OrderItem, IllegalTransition> {
    let moved = moved(item, adoption.state, now, purge_at_s)?;
    Ok(OrderItem {
        venue_order_id: Some(adoption.venue_order_id.clone()),
        filled_quantity: adoption.filled_quantity,
        average_price: adoption.average_price,
        fee: adoption.fee,
        note: adoption.refusal.clone().unwrap_or_default(),
        refused: adoption.refusal.is_some() && adoption.state == OrderState::Cancelled,
        ..moved
    })
}

/// The item as a verdict leaves it; `None` when that is as it was. Pure.
///
/// # Errors
/// When the table has no such move.
pub fn concluded(
    item: &OrderItem,
    verdict: Verdict,
    now: Timestamp,
    purge_at_s: i64,
) -> Result<Option<OrderItem>, IllegalTransition> {
    let after = match verdict {
        Verdict::Resend => return Ok(None),
        Verdict::Adopt(adoption) => {
            let after = adopted(item, &adoption, now, purge_at_s)?;
            let unchanged =
                OrderItem { revision: item.revision, updated_at: item.updated_at, ..after.clone() } == *item;
            return Ok((!unchanged).then_some(after));
        }
        Verdict::Wait(note) | Verdict::Halt(note) if note == item.note => return Ok(None),
        Verdict::Wait(note) | Verdict::Halt(note) => OrderItem { note, ..moved(item, item.state, now, purge_at_s)? },
        Verdict::NotPlaced(note) => OrderItem { note, ..moved(item, OrderState::NotPlaced, now, purge_at_s)? },
    };
    Ok(Some(after))
}

/// Asks the venue for the order, then for its fills.
pub(super) async fn look_up<V: Venue>(venue: &V, order: &Order) -> Finding {
    let sought = Sought {
        client_order_id: client_order_id(&order.venue, order.key),
        venue_account: order.venue_account.clone(),
        instrument: order.instrument.clone(),
    };
    let found = match venue.find_order(&sought).await {
        Ok(found) => found,
        Err(error) => return Finding::Unanswered(error.to_string()),
    };
    match (found, venue.fills(&sought).await) {
        (_, Err(error)) => Finding::Unanswered(error.to_string()),
        (Some(order), Ok(fills)) => Finding::Found { order, fills },
        (None, Ok(fills)) if fills.is_empty() => Finding::Absent,
        (None, Ok(fills)) => Finding::Unanswered(format!("{} fills of an order that is not found", fills.len())),
    }
}

/// Writes a new version of an order's item. When somebody else has moved it meanwhile, theirs counts.
///
/// Two workers may settle the same order: one thought dead thaws while its successor is at work. Both read the same
/// revision, one write wins, the other finds a higher revision and takes it over.
pub(super) async fn write_order<S: RunStore, V, C>(
    ports: &Ports<'_, S, V, C>,
    run: &RunItem,
    before: &OrderItem,
    after: OrderItem,
) -> Result<OrderItem, ExecutionError> {
    write_order_by(ports, run, before, after, None).await
}

/// Writes a further attempt, which only the run's owner may make. `None` when this worker is the owner no more and
/// nobody else has moved the order either.
pub(super) async fn write_attempt<S: RunStore, V, C>(
    ports: &Ports<'_, S, V, C>,
    run: &RunItem,
    before: &OrderItem,
    after: OrderItem,
) -> Result<Option<OrderItem>, ExecutionError> {
    let (after, entry) = audit::of_order(run, Some(before), after, None);
    match ports.store.update_order(Some(run), before, &after, &entry).await? {
        Written::Done => Ok(Some(after)),
        Written::Refused => {
            let stored = stored_instead(ports.store, run, before).await?;
            Ok((stored.revision != before.revision).then_some(stored))
        }
    }
}

/// The same on a person's word.
pub(super) async fn write_order_by<S: RunStore, V, C>(
    ports: &Ports<'_, S, V, C>,
    run: &RunItem,
    before: &OrderItem,
    after: OrderItem,
    operator: Option<&str>,
) -> Result<OrderItem, ExecutionError> {
    let (after, entry) = audit::of_order(run, Some(before), after, operator);
    match ports.store.update_order(None, before, &after, &entry).await? {
        Written::Done => Ok(after),
        Written::Refused => stored_instead(ports.store, run, before).await,
    }
}

/// After a refused write: what is stored now.
async fn stored_instead<S: RunStore>(
    store: &S,
    run: &RunItem,
    before: &OrderItem,
) -> Result<OrderItem, ExecutionError> {
    let stored = store.load_order(run.run_id, before.key).await?;
    let halted = |cause| ExecutionError::Halted { run_id: run.run_id, cause };
    let stored = stored.ok_or_else(|| halted(format!("the item of order {} is gone", before.key)))?;
    if stored.payload_digest != before.payload_digest {
        return Err(halted(other_digest(before.key, &stored, &before.payload_digest)));
    }
    Ok(stored)
}

/// Why an order is never to be touched: the same key with another payload.
#[must_use]
pub fn other_digest(key: uuid::Uuid, stored: &OrderItem, planned: &str) -> String {
    format!("order {key} is stored with the payload digest {} and planned with {planned}", stored.payload_digest)
}

/// Takes over what the venue says, or notes why nothing is known. A [`Verdict::Resend`] changes nothing here; a
/// [`Verdict::Halt`] is noted, and the caller halts.
pub(super) async fn apply<S: RunStore, V: Venue, C: Clock>(
    ports: &Ports<'_, S, V, C>,
    run: &RunItem,
    item: &OrderItem,
    verdict: Verdict,
) -> Result<OrderItem, ExecutionError> {
    let (now, purge_at_s) = (ports.clock.now(), request::purge_time_of_order(ports.clock.now(), ports.settings));
    match concluded(item, verdict, now, purge_at_s)? {
        Some(after) => write_order(ports, run, item, after).await,
        None => Ok(item.clone()),
    }
}
