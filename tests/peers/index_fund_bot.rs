//! The buy plans of crypto-index-fund-bot.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use index_rebalancer::adapters::files::{market, venue_rules};
use index_rebalancer::model::grade::Dated;
use index_rebalancer::model::{
    AccountId, AccountSnapshot, AssetId, Decimal, Environment, Flow, Grade, Holding, InstrumentId, Money,
    PlanningInput, PortfolioId, PortfolioState, Price, Quantity, Rate, RunIdentity, Side, Trigger, VenueId,
};
use index_rebalancer::planning::plan;
use index_rebalancer::planning::plan::{Position, ReasonCode};
use index_rebalancer::preparation::sources::{Closes, Grades, MarketData, VenueRules};
use index_rebalancer::preparation::{Occasion, Sources, assemble};
use jiff::Timestamp;
use serde_json::Value;

use crate::shared::shared_data;
use crate::{bare_policy, decimal};

/// Wrapped coins and stablecoins are out; everything with a dollar market is in, however small.
const ELIGIBILITY: &str = r#"
[eligibility]
excluded_categories = ["wrapped-tokens", "stablecoin"]
[limits]
[reference_weights]
method = "market_cap"
"#;

struct Peer {
    cases: Value,
    market: MarketData,
    rules: VenueRules,
    at: Timestamp,
}

fn peer(data: &Path) -> Peer {
    let read = |path: &str| fs::read(data.join(path)).expect(path);
    let cases: Value = serde_json::from_slice(&read("peers/index_fund_bot_cases.json")).expect("JSON");
    let at: Timestamp = "2021-09-12T22:13:12Z".parse().expect("a moment");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let listing = text(&cases["cases"][0]["listing"]);
    let rules = text(&cases["cases"][0]["exchange_rules"]);
    for case in cases["cases"].as_array().expect("cases") {
        assert_eq!((text(&case["listing"]), text(&case["exchange_rules"])), (listing.clone(), rules.clone()));
    }
    Peer {
        market: market::read(&listing, &read(&listing), at).expect("the listing reads"),
        rules: venue_rules::read(&rules, &read(&rules)).expect("the rules read"),
        cases,
        at,
    }
}

impl Peer {
    fn text<'a>(&'a self, case: usize, key: &str) -> &'a str {
        self.cases["cases"][case][key].as_str().unwrap_or_else(|| panic!("case {case} states {key}"))
    }

    /// Symbols that two coins share go to the larger one, as an entry of `[instruments]` would say; the peer gives
    /// its market to both.
    fn instruments(&self) -> BTreeMap<AssetId, InstrumentId> {
        let mut by_symbol: BTreeMap<String, Vec<&AssetId>> = BTreeMap::new();
        for (asset, record) in &self.market.assets {
            by_symbol.entry(record.symbol.to_uppercase()).or_default().push(asset);
        }
        let mut instruments = BTreeMap::new();
        for (symbol, mut assets) in by_symbol.into_iter().filter(|(_, assets)| assets.len() > 1) {
            let instrument = InstrumentId::new(&format!("{symbol}USD"));
            let Ok(instrument) = instrument else { continue };
            if self.rules.instruments.contains_key(&instrument) {
                assets.sort_by_key(|asset| self.market.assets[*asset].market_cap);
                let largest = assets.pop().expect("two at least");
                let _ = instruments.insert(largest.clone(), instrument);
            }
        }
        instruments
    }

    fn symbol_id(&self, symbol: &str) -> AssetId {
        let same = self.market.assets.iter().filter(|(_, record)| record.symbol == symbol);
        same.max_by_key(|(_, record)| record.market_cap).expect(symbol).0.clone()
    }

    /// The case as it is, with the bot's prices where it has a ticker.
    fn input(&self, case: usize, data: &Path) -> PlanningInput {
        let mut market = self.market.clone();
        if let Some(ticker) = self.cases["cases"][case]["ticker"].as_str() {
            let mut prices = csv::Reader::from_path(data.join(ticker)).expect("the ticker opens");
            for row in prices.deserialize::<(String, String)>() {
                let (instrument, price) = row.expect("the row reads");
                let Some(symbol) = instrument.strip_suffix("USD") else { continue };
                if self.market.assets.values().any(|record| record.symbol == symbol) {
                    let record = market.assets.get_mut(&self.symbol_id(symbol)).expect("it is there");
                    record.price = Some(Price::parse(&price).expect("a price"));
                }
            }
        }
        let holding = |(symbol, units): (&String, &Value)| {
            let free = Quantity::parse(units.as_str().expect("text")).expect("a quantity");
            (self.symbol_id(symbol), Holding { free, locked: Quantity::ZERO })
        };
        let occasion = Occasion {
            run: RunIdentity {
                environment: Environment::Paper,
                venue: VenueId::new("binance-us").expect("id"),
                venue_account: AccountId::new("main").expect("id"),
                portfolio: PortfolioId::new("index-fund-bot").expect("id"),
                trigger: Trigger::Scheduled(self.at),
            },
            as_of: self.at,
            flow: Flow::DepositOnly,
            policy: bare_policy("USD", 1000, r#"tracking_aversion = "1""#, ELIGIBILITY),
            account: AccountSnapshot {
                observed_at: self.at,
                cash_free: Money::parse(self.text(case, "cash_usd")).expect("money"),
                cash_locked: Money::ZERO,
                holdings: self.cases["cases"][case]["holdings"]
                    .as_object()
                    .expect("a map")
                    .iter()
                    .map(holding)
                    .collect(),
            },
            state: PortfolioState::default(),
        };
        let sources = Sources {
            market: &market,
            closes: &Closes::default(),
            grades: &Grades::default(),
            venue_rules: &self.rules,
            instruments: &self.instruments(),
            token_ids: &BTreeMap::new(),
            migrations: &[],
        };
        assemble(occasion, &sources).expect("the input is sound")
    }

    /// The bot's program: grade tilt alone, each asset's shortfall in points as its grade, deprioritised ones behind
    /// all others, at most `purchase_max` of each.
    fn bot(&self, case: usize, mut input: PlanningInput) -> PlanningInput {
        let index = plan(&input).expect("the index");
        let behind: BTreeSet<&str> =
            self.cases["rule"]["deprioritized"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
        let most = Money::parse(self.text(case, "purchase_max_usd")).expect("money");
        input.policy = bare_policy("USD", 1000, r#"grade_tilt = "1""#, ELIGIBILITY);
        // The peer's prices lie between the venue's price steps.
        input.policy.orders.collar = Rate::parse("0.001").expect("a rate");
        // A participation of one in a volume of `purchase_max` is that much of each and no more.
        input.policy.limits.participation = Some(Rate::parse("1").expect("a rate"));
        for position in &index.positions {
            let record = input.assets.get_mut(&position.asset).expect("it is there");
            record.average_daily_volume = Some(most);
            let score = score(position, behind.contains(record.symbol.as_str()));
            record.grades.trader = score.map(|value| Dated { value, at: self.at });
        }
        input
    }
}

/// Points of weight below target; a thousandth of that for who comes last; none for who is not below.
fn score(position: &Position, behind: bool) -> Option<Grade> {
    let short = (position.reference_weight.get() - position.weight_before.get()) * Decimal::ONE_HUNDRED;
    let scale = if behind { decimal("0.001") } else { Decimal::ONE };
    (short > Decimal::ZERO).then(|| Grade::new((short * scale).round_dp(12)).expect("a grade"))
}

#[test]
fn the_index_is_the_peers() {
    let Some(data) = shared_data("the_index_is_the_peers") else { return };
    let peer = peer(&data);
    let plan = plan(&peer.input(0, &data)).expect("a plan");
    let derived = peer.cases["index_derived_by_rule_2021-09-12"].as_array().expect("a list");
    let mut wrong = Vec::new();
    let mut out = Decimal::ZERO;
    let mut seen = BTreeSet::new();
    let mut compared = Vec::new();
    for row in derived {
        let symbol = row["symbol"].as_str().expect("text");
        let why = if symbol == "BTCB" {
            // The bot looks for the name BTCB + USD and finds the market of BTC in BUSD.
            "the venue has no market of it; BTCBUSD is Bitcoin in BUSD"
        } else if !seen.insert(symbol) {
            "the second coin of this symbol; the market is the larger one's"
        } else {
            compared.push((symbol, row));
            continue;
        };
        out += decimal(&row["index_pct"].to_string());
        println!("left out: {symbol} {} %: {why}", row["index_pct"]);
    }
    assert!(out < decimal("0.25"), "what is left out is small: {out} %");
    for (symbol, row) in &compared {
        let stated = decimal(&row["index_pct"].to_string());
        let Some(position) = plan.positions.iter().find(|position| position.symbol == *symbol) else {
            wrong.push(format!("{symbol} {stated} %: not in the index"));
            continue;
        };
        let percent = position.reference_weight.get() * (Decimal::ONE_HUNDRED - out);
        let halted = position.reason.code == ReasonCode::Halted;
        // Stated to six decimals; what is left out there would be shared by all here.
        if (percent - stated).abs() > decimal("0.000002") || halted != (row["exchange_status"] == "BREAK") {
            wrong.push(format!("{symbol} {stated} %: {percent} %, halted: {halted}"));
        }
    }
    assert!(wrong.is_empty(), "{} rows fail:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(compared.len(), plan.positions.len(), "and nobody else is in it");
}

#[test]
fn both_buy_plans() {
    let Some(data) = shared_data("both_buy_plans") else { return };
    let peer = peer(&data);
    let cases = peer.cases["cases"].as_array().expect("cases").len();
    assert_eq!(cases, 2);
    for case in 0..cases {
        let name = peer.text(case, "name").to_owned();
        let input = peer.bot(case, peer.input(case, &data));
        let plan = plan(&input).expect("a plan");
        let stated = peer.cases["cases"][case]["expected_order_set"].as_array().expect("a list");
        let wanted: BTreeSet<&str> = stated.iter().filter_map(Value::as_str).collect();
        let got: BTreeSet<&str> = plan.orders.iter().map(|order| order.instrument.as_str()).collect();
        assert_eq!(got, wanted, "{name}");
        assert!(plan.orders.iter().all(|order| order.side == Side::Buy), "{name}: nothing is sold");
        for order in &plan.orders {
            // 25 dollars of each: as many whole lots as that buys.
            let each = decimal(peer.text(case, "purchase_max_usd"));
            let lot = input.assets[&order.asset].listing.as_ref().expect("it is listed").lot_size;
            let units = Quantity::new(each / order.reference_price.get()).expect("a quantity").floor_to(lot.get());
            assert_eq!(order.quantity, units, "{name}: {}", order.instrument);
        }
        let xrp = plan.positions.iter().find(|position| position.symbol == "XRP").expect("XRP is in the index");
        assert_eq!(xrp.reason.code, ReasonCode::Halted, "{name}: XRP keeps its weight and is not ordered");
        assert!(xrp.reference_weight.get() > decimal("0.029"), "{name}: by market cap");
    }
}
