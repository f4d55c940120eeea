//! What `load` stored, and what is stored.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::document::ErrorReport;
use super::published::{SnapshotKind, UtcTime};
use crate::ports::snapshot::SnapshotItem;

/// The files of one case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LoadedCase {
    /// The case directory as it was given.
    pub case: String,
    /// Absent where the case was refused.
    pub portfolio: Option<String>,
    pub store: String,
    /// Whether it was stored; otherwise it was only checked, or refused.
    pub stored: bool,
    pub inputs: Vec<LoadedInput>,
    /// What the outbox knows of each account; empty where nothing was stored.
    pub accounts: Vec<LoadedAccount>,
    pub error: Option<ErrorReport>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LoadedInput {
    pub outcome: LoadOutcome,
    #[serde(flatten)]
    pub snapshot: StoredSnapshot,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LoadOutcome {
    /// Nothing of its kind and time was there.
    New,
    /// The same bytes were there.
    Unchanged,
    /// Other bytes were there, and count no longer.
    Replaced,
    /// The case names no file of this kind from then on.
    Ended,
}

impl LoadOutcome {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Unchanged => "unchanged",
            Self::Replaced => "replaced",
            Self::Ended => "ended",
        }
    }
}

/// One account's statement to the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LoadedAccount {
    pub account: String,
    /// Of the balance that now stands; where it was refused, of the one that was stated.
    #[schemars(with = "UtcTime")]
    pub observed_at: Timestamp,
    pub outcome: AccountOutcome,
    /// Why it was refused; empty otherwise.
    pub refusal: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccountOutcome {
    /// The account is new and holds what the case says.
    Opened,
    /// The case's statement is newer than what stood, and counts from now on.
    Restated,
    /// The case's statement stands already, with what was filled since.
    Unchanged,
    /// Another balance stands, and the case does not say when its own was so.
    Kept,
    Refused,
}

impl AccountOutcome {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Restated => "restated",
            Self::Unchanged => "unchanged",
            Self::Kept => "kept as it stands",
            Self::Refused => "refused",
        }
    }
}

/// What is stored of a portfolio.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StoredSnapshots {
    pub portfolio: String,
    pub store: String,
    /// By kind, then time, then revision.
    pub snapshots: Vec<StoredSnapshot>,
}

/// One snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StoredSnapshot {
    pub kind: SnapshotKind,
    /// Known from this moment on: no earlier plan is made from it.
    #[schemars(with = "UtcTime")]
    pub at: Timestamp,
    /// Of this kind and time, from 1; the highest counts.
    pub revision: u32,
    /// The newest date that the file itself states; absent where it states none.
    #[schemars(with = "Option<UtcTime>")]
    pub dated: Option<Timestamp>,
    /// Its name; empty where from that moment on there is none.
    pub file: String,
    pub bytes: u64,
    /// SHA-256 of its bytes; absent where there is no file.
    pub digest: Option<String>,
    #[schemars(with = "UtcTime")]
    pub loaded_at: Timestamp,
    /// When it may be purged; absent on the one in use.
    #[schemars(with = "Option<UtcTime>")]
    pub expires_at: Option<Timestamp>,
}

impl From<&SnapshotItem> for StoredSnapshot {
    fn from(item: &SnapshotItem) -> Self {
        Self {
            kind: item.kind.into(),
            at: item.at,
            revision: item.revision,
            dated: item.dated,
            file: item.file.clone(),
            bytes: item.content.as_ref().map_or(0, |content| content.bytes),
            digest: item.digest().map(str::to_owned),
            loaded_at: item.loaded_at,
            expires_at: item.expires_at_s.and_then(|seconds| Timestamp::from_second(seconds).ok()),
        }
    }
}
