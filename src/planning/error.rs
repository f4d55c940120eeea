//! Why there is no plan.

use crate::model::{AssetId, Decimal};

use super::solver::SolverFault;

/// A plan could not be made. Every message says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("{0} is held but has no price; price it, or name it in guards.unmanaged_assets")]
    Unpriced(AssetId),
    #[error("net asset value is above 1e15 in quote currency; check quantities and prices for a wrong unit")]
    NetAssetValueTooLarge,
    #[error(
        "no asset is eligible out of {candidates} candidates; the commonest reason: {commonest}; \
         loosen [eligibility] or check the market data"
    )]
    EmptyUniverse { candidates: usize, commonest: String },
    #[error("{0}")]
    Conflict(Conflict),
    #[error(
        "the plan has {orders} orders and orders.max_orders is {most}; raise it, or raise orders.min_trade so that small \
         trades are left out"
    )]
    TooManyOrders { orders: usize, most: u32 },
    #[error("{}; {REMEDY}", not_proved(*.nodes, *.gap, *.most))]
    NotProved {
        nodes: u32,
        /// How far the best orders found are from the proved bound, in net asset value; absent where none were found.
        gap: Option<Decimal>,
        /// The policy's.
        most: Decimal,
    },
    #[error("{0}; run again with the same input to reproduce it, and report it")]
    Solver(#[from] SolverFault),
    #[error(
        "the plan broke {} of its own limits and was discarded; nothing is sent; first: {}: {}",
        .0.len(),
        .0.first().map_or("", |violation| violation.limit.as_str()),
        .0.first().map_or("", |violation| violation.sentence.as_str()),
    )]
    Verification(Vec<super::verification::Violation>),
}

const REMEDY: &str = "raise integers.max_nodes or integers.max_gap, or loosen limits.max_holdings, limits.min_weight or \
                      integers.whole_lots_above";

fn not_proved(nodes: u32, gap: Option<Decimal>, most: Decimal) -> String {
    let after = format!("the search for whole quantities ended after {nodes} nodes");
    match gap {
        Some(gap) => {
            let gap = gap.round_dp(6).normalize();
            format!(
                "{after}, and its best orders may be {gap} of net asset value from the best; integers.max_gap is {most}"
            )
        }
        None => format!("{after}, and no orders were found that keep every limit"),
    }
}

/// Hard limits that cannot all be met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// A minimal set: without any one of them the rest can be met.
    pub limits: Vec<String>,
    /// For each of them the smallest change that alone would make every limit meet; absent where none would.
    pub repairs: Vec<Repair>,
    /// Where no single change would: the changes that together would, the sum of them the least possible. Empty where no
    /// bound in the policy can mend it.
    pub together: Vec<Repair>,
}

/// Moving this one bound would end a conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    pub limit: String,
    /// In the limit's own unit: a fraction of net asset value, for `max_run_notional` quote currency.
    pub from: Decimal,
    pub to: Decimal,
}

impl std::fmt::Display for Conflict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the hard limits cannot all be met: {} conflict", self.limits.join(", "))?;
        for (index, repair) in self.repairs.iter().enumerate() {
            let lead = if index == 0 { "; it would do to move" } else { ", or" };
            write!(f, "{lead} {repair}")?;
        }
        for (index, repair) in self.together.iter().enumerate() {
            let lead = if index == 0 { "; no single change would do, but together: move" } else { " and" };
            write!(f, "{lead} {repair}")?;
        }
        f.write_str("; or mark one of them soft in the policy")
    }
}

impl std::fmt::Display for Repair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} from {} to {}", self.limit, self.from, self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Money, Quantity};
    use crate::planning::idempotency::InputDigests;
    use crate::planning::sample::{dec, id, input, policy};
    use crate::planning::valuation::net_asset_value;
    use crate::planning::{certified, plan};

    #[test]
    fn a_holding_that_nobody_prices_ends_the_plan() {
        let mut input = input(policy(|_| {}), &["600", "300"], &[("b", "5")], "100");
        input.assets.remove(&id("b"));
        let error = plan(&input).expect_err("it has no price");
        assert_eq!(error, PlanError::Unpriced(id("b")));
        assert_eq!(error.to_string(), "b is held but has no price; price it, or name it in guards.unmanaged_assets");
    }

    #[test]
    fn an_account_worth_more_than_can_be_reckoned_with_ends_the_plan() {
        let worth =
            |cash| net_asset_value(&input(policy(|_| {}), &["600", "300"], &[("a", "1")], cash)).map(Money::get);
        assert_eq!(worth("999999999999999"), Ok(dec("1000000000000000")));
        assert_eq!(worth("999999999999999.01"), Err(PlanError::NetAssetValueTooLarge));
        let too_rich = input(policy(|_| {}), &["600", "300"], &[("a", "1")], "1000000000000000");
        assert_eq!(plan(&too_rich).expect_err("too large").to_string().split(';').next(), Some(TOO_LARGE));
    }

    const TOO_LARGE: &str = "net asset value is above 1e15 in quote currency";

    /// The planner makes no such plan; if it did, no order of it would exist.
    #[test]
    fn a_plan_that_breaks_a_limit_does_not_leave() {
        let input = input(policy(|_| {}), &["600", "300", "100"], &[], "10000");
        let mut plan = plan(&input).expect("a plan");
        assert_eq!(certified(&input, &InputDigests::of(&input), plan.clone()), Ok(plan.clone()));
        plan.orders.first_mut().expect("it buys").quantity = Quantity::parse("9999").expect("quantity");
        let error = certified(&input, &InputDigests::of(&input), plan).expect_err("more than there is cash for");
        let PlanError::Verification(violations) = &error else { panic!("{error}") };
        let first = violations.first().expect("a violation");
        let start = format!("the plan broke {} of its own limits and was discarded; nothing is sent", violations.len());
        assert_eq!(error.to_string(), format!("{start}; first: {}: {}", first.limit, first.sentence));
    }

    #[test]
    fn a_failed_solver_says_what_failed_and_what_to_do() {
        let error = PlanError::from(SolverFault::NotProved).to_string();
        assert!(error.starts_with("the solver stopped before it had proved optimality; run again"), "{error}");
    }
}
