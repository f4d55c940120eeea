//! The worker: the shipped protocol over the shipped store adapter, in a process of its own that may be killed at any
//! moment. It knows nothing of the faults around it.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use index_rebalancer::adapters::clock::{SystemClock, claim_token};
use index_rebalancer::adapters::dynamodb::DynamoStore;
use index_rebalancer::adapters::embedded_store::TABLE;
use index_rebalancer::execution::{self, ExecutionError, Handled, Opening, Ports, RunRequest, Settings, Unplanned};
use index_rebalancer::model::{AccountId, Environment, Flow, InstrumentId, PlanningInput, RunIdentity, Side, Trigger};
use index_rebalancer::planning::RebalancePlan;
use index_rebalancer::planning::idempotency::run_id;
use index_rebalancer::ports::store::PortfolioKey;
use index_rebalancer::ports::{RunStore, Venue};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::plans::{self, Leg, asset, input_for, plan_of, resealed};
use crate::venue_class::VenueClass;
use crate::venue_client::HttpVenue;

/// What a worker is to do, as its arguments say.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub(crate) store: String,
    pub(crate) venue: String,
    pub(crate) account: String,
    pub(crate) act: Act,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Deliver(Delivery),
    /// Whatever the account has, without its event.
    Recover,
    /// A person looks again at an occasion's run.
    Settle(Delivery),
    /// A person stops an occasion's run, whoever is at it.
    Abort(Delivery),
    /// Shows the plan of an occasion, and writes nothing.
    DryRun(Delivery),
}

impl Act {
    /// As it stands in the log.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Deliver(delivery) => format!("run {}", delivery.run),
            Self::Recover => "recover".to_owned(),
            Self::Settle(delivery) => format!("settle {}", delivery.run),
            Self::Abort(delivery) => format!("abort {}", delivery.run),
            Self::DryRun(delivery) => format!("{DRY_RUN} {}", delivery.run),
        }
    }

    const fn delivery(self) -> Option<Delivery> {
        match self {
            Self::Recover => None,
            Self::Deliver(delivery) | Self::Settle(delivery) | Self::Abort(delivery) | Self::DryRun(delivery) => {
                Some(delivery)
            }
        }
    }
}

/// What the name of a dry run begins with.
pub(crate) const DRY_RUN: &str = "dry-run";

/// One event, delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// Of the account's runs, from 0.
    pub(crate) run: usize,
    pub(crate) scheduled: Timestamp,
    /// How long its plan is valid.
    pub(crate) valid_ms: i64,
}

impl Task {
    pub(crate) fn arguments(&self) -> Vec<String> {
        let name = self.act.name();
        let verb = name.split(' ').next().expect("a word").to_owned();
        let mut arguments =
            vec!["worker".to_owned(), self.store.clone(), self.venue.clone(), self.account.clone(), verb];
        if let Some(Delivery { run, scheduled, valid_ms }) = self.act.delivery() {
            arguments.extend([run.to_string(), scheduled.to_string(), valid_ms.to_string()]);
        }
        arguments
    }

    pub(crate) fn parse(arguments: &[String]) -> Self {
        let [store, venue, account, verb, delivery @ ..] = arguments else { panic!("store, venue, account and act") };
        let delivery = match delivery {
            [] => None,
            [run, scheduled, valid_ms] => Some(Delivery {
                run: run.parse().expect("a number"),
                scheduled: scheduled.parse().expect("a moment"),
                valid_ms: valid_ms.parse().expect("milliseconds"),
            }),
            _ => panic!("run, scheduled time and validity"),
        };
        let act = match (verb.as_str(), delivery) {
            ("recover", None) => Act::Recover,
            ("run", Some(delivery)) => Act::Deliver(delivery),
            ("settle", Some(delivery)) => Act::Settle(delivery),
            ("abort", Some(delivery)) => Act::Abort(delivery),
            (DRY_RUN, Some(delivery)) => Act::DryRun(delivery),
            _ => panic!("{verb} {delivery:?}"),
        };
        Self { store: store.clone(), venue: venue.clone(), account: account.clone(), act }
    }
}

/// Patience in milliseconds, so that a lease is over and a deadline has passed within one run of the driver.
pub(crate) fn settings() -> Settings {
    Settings {
        lease_ms: 250,
        send_window_ms: 120,
        phase_timeout_ms: 250,
        poll_interval_ms: 10,
        max_attempts: 3,
        ..Settings::default()
    }
}

/// How long a worker waits for one answer of the store.
const STORE_PATIENCE: Duration = Duration::from_millis(400);

/// A client for the store behind this address. One repeat, as quick as it comes: a lost answer makes the store see the
/// same write twice.
pub(crate) fn client(address: &str, patience: Duration) -> Client {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(patience).build();
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("local"))
        .credentials_provider(Credentials::new("local", "local", None, None, "chaos"))
        .endpoint_url(format!("http://{address}"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(2).with_initial_backoff(Duration::from_millis(5)))
        .build();
    Client::from_conf(config)
}

/// The account's occasion; the same for every delivery of it.
pub(crate) fn identity(account: &str, scheduled: Timestamp) -> RunIdentity {
    RunIdentity {
        environment: Environment::Paper,
        venue: plans::venue_id(),
        venue_account: AccountId::new(account).expect("an account id"),
        portfolio: "blue-chip".parse().expect("a portfolio id"),
        trigger: Trigger::Scheduled(scheduled),
    }
}

/// Exit codes: 0 the work is done or somebody else's, 3 not settled yet, 4 an error that a later try may mend, 5 halted.
pub(crate) async fn work(task: &Task) -> i32 {
    let store = DynamoStore::new(client(&task.store, STORE_PATIENCE), TABLE);
    let class = VenueClass::of_account(&task.account).expect("the account names its class");
    let venue = HttpVenue { id: plans::venue_id(), class, address: task.venue.clone() };
    let settings = settings();
    let ports = Ports { store: &store, venue: &venue, clock: &SystemClock, settings: &settings };
    let account = &task.account;
    let answer = match task.act {
        Act::Deliver(delivery) => deliver(&ports, account, delivery).await,
        Act::Recover => recover(&ports, account).await,
        Act::Settle(delivery) => {
            execution::settle(&ports, run_of(account, delivery), claim_token(), None).await.map(|run| handled(&run))
        }
        Act::Abort(delivery) => {
            let (run, token) = (run_of(account, delivery), claim_token());
            execution::abort(&ports, run, token, "alice", "a drill").await.map(|run| handled(&run))
        }
        Act::DryRun(delivery) => dry_run(&ports, account, delivery).await,
    };
    match answer {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{} {}: {error}", task.account, std::process::id());
            if matches!(error, ExecutionError::Halted { .. } | ExecutionError::Illegal(_)) { 5 } else { 4 }
        }
    }
}

type WorkerPorts<'a> = Ports<'a, DynamoStore, HttpVenue, SystemClock>;

async fn deliver(ports: &WorkerPorts<'_>, account: &str, delivery: Delivery) -> Result<i32, ExecutionError> {
    let request =
        RunRequest { identity: identity(account, delivery.scheduled), flow: Flow::Full, claim_token: claim_token() };
    let prepare = async |opening: Opening| Ok(prepared(&request, &opening));
    let outcome =
        execution::execute(&request, ports, prepare, |input| Ok::<_, String>(planned(input, delivery))).await?;
    Ok(match outcome {
        execution::RunOutcome::Unsettled(_) => 3,
        _ => 0,
    })
}

fn run_of(account: &str, delivery: Delivery) -> Uuid {
    run_id(&identity(account, delivery.scheduled))
}

fn handled(answer: &Handled) -> i32 {
    match answer {
        Handled::Run(run) if !run.state.is_terminal() => 3,
        _ => 0,
    }
}

/// What `rebalance plan` reads, and the plan that it shows.
async fn dry_run(ports: &WorkerPorts<'_>, account: &str, delivery: Delivery) -> Result<i32, ExecutionError> {
    let request =
        RunRequest { identity: identity(account, delivery.scheduled), flow: Flow::Full, claim_token: claim_token() };
    let run_id = run_id(&request.identity);
    if execution::load_run(ports.store, run_id).await?.is_some_and(|record| record.plan.is_some()) {
        return Ok(0);
    }
    let settled = execution::load_settlement(ports.store, &PortfolioKey::from(&request.identity)).await?;
    let opening = Opening { run_id, account: ports.venue.account(&request.identity.venue_account).await?, settled };
    let plan = planned(&prepared(&request, &opening), delivery);
    assert_eq!(plan.run_id, run_id, "it shows the live keys");
    Ok(0)
}

/// As a schedule of its own would: whatever the account has left unsettled, without its event.
async fn recover(ports: &WorkerPorts<'_>, account: &str) -> Result<i32, ExecutionError> {
    let mut code = 0;
    for lock in ports.store.held_locks().await? {
        if lock.account.account.as_str() != account {
            continue;
        }
        let after = execution::recover(ports, lock.run_id, claim_token(), Unplanned::Leave).await?;
        if after.is_some_and(|run| !run.state.is_terminal()) {
            code = 3;
        }
    }
    Ok(code)
}

/// Four assets: delta is beta under another name.
fn prepared(request: &RunRequest, opening: &Opening) -> PlanningInput {
    let mut input = input_for(request, opening);
    let mut delta = input.assets[&asset("beta")].clone();
    "DELTA".clone_into(&mut delta.symbol);
    if let Some(listing) = &mut delta.listing {
        listing.instrument = InstrumentId::new("DELTAUSDT").expect("an instrument id");
    }
    input.assets.insert(asset("delta"), delta);
    input
}

/// Two sells, then two buys that need their proceeds; the second run trades back.
const LEGS: [[Leg; 4]; 2] = [
    [
        (Side::Sell, "alpha", "20", "98"),
        (Side::Sell, "delta", "40", "49"),
        (Side::Buy, "beta", "20", "51"),
        (Side::Buy, "gamma", "100", "10.2"),
    ],
    [
        (Side::Sell, "beta", "10", "49"),
        (Side::Sell, "gamma", "50", "9.8"),
        (Side::Buy, "alpha", "5", "102"),
        (Side::Buy, "delta", "10", "51"),
    ],
];

fn planned(input: &PlanningInput, delivery: Delivery) -> RebalancePlan {
    let mut plan = plan_of(input, &LEGS[delivery.run % LEGS.len()]);
    plan.valid_until = input.as_of + SignedDuration::from_millis(delivery.valid_ms);
    for order in &mut plan.orders {
        order.valid_until = plan.valid_until;
    }
    resealed(plan)
}
