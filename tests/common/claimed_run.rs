//! A run's item as a claim writes it, for tests of the pure decisions; beside `plans`.

use index_rebalancer::execution::RunRequest;
use index_rebalancer::execution::claim::event_digest;
use index_rebalancer::planning::idempotency::run_id;
use index_rebalancer::ports::RunState;
use index_rebalancer::ports::store::{ITEM_SCHEMA, RunItem};

use crate::plans::{monday, seconds};

/// A run of this request as it is first written: claimed, in epoch 1, with a lease of a minute.
pub(crate) fn claimed(request: RunRequest) -> RunItem {
    RunItem {
        schema: ITEM_SCHEMA,
        run_id: run_id(&request.identity),
        event_digest: event_digest(&request),
        identity: request.identity,
        flow: request.flow,
        state: RunState::Claimed,
        revision: 0,
        log_head: String::new(),
        reason: String::new(),
        epoch: 1,
        lease_until: monday() + seconds(60),
        claim_token: request.claim_token,
        is_left: false,
        interruptions: 0,
        created_at: monday(),
        updated_at: monday(),
        commitment: None,
        approval: None,
        settlement: None,
        expires_at_s: None,
    }
}
