//! The gate: what is checked at the last step before the venue, on the order that is about to leave.
//!
//! The planner keeps to the same limits and the verifier has certified them. They are checked here again because
//! this is the last place where a mistake of all the others can still be stopped.

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::commitment::check_order;
use super::proposal::Consent;
use super::transition::{order_is_terminal, order_is_unclear};
use crate::model::policy::OrderPolicy;
use crate::model::{AccountSnapshot, Flow, Money, Order, PlanningInput, Rate, RunIdentity, Side, Weight};
use crate::planning::RebalancePlan;
use crate::ports::RunStore;
use crate::ports::capability::{CONSENT_REMEDY, lacks_consent};
use crate::ports::store::{KillSwitch, OrderItem, SwitchScope};
use crate::ports::venue::Promise;

/// The kill switch as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Switch {
    Off,
    /// On, or unreadable; the sentence says which.
    On(String),
}

/// Reads the switches that concern a run. Unreadable means on.
pub async fn read_switch<S: RunStore>(store: &S, run: &RunIdentity) -> Switch {
    let scopes = [SwitchScope::Everything, SwitchScope::Portfolio(run.environment, run.portfolio.clone())];
    for scope in scopes {
        match store.kill_switch(&scope).await {
            Ok(None | Some(KillSwitch { on: false, .. })) => {}
            Ok(Some(KillSwitch { note, operator, .. })) => {
                return Switch::On(format!("the kill switch of {scope} is on, set by {operator}: {note}"));
            }
            Err(error) => {
                return Switch::On(format!("the kill switch of {scope} is unreadable, which means on: {error}"));
            }
        }
    }
    Switch::Off
}

/// What the gate looks at.
#[derive(Debug, Clone)]
pub struct View<'a> {
    pub run_id: uuid::Uuid,
    pub run: &'a RunIdentity,
    pub policy: &'a OrderPolicy,
    pub order: &'a Order,
    pub switch: Switch,
    /// How the run's plan stands to a person's word.
    pub consent: Consent,
    /// Of the venue at hand.
    pub promise: Promise,
    /// Orders of this run that were sent or may have been, and what they are worth at reference prices.
    pub sent_count: u32,
    pub sent_notional: Money,
    /// Absent where no limit is set for a day.
    pub day: Option<DayTotal>,
    pub now: Timestamp,
}

/// What all runs of the account have reserved for the day on which this run was committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayTotal {
    pub reserved: Money,
    /// This run's part of it.
    pub committed: Money,
    pub limit: Money,
}

/// The gate's word on one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Pass,
    /// Too late for this order.
    Expired(String),
    /// Something is wrong with the run: neither this order nor any later one may leave.
    Stop(String),
}

/// Judges one order. Pure.
#[must_use]
pub fn judge(view: &View<'_>) -> Verdict {
    if let Switch::On(reason) = &view.switch {
        return Verdict::Stop(reason.clone());
    }
    if !view.consent.allows_sending() {
        return Verdict::Stop(view.consent.to_string());
    }
    if let Some(reason) = unconsented(view.run, view.promise, view.policy) {
        return Verdict::Stop(reason);
    }
    if let Err(reason) = check_order(view.run, view.run_id, view.order) {
        return Verdict::Stop(format!("what is to be sent is not what was planned: {reason}"));
    }
    if view.now >= view.order.valid_until {
        return Verdict::Expired(expired(view.order));
    }
    match limit_passed(view) {
        Some(reason) => Verdict::Stop(reason),
        None => Verdict::Pass,
    }
}

/// Why nothing may be sent to this venue, with the remedy.
#[must_use]
pub fn unconsented(run: &RunIdentity, promise: Promise, policy: &OrderPolicy) -> Option<String> {
    lacks_consent(run, promise, policy).map(|why| format!("{why}; {CONSENT_REMEDY}"))
}

/// Why an order is not sent any more.
#[must_use]
pub fn expired(order: &Order) -> String {
    format!("not sent before {}", order.valid_until)
}

/// The first limit that this order would pass.
fn limit_passed(view: &View<'_>) -> Option<String> {
    let (order, policy) = (view.order, view.policy);
    // Recomputed: the order's own figure is what is being checked.
    let notional = order.reference_price.value_of(order.quantity);
    if notional > policy.max_order_notional {
        return Some(format!(
            "order {} has a notional of {notional}, over max_order_notional {}",
            order.key, policy.max_order_notional
        ));
    }
    let run_notional = view.sent_notional + notional;
    if run_notional > policy.max_run_notional {
        return Some(format!(
            "order {} would bring the run's notional to {run_notional}, over max_run_notional {}",
            order.key, policy.max_run_notional
        ));
    }
    if view.sent_count >= policy.max_orders {
        return Some(format!("order {} would be one more than max_orders {}", order.key, policy.max_orders));
    }
    if let Some(DayTotal { reserved, limit, .. }) = view.day.filter(|day| day.reserved > day.limit) {
        return Some(format!("the day's notional is {reserved}, over max_day_notional {limit}"));
    }
    if let Some(DayTotal { reserved, committed, .. }) = view.day.filter(|day| day.reserved < day.committed) {
        return Some(format!("the run's notional {committed} is not in the day's total, which is {reserved}"));
    }
    let (reference, limit) = (order.reference_price.get(), order.limit_price.get());
    if (limit - reference).abs() > reference * policy.collar.get() {
        return Some(format!(
            "order {} has a limit price of {limit}, outside the collar {} of {reference}",
            order.key, policy.collar
        ));
    }
    None
}

/// The cash that must be left after every buy: the policy's buffer and what a withdrawal is to take out, each less
/// what the plan's relaxations gave up. Locked cash counts towards it, as it does for the planner.
#[must_use]
pub fn cash_to_keep(input: &PlanningInput, plan: &RebalancePlan, locked: Money) -> Money {
    let given_up = |limit: &str| {
        let relaxed = plan.relaxations.iter().filter(|relaxation| relaxation.limit == limit);
        relaxed.map(|relaxation| relaxation.amount).sum::<Weight>().of(plan.net_asset_value)
    };
    let buffer = input
        .policy
        .limits
        .cash_buffer
        .as_ref()
        .map_or(Money::ZERO, |limit| limit.bound.of(plan.net_asset_value) - given_up("cash_buffer"));
    let withdrawal = match input.flow {
        Flow::Withdraw(amount) => amount - given_up("withdraw"),
        Flow::Full | Flow::DepositOnly => Money::ZERO,
    };
    (buffer.max(Money::ZERO) + withdrawal.max(Money::ZERO) - locked).max(Money::ZERO)
}

/// What the fills so far cost more than the plan expected of the same quantities: worse prices and dearer fees, less
/// what others made good; never below nothing. What was not filled is no slippage.
#[must_use]
pub fn slippage<'a>(fills: impl IntoIterator<Item = (&'a Order, &'a OrderItem)>) -> Money {
    let of_one = |(order, item): (&Order, &OrderItem)| {
        let (filled, price) = (item.filled_quantity, item.average_price.unwrap_or(order.reference_price));
        let share = Rate::new(filled.get() / order.quantity.get()).unwrap_or_default();
        let (planned, made) = (order.reference_price.value_of(filled), price.value_of(filled));
        let worse = match order.side {
            Side::Buy => made - planned,
            Side::Sell => planned - made,
        };
        worse + item.fee - order.estimated_cost.times(share)
    };
    fills.into_iter().filter(|(order, _)| !order.quantity.is_zero()).map(of_one).sum::<Money>().max(Money::ZERO)
}

/// Averages are rounded, so the books may be off by so much of the quote currency.
const BOOKS_ARE_EXACT_TO: Decimal = Decimal::from_parts(1, 0, 0, false, 8);

/// The free cash that a run's own books know of: what there was when it was planned, and what its orders have brought and
/// cost since. A buy whose end is not known costs the most that it can, and a sell brings what is known of it. A balance
/// that lags behind the fills shows more than there is; what came in from elsewhere, or from a sell that nobody can find
/// out about, is left to the next run.
#[must_use]
pub fn cash_by_the_books<'a>(
    opening: Money,
    fee: Rate,
    orders: impl IntoIterator<Item = (&'a Order, &'a OrderItem)>,
) -> Money {
    let change = |(order, item): (&Order, &OrderItem)| {
        let traded = item.average_price.map_or(Money::ZERO, |price| price.value_of(item.filled_quantity));
        match (order.side, order_is_terminal(item.state)) {
            (Side::Sell, _) => traded - item.fee,
            (Side::Buy, true) => Money::ZERO - traded - item.fee,
            (Side::Buy, false) => Money::ZERO - cash_at_limit(order, fee),
        }
    };
    let rounding = Money::new(BOOKS_ARE_EXACT_TO).unwrap_or_default();
    opening + orders.into_iter().map(change).sum::<Money>() + rounding
}

/// The most that a buy can cost: at its limit price, with its fee.
#[must_use]
pub fn cash_at_limit(order: &Order, fee: Rate) -> Money {
    let value = order.limit_price.value_of(order.quantity);
    value + value.times(fee)
}

/// What open buys bind at their limit prices beyond what they are expected to cost: it comes back when they are filled.
///
/// The cash to keep is measured at expected prices, and orders that rest would otherwise be measured at their worst.
#[must_use]
pub fn bound_beyond_expected<'a>(fee: Rate, orders: impl IntoIterator<Item = (&'a Order, &'a OrderItem)>) -> Money {
    let beyond = |(order, item): (&Order, &OrderItem)| {
        let unfilled = (order.quantity.get() - item.filled_quantity.get()) / order.quantity.get();
        let of_order = cash_at_limit(order, fee) - order.notional - order.estimated_cost;
        of_order.times(Rate::new(unfilled).unwrap_or_default()).max(Money::ZERO)
    };
    let open = |(order, item): &(&Order, &OrderItem)| order.side == Side::Buy && !order_is_terminal(item.state);
    orders.into_iter().filter(open).filter(|(order, _)| !order.quantity.is_zero()).map(beyond).sum()
}

/// Whether the cash that is there now covers an order of the plan: what `account` shows, or what the run's own fills leave,
/// whichever is less. Planned proceeds count for nothing. `known`: the plan's orders that have an item. Pure.
///
/// # Errors
/// A sentence with the figures.
pub fn cash_allows(
    order: &Order,
    input: &PlanningInput,
    plan: &RebalancePlan,
    known: &[(&Order, &OrderItem)],
    account: &AccountSnapshot,
) -> Result<(), String> {
    let fee = input.policy.costs.fee;
    let all = || known.iter().copied();
    let others = || all().filter(|(known, _)| known.key != order.key);
    // What this run's own buys have bound is to be spent: it is not the cash that was locked when it was planned.
    let keep = cash_to_keep(input, plan, account.cash_locked.min(input.account.cash_locked));
    // The plan keeps the buffer at expected prices, and none of it at limit prices. Fills in between have used some of it,
    // and a whole buy given up for those cents would be further from the plan than the buffer is.
    let keep = (keep - slippage(all()) - bound_beyond_expected(fee, others())).max(Money::ZERO);
    // What other buys may still cost, whose requests may still arrive, is not there to be spent.
    let unclear = |(order, item): &(&Order, &OrderItem)| order.side == Side::Buy && order_is_unclear(item.state);
    let unclear: Money = others().filter(unclear).map(|(order, _)| cash_at_limit(order, fee)).sum();
    let books = cash_by_the_books(input.account.cash_free, fee, others());
    let left = account.cash_free - unclear;
    cash_covers(order, fee, left.min(books), keep).map_err(|why| {
        let counts = !unclear.is_zero() && left <= books;
        if counts { format!("{why}; {unclear} more is kept for buys whose outcome is not known") } else { why }
    })
}

/// Whether free cash covers a buy at its limit price, with its fee, and what is to be kept stays after its expected
/// cost. Sells need no cash.
///
/// The worst price must never overdraw the account; the cash to keep is measured as the planner measures it, at
/// expected prices, or a plan that lands on its buffer would lose its last buy.
///
/// # Errors
/// A sentence with the figures.
pub fn cash_covers(order: &Order, fee: Rate, cash_free: Money, keep: Money) -> Result<(), String> {
    if order.side == Side::Sell {
        return Ok(());
    }
    let at_limit = cash_at_limit(order, fee);
    let expected = order.notional + order.estimated_cost;
    if cash_free >= at_limit && cash_free - expected >= keep {
        return Ok(());
    }
    Err(format!(
        "insufficient proceeds: {at_limit} needed at the limit price, {expected} expected, {cash_free} free, of which \
         {keep} stays as cash"
    ))
}
