//! What `fetch` brought.

use jiff::Timestamp;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Serialize;

use super::published::UtcTime;

/// Grades and signals of one day, as files of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FetchedGrades {
    /// The case directory as it was given.
    pub case: String,
    /// The newest day asked for.
    #[schemars(with = "String")]
    pub day: Date,
    pub sets: Vec<FetchedSet>,
    /// Requests made, which is credits spent.
    pub credits: u32,
}

/// One set: one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FetchedSet {
    /// Its key under `[[days]]` in `case.toml`, such as `trader_grades`.
    pub set: String,
    /// In the case directory.
    pub file: String,
    pub outcome: FetchOutcome,
    /// Tokens with a grade or signal.
    pub tokens: usize,
    #[schemars(with = "Option<UtcTime>")]
    pub newest: Option<Timestamp>,
    /// `TOKEN_ID`s of the case that the set says nothing about.
    pub missing: Vec<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FetchOutcome {
    /// The file is new.
    Written,
    /// It was there, and says something else now.
    Replaced,
    /// It was there and says the same.
    Unchanged,
    /// It was there, and nothing was asked.
    Kept,
}

impl FetchOutcome {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Replaced => "replaced",
            Self::Unchanged => "unchanged",
            Self::Kept => "kept",
        }
    }
}
