//! A plan written by hand, as a report's reader would meet it: twenty positions, twelve orders, two limits that
//! gave way, some assets in the way of things. Prices are of 2025-04-16, rounded.

pub(crate) mod operations;
pub(crate) mod outbox;

use index_rebalancer::model::{
    AccountId, AccountSnapshot, AssetId, BasisPoints, Decimal, Environment, Flow, Holding, InstrumentId, Money, Order,
    PortfolioId, PortfolioState, Price, Quantity, Rate, RunIdentity, Side, Trigger, VenueId, Weight, Worth,
};
use index_rebalancer::planning::RebalancePlan;
use index_rebalancer::planning::idempotency::{digest_of, order_key, payload_digest, run_id};
use index_rebalancer::planning::plan::{
    CashLine, Certificate, Exclusion, LimitCheck, Optimality, Outcome, Position, Reason, ReasonCode, Regime,
    Relaxation, Role, Sense, SolverRecord,
};
use index_rebalancer::ports::{OrderRecord, OrderState, RunRecord, RunState};

pub(crate) use operations::{FINDINGS, audited};

pub(crate) fn asset(id: &str) -> AssetId {
    AssetId::new(id).expect("an id")
}

pub(crate) fn weight(text: &str) -> Weight {
    Weight::parse(text).expect("a weight")
}

pub(crate) fn money(text: &str) -> Money {
    Money::parse(text).expect("an amount")
}

pub(crate) fn quantity(text: &str) -> Quantity {
    Quantity::parse(text).expect("a quantity")
}

pub(crate) fn price(text: &str) -> Price {
    Price::parse(text).expect("a price")
}

/// Asset, symbol, role, price, units before and after, reference weight, rank, reason.
type Row = (&'static str, &'static str, Role, &'static str, &'static str, &'static str, &'static str, u32, ReasonCode);

const ROWS: [Row; 20] = {
    use ReasonCode as Why;
    use Role::{Constituent, MustExit, StableLeg, Unmanaged};
    [
        ("bitcoin", "BTC", Constituent, "83654.12", "1.10425", "0.8967", "0.3", 1, Why::OverLimit),
        ("ethereum", "ETH", Constituent, "1577.53", "24.512", "31.2184", "0.2", 2, Why::TopUp),
        ("ripple", "XRP", Constituent, "2.0821", "9000", "9000", "0.12", 3, Why::Halted),
        ("binancecoin", "BNB", Constituent, "583.4", "18.25", "30.104", "0.0812", 4, Why::TopUp),
        ("solana", "SOL", Constituent, "126.08", "130.5", "121.911", "0.0621", 5, Why::Trim),
        ("dogecoin", "DOGE", Constituent, "0.15432", "52000", "61874", "0.0388", 6, Why::TopUp),
        ("cardano", "ADA", Constituent, "0.6102", "14500", "14500", "0.0352", 7, Why::InBand),
        ("tron", "TRX", Constituent, "0.2518", "33000", "33000", "0.034", 8, Why::InBand),
        ("chainlink", "LINK", Constituent, "12.35", "510", "510", "0.0254", 9, Why::InBand),
        ("avalanche-2", "AVAX", Constituent, "18.91", "0", "302.44", "0.0231", 10, Why::Enter),
        ("stellar", "XLM", Constituent, "0.2344", "22000", "22000", "0.0208", 11, Why::InBand),
        ("sui", "SUI", Constituent, "2.1043", "0", "2300.1", "0.0196", 12, Why::Enter),
        ("hedera-hashgraph", "HBAR", Constituent, "0.16011", "26000", "26000", "0.0168", 13, Why::InBand),
        ("litecoin", "LTC", Constituent, "75.02", "49.115", "49.115", "0.0149", 14, Why::CostExceedsBenefit),
        ("polkadot", "DOT", Constituent, "3.541", "1000", "1000", "0.0141", 15, Why::OnTarget),
        ("weth", "WETH", Constituent, "1577.1", "0", "0.4", "0.0025", 16, Why::Enter),
        ("usd-coin", "USDC", StableLeg, "0.9999", "4000", "4250", "0.017", 0, Why::TopUp),
        ("eos", "EOS", MustExit, "0.6389", "9200.5", "4600.25", "0", 0, Why::Exit),
        ("weth-old", "WETH", MustExit, "1577.1", "0.0012", "0.0012", "0", 0, Why::Stranded),
        ("airdrop-x", "WIN\u{1b}[31m", Unmanaged, "0.000001", "1000000", "1000000", "0", 0, Why::Unmanaged),
    ]
};

fn sentence(symbol: &str, why: ReasonCode) -> String {
    match why {
        ReasonCode::OverLimit => {
            "sold down to the maximum weight of 30 % after a rally; sells before it tracks, because a limit comes first"
        }
        ReasonCode::Halted => "the venue takes no orders for XRPUSDT now (status BREAK); the holding stays as it is",
        ReasonCode::Enter => "new in the index: its rank is inside the entry rank; bought up to its reference weight",
        ReasonCode::TopUp => "below its reference weight by more than trading costs; bought as far as cash and turnover allow",
        ReasonCode::Trim => "above its reference weight by more than its band; sold down to it",
        ReasonCode::InBand => "inside its drift band",
        ReasonCode::OnTarget => "within one lot of its reference weight",
        ReasonCode::CostExceedsBenefit => "0.01 points from its reference weight: trading would cost more than the deviation is worth",
        ReasonCode::Exit => "no longer in the index; sold as far as 2 % of its average daily volume allows, the rest follows in later runs",
        ReasonCode::Stranded => "worth 1.89, under the venue's minimum of 5 a order: cannot be sold",
        ReasonCode::Unmanaged => "named by the policy as unmanaged; valued at 0",
        _ => return format!("{symbol}: {why:?}"),
    }
    .to_owned()
}

fn position(row: &Row, nav: Money) -> Position {
    let (id, symbol, role, at, before, after, reference, rank, code) = *row;
    let at = price(at);
    let share = |units: &str| {
        if role == Role::Unmanaged { Weight::ZERO } else { at.value_of(quantity(units)).fraction_of(nav) }
    };
    let binding = match code {
        ReasonCode::OverLimit => vec!["max_weight(bitcoin)".to_owned()],
        ReasonCode::Exit => vec!["participation(eos)".to_owned(), "turnover".to_owned()],
        _ => Vec::new(),
    };
    Position {
        asset: asset(id),
        symbol: symbol.to_owned(),
        role,
        price: at,
        quantity_before: quantity(before),
        quantity_after: quantity(after),
        weight_before: share(before),
        reference_weight: weight(reference),
        weight_after: share(after),
        rank: (rank > 0).then_some(rank),
        reason: Reason { code, binding, sentence: sentence(symbol, code) },
    }
}

pub(crate) fn identity() -> RunIdentity {
    RunIdentity {
        environment: Environment::Paper,
        venue: VenueId::new("binance").expect("a venue"),
        venue_account: AccountId::new("main").expect("an account"),
        portfolio: PortfolioId::new("blue-chip").expect("a portfolio"),
        trigger: Trigger::Scheduled("2025-04-16T00:00:00Z".parse().expect("a time")),
    }
}

fn order(run: &RunIdentity, row: &Row, priority: u32) -> Option<Order> {
    let (id, symbol, _, at, before, after, ..) = *row;
    let (before, after, at) = (quantity(before), quantity(after), price(at));
    let side = match before.cmp(&after) {
        std::cmp::Ordering::Equal => return None,
        std::cmp::Ordering::Less => Side::Buy,
        std::cmp::Ordering::Greater => Side::Sell,
    };
    let units = if side == Side::Buy { after - before } else { before - after };
    let collar = if side == Side::Buy { Decimal::new(1005, 3) } else { Decimal::new(995, 3) };
    let instrument = InstrumentId::new(&format!("{symbol}USDT")).expect("an instrument");
    let notional = at.value_of(units);
    let mut order = Order {
        key: order_key(run_id(run), &run.venue, &run.venue_account, &instrument, side, 0),
        payload_digest: String::new(),
        venue: run.venue.clone(),
        venue_account: run.venue_account.clone(),
        instrument,
        asset: asset(id),
        side,
        slice: 0,
        quantity: units,
        limit_price: Price::new((at.get() * collar).round_dp(5)).expect("a price"),
        reference_price: at,
        notional,
        estimated_cost: notional.times(Rate::parse("0.0013").expect("a rate")),
        valid_until: "2025-04-16T00:15:00Z".parse().expect("a time"),
        priority,
    };
    order.payload_digest = payload_digest(&order);
    Some(order)
}

fn orders(run: &RunIdentity) -> Vec<Order> {
    let mut orders: Vec<Order> = ROWS.iter().filter_map(|row| order(run, row, 0)).collect();
    orders.sort_by(|a, b| (a.side, b.notional, &a.instrument).cmp(&(b.side, a.notional, &b.instrument)));
    for (order, priority) in orders.iter_mut().zip(0..) {
        order.priority = priority;
    }
    orders
}

fn check(limit: &str, sense: Sense, left: &str, bound: &str, relaxation: &str, lots: &str) -> LimitCheck {
    let (left_side, bound, relaxation, lot_allowance) = (weight(left), weight(bound), weight(relaxation), weight(lots));
    let slack = match sense {
        Sense::AtMost => bound + relaxation + lot_allowance - left_side,
        Sense::AtLeast => left_side - (bound - relaxation - lot_allowance),
        Sense::Equal => Weight::ZERO,
    };
    LimitCheck { limit: limit.to_owned(), sense, left_side, bound, stated: None, relaxation, lot_allowance, slack }
}

fn certificate(positions: &[Position], turnover: Weight) -> Certificate {
    let mut checks = vec![
        check("budget", Sense::Equal, "1", "1", "0", "0"),
        check("cash_buffer", Sense::AtLeast, "0.0103", "0.01", "0", "0"),
    ];
    checks.extend(positions.iter().filter(|it| it.role == Role::Constituent).map(|it| {
        let (relaxation, lots) = if it.asset.as_str() == "bitcoin" { ("0.0005", "0.0001") } else { ("0", "0") };
        let limit = format!("max_weight({})", it.asset);
        let bound = if it.asset.as_str() == "bitcoin" { "0.3" } else { "0.2" };
        check(&limit, Sense::AtMost, &it.weight_after.to_string(), bound, relaxation, lots)
    }));
    checks.push(check("turnover", Sense::AtMost, &turnover.to_string(), "0.1", "0.0375", "0"));
    checks.push(check("participation(eos)", Sense::AtMost, "0.02", "0.02", "0", "0"));
    checks.push(check("category(meme)", Sense::AtMost, "0.0388", "0.1", "0", "0"));
    checks.push(check("stable_share", Sense::AtLeast, "0.0274", "0", "0", "0"));
    let optimality = Optimality {
        value: Worth::parse("-0.2381").expect("a worth"),
        bound: Worth::parse("-0.237986").expect("a worth"),
        gap_bp: BasisPoints::parse("1.137042").expect("basis points"),
    };
    Certificate { checks, optimality: Some(optimality) }
}

fn exclusions() -> Vec<Exclusion> {
    let why = |id: &str, symbol: &str, why: &str| Exclusion {
        asset: asset(id),
        symbol: symbol.to_owned(),
        why: why.to_owned(),
    };
    vec![
        why("bitcoin-cash", "BCH", "ranked 21, while a newcomer enters at rank 15 or better"),
        why("dai", "DAI", "category stablecoin is excluded by eligibility.excluded_categories"),
        why("eos", "EOS", "market cap 398,112,004 is below eligibility.min_market_cap of 500,000,000"),
        why("leo-token", "LEO", "not listed at binance in USDT"),
        why(
            "mantra-dao",
            "OM",
            "average daily volume 812,000 is below eligibility.min_average_daily_volume of 5,000,000",
        ),
        why("pepe", "PEPE", "first seen 2025-02-01, 74 days ago: younger than eligibility.min_age_days of 180"),
        why("shiba-inu", "SHIB", "Investor Grade 11.4 is below eligibility.min_grade of 20"),
        why("staked-ether", "STETH", "category staked is excluded by eligibility.excluded_categories"),
        why("toncoin", "TON", "ranked 17, while a newcomer enters at rank 15 or better"),
        why("wrapped-bitcoin", "WBTC", "category wrapped is excluded by eligibility.excluded_categories"),
    ]
}

pub(crate) fn plan() -> RebalancePlan {
    let run = identity();
    let cash_before = money("20412.55");
    let holdings: Money =
        ROWS.iter().filter(|row| row.2 != Role::Unmanaged).map(|row| price(row.3).value_of(quantity(row.4))).sum();
    let nav = cash_before + holdings;
    let positions: Vec<Position> = ROWS.iter().map(|row| position(row, nav)).collect();
    let orders = orders(&run);
    let total = |side: Side| -> Money { orders.iter().filter(|it| it.side == side).map(|it| it.notional).sum() };
    let (sold, bought) = (total(Side::Sell), total(Side::Buy));
    let estimated_cost: Money = orders.iter().map(|it| it.estimated_cost).sum();
    let cash_after = cash_before + sold - bought - estimated_cost;
    let traded = (sold + bought).fraction_of(nav);
    let turnover = Weight::new(traded.get() / Decimal::TWO).expect("a weight");
    RebalancePlan {
        schema: 1,
        run_id: run_id(&run),
        run,
        flow: Flow::Full,
        input_digest: digest_of(&"input"),
        policy_digest: digest_of(&"policy"),
        policy_name: "Blue Chip 15".to_owned(),
        quote_currency: "USDT".to_owned(),
        as_of: "2025-04-16T00:00:00Z".parse().expect("a time"),
        valid_until: "2025-04-16T00:15:00Z".parse().expect("a time"),
        solver: SolverRecord {
            backend: "microlp".to_owned(),
            version: "0.6.1".to_owned(),
            options: Vec::new(),
            programs: 3,
            objective: "-0.0041".to_owned(),
            integers: None,
        },
        net_asset_value: nav,
        outcome: Outcome::Rebalance,
        regime: Regime {
            bearish: false,
            changed: false,
            bullish_share: Some(weight("0.7")),
            stable_share: weight("0.02"),
            why: "70.00 % of members have a bullish signal, at or above 50 %; confirmed on 3 dates of 3".to_owned(),
        },
        cash: CashLine {
            before: cash_before,
            after: cash_after,
            weight_before: cash_before.fraction_of(nav),
            reference_weight: weight("0.01"),
            weight_after: cash_after.fraction_of(nav),
        },
        multipliers: None,
        tail: None,
        certificate: certificate(&positions, turnover),
        positions,
        orders,
        exclusions: exclusions(),
        relaxations: vec![
            Relaxation { limit: "turnover".to_owned(), priority: 3, bound: weight("0.1"), amount: weight("0.0375") },
            Relaxation {
                limit: "max_weight(bitcoin)".to_owned(),
                priority: 2,
                bound: weight("0.3"),
                amount: weight("0.0005"),
            },
        ],
        turnover,
        estimated_cost,
        notices: vec![
            "ethlend was exchanged into aave at 0.01 on 2020-10-03: 0 units converted".to_owned(),
            "no grade for weth; it is held, not bought".to_owned(),
        ],
        next_state: PortfolioState::default(),
    }
}

/// The same plan after execution: all filled but one in part, one skipped.
pub(crate) fn record() -> RunRecord {
    let plan = plan();
    let orders = plan.orders.iter().map(result).collect();
    let holdings = plan
        .positions
        .iter()
        .map(|it| (it.asset.clone(), Holding { free: it.quantity_after, locked: Quantity::ZERO }))
        .collect();
    let account_after = AccountSnapshot {
        observed_at: "2025-04-16T00:00:31Z".parse().expect("a time"),
        cash_free: money("3311.08"),
        cash_locked: Money::ZERO,
        holdings,
    };
    RunRecord {
        run_id: plan.run_id,
        state: RunState::Done,
        updated_at: plan.as_of,
        reason: String::new(),
        input: None,
        plan_digest: Some(digest_of(&plan)),
        approval: None,
        plan: Some(plan),
        orders,
        account_after: Some(account_after),
    }
}

fn result(order: &Order) -> OrderRecord {
    let worse = if order.side == Side::Buy { Decimal::new(10004, 4) } else { Decimal::new(9996, 4) };
    let average = Price::new((order.reference_price.get() * worse).round_dp(6)).expect("a price");
    let (state, filled, note) = match order.instrument.as_str() {
        "DOGEUSDT" => {
            (OrderState::PartiallyFilled, quantity("6000"), "the rest was cancelled: no more sellers within the limit")
        }
        "USDCUSDT" => (
            OrderState::Skipped,
            Quantity::ZERO,
            "free cash 3311.08 less the buffer of 2500 does not cover it at its limit price",
        ),
        _ => (OrderState::Filled, order.quantity, ""),
    };
    OrderRecord {
        key: order.key,
        state,
        filled_quantity: filled,
        average_price: (!filled.is_zero()).then_some(average),
        fee: average.value_of(filled).times(Rate::parse("0.001").expect("a rate")),
        note: note.to_owned(),
        refused: false,
    }
}
