//! What an order does to the account that it belongs to. Pure.
//!
//! An open buy binds `limit_price × remaining` of free cash, an open sell its remaining quantity of the holding. A fill
//! takes its part of what is bound: a buy pays `price × quantity + fee` and gives back what the limit would have cost
//! more; a sell brings `price × quantity − fee`. Whatever ends gives back the rest. Fees are not bound, for nobody knows
//! them before; they are paid from free cash.

use crate::model::{AssetId, Holding, Money, Quantity, Side};
use crate::ports::outbox::{OutboxAccount, OutboxFill, OutboxOrder};

/// Why an account cannot take an order or a fill. Nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Shortfall {
    #[error("insufficient cash: {needed} needed, {free} free")]
    Cash { needed: Money, free: Money },
    #[error("insufficient holding of {asset}: {needed} needed, {free} free")]
    Holding { asset: AssetId, needed: Quantity, free: Quantity },
    /// Account and order do not belong together.
    #[error(
        "the account binds {bound} for order {client_order_id}, which needs {needed}; a person must look at both items"
    )]
    NotBound { client_order_id: String, needed: String, bound: String },
}

/// The account after an order came (`before` absent) or changed, at its next revision.
///
/// # Errors
/// When cash or holding would fall below 0.
pub fn booked(
    account: &OutboxAccount,
    before: Option<&OutboxOrder>,
    after: &OutboxOrder,
) -> Result<OutboxAccount, Shortfall> {
    let mut next = OutboxAccount { revision: account.revision.saturating_add(1), ..account.clone() };
    let fills = after.fills.get(before.map_or(0, |order| order.fills.len())..).unwrap_or_default();
    match after.side {
        Side::Buy => buy(&mut next, before, after, fills)?,
        Side::Sell => sell(&mut next, before, after, fills)?,
    }
    next.holdings.retain(|_, holding| !holding.total().is_zero());
    if after.state.is_terminal() {
        next.open_orders.remove(&after.client_order_id);
    } else {
        next.open_orders.insert(after.client_order_id.clone());
    }
    next.last_execution_at = fills.iter().map(|fill| fill.executed_at).chain(account.last_execution_at).max();
    Ok(next)
}

fn buy(
    account: &mut OutboxAccount,
    before: Option<&OutboxOrder>,
    after: &OutboxOrder,
    fills: &[OutboxFill],
) -> Result<(), Shortfall> {
    let bound = |order: &OutboxOrder| order.limit_price.value_of(order.remaining());
    let (released, bound) = (before.map_or(Money::ZERO, bound), bound(after));
    let paid: Money = fills.iter().map(|fill| fill.price.value_of(fill.quantity) + fill.fee).sum();
    if account.cash_locked < released {
        return Err(not_bound(after, &released, &account.cash_locked));
    }
    let free = account.cash_free + released;
    let needed = bound + paid;
    if needed > free {
        return Err(Shortfall::Cash { needed, free });
    }
    account.cash_free = free - needed;
    account.cash_locked = account.cash_locked - released + bound;
    account.holdings.entry(after.asset.clone()).or_default().free += fills.iter().map(|fill| fill.quantity).sum();
    Ok(())
}

fn sell(
    account: &mut OutboxAccount,
    before: Option<&OutboxOrder>,
    after: &OutboxOrder,
    fills: &[OutboxFill],
) -> Result<(), Shortfall> {
    let (released, bound) = (before.map_or(Quantity::ZERO, OutboxOrder::remaining), after.remaining());
    let sold: Quantity = fills.iter().map(|fill| fill.quantity).sum();
    let holding = account.holdings.get(&after.asset).copied().unwrap_or_default();
    if holding.locked < released {
        return Err(not_bound(after, &released, &holding.locked));
    }
    let free = holding.free + released;
    let needed = bound + sold;
    if needed > free {
        return Err(Shortfall::Holding { asset: after.asset.clone(), needed, free });
    }
    let proceeds: Money = fills.iter().map(|fill| fill.price.value_of(fill.quantity) - fill.fee).sum();
    let cash = account.cash_free + proceeds;
    if cash < Money::ZERO {
        return Err(Shortfall::Cash { needed: Money::ZERO - proceeds, free: account.cash_free });
    }
    account.cash_free = cash;
    let left = Holding { free: free - needed, locked: holding.locked - released + bound };
    account.holdings.insert(after.asset.clone(), left);
    Ok(())
}

fn not_bound(order: &OutboxOrder, needed: &impl ToString, bound: &impl ToString) -> Shortfall {
    let (needed, bound) = (needed.to_string(), bound.to_string());
    Shortfall::NotBound { client_order_id: order.client_order_id.clone(), needed, bound }
}
