//! Grades of tables and of Token Metrics' answers: when they are known, and whose they are.

use std::io::Cursor;

use index_rebalancer::adapters::history::{Period, Source, load};
use index_rebalancer::backtest::History;
use index_rebalancer::backtest::dropped::DropReason;
use jiff::civil::{Date, date};

use crate::market::{FROM, Files, MONTHS, PRICES, SNAPSHOTS, files, history, id, listed, with_steady_coins};

/// An answer with records of `id, name, symbol, day, grade`.
fn answer(records: &[(u64, &str, &str, &str, u32)]) -> String {
    let record = |(id, name, symbol, day, grade): &(u64, &str, &str, &str, u32)| {
        format!(
            "{{\"TOKEN_ID\": {id}, \"TOKEN_NAME\": \"{name}\", \"TOKEN_SYMBOL\": \"{symbol}\", \
             \"DATE\": \"{day}T00:00:00.000Z\", \"TM_TRADER_GRADE\": {grade}}}"
        )
    };
    let data: Vec<String> = records.iter().map(record).collect();
    format!("{{\"success\": true, \"message\": \"\", \"length\": {}, \"data\": [{}]}}", data.len(), data.join(","))
}

const CLOSES: &str = "2023-01-01,BTC,20000,1\n2023-01-09,BTC,20000,1\n2023-01-01,ETH,1000,1\n2023-01-09,ETH,1000,1\n";

fn closes_and(answers: &str, to: Date) -> History {
    history(&files(&[("closes.csv", PRICES, CLOSES), ("grades.json", "", answers)]), to, &[])
}

fn trader(history: &History, asset: &str, on: Date) -> Option<String> {
    let asset = history.asset(history.find(&id(asset))?)?;
    asset.grades(history.day(on)?).trader.map(|grade| grade.value.to_string())
}

fn told(history: &History) -> Vec<(DropReason, Vec<(&str, u32)>)> {
    let names = |rows: &index_rebalancer::backtest::dropped::DroppedRows| rows.reason;
    let of_grades = |reason: &DropReason| matches!(reason, DropReason::Unpriced | DropReason::AmbiguousToken);
    let rows = history.dropped.iter().filter(|rows| of_grades(&names(rows)));
    rows.map(|rows| (rows.reason, rows.names.iter().map(|(name, rows)| (name.as_str(), *rows)).collect())).collect()
}

#[test]
fn every_record_counts_from_its_own_day_on() {
    let on = date(2023, 1, 10);
    let history =
        closes_and(&answer(&[(1, "Bitcoin", "BTC", "2023-01-08", 30), (1, "Bitcoin", "BTC", "2023-01-02", 80)]), on);
    let grades = [1, 2, 7, 8, 10].map(|day| trader(&history, "btc", date(2023, 1, day)));
    assert_eq!(grades.map(Option::unwrap_or_default), ["", "80", "80", "30", "30"]);
}

#[test]
fn without_snapshots_tokens_join_by_symbol() {
    let records = [
        (1, "Bitcoin", "BTC", "2023-01-02", 80),
        (2, "Ethereum", "ETH", "2023-01-02", 70),
        (3, "Ethereum Bridged", "ETH", "2023-01-02", 10),
        (4, "Nobody's", "NOB", "2023-01-02", 50),
    ];
    let history = closes_and(&answer(&records), date(2023, 1, 3));
    assert_eq!(trader(&history, "btc", date(2023, 1, 2)).as_deref(), Some("80"));
    assert_eq!(trader(&history, "eth", date(2023, 1, 2)), None, "two tokens have the symbol");
    let expected = [
        (DropReason::Unpriced, vec![("nobody-s", 1)]),
        (DropReason::AmbiguousToken, vec![("ethereum", 1), ("ethereum-bridged", 1)]),
    ];
    assert_eq!(told(&history), expected);
    assert!(history.find(&id("nobody-s")).is_none(), "a grade alone makes no asset");
}

#[test]
fn an_answer_without_symbols_joins_closes_that_go_by_names() {
    let closes = "2023-01-01,Bitcoin,20000,1\n2023-01-02,Bitcoin,20000,1\n";
    let nameless = answer(&[(1, "Bitcoin", "BTC", "2023-01-02", 80)]).replace("\"TOKEN_SYMBOL\": \"BTC\", ", "");
    let files = files(&[("closes.csv", PRICES, closes), ("grades.json", "", &nameless)]);
    let history = history(&files, date(2023, 1, 3), &[]);
    assert_eq!(trader(&history, "bitcoin", date(2023, 1, 2)).as_deref(), Some("80"));
}

#[test]
fn a_token_that_comes_later_does_not_take_an_assets_grades_over() {
    let records = [(1, "Bitcoin", "BTC", "2023-01-02", 80), (9, "Bitcoin Fake", "BTC", "2023-01-03", 1)];
    let history = closes_and(&answer(&records), date(2023, 1, 3));
    assert_eq!(trader(&history, "btc", date(2023, 1, 3)).as_deref(), Some("80"));
    assert_eq!(told(&history), [(DropReason::AmbiguousToken, vec![("bitcoin-fake", 1)])]);
}

#[test]
fn beside_snapshots_a_name_comes_before_a_symbol() {
    let rows = listed(MONTHS[0], "BNB", "Binance Coin", "300", "50000");
    let text = with_steady_coins(&MONTHS[..1], &rows);
    let records = [
        (1, "Bitcoin", "BTC", "2023-01-02", 80),
        (2, "Wrapped", "BTC", "2023-01-02", 10),
        (3, "BNB", "BNB", "2023-01-02", 60),
    ];
    let files = files(&[("snapshots.csv", SNAPSHOTS, &text), ("grades.json", "", &answer(&records))]);
    let history = history(&files, date(2023, 1, 3), &[]);
    assert_eq!(trader(&history, "bitcoin", date(2023, 1, 2)).as_deref(), Some("80"));
    assert_eq!(trader(&history, "binance-coin", date(2023, 1, 2)).as_deref(), Some("60"), "its first name was another");
    assert_eq!(told(&history), [(DropReason::AmbiguousToken, vec![("wrapped", 1)])]);
}

#[test]
fn ids_of_a_table_that_no_price_has_are_told() {
    let rows = "2023-01-02,btc,50,,\n2023-01-02,bitcoin,60,,\n2023-01-03,bitcoin,61,,\n";
    let table = "date,asset_id,trader_grade,investor_grade,signal\n";
    let history =
        history(&files(&[("closes.csv", PRICES, CLOSES), ("grades.csv", table, rows)]), date(2023, 1, 3), &[]);
    assert_eq!(trader(&history, "btc", date(2023, 1, 2)).as_deref(), Some("50"));
    assert!(history.find(&id("bitcoin")).is_none());
    assert_eq!(told(&history), [(DropReason::Unpriced, vec![("bitcoin", 2)])]);
}

#[test]
fn records_that_differ_for_one_token_and_day_are_refused() {
    let bytes = answer(&[(1, "Bitcoin", "BTC", "2023-01-02", 80), (1, "Bitcoin", "BTC", "2023-01-02", 81)]);
    let source =
        Source { name: "grades.json".to_owned(), asset: None, bytes: Box::new(Cursor::new(bytes.into_bytes())) };
    let period = Period { from: FROM, to: FROM, lookback_days: 0, grade_days: 0 };
    let told = load(vec![source], &period, &[]).expect_err("which one counts?").to_string();
    assert!(told.contains("TOKEN_ID 1 has two different records"), "{told}");
}

/// From 2023-01-09 on, with the grades of a hundred days before.
fn graded(files: &Files) -> History {
    let source = |(name, text): (&String, &String)| Source {
        name: name.clone(),
        asset: None,
        bytes: Box::new(Cursor::new(text.clone())),
    };
    let on = date(2023, 1, 9);
    let period = Period { from: on, to: on, lookback_days: 0, grade_days: 100 };
    load(files.iter().map(source).collect(), &period, &[]).expect("a history")
}

const TABLE: &str = "date,asset_id,trader_grade,investor_grade,signal\n";

#[test]
fn grades_of_before_the_history_are_there_as_far_back_as_they_may_count() {
    let on = date(2023, 1, 9);
    let rows = "2022-10-01,btc,50,,\n2022-10-15,btc,60,,\n2022-09-30,eth,70,,\n2022-10-20,gone,80,,\n";
    let closes = ("closes.csv", PRICES, CLOSES);
    let history = graded(&files(&[closes, ("grades.csv", TABLE, rows)]));
    assert_eq!(history.date(0), date(2022, 11, 8), "closes are loaded for the lookback only");
    let known = |asset: &str| {
        let grades = history.asset(history.find(&id(asset))?)?.grades(history.day(on)?);
        grades.trader.map(|grade| (grade.value.to_string(), grade.at.to_string()))
    };
    assert_eq!(known("btc"), Some(("60".to_owned(), "2022-10-16T00:00:00Z".to_owned())), "the newest, with its date");
    assert_eq!(known("eth"), None, "101 days old");
    assert_eq!(told(&history), [], "what had a price then is not known, so nothing is said of it");
    // Of a table and of an answer the newer counts, whichever is read first.
    let older = answer(&[(1, "Bitcoin", "BTC", "2022-10-02", 10)]);
    let closes = CLOSES.replace("2023-01-01,BTC", "2022-11-08,BTC");
    let both = files(&[("closes.csv", PRICES, &closes), ("grades.csv", TABLE, rows), ("grades.json", "", &older)]);
    assert_eq!(trader(&graded(&both), "btc", on).as_deref(), Some("60"));
    let alone = files(&[("closes.csv", PRICES, &closes), ("grades.json", "", &older)]);
    assert_eq!(trader(&graded(&alone), "btc", on).as_deref(), Some("10"), "whose the symbol is on the first day");
}

#[test]
fn old_grades_go_to_the_coin_that_the_snapshot_of_their_time_lists() {
    // Terra is another coin under the name from December on.
    let rows = listed("2022-09-01", "LUNA", "Terra", "80", "340000")
        + &listed("2022-12-01", "LUNA", "Terra", "2.5", "120000")
        + &listed("2023-01-01", "LUNA", "Terra", "2.5", "120000");
    let months = ["2022-09-01", "2022-10-01", "2022-11-01", "2022-12-01", "2023-01-01"];
    let text = with_steady_coins(&months, &rows);
    let records = [(1, "Bitcoin", "BTC", "2022-10-02", 80), (2, "Terra", "LUNA", "2022-10-02", 70)];
    let files = files(&[("snapshots.csv", SNAPSHOTS, &text), ("grades.json", "", &answer(&records))]);
    let history = graded(&files);
    assert_eq!(trader(&history, "bitcoin", date(2023, 1, 9)).as_deref(), Some("80"));
    assert_eq!(trader(&history, "terra-202212", date(2023, 1, 9)), None, "the coin of December has none of October");
}
