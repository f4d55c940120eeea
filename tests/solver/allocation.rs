//! Whole shares for a sum of money: `PyPortfolioOpt`'s program, whose optimum the library itself misses.
//!
//! Minimise `Σ |wᵢ V − nᵢ pᵢ|` plus what is left over, `nᵢ` whole and not below 0, nothing borrowed.

use std::collections::BTreeMap;
use std::fs;

use index_rebalancer::solver::{Backend, Settings, Verdict, solve};
use serde::Deserialize;

use crate::backends;
use crate::shared::shared_data;
use crate::statement::{FROM_ZERO, Statement};

/// On MicroLP what is not proved in so many nodes is a refusal.
const NODES: u32 = 200_000;

#[derive(Deserialize)]
struct Case {
    latest_prices: BTreeMap<String, f64>,
    target_weights: BTreeMap<String, f64>,
    total_value: f64,
    lp_optimal_objective: f64,
}

/// In fractions of the value: in money the backends reckon worse.
fn statement(case: &Case) -> Statement {
    let mut program = Statement::minimise();
    let mut spent = Vec::new();
    for (asset, price) in &case.latest_prices {
        let (price, weight) = (price / case.total_value, case.target_weights[asset]);
        let shares = program.whole((0.0, (1.0 / price).floor()), -price);
        let off = program.column(FROM_ZERO, 1.0);
        program.row((f64::NEG_INFINITY, weight), vec![(shares, price), (off, -1.0)]);
        program.row((weight, f64::INFINITY), vec![(shares, price), (off, 1.0)]);
        spent.push((shares, price));
    }
    program.row((f64::NEG_INFINITY, 1.0), spent);
    program.0.constant = 1.0;
    program
}

#[test]
fn the_integer_allocation_reaches_its_optimum() {
    let Some(shared) = shared_data("integer allocation") else { return };
    let text =
        fs::read_to_string(shared.join("optimization/pypfopt/discrete_allocation_10000.json")).expect("the case");
    let case: Case = serde_json::from_str(&text).expect("JSON");
    for backend in backends() {
        let settings = Settings { nodes: Some(NODES), ..Settings::careful() };
        let verdict = solve(&statement(&case).0, backend, &settings).expect("a program");
        match verdict {
            Verdict::Optimal(optimum) => {
                let reached = optimum.objective * case.total_value;
                assert!((reached - case.lp_optimal_objective).abs() <= 1e-6 * reached, "{backend}: {reached}");
                println!("{backend}: {reached:.4}");
            }
            Verdict::Stopped(stopped) => {
                let best = stopped.best.map(|best| best.objective * case.total_value);
                println!("{backend}: REFUSED: stopped at {NODES} nodes, best {best:?}, gap {:?}", stopped.gap);
                assert_eq!(backend, Backend::Microlp, "HiGHS proves it");
                assert!(best.is_none_or(|best| best >= case.lp_optimal_objective * (1.0 - 1e-6)), "{best:?}");
            }
            other => panic!("{backend}: {other:?}"),
        }
    }
}
