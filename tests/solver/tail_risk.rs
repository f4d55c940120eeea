//! The least conditional value at risk (Rockafellar and Uryasev, Optimization of conditional value-at-risk, Journal of Risk
//! 2, 2000): minimise `α + Σ uₜ / ((1 − β) T)`, `uₜ ≥ −rₜ·w − α`, `uₜ ≥ 0`, `Σw = 1`, `0 ≤ w ≤ most`; α is free.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use index_rebalancer::solver::{Settings, Verdict, solve};
use serde::Deserialize;

use crate::shared::shared_data;
use crate::statement::{FREE, FROM_ZERO, Statement};
use crate::{backends, is_published};

/// The program; weights are its first columns. `scenarios`: a return of each asset.
pub(crate) fn least_tail_risk(scenarios: &[Vec<f64>], beta: f64, most: f64) -> Statement {
    let mut program = Statement::minimise();
    let weights: Vec<usize> = scenarios[0].iter().map(|_| program.column((0.0, most), 0.0)).collect();
    let alpha = program.column(FREE, 1.0);
    program.row((1.0, 1.0), weights.iter().map(|weight| (*weight, 1.0)).collect());
    for scenario in scenarios {
        let excess = program.column(FROM_ZERO, 1.0 / ((1.0 - beta) * scenarios.len() as f64));
        let mut terms: Vec<(usize, f64)> = weights.iter().copied().zip(scenario.iter().copied()).collect();
        terms.extend([(alpha, 1.0), (excess, 1.0)]);
        program.row((0.0, f64::INFINITY), terms);
    }
    program
}

/// The least of it, with the weights, on each backend.
fn on_each(what: &str, program: &Statement, judge: impl Fn(f64) -> bool) {
    for backend in backends() {
        let verdict = solve(&program.0, backend, &Settings::careful()).expect("a program");
        let Verdict::Optimal(optimum) = verdict else { panic!("{backend} {what}: {verdict:?}") };
        println!("{backend} {what}: {:.10}", optimum.objective);
        assert!(judge(optimum.objective), "{backend} {what}: {}", optimum.objective);
    }
}

#[derive(Deserialize)]
struct Published {
    mean_historical_return_annual: BTreeMap<String, f64>,
    cases: Vec<PublishedCase>,
}

#[derive(Deserialize)]
struct PublishedCase {
    name: String,
    published_cvar: serde_json::Number,
    recomputed_cvar: f64,
}

#[test]
fn the_published_least_tail_risk_of_shares_is_reached() {
    let Some(shared) = shared_data("least tail risk of shares") else { return };
    let folder = shared.join("optimization/pypfopt");
    let text = fs::read_to_string(folder.join("min_cvar_cases.json")).expect("the cases");
    let published: Published = serde_json::from_str(&text).expect("JSON");
    let (names, scenarios) = share_returns(&folder.join("stock_prices.csv"));
    assert_eq!(scenarios.len(), 895);
    for case in &published.cases {
        let mut program = least_tail_risk(&scenarios, 0.95, 1.0);
        if let Some((_, least)) = case.name.split_once("_return_ge_") {
            let means = names.iter().map(|name| published.mean_historical_return_annual[name]);
            program.row((least.parse().expect("a return"), f64::INFINITY), means.enumerate().collect());
        }
        let figure = case.published_cvar.to_string();
        let near = |found: f64| (found - case.recomputed_cvar).abs() <= 1e-6 * case.recomputed_cvar;
        on_each(&case.name, &program, |found| is_published(found, &figure, 0.0) && near(found));
    }
    assert_eq!(published.cases.len(), 2);
}

/// Daily returns, missing prices carried forward, days on which any is unknown left out.
fn share_returns(prices: &Path) -> (Vec<String>, Vec<Vec<f64>>) {
    let mut reader = csv::Reader::from_path(prices).expect("prices");
    let names: Vec<String> = reader.headers().expect("a header").iter().skip(1).map(str::to_owned).collect();
    let mut before: Vec<Option<f64>> = vec![None; names.len()];
    let mut scenarios = Vec::new();
    for record in reader.records() {
        let record = record.expect("a line");
        let now: Vec<Option<f64>> =
            record.iter().skip(1).zip(&before).map(|(price, before)| price.parse().ok().or(*before)).collect();
        scenarios.extend(returns(&before, &now));
        before = now;
    }
    (names, scenarios)
}

/// The returns of one day, if all are known.
fn returns(before: &[Option<f64>], now: &[Option<f64>]) -> Option<Vec<f64>> {
    before.iter().zip(now).map(|(before, now)| Some((*now)? / (*before)? - 1.0)).collect()
}

#[derive(Deserialize)]
struct Recomputed {
    cases: Vec<RecomputedCase>,
}

#[derive(Deserialize)]
struct RecomputedCase {
    prices: String,
    symbols: Vec<String>,
    rows: usize,
    beta: f64,
    max_weight: f64,
    min_cvar: f64,
}

#[test]
fn a_peers_least_tail_risk_of_coins_is_reached() {
    let Some(shared) = shared_data("least tail risk of coins") else { return };
    let text = fs::read_to_string(shared.join("optimization/min_cvar_crypto_cases.json")).expect("the cases");
    let recomputed: Recomputed = serde_json::from_str(&text).expect("JSON");
    for case in &recomputed.cases {
        let scenarios = coin_returns(&shared, case);
        assert_eq!(scenarios.len(), case.rows, "{}", case.prices);
        let program = least_tail_risk(&scenarios, case.beta, case.max_weight);
        let what = format!("{} coins, beta {}, at most {}", case.symbols.len(), case.beta, case.max_weight);
        on_each(&what, &program, |found| (found - case.min_cvar).abs() <= 1e-6 * case.min_cvar);
    }
    assert!(!recomputed.cases.is_empty());
}

/// Daily returns of the symbols of a long table (a line for each day and symbol), from the day that the case names.
fn coin_returns(shared: &Path, case: &RecomputedCase) -> Vec<Vec<f64>> {
    let (file, from) = case.prices.split_once(" from ").unwrap_or((&case.prices, ""));
    let mut reader = csv::Reader::from_path(shared.join(file)).expect(file);
    let header = reader.headers().expect("a header").clone();
    let at =
        |name: &str| header.iter().position(|field| field == name).unwrap_or_else(|| panic!("{file} has no {name}"));
    let (date, symbol, price) = (at("date"), at("symbol"), at("close_usd"));
    let mut days: BTreeMap<String, BTreeMap<String, f64>> = BTreeMap::new();
    for record in reader.records() {
        let record = record.expect("a line");
        if &record[date] >= from {
            let day = days.entry(record[date].to_owned()).or_default();
            day.insert(record[symbol].to_owned(), record[price].parse().expect("a price"));
        }
    }
    let prices = |day: &BTreeMap<String, f64>| case.symbols.iter().map(|it| day.get(it).copied()).collect::<Vec<_>>();
    let days: Vec<Vec<Option<f64>>> = days.values().map(prices).collect();
    days.windows(2).filter_map(|pair| returns(&pair[0], &pair[1])).collect()
}
