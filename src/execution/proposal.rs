//! Proposals: a committed plan that waits for a person's word. Nothing of it is sent before, and it holds its account.
//!
//! ```text
//! propose ─▶ Planned, approval until T ─┬─ approved before T: exactly the stored plan ─▶ Emitting ─▶ …
//!                                       └─ not until T: every order Skipped ─▶ Aborted, the account is free
//! ```
//!
//! The word is given once, to one plan digest, by one conditional write of the run. Nobody takes a waiting proposal
//! over: there is nothing to work at.

use std::fmt;

use jiff::Timestamp;

use super::audit;
use super::claim::{self, Standing};
use super::emission;
use super::record;
use super::request::{self, ExecutionError, Intent, Ports, RunOutcome, RunRequest};
use crate::planning::idempotency;
use crate::ports::store::{Approval, Given, RunItem, Written};
use crate::ports::{Clock, RunState, RunStore, Venue};

/// How a run's plan stands to a person's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// Nobody's word was asked for.
    NotAsked,
    Given,
    /// Nothing is sent; it can be given until then.
    Awaited {
        until: Timestamp,
    },
    /// It was not given in time.
    Lapsed {
        since: Timestamp,
    },
    /// It was given to another plan than the committed one.
    ForAnotherPlan,
}

impl Consent {
    /// Whether orders may leave.
    #[must_use]
    pub const fn allows_sending(self) -> bool {
        matches!(self, Self::NotAsked | Self::Given)
    }
}

impl fmt::Display for Consent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAsked => f.write_str("the plan needs no approval"),
            Self::Given => f.write_str("the plan is approved"),
            Self::Awaited { until } => write!(f, "the plan is a proposal, to be approved before {until}"),
            Self::Lapsed { since } => write!(f, "the proposal was not approved before {since}"),
            Self::ForAnotherPlan => f.write_str("the approval was given to another plan"),
        }
    }
}

/// How the run stands to a person's word at that time. Pure.
#[must_use]
pub fn consent(run: &RunItem, now: Timestamp) -> Consent {
    let (Some(Approval { until, given }), Some(commitment)) = (&run.approval, &run.commitment) else {
        return Consent::NotAsked;
    };
    match given {
        Some(given) if given.plan_digest == commitment.plan.digest => Consent::Given,
        Some(_) => Consent::ForAnotherPlan,
        None if now < *until => Consent::Awaited { until: *until },
        None => Consent::Lapsed { since: *until },
    }
}

/// A proposal that nobody has approved and nobody has ended.
#[must_use]
pub fn is_pending(run: &RunItem) -> bool {
    let unanswered = run.approval.as_ref().is_some_and(|approval| approval.given.is_none());
    run.state == RunState::Planned && run.commitment.is_some() && unanswered && run.reason.is_empty()
}

/// Until when a plan that is committed now can be approved: for as long as it is valid, and not longer than is allowed.
pub(super) fn approval_until<S, V, C: Clock>(ports: &Ports<'_, S, V, C>, valid_until: Timestamp) -> Timestamp {
    request::after(ports.clock.now(), ports.settings.proposal_ms).min(valid_until)
}

/// What another delivery of a proposal's occasion is answered: the proposal, a refusal, or its end when it has lapsed.
pub(super) async fn answer<S: RunStore, V: Venue, C: Clock>(
    ports: &Ports<'_, S, V, C>,
    request: &RunRequest,
    run: RunItem,
) -> Result<RunOutcome, ExecutionError> {
    if let lapsed @ Consent::Lapsed { .. } = consent(&run, ports.clock.now()) {
        let ended = end(ports, run, lapsed, request.claim_token).await?;
        return Ok(RunOutcome::Aborted(record::of(ports.store, ended).await?));
    }
    if request.intent == Intent::Propose {
        return Ok(RunOutcome::Proposed(record::of(ports.store, run).await?));
    }
    let digest = run.commitment.as_ref().map(|commitment| commitment.plan.digest.clone()).unwrap_or_default();
    let cause = format!("{}, by its plan digest {digest}", consent(&run, ports.clock.now()));
    Err(ExecutionError::NotApproved { run_id: run.run_id, cause })
}

/// Ends a proposal that has lapsed: no order of it leaves, and the account is free.
pub(super) async fn end<S: RunStore, V: Venue, C: Clock>(
    ports: &Ports<'_, S, V, C>,
    run: RunItem,
    lapsed: Consent,
    claim_token: uuid::Uuid,
) -> Result<RunItem, ExecutionError> {
    let ended = RunItem { reason: lapsed.to_string(), ..taken_over(ports, &run, claim_token) };
    let ended = claim::write_run(ports, &run, ended).await?;
    Box::pin(emission::carry_out(ports, ended)).await
}

/// Approves the stored plan of this digest and carries it out, limit prices and all as they are stored.
pub(super) async fn approve<S: RunStore, V: Venue, C: Clock>(
    ports: &Ports<'_, S, V, C>,
    request: &RunRequest,
    plan_digest: &str,
    operator: &str,
) -> Result<RunOutcome, ExecutionError> {
    let run_id = idempotency::run_id(&request.identity);
    let refused = |cause: String| ExecutionError::NotApproved { run_id, cause };
    claim::check_venue(&request.identity, ports.venue)?;
    let stored = ports.store.load_run(run_id).await?;
    let stored = stored.ok_or_else(|| refused("no such run is stored; propose it first".to_owned()))?;
    let standing = claim::judge(&stored, &claim::event_digest(request), request.claim_token, ports.clock.lease_now());
    match standing {
        Standing::OtherOccasion => return Err(ExecutionError::OtherOccasion { run_id }),
        Standing::Elsewhere => {
            return Ok(RunOutcome::InProgressElsewhere { run_id, lease_until: stored.lease_until });
        }
        Standing::Mine | Standing::LeaseOver | Standing::Settled => {}
    }
    let Some(commitment) = &stored.commitment else {
        let reason = if stored.reason.is_empty() { String::new() } else { format!(": {}", stored.reason) };
        return Err(refused(format!("it is {} and has no plan{reason}", stored.state.as_str())));
    };
    if commitment.plan.digest != plan_digest {
        return Err(refused(format!("its plan has the digest {}, not {plan_digest}", commitment.plan.digest)));
    }
    let consent = consent(&stored, ports.clock.now());
    if standing == Standing::Settled {
        if consent.allows_sending() {
            return Ok(RunOutcome::AlreadyDone(record::of(ports.store, stored).await?));
        }
        return Err(refused(format!("it is over: {}", stored.reason)));
    }
    let run = match consent {
        Consent::Lapsed { .. } => end(ports, stored, consent, request.claim_token).await?,
        Consent::ForAnotherPlan => {
            return Err(ExecutionError::Halted { run_id, cause: consent.to_string() });
        }
        Consent::Awaited { .. } if stored.reason.is_empty() => {
            let given = given(ports, &stored, request.claim_token, plan_digest, operator);
            let (given, entry) = audit::of_run(Some(&stored), given, Some(operator));
            let run = match ports.store.update_run(&stored, &given, &entry).await? {
                Written::Done => given,
                Written::Refused => claim::confirm_own(ports, given).await?,
            };
            Box::pin(emission::carry_out(ports, run)).await?
        }
        // Approved before, or stopped on the way: its worker is gone.
        Consent::Given | Consent::NotAsked | Consent::Awaited { .. } => {
            let run = match standing {
                Standing::Mine => Some(stored),
                _ => claim::take_over(ports, &stored, request.claim_token).await?,
            };
            let run = run.ok_or(ExecutionError::LostLease { run_id })?;
            Box::pin(emission::carry_out(ports, run)).await?
        }
    };
    super::outcome(ports, run).await
}

/// The run with the word given, in the hands of whoever carries it out.
fn given<S, V, C: Clock>(
    ports: &Ports<'_, S, V, C>,
    run: &RunItem,
    claim_token: uuid::Uuid,
    plan_digest: &str,
    operator: &str,
) -> RunItem {
    let held = taken_over(ports, run, claim_token);
    let given = Given { plan_digest: plan_digest.to_owned(), operator: operator.to_owned(), at: ports.clock.now() };
    let approval = held.approval.map(|approval| Approval { given: Some(given), ..approval });
    RunItem { approval, ..held }
}

fn taken_over<S, V, C: Clock>(ports: &Ports<'_, S, V, C>, run: &RunItem, claim_token: uuid::Uuid) -> RunItem {
    claim::taken_over(run, claim_token, ports.clock.now(), claim::lease_end(ports))
}
