//! What all lines together come to, as a number that is whole: lots, holdings or orders.
//!
//! Where lots are of the same worth, whatever is traded moves cash by a whole number of them; where nothing is held below the
//! least weight, or no order is below the least, it moves in leaps that are much alike. The relaxation does not know: it
//! tears one line in two to spend the last of the cash, and when that line is branched on it tears the next, of which there
//! are as many as lines, each as good as the other. So their sum is a line of its own that a search may branch on: either so
//! many at most, or one more at least.

use std::ops::RangeInclusive;

use crate::model::Decimal;
use crate::model::amount::floor_to_step;

use super::ranges::{NOISE, Range, SLIGHT};
use super::whole_limits::Presence;

/// Fewer lines are as well looked at one by one.
const LEAST_LINES: usize = 3;

/// Lots whose worth differs by no more than this part are of the same worth.
const SAME_WORTH: Decimal = Decimal::from_parts(1, 0, 0, false, 3);

/// How a line's trade counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    /// Each lot of this worth is one. What is sold in full may be none of them: it counts as the nearest.
    Lots(Decimal),
    /// A holding, to which this trade or more leads, is one.
    Holding(Decimal),
    /// What is bought is one, what is sold is one less.
    Order,
}

impl Count {
    pub(super) fn of(self, trade: Decimal) -> Decimal {
        match self {
            Self::Lots(lot) => trade.checked_div(lot).map_or(Decimal::ZERO, |lots| lots.round()),
            Self::Holding(from) => Decimal::from(u8::from(trade + NOISE >= from)),
            Self::Order if trade.is_zero() => Decimal::ZERO,
            Self::Order if trade.is_sign_negative() => Decimal::NEGATIVE_ONE,
            Self::Order => Decimal::ONE,
        }
    }

    /// Whether it tells anything of a line: trades count differently, those within a range as a mixture of its ends does, and
    /// between them lies more than a lot, or than next to nothing.
    fn tells(self, ranges: &[Range]) -> bool {
        let whole = |range: &Range| self.of(range.low) == self.of(range.high);
        let leap = |(one, next): (&Range, &Range)| {
            let counts = self.of(one.high) < self.of(next.low);
            if counts { next.low - one.high } else { Decimal::ZERO }
        };
        match self {
            Self::Lots(_) => self.least(ranges) < self.most(ranges),
            Self::Holding(_) | Self::Order => {
                let leap = ranges.iter().zip(ranges.iter().skip(1)).map(leap).max().unwrap_or_default();
                ranges.iter().all(whole) && leap > lot_of(ranges).max(SLIGHT)
            }
        }
    }

    fn least(self, ranges: &[Range]) -> Decimal {
        ranges.iter().map(|range| self.of(range.low)).min().unwrap_or_default()
    }

    fn most(self, ranges: &[Range]) -> Decimal {
        ranges.iter().map(|range| self.of(range.high)).max().unwrap_or_default()
    }
}

/// One line as it may be counted.
#[derive(Debug)]
pub(super) struct Countable<'a> {
    pub(super) ranges: &'a [Range],
    /// It is sought in whole lots.
    pub(super) whole_lots: bool,
    /// From this trade on it is as much as a holding has to be.
    pub(super) held_from: Option<Decimal>,
}

impl Countable<'_> {
    fn lot(&self) -> Option<Decimal> {
        Some(lot_of(self.ranges)).filter(|lot| self.whole_lots && *lot > SLIGHT)
    }
}

/// What is sold in full has none.
fn lot_of(ranges: &[Range]) -> Decimal {
    ranges.iter().map(|range| range.step).max().unwrap_or_default()
}

/// Which lines are counted together, and what they come to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tally {
    /// By line.
    pub(super) counts: Vec<Option<Count>>,
    /// What one counts in the sum, as a weight.
    pub(super) unit: Decimal,
    /// What the sum may be.
    pub(super) range: Range,
}

impl Tally {
    /// Of lots, holdings or orders, whichever counts most lines; of two that count as many the first.
    pub(super) fn of(lines: &[Countable<'_>]) -> Option<Self> {
        let lots = same_worth(lines.iter().filter_map(Countable::lot).collect());
        let in_lots = |line: &Countable<'_>| Some(Count::Lots(line.lot().filter(|lot| lots.contains(lot))?));
        let in_holdings = |line: &Countable<'_>| line.held_from.map(Count::Holding);
        let one = one_of(lines.len());
        let all = [
            Self::counted(lines, in_lots, *lots.start()),
            Self::counted(lines, in_holdings, one),
            Self::counted(lines, |_| Some(Count::Order), one),
        ];
        let most = all.into_iter().rev().max_by_key(Self::lines)?;
        (most.lines() >= LEAST_LINES).then_some(most)
    }

    fn lines(&self) -> usize {
        self.counts.iter().flatten().count()
    }

    fn counted(lines: &[Countable<'_>], count: impl Fn(&Countable<'_>) -> Option<Count>, unit: Decimal) -> Self {
        let counts: Vec<Option<Count>> =
            lines.iter().map(|line| count(line).filter(|count| count.tells(line.ranges))).collect();
        let (mut low, mut high) = (Decimal::ZERO, Decimal::ZERO);
        for (count, line) in counts.iter().zip(lines) {
            low += count.map_or(Decimal::ZERO, |count| count.least(line.ranges)) * unit;
            high += count.map_or(Decimal::ZERO, |count| count.most(line.ranges)) * unit;
        }
        // An account never buys for twice its worth.
        let high = high.min(floor_to_step(Decimal::TWO, unit));
        Self { counts, unit, range: Range { low, high, leaves: Presence::Absent, gives_way: false, step: unit } }
    }
}

/// A power of ten of which so many are no more than one: as large as weights are.
fn one_of(count: usize) -> Decimal {
    let mut unit = Decimal::ONE;
    while unit * Decimal::from(count) > Decimal::ONE {
        unit /= Decimal::TEN;
    }
    unit
}

/// The worths of the most lots that are of the same worth: of two as many the smaller ones.
fn same_worth(mut lots: Vec<Decimal>) -> RangeInclusive<Decimal> {
    lots.sort_unstable();
    let mut most: &[Decimal] = &[];
    for (start, least) in lots.iter().enumerate() {
        let alike = lots.get(start..).unwrap_or_default();
        let alike = alike.get(..alike.partition_point(|lot| *lot - *least <= *least * SAME_WORTH)).unwrap_or_default();
        if alike.len() > most.len() {
            most = alike;
        }
    }
    most.first().copied().unwrap_or_default()..=most.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planning::sample::dec;

    fn range(low: &str, high: &str, step: &str) -> Range {
        Range { low: dec(low), high: dec(high), leaves: Presence::Absent, gives_way: false, step: dec(step) }
    }

    /// One that may buy up to ten of these lots.
    fn in_lots(lot: &str) -> Vec<Range> {
        let high = (dec(lot) * Decimal::TEN).to_string();
        vec![range("0", &high, lot)]
    }

    fn tally(all: &[Vec<Range>], whole_lots: bool, held_from: Option<&str>) -> Option<Tally> {
        let line = |ranges| Countable { ranges, whole_lots, held_from: held_from.map(dec) };
        Tally::of(&all.iter().map(|ranges| line(ranges.as_slice())).collect::<Vec<_>>())
    }

    fn of_lots(lots: &[&str]) -> Option<Tally> {
        tally(&lots.iter().copied().map(in_lots).collect::<Vec<_>>(), true, None)
    }

    #[test]
    fn most_lines_whose_lots_are_of_the_same_worth_are_counted() {
        let lots = ["0.02", "0.003001", "0.02002", "0", "0.003", "0.02001", "0", "0.02003", "0.003002"];
        let most = of_lots(&lots).expect("three of 2 % and three of 0.3 %");
        assert_eq!(most.unit, dec("0.003"), "of two as many those with smaller lots");
        let counted: Vec<&str> = lots.iter().zip(&most.counts).filter_map(|(lot, count)| count.map(|_| *lot)).collect();
        assert_eq!(counted, ["0.003001", "0.003", "0.003002"]);
        assert_eq!(most.counts.get(1), Some(&Some(Count::Lots(dec("0.003001")))), "each in its own");
        let most = of_lots(&["0.003001", "0.02", "0.003", "0.02002", "0.02", "0.003002", "0.02001"]);
        assert_eq!(most.map(|most| (most.unit, most.counts.iter().flatten().count())), Some((dec("0.02"), 4)));
    }

    #[test]
    fn fewer_than_three_are_not_worth_counting_together() {
        for lots in [&[][..], &["0.02", "0.02"], &["0", "0", "0"], &["0.02", "0.02", "0.02003"]] {
            assert_eq!(of_lots(lots), None, "{lots:?}");
        }
        assert!(of_lots(&["0.02", "0.02", "0.02002"]).is_some(), "a thousandth is nothing");
        let rounded = ["0.02"; 3].map(in_lots);
        assert_eq!(tally(&rounded, false, None), None, "left to rounding");
    }

    #[test]
    fn all_together_trade_what_each_may_in_lots() {
        let sold = range("-0.065", "-0.065", "0");
        let bought = range("0.03", "0.12", "0.03");
        let both = vec![sold.clone(), range("0", "0", "0"), bought.clone()];
        let all =
            tally(&[both, vec![range("-0.065", "-0.03", "0.03")], vec![range("0", "0", "0"), bought]], true, None);
        let all = all.expect("three").range;
        assert_eq!(
            (all.low, all.high, all.step),
            (dec("-0.12"), dec("0.21"), dec("0.03")),
            "{sold:?} counts as two lots"
        );
        let many = tally(&vec![vec![range("0", "0.12", "0.03")]; 100], true, None).expect("a hundred").range;
        assert_eq!((many.low, many.high), (Decimal::ZERO, dec("1.98")), "an account never buys for twice its worth");
        assert_eq!(
            Count::Lots(Decimal::ZERO).of(dec("0.5")),
            Decimal::ZERO,
            "where there is no lot nothing is counted"
        );
    }

    #[test]
    fn else_holdings_are_counted_where_there_is_a_least_weight() {
        let new = vec![range("0", "0", "0"), range("0.02", "0.5", "0")];
        let held = vec![range("-0.05", "-0.05", "0"), range("-0.03", "0.4", "0")];
        let (from, to) = (Count::Holding(dec("0.02")), Count::Holding(dec("-0.03")));
        assert_eq!(["0", "0.0199", "0.02", "0.5"].map(|trade| from.of(dec(trade))), ["0", "0", "1", "1"].map(dec));
        let line = |ranges, held_from| Countable { ranges, whole_lots: false, held_from };
        let lines = [
            line(new.as_slice(), Some(dec("0.02"))),
            line(held.as_slice(), Some(dec("-0.03"))),
            line(new.as_slice(), None),
            line(new.as_slice(), Some(dec("0.02"))),
        ];
        let all = Tally::of(&lines).expect("three");
        assert_eq!(all.counts, [Some(from), Some(to), None, Some(from)]);
        assert_eq!((all.unit, all.range.low, all.range.high), (dec("0.1"), Decimal::ZERO, dec("0.3")));
        let many =
            Tally::of(&lines.iter().cycle().map(|it| line(it.ranges, it.held_from)).take(500).collect::<Vec<_>>());
        assert_eq!(many.map(|many| many.unit), Some(dec("0.001")));
    }

    #[test]
    fn else_orders_are_counted() {
        let both = vec![range("-0.05", "-0.01", "0"), range("0", "0", "0"), range("0.01", "0.5", "0")];
        let all = tally(&vec![both; 3], false, None).expect("three");
        assert_eq!(all.counts, [Some(Count::Order); 3]);
        assert_eq!((all.range.low, all.range.high), (dec("-0.3"), dec("0.3")));
        assert_eq!(["-0.02", "0", "0.02"].map(|trade| Count::Order.of(dec(trade))), ["-1", "0", "1"].map(dec));
    }

    /// Else a mixture of a range's ends would count other than the trade that it stands for.
    #[test]
    fn a_line_that_may_trade_on_either_side_of_a_leap_in_one_range_is_not_counted() {
        let through = vec![range("-0.05", "0", "0"), range("0.01", "0.5", "0")];
        assert_eq!(tally(&vec![through; 5], false, None), None);
        let beyond = vec![range("0", "0", "0"), range("0.01", "0.5", "0")];
        let holdings = tally(&vec![beyond; 3], false, Some("0.02")).expect("orders, not holdings");
        assert_eq!(holdings.counts, [Some(Count::Order); 3]);
    }

    #[test]
    fn whichever_counts_most_lines_is_counted() {
        let few = ["0.02"; 3].map(|lot| (in_lots(lot), true));
        let many = vec![(vec![range("0", "0", "0"), range("0.01", "0.5", "0")], false); 4];
        let counted = |few: &[(Vec<Range>, bool)], many: &[(Vec<Range>, bool)]| {
            let all = few.iter().chain(many);
            let lines: Vec<Countable<'_>> = all
                .map(|(ranges, whole_lots)| Countable { ranges, whole_lots: *whole_lots, held_from: None })
                .collect();
            Tally::of(&lines).and_then(|tally| tally.counts.iter().flatten().next().copied())
        };
        assert_eq!(counted(&few, &many), Some(Count::Order), "three and four");
        assert_eq!(counted(&few, &many[..3]), Some(Count::Lots(dec("0.02"))), "three and three");
    }

    /// Such a line may as well trade the next lot.
    #[test]
    fn a_leap_of_one_lot_is_none() {
        let lots = |least| vec![range("0", "0", "0"), range(least, "0.5", "0.01")];
        assert_eq!(tally(&vec![lots("0.01"); 5], false, None), None);
        assert!(tally(&vec![lots("0.02"); 5], false, None).is_some());
    }

    #[test]
    fn leaps_and_lots_that_are_next_to_nothing_are_not_worth_counting() {
        assert_eq!(of_lots(&["0.00001"; 5]), None);
        assert!(of_lots(&["0.000011"; 5]).is_some());
        let next_to = |least| vec![range("0", "0", "0"), range(least, "0.5", "0")];
        assert_eq!(tally(&vec![next_to("0.00001"); 5], false, None), None);
        assert!(tally(&vec![next_to("0.000011"); 5], false, None).is_some());
    }
}
