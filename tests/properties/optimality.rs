//! A plan is worth as much as the best there is, but for lots, minimums and the room kept for them.

use proptest::prelude::*;

use crate::books::Books;
use crate::harness::check;
use crate::limits;
use crate::linear_program::Answer;
use crate::oracle::Oracle;
use crate::{AGREEMENT, was_optimised};
use index_rebalancer::model::Decimal;

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
        let Answer::Solved { minimum } = oracle.best() else {
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
