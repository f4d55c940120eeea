//! The shape of every order: identity, key and digest, venue rules, stated figures, order of emission.

use std::collections::BTreeSet;

use super::arithmetic::OutOfRange;
use super::books::{Books, Line, Trade};
use super::findings::Findings;
use super::statement::valid_until;
use crate::model::{Decimal, Listing, Order, PlanningInput, Side};
use crate::planning::idempotency;
use crate::planning::plan::RebalancePlan;

pub(super) fn check(
    input: &PlanningInput,
    plan: &RebalancePlan,
    books: &Books<'_>,
    findings: &mut Findings,
) -> Result<(), OutOfRange> {
    check_sequence(&plan.orders, findings);
    let run_id = idempotency::run_id(&input.run);
    let expiry = valid_until(input);
    for order in &plan.orders {
        check_identity(input, run_id, order, findings);
        findings.require_of(Some(order.valid_until) == expiry, "valid_until", &order.asset, || {
            format!("order {} is valid until {}, the plan until {}", order.key, order.valid_until, plan.valid_until)
        });
    }
    for trade in &books.trades {
        check_figures(books, trade, findings);
        if let (Some(listing), Some(line)) = (&trade.record.listing, books.lines.get(&trade.order.asset)) {
            check_quantity(trade, listing, findings)?;
            check_notional(input, trade, listing, line, findings)?;
        }
    }
    Ok(())
}

/// Sells first, priorities rising by one, one order per instrument, side and slice.
fn check_sequence(orders: &[Order], findings: &mut Findings) {
    for pair in orders.windows(2) {
        let [first, second] = pair else { continue };
        findings.require_of(first.side <= second.side, "sells_first", &second.asset, || {
            format!("the sell {} stands after the buy {}", second.key, first.key)
        });
        findings.require_of(first.priority.checked_add(1) == Some(second.priority), "priority", &second.asset, || {
            format!("order {} has priority {} after {}", second.key, second.priority, first.priority)
        });
    }
    let mut seen = BTreeSet::new();
    for order in orders {
        let new = seen.insert((&order.instrument, order.side, order.slice));
        findings.require_of(new, "duplicate_order", &order.asset, || {
            format!("there are two orders to {} {} as slice {}", order.side, order.instrument, order.slice)
        });
    }
}

/// The order goes to the run's own account, under the key that the run, instrument, side and slice give.
fn check_identity(input: &PlanningInput, run_id: uuid::Uuid, order: &Order, findings: &mut Findings) {
    let run = &input.run;
    let asset = &order.asset;
    let ours = order.venue == run.venue && order.venue_account == run.venue_account;
    findings.require_of(ours, "venue", asset, || {
        format!(
            "order {} goes to {} at {}, the run is for {} at {}",
            order.key, order.venue_account, order.venue, run.venue_account, run.venue
        )
    });
    let key =
        idempotency::order_key(run_id, &order.venue, &order.venue_account, &order.instrument, order.side, order.slice);
    findings.require_of(order.key == key, "key", asset, || format!("the order's key is {}, not {key}", order.key));
    let digest = idempotency::payload_digest(order);
    findings.require_of(order.payload_digest == digest, "payload_digest", asset, || {
        format!("order {} carries payload digest {}, its fields give {digest}", order.key, order.payload_digest)
    });
}

/// Instrument, reference price, notional and estimated cost are what the input and the books give.
fn check_figures(books: &Books<'_>, trade: &Trade<'_>, findings: &mut Findings) {
    let Trade { order, record, notional, cost } = trade;
    let asset = &order.asset;
    let listed = record.listing.as_ref().map(|listing| &listing.instrument);
    findings.require_of(listed.is_none_or(|listed| *listed == order.instrument), "instrument", asset, || {
        let listed = listed.map(ToString::to_string).unwrap_or_default();
        format!("order {} trades {}, but {asset} is listed as {listed}", order.key, order.instrument)
    });
    findings.require_of(order.reference_price == record.price, "reference_price", asset, || {
        format!("order {} refers to price {}, the input has {}", order.key, order.reference_price, record.price)
    });
    let same_notional = books.calculator.same_money(order.notional.get(), *notional, *notional);
    findings.require_of(same_notional, "notional", asset, || {
        format!("order {} states notional {}, its quantity gives {}", order.key, order.notional, notional.normalize())
    });
    let same_cost = books.calculator.same_money(order.estimated_cost.get(), *cost, *notional);
    findings.require_of(same_cost, "order_cost", asset, || {
        format!(
            "order {} states cost {}, the policy's rates give {}",
            order.key,
            order.estimated_cost,
            cost.normalize()
        )
    });
}

/// Above zero, a multiple of the lot, within the venue's bounds; the limit price a multiple of the tick.
fn check_quantity(trade: &Trade<'_>, listing: &Listing, findings: &mut Findings) -> Result<(), OutOfRange> {
    let order = trade.order;
    let asset = &order.asset;
    let quantity = order.quantity;
    let whole_lots = is_multiple(quantity.get(), listing.lot_size.get())?;
    findings.require_of(whole_lots, "lot", asset, || {
        format!("order {}: quantity {quantity} is not a multiple of the lot {}", order.key, listing.lot_size)
    });
    findings.require_of(!quantity.is_zero() && quantity >= listing.min_quantity, "min_quantity", asset, || {
        format!("order {}: quantity {quantity} is zero or below the venue's {}", order.key, listing.min_quantity)
    });
    findings.require_of(listing.max_quantity.is_none_or(|most| quantity <= most), "max_quantity", asset, || {
        let most = listing.max_quantity.unwrap_or_default();
        format!("order {}: quantity {quantity} is above the venue's {most}", order.key)
    });
    let whole_ticks = is_multiple(order.limit_price.get(), listing.tick_size.get())?;
    findings.require_of(whole_ticks, "tick", asset, || {
        format!("order {}: limit {} is not a multiple of the tick {}", order.key, order.limit_price, listing.tick_size)
    });
    Ok(())
}

/// The venue's minimum at the lower of reference and limit price; the policy's, unless the sale ends the position.
fn check_notional(
    input: &PlanningInput,
    trade: &Trade<'_>,
    listing: &Listing,
    line: &Line<'_>,
    findings: &mut Findings,
) -> Result<(), OutOfRange> {
    let order = trade.order;
    let lower_price = order.limit_price.get().min(trade.record.price.get());
    let least_worth = order.quantity.get().checked_mul(lower_price).ok_or(OutOfRange)?;
    findings.require_of(least_worth >= listing.min_notional.get(), "min_notional", &order.asset, || {
        let worth = least_worth.normalize();
        format!("order {} is worth {worth} at least, the venue takes {} and more", order.key, listing.min_notional)
    });
    let sellable = whole_lots(line.holding.free.get(), listing.lot_size.get())?;
    let full_exit = order.side == Side::Sell && line.sold == sellable;
    let min_trade = input.policy.orders.min_trade;
    findings.require_of(full_exit || trade.notional >= min_trade.get(), "min_trade", &order.asset, || {
        let worth = trade.notional.normalize();
        format!("order {} is worth {worth}, the policy trades {min_trade} and more", order.key)
    });
    Ok(())
}

fn is_multiple(value: Decimal, step: Decimal) -> Result<bool, OutOfRange> {
    Ok(whole_lots(value, step)? == value)
}

/// The smallest multiple of the step that is not below the value; the value itself where any will do.
pub(super) fn next_multiple(value: Decimal, step: Decimal) -> Result<Decimal, OutOfRange> {
    let below = whole_lots(value, step)?;
    if below < value { below.checked_add(step).ok_or(OutOfRange) } else { Ok(value) }
}

/// The largest multiple of the lot that is not above the quantity; the quantity itself where any will do.
pub(super) fn whole_lots(quantity: Decimal, lot: Decimal) -> Result<Decimal, OutOfRange> {
    if lot.is_zero() {
        return Ok(quantity);
    }
    let rest = quantity.checked_rem(lot).ok_or(OutOfRange)?;
    quantity.checked_sub(rest).ok_or(OutOfRange)
}
