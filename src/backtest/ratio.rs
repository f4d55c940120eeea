//! A ratio in documents: a decimal of any size, as text.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::Decimal;
use crate::model::number::parse_exact;

/// The largest in size, 1e26: as a percentage it can still be held.
const LARGEST: Decimal = Decimal::from_parts(0xE400_0000, 0xDCC8_0CD2, 0x0052_B7D2, false, 0);
/// Decimals that are kept: beyond them a ratio is noise of the division.
const DECIMALS: u32 = 12;

/// A dimensionless figure, such as a return or a Sharpe ratio: 0.25 is a quarter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Ratio(Decimal);

impl Ratio {
    /// Beyond 1e26 it is 1e26: nothing that is annualised from a few days means anything there.
    #[must_use]
    pub fn new(value: Decimal) -> Self {
        Self(value.clamp(-LARGEST, LARGEST).round_dp(DECIMALS).normalize())
    }

    #[must_use]
    pub const fn get(self) -> Decimal {
        self.0
    }
}

impl fmt::Debug for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Serialize for Ratio {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Ratio {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <Cow<'de, str>>::deserialize(deserializer)?;
        let ratio = parse_exact(&text).map_err(|fault| D::Error::custom(format!("no ratio: {fault}")))?;
        if ratio.abs() > LARGEST {
            return Err(D::Error::custom(format!("no ratio: {text} is beyond {LARGEST}")));
        }
        Ok(Self(ratio))
    }
}

impl JsonSchema for Ratio {
    fn schema_name() -> Cow<'static, str> {
        "Ratio".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$",
            "description": "a dimensionless figure of at most 12 decimals: 0.25 is a quarter"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_read_back_and_nothing_larger() {
        let read = |text: &str| serde_json::from_str::<Ratio>(&format!("{text:?}"));
        assert_eq!(LARGEST, Decimal::from(10_u64.pow(13)) * Decimal::from(10_u64.pow(13)));
        for value in [Decimal::MAX, Decimal::MIN, Decimal::new(-25, 2), Decimal::ZERO] {
            let told = Ratio::new(value);
            assert_eq!(read(&told.get().to_string()).expect("it is read back"), told);
        }
        assert_eq!(Ratio::new(Decimal::MAX).get(), LARGEST);
        let error = read("100000000000000000000000001").expect_err("it is larger").to_string();
        assert!(error.contains("beyond 100000000000000000000000000"), "{error}");
        assert!(read("1e3").is_err() && read("x").is_err());
    }
}
