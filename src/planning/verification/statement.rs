//! What the plan says about itself, compared with the input and the verifier's books.

use jiff::{SignedDuration, Timestamp};

use super::arithmetic::{OutOfRange, same_weight};
use super::books::{Books, Line};
use super::findings::Findings;
use crate::model::{Decimal, PlanningInput};
use crate::planning::idempotency::{self, InputDigests};
use crate::planning::plan::{Outcome, PLAN_SCHEMA, Position, RebalancePlan, Role};

/// Who runs, on what, when: everything that can be compared without arithmetic.
pub(super) fn check_identity(
    input: &PlanningInput,
    digests: &InputDigests,
    plan: &RebalancePlan,
    findings: &mut Findings,
) {
    findings.require(plan.schema == PLAN_SCHEMA, "schema", || {
        format!("the plan has schema {}, this build checks {PLAN_SCHEMA}", plan.schema)
    });
    findings.require(plan.run == input.run, "run", || "the plan is for another run than its input".to_owned());
    let run_id = idempotency::run_id(&input.run);
    findings.require(plan.run_id == run_id, "run_id", || format!("the plan's run id is {}, not {run_id}", plan.run_id));
    findings.require(plan.flow == input.flow, "flow", || {
        format!("the plan's flow is {:?}, the input's {:?}", plan.flow, input.flow)
    });
    findings.require(plan.as_of == input.as_of, "as_of", || {
        format!("the plan is made for {}, the input for {}", plan.as_of, input.as_of)
    });
    findings.require(plan.policy_name == input.policy.name, "policy_name", || {
        format!("the plan names policy {:?}, the input {:?}", plan.policy_name, input.policy.name)
    });
    findings.require(plan.quote_currency == input.policy.quote_currency, "quote_currency", || {
        format!("the plan counts in {:?}, the policy in {:?}", plan.quote_currency, input.policy.quote_currency)
    });
    findings.require((plan.outcome == Outcome::Rebalance) != plan.orders.is_empty(), "outcome", || {
        format!("the plan's outcome is {:?} with {} orders", plan.outcome, plan.orders.len())
    });
    findings.require(Some(plan.valid_until) == valid_until(input), "valid_until", || {
        let minutes = input.policy.orders.valid_minutes;
        format!("the plan is valid until {}, which is not {minutes} minutes after {}", plan.valid_until, input.as_of)
    });
    check_digest("input_digest", &plan.input_digest, &digests.input, findings);
    check_digest("policy_digest", &plan.policy_digest, &digests.policy, findings);
}

fn check_digest(name: &str, stated: &str, recomputed: &str, findings: &mut Findings) {
    findings.require(stated == recomputed, name, || format!("the plan states {stated}, the input gives {recomputed}"));
}

/// When orders expire; `None` where that is beyond the calendar.
pub(super) fn valid_until(input: &PlanningInput) -> Option<Timestamp> {
    let validity = SignedDuration::from_mins(i64::from(input.policy.orders.valid_minutes));
    input.as_of.checked_add(validity).ok()
}

/// The plan's totals: net asset value, cash, cost, turnover.
pub(super) fn check_totals(plan: &RebalancePlan, books: &Books<'_>, findings: &mut Findings) -> Result<(), OutOfRange> {
    let whole = books.net_asset_value;
    let mut money = |name: &str, what: &str, stated: Decimal, recomputed: Decimal| {
        findings.require(books.calculator.same_money(stated, recomputed, whole), name, || {
            differs(what, stated, recomputed)
        });
    };
    money("net_asset_value", "net asset value", plan.net_asset_value.get(), whole);
    money("cash_before", "cash before", plan.cash.before.get(), books.cash_before);
    money("budget", "cash after", plan.cash.after.get(), books.cash_after);
    money("estimated_cost", "estimated cost", plan.estimated_cost.get(), books.cost);

    let mut weight = |name: &str, what: &str, stated: Decimal, recomputed: Decimal| {
        findings.require(same_weight(stated, recomputed), name, || differs(what, stated, recomputed));
    };
    let before = books.weight_of(books.cash_before)?;
    weight("cash_weight_before", "cash weight before", plan.cash.weight_before.get(), before);
    let after = books.weight_of(books.cash_after)?;
    weight("cash_weight_after", "cash weight after", plan.cash.weight_after.get(), after);
    weight("stated_turnover", "turnover", plan.turnover.get(), books.turnover()?);
    Ok(())
}

fn differs(what: &str, stated: Decimal, recomputed: Decimal) -> String {
    format!("the plan states {what} {stated}; the input and the orders give {}", recomputed.normalize())
}

/// Every held asset has its position, and every position says what the books say.
pub(super) fn check_positions(books: &Books<'_>, findings: &mut Findings) {
    for (asset, line) in &books.lines {
        // What nobody prices can have no position: a position has a price.
        findings.require_of(line.position.is_some() || line.record.is_none(), "position", asset, || {
            format!("{asset} is held or traded and has no position in the plan")
        });
        if let Some(position) = line.position {
            check_position(position, line, findings);
        }
    }
}

fn check_position(position: &Position, line: &Line<'_>, findings: &mut Findings) {
    let asset = &position.asset;
    let mut require = |holds: bool, what: &str, stated: Decimal, recomputed: Decimal| {
        findings.require_of(holds, what, asset, || format!("{asset}: {}", differs(what, stated, recomputed)));
    };
    let price = position.price.get();
    require(price == line.price || position.role == Role::Unmanaged, "price", price, line.price);
    let units = [
        ("quantity_before", position.quantity_before, line.before),
        ("quantity_after", position.quantity_after, line.after),
    ];
    for (what, stated, recomputed) in units {
        require(stated.get() == recomputed, what, stated.get(), recomputed);
    }
    let weights = [
        ("weight_before", position.weight_before, line.weight_before),
        ("weight_after", position.weight_after, line.weight_after),
    ];
    for (what, stated, recomputed) in weights {
        require(same_weight(stated.get(), recomputed), what, stated.get(), recomputed);
    }
}
