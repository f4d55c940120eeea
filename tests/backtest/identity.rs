//! Who is who does not depend on where a period begins, nor on rows that are given twice; and migrations that do not fit.

use index_rebalancer::backtest::Schedule;
use index_rebalancer::backtest::dropped::DropReason;
use index_rebalancer::backtest::record::EventKind;
use index_rebalancer::model::{AssetId, Quantity};
use index_rebalancer::preparation::Migration;
use jiff::civil::{Date, date};

use crate::market::{
    FROM, MONTHS, PRICES, SNAPSHOTS, WITH_CAPS, closes, files, history, id, left_out, listed, loaded, ran, settings,
    steady, with_steady_coins,
};

fn migration(from: &str, to: &str, ratio: &str, on: Date) -> Migration {
    Migration { from: id(from), to: id(to), ratio: Quantity::parse(ratio).expect("a ratio"), on }
}

fn entered(happened: &index_rebalancer::backtest::Backtest) -> Vec<&AssetId> {
    happened.runs.iter().flat_map(|run| &run.entered).collect()
}

/// LEND became AAVE long before the period.
const LEND: [&str; 2] = ["2020-09-01", "2020-10-01"];

#[test]
fn rows_before_the_period_tell_who_is_who_in_it() {
    let before =
        listed(LEND[0], "LEND", "Aave", "0.5", "130000000") + &listed(LEND[1], "AAVE", "Aave", "52", "1300000");
    let text = with_steady_coins(&MONTHS[..1], &listed(MONTHS[0], "AAVE", "Aave", "80", "1400000"));
    let stated = [migration("aave", "aave-aave", "0.01", date(2020, 10, 1))];
    let whole = files(&[("snapshots.csv", SNAPSHOTS, &(before + &text))]);
    let history = history(&whole, FROM, &stated);
    assert!(history.find(&id("aave-aave")).is_some() && history.find(&id("aave")).is_none());
    assert_eq!(left_out(&history), [], "what breaks before the period is not of it");
    let happened = ran(&history, &settings(FROM, Schedule::Once));
    assert!(entered(&happened).contains(&&id("aave-aave")), "{:?}", happened.runs);
}

#[test]
fn a_migration_into_what_no_source_has_is_noted_and_strikes_nobody() {
    let text = with_steady_coins(&MONTHS[..1], &listed(MONTHS[0], "AAVE", "Aave", "80", "1400000"));
    let stated = [migration("aave", "aave-aave", "0.01", date(2020, 10, 1)), migration("absent", "too", "1", FROM)];
    let history = history(&files(&[("snapshots.csv", SNAPSHOTS, &text)]), FROM, &stated);
    let [notice] = history.notices.as_slice() else { panic!("one notice: {:?}", history.notices) };
    assert!(notice.contains("no source has aave-aave") && notice.contains("the migration of aave"), "{notice}");
    let happened = ran(&history, &settings(FROM, Schedule::Once));
    assert!(entered(&happened).contains(&&id("aave")), "here aave is the coin of today");
}

#[test]
fn a_dead_holding_waits_for_its_exchange_and_no_longer() {
    let text = with_steady_coins(&MONTHS[..3], &listed(MONTHS[0], "LEND", "Aave", "0.5", "130000000"));
    let (to, on) = (date(2023, 3, 31), date(2023, 1, 20));
    let stated = [migration("aave", "no-such-coin", "0.01", on)];
    let history = history(&files(&[("snapshots.csv", SNAPSHOTS, &text)]), to, &stated);
    let happened = ran(&history, &settings(to, Schedule::Monthly));
    let events: Vec<(EventKind, Date)> = happened.events.iter().map(|event| (event.kind, event.date)).collect();
    assert_eq!(events, [(EventKind::Delisting, date(2023, 3, 7))], "45 days after the day of the exchange");
}

#[test]
fn migrations_of_one_day_happen_in_their_order() {
    let prices = steady("ZED", 0..6, "10", 9_000_000)
        + &steady("MID", 0..6, "10", 8_000_000)
        + &steady("ART", 0..6, "10", 7_000_000)
        + &steady("BTC", 0..12, "10", 9_000_000);
    let on = date(2023, 1, 5);
    let stated = [migration("mid", "art", "1", on), migration("zed", "mid", "1", on)];
    let to = date(2023, 1, 12);
    let history = history(&files(&[("prices.csv", WITH_CAPS, &prices)]), to, &stated);
    let happened = ran(&history, &settings(to, Schedule::Once));
    let migrated: Vec<&str> = happened.events.iter().map(|event| event.symbol.as_str()).take(2).collect();
    assert_eq!(migrated, ["ZED", "MID"], "{:?}", happened.events);
    let circle = [migration("mid", "zed", "1", on), migration("zed", "mid", "1", on)];
    let told = loaded(&files(&[("prices.csv", WITH_CAPS, &prices)]), FROM, to, &circle).expect_err("a circle");
    assert!(told.to_string().contains("go round in a circle"), "{told}");
}

#[test]
fn a_row_given_twice_is_one_coin() {
    let text = with_steady_coins(&MONTHS[..2], &listed(MONTHS[0], "BTC", "Bitcoin", "20001", "1000"));
    let history = history(&files(&[("snapshots.csv", SNAPSHOTS, &text)]), date(2023, 2, 2), &[]);
    let ids: Vec<&str> = history.assets().iter().map(|asset| asset.id.as_str()).collect();
    assert_eq!(ids, ["bitcoin", "ethereum"]);
    assert_eq!(left_out(&history), [(DropReason::DuplicateRow, 1)]);
    assert_eq!(closes(&history, "bitcoin")[0], "20000", "the first row counts");
}

#[test]
fn two_coins_of_one_name_are_two() {
    let text = with_steady_coins(&MONTHS[..1], &listed(MONTHS[0], "BTCX", "Bitcoin", "3", "1000"));
    let history = history(&files(&[("snapshots.csv", SNAPSHOTS, &text)]), FROM, &[]);
    assert!(history.find(&id("bitcoin")).is_some() && history.find(&id("bitcoin-btcx")).is_some());
    assert_eq!(left_out(&history), []);
}

const MARKET_CAPS: &str = "date,rank,symbol,market_cap_usd\n";

#[test]
fn snapshots_without_prices_take_closes_by_symbol() {
    let caps = "2023-01-01,1,BTC,400000000\n2023-01-01,2,ETH,100000000\n2023-01-01,3,DUO,9\n2023-01-01,4,DUO,8\n";
    let prices = "2023-01-01,BTC,20000,5000\n2023-01-02,BTC,20100,5000\n2023-01-01,ETH,1000,5000\n2023-01-01,DUO,1,1\n";
    let files = files(&[("caps.csv", MARKET_CAPS, caps), ("prices.csv", PRICES, prices)]);
    let history = history(&files, date(2023, 1, 2), &[]);
    assert_eq!(closes(&history, "btc"), ["20000", "20100"]);
    assert_eq!(
        left_out(&history),
        [(DropReason::DuplicateRow, 1)],
        "without names a symbol is all that tells coins apart"
    );
    let happened = ran(&history, &settings(FROM, Schedule::Once));
    assert_eq!(
        entered(&happened),
        [&id("btc"), &id("eth")],
        "market cap of the snapshot, price and volume of the closes"
    );
}

#[test]
fn names_that_begin_in_the_next_file_are_the_same_coins() {
    let caps = "2023-01-01,1,BTC,20000000\n2023-01-01,2,ETH,10000000\n";
    let prices = "2023-01-01,BTC,20000,5000\n2023-01-01,ETH,1000,5000\n";
    let named = with_steady_coins(&MONTHS[1..2], "");
    let files = files(&[("caps.csv", MARKET_CAPS, caps), ("prices.csv", PRICES, prices), ("z.csv", SNAPSHOTS, &named)]);
    let history = history(&files, date(2023, 2, 2), &[]);
    let ids: Vec<&str> = history.assets().iter().map(|asset| asset.id.as_str()).collect();
    assert_eq!(ids, ["btc", "eth"]);
}

#[test]
fn closes_that_no_snapshot_lists_are_counted() {
    let text = with_steady_coins(&MONTHS[..2], &listed(MONTHS[1], "LATE", "Late", "1", "1000000"));
    let prices = "2022-12-30,BTC,19900,1\n2023-01-01,BTC,20000,1\n2023-01-15,LATE,1,1\n2023-02-01,LATE,1,1\n\
                  2023-01-03,1000PEPE,2,1\n2023-01-04,1000PEPE,2,1\n";
    let files = files(&[("prices.csv", PRICES, prices), ("snapshots.csv", SNAPSHOTS, &text)]);
    let history = history(&files, date(2023, 2, 2), &[]);
    let unlisted = history.dropped.iter().find(|rows| rows.reason == DropReason::Unlisted).expect("they are told");
    let names: Vec<(&str, u32)> = unlisted.names.iter().map(|(name, rows)| (name.as_str(), *rows)).collect();
    assert_eq!(names, [("1000PEPE", 2), ("BTC", 1), ("LATE", 1)]);
}

#[test]
fn closes_that_begin_between_two_snapshots_are_not_said_to_have_another_price() {
    let text = with_steady_coins(&MONTHS[..2], "");
    // Bitcoin's begin after a snapshot, Ethereum's are a thousandth.
    let prices = "2023-01-15,BTC,20000,1\n2023-01-31,BTC,20000,1\n2023-02-01,BTC,20001,1\n\
                  2023-01-01,ETH,1,1\n2023-01-02,ETH,1,1\n";
    let files = files(&[("prices.csv", PRICES, prices), ("snapshots.csv", SNAPSHOTS, &text)]);
    let history = history(&files, date(2023, 2, 2), &[]);
    let of = |reason| {
        let rows = history.dropped.iter().find(|rows| rows.reason == reason).expect("they are told");
        rows.names.iter().map(|(name, rows)| (name.as_str(), *rows)).collect::<Vec<_>>()
    };
    assert_eq!(of(DropReason::NotCompared), [("BTC", 2)]);
    assert_eq!(of(DropReason::OtherCoin), [("ETH", 2)]);
    assert!(DropReason::NotCompared.sentence().starts_with("closes not yet compared with a snapshot"));
    assert_eq!(closes(&history, "bitcoin")[31], "20001", "from the next snapshot on");
}

#[test]
fn closes_of_another_unit_in_another_file_are_another_asset() {
    let lend = "2023-01-01,AAVE,0.5,1\n2023-01-02,AAVE,0.52,1\n2023-01-03,AAVE,51,1\n2023-01-04,AAVE,52,1\n2023-01-05,AAVE,53,1\n";
    let aave = "2023-01-05,AAVE,54,1\n2023-01-06,AAVE,55,1\n";
    let first = "2023-01-04,AAVE,52.5,1\n2023-01-05,AAVE,53.5,1\n2023-01-06,AAVE,54.5,1\n";
    let both = files(&[("a.csv", PRICES, lend), ("b.csv", PRICES, aave)]);
    let history_of = |files| history(files, date(2023, 1, 6), &[]);
    let history = history_of(&both);
    assert_eq!(closes(&history, "aave"), ["0.5", "0.52", "-", "-", "-", "-"]);
    assert_eq!(closes(&history, "aave-202301"), ["-", "-", "-", "52", "53", "55"], "the first file's close stands");
    // Whichever is named first: who is who is decided in the order of days.
    let history = history_of(&files(&[("a.csv", PRICES, first), ("b.csv", PRICES, lend)]));
    assert_eq!(closes(&history, "aave"), ["0.5", "0.52", "-", "-", "-", "-"]);
    assert_eq!(closes(&history, "aave-202301"), ["-", "-", "-", "52.5", "53.5", "54.5"]);
}
