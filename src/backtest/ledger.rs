//! Cash and holdings of the portfolio, what fills change about them, and what each asset earned.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::history::{AssetIndex, Day, History};
use super::settings::FeeBasis;
use crate::model::policy::Costs;
use crate::model::{Decimal, Money, Price, Quantity, Rate, Side};
use crate::planning::valuation::{cost_curve, cost_of};

/// Decimals of a quantity that has no price to be counted by.
const QUANTITY_DECIMALS: u32 = 18;

/// Decimals of what a quantity is counted in, in quote currency.
const GRAIN_DECIMALS: u32 = 9;

/// Units of an asset in steps worth a billionth of a quote unit at most, rounded down. What a division leaves behind that is
/// worth nothing has no place in a product with a price.
pub(super) fn counted(units: Decimal, price: Price) -> Decimal {
    units.trunc_with_scale(decimals_beside(price.get(), GRAIN_DECIMALS))
}

/// So many decimals that a unit of the last one, of what costs the value, is worth less than one of these.
pub(super) fn decimals_beside(value: Decimal, decimals: u32) -> u32 {
    let digits = value.mantissa().unsigned_abs().checked_ilog10().map_or(0, |digits| digits + 1);
    (digits + decimals).saturating_sub(value.scale()).min(Decimal::MAX_SCALE)
}

/// What an order got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fill {
    pub date: Date,
    pub quantity: Quantity,
    /// The close that it filled at; spread and impact stand beside it.
    pub price: Price,
    pub notional: Money,
    pub fee: Money,
    pub spread_cost: Money,
    pub impact_cost: Money,
}

impl Fill {
    #[must_use]
    pub fn cost(&self) -> Money {
        self.fee + self.spread_cost + self.impact_cost
    }
}

/// What an asset did for the portfolio.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Earnings {
    pub days_held: u32,
    pub first_held: Option<Date>,
    pub last_held: Option<Date>,
    /// The sum of its weights at the close of each day.
    pub weight_days: Decimal,
    pub bought: Money,
    pub sold: Money,
    pub costs: Money,
}

/// An order as far as a fill needs it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) asset: AssetIndex,
    pub(super) side: Side,
    pub(super) quantity: Quantity,
    pub(super) price: Price,
    pub(super) average_daily_volume: Option<Money>,
}

/// The portfolio's books.
#[derive(Debug, Clone)]
pub(super) struct Ledger {
    pub(super) cash: Decimal,
    pub(super) holdings: BTreeMap<AssetIndex, Quantity>,
    /// Money alone: the days are counted where they are valued.
    pub(super) earnings: BTreeMap<AssetIndex, Earnings>,
    /// Rises with every change of cash and holdings.
    pub(super) version: u32,
    costs: Costs,
    basis: FeeBasis,
}

/// Shares of a notional: fee, half spread, impact.
#[derive(Debug, Clone, Copy)]
struct Shares {
    fee: Decimal,
    spread: Decimal,
    impact: Decimal,
}

impl Shares {
    fn total(self) -> Decimal {
        self.fee + self.spread + self.impact
    }
}

impl Ledger {
    pub(super) const fn new(cash: Money, costs: Costs, basis: FeeBasis) -> Self {
        Self { cash: cash.get(), holdings: BTreeMap::new(), earnings: BTreeMap::new(), version: 0, costs, basis }
    }

    pub(super) fn held(&self, asset: AssetIndex) -> Quantity {
        self.holdings.get(&asset).copied().unwrap_or_default()
    }

    fn shares(&self, notional: Decimal, volume: Option<Money>) -> Shares {
        let impact_only = Costs { fee: Rate::ZERO, half_spread: Rate::ZERO, impact: self.costs.impact.clone() };
        let impact = if impact_only.impact.is_empty() {
            Decimal::ZERO
        } else {
            cost_of(&cost_curve(&impact_only, volume.map(Money::get)), notional)
        };
        Shares {
            fee: self.costs.fee.get(),
            spread: self.costs.half_spread.get(),
            impact: impact.checked_div(notional).unwrap_or_default(),
        }
    }

    /// Trades as far as holding and cash go; absent where that is nothing.
    pub(super) fn fill(&mut self, wanted: &Wanted, date: Date) -> Option<Fill> {
        let Wanted { asset, side, quantity, price, average_daily_volume } = *wanted;
        let held = self.held(asset);
        let asked = if side == Side::Sell { quantity.min(held) } else { quantity };
        let notional = price.get() * asked.get();
        if notional.is_zero() {
            return None;
        }
        let shares = self.shares(notional, average_daily_volume);
        let rate = shares.total();
        let asked = asked.get();
        let traded = match (self.basis, side) {
            (FeeBasis::Included, Side::Buy) => asked / (Decimal::ONE + rate),
            // Who sells all of it has no more to give.
            (FeeBasis::Included, Side::Sell) => asked.checked_div(Decimal::ONE - rate)?.min(held.get()),
            (FeeBasis::OnTop, _) => asked,
        };
        let outlay = price.get() * traded * (Decimal::ONE + rate);
        let traded = if side == Side::Buy && outlay > self.cash { self.affordable(traded, outlay) } else { traded };
        // Who sells all of it keeps no dust.
        let is_whole = side == Side::Sell && traded == held.get();
        let traded = if is_whole { traded } else { counted(traded, price) };
        let traded = Quantity::new(traded).ok().filter(|traded| !traded.is_zero())?;
        let notional = price.get() * traded.get();
        let money = |amount: Decimal| Money::new(amount).unwrap_or_default();
        let fill = Fill {
            date,
            quantity: traded,
            price,
            notional: money(notional),
            fee: money(notional * shares.fee),
            spread_cost: money(notional * shares.spread),
            impact_cost: money(notional * shares.impact),
        };
        self.book(asset, side, &fill, notional, notional * rate);
        Some(fill)
    }

    /// The part of a buy that cash pays for. What the last digit of a product takes too much is no reason to cut.
    fn affordable(&self, traded: Decimal, outlay: Decimal) -> Decimal {
        let part = self.cash.max(Decimal::ZERO) / outlay;
        let is_noise = Decimal::ONE - part < Decimal::new(1, 20);
        if is_noise { traded } else { traded * part }
    }

    fn book(&mut self, asset: AssetIndex, side: Side, fill: &Fill, notional: Decimal, cost: Decimal) {
        let held = self.held(asset);
        let earned = self.earnings.entry(asset).or_default();
        earned.costs += fill.cost();
        match side {
            Side::Buy => earned.bought += fill.notional,
            Side::Sell => earned.sold += fill.notional,
        }
        let after = match side {
            Side::Buy => {
                self.cash -= notional + cost;
                held + fill.quantity
            }
            Side::Sell => {
                self.cash += notional - cost;
                held - fill.quantity
            }
        };
        // A difference in the 20th digit of the payment is not a debt.
        if self.cash < Decimal::ZERO && self.cash > Decimal::new(-1, 12) {
            self.cash = Decimal::ZERO;
        }
        self.set(asset, after);
    }

    fn set(&mut self, asset: AssetIndex, quantity: Quantity) {
        self.version += 1;
        if quantity.is_zero() {
            let _ = self.holdings.remove(&asset);
        } else {
            let _ = self.holdings.insert(asset, quantity);
        }
    }

    /// Pays a holding out at a price, without costs: a delisting. Answers what came back.
    pub(super) fn pay_out(&mut self, asset: AssetIndex, price: Decimal) -> Money {
        let paid = Money::new(self.held(asset).get() * price).unwrap_or_default();
        self.cash += paid.get();
        self.set(asset, Quantity::ZERO);
        self.earnings.entry(asset).or_default().sold += paid;
        paid
    }

    /// Exchanges a holding into another asset; `value` moves the earnings along. Answers the units that came of it; nothing is
    /// exchanged where there would be more than a quantity can be.
    pub(super) fn exchange(
        &mut self,
        from: AssetIndex,
        to: AssetIndex,
        ratio: Quantity,
        value: Money,
    ) -> Option<Quantity> {
        let units = self.held(from).get().checked_mul(ratio.get())?.trunc_with_scale(QUANTITY_DECIMALS);
        let units = Quantity::new(units).ok()?;
        let together = Quantity::new((self.held(to) + units).get()).ok()?;
        self.set(from, Quantity::ZERO);
        self.set(to, together);
        self.earnings.entry(from).or_default().sold += value;
        self.earnings.entry(to).or_default().bought += value;
        Some(units)
    }

    fn units(&self) -> impl Iterator<Item = (AssetIndex, Decimal)> {
        self.holdings.iter().map(|(asset, quantity)| (*asset, quantity.get()))
    }

    /// What each holding is worth at the day's prices; absent where that cannot be held as a number.
    pub(super) fn worths(&self, history: &History, day: Day) -> impl Iterator<Item = (AssetIndex, Option<Decimal>)> {
        worths(self.units(), history, day)
    }

    /// See [`value()`].
    pub(super) fn value(&self, history: &History, day: Day) -> Option<Decimal> {
        value(self.cash, self.units(), history, day)
    }
}

/// Cash plus units at the day's prices, of what has one; absent where that cannot be held as a number.
pub(super) fn value(
    cash: Decimal,
    units: impl Iterator<Item = (AssetIndex, Decimal)>,
    history: &History,
    day: Day,
) -> Option<Decimal> {
    worths(units, history, day).try_fold(cash, |sum, (_, worth)| sum.checked_add(worth?))
}

fn worths(
    units: impl Iterator<Item = (AssetIndex, Decimal)>,
    history: &History,
    day: Day,
) -> impl Iterator<Item = (AssetIndex, Option<Decimal>)> {
    units.filter_map(move |(asset, units)| {
        let (_, price) = last_price(history, asset, day)?;
        Some((asset, price.get().checked_mul(units)))
    })
}

/// The price of a day, or else the last known one, however old.
pub(super) fn last_price(history: &History, asset: AssetIndex, day: Day) -> Option<(Day, Price)> {
    history.asset(asset)?.last_close(day, usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(fee: &str, basis: FeeBasis) -> Ledger {
        let costs = Costs { fee: Rate::parse(fee).expect(fee), half_spread: Rate::ZERO, impact: Vec::new() };
        Ledger::new(Money::parse("1000").expect("money"), costs, basis)
    }

    fn wanted(side: Side, quantity: &str) -> Wanted {
        let quantity = Quantity::parse(quantity).expect(quantity);
        Wanted { asset: 0, side, quantity, price: Price::parse("10").expect("price"), average_daily_volume: None }
    }

    const DATE: Date = jiff::civil::date(2024, 1, 1);

    #[test]
    fn a_fee_on_top_is_paid_from_cash() {
        let mut books = ledger("0.01", FeeBasis::OnTop);
        let fill = books.fill(&wanted(Side::Buy, "50"), DATE).expect("there is cash");
        assert_eq!((fill.quantity.to_string().as_str(), fill.fee.get()), ("50", Decimal::from(5)));
        assert_eq!(books.cash, Decimal::from(495));
    }

    #[test]
    fn an_included_fee_comes_out_of_the_notional() {
        let mut books = ledger("0.25", FeeBasis::Included);
        let bought = books.fill(&wanted(Side::Buy, "50"), DATE).expect("there is cash");
        assert_eq!((bought.quantity.to_string().as_str(), books.cash), ("40", Decimal::from(500)));
        let sold = books.fill(&wanted(Side::Sell, "15"), DATE).expect("it is held");
        assert_eq!((sold.quantity.to_string().as_str(), books.cash), ("20", Decimal::from(650)));
    }

    #[test]
    fn quantities_are_counted_in_what_is_worth_a_billionth_at_most() {
        let billionth = Decimal::new(1, GRAIN_DECIMALS);
        let third = Decimal::ONE / Decimal::from(3);
        for price in ["1000000000", "20000", "310.1234", "1", "0.5", "0.00012", "0.000000000000000001"] {
            let price = Price::parse(price).expect(price);
            let units = third * Decimal::from(1_000);
            let kept = counted(units, price);
            let lost = (units - kept) * price.get();
            assert!(kept <= units && lost <= billionth, "{price}: {kept} of {units}");
            let coarser = units.trunc_with_scale(kept.scale().saturating_sub(2));
            assert!(
                kept.scale() == 0 || (units - coarser) * price.get() > billionth,
                "{price}: no finer than it must be"
            );
        }
    }

    /// What a fill of a share of the notional would leave of a whole holding is no holding.
    #[test]
    fn who_sells_all_of_it_keeps_no_dust() {
        let mut books = ledger("0", FeeBasis::OnTop);
        let odd = Decimal::ONE / Decimal::from(3);
        let _ = books.holdings.insert(0, Quantity::new(odd).expect("a third"));
        let sold = books.fill(&wanted(Side::Sell, "1"), DATE).expect("it is held");
        assert_eq!((sold.quantity.get(), books.holdings.len()), (odd, 0));
    }

    #[test]
    fn an_exchange_beyond_what_can_be_counted_changes_nothing() {
        let mut books = ledger("0", FeeBasis::OnTop);
        let many = Quantity::MAX;
        let _ = books.holdings.insert(0, Quantity::parse("2").expect("two"));
        let _ = books.holdings.insert(1, many);
        let before = books.clone();
        for (to, ratio) in [(2, many), (1, Quantity::parse("0.5").expect("a half"))] {
            assert_eq!(books.exchange(0, to, ratio, Money::ZERO), None, "{ratio} into {to}");
            assert_eq!((&books.holdings, books.version), (&before.holdings, before.version));
        }
        let units = books.exchange(0, 2, Quantity::parse("0.5").expect("a half"), Money::ZERO).expect("one unit");
        assert_eq!((units.to_string().as_str(), books.held(0), books.held(2)), ("1", Quantity::ZERO, units));
    }

    #[test]
    fn nobody_spends_or_sells_what_is_not_there() {
        let mut books = ledger("0.25", FeeBasis::OnTop);
        let bought = books.fill(&wanted(Side::Buy, "100"), DATE).expect("there is cash for some");
        assert_eq!((bought.quantity.to_string().as_str(), books.cash), ("80", Decimal::ZERO));
        let sold = books.fill(&wanted(Side::Sell, "100"), DATE).expect("it is held");
        assert_eq!(sold.quantity, bought.quantity);
        assert_eq!(books.fill(&wanted(Side::Sell, "1"), DATE), None);
    }
}
