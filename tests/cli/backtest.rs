//! `backtest`: the document and its schema, text, CSV, windows and grids, and what is refused.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::bench::Bench;

const POLICY: &str = "tests/backtest/policies/equal.toml";
const PERIOD: [&str; 4] = ["--from", "2024-01-01", "--to", "2024-03-31"];

/// Three coins over a quarter, one of them rising, and their grades.
fn write_market(folder: &Path) {
    let mut closes = "date,symbol,close_usd,volume_usd\n".to_owned();
    let mut day = jiff::civil::date(2024, 1, 1);
    for count in 0..91 {
        for (symbol, close) in [("BTC", 40_000 + count * 100), ("ETH", 2_000), ("XRP", 5 + count % 2)] {
            writeln!(closes, "{day},{symbol},{close},1000000").expect("text grows");
        }
        day = day.tomorrow().expect("a day");
    }
    fs::write(folder.join("closes.csv"), closes).expect("the folder can be written");
    let grades = "date,asset_id,trader_grade,investor_grade,signal\n2024-01-01,btc,,50,\n2024-01-01,eth,,50,\n2024-01-01,xrp,,50,\n";
    fs::write(folder.join("grades.csv"), grades).expect("the folder can be written");
}

fn arguments<'a>(data: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    ["backtest", POLICY].into_iter().chain(PERIOD).chain(["--data", data]).chain(more.iter().copied()).collect()
}

#[test]
fn a_backtest_is_told_as_text_json_and_csv() {
    let bench = Bench::new();
    let folder = tempfile::tempdir().expect("a folder");
    write_market(folder.path());
    let data = folder.path().display().to_string();
    let json = bench.json(0, &arguments(&data, &["--fee", "0.001"]));
    assert_eq!(json["schema"], "rebalance/backtest/1");
    assert_eq!((json["summary"]["days"].as_u64(), json["summary"]["runs"].as_u64()), (Some(91), Some(3)));
    assert_eq!(json["daily"]["dates"].as_array().map(Vec::len), Some(91));
    for series in [&json["daily"]["value"], &json["benchmarks"][0]["value"], &json["benchmarks"][1]["value"]] {
        assert_eq!(series.as_array().map(Vec::len), Some(91), "beside daily.dates");
    }
    assert_eq!(json["runs"][0]["orders"][0]["fill"]["date"], "2024-01-02", "fills are at the next day's close");
    assert_eq!(json["monthly"].as_array().map(Vec::len), Some(3));

    let tables = folder.path().join("tables");
    let shown = tables.display().to_string();
    let text = bench.expect(0, &arguments(&data, &["--csv", &shown, "--width", "80"])).out;
    for part in ["Equal weights of a list", "drawdown", "Sharpe", "Months", "How to read it"] {
        assert!(text.contains(part), "{part}:\n{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80), "wider than 80 columns:\n{text}");
    let ascii = bench.expect(0, &arguments(&data, &["--ascii"])).out;
    assert!(ascii.is_ascii(), "{ascii}");
    let days = fs::read_to_string(tables.join("days.csv")).expect("the table of days");
    assert_eq!(days.lines().count(), 92);
    for table in ["months.csv", "orders.csv", "weights.csv"] {
        assert!(tables.join(table).is_file(), "{table}");
    }
}

#[test]
fn windows_and_grids_are_one_study() {
    let bench = Bench::new();
    let folder = tempfile::tempdir().expect("a folder");
    write_market(folder.path());
    let data = folder.path().display().to_string();
    let more = ["--windows", "2", "--vary", "ranking.exit_rank=15,16", "--vary", "reference_weights.cash=0,0.5"];
    let json = bench.json(0, &arguments(&data, &more));
    assert_eq!(json["schema"], "rebalance/backtest-study/1");
    let results = json["results"].as_array().expect("results");
    assert_eq!(results.len(), 8, "four combinations on two windows");
    assert_eq!(results[3]["values"], serde_json::json!(["15", "0.5"]));
    assert_ne!(results[0]["summary"]["final_value"], results[2]["summary"]["final_value"], "cash makes a difference");
    assert_eq!(results[0]["policy_digest"], results[1]["policy_digest"]);
    let steps = json["walk_forward"].as_array().expect("steps");
    assert!(steps.len() == 2 && steps[0].is_null() && steps[1]["result"].is_u64(), "{steps:?}");
    let text = bench.expect(0, &arguments(&data, &more)).out;
    assert!(text.contains("4 combinations, 2 windows") && text.contains("Walking forward"), "{text}");
}

#[test]
fn what_cannot_be_tried_is_refused_with_the_remedy() {
    let bench = Bench::new();
    let folder = tempfile::tempdir().expect("a folder");
    write_market(folder.path());
    let data = folder.path().display().to_string();
    let refused = |code: i32, arguments: &[&str], part: &str| {
        let answer = bench.expect(code, arguments);
        let words = answer.err.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(part), "{part}: {words}");
    };
    let backwards = ["backtest", POLICY, "--from", "2024-02-01", "--to", "2024-01-01", "--data", &data];
    refused(3, &backwards, "give a later day");
    refused(
        3,
        &["backtest", POLICY, "--from", "2014-01-01", "--to", "2014-02-01", "--data", &data],
        "no source has a price",
    );
    refused(3, &arguments("no-such-file.csv", &[]), "no-such-file.csv cannot be read");
    refused(3, &arguments("README.md", &[]), "no known history file has this header");
    refused(3, &arguments(&data, &["--benchmark", "dogecoin"]), "no source has this asset");
    refused(3, &arguments(&data, &["--vary", "ranking.mebmers=1,2"]), "mebmers");
    refused(2, &arguments(&data, &["--vary", "ranking.members"]), "ranking.members=20,30");
    refused(2, &arguments(&data, &["--cash", "0"]), "something to begin with");
    refused(2, &arguments(&data, &["--recovery", "1.1"]), "at most 1");
}
