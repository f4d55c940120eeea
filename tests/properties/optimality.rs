//! A plan is worth as much as the best there is, but for lots, minimums and the room kept for them; and its certificate
//! says how far it is from that at most.

use index_rebalancer::model::{BasisPoints, Decimal, DualPrice, PlanningInput};
use index_rebalancer::planning::RebalancePlan;
use index_rebalancer::planning::plan::Optimality;
use index_rebalancer::planning::verification::verify;
use proptest::prelude::*;

use crate::books::Books;
use crate::harness::check;
use crate::limits::{self, Limit};
use crate::linear_program::Answer;
use crate::oracle::{Oracle, Room, float};
use crate::{AGREEMENT, was_optimised};

#[test]
fn a_plan_without_relaxations_is_as_good_as_an_oracle_finds() {
    check("a_plan_without_relaxations_is_as_good_as_an_oracle_finds", |input, tally| {
        let Some(plan) = tally.plan(input)? else { return Ok(()) };
        let books = Books::of(input, &plan);
        let oracle = Oracle::new(&books, &plan);
        if plan.net_asset_value.is_zero() || !plan.relaxations.is_empty() || !was_optimised(&plan) {
            tally.note("not optimised, or relaxed");
            return Ok(());
        }
        tally.ask();
        let Answer::Solved { minimum, .. } = oracle.best() else {
            tally.unsure("optima of which the oracle is not sure");
            return Ok(());
        };
        let (best, ours) = (-minimum, oracle.value());
        let keeps_all = limits::limits(&books).iter().all(|limit| limit.excess(&books, true) <= Decimal::ZERO);
        if keeps_all {
            prop_assert!(ours <= best + AGREEMENT, "the plan is worth {ours}; the oracle finds no more than {best}");
        }
        let room = oracle.worth_of_rounding();
        tally.note(match best - ours {
            gap if gap < 1e-6 => "within 0.01 bp of the best",
            gap if gap < 1e-5 => "within 0.1 bp of the best",
            gap if gap < 1e-4 => "within 1 bp of the best",
            gap if gap < 1e-3 => "within 10 bp of the best",
            gap if gap < 1e-2 => "within 100 bp of the best",
            _ => "100 bp or more below the best",
        });
        prop_assert!(best - ours <= room, "the plan is worth {ours}, the best {best}; rounding explains {room}");
        Ok(())
    });
}

/// What the oracle finds within the plan's limits, given way as far as the plan states, and by how much that may be too much;
/// nothing where it is not sure.
fn best(oracle: &Oracle<'_>, plan: &RebalancePlan) -> Option<(f64, f64)> {
    let prices = plan.multipliers.iter().flatten().map(|multiplier| float(multiplier.price.get()));
    if prices.sum::<f64>() * KEPT_TO > AGREEMENT {
        return None;
    }
    let given = |limit: &Limit| {
        let found = plan.relaxations.iter().find(|relaxation| relaxation.limit == limit.name);
        Room::Fixed(found.map_or(0.0, |relaxation| float(relaxation.amount.get())))
    };
    match oracle.best_within(&given) {
        Answer::Solved { minimum, doubt } => Some((-minimum, doubt)),
        Answer::Infeasible | Answer::Unknown => None,
    }
}

/// How far the oracle may pass a limit, which it is asked to keep to 1e-9 at worst: by duality that is worth so much of
/// the objective for each unit of the limit's price. Where limits that gave way leave each other no room, prices are in
/// the thousands, and then no figure is sure.
const KEPT_TO: f64 = 1e-9;

/// The certificate states the plan's worth, and a bound that no portfolio passes and that the best one reaches.
#[test]
fn the_bound_is_above_all_portfolios_and_close_to_the_best() {
    check("the_bound_is_above_all_portfolios_and_close_to_the_best", |input, tally| {
        let Some(plan) = tally.plan(input)? else { return Ok(()) };
        let Some(Optimality { value, bound, gap_bp }) = plan.certificate.optimality else {
            tally.note("no program was solved");
            return Ok(());
        };
        let books = Books::of(input, &plan);
        let oracle = Oracle::new(&books, &plan);
        let (value, bound) = (float(value.get()), float(bound.get()));
        prop_assert!((value - oracle.value()).abs() <= 1e-9, "worth {value}; by the oracle {}", oracle.value());
        prop_assert!(gap_bp >= BasisPoints::ZERO && bound >= value, "{gap_bp} bp, from {value} to {bound}");
        tally.ask();
        let Some((best, doubt)) = best(&oracle, &plan) else {
            tally.unsure("optima of which the oracle is not sure");
            return Ok(());
        };
        // The bound is exact; the oracle keeps limits to its own tolerance, and where one has a price in the hundreds that is
        // worth more than what is compared.
        let excess = best - bound;
        tally.largest("what the oracle finds above the bound, less its doubt", excess - doubt);
        prop_assert!(excess <= AGREEMENT + doubt, "the bound is {bound}; the oracle finds {best}, in doubt by {doubt}");
        let lots = plan.certificate.checks.iter().any(|check| !check.lot_allowance.is_zero());
        if lots {
            tally.note("lots excuse a limit, and the bound with it");
            return Ok(());
        }
        tally.largest("distance of the bound from the best, in bp", (bound - best) * 1e4);
        tally.note(match (bound - best) * 1e4 {
            gap if gap < 1e-4 => "bound within 0.0001 bp",
            gap if gap < 1e-2 => "bound within 0.01 bp",
            gap if gap < 1.0 => "bound within 1 bp",
            _ => "bound more than 1 bp above the best",
        });
        let lots = oracle.worth_of_lots();
        prop_assert!(bound - best <= lots + AGREEMENT, "the bound is {bound}, the best {best}; lots explain {lots}");
        Ok(())
    });
}

/// Whatever the multipliers, the bound holds; and a gap that they do not prove is refused.
#[test]
fn multipliers_of_any_kind_bound_and_prove_no_more_than_they_do() {
    check("multipliers_of_any_kind_bound_and_prove_no_more_than_they_do", |input, tally| {
        let Some(plan) = tally.plan(input)? else { return Ok(()) };
        let Some(claimed) = plan.certificate.optimality else {
            tally.note("no program was solved");
            return Ok(());
        };
        let books = Books::of(input, &plan);
        let best = best(&Oracle::new(&books, &plan), &plan);
        for factor in ["0", "0.5", "0.999", "1.001", "3"] {
            let perturbed = with_prices_times(&plan, factor.parse().expect("a number"));
            let proved = proved(input, &perturbed).map_err(TestCaseError::fail)?;
            if let Some((best, doubt)) = best {
                let bound = float(proved.bound.get());
                prop_assert!(
                    best <= bound + AGREEMENT + doubt,
                    "multipliers times {factor}: {bound}, and the oracle finds {best}, in doubt by {doubt}"
                );
            }
            prop_assert_eq!(proved.value, claimed.value);
            let overstated = RebalancePlan { certificate: plan.certificate.clone(), ..perturbed };
            let refused = verify(input, &overstated).is_err();
            let overclaimed = proved.gap_bp > claimed.gap_bp || proved.bound > claimed.bound;
            prop_assert_eq!(refused, overclaimed, "multipliers times {}", factor);
            if refused {
                tally.note("a claim that other multipliers do not prove, refused");
            }
        }
        Ok(())
    });
}

fn with_prices_times(plan: &RebalancePlan, factor: Decimal) -> RebalancePlan {
    let mut plan = plan.clone();
    for multiplier in plan.multipliers.iter_mut().flatten() {
        // Idle cash is priced between nothing and what it costs.
        let most = if multiplier.limit == "idle_cash" { multiplier.price.get() } else { Decimal::MAX };
        multiplier.price = DualPrice::new((multiplier.price.get() * factor).min(most)).unwrap_or(multiplier.price);
    }
    plan.certificate.optimality = None;
    plan
}

fn proved(input: &PlanningInput, plan: &RebalancePlan) -> Result<Optimality, String> {
    let certificate = verify(input, plan).map_err(|violations| format!("{violations:?}"))?;
    certificate.optimality.ok_or_else(|| "it has multipliers and no proof".to_owned())
}
