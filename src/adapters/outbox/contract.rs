//! What may happen to an order of an outbox, by whom and until when. Pure.
//!
//! ```text
//! open ─▶ acknowledged ─▶ partially filled ─▶ filled
//!  │           │  └──────────────────────────▶ filled
//!  │           ├─▶ cancelled ◀── partially filled
//!  │           └─▶ rejected
//!  ├─▶ cancelled, rejected
//!  └─▶ expired
//! ```
//!
//! An order is executed by the one who acknowledged it, at its limit price or better, and not after its validity. What
//! an exchange did all the same is a fact, and a fact is recorded: by a person, who says why, and with that beside it
//! for ever. More than the order's quantity is never recorded: it is no part of the order, and belongs into the
//! account's next statement.
//!
//! Whatever is repeated changes nothing: the same acknowledgement, the fill of the same id, the same end by the same
//! hand.

use jiff::{SignedDuration, Timestamp};

use crate::model::{Money, Price, Quantity, Side};
use crate::ports::outbox::{
    Acknowledgement, Closing, MOST_FILLS, OutboxFill, OutboxOrder, OutboxState, RETENTION_DAYS,
};

/// How far an exchange's clock may be ahead of the one who reports what it did.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(2);

/// What is done to an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// From now on nobody else may execute it.
    Acknowledge,
    Fill(ReportedFill),
    /// What is left of it will not be executed.
    Cancel {
        why: String,
    },
    /// It was not taken, and nothing of it was executed.
    Reject {
        why: String,
    },
}

/// One execution, as it is reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedFill {
    pub fill_id: String,
    pub quantity: Quantity,
    pub price: Price,
    /// In quote currency, at least 0.
    pub fee: Money,
    /// Absent: as it is reported.
    pub executed_at: Option<Timestamp>,
}

/// Who does it, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    pub name: String,
    pub now: Timestamp,
    /// A person's reason to record a fact that breaks the rules: by another than the one who acknowledged, at a price
    /// beyond the limit, after the validity.
    pub force: Option<String>,
}

/// Why something is not recorded. Nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("it is {}, and nothing more can happen to it", words(*state))]
    Ended { state: OutboxState },
    #[error("it was valid until {valid_until}; nothing of it may be executed any more")]
    Overdue { valid_until: Timestamp },
    #[error("nobody has acknowledged it; acknowledge it first, so that nobody else executes it as well")]
    Unacknowledged,
    #[error("{by} has acknowledged it; a person may act in that name's place with --force")]
    Anothers { by: String },
    #[error("{filled} of it is filled, so it was taken; cancel what is left of it")]
    PartlyFilled { filled: Quantity },
    #[error("quantity 0 is no execution; report what was executed")]
    NothingFilled,
    #[error("fee {fee} is below 0; state what was paid, or 0")]
    NegativeFee { fee: Money },
    #[error("fill id {fill_id:?} is not valid; use 1 to 100 printable ASCII characters")]
    InvalidFillId { fill_id: String },
    #[error(
        "quantity {quantity} is more than the {remaining} that is left of it; what was executed beyond the order belongs into the account's next statement"
    )]
    Overfill { quantity: Quantity, remaining: Quantity },
    #[error(
        "price {price} is beyond the {side}'s limit {limit_price}; if that is what was paid, record it with --force"
    )]
    BeyondLimit { price: Price, side: Side, limit_price: Price },
    #[error(
        "executed_at {executed_at} is after its validity {valid_until}; if that is when it happened, record it with --force"
    )]
    ExecutedLate { executed_at: Timestamp, valid_until: Timestamp },
    #[error("executed_at {executed_at} is still to come at {now}; check the clocks")]
    ExecutedInFuture { executed_at: Timestamp, now: Timestamp },
    #[error("fill id {fill_id} is recorded with another quantity, price, fee or time; give this execution its own id")]
    FillIdTaken { fill_id: String },
    #[error("it has {MOST_FILLS} fills, which is the most; report several executions as one, at their average price")]
    TooManyFills,
}

fn words(state: OutboxState) -> String {
    state.as_str().replace('_', " ")
}

/// Whether an order may go from one state to another.
#[must_use]
pub const fn may_become(from: OutboxState, to: OutboxState) -> bool {
    use OutboxState::{Acknowledged, Cancelled, Expired, Filled, Open, PartiallyFilled, Rejected};
    match from {
        Open => matches!(to, Acknowledged | Cancelled | Rejected | Expired),
        Acknowledged => matches!(to, PartiallyFilled | Filled | Cancelled | Rejected),
        // A further fill, and it still is not full.
        PartiallyFilled => matches!(to, PartiallyFilled | Filled | Cancelled),
        Filled | Cancelled | Rejected | Expired => false,
    }
}

/// The order after an act; `None` when the act was recorded before.
///
/// # Errors
/// When the act is not allowed: on this order, to this actor, at this time.
pub fn carried(order: &OutboxOrder, act: &Act, actor: &Actor) -> Result<Option<OutboxOrder>, Refusal> {
    match act {
        Act::Acknowledge => acknowledged(order, actor),
        Act::Fill(fill) => filled(order, fill, actor),
        Act::Cancel { why } => closed(order, OutboxState::Cancelled, why, actor),
        Act::Reject { why } => closed(order, OutboxState::Rejected, why, actor),
    }
}

fn acknowledged(order: &OutboxOrder, actor: &Actor) -> Result<Option<OutboxOrder>, Refusal> {
    match &order.acknowledged {
        _ if order.state.is_terminal() => return Err(ended(order)),
        Some(own) if own.by == actor.name => return Ok(None),
        Some(other) => return Err(Refusal::Anothers { by: other.by.clone() }),
        None => {}
    }
    // Not even a person takes an order whose time is over: nothing of it has happened yet.
    if actor.now >= order.valid_until {
        return Err(Refusal::Overdue { valid_until: order.valid_until });
    }
    let after = moved(order, OutboxState::Acknowledged, actor.now)?;
    Ok(Some(OutboxOrder { acknowledged: Some(Acknowledgement { by: actor.name.clone(), at: actor.now }), ..after }))
}

fn filled(order: &OutboxOrder, fill: &ReportedFill, actor: &Actor) -> Result<Option<OutboxOrder>, Refusal> {
    if let Some(known) = order.fills.iter().find(|known| known.fill_id == fill.fill_id) {
        let taken = || Refusal::FillIdTaken { fill_id: fill.fill_id.clone() };
        return if is_the_same(known, fill) { Ok(None) } else { Err(taken()) };
    }
    if order.state.is_terminal() {
        return Err(ended(order));
    }
    let own = order.acknowledged.as_ref().ok_or(Refusal::Unacknowledged)?;
    check_figures(order, fill, actor.now)?;
    let executed_at = fill.executed_at.unwrap_or(actor.now);
    let irregular = may_act(own, actor).and_then(|()| keeps_to_the_order(order, fill.price, executed_at));
    if actor.force.is_none() {
        irregular.clone()?;
    }
    let filled_quantity = order.filled_quantity + fill.quantity;
    let is_full = filled_quantity == order.quantity;
    let state = if is_full { OutboxState::Filled } else { OutboxState::PartiallyFilled };
    let recorded = OutboxFill {
        fill_id: fill.fill_id.clone(),
        quantity: fill.quantity,
        price: fill.price,
        fee: fill.fee,
        executed_at,
        recorded_at: actor.now,
        by: actor.name.clone(),
        forced: actor.force.clone().filter(|_| irregular.is_err()),
    };
    let fills = order.fills.iter().cloned().chain([recorded]).collect();
    Ok(Some(OutboxOrder { filled_quantity, fills, ..moved(order, state, actor.now)? }))
}

fn is_the_same(known: &OutboxFill, fill: &ReportedFill) -> bool {
    (known.quantity, known.price, known.fee) == (fill.quantity, fill.price, fill.fee)
        && fill.executed_at.is_none_or(|at| at == known.executed_at)
}

/// What cannot be true of this order, whoever says so.
fn check_figures(order: &OutboxOrder, fill: &ReportedFill, now: Timestamp) -> Result<(), Refusal> {
    let printable = fill.fill_id.bytes().all(|byte| byte.is_ascii_graphic());
    if fill.fill_id.is_empty() || fill.fill_id.len() > 100 || !printable {
        let fill_id = fill.fill_id.chars().take(100).collect();
        return Err(Refusal::InvalidFillId { fill_id });
    }
    if fill.quantity.is_zero() {
        return Err(Refusal::NothingFilled);
    }
    if fill.fee < Money::ZERO {
        return Err(Refusal::NegativeFee { fee: fill.fee });
    }
    if fill.quantity > order.remaining() {
        return Err(Refusal::Overfill { quantity: fill.quantity, remaining: order.remaining() });
    }
    if let Some(executed_at) = fill.executed_at.filter(|at| at.duration_since(now) > CLOCK_SKEW) {
        return Err(Refusal::ExecutedInFuture { executed_at, now });
    }
    if order.fills.len() >= MOST_FILLS {
        return Err(Refusal::TooManyFills);
    }
    Ok(())
}

/// What an executor must keep to, and a person may say was not kept to.
fn keeps_to_the_order(order: &OutboxOrder, price: Price, executed_at: Timestamp) -> Result<(), Refusal> {
    let (side, limit_price, valid_until) = (order.side, order.limit_price, order.valid_until);
    let beyond = match side {
        Side::Buy => price > limit_price,
        Side::Sell => price < limit_price,
    };
    if beyond {
        return Err(Refusal::BeyondLimit { price, side, limit_price });
    }
    if executed_at > valid_until { Err(Refusal::ExecutedLate { executed_at, valid_until }) } else { Ok(()) }
}

fn may_act(own: &Acknowledgement, actor: &Actor) -> Result<(), Refusal> {
    if own.by == actor.name { Ok(()) } else { Err(Refusal::Anothers { by: own.by.clone() }) }
}

fn closed(order: &OutboxOrder, to: OutboxState, why: &str, actor: &Actor) -> Result<Option<OutboxOrder>, Refusal> {
    let is_own = |closing: &Closing| closing.by.as_deref() == Some(&actor.name) && closing.why == why;
    if order.state == to && order.closing.as_ref().is_some_and(is_own) {
        return Ok(None);
    }
    if order.state.is_terminal() {
        return Err(ended(order));
    }
    if let Some(own) = order.acknowledged.as_ref().filter(|_| actor.force.is_none()) {
        may_act(own, actor)?;
    }
    let after = moved(order, to, actor.now)?;
    let closing = Closing { by: Some(actor.name.clone()), at: actor.now, why: why.to_owned() };
    Ok(Some(OutboxOrder { closing: Some(closing), ..after }))
}

/// The order after its validity, where nobody took it; `None` for any other. One that somebody took is theirs to end:
/// what they executed in time may not be reported yet.
#[must_use]
pub fn expired(order: &OutboxOrder, now: Timestamp) -> Option<OutboxOrder> {
    if order.state != OutboxState::Open || now < order.valid_until {
        return None;
    }
    let after = moved(order, OutboxState::Expired, now).ok()?;
    let why = format!("nobody took it before {}", order.valid_until);
    Some(OutboxOrder { closing: Some(Closing { by: None, at: now, why }), ..after })
}

/// In another state; its revision rises, and what has ended may be purged in due time.
fn moved(order: &OutboxOrder, to: OutboxState, now: Timestamp) -> Result<OutboxOrder, Refusal> {
    if !may_become(order.state, to) {
        return Err(match order.state {
            OutboxState::PartiallyFilled => Refusal::PartlyFilled { filled: order.filled_quantity },
            _ => ended(order),
        });
    }
    let expires_at_s = to.is_terminal().then(|| now.as_second().saturating_add(i64::from(RETENTION_DAYS) * 86_400));
    Ok(OutboxOrder { state: to, revision: order.revision.saturating_add(1), expires_at_s, ..order.clone() })
}

fn ended(order: &OutboxOrder) -> Refusal {
    Refusal::Ended { state: order.state }
}
