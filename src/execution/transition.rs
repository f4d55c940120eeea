//! The two state machines of the protocol, as pure tables. Every write of a state goes through here.
//!
//! ```text
//! run:    Claimed ─▶ Planned ─▶ Emitting ─▶ Done          Planned ─▶ Done when there are no orders
//!         Claimed, Planned, Emitting ─▶ Aborted
//!         A proposal stays Planned until a person's word; see `proposal` for who may take it to Emitting
//!
//! order:  Planned ─▶ Sending, Skipped, Expired
//!         Sending ─▶ Acknowledged, PartiallyFilled, Filled, Cancelled, Rejected, Unknown
//!         Unknown ─▶ Acknowledged, PartiallyFilled, Filled, Cancelled, Rejected, NotPlaced
//!         Acknowledged ─▶ PartiallyFilled, Filled, Cancelled
//!         PartiallyFilled ─▶ Filled, Cancelled
//! ```

use crate::ports::{OrderState, RunState};

/// A move that the table does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{machine} cannot go from {from} to {to}")]
pub struct IllegalTransition {
    pub machine: &'static str,
    pub from: &'static str,
    pub to: &'static str,
}

/// Checks a move of a run. `order_count` is the committed one: only a plan without orders may skip Emitting.
///
/// # Errors
/// When the table has no such move.
pub const fn run_transition(from: RunState, to: RunState, order_count: u32) -> Result<RunState, IllegalTransition> {
    use RunState::{Aborted, Claimed, Done, Emitting, Planned};
    let legal = match (from, to) {
        (Planned, Done) => order_count == 0,
        (Planned, Emitting) => order_count > 0,
        (Claimed, Planned) | (Emitting, Done) | (Claimed | Planned | Emitting, Aborted) => true,
        _ => false,
    };
    if legal { Ok(to) } else { Err(IllegalTransition { machine: "a run", from: from.as_str(), to: to.as_str() }) }
}

/// Checks a move of an order.
///
/// # Errors
/// When the table has no such move.
pub const fn order_transition(from: OrderState, to: OrderState) -> Result<OrderState, IllegalTransition> {
    use OrderState::{
        Acknowledged, Cancelled, Expired, Filled, NotPlaced, PartiallyFilled, Planned, Rejected, Sending, Skipped,
        Unknown,
    };
    let legal = matches!(
        (from, to),
        (Planned, Sending | Skipped | Expired)
            | (Sending, Acknowledged | PartiallyFilled | Filled | Cancelled | Rejected | Unknown)
            | (Unknown, Acknowledged | PartiallyFilled | Filled | Cancelled | Rejected | NotPlaced)
            | (Acknowledged, PartiallyFilled | Filled | Cancelled)
            | (PartiallyFilled, Filled | Cancelled)
    );
    if legal { Ok(to) } else { Err(IllegalTransition { machine: "an order", from: from.as_str(), to: to.as_str() }) }
}

/// Nothing more can happen to the order.
#[must_use]
pub const fn order_is_terminal(state: OrderState) -> bool {
    use OrderState::{Cancelled, Expired, Filled, NotPlaced, Rejected, Skipped};
    matches!(state, Skipped | Expired | Filled | Cancelled | Rejected | NotPlaced)
}

/// The order was sent, or may have been: it counts against the run's totals.
#[must_use]
pub const fn order_counts_as_sent(state: OrderState) -> bool {
    !matches!(state, OrderState::Planned | OrderState::Skipped | OrderState::Expired)
}

/// Whether it was sent, and what became of it, is not known.
#[must_use]
pub const fn order_is_unclear(state: OrderState) -> bool {
    matches!(state, OrderState::Sending | OrderState::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use OrderState as O;
    use RunState as R;

    #[test]
    fn runs_move_only_along_the_table() {
        let with_orders = [
            (R::Claimed, R::Planned),
            (R::Planned, R::Emitting),
            (R::Emitting, R::Done),
            (R::Claimed, R::Aborted),
            (R::Planned, R::Aborted),
            (R::Emitting, R::Aborted),
        ];
        let without = [
            (R::Claimed, R::Planned),
            (R::Planned, R::Done),
            (R::Emitting, R::Done),
            (R::Claimed, R::Aborted),
            (R::Planned, R::Aborted),
            (R::Emitting, R::Aborted),
        ];
        for from in R::ALL {
            for to in R::ALL {
                assert_eq!(run_transition(from, to, 3).is_ok(), with_orders.contains(&(from, to)), "{from:?} {to:?}");
                assert_eq!(run_transition(from, to, 0).is_ok(), without.contains(&(from, to)), "{from:?} {to:?}");
            }
        }
    }

    #[test]
    fn orders_move_only_along_the_table() {
        let legal: [(O, &[O]); 5] = [
            (O::Planned, &[O::Sending, O::Skipped, O::Expired]),
            (O::Sending, &[O::Acknowledged, O::PartiallyFilled, O::Filled, O::Cancelled, O::Rejected, O::Unknown]),
            (O::Unknown, &[O::Acknowledged, O::PartiallyFilled, O::Filled, O::Cancelled, O::Rejected, O::NotPlaced]),
            (O::Acknowledged, &[O::PartiallyFilled, O::Filled, O::Cancelled]),
            (O::PartiallyFilled, &[O::Filled, O::Cancelled]),
        ];
        for from in O::ALL {
            let targets = legal.iter().find(|(state, _)| *state == from).map_or(&[][..], |(_, to)| to);
            for to in O::ALL {
                let answer = order_transition(from, to);
                assert_eq!(answer.is_ok(), targets.contains(&to), "{from:?} {to:?}");
                if answer.is_err() {
                    let text = answer.expect_err("illegal").to_string();
                    assert_eq!(text, format!("an order cannot go from {} to {}", from.as_str(), to.as_str()));
                }
            }
            assert_eq!(
                order_is_terminal(from),
                targets.is_empty(),
                "{from:?} is terminal exactly when it has no way out"
            );
        }
    }

    #[test]
    fn what_may_have_been_sent_counts() {
        let not_sent: Vec<O> = O::ALL.into_iter().filter(|state| !order_counts_as_sent(*state)).collect();
        assert_eq!(not_sent, [O::Planned, O::Skipped, O::Expired]);
        let unclear: Vec<O> = O::ALL.into_iter().filter(|state| order_is_unclear(*state)).collect();
        assert_eq!(unclear, [O::Sending, O::Unknown]);
        assert!(R::Done.is_terminal() && R::Aborted.is_terminal() && !R::Emitting.is_terminal());
    }
}
