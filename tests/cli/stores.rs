//! Stores in a state that the program alone does not bring about.

use std::path::Path;

use index_rebalancer::adapters::clock::{CaseClock, SystemClock, claim_token};
use index_rebalancer::adapters::embedded_store::EmbeddedStore;
use index_rebalancer::adapters::files::Case;
use index_rebalancer::adapters::paper_venue::{PaperBook, PaperVenue};
use index_rebalancer::execution::{self, Ports, PreparationFailure, RunRequest, Settings, audit, claim};
use index_rebalancer::model::{AccountId, Flow, RunIdentity, Trigger};
use index_rebalancer::planning::{self, idempotency};
use index_rebalancer::ports::store::{ITEM_SCHEMA, RunItem, RunStore, Written};
use index_rebalancer::ports::{Clock, RunState};

use crate::BLUE_CHIP;

pub(crate) fn block_on(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(future);
}

pub(crate) fn blue_chip() -> (Case, AccountId, RunIdentity) {
    let case = Case::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join(BLUE_CHIP)).expect("the case loads");
    let account = case.accounts().next().expect("an account").clone();
    let trigger = Trigger::Scheduled(case.days().first().expect("a day").at);
    let identity = case.run_identity(&account, trigger).expect("an identity");
    (case, account, identity)
}

/// A committed run whose plan says something that its input does not lead to.
pub(crate) async fn doctored_run(path: &Path) {
    let (case, account, identity) = blue_chip();
    let at = case.days().first().expect("a day").at;
    let input = case.planning_input(&account, identity.trigger.clone(), at, None, None, None).expect("an input");
    let store = EmbeddedStore::open(path).await.expect("a store");
    let clock = CaseClock::starting_at(at);
    let costs = &input.policy.costs;
    let book = PaperBook::of(&input.assets, costs.fee, costs.half_spread, None);
    let venue = PaperVenue::new(identity.venue.clone(), store.store(), &clock, book);
    let _ = venue.open(&account, &input.account).await.expect("opened");
    let settings = Settings::default();
    let ports = Ports { store: store.store(), venue: &venue, clock: &clock, settings: &settings };
    let request = RunRequest { identity, flow: Flow::Full, claim_token: claim_token() };
    let prepare = async |_| Ok::<_, PreparationFailure>(input.clone());
    let plan = |input: &_| {
        planning::plan(input).map(|mut plan| {
            plan.notices.push("doctored".to_owned());
            plan
        })
    };
    execution::execute(&request, &ports, prepare, plan).await.expect("executed");
    store.close().await;
}

/// Another run of the portfolio, claimed by a worker whose lease lives.
pub(crate) async fn hold_the_account(path: &Path) {
    let (_, _, mut identity) = blue_chip();
    identity.trigger = Trigger::Manual("another".parse().expect("a label"));
    let store = EmbeddedStore::open(path).await.expect("a store");
    let clock = SystemClock;
    let now = clock.now();
    let token = claim_token();
    let request = RunRequest { identity: identity.clone(), flow: Flow::Full, claim_token: token };
    let run = RunItem {
        schema: ITEM_SCHEMA,
        run_id: idempotency::run_id(&identity),
        event_digest: claim::event_digest(&request),
        identity,
        flow: Flow::Full,
        state: RunState::Claimed,
        revision: 0,
        log_head: String::new(),
        reason: String::new(),
        epoch: 1,
        lease_until: now + jiff::SignedDuration::from_secs(3600),
        claim_token: token,
        created_at: now,
        updated_at: now,
        commitment: None,
        settlement: None,
        expires_at_s: None,
    };
    let (run, entry) = audit::of_run(None, run, None);
    assert_eq!(store.store().claim(&run, &entry).await.expect("claimed"), Written::Done);
    store.close().await;
}
