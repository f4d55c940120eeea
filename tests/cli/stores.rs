//! Stores in a state that the program alone does not bring about.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use aws_sdk_dynamodb::types::AttributeValue;
use index_rebalancer::adapters::clock::{CaseClock, SystemClock, claim_token};
use index_rebalancer::adapters::dynamodb::DynamoStore;
use index_rebalancer::adapters::embedded_store::{EmbeddedStore, TABLE};
use index_rebalancer::adapters::files::Case;
use index_rebalancer::adapters::paper_venue::{PaperBook, PaperVenue};
use index_rebalancer::execution::{self, Ports, PreparationFailure, RunOutcome, RunRequest, Settings, audit, claim};
use index_rebalancer::model::{AccountId, AccountSnapshot, Flow, PlanningInput, RunIdentity, Trigger, VenueId};
use index_rebalancer::planning::{self, PlanError, RebalancePlan, idempotency};
use index_rebalancer::ports::store::{AccountKey, ITEM_SCHEMA, LockItem, RunItem, RunStore, Written};
use index_rebalancer::ports::venue::{
    Duplicates, Fill, OrderRequest, PlaceError, Promise, Sought, Venue, VenueError, VenueOrder,
};
use index_rebalancer::ports::{Clock, RunState};
use uuid::Uuid;

use crate::BLUE_CHIP;

/// A paper venue that does not answer: orders arrive there or are lost on the way, and nobody says so.
struct Deaf<'a> {
    paper: PaperVenue<'a, DynamoStore, CaseClock>,
    orders_arrive: bool,
}

impl Venue for Deaf<'_> {
    fn id(&self) -> &VenueId {
        self.paper.id()
    }

    fn promise(&self) -> Promise {
        // As of a venue that does not replay, so that nothing is sent again.
        Promise { duplicates: Duplicates::Unchecked, ..self.paper.promise() }
    }

    async fn account(&self, account: &AccountId) -> Result<AccountSnapshot, VenueError> {
        self.paper.account(account).await
    }

    async fn place(&self, request: &OrderRequest) -> Result<VenueOrder, PlaceError> {
        if self.orders_arrive {
            let _ = self.paper.place(request).await;
        }
        Err(PlaceError::Unclear("timed out".to_owned()))
    }

    async fn find_order(&self, _: &Sought) -> Result<Option<VenueOrder>, VenueError> {
        Err(VenueError::Unanswered { question: "where an order is", cause: "timed out".to_owned() })
    }

    async fn fills(&self, _: &Sought) -> Result<Vec<Fill>, VenueError> {
        Err(VenueError::Unanswered { question: "an order's fills", cause: "timed out".to_owned() })
    }
}

/// The blue-chip case on its first day, and a store.
struct Stage {
    store: EmbeddedStore,
    clock: CaseClock,
    identity: RunIdentity,
    input: PlanningInput,
}

impl Stage {
    async fn open(path: &Path, case: &Path) -> Self {
        let (case, account, identity) = first_occasion(case);
        let at = case.days().first().expect("a day").at;
        let input = case.planning_input(&account, identity.trigger.clone(), at, None, None, None).expect("an input");
        let store = EmbeddedStore::open(path).await.expect("a store");
        Self { store, clock: CaseClock::starting_at(at), identity, input }
    }

    /// The paper venue with the case's account open.
    async fn paper(&self) -> PaperVenue<'_, DynamoStore, CaseClock> {
        let costs = &self.input.policy.costs;
        let book = PaperBook::of(&self.input.assets, costs.fee, costs.half_spread, None);
        let venue = PaperVenue::new(self.identity.venue.clone(), self.store.store(), &self.clock, book);
        let _ = venue.open(&self.identity.venue_account, &self.input.account).await.expect("opened");
        venue
    }

    async fn execute(
        &self,
        venue: &impl Venue,
        settings: &Settings,
        plan: impl FnOnce(&PlanningInput) -> Result<RebalancePlan, PlanError>,
    ) -> RunOutcome {
        let ports = Ports { store: self.store.store(), venue, clock: &self.clock, settings };
        let request = RunRequest {
            identity: self.identity.clone(),
            flow: Flow::Full,
            intent: index_rebalancer::execution::Intent::Execute,
            claim_token: claim_token(),
        };
        let prepare = async |_| Ok::<_, PreparationFailure>(self.input.clone());
        execution::execute(&request, &ports, prepare, plan).await.expect("executed")
    }
}

/// A run of the blue-chip case whose first orders were sent and never answered for. Its id.
pub(crate) async fn unanswered(path: &Path, orders_arrive: bool) -> Uuid {
    unanswered_of(&blue_chip_folder(), path, orders_arrive).await
}

/// The same of another case.
pub(crate) async fn unanswered_of(case: &Path, path: &Path, orders_arrive: bool) -> Uuid {
    let stage = Stage::open(path, case).await;
    let venue = Deaf { paper: stage.paper().await, orders_arrive };
    // Nobody waits for a venue that is known not to answer.
    let settings = Settings { phase_timeout_ms: 0, ..Settings::default() };
    let outcome = stage.execute(&venue, &settings, planning::plan).await;
    assert!(matches!(outcome, RunOutcome::Unsettled(_)), "{outcome:?}");
    let run = idempotency::run_id(&stage.identity);
    stage.store.close().await;
    run
}

/// Overwrites one attribute of the first raw item whose keys begin so, behind the program's back. Its sort key.
pub(crate) async fn tamper(path: &Path, pk: &str, sk: &str, attribute: &str, value: AttributeValue) -> String {
    let store = EmbeddedStore::open(path).await.expect("a store");
    let items = store.client().scan().table_name(TABLE).send().await.expect("scans").items.unwrap_or_default();
    let key = |item: &HashMap<String, AttributeValue>, name: &str| item[name].as_s().expect("text").clone();
    let fits =
        |item: &&HashMap<String, AttributeValue>| key(item, "pk").starts_with(pk) && key(item, "sk").starts_with(sk);
    let mut found: Vec<_> = items.iter().filter(fits).collect();
    found.sort_by_key(|item| (key(item, "pk"), key(item, "sk")));
    let mut item = (*found.first().expect("an item with these keys")).clone();
    item.insert(attribute.to_owned(), value);
    let sk = key(&item, "sk");
    store.client().put_item().table_name(TABLE).set_item(Some(item)).send().await.expect("writes");
    store.close().await;
    sk
}

/// An account that was locked before all others, by a run that is not in the store.
pub(crate) async fn lose_a_run(path: &Path) -> Uuid {
    let store = EmbeddedStore::open(path).await.expect("a store");
    let locks = store.store().held_locks().await.expect("lists");
    let lost = Uuid::from_u128(7);
    let first = locks.first().expect("an account is locked").as_ref().expect("it can be read");
    let account = AccountKey { account: "lost".parse().expect("an id"), ..first.account.clone() };
    let key = format!("{}#{}#{}", account.environment, account.venue, account.account);
    let lock = LockItem { run_id: lost, taken_at: jiff::Timestamp::UNIX_EPOCH, account, ..first.clone() };
    let mut item: HashMap<String, AttributeValue> = serde_dynamo::to_item(lock).expect("an item");
    item.insert("pk".to_owned(), AttributeValue::S("lock".to_owned()));
    item.insert("sk".to_owned(), AttributeValue::S(key));
    store.client().put_item().table_name(TABLE).set_item(Some(item)).send().await.expect("writes");
    store.close().await;
    lost
}

pub(crate) fn block_on(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(future);
}

fn blue_chip_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(BLUE_CHIP)
}

pub(crate) fn blue_chip() -> (Case, AccountId, RunIdentity) {
    first_occasion(&blue_chip_folder())
}

/// A case's first account on its first day.
fn first_occasion(case: &Path) -> (Case, AccountId, RunIdentity) {
    let case = Case::load(case).expect("the case loads");
    let account = case.accounts().next().expect("an account").clone();
    let trigger = Trigger::Scheduled(case.days().first().expect("a day").at);
    let identity = case.run_identity(&account, trigger).expect("an identity");
    (case, account, identity)
}

/// A committed run whose plan says something that its input does not lead to.
pub(crate) async fn doctored_run(path: &Path, doctor: impl Fn(&mut RebalancePlan)) {
    let stage = Stage::open(path, &blue_chip_folder()).await;
    let plan = |input: &PlanningInput| {
        planning::plan(input).map(|mut plan| {
            doctor(&mut plan);
            plan
        })
    };
    stage.execute(&stage.paper().await, &Settings::default(), plan).await;
    stage.store.close().await;
}

/// Another run of the portfolio on this account, claimed by a worker whose lease lives.
pub(crate) async fn hold_the_account(path: &Path, account: &str) {
    let (_, _, mut identity) = blue_chip();
    identity.venue_account = AccountId::new(account).expect("an account");
    identity.trigger = Trigger::Manual("another".parse().expect("a label"));
    let store = EmbeddedStore::open(path).await.expect("a store");
    let clock = SystemClock;
    let now = clock.now();
    let token = claim_token();
    let request = RunRequest {
        identity: identity.clone(),
        flow: Flow::Full,
        intent: index_rebalancer::execution::Intent::Execute,
        claim_token: token,
    };
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
        is_left: false,
        interruptions: 0,
        created_at: now,
        updated_at: now,
        commitment: None,
        approval: None,
        settlement: None,
        expires_at_s: None,
    };
    let (run, entry) = audit::of_run(None, run, None);
    assert_eq!(store.store().claim(&run, &entry).await.expect("claimed"), Written::Done);
    store.close().await;
}
