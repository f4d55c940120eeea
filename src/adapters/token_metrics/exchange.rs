//! The requests of one fetch: counted, repeated where that helps, with the key that is in force.

use std::time::Duration;

use http::Method;
use http::header::{ACCEPT, HeaderName};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::FetchError;
use super::paging::{Next, Numbering, Pages};
use super::retry::{asked_wait_ms, is_worth_repeating};
use super::{FetchProgress, Query, TokenMetrics, path};
use crate::adapters::files::token_metrics::{self as reader, Endpoint};
use crate::adapters::https::{HttpsAnswer, HttpsRequest};
use crate::ports::Clock;
use crate::ports::counter::{Counted, Counter, Counters};
use crate::ports::secret::{Secret, SecretError, SecretReader};
use crate::preparation::reading::is_printable;
use crate::preparation::time::day_of;

const KEY_HEADER: HeaderName = HeaderName::from_static("x-api-key");

/// What the monthly credits are counted under.
pub(super) const CREDITS: &str = "token_metrics_credits";

/// How long a month's count is kept after its last request: 62 days.
const KEPT_S: i64 = 62 * 24 * 60 * 60;

/// The longest message of theirs that is repeated, in characters.
const MAX_MESSAGE: usize = 200;

/// How many keys one fetch tries: the known one, the one in force now, the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tried {
    Known,
    Renewed,
    Previous,
}

/// One fetch under way.
#[derive(Debug)]
pub(super) struct Exchange<'a, R, C, K> {
    api: &'a TokenMetrics<R>,
    clock: &'a C,
    counters: &'a K,
    endpoint: Endpoint,
    began: Timestamp,
    /// The longest that it may take.
    limit_ms: u64,
    requests: u32,
    numbering: Option<Numbering>,
    key: Option<Secret>,
    tried: Tried,
}

/// What a request came to: a page, or word that there is no page 0.
enum Page {
    Records(Vec<String>),
    NoSuchPage,
}

impl<'a, R: SecretReader, C: Clock, K: Counters> Exchange<'a, R, C, K> {
    pub(super) fn begin(
        api: &'a TokenMetrics<R>,
        clock: &'a C,
        counters: &'a K,
        endpoint: Endpoint,
        limit_ms: u64,
    ) -> Self {
        let (numbering, began) = (api.settings.numbering, clock.now());
        Self { api, clock, counters, endpoint, began, limit_ms, requests: 0, numbering, key: None, tried: Tried::Known }
    }

    /// Milliseconds until the fetch has taken as long as it may.
    fn left_ms(&self) -> u64 {
        let taken_ms = u64::try_from(self.clock.now().duration_since(self.began).as_millis()).unwrap_or(0);
        self.limit_ms.saturating_sub(taken_ms)
    }

    pub(super) const fn requests(&self) -> u32 {
        self.requests
    }

    /// All records of these tokens (none: of all), page by page.
    pub(super) async fn pages(
        &mut self,
        query: &Query,
        tokens: &[u64],
        tell: &mut impl FnMut(FetchProgress),
        before: usize,
    ) -> Result<Vec<String>, FetchError> {
        let endpoint = path(self.endpoint);
        let size = usize::try_from(self.api.settings.page_size).unwrap_or(usize::MAX);
        let mut pages = Pages::new(self.numbering, size);
        let mut count = before;
        let mut next = Next::Ask(pages.begin());
        loop {
            let (number, again) = match next {
                Next::Done => break,
                Next::Ask(number) => (number, false),
                Next::AskFirstAgain(number) => (number, true),
            };
            let zero_may_be_refused = number == 0 && pages.numbering().is_none();
            let page = self.page(&self.address(query, tokens, number), number, zero_may_be_refused).await?;
            next = match page {
                Page::NoSuchPage => pages.zero_refused().unwrap_or(Next::Done),
                Page::Records(records) if again => pages
                    .compare_first(&records)
                    .map(|()| Next::Done)
                    .map_err(|fault| FetchError::Paging { endpoint, fault })?,
                Page::Records(records) => {
                    count += records.len();
                    pages.take(number, records).map_err(|fault| FetchError::Paging { endpoint, fault })?
                }
            };
            tell(FetchProgress { endpoint, requests: self.requests, records: count });
        }
        // What was found out once is known for the rest of the fetch.
        self.numbering = pages.numbering();
        Ok(pages.into_records())
    }

    fn address(&self, query: &Query, tokens: &[u64], page: u32) -> String {
        let settings = &self.api.settings;
        let (origin, version, endpoint) = (&settings.origin, settings.version.path(), path(self.endpoint));
        let mut address = format!(
            "{origin}/{version}/{endpoint}?startDate={}&endDate={}&limit={}&page={page}",
            query.from, query.to, settings.page_size
        );
        if !tokens.is_empty() {
            let ids: Vec<String> = tokens.iter().map(u64::to_string).collect();
            address.push_str("&token_id=");
            address.push_str(&ids.join(","));
        }
        address
    }

    /// One page, with as many attempts as patience allows and as many keys as there are.
    async fn page(&mut self, address: &str, page: u32, zero_may_be_refused: bool) -> Result<Page, FetchError> {
        let endpoint = path(self.endpoint);
        let mut attempt = 1;
        loop {
            let key = self.key().await?;
            let answer = self.ask(address, &key).await;
            let (asked_ms, failure) = match answer {
                Ok(answer) if answer.status == 200 => return self.records(&answer.body, page, &key),
                Ok(answer) if answer.status == 401 => {
                    self.next_key(&key).await?;
                    continue;
                }
                Ok(answer) if answer.status == 400 && zero_may_be_refused => return Ok(Page::NoSuchPage),
                Ok(answer) if is_worth_repeating(answer.status) => {
                    let asked = answer.retry_after.as_deref().and_then(|text| asked_wait_ms(text, self.clock.now()));
                    (asked, busy(endpoint, page, answer.status, attempt, asked))
                }
                Ok(answer) => return Err(self.refused(&answer, page, &key)),
                Err(Failed::Fatal(error)) => return Err(error),
                Err(Failed::Connection(cause)) => {
                    let is_transient = cause.is_transient();
                    let error = FetchError::Connection { endpoint, page, cause };
                    if !is_transient {
                        return Err(error);
                    }
                    (None, error)
                }
            };
            let random = |most: u64| fastrand::u64(0..=most);
            let wait_ms = self.api.settings.patience.wait_ms(attempt, asked_ms, random);
            // What would come too late is not waited for.
            let Some(wait_ms) = wait_ms.filter(|wait_ms| *wait_ms < self.left_ms()) else { return Err(failure) };
            self.clock.pause(wait_ms).await;
            attempt += 1;
        }
    }

    /// One request: within the limits, counted, sent.
    async fn ask(&mut self, address: &str, key: &Secret) -> Result<HttpsAnswer, Failed> {
        let settings = &self.api.settings;
        let too_slow = FetchError::TooSlow { limit_ms: self.limit_ms };
        let left_ms = self.left_ms();
        if left_ms == 0 {
            return Err(Failed::Fatal(too_slow));
        }
        if self.requests >= settings.most_requests {
            return Err(Failed::Fatal(FetchError::TooManyRequests { limit: settings.most_requests }));
        }
        let credits = credits_of(self.clock.now());
        let spent = self.counters.count(&credits, settings.monthly_credits).await;
        if spent.map_err(|error| Failed::Fatal(error.into()))? == Counted::Exhausted {
            let spent = FetchError::CreditsSpent { limit: settings.monthly_credits, month: credits.period };
            return Err(Failed::Fatal(spent));
        }
        self.requests += 1;
        let secret = |text: &str| {
            Secret::new(text).map_err(|fault| {
                Failed::Fatal(SecretError::Malformed { name: "the request's address".to_owned(), fault }.into())
            })
        };
        let request = HttpsRequest {
            method: Method::GET,
            address: secret(address)?,
            headers: vec![(KEY_HEADER, key.clone()), (ACCEPT, secret("application/json")?)],
            body: None,
        };
        let answer = tokio::time::timeout(Duration::from_millis(left_ms), self.api.https.send(request)).await;
        answer.map_err(|_| Failed::Fatal(too_slow))?.map_err(Failed::Connection)
    }

    async fn key(&mut self) -> Result<Secret, FetchError> {
        if let Some(key) = &self.key {
            return Ok(key.clone());
        }
        let key = self.api.key.current().await?;
        self.key = Some(key.clone());
        Ok(key)
    }

    /// After a refusal: the value in force now, read again once; then, as these requests only read, the one before it.
    async fn next_key(&mut self, refused: &Secret) -> Result<(), FetchError> {
        let mut next = None;
        if self.tried == Tried::Known {
            self.tried = Tried::Renewed;
            next = self.api.key.renewed(refused).await?;
        }
        if next.is_none() && self.tried == Tried::Renewed {
            self.tried = Tried::Previous;
            next = self.api.key.previous().await?.filter(|previous| !previous.is_same_as(refused));
        }
        self.key = Some(next.ok_or_else(|| FetchError::KeyRefused {
            endpoint: path(self.endpoint),
            key: self.api.key.name().to_owned(),
        })?);
        Ok(())
    }

    /// The records of a sound page, each as its own text.
    fn records(&self, body: &[u8], page: u32, key: &Secret) -> Result<Page, FetchError> {
        #[derive(Deserialize)]
        struct Envelope<'a> {
            #[serde(borrow)]
            data: Vec<&'a RawValue>,
        }
        let endpoint = path(self.endpoint);
        if contains(body, key.expose().as_bytes()) {
            return Err(FetchError::EchoedKey { endpoint, page });
        }
        refuse_foreign(body, endpoint, page)?;
        let place = format!("{endpoint}, page {page}");
        // The reader refuses what is no sound envelope; after it the shape is known.
        let _ = reader::read(&place, body, self.endpoint)?;
        let envelope: Result<Envelope<'_>, _> = serde_json::from_slice(body);
        let envelope = envelope.map_err(|error| {
            crate::preparation::BadInput::new(&place, "data", "", error.to_string(), "fetch the grades again")
        })?;
        Ok(Page::Records(envelope.data.into_iter().map(|record| record.get().to_owned()).collect()))
    }

    fn refused(&self, answer: &HttpsAnswer, page: u32, key: &Secret) -> FetchError {
        let remedy = match answer.status {
            402 | 403 => "the plan behind the key does not cover it",
            404 => "check the version and the address of the API",
            _ => "check days, tokens and page size",
        };
        FetchError::Refused {
            endpoint: path(self.endpoint),
            page,
            status: answer.status,
            message: message(&answer.body, key),
            remedy,
        }
    }
}

/// What is no JSON for a reason that a person can do something about.
fn refuse_foreign(body: &[u8], endpoint: &'static str, page: u32) -> Result<(), FetchError> {
    if body.trim_ascii_start().starts_with(b"<") {
        return Err(FetchError::WebPage { endpoint, page });
    }
    match serde_json::from_slice::<serde::de::IgnoredAny>(body) {
        Err(error) if error.is_eof() && !body.trim_ascii().is_empty() => {
            Err(FetchError::CutOff { endpoint, page, bytes: body.len() })
        }
        _ => Ok(()),
    }
}

/// The counter of a month's credits (UTC).
fn credits_of(now: Timestamp) -> Counter {
    let expires_at_s = now.as_second() + KEPT_S;
    Counter { name: CREDITS.to_owned(), period: day_of(now).strftime("%Y-%m").to_string(), expires_at_s }
}

/// A request without an answer.
enum Failed {
    Connection(crate::adapters::https::HttpsError),
    Fatal(FetchError),
}

fn busy(endpoint: &'static str, page: u32, status: u16, attempts: u32, asked_ms: Option<u64>) -> FetchError {
    let when = asked_ms.map_or_else(|| "later".to_owned(), |asked| format!("after {} s", asked.div_ceil(1000)));
    FetchError::Busy { endpoint, page, status, attempts, when }
}

/// What they say, in one printable line, should they repeat the key without it.
fn message(body: &[u8], key: &Secret) -> String {
    #[derive(Deserialize)]
    struct Said {
        message: String,
    }
    let said = serde_json::from_slice(body).map_or_else(|_| "no message".to_owned(), |Said { message }| message);
    let shown = said.replace(key.expose(), &key.to_string());
    shown.chars().filter(|character| is_printable(*character)).take(MAX_MESSAGE).collect()
}

fn contains(text: &[u8], sought: &[u8]) -> bool {
    text.windows(sought.len()).any(|window| window == sought)
}
