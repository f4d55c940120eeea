//! Token Metrics' API: trader grades, investor grades, trading signals.
//!
//! ```text
//! Query ─▶ requests (chunks of ids, pages) ─▶ each page through the reader of files ─▶ one envelope, one set of grades
//! ```
//!
//! * One request is one credit of a monthly quota: each is counted before it is made, repeated ones too.
//! * Requests only read, so they may be repeated: after no answer, a busy or a broken server; see [`retry`].
//! * Pages are put together by [`paging`], which refuses a set that may have a hole.
//! * What comes out is an envelope as Token Metrics itself sends it, with every record as it came: a dated file that
//!   everything else here reads. Parsing is that of [`files::token_metrics`](crate::adapters::files::token_metrics).
//!
//! # Versions
//!
//! | version | fields | endpoints |
//! |---|---|---|
//! | v2 | `UPPER_CASE` | `trader-grades`, `investor-grades`, `trading-signals` |
//! | v3 | `snake_case` | `trading-signals`, whose records carry both grades as `tm_grade` and `fundamental_grade` |

mod error;
mod exchange;
pub mod paging;
pub mod retry;

use std::collections::BTreeSet;

use jiff::civil::Date;

pub use error::FetchError;
pub use paging::Numbering;
pub use retry::Patience;

use self::exchange::Exchange;
use crate::adapters::files::token_metrics::{self as reader, Endpoint};
use crate::adapters::https::{HttpsClient, HttpsLimits};
use crate::adapters::secrets::CachedSecret;
use crate::ports::Clock;
use crate::ports::counter::Counters;
use crate::ports::secret::SecretReader;
use crate::preparation::sources::Grades;

/// The API's host.
pub const HOST: &str = "api.tokenmetrics.com";

/// For one request: a page of a thousand records has about 250 KB.
pub const LIMITS: HttpsLimits = HttpsLimits { time_ms: 20_000, body_bytes: 4 * 1024 * 1024 };

/// Which set of fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    V2,
    V3,
}

impl Version {
    const fn path(self) -> &'static str {
        match self {
            Self::V2 => "v2",
            Self::V3 => "v3",
        }
    }

    /// What has to be asked for this; v3 tells grades along with the signals.
    #[must_use]
    pub const fn source_of(self, endpoint: Endpoint) -> Endpoint {
        match self {
            Self::V2 => endpoint,
            Self::V3 => Endpoint::TradingSignals,
        }
    }
}

/// How the API is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `https://api.tokenmetrics.com`, without a slash at the end.
    pub origin: String,
    pub version: Version,
    /// Records asked for at once. The newest documents allow at most 100.
    pub page_size: u32,
    /// Absent: found out, which costs a credit.
    pub numbering: Option<Numbering>,
    /// Most requests of one fetch.
    pub most_requests: u32,
    /// Most requests of one month (UTC), of all who share the counters.
    pub monthly_credits: u64,
    pub patience: Patience,
}

impl Settings {
    /// The API as it is, for a plan of so many credits a month.
    #[must_use]
    pub fn new(version: Version, monthly_credits: u64) -> Self {
        Self {
            origin: format!("https://{HOST}"),
            version,
            page_size: 100,
            numbering: None,
            most_requests: 60,
            monthly_credits,
            patience: Patience::default(),
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    pub endpoint: Endpoint,
    /// First and last day (UTC) whose records are asked for. Two days find the newest ones at any hour.
    pub from: Date,
    pub to: Date,
    pub tokens: Tokens,
}

/// Of which tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tokens {
    /// Of everything graded: thousands, so dozens of credits.
    All,
    /// Of these `TOKEN_ID`s.
    Only(BTreeSet<u64>),
}

/// A whole set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// One envelope `{success, message, length, data}` with every record as it came.
    pub envelope: Vec<u8>,
    /// The same, read.
    pub grades: Grades,
    pub records: usize,
    /// Requests made, which is credits spent.
    pub requests: u32,
    /// Tokens that were asked for and have no record.
    pub missing: BTreeSet<u64>,
}

/// Told after each page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchProgress {
    pub endpoint: &'static str,
    pub requests: u32,
    pub records: usize,
}

/// A client; made once and used for many fetches.
#[derive(Debug)]
pub struct TokenMetrics<R> {
    https: HttpsClient,
    key: CachedSecret<R>,
    settings: Settings,
}

impl<R: SecretReader> TokenMetrics<R> {
    /// `https` must allow the host of the settings' origin.
    pub const fn new(https: HttpsClient, key: CachedSecret<R>, settings: Settings) -> Self {
        Self { https, key, settings }
    }

    /// Fetches one set, whole or not at all.
    ///
    /// # Errors
    /// See [`FetchError`]; [`FetchError::is_transient`] says whether trying again helps.
    pub async fn fetch<C: Clock, K: Counters>(
        &self,
        query: &Query,
        clock: &C,
        counters: &K,
        tell: impl FnMut(FetchProgress),
    ) -> Result<Fetched, FetchError> {
        self.fetch_within(query, u64::MAX, clock, counters, tell).await
    }

    /// The same in so many milliseconds, where that is less than patience allows: for whoever is stopped after them.
    ///
    /// # Errors
    /// As [`Self::fetch`].
    pub async fn fetch_within<C: Clock, K: Counters>(
        &self,
        query: &Query,
        most_ms: u64,
        clock: &C,
        counters: &K,
        mut tell: impl FnMut(FetchProgress),
    ) -> Result<Fetched, FetchError> {
        let endpoint = self.settings.version.source_of(query.endpoint);
        let limit_ms = most_ms.min(self.settings.patience.fetch_ms);
        let mut exchange = Exchange::begin(self, clock, counters, endpoint, limit_ms);
        let mut records = Vec::new();
        for chunk in chunks(&query.tokens, self.tokens_at_once(query)) {
            records.extend(exchange.pages(query, &chunk, &mut tell, records.len()).await?);
        }
        if records.is_empty() {
            return Err(FetchError::Nothing { endpoint: path(endpoint), from: query.from, to: query.to });
        }
        let envelope = envelope(&records);
        let grades = reader::read(path(endpoint), &envelope, endpoint)?;
        let found = token_ids(&grades);
        let missing = match &query.tokens {
            Tokens::All => BTreeSet::new(),
            Tokens::Only(asked) => {
                if let Some(&token_id) = found.difference(asked).next() {
                    return Err(FetchError::NotAskedFor { endpoint: path(endpoint), token_id });
                }
                asked.difference(&found).copied().collect()
            }
        };
        Ok(Fetched { envelope, grades, records: records.len(), requests: exchange.requests(), missing })
    }

    /// Fetches several sets and joins them, as [`Grades::merge`] does: signals, which repeat grades, come last.
    ///
    /// # Errors
    /// As [`Self::fetch`]; one missing set is a failure of all.
    pub async fn grades<C: Clock, K: Counters>(
        &self,
        queries: &[Query],
        clock: &C,
        counters: &K,
    ) -> Result<Grades, FetchError> {
        let mut grades = Grades::default();
        for query in queries {
            grades.merge(self.fetch(query, clock, counters, |_| ()).await?.grades);
        }
        Ok(grades)
    }

    /// As many as have room on one page, if each has a record for each day.
    fn tokens_at_once(&self, query: &Query) -> usize {
        let days = query.to.since(query.from).map_or(1, |span| span.get_days().max(0).unsigned_abs() + 1);
        usize::try_from((self.settings.page_size / days).max(1)).unwrap_or(1)
    }
}

/// The endpoint's name in addresses and messages.
#[must_use]
pub const fn path(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::TraderGrades => "trader-grades",
        Endpoint::InvestorGrades => "investor-grades",
        Endpoint::TradingSignals => "trading-signals",
    }
}

/// The ids of one request each; one request without ids for all tokens.
fn chunks(tokens: &Tokens, at_once: usize) -> Vec<Vec<u64>> {
    match tokens {
        Tokens::All => vec![Vec::new()],
        Tokens::Only(ids) => ids.iter().copied().collect::<Vec<_>>().chunks(at_once).map(<[u64]>::to_vec).collect(),
    }
}

/// Records as one answer. One record a line, so that two of them can be compared by eye.
fn envelope(records: &[String]) -> Vec<u8> {
    let head = format!(
        "{{\"success\":true,\"message\":\"Data fetched successfully\",\"length\":{},\"data\":[\n",
        records.len()
    );
    (head + &records.join(",\n") + "\n]}\n").into_bytes()
}

fn token_ids(grades: &Grades) -> BTreeSet<u64> {
    grades.trader.keys().chain(grades.investor.keys()).chain(grades.signals.keys()).copied().collect()
}
