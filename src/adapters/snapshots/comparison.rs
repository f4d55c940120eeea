//! What a load would change. Pure.

use jiff::{SignedDuration, Timestamp};

use crate::model::PortfolioId;
use crate::ports::snapshot::{SnapshotItem, SnapshotKind, in_force};
use crate::ports::store::{BlobRef, ITEM_SCHEMA};

/// What became of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// One file of a case, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedInput {
    pub snapshot: SnapshotItem,
    pub outcome: LoadOutcome,
}

/// One file as it was read and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) kind: SnapshotKind,
    pub(super) at: Timestamp,
    /// Empty where there is no file.
    pub(super) file: String,
    pub(super) dated: Option<Timestamp>,
    pub(super) content: Option<BlobRef>,
}

/// Puts each file beside what is stored. Snapshots of files that are to be stored get the next revision.
pub(super) fn compare(
    portfolio: &PortfolioId,
    candidates: &[Candidate],
    stored: &[SnapshotItem],
    now: Timestamp,
) -> Vec<LoadedInput> {
    let last = stored.iter().map(|item| item.loaded_at).max();
    // Two machines, two clocks: what is loaded later must be seen to be.
    let after_last = last.and_then(|last| last.checked_add(SignedDuration::from_micros(1)).ok());
    let loaded_at = after_last.map_or(now, |after| after.max(now));
    let compared = |candidate: &Candidate| {
        let digest = candidate.content.as_ref().map(|content| content.digest.as_str());
        let before = before(candidate, stored);
        if let Some(same) = before.filter(|before| before.digest() == digest) {
            return LoadedInput { snapshot: same.clone(), outcome: LoadOutcome::Unchanged };
        }
        let outcome = match (&candidate.content, before) {
            (None, _) => LoadOutcome::Ended,
            (Some(_), Some(_)) => LoadOutcome::Replaced,
            (Some(_), None) => LoadOutcome::New,
        };
        let here = stored.iter().filter(|item| item.kind == candidate.kind && item.at == candidate.at);
        let snapshot = SnapshotItem {
            schema: ITEM_SCHEMA,
            portfolio: portfolio.clone(),
            kind: candidate.kind,
            at: candidate.at,
            revision: here.map(|item| item.revision).max().unwrap_or(0) + 1,
            dated: candidate.dated,
            file: candidate.file.clone(),
            content: candidate.content.clone(),
            loaded_at,
            expires_at_s: None,
        };
        LoadedInput { snapshot, outcome }
    };
    candidates.iter().map(compared).collect()
}

/// What counts now where this file is to count: of what stands, whatever is in force at its time; of a day's files, the
/// one of the very day.
fn before<'a>(candidate: &Candidate, stored: &'a [SnapshotItem]) -> Option<&'a SnapshotItem> {
    let found = in_force(stored, candidate.kind, candidate.at);
    found.filter(|item| candidate.kind.is_standing() || item.at == candidate.at)
}

/// The snapshots that no longer count at any time to come, and have no date of purge yet.
pub(super) fn out_of_use(snapshots: &[SnapshotItem]) -> Vec<&SnapshotItem> {
    let in_use: Vec<_> =
        SnapshotKind::ALL.into_iter().filter_map(|kind| in_force(snapshots, kind, Timestamp::MAX)).collect();
    snapshots.iter().filter(|item| item.expires_at_s.is_none() && !in_use.contains(item)).collect()
}
