//! Identifiers: short ASCII text that can stand in a file name, a table key and a report without surprises.
//!
//! Assets are known by id, never by symbol: symbols repeat (17 coins are called WETH). Ids are lower case, so
//! two ids cannot differ in case only; instruments keep the venue's own spelling.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest identifier, in bytes.
pub const MAX_ID_LENGTH: usize = 64;

/// A refused identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {text:?} is not valid: {fault}; use {expected}")]
pub struct InvalidId {
    pub kind: &'static str,
    pub text: String,
    pub fault: &'static str,
    pub expected: &'static str,
}

const LOWER: &str = "1 to 64 characters of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit";
const MIXED: &str = "1 to 64 characters of A-Z, a-z, 0-9, '.', '_', '-', '/' and ':', beginning with a letter or digit";

fn check(kind: &'static str, text: &str, mixed: bool) -> Result<(), InvalidId> {
    let expected = if mixed { MIXED } else { LOWER };
    let refuse = |fault| {
        let text = text.chars().take(MAX_ID_LENGTH).collect();
        Err(InvalidId { kind, text, fault, expected })
    };
    let allowed = |byte: u8| match byte {
        b'a'..=b'z' | b'0'..=b'9' => true,
        b'A'..=b'Z' | b'/' | b':' => mixed,
        _ => false,
    };
    match text.as_bytes() {
        [] => refuse("it is empty"),
        bytes if bytes.len() > MAX_ID_LENGTH => refuse("it is longer than 64 bytes"),
        [first, ..] if !(allowed(*first) && first.is_ascii_alphanumeric()) => {
            refuse("it begins with a character that is not allowed there")
        }
        bytes if bytes.iter().any(|byte| !allowed(*byte) && !b"._-".contains(byte)) => {
            refuse("it has a character that is not allowed")
        }
        _ => Ok(()),
    }
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $mixed:literal, $pattern:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// # Errors
            /// When the text is empty, too long, or has a character outside the allowed set.
            pub fn new(text: &str) -> Result<Self, InvalidId> {
                check($kind, text, $mixed)?;
                Ok(Self(text.into()))
            }

            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                super::text::read(deserializer, Self::new)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern })
            }
        }
    };
}

identifier!(
    /// A coin, by an id that no other coin has, such as `bitcoin`. Never the bare symbol.
    AssetId, "asset id", false, "^[a-z0-9][a-z0-9._-]{0,63}$"
);
identifier!(
    /// A category such as `stablecoin` or `meme`.
    CategoryId, "category", false, "^[a-z0-9][a-z0-9._-]{0,63}$"
);
identifier!(
    /// A portfolio of ours, such as `blue-chip`.
    PortfolioId, "portfolio", false, "^[a-z0-9][a-z0-9._-]{0,63}$"
);
identifier!(
    /// A trading venue, such as `binance`.
    VenueId, "venue", false, "^[a-z0-9][a-z0-9._-]{0,63}$"
);
identifier!(
    /// An account (or sub-account) at a venue. Cash belongs to it, so one unsettled run at a time holds it.
    AccountId, "account", false, "^[a-z0-9][a-z0-9._-]{0,63}$"
);
identifier!(
    /// What a venue calls a market, in its own spelling: `BTCUSDT`, `BTC-USD`, `XXBTZUSD`.
    InstrumentId, "instrument", true, "^[A-Za-z0-9][A-Za-z0-9._/:-]{0,63}$"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_refuse_what_would_surprise() {
        for good in ["bitcoin", "0x", "terra-luna-2", "usd.e"] {
            assert!(AssetId::new(good).is_ok(), "{good}");
        }
        let long = "a".repeat(65);
        for bad in ["", "Bitcoin", "-a", "a b", "a/b", "a\u{0}", "bіtcoin", "a\u{200b}", "a#b", &long] {
            assert!(AssetId::new(bad).is_err(), "{bad:?}");
        }
        assert!(InstrumentId::new("BTC/USDT:USDT").is_ok());
        assert!(InstrumentId::new("BTC USDT").is_err());
    }
}
