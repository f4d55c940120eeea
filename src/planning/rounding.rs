//! From weights to orders a venue takes: lots, ticks, minimum notional.
//!
//! Buys round down, sells round up and never above the free holding, so rounding only ever adds cash. What is
//! below a minimum is dropped and named.

use std::collections::BTreeSet;

use crate::model::number::fit;
use crate::model::{Decimal, Money, PlanningInput, Price, Quantity, Rate, Side, Weight};

use super::portfolio::{
    Line, Portfolio, below_min_trade, below_venue_minimum, buy_limit_price, sell_limit_price, to_quantity, weight_of,
};
use super::program::{Allocation, RELAXATION_NOISE};
use super::valuation::estimated_cost;

/// One rounded trade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trade {
    pub(crate) line: usize,
    pub(crate) side: Side,
    pub(crate) quantity: Quantity,
    pub(crate) limit_price: Price,
    pub(crate) notional: Money,
    /// The notional over net asset value, with all the digits of the quotient, and with those of a [`Weight`].
    pub(crate) weight: Decimal,
    pub(crate) part: Decimal,
    pub(crate) cost: Money,
    /// Sells the whole free holding, but for less than a lot.
    pub(crate) full_exit: bool,
}

/// A trade that the program wanted and that is not made.
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
    /// What no venue would take.
    pub(crate) dropped: Vec<Dropped>,
    /// Buys that the cash left was too little for. The next solution may want them again.
    pub(crate) unpaid: Vec<Dropped>,
}

/// Rounds an allocation.
pub(crate) fn round_to_lots(input: &PlanningInput, portfolio: &Portfolio<'_>, allocation: &Allocation) -> Rounded {
    let mut rounded = Rounded::default();
    let sells = allocation.sells.iter().map(|(line, weight)| (*line, Side::Sell, *weight));
    let buys = allocation.buys.iter().map(|(line, weight)| (*line, Side::Buy, *weight));
    for (index, side, weight) in sells.chain(buys) {
        let Some(line) = portfolio.lines.get(index) else { continue };
        match trade(input, portfolio, index, line, side, weight) {
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
    side: Side,
    weight: Decimal,
) -> Result<Trade, String> {
    let exact = to_quantity(weight, line, portfolio.net_asset_value);
    let exact = Quantity::new(exact).map_err(|error| error.to_string())?;
    let quantity = match side {
        Side::Buy => exact.floor_to(line.step),
        Side::Sell => {
            let all = line.sellable;
            let quantity = exact.ceil_to(line.step).min(all);
            let weight = |units| weight_of(units, line.price(), portfolio.net_asset_value);
            // The solver's noise is no position to keep.
            let nearly_all = quantity == all
                || (line.sell_box == weight(all) && line.sell_box - weight(quantity) <= RELAXATION_NOISE);
            if nearly_all { all } else { quantity }
        }
    };
    priced(input, portfolio.net_asset_value, index, line, side, quantity)
}

/// A trade of this quantity, if the venue and the policy take it.
fn priced(
    input: &PlanningInput,
    net_asset_value: Money,
    index: usize,
    line: &Line<'_>,
    side: Side,
    quantity: Quantity,
) -> Result<Trade, String> {
    let listing = line.listing().ok_or("not listed at the venue")?;
    let full_exit = side == Side::Sell && quantity == line.sellable;
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
    let refused = below_venue_minimum(listing, quantity, price.min(limit_price))
        .or_else(|| below_min_trade(input, notional).filter(|_| !full_exit));
    if let Some((what, least)) = refused {
        return Err(format!("{what} and {least}"));
    }
    let weight = notional.get() / net_asset_value.get();
    let cost = estimated_cost(&input.policy.costs, line.record, notional);
    Ok(Trade { line: index, side, quantity, limit_price, notional, weight, part: fit(weight), cost, full_exit })
}

/// Free cash when every order so far is filled: at reference prices with all costs, and at limit prices with fees.
struct Purse {
    fee: Rate,
    at_reference: Money,
    at_limit: Money,
}

impl Purse {
    /// After these sells. Sells only ever fill a purse.
    fn of(input: &PlanningInput, sells: &[Trade]) -> Self {
        let cash = input.account.cash_free;
        let mut purse = Self { fee: input.policy.costs.fee, at_reference: cash, at_limit: cash };
        for sell in sells {
            let value = sell.limit_price.value_of(sell.quantity);
            purse.at_reference += sell.notional - sell.cost;
            purse.at_limit += value - value.times(purse.fee);
        }
        purse
    }

    fn pays(&self, buy: &Trade) -> bool {
        let value = buy.limit_price.value_of(buy.quantity);
        buy.notional + buy.cost <= self.at_reference && value + value.times(self.fee) <= self.at_limit
    }

    fn spend(&mut self, buy: &Trade) {
        let value = buy.limit_price.value_of(buy.quantity);
        self.at_reference -= buy.notional + buy.cost;
        self.at_limit -= value + value.times(self.fee);
    }

    /// As much of the buy as can be paid; why not, where that is too little for the venue or the policy.
    fn cut(
        &self,
        buy: &Trade,
        input: &PlanningInput,
        portfolio: &Portfolio<'_>,
        line: &Line<'_>,
    ) -> Result<Trade, String> {
        let value = buy.limit_price.value_of(buy.quantity);
        // Costs are convex: a smaller trade costs no more in proportion.
        let at_reference = self.at_reference.fraction_of(buy.notional + buy.cost);
        let at_limit = self.at_limit.fraction_of(value + value.times(self.fee));
        let part = at_reference.min(at_limit).max(Weight::ZERO);
        let quantity = Quantity::new(buy.quantity.get() * part.get()).map_err(|error| error.to_string())?;
        let cut = priced(input, portfolio.net_asset_value, buy.line, line, Side::Buy, quantity.floor_to(line.step))
            .map_err(|why| format!("the cash left pays for a part of it only: {why}"))?;
        if self.pays(&cut) { Ok(cut) } else { Err("the cash left does not pay for it".to_owned()) }
    }
}

impl Rounded {
    /// The same with the buys cut to what can be paid: a dropped sell may have been to fund one. The smallest are cut
    /// first, so that as little as can be is left undone.
    pub(crate) fn within_means(mut self, input: &PlanningInput, portfolio: &Portfolio<'_>) -> Self {
        let (mut buys, sells): (Vec<Trade>, Vec<Trade>) =
            self.trades.drain(..).partition(|trade| trade.side == Side::Buy);
        let mut purse = Purse::of(input, &sells);
        self.trades = sells;
        let sells = self.trades.len();
        buys.sort_by_key(|buy| (std::cmp::Reverse(buy.notional), buy.line));
        for buy in buys {
            let Some(line) = portfolio.lines.get(buy.line) else { continue };
            let index = buy.line;
            let paid = if purse.pays(&buy) { Ok(buy) } else { purse.cut(&buy, input, portfolio, line) };
            match paid {
                Ok(buy) => {
                    purse.spend(&buy);
                    self.trades.push(buy);
                }
                Err(sentence) => self.unpaid.push(Dropped { line: index, side: Side::Buy, sentence }),
            }
        }
        if let Some(buys) = self.trades.get_mut(sells..) {
            buys.sort_by_key(|buy| buy.line);
        }
        self
    }

    /// Names what was dropped on the way or could not be paid and is not traded in the end.
    pub(crate) fn naming(mut self, on_the_way: Vec<Dropped>) -> Self {
        let traded: BTreeSet<usize> = self.trades.iter().map(|trade| trade.line).collect();
        let all = on_the_way.into_iter().chain(std::mem::take(&mut self.unpaid));
        self.dropped = all.filter(|dropped| !traded.contains(&dropped.line)).collect();
        self
    }

    /// Weights after full fills, by line.
    pub(crate) fn weights(&self, portfolio: &Portfolio<'_>) -> Vec<Decimal> {
        let mut weights: Vec<Decimal> = portfolio.lines.iter().map(|line| line.weight).collect();
        for trade in &self.trades {
            let Some(weight) = weights.get_mut(trade.line) else { continue };
            match trade.side {
                Side::Buy => *weight += trade.weight,
                Side::Sell => *weight -= trade.weight,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planning::sample::{dec, input, policy};
    use crate::planning::survey;

    /// By index of the line.
    type By<T> = (usize, T);

    /// What 1,000 in cash pays of these buys, by asset: quantities bought, and what is said of the rest.
    fn bought(buys: [&str; 3]) -> (Vec<By<Decimal>>, Vec<By<String>>) {
        let input = input(policy(|_| {}), &["600", "300", "100"], &[], "1000");
        let survey = survey(&input).expect("a survey");
        let allocation = Allocation { buys: buys.map(dec).into_iter().enumerate().collect(), ..Allocation::default() };
        let paid = round_to_lots(&input, &survey.portfolio, &allocation).within_means(&input, &survey.portfolio);
        assert!(paid.dropped.is_empty(), "{:?}", paid.dropped);
        let trades = paid.trades.iter().map(|trade| (trade.line, trade.quantity.get())).collect();
        (trades, paid.unpaid.into_iter().map(|dropped| (dropped.line, dropped.sentence)).collect())
    }

    #[test]
    fn the_smallest_buy_is_cut_whatever_its_name() {
        // At limit prices with fees: 606.61 and 383.17 leave 10.22 of the 15.17 that a costs.
        let (trades, unpaid) = bought(["0.015", "0.6", "0.379"]);
        assert_eq!(trades, [(0, dec("10.1")), (1, dec("600")), (2, dec("379"))]);
        assert_eq!(unpaid, []);
        let (trades, _) = bought(["0.379", "0.6", "0.015"]);
        assert_eq!(trades, [(0, dec("379")), (1, dec("600")), (2, dec("10.1"))]);
    }

    #[test]
    fn a_buy_that_cannot_be_paid_is_named() {
        let (trades, unpaid) = bought(["0.015", "0.6", "0.38"]);
        assert_eq!(trades, [(1, dec("600")), (2, dec("380"))]);
        let why = "the cash left pays for a part of it only: worth 9.1 and the venue's minimum is 10";
        assert_eq!(unpaid, [(0, why.to_owned())]);
    }

    #[test]
    fn whoever_is_not_traded_in_the_end_is_named() {
        let dropped = |line: usize| Dropped { line, side: Side::Buy, sentence: format!("of {line}") };
        let trade = Trade {
            line: 1,
            side: Side::Buy,
            quantity: Quantity::ZERO,
            limit_price: Price::new(Decimal::ONE).expect("a price"),
            notional: Money::ZERO,
            weight: Decimal::ZERO,
            part: Decimal::ZERO,
            cost: Money::ZERO,
            full_exit: false,
        };
        let rounded = Rounded { trades: vec![trade], dropped: Vec::new(), unpaid: vec![dropped(0), dropped(1)] };
        let named = rounded.naming(vec![dropped(1), dropped(2)]);
        assert_eq!((named.dropped, named.unpaid), (vec![dropped(2), dropped(0)], Vec::new()));
    }
}
