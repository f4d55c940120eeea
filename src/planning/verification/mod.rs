//! The independent verifier: every limit re-checked on the rounded orders, in `Decimal`.
//!
//! [`verify`] shares no code with the formulation and believes nothing the plan says about itself. From the
//! planning input and the plan's orders alone it recomputes net asset value, holdings, cash and costs after full
//! fills, and compares them with what the plan states; then it checks the regime, who may be traded, the shape of
//! every order, and every limit. Which assets are constituents, and their reference weights, it takes from the plan.
//! What holds goes into a [`Certificate`]; what does not is a [`Violation`].
//!
//! # Definitions
//! * Net asset value `V` is cash, free and locked, plus every holding, free and locked, at its reference price. A
//!   holding that nobody prices, or that has the role `unmanaged`, counts 0; either needs the policy's consent
//!   (`guards.unmanaged_assets`). All weights are fractions of `V` before trading.
//! * An order costs fee and half spread on its notional at the reference price, plus impact: the part of the
//!   notional up to `up_to` times average daily volume costs that piece's rate, and the last piece prices the
//!   rest. Where the volume is unknown, the last piece prices all of it.
//! * Money and quantities are compared exactly. Only where a product or a sum has more than the 28 digits that
//!   `Decimal` keeps does a difference of 1e-20 of `V` pass. Weights are quotients and are compared to 20 decimals.
//! * The *smallest order* of an asset is its lot, minimum quantity or minimum notional, or the policy's
//!   `min_trade`, whichever is worth most, in whole lots: less than that cannot be traded. The minimum notional must be met at the
//!   lowest limit price. A lot is worth a millionth of a quote unit at least, also where the venue has none.
//!
//! # Limits, in the certificate's order
//! | name | holds when | gives way |
//! |---|---|---|
//! | `budget` | (positions after + cash after + cost) / V = 1, as stated, and cash after follows from the orders | never |
//! | `cash_at_limit_prices` | free cash after all orders at their limit prices, fees paid, is not negative | never |
//! | `cash_buffer` | cash after / V ≥ bound | by policy |
//! | `withdraw` | cash after / V ≥ cash buffer + amount / V | always, priority 0 |
//! | `stable_share` | (stable legs + cash) / V ≥ the regime's share | by policy |
//! | `must_exit` | what could be sold of exit positions and is not / V ≤ 0 | always, priority 0 |
//! | `category_min(c)`, `category_max(c)` | lo ≤ all positions of the category / V ≤ hi | by policy |
//! | `max_weight(a)` | a constituent's weight ≤ bound | by policy |
//! | `min_weight(a)` | a constituent's weight ≤ what a run leaves that sells all it may, or ≥ bound | always, priority 0 |
//! | `max_holdings` | number of constituents held ≤ bound, or as many as cannot be sold | always, priority 0 |
//! | `risk` | the measure of tail risk ([`RiskLimit`](crate::model::policy::RiskLimit)) of all positions after ≤ bound | by policy |
//! | `turnover` | ½ (buys + sells) / V ≤ bound | by policy |
//! | `participation(a)` | traded / average daily volume ≤ bound; no volume, no trade | never |
//! | `sell_within_holding(a)` | sold ≤ free holding, both over V | never |
//! | `collar(a)` | limit price away from the reference by at most this fraction | never |
//! | `max_order_notional`, `max_run_notional`, `max_orders` | used fraction of the bound ≤ 1 | never |
//!
//! Limits that are fractions of `V` are left out when `V` is zero: a portfolio worth nothing has no weights.
//! What could be sold of an exit position is its free holding, rounded down to the lot, where the venue trades it
//! and takes the most that one run may sell of it at the collar's price; the rest is stranded and outside the row.
//! `risk` asks no less than what is left of it when all of that is sold.
//! Nothing could be sold in a deposit-only flow, nor where there is a participation limit and the volume is unknown, nor
//! where participation or the venue's largest order keeps a sale of a part below the policy's `min_trade`.
//! A constituent is *held* while it is worth an order that the venue would take at the reference price (a lot, its minimum
//! quantity, its minimum notional); of what the venue does not trade anything is held. Of a holding `min_weight` asks for
//! no more than what it comes to when the run buys all it may, and its row states the nearer of the two ends. Each gives
//! way by no more than doing nothing would violate it, and no trade takes a weight further from what is allowed.
//!
//! Where a bound is not the policy's for any of this, the certificate has both (`stated`).
//!
//! # When a limit is exceeded
//! * A relaxation counts for a limit that the policy marks soft (and for those that always may), with the
//!   policy's priority, once, within `hard_bound`, and from the limit's own bound (to nine digits). For a limit on the
//!   portfolio's state it may be no more than the violation that doing nothing would leave, and no trade may increase that
//!   violation (over many assets: by no more than the lot allowance). `turnover` may give way only when doing nothing would
//!   violate a limit of its priority or above. A relaxation may pass what is used of it by at most the smallest orders of all
//!   tradable positions and a basis point: the least possible is wanted, and only lots and the solver's noise may blur it.
//! * Beyond bound and relaxation a limit on the portfolio's state may be exceeded by 1e-9, which a solver calls met,
//!   and by what dropped sales explain: for each asset in it without an
//!   order, the smallest order, and no more than could be sold of it; an asset with an order explains nothing, for orders
//!   are rounded towards cash. For `category_min` a buy may have been dropped or rounded down by a lot, and a sale of
//!   others dropped that would have paid for it; for `stable_share` a leg may have been sold by a lot more, at its cost;
//!   for `risk` a lot less of what gains in its own tail, a sale dropped of what loses in it, or a buy of what gains;
//!   for `turnover` half of the smallest orders of those with an order. The certificate records what was used of this
//!   as `lot_allowance`.
//!
//! # How far from the best
//! A plan that carries multipliers is bounded by them (`optimality`, where the formulas stand): no portfolio that keeps the
//! limits as the plan does has an objective more than the gap above the plan's. A multiplier of no limit, one below zero,
//! or a claimed gap below the proved one is a violation.

mod arithmetic;
mod books;
mod concave;
mod enclosure;
mod findings;
mod limits;
mod optimality;
mod orders;
mod permission;
mod prospect;
mod reach;
mod regime;
mod relaxation;
mod risk;
mod scenarios;
mod statement;
mod wholes;

use std::fmt;

use self::arithmetic::OutOfRange;
use self::findings::Findings;
use super::idempotency::InputDigests;
use super::plan::{Certificate, RebalancePlan};
use crate::model::PlanningInput;

/// One thing wrong with a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The limit's or check's name, as in the certificate: `max_weight(bitcoin)`.
    pub limit: String,
    /// One sentence with the value, the bound and the order or asset at fault.
    pub sentence: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.limit, self.sentence)
    }
}

impl std::error::Error for Violation {}

/// Checks a plan against its input. Of the plan's own certificate only the claimed gap is looked at: it may be no less
/// than what the multipliers prove.
///
/// # Errors
/// Everything found wrong, never empty.
pub fn verify(input: &PlanningInput, plan: &RebalancePlan) -> Result<Certificate, Vec<Violation>> {
    verify_for(input, &InputDigests::of(input), plan)
}

/// The same where the input's own digests are known, because the input has not left whoever calls since they were made.
pub(super) fn verify_for(
    input: &PlanningInput,
    digests: &InputDigests,
    plan: &RebalancePlan,
) -> Result<Certificate, Vec<Violation>> {
    let mut findings = Findings::default();
    let certificate = examine(input, digests, plan, &mut findings).unwrap_or_else(|OutOfRange| {
        findings.require(false, "arithmetic", || {
            "a figure of this plan is beyond what a decimal can hold (7.9e28); nothing can be certified".to_owned()
        });
        Certificate::default()
    });
    if findings.is_empty() { Ok(certificate) } else { Err(findings.into_violations()) }
}

fn examine(
    input: &PlanningInput,
    digests: &InputDigests,
    plan: &RebalancePlan,
    findings: &mut Findings,
) -> Result<Certificate, OutOfRange> {
    statement::check_identity(input, digests, plan, findings);
    let books = books::keep(input, plan, findings)?;
    statement::check_totals(plan, &books, findings)?;
    statement::check_positions(&books, findings);
    regime::check(input, plan, findings)?;
    permission::check(input, plan, &books, findings);
    orders::check(input, plan, &books, findings)?;
    let risk = risk::Risk::of(input, &books)?;
    let checks = limits::check(input, plan, &books, risk.as_ref(), findings)?;
    let optimality = optimality::prove(input, plan, &books, risk.as_ref(), &checks, findings)?;
    Ok(Certificate { checks, optimality })
}
