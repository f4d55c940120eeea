//! Seeded portfolios for the benchmarks: the same on every machine.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a benchmark stops where something is wrong")]

use std::collections::BTreeMap;
use std::fmt;

use index_rebalancer::model::grade::Dated;
use index_rebalancer::model::{
    AccountId, AccountSnapshot, AssetId, AssetRecord, Decimal, Environment, Flow, Grade, GradeRecord, Holding,
    InstrumentId, Listing, ListingStatus, Money, PlanningInput, Policy, PortfolioId, PortfolioState, Price, Quantity,
    RunIdentity, Signal, Tick, Trigger, VenueId,
};

/// What makes an instance easy or hard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The turnover limit is a tenth.
    Binds,
    /// It is nine tenths: nothing is in the way.
    Slack,
    /// Drifted members go to the edge of their band, within a turnover of a fifth.
    Bands,
    /// Everybody has the same grade and market cap: many solutions are as good.
    Ties,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Binds, Self::Slack, Self::Bands, Self::Ties];

    fn turnover(self) -> &'static str {
        match self {
            Self::Binds | Self::Ties => "0.1",
            Self::Bands => "0.2",
            Self::Slack => "0.9",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Binds => "binds",
            Self::Slack => "slack",
            Self::Bands => "bands",
            Self::Ties => "ties",
        })
    }
}

/// A small deterministic source of numbers (SplitMix64): the instances are the same on every machine.
struct Numbered(u64);

impl Numbered {
    fn next(&mut self, below: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u32::try_from((mixed ^ (mixed >> 31)) % u64::from(below)).expect("below a u32")
    }
}

/// A drifted portfolio of `size` members with categories and impact in three pieces.
pub(crate) fn instance(size: u32, kind: Kind, seed: u64) -> PlanningInput {
    let mut numbers = Numbered(seed * 1_000_003 + u64::from(size));
    let at = "2025-01-01T00:00:00Z".parse().expect("a time");
    let mut assets: BTreeMap<AssetId, AssetRecord> = BTreeMap::new();
    let mut holdings: BTreeMap<AssetId, Holding> = BTreeMap::new();
    for index in 0..size {
        let asset = AssetId::new(&format!("asset-{index:04}")).expect("an id");
        let price = Decimal::new(i64::from(numbers.next(900_000) + 1000), 4);
        let cap = Decimal::from(1_000_000_000_u64 / u64::from(index + 1) + u64::from(numbers.next(1_000_000)));
        let free =
            (Decimal::from(numbers.next(2_000)) / Decimal::from(size) * Decimal::ONE_THOUSAND / price).round_dp(3);
        holdings
            .insert(asset.clone(), Holding { free: Quantity::new(free).expect("a quantity"), locked: Quantity::ZERO });
        let category = ["layer-1", "defi", "meme", "other"][usize::try_from(numbers.next(4)).expect("small")];
        let mut record = record(&mut numbers, price, cap, category, &format!("A{index:04}USDT"), at);
        if kind == Kind::Ties {
            record.market_cap = Some(Money::parse("1000000000").expect("money"));
            record.grades.investor = Some(Dated { value: Grade::new(Decimal::from(50)).expect("a grade"), at });
        }
        assets.insert(asset, record);
    }
    PlanningInput {
        schema: 1,
        run: RunIdentity {
            environment: Environment::Paper,
            venue: VenueId::new("paper").expect("a venue"),
            venue_account: AccountId::new("main").expect("an account"),
            portfolio: PortfolioId::new("bench").expect("a portfolio"),
            trigger: Trigger::Scheduled(at),
        },
        as_of: at,
        flow: Flow::Full,
        policy: policy(size, kind),
        assets,
        account: AccountSnapshot {
            observed_at: at,
            cash_free: Money::parse("100000").expect("money"),
            cash_locked: Money::ZERO,
            holdings,
        },
        state: PortfolioState::default(),
        notices: Vec::new(),
        history: None,
    }
}

fn record(
    numbers: &mut Numbered,
    price: Decimal,
    cap: Decimal,
    category: &str,
    instrument: &str,
    at: jiff::Timestamp,
) -> AssetRecord {
    let grade = Grade::new(Decimal::new(i64::from(numbers.next(10_000)), 2)).expect("a grade");
    AssetRecord {
        symbol: instrument.trim_end_matches("USDT").to_owned(),
        name: instrument.to_owned(),
        categories: [category.parse().expect("a category")].into(),
        first_seen: None,
        price: Price::new(price).expect("a price"),
        market_cap: Some(Money::new(cap).expect("money")),
        average_daily_volume: Some(Money::new(cap / Decimal::ONE_HUNDRED).expect("money")),
        observed_at: at,
        grades: GradeRecord {
            trader: None,
            investor: Some(Dated { value: grade, at }),
            signal: Some(Dated { value: Signal::Bullish, at }),
        },
        listing: Some(Listing {
            instrument: InstrumentId::new(instrument).expect("an instrument"),
            status: ListingStatus::Trading,
            lot_size: Quantity::parse("0.0001").expect("a lot"),
            min_quantity: Quantity::ZERO,
            max_quantity: None,
            tick_size: Tick::parse("0.0001").expect("a tick"),
            min_notional: Money::ZERO,
        }),
    }
}

fn policy(members: u32, kind: Kind) -> Policy {
    let turnover = kind.turnover();
    // A policy file may ask for 5,000; the largest instances are for timing alone.
    let most_orders = members.max(5_000);
    let on_breach = if kind == Kind::Bands { "to_band_edge" } else { "to_target" };
    let text = format!(
        r#"
schema = 1
name = "Bench"
index = "blue_chip"
quote_currency = "USDT"
[eligibility]
[ranking]
by = "market_cap"
grade = "investor"
members = {members}
enter_rank = {members}
exit_rank = {members}
[reference_weights]
method = "market_cap"
[drift_band]
kind = "five_twenty_five"
on_breach = "{on_breach}"
[objective]
grade_tilt = "0.1"
tracking_aversion = "1"
cost_aversion = "1"
[limits]
cash_buffer = {{ bound = "0.01" }}
max_weight = {{ bound = "0.5" }}
turnover = {{ bound = "{turnover}" }}
categories = [{{ category = "meme", max_weight = "0.9" }}, {{ category = "layer-1", min_weight = "0.01" }}]
[costs]
fee = "0.001"
half_spread = "0.0005"
impact = [{{ up_to = "0.001", cost = "0.0002" }}, {{ up_to = "0.01", cost = "0.001" }}, {{ up_to = "0.1", cost = "0.003" }}]
[orders]
collar = "0.01"
valid_minutes = 15
max_order_notional = "10000000"
max_run_notional = "100000000"
max_orders = {most_orders}
[guards]
max_price_age_hours = 24
max_grade_age_hours = 48
max_snapshot_skew_hours = 24
max_missing_grades = "0.2"
max_signal_flips = "0.5"
max_price_jump = "3"
"#
    );
    toml::from_str(&text).expect("the policy parses")
}
