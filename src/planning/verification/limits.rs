//! Every limit as a row: left side before and after, bound, softness, and what lots may explain.
//!
//! A bound never asks for what nobody can sell: caps are at least the immovable part, least shares of cash and stable
//! assets at most what the rest can become.

use rust_decimal::RoundingStrategy;

use super::arithmetic::{OutOfRange, fraction};
use super::books::{Books, Line};
use super::findings::Findings;
use super::orders::{next_multiple, whole_lots};
use super::relaxation::{Judge, Nature, Row, Softness};
use super::risk::Risk;
use super::wholes;
use crate::model::policy::{CategoryLimit, Limit};
use crate::model::{Decimal, Flow, Listing, Money, PlanningInput, Rate};
use crate::planning::plan::{LimitCheck, RebalancePlan, Role, Sense};

/// Where a venue has no lots, a lot is worth this much: a millionth of a quote unit.
const LEAST_LOT: Decimal = Decimal::from_parts(1, 0, 0, false, 6);

/// What a solver calls met may be missed by this much, as a fraction of net asset value: a limit on the portfolio is met
/// to nine digits, as a relaxation is.
pub(super) const SOLVER_NOISE: Decimal = Decimal::from_parts(1, 0, 0, false, 9);

/// What every check of limits reads.
#[derive(Clone, Copy)]
struct Context<'a> {
    input: &'a PlanningInput,
    plan: &'a RebalancePlan,
    books: &'a Books<'a>,
    risk: Option<&'a Risk<'a>>,
    /// By how much a limit on all of the portfolio may be missed and is met all the same: see [`met`].
    met: Decimal,
}

/// A solver's noise, and a millionth of a quote unit for each of these positions that the venue trades without lots: in those a
/// planner counts what it may trade. As a fraction of a small account that is more than the noise.
pub(super) fn met<'a>(books: &Books<'a>, lines: impl Iterator<Item = &'a Line<'a>>) -> Result<Decimal, OutOfRange> {
    let is_without_lots = |line: &&Line<'_>| line.tradable().is_some_and(|listing| listing.lot_size.get().is_zero());
    let without_lots = lines.filter(is_without_lots).count();
    add(SOLVER_NOISE, books.weight_of(times(LEAST_LOT, Decimal::from(without_lots))?)?)
}

pub(super) fn check<'a>(
    input: &'a PlanningInput,
    plan: &'a RebalancePlan,
    books: &'a Books<'a>,
    risk: Option<&'a Risk<'a>>,
    findings: &mut Findings,
) -> Result<Vec<LimitCheck>, OutOfRange> {
    let context = Context { input, plan, books, risk, met: met(books, books.lines.values())? };
    // Only a relaxation is blurred by lots.
    let blur = if plan.relaxations.is_empty() { Decimal::ZERO } else { all_smallest_orders(context)? };
    let mut judge = Judge::new(plan, books.weight_of(blur)?, context.met, findings);
    check_budget(context, &mut judge, findings)?;
    check_cash_at_limit_prices(context, &mut judge, findings)?;
    if books.has_value() {
        for row in state_rows(context)? {
            judge.judge(row, findings)?;
        }
        if let Some(limit) = &input.policy.limits.turnover {
            judge.judge(turnover(context, limit)?, findings)?;
        }
    }
    check_participation(context, &mut judge, findings)?;
    check_sells(context, &mut judge, findings)?;
    check_collars(context, &mut judge, findings)?;
    check_controls(context, &mut judge, findings)?;
    Ok(judge.finish(findings))
}

/// Conservation of value, from the plan's own figures: what it says is held afterwards, plus cash, plus cost, is what
/// was there before.
fn check_budget(context: Context<'_>, judge: &mut Judge<'_>, findings: &mut Findings) -> Result<(), OutOfRange> {
    let Context { plan, books, .. } = context;
    let mut calculator = books.calculator;
    let mut total = calculator.sum(plan.cash.after.get(), plan.estimated_cost.get())?;
    for line in books.lines.values() {
        let stated = line.position.map_or(Decimal::ZERO, |position| position.quantity_after.get());
        let value = calculator.product(stated, line.price)?;
        calculator.add_to(&mut total, value)?;
    }
    let whole = books.net_asset_value;
    let conserved = calculator.same_money(total, whole, whole);
    findings.require(conserved, "budget", || {
        let (total, whole) = (total.normalize(), whole.normalize());
        format!("positions, cash and cost after trading are stated to be worth {total}, before it was {whole}")
    });
    if conserved && books.has_value() {
        let row = Row::hard("budget".to_owned(), Sense::Equal, Decimal::ONE, Decimal::ONE);
        judge.judge(row, findings)?;
    }
    Ok(())
}

/// No account is overdrawn even when every order fills at its worst price.
fn check_cash_at_limit_prices(
    context: Context<'_>,
    judge: &mut Judge<'_>,
    findings: &mut Findings,
) -> Result<(), OutOfRange> {
    let cash = context.books.cash_at_limit_prices;
    let name = "cash_at_limit_prices";
    let enough = cash >= Decimal::ZERO;
    findings.require(enough, name, || {
        let cash = cash.normalize();
        format!("free cash would be {cash} with every order filled at its limit price; it must be at least 0")
    });
    if enough {
        let left_side = context.books.weight_of(cash)?;
        judge.judge(Row::hard(name.to_owned(), Sense::AtLeast, left_side, Decimal::ZERO), findings)?;
    }
    Ok(())
}

/// A sum over positions, in quote currency: before, after, and the smallest orders of those that could have moved it.
#[derive(Debug, Clone, Copy, Default)]
struct Scope {
    before: Decimal,
    after: Decimal,
    smallest_orders: Decimal,
}

impl Scope {
    fn include(&mut self, line: &Line<'_>) -> Result<(), OutOfRange> {
        self.before = add(self.before, line.value_before)?;
        self.after = add(self.after, line.value_after)?;
        Ok(())
    }

    fn allow(&mut self, smallest_order: Decimal) -> Result<(), OutOfRange> {
        self.smallest_orders = add(self.smallest_orders, smallest_order)?;
        Ok(())
    }

    fn row(
        self,
        context: Context<'_>,
        limit: String,
        (sense, bound): (Sense, Decimal),
        softness: Softness,
    ) -> Result<Row, OutOfRange> {
        let books = context.books;
        Ok(Row {
            limit,
            sense,
            left_side: books.weight_of(self.after)?,
            bound,
            stated: None,
            nature: Nature::State { before: books.weight_of(self.before)? },
            softness,
            max_allowance: add(books.weight_of(self.smallest_orders)?, context.met)?,
            spread: true,
            detail: String::new(),
        })
    }
}

/// The limits on what the portfolio is, in the certificate's order.
fn state_rows(context: Context<'_>) -> Result<Vec<Row>, OutOfRange> {
    let mut rows = cash_rows(context)?;
    rows.extend(stable_share(context)?);
    rows.extend(must_exit(context)?);
    for limit in &context.input.policy.limits.categories {
        rows.extend(category_rows(context, limit)?);
    }
    if let Some(limit) = &context.input.policy.limits.max_weight {
        rows.extend(max_weights(context, limit)?);
    }
    rows.extend(wholes::rows(context.input, context.plan, context.books)?);
    rows.extend(risk(context)?);
    Ok(rows)
}

/// `cash_buffer` and `withdraw`: least cash after the run.
fn cash_rows(context: Context<'_>) -> Result<Vec<Row>, OutOfRange> {
    let Context { input, books, .. } = context;
    let buffer = input.policy.limits.cash_buffer.as_ref();
    if buffer.is_none() && !matches!(input.flow, Flow::Withdraw(_)) {
        return Ok(Vec::new());
    }
    let mut cash = Scope { before: books.cash_before, after: books.cash_after, ..Scope::default() };
    for line in books.lines.values() {
        cash.allow(dropped_sale(input, line)?)?;
    }
    let mut rows = Vec::new();
    if let Some(limit) = buffer {
        let softness = Softness::of(limit.soft.as_ref());
        let most = reachable(context, books.weight_of(books.cash_before)?, |_| true)?;
        let bound = limit.bound.get().min(most.less_costs);
        let row = cash.row(context, "cash_buffer".to_owned(), (Sense::AtLeast, bound), softness)?;
        rows.push(row.stating(limit.bound.get(), most.sold));
    }
    if let Flow::Withdraw(amount) = &input.flow {
        let kept = buffer.map_or(Decimal::ZERO, |limit| limit.bound.get());
        let bound = add(kept, books.weight_of(amount.get())?)?;
        rows.push(cash.row(context, "withdraw".to_owned(), (Sense::AtLeast, bound), Softness::ALWAYS)?);
    }
    Ok(rows)
}

/// Stable legs and cash together, against the regime's share.
fn stable_share(context: Context<'_>) -> Result<Option<Row>, OutOfRange> {
    let Context { input, plan, books, .. } = context;
    if input.policy.regime.is_none() {
        return Ok(None);
    }
    let mut stable = Scope { before: books.cash_before, after: books.cash_after, ..Scope::default() };
    for line in books.lines.values() {
        if line.is_stable_leg {
            stable.include(line)?;
            if !line.sold.is_zero() {
                stable.allow(times(lot(line)?, dearest(input)?)?)?;
            }
        } else {
            stable.allow(dropped_sale(input, line)?)?;
        }
    }
    let softness = Softness::of(input.policy.limits.stable_share.as_ref());
    // Kept as they are: legs and cash, but for the legs that must be sold for the buffer and for what is drawn out.
    let buffer = input.policy.limits.cash_buffer.as_ref().map_or(Decimal::ZERO, |limit| limit.bound.get());
    let drawn = if let Flow::Withdraw(amount) = &input.flow { amount.get() } else { Decimal::ZERO };
    let missing = subtract(add(buffer, books.weight_of(drawn)?)?, books.weight_of(books.cash_before)?)?;
    let kept = subtract(books.weight_of(stable.before)?, missing.max(Decimal::ZERO))?.max(Decimal::ZERO);
    let share = plan.regime.stable_share.get();
    let most = reachable(context, kept, |line| !line.is_stable_leg)?;
    let bound = share.min(most.less_costs);
    let row = stable.row(context, "stable_share".to_owned(), (Sense::AtLeast, bound), softness)?;
    Ok(Some(row.stating(share, most.sold)))
}

/// What could be sold of exit positions and stays; absent when nothing has to leave.
fn must_exit(context: Context<'_>) -> Result<Option<Row>, OutOfRange> {
    let Context { input, books, .. } = context;
    let mut exits = Scope::default();
    let mut remaining = Vec::new();
    let mut any = false;
    for (asset, line) in books.lines.iter().filter(|(_, line)| line.role() == Some(Role::MustExit)) {
        any = true;
        let sellable = sellable(input, line)?;
        let left = subtract(sellable, line.sold)?.max(Decimal::ZERO);
        exits.before = add(exits.before, times(sellable, line.price)?)?;
        exits.after = add(exits.after, times(left, line.price)?)?;
        if !left.is_zero() {
            exits.allow(dropped_sale(input, line)?)?;
            remaining.push(asset);
        }
    }
    if !any {
        return Ok(None);
    }
    let mut row = exits.row(context, "must_exit".to_owned(), (Sense::AtMost, Decimal::ZERO), Softness::ALWAYS)?;
    row.detail = remaining.iter().map(|asset| asset.as_str()).collect::<Vec<_>>().join(", ");
    Ok(Some(row))
}

/// Units that can be sold in the long run: free and in whole lots. None where the flow sells nothing, the venue takes no
/// orders or has no price inside the collar, a participation limit meets an unknown volume, or the most that one run
/// may sell is less than the least order.
pub(super) fn sellable(input: &PlanningInput, line: &Line<'_>) -> Result<Decimal, OutOfRange> {
    let Some(listing) = line.tradable() else { return Ok(Decimal::ZERO) };
    let volume = line.record.and_then(|record| record.average_daily_volume).map(Money::get);
    let participation = input.policy.limits.participation.map(Rate::get);
    if input.flow == Flow::DepositOnly || (participation.is_some() && volume.is_none()) {
        return Ok(Decimal::ZERO);
    }
    let quantity = whole_lots(line.holding.free.get(), listing.lot_size.get())?;
    let mut most = quantity;
    if let Some(largest) = listing.max_quantity {
        most = most.min(largest.get());
    }
    if !line.price.is_zero() {
        // Too many units to be counted are no limit.
        let largest = input.policy.orders.max_order_notional.get().checked_div(line.price);
        most = largest.map_or(most, |largest| most.min(largest));
    }
    if let (Some(participation), Some(volume), false) = (participation, volume, line.price.is_zero()) {
        most = most.min(fraction(times(participation, volume)?, line.price)?);
    }
    let most = whole_lots(most, listing.lot_size.get())?;
    let lowest = lowest_price(input, line, listing)?;
    let at_lowest = times(most, lowest)?;
    let taken = lowest <= line.price && most >= listing.min_quantity.get() && at_lowest >= listing.min_notional.get();
    // The policy's least trade is not asked of what is sold in full.
    let worthwhile = most == quantity || times(most, line.price)? >= input.policy.orders.min_trade.get();
    Ok(if taken && worthwhile { quantity } else { Decimal::ZERO })
}

/// The lowest price that a sell may carry: the collar's, up to the next tick.
fn lowest_price(input: &PlanningInput, line: &Line<'_>, listing: &Listing) -> Result<Decimal, OutOfRange> {
    let collar = times(line.price, subtract(Decimal::ONE, input.policy.orders.collar.get())?)?;
    next_multiple(collar, listing.tick_size.get())
}

/// What nobody can sell in this run, in quote currency. No limit can ask for it to go.
pub(super) fn immovable(input: &PlanningInput, line: &Line<'_>) -> Result<Decimal, OutOfRange> {
    let movable = times(sellable(input, line)?, line.price)?;
    Ok(subtract(line.value_before, movable)?.max(Decimal::ZERO))
}

/// The most that cash can become when the immovable part of some lines stays.
struct MostCash {
    /// All the rest is sold.
    sold: Decimal,
    /// The same less what a round trip costs with all of that but what is kept as it is.
    less_costs: Decimal,
}

/// `kept` is a weight.
fn reachable(context: Context<'_>, kept: Decimal, counts: impl Fn(&Line<'_>) -> bool) -> Result<MostCash, OutOfRange> {
    let Context { input, books, .. } = context;
    let mut stays = Decimal::ZERO;
    for line in books.lines.values().filter(|line| counts(line)) {
        stays = add(stays, immovable(input, line)?)?;
    }
    let sold = subtract(Decimal::ONE, books.weight_of(stays)?)?;
    let burnt = times(subtract(sold, kept)?, times(dearest(input)?, Decimal::TWO)?)?;
    // Weights are quotients: their last digits are not asked for.
    let less_costs = subtract(sold, burnt)?.round_dp_with_strategy(20, RoundingStrategy::ToNegativeInfinity);
    Ok(MostCash { sold, less_costs })
}

fn category_rows(context: Context<'_>, limit: &CategoryLimit) -> Result<Vec<Row>, OutOfRange> {
    let Context { input, books, .. } = context;
    let (mut at_least, mut at_most) = (Scope::default(), Scope::default());
    let mut stays = Decimal::ZERO;
    let category = &limit.category;
    for line in books.lines.values() {
        if line.record.is_some_and(|record| record.categories.contains(category)) {
            at_least.include(line)?;
            at_most.include(line)?;
            // A buy is rounded down, or dropped.
            at_least.allow(if line.has_order { lot(line)? } else { smallest_order(input, line)? })?;
            at_most.allow(dropped_sale(input, line)?)?;
            stays = add(stays, immovable(input, line)?)?;
        } else {
            // A sale that was dropped may have been to pay for what is short.
            at_least.allow(dropped_sale(input, line)?)?;
        }
    }
    let softness = Softness::of(limit.soft.as_ref());
    let mut rows = Vec::new();
    if let Some(bound) = limit.min_weight {
        rows.push(at_least.row(
            context,
            format!("category_min({category})"),
            (Sense::AtLeast, bound.get()),
            softness,
        )?);
    }
    if let Some(bound) = limit.max_weight {
        let (asked, least) = (bound.get(), books.weight_of(stays)?);
        let sides = (Sense::AtMost, asked.max(least));
        let row = at_most.row(context, format!("category_max({category})"), sides, softness)?;
        rows.push(row.stating(asked, least));
    }
    Ok(rows)
}

/// One row per constituent.
fn max_weights(context: Context<'_>, limit: &Limit) -> Result<Vec<Row>, OutOfRange> {
    let Context { input, books, .. } = context;
    let softness = Softness::of(limit.soft.as_ref());
    let exceptions = &input.policy.limits.max_weight_of;
    let mut rows = Vec::with_capacity(books.lines.len());
    for (asset, line) in books.lines.iter().filter(|(_, line)| line.role() == Some(Role::Constituent)) {
        let asked = exceptions.get(*asset).copied().unwrap_or(limit.bound).get();
        let least = books.weight_of(immovable(input, line)?)?;
        let row = Row {
            limit: format!("max_weight({asset})"),
            sense: Sense::AtMost,
            left_side: line.weight_after,
            bound: asked.max(least),
            stated: None,
            nature: Nature::State { before: line.weight_before },
            softness,
            max_allowance: add(books.weight_of(dropped_sale(input, line)?)?, met(books, std::iter::once(line))?)?,
            spread: false,
            detail: String::new(),
        };
        rows.push(row.stating(asked, least));
    }
    Ok(rows)
}

/// Tail risk. It is no sum over positions: what an order dropped or rounded may add is its part in the asset's own tail.
fn risk(context: Context<'_>) -> Result<Option<Row>, OutOfRange> {
    let Context { input, books, risk, .. } = context;
    let Some(risk) = risk else { return Ok(None) };
    let Some(bound) = risk.rule.bound else { return Ok(None) };
    let stays = risk.measure(books, |line| immovable(input, line))?;
    let mut lots = Decimal::ZERO;
    for (asset, line) in &books.lines {
        let (worst, best) = risk.worst_and_best(asset)?;
        let more = if line.has_order {
            times(lot(line)?, best)?
        } else {
            times(dropped_sale(input, line)?, worst)?.max(times(smallest_order(input, line)?, best)?)
        };
        lots = add(lots, more)?;
    }
    let row = Row {
        limit: "risk".to_owned(),
        sense: Sense::AtMost,
        left_side: risk.measure(books, |line| Ok(line.value_after))?,
        bound: bound.get().max(stays),
        stated: None,
        nature: Nature::State { before: risk.measure(books, |line| Ok(line.value_before))? },
        softness: Softness::of(risk.rule.soft.as_ref()),
        max_allowance: add(books.weight_of(lots)?, context.met)?,
        spread: true,
        detail: String::new(),
    };
    Ok(Some(row.stating(bound.get(), stays)))
}

fn turnover(context: Context<'_>, limit: &Limit) -> Result<Row, OutOfRange> {
    let Context { input, books, .. } = context;
    let mut smallest_orders = Decimal::ZERO;
    for line in books.lines.values().filter(|line| line.has_order) {
        smallest_orders = add(smallest_orders, smallest_order(input, line)?)?;
    }
    Ok(Row {
        limit: "turnover".to_owned(),
        sense: Sense::AtMost,
        left_side: books.turnover()?,
        bound: limit.bound.get(),
        stated: None,
        nature: Nature::Flow,
        softness: Softness::of(limit.soft.as_ref()),
        max_allowance: add(books.weight_of(fraction(smallest_orders, Decimal::TWO)?)?, SOLVER_NOISE)?,
        spread: false,
        detail: String::new(),
    })
}

/// One row per asset with a position or an order; lots are no excuse. Without a known volume there is no trade.
fn check_participation(context: Context<'_>, judge: &mut Judge<'_>, findings: &mut Findings) -> Result<(), OutOfRange> {
    let Some(most) = context.input.policy.limits.participation else { return Ok(()) };
    for (asset, line) in &context.books.lines {
        let limit = format!("participation({asset})");
        let volume = line.record.and_then(|record| record.average_daily_volume);
        let volume = volume.map(Money::get).filter(|volume| *volume > Decimal::ZERO);
        findings.require(volume.is_some() || !line.has_order, &limit, || {
            let worth = line.traded_value.normalize();
            format!("{asset} worth {worth} would be traded, and its average daily volume is unknown or zero")
        });
        let left_side = volume.map_or(Ok(Decimal::ZERO), |volume| fraction(line.traded_value, volume))?;
        judge.judge(Row::hard(limit, Sense::AtMost, left_side, most.get()), findings)?;
    }
    Ok(())
}

/// Nothing is sold that is not free in the account.
fn check_sells(context: Context<'_>, judge: &mut Judge<'_>, findings: &mut Findings) -> Result<(), OutOfRange> {
    let books = context.books;
    for (asset, line) in books.lines.iter().filter(|(_, line)| !line.sold.is_zero()) {
        let limit = format!("sell_within_holding({asset})");
        let free = line.holding.free.get();
        let covered = line.sold <= free;
        findings.require(covered, &limit, || format!("{} {asset} would be sold, {free} are free", line.sold));
        if covered {
            let left_side = books.weight_of(times(line.sold, line.price)?)?;
            let bound = books.weight_of(times(free, line.price)?)?;
            judge.judge(Row::hard(limit, Sense::AtMost, left_side, bound), findings)?;
        }
    }
    Ok(())
}

/// No limit price is further from the reference than the collar; one row per asset with an order.
fn check_collars(context: Context<'_>, judge: &mut Judge<'_>, findings: &mut Findings) -> Result<(), OutOfRange> {
    let collar = context.input.policy.orders.collar.get();
    for (asset, line) in context.books.lines.iter().filter(|(_, line)| line.has_order) {
        let row = Row::hard(format!("collar({asset})"), Sense::AtMost, line.worst_distance, collar);
        judge.judge(row, findings)?;
    }
    Ok(())
}

/// Pre-trade controls, each as the used fraction of its bound.
fn check_controls(context: Context<'_>, judge: &mut Judge<'_>, findings: &mut Findings) -> Result<(), OutOfRange> {
    let Context { input, plan, books, .. } = context;
    let orders = &input.policy.orders;
    let largest = books.trades.iter().max_by_key(|trade| trade.notional);
    let largest_notional = largest.map_or(Decimal::ZERO, |trade| trade.notional);
    let name = largest.map_or(String::new(), |trade| format!("order {} for {}: ", trade.order.key, trade.order.asset));
    let count = Decimal::from(plan.orders.len());
    let controls = [
        ("max_order_notional", largest_notional, orders.max_order_notional.get(), name),
        ("max_run_notional", books.traded_value, orders.max_run_notional.get(), "all orders: ".to_owned()),
        ("max_orders", count, Decimal::from(orders.max_orders), "number of orders: ".to_owned()),
    ];
    for (limit, left, most, subject) in controls {
        let within = left <= most;
        findings.require(within, limit, || format!("{subject}{}; the policy allows at most {most}", left.normalize()));
        if within {
            let used = if most.is_zero() { Decimal::ZERO } else { fraction(left, most)? };
            judge.judge(Row::hard(limit.to_owned(), Sense::AtMost, used, Decimal::ONE), findings)?;
        }
    }
    Ok(())
}

/// The worth of the smallest order that venue and policy take, in whole lots; zero for what cannot be traded. The
/// venue's minimum must be met even at the lowest limit price.
fn smallest_order(input: &PlanningInput, line: &Line<'_>) -> Result<Decimal, OutOfRange> {
    let Some(listing) = line.tradable() else { return Ok(Decimal::ZERO) };
    let Listing { lot_size, min_quantity, min_notional, .. } = listing;
    let units = lot_size.get().max(min_quantity.get());
    let lowest = lowest_price(input, line, listing)?;
    let at_lowest = times(min_notional.get(), line.price)?;
    let min_notional = if lowest.is_zero() { Decimal::ZERO } else { fraction(at_lowest, lowest)? };
    let least = times(units, line.price)?.max(min_notional).max(input.policy.orders.min_trade.get());
    Ok(in_lots(least, line.price, lot_size.get())?.max(LEAST_LOT))
}

/// The worth of the fewest whole lots that are worth this much.
fn in_lots(worth: Decimal, price: Decimal, lot: Decimal) -> Result<Decimal, OutOfRange> {
    if lot.is_zero() || price.is_zero() {
        return Ok(worth);
    }
    let units = next_multiple(fraction(worth, price)?, lot)?;
    // The quotient may have been rounded up at its last digit.
    let fewer = times(subtract(units, lot)?, price)?;
    if fewer >= worth { Ok(fewer) } else { times(units, price) }
}

/// What a lot is worth, or the least that counts as one.
fn lot(line: &Line<'_>) -> Result<Decimal, OutOfRange> {
    let lot = line.tradable().map_or(Decimal::ZERO, |listing| listing.lot_size.get());
    Ok(times(lot, line.price)?.max(LEAST_LOT))
}

/// The dearest rate that a trade can cost.
pub(super) fn dearest(input: &PlanningInput) -> Result<Decimal, OutOfRange> {
    let costs = &input.policy.costs;
    let impact = costs.impact.last().map_or(Decimal::ZERO, |piece| piece.cost.get());
    add(add(costs.fee.get(), costs.half_spread.get())?, impact)
}

/// What a sale may be worth that was dropped because it is below the smallest order: no more than that, and no more than
/// there is to sell. Nothing where there is an order: orders are rounded so that cash is only ever left over.
fn dropped_sale(input: &PlanningInput, line: &Line<'_>) -> Result<Decimal, OutOfRange> {
    if line.has_order {
        return Ok(Decimal::ZERO);
    }
    Ok(smallest_order(input, line)?.min(times(sellable(input, line)?, line.price)?))
}

fn all_smallest_orders(context: Context<'_>) -> Result<Decimal, OutOfRange> {
    context.books.lines.values().try_fold(Decimal::ZERO, |total, line| add(total, smallest_order(context.input, line)?))
}

fn add(left: Decimal, right: Decimal) -> Result<Decimal, OutOfRange> {
    left.checked_add(right).ok_or(OutOfRange)
}

fn subtract(left: Decimal, right: Decimal) -> Result<Decimal, OutOfRange> {
    left.checked_sub(right).ok_or(OutOfRange)
}

fn times(left: Decimal, right: Decimal) -> Result<Decimal, OutOfRange> {
    left.checked_mul(right).ok_or(OutOfRange)
}
