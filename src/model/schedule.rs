//! Where a run belongs: live money or paper.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Live money or paper. Part of every run id, so that a paper run can never share a key with a live one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    Live,
    Paper,
}

impl Environment {
    pub const ALL: [Self; 2] = [Self::Live, Self::Paper];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Paper => "paper",
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
