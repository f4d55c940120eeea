//! A small world to run in: three assets, one account, a clock that stands still, and hands on every part of it.

use std::collections::BTreeMap;
use std::sync::Mutex;

use aws_sdk_dynamodb::types::AttributeValue;
use index_rebalancer::adapters::clock::ManualClock;
use index_rebalancer::adapters::dynamodb::DynamoStore;
use index_rebalancer::adapters::embedded_store::{EmbeddedStore, TABLE};
use index_rebalancer::adapters::paper_venue::{PaperBook, PaperVenue};
use index_rebalancer::execution::{self, ExecutionError, Opening, Ports, RunOutcome, RunRequest, Settings};
use index_rebalancer::model::{
    AccountId, AccountSnapshot, AssetId, AssetRecord, Flow, GradeRecord, Holding, InstrumentId, Listing, ListingStatus,
    Money, Order, PlanningInput, Policy, PortfolioState, Price, Quantity, Rate, RunIdentity, Side, Tick, Trigger,
    VenueId, Weight,
};
use index_rebalancer::planning::RebalancePlan;
use index_rebalancer::planning::idempotency::{digest_of, order_key, payload_digest, run_id};
use index_rebalancer::planning::plan::{CashLine, Certificate, Outcome, Regime, SolverRecord};
use index_rebalancer::ports::store::RunItem;
use index_rebalancer::ports::venue::{Fill, OrderRequest, PlaceError, Promise, Sought, Venue, VenueError, VenueOrder};
use index_rebalancer::ports::{Clock, RunRecord, RunStore};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

pub(crate) fn money(text: &str) -> Money {
    Money::parse(text).expect(text)
}

pub(crate) fn quantity(text: &str) -> Quantity {
    Quantity::parse(text).expect(text)
}

pub(crate) fn price(text: &str) -> Price {
    Price::parse(text).expect(text)
}

pub(crate) fn rate(text: &str) -> Rate {
    Rate::parse(text).expect(text)
}

pub(crate) fn asset(text: &str) -> AssetId {
    AssetId::new(text).expect(text)
}

pub(crate) fn account() -> AccountId {
    AccountId::new("main").expect("valid")
}

pub(crate) fn venue_id() -> VenueId {
    VenueId::new("binance").expect("valid")
}

/// The first scheduled time.
pub(crate) fn monday() -> Timestamp {
    "2025-04-14T00:00:00Z".parse().expect("valid")
}

pub(crate) fn hours(count: i64) -> SignedDuration {
    SignedDuration::from_hours(count)
}

pub(crate) fn seconds(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count)
}

const POLICY: &str = r#"
schema = 1
name = "Three"
index = "blue_chip"
quote_currency = "USDT"
eligibility = {}
ranking = { by = "market_cap", grade = "trader", members = 3, enter_rank = 3, exit_rank = 3 }
reference_weights = { method = "equal" }
drift_band = { kind = "none" }
objective = { cost_aversion = "1" }
limits = { cash_buffer = { bound = "0.05" } }
costs = { fee = "0.001", half_spread = "0.001" }

[orders]
collar = "0.02"
valid_minutes = 30
max_order_notional = "5000"
max_run_notional = "10000"
max_orders = 10

[guards]
max_price_age_hours = 24
max_grade_age_hours = 24
max_snapshot_skew_hours = 24
max_missing_grades = "0.2"
max_signal_flips = "0.5"
max_price_jump = "3"
"#;

pub(crate) fn policy() -> Policy {
    toml::from_str(POLICY).expect("the policy is valid")
}

/// alpha at 100, beta at 50, gamma at 10.
pub(crate) fn assets() -> BTreeMap<AssetId, AssetRecord> {
    [("alpha", "100"), ("beta", "50"), ("gamma", "10")]
        .into_iter()
        .map(|(id, at)| {
            let record = AssetRecord {
                symbol: id.to_uppercase(),
                name: id.to_owned(),
                categories: std::iter::empty().collect(),
                first_seen: None,
                price: price(at),
                market_cap: None,
                average_daily_volume: Some(money("1000000")),
                observed_at: monday(),
                grades: GradeRecord::default(),
                listing: Some(Listing {
                    instrument: InstrumentId::new(&format!("{}USDT", id.to_uppercase())).expect("valid"),
                    status: ListingStatus::Trading,
                    lot_size: quantity("0.01"),
                    min_quantity: quantity("0.01"),
                    max_quantity: Some(quantity("100000")),
                    tick_size: Tick::parse("0.01").expect("valid"),
                    min_notional: money("5"),
                }),
            };
            (asset(id), record)
        })
        .collect()
}

/// 1000 in cash and 50 alpha: 6000 in all.
pub(crate) fn opening_account() -> AccountSnapshot {
    AccountSnapshot {
        observed_at: monday(),
        cash_free: money("1000"),
        cash_locked: Money::ZERO,
        holdings: [(asset("alpha"), Holding { free: quantity("50"), locked: Quantity::ZERO })].into(),
    }
}

pub(crate) fn identity(trigger: Trigger) -> RunIdentity {
    RunIdentity {
        environment: index_rebalancer::model::Environment::Paper,
        venue: venue_id(),
        venue_account: account(),
        portfolio: "blue-chip".parse().expect("valid"),
        trigger,
    }
}

pub(crate) fn scheduled(at: Timestamp) -> RunRequest {
    RunRequest { identity: identity(Trigger::Scheduled(at)), flow: Flow::Full, claim_token: Uuid::from_u128(1) }
}

/// The same occasion, delivered to another worker.
pub(crate) fn redelivered(request: &RunRequest) -> RunRequest {
    RunRequest { claim_token: Uuid::from_u128(request.claim_token.as_u128() + 1), ..request.clone() }
}

pub(crate) fn input_for(request: &RunRequest, opening: &Opening) -> PlanningInput {
    PlanningInput {
        schema: 1,
        run: request.identity.clone(),
        as_of: opening.account.observed_at,
        flow: request.flow.clone(),
        policy: policy(),
        assets: assets(),
        account: opening.account.clone(),
        state: opening.settled.as_ref().map(|settled| settled.state.clone()).unwrap_or_default(),
        notices: Vec::new(),
    }
}

/// One leg of a plan: side, asset, quantity, limit price.
pub(crate) type Leg = (Side, &'static str, &'static str, &'static str);

/// Sells 20 alpha and buys 20 beta and 100 gamma, which it brings in as members.
pub(crate) const LEGS: [Leg; 3] =
    [(Side::Sell, "alpha", "20", "98"), (Side::Buy, "beta", "20", "51"), (Side::Buy, "gamma", "100", "10.2")];

pub(crate) fn plan_of(input: &PlanningInput, legs: &[Leg]) -> RebalancePlan {
    let run = run_id(&input.run);
    let valid_until = input.as_of + SignedDuration::from_mins(30);
    let orders: Vec<Order> = (0_u32..).zip(legs).map(|(at, leg)| order_of(input, run, at, *leg, valid_until)).collect();
    RebalancePlan {
        schema: 1,
        run_id: run,
        run: input.run.clone(),
        flow: input.flow.clone(),
        input_digest: digest_of(input),
        policy_digest: digest_of(&input.policy),
        policy_name: input.policy.name.clone(),
        quote_currency: input.policy.quote_currency.clone(),
        as_of: input.as_of,
        valid_until,
        solver: SolverRecord { backend: "by hand".into(), version: "1".into(), programs: 0, objective: String::new() },
        net_asset_value: money("6000"),
        outcome: if orders.is_empty() { Outcome::InBand } else { Outcome::Rebalance },
        regime: Regime {
            bearish: false,
            changed: false,
            bullish_share: None,
            stable_share: Weight::ZERO,
            why: "none".into(),
        },
        cash: CashLine {
            before: input.account.cash_free,
            after: input.account.cash_free,
            weight_before: Weight::ZERO,
            reference_weight: Weight::ZERO,
            weight_after: Weight::ZERO,
        },
        positions: Vec::new(),
        orders,
        exclusions: Vec::new(),
        relaxations: Vec::new(),
        certificate: Certificate::default(),
        turnover: Weight::ZERO,
        estimated_cost: Money::ZERO,
        notices: Vec::new(),
        next_state: PortfolioState {
            members: ["alpha", "beta", "gamma"].into_iter().map(asset).collect(),
            bearish: Some(false),
            ..PortfolioState::default()
        },
    }
}

fn order_of(input: &PlanningInput, run: Uuid, at: u32, leg: Leg, valid_until: Timestamp) -> Order {
    let (side, name, units, limit) = leg;
    let record = &input.assets[&asset(name)];
    let instrument = record.listing.as_ref().expect("listed").instrument.clone();
    let mut order = Order {
        key: order_key(run, &input.run.venue, &input.run.venue_account, &instrument, side, 0),
        payload_digest: String::new(),
        venue: input.run.venue.clone(),
        venue_account: input.run.venue_account.clone(),
        instrument,
        asset: asset(name),
        side,
        slice: 0,
        quantity: quantity(units),
        limit_price: price(limit),
        reference_price: record.price,
        notional: record.price.value_of(quantity(units)),
        estimated_cost: Money::ZERO,
        valid_until,
        priority: at,
    };
    order.payload_digest = payload_digest(&order);
    order
}

/// Recomputes the digests after a plan was changed by hand.
pub(crate) fn resealed(mut plan: RebalancePlan) -> RebalancePlan {
    for order in &mut plan.orders {
        order.payload_digest = payload_digest(order);
    }
    plan
}

/// What happens to the next order that is placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is placed and the answer arrives.
    None,
    /// It is placed and the answer is lost.
    AnswerLost,
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
    /// Questions that get no answer.
    pub(crate) mute: Mutex<bool>,
    /// Replaces what is found.
    pub(crate) forged: Mutex<Option<(VenueOrder, Vec<Fill>)>>,
}

impl Watched<'_> {
    pub(crate) fn placed(&self) -> Vec<OrderRequest> {
        self.placed.lock().expect("not poisoned").clone()
    }

    fn heard(&self, question: &'static str) -> Result<(), VenueError> {
        if *self.mute.lock().expect("not poisoned") {
            return Err(VenueError { question, cause: "timed out".to_owned() });
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

    async fn account(&self, account: &AccountId) -> Result<AccountSnapshot, VenueError> {
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
        }
    }

    async fn find_order(&self, sought: &Sought) -> Result<Option<VenueOrder>, VenueError> {
        self.heard("where an order is")?;
        if let Some((order, _)) = &*self.forged.lock().expect("not poisoned") {
            return Ok(Some(order.clone()));
        }
        self.paper.find_order(sought).await
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
            mute: Mutex::default(),
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
