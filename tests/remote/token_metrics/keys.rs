//! Which key is used, and that nobody sees it.

use index_rebalancer::adapters::files::token_metrics::Endpoint;
use index_rebalancer::adapters::secrets::CachedSecret;
use index_rebalancer::adapters::secrets::local::LocalSecret;
use index_rebalancer::adapters::token_metrics::{FetchError, TokenMetrics, Tokens};
use index_rebalancer::ports::secret::Stage;
use serde_json::json;

use super::bench::{Bench, KEY, Rotating, block_on, envelope, graded, paged, query};
use crate::scripted_server::{Recorded, Reply};

const OLD: &str = "tm-canary-old";
const NEW: &str = "tm-canary-new";

/// An API that takes these keys only.
fn taking(keys: &'static [&'static str]) -> impl FnMut(&Recorded) -> Reply + Send + 'static {
    move |request| {
        if keys.contains(&request.headers["x-api-key"].as_str()) {
            return paged(&graded(1..=7), request, 1, 100);
        }
        Reply::json(401, json!({ "success": false, "message": "Unauthorized" }).to_string())
    }
}

#[test]
fn a_key_is_read_once_for_many_fetches() {
    let bench = Bench::new(taking(&[KEY]));
    let key = Rotating::new(&[KEY], None);
    let client = TokenMetrics::new(bench.https(), CachedSecret::new("tm-key", &key), bench.settings.clone());
    block_on(async {
        let queries = [query(Endpoint::TraderGrades, Tokens::All), query(Endpoint::TraderGrades, Tokens::All)];
        let grades = client.grades(&queries, &bench.clock, &bench.counters).await.expect("two fetches");
        assert_eq!(grades.trader.len(), 7);
    });
    assert_eq!(*key.reads.borrow(), [Stage::Current]);
}

#[test]
fn after_a_rotation_the_key_is_read_again_once() {
    let bench = Bench::new(taking(&[NEW]));
    let key = Rotating::new(&[OLD, NEW], Some(OLD));
    let fetched = bench.fetch_with(&key, &query(Endpoint::TraderGrades, Tokens::All)).expect("with the new key");
    assert_eq!(fetched.records, 7);
    assert_eq!(*key.reads.borrow(), [Stage::Current, Stage::Current]);
    let used: Vec<String> = bench.server.asked().iter().map(|request| request.headers["x-api-key"].clone()).collect();
    assert_eq!(used, [OLD, NEW, NEW]);
}

#[test]
fn in_the_middle_of_a_rotation_the_key_before_still_reads() {
    // The new key is in force here and not known there yet.
    let bench = Bench::new(taking(&[OLD]));
    let key = Rotating::new(&[NEW], Some(OLD));
    bench.fetch_with(&key, &query(Endpoint::TraderGrades, Tokens::All)).expect("with the previous key");
    assert_eq!(*key.reads.borrow(), [Stage::Current, Stage::Current, Stage::Previous]);
}

#[test]
fn a_key_that_nobody_takes_ends_the_fetch() {
    let bench = Bench::new(taking(&[]));
    let key = Rotating::new(&[OLD, NEW], Some(OLD));
    let error = bench.fetch_with(&key, &query(Endpoint::TraderGrades, Tokens::All)).expect_err("refused");
    assert!(matches!(error, FetchError::KeyRefused { .. }) && !error.is_transient(), "{error}");
    assert!(error.to_string().contains("tm-key"), "it says which: {error}");
    // The known one, the one read again, the one before: each once, and the secret is not read a third time.
    assert_eq!(bench.server.asked().len(), 3);
    assert_eq!(*key.reads.borrow(), [Stage::Current, Stage::Current, Stage::Previous]);
}

#[test]
fn a_missing_key_asks_nothing() {
    let bench = Bench::new(taking(&[KEY]));
    let error = bench.fetch_with(&Rotating::new(&[], None), &query(Endpoint::TraderGrades, Tokens::All));
    assert!(error.expect_err("no key").to_string().contains("tm-key does not exist"));
    assert!(bench.server.asked().is_empty());
}

#[test]
fn no_error_shows_the_key_even_where_the_server_repeats_it() {
    let echo = json!({ "success": false, "message": format!("key {KEY} is unknown"), "length": 0, "data": [] });
    let troubles = [
        Reply::json(403, echo.to_string()),
        Reply::json(401, echo.to_string()),
        Reply::json(500, echo.to_string()),
        Reply::json(200, echo.to_string()),
        Reply::json(200, format!("<html>{KEY}</html>")),
        envelope(&[json!({ "TOKEN_ID": 1, "DATE": "2025-04-16", "TM_TRADER_GRADE": 5, "TOKEN_NAME": KEY })]),
        Reply::with(302, "location", &format!("https://elsewhere.example/?key={KEY}")),
        Reply::Lost,
        Reply::Broken,
    ];
    for trouble in troubles {
        let answer = trouble.clone();
        let bench = Bench::new(move |_| answer.clone());
        let key = LocalSecret::given("tm-key", KEY).expect("a key");
        let client = TokenMetrics::new(bench.https(), CachedSecret::new("tm-key", key), bench.settings.clone());
        let wanted = query(Endpoint::TraderGrades, Tokens::All);
        let error = block_on(client.fetch(&wanted, &bench.clock, &bench.counters, |_| ())).expect_err("trouble");
        let shown = format!("{error} {error:?} {error:#?} {client:?} {client:#?}");
        assert!(!shown.contains("canary"), "{trouble:?}: {shown}");
    }
}
