//! What each venue can do, as a table: how a key is written there, what a second request under it does, how an order
//! is found again, and until when a request can be late. Adapters answer [`Promise`]s from here, and recovery follows
//! from the promise alone.
//!
//! Sources are the venues' own API documents; skew and lag are ours, and generous: they only delay a conclusion.

use uuid::Uuid;

use super::venue::{Duplicates, LateRequests, Promise};
use crate::model::VenueId;

/// One line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capability {
    pub venue: &'static str,
    pub codec: KeyCodec,
    /// What the venue calls the client order id.
    pub field: &'static str,
    pub duplicates: Duplicates,
    pub lookup: Lookup,
    /// Absent: nothing that the venue documents bounds a late request.
    pub late_bound: Option<LateBound>,
}

/// How a key is written on the wire. Each is injective: two keys never look alike at a venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyCodec {
    /// 32 lower-case hex digits.
    Hex,
    /// A UUID with its hyphens, 36 characters.
    Hyphenated,
    /// 32 lower-case hex digits after a prefix.
    PrefixedHex(&'static str),
    /// 26 digits of base 32 (`a` to `z`, `2` to `7`) after a prefix: all 128 bits where 32 digits do not fit.
    PrefixedBase32(&'static str),
}

/// How an order is found by its client order id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// The venue answers a query by that id.
    Direct,
    /// The venue lists orders with that id in them; the adapter goes through the list.
    Listing,
}

/// What makes a venue refuse a request that arrives late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LateBound {
    /// What the venue calls it.
    pub field: &'static str,
    /// The longest time from signing to deadline that is asked for there.
    pub longest_window_ms: u64,
}

/// What follows for recovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PromiseClass {
    /// Exactly once: what is absent is sent again under its key.
    Replays,
    /// At most once: what is absent after its deadline was not placed.
    DeadlineBounded,
    /// At most one send; what is absent stays unknown until a person says what became of it. Live use needs consent.
    Neither,
}

/// How far a venue's clock may be from ours.
const CLOCK_SKEW_MS: u64 = 2_000;
/// How long an accepted order may be missing from a venue's answers.
const QUERY_LAG_MS: u64 = 10_000;

const fn bounded(field: &'static str, longest_window_ms: u64) -> Option<LateBound> {
    Some(LateBound { field, longest_window_ms })
}

/// Every venue that is known, by name.
pub const CAPABILITIES: [Capability; 9] = [
    Capability {
        venue: "binance",
        codec: KeyCodec::Hex,
        field: "newClientOrderId",
        duplicates: Duplicates::RefusedWhileOpen,
        lookup: Lookup::Direct,
        late_bound: bounded("recvWindow", 60_000),
    },
    Capability {
        venue: "binance-us",
        codec: KeyCodec::Hex,
        field: "newClientOrderId",
        duplicates: Duplicates::RefusedWhileOpen,
        lookup: Lookup::Direct,
        late_bound: bounded("recvWindow", 60_000),
    },
    Capability {
        venue: "bybit",
        codec: KeyCodec::Hex,
        field: "orderLinkId",
        // Documented as always unique. The weaker class is taken: an id that is refused tells nothing of the first.
        duplicates: Duplicates::RefusedWhileOpen,
        lookup: Lookup::Direct,
        late_bound: bounded("recv_window", 5_000),
    },
    Capability {
        venue: "coinbase",
        codec: KeyCodec::Hyphenated,
        field: "client_order_id",
        duplicates: Duplicates::Replayed,
        lookup: Lookup::Listing,
        late_bound: None,
    },
    Capability {
        venue: "gate",
        codec: KeyCodec::PrefixedBase32("t-"),
        field: "text",
        duplicates: Duplicates::Unchecked,
        lookup: Lookup::Direct,
        late_bound: None,
    },
    Capability {
        venue: "hyperliquid",
        codec: KeyCodec::PrefixedHex("0x"),
        field: "cloid",
        duplicates: Duplicates::Unchecked,
        lookup: Lookup::Direct,
        late_bound: None,
    },
    Capability {
        venue: "kraken",
        codec: KeyCodec::Hex,
        field: "cl_ord_id",
        duplicates: Duplicates::RefusedWhileOpen,
        lookup: Lookup::Direct,
        late_bound: bounded("deadline", 60_000),
    },
    Capability {
        venue: "kucoin",
        codec: KeyCodec::Hex,
        field: "clientOid",
        duplicates: Duplicates::Unchecked,
        lookup: Lookup::Direct,
        late_bound: None,
    },
    Capability {
        venue: "okx",
        codec: KeyCodec::Hex,
        field: "clOrdId",
        duplicates: Duplicates::RefusedWhileOpen,
        lookup: Lookup::Direct,
        late_bound: bounded("expTime", 60_000),
    },
];

impl Capability {
    /// What the venue promises.
    #[must_use]
    pub const fn promise(&self) -> Promise {
        let late_requests = match self.late_bound {
            Some(LateBound { longest_window_ms, .. }) => {
                Some(LateRequests { clock_skew_ms: CLOCK_SKEW_MS, query_lag_ms: QUERY_LAG_MS, longest_window_ms })
            }
            None => None,
        };
        Promise { duplicates: self.duplicates, late_requests }
    }
}

impl Promise {
    #[must_use]
    pub const fn class(&self) -> PromiseClass {
        match (self.duplicates, self.late_requests) {
            (Duplicates::Replayed, _) => PromiseClass::Replays,
            (_, Some(_)) => PromiseClass::DeadlineBounded,
            (Duplicates::RefusedWhileOpen | Duplicates::Unchecked, None) => PromiseClass::Neither,
        }
    }
}

/// The venue's line; `None` for a venue that is not in the table, on which nobody trades but on paper.
#[must_use]
pub fn of(venue: &VenueId) -> Option<&'static Capability> {
    CAPABILITIES.iter().find(|capability| capability.venue == venue.as_str())
}

/// A key as it goes to this venue. A venue outside the table, which is a paper venue, gets plain hex digits.
#[must_use]
pub fn client_order_id(venue: &VenueId, key: Uuid) -> String {
    of(venue).map_or(KeyCodec::Hex, |capability| capability.codec).encode(key)
}

impl KeyCodec {
    #[must_use]
    pub fn encode(self, key: Uuid) -> String {
        match self {
            Self::Hex => key.simple().to_string(),
            Self::Hyphenated => key.hyphenated().to_string(),
            Self::PrefixedHex(prefix) => format!("{prefix}{}", key.simple()),
            Self::PrefixedBase32(prefix) => format!("{prefix}{}", base32(key)),
        }
    }
}

/// 26 digits, most significant first: 2 bits and 25 times 5.
fn base32(key: Uuid) -> String {
    const DIGITS: [char; 32] = [
        'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v',
        'w', 'x', 'y', 'z', '2', '3', '4', '5', '6', '7',
    ];
    let value = key.as_u128();
    let digit = |place: u32| {
        let index = usize::try_from((value >> (place * 5)) & 31).unwrap_or_default();
        DIGITS.get(index).copied().unwrap_or_default()
    };
    (0..26).rev().map(digit).collect()
}
