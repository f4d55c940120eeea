//! The least tail risk of real portfolios, plane by plane, against published and peers' answers.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test stops where something is wrong; the exemption for tests does not reach its own functions"
)]

#[path = "common/shared.rs"]
mod shared;

use std::collections::BTreeMap;
use std::path::Path;

use index_rebalancer::model::Decimal;
use index_rebalancer::model::number::parse_market;
use index_rebalancer::planning::Fund;

fn dec(text: &str) -> Decimal {
    text.parse().expect(text)
}

/// Closes by symbol and date, as a long table has them.
fn long_table(path: &Path, symbols: &[String], from: &str) -> BTreeMap<String, Vec<Option<Decimal>>> {
    let text = std::fs::read_to_string(path).expect("the shared file is there");
    let mut by_day: BTreeMap<&str, BTreeMap<&str, Decimal>> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        if fields[0] >= from && symbols.iter().any(|symbol| symbol == fields[1]) {
            by_day.entry(fields[0]).or_default().insert(fields[1], parse_market(fields[2]).expect("a close"));
        }
    }
    let column = |symbol: &String| by_day.values().map(|day| day.get(symbol.as_str()).copied()).collect();
    symbols.iter().map(|symbol| (symbol.clone(), column(symbol))).collect()
}

/// Returns of the days on which all have one, a missing close carried on.
fn joint_returns(columns: &[Vec<Option<Decimal>>]) -> Vec<Vec<Decimal>> {
    let known = |closes: &Vec<Option<Decimal>>| -> Vec<Option<Decimal>> {
        let mut last: Option<Decimal> = None;
        let change = |close: &Option<Decimal>| {
            let before = last;
            last = close.or(last);
            Some(last? / before? - Decimal::ONE)
        };
        closes.iter().map(change).collect()
    };
    let all: Vec<Vec<Option<Decimal>>> = columns.iter().map(known).collect();
    let days: Vec<usize> = (0..all[0].len()).filter(|day| all.iter().all(|changes| changes[*day].is_some())).collect();
    all.iter().map(|changes| days.iter().filter_map(|day| changes[*day]).collect()).collect()
}

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(path).expect("the shared file is there")).expect("JSON")
}

fn figure(value: &serde_json::Value) -> Decimal {
    parse_market(&value.to_string()).expect("a number")
}

fn near(planes: Decimal, known: Decimal, what: &str) {
    assert!((planes - known).abs() <= known * dec("0.000001"), "{what}: {planes} is not {known}");
}

#[test]
fn the_least_risk_of_coins_is_the_peers() {
    let Some(data) = shared::shared_data("the_least_risk_of_coins_is_the_peers") else { return };
    for case in json(&data.join("optimization/min_cvar_crypto_cases.json"))["cases"].as_array().expect("cases") {
        let (file, from) = case["prices"]
            .as_str()
            .expect("a file")
            .split_once(" from ")
            .map_or_else(|| (case["prices"].as_str().expect("a file"), ""), |(file, from)| (file, from));
        let symbols: Vec<String> = case["symbols"]
            .as_array()
            .expect("symbols")
            .iter()
            .map(|it| it.as_str().expect("text").to_owned())
            .collect();
        let table = long_table(&data.join(file), &symbols, from);
        let columns: Vec<Vec<Option<Decimal>>> = symbols.iter().map(|symbol| table[symbol].clone()).collect();
        let returns = joint_returns(&columns);
        let fund = Fund { returns, beta: figure(&case["beta"]), most: figure(&case["max_weight"]), least: None };
        assert!(fund.scenarios().abs_diff(case["rows"].as_u64().expect("rows").try_into().expect("small")) <= 1);
        let (least, planes) = fund.least_risk().expect("solves");
        assert!(planes < 200, "{planes} planes");
        near(least, figure(&case["min_cvar"]), &format!("{file}, beta {}, at most {}", fund.beta, fund.most));
    }
}

#[test]
fn the_least_risk_of_stocks_is_the_published_one() {
    let Some(data) = shared::shared_data("the_least_risk_of_stocks_is_the_published_one") else { return };
    let text = std::fs::read_to_string(data.join("optimization/pypfopt/stock_prices.csv")).expect("the file is there");
    let names: Vec<&str> = text.lines().next().expect("a header").split(',').skip(1).collect();
    let mut columns: Vec<Vec<Option<Decimal>>> = vec![Vec::new(); names.len()];
    for line in text.lines().skip(1) {
        for (column, field) in columns.iter_mut().zip(line.split(',').skip(1)) {
            column.push((!field.is_empty()).then(|| parse_market(field).expect("a price")));
        }
    }
    let known = json(&data.join("optimization/pypfopt/min_cvar_cases.json"));
    let means = &known["mean_historical_return_annual"];
    let means: Vec<Decimal> = names.iter().map(|name| figure(&means[name])).collect();
    let mut fund = Fund { returns: joint_returns(&columns), beta: dec("0.95"), most: Decimal::ONE, least: None };
    assert_eq!(fund.scenarios(), 895);
    near(fund.least_risk().expect("solves").0, figure(&known["cases"][0]["recomputed_cvar"]), "the least of all");
    fund.least = Some((means, dec("0.2")));
    near(fund.least_risk().expect("solves").0, figure(&known["cases"][1]["recomputed_cvar"]), "with a fifth of return");
}
