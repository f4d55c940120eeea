//! What loaders leave out, counted by source and reason.

use std::collections::BTreeMap;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why rows were not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DropReason {
    /// The same asset twice on one day; the first row counts.
    DuplicateRow,
    /// A close of 0: the source rounded it away.
    ZeroClose,
    /// A close far from the one before, which the next one did not confirm.
    Spike,
    /// A close far from the one before, which the next one confirmed: the level counts from that next one on.
    HeldBack,
    /// Closes so far from those before under their symbol that they are another coin or another unit.
    UnitBreak,
    /// A row whose supply broke together with its price or symbol: another coin or another unit under the name.
    NewIdentity,
    /// Days without a row between the first and the last one; nothing was filled in.
    Gap,
    /// A row that cannot be read.
    BadRow,
    /// A row of a snapshot whose price cannot be read.
    BadPrice,
    /// A row whose asset cannot be told.
    NoId,
    /// Closes whose symbol is in the snapshots at another price: another coin, or a multiple of it.
    OtherCoin,
    /// Closes under a symbol of the newest snapshot that had none about its day: whose they are, the next one tells.
    NotCompared,
    /// Closes of a time whose snapshot does not list their symbol, or before the first snapshot.
    Unlisted,
    /// Grades of what no source has a price of.
    Unpriced,
    /// Grades of several tokens that have one coin's name or symbol.
    AmbiguousToken,
}

impl DropReason {
    /// What was wrong and what was done, for people.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::DuplicateRow => "the same asset twice on one day: the first row counts",
            Self::ZeroClose => "a close of 0, which the source rounded away: the day has no close",
            Self::Spike => {
                "a close beyond three times or a third of the one before, which the next one did not confirm: left out"
            }
            Self::HeldBack => {
                "a close beyond three times or a third of the one before, confirmed by the next: counts from the next day on"
            }
            Self::UnitBreak => {
                "closes too far from those before under their symbol: another coin or unit, kept under an id of its own"
            }
            Self::NewIdentity => {
                "another supply at another price or symbol: another coin or unit, kept under an id of its own"
            }
            Self::Gap => "days without a row: nothing was filled in",
            Self::BadRow => "a row that cannot be read: left out",
            Self::BadPrice => "a price that cannot be read: the coin is listed without one",
            Self::NoId => "a row whose asset cannot be told: left out",
            Self::OtherCoin => "closes under a symbol that the snapshots give another price: left out",
            Self::NotCompared => {
                "closes not yet compared with a snapshot: the newest lists their symbol, and there was no close about its \
                 day; left out until the next one"
            }
            Self::Unlisted => "closes that no coin of the newest snapshot of their time has: left out",
            Self::Unpriced => "grades of what no source has a price of: not used",
            Self::AmbiguousToken => {
                "grades of several tokens with one coin's name or symbol: whose they are cannot be told"
            }
        }
    }
}

/// Rows of one source that were not used, for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DroppedRows {
    pub source: String,
    pub reason: DropReason,
    pub rows: u32,
    pub first: Option<Date>,
    pub last: Option<Date>,
    /// Rows by name: a symbol, or what was wrong.
    pub names: BTreeMap<String, u32>,
}

/// Counts what one source leaves out.
#[derive(Debug, Clone)]
pub struct Tally {
    source: String,
    by_reason: BTreeMap<DropReason, DroppedRows>,
}

impl Tally {
    #[must_use]
    pub const fn new(source: String) -> Self {
        Self { source, by_reason: BTreeMap::new() }
    }

    /// One row, or `rows` days of a gap.
    pub fn add(&mut self, reason: DropReason, name: &str, date: Option<Date>, rows: u32) {
        let source = &self.source;
        let entry = self.by_reason.entry(reason).or_insert_with(|| DroppedRows {
            source: source.clone(),
            reason,
            rows: 0,
            first: None,
            last: None,
            names: BTreeMap::new(),
        });
        entry.rows = entry.rows.saturating_add(rows);
        entry.first = entry.first.into_iter().chain(date).min();
        entry.last = entry.last.into_iter().chain(date).max();
        let count = entry.names.entry(name.to_owned()).or_default();
        *count = count.saturating_add(rows);
    }

    pub fn into_rows(self) -> impl Iterator<Item = DroppedRows> {
        self.by_reason.into_values()
    }
}
