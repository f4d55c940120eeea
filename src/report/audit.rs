//! The audit log of a run or of a kill switch, for people and programs.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::published::{OrderState, RunState, UtcTime, UuidText};
use crate::model::{Environment, InstrumentId, Side};
use crate::planning::RebalancePlan;
use crate::ports::store::{Change, KillSwitch, LogEntry, RunItem, SwitchEntry, SwitchScope};

/// One run's log and what its check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AuditReport {
    #[schemars(with = "UuidText")]
    pub run_id: Uuid,
    pub state: RunState,
    pub portfolio: String,
    pub account: String,
    /// The log is as it was written, and what the stored run and orders say.
    pub is_whole: bool,
    /// By time.
    pub entries: Vec<AuditEntry>,
    /// Empty when it is whole.
    pub findings: Vec<AuditFinding>,
}

/// One change. Together with `item_digest` these fields, as stored, make the hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AuditEntry {
    #[schemars(with = "UtcTime")]
    pub at: Timestamp,
    /// Absent: it is about the run.
    #[schemars(with = "Option<UuidText>")]
    pub order: Option<Uuid>,
    /// What the order is, where the plan says it.
    pub side: Option<Side>,
    pub instrument: Option<InstrumentId>,
    /// Within its chain, from 1.
    pub sequence: u64,
    /// Absent when it was made; the same state twice means that something else in it changed.
    pub from: Option<String>,
    pub to: String,
    pub epoch: u64,
    /// The worker that wrote it.
    #[schemars(with = "UuidText")]
    pub claim_token: Uuid,
    /// The person on whose word.
    pub operator: Option<String>,
    pub why: String,
    pub item_digest: String,
    pub previous: String,
    pub hash: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AuditFinding {
    /// `altered`, `missing`, `out_of_order`, `stray` or `illegal`.
    pub fault: String,
    /// Absent: it is about the run's own chain.
    #[schemars(with = "Option<UuidText>")]
    pub order: Option<Uuid>,
    /// Absent when it is about the chain as a whole.
    pub sequence: Option<u64>,
    /// One sentence.
    pub what: String,
}

impl AuditReport {
    #[must_use]
    pub fn of(run: &RunItem, plan: Option<&RebalancePlan>, log: &[LogEntry], findings: Vec<AuditFinding>) -> Self {
        Self {
            run_id: run.run_id,
            state: run.state.into(),
            portfolio: run.identity.portfolio.to_string(),
            account: format!("{}/{}", run.identity.venue, run.identity.venue_account),
            is_whole: findings.is_empty(),
            entries: log.iter().map(|entry| AuditEntry::of(entry, plan)).collect(),
            findings,
        }
    }
}

impl AuditEntry {
    fn of(entry: &LogEntry, plan: Option<&RebalancePlan>) -> Self {
        let (order, from, to) = match entry.change {
            Change::Run { from, to } => {
                (None, from.map(RunState::from).map(RunState::as_str), RunState::from(to).as_str())
            }
            Change::Order { key, from, to } => {
                (Some(key), from.map(OrderState::from).map(OrderState::as_str), OrderState::from(to).as_str())
            }
        };
        let planned = order.and_then(|key| plan?.orders.iter().find(|order| order.key == key));
        Self {
            at: entry.at,
            order,
            side: planned.map(|order| order.side),
            instrument: planned.map(|order| order.instrument.clone()),
            sequence: entry.sequence,
            from: from.map(str::to_owned),
            to: to.to_owned(),
            epoch: entry.epoch,
            claim_token: entry.claim_token,
            operator: entry.operator.clone(),
            why: entry.why.clone(),
            item_digest: entry.item_digest.clone(),
            previous: entry.previous.clone(),
            hash: entry.hash.clone(),
        }
    }
}

/// One kill switch's log and what its check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SwitchReport {
    /// Absent: it concerns everything.
    pub portfolio: Option<String>,
    /// Of the portfolio.
    pub environment: Option<Environment>,
    /// While on, nothing is sent. A switch that is gone is off.
    pub on: bool,
    /// The log is as it was written, and what the stored switch says.
    pub is_whole: bool,
    /// As filed.
    pub entries: Vec<SwitchChange>,
    /// Empty when it is whole.
    pub findings: Vec<AuditFinding>,
}

/// One change of a kill switch. Together with `item_digest` these fields, as stored, make the hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SwitchChange {
    #[schemars(with = "UtcTime")]
    pub at: Timestamp,
    /// From 1.
    pub sequence: u64,
    /// After the change.
    pub on: bool,
    /// Who did it.
    pub operator: String,
    pub why: String,
    pub item_digest: String,
    pub previous: String,
    pub hash: String,
}

impl SwitchReport {
    #[must_use]
    pub fn of(
        scope: &SwitchScope,
        switch: Option<&KillSwitch>,
        log: &[SwitchEntry],
        findings: Vec<AuditFinding>,
    ) -> Self {
        let (portfolio, environment) = match scope {
            SwitchScope::Everything => (None, None),
            SwitchScope::Portfolio(environment, portfolio) => (Some(portfolio.to_string()), Some(*environment)),
        };
        let change = |entry: &SwitchEntry| SwitchChange {
            at: entry.at,
            sequence: entry.sequence,
            on: entry.on,
            operator: entry.operator.clone(),
            why: entry.why.clone(),
            item_digest: entry.item_digest.clone(),
            previous: entry.previous.clone(),
            hash: entry.hash.clone(),
        };
        Self {
            portfolio,
            environment,
            on: switch.is_some_and(|switch| switch.on),
            is_whole: findings.is_empty(),
            entries: log.iter().map(change).collect(),
            findings,
        }
    }
}
