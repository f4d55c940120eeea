//! Small planning inputs for this module's unit tests: a policy in TOML and one line per asset.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::model::grade::Dated;
use crate::model::policy::{SolverBackend, SolverPolicy};
use crate::model::{
    AccountId, AccountSnapshot, AssetId, AssetRecord, Decimal, Environment, Flow, Grade, GradeRecord, Holding,
    InstrumentId, Listing, ListingStatus, Money, PlanningInput, Policy, PortfolioId, PortfolioState, Price, Quantity,
    RunIdentity, Signal, Tick, Trigger, VenueId,
};

pub(super) const POLICY: &str = r#"
schema = 1
name = "Sample"
index = "blue_chip"
quote_currency = "USDT"
[eligibility]
[ranking]
by = "market_cap"
grade = "investor"
members = 3
enter_rank = 3
exit_rank = 4
[reference_weights]
method = "market_cap"
[drift_band]
kind = "relative"
width = "0.1"
[objective]
tracking_aversion = "1"
cost_aversion = "1"
[limits]
cash_buffer = { bound = "0.02" }
[costs]
fee = "0.001"
half_spread = "0.0005"
[orders]
collar = "0.01"
valid_minutes = 15
max_order_notional = "1000000"
max_run_notional = "1000000"
max_orders = 100
[guards]
max_price_age_hours = 24
max_grade_age_hours = 48
max_snapshot_skew_hours = 24
max_missing_grades = "0.2"
max_signal_flips = "0.5"
max_price_jump = "3"
"#;

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().expect(text)
}

pub(super) fn id(text: &str) -> AssetId {
    AssetId::new(text).expect(text)
}

pub(super) fn dec(text: &str) -> Decimal {
    text.parse().expect(text)
}

pub(super) fn policy(edit: impl FnOnce(&mut Policy)) -> Policy {
    let mut policy: Policy = toml::from_str(POLICY).expect("the sample policy parses");
    // Where a build has HiGHS, the tests of planning run on it.
    policy.solver = cfg!(feature = "highs").then_some(SolverPolicy { backend: SolverBackend::Highs });
    edit(&mut policy);
    policy
}

/// An asset at a price of 1 with the given market cap, volume 1e9, lot 0.01, minimum notional 10.
pub(super) fn asset(market_cap: &str) -> AssetRecord {
    AssetRecord {
        symbol: "X".to_owned(),
        name: "X".to_owned(),
        categories: BTreeSet::new(),
        first_seen: None,
        price: Price::parse("1").expect("price"),
        market_cap: Some(Money::parse(market_cap).expect(market_cap)),
        average_daily_volume: Some(Money::parse("1000000000").expect("volume")),
        observed_at: at("2025-01-01T00:00:00Z"),
        grades: GradeRecord {
            trader: None,
            investor: Some(Dated { value: Grade::new(dec("50")).expect("grade"), at: at("2025-01-01T00:00:00Z") }),
            signal: Some(Dated { value: Signal::Bullish, at: at("2025-01-01T00:00:00Z") }),
        },
        listing: Some(Listing {
            instrument: InstrumentId::new("X").expect("instrument"),
            status: ListingStatus::Trading,
            lot_size: Quantity::parse("0.01").expect("lot"),
            min_quantity: Quantity::parse("0.01").expect("minimum"),
            max_quantity: None,
            tick_size: Tick::parse("0.0001").expect("tick"),
            min_notional: Money::parse("10").expect("minimum notional"),
        }),
    }
}

/// Assets `a`, `b`, `c`, … with these market caps, holdings by id, cash.
pub(super) fn input(policy: Policy, caps: &[&str], holdings: &[(&str, &str)], cash: &str) -> PlanningInput {
    let names = ["a", "b", "c", "d", "e", "f"];
    let assets: BTreeMap<AssetId, AssetRecord> = names
        .iter()
        .zip(caps)
        .map(|(name, cap)| {
            let mut record = asset(cap);
            let instrument = name.to_uppercase();
            record.symbol.clone_from(&instrument);
            if let Some(listing) = &mut record.listing {
                listing.instrument = InstrumentId::new(&instrument).expect("instrument");
            }
            (id(name), record)
        })
        .collect();
    let holding = |free: &str| Holding { free: Quantity::parse(free).expect(free), locked: Quantity::ZERO };
    PlanningInput {
        schema: 1,
        run: RunIdentity {
            environment: Environment::Paper,
            venue: VenueId::new("paper").expect("venue"),
            venue_account: AccountId::new("main").expect("account"),
            portfolio: PortfolioId::new("sample").expect("portfolio"),
            trigger: Trigger::Scheduled(at("2025-01-01T00:00:00Z")),
        },
        as_of: at("2025-01-01T00:00:00Z"),
        flow: Flow::Full,
        policy,
        assets,
        account: AccountSnapshot {
            observed_at: at("2025-01-01T00:00:00Z"),
            cash_free: Money::parse(cash).expect(cash),
            cash_locked: Money::ZERO,
            holdings: holdings.iter().map(|(name, free)| (id(name), holding(free))).collect(),
        },
        state: PortfolioState::default(),
        notices: Vec::new(),
        history: None,
    }
}
