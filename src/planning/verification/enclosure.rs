//! Decimal arithmetic with directed rounding: a real number between two decimals, whatever digits are lost.
//!
//! Interval arithmetic as R. E. Moore has it (Interval Analysis, 1966, ch. 3). `Decimal` rounds to the nearest; a result
//! that kept all its digits has the scale that its operands ask for, and then both ends are that result. Any other is
//! widened by a unit in its last place, more than rounding can have taken.

use rust_decimal::RoundingStrategy;

use super::arithmetic::OutOfRange;
use crate::model::Decimal;

/// A quotient is right to 28 digits or 28 decimals: it is widened by ten units of those.
const QUOTIENT_BLUR: Decimal = Decimal::from_parts(1, 0, 0, false, 27);

/// A number that is no less than `low` and no more than `high`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Enclosure {
    low: Decimal,
    high: Decimal,
}

impl Enclosure {
    pub(super) const ZERO: Self = Self::exact(Decimal::ZERO);

    pub(super) const fn exact(value: Decimal) -> Self {
        Self { low: value, high: value }
    }

    pub(super) const fn low(self) -> Decimal {
        self.low
    }

    pub(super) const fn high(self) -> Decimal {
        self.high
    }

    pub(super) fn negated(self) -> Self {
        Self { low: -self.high, high: -self.low }
    }

    pub(super) fn plus(self, other: Self) -> Result<Self, OutOfRange> {
        if self.is_exact() && other.is_exact() {
            let (low, high) = sum(self.low, other.low)?;
            return Ok(Self { low, high });
        }
        Ok(Self { low: sum(self.low, other.low)?.0, high: sum(self.high, other.high)?.1 })
    }

    pub(super) fn minus(self, other: Self) -> Result<Self, OutOfRange> {
        self.plus(other.negated())
    }

    pub(super) fn times(self, factor: Decimal) -> Result<Self, OutOfRange> {
        self.by(Self::exact(factor))
    }

    pub(super) fn by(self, other: Self) -> Result<Self, OutOfRange> {
        let mut product = Self::product(self.low, other.low)?;
        if !self.is_exact() {
            product = product.hull(Self::product(self.high, other.low)?);
        }
        if !other.is_exact() {
            product = product.hull(Self::product(self.low, other.high)?);
            if !self.is_exact() {
                product = product.hull(Self::product(self.high, other.high)?);
            }
        }
        Ok(product)
    }

    /// Divided by a number above zero.
    pub(super) fn over(self, whole: Self) -> Result<Self, OutOfRange> {
        if whole.low <= Decimal::ZERO {
            return Err(OutOfRange);
        }
        let mut quotient = Self::quotient(self.low, whole.low)?;
        if self.is_exact() && whole.is_exact() {
            return Ok(quotient);
        }
        for (part, whole) in [(self.low, whole.high), (self.high, whole.low), (self.high, whole.high)] {
            quotient = quotient.hull(Self::quotient(part, whole)?);
        }
        Ok(quotient)
    }

    pub(super) fn max(self, other: Self) -> Self {
        Self { low: self.low.max(other.low), high: self.high.max(other.high) }
    }

    pub(super) fn min(self, other: Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.min(other.high) }
    }

    /// The same with so many decimals, outwards: short numbers are quicker to reckon with.
    pub(super) fn coarse(self, decimals: u32) -> Self {
        Self {
            low: self.low.round_dp_with_strategy(decimals, RoundingStrategy::ToNegativeInfinity),
            high: self.high.round_dp_with_strategy(decimals, RoundingStrategy::ToPositiveInfinity),
        }
    }

    /// The number where it is above zero, else zero.
    pub(super) fn excess(self) -> Self {
        self.max(Self::ZERO)
    }

    /// Whether both ends are one number, by their digits: ends of one worth and different scales only take longer.
    fn is_exact(self) -> bool {
        self.low.unpack() == self.high.unpack()
    }

    /// The least enclosure of both.
    pub(super) fn hull(self, other: Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.max(other.high) }
    }

    fn product(left: Decimal, right: Decimal) -> Result<Self, OutOfRange> {
        let product = left.checked_mul(right).ok_or(OutOfRange)?;
        let whole = left.is_zero() || right.is_zero() || product.scale() == left.scale() + right.scale();
        let (low, high) = if whole { (product, product) } else { widened(product)? };
        Ok(Self { low, high })
    }

    fn quotient(part: Decimal, whole: Decimal) -> Result<Self, OutOfRange> {
        let quotient = part.checked_div(whole).ok_or(OutOfRange)?;
        let back = Self::product(quotient, whole)?;
        if back.is_exact() && back.low == part {
            return Ok(Self::exact(quotient));
        }
        let relative = quotient.abs().checked_mul(QUOTIENT_BLUR).ok_or(OutOfRange)?;
        let blur = relative.checked_add(QUOTIENT_BLUR).ok_or(OutOfRange)?;
        let low = quotient.checked_sub(blur).ok_or(OutOfRange)?;
        Ok(Self { low, high: quotient.checked_add(blur).ok_or(OutOfRange)? })
    }
}

/// The sum, as the decimals on either side of it.
fn sum(left: Decimal, right: Decimal) -> Result<(Decimal, Decimal), OutOfRange> {
    let sum = left.checked_add(right).ok_or(OutOfRange)?;
    let whole = left.is_zero() || right.is_zero() || sum.scale() >= left.scale().max(right.scale());
    if whole { Ok((sum, sum)) } else { widened(sum) }
}

/// A unit in the last place to either side. A product that was rounded to nothing stood at the 28th decimal.
fn widened(rounded: Decimal) -> Result<(Decimal, Decimal), OutOfRange> {
    let scale = if rounded.is_zero() { Decimal::MAX_SCALE } else { rounded.scale() };
    let unit = Decimal::new(1, scale);
    Ok((rounded.checked_sub(unit).ok_or(OutOfRange)?, rounded.checked_add(unit).ok_or(OutOfRange)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dec(text: &str) -> Decimal {
        text.parse().expect(text)
    }

    fn exact(text: &str) -> Enclosure {
        Enclosure::exact(dec(text))
    }

    #[test]
    fn what_loses_no_digit_is_exact() {
        assert_eq!(exact("0.25").plus(exact("0.125")), Ok(exact("0.375")));
        assert_eq!(exact("0.25").by(exact("-0.125")), Ok(exact("-0.03125")));
        assert_eq!(exact("1").over(exact("8")), Ok(exact("0.125")));
        assert_eq!(exact("0.25").minus(exact("0.25")), Ok(Enclosure::ZERO));
    }

    /// Squares and sums of long decimals, against the same in whole numbers of 1e-28 units.
    #[test]
    fn what_loses_digits_lies_between_its_ends() {
        let third = exact("1").over(exact("3")).expect("in range");
        assert!(third.low() < third.high());
        let whole = third.times(dec("3")).expect("in range");
        assert!(whole.low() <= Decimal::ONE && Decimal::ONE <= whole.high(), "{whole:?}");
        assert!(whole.high() - whole.low() < dec("0.00000000000000000000000001"), "{whole:?}");

        // 0.123456789012345² = 0.015241578753238669120562399025, exactly.
        let square = exact("0.123456789012345").by(exact("0.123456789012345")).expect("in range");
        assert!(square.low() < square.high());
        let (above, below) = (dec("0.0152415787532386691205623991"), dec("0.0152415787532386691205623990"));
        assert!(square.low() <= below && above <= square.high(), "{square:?}");

        let long = exact("1234567890.123456789012345678");
        let sum = long.plus(exact("100000000000")).expect("in range");
        let (below, above) = (dec("101234567890.12345678901234567"), dec("101234567890.12345678901234568"));
        assert!(sum.low() <= below && above <= sum.high(), "{sum:?}");
    }

    #[test]
    fn what_is_rounded_to_nothing_is_not_nothing() {
        let tiny = exact("0.0000000000000000001");
        let product = tiny.by(tiny).expect("in range");
        assert!(product.low() < Decimal::ZERO && Decimal::ZERO < product.high(), "{product:?}");
        assert!(product.high() <= dec("0.0000000000000000000000000002"), "{product:?}");
    }

    #[test]
    fn coarse_numbers_are_rounded_outwards() {
        assert_eq!(exact("0.1234").coarse(2), Enclosure { low: dec("0.12"), high: dec("0.13") });
        assert_eq!(exact("-0.1234").coarse(2), Enclosure { low: dec("-0.13"), high: dec("-0.12") });
        assert_eq!(exact("0.12").coarse(2), exact("0.12"));
    }

    #[test]
    fn signs_are_minded() {
        let between = Enclosure { low: dec("-1"), high: dec("2") };
        assert_eq!(between.by(between), Ok(Enclosure { low: dec("-2"), high: dec("4") }));
        assert_eq!(between.negated(), Enclosure { low: dec("-2"), high: dec("1") });
        assert_eq!(between.excess(), Enclosure { low: dec("0"), high: dec("2") });
        let parts = Enclosure { low: dec("2"), high: dec("4") };
        assert_eq!(between.over(parts), Ok(Enclosure { low: dec("-0.5"), high: dec("1") }));
    }

    /// Every pair of small intervals, exact ones among them, against the corners of what lies between.
    #[test]
    fn every_corner_counts() {
        let ends = ["-2", "-0.5", "0", "0.25", "4"].map(dec);
        let intervals = || {
            let pairs = ends.iter().flat_map(|low| ends.iter().map(move |high| (*low, *high)));
            pairs.filter(|(low, high)| low <= high).map(|(low, high)| Enclosure { low, high })
        };
        let hull = |corners: [Decimal; 4]| Enclosure {
            low: corners.into_iter().min().expect("four"),
            high: corners.into_iter().max().expect("four"),
        };
        for (left, right) in intervals().flat_map(|left| intervals().map(move |right| (left, right))) {
            let corners = |of: fn(Decimal, Decimal) -> Decimal| {
                let each =
                    [(left.low, right.low), (left.low, right.high), (left.high, right.low), (left.high, right.high)];
                hull(each.map(|(left, right)| of(left, right)))
            };
            assert_eq!(left.plus(right), Ok(corners(|left, right| left + right)), "{left:?} + {right:?}");
            assert_eq!(left.minus(right), Ok(corners(|left, right| left - right)), "{left:?} - {right:?}");
            assert_eq!(left.by(right), Ok(corners(|left, right| left * right)), "{left:?} * {right:?}");
            if right.low > Decimal::ZERO {
                assert_eq!(left.over(right), Ok(corners(|left, right| left / right)), "{left:?} / {right:?}");
            } else {
                assert_eq!(left.over(right), Err(OutOfRange), "{left:?} / {right:?}");
            }
        }
    }

    /// What is added to nothing is itself, however many decimals nothing has.
    #[test]
    fn nothing_adds_no_digits() {
        let nothing = exact("0.0000000000000000000000000000");
        let long = exact("1234567890.123456789");
        for sum in [nothing.plus(long), long.plus(nothing)] {
            let sum = sum.expect("in range");
            assert_eq!((sum.low, sum.high), (long.low, long.high));
        }
        assert_eq!(nothing.by(long), Ok(Enclosure::ZERO));
    }

    #[test]
    fn beyond_decimals_there_is_no_number() {
        let most = Enclosure::exact(Decimal::MAX);
        assert_eq!(most.plus(most), Err(OutOfRange));
        assert_eq!(most.times(Decimal::TWO), Err(OutOfRange));
        assert_eq!(exact("1").over(Enclosure::ZERO), Err(OutOfRange));
    }
}
