//! The planes against the whole linear program of Rockafellar and Uryasev on the same solver, and against known answers.

use super::*;
use crate::planning::solver::maximise;

fn dec(text: &str) -> Decimal {
    text.parse().expect(text)
}

/// The whole program on the same solver.
trait Whole {
    fn whole(&self) -> Decimal;
}

impl Whole for Fund {
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
        let (planes, whole) = (fund.least_risk().expect("solves").0, fund.whole());
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

/// `cargo test --release -- --ignored --nocapture planes_and_the_whole_program_timed`
#[test]
#[ignore = "a measurement"]
fn planes_and_the_whole_program_timed() {
    for (assets, scenarios, whole) in [(20, 200, true), (100, 500, true), (500, 1000, false)] {
        let fund = drawn(assets, scenarios, "0.95", "0.1", 7);
        let start = std::time::Instant::now();
        let (least, planes) = fund.least_risk().expect("solves");
        println!("{assets} x {scenarios}: {least} in {planes} planes, {:?}", start.elapsed());
        if whole {
            let start = std::time::Instant::now();
            println!("  whole: {} in {:?}", fund.whole(), start.elapsed());
        }
    }
}
