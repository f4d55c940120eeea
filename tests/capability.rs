//! The table of venues: every codec against the venues' own rules, and what each line promises.
#![expect(clippy::expect_used, reason = "a test stops where something is not as it must be")]

#[path = "common/shared.rs"]
mod shared;

use std::collections::BTreeMap;

use index_rebalancer::model::VenueId;
use index_rebalancer::ports::capability::PromiseClass::{self, DeadlineBounded, Neither, Replays};
use index_rebalancer::ports::capability::{self, CAPABILITIES, Capability, KeyCodec};
use index_rebalancer::ports::venue::{Duplicates, LateRequests, Promise};
use proptest::prelude::*;
use uuid::Uuid;

/// Venues of the rules whose ids no codec makes, and why. None so far: a venue is listed here before it is left out.
const NOT_SUPPORTED: [(&str, &str); 0] = [];

/// Rules that are written in words.
const IN_WORDS: [(&str, &str); 1] =
    [("kraken", "^([0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[a-zA-Z0-9-]{1,18})$")];

/// What the two venues outside the file document themselves.
const DOCUMENTED: [(&str, &str); 2] = [("gate", "^t-[0-9a-zA-Z_.-]{1,28}$"), ("hyperliquid", "^0x[0-9a-f]{32}$")];

fn matches(pattern: &str, text: &str) -> bool {
    let schema = serde_json::json!({ "type": "string", "pattern": pattern });
    jsonschema::validator_for(&schema).expect("a pattern").is_valid(&serde_json::Value::from(text))
}

fn line(venue: &str) -> Option<&'static Capability> {
    capability::of(&VenueId::new(venue).expect("a venue"))
}

/// The smallest and the largest key and one of every bit: the codecs have no other cases.
fn keys() -> impl Iterator<Item = Uuid> {
    (0..128).map(|bit| 1_u128 << bit).chain([0, u128::MAX]).map(Uuid::from_u128)
}

#[test]
fn every_rule_of_the_file_is_kept_by_the_venues_codec() {
    let Some(data) = shared::shared_data("every_rule_of_the_file_is_kept") else { return };
    let file = data.join("orders/client_order_id_rules.csv");
    let mut rows = 0;
    for row in csv::Reader::from_path(file).expect("the file").records() {
        let row = row.expect("a row");
        let (venue, field, pattern, most) = (&row[0], &row[1], &row[2], &row[3]);
        rows += 1;
        if let Some((_, why)) = NOT_SUPPORTED.iter().find(|(name, _)| *name == venue) {
            assert!(!why.is_empty() && line(venue).is_none(), "{venue} is both supported and not");
            continue;
        }
        let capability = line(venue).unwrap_or_else(|| panic!("{venue} is neither in the table nor named as left out"));
        let pattern = IN_WORDS.iter().find(|(name, _)| *name == venue).map_or(pattern, |(_, pattern)| pattern);
        let most: usize = most.parse().expect("a length");
        assert_eq!(capability.field, field, "{venue}");
        for key in keys() {
            let id = capability.codec.encode(key);
            assert!(id.len() <= most && matches(pattern, &id), "{venue}: {id} against {pattern}, at most {most}");
        }
        assert!(!matches(pattern, "not an id"), "{venue}: a rule that takes anything proves nothing");
    }
    assert_eq!(rows, 5, "a new row of rules is looked at before it is taken");
}

#[test]
fn the_prefixed_codecs_fit_where_they_are_used() {
    for (venue, pattern) in DOCUMENTED {
        for key in keys() {
            let id = line(venue).expect("in the table").codec.encode(key);
            assert!(matches(pattern, &id), "{venue}: {id}");
        }
    }
}

#[test]
fn a_key_is_written_as_it_always_was() {
    let key = Uuid::from_u128(0x0123_4567_89ab_5cde_8fed_cba9_8765_4321);
    for (codec, expected) in [
        (KeyCodec::Hex, "0123456789ab5cde8fedcba987654321"),
        (KeyCodec::Hyphenated, "01234567-89ab-5cde-8fed-cba987654321"),
        (KeyCodec::PrefixedHex("0x"), "0x0123456789ab5cde8fedcba987654321"),
        // Computed with Python: 26 digits of int(hex, 16) in base 32.
        (KeyCodec::PrefixedBase32("t-"), "t-abencwpcnlltpi73olvgdwkqzb"),
    ] {
        assert_eq!(codec.encode(key), expected);
    }
    let unknown = VenueId::new("paper-exchange").expect("a venue");
    assert_eq!(capability::of(&unknown), None);
    assert_eq!(capability::client_order_id(&unknown, key), "0123456789ab5cde8fedcba987654321");
    let coinbase = VenueId::new("coinbase").expect("a venue");
    assert_eq!(capability::client_order_id(&coinbase, key), key.to_string());
}

/// The reverse of each codec, written apart from it: what can be read back was not lost.
fn decoded(codec: KeyCodec, text: &str) -> Option<Uuid> {
    match codec {
        KeyCodec::Hex | KeyCodec::Hyphenated => Uuid::parse_str(text).ok(),
        KeyCodec::PrefixedHex(prefix) => Uuid::parse_str(text.strip_prefix(prefix)?).ok(),
        KeyCodec::PrefixedBase32(prefix) => {
            let digits = text.strip_prefix(prefix)?;
            let value = digits.bytes().try_fold(0_u128, |value, byte| {
                let digit = match byte {
                    b'a'..=b'z' => byte - b'a',
                    b'2'..=b'7' => byte - b'2' + 26,
                    _ => return None,
                };
                value.checked_mul(32)?.checked_add(u128::from(digit))
            });
            value.map(Uuid::from_u128)
        }
    }
}

proptest! {
    #[test]
    fn codecs_are_injective(one: u128, other: u128, flipped in 0_u32..128) {
        for capability in CAPABILITIES {
            let codec = capability.codec;
            let (one, other) = (Uuid::from_u128(one), Uuid::from_u128(other));
            let neighbour = Uuid::from_u128(one.as_u128() ^ (1 << flipped));
            prop_assert_eq!(decoded(codec, &codec.encode(one)), Some(one), "{}", capability.venue);
            prop_assert_eq!(codec.encode(one) == codec.encode(other), one == other);
            prop_assert_ne!(codec.encode(one), codec.encode(neighbour));
        }
    }
}

#[test]
fn venues_are_in_the_classes_of_the_design() {
    let classes: BTreeMap<&str, PromiseClass> =
        CAPABILITIES.iter().map(|line| (line.venue, line.promise().class())).collect();
    assert_eq!(classes.len(), CAPABILITIES.len(), "no venue is there twice");
    for (venue, class) in [
        ("coinbase", Replays),
        ("outbox", Replays),
        ("binance", DeadlineBounded),
        ("binance-us", DeadlineBounded),
        ("kraken", DeadlineBounded),
        ("okx", DeadlineBounded),
        ("bybit", DeadlineBounded),
        ("kucoin", Neither),
        ("gate", Neither),
        ("hyperliquid", Neither),
    ] {
        assert_eq!(classes.get(venue), Some(&class), "{venue}");
    }
}

#[test]
fn a_promise_is_what_its_line_says() {
    for line in CAPABILITIES {
        let promise = line.promise();
        assert_eq!(promise.duplicates, line.duplicates, "{}", line.venue);
        assert_eq!(line.orders_rest, line.venue == "outbox", "{}", line.venue);
        assert_eq!(
            promise.late_requests.map(|late| late.longest_window_ms),
            line.late_bound.map(|bound| bound.promised.longest_window_ms),
            "{}",
            line.venue
        );
        // A second of skew is what Binance itself allows for; a lag of nothing would be a promise of its own.
        assert!(promise.late_requests.is_none_or(|late| late.clock_skew_ms >= 1_000 && late.query_lag_ms >= 1_000));
    }
    let late_requests = Some(LateRequests { clock_skew_ms: 1, query_lag_ms: 1, longest_window_ms: 1 });
    let replayed = Promise { duplicates: Duplicates::Replayed, late_requests };
    assert_eq!(replayed.class(), Replays, "sending again is more than concluding");
}

#[test]
fn a_person_is_told_what_to_look_for_and_where() {
    let key = Uuid::from_u128(7);
    for (venue, expected) in [
        ("binance", "newClientOrderId 00000000000000000000000000000007"),
        ("coinbase", "client_order_id 00000000-0000-0000-0000-000000000007 in the list of orders"),
        ("hyperliquid", "cloid 0x00000000000000000000000000000007"),
        ("outbox", "client_order_id 00000000000000000000000000000007"),
        ("paper-exchange", "client order id 00000000000000000000000000000007"),
    ] {
        assert_eq!(capability::where_to_look(&VenueId::new(venue).expect("a venue"), key), expected);
    }
}

#[test]
fn a_venue_that_is_not_in_the_table_promises_nothing_live() {
    let promise = |venue: &str| capability::promised_live(&VenueId::new(venue).expect("a venue"));
    assert_eq!(promise("paper-exchange").class(), Neither);
    for line in CAPABILITIES {
        assert_eq!(promise(line.venue), line.promise());
    }
    assert_eq!(capability::OUTBOX.promise(), promise("outbox"));
    assert_eq!(capability::OUTBOX.promise().late_requests.map(|late| late.longest_window_ms), Some(u64::MAX));
    let late = capability::PAPER.promise().late_requests.expect("bounded");
    assert_eq!((late.clock_skew_ms, late.query_lag_ms, late.longest_window_ms), (0, 0, u64::MAX));
}
