//! From weights to orders a venue takes: lots, ticks, minimum notional.
//!
//! Buys round down, sells round up and never above the free holding, so rounding only ever adds cash. What is
//! below a minimum is dropped and named.

use crate::model::{Decimal, Listing, Money, PlanningInput, Price, Quantity, Side};

use super::portfolio::{Line, Portfolio, buy_limit_price, sell_limit_price, to_quantity, weight_of};
use super::program::Allocation;
use super::valuation::estimated_cost;

/// One rounded trade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trade {
    pub(crate) line: usize,
    pub(crate) side: Side,
    pub(crate) quantity: Quantity,
    pub(crate) limit_price: Price,
    pub(crate) notional: Money,
    pub(crate) cost: Money,
    /// Sells the whole free holding, but for less than a lot.
    pub(crate) full_exit: bool,
}

/// A trade that the program wanted and that no venue would take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dropped {
    pub(crate) line: usize,
    pub(crate) side: Side,
    pub(crate) sentence: String,
}

/// The rounded trades and what they leave.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rounded {
    pub(crate) trades: Vec<Trade>,
    pub(crate) dropped: Vec<Dropped>,
}

/// Rounds an allocation.
pub(crate) fn round_to_lots(input: &PlanningInput, portfolio: &Portfolio<'_>, allocation: &Allocation) -> Rounded {
    let mut rounded = Rounded::default();
    let sells = allocation.sells.iter().map(|(line, weight)| (*line, Side::Sell, *weight));
    let buys = allocation.buys.iter().map(|(line, weight)| (*line, Side::Buy, *weight));
    for (index, side, weight) in sells.chain(buys) {
        let Some(line) = portfolio.lines.get(index) else { continue };
        let Some(listing) = line.listing() else { continue };
        match trade(input, portfolio, index, line, listing, side, weight) {
            Ok(trade) => rounded.trades.push(trade),
            Err(sentence) => rounded.dropped.push(Dropped { line: index, side, sentence }),
        }
    }
    rounded
}

fn trade(
    input: &PlanningInput,
    portfolio: &Portfolio<'_>,
    index: usize,
    line: &Line<'_>,
    listing: &Listing,
    side: Side,
    weight: Decimal,
) -> Result<Trade, String> {
    let exact = to_quantity(weight, line, portfolio.net_asset_value);
    let exact = Quantity::new(exact).map_err(|error| error.to_string())?;
    let sellable = line.sellable();
    let quantity = match side {
        Side::Buy => exact.floor_to(line.step()),
        Side::Sell => exact.ceil_to(line.step()).min(sellable),
    };
    let full_exit = side == Side::Sell && quantity == sellable;
    if quantity.is_zero() {
        return Err(format!("rounds to zero: less than one lot of {}", listing.lot_size));
    }
    let price = line.price();
    let limit_price = match side {
        Side::Buy => buy_limit_price(price, input, listing),
        Side::Sell => sell_limit_price(price, input, listing),
    };
    let limit_price = limit_price.ok_or("its limit price rounds to zero")?;
    let notional = price.value_of(quantity);
    let worst = price.min(limit_price).value_of(quantity);
    if quantity < listing.min_quantity {
        return Err(format!("{quantity} is below the venue's minimum quantity of {}", listing.min_quantity));
    }
    if worst < listing.min_notional {
        return Err(format!("worth {} and the venue's minimum is {}", worst.get().round_dp(2), listing.min_notional));
    }
    let min_trade = input.policy.orders.min_trade;
    if notional < min_trade && !full_exit {
        return Err(format!("worth {} and the policy's minimum trade is {min_trade}", notional.get().round_dp(2)));
    }
    let cost = estimated_cost(input, line.asset, notional);
    Ok(Trade { line: index, side, quantity, limit_price, notional, cost, full_exit })
}

impl Rounded {
    /// Whether every order can be paid, at reference prices with all costs and at limit prices with fees.
    pub(crate) fn is_payable(&self, input: &PlanningInput) -> bool {
        let fee = input.policy.costs.fee;
        let mut at_reference = input.account.cash_free;
        let mut at_limit = input.account.cash_free;
        for trade in &self.trades {
            let value = trade.limit_price.value_of(trade.quantity);
            at_reference -= trade.cost;
            at_limit -= value.times(fee);
            match trade.side {
                Side::Buy => {
                    at_reference -= trade.notional;
                    at_limit -= value;
                }
                Side::Sell => {
                    at_reference += trade.notional;
                    at_limit += value;
                }
            }
        }
        at_reference >= Money::ZERO && at_limit >= Money::ZERO
    }

    /// Weights after full fills, by line.
    pub(crate) fn weights(&self, portfolio: &Portfolio<'_>) -> Vec<Decimal> {
        let mut weights: Vec<Decimal> = portfolio.lines.iter().map(|line| line.weight).collect();
        for trade in &self.trades {
            let (Some(weight), Some(line)) = (weights.get_mut(trade.line), portfolio.lines.get(trade.line)) else {
                continue;
            };
            let by = weight_of(trade.quantity, line.price(), portfolio.net_asset_value);
            match trade.side {
                Side::Buy => *weight += by,
                Side::Sell => *weight -= by,
            }
        }
        weights
    }

    pub(crate) fn cost(&self) -> Money {
        self.trades.iter().map(|trade| trade.cost).sum()
    }

    /// Buys plus sells, in quote currency.
    pub(crate) fn traded(&self) -> Money {
        self.trades.iter().map(|trade| trade.notional).sum()
    }
}
