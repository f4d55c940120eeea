//! Attempts: what is signed before an order leaves, what follows from the venue's answer, and when another may follow.
//! Pure.

use jiff::Timestamp;
use uuid::Uuid;

use super::request;
use crate::model::Order;
use crate::planning::idempotency::NAMESPACE;
use crate::ports::OrderState;
use crate::ports::store::{Attempt, OrderItem, RunItem};
use crate::ports::venue::{Duplicates, PlaceError, Promise, VenueOrder};

/// The first attempt, or the one after `last`, signed now by the owner of `run`. Deadlines never go back: by the last of
/// them every request of the order has arrived or never will, whatever the clocks of the workers that signed them.
#[must_use]
pub fn next(
    run: &RunItem,
    order: &Order,
    last: Option<&Attempt>,
    promise: Promise,
    send_window_ms: u64,
    now: Timestamp,
) -> Attempt {
    let number = last.map_or(0, |last| last.number).saturating_add(1);
    let longest = promise.late_requests.map_or(u64::MAX, |late| late.longest_window_ms);
    let deadline = request::after(now, send_window_ms.min(longest)).min(order.valid_until);
    let deadline = last.map_or(deadline, |last| last.deadline.max(deadline));
    let name = format!("attempt/1 {} {} {} {number}", run.claim_token, run.epoch, order.key);
    Attempt { id: Uuid::new_v5(&NAMESPACE, name.as_bytes()), number, signed_at: now, deadline }
}

/// What follows from the venue's answer to an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It was taken; what the venue shows of it comes next.
    Taken { venue_order_id: String },
    /// The order is in this state now, for this reason.
    Moved(OrderState, String),
}

/// Judges the answer to the attempt of this number.
///
/// Only a first attempt can be Rejected: what refuses a later one says nothing of the request before it, which may
/// still be on its way. A duplicate id is no refusal either: an order is there.
#[must_use]
pub fn answered(number: u32, answer: Result<VenueOrder, PlaceError>) -> Answer {
    match answer {
        Ok(placed) => Answer::Taken { venue_order_id: placed.venue_order_id },
        Err(PlaceError::Refused(reason)) if number > 1 => {
            let note = format!("attempt {number} was refused, an earlier one may arrive: {reason}");
            Answer::Moved(OrderState::Unknown, note)
        }
        Err(PlaceError::Refused(reason)) => Answer::Moved(OrderState::Rejected, reason),
        Err(known @ PlaceError::DuplicateId(_)) => Answer::Moved(OrderState::Unknown, known.to_string()),
        Err(PlaceError::Unclear(cause)) => Answer::Moved(OrderState::Unknown, cause),
    }
}

/// Whether a further attempt under the same key may follow at all: only where the venue replays, only of a run that
/// nothing has stopped, and no more than `most` in all. Gate and cash are asked besides.
#[must_use]
pub fn may_follow(run: &RunItem, item: &OrderItem, promise: Promise, most: u32) -> bool {
    let attempts = item.attempt.as_ref().map_or(0, |attempt| attempt.number);
    promise.duplicates == Duplicates::Replayed && run.reason.is_empty() && attempts < most
}
