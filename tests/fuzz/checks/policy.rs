//! Policies in TOML.

use index_rebalancer::model::Policy;
use index_rebalancer::planning::idempotency::digest_of;
use index_rebalancer::preparation::policy::parse;
use index_rebalancer::preparation::{PreparationError, toml_text};

use super::{Answer, Family, refusal};
use crate::mutation::Format;

pub(crate) const FAMILY: Family = Family { name: "policy", format: Format::Toml, check };

const PLACE: &str = "policy";

fn check(bytes: &[u8]) -> Answer {
    let read = match std::str::from_utf8(bytes) {
        Ok(text) => parse(text),
        // What is not text is refused before it is looked at as TOML.
        Err(_) => toml_text::read::<Policy>(PLACE, bytes).map_err(PreparationError::from),
    };
    let policy = match read {
        Ok(policy) => policy,
        Err(error) => {
            refusal::check_all(PLACE, &error);
            return Answer::Refused;
        }
    };
    let as_toml = toml::to_string(&policy).expect("a policy can be written as TOML");
    assert_eq!(parse(&as_toml).as_ref(), Ok(&policy), "the policy reads back as another one:\n{as_toml}");
    let as_json = serde_json::to_string(&policy).expect("a policy can be stored");
    let stored: Policy = serde_json::from_str(&as_json).expect("a stored policy can be read");
    assert_eq!(stored, policy, "the policy is stored as another one");
    assert_eq!(digest_of(&stored), digest_of(&policy), "equal policies have one digest");
    Answer::Accepted
}
