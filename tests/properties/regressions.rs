//! Inputs that were drawn once and had no plan, or one that its own verifier discarded. What was wrong of each is its name.
//! Their limits are reckoned again by the tests' own books, and their relaxations by the oracle.

use std::fs;
use std::path::Path;

use index_rebalancer::model::PlanningInput;
use index_rebalancer::planning::plan;
use index_rebalancer::planning::verification::verify;

use super::{limits_are_met, relaxations_are_least};
use crate::harness::Tally;

#[test]
fn what_failed_once_is_planned() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/properties/regressions");
    let mut tried = 0;
    for entry in fs::read_dir(&folder).expect("the folder is there") {
        let path = entry.expect("a file").path();
        let input: PlanningInput = serde_json::from_str(&fs::read_to_string(&path).expect("text")).expect("an input");
        let plan = plan(&input).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(verify(&input, &plan).as_ref(), Ok(&plan.certificate), "{}", path.display());
        let tally = Tally::default();
        limits_are_met(&input, &plan, &tally).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let limits = &input.policy.limits;
        // The oracle knows no whole quantities, and no tails.
        if limits.min_weight.is_none() && limits.max_holdings.is_none() && limits.risk.is_none() {
            relaxations_are_least(&input, &plan, &tally).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
        tried += 1;
    }
    assert_eq!(tried, 13, "a file is missing");
}
