//! Programs for the tests of what solves them.

use crate::model::Decimal;

use super::solver::{AtMostRow, BoxedColumn};

/// A stream of numbers that look random (Knuth's MMIX congruence).
pub(crate) struct Draws(pub(crate) u64);

impl Draws {
    /// From 0 to 1, in thousandths.
    pub(crate) fn part(&mut self) -> Decimal {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Decimal::new(i64::try_from((self.0 >> 33) % 1001).expect("small"), 3)
    }

    pub(crate) fn below(&mut self, count: u32) -> bool {
        self.part() * Decimal::from(100) < Decimal::from(count)
    }
}

/// Many boxed columns under few rows, some of them degenerate: equal rewards, rows that hold nothing back or all.
pub(crate) fn drawn(seed: u64) -> (Vec<BoxedColumn>, Vec<AtMostRow>) {
    let mut draws = Draws(seed);
    let (columns, rows) =
        (5 + usize::try_from(seed % 60).expect("small"), 1 + usize::try_from(seed % 7).expect("small"));
    let same = draws.part();
    let column = |draws: &mut Draws| BoxedColumn {
        upper: draws.part() / Decimal::TEN,
        reward: if draws.below(30) { same } else { draws.part() + draws.part() - Decimal::ONE },
    };
    let columns: Vec<BoxedColumn> = (0..columns).map(|_| column(&mut draws)).collect();
    let row = |draws: &mut Draws| {
        let mut terms = Vec::new();
        for index in 0..columns.len() {
            if draws.below(60) {
                terms.push((index, draws.part() - Decimal::new(3, 1)));
            }
        }
        let bound = if draws.below(20) { Decimal::ZERO } else { draws.part() / Decimal::from(5) };
        AtMostRow { terms, bound }
    };
    let rows = (0..rows).map(|_| row(&mut draws)).collect();
    (columns, rows)
}
