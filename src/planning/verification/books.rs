//! The verifier's own books: what the account is worth, and what it holds once every order is filled.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::arithmetic::{Calculator, OutOfRange, fraction};
use super::findings::Findings;
use crate::model::policy::Costs;
use crate::model::{AssetId, AssetRecord, Decimal, Holding, Listing, ListingStatus, Money, Order, PlanningInput, Side};
use crate::planning::plan::{Position, RebalancePlan, Role};

/// One asset: what is known of it, what the plan calls it, what is held before and after.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub(super) record: Option<&'a AssetRecord>,
    pub(super) position: Option<&'a Position>,
    pub(super) holding: Holding,
    /// Zero for what is unmanaged.
    pub(super) price: Decimal,
    pub(super) before: Decimal,
    pub(super) after: Decimal,
    pub(super) bought: Decimal,
    pub(super) sold: Decimal,
    /// Bought plus sold at the reference price.
    pub(super) traded_value: Decimal,
    pub(super) value_before: Decimal,
    pub(super) value_after: Decimal,
    /// Fractions of net asset value before trading; zero where that is zero.
    pub(super) weight_before: Decimal,
    pub(super) weight_after: Decimal,
    pub(super) has_order: bool,
    /// How far from the reference the worst limit price is, as a fraction; zero without an order.
    pub(super) worst_distance: Decimal,
    /// By the policy, whatever the plan calls it.
    pub(super) is_stable_leg: bool,
}

impl<'a> Line<'a> {
    pub(super) fn role(&self) -> Option<Role> {
        self.position.map(|position| position.role)
    }

    /// The listing, while the venue takes orders for it.
    pub(super) fn tradable(&self) -> Option<&'a Listing> {
        let listing = self.record?.listing.as_ref()?;
        (listing.status == ListingStatus::Trading).then_some(listing)
    }
}

/// One order for an asset that is known: its worth and its expected cost, recomputed.
#[derive(Debug)]
pub(super) struct Trade<'a> {
    pub(super) order: &'a Order,
    pub(super) record: &'a AssetRecord,
    pub(super) notional: Decimal,
    pub(super) cost: Decimal,
}

#[derive(Debug)]
pub(super) struct Books<'a> {
    /// Every asset that is held, has a position or has an order.
    pub(super) lines: BTreeMap<&'a AssetId, Line<'a>>,
    pub(super) trades: Vec<Trade<'a>>,
    pub(super) net_asset_value: Decimal,
    pub(super) cash_before: Decimal,
    pub(super) cash_after: Decimal,
    /// Free cash after every order filled at its limit price, fees paid; costs of the market left out.
    pub(super) cash_at_limit_prices: Decimal,
    pub(super) traded_value: Decimal,
    pub(super) cost: Decimal,
    pub(super) calculator: Calculator,
}

impl Books<'_> {
    /// An amount as a fraction of net asset value; zero for a portfolio that is worth nothing.
    pub(super) fn weight_of(&self, amount: Decimal) -> Result<Decimal, OutOfRange> {
        if self.has_value() { fraction(amount, self.net_asset_value) } else { Ok(Decimal::ZERO) }
    }

    /// Half of buys plus sells, as a fraction of net asset value.
    pub(super) fn turnover(&self) -> Result<Decimal, OutOfRange> {
        self.weight_of(fraction(self.traded_value, Decimal::TWO)?)
    }

    pub(super) fn has_value(&self) -> bool {
        self.net_asset_value > Decimal::ZERO
    }
}

/// Opens the books on the account, then enters every order as filled in full.
pub(super) fn keep<'a>(
    input: &'a PlanningInput,
    plan: &'a RebalancePlan,
    findings: &mut Findings,
) -> Result<Books<'a>, OutOfRange> {
    let mut books = open(input, plan, findings)?;
    for order in &plan.orders {
        let record = input.assets.get(&order.asset);
        findings.require_of(record.is_some(), "asset", &order.asset, || {
            format!("order {} trades {}, of which the planning input knows nothing", order.key, order.asset)
        });
        if let Some(record) = record {
            enter(&mut books, input, order, record)?;
        }
    }
    weigh(&mut books)?;
    Ok(books)
}

/// Values and weighs every line after all orders are entered.
fn weigh(books: &mut Books<'_>) -> Result<(), OutOfRange> {
    let (whole, has_value) = (books.net_asset_value, books.has_value());
    for line in books.lines.values_mut() {
        line.value_after = books.calculator.product(line.after, line.price)?;
        if has_value {
            line.weight_before = fraction(line.value_before, whole)?;
            let unchanged = line.value_after == line.value_before;
            line.weight_after = if unchanged { line.weight_before } else { fraction(line.value_after, whole)? };
        }
    }
    Ok(())
}

fn open<'a>(
    input: &'a PlanningInput,
    plan: &'a RebalancePlan,
    findings: &mut Findings,
) -> Result<Books<'a>, OutOfRange> {
    let mut calculator = Calculator::default();
    let positions = positions_by_asset(plan, findings);
    let held = input.account.holdings.iter().filter(|(_, holding)| !holding.total().is_zero());
    let assets: BTreeSet<&AssetId> = held.map(|(asset, _)| asset).chain(positions.keys().copied()).collect();
    let cash_before = calculator.sum(input.account.cash_free.get(), input.account.cash_locked.get())?;
    let mut net_asset_value = cash_before;
    let mut lines = BTreeMap::new();
    for asset in assets {
        let line = open_line(input, asset, positions.get(asset).copied(), &mut calculator)?;
        calculator.add_to(&mut net_asset_value, line.value_before)?;
        lines.insert(asset, line);
    }
    Ok(Books {
        lines,
        trades: Vec::with_capacity(plan.orders.len()),
        net_asset_value,
        cash_before,
        cash_after: cash_before,
        cash_at_limit_prices: input.account.cash_free.get(),
        traded_value: Decimal::ZERO,
        cost: Decimal::ZERO,
        calculator,
    })
}

fn positions_by_asset<'a>(plan: &'a RebalancePlan, findings: &mut Findings) -> BTreeMap<&'a AssetId, &'a Position> {
    let mut positions = BTreeMap::new();
    for position in &plan.positions {
        let earlier = positions.insert(&position.asset, position);
        findings.require_of(earlier.is_none(), "position", &position.asset, || {
            format!("{} has more than one position in the plan", position.asset)
        });
    }
    positions
}

fn open_line<'a>(
    input: &'a PlanningInput,
    asset: &AssetId,
    position: Option<&'a Position>,
    calculator: &mut Calculator,
) -> Result<Line<'a>, OutOfRange> {
    let record = input.assets.get(asset);
    let holding = input.account.holdings.get(asset).copied().unwrap_or_default();
    let before = calculator.sum(holding.free.get(), holding.locked.get())?;
    let unmanaged = position.is_some_and(|position| position.role == Role::Unmanaged);
    let price = record.filter(|_| !unmanaged).map_or(Decimal::ZERO, |record| record.price.get());
    Ok(Line {
        record,
        position,
        holding,
        price,
        before,
        after: before,
        bought: Decimal::ZERO,
        sold: Decimal::ZERO,
        traded_value: Decimal::ZERO,
        value_before: calculator.product(before, price)?,
        value_after: Decimal::ZERO,
        weight_before: Decimal::ZERO,
        weight_after: Decimal::ZERO,
        has_order: false,
        worst_distance: Decimal::ZERO,
        is_stable_leg: input.policy.regime.as_ref().is_some_and(|regime| regime.stable_legs.contains(asset)),
    })
}

/// Enters one order: units to its line, its worth and cost to cash, its worst price to cash at limit prices.
fn enter<'a>(
    books: &mut Books<'a>,
    input: &'a PlanningInput,
    order: &'a Order,
    record: &'a AssetRecord,
) -> Result<(), OutOfRange> {
    let quantity = order.quantity.get();
    let calculator = &mut books.calculator;
    let notional = calculator.product(quantity, record.price.get())?;
    let volume = record.average_daily_volume.map(Money::get);
    let cost = trading_cost(&input.policy.costs, notional, volume, calculator)?;
    let at_limit = calculator.product(quantity, order.limit_price.get())?;
    let fee_at_limit = calculator.product(at_limit, input.policy.costs.fee.get())?;

    let line = match books.lines.entry(&order.asset) {
        Entry::Occupied(entry) => entry.into_mut(),
        Entry::Vacant(entry) => entry.insert(open_line(input, &order.asset, None, calculator)?),
    };
    let distance = distance(order, record)?;
    line.worst_distance = if line.has_order { distance.max(line.worst_distance) } else { distance };
    line.has_order = true;
    calculator.add_to(&mut line.traded_value, notional)?;
    let (units_in, money_in, limit_money_in) = match order.side {
        Side::Sell => {
            calculator.add_to(&mut line.sold, quantity)?;
            (-quantity, notional, at_limit)
        }
        Side::Buy => {
            calculator.add_to(&mut line.bought, quantity)?;
            (quantity, -notional, -at_limit)
        }
    };
    calculator.add_to(&mut line.after, units_in)?;
    calculator.add_to(&mut books.cash_after, money_in)?;
    calculator.add_to(&mut books.cash_after, -cost)?;
    calculator.add_to(&mut books.cash_at_limit_prices, limit_money_in)?;
    calculator.add_to(&mut books.cash_at_limit_prices, -fee_at_limit)?;
    calculator.add_to(&mut books.traded_value, notional)?;
    calculator.add_to(&mut books.cost, cost)?;
    books.trades.push(Trade { order, record, notional, cost });
    Ok(())
}

/// How far the limit price is from the reference, as a fraction of it: on the better side an order would not be filled.
fn distance(order: &Order, record: &AssetRecord) -> Result<Decimal, OutOfRange> {
    let (limit, reference) = (order.limit_price.get(), record.price.get());
    fraction(limit.checked_sub(reference).ok_or(OutOfRange)?.abs(), reference)
}

/// What trading is expected to cost: fee and half spread on the notional, plus impact. The part of the notional up
/// to `up_to` of average daily volume costs that piece's rate, and the last piece prices the rest, however large.
/// Where the volume is unknown and there are pieces, the last piece prices all of it.
fn trading_cost(
    costs: &Costs,
    notional: Decimal,
    average_daily_volume: Option<Decimal>,
    calculator: &mut Calculator,
) -> Result<Decimal, OutOfRange> {
    let flat_rate = calculator.sum(costs.fee.get(), costs.half_spread.get())?;
    let mut cost = calculator.product(notional, flat_rate)?;
    let Some((last, earlier)) = costs.impact.split_last() else {
        return Ok(cost);
    };
    let mut priced = Decimal::ZERO;
    for piece in earlier {
        let volume = average_daily_volume.unwrap_or_default();
        let ceiling = calculator.product(piece.up_to.get(), volume)?.min(notional).max(priced);
        let part = calculator.difference(ceiling, priced)?;
        let impact = calculator.product(part, piece.cost.get())?;
        calculator.add_to(&mut cost, impact)?;
        priced = ceiling;
    }
    let rest = calculator.difference(notional, priced)?;
    let impact = calculator.product(rest, last.cost.get())?;
    calculator.add_to(&mut cost, impact)?;
    Ok(cost)
}
