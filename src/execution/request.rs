//! What is asked of execution, how patient it is, and what comes out.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::transition::IllegalTransition;
use crate::model::policy::OrderPolicy;
use crate::model::{AccountSnapshot, Flow, Money, RunIdentity, Trigger, VenueId};
use crate::ports::store::{RunItem, Settlement};
use crate::ports::{Clock, RunRecord, StoreError, VenueError};

/// One occasion to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRequest {
    pub identity: RunIdentity,
    pub flow: Flow,
    pub intent: Intent,
    /// Of this worker: another one for every process or invocation, repeated by none. Not part of any key.
    pub claim_token: Uuid,
}

/// What is to come of the occasion. Not part of any key, nor of what a run is about: a proposal, its approval and its
/// execution are one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Intent {
    /// Plan it and send its orders.
    #[default]
    Execute,
    /// Plan it, send nothing, and wait for a person's word.
    Propose,
    /// Send exactly the stored plan of this digest.
    Approve { plan_digest: String, operator: String },
}

/// The outside, as execution sees it.
#[derive(Debug)]
pub struct Ports<'a, S, V, C> {
    pub store: &'a S,
    pub venue: &'a V,
    pub clock: &'a C,
    pub settings: &'a Settings,
}

/// The longest lease: what a dead worker can make others wait for.
pub const LONGEST_LEASE_MS: u64 = 60_000;

/// How patient execution is, and the limits of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// A worker that has not renewed its lease for this long may be taken over; more than [`LONGEST_LEASE_MS`] is
    /// taken as that.
    pub lease_ms: u64,
    /// From signing an order to its deadline on the wire; the plan's validity bounds it as well.
    pub send_window_ms: u64,
    /// How long one phase waits for its orders to become terminal.
    pub phase_timeout_ms: u64,
    /// Between two looks at orders that are not terminal.
    pub poll_interval_ms: u64,
    /// When this worker takes up nothing new any more and leaves what there is to the next one; by the time that leases
    /// are measured by. Absent: nobody stops it.
    pub stop_at: Option<Timestamp>,
    /// For so long a proposal can be approved; its plan's validity bounds it as well.
    pub proposal_ms: u64,
    /// Most attempts under one key, at a venue that replays.
    pub max_attempts: u32,
    /// For so many hours after its scheduled time a run may begin, or wait for its input.
    pub window_hours: u32,
    /// Most notional that all runs on the account may commit in one UTC day, whatever their policies say. Absent: no
    /// limit besides theirs.
    pub max_day_notional: Option<Money>,
    /// Days after its end at which a run may be purged. Long after the longest redelivery window.
    pub retention_days: u32,
    /// Most bytes in one stored chunk of an input or a plan.
    pub chunk_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            lease_ms: 60_000,
            send_window_ms: 5_000,
            phase_timeout_ms: 20_000,
            poll_interval_ms: 500,
            stop_at: None,
            proposal_ms: 86_400_000,
            max_attempts: 3,
            window_hours: 6,
            max_day_notional: None,
            retention_days: 400,
            chunk_bytes: crate::ports::blob::CHUNK_BYTES,
        }
    }
}

/// What earlier runs left behind: the planning input's account and state come from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    pub run_id: Uuid,
    /// The venue account now.
    pub account: AccountSnapshot,
    /// Absent before the portfolio's first settled run.
    pub settled: Option<Settlement>,
}

/// Why there is no planning input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PreparationFailure {
    /// Worth trying again: a source did not answer. The run stays claimed until its window ends.
    Transient(String),
    /// The input is incomplete, stale or absurd: the run ends here.
    Refused(String),
}

impl From<VenueError> for PreparationFailure {
    fn from(error: VenueError) -> Self {
        match &error {
            VenueError::Unanswered { .. } => Self::Transient(error.to_string()),
            VenueError::Refused { .. } => Self::Refused(error.to_string()),
        }
    }
}

/// How a run ended, or why it did not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunOutcome {
    /// Done now: every order is terminal and the account is released.
    Completed(Box<RunRecord>),
    /// It was over before (`Done` or `Aborted`): the stored result, and nothing else happened.
    AlreadyDone(Box<RunRecord>),
    /// Ended now without doing all of its plan; the record says why.
    Aborted(Box<RunRecord>),
    /// Committed, and at least one order's fate is not known yet. The account stays locked; run or recover again,
    /// and look at the venue when it persists.
    Unsettled(Box<RunRecord>),
    /// Committed, and waiting for a person's word; nothing was sent.
    Proposed(Box<RunRecord>),
    /// Committed, and this worker's time is over before its end. Whoever comes next goes on at once.
    OutOfTime(Box<RunRecord>),
    /// Another run holds the venue account and is not settled.
    Busy { holder: Uuid },
    /// Another worker is at it, or was when its lease was written.
    InProgressElsewhere { run_id: Uuid, lease_until: Timestamp },
}

/// Why execution could not go on. Nothing is sent twice by trying again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExecutionError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Venue(#[from] VenueError),
    #[error("run {run_id} is stored for another flow or event; give this occasion another label or scheduled time")]
    OtherOccasion { run_id: Uuid },
    #[error(
        "scheduled_time {scheduled} is more than {window_hours} hours before {now} and no such run exists; let the next schedule run, or start one by hand"
    )]
    PastWindow { scheduled: Timestamp, window_hours: u32, now: Timestamp },
    #[error("scheduled_time {scheduled} is after {now}; wait for it")]
    NotYetDue { scheduled: Timestamp, now: Timestamp },
    #[error("venue {asked} is asked for and the venue at hand is {at_hand}; use the adapter of {asked}")]
    WrongVenue { asked: VenueId, at_hand: VenueId },
    #[error("the input is not to be had now: {cause}; run again before {until}")]
    TryAgain { cause: String, until: Timestamp },
    /// This worker's time is over and nothing was committed; another delivery of the event goes on.
    #[error("run {run_id} has no plan yet and this worker's time is over; deliver its event again")]
    OutOfTime { run_id: Uuid },
    #[error("nothing is sent of run {run_id}: {cause}")]
    NotApproved { run_id: Uuid, cause: String },
    #[error("run {run_id} was taken over by another worker; this one has stopped")]
    LostLease { run_id: Uuid },
    /// What is stored or found contradicts the plan. Nothing more is sent; a person must look.
    #[error("run {run_id} is halted: {cause}; nothing more is sent, a person must look at the run and at the venue")]
    Halted { run_id: Uuid, cause: String },
    /// What a person says of an order does not fit what is known of it. Nothing changed.
    #[error("what is said of order {order} is not taken: {cause}")]
    AnswerRefused { order: Uuid, cause: String },
    #[error("{0}; this is a defect of the program")]
    Illegal(#[from] IllegalTransition),
    #[error("{prefix:?} fits {count} runs; give more digits")]
    Ambiguous { prefix: String, count: usize },
}

/// `at` and so many milliseconds; the end of time when that is beyond it.
pub(super) fn after(at: Timestamp, milliseconds: u64) -> Timestamp {
    let span = SignedDuration::from_millis(i64::try_from(milliseconds).unwrap_or(i64::MAX));
    at.checked_add(span).unwrap_or(Timestamp::MAX)
}

/// Until when a run may begin or wait for its input.
pub(super) fn window_end(run: &RunItem, settings: &Settings) -> Timestamp {
    let begin = match &run.identity.trigger {
        Trigger::Scheduled(at) => *at,
        Trigger::Manual(_) => run.created_at,
    };
    after(begin, u64::from(settings.window_hours) * 3_600_000)
}

/// This worker's time is over.
pub(super) fn is_out_of_time<S, V, C: Clock>(ports: &Ports<'_, S, V, C>) -> bool {
    ports.settings.stop_at.is_some_and(|at| ports.clock.stop_now() >= at)
}

/// Between two looks, and not beyond this worker's time.
pub(super) fn pause_ms<S, V, C: Clock>(ports: &Ports<'_, S, V, C>) -> u64 {
    let left = ports.settings.stop_at.map(|at| at.duration_since(ports.clock.stop_now()).as_millis());
    let left = left.map_or(u64::MAX, |left| u64::try_from(left.max(1)).unwrap_or(u64::MAX));
    ports.settings.poll_interval_ms.min(left)
}

/// The most that may be reserved on the account in one day: the tighter of the operator's and the policy's.
pub(super) fn day_limit(settings: &Settings, policy: &OrderPolicy) -> Option<Money> {
    settings.max_day_notional.into_iter().chain(policy.max_day_notional).min()
}

/// The UTC day of a moment.
pub(super) fn day_of(at: Timestamp) -> jiff::civil::Date {
    jiff::tz::TimeZone::UTC.to_datetime(at).date()
}

/// How much longer than its run an order, a chunk or a settlement is kept: a table purges in no order, days late, and a
/// run of which only parts are there would look tampered with.
const PARTS_OUTLIVE_DAYS: i64 = 30;

/// Unix seconds at which a run that ends now may be purged.
pub(super) fn purge_time(now: Timestamp, settings: &Settings) -> i64 {
    now.as_second().saturating_add(i64::from(settings.retention_days) * 86_400)
}

/// The same for what belongs to a run that may be purged then.
pub(super) const fn purge_time_of_parts(of_run: i64) -> i64 {
    of_run.saturating_add(PARTS_OUTLIVE_DAYS * 86_400)
}

/// The same for an order that ends now, with its run or a little before it.
pub(super) fn purge_time_of_order(now: Timestamp, settings: &Settings) -> i64 {
    purge_time_of_parts(purge_time(now, settings))
}
