//! Conditional value at risk as rows: the worst scenarios of a portfolio, cut by cut.
//!
//! Over scenarios of equal probability, `T = (1 − β)·S` of which make the tail,
//! `CVaR(w) = max { Σ mₛ lossₛ(w) / T : 0 ≤ mₛ ≤ 1, Σ mₛ = T }` (Rockafellar and Uryasev, Conditional value-at-risk for
//! general loss distributions, Journal of Banking and Finance 26, 2002). For any such `m` the right side is linear in `w`,
//! so the measure is a column `t ≥ 0` of the program above each of these planes, of which only those are stated that a
//! solution came below (Künzi-Bay and Mayer, Computational aspects of minimizing conditional value-at-risk, Computational
//! Management Science 3, 2006). The full program has a row and a column for every scenario; this one has a handful of rows.
//! What is cut off is never feasible: a program that is infeasible with some of the planes is infeasible with all.

mod fund;

use std::cell::RefCell;
use std::collections::BTreeMap;

pub use fund::Fund;
use jiff::civil::Date;
use rust_decimal::RoundingStrategy;

use crate::model::{Decimal, PlanningInput, Rate, Side};

use super::closes::{RETURN_DECIMALS, losses, scenario_days};
use super::plan::Role;
use super::portfolio::{Line, Portfolio};
use super::program::{Column, Program};
use super::solver::{AtMostRow, BoxedColumn, SolverFault, Verdict};

/// A solution this much below the measure is on it.
const TOLERANCE: Decimal = Decimal::from_parts(1, 0, 0, false, 11);

/// A portfolio whose measure is above the planes found by less than this is not cut off.
const CUT: Decimal = Decimal::from_parts(1, 0, 0, false, 12);

/// A search ends after so many planes: by far more than any that is known to be needed.
const ROUNDS: u32 = 1000;

/// Decimals of a plane's coefficients in a program.
const DECIMALS: u32 = 18;

/// Decimals by which the worst scenarios are told from the others.
const WEIGHT_DECIMALS: u32 = 15;

/// Decimals of how much of a scenario counts.
const PART_DECIMALS: u32 = 14;

/// The measure of a portfolio is below this: nothing can be lost more than once.
const MOST: Decimal = Decimal::TWO;

/// The scenarios of one run, and the planes found so far.
#[derive(Debug, Clone)]
pub(crate) struct TailRisk {
    days: Vec<Date>,
    /// By line, then scenario: what a unit of weight loses, in units of the last decimal of a return.
    losses: Vec<Vec<i64>>,
    /// How many scenarios make the tail: the whole ones, and the part of one more.
    whole: usize,
    part: Decimal,
    /// The measure of the portfolio before trading.
    pub(crate) before: Decimal,
    pub(crate) aversion: Decimal,
    planes: RefCell<Vec<Plane>>,
}

/// One choice of worst scenarios: the average loss in them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Plane {
    /// By line: what a unit of weight adds.
    slopes: Vec<Decimal>,
    /// Scenarios and how much of each counts; `T` together.
    tail: Vec<(usize, Decimal)>,
}

impl Plane {
    fn at(&self, weights: &[Decimal]) -> Decimal {
        self.slopes.iter().zip(weights).map(|(slope, weight)| *slope * *weight).sum()
    }
}

/// In units of this decimal; a gain beyond what fits counts as that.
fn in_units(value: Decimal, decimals: u32) -> i64 {
    let mut scaled = value.trunc_with_scale(decimals);
    scaled.rescale(decimals);
    let whole = Some(scaled.mantissa()).filter(|_| scaled.scale() == decimals);
    let whole = whole.and_then(|whole| i64::try_from(whole).ok());
    whole.unwrap_or(if value > Decimal::ZERO { i64::MAX } else { i64::MIN })
}

impl TailRisk {
    /// Nothing where the policy has no such rule, or no scenario is known.
    pub(crate) fn of(input: &PlanningInput, portfolio: &Portfolio<'_>) -> Option<Self> {
        let rule = input.policy.limits.risk.as_ref()?;
        let days = input.history.as_ref().map(|history| scenario_days(history, rule)).unwrap_or_default();
        // Where nothing is known every scenario is alike: whatever counts as lost is.
        let days = if days.is_empty() { vec![Date::MIN] } else { days };
        let of_line = |line: &Line<'_>| -> Vec<i64> {
            let losses = losses(input, rule, line.asset, days.len()).into_iter();
            losses.map(|loss| in_units(loss, RETURN_DECIMALS)).collect()
        };
        let aversion = input.policy.objective.risk_aversion.map_or(Decimal::ZERO, Rate::get);
        let mut risk = Self::new(portfolio.lines.iter().map(of_line).collect(), days, rule.tail(), aversion);
        risk.before = risk.measure(&portfolio.lines.iter().map(|line| line.weight).collect::<Vec<_>>());
        Some(risk)
    }

    fn new(losses: Vec<Vec<i64>>, days: Vec<Date>, tail: Decimal, aversion: Decimal) -> Self {
        let tail = tail * Decimal::from(days.len());
        let whole = usize::try_from(tail.trunc().mantissa()).unwrap_or(usize::MAX);
        let (part, before) = (tail.fract(), Decimal::ZERO);
        Self { days, losses, whole, part, before, aversion, planes: RefCell::default() }
    }

    /// The optimum of a program in which the column at `place` is the measure: `rows`, and whatever planes it takes, which
    /// are added to them. `weights` are those that column values lead to, `row` states a plane over the columns.
    fn optimum(
        &self,
        place: usize,
        (all, rows): (&[BoxedColumn], &mut Vec<AtMostRow>),
        maximise: impl Fn(&[BoxedColumn], &[AtMostRow]) -> Result<Verdict, SolverFault>,
        weights: impl Fn(&[Decimal]) -> Vec<Decimal>,
        row: impl Fn(&Plane) -> AtMostRow,
    ) -> Result<Verdict, SolverFault> {
        let own = rows.len();
        let priced = all.get(place).is_some_and(|column| !column.reward.is_zero());
        rows.extend(self.planes.borrow().iter().map(&row));
        for _ in 0..ROUNDS {
            let mut verdict = maximise(all, rows)?;
            let Verdict::Optimal { values, .. } = &mut verdict else { return Ok(verdict) };
            let weights = weights(values);
            let worst = self.worst(&weights);
            let measure = worst.at(&weights).max(Decimal::ZERO);
            let stated = values.get(place).copied().unwrap_or_default();
            // A column that costs nothing stands anywhere below its limit.
            let room = rows.iter().take(own).filter(|row| row.terms.iter().any(|(column, _)| *column == place));
            let room = room.map(|row| row.bound - row.use_of(values)).min().unwrap_or(MOST).max(Decimal::ZERO);
            let most = if priced { stated } else { stated + room };
            // A plane that is stated and not kept is not kept by the solver's noise alone.
            if measure <= most + TOLERANCE || self.planes.borrow().contains(&worst) {
                if let Some(value) = values.get_mut(place) {
                    *value = measure;
                }
                return Ok(verdict);
            }
            rows.push(row(&worst));
            self.planes.borrow_mut().push(worst);
        }
        Err(SolverFault::NotProved)
    }

    fn tail(&self) -> Decimal {
        Decimal::from(self.whole) + self.part
    }

    /// The measure of a portfolio: the average loss in its tail, and never below zero.
    pub(crate) fn measure(&self, weights: &[Decimal]) -> Decimal {
        self.worst(weights).at(weights).max(Decimal::ZERO)
    }

    /// What a unit of weight of each line adds in the portfolio's tail.
    pub(crate) fn slopes(&self, weights: &[Decimal]) -> Vec<Decimal> {
        self.worst(weights).slopes
    }

    /// The plane of the portfolio's own worst scenarios; of equal ones the earlier.
    fn worst(&self, weights: &[Decimal]) -> Plane {
        let mut total = vec![0_i128; self.days.len()];
        for (losses, weight) in self.losses.iter().zip(weights) {
            let weight = i128::from(in_units(*weight, WEIGHT_DECIMALS));
            if weight != 0 {
                for (total, loss) in total.iter_mut().zip(losses) {
                    *total += weight * i128::from(*loss);
                }
            }
        }
        let mut order: Vec<(i128, usize)> = total.into_iter().zip(0..).collect();
        order.sort_unstable_by(|left, right| right.0.cmp(&left.0).then(left.1.cmp(&right.1)));
        let mut tail: Vec<(usize, Decimal)> =
            order.iter().take(self.whole).map(|(_, scenario)| (*scenario, Decimal::ONE)).collect();
        if !self.part.is_zero() {
            tail.extend(order.get(self.whole).map(|(_, scenario)| (*scenario, self.part)));
        }
        self.plane(tail)
    }

    fn plane(&self, tail: Vec<(usize, Decimal)>) -> Plane {
        let slope = |losses: &Vec<i64>| {
            let mut whole = 0_i128;
            let mut rest = Decimal::ZERO;
            for (scenario, counts) in &tail {
                let loss = losses.get(*scenario).copied().unwrap_or_default();
                if *counts == Decimal::ONE {
                    whole += i128::from(loss);
                } else {
                    rest += Decimal::new(loss, RETURN_DECIMALS) * *counts;
                }
            }
            let sum = Decimal::from_i128_with_scale(whole, RETURN_DECIMALS) + rest;
            sum / self.tail()
        };
        Plane { slopes: self.losses.iter().map(slope).collect(), tail }
    }

    /// What holding a lot less may add for every unit of it: the average gain in an asset's best scenarios.
    pub(crate) fn best(&self, line: usize) -> Decimal {
        let mut gains: Vec<i64> =
            self.losses.get(line).into_iter().flatten().map(|loss| loss.saturating_neg()).collect();
        gains.sort_unstable_by(|left, right| right.cmp(left));
        let whole: i128 = gains.iter().take(self.whole).map(|gain| i128::from(*gain)).sum();
        let next = gains.get(self.whole).copied().unwrap_or_default();
        let sum =
            Decimal::from_i128_with_scale(whole, RETURN_DECIMALS) + Decimal::new(next, RETURN_DECIMALS) * self.part;
        (sum / self.tail()).max(Decimal::ZERO)
    }
}

/// The weights of lines after some trades.
fn moved(portfolio: &Portfolio<'_>, trades: impl Iterator<Item = (usize, Side, Decimal)>) -> Vec<Decimal> {
    let mut weights: Vec<Decimal> = portfolio.lines.iter().map(|line| line.weight).collect();
    for (line, side, by) in trades {
        if let Some(weight) = weights.get_mut(line) {
            match side {
                Side::Buy => *weight += by,
                Side::Sell => *weight -= by,
            }
        }
    }
    weights
}

/// The least that the measure can ever be: what is left when all is sold that can be.
pub(crate) fn immovable(risk: &TailRisk, portfolio: &Portfolio<'_>) -> Decimal {
    let stays = |line: &Line<'_>| match line.role {
        Role::StableLeg => Decimal::ZERO,
        _ => line.immovable(portfolio.net_asset_value),
    };
    risk.measure(&portfolio.lines.iter().map(stays).collect::<Vec<_>>())
}

/// A choice of worst days, how much of each counts, and the price of their average loss.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PricedTail {
    pub(crate) price: Decimal,
    pub(crate) days: Vec<(Date, Decimal)>,
}

/// Multipliers of the planes: what each line pays for its part in the tail, and what each day counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct TailPrices {
    /// Price of each plane.
    prices: Vec<(Plane, Decimal)>,
}

impl TailPrices {
    /// What a unit of weight of this line pays.
    pub(crate) fn paid_by(&self, line: usize) -> Decimal {
        let paid = self.prices.iter().filter_map(|(plane, price)| Some(*plane.slopes.get(line)? * *price));
        paid.sum()
    }

    /// All planes as one, whose price is at most `most`; nothing where they have none.
    pub(crate) fn stated(&self, risk: &TailRisk, most: Decimal) -> Option<PricedTail> {
        let total: Decimal = self.prices.iter().map(|(_, price)| *price).sum();
        let mut parts: BTreeMap<usize, Decimal> = BTreeMap::new();
        for (plane, price) in &self.prices {
            for (scenario, part) in &plane.tail {
                *parts.entry(*scenario).or_default() += (*price * *part).checked_div(total)?;
            }
        }
        for part in parts.values_mut() {
            *part = part.round_dp_with_strategy(PART_DECIMALS, RoundingStrategy::ToZero).min(Decimal::ONE);
        }
        // What was cut off goes where there is room for it: together they are the tail to the last digit.
        let mut missing = risk.tail() - parts.values().sum::<Decimal>();
        for part in parts.values_mut() {
            let more = missing.min(Decimal::ONE - *part);
            *part += more;
            missing -= more;
        }
        let day = |(scenario, part): (usize, Decimal)| Some((*risk.days.get(scenario)?, part));
        let days: Vec<(Date, Decimal)> =
            parts.into_iter().filter(|(_, part)| !part.is_zero()).filter_map(day).collect();
        (!days.is_empty()).then(|| PricedTail { price: total.min(most), days })
    }
}

impl Program<'_> {
    /// The column that measures risk stands behind those of trades, where there is such a rule.
    pub(super) fn risk_column(&self) -> Option<BoxedColumn> {
        let risk = self.limits.risk.as_ref()?;
        Some(BoxedColumn { upper: MOST, reward: -risk.aversion })
    }

    /// The optimum of a program whose first columns are these trades and the risk column: `rows`, and whatever planes it
    /// takes, which are added to them.
    pub(super) fn optimum(
        &self,
        columns: &[Column],
        all: &[BoxedColumn],
        rows: &mut Vec<AtMostRow>,
    ) -> Result<Verdict, SolverFault> {
        let Some(risk) = &self.limits.risk else { return self.maximise(all, rows) };
        let weights = |values: &[Decimal]| self.weights_at(columns, values);
        let maximise = |all: &[BoxedColumn], rows: &[AtMostRow]| self.maximise(all, rows);
        risk.optimum(columns.len(), (all, rows), maximise, weights, |plane| self.row_of(plane, columns))
    }

    /// `Σ slope · (weight + bought − sold) ≤ t`.
    fn row_of(&self, plane: &Plane, columns: &[Column]) -> AtMostRow {
        let term = |(index, column): (usize, &Column)| {
            let slope = plane.slopes.get(column.line).copied().unwrap_or_default();
            let slope = if column.side == Side::Buy { slope } else { -slope };
            (!slope.is_zero()).then_some((index, slope.round_dp(DECIMALS)))
        };
        let mut terms: Vec<(usize, Decimal)> = columns.iter().enumerate().filter_map(term).collect();
        terms.push((columns.len(), Decimal::NEGATIVE_ONE));
        let before: Decimal =
            plane.slopes.iter().zip(&self.portfolio.lines).map(|(slope, line)| *slope * line.weight).sum();
        AtMostRow { terms, bound: -before }
    }

    /// The weights that column values lead to.
    pub(super) fn weights_at(&self, columns: &[Column], values: &[Decimal]) -> Vec<Decimal> {
        moved(self.portfolio, columns.iter().zip(values).map(|(column, value)| (column.line, column.side, *value)))
    }

    /// The measure after trades, by line, side and weight; nothing without such a rule.
    pub(super) fn risk_after(&self, trades: impl Iterator<Item = (usize, Side, Decimal)>) -> Option<Decimal> {
        let risk = self.limits.risk.as_ref()?;
        Some(risk.measure(&moved(self.portfolio, trades)))
    }

    /// The plane of a portfolio's own worst scenarios, where it is above all those found so far; kept for all that follow.
    pub(super) fn cut_off(&self, columns: &[Column], values: &[Decimal]) -> Option<AtMostRow> {
        let risk = self.limits.risk.as_ref()?;
        let weights = self.weights_at(columns, values);
        let worst = risk.worst(&weights);
        let known = risk.planes.borrow().iter().map(|plane| plane.at(&weights)).max().unwrap_or_default();
        if worst.at(&weights) <= known.max(Decimal::ZERO) + CUT {
            return None;
        }
        let row = self.row_of(&worst, columns);
        risk.planes.borrow_mut().push(worst);
        Some(row)
    }

    /// The planes found so far, as rows, and the multipliers of such rows.
    pub(super) fn planes(&self, columns: &[Column]) -> Vec<AtMostRow> {
        let planes = self.limits.risk.iter().flat_map(|risk| risk.planes.borrow().clone());
        planes.map(|plane| self.row_of(&plane, columns)).collect()
    }

    /// Puts the multipliers of [`Self::planes`] beside them.
    pub(super) fn tail_prices(&self, multipliers: &[Decimal]) -> TailPrices {
        let planes = self.limits.risk.iter().flat_map(|risk| risk.planes.borrow().clone());
        TailPrices { prices: planes.zip(multipliers.iter().copied()).filter(|(_, price)| !price.is_zero()).collect() }
    }
}

#[cfg(test)]
mod tests;
