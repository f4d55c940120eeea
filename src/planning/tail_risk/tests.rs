//! The planes against the whole linear program of Rockafellar and Uryasev on the same solver, and against known answers.

use std::collections::BTreeMap;
use std::path::Path;

#[path = "../../../tests/common/shared.rs"]
mod shared;

use super::*;
use crate::model::number::parse_market;
use crate::planning::solver::maximise;
use shared::shared_data;

fn dec(text: &str) -> Decimal {
    text.parse().expect(text)
}

/// Weights that add up to one, each from zero to `most`, and what is asked of them besides.
struct Fund {
    /// By asset, then scenario.
    returns: Vec<Vec<Decimal>>,
    beta: Decimal,
    most: Decimal,
    /// `Σ value · weight ≥ least`.
    least: Option<(Vec<Decimal>, Decimal)>,
}

impl Fund {
    fn scenarios(&self) -> usize {
        self.returns.first().map_or(0, Vec::len)
    }

    fn weights(&self) -> (Vec<BoxedColumn>, Vec<AtMostRow>) {
        let columns: Vec<BoxedColumn> =
            self.returns.iter().map(|_| BoxedColumn { upper: self.most, reward: Decimal::ZERO }).collect();
        let all = |sign: Decimal| (0..columns.len()).map(|column| (column, sign)).collect();
        let mut rows = vec![
            AtMostRow { terms: all(Decimal::ONE), bound: Decimal::ONE },
            AtMostRow { terms: all(Decimal::NEGATIVE_ONE), bound: Decimal::NEGATIVE_ONE },
        ];
        if let Some((values, least)) = &self.least {
            rows.push(AtMostRow { terms: (0..).zip(values.iter().map(|value| -*value)).collect(), bound: -*least });
        }
        (columns, rows)
    }

    /// The least measure, plane by plane, and how many it took.
    fn by_planes(&self) -> (Decimal, usize) {
        let losses = self
            .returns
            .iter()
            .map(|returns| returns.iter().map(|change| in_units(-*change, RETURN_DECIMALS)).collect());
        let days = vec![Date::MIN; self.scenarios()];
        let risk = TailRisk::new(losses.collect(), days, Decimal::ONE - self.beta, Decimal::ONE);
        let (mut columns, mut rows) = self.weights();
        let place = columns.len();
        columns.push(BoxedColumn { upper: MOST, reward: Decimal::NEGATIVE_ONE });
        let weights = |values: &[Decimal]| values.iter().take(place).copied().collect();
        let row = |plane: &Plane| {
            let mut terms: Vec<(usize, Decimal)> = (0..).zip(plane.slopes.iter().copied()).collect();
            terms.push((place, Decimal::NEGATIVE_ONE));
            AtMostRow { terms, bound: Decimal::ZERO }
        };
        let verdict = risk.optimum(place, (&columns, &mut rows), maximise, weights, row).expect("solves");
        let Verdict::Optimal { values, .. } = verdict else { panic!("feasible") };
        let planes = risk.planes.borrow().len();
        (values[place], planes)
    }

    /// The same with a column and a row for every scenario: minimise `α + Σ u / T`, where `u ≥ loss − α` and `u ≥ 0`.
    fn whole(&self) -> Decimal {
        let tail = (Decimal::ONE - self.beta) * Decimal::from(self.scenarios());
        let (mut columns, mut rows) = self.weights();
        let alpha = columns.len();
        // Above zero and below.
        columns.push(BoxedColumn { upper: MOST, reward: Decimal::NEGATIVE_ONE });
        columns.push(BoxedColumn { upper: MOST, reward: Decimal::ONE });
        for scenario in 0..self.scenarios() {
            let mut terms: Vec<(usize, Decimal)> =
                (0..).zip(self.returns.iter().map(|returns| -returns[scenario])).collect();
            let below =
                [(alpha, Decimal::NEGATIVE_ONE), (alpha + 1, Decimal::ONE), (columns.len(), Decimal::NEGATIVE_ONE)];
            terms.extend(below);
            rows.push(AtMostRow { terms, bound: Decimal::ZERO });
            columns.push(BoxedColumn { upper: MOST, reward: -Decimal::ONE / tail });
        }
        match maximise(&columns, &rows).expect("solves") {
            Verdict::Optimal { objective, .. } => (-objective).max(Decimal::ZERO),
            Verdict::Infeasible => panic!("feasible"),
        }
    }
}

/// A stream of numbers that look random (Knuth's MMIX congruence).
struct Draws(u64);

impl Draws {
    /// From -1 to 1, in thousandths; mostly small.
    fn change(&mut self) -> Decimal {
        let mut part = || {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            Decimal::new(i64::try_from((self.0 >> 33) % 2001).expect("small") - 1000, 3)
        };
        part() * part() * part()
    }
}

fn drawn(assets: usize, scenarios: usize, beta: &str, most: &str, seed: u64) -> Fund {
    let mut draws = Draws(seed);
    // What moves all of them, and each by itself.
    let common: Vec<Decimal> = (0..scenarios).map(|_| draws.change()).collect();
    let mut asset =
        || -> Vec<Decimal> { common.iter().map(|common| (*common + draws.change()) * Decimal::new(1, 1)).collect() };
    Fund { returns: (0..assets).map(|_| asset()).collect(), beta: dec(beta), most: dec(most), least: None }
}

#[test]
fn planes_reach_the_optimum_of_the_whole_program() {
    for seed in 1..=120 {
        let size = usize::try_from(seed).expect("small");
        let (assets, scenarios) = (2 + size % 9, 8 + size % 70);
        let beta = ["0.5", "0.8", "0.9", "0.95"][size % 4];
        let most = if size.is_multiple_of(3) { "1" } else { "0.6" };
        let fund = drawn(assets, scenarios, beta, most, seed);
        let (planes, whole) = (fund.by_planes().0, fund.whole());
        assert!((planes - whole).abs() <= dec("0.00000001"), "seed {seed}: {planes} is not {whole}");
    }
}

#[test]
fn the_tail_of_equal_losses_is_the_earliest() {
    let losses = vec![[1, 3, 2, 3, 3].map(|loss| in_units(Decimal::new(loss, 1), RETURN_DECIMALS)).to_vec()];
    let risk = TailRisk::new(losses, vec![Date::MIN; 5], dec("0.3"), Decimal::ZERO);
    let plane = risk.worst(&[Decimal::ONE]);
    assert_eq!(plane.tail, [(1, Decimal::ONE), (3, dec("0.5"))]);
    assert_eq!(risk.measure(&[Decimal::ONE]), dec("0.3"));
    assert_eq!(risk.measure(&[Decimal::NEGATIVE_ONE]), Decimal::ZERO, "a gain is no risk");
    assert_eq!(
        (
            risk.best(0),
            TailRisk::new(
                vec![vec![in_units(dec("-0.5"), RETURN_DECIMALS); 5]],
                vec![Date::MIN; 5],
                dec("0.3"),
                Decimal::ZERO
            )
            .best(0)
        ),
        (Decimal::ZERO, dec("0.5"))
    );
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
    let Some(data) = shared_data("the_least_risk_of_coins_is_the_peers") else { return };
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
        let (least, planes) = fund.by_planes();
        assert!(planes < 200, "{planes} planes");
        near(least, figure(&case["min_cvar"]), &format!("{file}, beta {}, at most {}", fund.beta, fund.most));
    }
}

#[test]
fn the_least_risk_of_stocks_is_the_published_one() {
    let Some(data) = shared_data("the_least_risk_of_stocks_is_the_published_one") else { return };
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
    near(fund.by_planes().0, figure(&known["cases"][0]["recomputed_cvar"]), "the least of all");
    fund.least = Some((means, dec("0.2")));
    near(fund.by_planes().0, figure(&known["cases"][1]["recomputed_cvar"]), "with a fifth of return");
}

/// `cargo test --release -- --ignored --nocapture planes_and_the_whole_program_timed`
#[test]
#[ignore = "a measurement"]
fn planes_and_the_whole_program_timed() {
    for (assets, scenarios, whole) in [(20, 200, true), (100, 500, true), (500, 1000, false)] {
        let fund = drawn(assets, scenarios, "0.95", "0.1", 7);
        let start = std::time::Instant::now();
        let (least, planes) = fund.by_planes();
        println!("{assets} x {scenarios}: {least} in {planes} planes, {:?}", start.elapsed());
        if whole {
            let start = std::time::Instant::now();
            println!("  whole: {} in {:?}", fund.whole(), start.elapsed());
        }
    }
}
