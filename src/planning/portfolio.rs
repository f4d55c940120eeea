//! The portfolio before trading, one line per asset that is held or wanted: what may be traded, and how far.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::amount::floor_to_step;
use crate::model::grade::Grade;
use crate::model::{
    AssetId, AssetRecord, CategoryId, Decimal, Flow, Listing, ListingStatus, Money, PlanningInput, Price, Quantity,
    Side, Weight,
};

use super::plan::{ReasonCode, Regime, Role};
use super::reference_weights::References;
use super::universe::{Universe, grade_of};
use super::valuation::{CostPiece, cost_curve, dearest_rate};

const MILLIONTH: Decimal = Decimal::from_parts(1, 0, 0, false, 6);

/// Everything the program needs to know, in fractions of net asset value.
#[derive(Debug, Clone)]
pub(crate) struct Portfolio<'a> {
    pub(crate) net_asset_value: Money,
    /// By asset id.
    pub(crate) lines: Vec<Line<'a>>,
    pub(crate) cash_free: Decimal,
    pub(crate) cash_locked: Decimal,
    pub(crate) cash_reference: Decimal,
    /// Twice the dearest trading rate: what a full round trip may cost. Room kept below caps, so that paying the
    /// costs of this run does not push a position over its cap in the next.
    pub(crate) round_trip: Decimal,
}

/// One asset. Weights are fractions of net asset value before trading.
#[derive(Debug, Clone)]
pub(crate) struct Line<'a> {
    pub(crate) asset: &'a AssetId,
    pub(crate) record: &'a AssetRecord,
    pub(crate) role: Role,
    pub(crate) rank: Option<u32>,
    pub(crate) free: Quantity,
    pub(crate) held: Quantity,
    pub(crate) weight: Decimal,
    pub(crate) reference: Decimal,
    /// 0..1, a constituent's by the grade the policy names; the members' mean where there is none. What is held to park
    /// money or only until it is sold earns nothing by a grade.
    pub(crate) score: Decimal,
    /// Most that may be bought and sold, each a whole number of lots where the venue has lots.
    pub(crate) buy_box: Decimal,
    pub(crate) sell_box: Decimal,
    /// Why one or both boxes are empty.
    pub(crate) buy_barred: Option<Bar>,
    pub(crate) sell_barred: Option<Bar>,
    /// The participation limit, not the holding, sets `sell_box` (or, for buys, `buy_box`).
    pub(crate) participation: Option<Decimal>,
    /// What quantities are counted in: the lot; where the venue has none, the power of ten that is worth a millionth
    /// of a quote unit at most. Finer digits would be lost in products.
    pub(crate) step: Decimal,
    /// The free holding rounded down to whole lots.
    pub(crate) sellable: Quantity,
    /// The most that one run may trade, in steps; absent where the venue does not list it.
    pub(crate) most: Option<Quantity>,
    /// One step, as a weight.
    pub(crate) lot: Decimal,
    /// Its quantity is sought in whole lots, not rounded to them.
    pub(crate) whole_lots: bool,
    /// A member beyond `limits.max_holdings`: its reference weight is zero.
    pub(crate) has_no_place: bool,
    pub(crate) costs: Vec<CostPiece>,
}

/// Why a side of an asset is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bar {
    pub(crate) code: ReasonCode,
    pub(crate) sentence: String,
}

impl Bar {
    fn new(code: ReasonCode, sentence: impl Into<String>) -> Self {
        Self { code, sentence: sentence.into() }
    }
}

impl Line<'_> {
    pub(crate) fn categories(&self) -> &BTreeSet<CategoryId> {
        &self.record.categories
    }

    pub(crate) fn price(&self) -> Price {
        self.record.price
    }

    pub(crate) fn listing(&self) -> Option<&Listing> {
        self.record.listing.as_ref()
    }

    /// The weight of what can be sold in the long run: free, and worth at least the venue's minimum.
    pub(crate) fn exit_weight(&self, net_asset_value: Money) -> Decimal {
        if self.sell_barred.is_some() { Decimal::ZERO } else { self.weight_of(self.sellable, net_asset_value) }
    }

    /// The weight of some of it; what is held has been weighed already.
    fn weight_of(&self, quantity: Quantity, net_asset_value: Money) -> Decimal {
        if quantity == self.held { self.weight } else { weight_of(quantity, self.price(), net_asset_value) }
    }

    /// The weight that nobody can sell in this run: all of it where selling is barred, else what is locked or less
    /// than a lot. No limit can ask for it to go.
    pub(crate) fn immovable(&self, net_asset_value: Money) -> Decimal {
        (self.weight - self.exit_weight(net_asset_value)).max(Decimal::ZERO)
    }

    /// Whether this run may trade any of it.
    pub(crate) fn is_open(&self) -> bool {
        self.buy_box > Decimal::ZERO || self.sell_box > Decimal::ZERO
    }

    /// What rounding to lots may move its weight by.
    pub(crate) fn rounding(&self) -> Decimal {
        if self.whole_lots { Decimal::ZERO } else { self.lot }
    }
}

/// See [`Line::step`].
fn step(record: &AssetRecord) -> Decimal {
    let lot = record.listing.as_ref().map_or(Decimal::ZERO, |listing| listing.lot_size.get());
    if lot > Decimal::ZERO {
        return lot;
    }
    let price = record.price.get();
    // A power of ten above the price needs so many decimals; fewer may do where the price is one itself.
    let digits = price.mantissa().checked_ilog10().map_or(0, |digits| digits + 1);
    let mut decimals = (digits + MILLIONTH.scale()).saturating_sub(price.scale());
    while decimals > 0 && Decimal::new(1, decimals - 1) * price <= MILLIONTH {
        decimals -= 1;
    }
    Decimal::new(1, decimals)
}

pub(crate) fn weight_of(quantity: Quantity, price: Price, net_asset_value: Money) -> Decimal {
    price.value_of(quantity).get() / net_asset_value.get()
}

/// Today's weights by asset, of everything that is held.
pub(crate) fn current_weights(input: &PlanningInput, net_asset_value: Money) -> BTreeMap<AssetId, Decimal> {
    input
        .account
        .holdings
        .iter()
        .filter_map(|(asset, holding)| {
            let price = input.assets.get(asset)?.price;
            Some((asset.clone(), weight_of(holding.total(), price, net_asset_value)))
        })
        .collect()
}

/// Lays the portfolio out: roles, boxes, costs.
pub(crate) fn lay_out<'a>(
    input: &'a PlanningInput,
    net_asset_value: Money,
    universe: &Universe,
    regime: &Regime,
    references: &References,
) -> Portfolio<'a> {
    let nav = net_asset_value.get();
    let members = universe.member_set();
    let neutral = mean_score(input, &members);
    let integers = input.policy.whole_quantities();
    let lines = input
        .assets
        .iter()
        .filter_map(|(asset, record)| {
            let holding = input.account.holdings.get(asset).copied().unwrap_or_default();
            let role = role(input, &members, asset, holding.total())?;
            let volume = record.average_daily_volume.map(|volume| volume.fraction_of(net_asset_value).get());
            let mut line = Line {
                asset,
                record,
                role,
                rank: universe.ranks.get(asset).copied(),
                free: holding.free,
                held: holding.total(),
                weight: weight_of(holding.total(), record.price, net_asset_value),
                reference: references.assets.get(asset).copied().unwrap_or_default(),
                score: if role == Role::Constituent {
                    grade_of(record, input.policy.ranking.grade).map_or(neutral, Grade::score)
                } else {
                    Decimal::ZERO
                },
                buy_box: Decimal::ZERO,
                sell_box: Decimal::ZERO,
                buy_barred: None,
                sell_barred: None,
                participation: input
                    .policy
                    .limits
                    .participation
                    .map(|most| volume.map_or(Decimal::ZERO, |volume| most.get() * volume)),
                step: step(record),
                sellable: Quantity::ZERO,
                most: None,
                lot: Decimal::ZERO,
                whole_lots: false,
                has_no_place: false,
                costs: cost_curve(&input.policy.costs, volume),
            };
            line.sellable = line.listing().map_or(Quantity::ZERO, |it| line.free.floor_to(it.lot_size.get()));
            line.most = most_per_run(input, &line);
            line.sell_barred = sell_bar(input, &line);
            line.buy_barred = buy_bar(input, &line, universe, regime);
            set_boxes(&mut line, net_asset_value, input);
            line.whole_lots = integers.as_ref().is_some_and(|rule| line.lot > rule.largest_rounded_lot());
            Some(line)
        })
        .collect();
    Portfolio {
        net_asset_value,
        lines,
        cash_free: input.account.cash_free.get() / nav,
        cash_locked: input.account.cash_locked.get() / nav,
        cash_reference: references.cash,
        round_trip: dearest_rate(&input.policy.costs) * Decimal::TWO,
    }
}

/// What a member without a grade counts as, so that the tilt leaves it alone: the mean of those that have one.
fn mean_score(input: &PlanningInput, members: &BTreeSet<AssetId>) -> Decimal {
    let grade = |asset| grade_of(input.assets.get(asset)?, input.policy.ranking.grade);
    let scores: Vec<Decimal> = members.iter().filter_map(grade).map(Grade::score).collect();
    if scores.is_empty() { Decimal::ZERO } else { scores.iter().sum::<Decimal>() / Decimal::from(scores.len()) }
}

fn role(input: &PlanningInput, members: &BTreeSet<AssetId>, asset: &AssetId, held: Quantity) -> Option<Role> {
    if members.contains(asset) {
        return Some(Role::Constituent);
    }
    if input.policy.regime.as_ref().is_some_and(|regime| regime.stable_legs.contains(asset)) {
        return Some(Role::StableLeg);
    }
    (!held.is_zero()).then_some(Role::MustExit)
}

/// What closes both sides: no listing, a halt, a participation limit on an unknown volume.
fn frozen(input: &PlanningInput, line: &Line<'_>) -> Option<Bar> {
    let Some(listing) = line.listing() else {
        return Some(Bar::new(ReasonCode::NotListed, "not listed at the venue"));
    };
    if listing.status == ListingStatus::Halted {
        return Some(Bar::new(ReasonCode::Halted, format!("the venue has halted {}", listing.instrument)));
    }
    (input.policy.limits.participation.is_some() && line.record.average_daily_volume.is_none()).then(|| {
        Bar::new(ReasonCode::LimitBinds, "its average daily volume is unknown, so the participation limit bars it")
    })
}

fn sell_bar(input: &PlanningInput, line: &Line<'_>) -> Option<Bar> {
    if let Some(bar) = frozen(input, line) {
        return Some(bar);
    }
    if input.flow == Flow::DepositOnly {
        return Some(Bar::new(ReasonCode::NoBuy, "a deposit-only run sells nothing"));
    }
    let listing = line.listing()?;
    let worst = sell_limit_price(line.price(), input, listing)?;
    if worst > line.price() {
        return Some(Bar::new(ReasonCode::BelowMinimum, coarse_tick(listing)));
    }
    let sellable = line.sellable;
    if sellable.is_zero() && !line.free.is_zero() {
        return Some(Bar::new(ReasonCode::Stranded, "the free holding is less than one lot"));
    }
    if sellable.is_zero() && !line.held.is_zero() {
        return Some(Bar::new(ReasonCode::Locked, "the whole holding is locked"));
    }
    let most = line.most.map_or(sellable, |most| most.min(sellable));
    let refused = below_venue_minimum(listing, most, worst);
    if most == sellable {
        let sentence = |(what, least)| format!("all of it is {what} and {least}");
        return refused.filter(|_| !sellable.is_zero()).map(|why| Bar::new(ReasonCode::Stranded, sentence(why)));
    }
    too_small_a_part(input, line, listing, Side::Sell, most, worst)
}

/// Why the venue takes no order of this quantity at this price: what the order would be, and the least that is taken.
pub(crate) fn below_venue_minimum(listing: &Listing, quantity: Quantity, price: Price) -> Option<(String, String)> {
    if quantity < listing.min_quantity {
        let least = format!("the venue's minimum quantity is {}", listing.min_quantity);
        return Some((quantity.to_string(), least));
    }
    let value = price.value_of(quantity);
    (value < listing.min_notional).then(|| (worth(value), format!("the venue's minimum is {}", listing.min_notional)))
}

/// The same for the policy's minimum trade.
pub(crate) fn below_min_trade(input: &PlanningInput, notional: Money) -> Option<(String, String)> {
    let least = input.policy.orders.min_trade;
    (notional < least).then(|| (worth(notional), format!("the policy's minimum trade is {least}")))
}

fn worth(value: Money) -> String {
    format!("worth {}", value.get().round_dp(2))
}

/// The least weight of an order on this side that venue and policy take, and so many units to spare (a lot, where
/// rounding must not fall below it); absent where the side is closed or its box holds no such order.
pub(crate) fn least_order(
    input: &PlanningInput,
    line: &Line<'_>,
    side: Side,
    net_asset_value: Money,
    spare: Decimal,
) -> Option<Decimal> {
    let listing = line.listing()?;
    let (most, limit_price) = match side {
        Side::Buy => (line.buy_box, buy_limit_price(line.price(), input, listing)?),
        Side::Sell => (line.sell_box, sell_limit_price(line.price(), input, listing)?),
    };
    let by_venue = line.price().min(limit_price).units_worth(listing.min_notional.get());
    let by_policy = line.price().units_worth(input.policy.orders.min_trade.get());
    let units = listing.min_quantity.max(by_venue).max(by_policy);
    let lots = Quantity::new(units.ceil_to(line.step).get() + spare).ok()?;
    let least = weight_of(lots, line.price(), net_asset_value);
    (least <= most).then_some(least)
}

/// The venue has no price between the reference and the collar: an order on the other side of the reference would not
/// be filled, and the gate lets none further away than the collar pass.
fn coarse_tick(listing: &Listing) -> String {
    format!("the venue's price step of {} leaves no limit price inside the collar", listing.tick_size)
}

/// What one run may trade of an asset at most is less than the least order: none of it is ever traded.
fn too_small_a_part(
    input: &PlanningInput,
    line: &Line<'_>,
    listing: &Listing,
    side: Side,
    most: Quantity,
    worst: Price,
) -> Option<Bar> {
    let verb = match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    };
    let refused = below_venue_minimum(listing, most, worst);
    let (what, least) = refused.or_else(|| below_min_trade(input, line.price().value_of(most)))?;
    Some(Bar::new(ReasonCode::LimitBinds, format!("the most that a run may {verb} of it is {what} and {least}")))
}

/// The most of an asset that one run may trade, in whole lots: the venue's and the policy's largest order and the
/// participation limit; absent where the venue does not list it.
fn most_per_run(input: &PlanningInput, line: &Line<'_>) -> Option<Quantity> {
    // Not by way of the weight: a digit lost there would be a lot.
    let by_volume = input.policy.limits.participation.map(|most| {
        let volume = line.record.average_daily_volume.map_or(Decimal::ZERO, Money::get);
        line.price().units_worth(most.get() * volume)
    });
    // Too many units to be counted are no limit.
    let by_notional = input.policy.orders.max_order_notional.get().checked_div(line.price().get());
    let by_notional = by_notional.and_then(|units| Quantity::new(units).ok());
    let most = [line.listing()?.max_quantity, by_volume, by_notional].into_iter().flatten().min();
    most.map(|most| most.floor_to(line.step))
}

/// The lowest price a sell order may carry: the collar, rounded up to the tick.
pub(crate) fn sell_limit_price(price: Price, input: &PlanningInput, listing: &Listing) -> Option<Price> {
    let collar = input.policy.orders.collar.get();
    let lowest = Price::new(price.get() * (Decimal::ONE - collar)).ok()?;
    Some(lowest.ceil_to(listing.tick_size.get()))
}

/// The highest price a buy order may carry: the collar, rounded down to the tick; absent when that is zero.
pub(crate) fn buy_limit_price(price: Price, input: &PlanningInput, listing: &Listing) -> Option<Price> {
    let collar = input.policy.orders.collar.get();
    let highest = Price::new(price.get() * (Decimal::ONE + collar)).ok()?;
    highest.floor_to(listing.tick_size.get())
}

fn buy_bar(input: &PlanningInput, line: &Line<'_>, universe: &Universe, regime: &Regime) -> Option<Bar> {
    if let Some(bar) = frozen(input, line) {
        return Some(bar);
    }
    let listing = line.listing()?;
    if buy_limit_price(line.price(), input, listing).is_none_or(|limit| limit < line.price()) {
        return Some(Bar::new(ReasonCode::BelowMinimum, coarse_tick(listing)));
    }
    if line.role == Role::MustExit {
        return Some(Bar::new(ReasonCode::NoBuy, "it is not in the index"));
    }
    if let Some(why) = universe.doubt(line.asset).filter(|_| line.role == Role::Constituent) {
        return Some(Bar::new(ReasonCode::NoBuy, format!("{why}: held, not bought")));
    }
    let bearish = regime.bearish && input.policy.regime.as_ref().is_some_and(|rule| rule.no_buy_when_bearish);
    if line.role == Role::Constituent && bearish {
        return Some(Bar::new(ReasonCode::NoBuy, "the regime is bearish and the policy buys no constituent then"));
    }
    too_small_a_part(input, line, listing, Side::Buy, line.most?, line.price())
}

/// Boxes are whole lots, so that rounding to lots never leaves them.
fn set_boxes(line: &mut Line<'_>, net_asset_value: Money, input: &PlanningInput) {
    let price = line.price();
    if line.listing().is_none() {
        return;
    }
    let step = line.step;
    let most = line.most;
    line.lot = price.value_of(Quantity::new(step).unwrap_or(Quantity::MAX)).fraction_of(net_asset_value).get();
    if line.sell_barred.is_none() {
        let sellable = line.sellable;
        let quantity = most.map_or(sellable, |most| most.min(sellable));
        line.sell_box = line.weight_of(quantity, net_asset_value);
    }
    if line.buy_barred.is_none() {
        // Nobody can spend more than there is: cash and everything that can be sold.
        let room = max_weight(input, line).map_or(Decimal::ONE, |cap| cap - line.weight);
        let quantity = price.units_worth(room.clamp(Decimal::ZERO, Decimal::ONE) * net_asset_value.get());
        // Nor can anybody hold more units than a quantity counts.
        let quantity = quantity.min(Quantity::MAX - line.held.min(Quantity::MAX));
        let quantity = most.map_or(quantity, |most| most.min(quantity));
        line.buy_box = weight_of(quantity.floor_to(step), price, net_asset_value);
    }
}

/// The cap on a constituent's weight, where the policy has one.
pub(crate) fn max_weight(input: &PlanningInput, line: &Line<'_>) -> Option<Decimal> {
    let cap = input.policy.limits.cap_of(line.asset).filter(|_| line.role == Role::Constituent);
    cap.map(Weight::get)
}

/// A weight of an asset as a quantity; a value within a millionth of a lot of a whole number of lots is that number:
/// the 28th digit of a division must not cost a lot.
pub(crate) fn to_quantity(weight: Decimal, line: &Line<'_>, net_asset_value: Money) -> Decimal {
    let exact = weight * net_asset_value.get() / line.price().get();
    let lot = line.step;
    let nearest = floor_to_step(exact + lot / Decimal::TWO, lot);
    if (nearest - exact).abs() <= lot / Decimal::from(1_000_000) { nearest } else { exact }
}

#[cfg(test)]
mod tests {
    use crate::model::policy::ImpactPiece;
    use crate::model::{Rate, Tick};
    use crate::planning::plan;
    use crate::planning::sample::{dec, id, input, policy};

    use super::*;

    fn rate(text: &str) -> Rate {
        Rate::parse(text).expect(text)
    }

    const LOWEST: [&str; 4] = ["0.000000000000000001", "0.0000000000000001", "0.000000000000001", "0.0000000001"];

    /// Nobody is kept from an asset because more of it can be had than a quantity counts.
    #[test]
    fn the_lowest_prices_are_planned_at() {
        for price in LOWEST {
            for lots in [true, false] {
                let policy = policy(|policy| policy.limits.participation = Some(rate("0.5")));
                let mut input = input(policy, &["600", "300", "100"], &[("a", "1000000000")], "10000");
                let record = input.assets.get_mut(&id("a")).expect("a");
                record.price = Price::parse(price).expect(price);
                record.average_daily_volume = Some(Money::parse("10000000000").expect("volume"));
                let listing = record.listing.as_mut().expect("listed");
                listing.tick_size = Tick::ZERO;
                if !lots {
                    (listing.lot_size, listing.min_quantity) = (Quantity::ZERO, Quantity::ZERO);
                }
                let plan = plan(&input).unwrap_or_else(|error| panic!("{price}: {error}"));
                let after = plan.positions.iter().find(|position| position.asset == id("a")).expect("a position");
                let bought = plan.orders.iter().find(|order| order.asset == id("a"));
                assert!(after.quantity_after <= Quantity::MAX, "{price}: {}", after.quantity_after);
                let (worth, reason) = (record_value(price, Quantity::MAX), &after.reason);
                assert_eq!(bought.is_some(), worth >= dec("10"), "{price}, lots {lots}: {bought:?} {reason:?}");
            }
        }
    }

    fn record_value(price: &str, quantity: Quantity) -> Decimal {
        Price::parse(price).expect(price).value_of(quantity).get()
    }

    /// What is left of an account that was emptied: everything is too much for it, and nothing fails.
    #[test]
    fn an_account_that_holds_but_dust_is_planned() {
        let policy = policy(|policy| {
            policy.limits.participation = Some(rate("0.5"));
            policy.costs.impact = [("0.01", "0.001"), ("0.1", "0.002")]
                .map(|(up_to, cost)| ImpactPiece { up_to: rate(up_to), cost: rate(cost) })
                .into();
        });
        for holding in ["0.000000000000000001", "0.000000000001", "0.000001", "0.001"] {
            let mut input = input(policy.clone(), &["600", "300", "100"], &[("a", holding)], "0");
            for record in input.assets.values_mut() {
                record.average_daily_volume = Some(Money::parse("1000000000000000000").expect("volume"));
            }
            let plan = plan(&input).unwrap_or_else(|error| panic!("{holding}: {error}"));
            assert!(plan.orders.is_empty(), "{holding}: {:?}", plan.orders);
        }
    }

    /// The coarsest power of ten that is worth a millionth at most.
    #[test]
    fn without_lots_quantities_are_counted_in_millionths_of_a_quote_unit() {
        let input = input(policy(|_| {}), &["600"], &[], "10000");
        let mut record = input.assets.get(&id("a")).expect("a").clone();
        record.listing.as_mut().expect("listed").lot_size = Quantity::ZERO;
        for (price, counted_in) in [
            ("1000000000", "0.000000000000001"),
            ("999999999.999999999999999999", "0.000000000000001"),
            ("1000000000.000000000000000000", "0.000000000000001"),
            ("310.1234", "0.000000001"),
            ("1", "0.000001"),
            ("1.000000000000000001", "0.0000001"),
            ("0.1", "0.00001"),
            ("0.000001", "1"),
            ("0.000000000000000001", "1"),
        ] {
            record.price = Price::parse(price).expect(price);
            assert_eq!(step(&record), dec(counted_in), "at {price}");
        }
        record.listing.as_mut().expect("listed").lot_size = Quantity::parse("0.25").expect("a lot");
        assert_eq!(step(&record), dec("0.25"));
    }
}
