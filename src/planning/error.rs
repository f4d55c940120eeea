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

/// Hard limits that cannot all be met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// A minimal set: without any one of them the rest can be met.
    pub limits: Vec<String>,
    /// For each of them the smallest change that alone would make all of them meet; absent where none would.
    pub repairs: Vec<Repair>,
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
            write!(f, "{lead} {} from {} to {}", repair.limit, repair.from, repair.to)?;
        }
        f.write_str("; or mark one of them soft in the policy")
    }
}
