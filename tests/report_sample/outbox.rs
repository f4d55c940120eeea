//! Orders of an outbox: open, taken and partly filled, overdue, ended.

use index_rebalancer::model::{Money, Quantity, Side};
use index_rebalancer::ports::outbox::{Acknowledgement, Closing, OutboxFill, OutboxOrder, OutboxState};
use index_rebalancer::report::outbox::OutboxLine;
use jiff::{SignedDuration, Timestamp};

use super::{asset, price, quantity};

fn at(minutes: i64) -> Timestamp {
    let begin: Timestamp = "2025-04-16T00:00:00Z".parse().expect("a time");
    begin + SignedDuration::from_mins(minutes)
}

fn open(number: u32, valid_minutes: i64) -> OutboxOrder {
    OutboxOrder {
        schema: 3,
        venue: "outbox".parse().expect("a venue"),
        account: "main".parse().expect("an account"),
        client_order_id: format!("{number:032x}"),
        revision: 1,
        state: OutboxState::Open,
        instrument: "BTCUSDT".parse().expect("an instrument"),
        asset: asset("bitcoin"),
        side: Side::Buy,
        quantity: quantity("0.25"),
        limit_price: price("84000"),
        valid_until: at(valid_minutes),
        payload_digest: "d".repeat(64),
        placed_at: at(0),
        acknowledged: None,
        filled_quantity: Quantity::ZERO,
        fills: Vec::new(),
        closing: None,
        expires_at_s: None,
    }
}

fn partly_filled(number: u32, valid_minutes: i64) -> OutboxOrder {
    let fill = OutboxFill {
        fill_id: "T-1".to_owned(),
        quantity: quantity("0.1"),
        price: price("84100"),
        fee: Money::parse("8.41").expect("money"),
        executed_at: at(2),
        recorded_at: at(3),
        by: "desk".to_owned(),
        forced: Some("the exchange's statement".to_owned()),
    };
    OutboxOrder {
        state: OutboxState::PartiallyFilled,
        acknowledged: Some(Acknowledgement { by: "desk\u{1b}[31m".to_owned(), at: at(1) }),
        filled_quantity: fill.quantity,
        fills: vec![fill],
        ..open(number, valid_minutes)
    }
}

/// As they are ten minutes after the run.
pub(crate) fn lines() -> Vec<OutboxLine> {
    let closing = Closing { by: Some("desk".to_owned()), at: at(4), why: "no more offers".to_owned() };
    let cancelled = OutboxOrder { state: OutboxState::Cancelled, closing: Some(closing), ..partly_filled(0xc, 30) };
    let orders = [open(0xa, 30), partly_filled(0xb, 5), cancelled];
    orders.iter().map(|order| OutboxLine::of(order, at(10))).collect()
}
