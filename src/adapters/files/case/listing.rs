//! The files of a case one by one, for whoever stores them.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{CASE_FILE, Case, GRADES};
use crate::adapters::files::{history, market, token_metrics};
use crate::ports::snapshot::SnapshotKind;
use crate::preparation::PreparationError;
use crate::preparation::time::start_of;

/// One file that a case names, and from when on it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseInput {
    pub kind: SnapshotKind,
    /// The time of its day; of a file that is none of a day's, the time of the first.
    pub at: Timestamp,
    /// Absent: the day has none of this kind, while an earlier one had.
    pub file: Option<String>,
}

impl Case {
    /// Every file that the case names: first those that stand, then day by day.
    #[must_use]
    pub fn inputs(&self) -> Vec<CaseInput> {
        let begin = self.file.days.first().map_or(Timestamp::MIN, |day| day.at);
        let standing = [
            (SnapshotKind::Portfolio, CASE_FILE),
            (SnapshotKind::Policy, &self.file.policy),
            (SnapshotKind::VenueRules, &self.file.venue_rules),
        ];
        let mut inputs: Vec<CaseInput> =
            standing.map(|(kind, file)| CaseInput { kind, at: begin, file: Some(file.to_owned()) }).into();
        let mut named = BTreeSet::new();
        for day in &self.file.days {
            for kind in SnapshotKind::ALL.into_iter().filter(|kind| !kind.is_standing()) {
                let file = day.file(kind).map(str::to_owned);
                let ends = file.is_none() && named.remove(&kind);
                if file.is_some() {
                    named.insert(kind);
                }
                if file.is_some() || ends {
                    inputs.push(CaseInput { kind, at: day.at, file });
                }
            }
        }
        inputs
    }

    /// The bytes of one of [`Self::inputs`].
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read_input(&self, kind: SnapshotKind, file: &str) -> Result<Vec<u8>, PreparationError> {
        Ok(self.files.read(kind, file)?.into_owned())
    }
}

/// Reads a file of a day by its own reader: the newest date that it states. Nothing for a file of another kind, or one
/// without a single record.
///
/// # Errors
/// When the reader refuses the file.
pub fn newest_date(
    kind: SnapshotKind,
    file: &str,
    bytes: &[u8],
    at: Timestamp,
) -> Result<Option<Timestamp>, PreparationError> {
    if kind == SnapshotKind::Market {
        let market = market::read(file, bytes, at)?;
        return Ok(market.assets.values().map(|asset| asset.observed_at).max());
    }
    if kind == SnapshotKind::History {
        let newest = history::read(file, bytes, at)?.newest();
        return Ok(newest.and_then(|day| start_of(day.tomorrow().ok()?).ok()));
    }
    let Some((_, endpoint)) = GRADES.into_iter().find(|(of, _)| *of == kind) else { return Ok(None) };
    Ok(token_metrics::read(file, bytes, endpoint)?.newest_date())
}
