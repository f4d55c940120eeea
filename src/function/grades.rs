//! Token Metrics' answers, fetched and stored as snapshots, so that a run plans from what is stored and nothing else.
//!
//! One fetch serves an occasion: another delivery of the event finds its snapshots there and spends no credits. What is
//! fetched passes the same readers and guards as any other snapshot: stale, partial or flipped grades end the run.

use jiff::{SignedDuration, Timestamp};

use super::clients::Clients;
use super::configuration::TokenMetricsAccess;
use super::log::{self, Level};
use crate::adapters::clock::SystemClock;
use crate::adapters::files::Case;
use crate::adapters::snapshots::{GradeFile, kind_of, store_grades};
use crate::adapters::token_metrics::Tokens;
use crate::application::failure::Failure;
use crate::application::grades::{query, set_name, sources, wanted};
use crate::model::Trigger;
use crate::ports::Clock;
use crate::ports::snapshot::SnapshotStore as _;
use crate::preparation::time::day_of;
use crate::report::document::ErrorKind;

/// So long before nothing new is taken up a fetch ends: what was fetched is to be planned from and its orders sent.
const PLANNING: SignedDuration = SignedDuration::from_secs(30);

/// A fetch that has less time is not begun. It would spend credits and come to nothing, and another delivery has more.
const LEAST: SignedDuration = SignedDuration::from_secs(5);

/// For so long the grades of a run by hand, which has no time of its own, are taken for its own.
const BY_HAND: SignedDuration = SignedDuration::from_mins(15);

/// Fetches and stores what the policy looks at, unless it was fetched for this occasion already. `stop_at`: when nothing
/// new is taken up any more, by the real time.
///
/// # Errors
/// When it is not to be had whole, or not in time: then nothing of that set is stored.
pub async fn renew<C: Clock>(
    clients: &Clients,
    asked: &TokenMetricsAccess,
    case: &Case,
    trigger: &Trigger,
    as_of: Timestamp,
    stop_at: Option<Timestamp>,
    clock: &C,
) -> Result<(), Failure> {
    let Some(client) = &clients.token_metrics else { return Ok(()) };
    let since = match trigger {
        Trigger::Scheduled(at) => *at,
        Trigger::Manual(_) => as_of.checked_sub(BY_HAND).unwrap_or(Timestamp::MIN),
    };
    for endpoint in sources(&wanted(case.policy()), asked.version) {
        let portfolio = case.portfolio();
        let stored = clients.store.latest_snapshot(portfolio, kind_of(endpoint), as_of).await?;
        if stored.is_some_and(|stored| stored.at >= since) {
            continue;
        }
        let tokens = case.token_ids()?;
        if tokens.is_empty() {
            return Err(Failure::bad_input(
                "no asset of the portfolio has a token_id, by which grades are joined",
                "give them one in the market file or under [token_ids] in case.toml, and load the case again",
            ));
        }
        let query = query(endpoint, day_of(as_of), Tokens::Only(tokens))?;
        let fetched = client.fetch_within(&query, time_for_ms(stop_at)?, clock, &clients.store, |_| ()).await?;
        let file = format!("{}-{}.json", set_name(endpoint), day_of(as_of));
        let grades = GradeFile { endpoint, at: as_of, file: &file, bytes: &fetched.envelope };
        store_grades(&clients.store, portfolio, grades, as_of).await?;
        log::Line::new(Level::Info, "grades fetched")
            .field("portfolio", portfolio.as_str())
            .field("set", set_name(endpoint))
            .field("records", fetched.records)
            .field("credits", fetched.requests)
            .field("missing", fetched.missing.len())
            .write();
    }
    Ok(())
}

/// Milliseconds that a fetch may take from now on.
fn time_for_ms(stop_at: Option<Timestamp>) -> Result<u64, Failure> {
    let Some(stop_at) = stop_at else { return Ok(u64::MAX) };
    let left = stop_at.duration_since(SystemClock.now()).saturating_sub(PLANNING);
    if left < LEAST {
        let problem = "there is too little time left to fetch grades and to plan from them";
        return Err(Failure::new(ErrorKind::Busy, problem, "send the event again, with more time"));
    }
    Ok(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
}
