//! Soft limits as columns: by how much each may be broken, family by family in order of priority.

use std::collections::BTreeSet;

use crate::model::Decimal;

use super::constraints::{LimitRow, families};
use super::program::RELAXATION_NOISE;
use super::solver::{AtMostRow, BoxedColumn};

/// Twice what every row keeps free.
const SPARE: Decimal = Decimal::from_parts(2, 0, 0, false, 11);

/// The extra columns by which soft rows may be broken.
#[derive(Debug)]
pub(crate) struct Slacks {
    /// By row.
    entries: Vec<Slack>,
    /// The columns of each family.
    families: Vec<Vec<usize>>,
}

#[derive(Debug)]
struct Slack {
    row: usize,
    column: usize,
    most: Decimal,
}

impl Slacks {
    pub(crate) fn new(rows: &[LimitRow], first_column: usize) -> Self {
        let soft = rows.iter().enumerate().filter(|(_, row)| row.soft.is_some());
        let entry =
            |((row, limit), column): ((usize, &LimitRow), usize)| Slack { row, column, most: limit.most_relaxation() };
        let entries: Vec<Slack> = soft.zip(first_column..).map(entry).collect();
        let column = |row: usize| {
            let place = entries.binary_search_by_key(&row, |slack| slack.row).ok()?;
            entries.get(place).map(|slack| slack.column)
        };
        let families = families(rows).into_iter().map(|rows| rows.into_iter().filter_map(column).collect()).collect();
        Self { entries, families }
    }

    /// No limit is soft.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The columns of each family, the most important first: see [`families`].
    pub(crate) fn by_priority(&self) -> &[Vec<usize>] {
        &self.families
    }

    /// The columns; those in `minimised` cost one each, all others nothing.
    pub(crate) fn columns(&self, minimised: Option<&[usize]>) -> Vec<BoxedColumn> {
        let reward = |column: &usize| match minimised {
            Some(minimised) if minimised.contains(column) => Decimal::NEGATIVE_ONE,
            _ => Decimal::ZERO,
        };
        let entries = self.entries.iter();
        entries.map(|slack| BoxedColumn { upper: slack.most, reward: reward(&slack.column) }).collect()
    }

    pub(crate) fn extend(&self, mut rows: Vec<AtMostRow>) -> Vec<AtMostRow> {
        for slack in &self.entries {
            if let Some(row) = rows.get_mut(slack.row) {
                row.terms.push((slack.column, Decimal::NEGATIVE_ONE));
            }
        }
        rows
    }

    /// How far each row gives way in a solution.
    pub(crate) fn given(&self, mut given: Vec<Decimal>, values: &[Decimal], needed: &BTreeSet<usize>) -> Vec<Decimal> {
        for slack in self.entries.iter().filter(|slack| needed.contains(&slack.column)) {
            let (Some(given), Some(value)) = (given.get_mut(slack.row), values.get(slack.column)) else { continue };
            if *value > RELAXATION_NOISE {
                // A little more, or the solves that follow would have no room for the solver's own noise.
                *given = (*value + SPARE).min(slack.most);
            }
        }
        given
    }
}
