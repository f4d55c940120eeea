//! Index Coop's rebalances.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use index_rebalancer::model::{
    AccountId, AccountSnapshot, AssetId, AssetRecord, Decimal, Environment, Flow, GradeRecord, Holding, InstrumentId,
    Listing, ListingStatus, Money, Order, PlanningInput, PortfolioId, PortfolioState, Price, Quantity, RunIdentity,
    Side, Tick, Trigger, VenueId, Weight,
};
use index_rebalancer::planning::{RebalancePlan, plan};
use jiff::Timestamp;

use crate::shared::shared_data;
use crate::slicing::{rounds, slice_order, slices};
use crate::{bare_policy, decimal, units};

/// One row of a rebalance.
struct Row {
    asset: String,
    decimals: u32,
    current_units: u128,
    target_units: u128,
    traded_raw: u128,
    notional_usd: Decimal,
    price: Price,
    side: Side,
    max_trade_size: Option<Quantity>,
    trade_count: usize,
}

struct Rebalance {
    name: String,
    rows: Vec<Row>,
    /// Shares of the index, raw.
    shares: u128,
    /// Assets in the order of the peer's trades, by the symbols of the rows.
    trade_order: Vec<String>,
}

/// What the order files call the assets.
const NAMES: [(&str, &str); 18] = [
    ("compound", "COMP"),
    ("maker", "MKR"),
    ("kyber-network", "KNC"),
    ("loopring", "LRC"),
    ("balancer", "BAL"),
    ("uniswap", "UNI"),
    ("axie", "AXS"),
    ("enjin", "ENJ"),
    ("audius", "AUDIO"),
    ("yfi", "YFI"),
    ("snx", "SNX"),
    ("ren", "REN"),
    ("aave", "AAVE"),
    ("mta", "MTA"),
    ("sushi", "SUSHI"),
    ("cream", "CREAM"),
    ("farm", "FARM"),
    ("mana", "MANA"),
];

fn symbol_of(name: &str) -> String {
    let known = NAMES.iter().find(|(known, _)| *known == name);
    known.map_or_else(|| name.to_uppercase(), |(_, symbol)| (*symbol).to_owned())
}

fn read(path: &Path) -> Rebalance {
    let mut reader = csv::Reader::from_path(path).expect("the file opens");
    let rows: Vec<Row> = reader
        .deserialize::<BTreeMap<String, String>>()
        .map(|row| {
            let row = row.expect("the row reads");
            let signed: i128 = row["notional_token_raw"].parse().expect("an integer");
            Row {
                asset: row["asset"].clone(),
                decimals: row["decimals"].parse().expect("a count"),
                current_units: row["current_units_raw"].parse().expect("an integer"),
                target_units: row["target_units_raw"].parse().expect("an integer"),
                traded_raw: signed.unsigned_abs(),
                notional_usd: decimal(&row["notional_usd"]).abs(),
                price: Price::parse(&row["implied_price_usd"]).expect("a price"),
                side: if row["side"] == "buy" { Side::Buy } else { Side::Sell },
                max_trade_size: Some(&row["max_trade_size_token"])
                    .filter(|text| !text.is_empty())
                    .map(|text| Quantity::parse(text).expect("a size")),
                trade_count: row["trade_count"].parse().expect("a count"),
            }
        })
        .collect();
    let orders = path.to_string_lossy().replace(".csv", "_trade_order.txt");
    let trade_order = fs::read_to_string(orders).expect("the order file reads").lines().map(symbol_of).collect();
    let shares = shares(&rows);
    Rebalance { name: path.file_name().expect("a name").to_string_lossy().into_owned(), rows, shares, trade_order }
}

/// The files do not state how many shares there are, but one row pins the number down: the least that explains the
/// trade of the row whose units change most. All other rows must follow from it.
fn shares(rows: &[Row]) -> u128 {
    let change = |row: &Row| row.target_units.abs_diff(row.current_units);
    let widest = rows.iter().max_by_key(|row| change(row)).expect("a row");
    let (by, traded, share) = (change(widest), widest.traded_raw, 10_u128.pow(18));
    // ⌈traded · share / by⌉ without passing 128 bits.
    (traded / by) * share + ((traded % by) * share).div_ceil(by)
}

fn files(data: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(data.join("peers"))
        .expect("peers/ is there")
        .map(|entry| entry.expect("peers/ can be listed").path())
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("indexcoop_")))
        .filter(|path| path.extension().is_some_and(|extension| extension == "csv"))
        .collect();
    files.sort();
    assert!(files.len() >= 4, "four rebalances are there");
    files
}

fn each_rebalance(test: &str, check: impl Fn(&Rebalance) -> Vec<String>) {
    let Some(data) = shared_data(test) else { return };
    let mut wrong = Vec::new();
    for path in files(&data) {
        let rebalance = read(&path);
        wrong.extend(check(&rebalance).into_iter().map(|row| format!("{}: {row}", rebalance.name)));
    }
    assert!(wrong.is_empty(), "{} rows fail:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn sides_and_quantities_to_the_last_digit() {
    each_rebalance("sides_and_quantities_to_the_last_digit", |rebalance| {
        let wrong = |row: &Row| {
            let stated = Decimal::try_from_i128_with_scale(row.traded_raw.cast_signed(), row.decimals).expect("fits");
            let traded = units::trade(row.current_units, row.target_units, rebalance.shares, row.decimals);
            let traded = traded.expect("fits").expect("every row trades");
            let notional = row.price.value_of(traded.quantity).get();
            let off = (notional - row.notional_usd).abs() / row.notional_usd;
            if traded.quantity.get() != stated || traded.side != row.side || off > decimal("0.0001") {
                return Some(format!(
                    "{}: {} {} worth {notional}; stated {} {stated} worth {}",
                    row.asset, traded.side, traded.quantity, row.side, row.notional_usd
                ));
            }
            None
        };
        rebalance.rows.iter().filter_map(wrong).collect()
    });
}

#[test]
fn slices_as_many_and_as_large_as_stated() {
    each_rebalance("slices_as_many_and_as_large_as_stated", |rebalance| {
        let mut wrong = Vec::new();
        let mut silent = Vec::new();
        for row in &rebalance.rows {
            let traded = quantity(row, rebalance.shares);
            let Some(most) = row.max_trade_size else {
                silent.push(row.asset.as_str());
                continue;
            };
            let parts = slices(traded, most, smallest_unit(row)).expect("slices");
            let largest = parts.iter().max().expect("a slice");
            let sum: Quantity = parts.iter().copied().sum();
            if parts.len() != row.trade_count || *largest > most || sum != traded {
                wrong.push(format!(
                    "{}: {} slices of at most {largest}; stated {} of at most {most}",
                    row.asset,
                    parts.len(),
                    row.trade_count
                ));
            }
        }
        if !silent.is_empty() {
            println!("{}: no maximum trade size is stated for {}", rebalance.name, silent.join(", "));
        }
        wrong
    });
}

#[test]
fn planned_from_weights_the_trades_are_the_same() {
    each_rebalance("planned_from_weights_the_trades_are_the_same", |rebalance| {
        let plan = plan(&input(rebalance)).expect("a plan");
        let mut wrong = Vec::new();
        for row in &rebalance.rows {
            let Some(order) = plan.orders.iter().find(|order| order.asset == id(row)) else {
                wrong.push(format!("{}: not traded", row.asset));
                continue;
            };
            let (stated, notional) = (quantity(row, rebalance.shares).get(), order.notional.get());
            let by_notional = (notional - row.notional_usd).abs() / row.notional_usd;
            // The solver works in binary floating point: nine digits, not all of them. And a position is cut off at
            // its smallest unit before and after, so the difference may be one unit more than the cut-off difference.
            let off = (order.quantity.get() - stated).abs();
            let near = off <= smallest_unit(row).get() || off / stated <= decimal("0.000000001");
            if order.side != row.side || !near || by_notional > decimal("0.0001") {
                wrong.push(format!(
                    "{}: {} {} worth {notional}; stated {} {stated} worth {}",
                    row.asset, order.side, order.quantity, row.side, row.notional_usd
                ));
            }
        }
        wrong
    });
}

#[test]
fn every_round_sells_first_and_sells_what_the_peer_sold() {
    each_rebalance("every_round_sells_first_and_sells_what_the_peer_sold", |rebalance| {
        let plan = plan(&input(rebalance)).expect("a plan");
        let ours = rounds(sliced(&plan, rebalance));
        let theirs = peer_rounds(rebalance);
        let mut wrong = Vec::new();
        for (number, round) in ours.iter().enumerate() {
            if !round.is_sorted_by_key(|slice| slice.side) {
                wrong.push(format!("round {number} buys before it sells"));
            }
        }
        let sides: BTreeMap<&str, Side> = rebalance.rows.iter().map(|row| (row.asset.as_str(), row.side)).collect();
        for (number, round) in theirs.iter().enumerate() {
            if !round.is_sorted_by_key(|asset| sides[asset.as_str()]) {
                wrong.push(format!("the peer's round {number} buys before it sells: {round:?}"));
            }
        }
        for row in &rebalance.rows {
            let slices = ours.iter().flatten().filter(|slice| slice.asset == id(row)).count();
            let listed = rebalance.trade_order.iter().filter(|asset| **asset == row.asset).count();
            let stated = row.trade_count;
            if slices != stated || listed > stated || (listed < stated && row.side == Side::Sell) {
                wrong.push(format!("{}: {slices} slices, listed {listed} times, stated {stated}", row.asset));
            } else if listed < stated {
                println!(
                    "{}: {} is stated to trade {stated} times and listed {listed} times",
                    rebalance.name, row.asset
                );
            }
        }
        // Sells wait for nobody, so round by round they are the same. Buys wait for what the sells raise.
        for number in 0..ours.len().max(theirs.len()) {
            let mine: BTreeSet<String> = ours
                .get(number)
                .into_iter()
                .flatten()
                .filter(|slice| slice.side == Side::Sell)
                .map(|slice| slice.asset.as_str().to_uppercase())
                .collect();
            let peers: BTreeSet<String> = theirs
                .get(number)
                .into_iter()
                .flatten()
                .filter(|asset| sides[asset.as_str()] == Side::Sell)
                .cloned()
                .collect();
            if mine != peers {
                wrong.push(format!("round {number} sells {mine:?}, the peer {peers:?}"));
            }
        }
        wrong
    });
}

#[test]
fn the_largest_is_capped_at_exactly_a_quarter() {
    let Some(data) = shared_data("the_largest_is_capped_at_exactly_a_quarter") else { return };
    let rebalance = read(&data.join("peers/indexcoop_dpi_rebalance-may.csv"));
    // The peer caps after weighing by market cap. Any cap above a quarter of the whole must end at a quarter, and the
    // others must come out as the peer's.
    let mut input = input(&rebalance);
    input.policy.limits.cash_buffer = None;
    input.policy.reference_weights.max_weight = Some(Weight::parse("0.25").expect("a weight"));
    let uni = AssetId::new("uni").expect("an id");
    let uncapped = input.assets[&uni].market_cap.expect("a cap").get() * decimal("1.7");
    input.assets.get_mut(&uni).expect("UNI is there").market_cap = Some(Money::new(uncapped).expect("money"));
    let plan = plan(&input).expect("a plan");
    let weight = |asset: &AssetId| {
        let position = plan.positions.iter().find(|position| position.asset == *asset).expect("a position");
        position.reference_weight.get()
    };
    assert_eq!(weight(&uni), decimal("0.25"), "exactly");
    let total: Decimal = rebalance.rows.iter().map(|row| target_value(row, rebalance.shares)).sum();
    for row in &rebalance.rows {
        let stated = target_value(row, rebalance.shares) / total;
        // Implied prices have five digits.
        assert!((weight(&id(row)) - stated).abs() < decimal("0.00001"), "{}: {}", row.asset, weight(&id(row)));
    }
}

/// A round ends where a name comes that the round has already, or a sell after a buy.
fn peer_rounds(rebalance: &Rebalance) -> Vec<Vec<String>> {
    let place = |asset: &String| {
        let found = rebalance.rows.iter().position(|row| row.asset == *asset);
        let index = found.unwrap_or_else(|| panic!("{asset} of the order file has no row"));
        (rebalance.rows[index].side, index)
    };
    let mut rounds: Vec<Vec<String>> = Vec::new();
    for asset in &rebalance.trade_order {
        match rounds.last_mut() {
            Some(round) if round.last().is_some_and(|last| place(last) < place(asset)) => round.push(asset.clone()),
            _ => rounds.push(vec![asset.clone()]),
        }
    }
    rounds
}

/// The plan's orders in slices: of the stated maximum, or, where none is stated, of the least size that gives the
/// stated count.
fn sliced(plan: &RebalancePlan, rebalance: &Rebalance) -> Vec<Order> {
    let slices = |order: &Order| {
        let row = rebalance.rows.iter().find(|row| id(row) == order.asset).expect("a row");
        let even = || {
            let count = Decimal::from(row.trade_count);
            let each = Quantity::new(order.quantity.get() / count).expect("a quantity");
            each.ceil_to(smallest_unit(row).get())
        };
        let most = row.max_trade_size.unwrap_or_else(even);
        slice_order(plan.run_id, order, most, smallest_unit(row)).expect("slices")
    };
    plan.orders.iter().flat_map(slices).collect()
}

fn quantity(row: &Row, shares: u128) -> Quantity {
    let traded = units::trade(row.current_units, row.target_units, shares, row.decimals);
    traded.expect("fits").expect("every row trades").quantity
}

fn smallest_unit(row: &Row) -> Quantity {
    Quantity::new(Decimal::new(1, row.decimals)).expect("a quantity")
}

fn target_value(row: &Row, shares: u128) -> Decimal {
    row.price.value_of(units::position(row.target_units, shares, row.decimals).expect("fits")).get()
}

fn id(row: &Row) -> AssetId {
    AssetId::new(&row.asset.to_lowercase()).expect("an id")
}

/// A tracker of the target. Its account has the index's holdings and as much cash as makes the value before equal to
/// the value after, and one dollar more, which stays.
fn input(rebalance: &Rebalance) -> PlanningInput {
    let at: Timestamp = "2021-05-01T00:00:00Z".parse().expect("a moment");
    let mut holdings = BTreeMap::new();
    let mut assets = BTreeMap::new();
    let (mut before, mut after) = (Decimal::ZERO, Decimal::ZERO);
    for row in &rebalance.rows {
        let held = units::position(row.current_units, rebalance.shares, row.decimals).expect("fits");
        before += row.price.value_of(held).get();
        let target = target_value(row, rebalance.shares);
        after += target;
        if !held.is_zero() {
            let _ = holdings.insert(id(row), Holding { free: held, locked: Quantity::ZERO });
        }
        let _ = assets.insert(id(row), record(row, target, at));
    }
    let cash = (after - before).max(Decimal::ZERO) + Decimal::ONE;
    let left = before + cash - after;
    let buffer = (left / (before + cash)).round_dp(20);
    let members = u32::try_from(rebalance.rows.len()).expect("few");
    let mut policy = bare_policy(
        "USD",
        members,
        r#"tracking_aversion = "1""#,
        "[eligibility]\n[limits]\n[reference_weights]\nmethod = \"market_cap\"",
    );
    policy.limits.cash_buffer =
        Some(index_rebalancer::model::policy::Limit { bound: Weight::new(buffer).expect("a weight"), soft: None });
    PlanningInput {
        schema: 1,
        run: RunIdentity {
            environment: Environment::Paper,
            venue: VenueId::new("uniswap").expect("id"),
            venue_account: AccountId::new("index").expect("id"),
            portfolio: PortfolioId::new("index-coop").expect("id"),
            trigger: Trigger::Scheduled(at),
        },
        as_of: at,
        flow: Flow::Full,
        policy,
        assets,
        account: AccountSnapshot {
            observed_at: at,
            cash_free: Money::new(cash).expect("money"),
            cash_locked: Money::ZERO,
            holdings,
        },
        state: PortfolioState::default(),
        notices: Vec::new(),
        history: None,
    }
}

fn record(row: &Row, target: Decimal, at: Timestamp) -> AssetRecord {
    AssetRecord {
        symbol: row.asset.clone(),
        name: row.asset.clone(),
        categories: BTreeSet::new(),
        first_seen: None,
        price: row.price,
        market_cap: Some(Money::new(target).expect("money")),
        average_daily_volume: None,
        observed_at: at,
        grades: GradeRecord::default(),
        listing: Some(Listing {
            instrument: InstrumentId::new(&row.asset).expect("id"),
            status: ListingStatus::Trading,
            lot_size: smallest_unit(row),
            min_quantity: Quantity::ZERO,
            max_quantity: None,
            tick_size: Tick::ZERO,
            min_notional: Money::ZERO,
        }),
    }
}
