//! Inputs that were drawn once and had no plan, or one that its own verifier discarded. What was wrong of each is its name.

use std::fs;
use std::path::Path;

use index_rebalancer::model::PlanningInput;
use index_rebalancer::planning::plan;
use index_rebalancer::planning::verification::verify;

#[test]
fn what_failed_once_is_planned() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/properties/regressions");
    let mut tried = 0;
    for entry in fs::read_dir(&folder).expect("the folder is there") {
        let path = entry.expect("a file").path();
        let input: PlanningInput = serde_json::from_str(&fs::read_to_string(&path).expect("text")).expect("an input");
        let plan = plan(&input).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(verify(&input, &plan).as_ref(), Ok(&plan.certificate), "{}", path.display());
        tried += 1;
    }
    assert_eq!(tried, 9, "a file is missing");
}
