//! Run ids, order keys and digests: the same occasion gives the same keys on every machine, for ever.
//!
//! Every field is length-prefixed before hashing, so no two different lists of fields encode alike. The
//! namespace is a constant of the product: a re-created stack on the same venue account makes the same keys.
//! Quantity and price stay out of the key and go into the payload digest, so a changed order under the same key
//! is seen and refused. Test vectors: `tests/vectors/idempotency.json`.

use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::{Uuid, uuid};

use crate::model::number::Plain;
use crate::model::{AccountId, InstrumentId, Order, PlanningInput, Policy, RunIdentity, Side, Trigger, VenueId};

/// The product's namespace. Changing it changes every key ever made: never do.
pub const NAMESPACE: Uuid = uuid!("6f1c1d4e-3b7a-5c52-9d0e-8a4b2f6e7c31");

/// Derives the run id. The mode is not in it: a dry run shows the live keys.
///
/// It has two fields more than the occasion itself: the venue, because two venues may name an account alike, and the kind
/// of trigger, because a label may read like a time.
#[must_use]
pub fn run_id(run: &RunIdentity) -> Uuid {
    let occasion = match &run.trigger {
        Trigger::Scheduled(at) => ["scheduled".to_owned(), at.to_string()],
        Trigger::Manual(label) => ["manual".to_owned(), label.to_string()],
    };
    let [kind, occasion] = &occasion;
    let fields = [
        "run/1",
        run.environment.as_str(),
        run.venue.as_str(),
        run.venue_account.as_str(),
        run.portfolio.as_str(),
        kind,
        occasion,
    ];
    Uuid::new_v5(&NAMESPACE, &length_prefixed(&fields))
}

/// Derives the idempotency key of one order.
#[must_use]
pub fn order_key(
    run_id: Uuid,
    venue: &VenueId,
    venue_account: &AccountId,
    instrument: &InstrumentId,
    side: Side,
    slice: u32,
) -> Uuid {
    let mut run = Uuid::encode_buffer();
    let fields = [
        "order/1",
        run_id.hyphenated().encode_lower(&mut run),
        venue.as_str(),
        venue_account.as_str(),
        instrument.as_str(),
        side.as_str(),
        &slice.to_string(),
    ];
    Uuid::new_v5(&NAMESPACE, &length_prefixed(&fields))
}

/// Derives the key of one event's message to one channel. The same subjects are the same event.
#[must_use]
pub fn alert_key(run_id: Uuid, event: &str, channel: &str, subjects: &[String]) -> Uuid {
    let run_id = run_id.hyphenated().to_string();
    let fields: Vec<&str> =
        ["alert/1", &run_id, event, channel].into_iter().chain(subjects.iter().map(String::as_str)).collect();
    Uuid::new_v5(&NAMESPACE, &length_prefixed(&fields))
}

/// What a planning input is known by: each is of all of it that it names.
#[derive(Debug, Clone)]
pub(crate) struct InputDigests {
    pub(crate) input: String,
    pub(crate) policy: String,
}

impl InputDigests {
    pub(crate) fn of(input: &PlanningInput) -> Self {
        Self { input: digest_of(input), policy: policy_digest(&input.policy) }
    }
}

/// The digest of what a policy says about trades. Its alerts are left out: who is told changes nothing else, and must
/// not make a run trade as after a change of policy.
#[must_use]
pub fn policy_digest(policy: &Policy) -> String {
    if policy.alerts.is_none() {
        return digest_of(policy);
    }
    digest_of(&Policy { alerts: None, ..policy.clone() })
}

/// SHA-256, in hex, over everything the order says except the digest itself; decimals normalised.
#[must_use]
pub fn payload_digest(order: &Order) -> String {
    let mut key = Uuid::encode_buffer();
    let [quantity, limit_price, reference_price] =
        [order.quantity.get(), order.limit_price.get(), order.reference_price.get()].map(Plain::of);
    let [notional, estimated_cost] = [order.notional, order.estimated_cost].map(|amount| Plain::of(amount.get()));
    let fields = [
        "payload/1",
        order.key.hyphenated().encode_lower(&mut key),
        order.venue.as_str(),
        order.venue_account.as_str(),
        order.instrument.as_str(),
        order.asset.as_str(),
        order.side.as_str(),
        &order.slice.to_string(),
        quantity.as_str(),
        limit_price.as_str(),
        reference_price.as_str(),
        notional.as_str(),
        estimated_cost.as_str(),
        &order.valid_until.to_string(),
        &order.priority.to_string(),
    ];
    hex(&Sha256::digest(length_prefixed(&fields)))
}

/// SHA-256, in hex, over a value's canonical JSON: fields in declaration order, maps sorted by key, amounts as
/// normalised text. Every type that is digested keeps to ordered collections, so equal values give equal bytes.
///
/// # Panics
/// Never for this crate's own types: they serialise without a fallible step.
#[must_use]
pub fn digest_of<T: Serialize>(value: &T) -> String {
    // Room for an item of the store, which is what is digested most.
    let mut json = Vec::with_capacity(2_048);
    #[expect(clippy::expect_used, reason = "the types serialise infallibly")]
    serde_json::to_writer(&mut json, value).expect("digested types serialise");
    digest_of_bytes(&json)
}

/// SHA-256, in hex, over bytes as they are: of a value's canonical JSON it is [`digest_of`] the value.
#[must_use]
pub fn digest_of_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Whether a text is written as digests are here: 64 hex digits in lower case.
#[must_use]
pub fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Each field as its length in bytes (8 bytes, big endian) and its bytes.
fn length_prefixed(fields: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(fields.iter().map(|field| field.len() + 8).sum());
    for field in fields {
        bytes.extend_from_slice(&u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
        bytes.extend_from_slice(field.as_bytes());
    }
    bytes
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(if nibble < 10 { b'0' + nibble } else { b'a' - 10 + nibble });
    let mut text = String::with_capacity(bytes.len() * 2);
    text.extend(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]));
    text
}

#[cfg(test)]
mod tests {
    /// `printf '"abc"' | sha256sum`
    #[test]
    fn a_digest_is_sha_256_of_the_json_in_lower_case_hex() {
        let expected = "6cc43f858fbb763301637b5af970e2a46b46f461f27e5a0f41e009c59b827b25";
        assert_eq!(super::digest_of(&"abc"), expected);
        assert!(super::is_digest(expected));
    }

    #[test]
    fn what_is_no_digest_is_not_taken_for_one() {
        let digest = super::digest_of(&"abc");
        for other in ["", &digest[1..], &format!("{digest}0"), &digest.to_ascii_uppercase(), &digest.replace('6', "g")]
        {
            assert!(!super::is_digest(other), "{other}");
        }
    }
}
