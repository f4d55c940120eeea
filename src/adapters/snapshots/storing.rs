//! Files into the table.

use std::path::Path;

use jiff::Timestamp;

use super::comparison::{Candidate, LoadOutcome, LoadedInput, compare, out_of_use};
use crate::adapters::files::Case;
use crate::adapters::files::case::newest_date;
use crate::adapters::files::token_metrics::Endpoint;
use crate::model::{PortfolioId, Trigger};
use crate::ports::blob::{self, Blob};
use crate::ports::snapshot::{MOST_AT_ONCE, SnapshotItem, SnapshotKind, SnapshotStore};
use crate::ports::store::{BlobOwner, RunStore, StoreError, Written};
use crate::preparation::PreparationError;

/// Days for which a snapshot is kept once it is out of use.
pub const KEEP_DAYS: i64 = 90;
/// Bytes outlive the snapshot that names them: purging is slow and keeps no order.
const GRACE_DAYS: i64 = 7;
const DAY_S: i64 = 86_400;
/// Attempts against others who load at the same time.
const ATTEMPTS: u32 = 5;

/// Stores everything that the case in this folder holds, and says what became of each file. Safe to repeat: the same
/// bytes change nothing. `now` is the real time; `tell` hears what is being done.
///
/// # Errors
/// When a file is refused by its reader, or a day by a guard: then nothing is written. When the store does not answer,
/// or others keep loading the same portfolio.
pub async fn store_case<S>(
    store: &S,
    folder: &Path,
    now: Timestamp,
    tell: impl Fn(String),
) -> Result<Vec<LoadedInput>, PreparationError>
where
    S: RunStore + SnapshotStore,
{
    let case = Case::load(folder)?;
    let candidates = read_all(&case, &tell)?;
    let portfolio = case.portfolio();
    let mut compared = compare(portfolio, &candidates, &store.list_snapshots(portfolio, None).await?, now);
    check_days(&case, &compared, &tell)?;
    let bytes_of = |item: &SnapshotItem| case.read_input(item.kind, &item.file);
    for _ in 0..ATTEMPTS {
        if write(store, &compared, bytes_of, &tell).await? == Written::Done {
            purge_later(store, portfolio, now).await?;
            return Ok(compared);
        }
        compared = compare(portfolio, &candidates, &store.list_snapshots(portfolio, None).await?, now);
    }
    Err(contended(portfolio).into())
}

/// What [`store_case`] would do, and every reason why it would refuse; without a store, as if it were empty.
///
/// # Errors
/// As [`store_case`].
pub async fn check_case<S: SnapshotStore>(
    store: Option<&S>,
    folder: &Path,
    now: Timestamp,
    tell: impl Fn(String),
) -> Result<Vec<LoadedInput>, PreparationError> {
    let case = Case::load(folder)?;
    let candidates = read_all(&case, &tell)?;
    let stored = match store {
        Some(store) => store.list_snapshots(case.portfolio(), None).await?,
        None => Vec::new(),
    };
    let compared = compare(case.portfolio(), &candidates, &stored, now);
    check_days(&case, &compared, &tell)?;
    Ok(compared)
}

/// One answer of Token Metrics, as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GradeFile<'a> {
    pub endpoint: Endpoint,
    /// From when on it counts as known: no later than the planning time of the run that is to use it.
    pub at: Timestamp,
    /// For messages, such as `trader_grades-2025-04-16.json`.
    pub file: &'a str,
    pub bytes: &'a [u8],
}

/// Stores one set of grades or signals by itself, for whoever fetches them. Safe to repeat.
///
/// # Errors
/// When the reader refuses it: then nothing is written. When the store does not answer, or others keep loading the same
/// portfolio.
pub async fn store_grades<S>(
    store: &S,
    portfolio: &PortfolioId,
    grades: GradeFile<'_>,
    now: Timestamp,
) -> Result<LoadedInput, PreparationError>
where
    S: RunStore + SnapshotStore,
{
    let GradeFile { endpoint, at, file, bytes } = grades;
    let kind = kind_of(endpoint);
    let candidate = candidate(kind, at, file, bytes.to_vec())?;
    for _ in 0..ATTEMPTS {
        let stored = store.list_snapshots(portfolio, Some(kind)).await?;
        let compared = compare(portfolio, std::slice::from_ref(&candidate), &stored, now);
        if write(store, &compared, |_| Ok(bytes.to_vec()), &|_| ()).await? == Written::Done {
            purge_later(store, portfolio, now).await?;
            if let Some(only) = compared.into_iter().next() {
                return Ok(only);
            }
        }
    }
    Err(contended(portfolio).into())
}

/// Reads every file by its own reader. Only digests are kept: a case of many days is larger than a memory.
fn read_all(case: &Case, tell: &impl Fn(String)) -> Result<Vec<Candidate>, PreparationError> {
    let mut candidates = Vec::new();
    for input in case.inputs() {
        candidates.push(match &input.file {
            Some(file) => {
                tell(format!("reading {file}"));
                candidate(input.kind, input.at, file, case.read_input(input.kind, file)?)?
            }
            None => Candidate { kind: input.kind, at: input.at, file: String::new(), dated: None, content: None },
        });
    }
    Ok(candidates)
}

fn candidate(kind: SnapshotKind, at: Timestamp, file: &str, bytes: Vec<u8>) -> Result<Candidate, PreparationError> {
    let dated = newest_date(kind, file, &bytes, at)?;
    Ok(Candidate { kind, at, file: file.to_owned(), dated, content: Some(Blob::of_bytes(bytes).reference) })
}

/// Every guard, on each day of which something is new and on the last one, with each account as the case opens it.
fn check_days(case: &Case, compared: &[LoadedInput], tell: &impl Fn(String)) -> Result<(), PreparationError> {
    let is_new = |at: Timestamp| {
        let of_day = compared.iter().filter(|input| !input.snapshot.kind.is_standing() && input.snapshot.at == at);
        of_day.into_iter().any(|input| input.outcome != LoadOutcome::Unchanged)
    };
    let last = case.days().last().map(|day| day.at);
    for at in case.days().iter().map(|day| day.at).filter(|at| is_new(*at) || Some(*at) == last) {
        tell(format!("checking {at}"));
        for account in case.accounts() {
            case.planning_input(account, Trigger::Scheduled(at), at, None, None, None)?;
        }
    }
    Ok(())
}

/// Bytes first, then the snapshots that name them, a hundred at a time: a snapshot never names bytes that are not there.
async fn write<S>(
    store: &S,
    compared: &[LoadedInput],
    bytes_of: impl Fn(&SnapshotItem) -> Result<Vec<u8>, PreparationError>,
    tell: &impl Fn(String),
) -> Result<Written, PreparationError>
where
    S: RunStore + SnapshotStore,
{
    let to_store = compared.iter().filter(|input| input.outcome != LoadOutcome::Unchanged);
    let to_store: Vec<SnapshotItem> = to_store.map(|input| input.snapshot.clone()).collect();
    for item in to_store.iter().filter(|item| item.content.is_some()) {
        tell(format!("storing {}", item.file));
        let blob = Blob::of_bytes(bytes_of(item)?);
        if Some(&blob.reference) != item.content.as_ref() {
            let problem = "it changed while it was loaded".to_owned();
            return Err(PreparationError::Unreadable { path: item.file.clone(), problem });
        }
        blob.put(store, BlobOwner::Snapshot(&item.key())).await?;
    }
    for some in to_store.chunks(MOST_AT_ONCE) {
        if store.put_snapshots(some).await? == Written::Refused {
            return Ok(Written::Refused);
        }
    }
    Ok(Written::Done)
}

/// Lets be purged what is out of use. One that cannot be marked now is marked by the next load.
async fn purge_later<S>(store: &S, portfolio: &PortfolioId, now: Timestamp) -> Result<(), StoreError>
where
    S: RunStore + SnapshotStore,
{
    let all = store.list_snapshots(portfolio, None).await?;
    let expires_at_s = now.as_second().saturating_add(KEEP_DAYS * DAY_S);
    for item in out_of_use(&all) {
        let key = item.key();
        if let Some(content) = &item.content {
            let bytes_expire_at_s = expires_at_s.saturating_add(GRACE_DAYS * DAY_S);
            // Bytes that are gone already need no mark.
            let _ = blob::expire(store, BlobOwner::Snapshot(&key), content, bytes_expire_at_s).await;
        }
        store.expire_snapshot(&key, expires_at_s).await?;
    }
    Ok(())
}

fn contended(portfolio: &PortfolioId) -> StoreError {
    let cause = format!("others loaded portfolio {portfolio} at the same time, again and again");
    StoreError::Unavailable { step: "storing snapshots", cause }
}

/// Under which kind a set of grades or signals is stored.
#[must_use]
pub const fn kind_of(endpoint: Endpoint) -> SnapshotKind {
    match endpoint {
        Endpoint::TraderGrades => SnapshotKind::TraderGrades,
        Endpoint::InvestorGrades => SnapshotKind::InvestorGrades,
        Endpoint::TradingSignals => SnapshotKind::TradingSignals,
    }
}
