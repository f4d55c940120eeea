//! Every JSON document that the command line prints. Each names its schema in the field `schema`; a field may be
//! added under the same name, while a removed or re-interpreted one raises the number.
//!
//! The JSON Schema of all of them is generated from these types: `rebalance schema report`.

use jiff::Timestamp;
use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde::Serialize;
use uuid::Uuid;

use super::audit::{AuditReport, SwitchReport};
use super::backtest::{BacktestReport, StudyReport};
use super::batch::BatchLine;
use super::difference::{Difference, FieldChange};
use super::explanation::Explanation;
use super::fetching::FetchedGrades;
use super::handling::HandledRun;
use super::loading::{LoadedCase, StoredSnapshots};
use super::outbox::{OutboxActReport, OutboxLine};
use super::published::{RunState, UtcTime, UuidText};
use super::run::RunReport;
use crate::model::{Money, Weight};

/// What one invocation says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "schema")]
pub enum Document {
    /// `plan` and `run`: one entry per case and account, in the order asked for.
    #[serde(rename = "rebalance/runs/1")]
    Runs { runs: Vec<RunEntry> },
    /// `show`.
    #[serde(rename = "rebalance/run/1")]
    Run(Box<RunReport>),
    /// `show` of a run that has no plan (yet).
    #[serde(rename = "rebalance/run-without-plan/1")]
    RunWithoutPlan(RunWithoutPlan),
    /// `runs`, newest first.
    #[serde(rename = "rebalance/run-list/1")]
    RunList { runs: Vec<RunLine> },
    /// `explain`.
    #[serde(rename = "rebalance/explanation/1")]
    Explanation(Box<Explanation>),
    /// `replay`.
    #[serde(rename = "rebalance/replay/1")]
    Replay(ReplayReport),
    /// `diff`.
    #[serde(rename = "rebalance/difference/1")]
    Difference(Box<Difference>),
    /// `policy check`.
    #[serde(rename = "rebalance/policy-check/1")]
    PolicyCheck(PolicyCheck),
    /// `kill-switch`.
    #[serde(rename = "rebalance/kill-switch/1")]
    KillSwitch(KillSwitchReport),
    /// `recover`, `settle` and `abort`: one entry for each run that was taken up.
    #[serde(rename = "rebalance/handled-runs/1")]
    HandledRuns { runs: Vec<HandledRun> },
    /// `audit`.
    #[serde(rename = "rebalance/audit/1")]
    Audit {
        runs: Vec<AuditReport>,
        /// Every kill switch that was ever set; none where one run is asked for.
        switches: Vec<SwitchReport>,
    },
    /// `backtest` of one policy over one period.
    #[serde(rename = "rebalance/backtest/1")]
    Backtest(Box<BacktestReport>),
    /// `backtest` with windows or a grid of parameters.
    #[serde(rename = "rebalance/backtest-study/1")]
    BacktestStudy(Box<StudyReport>),
    /// `fetch grades`.
    #[serde(rename = "rebalance/fetched-grades/1")]
    FetchedGrades(FetchedGrades),
    /// `load`: one entry for each case.
    #[serde(rename = "rebalance/loaded-cases/1")]
    LoadedCases { cases: Vec<LoadedCase> },
    /// `load --list`.
    #[serde(rename = "rebalance/stored-snapshots/1")]
    StoredSnapshots(StoredSnapshots),
    /// `orders`: those of every outbox, oldest first.
    #[serde(rename = "rebalance/outbox-orders/1")]
    OutboxOrders { orders: Vec<OutboxLine> },
    /// `ack`, `fill`, `reject` and `cancel`.
    #[serde(rename = "rebalance/outbox-act/1")]
    OutboxAct(Box<OutboxActReport>),
    /// `batch`: one document a line, for each planning input in their order.
    #[serde(rename = "rebalance/batch-line/1")]
    BatchLine(BatchLine),
    /// Any command that failed as a whole.
    #[serde(rename = "rebalance/error/1")]
    Error(ErrorReport),
}

impl Document {
    /// The JSON Schema (2020-12) of every document.
    #[must_use]
    pub fn json_schema() -> Schema {
        SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<Self>()
    }

    /// Indented, with a final newline.
    ///
    /// # Errors
    /// Never for these types; the signature is serde's.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    /// On one line, with its end.
    ///
    /// # Errors
    /// As [`Self::to_json`].
    pub fn to_line(&self) -> serde_json::Result<String> {
        serde_json::to_string(self).map(|text| text + "\n")
    }
}

/// One account's run, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RunEntry {
    /// The case directory as it was given.
    pub case: String,
    pub account: String,
    /// Orders that this invocation sent to the venue: 0 for a dry run and for a run that was already done.
    pub new_orders: usize,
    pub run: Option<Box<RunReport>>,
    pub error: Option<ErrorReport>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RunWithoutPlan {
    #[schemars(with = "UuidText")]
    pub run_id: Uuid,
    pub state: RunState,
    pub reason: String,
}

/// One line of the list of runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RunLine {
    #[schemars(with = "UuidText")]
    pub run_id: Uuid,
    pub state: RunState,
    pub portfolio: String,
    pub account: String,
    #[schemars(with = "Option<UtcTime>")]
    pub as_of: Option<Timestamp>,
    pub net_asset_value: Option<Money>,
    pub quote_currency: Option<String>,
    pub orders: usize,
    pub turnover: Option<Weight>,
    pub fees: Money,
    /// Why it was aborted; empty otherwise.
    pub reason: String,
}

/// Whether the stored input still makes the stored plan, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReplayReport {
    #[schemars(with = "UuidText")]
    pub run_id: Uuid,
    pub identical: bool,
    pub stored_bytes: usize,
    pub recomputed_bytes: usize,
    /// SHA-256 of the stored plan's bytes.
    pub stored_digest: String,
    pub recomputed_digest: String,
    /// The solver that made the stored plan; another one may break ties differently.
    pub stored_solver: String,
    pub recomputed_solver: String,
    pub first_difference: Option<FieldChange>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PolicyCheck {
    pub file: String,
    pub name: String,
    pub digest: String,
    pub members: u32,
    /// Limits that are set, as in certificates.
    pub limits: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KillSwitchReport {
    /// While on, nothing is sent.
    pub on: bool,
    pub changed: bool,
    /// Absent: it concerns everything.
    pub portfolio: Option<String>,
    /// The store has runs of that portfolio; absent where it concerns everything.
    pub portfolio_known: Option<bool>,
    /// The switch of everything, which stops this portfolio too.
    pub everything_on: bool,
    pub note: String,
    /// Who set it; absent when it was never set.
    pub operator: Option<String>,
    /// Absent when it was never set.
    #[schemars(with = "Option<UtcTime>")]
    pub updated_at: Option<Timestamp>,
    pub store: String,
}

/// What happened, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ErrorReport {
    pub kind: ErrorKind,
    /// The exit code that this kind of failure has: 1 unexpected, 2 usage, 3 bad input, 4 infeasible, 5 halted,
    /// aborted or a person must look, 6 replay mismatch, 7 busy. 0 goes with no error.
    pub exit_code: u8,
    pub message: String,
    /// What to do; empty where the message says it.
    pub remedy: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    Unexpected,
    Usage,
    BadInput,
    Infeasible,
    NeedsAttention,
    ReplayMismatch,
    Busy,
}

impl ErrorKind {
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Unexpected => 1,
            Self::Usage => 2,
            Self::BadInput => 3,
            Self::Infeasible => 4,
            Self::NeedsAttention => 5,
            Self::ReplayMismatch => 6,
            Self::Busy => 7,
        }
    }
}

impl ErrorReport {
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { kind, exit_code: kind.exit_code(), message: message.into(), remedy: remedy.into() }
    }
}
