//! AI grades and signals, as Token Metrics defines them.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::number::{Decimal, InvalidNumber, NumberFault, fit, parse_exact};
use super::schema::UtcTime;

/// A Trader Grade or Investor Grade: 0 (worst) to 100 (best).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Grade(Decimal);

impl Grade {
    /// # Errors
    /// When the value is below 0 or above 100.
    pub fn new(value: Decimal) -> Result<Self, InvalidNumber> {
        let fault = |fault| InvalidNumber::new(&value.to_string(), fault, "a grade from 0 to 100");
        if value < Decimal::ZERO {
            return Err(fault(NumberFault::BelowMinimum));
        }
        if value > Decimal::ONE_HUNDRED {
            return Err(fault(NumberFault::AboveMaximum));
        }
        // As amounts do: a 29th digit could be held and not be read back.
        Ok(Self(fit(value)))
    }

    #[must_use]
    pub const fn get(self) -> Decimal {
        self.0
    }

    /// The grade as a fraction of the best: 0 to 1.
    #[must_use]
    pub fn score(self) -> Decimal {
        self.0 / Decimal::ONE_HUNDRED
    }
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Serialize for Grade {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Grade {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        parse_exact(&text).and_then(Self::new).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Grade {
    fn schema_name() -> Cow<'static, str> {
        "Grade".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": r"^(100|[0-9]{1,2})(\.[0-9]+)?$", "description": "a grade from 0 to 100" })
    }
}

/// The trading signal: 1 bullish, 0 no change, -1 bearish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    Bearish,
    Neutral,
    Bullish,
}

/// Everything graded about one asset, each with the date the source gave it. All absent where nothing is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GradeRecord {
    pub trader: Option<Dated<Grade>>,
    pub investor: Option<Dated<Grade>>,
    pub signal: Option<Dated<Signal>>,
}

/// A value and when its source says it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dated<T> {
    pub value: T,
    #[schemars(with = "UtcTime")]
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grade_of_more_digits_than_are_stored_reads_back() {
        let value: Decimal = "7.9228162514264337593543950335".parse().expect("29 digits fit a Decimal");
        let grade = Grade::new(value).expect("within 0 to 100");
        let stored = serde_json::to_string(&grade).expect("serialises");
        assert_eq!(stored, r#""7.922816251426433759354395034""#);
        assert_eq!(serde_json::from_str::<Grade>(&stored).expect("reads back"), grade);
    }
}
