//! Random planning inputs as a real run would have them: figures, venue rules and policies of the usual sizes, and
//! the awkward cases often. Everything is drawn as small whole numbers first, so that a failing case shrinks well.

use std::collections::{BTreeMap, BTreeSet};

use index_rebalancer::model::asset::Listing;
use index_rebalancer::model::grade::{Dated, Grade, GradeRecord, Signal};
use index_rebalancer::model::policy::{
    BandKind, CapTier, CategoryLimit, Costs, DriftBand, Eligibility, GradeKind, Guards, ImpactPiece, IndexKind, Limit,
    Limits, Objective, OnBreach, OrderPolicy, RankBy, Ranking, ReferenceWeights, RegimePolicy, Soft, SolverBackend,
    SolverPolicy, WeightMethod,
};
use index_rebalancer::model::{
    AccountId, AccountSnapshot, AssetId, AssetRecord, CategoryId, Decimal, Environment, Flow, Holding, InstrumentId,
    ListingStatus, Money, PlanningInput, Policy, PortfolioId, PortfolioState, Price, Quantity, Rate, RegimeObservation,
    RunIdentity, Tick, Trigger, VenueId, Weight,
};
use index_rebalancer::planning::idempotency::digest_of;
use jiff::{Timestamp, ToSpan};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

const AS_OF: &str = "2025-04-16T00:00:00Z";
const CATEGORIES: [&str; 4] = ["defi", "layer-1", "meme", "stablecoin"];

/// A planning input drawn at random.
pub(crate) fn input() -> impl Strategy<Value = PlanningInput> {
    let size = prop_oneof![1 => Just(1..=1_usize), 3 => Just(2..=6), 4 => Just(5..=15), 2 => Just(15..=40)];
    size.prop_flat_map(|size| (vec(asset(), size), account(), policy(), state())).prop_map(|parts| build(&parts))
}

/// A positive number as digits and a power of ten.
type Figure = (u32, i32);

#[derive(Debug, Clone)]
struct AssetDraw {
    price: Figure,
    market_cap: Option<Figure>,
    volume: Option<Figure>,
    /// In halves.
    grade: Option<u32>,
    signal: Option<u8>,
    categories: u8,
    age_days: Option<i32>,
    listing: ListingDraw,
    holding: HoldingDraw,
}

#[derive(Debug, Clone)]
struct ListingDraw {
    /// 0: not listed, 1: halted, otherwise trading.
    status: u8,
    /// One lot is worth about ten to this power in quote currency; absent: no lots.
    lot_worth: Option<i32>,
    /// The tick is the price's size times ten to this power; absent: no ticks.
    tick_digits: Option<i32>,
    min_notional: u32,
    min_lots: u32,
    max_lots: Option<u32>,
}

#[derive(Debug, Clone)]
struct HoldingDraw {
    /// Parts of the account's worth; 0: none.
    parts: u32,
    locked_percent: u32,
    /// Rounded to whole lots, as fills leave it; otherwise to a digit far below, as transfers do.
    whole_lots: bool,
}

fn figure(powers: std::ops::RangeInclusive<i32>) -> impl Strategy<Value = Figure> {
    (1000..=9999_u32, powers)
}

fn asset() -> impl Strategy<Value = AssetDraw> {
    let volume = prop_oneof![6 => figure(3..=6), 3 => figure(-3..=2)];
    let market = (
        figure(-10..=1),
        option::weighted(0.95, figure(2..=8)),
        option::weighted(0.93, volume),
        option::weighted(0.92, 0..=200_u32),
        option::weighted(0.9, 0..=2_u8),
    );
    let about = (prop_oneof![2 => Just(0_u8), 3 => 0..=7_u8, 1 => 8..=15_u8], option::weighted(0.95, 0..=2000_i32));
    (market, about, listing(), holding()).prop_map(
        |((price, market_cap, volume, grade, signal), (categories, age_days), listing, holding)| AssetDraw {
            price,
            market_cap,
            volume,
            grade,
            signal,
            categories,
            age_days,
            listing,
            holding,
        },
    )
}

fn listing() -> impl Strategy<Value = ListingDraw> {
    let status = prop_oneof![1 => Just(0_u8), 1 => Just(1), 18 => Just(2)];
    let lot_worth = option::weighted(0.9, prop_oneof![6 => -5..=-2_i32, 2 => -1..=1_i32]);
    let tick_digits = option::weighted(0.9, prop_oneof![6 => -6..=-3_i32, 1 => Just(-2_i32)]);
    let min_notional = prop_oneof![1 => Just(0_u32), 3 => Just(1), 6 => Just(5), 2 => Just(10)];
    let min_lots = prop_oneof![3 => Just(0_u32), 3 => Just(1), 1 => Just(10)];
    let max_lots = option::weighted(0.5, 1_000..=90_000_000_u32);
    (status, lot_worth, tick_digits, min_notional, min_lots, max_lots).prop_map(
        |(status, lot_worth, tick_digits, min_notional, min_lots, max_lots)| ListingDraw {
            status,
            lot_worth,
            tick_digits,
            min_notional,
            min_lots,
            max_lots,
        },
    )
}

fn holding() -> impl Strategy<Value = HoldingDraw> {
    let parts = prop_oneof![4 => Just(0_u32), 1 => 1..=10_u32, 5 => 11..=1000_u32];
    let locked = prop_oneof![9 => Just(0_u32), 1 => 1..=99_u32, 1 => Just(100)];
    (parts, locked, any::<bool>()).prop_map(|(parts, locked_percent, whole_lots)| HoldingDraw {
        parts,
        locked_percent,
        whole_lots,
    })
}

#[derive(Debug, Clone)]
struct AccountDraw {
    worth: Figure,
    cash_parts: u32,
    cash_locked_percent: u32,
    /// 0: nothing at all, 1: cash only, otherwise as drawn.
    kind: u8,
    /// 0: every grade the same; 1: every market cap too; otherwise as drawn.
    alike: u8,
    /// How many assets share the first one's symbol.
    same_symbols: usize,
    /// 0: deposit only, 1: withdraw this share of the account in percent, otherwise full.
    flow: (u8, u32),
    /// The venue takes any quantity of anything: what planning rounds to is what counts then, in a small account above all.
    without_lots: bool,
}

fn account() -> impl Strategy<Value = AccountDraw> {
    let cash = prop_oneof![2 => Just(0_u32), 3 => 1..=50_u32, 4 => 51..=3000_u32];
    let locked = prop_oneof![9 => Just(0_u32), 1 => 1..=60_u32];
    let kind = prop_oneof![1 => Just(0_u8), 3 => Just(1), 40 => Just(2)];
    let alike = prop_oneof![2 => Just(0_u8), 1 => Just(1), 20 => Just(2)];
    let flow = (prop_oneof![2 => Just(0_u8), 2 => Just(1), 18 => Just(2)], 1..=60_u32);
    let same_symbols = prop_oneof![4 => Just(0_usize), 1 => 2..=4_usize];
    let worth = prop_oneof![9 => figure(-1..=4), 1 => figure(-2..=-1)];
    let without_lots = prop_oneof![7 => Just(false), 1 => Just(true)];
    (worth, cash, locked, kind, alike, same_symbols, flow, without_lots).prop_map(
        |(worth, cash_parts, cash_locked_percent, kind, alike, same_symbols, flow, without_lots)| AccountDraw {
            worth,
            cash_parts,
            cash_locked_percent,
            kind,
            alike,
            same_symbols,
            flow,
            without_lots,
        },
    )
}

#[derive(Debug, Clone)]
struct StateDraw {
    /// Bit i: asset i was a member.
    members: u64,
    first_run: bool,
    bearish: Option<bool>,
    same_policy: bool,
    observations: Vec<u32>,
}

fn state() -> impl Strategy<Value = StateDraw> {
    let members = prop_oneof![1 => Just(u64::MAX), 1 => any::<u64>()];
    (members, any::<bool>(), option::of(any::<bool>()), any::<bool>(), vec(0..=100_u32, 0..=3)).prop_map(
        |(members, first_run, bearish, same_policy, observations)| StateDraw {
            members,
            first_run,
            bearish,
            same_policy,
            observations,
        },
    )
}

#[derive(Debug, Clone)]
struct PolicyDraw {
    ranking: (bool, bool, u32, u32, u32),
    eligibility: (u8, bool, u8),
    weights: (u8, Option<u32>, Option<u32>, Option<u32>),
    regime: Option<(u32, u32, u32, u32, bool, u8)>,
    band: (u8, u32, bool),
    objective: (u8, u32, u32, u32),
    limits: LimitsDraw,
    costs: (u32, u32, u8),
    orders: (u32, u32, Option<u32>),
}

/// Per mille; softness as priority (0: hard) and whether there is a hard bound.
#[derive(Debug, Clone)]
struct LimitsDraw {
    cash_buffer: Option<(u32, SoftDraw)>,
    max_weight: Option<(u32, SoftDraw)>,
    own_cap: Option<u32>,
    categories: Vec<(usize, bool, u32, SoftDraw)>,
    turnover: Option<(u32, SoftDraw)>,
    participation: Option<u32>,
    stable_share: SoftDraw,
}

type SoftDraw = (u32, Option<u32>);

/// Mostly soft: a drifted portfolio is an everyday case, and hard limits would make it an error.
fn softness() -> impl Strategy<Value = SoftDraw> {
    (prop_oneof![1 => Just(0_u32), 20 => 1..=5_u32], option::weighted(0.12, 0..=1000_u32))
}

fn limits() -> impl Strategy<Value = LimitsDraw> {
    let turnover = prop_oneof![2 => 1..=100_u32, 1 => 101..=500_u32, 1 => 501..=1000_u32];
    let category = (0..CATEGORIES.len(), prop_oneof![3 => Just(true), 1 => Just(false)], 0..=700_u32, softness());
    (
        option::weighted(0.6, (0..=100_u32, softness())),
        option::weighted(0.6, (20..=600_u32, softness())),
        option::weighted(0.2, 0..=600_u32),
        vec(category, 0..=2),
        option::weighted(0.5, (turnover, softness())),
        option::weighted(0.5, 1..=100_u32),
        softness(),
    )
        .prop_map(|(cash_buffer, max_weight, own_cap, categories, turnover, participation, stable_share)| {
            LimitsDraw { cash_buffer, max_weight, own_cap, categories, turnover, participation, stable_share }
        })
}

fn policy() -> impl Strategy<Value = PolicyDraw> {
    let ranking = (any::<bool>(), any::<bool>(), 1..=30_u32, 0..=5_u32, 0..=8_u32);
    // Rules that exclude many are drawn seldom: an empty universe plans nothing.
    let eligibility = (prop_oneof![4 => Just(0_u8), 1 => 1..=3_u8], prop_oneof![4 => Just(false), 1 => Just(true)], {
        prop_oneof![3 => Just(0b1000_u8), 1 => Just(0)]
    });
    let cap = || 30..=1000_u32;
    let weights =
        (0..=4_u8, option::weighted(0.5, cap()), option::weighted(0.2, cap()), option::weighted(0.3, 0..=50_u32));
    let regime = option::weighted(0.5, (0..=400_u32, 0..=800_u32, 1..=3_u32, 0..=1_u32, any::<bool>(), 0..=2_u8));
    let band = (0..=3_u8, 1..=300_u32, any::<bool>());
    let objective = (0..=2_u8, 1..=200_u32, 100..=3000_u32, 100..=3000_u32);
    let costs = (0..=40_u32, 0..=40_u32, 0..=3_u8);
    let orders = (1..=20_u32, prop_oneof![3 => Just(0_u32), 2 => 1..=50_u32], option::weighted(0.3, 0..=30_u32));
    (ranking, eligibility, weights, regime, band, objective, limits(), costs, orders).prop_map(
        |(ranking, eligibility, weights, regime, band, objective, limits, costs, orders)| PolicyDraw {
            ranking,
            eligibility,
            weights,
            regime,
            band,
            objective,
            limits,
            costs,
            orders,
        },
    )
}

fn build((assets, account, policy, state): &(Vec<AssetDraw>, AccountDraw, PolicyDraw, StateDraw)) -> PlanningInput {
    let as_of: Timestamp = AS_OF.parse().expect("a timestamp");
    let records: BTreeMap<AssetId, AssetRecord> =
        assets.iter().enumerate().map(|(index, draw)| record(as_of, account, index, draw)).collect();
    // With a regime the last one or two assets are its stable legs, priced near one quote unit.
    let legs: BTreeSet<AssetId> = match &policy.regime {
        Some((.., legs)) if usize::from(*legs) < assets.len() => {
            records.keys().rev().take(usize::from(*legs)).cloned().collect()
        }
        _ => BTreeSet::new(),
    };
    let mut records = records;
    for leg in &legs {
        let record = records.get_mut(leg).expect("the leg is an asset");
        let cents = record.price.get().mantissa() % 3;
        record.price = Price::new(Decimal::new(99, 2) + Decimal::from(cents) / Decimal::ONE_HUNDRED).expect("a price");
        if let Some(listing) = &mut record.listing {
            listing.lot_size = quantity(Decimal::new(1, 2));
            listing.min_quantity = Quantity::ZERO;
            listing.max_quantity = None;
            listing.tick_size = Tick::new(Decimal::new(1, 4)).expect("a tick");
        }
    }
    let snapshot = snapshot(as_of, assets, account, &records);
    let policy = build_policy(policy, &records, legs);
    let state = build_state(as_of, state, &records, &policy);
    let flow = match account.flow {
        (0, _) => Flow::DepositOnly,
        (1, percent) => Flow::Withdraw(money(worth(account) * Decimal::new(i64::from(percent), 2))),
        _ => Flow::Full,
    };
    PlanningInput {
        schema: 1,
        run: RunIdentity {
            environment: Environment::Paper,
            venue: VenueId::new("binance").expect("an id"),
            venue_account: AccountId::new("main").expect("an id"),
            portfolio: PortfolioId::new("drawn").expect("an id"),
            trigger: Trigger::Scheduled(as_of),
        },
        as_of,
        flow,
        policy,
        assets: records,
        account: snapshot,
        state,
        notices: Vec::new(),
        history: None,
    }
}

fn value((digits, power): Figure) -> Decimal {
    power_of_ten(power) * Decimal::from(digits)
}

fn power_of_ten(power: i32) -> Decimal {
    let ten = Decimal::TEN;
    (0..power.abs()).fold(Decimal::ONE, |value, _| if power < 0 { value / ten } else { value * ten })
}

fn worth(account: &AccountDraw) -> Decimal {
    value(account.worth)
}

fn money(value: Decimal) -> Money {
    Money::new(value).expect("an amount of money")
}

fn quantity(value: Decimal) -> Quantity {
    Quantity::new(value).expect("a quantity")
}

fn weight(per_mille: u32) -> Weight {
    Weight::new(Decimal::new(i64::from(per_mille), 3)).expect("a weight")
}

fn rate(digits: u32, scale: u32) -> Rate {
    Rate::new(Decimal::new(i64::from(digits), scale)).expect("a rate")
}

fn record(as_of: Timestamp, account: &AccountDraw, index: usize, draw: &AssetDraw) -> (AssetId, AssetRecord) {
    let id = AssetId::new(&format!("asset-{index:02}")).expect("an id");
    let price = value(draw.price);
    let at = as_of - 6.hours();
    let grade = match account.alike {
        0 | 1 => Some(120),
        _ => draw.grade,
    };
    let grade = grade.map(|halves| Grade::new(Decimal::new(i64::from(halves) * 5, 1)).expect("a grade"));
    let signal = draw.signal.map(|signal| [Signal::Bearish, Signal::Neutral, Signal::Bullish][usize::from(signal)]);
    let same_symbol = index < account.same_symbols;
    let categories = CATEGORIES.iter().enumerate().filter(|(bit, _)| draw.categories & (1 << bit) != 0);
    let today = as_of.to_zoned_datetime(jiff::tz::TimeZone::UTC).date();
    let record = AssetRecord {
        symbol: if same_symbol { "SAME".to_owned() } else { format!("S{index}") },
        name: format!("Asset {index}"),
        categories: categories.map(|(_, name)| CategoryId::new(name).expect("an id")).collect(),
        first_seen: draw.age_days.map(|days| today - days.days()),
        price: Price::new(price).expect("a price"),
        market_cap: if account.alike == 1 {
            Some(money(Decimal::from(1_000_000_000)))
        } else {
            draw.market_cap.map(|cap| money(value(cap)))
        },
        // Volumes are drawn for an account worth a million.
        average_daily_volume: draw.volume.map(|volume| {
            money((value(volume) * worth(account) / Decimal::from(1_000_000)).round_sf(5).expect("fits"))
        }),
        observed_at: at,
        grades: GradeRecord {
            trader: grade.map(|value| Dated { value, at }),
            investor: grade.map(|value| Dated { value, at }),
            signal: signal.map(|value| Dated { value, at }),
        },
        listing: build_listing(index, &draw.listing, draw.price, account.without_lots),
    };
    (id, record)
}

fn build_listing(index: usize, draw: &ListingDraw, (_, price_power): Figure, without_lots: bool) -> Option<Listing> {
    let status = match draw.status {
        0 => return None,
        1 => ListingStatus::Halted,
        _ => ListingStatus::Trading,
    };
    // The price has four digits before `price_power`.
    let price_size = price_power + 3;
    let lot_worth = draw.lot_worth.filter(|_| !without_lots);
    let lot = lot_worth.map_or(Decimal::ZERO, |worth| power_of_ten(worth - price_size));
    let tick = draw.tick_digits.map_or(Decimal::ZERO, |digits| power_of_ten(price_size + digits));
    let lots = |count: u32| quantity(lot * Decimal::from(count));
    Some(Listing {
        instrument: InstrumentId::new(&format!("S{index}USDT")).expect("an id"),
        status,
        lot_size: quantity(lot),
        min_quantity: lots(draw.min_lots),
        max_quantity: draw.max_lots.filter(|_| !lot.is_zero()).map(lots),
        tick_size: Tick::new(tick).expect("a tick"),
        // No venue takes orders of any size at all: where there is no lot, there is a least value.
        min_notional: money(Decimal::from(if lot.is_zero() { draw.min_notional.max(1) } else { draw.min_notional })),
    })
}

fn snapshot(
    as_of: Timestamp,
    assets: &[AssetDraw],
    account: &AccountDraw,
    records: &BTreeMap<AssetId, AssetRecord>,
) -> AccountSnapshot {
    let mut snapshot = AccountSnapshot {
        observed_at: as_of,
        cash_free: Money::ZERO,
        cash_locked: Money::ZERO,
        holdings: BTreeMap::new(),
    };
    if account.kind == 0 {
        return snapshot;
    }
    let holds = account.kind > 1;
    let parts: u32 = assets.iter().map(|asset| asset.holding.parts).filter(|_| holds).sum();
    let all = Decimal::from((parts + account.cash_parts).max(1));
    let share = |parts: u32| worth(account) * Decimal::from(parts) / all;
    let cash = if holds { share(account.cash_parts) } else { worth(account) }.round_dp(2);
    let locked = (cash * Decimal::new(i64::from(account.cash_locked_percent), 2)).round_dp(2);
    snapshot.cash_free = money(cash - locked);
    snapshot.cash_locked = money(locked);
    for ((id, record), draw) in records.iter().zip(assets).filter(|(_, draw)| holds && draw.holding.parts > 0) {
        let units = share(draw.holding.parts) / record.price.get();
        let lot = record.listing.as_ref().map_or(Decimal::ZERO, |listing| listing.lot_size.get());
        let units = if draw.holding.whole_lots && !lot.is_zero() {
            (units / lot).trunc() * lot
        } else {
            units.round_sf(9).expect("fits").round_dp(18)
        };
        let locked = (units * Decimal::new(i64::from(draw.holding.locked_percent), 2)).round_dp(18);
        let holding = Holding { free: quantity(units - locked), locked: quantity(locked) };
        if !holding.total().is_zero() {
            let _ = snapshot.holdings.insert(id.clone(), holding);
        }
    }
    snapshot
}

fn build_state(
    as_of: Timestamp,
    draw: &StateDraw,
    records: &BTreeMap<AssetId, AssetRecord>,
    policy: &Policy,
) -> PortfolioState {
    if draw.first_run {
        return PortfolioState::default();
    }
    let today = as_of.to_zoned_datetime(jiff::tz::TimeZone::UTC).date();
    let days = i32::try_from(draw.observations.len()).expect("few");
    PortfolioState {
        members: records
            .keys()
            .enumerate()
            .filter(|(index, _)| draw.members & (1 << index) != 0)
            .map(|(_, asset)| asset.clone())
            .collect(),
        bearish: draw.bearish,
        regime_observations: draw
            .observations
            .iter()
            .zip(0..)
            .map(|(percent, index): (_, i32)| RegimeObservation {
                date: today - (days - index).days(),
                bullish_share: Weight::new(Decimal::new(i64::from(*percent), 2)).expect("a share"),
            })
            .collect(),
        policy_digest: Some(if draw.same_policy { digest_of(policy) } else { "0".repeat(64) }),
        last_prices: BTreeMap::new(),
        last_signals: BTreeMap::new(),
        last_grades: BTreeMap::new(),
    }
}

fn build_policy(draw: &PolicyDraw, records: &BTreeMap<AssetId, AssetRecord>, stable_legs: BTreeSet<AssetId>) -> Policy {
    let (by_grade, trader, members, enter_less, exit_more) = draw.ranking;
    let members = members.min(u32::try_from(records.len()).expect("few") + 2);
    let (min_rules, require_grade, excluded) = draw.eligibility;
    let categories = CATEGORIES.iter().enumerate().filter(|(bit, _)| excluded & (1 << bit) != 0);
    let (band, width, to_edge) = draw.band;
    let (tilted, tilt, tracking, cost_aversion) = draw.objective;
    let (collar, min_trade, min_turnover) = draw.orders;
    Policy {
        schema: 1,
        alerts: None,
        // Where a build has HiGHS, the properties are those of plans that it made.
        solver: cfg!(feature = "highs").then_some(SolverPolicy { backend: SolverBackend::Highs }),
        name: "Drawn".to_owned(),
        index: IndexKind::BlueChip,
        quote_currency: "USDT".to_owned(),
        eligibility: Eligibility {
            min_market_cap: (min_rules & 1 != 0).then(|| money(Decimal::from(10_000_000))),
            min_average_daily_volume: (min_rules & 2 != 0).then(|| money(Decimal::from(1_000))),
            min_age_days: (min_rules == 3).then_some(90),
            excluded_categories: categories.map(|(_, name)| CategoryId::new(name).expect("an id")).collect(),
            require_grade,
            ..Eligibility::default()
        },
        ranking: Ranking {
            by: if by_grade { RankBy::Grade } else { RankBy::MarketCap },
            grade: if trader { GradeKind::Trader } else { GradeKind::Investor },
            members,
            enter_rank: members.saturating_sub(enter_less).max(1),
            exit_rank: members + exit_more,
        },
        reference_weights: reference_weights(draw, members),
        regime: draw.regime.as_ref().map(|(bullish, more, confirmations, gap, no_buy, _)| RegimePolicy {
            bullish_at: weight(500 + gap),
            bearish_at: weight(300),
            confirmations: *confirmations,
            bullish_stable_share: weight(*bullish / 4),
            bearish_stable_share: weight((*bullish / 4 + more).min(1000)),
            no_buy_when_bearish: *no_buy,
            stable_legs,
            max_depeg: rate(5, 2),
        }),
        drift_band: DriftBand {
            kind: [BandKind::None, BandKind::Absolute, BandKind::Relative, BandKind::FiveTwentyFive][usize::from(band)],
            width: matches!(band, 1 | 2).then(|| weight(width)),
            on_breach: if to_edge { OnBreach::ToBandEdge } else { OnBreach::ToTarget },
        },
        objective: Objective {
            grade_tilt: if tilted == 0 { Rate::ZERO } else { rate(tilt, 3) },
            tracking_aversion: if tilted == 1 { Rate::ZERO } else { rate(tracking, 3) },
            cost_aversion: rate(cost_aversion, 3),
            risk_aversion: None,
        },
        limits: build_limits(&draw.limits, draw, records, members),
        costs: build_costs(draw.costs),
        orders: OrderPolicy {
            // Above the half spread, which is drawn in tenths of this: a policy with less is refused.
            collar: rate(collar.max(draw.costs.1 / 10 + 1), 3),
            valid_minutes: 15,
            min_trade: money(Decimal::from(min_trade)),
            min_turnover: min_turnover.map(weight),
            max_order_notional: money(Decimal::from(1_000_000_000_u64)),
            max_run_notional: money(Decimal::from(10_000_000_000_u64)),
            max_day_notional: None,
            accept_unknown_fate: false,
            max_orders: 1000,
        },
        integers: None,
        guards: Guards {
            max_price_age_hours: 26,
            max_grade_age_hours: 96,
            max_snapshot_skew_hours: 96,
            max_missing_grades: Weight::ONE,
            max_signal_flips: Weight::ONE,
            max_grade_flips: None,
            max_price_jump: Rate::new(Decimal::from(3)).expect("a rate"),
            confirmed_prices: BTreeMap::new(),
            unmanaged_assets: BTreeSet::new(),
        },
    }
}

/// A cap that the members can fill together: a policy with a smaller one is refused.
fn fillable(per_mille: u32, members: u32) -> u32 {
    per_mille.max(1000_u32.div_ceil(members.max(1))).min(1000)
}

fn reference_weights(draw: &PolicyDraw, members: u32) -> ReferenceWeights {
    use WeightMethod as Method;
    let (method, cap, tier, cash) = draw.weights;
    let cap = cap.map(|cap| fillable(cap, members));
    ReferenceWeights {
        method: [Method::MarketCap, Method::SqrtMarketCap, Method::Equal, Method::Grade, Method::MarketCapGrade]
            [usize::from(method)],
        cap_tiers: tier
            .map(|tier| CapTier { top: 1, max_weight: weight(tier.max(cap.unwrap_or(1000)).min(1000)) })
            .into_iter()
            .collect(),
        max_weight: cap.map(weight),
        // At least the buffer.
        cash: cash.map(|cash| weight(cash + draw.limits.cash_buffer.map_or(0, |(buffer, _)| buffer))),
        inverse_volatility: None,
    }
}

/// A hard bound lies beyond the bound: above a most, below a least.
fn soft((priority, hard): SoftDraw, bound: u32, is_most: bool) -> Option<Soft> {
    let hard = hard.map(|hard| if is_most { bound + hard * (1000 - bound) / 1000 } else { bound * hard / 1000 });
    (priority > 0).then(|| Soft { priority, hard_bound: hard.map(weight) })
}

fn build_limits(
    draw: &LimitsDraw,
    policy: &PolicyDraw,
    records: &BTreeMap<AssetId, AssetRecord>,
    members: u32,
) -> Limits {
    let limit = |(bound, softness): (u32, SoftDraw), is_most| Limit {
        bound: weight(bound),
        soft: soft(softness, bound, is_most),
    };
    let max_weight = draw.max_weight.map(|(bound, softness)| (fillable(bound, members), softness));
    let own_cap = draw.own_cap.filter(|_| max_weight.is_some());
    let mut categories: Vec<CategoryLimit> = Vec::new();
    for (category, is_most, bound, softness) in &draw.categories {
        let category = CategoryId::new(CATEGORIES[*category]).expect("an id");
        // The least of a category is drawn smaller than its most.
        let bound = if *is_most { *bound } else { *bound / 3 };
        let has_side = |other: &CategoryLimit| other.max_weight.is_some() == *is_most;
        if !categories.iter().any(|other| other.category == category && has_side(other)) {
            categories.push(CategoryLimit {
                category,
                min_weight: (!is_most).then(|| weight(bound)),
                max_weight: is_most.then(|| weight(bound)),
                soft: soft(*softness, bound, *is_most),
            });
        }
    }
    let most_stable = policy.regime.as_ref().map(|(bullish, more, ..)| (bullish / 4 + more).min(1000));
    Limits {
        cash_buffer: draw.cash_buffer.map(|one| limit(one, false)),
        max_weight: max_weight.map(|one| limit(one, true)),
        max_weight_of: own_cap
            .and_then(|cap| Some((records.keys().next()?.clone(), weight(cap))))
            .into_iter()
            .collect(),
        categories,
        turnover: draw.turnover.map(|one| limit(one, true)),
        participation: draw.participation.map(|per_mille| rate(per_mille, 3)),
        stable_share: most_stable.and_then(|share| soft(draw.stable_share, share, false)),
        min_weight: None,
        max_holdings: None,
        risk: None,
    }
}

fn build_costs((fee, half_spread, pieces): (u32, u32, u8)) -> Costs {
    let piece = |index: u8| {
        let rising = u32::from(index) + 1;
        ImpactPiece { up_to: rate(rising * rising * 10, 4), cost: rate(rising * rising * 5, 4) }
    };
    Costs { fee: rate(fee, 4), half_spread: rate(half_spread, 4), impact: (0..pieces).map(piece).collect() }
}
