//! How many lots all lines of one lot's worth trade together.
//!
//! Where lots are of the same worth, whatever is traded moves cash by a whole number of them. The relaxation does not know:
//! it tears one line in two to spend the last of the cash, and when that line is branched on it tears the next, of
//! which there are as many as lines, each as good as the other. So their sum is a line of its own that a search may branch
//! on: either so many lots at most, or one more at least.

use std::ops::RangeInclusive;

use crate::model::Decimal;
use crate::model::amount::floor_to_step;

use super::ranges::Range;
use super::whole_limits::Presence;

/// Fewer lines are as well looked at one by one.
const LEAST_LINES: usize = 3;

/// Lots whose worth differs by no more than this part are of the same worth.
const SAME_WORTH: Decimal = Decimal::from_parts(1, 0, 0, false, 3);

/// The lines whose lots are counted together, and what one lot counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tally {
    steps: RangeInclusive<Decimal>,
}

impl Tally {
    /// The most lines whose lots are of the same worth: of two as many the one with smaller lots. `steps` has the lot of each
    /// line that is sought in whole lots.
    pub(super) fn of(mut steps: Vec<Decimal>) -> Option<Self> {
        steps.retain(|step| !step.is_zero());
        steps.sort_unstable();
        let mut most: &[Decimal] = &[];
        for (start, least) in steps.iter().enumerate() {
            let alike = steps.get(start..).unwrap_or_default();
            let alike = alike.get(..alike.partition_point(|step| *step - *least <= *least * SAME_WORTH))?;
            if alike.len() > most.len() {
                most = alike;
            }
        }
        let (least, greatest) = (most.first()?, most.last()?);
        (most.len() >= LEAST_LINES).then_some(Self { steps: *least..=*greatest })
    }

    /// What one lot of any of the lines counts, as a weight.
    pub(super) fn unit(&self) -> Decimal {
        *self.steps.start()
    }

    pub(super) fn counts(&self, step: Decimal) -> bool {
        self.steps.contains(&step)
    }

    /// What all lines together may trade, from the ranges and the lot of each; an account never buys for twice its worth.
    pub(super) fn range<'a>(&self, lines: impl Iterator<Item = (&'a [Range], Decimal)>) -> Range {
        let (mut low, mut high) = (Decimal::ZERO, Decimal::ZERO);
        for (ranges, step) in lines {
            let of = |trade: Decimal| in_lots(trade, step) * self.unit();
            low += ranges.iter().map(|range| of(range.low)).min().unwrap_or_default();
            high += ranges.iter().map(|range| of(range.high)).max().unwrap_or_default();
        }
        let high = high.min(floor_to_step(Decimal::TWO, self.unit()));
        Range { low, high, leaves: Presence::Absent, gives_way: false, step: self.unit() }
    }
}

/// A trade in lots. What is sold in full may be none of them: it counts as the nearest.
pub(super) fn in_lots(trade: Decimal, step: Decimal) -> Decimal {
    trade.checked_div(step).map_or(Decimal::ZERO, |lots| lots.round())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planning::sample::dec;

    fn tally(steps: &[&str]) -> Option<Tally> {
        Tally::of(steps.iter().copied().map(dec).collect())
    }

    #[test]
    fn most_lines_whose_lots_are_of_the_same_worth_are_counted() {
        let most = tally(&["0.02", "0.003001", "0.02002", "0", "0.003", "0.02001", "0", "0.02003", "0.003002"]);
        let most = most.expect("three of 2 % and three of 0.3 %");
        assert_eq!(most.unit(), dec("0.003"), "of two as many those with smaller lots");
        assert!(most.counts(dec("0.003")) && most.counts(dec("0.003002")) && !most.counts(dec("0.02")));
        let most =
            tally(&["0.003001", "0.02", "0.003", "0.02002", "0.02", "0.003002", "0.02001"]).expect("four of 2 %");
        assert_eq!((most.unit(), most.counts(dec("0.02002"))), (dec("0.02"), true));
    }

    #[test]
    fn fewer_than_three_are_not_worth_counting_together() {
        for steps in [&[][..], &["0.02", "0.02"], &["0", "0", "0"], &["0.02", "0.02", "0.02003"]] {
            assert_eq!(tally(steps), None, "{steps:?}");
        }
        assert!(tally(&["0.02", "0.02", "0.02002"]).is_some(), "a thousandth is nothing");
    }

    #[test]
    fn all_together_trade_what_each_may_in_lots() {
        let tally = tally(&["0.03", "0.03", "0.03"]).expect("three");
        let range = |low: &str, high: &str| Range {
            low: dec(low),
            high: dec(high),
            leaves: Presence::Absent,
            gives_way: false,
            step: dec("0.03"),
        };
        let (sold, bought) = (range("-0.065", "-0.065"), range("0.03", "0.12"));
        let step = dec("0.03");
        let both = [sold.clone(), range("0", "0"), bought.clone()];
        let all = tally.range([(&both[..], step), (&both[..1], step), (&both[2..], step)].into_iter());
        assert_eq!((all.low, all.high), (dec("-0.09"), dec("0.18")), "{sold:?} counts as two lots");
        let many = tally.range(std::iter::repeat_n((&both[2..], step), 100));
        assert_eq!(many.high, dec("1.98"));
    }

    #[test]
    fn where_there_is_no_lot_nothing_is_counted() {
        assert_eq!(in_lots(dec("0.5"), Decimal::ZERO), Decimal::ZERO);
    }
}
