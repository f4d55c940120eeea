//! The worker: `rebalance` itself, in a process of its own that may be killed at any moment. It knows nothing of the
//! faults around it; its only peculiarity is where its store and its venue are.

use std::path::{Path, PathBuf};

use index_rebalancer::cli::rehearsal::{Patience, Rehearsal};
use index_rebalancer::model::{AccountId, Environment, RunIdentity, Trigger};
use index_rebalancer::planning::idempotency::run_id;
use jiff::Timestamp;

use crate::plans;
use crate::venue_class::VenueClass;

/// What a worker is to do, and through which addresses.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub(crate) store: String,
    pub(crate) venue: String,
    pub(crate) account: String,
    pub(crate) case: PathBuf,
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
}

/// What the name of a dry run begins with.
pub(crate) const DRY_RUN: &str = "dry-run";

/// One event, delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// Of the account's runs, from 0.
    pub(crate) run: usize,
    pub(crate) scheduled: Timestamp,
}

/// Milliseconds, so that a lease is over and a deadline has passed within one scenario of the driver.
pub(crate) const PATIENCE: Patience =
    Patience { lease_ms: 250, send_window_ms: 200, phase_timeout_ms: 250, poll_interval_ms: 10 };

impl Task {
    /// The command line of `rebalance`.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let class = VenueClass::of_account(&self.account).expect("the account names its class");
        let rehearsal = Rehearsal {
            store: self.store.clone(),
            venue: self.venue.clone(),
            table: self.account.clone(),
            promise: class.promise(),
            patience: PATIENCE,
        };
        let rehearsal = serde_json::to_string(&rehearsal).expect("serialises");
        let run_of = |delivery: Delivery| run_id(&identity(&self.account, delivery.scheduled)).to_string();
        let mut arguments = match self.act {
            Act::Deliver(delivery) => self.of_case("run", delivery),
            Act::DryRun(delivery) => self.of_case("plan", delivery),
            Act::Recover => vec!["recover".to_owned()],
            Act::Settle(delivery) => vec!["settle".to_owned(), run_of(delivery)],
            Act::Abort(delivery) => {
                let words = ["abort", &run_of(delivery), "--by", "alice", "--reason", "a drill"];
                words.map(str::to_owned).to_vec()
            }
        };
        arguments.extend(["--rehearsal".to_owned(), rehearsal]);
        arguments
    }

    fn of_case(&self, command: &str, delivery: Delivery) -> Vec<String> {
        let (case, at) = (self.case.display().to_string(), delivery.scheduled.to_string());
        [command, &case, "--account", &self.account, "--at", &at].map(str::to_owned).to_vec()
    }
}

/// The account's occasion; the same for every delivery of it.
pub(crate) fn identity(account: &str, scheduled: Timestamp) -> RunIdentity {
    RunIdentity {
        environment: Environment::Paper,
        venue: plans::venue_id(),
        venue_account: AccountId::new(account).expect("an account id"),
        portfolio: PORTFOLIO.parse().expect("a portfolio id"),
        trigger: Trigger::Scheduled(scheduled),
    }
}

const PORTFOLIO: &str = "blue-chip";

/// For so long after its scheduled time a plan is valid.
pub(crate) const VALID_MINUTES: i64 = 1;

const POLICY: &str = r#"schema = 1
name = "Four"
index = "blue_chip"
quote_currency = "USDT"
eligibility = {}
ranking = { by = "market_cap", grade = "trader", members = 4, enter_rank = 4, exit_rank = 4 }
reference_weights = { method = "market_cap", cash = "0.04" }
drift_band = { kind = "none" }
objective = { tracking_aversion = "1", cost_aversion = "1" }
limits = { cash_buffer = { bound = "0.02" } }
costs = { fee = "0.001", half_spread = "0.001" }

[orders]
collar = "0.02"
valid_minutes = 1
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

/// Price, and market cap in billions on either day: what was large becomes small, so the second run trades back.
const COINS: [(&str, &str, [u8; 2]); 4] =
    [("alpha", "100", [1, 4]), ("beta", "50", [4, 1]), ("delta", "50", [1, 4]), ("gamma", "10", [4, 1])];

/// Writes the account's case: two sells, then two buys that need their proceeds, on each of two days.
pub(crate) fn write_case(folder: &Path, account: &str, deliveries: &[Delivery]) {
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("the case can be written");
    std::fs::create_dir_all(folder).expect("a folder for the case");
    let mut case = format!(
        "schema = 1\nabout = \"A rehearsal.\"\nsource = \"Made up.\"\nportfolio = \"{PORTFOLIO}\"\n\
         environment = \"paper\"\nvenue = \"{}\"\npolicy = \"policy.toml\"\nvenue_rules = \"venue_rules.json\"\n\n\
         [[accounts]]\nid = \"{account}\"\ncash = \"{CASH}\"\n\n[accounts.holdings]\n",
        plans::venue_id()
    );
    case.extend(HOLDINGS.map(|(asset, units)| format!("{asset} = \"{units}\"\n")));
    for delivery in deliveries {
        let (at, market) = (delivery.scheduled, format!("market-{}.csv", delivery.run));
        case.extend([format!("\n[[days]]\nat = \"{at}\"\nmarket = \"{market}\"\n")]);
        write(&market, &market_of(delivery));
    }
    write("case.toml", &case);
    write("policy.toml", POLICY);
    write("venue_rules.json", &venue_rules());
}

/// What the account has at first.
pub(crate) const CASH: &str = "500";
pub(crate) const HOLDINGS: [(&str, &str); 2] = [("alpha", "50"), ("delta", "60")];

fn market_of(delivery: &Delivery) -> String {
    let header = "asset_id,symbol,name,token_id,price_usd,market_cap_usd,average_daily_volume_usd,categories,\
                  first_seen,observed_at\n";
    let line = |(coin, price, caps): &(&str, &str, [u8; 2])| {
        let (symbol, cap, at) = (coin.to_uppercase(), caps[delivery.run % caps.len()], delivery.scheduled);
        format!("{coin},{symbol},{coin},,{price},{cap}000000000,1000000000,layer-1,2020-01-01,{at}\n")
    };
    COINS.iter().map(line).fold(header.to_owned(), |text, line| text + &line)
}

fn venue_rules() -> String {
    let symbol = |(coin, ..): &(&str, &str, [u8; 2])| {
        let base = coin.to_uppercase();
        serde_json::json!({
            "symbol": format!("{base}USDT"), "status": "TRADING", "baseAsset": base, "quoteAsset": "USDT",
            "isSpotTradingAllowed": true,
            "filters": [
                { "filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01" },
                { "filterType": "LOT_SIZE", "minQty": "0.01", "maxQty": "100000", "stepSize": "0.01" },
                { "filterType": "NOTIONAL", "minNotional": "5", "applyMinToMarket": true },
            ],
        })
    };
    serde_json::json!({ "symbols": COINS.iter().map(symbol).collect::<Vec<_>>() }).to_string()
}
