//! Recorded answers, replayed whole and in pages.

use std::collections::BTreeSet;
use std::fs;

use index_rebalancer::adapters::files::token_metrics::{self as reader, Endpoint};
use index_rebalancer::adapters::token_metrics::{Numbering, Tokens, Version};
use index_rebalancer::preparation::sources::Grades;
use serde_json::{Value, json};

use super::bench::{Bench, KEY, graded, paged, query};
use crate::shared::shared_data;

/// A recorded answer: its bytes and its records.
fn recorded(test: &str, file: &str) -> Option<(Vec<u8>, Vec<Value>)> {
    let bytes = fs::read(shared_data(test)?.join("token_metrics").join(file)).expect("a recorded answer");
    let answer: Value = serde_json::from_slice(&bytes).expect("JSON");
    Some((bytes, answer["data"].as_array().expect("records").clone()))
}

fn trader_ids(grades: &Grades) -> BTreeSet<u64> {
    grades.trader.keys().copied().collect()
}

#[test]
fn a_recorded_set_is_fetched_whole_whatever_the_pages() {
    let Some((bytes, records)) = recorded("a_recorded_set", "trader_grades_2025-04-16.json") else {
        return;
    };
    let expected = reader::read("recorded", &bytes, Endpoint::TraderGrades).expect("sound");
    // Pages from 0 or from 1, of the size that was asked for or of what the API gives at most.
    for (numbering, first, most) in [
        (None, 0, 1000),
        (None, 1, 1000),
        (None, 1, 100),
        (Some(Numbering::FromOne), 1, 50),
        (Some(Numbering::FromZero), 0, 667),
    ] {
        let served = records.clone();
        let mut bench = Bench::new(move |request| paged(&served, request, first, most));
        bench.settings.page_size = 1000;
        bench.settings.numbering = numbering;
        let fetched = bench.fetch(&query(Endpoint::TraderGrades, Tokens::All)).expect("a whole set");
        assert_eq!(fetched.grades, expected, "pages from {first}, at most {most}");
        assert_eq!(fetched.records, 667);
        assert_eq!(usize::try_from(fetched.requests).expect("small"), bench.server.asked().len());
        let again = reader::read("written", &fetched.envelope, Endpoint::TraderGrades).expect("it reads back");
        assert_eq!(again, expected);
        let written: Value = serde_json::from_slice(&fetched.envelope).expect("JSON");
        assert_eq!(written["data"].as_array(), Some(&records), "every record as it came");
    }
}

#[test]
fn signals_bring_both_grades() {
    let Some((bytes, records)) = recorded("signals_bring_both_grades", "trading_signals_2025-04-08.json") else {
        return;
    };
    let bench = Bench::new(move |request| paged(&records, request, 1, 100));
    let fetched = bench.fetch(&query(Endpoint::TradingSignals, Tokens::All)).expect("a whole set");
    let expected = reader::read("recorded", &bytes, Endpoint::TradingSignals).expect("sound");
    assert_eq!(fetched.grades, expected);
    assert_eq!((fetched.grades.signals.len(), bench.pages()), (59, vec![1, 2]));
}

#[test]
fn the_third_version_is_asked_for_signals_and_tells_grades_with_them() {
    let record = json!({
        "token_id": 3375, "slug": "bitcoin", "date": "2025-04-16T00:00:00.000Z", "trading_signal": "1",
        "token_signal_str": "bullish", "token_trend": 1, "tm_grade": "81.5", "fundamental_grade": 90.25
    });
    let mut bench = Bench::new(move |request| paged(std::slice::from_ref(&record), request, 1, 100));
    bench.settings.version = Version::V3;
    let fetched = bench.fetch(&query(Endpoint::TraderGrades, Tokens::Only([3375].into()))).expect("a set");
    let asked = bench.server.asked();
    assert!(asked[0].target.starts_with("/v3/trading-signals?"), "{}", asked[0].target);
    assert_eq!(trader_ids(&fetched.grades), [3375].into());
    assert_eq!((fetched.grades.investor.len(), fetched.grades.signals.len()), (1, 1));
}

#[test]
fn requests_say_what_is_wanted_and_the_key_is_in_a_header_only() {
    let bench = Bench::new(|request| paged(&graded(1..=500), request, 1, 100));
    let tokens: BTreeSet<u64> = (1..=120).chain([900, 901]).collect();
    let fetched = bench.fetch(&query(Endpoint::TraderGrades, Tokens::Only(tokens))).expect("a set");
    assert_eq!((fetched.records, fetched.missing), (120, [900, 901].into()));
    let asked = bench.server.asked();
    // Fifty tokens at once: with two days each they have room on a page of a hundred.
    assert_eq!(bench.pages(), [1, 2, 1, 2, 1, 2]);
    let first = &asked[0];
    assert_eq!(first.method, "GET");
    let ids: Vec<String> = (1..=50).map(|id: u64| id.to_string()).collect();
    let expected = format!(
        "/v2/trader-grades?startDate=2025-04-15&endDate=2025-04-16&limit=100&page=1&token_id={}",
        ids.join(",")
    );
    assert_eq!(first.target, expected);
    for request in asked {
        assert_eq!(request.headers["x-api-key"], KEY);
        assert!(!request.target.contains("canary"), "{}", request.target);
    }
}

#[test]
fn where_pages_begin_is_found_out_once() {
    let mut bench = Bench::new(|request| paged(&graded(1..=500), request, 1, 100));
    bench.settings.numbering = None;
    let tokens: BTreeSet<u64> = (1..=100).collect();
    let fetched = bench.fetch(&query(Endpoint::TraderGrades, Tokens::Only(tokens))).expect("a set");
    assert_eq!((fetched.records, bench.pages()), (100, vec![0, 1, 2, 1, 2]));
}
