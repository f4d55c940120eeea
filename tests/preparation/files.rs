//! Forms of files that the shared data has no example of.

use index_rebalancer::adapters::files::token_metrics::{self, Endpoint};
use index_rebalancer::adapters::files::{market, venue_rules};
use index_rebalancer::model::{ListingStatus, Signal};
use jiff::Timestamp;

use crate::cases::asset;

fn day() -> Timestamp {
    "2022-05-01T00:00:00Z".parse().expect("a day")
}

#[test]
fn foreign_rows_that_cannot_be_used_are_dropped_or_left_unpriced_and_named() {
    let text = "\
date,rank,symbol,name,price_usd,market_cap_usd,circulating_supply,volume_24h_usd,pct_24h,pct_7d
2022-05-01,1,BTC,Bitcoin,38469.09,731986764312,,29409240000,,
2022-05-01,2,BabyDoge,Baby Doge Coin,0,326000000,,,,
2022-05-01,3,BNX,BinaryX,100,1,,,,
2022-05-01,4,BNX,BinaryX,1,1,,,,
2022-05-01,5,ONE,Twin,1,1,,,,
2022-05-01,6,TWO,Twin,2,1,,,,
2022-05-01,7,MINUS,Minus,-1,1,,,,
2022-05-01,8,TEXT,Text,n/a,1,,,,
2022-05-01,9,███,███,1,1,,,,
2022-04-01,6,TWO,Twin,2,1,,,,
";
    let market = market::read("snapshot.csv", text.as_bytes(), day()).expect("a market");
    let ids: Vec<&str> = market.assets.keys().map(index_rebalancer::model::AssetId::as_str).collect();
    assert_eq!(ids, ["baby-doge-coin", "bitcoin", "twin-one", "twin-two"]);
    assert!(market.assets[&asset("baby-doge-coin")].price.is_none());
    assert_eq!(market.dropped_rows, 5);
    assert_eq!(
        market.notices,
        [
            "market data: 1 row dropped (neither name nor symbol has a Latin letter or a digit to make an id of): ███ (███)",
            "market data: 1 row dropped (price_usd: it is below the minimum): Minus (MINUS)",
            "market data: 1 row dropped (price_usd: it is not a plain decimal number): Text (TEXT)",
            "market data: 2 rows dropped (the id binaryx-bnx appears more than once on one day): BinaryX (BNX), BinaryX (BNX)",
            "market data: 1 asset left without a price (the source rounded it to 0): baby-doge-coin",
        ]
    );
    // Ambiguity is decided over the whole file: on a day when it is alone, the asset has the same id.
    let april = "2022-04-01T00:00:00Z".parse().expect("a day");
    let market = market::read("snapshot.csv", text.as_bytes(), april).expect("a market");
    assert!(market.assets.contains_key(&asset("twin-two")));
}

#[test]
fn version_3_answers_load_with_their_own_names() {
    let signals = br#"{"success": true, "message": "", "length": 2, "data": [
        {"token_id": 3375, "slug": "bitcoin", "date": "2025-04-08", "trading_signal": -1, "token_signal_str": "bearish",
         "token_trend": -1, "tm_grade": 61.5, "fundamental_grade": "80"},
        {"token_id": "3306", "slug": "ethereum", "date": "2025-04-08T02:00:00+02:00", "trading_signal": "1.0",
         "token_trend": 1, "tm_grade": null, "fundamental_grade": 6.15e1}]}"#;
    let grades = token_metrics::read("v3", signals, Endpoint::TradingSignals).expect("signals");
    assert_eq!((grades.signals[&3375].value, grades.signals[&3306].value), (Signal::Bearish, Signal::Bullish));
    assert_eq!(grades.signals[&3306].at, "2025-04-08T00:00:00Z".parse().expect("a moment"));
    assert_eq!(grades.trader.len(), 1);
    assert_eq!(grades.investor[&3306].value.to_string(), "61.5");
}

#[test]
fn of_several_dates_the_newest_wins_and_a_repeated_record_counts_once() {
    let record = |date: &str, grade: u32| format!(r#"{{"TOKEN_ID": 1, "DATE": "{date}", "TM_TRADER_GRADE": {grade}}}"#);
    let answer = |records: [String; 3]| {
        format!(r#"{{"success": true, "message": "", "length": 3, "data": [{}]}}"#, records.join(","))
    };
    let older = answer([record("2025-04-08", 30), record("2025-04-07", 10), record("2025-04-08", 30)]);
    let grades = token_metrics::read("grades", older.as_bytes(), Endpoint::TraderGrades).expect("grades");
    assert_eq!(grades.trader[&1].value.to_string(), "30");
    // Different records of an older date are no less of a contradiction.
    let contradiction = answer([record("2025-04-07", 10), record("2025-04-08", 30), record("2025-04-07", 11)]);
    let error = token_metrics::read("grades", contradiction.as_bytes(), Endpoint::TraderGrades).expect_err("refused");
    assert!(error.to_string().contains("two different records of 2025-04-07T00:00:00Z"), "{error}");
}

/// An older file must not overrule what was fetched since, and of one day the endpoint of the grade itself counts.
#[test]
fn of_two_answers_the_newer_grade_counts_and_of_one_date_the_first_answer() {
    let answer = |date: &str, grades: [u32; 2]| {
        let records: Vec<String> = (1..)
            .zip(grades)
            .map(|(id, grade)| {
                format!(r#"{{"TOKEN_ID": {id}, "DATE": "{date}", "TM_TRADER_GRADE": {grade}, "TRADING_SIGNAL": 1}}"#)
            })
            .collect();
        format!(r#"{{"success": true, "message": "", "length": 2, "data": [{}]}}"#, records.join(","))
    };
    let merged = |signals_of: &str| {
        let own = answer("2025-04-08", [30, 31]).replace(r#""TOKEN_ID": 2"#, r#""TOKEN_ID": 3"#);
        let mut grades = token_metrics::read("own", own.as_bytes(), Endpoint::TraderGrades).expect("grades");
        let signals = answer(signals_of, [50, 51]);
        grades.merge(token_metrics::read("signals", signals.as_bytes(), Endpoint::TradingSignals).expect("signals"));
        grades.trader.iter().map(|(id, grade)| format!("{id}: {}", grade.value)).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(merged("2025-04-09"), "1: 50, 2: 51, 3: 31");
    assert_eq!(merged("2025-04-08"), "1: 30, 2: 51, 3: 31");
    assert_eq!(merged("2025-04-07"), "1: 30, 2: 51, 3: 31");
}

#[test]
fn what_is_not_plainly_trading_is_halted() {
    let binance = |status: &str, extra: &str| {
        format!(
            r#"{{"symbols": [{{"symbol": "XUSDT", "status": "{status}", "baseAsset": "X", "quoteAsset": "USDT"{extra}, "filters": [
                {{"filterType": "PRICE_FILTER", "tickSize": "0.01"}},
                {{"filterType": "LOT_SIZE", "minQty": "1", "maxQty": "0", "stepSize": "1"}},
                {{"filterType": "NOTIONAL", "minNotional": "5"}}]}}]}}"#
        )
    };
    let coinbase = |extra: &str| {
        format!(
            r#"{{"products": [{{"product_id": "X-USD", "base_currency_id": "X", "quote_currency_id": "USD", "base_increment": "1",
                "base_min_size": "1", "quote_increment": "0.01", "price_increment": "0.1", "quote_min_size": "1"{extra}}}]}}"#
        )
    };
    let kraken = |status: &str| {
        format!(
            r#"{{"error": [], "result": {{"XXDGZUSD": {{"wsname": "XDG/USD", "status": "{status}", "lot_decimals": 0, "ordermin": "1",
                "tick_size": "0.1", "costmin": "0.5"}}}}}}"#
        )
    };
    let cases = [
        (binance("TRADING", ""), ListingStatus::Trading),
        (binance("TRADING", ", \"isSpotTradingAllowed\": false"), ListingStatus::Halted),
        (binance("BREAK", ""), ListingStatus::Halted),
        (binance("HALT", ""), ListingStatus::Halted),
        (binance("trading", ""), ListingStatus::Halted),
        (coinbase(", \"status\": \"online\""), ListingStatus::Trading),
        (coinbase(", \"status\": \"online\", \"limit_only\": true"), ListingStatus::Trading),
        (coinbase(", \"status\": \"online\", \"cancel_only\": true"), ListingStatus::Halted),
        (coinbase(", \"status\": \"online\", \"trading_disabled\": true"), ListingStatus::Halted),
        (coinbase(", \"status\": \"online\", \"post_only\": true"), ListingStatus::Halted),
        (coinbase(", \"status\": \"delisted\""), ListingStatus::Halted),
        (kraken("online"), ListingStatus::Trading),
        (kraken("cancel_only"), ListingStatus::Halted),
        (kraken("reduce_only"), ListingStatus::Halted),
    ];
    for (text, status) in cases {
        let rules = venue_rules::read("rules", text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
        let only = rules.instruments.values().next().expect("one instrument");
        assert_eq!(only.listing.status, status, "{text}");
        assert!(only.listing.max_quantity.is_none(), "0 and absent mean no upper bound");
    }
    let rules = venue_rules::read("rules", kraken("online").as_bytes()).expect("rules");
    assert_eq!(rules.instruments.values().next().expect("one").base, "DOGE");
    let error = venue_rules::read("rules", br#"{"error": ["EGeneral:Busy"], "result": {}}"#).expect_err("refused");
    assert!(error.to_string().contains("rules: error = \"a list of 1\": the answer says that it failed"), "{error}");
}
