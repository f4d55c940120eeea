//! Hard limits that cannot all be met: which, and the least change that would mend it.

use crate::model::Decimal;

use super::constraints::{LimitRow, RowKind};
use super::error::{Conflict, PlanError, Repair};
use super::portfolio::{Line, max_weight};
use super::program::{Bounds, Column, Program, RELAXATION_NOISE};
use super::solver::{AtMostRow, BoxedColumn, Verdict};

impl Program<'_> {
    /// A minimal set of limits that cannot all be met (deletion filter), and what would mend it.
    pub(super) fn conflict(&self) -> Result<Conflict, PlanError> {
        let columns = self.columns(Bounds::Exact, &|_, _| false);
        let rows = self.rows(&columns, Bounds::Exact, &self.nothing_given());
        // Every limit at the furthest it may go.
        let mut kept: Vec<usize> = Vec::new();
        let mut furthest = rows;
        for (index, (limit, row)) in self.limits.rows.iter().zip(&mut furthest).enumerate() {
            row.bound += limit.most_relaxation();
            kept.push(index);
        }
        let subset = |kept: &[usize]| -> Vec<AtMostRow> {
            kept.iter().filter_map(|index| furthest.get(*index)).cloned().collect()
        };
        let all = self.without_reward(&columns);
        for candidate in kept.clone() {
            let without: Vec<usize> = kept.iter().copied().filter(|index| *index != candidate).collect();
            if self.optimum(&columns, &all, &mut subset(&without))? == Verdict::Infeasible {
                kept = without;
            }
        }
        // Every limit counts, not this set alone: there may be another set that conflicts.
        let every: Vec<usize> = (0..furthest.len()).collect();
        let stated = |moves: Vec<(usize, Decimal)>| -> Vec<Repair> {
            let stated = |(index, by): (usize, Decimal)| {
                let limit = self.limits.rows.get(index)?;
                Some(self.repair(limit, limit.most_relaxation() + by))
            };
            moves.into_iter().filter_map(stated).collect()
        };
        let mut repairs = Vec::new();
        for index in &kept {
            repairs.extend(self.least_moves((&columns, &all), &furthest, &[*index])?.map(stated).unwrap_or_default());
        }
        let together = if repairs.is_empty() { self.least_moves((&columns, &all), &furthest, &every)? } else { None };
        let together = together.map(stated).unwrap_or_default();
        let limits = kept.iter().filter_map(|index| self.limits.rows.get(*index));
        let mut names: Vec<String> = limits.map(|row| row.name.clone()).collect();
        names.extend(self.boxes_at_fault(&kept));
        Ok(Conflict { limits: names, repairs, together })
    }

    /// The least by which these rows must move, all together, so that every row can be met, by index; nothing where no such
    /// move would do. What columns are worth is not asked.
    pub(super) fn least_moves(
        &self,
        (trades, columns): (&[Column], &[BoxedColumn]),
        rows: &[AtMostRow],
        movable: &[usize],
    ) -> Result<Option<Vec<(usize, Decimal)>>, PlanError> {
        let unpaid = |column: &BoxedColumn| BoxedColumn { reward: Decimal::ZERO, ..*column };
        let mut columns: Vec<BoxedColumn> = columns.iter().map(unpaid).collect();
        let mut rows = rows.to_vec();
        let mut by_column = Vec::new();
        for index in movable {
            let (Some(limit), Some(row)) = (self.limits.rows.get(*index), rows.get_mut(*index)) else { continue };
            // What there is no money for is no bound that anybody could move.
            if matches!(limit.kind, RowKind::Budget | RowKind::CashAtLimitPrices { .. }) {
                continue;
            }
            row.terms.push((columns.len(), Decimal::NEGATIVE_ONE));
            by_column.push((*index, columns.len()));
            columns.push(BoxedColumn { upper: Decimal::TEN, reward: Decimal::NEGATIVE_ONE });
        }
        let Verdict::Optimal { values, .. } = self.optimum(trades, &columns, &mut rows)? else { return Ok(None) };
        let by = |(index, column): (usize, usize)| Some((index, values.get(column).copied()?));
        let moves = by_column.into_iter().filter_map(by).filter(|(_, by)| *by > RELAXATION_NOISE);
        Ok(Some(moves.collect()))
    }

    /// A bound moved by so much, in the limit's own unit.
    fn repair(&self, limit: &LimitRow, by: Decimal) -> Repair {
        let unit = match limit.kind {
            RowKind::RunNotional => self.portfolio.net_asset_value.get(),
            _ => Decimal::ONE,
        };
        let to = limit.moved(by);
        Repair { limit: limit.name.clone(), from: (limit.bound * unit).normalize(), to: (to * unit).normalize() }
    }

    /// Limits that bound one line's trade are boxes, not rows, but they have names: participation where a cap cannot
    /// be met, caps and participation of the members where a category cannot be filled.
    pub(super) fn boxes_at_fault(&self, kept: &[usize]) -> Vec<String> {
        let mut names = Vec::new();
        for row in kept.iter().filter_map(|index| self.limits.rows.get(*index)) {
            let at_fault = |line: &&Line<'_>| match &row.kind {
                RowKind::CategoryMin(category) => line.categories().contains(category) && line.buy_barred.is_none(),
                _ => false,
            };
            if let RowKind::MaxWeight(line) = row.kind
                && let Some(line) = self.portfolio.lines.get(line)
                && line.participation.is_some_and(|most| most < line.weight)
            {
                names.push(format!("participation({})", line.asset));
            }
            for line in self.portfolio.lines.iter().filter(at_fault) {
                if max_weight(self.input, line).is_some_and(|cap| cap - line.weight < line.buy_box + line.lot) {
                    names.push(format!("max_weight({})", line.asset));
                } else if line.participation.is_some_and(|most| most < line.buy_box + line.lot) {
                    names.push(format!("participation({})", line.asset));
                }
            }
        }
        names
    }
}
