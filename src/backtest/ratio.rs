//! A ratio in documents: a decimal of any size, as text.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use crate::model::Decimal;

/// Decimals that are kept: beyond them a ratio is noise of the division.
const DECIMALS: u32 = 12;

/// A dimensionless figure, such as a return or a Sharpe ratio: 0.25 is a quarter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Ratio(Decimal);

impl Ratio {
    #[must_use]
    pub fn new(value: Decimal) -> Self {
        Self(value.round_dp(DECIMALS).normalize())
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
