//! Portfolios of the least tail risk at a given return, against the published frontiers of the least variance.
//!
//! Where returns are elliptical, both are the same portfolio (Rockafellar and Uryasev 2000, proposition 4.1). Scenarios drawn
//! from a normal distribution and then matched to the published means and covariances come near it, the nearer the more of
//! them: no portfolio may have less variance than the frontier, and more scenarios must not end further from it.

use std::fs;
use std::path::Path;

use index_rebalancer::solver::{Backend, Settings, Verdict, solve};

use crate::backends;
use crate::shared::shared_data;
use crate::split_mix::SplitMix64;
use crate::tail_risk::least_tail_risk;

const BETA: f64 = 0.95;
const RETURNS: usize = 20;

/// Means and covariances of the assets, and the frontier: return and variance, the highest first.
struct Problem {
    means: Vec<f64>,
    covariances: Vec<Vec<f64>>,
    frontier: Vec<(f64, f64)>,
}

fn numbers(path: &Path) -> Vec<f64> {
    let text = fs::read_to_string(path).expect("a file of numbers");
    text.split_whitespace().map(|number| number.parse().expect("a number")).collect()
}

fn problem(folder: &Path, number: u32) -> Problem {
    let stated = numbers(&folder.join(format!("port{number}.txt")));
    let (count, rest) = stated.split_first().expect("a count");
    let count = (1..=1000_usize).find(|candidate| (*candidate as f64 - count).abs() <= 0.0).expect("a whole count");
    let (moments, correlations) = rest.split_at(2 * count);
    let deviations: Vec<f64> = moments.chunks(2).map(|pair| pair[1]).collect();
    let mut covariances = vec![vec![0.0; count]; count];
    // Row by row of the upper triangle: i, j and their correlation.
    let mut entries = correlations.chunks(3);
    for row in 0..count {
        for column in row..count {
            let entry = entries.next().expect("an entry");
            let covariance = entry[2] * deviations[row] * deviations[column];
            covariances[row][column] = covariance;
            covariances[column][row] = covariance;
        }
    }
    let frontier = numbers(&folder.join(format!("portef{number}.txt"))).chunks(2).map(|it| (it[0], it[1])).collect();
    Problem { means: moments.chunks(2).map(|pair| pair[0]).collect(), covariances, frontier }
}

/// The lower factor of a positive matrix (Cholesky).
fn factor(matrix: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut lower = vec![vec![0.0; matrix.len()]; matrix.len()];
    for row in 0..matrix.len() {
        for column in 0..=row {
            let done: f64 = (0..column).map(|at| lower[row][at] * lower[column][at]).sum();
            let left = matrix[row][column] - done;
            lower[row][column] = if row == column {
                assert!(left > 0.0, "not positive in row {row}");
                left.sqrt()
            } else {
                left / lower[column][column]
            };
        }
    }
    lower
}

/// Draws of a standard normal distribution (Box and Muller).
struct Normal(SplitMix64);

impl Normal {
    fn draw(&mut self) -> f64 {
        let mut uniform = || ((self.0.next() >> 11) as f64 + 0.5) / 2_f64.powi(53);
        let (radius, angle) = (uniform(), uniform());
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    }
}

/// Scenarios whose means and covariances are the published ones to the last bits.
fn scenarios(problem: &Problem, count: usize, seed: u64) -> Vec<Vec<f64>> {
    let assets = problem.means.len();
    let mut normal = Normal(SplitMix64::new(seed));
    let mut draws: Vec<Vec<f64>> = (0..count).map(|_| (0..assets).map(|_| normal.draw()).collect()).collect();
    for asset in 0..assets {
        let mean = draws.iter().map(|draw| draw[asset]).sum::<f64>() / count as f64;
        for draw in &mut draws {
            draw[asset] -= mean;
        }
    }
    let found: Vec<Vec<f64>> = (0..assets)
        .map(|one| {
            let with = |other: usize| draws.iter().map(|draw| draw[one] * draw[other]).sum::<f64>() / count as f64;
            (0..assets).map(with).collect()
        })
        .collect();
    let (from, to) = (factor(&found), factor(&problem.covariances));
    let matched = |draw: &Vec<f64>| {
        // What the draw is made of when every part has variance one and none goes with another.
        let mut parts = vec![0.0; assets];
        for row in 0..assets {
            let done: f64 = (0..row).map(|at| from[row][at] * parts[at]).sum();
            parts[row] = (draw[row] - done) / from[row][row];
        }
        let value = |row: usize| problem.means[row] + (0..=row).map(|at| to[row][at] * parts[at]).sum::<f64>();
        (0..assets).map(value).collect()
    };
    draws.iter().map(matched).collect()
}

/// Variance over the frontier's, at so many returns, on a backend.
fn ratios(problem: &Problem, scenarios: &[Vec<f64>], returns: usize, backend: Backend) -> Vec<f64> {
    let ratio = |at: usize| {
        let (wanted, least) = problem.frontier[(2 * at + 1) * problem.frontier.len() / (2 * returns)];
        let mut program = least_tail_risk(scenarios, BETA, 1.0);
        program.row((wanted, wanted), problem.means.iter().copied().enumerate().collect());
        let verdict = solve(&program.0, backend, &Settings::careful()).expect("a program");
        let Verdict::Optimal(optimum) = verdict else { panic!("{backend}, return {wanted}: {verdict:?}") };
        let weights = &optimum.values[..problem.means.len()];
        let pairs = weights.iter().zip(&problem.covariances);
        let variance: f64 =
            pairs.map(|(weight, row)| weight * row.iter().zip(weights).map(|(by, w)| by * w).sum::<f64>()).sum();
        variance / least
    };
    (0..returns).map(ratio).collect()
}

/// Checks one problem: none below the frontier, and on average no further from it with more scenarios.
fn approaches(shared: &Path, number: u32, counts: &[usize], returns: usize) {
    let problem = problem(&shared.join("optimization/orlib"), number);
    for backend in backends() {
        let mut before = f64::INFINITY;
        for count in counts {
            let ratios = ratios(&problem, &scenarios(&problem, *count, u64::from(number)), returns, backend);
            let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
            let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
            println!(
                "{backend} port{number}, {count} scenarios: variance over the frontier's {least:.6} at least, {mean:.6} on average"
            );
            assert!(least >= 1.0 - 1e-6, "{backend} port{number}: better than the frontier: {ratios:?}");
            assert!(
                mean <= before,
                "{backend} port{number}: {count} scenarios end further from the frontier: {mean} after {before}"
            );
            before = mean;
        }
    }
}

#[test]
fn tail_risk_approaches_the_frontier_of_the_least_variance() {
    let Some(shared) = shared_data("OR-Library's frontiers") else { return };
    approaches(&shared, 1, &[500, 1000], 5);
}

#[test]
#[ignore = "takes minutes: `make long-frontiers`"]
fn tail_risk_approaches_every_frontier() {
    let Some(shared) = shared_data("every frontier of OR-Library") else { return };
    for number in 1..=3 {
        approaches(&shared, number, &[500, 1000, 2000], RETURNS);
    }
}
