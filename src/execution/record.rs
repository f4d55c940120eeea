//! A run as reports read it, put together from its items.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::audit::{self, Fault, Finding};
use super::request::ExecutionError;
use crate::model::{Money, PlanningInput, Quantity};
use crate::planning::RebalancePlan;
use crate::ports::blob;
use crate::ports::store::{
    BlobOwner, Change, LogEntry, OrderItem, PortfolioKey, RunItem, RunStore, Settlement, StoreError,
};
use crate::ports::{OrderRecord, OrderState, RunRecord};

/// Loads a run with its input, plan and orders; `None` when there is no such run.
///
/// # Errors
/// When the store does not answer, or what it holds does not have the committed digests.
pub async fn load_run<S: RunStore>(store: &S, run_id: Uuid) -> Result<Option<RunRecord>, ExecutionError> {
    match store.load_run(run_id).await? {
        // Boxed: input and plan are large, and so would be the future of everybody who reads a run.
        Some(run) => Ok(Some(*Box::pin(of(store, run)).await?)),
        None => Ok(None),
    }
}

/// Loads the one run whose id begins with these hex digits (at least four, hyphens ignored).
///
/// # Errors
/// As [`load_run`] and [`find_item`].
pub async fn find_run<S: RunStore>(store: &S, prefix: &str) -> Result<Option<RunRecord>, ExecutionError> {
    match find_item(store, prefix).await? {
        Some(run) => Ok(Some(*Box::pin(of(store, run)).await?)),
        None => Ok(None),
    }
}

/// The same run's item alone, which is there where input and plan cannot be read.
///
/// # Errors
/// When the store does not answer; when the prefix is not valid; when it fits several runs.
pub async fn find_item<S: RunStore>(store: &S, prefix: &str) -> Result<Option<RunItem>, ExecutionError> {
    let mut runs = store.find_runs(prefix).await?;
    match (runs.pop(), runs.len()) {
        (None, _) => Ok(None),
        (Some(run), 0) => Ok(Some(run)),
        (Some(_), others) => Err(ExecutionError::Ambiguous { prefix: prefix.to_owned(), count: others + 1 }),
    }
}

/// What a portfolio remembers: its state and account after its last settled run; `None` before the first.
///
/// # Errors
/// As [`load_run`].
pub async fn load_settlement<S: RunStore>(store: &S, key: &PortfolioKey) -> Result<Option<Settlement>, ExecutionError> {
    match store.load_portfolio(key).await? {
        Some(item) => Ok(Some(blob::load(store, BlobOwner::Portfolio(key), &item.settlement, "settlement").await?)),
        None => Ok(None),
    }
}

/// A run's audit log, checked against what is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditTrail {
    pub run: RunItem,
    /// Absent before the commit, and where it cannot be read, which is a finding.
    pub plan: Option<RebalancePlan>,
    /// By time, then chain and number.
    pub entries: Vec<LogEntry>,
    /// Empty: the log is whole, and it is what the stored run and orders say.
    pub findings: Vec<Finding>,
}

/// Recomputes a run's audit log; `None` when there is no such run.
///
/// # Errors
/// As [`load_run`].
pub async fn load_audit<S: RunStore>(store: &S, run_id: Uuid) -> Result<Option<AuditTrail>, ExecutionError> {
    // Read until nothing was written in between: a run that is at work must not look tampered with.
    let (run, orders, mut entries) = loop {
        let Some(run) = store.load_run(run_id).await? else {
            return Ok(None);
        };
        let orders = store.load_orders(run_id).await?;
        let entries = store.load_log(run_id).await?;
        if store.load_run(run_id).await?.as_ref() == Some(&run) && store.load_orders(run_id).await? == orders {
            break (run, orders, entries);
        }
    };
    let mut unreadable = Vec::new();
    let mut plan: Option<RebalancePlan> = None;
    if let Some(commitment) = &run.commitment {
        let owner = BlobOwner::Run(run_id);
        plan = readable(blob::load(store, owner, &commitment.plan, "plan").await, &mut unreadable)?;
        let _input: Option<PlanningInput> =
            readable(blob::load(store, owner, &commitment.input, "planning input").await, &mut unreadable)?;
    }
    let planned: Vec<Uuid> = plan.iter().flat_map(|plan| &plan.orders).map(|order| order.key).collect();
    let mut findings = audit::verify(audit::Stored { run: &run, orders: &orders, planned: &planned }, &entries);
    findings.extend(unreadable);
    entries.sort_by_key(|entry| (entry.at, matches!(entry.change, Change::Order { .. }), entry.sequence));
    Ok(Some(AuditTrail { run, plan, entries, findings }))
}

/// What cannot be read is a finding: what else there is is checked all the same, and so are other runs.
fn readable<T>(loaded: Result<T, StoreError>, unreadable: &mut Vec<Finding>) -> Result<Option<T>, StoreError> {
    match loaded {
        Ok(read) => Ok(Some(read)),
        Err(error @ StoreError::Corrupt { .. }) => {
            unreadable.push(Finding::of_run(Fault::Altered, error.to_string()));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The record of a run whose item is at hand.
pub(super) async fn of<S: RunStore>(store: &S, run: RunItem) -> Result<Box<RunRecord>, ExecutionError> {
    let owner = BlobOwner::Run(run.run_id);
    let (input, plan, plan_digest) = match &run.commitment {
        Some(commitment) => {
            let input: PlanningInput = blob::load(store, owner, &commitment.input, "planning input").await?;
            let plan: RebalancePlan = blob::load(store, owner, &commitment.plan, "plan").await?;
            (Some(input), Some(plan), Some(commitment.plan.digest.clone()))
        }
        None => (None, None, None),
    };
    let items = store.load_orders(run.run_id).await?.into_iter().map(|item| (item.key, item)).collect();
    let account_after = match &run.settlement {
        Some(reference) => {
            let key = PortfolioKey::from(&run.identity);
            let owner = BlobOwner::Portfolio(&key);
            let settlement: Settlement = blob::load(store, owner, reference, "settlement").await?;
            Some(settlement.account)
        }
        None => None,
    };
    Ok(Box::new(RunRecord {
        run_id: run.run_id,
        state: run.state,
        updated_at: run.updated_at,
        reason: run.reason,
        orders: plan.as_ref().map(|plan| order_records(plan, items)).unwrap_or_default(),
        input,
        plan,
        plan_digest,
        approval: run.approval,
        account_after,
    }))
}

fn order_records(plan: &RebalancePlan, mut items: BTreeMap<Uuid, OrderItem>) -> Vec<OrderRecord> {
    let record = |key| match items.remove(&key) {
        Some(item) => OrderRecord {
            key,
            state: item.state,
            filled_quantity: item.filled_quantity,
            average_price: item.average_price,
            fee: item.fee,
            note: item.note,
            refused: item.refused,
        },
        None => OrderRecord {
            key,
            state: OrderState::Planned,
            filled_quantity: Quantity::ZERO,
            average_price: None,
            fee: Money::ZERO,
            note: String::new(),
            refused: false,
        },
    };
    plan.orders.iter().map(|order| order.key).map(record).collect()
}
