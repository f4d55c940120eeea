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
    #[error("{}", not_proved(*.nodes, *.most_nodes, *.best, *.most))]
    NotProved {
        nodes: u32,
        /// The policy's.
        most_nodes: u32,
        best: BestOrders,
        /// The policy's largest gap, in net asset value.
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

impl PlanError {
    /// Whether it is the planner's own fault: no other input or policy would be the remedy.
    #[must_use]
    pub const fn is_defect(&self) -> bool {
        match self {
            Self::Solver(_) | Self::Verification(_) => true,
            Self::Unpriced(_)
            | Self::NetAssetValueTooLarge
            | Self::EmptyUniverse { .. }
            | Self::Conflict(_)
            | Self::TooManyOrders { .. }
            | Self::NotProved { .. } => false,
        }
    }
}

/// What a search for whole quantities had when it ended without a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BestOrders {
    /// No orders that keep every limit.
    None,
    /// The best found are so far from the proved bound, in net asset value.
    Within(Decimal),
    /// There are some, and there is no bound.
    Unbounded,
}

/// What it would do to change is what ended the search: the nodes, or rounding of what was not decided in whole lots.
fn not_proved(nodes: u32, most_nodes: u32, best: BestOrders, most: Decimal) -> String {
    let all = nodes < most_nodes;
    let after = if all {
        format!("the search for whole quantities ended after {nodes} nodes, for rounding smaller lots breaks limits")
    } else {
        format!("the search for whole quantities ended after {nodes} nodes")
    };
    let came_to = match best {
        BestOrders::None => ", and no orders were found that keep every limit".to_owned(),
        BestOrders::Within(gap) => {
            let gap = gap.round_dp(6).normalize();
            format!(", and its best orders may be {gap} of net asset value from the best; integers.max_gap is {most}")
        }
        BestOrders::Unbounded => ", and nothing is proved of its best orders".to_owned(),
    };
    let first = if all { "lower integers.whole_lots_above" } else { "raise integers.max_nodes" };
    let gap = if matches!(best, BestOrders::Within(_)) { " or raise integers.max_gap" } else { "" };
    format!("{after}{came_to}; {first}{gap}, or loosen limits.max_holdings or limits.min_weight")
}

/// Hard limits that cannot all be met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// A minimal set: without any one of them the rest can be met. Of limits on whole holdings as far as a search could tell;
    /// and the limits on single assets that bound what a category may hold.
    pub limits: Vec<String>,
    /// For each of them the smallest change found that alone makes every limit meet; absent where none does.
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
        let soft = self.limits.iter().filter(|limit| has_soft_form(limit)).count();
        f.write_str(match soft {
            0 => "; or loosen one of them",
            soft if soft == self.limits.len() => "; or mark one of them soft in the policy",
            _ => "; or loosen one of them, or mark one soft that may be",
        })
    }
}

/// Whether the policy may let a limit give way: not those on wholes, nor what a market can take.
fn has_soft_form(limit: &str) -> bool {
    let name = limit.split('(').next().unwrap_or(limit);
    !matches!(name, "max_holdings" | "min_weight" | "participation" | "max_run_notional")
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
    fn a_conflict_asks_for_nothing_soft_that_cannot_be() {
        let said = |limits: &[&str]| {
            let limits = limits.iter().map(|it| (*it).to_owned()).collect();
            Conflict { limits, repairs: Vec::new(), together: Vec::new() }.to_string()
        };
        assert!(said(&["turnover", "max_weight(a)"]).ends_with("; or mark one of them soft in the policy"));
        assert!(said(&["min_weight(a)", "max_holdings"]).ends_with("conflict; or loosen one of them"));
        assert!(said(&["category_min(defi)", "participation(a)"]).ends_with(", or mark one soft that may be"));
    }

    #[test]
    fn a_search_without_a_proof_asks_for_what_would_help() {
        let said = |nodes, best| not_proved(nodes, 5, best, dec("0.0005"));
        let ended = said(5, BestOrders::None);
        assert!(ended.contains("no orders were found") && ended.contains("; raise integers.max_nodes, or"), "{ended}");
        let within = said(5, BestOrders::Within(dec("0.002")));
        assert!(within.contains("; raise integers.max_nodes or raise integers.max_gap, or"), "{within}");
        let unbounded = said(5, BestOrders::Unbounded);
        assert!(unbounded.contains("nothing is proved") && !unbounded.contains("no orders"), "{unbounded}");
        let early = said(4, BestOrders::Within(dec("0.002")));
        assert!(early.contains("lower integers.whole_lots_above") && !early.contains("max_nodes"), "{early}");
    }

    #[test]
    fn a_failed_solver_says_what_failed_and_what_to_do() {
        let error = PlanError::from(SolverFault::NotProved).to_string();
        assert!(error.starts_with("the solver stopped before it had proved optimality; run again"), "{error}");
    }
}
