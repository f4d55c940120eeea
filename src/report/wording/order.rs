//! Orders and what became of them; what has no order, and why.

use super::Tone;
use crate::model::Side;
use crate::report::published::{OrderState, ReasonCode};
use crate::report::run::{OrderReport, PositionReport, RunReport};

/// Short words for a table.
#[must_use]
pub fn reason_words(reason: ReasonCode) -> String {
    match reason {
        ReasonCode::CostExceedsBenefit => "not worth it".to_owned(),
        other => other.to_string(),
    }
}

/// Nothing is the matter: these need names only, the others a sentence each.
#[must_use]
pub const fn is_ordinary(reason: ReasonCode) -> bool {
    matches!(reason, ReasonCode::InBand | ReasonCode::OnTarget)
}

#[must_use]
pub fn reason_tone(position: &PositionReport) -> Tone {
    if !position.traded {
        return if is_ordinary(position.reason) { Tone::Faint } else { Tone::Warn };
    }
    if position.quantity_after > position.quantity_before { Tone::Buy } else { Tone::Sell }
}

#[must_use]
pub const fn side_tone(side: Side) -> Tone {
    match side {
        Side::Sell => Tone::Sell,
        Side::Buy => Tone::Buy,
    }
}

#[must_use]
pub const fn state_tone(state: OrderState) -> Tone {
    match state {
        OrderState::Filled => Tone::Good,
        OrderState::Unknown | OrderState::Rejected | OrderState::NotPlaced => Tone::Bad,
        OrderState::Planned | OrderState::Sending | OrderState::Acknowledged => Tone::Plain,
        OrderState::PartiallyFilled | OrderState::Skipped | OrderState::Expired | OrderState::Cancelled => Tone::Warn,
    }
}

/// How the keys go to the venue.
#[must_use]
pub fn wire_form(report: &RunReport) -> &'static str {
    let all = |is: fn(&OrderReport) -> bool| report.orders.iter().all(is);
    if all(|order| order.client_order_id == order.key.simple().to_string()) {
        "idempotency keys; venues get them without hyphens"
    } else if all(|order| order.client_order_id == order.key.to_string()) {
        "idempotency keys, as the venue gets them"
    } else {
        "idempotency keys; --format json shows how the venue gets them"
    }
}
