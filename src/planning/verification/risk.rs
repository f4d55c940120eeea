//! Conditional value at risk of the rounded portfolio, from the input's own scenarios.
//!
//! With `S` scenarios, all as likely, and `T = (1 − β) S`: losses are sorted, the worst whole ones of the `T` and the part
//! of the next are summed up and divided by `T` (Rockafellar and Uryasev, Conditional value-at-risk for general loss
//! distributions, 2002, proposition 8), and what is below zero counts as zero. In the bound on the objective it is taken
//! from above by their minimisation formula, `α + Σ max(0, lossₛ − α) / T`, which holds for any `α`, with directed rounding.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::arithmetic::{OutOfRange, fraction};
use super::books::{Books, Line};
use super::enclosure::Enclosure;
use super::scenarios;
use crate::model::policy::RiskLimit;
use crate::model::{AssetId, Decimal, PlanningInput};
use crate::planning::plan::Tail;

/// Every scenario, and what each asset of the books returned in it.
pub(super) struct Risk<'a> {
    pub(super) rule: &'a RiskLimit,
    days: Vec<Date>,
    returns: BTreeMap<&'a AssetId, Vec<Decimal>>,
    /// How many scenarios make the tail.
    tail: Decimal,
}

impl<'a> Risk<'a> {
    /// Nothing where the policy does not measure it, or the portfolio is worth nothing.
    pub(super) fn of(input: &'a PlanningInput, books: &Books<'a>) -> Result<Option<Self>, OutOfRange> {
        let Some(rule) = input.policy.limits.risk.as_ref().filter(|_| books.has_value()) else { return Ok(None) };
        let days = scenarios::days(input, rule);
        let mut returns = BTreeMap::new();
        // What is unmanaged has no price here.
        for (asset, _) in books.lines.iter().filter(|(_, line)| !line.price.is_zero()) {
            returns.insert(*asset, scenarios::returns(input, rule, asset, &days)?);
        }
        let tail = rule.tail().checked_mul(Decimal::from(days.len())).ok_or(OutOfRange)?;
        Ok(Some(Self { rule, days, returns, tail }))
    }

    /// The measure of holding these amounts.
    pub(super) fn measure(
        &self,
        books: &Books<'a>,
        amount: impl Fn(&Line<'a>) -> Result<Decimal, OutOfRange>,
    ) -> Result<Decimal, OutOfRange> {
        let mut losses = vec![Decimal::ZERO; self.days.len()];
        for (asset, returns) in &self.returns {
            let Some(line) = books.lines.get(*asset) else { continue };
            let weight = books.weight_of(amount(line)?)?;
            if weight.is_zero() {
                continue;
            }
            for (loss, change) in losses.iter_mut().zip(returns) {
                *loss = loss.checked_sub(weight.checked_mul(*change).ok_or(OutOfRange)?).ok_or(OutOfRange)?;
            }
        }
        Ok(self.average(losses)?.max(Decimal::ZERO))
    }

    /// The average of the tail of these losses.
    fn average(&self, mut losses: Vec<Decimal>) -> Result<Decimal, OutOfRange> {
        losses.sort_unstable_by(|left, right| right.cmp(left));
        let (mut left, mut total) = (self.tail, Decimal::ZERO);
        for loss in losses {
            let part = left.min(Decimal::ONE);
            total = total.checked_add(loss.checked_mul(part).ok_or(OutOfRange)?).ok_or(OutOfRange)?;
            left = left.checked_sub(part).ok_or(OutOfRange)?;
            if left.is_zero() {
                break;
            }
        }
        fraction(total, self.tail)
    }

    /// By how much an amount more or less of an asset can raise the measure: what it loses, and what it gains, in its own
    /// tail, for each unit.
    pub(super) fn worst_and_best(&self, asset: &AssetId) -> Result<(Decimal, Decimal), OutOfRange> {
        let Some(returns) = self.returns.get(asset) else { return Ok((Decimal::ZERO, Decimal::ZERO)) };
        let worst = self.average(returns.iter().map(|change| -*change).collect())?;
        let best = self.average(returns.clone())?;
        Ok((worst.max(Decimal::ZERO), best.max(Decimal::ZERO)))
    }

    /// The measure after the orders is at most this, in quote currency.
    pub(super) fn at_most(&self, books: &Books<'a>) -> Result<Decimal, OutOfRange> {
        let mut losses = vec![Enclosure::ZERO; self.days.len()];
        for (asset, returns) in &self.returns {
            let Some(line) = books.lines.get(*asset).filter(|line| !line.after.is_zero()) else { continue };
            let value = Enclosure::exact(line.after).times(line.price)?;
            for (loss, change) in losses.iter_mut().zip(returns) {
                *loss = loss.minus(value.times(*change)?)?;
            }
        }
        let mut ends: Vec<Decimal> = losses.iter().map(|loss| loss.high()).collect();
        ends.sort_unstable_by(|left, right| right.cmp(left));
        // The first that does not count in full.
        let place = usize::try_from(self.tail.trunc()).unwrap_or(usize::MAX);
        let edge = Enclosure::exact(ends.get(place).or(ends.last()).copied().unwrap_or_default());
        let mut beyond = Enclosure::ZERO;
        for end in ends {
            beyond = beyond.plus(Enclosure::exact(end).minus(edge)?.excess())?;
        }
        Ok(edge.plus(beyond.over(Enclosure::exact(self.tail))?)?.high().max(Decimal::ZERO))
    }

    /// What a unit of each asset loses on average in a stated tail, or what is wrong with that tail.
    pub(super) fn slopes(&self, stated: &Tail) -> Result<Result<BTreeMap<&'a AssetId, Enclosure>, String>, OutOfRange> {
        let places: BTreeMap<Date, usize> = self.days.iter().copied().zip(0..).collect();
        let mut parts: BTreeMap<usize, Decimal> = BTreeMap::new();
        let mut all = Decimal::ZERO;
        for day in &stated.days {
            let part = day.part.get();
            let Some(place) = places.get(&day.day) else { return Ok(Err(format!("{} ends no scenario", day.day))) };
            let fits = part > Decimal::ZERO && part <= Decimal::ONE;
            if !fits || parts.insert(*place, part).is_some() {
                return Ok(Err(format!("{} counts {part}, or twice; a scenario counts once, and at most 1", day.day)));
            }
            all = all.checked_add(part).ok_or(OutOfRange)?;
        }
        if all != self.tail {
            let tail = self.tail.normalize();
            return Ok(Err(format!("its days count {}, and the tail has {tail}", all.normalize())));
        }
        let mut slopes = BTreeMap::new();
        for (asset, returns) in &self.returns {
            let mut sum = Enclosure::ZERO;
            for (place, part) in &parts {
                let change = returns.get(*place).copied().unwrap_or_default();
                sum = sum.minus(Enclosure::exact(change).times(*part)?)?;
            }
            slopes.insert(*asset, sum.over(Enclosure::exact(self.tail))?);
        }
        Ok(Ok(slopes))
    }
}
