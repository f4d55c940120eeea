//! A case from its snapshots.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::adapters::files::Case;
use crate::adapters::files::case::InputFile;
use crate::model::policy::GradeKind;
use crate::model::{Policy, PortfolioId};
use crate::ports::blob;
use crate::ports::snapshot::{SnapshotItem, SnapshotKind, SnapshotStore, in_force};
use crate::ports::store::{BlobOwner, RunStore, StoreError};
use crate::preparation::guards::snapshot_skew;
use crate::preparation::{BadInput, PreparationError};

/// Reads the portfolio's inputs that count at the planning time: a case of one day, from which
/// [`Case::planning_input`] plans as from a folder.
///
/// # Errors
/// When a kind is missing that every plan needs, or that the policy looks at; when the snapshots are further apart than
/// the policy's `max_snapshot_skew_hours`; when a file is refused as it would be in a folder; when the store does not
/// answer, or holds other bytes than were loaded.
pub async fn load_case<S>(store: &S, portfolio: &PortfolioId, as_of: Timestamp) -> Result<Case, PreparationError>
where
    S: RunStore + SnapshotStore,
{
    load_files(store, portfolio, as_of).await?.complete()
}

/// Definition, policy, rules and market as they stand, whether or not there is what a plan needs besides. Nothing is to
/// be planned from them before they are [complete](Self::complete).
#[derive(Debug)]
pub struct StandingFiles {
    pub case: Case,
    set: BTreeMap<SnapshotKind, SnapshotItem>,
    as_of: Timestamp,
}

impl StandingFiles {
    /// The case that a plan is made from.
    ///
    /// # Errors
    /// When what the policy looks at is missing, or the snapshots are too far apart.
    pub fn complete(self) -> Result<Case, PreparationError> {
        check_set(self.case.policy(), self.case.portfolio(), &self.set, self.as_of)?;
        Ok(self.case)
    }
}

/// The same before anybody asks for grades, signals and closes: for whoever fetches them, or looks who is meant.
///
/// # Errors
/// As [`load_case`], but for what [`StandingFiles::complete`] finds.
pub async fn load_files<S>(
    store: &S,
    portfolio: &PortfolioId,
    as_of: Timestamp,
) -> Result<StandingFiles, PreparationError>
where
    S: RunStore + SnapshotStore,
{
    let (case, set) = read(store, portfolio, as_of).await?;
    Ok(StandingFiles { case, set, as_of })
}

async fn read<S>(
    store: &S,
    portfolio: &PortfolioId,
    as_of: Timestamp,
) -> Result<(Case, BTreeMap<SnapshotKind, SnapshotItem>), PreparationError>
where
    S: RunStore + SnapshotStore,
{
    let mut set = set_at(store, portfolio, as_of).await?;
    set.retain(|_, item| item.content.is_some());
    let needed =
        [SnapshotKind::Portfolio, SnapshotKind::Policy, SnapshotKind::VenueRules, SnapshotKind::Market].into_iter();
    let missing = needed.filter(|kind| !set.contains_key(kind)).map(|kind| absent(portfolio, kind, as_of));
    let missing: Vec<BadInput> = missing.collect();
    let (Some(market), true) = (set.get(&SnapshotKind::Market), missing.is_empty()) else {
        return Err(PreparationError::BadInput(missing));
    };
    let place = format!("portfolio {portfolio} in the store");
    let mut files = BTreeMap::new();
    for (kind, item) in &set {
        let bytes = bytes(store, item).await?;
        let _ = files.insert(*kind, InputFile { name: item.file.clone(), bytes });
    }
    let case = Case::of_files(place, market.at, files)?;
    Ok((case, set))
}

/// How often a set is looked at before somebody who loads all the time is told of.
const READINGS: u32 = 6;

/// What counts at the planning time, all of one moment. A load is one transaction, and this is a query for each kind: one
/// that is committed between two of them would show files of before it beside files of after it. So the set is looked at
/// until two readings agree. Revisions rise, so nothing was written between the end of the one and the begin of the other.
async fn set_at<S: SnapshotStore>(
    store: &S,
    portfolio: &PortfolioId,
    as_of: Timestamp,
) -> Result<BTreeMap<SnapshotKind, SnapshotItem>, StoreError> {
    let mut before = BTreeMap::new();
    for reading in 0..READINGS {
        let mut set = BTreeMap::new();
        for kind in SnapshotKind::ALL {
            set.extend(newest(store, portfolio, kind, as_of).await?.map(|item| (kind, item)));
        }
        if reading > 0 && are_same(&before, &set) {
            return Ok(set);
        }
        before = set;
    }
    let cause = format!("portfolio {portfolio} was loaded again and again while it was read");
    Err(StoreError::Unavailable { step: "reading snapshots", cause })
}

/// A date of purge may come in between: it says nothing about what counts.
fn are_same(one: &BTreeMap<SnapshotKind, SnapshotItem>, other: &BTreeMap<SnapshotKind, SnapshotItem>) -> bool {
    let shown = |item: &SnapshotItem| (item.key(), item.content.clone());
    one.values().map(shown).eq(other.values().map(shown))
}

async fn newest<S: SnapshotStore>(
    store: &S,
    portfolio: &PortfolioId,
    kind: SnapshotKind,
    as_of: Timestamp,
) -> Result<Option<SnapshotItem>, StoreError> {
    if !kind.is_standing() {
        return store.latest_snapshot(portfolio, kind, as_of).await;
    }
    let all = store.list_snapshots(portfolio, Some(kind)).await?;
    Ok(in_force(&all, kind, as_of).cloned())
}

/// The file's bytes, none where there is no file.
async fn bytes<S: RunStore>(store: &S, item: &SnapshotItem) -> Result<Vec<u8>, StoreError> {
    let Some(content) = &item.content else { return Ok(Vec::new()) };
    let what = format!("snapshot {} of {} of portfolio {},", item.kind, item.at, item.portfolio);
    blob::load_bytes(store, BlobOwner::Snapshot(&item.key()), content, &what).await
}

fn absent(portfolio: &PortfolioId, kind: SnapshotKind, as_of: Timestamp) -> BadInput {
    let problem = format!("the store has none of {as_of} or before");
    let remedy =
        "`rebalance load CASE` stores the files of a case; `rebalance load --list PORTFOLIO` shows what is there";
    BadInput::new(&format!("portfolio {portfolio}"), kind.as_str(), "", problem, remedy)
}

/// What the policy looks at is there, and of about the same time.
fn check_set(
    policy: &Policy,
    portfolio: &PortfolioId,
    set: &BTreeMap<SnapshotKind, SnapshotItem>,
    as_of: Timestamp,
) -> Result<(), PreparationError> {
    let mut watched = vec![SnapshotKind::Market];
    if policy.uses_grades() {
        let own = match policy.ranking.grade {
            GradeKind::Trader => SnapshotKind::TraderGrades,
            GradeKind::Investor => SnapshotKind::InvestorGrades,
        };
        // Signals repeat grades, and the third version of the API has nothing else: what a plan uses is the newer set.
        let dated = |kind: SnapshotKind| set.get(&kind).map(|item| item.dated.unwrap_or(item.at));
        let is_own = dated(own).is_some_and(|own| dated(SnapshotKind::TradingSignals) <= Some(own));
        watched.push(if is_own { own } else { SnapshotKind::TradingSignals });
    }
    if policy.regime.is_some() {
        watched.push(SnapshotKind::TradingSignals);
    }
    if policy.history_days().is_some() {
        watched.push(SnapshotKind::History);
    }
    if let Some(kind) = watched.iter().find(|kind| !set.contains_key(kind)) {
        return Err(absent(portfolio, *kind, as_of).into());
    }
    let dates: Vec<(Timestamp, String)> = watched
        .iter()
        .filter_map(|kind| set.get(kind))
        .map(|item| (item.dated.unwrap_or(item.at), format!("the snapshot of {}", item.kind)))
        .collect();
    match snapshot_skew(&dates, &policy.guards) {
        Some(violation) => Err(PreparationError::Guarded(vec![violation])),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
