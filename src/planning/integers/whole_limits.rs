//! The limits on holdings as wholes, line by line, and what breaks them.
//!
//! Neither asks for what cannot be traded: a holding below `min_weight` is sold or raised as far as the run may, and what no
//! run can sell counts against `max_holdings` without breaking it. What leaves over several runs is sold as far as this one
//! may: the limit gives way for it meanwhile.

use crate::model::{Decimal, ListingStatus, Money, PlanningInput};

use super::super::plan::Role;
use super::super::portfolio::{Line, Portfolio, weight_of};
use super::super::program::RelaxedRow;

/// What a solver calls met.
const MET: Decimal = Decimal::from_parts(1, 0, 0, false, 10);

/// Distances this close are the same.
const SAME: Decimal = Decimal::from_parts(1, 0, 0, false, 15);

/// Less than this in quote currency is no holding, also where the venue has neither lots nor minimums.
const LEAST_HOLDING: Decimal = Decimal::from_parts(1, 0, 0, false, 6);

pub(crate) const MIN_WEIGHT: &str = "min_weight";
pub(crate) const MAX_HOLDINGS: &str = "max_holdings";

/// Both limits, by index of the line. Empty where the policy has neither.
#[derive(Debug, Clone, Default)]
pub(crate) struct WholeLimits {
    lines: Vec<Option<WholeLine>>,
    /// The policy's most, or as many as no run can sell.
    pub(crate) max_holdings: Option<usize>,
    /// The policy's most.
    asked: usize,
    min_weight: bool,
}

/// One constituent.
#[derive(Debug, Clone)]
pub(crate) struct WholeLine {
    name: String,
    pub(crate) weight: Decimal,
    /// `weight ≤ low` or `weight ≥ high`: `low` is what a run leaves that sells all it may, `high` the least weight or, of
    /// a holding, what it comes to when the run buys all it may.
    pub(crate) low: Decimal,
    pub(crate) high: Decimal,
    /// A weight of this and more is a holding: the venue's least order.
    pub(crate) least_held: Decimal,
    /// What no run can sell is a holding of its own.
    stuck: bool,
    /// There are too many holdings now: one that is sold as far as the run may is on its way out, and none of them.
    may_leave: bool,
}

/// How a weight stands to `max_holdings`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Presence {
    /// It is no holding, or nobody counts.
    Absent,
    /// On its way out: it takes no place any more, and adds to what is held all the same.
    Leaving,
    Held,
}

/// A limit on wholes that a portfolio breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Breach {
    pub(crate) limit: String,
    pub(crate) bound: Decimal,
    /// In the limit's own unit: a weight, or holdings.
    pub(crate) amount: Decimal,
    /// The weight that would have to be traded.
    weight: Decimal,
    /// How many holdings it stands for, but for those that leave as fast as they may.
    given_way: Decimal,
}

impl Breach {
    /// Both limits give way by themselves, and to nothing but what comes first.
    pub(crate) fn relaxed(&self) -> RelaxedRow {
        RelaxedRow { name: self.limit.clone(), priority: 0, bound: self.bound, amount: self.amount }
    }
}

impl WholeLine {
    pub(crate) fn is_held(&self, weight: Decimal) -> bool {
        is_at_least(weight, self.least_held)
    }

    /// A holding that is sold as far as the run may takes no place where there are too many.
    pub(super) fn presence(&self, weight: Decimal) -> Presence {
        let leaves = self.may_leave && !self.stuck && self.low < self.weight && weight <= self.low + MET;
        match (self.is_held(weight), leaves) {
            (false, _) => Presence::Absent,
            (true, true) => Presence::Leaving,
            (true, false) => Presence::Held,
        }
    }

    /// How far a weight is from what `min_weight` allows, and the nearer of its ends.
    fn distance(&self, weight: Decimal) -> (Decimal, Decimal) {
        let (above, below) = (weight - self.low, self.high - weight);
        // Where a run may sell as much as it may buy, both ends are as far but for a quotient's last digit.
        let end = if above <= below + SAME { self.low } else { self.high };
        let distance = above.min(below);
        (if distance <= MET { Decimal::ZERO } else { distance }, end)
    }
}

impl WholeLimits {
    pub(crate) fn of(input: &PlanningInput, portfolio: &Portfolio<'_>) -> Self {
        let limits = &input.policy.limits;
        if limits.min_weight.is_none() && limits.max_holdings.is_none() {
            return Self::default();
        }
        let nav = portfolio.net_asset_value;
        let line = |line: &Line<'_>| (line.role == Role::Constituent).then(|| whole_line(input, line, nav));
        let lines: Vec<Option<WholeLine>> = portfolio.lines.iter().map(line).collect();
        let unlimited = Self { lines, max_holdings: None, asked: usize::MAX, min_weight: limits.min_weight.is_some() };
        let asked = limits.max_holdings.map(|most| usize::try_from(most).unwrap_or(usize::MAX));
        asked.map_or_else(|| unlimited.clone(), |asked| unlimited.with_most(asked))
    }

    /// The same limits with another number of holdings: as many as no run can sell at least. Whether any may leave is
    /// another question then.
    pub(super) fn with_most(&self, asked: usize) -> Self {
        let mut lines = self.lines.clone();
        let most = asked.max(lines.iter().flatten().filter(|line| line.stuck).count());
        let may_leave = self.held_untraded() > most;
        for line in lines.iter_mut().flatten() {
            line.may_leave = may_leave;
        }
        Self { lines, max_holdings: Some(most), asked, min_weight: self.min_weight }
    }

    /// How many are held before anything is traded.
    fn held_untraded(&self) -> usize {
        self.lines.iter().flatten().filter(|line| line.is_held(line.weight)).count()
    }

    /// How many may be held after a run, those that leave among them, where there are too many now: no more than before.
    pub(super) fn most_held(&self) -> Option<usize> {
        let held = self.held_untraded();
        self.max_holdings.filter(|most| held > *most).map(|_| held)
    }

    /// The constituent at this index, where the policy limits wholes.
    pub(crate) fn line(&self, index: usize) -> Option<&WholeLine> {
        self.lines.get(index)?.as_ref()
    }

    /// The trade from which on the constituent at this index weighs enough, where the policy asks for a least weight.
    pub(super) fn held_from(&self, index: usize) -> Option<Decimal> {
        let line = self.line(index).filter(|_| self.min_weight)?;
        Some(line.high - line.weight)
    }

    pub(crate) fn asks_for_min_weight(&self) -> bool {
        self.min_weight
    }

    /// How many of these weights are holdings that stay.
    pub(crate) fn holdings(&self, weights: &[Decimal]) -> usize {
        let lines = self.lines.iter().zip(weights);
        let held = |line: &WholeLine, weight| line.presence(weight) == Presence::Held;
        lines.filter(|(line, weight)| line.as_ref().is_some_and(|line| held(line, **weight))).count()
    }

    /// Whether nothing breaks when nothing is traded.
    pub(crate) fn hold_untraded(&self) -> bool {
        self.breaches_untraded().is_empty()
    }

    fn breaches_untraded(&self) -> Vec<Breach> {
        let weight = |line: &Option<WholeLine>| line.as_ref().map_or(Decimal::ZERO, |line| line.weight);
        self.breaches(&self.lines.iter().map(weight).collect::<Vec<Decimal>>())
    }

    /// How many holdings are too many or give way; absent where a breach is worse than when nothing is traded.
    pub(crate) fn given_way(&self, breaches: &[Breach]) -> Option<Decimal> {
        if breaches.is_empty() {
            return Some(Decimal::ZERO);
        }
        let before = self.breaches_untraded();
        let mut count = Decimal::ZERO;
        for breach in breaches {
            let before = before.iter().find(|before| before.limit == breach.limit)?;
            if breach.amount > before.amount + MET {
                return None;
            }
            count += breach.given_way;
        }
        Some(count)
    }

    /// The same limits without one of the two.
    pub(super) fn without(&self, limit: &str) -> Self {
        Self {
            max_holdings: self.max_holdings.filter(|_| limit != MAX_HOLDINGS),
            min_weight: self.min_weight && limit != MIN_WEIGHT,
            ..self.clone()
        }
    }

    /// The names of those that the policy has.
    pub(super) fn names(&self) -> Vec<&'static str> {
        let min_weight = self.min_weight.then_some(MIN_WEIGHT);
        min_weight.into_iter().chain(self.max_holdings.map(|_| MAX_HOLDINGS)).collect()
    }

    /// What these weights, by line, break.
    pub(crate) fn breaches(&self, weights: &[Decimal]) -> Vec<Breach> {
        let mut breaches = Vec::new();
        let lines = self.lines.iter().zip(weights).filter_map(|(line, weight)| Some((line.as_ref()?, *weight)));
        if self.min_weight {
            for (line, weight) in lines.clone() {
                let (distance, bound) = line.distance(weight);
                if !distance.is_zero() {
                    let limit = format!("{MIN_WEIGHT}({})", line.name);
                    breaches.push(Breach { limit, bound, amount: distance, weight: distance, given_way: Decimal::ONE });
                }
            }
        }
        let mut held: Vec<Decimal> = lines.filter(|(line, weight)| line.is_held(*weight)).map(|(_, it)| it).collect();
        held.sort_unstable();
        if let Some(most) = self.max_holdings
            && held.len() > most
        {
            let surplus = held.len() - most;
            let weight = held.iter().take(surplus).sum();
            let (bound, amount) = (Decimal::from(most), Decimal::from(surplus));
            let given_way = Decimal::from(self.holdings(weights).saturating_sub(most));
            breaches.push(Breach { limit: MAX_HOLDINGS.to_owned(), bound, amount, weight, given_way });
        }
        breaches
    }

    /// The least weight of a line that gives way where it is traded no further.
    pub(crate) fn gives_way(&self, index: usize) -> Option<Decimal> {
        let line = self.line(index).filter(|line| self.min_weight && !line.distance(line.weight).0.is_zero())?;
        Some(line.high)
    }

    /// Says of weights after a run that more constituents are held than the policy asks for, and why.
    pub(crate) fn notice(&self, weights: &[Decimal]) -> Option<String> {
        let most = self.max_holdings?;
        let lines = self.lines.iter().flatten();
        let after = self.lines.iter().zip(weights).filter_map(|(line, weight)| Some((line.as_ref()?, *weight)));
        let held = after.filter(|(line, weight)| line.is_held(*weight)).count();
        if held <= self.asked {
            return None;
        }
        let mut notice = format!("{held} constituents are held and limits.max_holdings is {}", self.asked);
        let names: Vec<&str> = lines.filter(|line| line.stuck).map(|line| line.name.as_str()).collect();
        if !names.is_empty() {
            notice.push_str("; not to be sold: ");
            notice.push_str(&names.join(", "));
        }
        if held > most {
            notice.push_str("; the others are sold as far as this run and its limits leave room");
        }
        Some(notice)
    }

    /// What all breaches come to, as a weight.
    pub(crate) fn shortfall(breaches: &[Breach]) -> Decimal {
        breaches.iter().map(|breach| breach.weight).sum()
    }
}

fn whole_line(input: &PlanningInput, line: &Line<'_>, nav: Money) -> WholeLine {
    let least = input.policy.limits.min_weight.map_or(Decimal::ZERO, crate::model::Weight::get);
    let least_held = least_holding(line) / nav.get();
    let low = (line.weight - line.sell_box).max(Decimal::ZERO);
    let held = is_at_least(line.weight, least_held);
    let reach = line.weight + most_bought(line, nav);
    let high = if held { least.min(reach) } else { least };
    let immovable = line.immovable(nav);
    let stuck = is_at_least(immovable, least_held);
    WholeLine { name: line.asset.to_string(), weight: line.weight, low, high, least_held, stuck, may_leave: false }
}

/// Whether so much of an asset is a holding: worth an order that the venue would take.
pub(crate) fn is_holding(line: &Line<'_>, weight: Decimal, nav: Money) -> bool {
    is_at_least(weight, least_holding(line) / nav.get())
}

/// But for a quotient's last digit, which is no lot.
fn is_at_least(weight: Decimal, least: Decimal) -> bool {
    weight > Decimal::ZERO && weight + SAME >= least
}

/// The worth of the venue's least order at the reference price: a lot, its minimum quantity, its minimum notional.
/// Anything is a holding of what the venue does not trade.
fn least_holding(line: &Line<'_>) -> Decimal {
    let listing = line.listing().filter(|listing| listing.status == ListingStatus::Trading);
    listing.map_or(Decimal::ZERO, |listing| {
        let units = listing.lot_size.max(listing.min_quantity);
        line.price().value_of(units).max(listing.min_notional).get().max(LEAST_HOLDING)
    })
}

/// The most that one run may buy, whatever caps say.
fn most_bought(line: &Line<'_>, nav: Money) -> Decimal {
    if line.buy_barred.is_some() {
        return Decimal::ZERO;
    }
    line.most.map_or(Decimal::ONE, |most| weight_of(most, line.price(), nav).min(Decimal::ONE))
}
