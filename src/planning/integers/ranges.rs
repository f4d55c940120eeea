//! What one line may trade: a few ranges of bought less sold, in weights, and the gaps between them.

use crate::model::amount::{ceil_to_step, floor_to_step};
use crate::model::{Decimal, PlanningInput, Side};

use super::super::portfolio::{Line, Portfolio, least_order};
use super::whole_limits::{WholeLimits, WholeLine};

/// Trades from `low` to `high`, both included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) low: Decimal,
    pub(super) high: Decimal,
    /// What is held after these trades counts as a holding.
    pub(super) held: bool,
    /// Nothing is traded although a limit on wholes asks for it.
    pub(super) gives_way: bool,
    /// Only multiples of this; zero: any.
    pub(super) step: Decimal,
}

impl Range {
    fn reaches(&self, trade: Decimal) -> bool {
        self.low - NOISE <= trade && trade <= self.high + NOISE
    }

    /// The multiples of the step to either side; both the trade itself where it is one or any will do.
    fn neighbours(&self, trade: Decimal) -> (Decimal, Decimal) {
        let below = floor_to_step(trade + NOISE, self.step);
        if self.step.is_zero() || trade - below <= NOISE { (trade, trade) } else { (below, below + self.step) }
    }
}

/// The solver's noise in a weight.
const NOISE: Decimal = Decimal::from_parts(1, 0, 0, false, 9);

/// Whether a trade is in one of the ranges, and a whole number of steps there.
pub(super) fn admits(ranges: &[Range], trade: Decimal) -> bool {
    ranges.iter().any(|range| {
        let (below, above) = range.neighbours(trade);
        range.reaches(trade) && below == above
    })
}

/// The ranges to either side of a trade that is in none of them, and how far it is from the nearer one.
pub(super) fn split(ranges: &[Range], trade: Decimal) -> (Vec<Range>, Vec<Range>, Decimal) {
    let (mut below, mut above) = (Vec::new(), Vec::new());
    for range in ranges {
        let (floor, ceiling) = range.neighbours(trade);
        if range.high <= trade {
            below.push(range.clone());
        } else if range.low >= trade {
            above.push(range.clone());
        } else {
            below.push(Range { high: floor, ..range.clone() });
            above.push(Range { low: ceiling, ..range.clone() });
        }
    }
    let down = below.iter().map(|range| trade - range.high).min();
    let up = above.iter().map(|range| range.low - trade).min();
    let distance = [down, up].into_iter().flatten().min().unwrap_or_default();
    (below, above, distance)
}

/// The trade nearest to this one, and its range.
pub(super) fn nearest(ranges: &[Range], trade: Decimal) -> Option<(Range, Decimal)> {
    let at = |range: &Range| {
        let inside = trade.clamp(range.low, range.high);
        // Towards cash: no buy becomes larger by it.
        let (below, _) = range.neighbours(inside);
        (range.clone(), below.max(range.low))
    };
    ranges.iter().map(at).min_by_key(|(_, there)| (trade - *there).abs())
}

/// Everything that venue and policy let this line trade, in rising order; `most` is what its boxes hold.
pub(super) fn ranges(
    input: &PlanningInput,
    portfolio: &Portfolio<'_>,
    line: &Line<'_>,
    whole: (&WholeLimits, Option<&WholeLine>),
    (most_bought, most_sold): (Decimal, Decimal),
) -> Vec<Range> {
    let step = if line.whole_lots { line.lot } else { Decimal::ZERO };
    let spare = if line.whole_lots { Decimal::ZERO } else { line.step };
    let least = |side| least_order(input, line, side, portfolio.net_asset_value, spare);
    let mut trades = Vec::new();
    if most_sold > Decimal::ZERO {
        trades.push((-most_sold, -most_sold));
        trades.extend(least(Side::Sell).filter(|least| *least < most_sold).map(|least| (-most_sold, -least)));
    }
    trades.push((Decimal::ZERO, Decimal::ZERO));
    if let Some(least) = least(Side::Buy).filter(|least| *least <= most_bought) {
        trades.push((least, most_bought));
    }
    let (limits, whole) = whole;
    let mut ranges = Vec::new();
    for (low, high) in trades {
        let range = Range { low, high, held: false, gives_way: false, step };
        match whole {
            Some(whole) => by_weight(limits, whole, line, &range, &mut ranges),
            None => ranges.push(range),
        }
    }
    for range in &mut ranges {
        // A quotient's last digit must not cost a lot.
        range.low = ceil_to_step(range.low - NOISE, step).max(range.low);
        range.high = floor_to_step(range.high + NOISE, step).min(range.high);
    }
    ranges.retain(|range| range.low <= range.high);
    // What is sold in full stands for itself: with the rest it would be a holding.
    let mut seen: Vec<Range> = Vec::new();
    for range in ranges {
        if !seen.iter().any(|other| other.low <= range.low && range.high <= other.high && other.held == range.held) {
            seen.push(range);
        }
    }
    seen.sort_by_key(|range| (range.low, range.high));
    seen
}

/// Cuts a range where `min_weight` forbids what it leads to, and where a holding begins.
fn by_weight(limits: &WholeLimits, whole: &WholeLine, line: &Line<'_>, range: &Range, out: &mut Vec<Range>) {
    let still = range.low.is_zero() && range.high.is_zero();
    let (least, most) = (whole.low - whole.weight, whole.high - whole.weight);
    // A lot more, so that rounding does not fall below.
    let spare = if line.whole_lots || still || most >= range.high { Decimal::ZERO } else { line.lot };
    let parts = if limits.asks_for_min_weight() {
        let below = Range { high: range.high.min(least), ..range.clone() };
        let above = Range { low: range.low.max((most + spare).min(range.high.max(most))), ..range.clone() };
        vec![below, above]
    } else {
        vec![range.clone()]
    };
    let mut kept: Vec<Range> = parts.into_iter().filter(|part| part.low <= part.high).collect();
    kept.dedup();
    if still && kept.is_empty() {
        kept.push(Range { gives_way: true, ..range.clone() });
    }
    for part in kept {
        let begins = whole.least_held - whole.weight;
        let held = |trade: Decimal| whole.counts(whole.weight + trade);
        if limits.max_holdings.is_none() || held(part.low) {
            out.push(Range { held: limits.max_holdings.is_some(), ..part });
        } else {
            // Sold in full, or so that a holding remains: less than an order is never left over.
            if part.low == part.high || !held(part.high) {
                out.push(Range { high: part.low, ..part.clone() });
            }
            if held(part.high) {
                out.push(Range { low: begins.max(part.low), held: true, ..part });
            }
        }
    }
}

/// Where a mixture needs points: ends, and the trades where the slope changes, or the steps around them.
pub(super) fn points(range: &Range, kinks: &[Decimal]) -> Vec<Decimal> {
    let mut points = vec![range.low, range.high];
    for kink in kinks.iter().filter(|kink| **kink > range.low && **kink < range.high) {
        let (below, above) = range.neighbours(*kink);
        points.extend([below.max(range.low), above.min(range.high)]);
    }
    points.sort_unstable();
    points.dedup();
    points
}
