//! The policy's objective along the trade of one asset, in quote currency: tilt less tracking less cost.
//!
//! Tracking is a sum of bends. Nothing is lost at the target; from there a unit of distance costs 1 on either side, and
//! a quarter more past each of 10, 25, 50 and 75 % of the reference weight, measured from the reference. Between a target
//! at the band's edge and the reference beyond it nothing steepens: bends that lie there move to the target. A trade away
//! from the target, or across it, costs 1 more. Where the reference is zero only the first and the last remain.

use super::arithmetic::OutOfRange;
use super::books::{Books, Line};
use super::concave::{Bends, Concave, Kink, Steps};
use super::enclosure::Enclosure;
use super::permission::grade;
use crate::model::policy::{BandKind, OnBreach};
use crate::model::{Decimal, Grade, Money, PlanningInput, Weight};
use crate::planning::plan::{RebalancePlan, Role};

/// Where tracking steepens by a quarter, as parts of the reference weight.
const STEPS: [Decimal; 4] = [percent(10), percent(25), percent(50), percent(75)];

const fn percent(of: u32) -> Decimal {
    Decimal::from_parts(of, 0, 0, false, 2)
}

const QUARTER: Decimal = Decimal::from_parts(25, 0, 0, false, 2);

/// The policy's objective, and what it reads of the portfolio as a whole.
pub(super) struct Objective<'a> {
    input: &'a PlanningInput,
    /// Net asset value before trading.
    pub(super) whole: Enclosure,
    /// What is neither invested after the orders nor meant to be cash; costs count as if they were still there. May be
    /// negative.
    pub(super) idle_cash: Enclosure,
    pub(super) tracking_aversion: Enclosure,
    /// What a constituent without a grade counts as: the mean of those that have one.
    mean_score: Enclosure,
    dearest_rate: Decimal,
    /// Decimals of amounts: a hundredth of a trillionth of net asset value, at least.
    decimals: u32,
    /// Membership, regime or policy differ from the run before: bands are open.
    changed: bool,
}

/// One asset's trade, and what it is worth.
pub(super) struct Prospect {
    /// Bought less sold.
    pub(super) trade: Enclosure,
    /// What the objective has of this asset after the trade.
    pub(super) value: Enclosure,
    tilt: Enclosure,
    above: Bends,
    below: Bends,
    /// From which size of a trade on the rate of cost rises, and by how much.
    costs: Vec<(Enclosure, Enclosure)>,
    cost_aversion: Enclosure,
}

impl<'a> Objective<'a> {
    pub(super) fn of(input: &'a PlanningInput, plan: &RebalancePlan, books: &Books<'_>) -> Result<Self, OutOfRange> {
        let account = &input.account;
        let mut whole = Enclosure::exact(account.cash_free.get()).plus(Enclosure::exact(account.cash_locked.get()))?;
        let mut invested = Enclosure::ZERO;
        for line in books.lines.values() {
            whole = whole.plus(worth(line.before, line)?)?;
            invested = invested.plus(worth(line.after, line)?)?;
        }
        let meant = whole.times(plan.cash.reference_weight.get())?;
        let state = &input.state;
        // The plan's digest is compared with the policy elsewhere.
        let changed = plan.next_state.members != state.members
            || plan.regime.changed
            || state.policy_digest.as_ref().is_some_and(|before| *before != plan.policy_digest);
        Ok(Self {
            input,
            idle_cash: whole.minus(invested)?.minus(meant)?,
            whole,
            tracking_aversion: Enclosure::exact(input.policy.objective.tracking_aversion.get()),
            mean_score: mean_score(input, books)?,
            dearest_rate: super::limits::dearest(input)?,
            decimals: decimals(books.net_asset_value),
            changed,
        })
    }

    pub(super) fn prospect(&self, line: &Line<'_>) -> Result<Prospect, OutOfRange> {
        let trade = worth(line.bought, line)?.minus(worth(line.sold, line)?)?.coarse(self.decimals);
        let held = worth(line.before, line)?.coarse(self.decimals);
        let tilt = self.score(line)?.times(self.input.policy.objective.grade_tilt.get())?;
        let (above, below) = self.tracking(line, held)?;
        let cost_aversion = Enclosure::exact(self.input.policy.objective.cost_aversion.get());
        let mut prospect =
            Prospect { trade, value: Enclosure::ZERO, tilt, above, below, costs: self.costs(line)?, cost_aversion };
        let own = prospect.bends(cost_aversion, (Enclosure::ZERO, Enclosure::ZERO))?;
        prospect.value = tilt.by(held)?.plus(own.value(trade)?)?;
        Ok(prospect)
    }

    fn score(&self, line: &Line<'_>) -> Result<Enclosure, OutOfRange> {
        if line.role() != Some(Role::Constituent) {
            return Ok(Enclosure::ZERO);
        }
        match line.record.and_then(|record| grade(self.input, record)) {
            Some(grade) => score_of(grade),
            None => Ok(self.mean_score),
        }
    }

    /// The bends of tracking, by the trade that leads to them.
    fn tracking(&self, line: &Line<'_>, held: Enclosure) -> Result<(Bends, Bends), OutOfRange> {
        let price = self.tracking_aversion;
        if price == Enclosure::ZERO {
            return Ok((Bends::default(), Bends::default()));
        }
        let weight = line.position.map_or(Decimal::ZERO, |position| position.reference_weight.get());
        let width = self.whole.times(weight)?.coarse(self.decimals);
        // By the trade that leads there; where nothing is to be traded that is exactly none.
        let reference = width.minus(held)?;
        let target = match self.target(line, weight)? {
            Some(target) if target == weight => reference,
            Some(target) => self.whole.times(target)?.coarse(self.decimals).minus(held)?,
            None => Enclosure::ZERO,
        };
        let bend = price.times(QUARTER)?;
        // Never below zero by a last digit: the steps go outwards.
        let width = width.excess();
        let steps = |rising| Steps { from: reference, width, parts: &STEPS, bend, no_nearer: target, rising };
        let side = |across, rising| {
            let near = vec![Kink { at: target, bend: price }, Kink { at: across, bend: price }];
            let bends = Bends::of(near);
            if weight.is_zero() { Ok(bends) } else { bends.with(steps(rising)) }
        };
        Ok((side(target.excess(), true)?, side(target.min(Enclosure::ZERO), false)?))
    }

    /// The weight that tracking pulls to: the reference, the band's edge, or (`None`) what is held, where that is no
    /// further off than the cost of a round trip or the band.
    fn target(&self, line: &Line<'_>, reference: Decimal) -> Result<Option<Decimal>, OutOfRange> {
        let weight = line.weight_before;
        let gap = weight.checked_sub(reference).ok_or(OutOfRange)?.abs();
        let round_trip = self.dearest_rate.checked_mul(Decimal::TWO).ok_or(OutOfRange)?;
        if gap <= reference.checked_mul(round_trip).ok_or(OutOfRange)? {
            return Ok(None);
        }
        let rule = &self.input.policy.drift_band;
        let width = rule.width.map_or(Decimal::ZERO, Weight::get);
        let part = |of: Decimal| reference.checked_mul(of).ok_or(OutOfRange);
        let width = match rule.kind {
            _ if rule.on_breach == OnBreach::ToTarget || self.changed => return Ok(Some(reference)),
            BandKind::None => return Ok(Some(reference)),
            BandKind::Absolute => width,
            BandKind::Relative => part(width)?,
            BandKind::FiveTwentyFive if reference >= Decimal::new(2, 1) => Decimal::new(5, 2),
            BandKind::FiveTwentyFive => part(QUARTER)?,
        };
        let least = reference.checked_sub(width).ok_or(OutOfRange)?;
        let most = reference.checked_add(width).ok_or(OutOfRange)?;
        let nearest = weight.max(least).min(most);
        Ok((nearest != weight).then_some(nearest))
    }

    /// Where the rate of cost rises: fee, half spread and the first piece's impact from the first unit on.
    fn costs(&self, line: &Line<'_>) -> Result<Vec<(Enclosure, Enclosure)>, OutOfRange> {
        let costs = &self.input.policy.costs;
        let flat = Enclosure::exact(costs.fee.get()).plus(Enclosure::exact(costs.half_spread.get()))?;
        let Some((last, earlier)) = costs.impact.split_last() else { return Ok(vec![(Enclosure::ZERO, flat)]) };
        let volume = line.record.and_then(|record| record.average_daily_volume).map(Money::get);
        let Some(volume) = volume else {
            return Ok(vec![(Enclosure::ZERO, flat.plus(Enclosure::exact(last.cost.get()))?)]);
        };
        let mut rises = Vec::with_capacity(costs.impact.len());
        let (mut from, mut before) = (Enclosure::ZERO, Decimal::ZERO);
        for (piece, is_first) in earlier.iter().chain([last]).zip(std::iter::once(true).chain(std::iter::repeat(false)))
        {
            let rise = Enclosure::exact(piece.cost.get()).minus(Enclosure::exact(before))?;
            rises.push((from, if is_first { rise.plus(flat)? } else { rise }));
            from = Enclosure::exact(piece.up_to.get()).times(volume)?;
            before = piece.cost.get();
        }
        Ok(rises)
    }
}

impl Prospect {
    /// The same with limits paid for: `slope` comes on top of the tilt, cash burnt by costs is paid at `cash`, and what
    /// is bought and sold at `traded` each.
    pub(super) fn priced(
        &self,
        slope: Enclosure,
        cash: Enclosure,
        traded: (Enclosure, Enclosure),
    ) -> Result<Concave, OutOfRange> {
        let mut priced = self.bends(self.cost_aversion.plus(cash)?, traded)?;
        priced.slope = self.tilt.plus(slope)?;
        Ok(priced)
    }

    fn bends(&self, cost: Enclosure, (bought, sold): (Enclosure, Enclosure)) -> Result<Concave, OutOfRange> {
        let more = 1 + self.costs.len();
        let (mut above, mut below) = (self.above.with_room(more), self.below.with_room(more));
        let at = Enclosure::ZERO;
        above.near.push(Kink { at, bend: bought });
        below.near.push(Kink { at, bend: sold });
        for (from, rise) in &self.costs {
            let bend = rise.by(cost)?;
            above.near.push(Kink { at: *from, bend });
            below.near.push(Kink { at: from.negated(), bend });
        }
        Ok(Concave { slope: self.tilt, above, below })
    }
}

/// So many that 14 digits are left of an amount of this size.
fn decimals(whole: Decimal) -> u32 {
    let mut decimals = 14;
    let mut rest = whole;
    while rest >= Decimal::TEN && decimals > 0 {
        rest /= Decimal::TEN;
        decimals -= 1;
    }
    decimals
}

/// At the reference price, whatever digits that has.
fn worth(units: Decimal, line: &Line<'_>) -> Result<Enclosure, OutOfRange> {
    Enclosure::exact(units).times(line.price)
}

fn score_of(grade: Grade) -> Result<Enclosure, OutOfRange> {
    Enclosure::exact(grade.get()).times(Decimal::new(1, 2))
}

fn mean_score(input: &PlanningInput, books: &Books<'_>) -> Result<Enclosure, OutOfRange> {
    let constituents = books.lines.values().filter(|line| line.role() == Some(Role::Constituent));
    let (mut total, mut count) = (Enclosure::ZERO, Decimal::ZERO);
    for grade in constituents.filter_map(|line| grade(input, line.record?)) {
        total = total.plus(score_of(grade)?)?;
        count += Decimal::ONE;
    }
    if count.is_zero() { Ok(Enclosure::ZERO) } else { total.over(Enclosure::exact(count)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fourteen_digits_are_left_of_an_amount() {
        let of = |whole: &str| decimals(whole.parse().expect(whole));
        for (whole, places) in [("0", 14), ("9.99", 14), ("10", 13), ("100000", 9), ("10000000000000", 1)] {
            assert_eq!(of(whole), places, "{whole}");
        }
        assert_eq!(of("100000000000000"), 0);
        assert_eq!(of("1000000000000000"), 0, "there are no fewer decimals than none");
    }
}
