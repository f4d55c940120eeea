//! Commitment: from here on the stored plan counts, and nobody solves again.

use std::collections::BTreeSet;

use super::audit;
use super::claim;
use super::conclusion;
use super::proposal;
use super::request::{self, ExecutionError, Intent, Ports};
use super::transition::run_transition;
use crate::model::{Order, PlanningInput, RunIdentity};
use crate::planning::{RebalancePlan, idempotency};
use crate::ports::blob::{self, Blob};
use crate::ports::store::{AccountKey, Approval, BlobOwner, CommitAnswer, Commitment, DayReservation, RunItem};
use crate::ports::{Clock, RunState, RunStore, Venue};

/// The most orders that one plan may have.
pub const MOST_ORDERS: usize = 5_000;

/// Checks that a plan is this run's, made from this input, and that every order carries its own key and digest.
/// Pure; done before the commit and again on what is read back.
///
/// # Errors
/// A sentence that names what does not fit.
pub fn check(run: &RunItem, input: &PlanningInput, plan: &RebalancePlan) -> Result<(), String> {
    check_digested(run, input, &idempotency::digest_of(input), plan)
}

/// The same for an input whose digest is known already.
fn check_digested(
    run: &RunItem,
    input: &PlanningInput,
    input_digest: &str,
    plan: &RebalancePlan,
) -> Result<(), String> {
    let fits = [
        ("the input's run", input.run == run.identity),
        ("the input's flow", input.flow == run.flow),
        ("the plan's run id", plan.run_id == run.run_id),
        ("the plan's run", plan.run == run.identity),
        ("the plan's flow", plan.flow == run.flow),
        ("the plan's input digest", plan.input_digest == input_digest),
    ];
    if let Some((what, _)) = fits.iter().find(|(_, fits)| !fits) {
        return Err(format!("{what} is not that of run {}", run.run_id));
    }
    if plan.orders.len() > MOST_ORDERS {
        return Err(format!("{} orders are more than the {MOST_ORDERS} that one run may have", plan.orders.len()));
    }
    let mut keys = BTreeSet::new();
    let mut previous: Option<&Order> = None;
    for order in &plan.orders {
        check_order(&run.identity, run.run_id, order)?;
        if order.valid_until > plan.valid_until {
            return Err(format!("order {} is valid for longer than its plan", order.key));
        }
        if !keys.insert(order.key) {
            return Err(format!("order {} is there twice", order.key));
        }
        if previous.is_some_and(|previous| (previous.side, previous.priority) >= (order.side, order.priority)) {
            return Err(format!("order {} is out of sequence: sells first, then rising priority", order.key));
        }
        previous = Some(order);
    }
    Ok(())
}

/// Checks one order against its run: account, key and payload digest, both computed anew.
///
/// # Errors
/// A sentence that names what does not fit.
pub fn check_order(run: &RunIdentity, run_id: uuid::Uuid, order: &Order) -> Result<(), String> {
    let key =
        idempotency::order_key(run_id, &run.venue, &run.venue_account, &order.instrument, order.side, order.slice);
    if order.venue != run.venue || order.venue_account != run.venue_account {
        return Err(format!("order {} is for {} {}", order.key, order.venue, order.venue_account));
    }
    if order.key != key {
        return Err(format!("order {} ({} {}) should have the key {key}", order.key, order.side, order.instrument));
    }
    let digest = idempotency::payload_digest(order);
    if order.payload_digest != digest {
        return Err(format!("order {key} says it has the payload digest {} and has {digest}", order.payload_digest));
    }
    if order.quantity.is_zero() {
        return Err(format!("order {key} has no quantity"));
    }
    Ok(())
}

/// Stores input and plan, then commits them by one conditional update. The inner error is the aborted run.
///
/// A crash before the update leaves unreferenced chunks and a Claimed run, which is planned again; a crash after it
/// leaves a Planned run, which is carried out from the store.
pub(super) async fn commit<S: RunStore, V: Venue, C: Clock>(
    ports: &Ports<'_, S, V, C>,
    run: RunItem,
    input: &PlanningInput,
    plan: &RebalancePlan,
    intent: &Intent,
) -> Result<Result<RunItem, RunItem>, ExecutionError> {
    let size = ports.settings.chunk_bytes;
    let blobs = Blob::in_chunks(input, size).and_then(|input| Blob::in_chunks(plan, size).map(|plan| (input, plan)));
    let (input_blob, plan_blob) = match blobs {
        Ok(blobs) => blobs,
        Err(cause) => {
            let reason = format!("input and plan cannot be stored without loss: {cause}");
            return Ok(Err(conclusion::abort_unplanned(ports, run, reason).await?));
        }
    };
    let owner = BlobOwner::Run(run.run_id);
    input_blob.put(ports.store, owner).await?;
    plan_blob.put(ports.store, owner).await?;

    let run = claim::renew(ports, run).await?;
    let now = ports.clock.now();
    let notional = plan.orders.iter().map(|order| order.notional).sum();
    let order_count = u32::try_from(plan.orders.len()).unwrap_or(u32::MAX);
    let committed = RunItem {
        state: run_transition(run.state, RunState::Planned, order_count)?,
        updated_at: now,
        commitment: Some(Commitment {
            input: input_blob.reference,
            plan: plan_blob.reference,
            order_count,
            notional,
            valid_until: plan.valid_until,
            committed_at: now,
        }),
        // A plan without orders sends nothing, and needs nobody's word for that.
        approval: (*intent == Intent::Propose && order_count > 0)
            .then(|| Approval { until: proposal::approval_until(ports, plan.valid_until), given: None }),
        ..run.clone()
    };
    let (committed, entry) = audit::of_run(Some(&run), committed, None);
    let day = DayReservation {
        account: AccountKey::from(&run.identity),
        day: request::day_of(now),
        notional,
        limit: request::day_limit(ports.settings, &input.policy.orders),
    };
    match ports.store.commit(&run, &committed, &day, &entry).await? {
        CommitAnswer::Done => Ok(Ok(committed)),
        // The commit's own answer may have been lost on the way: then the run is stored exactly so.
        CommitAnswer::Refused => Ok(Ok(claim::confirm_own(ports, committed).await?)),
        CommitAnswer::OverDayLimit => {
            let limit = day.limit.unwrap_or_default();
            let reason = format!("notional {notional} would pass the day's limit of {limit} on {}", day.day);
            Ok(Err(conclusion::abort_unplanned(ports, run, reason).await?))
        }
    }
}

/// Reads the committed input and plan, and checks them as if they came from a stranger.
pub(super) async fn load<S: RunStore>(
    store: &S,
    run: &RunItem,
) -> Result<(PlanningInput, RebalancePlan), ExecutionError> {
    let halted = |cause: String| ExecutionError::Halted { run_id: run.run_id, cause };
    let Some(commitment) = &run.commitment else {
        return Err(halted(format!("it is {} and has no commitment", run.state.as_str())));
    };
    let owner = BlobOwner::Run(run.run_id);
    let input: PlanningInput = blob::load(store, owner, &commitment.input, "planning input").await?;
    let plan: RebalancePlan = blob::load(store, owner, &commitment.plan, "plan").await?;
    // The input has been read from bytes of exactly this digest.
    check_digested(run, &input, &commitment.input.digest, &plan).map_err(halted)?;
    if u32::try_from(plan.orders.len()) != Ok(commitment.order_count) {
        return Err(halted(format!("{} orders were committed and {} read", commitment.order_count, plan.orders.len())));
    }
    Ok((input, plan))
}
