//! Planning inputs, as `batch` reads them line by line.

use index_rebalancer::planning::idempotency::digest_of;
use index_rebalancer::planning::plan;
use index_rebalancer::preparation::PreparationError;
use index_rebalancer::preparation::planning_input::parse;

use super::{Answer, Family, refusal};
use crate::mutation::Format;

pub(crate) const FAMILY: Family = Family { name: "input", format: Format::JsonOrCsv, check };

const PLACE: &str = "line 1";

fn check(bytes: &[u8]) -> Answer {
    let input = match parse(PLACE, bytes) {
        Ok(input) => input,
        Err(PreparationError::Guarded(violations)) => {
            assert!(!violations.is_empty(), "refused without saying why");
            for violation in &violations {
                refusal::check_printable(&violation.to_string());
            }
            return Answer::Refused;
        }
        Err(error) => {
            refusal::check_all(PLACE, &error);
            return Answer::Refused;
        }
    };
    let written = serde_json::to_string(&input).expect("an input can be stored");
    let again = parse(PLACE, written.as_bytes());
    assert_eq!(again.as_ref(), Ok(&input), "the input reads back as another one:\n{written}");
    // A plan or an error, and the same one each time.
    let planned = plan(&input).map(|plan| digest_of(&plan));
    assert_eq!(plan(&input).map(|plan| digest_of(&plan)), planned, "one input has one plan");
    Answer::Accepted
}
