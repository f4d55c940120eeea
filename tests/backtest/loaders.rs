//! What loaders take, what they leave out and why, who is who, and what happens to what dies.

use index_rebalancer::adapters::history::{Period, Source, load};
use index_rebalancer::backtest::Schedule;
use index_rebalancer::backtest::dropped::DropReason;
use index_rebalancer::backtest::record::EventKind;
use index_rebalancer::model::Decimal;
use index_rebalancer::preparation::Migration;
use jiff::civil::{Date, date};

use crate::market::{
    FROM, Files, MONTHS, PRICES, SNAPSHOTS, WITH_CAPS, closes, files, history, id, left_out, listed, loaded, ran,
    settings, with_steady_coins,
};
use crate::shared::shared_data;

#[test]
fn spikes_zeros_duplicates_and_gaps_are_left_out_and_counted() {
    let rows = "2023-01-01,A,10,1\n2023-01-01,A,11,1\n2023-01-02,A,0,1\n2023-01-03,A,90,1\n2023-01-04,A,10,1\n\
                2023-01-06,A,40,1\n2023-01-07,A,41,1\n2023-01-07,B,x,1\n2023-01-08,,1,1\n2023-01-08,A\n";
    let history = history(&files(&[("prices.csv", PRICES, rows)]), date(2023, 1, 8), &[]);
    assert_eq!(closes(&history, "a"), ["10", "-", "-", "10", "-", "-", "41", "-"]);
    let expected = [
        (DropReason::DuplicateRow, 1),
        (DropReason::ZeroClose, 1),
        (DropReason::Spike, 1),
        (DropReason::HeldBack, 1),
        (DropReason::Gap, 1),
        (DropReason::BadRow, 2),
        (DropReason::NoId, 1),
    ];
    assert_eq!(left_out(&history), expected);
}

#[test]
fn a_row_without_a_close_is_no_day_without_a_row() {
    let rows = "2023-01-01,A,10,1\n2023-01-02,A,0,1\n2023-01-03,A,n/a,1\n2023-01-05,A,10,1\n2023-01-05,B,0,1\n";
    let history = history(&files(&[("prices.csv", PRICES, rows)]), date(2023, 1, 5), &[]);
    assert_eq!(left_out(&history), [(DropReason::ZeroClose, 2), (DropReason::Gap, 1), (DropReason::BadRow, 1)]);
    let gap = history.dropped.iter().find(|rows| rows.reason == DropReason::Gap).expect("a day");
    assert_eq!((gap.first, gap.last), (Some(date(2023, 1, 4)), Some(date(2023, 1, 4))));
}

#[test]
fn what_the_first_file_does_not_say_of_a_day_another_may() {
    let first = "2023-01-01,A,10,\n2023-01-02,A,10,7\n";
    let second = "2023-01-01,A,11,500,3\n2023-01-02,A,11,600,4\n";
    let both = files(&[("a.csv", PRICES, first), ("b.csv", WITH_CAPS, second)]);
    let history = history(&both, date(2023, 1, 2), &[]);
    assert_eq!(closes(&history, "a"), ["10", "10"], "the first file's closes stand");
    let asset = history.asset(history.find(&id("a")).expect("it is there")).expect("it is there");
    let day = history.day(date(2023, 1, 2)).expect("a day");
    let close = asset.close(day).expect("a close");
    assert_eq!(asset.market_cap(day, close).map(|cap| cap.to_string()).as_deref(), Some("600"));
    assert_eq!(asset.average_daily_volume(day).map(|mean| mean.to_string()).as_deref(), Some("5"), "of 3 and 7");
}

#[test]
fn a_period_that_the_prices_do_not_cover_is_refused() {
    let closes = files(&[("prices.csv", PRICES, "2023-01-03,A,10,1\n2023-01-05,A,10,1\n2023-01-04,B,10,1\n")]);
    let monthly = files(&[("snapshots.csv", SNAPSHOTS, &listed("2023-01-03", "LUNA", "Terra", "80", "340000"))]);
    let told = |files: &Files, from: i8, to: Date| {
        loaded(files, date(2023, 1, from), to, &[]).map_or_else(|error| error.to_string(), |_| "taken".to_owned())
    };
    // Closes tell of ten days more, a snapshot of a month.
    for (files, last, after) in [(&closes, date(2023, 1, 15), "01-15"), (&monthly, date(2023, 2, 3), "02-03")] {
        assert_eq!(told(files, 3, last), "taken");
        let early = told(files, 2, last);
        assert!(early.contains("from = \"2023-01-02\"") && early.contains("begin on 2023-01-03"), "{early}");
        let late = told(files, 3, last.tomorrow().expect("a day"));
        assert!(late.contains("backtest: to = ") && late.contains(&format!("end on 2023-{after} or before")), "{late}");
    }
    let none = told(&closes, 3, date(2023, 1, 2));
    assert!(none.contains("no source has a price from"), "{none}");
}

#[test]
fn a_result_among_the_data_is_named_as_such() {
    let closes = ("prices.csv", PRICES, "2023-01-03,A,10,1\n");
    for result in
        ["{\n  \"schema\": \"rebalance/backtest/1\",\n  \"runs\": []\n}", "{\"schema\":\"rebalance/backtest-study/1\""]
    {
        let mixed = files(&[closes, ("result.json", "", result)]);
        let told = loaded(&mixed, FROM, FROM, &[]).expect_err("no source").to_string();
        assert!(told.starts_with("result.json: schema") && told.contains("a backtest's result"), "{told}");
        assert!(told.contains("move it out of the folder"), "{told}");
    }
    let other = files(&[closes, ("answer.json", "", "{\"success\": true}")]);
    let told = loaded(&other, FROM, FROM, &[]).expect_err("no answer either").to_string();
    assert!(!told.contains("backtest's result"), "{told}");
}

/// Some rows, and then nothing but errors.
struct Failing(&'static [u8]);

impl std::io::Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.0.is_empty() { Err(std::io::Error::other("the disk is gone")) } else { self.0.read(buffer) }
    }
}

#[test]
fn a_file_that_cannot_be_read_to_its_end_is_refused() {
    for rows in [
        b"date,symbol,close_usd,volume_usd\n2023-01-01,A,10,1\n2023-01-02,A,1".as_slice(),
        b"date,rank,symbol,market_cap_usd\n2023-01-01,1,A,10\n",
        b"date,asset_id,trader_grade,investor_grade,signal\n2023-01-01,a,1,2,0\n",
    ] {
        let source = Source { name: "broken.csv".to_owned(), asset: None, bytes: Box::new(Failing(rows)) };
        let period = Period { from: FROM, to: date(2023, 1, 2), lookback_days: 0, grade_days: 0 };
        let told = load(vec![source], &period, &[]).expect_err("it broke off").to_string();
        assert!(told.contains("broken.csv") && told.contains("the disk is gone"), "{told}");
    }
}

#[test]
fn a_confirmed_change_of_unit_begins_another_asset() {
    let rows = "2023-01-01,LEND,0.5,1\n2023-01-02,LEND,51,1\n2023-01-03,LEND,52,1\n2023-01-04,LEND,50,1\n";
    let history = history(&files(&[("prices.csv", PRICES, rows)]), date(2023, 1, 4), &[]);
    assert_eq!(closes(&history, "lend"), ["0.5", "-", "-", "-"]);
    assert_eq!(closes(&history, "lend-202301"), ["-", "-", "52", "50"]);
    let expected = "closes too far from those before under their symbol have an id of their own (LEND is lend-202301 from \
                    2023-01-03 on): grades and holdings of the id before are not its; a period that begins later gives it \
                    the plain one";
    assert_eq!(history.notices, [expected]);
}

#[test]
fn a_reused_ticker_is_another_coin_and_a_new_name_is_not() {
    let rows = [
        listed("2023-01-01", "LUNA", "Terra", "80", "340000"),
        listed("2023-03-01", "LUNA", "Terra", "2.5", "120000"),
        listed("2023-01-01", "BNB", "Binance Coin", "300", "50000"),
        listed("2023-02-01", "BNB", "BNB", "310", "50100"),
        listed("2023-01-01", "ERD", "Elrond", "0.02", "13000000"),
        listed("2023-02-01", "EGLD", "Elrond", "10", "13700"),
        listed("2023-01-01", "SPLIT", "Split", "150", "1000"),
        listed("2023-02-01", "SPLIT", "Split", "1.5", "100000"),
        listed("2023-01-01", "SUSHI", "Restated", "8.8", "20000"),
        listed("2023-02-01", "SUSHI", "Restated", "1.25", "111000"),
        listed("2023-01-01", "MATIC", "Matic Network", "0.04", "4900000"),
        listed("2023-02-01", "MATIC", "Polygon", "0.21", "5000000"),
        listed("2023-01-01", "DUO", "First", "0.04", "4900000"),
        listed("2023-02-01", "DUO", "Second", "0.21", "7900000"),
    ];
    let text = with_steady_coins(&MONTHS, &rows.concat());
    let history = history(&files(&[("snapshots.csv", SNAPSHOTS, &text)]), date(2023, 4, 1), &[]);
    let found = |name: &str| history.find(&id(name)).is_some();
    assert!(found("terra") && found("terra-202303"), "another supply at another price: another coin");
    assert!(found("binance-coin") && !found("bnb"), "the same symbol, price and supply: the same coin");
    assert!(found("elrond") && found("elrond-egld"), "a thousandth of the units: another unit");
    assert!(found("split") && found("split-202302"), "a hundred for one under the same symbol: another unit");
    assert!(found("restated") && !found("restated-202302"), "a crash while the supply is restated: the same coin");
    assert!(found("matic-network") && !found("polygon"), "the same symbol and supply: the same coin at any price");
    assert!(found("first") && found("second"), "the same symbol at another price and supply: another coin");
}

#[test]
fn closes_follow_the_coin_that_has_the_symbol_and_the_price() {
    let rows =
        [listed("2023-01-01", "LUNA", "Terra", "80", "340000"), listed("2023-03-01", "LUNA", "Terra", "2.5", "120000")];
    let text = with_steady_coins(&MONTHS, &rows.concat());
    let prices = "2023-01-01,LUNA1,80.5,1\n2023-01-02,LUNA1,81,1\n2023-03-01,LUNA2,2.51,1\n2023-03-02,LUNA2,2.6,1\n\
                  2023-01-01,BTC,19000,1\n2023-01-01,ETH,1,1\n";
    let files = files(&[("prices.csv", PRICES, prices), ("snapshots.csv", SNAPSHOTS, &text)]);
    let history = history(&files, date(2023, 4, 1), &[]);
    assert_eq!(closes(&history, "terra")[..3], ["80.5", "81", "-"]);
    assert_eq!(closes(&history, "terra-202303")[59..61], ["2.51", "2.6"]);
    assert_eq!(closes(&history, "bitcoin")[0], "19000", "the file's close comes before the snapshot's price");
    assert_eq!(closes(&history, "ethereum")[0], "1000", "a thousandth of the price is another coin");
    assert!(left_out(&history).contains(&(DropReason::OtherCoin, 1)));
}

#[test]
fn a_coin_that_dies_is_written_down_and_paid_out() {
    let rows =
        [listed("2023-01-01", "LUNA", "Terra", "80", "340000"), listed("2023-02-01", "TINY", "Tiny", "1", "1000000")];
    let text = with_steady_coins(&MONTHS[..2], &rows.concat());
    let prices = "2023-01-02,LUNA,80,1\n";
    let files = files(&[("prices.csv", PRICES, prices), ("snapshots.csv", SNAPSHOTS, &text)]);
    let history = history(&files, date(2023, 2, 3), &[]);
    let happened = ran(&history, &settings(date(2023, 2, 3), Schedule::Monthly));
    let held = happened.weights.iter().any(|sample| !sample.weights.is_empty());
    let [event] = happened.events.as_slice() else { panic!("one event: {:?}", happened.events) };
    assert!(held && event.kind == EventKind::Delisting && event.date == date(2023, 2, 1));
    assert_eq!(event.symbol, "LUNA");
    let coins = history.snapshot(history.day(event.date).expect("a day")).expect("a snapshot").members.len();
    assert!(event.sentence.starts_with(&format!("it is not among the {coins} coins of the snapshot any more")));
    // At most what the smallest in the snapshot is worth in all, and half of that: under two units each.
    let run = &happened.runs[0];
    let order = run.orders.iter().find(|order| order.symbol == "LUNA").expect("it was bought");
    let units = order.fill.as_ref().expect("it filled").quantity.get();
    let before = units * Decimal::from(80);
    let after = units * Decimal::from(1_000_000) / Decimal::from(340_000) / Decimal::TWO;
    let change = event.value_change.expect("a change").get();
    assert_eq!(change.round_dp(6), (after - before).round_dp(6));
    assert!(happened.runs.iter().all(|run| run.run_id.is_some()), "the next run plans without it");
}

#[test]
fn a_stated_migration_carries_the_holding_over() {
    let rows = [
        listed("2023-01-01", "LEND", "Aave", "0.5", "130000000"),
        listed("2023-02-01", "AAVE", "Aave", "48", "1400000"),
    ];
    let text = with_steady_coins(&MONTHS[..2], &rows.concat());
    let migration = Migration {
        from: id("aave"),
        to: id("aave-aave"),
        ratio: index_rebalancer::model::Quantity::parse("0.01").expect("a ratio"),
        on: date(2023, 1, 20),
    };
    let to = date(2023, 2, 3);
    let history = history(&files(&[("snapshots.csv", SNAPSHOTS, &text)]), to, &[migration]);
    let happened = ran(&history, &settings(to, Schedule::Monthly));
    let kinds: Vec<(EventKind, Date)> = happened.events.iter().map(|event| (event.kind, event.date)).collect();
    assert_eq!(kinds, [(EventKind::Migration, date(2023, 2, 1))], "{:?}", happened.events);
    let (before, after) = (happened.value[30], happened.value[31]);
    let change = (after / before - Decimal::ONE).abs();
    assert!(change < Decimal::new(5, 2), "48 for a hundred at 0.5: hardly a change, and here it is {change}");
}

#[test]
fn only_the_period_is_held() {
    let Some(shared) = shared_data("only_the_period_is_held") else { return };
    let prices = shared.join("prices/coinbase_spot_daily_with_mcap_2020_2024.csv");
    let figures = |from: Date, to: Date| {
        let period = index_rebalancer::adapters::history::Period { from, to, lookback_days: 0, grade_days: 0 };
        let sources = index_rebalancer::adapters::history::open(&[prices.display().to_string()]).expect("the file");
        index_rebalancer::adapters::history::load(sources, &period, &[]).expect("a history").figures()
    };
    let (year, all) = (figures(date(2023, 1, 1), date(2023, 12, 31)), figures(date(2020, 1, 1), date(2024, 12, 31)));
    assert!(year * 3 < all, "a year holds {year} figures, five hold {all}");
}

#[test]
fn the_traps_of_the_shared_files_are_found() {
    let Some(shared) = shared_data("the_traps_of_the_shared_files_are_found") else { return };
    let prices = shared.join("prices/yahoo_spot_daily_2017_2022-02.csv");
    let period = index_rebalancer::adapters::history::Period {
        from: date(2019, 12, 1),
        to: date(2022, 2, 14),
        lookback_days: 0,
        grade_days: 0,
    };
    let sources = index_rebalancer::adapters::history::open(&[prices.display().to_string()]).expect("the file");
    let history = index_rebalancer::adapters::history::load(sources, &period, &[]).expect("a history");
    let named = |reason: DropReason| {
        let rows = history.dropped.iter().find(|rows| rows.reason == reason).expect("it is left out");
        (rows.rows, rows.names.clone())
    };
    let (zeros, coins) = named(DropReason::ZeroClose);
    assert_eq!((zeros, coins.get("SHIB")), (258, Some(&258)));
    assert!(named(DropReason::UnitBreak).1.contains_key("AAVE"), "LEND became AAVE, a hundred for one");
    assert!(named(DropReason::Spike).1.contains_key("HEX"), "0.07 times, and back the next day");
    assert!(named(DropReason::HeldBack).1.contains_key("DOGE"), "a true move beyond three times");
    assert!(named(DropReason::Gap).1.contains_key("AVAX"));
    let [holes, ..] = history.notices.as_slice() else { panic!("a notice: {:?}", history.notices) };
    assert!(history.notices.iter().any(|notice| notice.contains("AAVE is aave-202010 from 2020-10-")), "{holes}");
    assert!(holes.contains("chz (between 2021-12-27 and 2022-01-08"), "{holes}");
}
