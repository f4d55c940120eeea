//! What one line may trade: a few ranges of bought less sold, in weights, and the gaps between them.

use crate::model::amount::{ceil_to_step, floor_to_step};
use crate::model::{Decimal, PlanningInput, Side};

use super::super::portfolio::{Line, Portfolio, least_order};
use super::whole_limits::{Presence, WholeLimits, WholeLine};

/// Trades from `low` to `high`, both included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) low: Decimal,
    pub(super) high: Decimal,
    /// What these trades leave, as `max_holdings` counts it; absent where nobody asks.
    pub(super) leaves: Presence,
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

    /// As far as it leaves a trade at most as large as this.
    pub(super) fn up_to(self, most: Decimal) -> Option<Self> {
        let high = if self.high <= most + NOISE { self.high } else { floor_to_step(most + NOISE, self.step) };
        (self.low <= high).then_some(Self { high, ..self })
    }

    /// The greatest trade in it that is no more than this one, and the least that is no less.
    fn around(&self, trade: Decimal) -> [Option<Decimal>; 2] {
        let (below, above) = self.neighbours(trade.clamp(self.low, self.high));
        let [below, above] = [below.max(self.low), above.min(self.high)];
        [(below <= trade + NOISE).then_some(below), (above >= trade - NOISE).then_some(above)]
    }

    /// The next trades below and above one in it.
    fn beside(&self, trade: Decimal) -> (Option<Decimal>, Option<Decimal>) {
        let below = floor_to_step(trade - NOISE - NOISE, self.step).max(self.low);
        let above = ceil_to_step(trade + NOISE + NOISE, self.step).min(self.high);
        (Some(below).filter(|below| *below < trade - NOISE), Some(above).filter(|above| *above > trade + NOISE))
    }

    /// A lot less than a trade in it, and one more.
    pub(super) fn lots_beside(&self, trade: Decimal) -> impl Iterator<Item = Decimal> {
        let within = move |next: &Decimal| self.reaches(trade) && self.reaches(*next) && *next != trade;
        [trade - self.step, trade + self.step].into_iter().filter(within)
    }
}

/// A quotient's last digit, and a mixture's.
pub(super) const NOISE: Decimal = Decimal::from_parts(1, 0, 0, false, 13);

/// Lots, and gaps between ranges, of no more than this are next to nothing: a tenth of a basis point.
pub(super) const SLIGHT: Decimal = Decimal::from_parts(1, 0, 0, false, 5);

/// What a weight of an order may be from the trade that it stands for.
const ORDER_NOISE: Decimal = Decimal::from_parts(1, 0, 0, false, 9);

/// The ranges to either side of a trade that none of them admits.
pub(super) fn split(ranges: &[Range], trade: Decimal) -> (Vec<Range>, Vec<Range>) {
    let (mut below, mut above) = (Vec::new(), Vec::new());
    for range in ranges {
        let (floor, ceiling) = range.neighbours(trade);
        if range.high <= trade {
            below.push(range.clone());
        } else if range.low >= trade {
            above.push(range.clone());
        } else {
            // An end that is a multiple but for its last digit is one.
            let (high, low) = (floor.max(range.low), ceiling.min(range.high));
            below.extend((high - floor <= NOISE).then(|| Range { high, ..range.clone() }));
            above.extend((ceiling - low <= NOISE).then(|| Range { low, ..range.clone() }));
        }
    }
    (below, above)
}

/// A trade alone, and all others; absent where there are none. What is not in whole lots is told apart by ranges alone.
pub(super) fn pinned(
    ranges: &[Range],
    (trade, leaves): (Decimal, Presence),
    whole_lots: bool,
) -> Option<[Vec<Range>; 2]> {
    let (mut there, mut others) = (Vec::new(), Vec::new());
    for range in ranges {
        if range.leaves != leaves || !range.reaches(trade) {
            others.push(range.clone());
        } else if !whole_lots {
            there.push(range.clone());
        } else {
            let (below, above) = range.beside(trade);
            others.extend(below.map(|high| Range { high, ..range.clone() }));
            there.push(Range { low: trade, high: trade, ..range.clone() });
            others.extend(above.map(|low| Range { low, ..range.clone() }));
        }
    }
    (!there.is_empty() && !others.is_empty()).then_some([there, others])
}

/// Whether there is no choice at all.
pub(super) fn is_one_trade(ranges: &[Range]) -> bool {
    let low = ranges.iter().map(|range| range.low).min();
    let high = ranges.iter().map(|range| range.high).max();
    low.zip(high).is_some_and(|(low, high)| high - low <= NOISE)
}

/// The greatest trade in any range that is no more than this one, and its range.
pub(super) fn nearest_below(ranges: &[Range], trade: Decimal) -> Option<(Range, Decimal)> {
    let below = ranges.iter().filter_map(|range| Some((range.clone(), range.around(trade)[0]?)));
    below.max_by_key(|(_, below)| *below)
}

/// The least that is no less.
pub(super) fn nearest_above(ranges: &[Range], trade: Decimal) -> Option<(Range, Decimal)> {
    let above = ranges.iter().filter_map(|range| Some((range.clone(), range.around(trade)[1]?)));
    above.min_by_key(|(_, above)| *above)
}

/// The lot, or so many of them that a multiple is more than a solver's noise.
fn step_of(line: &Line<'_>) -> Decimal {
    let mut step = line.lot;
    while !step.is_zero() && step < LEAST_STEP {
        step *= Decimal::TEN;
    }
    step
}

/// A ten thousandth of a basis point.
const LEAST_STEP: Decimal = Decimal::from_parts(1, 0, 0, false, 8);

/// Everything that venue and policy let this line trade, in rising order; `most` is what its boxes hold.
pub(super) fn ranges(
    input: &PlanningInput,
    portfolio: &Portfolio<'_>,
    line: &Line<'_>,
    whole: (&WholeLimits, Option<&WholeLine>),
    (most_bought, most_sold): (Decimal, Decimal),
) -> Vec<Range> {
    let least = |side| least_order(input, line, side, portfolio.net_asset_value, Decimal::ZERO);
    let mut trades = Vec::new();
    if most_sold > Decimal::ZERO {
        trades.push((-most_sold, -most_sold));
        trades.extend(least(Side::Sell).filter(|least| *least < most_sold).map(|least| (-most_sold, -least)));
    }
    trades.push((Decimal::ZERO, Decimal::ZERO));
    let most_bought = floor_to_step(most_bought, line.lot);
    if let Some(least) = least(Side::Buy).filter(|least| *least <= most_bought) {
        trades.push((least, most_bought));
    }
    let (limits, whole) = whole;
    let mut ranges = Vec::new();
    for (low, high) in trades {
        // What is sold in full, or not at all, is as it is.
        let step = if low == high && low <= Decimal::ZERO { Decimal::ZERO } else { step_of(line) };
        let range = Range { low, high, leaves: Presence::Absent, gives_way: false, step };
        match whole {
            Some(whole) => by_weight(limits, whole, &range, &mut ranges),
            None => ranges.push(range),
        }
    }
    for range in &mut ranges {
        // A quotient's last digit must not cost a lot.
        if !range.step.is_zero() {
            range.low = ceil_to_step(range.low - NOISE, range.step).max(range.low);
            range.high = floor_to_step(range.high + NOISE, range.step).min(range.high);
        }
    }
    ranges.retain(|range| range.low <= range.high);
    // What is sold in full stands for itself: with the rest it would be a holding.
    let mut seen: Vec<Range> = Vec::new();
    for range in ranges {
        if !seen.iter().any(|other| other.low <= range.low && range.high <= other.high && other.leaves == range.leaves)
        {
            seen.push(range);
        }
    }
    seen.sort_by_key(|range| (range.low, range.high));
    seen
}

/// The ends of the range that the trade of the line at this index is in; absent where it is in none.
pub(crate) fn range_of(
    input: &PlanningInput,
    portfolio: &Portfolio<'_>,
    whole: &WholeLimits,
    index: usize,
    most: (Decimal, Decimal),
    trade: Decimal,
) -> Option<(Decimal, Decimal)> {
    let ranges = ranges(input, portfolio, portfolio.lines.get(index)?, (whole, whole.line(index)), most);
    let outside = |range: &Range| (range.low - trade).max(trade - range.high).max(Decimal::ZERO);
    let nearest = ranges.into_iter().min_by_key(outside).filter(|range| outside(range) <= ORDER_NOISE)?;
    Some((nearest.low.min(trade), nearest.high.max(trade)))
}

/// Cuts a range where `min_weight` forbids what it leads to, and where a holding begins.
fn by_weight(limits: &WholeLimits, whole: &WholeLine, range: &Range, out: &mut Vec<Range>) {
    let still = range.low.is_zero() && range.high.is_zero();
    let (least, most) = (whole.low - whole.weight, whole.high - whole.weight);
    let parts = if limits.asks_for_min_weight() {
        let below = Range { high: range.high.min(least), ..range.clone() };
        let above = Range { low: range.low.max(most), ..range.clone() };
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
        if limits.max_holdings.is_none() {
            out.push(part);
            continue;
        }
        let begins = whole.least_held - whole.weight;
        let leaves = |trade: Decimal| whole.presence(whole.weight + trade);
        let (lowest, highest) = (leaves(part.low), leaves(part.high));
        if lowest == Presence::Held {
            out.push(Range { leaves: lowest, ..part });
            continue;
        }
        // Sold in full, or so that a holding remains: less than an order is never left over.
        if part.low == part.high || highest != Presence::Held {
            out.push(Range { high: part.low, leaves: lowest, ..part.clone() });
        }
        if highest == Presence::Held {
            out.push(Range { low: begins.max(part.low), leaves: highest, ..part });
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
