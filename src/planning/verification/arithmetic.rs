//! Checked decimal arithmetic that knows whether it lost a digit.

use crate::model::Decimal;
use crate::model::number::is_too_long;

/// A figure that `Decimal` cannot hold: over 7.9e28, or a division by zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OutOfRange;

/// Two figures agree when they are equal; where digits were lost on the way, and for weights (a division rounds),
/// when they differ by at most this part of the whole: 1e-20.
pub(super) const AGREEMENT: Decimal = Decimal::from_parts(1, 0, 0, false, 20);

/// Checked arithmetic. `Decimal` keeps 28 digits and rounds what does not fit without a word; here the loss is
/// noticed, so that sums of money are compared exactly whenever exactness is possible.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Calculator {
    lost_digits: bool,
}

impl Calculator {
    pub(super) fn product(&mut self, left: Decimal, right: Decimal) -> Result<Decimal, OutOfRange> {
        let product = left.checked_mul(right).ok_or(OutOfRange)?;
        if !left.is_zero() && !right.is_zero() {
            self.lost_digits |= product.scale() < left.scale() + right.scale() || is_too_long(product);
        }
        Ok(product)
    }

    pub(super) fn sum(&mut self, left: Decimal, right: Decimal) -> Result<Decimal, OutOfRange> {
        let sum = left.checked_add(right).ok_or(OutOfRange)?;
        if !left.is_zero() && !right.is_zero() {
            self.lost_digits |= sum.scale() < left.scale().max(right.scale()) || is_too_long(sum);
        }
        Ok(sum)
    }

    pub(super) fn difference(&mut self, left: Decimal, right: Decimal) -> Result<Decimal, OutOfRange> {
        self.sum(left, -right)
    }

    /// Adds to a running total.
    pub(super) fn add_to(&mut self, total: &mut Decimal, part: Decimal) -> Result<(), OutOfRange> {
        *total = self.sum(*total, part)?;
        Ok(())
    }

    /// Whether two amounts of money are the same: exactly, or, where digits were lost, within 1e-20 of `whole`.
    pub(super) fn same_money(self, left: Decimal, right: Decimal, whole: Decimal) -> bool {
        if left == right {
            return true;
        }
        let room = whole.checked_mul(AGREEMENT).unwrap_or_default();
        self.lost_digits && within(left, right, room)
    }
}

/// A fraction of a whole. No loss is noted: a division rounds at the 28th digit and nothing exact hangs on it.
pub(super) fn fraction(part: Decimal, whole: Decimal) -> Result<Decimal, OutOfRange> {
    part.checked_div(whole).ok_or(OutOfRange)
}

/// Whether two weights are the same to 20 decimals.
pub(super) fn same_weight(left: Decimal, right: Decimal) -> bool {
    within(left, right, AGREEMENT)
}

/// Whether a weight is at most a bound, but for the last digits of the quotients on either side: 1e-24.
pub(super) fn at_most(left: Decimal, bound: Decimal) -> bool {
    left <= bound || within(left, bound, Decimal::from_parts(1, 0, 0, false, 24))
}

pub(super) fn within(left: Decimal, right: Decimal, room: Decimal) -> bool {
    left.checked_sub(right).is_some_and(|difference| difference.abs() <= room)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dec(text: &str) -> Decimal {
        text.parse().expect(text)
    }

    const LONG: &str = "0.123456789012345";
    const LONGEST: &str = "1234567890.123456789012345678";

    #[test]
    fn products_notice_the_digits_they_lose() {
        let mut exact = Calculator::default();
        assert_eq!(exact.product(dec("0.25"), dec("0.125")), Ok(dec("0.03125")));
        assert_eq!(exact.product(Decimal::ZERO, dec(LONG)), Ok(Decimal::ZERO));
        assert_eq!(exact.product(dec(LONG), Decimal::ZERO), Ok(Decimal::ZERO));
        assert!(!exact.lost_digits);

        let mut lossy = Calculator::default();
        lossy.product(dec(LONG), dec(LONG)).expect("in range");
        assert!(lossy.lost_digits, "30 decimals do not fit");
        lossy.product(dec(LONG), dec(LONG)).expect("in range");
        assert!(lossy.lost_digits, "a second loss does not undo the first");
        lossy.product(Decimal::TWO, Decimal::TWO).expect("in range");
        assert!(lossy.lost_digits, "nor does an exact step");
        assert_eq!(exact.product(Decimal::MAX, Decimal::TWO), Err(OutOfRange));
    }

    #[test]
    fn sums_notice_the_digits_they_lose() {
        let mut exact = Calculator::default();
        assert_eq!(exact.sum(dec("0.25"), dec("0.125")), Ok(dec("0.375")));
        assert_eq!(exact.sum(dec("0.250"), Decimal::ZERO), Ok(dec("0.25")));
        assert_eq!(exact.sum(dec("0.000"), dec("0.25")), Ok(dec("0.25")));
        assert_eq!(exact.difference(dec("0.5"), dec("0.125")), Ok(dec("0.375")));
        let mut total = dec("1");
        exact.add_to(&mut total, dec("0.5")).expect("in range");
        assert_eq!(total, dec("1.5"));
        assert!(!exact.lost_digits);

        let mut lossy = Calculator::default();
        lossy.sum(dec(LONGEST), dec("100000000000")).expect("in range");
        assert!(lossy.lost_digits, "12 digits before the point leave 17 after it");
        let mut shorter = Calculator::default();
        shorter.sum(dec("8000000000000000000000000000"), dec("0.55")).expect("in range");
        assert!(shorter.lost_digits, "28 digits before the point leave none after it, and are no more than 28");
        lossy.sum(dec("100000000000"), dec(LONGEST)).expect("in range");
        assert!(lossy.lost_digits, "a second loss does not undo the first");
        lossy.sum(Decimal::TWO, Decimal::TWO).expect("in range");
        assert!(lossy.lost_digits, "nor does an exact step");
        assert_eq!(exact.sum(Decimal::MAX, Decimal::MAX), Err(OutOfRange));
    }

    #[test]
    fn money_is_exact_unless_digits_were_lost() {
        let (whole, near, far) = (dec("100"), dec("100.000000000000000001"), dec("100.0000000000000000011"));
        let exact = Calculator { lost_digits: false };
        assert!(exact.same_money(whole, whole, whole));
        assert!(!exact.same_money(whole, near, whole));
        let lossy = Calculator { lost_digits: true };
        assert!(lossy.same_money(whole, near, whole));
        assert!(!lossy.same_money(whole, far, whole));
        assert!(!lossy.same_money(far, whole, whole));
    }

    #[test]
    fn fractions_of_nothing_are_out_of_range() {
        assert_eq!(fraction(Decimal::ONE, Decimal::TWO), Ok(dec("0.5")));
        assert_eq!(fraction(Decimal::ONE, Decimal::ZERO), Err(OutOfRange));
        assert!(!same_weight(Decimal::MAX, Decimal::MIN));
    }
}
