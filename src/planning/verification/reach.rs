//! How far one trade of an asset may go, whatever the limits over several assets say.

use super::arithmetic::{OutOfRange, fraction};
use super::books::Line;
use super::enclosure::Enclosure;
use super::limits::sellable;
use super::orders::whole_lots;
use super::permission;
use crate::model::{Decimal, Listing, Money, PlanningInput, Rate};
use crate::planning::plan::{RebalancePlan, Role};

/// The most that one run may buy of an asset, in quote currency: the venue's and the policy's largest order and
/// participation in whole lots, and no more than the account is worth; nothing where it may not be bought, the venue has
/// no price inside the collar, or the most is less than the least order. A cap on the asset's weight is not looked at.
pub(super) fn most_bought(
    input: &PlanningInput,
    plan: &RebalancePlan,
    line: &Line<'_>,
    whole: Decimal,
) -> Result<Decimal, OutOfRange> {
    let Some(listing) = tradable(input, line) else { return Ok(Decimal::ZERO) };
    let may =
        matches!(line.role(), Some(Role::Constituent | Role::StableLeg)) && !permission::no_buy(input, plan, line);
    if !may || !has_buying_price(input, line, listing)? {
        return Ok(Decimal::ZERO);
    }
    let most = most_per_run(input, line, listing)?;
    let worth = times(most, line.price)?;
    let least = listing.min_notional.get().max(input.policy.orders.min_trade.get());
    if most < listing.min_quantity.get() || worth < least {
        return Ok(Decimal::ZERO);
    }
    Ok(Enclosure::exact(most).times(line.price)?.high().min(whole))
}

/// The most that one run may sell of an asset, in quote currency.
pub(super) fn most_sold(input: &PlanningInput, line: &Line<'_>) -> Result<Decimal, OutOfRange> {
    let Some(listing) = tradable(input, line) else { return Ok(Decimal::ZERO) };
    let most = sellable(input, line)?.min(most_per_run(input, line, listing)?);
    Ok(Enclosure::exact(most).times(line.price)?.high())
}

/// The listing, where the venue takes orders and the participation limit meets a known volume.
fn tradable<'a>(input: &PlanningInput, line: &Line<'a>) -> Option<&'a Listing> {
    let volume = line.record?.average_daily_volume;
    let known = input.policy.limits.participation.is_none() || volume.is_some();
    line.tradable().filter(|_| known && !line.price.is_zero())
}

/// Whether a step of the venue's lies between the reference price and the collar above it.
fn has_buying_price(input: &PlanningInput, line: &Line<'_>, listing: &Listing) -> Result<bool, OutOfRange> {
    let collar = Decimal::ONE.checked_add(input.policy.orders.collar.get()).ok_or(OutOfRange)?;
    let highest = times(line.price, collar)?;
    Ok(whole_lots(highest, listing.tick_size.get())? >= line.price)
}

/// In whole lots. A quotient's lost digit may be a lot: it is given, so that nothing that may be traded is left out.
fn most_per_run(input: &PlanningInput, line: &Line<'_>, listing: &Listing) -> Result<Decimal, OutOfRange> {
    let units = |worth: Decimal| Enclosure::exact(worth).over(Enclosure::exact(line.price)).map(Enclosure::high);
    // Too many units to be counted are no limit.
    let by_notional = units(input.policy.orders.max_order_notional.get()).ok();
    let volume = line.record.and_then(|record| record.average_daily_volume).map(Money::get);
    let by_volume = match (input.policy.limits.participation.map(Rate::get), volume) {
        (Some(participation), Some(volume)) => Some(units(times(participation, volume)?)?),
        _ => None,
    };
    let by_venue = listing.max_quantity.map(crate::model::Quantity::get);
    let most = [by_notional, by_volume, by_venue].into_iter().flatten().min().unwrap_or(Decimal::MAX);
    // What can be held at all; a product with a price stays in range.
    let most = most.min(crate::model::Quantity::MAX.get()).min(fraction(MOST_WORTH, line.price).unwrap_or(most));
    whole_lots(most, listing.lot_size.get())
}

/// A thousand times the largest net asset value that is planned, in quote currency.
const MOST_WORTH: Decimal = Decimal::from_parts(2_808_348_672, 232_830_643, 0, false, 0);

fn times(left: Decimal, right: Decimal) -> Result<Decimal, OutOfRange> {
    left.checked_mul(right).ok_or(OutOfRange)
}
