//! The proof of the limits, family by family: a plan of twenty assets has a hundred checks, and a reader wants
//! to see first how close the closest of each kind came.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::published::Sense;
use crate::model::{BasisPoints, DualPrice, Weight, Worth};
use crate::planning::RebalancePlan;
use crate::planning::plan::{Certificate, LimitCheck, Multiplier};

/// One limit, re-checked on the rounded orders: `left_side` against `bound + relaxation + lot_allowance`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Check {
    pub limit: String,
    pub sense: Sense,
    pub left_side: Weight,
    pub bound: Weight,
    /// What the policy asks for, where that cannot be had and the bound is the nearest that can: what nobody can sell stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stated: Option<Weight>,
    pub relaxation: Weight,
    pub lot_allowance: Weight,
    /// Room left; never negative in a plan that is emitted.
    pub slack: Weight,
}

/// How far the plan is from the best possible, proved by weak duality from its multipliers. Figures are the policy's own
/// objective: tilt, tracking and costs as it weighs them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OptimalityReport {
    /// The objective of the rounded orders, in net asset value; rounded down.
    pub value: Worth,
    /// No portfolio that keeps the limits as the plan does has more; rounded up.
    pub bound: Worth,
    /// The distance between the two in basis points of net asset value; rounded up.
    pub gap_bp: BasisPoints,
    /// The bound is for the limits as far as they gave way, not as the policy has them.
    pub limits_gave_way: bool,
    /// What proves it: the objective per unit of room, by limit.
    pub multipliers: Vec<MultiplierReport>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MultiplierReport {
    /// As in the certificate; `idle_cash` for cash that is neither invested nor meant to be there.
    pub limit: String,
    pub price: DualPrice,
}

impl OptimalityReport {
    /// Nothing where the plan's certificate states no gap.
    pub(super) fn of(plan: &RebalancePlan) -> Option<Self> {
        let proved = plan.certificate.optimality?;
        let multipliers = plan.multipliers.iter().flatten();
        let multiplier = |it: &Multiplier| MultiplierReport { limit: it.limit.clone(), price: it.price };
        Some(Self {
            value: proved.value,
            bound: proved.bound,
            gap_bp: proved.gap_bp,
            limits_gave_way: !plan.relaxations.is_empty(),
            multipliers: multipliers.map(multiplier).collect(),
        })
    }
}

/// All checks of one kind, such as `max_weight`, with the one that has the least room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LimitFamily {
    pub family: String,
    pub checks: usize,
    /// How many of them needed a relaxation.
    pub relaxed: usize,
    /// How many of them cannot be had as the policy asks.
    pub out_of_reach: usize,
    /// How many of them needed a lot allowance.
    pub with_lot_allowance: usize,
    /// How many are violated; 0 in a plan that is emitted.
    pub violated: usize,
    pub tightest: Check,
}

impl Check {
    /// Neither relaxed nor out of reach.
    #[must_use]
    pub fn is_as_asked(&self) -> bool {
        self.relaxation.is_zero() && self.stated.is_none()
    }

    pub(super) fn of(check: &LimitCheck) -> Self {
        Self {
            limit: check.limit.clone(),
            sense: check.sense.into(),
            left_side: check.left_side,
            bound: check.bound,
            stated: check.stated,
            relaxation: check.relaxation,
            lot_allowance: check.lot_allowance,
            slack: check.slack,
        }
    }
}

impl LimitFamily {
    /// Of all of them.
    #[must_use]
    pub const fn is_as_asked(&self) -> bool {
        self.relaxed == 0 && self.out_of_reach == 0
    }

    /// In the certificate's own order of first appearance. The tightest is the first with the least slack.
    #[must_use]
    pub fn of(certificate: &Certificate) -> Vec<Self> {
        let mut families: Vec<Self> = Vec::new();
        let mut index: BTreeMap<&str, usize> = BTreeMap::new();
        for check in &certificate.checks {
            let name = family_of(&check.limit);
            let at = *index.entry(name).or_insert(families.len());
            match families.get_mut(at) {
                Some(family) => family.add(check),
                None => families.push(Self::start(name, check)),
            }
        }
        families
    }

    fn start(name: &str, check: &LimitCheck) -> Self {
        let tightest = Check::of(check);
        let mut family = Self {
            family: name.to_owned(),
            checks: 0,
            relaxed: 0,
            out_of_reach: 0,
            with_lot_allowance: 0,
            violated: 0,
            tightest,
        };
        family.add(check);
        family
    }

    fn add(&mut self, check: &LimitCheck) {
        self.checks += 1;
        self.relaxed += usize::from(!check.relaxation.is_zero());
        self.out_of_reach += usize::from(check.stated.is_some());
        self.with_lot_allowance += usize::from(!check.lot_allowance.is_zero());
        self.violated += usize::from(check.slack < Weight::ZERO);
        if check.slack < self.tightest.slack {
            self.tightest = Check::of(check);
        }
    }
}

/// `max_weight(bitcoin)` → `max_weight`.
#[must_use]
pub fn family_of(limit: &str) -> &str {
    limit.split_once('(').map_or(limit, |(family, _)| family)
}

/// `max_weight(bitcoin)` → `bitcoin`.
#[must_use]
pub fn subject_of(limit: &str) -> Option<&str> {
    limit.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'))
}
