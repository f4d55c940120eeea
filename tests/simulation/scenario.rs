//! What is simulated: two occasions on one account, planned once by the shipped planner.
//!
//! The first run has four orders: ALPHA and DELTA are sold (DELTA is filled in part), BETA and GAMMA are bought from
//! the proceeds, for cash alone would not pay for them. Its input is another one at each try, as in earnest. The
//! second run is due a second later and waits at the lock. Plans are stored in several chunks.
//!
//! Where a person attends to the runs, the first one's plan is proposed and approved, by two people at once, and what
//! stays unknown is answered by one who knows it.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use index_rebalancer::execution::{Intent, RunRequest, Settings};
use index_rebalancer::model::{
    AccountSnapshot, AssetId, AssetRecord, Flow, GradeRecord, Holding, InstrumentId, Listing, ListingStatus, Money,
    PlanningInput, Policy, PortfolioState, Price, Quantity, RunIdentity, Side, Tick, Trigger, VenueId,
};
use index_rebalancer::planning::idempotency::digest_of;
use index_rebalancer::planning::{RebalancePlan, plan};
use index_rebalancer::ports::venue::{Duplicates, LateRequests, Promise};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::market::{Instrument, Market};
use crate::world::{Event, WorkerId};

/// One class of venue, and whether a person attends to its runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Class {
    pub(crate) duplicates: Duplicates,
    /// Whether a late request is refused.
    pub(crate) bounded: bool,
    /// Whether orders rest until somebody else has carried them out, as in an outbox.
    pub(crate) rests: bool,
    /// Whether a person approves the first run's plan and answers for every order that stays unknown.
    pub(crate) attended: bool,
}

impl Class {
    const fn of(duplicates: Duplicates, bounded: bool) -> Self {
        Self { duplicates, bounded, rests: false, attended: false }
    }
}

pub(crate) const CLASSES: [Class; 8] = [
    Class::of(Duplicates::Replayed, true),
    Class::of(Duplicates::Replayed, false),
    Class::of(Duplicates::RefusedWhileOpen, true),
    Class::of(Duplicates::RefusedWhileOpen, false),
    Class::of(Duplicates::Unchecked, true),
    Class::of(Duplicates::Unchecked, false),
    Class { rests: true, ..Class::of(Duplicates::Replayed, true) },
    Class { attended: true, ..Class::of(Duplicates::RefusedWhileOpen, false) },
];

impl Class {
    pub(crate) fn name(self) -> String {
        let duplicates = match self.duplicates {
            Duplicates::Replayed => "replayed",
            Duplicates::RefusedWhileOpen => "refused-while-open",
            Duplicates::Unchecked => "unchecked",
        };
        let late = if self.bounded { "late requests refused" } else { "late requests taken" };
        let (rest, person) =
            (if self.rests { ", orders rest" } else { "" }, if self.attended { ", attended" } else { "" });
        format!("{duplicates}, {late}{rest}{person}")
    }

    /// What the venue really does.
    pub(crate) fn promise(self) -> Promise {
        let late = LateRequests { clock_skew_ms: 1_000, query_lag_ms: 1_500, longest_window_ms: 60_000 };
        Promise { duplicates: self.duplicates, late_requests: self.bounded.then_some(late) }
    }
}

/// How patient the simulated workers are: fewer looks than in earnest, and chunks small enough for several.
/// More than any of them needs: only [`Fault::OutOfTime`](crate::faults::Fault::OutOfTime) ends it.
pub(crate) const TIME_OF_A_WORKER_MS: i64 = 30 * 86_400_000;

pub(crate) fn settings() -> Settings {
    let stop_at = Some(begin() + SignedDuration::from_millis(TIME_OF_A_WORKER_MS));
    Settings {
        poll_interval_ms: 2_500,
        phase_timeout_ms: 10_000,
        chunk_bytes: 1_500,
        proposal_ms: 20_000,
        stop_at,
        ..Settings::default()
    }
}

pub(crate) fn begin() -> Timestamp {
    // 2025-04-14T00:00:00Z
    Timestamp::from_second(1_744_588_800).expect("a time")
}

const POLICY: &str = r#"
schema = 1
name = "Four"
index = "blue_chip"
quote_currency = "USDT"
eligibility = {}
ranking = { by = "market_cap", grade = "trader", members = 4, enter_rank = 4, exit_rank = 4 }
reference_weights = { method = "equal", cash = "0.04" }
drift_band = { kind = "none" }
objective = { tracking_aversion = "1", cost_aversion = "1" }
limits = { cash_buffer = { bound = "0.02" } }
costs = { fee = "0.001", half_spread = "0.001" }

[orders]
collar = "0.02"
valid_minutes = 15
max_order_notional = "5000"
max_run_notional = "20000"
max_orders = 10

[guards]
max_price_age_hours = 24
max_grade_age_hours = 24
max_snapshot_skew_hours = 24
max_missing_grades = "0.2"
max_signal_flips = "0.5"
max_price_jump = "3"
"#;

fn assets() -> BTreeMap<AssetId, AssetRecord> {
    [("alpha", "100"), ("beta", "50"), ("delta", "20"), ("gamma", "10")]
        .into_iter()
        .map(|(name, at)| {
            let record = AssetRecord {
                symbol: name.to_uppercase(),
                name: name.to_owned(),
                categories: std::iter::empty().collect(),
                first_seen: None,
                price: Price::parse(at).expect("a price"),
                market_cap: Some(Money::parse("1000000000").expect("money")),
                average_daily_volume: Some(Money::parse("1000000").expect("money")),
                observed_at: begin(),
                grades: GradeRecord::default(),
                listing: Some(Listing {
                    instrument: InstrumentId::new(&format!("{}USDT", name.to_uppercase())).expect("an instrument"),
                    status: ListingStatus::Trading,
                    lot_size: Quantity::parse("0.01").expect("a lot"),
                    min_quantity: Quantity::parse("0.01").expect("a minimum"),
                    max_quantity: None,
                    tick_size: Tick::parse("0.01").expect("a tick"),
                    min_notional: Money::parse("5").expect("money"),
                }),
            };
            (AssetId::new(name).expect("an id"), record)
        })
        .collect()
}

fn account(cash: &str, holdings: &[(&str, &str)]) -> AccountSnapshot {
    let holding = |(name, free): &(&str, &str)| {
        let free = Quantity::parse(free).expect("a quantity");
        (AssetId::new(name).expect("an id"), Holding { free, locked: Quantity::ZERO })
    };
    AccountSnapshot {
        observed_at: begin(),
        cash_free: Money::parse(cash).expect("money"),
        cash_locked: Money::ZERO,
        holdings: holdings.iter().map(holding).collect(),
    }
}

fn identity(at: Timestamp) -> RunIdentity {
    RunIdentity {
        environment: index_rebalancer::model::Environment::Paper,
        venue: VenueId::new("binance").expect("a venue"),
        venue_account: "main".parse().expect("an account"),
        portfolio: "blue-chip".parse().expect("a portfolio"),
        trigger: Trigger::Scheduled(at),
    }
}

fn input(at: Timestamp, account: AccountSnapshot) -> PlanningInput {
    PlanningInput {
        schema: 1,
        run: identity(at),
        as_of: begin(),
        flow: Flow::Full,
        policy: toml::from_str::<Policy>(POLICY).expect("the policy is valid"),
        assets: assets(),
        account,
        state: PortfolioState::default(),
        notices: Vec::new(),
        history: None,
    }
}

/// Everything that is planned, once for all runs of all tests.
#[derive(Debug)]
pub(crate) struct Scenario {
    /// By try: the input has changed in between.
    first: Vec<(PlanningInput, RebalancePlan)>,
    second: (PlanningInput, RebalancePlan),
    /// By digest, for the checker.
    pub(crate) plans: BTreeMap<String, RebalancePlan>,
}

impl Scenario {
    pub(crate) fn get() -> &'static Self {
        static SCENARIO: OnceLock<Scenario> = OnceLock::new();
        SCENARIO.get_or_init(Self::planned)
    }

    fn planned() -> Self {
        let planned = |input: PlanningInput| {
            let mut plan = plan(&input).expect("the sample can be planned");
            // What only people read is left out: it is stored and read back in every one of many thousand runs.
            plan.certificate.checks.clear();
            plan.positions.clear();
            (input, plan)
        };
        let first: Vec<_> = ["50", "49.5", "49", "48.5"]
            .into_iter()
            .map(|alpha| planned(input(begin(), account("200", &[("alpha", alpha), ("delta", "120")]))))
            .collect();
        for (_, plan) in &first {
            let count = |side| plan.orders.iter().filter(|order| order.side == side).count();
            assert_eq!((count(Side::Sell), count(Side::Buy)), (2, 2), "the sample has four orders");
            let buys = plan.orders.iter().filter(|order| order.side == Side::Buy).map(|order| order.notional);
            assert!(buys.sum::<Money>() > Money::parse("1000").expect("money"), "cash alone does not pay for the buys");
        }
        let due = begin() + SignedDuration::from_secs(1);
        let mut second = planned(input(due, account("200", &[("alpha", "30"), ("beta", "20"), ("gamma", "100")])));
        // One order is enough to be in the way of.
        second.1.orders.truncate(1);
        let plans = first.iter().chain([&second]).map(|(_, plan)| (digest_of(plan), plan.clone())).collect();
        Self { first, second, plans }
    }

    /// The run that an event is about.
    pub(crate) fn identity(event: Event) -> RunIdentity {
        identity(begin() + SignedDuration::from_secs(i64::from(event == Event::SecondRun)))
    }

    pub(crate) fn request(event: Event, worker: WorkerId, intent: Intent) -> RunRequest {
        let (identity, claim_token) = (Self::identity(event), Self::token(worker));
        RunRequest { identity, flow: Flow::Full, intent, claim_token }
    }

    /// No two workers have the same.
    pub(crate) fn token(worker: WorkerId) -> Uuid {
        Uuid::from_u128(1_000 + worker.0 as u128)
    }

    /// Input and plan as this worker would make them.
    pub(crate) fn plan_for(&self, event: Event, worker: WorkerId) -> &(PlanningInput, RebalancePlan) {
        if event == Event::SecondRun { &self.second } else { &self.first[worker.0 % self.first.len()] }
    }

    /// The venue before the first event.
    pub(crate) fn market(class: Class) -> Market {
        static OPENING: OnceLock<Market> = OnceLock::new();
        OPENING.get_or_init(Self::opening).clone().of_class(class)
    }

    fn opening() -> Market {
        let policy: Policy = toml::from_str(POLICY).expect("the policy is valid");
        let instruments = assets().into_iter().filter_map(|(asset, record)| {
            let listing = record.listing?;
            let market = Instrument { asset, price: record.price, lot: listing.lot_size.get() };
            Some((listing.instrument, market))
        });
        let opening = account("200", &[("alpha", "50"), ("delta", "120")]);
        Market::new(begin(), CLASSES[0].promise(), policy.costs.fee, instruments.collect(), &opening)
    }
}
