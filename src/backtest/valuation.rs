//! What portfolio and benchmarks are worth at the close of each day.
//!
//! Between two fills only prices change: such days are one [`Stretch`] and are valued asset by asset. No decision hangs on
//! it, so it is done when the books are free again.

use std::ops::Range;

use jiff::civil::Date;

use super::benchmark::Basket;
use super::history::{AssetIndex, Day, History};
use super::ledger::{Ledger, decimals_beside, last_price};
use super::record::WeightSample;
use crate::model::{Decimal, Money, Quantity};
use crate::preparation::BadInput;

/// Decimals of a day's value in what a unit of money weighs: with a price it still is a number of 28 digits.
const SHARE_DECIMALS: u32 = 15;

/// Days at whose closes the same is held.
#[derive(Debug, Clone)]
pub(super) struct Stretch {
    days: Range<Day>,
    versions: Versions,
    cash: Decimal,
    holdings: Vec<(AssetIndex, Quantity)>,
    bitcoin: Option<Basket>,
    uncapped: Basket,
    /// Those whose weights are kept.
    sampled: Vec<Day>,
}

/// Of ledger and benchmarks.
type Versions = (u32, Option<u32>, u32);

/// What is held at a close.
#[derive(Debug, Clone, Copy)]
pub(super) struct Books<'a> {
    pub(super) ledger: &'a Ledger,
    pub(super) bitcoin: Option<&'a Basket>,
    pub(super) uncapped: &'a Basket,
}

/// A stretch in figures: per day, and per asset.
#[derive(Debug, Clone)]
pub(super) struct Valued {
    pub(super) days: Vec<DayValue>,
    pub(super) samples: Vec<WeightSample>,
    pub(super) held: Vec<(AssetIndex, Held)>,
}

#[derive(Debug, Clone)]
pub(super) struct DayValue {
    pub(super) date: Date,
    pub(super) value: Decimal,
    pub(super) cash: Decimal,
    /// Holdings whose price is of an older day.
    pub(super) stale: u32,
    pub(super) bitcoin: Option<Decimal>,
    pub(super) uncapped: Decimal,
}

/// The days on which an asset was held and had a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) days: u32,
    pub(super) first: Date,
    pub(super) last: Date,
    /// The sum of its weights.
    pub(super) weight_days: Decimal,
}

impl Held {
    /// The same asset in a later stretch.
    pub(super) fn go_on(&mut self, later: Self) {
        self.days += later.days;
        self.last = later.last;
        self.weight_days += later.weight_days;
    }
}

impl Books<'_> {
    fn versions(self) -> Versions {
        (self.ledger.version, self.bitcoin.map(|basket| basket.version), self.uncapped.version)
    }

    /// Adds the close of the next day.
    pub(super) fn close(self, day: Day, sampled: bool, stretches: &mut Vec<Stretch>) {
        let versions = self.versions();
        match stretches.last_mut().filter(|last| last.versions == versions && last.days.end == day) {
            Some(last) => last.days.end = day + 1,
            None => stretches.push(Stretch {
                days: day..day + 1,
                versions,
                cash: self.ledger.cash,
                holdings: self.ledger.holdings.iter().map(|(asset, quantity)| (*asset, *quantity)).collect(),
                bitcoin: self.bitcoin.cloned(),
                uncapped: self.uncapped.clone(),
                sampled: Vec::new(),
            }),
        }
        if let Some(last) = stretches.last_mut().filter(|_| sampled) {
            last.sampled.push(day);
        }
    }
}

impl Stretch {
    /// # Errors
    /// On the first day on which portfolio or benchmark are worth more than money can be.
    pub(super) fn valued(&self, history: &History) -> Result<Valued, BadInput> {
        let units = self.holdings.iter().map(|(asset, quantity)| (*asset, quantity.get()));
        let values = self.values(history, self.cash, units);
        let of_basket = |basket: &Basket| {
            self.values(history, basket.cash, basket.units.iter().map(|(asset, units)| (*asset, *units)))
        };
        let uncapped = of_basket(&self.uncapped);
        let bitcoin = match &self.bitcoin {
            Some(basket) => of_basket(basket).into_iter().map(Some).collect(),
            None => vec![None; values.len()],
        };
        let mut days = Vec::with_capacity(values.len());
        for (((day, value), bitcoin), uncapped) in self.days.clone().zip(values).zip(bitcoin).zip(uncapped) {
            let date = history.date(day);
            days.push(DayValue {
                date,
                value: told(value, date)?,
                cash: self.cash,
                stale: 0,
                bitcoin: bitcoin.map(|value| told(value, date)).transpose()?,
                uncapped: told(uncapped, date)?,
            });
        }
        let held = self.weigh(history, &mut days);
        let kept = self.sampled.iter().filter_map(|day| Some((*day, days.get(day - self.days.start)?)));
        let samples = kept.map(|(day, closed)| self.sample(history, day, closed));
        Ok(Valued { samples: samples.collect(), held, days })
    }

    /// Cash and units at the closes of each day; absent where that cannot be held as a number.
    fn values(
        &self,
        history: &History,
        cash: Decimal,
        units: impl Iterator<Item = (AssetIndex, Decimal)>,
    ) -> Vec<Option<Decimal>> {
        let mut values = vec![Some(cash); self.days.len()];
        for (asset, units) in units {
            let Some(asset) = history.asset(asset) else { continue };
            for (value, close) in values.iter_mut().zip(asset.last_closes(self.days.clone())) {
                if let Some((_, price)) = close {
                    *value = value.and_then(|sum| sum.checked_add(price.get().checked_mul(units)?));
                }
            }
        }
        values
    }

    /// The days of each holding; on each day one more is stale where a price is older.
    fn weigh(&self, history: &History, days: &mut [DayValue]) -> Vec<(AssetIndex, Held)> {
        let shares = shares(days);
        let holdings = self.holdings.iter().filter_map(|(asset, quantity)| {
            let mut unit_days = Decimal::ZERO;
            let mut unpriced = 0;
            for ((day, share), close) in
                self.days.clone().zip(&shares).zip(history.asset(*asset)?.last_closes(self.days.clone()))
            {
                let Some((from, price)) = close else {
                    unpriced += 1;
                    continue;
                };
                if from < day
                    && let Some(day) = days.get_mut(day - self.days.start)
                {
                    day.stale += 1;
                }
                // A share of next to nothing, at the highest prices, may be no number: that day says nothing.
                let unit = price.get().checked_mul(*share).and_then(|unit| unit.checked_add(unit_days));
                unit_days = unit.unwrap_or(unit_days);
            }
            // What has a price has one on every later day.
            let priced = days.get(unpriced..)?;
            let (first, last) = (priced.first()?.date, priced.last()?.date);
            let days = u32::try_from(priced.len()).unwrap_or(u32::MAX);
            Some((*asset, Held { days, first, last, weight_days: unit_days * quantity.get() }))
        });
        holdings.collect()
    }

    fn sample(&self, history: &History, day: Day, closed: &DayValue) -> WeightSample {
        let part = |amount: Decimal| amount.checked_div(closed.value).unwrap_or_default();
        let weights = self.holdings.iter().filter_map(|(asset, quantity)| {
            let (_, price) = last_price(history, *asset, day)?;
            Some((*asset, part(price.get() * quantity.get())))
        });
        WeightSample { date: closed.date, cash: part(self.cash), weights: weights.collect() }
    }
}

/// What a unit of money weighs on each day, all with the decimals that the first one needs: such sums are quick.
fn shares(days: &[DayValue]) -> Vec<Decimal> {
    let decimals = days.first().map_or(0, |day| decimals_beside(day.value, SHARE_DECIMALS));
    let share = |day: &DayValue| Decimal::ONE.checked_div(day.value).unwrap_or_default().round_dp(decimals);
    days.iter().map(share).collect()
}

/// A daily value, which must be told as money.
pub(super) fn told(value: Option<Decimal>, date: Date) -> Result<Decimal, BadInput> {
    value.filter(|value| Money::new(*value).is_ok()).ok_or_else(|| {
        let problem = "the portfolio or a benchmark is worth more on that day than money can be here, 1e18";
        let remedy = "begin with less, or look for a wrong close of one of its assets before that day";
        BadInput::new("backtest", "value", &date.to_string(), problem, remedy)
    })
}
