//! What each venue can do, as a table: how a key is written there, what a second request under it does, how an order
//! is found again, until when a request can be late, and whether orders rest. Adapters answer [`Promise`]s from here, and
//! recovery follows from the promise alone; whether buys wait for sells that rest, from whether they do.
//!
//! Sources are the venues' own API documents; skew and lag are ours, and generous: they only delay a conclusion.
//!
//! An adapter that takes orders answers [`Venue::promise`](super::Venue::promise) from its venue's line. Where a line
//! promises nothing, live orders need the operator's consent: [`lacks_consent`].

use uuid::Uuid;

use super::venue::{Duplicates, LateRequests, Promise};
use crate::model::policy::OrderPolicy;
use crate::model::{Environment, RunIdentity, VenueId};

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
    /// An order may rest until its validity ends, because somebody else carries it out; elsewhere it has its end within
    /// moments.
    pub orders_rest: bool,
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
    pub promised: LateRequests,
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

const fn by(field: &'static str, longest_window_ms: u64) -> LateBound {
    let promised = LateRequests { clock_skew_ms: CLOCK_SKEW_MS, query_lag_ms: QUERY_LAG_MS, longest_window_ms };
    LateBound { field, promised }
}

/// Every venue that is known, by name.
pub const CAPABILITIES: [Capability; 10] = [
    Capability {
        venue: "binance",
        codec: KeyCodec::Hex,
        field: "newClientOrderId",
        duplicates: Duplicates::RefusedWhileOpen,
        lookup: Lookup::Direct,
        late_bound: Some(by("recvWindow", 60_000)),
        orders_rest: false,
    },
    Capability {
        venue: "binance-us",
        codec: KeyCodec::Hex,
        field: "newClientOrderId",
        duplicates: Duplicates::RefusedWhileOpen,
        lookup: Lookup::Direct,
        late_bound: Some(by("recvWindow", 60_000)),
        orders_rest: false,
    },
    Capability {
        venue: "bybit",
        codec: KeyCodec::Hex,
        field: "orderLinkId",
        // Documented as always unique. The weaker class is taken: an id that is refused tells nothing of the first.
        duplicates: Duplicates::RefusedWhileOpen,
        lookup: Lookup::Direct,
        late_bound: Some(by("recv_window", 5_000)),
        orders_rest: false,
    },
    Capability {
        venue: "coinbase",
        codec: KeyCodec::Hyphenated,
        field: "client_order_id",
        duplicates: Duplicates::Replayed,
        lookup: Lookup::Listing,
        late_bound: None,
        orders_rest: false,
    },
    Capability {
        venue: "gate",
        codec: KeyCodec::PrefixedBase32("t-"),
        field: "text",
        duplicates: Duplicates::Unchecked,
        lookup: Lookup::Direct,
        late_bound: None,
        orders_rest: false,
    },
    Capability {
        venue: "hyperliquid",
        codec: KeyCodec::PrefixedHex("0x"),
        field: "cloid",
        duplicates: Duplicates::Unchecked,
        lookup: Lookup::Direct,
        late_bound: None,
        orders_rest: false,
    },
    Capability {
        venue: "kraken",
        codec: KeyCodec::Hex,
        field: "cl_ord_id",
        duplicates: Duplicates::RefusedWhileOpen,
        lookup: Lookup::Direct,
        late_bound: Some(by("deadline", 60_000)),
        orders_rest: false,
    },
    Capability {
        venue: "kucoin",
        codec: KeyCodec::Hex,
        field: "clientOid",
        duplicates: Duplicates::Unchecked,
        lookup: Lookup::Direct,
        late_bound: None,
        orders_rest: false,
    },
    Capability {
        venue: "okx",
        codec: KeyCodec::Hex,
        field: "clOrdId",
        duplicates: Duplicates::RefusedWhileOpen,
        lookup: Lookup::Direct,
        late_bound: Some(by("expTime", 60_000)),
        orders_rest: false,
    },
    OUTBOX,
];

/// The paper venue, under whatever name it trades: it replays, it reads the clock that its callers read, and it shows
/// at once what it took.
pub const PAPER: Capability = Capability {
    venue: "paper",
    codec: KeyCodec::Hex,
    field: "client order id",
    duplicates: Duplicates::Replayed,
    lookup: Lookup::Direct,
    late_bound: Some(LateBound {
        field: "deadline",
        promised: LateRequests { clock_skew_ms: 0, query_lag_ms: 0, longest_window_ms: u64::MAX },
    }),
    orders_rest: false,
};

/// An outbox, under whatever name it trades: a repeated id returns the original, and a request past its deadline is
/// refused. Each request has the deadline written in it, and whoever looks for an order and finds none closes the
/// account to requests that had to arrive by then. Skew covers a clock that is set back; what was taken shows at once,
/// and the lag only delays a conclusion.
pub const OUTBOX: Capability = Capability {
    venue: "outbox",
    codec: KeyCodec::Hex,
    field: "client_order_id",
    duplicates: Duplicates::Replayed,
    lookup: Lookup::Direct,
    late_bound: Some(by("deadline", u64::MAX)),
    orders_rest: true,
};

impl Capability {
    /// What the venue promises.
    #[must_use]
    pub const fn promise(&self) -> Promise {
        let late_requests = match self.late_bound {
            Some(LateBound { promised, .. }) => Some(promised),
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

/// A key as it goes to this venue. A venue outside the table is a paper venue.
#[must_use]
pub fn client_order_id(venue: &VenueId, key: Uuid) -> String {
    of(venue).unwrap_or(&PAPER).codec.encode(key)
}

/// Where a person finds an order at this venue: `newClientOrderId 0123…`.
#[must_use]
pub fn where_to_look(venue: &VenueId, key: Uuid) -> String {
    let Capability { field, codec, lookup, .. } = of(venue).unwrap_or(&PAPER);
    match lookup {
        Lookup::Direct => format!("{field} {}", codec.encode(key)),
        Lookup::Listing => format!("{field} {} in the list of orders", codec.encode(key)),
    }
}

/// What is promised where live orders under this name go. A venue outside the table promises nothing.
#[must_use]
pub fn promised_live(venue: &VenueId) -> Promise {
    let nothing = Promise { duplicates: Duplicates::Unchecked, late_requests: None };
    of(venue).map_or(nothing, Capability::promise)
}

/// The field by which an operator consents to trade live where nothing is promised.
pub const CONSENT_FIELD: &str = "orders.accept_unknown_fate";
/// What to do where the consent is missing.
pub const CONSENT_REMEDY: &str = "name another venue, or write orders.accept_unknown_fate = true in the policy: then an \
                                  order without an answer stays unknown, and its account locked, until a person settles it";

/// Why no live order may be sent to a venue that promises this; `None`: they may.
#[must_use]
pub fn lacks_consent(run: &RunIdentity, promise: Promise, policy: &OrderPolicy) -> Option<String> {
    let is_bound = run.environment == Environment::Live && promise.class() == PromiseClass::Neither;
    let field = of(&run.venue).unwrap_or(&PAPER).field;
    (is_bound && !policy.accept_unknown_fate).then(|| {
        format!(
            "{} promises neither the same order for a repeated {field} nor to refuse a late request, so the fate of an \
             order without an answer could not be found out by asking",
            run.venue
        )
    })
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
