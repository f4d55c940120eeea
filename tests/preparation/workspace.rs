//! A small, clean case in a temporary directory. Tests change one thing in it.

use std::fs;

use index_rebalancer::adapters::files::Case;
use index_rebalancer::model::{AccountId, PlanningInput, PortfolioState, Trigger};
use index_rebalancer::preparation::PreparationError;
use jiff::Timestamp;
use tempfile::TempDir;

pub(crate) const AS_OF: &str = "2025-04-16T06:00:00Z";

pub(crate) const CASE: &str = r#"
schema = 1
about = "A clean case of three coins and a stable leg."
source = "made up for tests"
portfolio = "blue-chip"
environment = "paper"
venue = "binance"
policy = "policy.toml"
venue_rules = "venue_rules.json"

[[accounts]]
id = "main"
cash = "1000"

[accounts.holdings]
bitcoin = "0.5"
ethereum = { free = "10", locked = "2" }

[state]
members = ["bitcoin", "ethereum", "solana"]
bearish = false
observations = [{ date = "2025-04-14", bullish_share = "0.6" }, { date = "2025-04-15", bullish_share = "0.7" }]

[[days]]
at = "2025-04-16T00:00:00Z"
market = "market.csv"
trader_grades = "trader_grades.json"
investor_grades = "investor_grades.json"
trading_signals = "trading_signals.json"
"#;

pub(crate) const POLICY: &str = r#"
schema = 1
name = "Blue chips"
index = "blue_chip"
quote_currency = "USDT"

[eligibility]
min_market_cap = "1000000000"
excluded_categories = ["stablecoin"]

[ranking]
by = "market_cap"
grade = "investor"
members = 3
enter_rank = 3
exit_rank = 4

[reference_weights]
method = "sqrt_market_cap"
max_weight = "0.6"

[regime]
bullish_at = "0.6"
bearish_at = "0.4"
confirmations = 2
bullish_stable_share = "0"
bearish_stable_share = "0.8"
stable_legs = ["usd-coin"]
max_depeg = "0.02"

[drift_band]
kind = "five_twenty_five"

[objective]
grade_tilt = "0.1"
tracking_aversion = "1"
cost_aversion = "1"

[limits]
cash_buffer = { bound = "0.01" }
max_weight = { bound = "0.6", soft = { priority = 2 } }

[costs]
fee = "0.001"
half_spread = "0.0005"

[orders]
collar = "0.01"
valid_minutes = 10
min_trade = "10"
max_order_notional = "1000000"
max_run_notional = "5000000"
max_orders = 100

[guards]
max_price_age_hours = 24
max_grade_age_hours = 48
max_snapshot_skew_hours = 24
max_missing_grades = "0.34"
max_signal_flips = "0.5"
max_price_jump = "3"
unmanaged_assets = ["airdrop"]
"#;

pub(crate) const MARKET: &str = "\
asset_id,symbol,name,token_id,price_usd,market_cap_usd,average_daily_volume_usd,categories,first_seen,observed_at
bitcoin,BTC,Bitcoin,3375,84000,1660000000000,30000000000,layer-1,2009-01-03,2025-04-16T00:00:00Z
ethereum,ETH,Ethereum,3306,1600,190000000000,15000000000,layer-1|smart-contracts,2015-07-30,2025-04-16T00:00:00Z
solana,SOL,Solana,3719,128,66000000000,3000000000,layer-1,2020-04-10,2025-04-16T00:00:00Z
usd-coin,USDC,USD Coin,,0.9999,60000000000,8000000000,stablecoin,2018-10-08,2025-04-16T00:00:00Z
";

pub(crate) const TRADER_GRADES: &str = r#"{"success": true, "message": "ok", "length": 3, "data": [
  {"TOKEN_ID": 3375, "DATE": "2025-04-16T00:00:00.000Z", "TA_GRADE": 70.1, "QUANT_GRADE": 60, "TM_TRADER_GRADE": 66.25, "TM_TRADER_GRADE_24H_PCT_CHANGE": null},
  {"TOKEN_ID": 3306, "DATE": "2025-04-16T00:00:00.000Z", "TA_GRADE": 40, "QUANT_GRADE": 41, "TM_TRADER_GRADE": 40},
  {"TOKEN_ID": "3719", "DATE": "2025-04-16", "TA_GRADE": "50", "QUANT_GRADE": "51", "TM_TRADER_GRADE": "50.5"}
]}"#;

pub(crate) const INVESTOR_GRADES: &str = r#"{"success": true, "message": "ok", "length": 3, "data": [
  {"TOKEN_ID": 3375, "DATE": "2025-04-16T00:00:00.000Z", "TM_INVESTOR_GRADE": 80.5, "FUNDAMENTAL_GRADE": 90},
  {"TOKEN_ID": 3306, "DATE": "2025-04-16T00:00:00.000Z", "TM_INVESTOR_GRADE": 61, "FUNDAMENTAL_GRADE": 88},
  {"TOKEN_ID": 3719, "DATE": "2025-04-16T00:00:00.000Z", "TM_INVESTOR_GRADE": 55, "FUNDAMENTAL_GRADE": null}
]}"#;

pub(crate) const TRADING_SIGNALS: &str = r#"{"success": true, "message": "ok", "length": 3, "data": [
  {"TOKEN_ID": 3375, "DATE": "2025-04-16T00:00:00.000Z", "TRADING_SIGNAL": 1, "TOKEN_TREND": 1, "TM_TRADER_GRADE": 66.25, "TM_INVESTOR_GRADE": null},
  {"TOKEN_ID": 3306, "DATE": "2025-04-16T00:00:00.000Z", "TRADING_SIGNAL": 0, "TOKEN_TREND": -1, "TM_TRADER_GRADE": 40, "TM_INVESTOR_GRADE": 61},
  {"TOKEN_ID": 3719, "DATE": "2025-04-16T00:00:00.000Z", "TRADING_SIGNAL": -1, "TOKEN_TREND": -1, "TM_TRADER_GRADE": 50.5, "TM_INVESTOR_GRADE": 55}
]}"#;

/// Binance's rules for BTC, ETH, SOL and USDC against USDT.
pub(crate) fn venue_rules() -> String {
    let symbol = |base: &str, step: &str, tick: &str| {
        format!(
            r#"{{"symbol": "{base}USDT", "status": "TRADING", "baseAsset": "{base}", "quoteAsset": "USDT", "filters": [
                {{"filterType": "PRICE_FILTER", "tickSize": "{tick}"}},
                {{"filterType": "LOT_SIZE", "minQty": "{step}", "maxQty": "9000.00", "stepSize": "{step}"}},
                {{"filterType": "MIN_NOTIONAL", "minNotional": "5.00"}}]}}"#
        )
    };
    let symbols = [
        symbol("BTC", "0.00001000", "0.01"),
        symbol("ETH", "0.00010000", "0.01"),
        symbol("SOL", "0.00100000", "0.01"),
        symbol("USDC", "1.00", "0.0001"),
    ];
    format!(r#"{{"timezone": "UTC", "symbols": [{}]}}"#, symbols.join(",\n"))
}

pub(crate) struct Workspace {
    directory: TempDir,
}

impl Workspace {
    pub(crate) fn new() -> Self {
        let workspace = Self { directory: tempfile::tempdir().expect("a temporary directory") };
        workspace.write("case.toml", CASE);
        workspace.write("policy.toml", POLICY);
        workspace.write("market.csv", MARKET);
        workspace.write("trader_grades.json", TRADER_GRADES);
        workspace.write("investor_grades.json", INVESTOR_GRADES);
        workspace.write("trading_signals.json", TRADING_SIGNALS);
        workspace.write("venue_rules.json", &venue_rules());
        workspace
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        self.write_bytes(file, text.as_bytes());
    }

    pub(crate) fn write_bytes(&self, file: &str, bytes: &[u8]) {
        fs::write(self.directory.path().join(file), bytes).expect("the file can be written");
    }

    /// Replaces every `from` in a file; a test that changes nothing is a broken test.
    pub(crate) fn edit(&self, file: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.directory.path().join(file)).expect("the file is there");
        assert!(text.contains(from), "{file} has no {from:?}");
        self.write(file, &text.replace(from, to));
    }

    pub(crate) fn remove(&self, file: &str) {
        fs::remove_file(self.directory.path().join(file)).expect("the file is there");
    }

    pub(crate) fn load(&self) -> Result<Case, PreparationError> {
        Case::load(self.directory.path())
    }

    pub(crate) fn plan(&self) -> Result<PlanningInput, PreparationError> {
        self.plan_from(None)
    }

    pub(crate) fn plan_from(&self, state: Option<PortfolioState>) -> Result<PlanningInput, PreparationError> {
        let as_of: Timestamp = AS_OF.parse().expect("a moment");
        let main = AccountId::new("main").expect("an id");
        self.load()?.planning_input(&main, Trigger::Scheduled(as_of), as_of, None, None, state)
    }
}
