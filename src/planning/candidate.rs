//! One rounded solution: what it is worth, what it leaves undone, and how it stands to another.

use std::collections::BTreeSet;

use crate::model::{Decimal, PlanningInput, Side};

use super::constraints::{Limits, RowKind};
use super::integers::{Breach, WholeLimits};
use super::plan::Role;
use super::portfolio::{Portfolio, least_order};
use super::program::{Allocation, Program};
use super::rounding::{Dropped, Rounded, Trade, round_to_lots};

/// Shortfalls this close are the same.
pub(super) const SHORTFALL_NOISE: Decimal = Decimal::from_parts(1, 0, 0, false, 9);

/// One rounded solution.
#[derive(Clone)]
pub(super) struct Candidate {
    pub(super) allocation: Allocation,
    pub(super) rounded: Rounded,
    /// By how much its trades break each limit beyond what it gives way: what dropped trades leave undone.
    pub(super) shortfalls: Vec<Decimal>,
    /// What its weights break of the limits on wholes.
    pub(super) breaches: Vec<Breach>,
    /// What either comes to, as a weight.
    pub(super) short: Short,
    pub(super) value: Decimal,
}

/// What a candidate leaves undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Short {
    of_rows: Decimal,
    of_wholes: Decimal,
}

impl Short {
    pub(super) fn sum(self) -> Decimal {
        self.of_rows + self.of_wholes
    }
}

impl Candidate {
    pub(super) fn of(
        input: &PlanningInput,
        portfolio: &Portfolio<'_>,
        program: &Program<'_>,
        allocation: Allocation,
    ) -> Self {
        let rounded = round_to_lots(input, portfolio, &allocation);
        Self::rounded(input, portfolio, program, allocation, rounded)
    }

    /// Values what rounding made of it, as far as it can be paid.
    pub(super) fn rounded(
        input: &PlanningInput,
        portfolio: &Portfolio<'_>,
        program: &Program<'_>,
        allocation: Allocation,
        rounded: Rounded,
    ) -> Self {
        let rounded = rounded.within_means(input, portfolio);
        let cost = rounded.cost().fraction_of(portfolio.net_asset_value).get();
        let value = program.value(&rounded.weights(portfolio), cost);
        Self::valued(portfolio, program, allocation, rounded, value)
    }

    fn valued(
        portfolio: &Portfolio<'_>,
        program: &Program<'_>,
        allocation: Allocation,
        rounded: Rounded,
        value: Decimal,
    ) -> Self {
        let shortfalls = program.shortfalls(&rounded.trades, &allocation.given);
        let breaches = program.limits.whole.breaches(&rounded.weights(portfolio));
        let short = Short { of_rows: shortfalls.iter().sum(), of_wholes: WholeLimits::shortfall(&breaches) };
        Self { allocation, rounded, shortfalls, breaches, short, value }
    }

    /// What it is worth to a search for whole quantities, from the program's own origin and less a penalty for what gives
    /// way; absent where it leaves more of a row short than is `allowed` and lots or least orders excuse, or breaks a limit
    /// on wholes worse than doing nothing would.
    pub(super) fn objective(
        &self,
        input: &PlanningInput,
        program: &Program<'_>,
        allowed: &[Decimal],
    ) -> Option<Decimal> {
        let given_way = program.limits.whole.given_way(&self.breaches)?;
        let kept = self.keeps_rows(input, program, allowed);
        kept.then(|| self.value - program.origin() - given_way * program.prohibitive())
    }

    /// Whether it leaves no row short but by what is allowed and excused.
    pub(super) fn keeps_rows(&self, input: &PlanningInput, program: &Program<'_>, allowed: &[Decimal]) -> bool {
        let mut rows = program.limits.rows.iter().zip(&self.shortfalls).zip(allowed);
        rows.all(|((row, short), allowed)| {
            *short <= SHORTFALL_NOISE
                || (*short <= *allowed + SHORTFALL_NOISE && *short <= self.excuse(input, program.portfolio, &row.kind))
        })
    }

    /// By how much a row may be short: of what is traded by the lots of every order, of anything else by the least orders
    /// that would mend it and are not made.
    fn excuse(&self, input: &PlanningInput, portfolio: &Portfolio<'_>, kind: &RowKind) -> Decimal {
        let traded = |index: usize| self.rounded.trades.iter().any(|trade| trade.line == index);
        let mut excuse = Decimal::ZERO;
        for (index, line) in portfolio.lines.iter().enumerate() {
            match kind {
                RowKind::Turnover if traded(index) => excuse += line.lot / Decimal::TWO,
                RowKind::Turnover => {}
                _ if traded(index) => {}
                _ => {
                    let sides = [(Side::Buy, line.buy_box), (Side::Sell, line.sell_box)];
                    let orders = sides.into_iter().filter(|(side, most)| {
                        let probe = Program::probe(index, *side);
                        *most > Decimal::ZERO
                            && kind.use_at(portfolio, &probe, &self.allocation.tail_slopes) < Decimal::ZERO
                    });
                    let least = |(side, most): (Side, Decimal)| {
                        least_order(input, line, side, portfolio.net_asset_value, Decimal::ZERO)
                            .unwrap_or(most)
                            .min(most)
                    };
                    excuse += orders.map(least).max().unwrap_or_default();
                }
            }
        }
        excuse
    }

    /// Nothing is traded. What lots and minimums leave of an optimum may be worth less than that.
    pub(super) fn idle(portfolio: &Portfolio<'_>, program: &Program<'_>, first: &Allocation) -> Self {
        let allocation = Allocation { given: first.given.clone(), objective: first.objective, ..Allocation::default() };
        let rounded = Rounded::default();
        let value = program.value(&rounded.weights(portfolio), Decimal::ZERO);
        Self::valued(portfolio, program, allocation, rounded, value)
    }

    /// The same but for the trades of some lines.
    pub(super) fn without(
        &self,
        input: &PlanningInput,
        portfolio: &Portfolio<'_>,
        program: &Program<'_>,
        left: &BTreeSet<usize>,
    ) -> Self {
        let mut rounded = self.rounded.clone();
        rounded.trades.retain(|trade| !left.contains(&trade.line));
        Self::rounded(input, portfolio, program, self.allocation.clone(), rounded)
    }

    /// No row is any shorter, and no holding is too many or too small by more: what lots leave of one limit is no excuse for
    /// another.
    pub(super) fn breaks_nothing_more_than(&self, other: &Self) -> bool {
        let mut rows = self.shortfalls.iter().zip(&other.shortfalls);
        rows.all(|(short, other)| *short <= *other + SHORTFALL_NOISE)
            && self.short.of_wholes <= other.short.of_wholes + SHORTFALL_NOISE
    }

    pub(super) fn keeps_limits_as_well_as(&self, other: &Self) -> bool {
        self.short.sum() <= other.short.sum() + SHORTFALL_NOISE
    }

    /// Keeps the limits better, or as well and is worth more.
    pub(super) fn is_better_than(&self, other: &Self) -> bool {
        !other.keeps_limits_as_well_as(self) || (self.keeps_limits_as_well_as(other) && self.value > other.value)
    }

    /// Trades no larger than what paying costs moves a weight by: a position held at a limit, or at a corner of the
    /// tracking term, would be trimmed run after run. Exits, and trades that participation or the venue cuts short,
    /// are small for a reason; so are all of them together where turnover or the largest run leaves no more.
    pub(super) fn negligible(&self, portfolio: &Portfolio<'_>, limits: &Limits) -> Vec<Dropped> {
        let negligible = |trade: &&Trade| {
            let Some(line) = portfolio.lines.get(trade.line) else { return false };
            let most = match trade.side {
                Side::Buy => line.buy_box,
                Side::Sell => line.sell_box,
            };
            let noise = line.weight * portfolio.round_trip;
            line.role != Role::MustExit && trade.part <= noise && trade.part + line.lot < most
        };
        let trades: Vec<&Trade> = self.rounded.trades.iter().filter(negligible).collect();
        let throttles = |row: &usize| {
            let row = limits.rows.get(*row);
            row.is_some_and(|row| matches!(row.kind, RowKind::Turnover | RowKind::RunNotional))
        };
        if trades.len() == self.rounded.trades.len() && self.allocation.binding.iter().any(throttles) {
            return Vec::new();
        }
        let sentence = "it would move the weight by less than costs do".to_owned();
        let dropped = |trade: &Trade| Dropped { line: trade.line, side: trade.side, sentence: sentence.clone() };
        trades.into_iter().map(dropped).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short(rows: [i64; 2], of_wholes: i64) -> Candidate {
        let millionths = |count| Decimal::new(count, 6);
        let shortfalls = rows.map(millionths).to_vec();
        Candidate {
            allocation: Allocation::default(),
            rounded: Rounded::default(),
            breaches: Vec::new(),
            short: Short { of_rows: shortfalls.iter().sum(), of_wholes: millionths(of_wholes) },
            shortfalls,
            value: Decimal::ZERO,
        }
    }

    #[test]
    fn neither_another_row_nor_fewer_holdings_too_many_are_an_excuse_for_a_row() {
        let best = short([2, 5], 50);
        assert!(short([2, 5], 40).breaks_nothing_more_than(&best));
        assert!(!short([3, 5], 40).breaks_nothing_more_than(&best), "though the sum is smaller");
        assert!(!short([3, 1], 50).breaks_nothing_more_than(&best), "though the rows' sum is smaller");
        assert!(!short([1, 5], 60).breaks_nothing_more_than(&best));
    }
}
