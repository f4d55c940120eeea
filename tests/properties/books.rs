//! The test's own books: roles as the plan states them, everything else from the input and the orders alone.

use std::collections::BTreeMap;

use crate::membership::{asks_for_grades, figures_known, grade_of};
use crate::tail_risk::has_closes;
use index_rebalancer::model::policy::Costs;
use index_rebalancer::model::{
    AccountSnapshot, AssetId, AssetRecord, Decimal, Flow, Holding, Listing, ListingStatus, Money, PlanningInput,
    Quantity, Side,
};
use index_rebalancer::planning::RebalancePlan;
use index_rebalancer::planning::plan::Role;

/// One asset that is held or wanted. Weights are fractions of net asset value before trading.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) asset: &'a AssetId,
    pub(crate) record: &'a AssetRecord,
    pub(crate) role: Role,
    pub(crate) reference: Decimal,
    pub(crate) free: Decimal,
    pub(crate) held: Decimal,
    pub(crate) bought: Decimal,
    pub(crate) sold: Decimal,
}

/// An account and what is known about its assets.
#[derive(Debug)]
pub(crate) struct Books<'a> {
    pub(crate) input: &'a PlanningInput,
    pub(crate) net_asset_value: Decimal,
    pub(crate) lines: Vec<Line<'a>>,
    pub(crate) bearish: bool,
    pub(crate) stable_share: Decimal,
}

impl<'a> Books<'a> {
    /// Opens the books with the roles, reference weights and regime that the plan states, and enters its orders.
    pub(crate) fn of(input: &'a PlanningInput, plan: &RebalancePlan) -> Self {
        let mut books = Self::opened(input, plan);
        for order in &plan.orders {
            let line = books.lines.iter_mut().find(|line| *line.asset == order.asset);
            let line = line.unwrap_or_else(|| panic!("{} is traded and has no position", order.asset));
            match order.side {
                Side::Buy => line.bought += order.quantity.get(),
                Side::Sell => line.sold += order.quantity.get(),
            }
        }
        books
    }

    /// The same before any order.
    pub(crate) fn opened(input: &'a PlanningInput, plan: &RebalancePlan) -> Self {
        let stated: BTreeMap<&AssetId, _> = plan.positions.iter().map(|position| (&position.asset, position)).collect();
        let lines = input
            .assets
            .iter()
            .filter_map(|(asset, record)| {
                let position = stated.get(asset)?;
                let Holding { free, .. } = input.account.holdings.get(asset).copied().unwrap_or_default();
                let held = input.account.holdings.get(asset).copied().unwrap_or_default().total();
                Some(Line {
                    asset,
                    record,
                    role: position.role,
                    reference: position.reference_weight.get(),
                    free: free.get(),
                    held: held.get(),
                    bought: Decimal::ZERO,
                    sold: Decimal::ZERO,
                })
            })
            .collect();
        Self {
            input,
            net_asset_value: net_asset_value(input),
            lines,
            bearish: plan.regime.bearish,
            stable_share: plan.regime.stable_share.get(),
        }
    }

    pub(crate) fn weight(&self, money: Decimal) -> Decimal {
        if self.net_asset_value.is_zero() { Decimal::ZERO } else { money / self.net_asset_value }
    }

    pub(crate) fn weight_before(&self, line: &Line<'_>) -> Decimal {
        self.weight(line.held * line.price())
    }

    pub(crate) fn weight_after(&self, line: &Line<'_>) -> Decimal {
        self.weight(line.after() * line.price())
    }

    pub(crate) fn cash_before(&self) -> Decimal {
        (self.input.account.cash_free + self.input.account.cash_locked).get()
    }

    pub(crate) fn cash_after(&self) -> Decimal {
        self.lines
            .iter()
            .fold(self.cash_before(), |cash, line| cash + (line.sold - line.bought) * line.price() - self.cost(line))
    }

    pub(crate) fn cost(&self, line: &Line<'_>) -> Decimal {
        let volume = line.record.average_daily_volume.map(Money::get);
        cost_of(&self.input.policy.costs, line.traded(), volume)
    }

    pub(crate) fn total_cost(&self) -> Decimal {
        self.lines.iter().map(|line| self.cost(line)).sum()
    }

    /// Only constituents are held for their grades; one without counts as the mean of the others.
    pub(crate) fn score(&self, line: &Line<'_>) -> Decimal {
        let grade = |line: &Line<'_>| grade_of(line.record, &self.input.policy);
        if line.role != Role::Constituent {
            return Decimal::ZERO;
        }
        let members = self.lines.iter().filter(|line| line.role == Role::Constituent);
        let graded: Vec<Decimal> = members.filter_map(grade).map(|grade| grade.get() / Decimal::ONE_HUNDRED).collect();
        let mean = || graded.iter().sum::<Decimal>() / Decimal::from(graded.len().max(1));
        grade(line).map_or_else(mean, |grade| grade.get() / Decimal::ONE_HUNDRED)
    }

    pub(crate) fn traded(&self) -> Decimal {
        self.lines.iter().map(Line::traded).sum()
    }

    /// The cap on a constituent, where the policy has one.
    pub(crate) fn cap(&self, line: &Line<'_>) -> Option<Decimal> {
        let limits = &self.input.policy.limits;
        let cap = limits.max_weight_of.get(line.asset).or(limits.max_weight.as_ref().map(|limit| &limit.bound));
        cap.filter(|_| line.role == Role::Constituent).map(|cap| cap.get())
    }

    /// What could be sold of a line in the long run: free, whole lots, at a price inside the collar, and the most of it
    /// that one run may sell is worth the venue's minimum at the collar and the policy's, which is not asked of all of it.
    pub(crate) fn sellable(&self, line: &Line<'_>) -> Decimal {
        let Some(listing) = self.tradable(line) else { return Decimal::ZERO };
        if self.input.flow == Flow::DepositOnly {
            return Decimal::ZERO;
        }
        let units = whole_lots(line.free, listing.lot_size.get());
        let most = self.most_units(line).map_or(units, |most| most.min(units));
        let lowest = self.lowest_price(line, listing);
        let taken = lowest <= line.price()
            && most * lowest >= listing.min_notional.get()
            && most >= listing.min_quantity.get()
            && (most == units || most * line.price() >= self.input.policy.orders.min_trade.get());
        if taken { units } else { Decimal::ZERO }
    }

    /// The listing where the venue takes orders and the participation limit does not bar them.
    pub(crate) fn tradable(&self, line: &Line<'a>) -> Option<&'a Listing> {
        let listing = line.record.listing.as_ref().filter(|listing| listing.status == ListingStatus::Trading)?;
        let bars = self.input.policy.limits.participation.is_some() && line.record.average_daily_volume.is_none();
        (!bars).then_some(listing)
    }

    /// Whether the asset may be bought at all.
    pub(crate) fn buyable(&self, line: &Line<'_>) -> bool {
        let Some(listing) = self.tradable(line) else { return false };
        let policy = &self.input.policy;
        let grade = grade_of(line.record, policy);
        let barred = self.bearish && policy.regime.as_ref().is_some_and(|regime| regime.no_buy_when_bearish);
        let highest = line.price() * (Decimal::ONE + policy.orders.collar.get());
        let has_price = whole_lots(highest, listing.tick_size.get()) >= line.price();
        // Where the most that one run may buy is less than the least order, nothing is ever bought.
        let is_order = |most: Decimal| {
            let least = listing.min_notional.get().max(policy.orders.min_trade.get());
            most >= listing.min_quantity.get() && most * line.price() >= least
        };
        let is_open = has_price && self.most_units(line).is_none_or(is_order);
        match line.role {
            Role::Constituent => {
                let is_known = (grade.is_some() || !asks_for_grades(policy)) && figures_known(line.record, policy);
                is_open && !barred && is_known && has_closes(self.input, line.asset)
            }
            Role::StableLeg => is_open,
            Role::MustExit | Role::Unmanaged => false,
        }
    }

    /// The worst price a sell may carry: the collar, up to the next tick.
    fn lowest_price(&self, line: &Line<'_>, listing: &Listing) -> Decimal {
        let lowest = line.price() * (Decimal::ONE - self.input.policy.orders.collar.get());
        let tick = listing.tick_size.get();
        let down = whole_lots(lowest, tick);
        if down < lowest { down + tick } else { down }
    }

    /// Most that one order may trade for reasons other than the holding: the venue's and the policy's largest order, and
    /// the participation limit.
    pub(crate) fn most_units(&self, line: &Line<'_>) -> Option<Decimal> {
        let listing = line.record.listing.as_ref()?;
        let venue = listing.max_quantity.map(Quantity::get);
        let participation = self.participation(line).map(|most| most / line.price());
        let policy = self.input.policy.orders.max_order_notional.get() / line.price();
        [venue, participation, Some(policy)]
            .into_iter()
            .flatten()
            .min()
            .map(|units| whole_lots(units, listing.lot_size.get()))
    }

    /// The most that this run may sell of a line, in quote currency.
    pub(crate) fn most_sold(&self, line: &Line<'_>) -> Decimal {
        let sellable = self.sellable(line);
        self.most_units(line).map_or(sellable, |most| most.min(sellable)) * line.price()
    }

    /// In quote currency.
    pub(crate) fn participation(&self, line: &Line<'_>) -> Option<Decimal> {
        let most = self.input.policy.limits.participation?;
        Some(most.get() * line.record.average_daily_volume.map_or(Decimal::ZERO, Money::get))
    }

    /// The smallest order that venue and policy take, in whole lots and in quote currency; zero where there is none.
    pub(crate) fn smallest_order(&self, line: &Line<'_>) -> Decimal {
        let Some(listing) = self.tradable(line) else { return Decimal::ZERO };
        let lot = listing.lot_size.get();
        let units = listing.lot_size.max(listing.min_quantity).get();
        // The venue's minimum must be met at the order's own price, which may be as low as the collar.
        let at_collar = Decimal::ONE - self.input.policy.orders.collar.get();
        let venue = listing.min_notional.get() / at_collar;
        let least = (units * line.price()).max(venue).max(self.input.policy.orders.min_trade.get());
        let down = whole_lots(least / line.price(), lot) * line.price();
        if down < least { down + lot * line.price() } else { down }
    }

    /// Where the venue has no lots, a lot is worth a millionth of a quote unit.
    pub(crate) fn lot(line: &Line<'_>) -> Decimal {
        let lot = line.record.listing.as_ref().map_or(Decimal::ZERO, |listing| listing.lot_size.get() * line.price());
        lot.max(Decimal::new(1, 6))
    }

    /// The account after every order is filled at the reference price, estimated costs paid.
    pub(crate) fn filled(&self) -> AccountSnapshot {
        let mut account = self.input.account.clone();
        for line in &self.lines {
            let mut holding = account.holdings.remove(line.asset).unwrap_or_default();
            holding.free = Quantity::new(holding.free.get() + line.bought - line.sold).expect("no sell above the free");
            if !holding.total().is_zero() {
                let _ = account.holdings.insert(line.asset.clone(), holding);
            }
        }
        let spent = self.cash_before() - self.cash_after();
        account.cash_free = Money::new(account.cash_free.get() - spent).expect("an amount");
        account
    }
}

impl Line<'_> {
    pub(crate) fn price(&self) -> Decimal {
        self.record.price.get()
    }

    pub(crate) fn after(&self) -> Decimal {
        self.held + self.bought - self.sold
    }

    /// Notional at the reference price.
    pub(crate) fn traded(&self) -> Decimal {
        (self.bought + self.sold) * self.price()
    }

    pub(crate) fn has_category(&self, category: &index_rebalancer::model::CategoryId) -> bool {
        self.record.categories.contains(category)
    }
}

pub(crate) fn net_asset_value(input: &PlanningInput) -> Decimal {
    let holdings = input.account.holdings.iter();
    holdings.fold((input.account.cash_free + input.account.cash_locked).get(), |total, (asset, holding)| {
        total + holding.total().get() * input.assets[asset].price.get()
    })
}

/// Fee, half spread and impact: the part of the notional up to `up_to` of daily volume costs that piece's rate, the
/// last piece prices what is beyond; without a known volume it prices everything.
pub(crate) fn cost_of(costs: &Costs, notional: Decimal, volume: Option<Decimal>) -> Decimal {
    let mut cost = notional * (costs.fee.get() + costs.half_spread.get());
    let mut done = Decimal::ZERO;
    for (index, piece) in costs.impact.iter().enumerate() {
        let is_last = index + 1 == costs.impact.len();
        let end = match volume {
            Some(volume) if !is_last => (piece.up_to.get() * volume).min(notional),
            None if !is_last => Decimal::ZERO,
            _ => notional,
        };
        cost += (end - done).max(Decimal::ZERO) * piece.cost.get();
        done = done.max(end);
    }
    cost
}

/// The dearest rate of any trade.
pub(crate) fn dearest_rate(costs: &Costs) -> Decimal {
    costs.fee.get() + costs.half_spread.get() + costs.impact.last().map_or(Decimal::ZERO, |piece| piece.cost.get())
}

/// The largest multiple of the step that is not above the value; the value itself where any will do.
pub(crate) fn whole_lots(value: Decimal, step: Decimal) -> Decimal {
    if step.is_zero() { value } else { value - value % step }
}
