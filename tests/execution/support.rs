//! A small world to run in: the embedded store, one account, a clock that stands still, and hands on every part.

use std::sync::Mutex;
use std::task::Poll;

use aws_sdk_dynamodb::types::AttributeValue;
use index_rebalancer::adapters::dynamodb::DynamoStore;
use index_rebalancer::adapters::embedded_store::{EmbeddedStore, TABLE};
use index_rebalancer::adapters::paper_venue::{PaperBook, PaperVenue};
use index_rebalancer::execution::audit::Switching;
use index_rebalancer::execution::{
    self, ExecutionError, Opening, Ports, PreparationFailure, RunOutcome, RunRequest, Settings,
};
use index_rebalancer::model::{AccountId, AccountSnapshot, PlanningInput, Trigger, VenueId};
use index_rebalancer::planning::RebalancePlan;
use index_rebalancer::planning::idempotency::run_id;
use index_rebalancer::ports::store::{KillSwitch, RunItem, SwitchScope};
use index_rebalancer::ports::venue::{Fill, OrderRequest, PlaceError, Promise, Sought, Venue, VenueError, VenueOrder};
use index_rebalancer::ports::{Clock, RunRecord, RunStore};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::manual_clock::ManualClock;

pub(crate) use crate::plans::*;

/// What happens to the next order that is placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is placed and the answer arrives.
    None,
    /// It is placed and the answer is lost.
    AnswerLost,
    /// It is placed, and the answer is the one to its repetition on the wire.
    SentTwice,
    /// It never arrives, and nobody says so.
    RequestLost,
}

type Hook = Box<dyn Fn(usize) + Send + Sync>;

/// The paper venue, watched, with faults on request.
pub(crate) struct Watched<'a> {
    pub(crate) paper: PaperVenue<'a, DynamoStore, ManualClock>,
    pub(crate) promise: Promise,
    /// Faults of the next placings, in order; none once they are used up.
    pub(crate) faults: Mutex<Vec<Fault>>,
    pub(crate) placed: Mutex<Vec<OrderRequest>>,
    /// Called before each placing with its number from 0.
    pub(crate) before_placing: Option<Hook>,
    /// Called after each search for an order, before its answer arrives.
    pub(crate) after_asking: Option<Box<dyn Fn() + Send + Sync>>,
    /// Whether it says that orders may rest.
    pub(crate) orders_rest: bool,
    /// Questions that get no answer.
    pub(crate) mute: Mutex<bool>,
    /// The balance, too, gets no answer.
    pub(crate) balance_is_mute: bool,
    /// Replaces what is found.
    pub(crate) forged: Mutex<Option<(VenueOrder, Vec<Fill>)>>,
}

impl Watched<'_> {
    pub(crate) fn placed(&self) -> Vec<OrderRequest> {
        self.placed.lock().expect("not poisoned").clone()
    }

    fn heard(&self, question: &'static str) -> Result<(), VenueError> {
        if *self.mute.lock().expect("not poisoned") {
            return Err(VenueError::Unanswered { question, cause: "timed out".to_owned() });
        }
        Ok(())
    }
}

impl Venue for Watched<'_> {
    fn id(&self) -> &VenueId {
        self.paper.id()
    }

    fn promise(&self) -> Promise {
        self.promise
    }

    fn orders_rest(&self) -> bool {
        self.orders_rest
    }

    async fn account(&self, account: &AccountId) -> Result<AccountSnapshot, VenueError> {
        if self.balance_is_mute {
            return Err(VenueError::Unanswered { question: "the account's balance", cause: "timed out".to_owned() });
        }
        self.paper.account(account).await
    }

    async fn place(&self, request: &OrderRequest) -> Result<VenueOrder, PlaceError> {
        let count = {
            let mut placed = self.placed.lock().expect("not poisoned");
            placed.push(request.clone());
            placed.len() - 1
        };
        if let Some(hook) = &self.before_placing {
            hook(count);
        }
        let fault = {
            let mut faults = self.faults.lock().expect("not poisoned");
            if faults.is_empty() { Fault::None } else { faults.remove(0) }
        };
        match fault {
            Fault::None => self.paper.place(request).await,
            Fault::RequestLost => Err(PlaceError::Unclear("timed out".to_owned())),
            Fault::AnswerLost => {
                let _ = self.paper.place(request).await;
                Err(PlaceError::Unclear("connection reset".to_owned()))
            }
            Fault::SentTwice => {
                let _ = self.paper.place(request).await;
                Err(PlaceError::DuplicateId("order exists".to_owned()))
            }
        }
    }

    async fn find_order(&self, sought: &Sought) -> Result<Option<VenueOrder>, VenueError> {
        self.heard("where an order is")?;
        if let Some((order, _)) = &*self.forged.lock().expect("not poisoned") {
            return Ok(Some(order.clone()));
        }
        let found = self.paper.find_order(sought).await;
        if let Some(hook) = &self.after_asking {
            hook();
        }
        found
    }

    async fn fills(&self, sought: &Sought) -> Result<Vec<Fill>, VenueError> {
        self.heard("an order's fills")?;
        if let Some((_, fills)) = &*self.forged.lock().expect("not poisoned") {
            return Ok(fills.clone());
        }
        self.paper.fills(sought).await
    }
}

pub(crate) struct World {
    pub(crate) embedded: EmbeddedStore,
    pub(crate) clock: ManualClock,
    pub(crate) settings: Settings,
    pub(crate) book: PaperBook,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::on(EmbeddedStore::in_memory().await.expect("opens")).await
    }

    pub(crate) async fn on(embedded: EmbeddedStore) -> Self {
        let book = PaperBook::of(&assets(), rate("0.001"), rate("0.001"), None);
        // Fewer looks than in earnest: the clock stands still between them.
        let settings = Settings { poll_interval_ms: 2_000, ..Settings::default() };
        let world = Self { embedded, clock: ManualClock::at(monday()), settings, book };
        let _ = world.venue().paper.open(&account(), &opening_account()).await.expect("opens");
        world
    }

    pub(crate) fn store(&self) -> &DynamoStore {
        self.embedded.store()
    }

    pub(crate) fn venue(&self) -> Watched<'_> {
        let paper = PaperVenue::new(venue_id(), self.store(), &self.clock, self.book.clone());
        Watched {
            promise: paper.promise(),
            paper,
            faults: Mutex::default(),
            placed: Mutex::default(),
            before_placing: None,
            after_asking: None,
            orders_rest: false,
            mute: Mutex::default(),
            balance_is_mute: false,
            forged: Mutex::default(),
        }
    }

    pub(crate) fn ports<'a, V>(&'a self, venue: &'a V) -> Ports<'a, DynamoStore, V, ManualClock> {
        Ports { store: self.store(), venue, clock: &self.clock, settings: &self.settings }
    }

    /// Runs with a plan of these legs.
    pub(crate) async fn run<V: Venue>(
        &self,
        request: &RunRequest,
        venue: &V,
        legs: &[Leg],
    ) -> Result<RunOutcome, ExecutionError> {
        self.run_plan(request, venue, |input| plan_of(input, legs)).await
    }

    pub(crate) async fn run_plan<V: Venue>(
        &self,
        request: &RunRequest,
        venue: &V,
        plan: impl FnOnce(&PlanningInput) -> RebalancePlan,
    ) -> Result<RunOutcome, ExecutionError> {
        let prepare = async |opening: Opening| Ok(input_for(request, &opening));
        execution::execute(request, &self.ports(venue), prepare, |input| Ok::<_, String>(plan(input))).await
    }

    /// A worker that dies as it is about to place that order (from 0): what it has sent and stored stays, nothing else.
    pub(crate) async fn dies_at(&self, request: &RunRequest, order: usize, legs: &[Leg]) {
        let prepare = async |opening: Opening| Ok(input_for(request, &opening));
        self.dies_at_order_of(request, order, prepare, |input| plan_of(input, legs)).await;
    }

    /// The same with an input and a plan of its own.
    pub(crate) async fn dies_at_order_of(
        &self,
        request: &RunRequest,
        order: usize,
        prepare: impl AsyncFnOnce(Opening) -> Result<PlanningInput, PreparationFailure>,
        plan: impl FnOnce(&PlanningInput) -> RebalancePlan,
    ) {
        let mut venue = self.venue();
        venue.before_placing = Some(Box::new(move |count| assert!(count < order, "killed")));
        let ports = self.ports(&venue);
        let run = execution::execute(request, &ports, prepare, |input| Ok::<_, String>(plan(input)));
        assert!(panics(run).await, "the worker died at order {order}");
    }

    /// Runs what must be answered or finished from the store: planning again is a failure.
    pub(crate) async fn resume<V: Venue>(&self, request: &RunRequest, venue: &V) -> Result<RunOutcome, ExecutionError> {
        let prepare = async |_: Opening| panic!("a stored run was prepared again");
        execution::execute(request, &self.ports(venue), prepare, |_| -> Result<RebalancePlan, String> {
            panic!("a stored run was planned again")
        })
        .await
    }

    pub(crate) async fn lock_holder(&self) -> Option<Uuid> {
        let key = (&identity(Trigger::Scheduled(monday()))).into();
        self.store().load_lock(&key).await.expect("reads").map(|lock| lock.run_id)
    }

    pub(crate) async fn balance(&self) -> AccountSnapshot {
        self.venue().paper.account(&account()).await.expect("reads")
    }

    pub(crate) async fn run_item(&self, request: &RunRequest) -> RunItem {
        self.store().load_run(run_id(&request.identity)).await.expect("reads").expect("is stored")
    }

    /// Sets a kill switch, as Alice.
    pub(crate) async fn throw(&self, scope: &SwitchScope, on: bool, note: &str) -> (KillSwitch, bool) {
        let (operator, note) = ("alice".to_owned(), note.to_owned());
        let change = Switching { on, operator, note, at: self.clock.now() };
        execution::set_kill_switch(self.store(), scope, &change).await.expect("sets")
    }

    /// Deletes a raw item, behind the adapter's back.
    pub(crate) async fn remove(&self, pk: &str, sk: &str) {
        let key = [("pk", pk), ("sk", sk)].map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned())));
        let delete = self.embedded.client().delete_item().table_name(TABLE).set_key(Some(key.into()));
        delete.send().await.expect("the raw item is deleted");
    }

    /// Puts a raw item under another sort key as well.
    pub(crate) async fn copy(&self, pk: &str, from: &str, to: &str) {
        let key =
            [("pk", pk), ("sk", from)].map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned())));
        let client = self.embedded.client();
        let read = client.get_item().table_name(TABLE).set_key(Some(key.into())).send().await.expect("reads");
        let mut item = read.item.expect("is stored");
        item.insert("sk".to_owned(), AttributeValue::S(to.to_owned()));
        client.put_item().table_name(TABLE).set_item(Some(item)).send().await.expect("the raw item is written");
    }

    /// Overwrites one attribute of a raw item, behind the adapter's back.
    pub(crate) async fn tamper(&self, pk: &str, sk: &str, attribute: &str, value: AttributeValue) {
        self.embedded
            .client()
            .update_item()
            .table_name(TABLE)
            .key("pk", AttributeValue::S(pk.to_owned()))
            .key("sk", AttributeValue::S(sk.to_owned()))
            .update_expression("SET #a = :v")
            .expression_attribute_names("#a", attribute)
            .expression_attribute_values(":v", value)
            .send()
            .await
            .expect("the raw item is written");
    }

    pub(crate) fn later(&self, by: SignedDuration) -> Timestamp {
        self.clock.advance(by);
        self.clock.now()
    }
}

/// Runs a future to its end or its panic; whether it panicked.
async fn panics<F: Future>(future: F) -> bool {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|context| {
        let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| future.as_mut().poll(context)));
        polled.map_or(Poll::Ready(true), |polled| polled.map(|_| false))
    })
    .await
}

pub(crate) fn raw_run_key(run: Uuid) -> (String, String) {
    let id = run.simple().to_string();
    (format!("run#{}", &id[..4]), id)
}

pub(crate) fn completed(outcome: RunOutcome) -> RunRecord {
    match outcome {
        RunOutcome::Completed(record) => *record,
        other => panic!("not completed: {other:?}"),
    }
}

pub(crate) fn aborted(outcome: RunOutcome) -> RunRecord {
    match outcome {
        RunOutcome::Aborted(record) => *record,
        other => panic!("not aborted: {other:?}"),
    }
}

pub(crate) fn unsettled(outcome: RunOutcome) -> RunRecord {
    match outcome {
        RunOutcome::Unsettled(record) => *record,
        other => panic!("not unsettled: {other:?}"),
    }
}

pub(crate) fn states(record: &RunRecord) -> Vec<index_rebalancer::ports::OrderState> {
    record.orders.iter().map(|order| order.state).collect()
}
