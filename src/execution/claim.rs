//! Claiming: one run per occasion, one unsettled run per venue account.

use jiff::Timestamp;
use uuid::Uuid;

use super::audit;
use super::proposal;
use super::request::{self, ExecutionError, Ports, RunRequest};
use crate::model::{RunIdentity, Trigger};
use crate::planning::idempotency;
use crate::ports::store::{AccountKey, ITEM_SCHEMA, RunItem, Written};
use crate::ports::{Clock, RunState, RunStore, Venue};

/// What came of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The run is this worker's, in whatever state it was left.
    Won(Box<RunItem>),
    Settled(Box<RunItem>),
    /// A plan that waits for a person's word; left as it is.
    Pending(Box<RunItem>),
    Elsewhere {
        run_id: Uuid,
        lease_until: Timestamp,
    },
    /// Another run holds the account.
    Busy {
        holder: Uuid,
    },
}

/// How a stored run stands to a worker that wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Stored by this very worker: an earlier write of its own whose answer was lost.
    Mine,
    Settled,
    /// About something else than this request.
    OtherOccasion,
    Elsewhere,
    LeaseOver,
}

/// Judges a stored run. Pure.
#[must_use]
pub fn judge(stored: &RunItem, event_digest: &str, claim_token: Uuid, now: Timestamp) -> Standing {
    if stored.event_digest != event_digest {
        Standing::OtherOccasion
    } else if stored.state.is_terminal() {
        Standing::Settled
    } else if stored.claim_token == claim_token {
        Standing::Mine
    } else if now <= stored.lease_until {
        Standing::Elsewhere
    } else {
        Standing::LeaseOver
    }
}

/// The run as its next owner writes it: the same, with a higher epoch and a new lease. Pure.
#[must_use]
pub fn taken_over(stored: &RunItem, claim_token: Uuid, now: Timestamp, lease_until: Timestamp) -> RunItem {
    let epoch = stored.epoch.saturating_add(1);
    RunItem { epoch, claim_token, is_left: false, lease_until, updated_at: now, ..stored.clone() }
}

/// The same once the lease is over: unless the worker before had left the run with nothing unclear, it was
/// interrupted. Pure.
#[must_use]
pub fn recovered(stored: &RunItem, claim_token: Uuid, now: Timestamp, lease_until: Timestamp) -> RunItem {
    let interruptions = stored.interruptions.saturating_add(u32::from(!stored.is_left));
    RunItem { interruptions, ..taken_over(stored, claim_token, now, lease_until) }
}

/// Digest of what a run is about, the same for every delivery of one event.
#[must_use]
pub fn event_digest(request: &RunRequest) -> String {
    #[derive(serde::Serialize)]
    struct Event<'a> {
        schema: u32,
        identity: &'a RunIdentity,
        flow: &'a crate::model::Flow,
    }
    idempotency::digest_of(&Event { schema: ITEM_SCHEMA, identity: &request.identity, flow: &request.flow })
}

/// Claims the request's run, or finds out who has it.
///
/// # Errors
/// When the request is refused or the store does not answer.
pub(super) async fn claim<S: RunStore, V: Venue, C: Clock>(
    ports: &Ports<'_, S, V, C>,
    request: &RunRequest,
) -> Result<Claim, ExecutionError> {
    check_venue(&request.identity, ports.venue)?;
    let run_id = idempotency::run_id(&request.identity);
    let digest = event_digest(request);
    // Every round ends in an answer unless somebody else moved in between, who then has made progress.
    loop {
        if let Some(stored) = ports.store.load_run(run_id).await? {
            match judge(&stored, &digest, request.claim_token, ports.clock.lease_now()) {
                Standing::Settled => return Ok(Claim::Settled(Box::new(stored))),
                Standing::OtherOccasion => return Err(ExecutionError::OtherOccasion { run_id }),
                Standing::Elsewhere => return Ok(Claim::Elsewhere { run_id, lease_until: stored.lease_until }),
                Standing::Mine | Standing::LeaseOver if proposal::is_pending(&stored) => {
                    return Ok(Claim::Pending(Box::new(stored)));
                }
                Standing::Mine => return Ok(Claim::Won(Box::new(stored))),
                Standing::LeaseOver => match take_over(ports, &stored, request.claim_token).await? {
                    Some(run) => return Ok(Claim::Won(Box::new(run))),
                    None => continue,
                },
            }
        }
        check_window(ports, request)?;
        let (run, entry) = audit::of_run(None, fresh(ports, request, run_id, &digest), None);
        if ports.store.claim(&run, &entry).await? == Written::Done {
            return Ok(Claim::Won(Box::new(run)));
        }
        if ports.store.load_run(run_id).await?.is_none()
            && let Some(lock) = ports.store.load_lock(&AccountKey::from(&request.identity)).await?
        {
            return Ok(Claim::Busy { holder: lock.run_id });
        }
    }
}

/// Takes a run over whose lease is over; `None` when somebody else was quicker.
pub(super) async fn take_over<S: RunStore, V: Venue, C: Clock>(
    ports: &Ports<'_, S, V, C>,
    stored: &RunItem,
    claim_token: Uuid,
) -> Result<Option<RunItem>, ExecutionError> {
    check_venue(&stored.identity, ports.venue)?;
    let run = recovered(stored, claim_token, ports.clock.now(), lease_end(ports));
    let (run, entry) = audit::of_run(Some(stored), run, None);
    Ok((ports.store.update_run(stored, &run, &entry).await? == Written::Done).then_some(run))
}

/// Replaces the run. A refusal is checked against the store: it may be this worker's own earlier write.
pub(super) async fn write_run<S: RunStore, V: Venue, C: Clock>(
    ports: &Ports<'_, S, V, C>,
    before: &RunItem,
    after: RunItem,
) -> Result<RunItem, ExecutionError> {
    let (after, entry) = audit::of_run(Some(before), after, None);
    match ports.store.update_run(before, &after, &entry).await? {
        Written::Done => Ok(after),
        Written::Refused => confirm_own(ports, after).await,
    }
}

/// After a refused write: the run if the store has it exactly so, else the lease is lost.
pub(super) async fn confirm_own<S: RunStore, V: Venue, C: Clock>(
    ports: &Ports<'_, S, V, C>,
    after: RunItem,
) -> Result<RunItem, ExecutionError> {
    let stored = ports.store.load_run(after.run_id).await?;
    if stored.as_ref() == Some(&after) { Ok(after) } else { Err(ExecutionError::LostLease { run_id: after.run_id }) }
}

/// The run without a lease: its worker leaves it, and whoever comes next need not wait. Pure.
#[must_use]
pub fn given_up(run: &RunItem, now: Timestamp, lease_now: Timestamp) -> RunItem {
    // A lease holds to its last moment.
    let before_now = lease_now.checked_sub(jiff::SignedDuration::from_millis(1)).unwrap_or(Timestamp::MIN);
    RunItem { lease_until: before_now, is_left: true, updated_at: now, ..run.clone() }
}

/// Leaves a run that cannot go on now, with nothing unclear.
pub(super) async fn give_up<S: RunStore, V: Venue, C: Clock>(
    ports: &Ports<'_, S, V, C>,
    run: &RunItem,
) -> Result<RunItem, ExecutionError> {
    write_run(ports, run, given_up(run, ports.clock.now(), ports.clock.lease_now())).await
}

/// The same with an order whose fate is not known.
pub(super) async fn give_up_unclear<S: RunStore, V: Venue, C: Clock>(
    ports: &Ports<'_, S, V, C>,
    run: &RunItem,
) -> Result<RunItem, ExecutionError> {
    let left = given_up(run, ports.clock.now(), ports.clock.lease_now());
    write_run(ports, run, RunItem { is_left: false, ..left }).await
}

/// Renews the lease when half of it is gone.
pub(super) async fn renew<S: RunStore, V: Venue, C: Clock>(
    ports: &Ports<'_, S, V, C>,
    run: RunItem,
) -> Result<RunItem, ExecutionError> {
    if request::after(ports.clock.lease_now(), lease_ms(ports.settings) / 2) < run.lease_until {
        return Ok(run);
    }
    let renewed = RunItem { lease_until: lease_end(ports), updated_at: ports.clock.now(), ..run.clone() };
    write_run(ports, &run, renewed).await
}

fn lease_ms(settings: &request::Settings) -> u64 {
    settings.lease_ms.min(request::LONGEST_LEASE_MS)
}

pub(super) fn lease_end<S, V, C: Clock>(ports: &Ports<'_, S, V, C>) -> Timestamp {
    request::after(ports.clock.lease_now(), lease_ms(ports.settings))
}

fn fresh<S, V, C: Clock>(ports: &Ports<'_, S, V, C>, request: &RunRequest, run_id: Uuid, digest: &str) -> RunItem {
    let now = ports.clock.now();
    RunItem {
        schema: ITEM_SCHEMA,
        run_id,
        identity: request.identity.clone(),
        flow: request.flow.clone(),
        event_digest: digest.to_owned(),
        state: RunState::Claimed,
        revision: 0,
        log_head: String::new(),
        reason: String::new(),
        epoch: 1,
        lease_until: lease_end(ports),
        claim_token: request.claim_token,
        is_left: false,
        interruptions: 0,
        created_at: now,
        updated_at: now,
        commitment: None,
        approval: None,
        settlement: None,
        expires_at_s: None,
    }
}

pub(super) fn check_venue<V: Venue>(identity: &RunIdentity, venue: &V) -> Result<(), ExecutionError> {
    if venue.id() == &identity.venue {
        return Ok(());
    }
    Err(ExecutionError::WrongVenue { asked: identity.venue.clone(), at_hand: venue.id().clone() })
}

/// A record that was purged must never let an old event run again: without a stored run, only a fresh event may.
fn check_window<S, V, C: Clock>(ports: &Ports<'_, S, V, C>, request: &RunRequest) -> Result<(), ExecutionError> {
    let Trigger::Scheduled(scheduled) = request.identity.trigger else {
        return Ok(());
    };
    let (now, window_hours) = (ports.clock.now(), ports.settings.window_hours);
    if scheduled > now {
        return Err(ExecutionError::NotYetDue { scheduled, now });
    }
    if request::after(scheduled, u64::from(window_hours) * 3_600_000) < now {
        return Err(ExecutionError::PastWindow { scheduled, window_hours, now });
    }
    Ok(())
}
