//! What gives rows room for a price: idle cash, tail risk, holdings too many, and soft limits that give way.

use std::collections::BTreeMap;

use super::super::super::constraints::RowKind;
use super::super::super::portfolio::Portfolio;
use super::super::super::program::Program;
use super::super::super::solver::{AtMostRow, BoxedColumn};
use super::super::whole_limits::WholeLimits;
use super::Model;
use crate::model::Decimal;

/// What a unit of what rows give way is worth, where nothing else is: a search tells apart what differs by a hundredth of a
/// basis point.
pub(in super::super) const GIVEN_WORTH: Decimal = Decimal::TEN;

/// Rows that give way in the model itself.
#[derive(Debug)]
pub(super) struct Giving {
    /// By index, and by how much at most: the limit on tail risk aside, which is no row.
    pub(super) rows: BTreeMap<usize, Decimal>,
    /// By how much the limit on tail risk may give way.
    risk: Decimal,
}

impl Giving {
    /// Of what these rows are given, as much as could be used.
    pub(super) fn new(
        giving: &[usize],
        given: &[Decimal],
        program: &Program<'_>,
        rows: &[AtMostRow],
        columns: &[BoxedColumn],
    ) -> Self {
        let mut new = Self { rows: BTreeMap::new(), risk: Decimal::ZERO };
        for index in giving {
            let (Some(given), Some(limit), Some(row)) =
                (given.get(*index), program.limits.rows.get(*index), rows.get(*index))
            else {
                continue;
            };
            if limit.kind == RowKind::Risk {
                new.risk = *given;
            } else {
                let most = (row.most_use(columns) - (row.bound - given)).min(*given);
                if most > Decimal::ZERO {
                    new.rows.insert(*index, most);
                }
            }
        }
        new
    }
}

impl Model<'_> {
    /// Idle cash, tail risk, holdings too many, where there are too many now, and rows that give way.
    pub(super) fn add_elastic(
        &mut self,
        portfolio: &Portfolio<'_>,
        whole: &WholeLimits,
        giving: Option<&Giving>,
        places: &[usize],
    ) {
        let measure = self.columns.len();
        let beyond = giving.map_or(Decimal::ZERO, |giving| giving.risk);
        for index in measure..self.all.len() {
            let most = self.all.get(index).map_or(Decimal::ZERO, |column| column.upper);
            if index == measure && self.program.limits.risk.is_some() {
                let (own, most) = (self.most_risk(most, beyond), self.most_risk(most, Decimal::ZERO));
                for (most, price) in [(own, Decimal::ZERO), (most - own, GIVEN_WORTH)] {
                    if let Some(full) = self.give_room(index, most, price) {
                        self.measures.push((full, most));
                    }
                }
            } else {
                self.give_room(index, most, Decimal::ZERO);
            }
        }
        if let (Some(most), Some(row)) = (whole.max_holdings, self.holdings) {
            let weights: Vec<Decimal> = portfolio.lines.iter().map(|line| line.weight).collect();
            let surplus = Decimal::from(whole.holdings(&weights).saturating_sub(most));
            if !surplus.is_zero() {
                self.push_elastic(-self.penalty * surplus, vec![(row, -surplus)]);
            }
        }
        for (index, most) in giving.into_iter().flat_map(|giving| &giving.rows) {
            if let Some(place) = places.iter().position(|place| place == index) {
                self.push_elastic(-GIVEN_WORTH * *most, vec![(place, -*most)]);
            }
        }
    }

    /// So much of a column, at its own price and another one; its second point.
    fn give_room(&mut self, index: usize, most: Decimal, price: Decimal) -> Option<usize> {
        if most.is_zero() {
            return None;
        }
        let reward = self.all.get(index)?.reward - price;
        let gives = |(row, by): &(usize, Decimal)| (*by < Decimal::ZERO).then_some((*row, *by * most));
        let uses = self.uses.get(index).into_iter().flatten().filter_map(gives).collect();
        Some(self.push_elastic(reward * most, uses))
    }

    /// A line that gives room in rows for a price; its second point.
    fn push_elastic(&mut self, reward: Decimal, uses: Vec<(usize, Decimal)>) -> usize {
        let line = self.lines.len() + self.elastic.len();
        let points = self.points.add_elastic(line, reward, uses.into_iter());
        self.spots.extend([None, None]);
        self.elastic.push(points);
        points[1]
    }

    /// The limit on tail risk, less what it does not give way, is the upper end of the column that measures it.
    fn most_risk(&self, upper: Decimal, less: Decimal) -> Decimal {
        let limit = self.program.limits.rows.iter().zip(&self.limits).find(|(limit, _)| limit.kind == RowKind::Risk);
        limit.map_or(upper, |(_, row)| (row.bound - less).min(upper).max(Decimal::ZERO))
    }
}
