//! `backtest`: the document and its schema, text, CSV, windows and grids, and what is refused.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::bench::{Bench, path};

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
    let results = tempfile::tempdir().expect("a folder");
    let file = results.path().join("study.json");
    let _ = bench.expect(0, &arguments(&data, &[&more[..], &["--json", path(&file)]].concat()));
    let page = bench.expect(0, &["report", path(&file), "--html"]).out;
    assert!(page.contains("4 combinations, 2 windows") && page.contains("id=\"walking-table\""), "a page of the study");
    let text = bench.expect(0, &arguments(&data, &more)).out;
    assert!(text.contains("4 combinations, 2 windows") && text.contains("Walking forward"), "{text}");
}

#[test]
fn a_study_has_its_tables_and_tells_no_fee_of_its_own() {
    let bench = Bench::new();
    let folder = tempfile::tempdir().expect("a folder");
    write_market(folder.path());
    let data = folder.path().display().to_string();
    let tables = tempfile::tempdir().expect("a folder");
    let more = ["--windows", "2", "--vary", "costs.fee=0,0.001", "--csv", path(&tables)];
    let json = bench.json(0, &arguments(&data, &more));
    assert!(json["conventions"]["fee"].is_null() && json["conventions"]["half_spread"] == "0");
    let lines = |name: &str| {
        let text = fs::read_to_string(tables.path().join(name)).expect(name);
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let results = lines("results.csv");
    assert!(results[0].starts_with("costs.fee,from,to,final_value,"), "{results:?}");
    let last = json["results"][3]["summary"]["final_value"].as_str().expect("a value");
    assert!(
        results.len() == 5 && results[4].starts_with(&format!("0.001,2024-02-15,2024-03-31,{last},")),
        "{results:?}"
    );
    assert_eq!(lines("walk_forward.csv").len(), 2, "the second window has one");
}

#[test]
fn a_study_loads_the_days_that_any_of_its_policies_reads() {
    let bench = Bench::new();
    let folder = tempfile::tempdir().expect("a folder");
    let mut closes = "date,symbol,close_usd,volume_usd\n".to_owned();
    let (first, fall, rise) =
        (jiff::civil::date(2023, 2, 1), jiff::civil::date(2023, 7, 1), jiff::civil::date(2024, 2, 1));
    for day in first.series(jiff::Span::new().days(1)).take_while(|day| *day <= jiff::civil::date(2024, 3, 31)) {
        let xrp = if day < fall {
            10
        } else if day < rise {
            5
        } else {
            6
        };
        for (symbol, close) in [("BTC", 40_000), ("ETH", 2_000), ("XRP", xrp)] {
            writeln!(closes, "{day},{symbol},{close},1000000").expect("text grows");
        }
    }
    write_market(folder.path());
    fs::write(folder.path().join("closes.csv"), closes).expect("the folder can be written");
    let policies = tempfile::tempdir().expect("a folder");
    let policy = policies.path().join("stopped.toml");
    let stop = "[eligibility]\ntrailing_stop = { fall = \"0.3\", window_days = 250, cool_down_days = 1 }\n";
    let text = fs::read_to_string(POLICY).expect("a policy").replace("[eligibility]\n", stop);
    fs::write(&policy, text).expect("the folder can be written");
    let data = folder.path().display().to_string();
    let ending = |values: &str| {
        let vary = format!("eligibility.trailing_stop.window_days={values}");
        let varied = ["backtest", path(&policy), "--data", &data, "--vary", &vary];
        let json = bench.json(0, &[&varied[..], &PERIOD].concat());
        let results = json["results"].as_array().expect("results").clone();
        results.iter().map(|it| it["summary"]["final_value"].as_str().expect("money").to_owned()).collect::<Vec<_>>()
    };
    let (both, long) = (ending("250,20"), ending("250"));
    assert_ne!(both[0], both[1], "the fall of July is in the longer window, so XRP is out and does not gain");
    assert_eq!(both[0], long[0], "and so it is whatever else is tried");
}

#[test]
fn grades_count_as_long_as_the_policy_lets_them_wherever_a_backtest_begins() {
    let bench = Bench::new();
    let folder = tempfile::tempdir().expect("a folder");
    write_market(folder.path());
    let mut closes = "date,symbol,close_usd,volume_usd\n".to_owned();
    let first = jiff::civil::date(2023, 1, 1);
    for (count, day) in first.series(jiff::Span::new().days(1)).take(456).enumerate() {
        for (symbol, close) in [("BTC", 40_000 + count * 100), ("ETH", 2_000), ("XRP", 5 + count % 2)] {
            writeln!(closes, "{day},{symbol},{close},1000000").expect("text grows");
        }
    }
    fs::write(folder.path().join("closes.csv"), closes).expect("the folder can be written");
    // A hundred days before the second window, and too old in its last month.
    let grades = "date,asset_id,trader_grade,investor_grade,signal\n2023-11-07,btc,,50,\n2023-11-07,xrp,,50,\n";
    fs::write(folder.path().join("grades.csv"), grades).expect("the folder can be written");
    let policies = tempfile::tempdir().expect("a folder");
    let policy = policies.path().join("aged.toml");
    let text = fs::read_to_string(POLICY).expect("a policy");
    let aged = text.replace("max_grade_age_hours = 100000", "max_grade_age_hours = 2400");
    assert_ne!(aged, text);
    fs::write(&policy, aged).expect("the folder can be written");
    let data = folder.path().display().to_string();
    let asked = ["backtest", path(&policy), "--data", &data, "--every", "month"];
    let study = bench.json(0, &[&asked[..], &PERIOD, &["--windows", "2"]].concat());
    assert_eq!(study["windows"][1]["from"], "2024-02-15");
    let single = bench.json(0, &[&asked[..], &["--from", "2024-02-15", "--to", "2024-03-31"]].concat());
    assert_eq!(single["runs"][0]["outcome"], "rebalance", "{}", single["runs"][0]);
    assert_eq!(single["summary"], study["results"][1]["summary"]);
}

/// Closes of a hundred coins on each of the last `days` days of 2024.
fn write_history(folder: &Path, days: i32) -> PathBuf {
    let mut closes = "date,symbol,close_usd,volume_usd\n".to_owned();
    let last = jiff::civil::date(2024, 12, 31);
    for before in (0..days).rev() {
        let day = last.checked_sub(jiff::Span::new().days(before)).expect("a day");
        for coin in 0..100 {
            writeln!(closes, "{day},A{coin:02},{}.5,1000000", 100 + (coin * 7 + before * 3) % 41).expect("text grows");
        }
    }
    let file = folder.join(format!("{days}.csv"));
    fs::write(&file, closes).expect("the folder can be written");
    file
}

/// The most memory that the program held, in kilobytes, as Linux counts it until shortly before the end.
#[cfg(target_os = "linux")]
fn most_memory(bench: &Bench, arguments: &[&str]) -> u64 {
    let mut command = bench.command(arguments);
    let mut child = command.stdout(std::process::Stdio::null()).spawn().expect("the program starts");
    let mut most = 0;
    loop {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        most = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(most).max(most);
        if let Some(status) = child.try_wait().expect("it can be waited for") {
            assert!(status.success(), "{}", arguments.join(" "));
            return most;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn memory_is_bounded_by_the_period_not_by_the_file() {
    let bench = Bench::new();
    let folder = tempfile::tempdir().expect("a folder");
    let of = |days: i32| {
        let file = write_history(folder.path(), days);
        let period = ["--from", "2024-10-01", "--to", "2024-12-31", "--every", "month", "--data", path(&file)];
        most_memory(&bench, &[&["backtest", POLICY], &period[..]].concat())
    };
    let (year, eight_years) = (of(365), of(8 * 365));
    assert!(year > 1_000, "{year} kB: nothing was seen");
    // Seven years more are 255,500 closes: at 40 bytes each they would be 10 MB.
    assert!(eight_years < year + 4_000, "{year} kB for a file of a year, {eight_years} kB for one of eight");
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
    refused(3, &arguments(&data, &["--benchmark", "dogecoin"]), "no source has a price of this asset");
    refused(3, &arguments(&data, &["--vary", "ranking.mebmers=1,2"]), "mebmers");
    refused(2, &arguments(&data, &["--vary", "ranking.members"]), "ranking.members=20,30");
    let (missing, taken) = (folder.path().join("no/such.json"), folder.path().join("taken"));
    fs::write(&taken, "").expect("a file");
    refused(3, &arguments(&data, &["--json", path(&missing)]), "its folder is not there try: name a file");
    refused(3, &arguments(&data, &["--json", &data]), "it is a folder try: name a file");
    refused(1, &arguments(&data, &["--csv", path(&taken)]), "cannot be made");
    let after = ["backtest", POLICY, "--from", "2024-01-01", "--to", "2024-06-01", "--data", &data];
    refused(3, &after, "after 2024-04-10 everything would count as dead; end on 2024-04-10 or before");
    refused(2, &arguments(&data, &["--cash", "0"]), "something to begin with");
    refused(2, &arguments(&data, &["--recovery", "1.1"]), "at most 1");
}
