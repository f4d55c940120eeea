//! Limits on holdings as wholes: least weight and most holdings.

use super::arithmetic::OutOfRange;
use super::books::{Books, Line};
use super::limits::{immovable, met};
use super::reach::{most_bought, most_sold};
use super::relaxation::{Nature, Row, Softness};
use crate::model::{Decimal, PlanningInput};
use crate::planning::plan::{RebalancePlan, Role, Sense};

/// Less than this in quote currency is no holding.
const LEAST_HOLDING: Decimal = Decimal::from_parts(1, 0, 0, false, 6);

/// Distances this close are the same.
const SAME: Decimal = Decimal::from_parts(1, 0, 0, false, 15);

/// Both, for the constituents: one row each for `min_weight`, one for `max_holdings`. A limit that is missed by no more than
/// [`met`] is met; lots are no excuse.
pub(super) fn rows(input: &PlanningInput, plan: &RebalancePlan, books: &Books<'_>) -> Result<Vec<Row>, OutOfRange> {
    let limits = &input.policy.limits;
    if limits.min_weight.is_none() && limits.max_holdings.is_none() {
        return Ok(Vec::new());
    }
    let constituents = books.lines.iter().filter(|(_, line)| line.role() == Some(Role::Constituent));
    let mut rows = Vec::new();
    let mut counted = Counted::default();
    for (asset, line) in constituents {
        let reach = Reach::of(input, plan, books, line)?;
        if let Some(least) = limits.min_weight {
            let (sense, bound, before) = reach.min_weight(line, least.get())?;
            let met = met(books, std::iter::once(line))?;
            rows.push(state_row(format!("min_weight({asset})"), (sense, line.weight_after, bound), before, met));
        }
        counted.before += u32::from(reach.was_held);
        counted.stuck += u32::from(is_held(line, immovable(input, line)?));
        if is_held(line, line.value_after) {
            counted.after += 1;
            counted.names.push(asset.as_str());
        }
    }
    if let Some(most) = limits.max_holdings {
        let bound = Decimal::from(most.max(counted.stuck));
        let sides = (Sense::AtMost, Decimal::from(counted.after), bound);
        let mut row = state_row("max_holdings".to_owned(), sides, Decimal::from(counted.before), Decimal::ZERO);
        row.detail = counted.names.join(", ");
        rows.push(row.stating(Decimal::from(most), Decimal::from(counted.stuck)));
    }
    Ok(rows)
}

#[derive(Default)]
struct Counted<'a> {
    before: u32,
    after: u32,
    /// Held whatever is sold in however many runs.
    stuck: u32,
    /// Who is held after the run.
    names: Vec<&'a str>,
}

fn state_row(limit: String, sides: (Sense, Decimal, Decimal), before: Decimal, met: Decimal) -> Row {
    let (sense, left_side, bound) = sides;
    let (nature, softness, detail) = (Nature::State { before }, Softness::ALWAYS, String::new());
    Row { limit, sense, left_side, bound, stated: None, nature, softness, max_allowance: met, spread: false, detail }
}

/// How far one run may take a constituent.
struct Reach {
    /// The weights after selling and after buying all that the run may.
    lowest: Decimal,
    highest: Decimal,
    was_held: bool,
}

impl Reach {
    fn of(input: &PlanningInput, plan: &RebalancePlan, books: &Books<'_>, line: &Line<'_>) -> Result<Self, OutOfRange> {
        let left = line.value_before.checked_sub(most_sold(input, line)?).ok_or(OutOfRange)?.max(Decimal::ZERO);
        let bought = most_bought(input, plan, line, books.net_asset_value)?;
        let up_to = line.value_before.checked_add(bought).ok_or(OutOfRange)?;
        Ok(Self {
            lowest: books.weight_of(left)?,
            highest: books.weight_of(up_to)?,
            was_held: is_held(line, line.value_before),
        })
    }

    /// The nearer end of what is allowed, and how far from it the weight was before. Allowed is what the run leaves that
    /// sells all it may, and less; and the least weight (of a holding: as much of it as the run may reach) and more.
    fn min_weight(&self, line: &Line<'_>, least: Decimal) -> Result<(Sense, Decimal, Decimal), OutOfRange> {
        let high = if self.was_held { least.min(self.highest) } else { least };
        let distances = |weight: Decimal| {
            let above = weight.checked_sub(self.lowest).ok_or(OutOfRange)?;
            Ok((above, high.checked_sub(weight).ok_or(OutOfRange)?))
        };
        let (above, below) = distances(line.weight_before)?;
        let before = above.min(below).max(Decimal::ZERO);
        let (above, below) = distances(line.weight_after)?;
        // Ends as far from the weight but for a quotient's last digit are as far: the lower one is stated.
        if above <= below.checked_add(SAME).ok_or(OutOfRange)? {
            Ok((Sense::AtMost, self.lowest, self.lowest.checked_add(before).ok_or(OutOfRange)?))
        } else {
            Ok((Sense::AtLeast, high, high.checked_sub(before).ok_or(OutOfRange)?))
        }
    }
}

/// Worth an order that the venue would take: a lot, its minimum quantity, its minimum notional. Of what it does not trade
/// anything is a holding.
fn is_held(line: &Line<'_>, value: Decimal) -> bool {
    let least = line.tradable().map(|listing| {
        let units = listing.lot_size.get().max(listing.min_quantity.get());
        let worth = units.checked_mul(line.price).unwrap_or(Decimal::MAX);
        worth.max(listing.min_notional.get()).max(LEAST_HOLDING)
    });
    value > Decimal::ZERO && least.is_none_or(|least| value >= least)
}
