//! Checked decimal arithmetic that knows whether it lost a digit.

use crate::model::Decimal;

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
            self.lost_digits |= product.scale() < left.scale() + right.scale();
        }
        Ok(product)
    }

    pub(super) fn sum(&mut self, left: Decimal, right: Decimal) -> Result<Decimal, OutOfRange> {
        let sum = left.checked_add(right).ok_or(OutOfRange)?;
        if !left.is_zero() && !right.is_zero() {
            self.lost_digits |= sum.scale() < left.scale().max(right.scale());
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

fn within(left: Decimal, right: Decimal, room: Decimal) -> bool {
    left.checked_sub(right).is_some_and(|difference| difference.abs() <= room)
}
