//! One limit against its bound: what may give way, how far, and what lots explain.

use std::collections::BTreeMap;

use super::arithmetic::{OutOfRange, at_most, within};
use super::findings::Findings;
use super::limits::SOLVER_NOISE;
use crate::model::policy::Soft;
use crate::model::{Decimal, InvalidNumber, Weight};
use crate::planning::plan::{LimitCheck, RebalancePlan, Relaxation, Sense};

/// The priority of `must_exit` and `withdraw`, which give way after everything the policy marks soft.
const OUTRANKS_POLICY: u32 = 0;

/// By how much a least relaxation may pass what is used of it, besides lots: a basis point. Where limits compete
/// through the difference of two costs, the solver's noise in one may come to that in the other.
const LEAST_BLUR: Decimal = Decimal::from_parts(1, 0, 0, false, 4);

/// One limit with everything needed to judge it. All figures are fractions.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) limit: String,
    pub(super) sense: Sense,
    pub(super) left_side: Decimal,
    pub(super) bound: Decimal,
    /// What the policy asks for, where the bound is another: see [`LimitCheck::stated`].
    pub(super) stated: Option<Decimal>,
    pub(super) nature: Nature,
    pub(super) softness: Softness,
    /// The most that lots and smallest orders may explain.
    pub(super) max_allowance: Decimal,
    /// Over many assets, so that a dropped or rounded order of one may undo what another did.
    pub(super) spread: bool,
    /// Who is at fault, for the sentence; may be empty.
    pub(super) detail: String,
}

/// A bound this near to what the policy asks is told as that.
const LEAST_APART: Decimal = Decimal::from_parts(1, 0, 0, false, 6);

#[derive(Debug, Clone, Copy)]
pub(super) enum Nature {
    /// A limit on the portfolio: its left side before any trade.
    State { before: Decimal },
    /// A limit on trading itself: doing nothing meets it.
    Flow,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Softness {
    Hard,
    Soft { priority: u32, hard_bound: Option<Decimal> },
}

impl Softness {
    pub(super) const ALWAYS: Self = Self::Soft { priority: OUTRANKS_POLICY, hard_bound: None };

    pub(super) fn of(soft: Option<&Soft>) -> Self {
        soft.map_or(Self::Hard, |soft| Self::Soft {
            priority: soft.priority,
            hard_bound: soft.hard_bound.map(Weight::get),
        })
    }
}

impl Row {
    /// A limit that never gives way and that lots do not excuse.
    pub(super) fn hard(limit: String, sense: Sense, left_side: Decimal, bound: Decimal) -> Self {
        Self {
            limit,
            sense,
            left_side,
            bound,
            stated: None,
            nature: Nature::Flow,
            softness: Softness::Hard,
            max_allowance: Decimal::ZERO,
            spread: false,
            detail: String::new(),
        }
    }

    /// The same, where the policy asks for more than what nobody can sell leaves to be had; dust and costs aside.
    pub(super) fn stating(self, asked: Decimal, attainable: Decimal) -> Self {
        let (more, less) = match self.sense {
            Sense::AtLeast => (asked, attainable),
            Sense::AtMost | Sense::Equal => (attainable, asked),
        };
        let is_out_of_reach = more.checked_sub(less).is_none_or(|apart| apart > LEAST_APART);
        Self { stated: is_out_of_reach.then_some(asked), ..self }
    }

    /// By how much a left side is beyond the bound; negative while there is room.
    fn excess(&self, left_side: Decimal) -> Result<Decimal, OutOfRange> {
        let (greater, smaller) = match self.sense {
            Sense::AtLeast => (self.bound, left_side),
            Sense::AtMost | Sense::Equal => (left_side, self.bound),
        };
        greater.checked_sub(smaller).ok_or(OutOfRange)
    }

    /// Where the bound is when it gives way by this much.
    fn relaxed_by(&self, amount: Decimal) -> Result<Decimal, OutOfRange> {
        let relaxed = match self.sense {
            Sense::AtLeast => self.bound.checked_sub(amount),
            Sense::AtMost | Sense::Equal => self.bound.checked_add(amount),
        };
        relaxed.ok_or(OutOfRange)
    }

    /// Whether giving way by this much stays within the hard bound.
    fn may_give(&self, hard_bound: Option<Decimal>, amount: Decimal) -> Result<bool, OutOfRange> {
        let relaxed = self.relaxed_by(amount)?;
        Ok(hard_bound.is_none_or(|hard| match self.sense {
            Sense::AtLeast => at_most(hard, relaxed),
            Sense::AtMost | Sense::Equal => at_most(relaxed, hard),
        }))
    }

    /// By how much doing nothing would leave the limit violated; zero for a limit on trading.
    fn violation_before(&self) -> Result<Decimal, OutOfRange> {
        match self.nature {
            Nature::State { before } => Ok(self.excess(before)?.max(Decimal::ZERO)),
            Nature::Flow => Ok(Decimal::ZERO),
        }
    }
}

/// Judges rows one after another and remembers what that takes: which relaxations were stated and not yet used,
/// and the highest rank at which doing nothing would violate a limit.
#[derive(Debug)]
pub(super) struct Judge<'a> {
    relaxations: BTreeMap<&'a str, &'a Relaxation>,
    /// Lowest priority number among the state limits violated before trading; hard ones count as outranking all.
    pressing: Option<u32>,
    /// The smallest orders of all tradable positions: how far lots may blur a least relaxation.
    blur: Decimal,
    /// By how much a figure of the planner's may be missed and is met all the same.
    met: Decimal,
    checks: Vec<LimitCheck>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(plan: &'a RebalancePlan, blur: Decimal, met: Decimal, findings: &mut Findings) -> Self {
        let mut relaxations = BTreeMap::new();
        for relaxation in &plan.relaxations {
            let earlier = relaxations.insert(relaxation.limit.as_str(), relaxation);
            findings.require(earlier.is_none(), &relaxation.limit, || "it is relaxed twice in the plan".to_owned());
        }
        Self { relaxations, pressing: None, blur, met, checks: Vec::new() }
    }

    /// Judges one row: holds within bound, relaxation and lot allowance, or is a violation.
    pub(super) fn judge(&mut self, row: Row, findings: &mut Findings) -> Result<(), OutOfRange> {
        let excess = row.excess(row.left_side)?;
        let relaxation = self.relaxations.remove(row.limit.as_str());
        if let Some(relaxation) = relaxation {
            self.check_relaxation(&row, relaxation, excess, findings)?;
        }
        self.note_pressing(&row)?;

        let given = relaxation.map_or(Decimal::ZERO, |relaxation| relaxation.amount.get());
        let beyond = excess.checked_sub(given).ok_or(OutOfRange)?;
        let noise = if given.is_zero() { Decimal::ZERO } else { SOLVER_NOISE };
        let max_allowance = row.max_allowance.checked_add(noise).ok_or(OutOfRange)?;
        findings.require(at_most(beyond, max_allowance), &row.limit, || exceeded(&row, given));
        self.certify(row, given, beyond, findings);
        Ok(())
    }

    /// Records the check; a fraction too large to be recorded is a violation of its own.
    fn certify(&mut self, row: Row, given: Decimal, beyond: Decimal, findings: &mut Findings) {
        let figures = [row.left_side, row.bound, given, beyond.max(Decimal::ZERO), (-beyond).max(Decimal::ZERO)];
        match recorded(figures).and_then(|figures| Ok((figures, row.stated.map(Weight::new).transpose()?))) {
            Ok(([left_side, bound, relaxation, lot_allowance, slack], stated)) => self.checks.push(LimitCheck {
                limit: row.limit,
                sense: row.sense,
                left_side,
                bound,
                stated,
                relaxation,
                lot_allowance,
                slack,
            }),
            Err(error) => findings.require(false, &row.limit, || format!("it cannot be certified: {error}")),
        }
    }

    fn note_pressing(&mut self, row: &Row) -> Result<(), OutOfRange> {
        let violation = row.violation_before()?;
        if violation > Decimal::ZERO {
            let rank = match row.softness {
                // Beyond its hard bound a soft limit is as hard as any.
                Softness::Soft { priority, hard_bound } if row.may_give(hard_bound, violation)? => priority,
                Softness::Hard | Softness::Soft { .. } => OUTRANKS_POLICY,
            };
            self.pressing = Some(self.pressing.map_or(rank, |pressing| pressing.min(rank)));
        }
        Ok(())
    }

    /// Whether the policy and the state before trading allow this relaxation.
    fn check_relaxation(
        &self,
        row: &Row,
        relaxation: &Relaxation,
        excess: Decimal,
        findings: &mut Findings,
    ) -> Result<(), OutOfRange> {
        let limit = &row.limit;
        let amount = relaxation.amount.get();
        let Softness::Soft { priority, hard_bound } = row.softness else {
            findings.require(false, limit, || format!("it is relaxed by {amount}, and it never gives way"));
            return Ok(());
        };
        findings.require(amount > Decimal::ZERO, limit, || format!("a relaxation of {amount} is none"));
        findings.require(relaxation.priority == priority, limit, || {
            format!("its relaxation has priority {}, the limit has {priority}", relaxation.priority)
        });
        findings.require(within(relaxation.bound.get(), row.bound, self.met), limit, || {
            format!("its relaxation starts from bound {}, the limit's bound is {}", relaxation.bound, row.bound)
        });
        let relaxed = row.relaxed_by(amount)?;
        let may_give = row.may_give(hard_bound, amount)?;
        findings.require(may_give, limit, || {
            format!("it is relaxed to {relaxed}, beyond its hard bound {}", hard_bound.unwrap_or_default())
        });
        let blur = self.blur.checked_add(LEAST_BLUR).ok_or(OutOfRange)?;
        let used = excess.checked_add(blur).ok_or(OutOfRange)?;
        findings.require(amount <= used, limit, || {
            let (excess, blur) = (excess.normalize(), self.blur.normalize());
            format!("it is relaxed by {amount}; the orders use {excess}, and lots explain no more than {blur}")
        });
        self.check_need(row, priority, amount, excess, findings)
    }

    /// A state limit gives way by no more than doing nothing would violate it, and no trade makes it worse, but
    /// for the lots of a limit over many assets. Turnover gives way only for a limit that outranks it: of one priority
    /// it is the last.
    fn check_need(
        &self,
        row: &Row,
        priority: u32,
        amount: Decimal,
        excess: Decimal,
        findings: &mut Findings,
    ) -> Result<(), OutOfRange> {
        let before = row.violation_before()?;
        match row.nature {
            Nature::State { .. } => {
                findings.require(at_most(amount, before), &row.limit, || {
                    format!("it is relaxed by {amount}; doing nothing would violate it by {} only", before.normalize())
                });
                let lots = if row.spread { row.max_allowance } else { Decimal::ZERO };
                let most = before.checked_add(lots).and_then(|most| most.checked_add(self.met)).ok_or(OutOfRange)?;
                findings.require(at_most(excess, most), &row.limit, || {
                    let (before, excess) = (before.normalize(), excess.normalize());
                    format!("it is relaxed, and the orders raise its violation from {before} to {excess}")
                });
            }
            Nature::Flow => {
                let outranked = self.pressing.is_some_and(|pressing| pressing <= priority);
                findings.require(outranked, &row.limit, || {
                    format!(
                        "it is relaxed by {amount}, and without trading no limit of priority {priority} or above is violated"
                    )
                });
            }
        }
        Ok(())
    }

    /// The certificate's checks. A relaxation that belongs to no limit of this run is a violation.
    pub(super) fn finish(self, findings: &mut Findings) -> Vec<LimitCheck> {
        for (limit, relaxation) in self.relaxations {
            findings.require(false, limit, || {
                format!("it is relaxed by {}, and this run has no such limit", relaxation.amount)
            });
        }
        self.checks
    }
}

/// As weights; most figures of a certificate are zero, which needs no check.
fn recorded(figures: [Decimal; 5]) -> Result<[Weight; 5], InvalidNumber> {
    let mut weights = [Weight::ZERO; 5];
    for (weight, figure) in weights.iter_mut().zip(figures) {
        if !figure.is_zero() {
            *weight = Weight::new(figure)?;
        }
    }
    Ok(weights)
}

fn exceeded(row: &Row, given: Decimal) -> String {
    let sense = match row.sense {
        Sense::AtMost => "at most",
        Sense::AtLeast => "at least",
        Sense::Equal => "exactly",
    };
    format!(
        "it is {}, and must be {sense} {} with relaxation {given} and lot allowance up to {}{}{}",
        row.left_side.normalize(),
        row.bound.normalize(),
        row.max_allowance.normalize(),
        if row.detail.is_empty() { "" } else { ": " },
        row.detail,
    )
}
