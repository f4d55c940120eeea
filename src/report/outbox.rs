//! Orders of outboxes, and what was done to one of them.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::published::{OutboxState, UtcTime};
use crate::model::{AssetId, InstrumentId, Money, Price, Quantity, Side};
use crate::ports::outbox::{OutboxFill, OutboxOrder};

/// One order as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OutboxLine {
    /// The order's key as the venue has it.
    pub client_order_id: String,
    pub venue: String,
    pub account: String,
    pub state: OutboxState,
    pub side: Side,
    pub instrument: InstrumentId,
    pub asset: AssetId,
    pub quantity: Quantity,
    pub limit_price: Price,
    /// Nothing may be executed after this.
    #[schemars(with = "UtcTime")]
    pub valid_until: Timestamp,
    /// It has no end although its validity is over: the one who acknowledged it must say what became of it.
    pub overdue: bool,
    pub payload_digest: String,
    #[schemars(with = "UtcTime")]
    pub placed_at: Timestamp,
    /// Who has it to execute; absent while nobody has.
    pub acknowledged_by: Option<String>,
    #[schemars(with = "Option<UtcTime>")]
    pub acknowledged_at: Option<Timestamp>,
    pub filled_quantity: Quantity,
    pub fills: Vec<OutboxFillLine>,
    /// Who ended it; absent where it was filled, is open, or its time was over.
    pub closed_by: Option<String>,
    #[schemars(with = "Option<UtcTime>")]
    pub closed_at: Option<Timestamp>,
    /// Why it ended; empty where it was filled or is open.
    pub closed_why: String,
}

/// One execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OutboxFillLine {
    pub fill_id: String,
    pub quantity: Quantity,
    pub price: Price,
    /// In quote currency.
    pub fee: Money,
    #[schemars(with = "UtcTime")]
    pub executed_at: Timestamp,
    #[schemars(with = "UtcTime")]
    pub recorded_at: Timestamp,
    pub by: String,
    /// Why it was recorded against the contract; absent where it keeps to it.
    pub forced: Option<String>,
}

/// `ack`, `fill`, `reject` and `cancel`: the order afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OutboxActReport {
    /// False: it was recorded before, and nothing changed.
    pub changed: bool,
    pub order: OutboxLine,
}

impl OutboxLine {
    #[must_use]
    pub fn of(order: &OutboxOrder, now: Timestamp) -> Self {
        let (acknowledged, closing) = (order.acknowledged.as_ref(), order.closing.as_ref());
        Self {
            client_order_id: order.client_order_id.clone(),
            venue: order.venue.to_string(),
            account: order.account.to_string(),
            state: order.state.into(),
            side: order.side,
            instrument: order.instrument.clone(),
            asset: order.asset.clone(),
            quantity: order.quantity,
            limit_price: order.limit_price,
            valid_until: order.valid_until,
            overdue: !order.state.is_terminal() && now >= order.valid_until,
            payload_digest: order.payload_digest.clone(),
            placed_at: order.placed_at,
            acknowledged_by: acknowledged.map(|it| it.by.clone()),
            acknowledged_at: acknowledged.map(|it| it.at),
            filled_quantity: order.filled_quantity,
            fills: order.fills.iter().map(OutboxFillLine::of).collect(),
            closed_by: closing.and_then(|it| it.by.clone()),
            closed_at: closing.map(|it| it.at),
            closed_why: closing.map(|it| it.why.clone()).unwrap_or_default(),
        }
    }
}

impl OutboxFillLine {
    fn of(fill: &OutboxFill) -> Self {
        Self {
            fill_id: fill.fill_id.clone(),
            quantity: fill.quantity,
            price: fill.price,
            fee: fill.fee,
            executed_at: fill.executed_at,
            recorded_at: fill.recorded_at,
            by: fill.by.clone(),
            forced: fill.forced.clone(),
        }
    }
}
