//! Hard limits that cannot all be met: which, and the least change that would mend it.

use rust_decimal::RoundingStrategy;

use crate::model::Decimal;

use super::constraints::RowKind;
use super::error::{Conflict, PlanError, Repair};
use super::portfolio::{Line, max_weight};
use super::program::{Bounds, Program, without_reward};
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
        let all = without_reward(&columns);
        for candidate in kept.clone() {
            let without: Vec<usize> = kept.iter().copied().filter(|index| *index != candidate).collect();
            if self.maximise(&all, &subset(&without))? == Verdict::Infeasible {
                kept = without;
            }
        }
        let mut repairs = Vec::new();
        for index in &kept {
            let others: Vec<usize> = kept.iter().copied().filter(|other| other != index).collect();
            repairs.extend(self.repair(*index, &all, &furthest, subset(&others))?);
        }
        let limits = kept.iter().filter_map(|index| self.limits.rows.get(*index));
        let mut names: Vec<String> = limits.map(|row| row.name.clone()).collect();
        names.extend(self.boxes_at_fault(&kept));
        Ok(Conflict { limits: names, repairs })
    }

    /// The least by which moving this row alone would end the conflict.
    fn repair(
        &self,
        index: usize,
        columns: &[BoxedColumn],
        furthest: &[AtMostRow],
        mut others: Vec<AtMostRow>,
    ) -> Result<Option<Repair>, PlanError> {
        let (Some(limit), Some(row)) = (self.limits.rows.get(index), furthest.get(index)) else { return Ok(None) };
        if matches!(limit.kind, RowKind::Budget | RowKind::CashAtLimitPrices { .. }) {
            return Ok(None);
        }
        let mut columns = columns.to_vec();
        let mut row = row.clone();
        row.terms.push((columns.len(), Decimal::NEGATIVE_ONE));
        columns.push(BoxedColumn { upper: Decimal::TEN, reward: Decimal::NEGATIVE_ONE });
        others.push(row);
        let Verdict::Optimal { objective, .. } = self.maximise(&columns, &others)? else { return Ok(None) };
        let lower = matches!(
            limit.kind,
            RowKind::CashBuffer | RowKind::CategoryMin(_) | RowKind::StableShare | RowKind::Withdraw
        );
        let already = limit.most_relaxation();
        let by = (already - objective).round_dp_with_strategy(6, RoundingStrategy::AwayFromZero);
        let to = if lower { limit.bound - by } else { limit.bound + by };
        let unit = match limit.kind {
            RowKind::RunNotional => self.portfolio.net_asset_value.get(),
            _ => Decimal::ONE,
        };
        Ok(Some(Repair {
            limit: limit.name.clone(),
            from: (limit.bound * unit).normalize(),
            to: (to * unit).normalize(),
        }))
    }

    /// Limits that bound one line's trade are boxes, not rows, but they have names: participation where a cap cannot
    /// be met, caps and participation of the members where a category cannot be filled.
    fn boxes_at_fault(&self, kept: &[usize]) -> Vec<String> {
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
