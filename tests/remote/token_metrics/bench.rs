//! A client and the API it speaks to.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use index_rebalancer::adapters::files::token_metrics::Endpoint;
use index_rebalancer::adapters::https::{HttpsClient, HttpsLimits, Trust};
use index_rebalancer::adapters::secrets::CachedSecret;
use index_rebalancer::adapters::token_metrics::{
    FetchError, Fetched, Numbering, Query, Settings, TokenMetrics, Tokens, Version,
};
use index_rebalancer::ports::StoreError;
use index_rebalancer::ports::counter::{Counted, Counter, Counters};
use index_rebalancer::ports::secret::{Secret, SecretError, SecretReader, Stage};
use serde_json::{Value, json};

use crate::manual_clock::ManualClock;
use crate::scripted_server::{Recorded, Reply, ScriptedServer};

/// A key that must never be seen anywhere but in the header of a request.
pub(crate) const KEY: &str = "tm-canary-5f0d9c";

pub(crate) const LIMITS: HttpsLimits = HttpsLimits { time_ms: 1_000, body_bytes: 1024 * 1024 };

/// Counts in memory, unless it is down.
#[derive(Debug, Default)]
pub(crate) struct MemoryCounters(pub(crate) RefCell<BTreeMap<Counter, u64>>, pub(crate) Cell<bool>);

impl Counters for MemoryCounters {
    async fn count(&self, counter: &Counter, most: u64) -> Result<Counted, StoreError> {
        if self.1.get() {
            return Err(StoreError::Unavailable { step: "counting", cause: "down".to_owned() });
        }
        let mut counts = self.0.borrow_mut();
        // The expiry moves with the clock; a period has one count all the same.
        let same = counts.keys().find(|known| known.name == counter.name && known.period == counter.period).cloned();
        let count = counts.entry(same.unwrap_or_else(|| counter.clone())).or_default();
        if *count >= most {
            return Ok(Counted::Exhausted);
        }
        *count += 1;
        Ok(Counted::Within(*count))
    }
}

/// A secret with a history: each reading of the current value gives the next one, the last one for ever.
#[derive(Debug)]
pub(crate) struct Rotating {
    pub(crate) current: RefCell<Vec<&'static str>>,
    pub(crate) previous: Option<&'static str>,
    pub(crate) reads: RefCell<Vec<Stage>>,
}

impl Rotating {
    pub(crate) fn new(current: &[&'static str], previous: Option<&'static str>) -> Self {
        let current = RefCell::new(current.iter().rev().copied().collect());
        Self { current, previous, reads: RefCell::default() }
    }
}

impl SecretReader for &Rotating {
    async fn read(&self, stage: Stage) -> Result<Option<Secret>, SecretError> {
        self.reads.borrow_mut().push(stage);
        let secret = |value| Some(Secret::new(value).expect("a secret"));
        if stage == Stage::Previous {
            return Ok(self.previous.and_then(secret));
        }
        let mut current = self.current.borrow_mut();
        let value = if current.len() > 1 { current.pop() } else { current.last().copied() };
        Ok(value.and_then(secret))
    }
}

/// One client, one server, one clock.
pub(crate) struct Bench {
    pub(crate) server: ScriptedServer,
    pub(crate) clock: ManualClock,
    pub(crate) counters: MemoryCounters,
    pub(crate) settings: Settings,
}

impl Bench {
    pub(crate) fn new(script: impl FnMut(&Recorded) -> Reply + Send + 'static) -> Self {
        let server = ScriptedServer::with_tls(script);
        let mut settings = Settings::new(Version::V2, 1_000);
        settings.origin = server.origin();
        settings.numbering = Some(Numbering::FromOne);
        let clock = ManualClock::at("2025-04-16T06:00:00Z".parse().expect("a moment"));
        Self { server, clock, counters: MemoryCounters::default(), settings }
    }

    pub(crate) fn https(&self) -> HttpsClient {
        let trust = Trust::Only(vec![self.server.authority()]);
        HttpsClient::new([self.server.host()], LIMITS, trust)
    }

    pub(crate) fn fetch(&self, query: &Query) -> Result<Fetched, FetchError> {
        self.fetch_with(&Rotating::new(&[KEY], None), query)
    }

    pub(crate) fn fetch_with(&self, key: &Rotating, query: &Query) -> Result<Fetched, FetchError> {
        let client = TokenMetrics::new(self.https(), CachedSecret::new("tm-key", key), self.settings.clone());
        block_on(client.fetch(query, &self.clock, &self.counters, |_| ()))
    }

    /// The pages asked for, in order.
    pub(crate) fn pages(&self) -> Vec<u32> {
        let asked = self.server.asked();
        asked.iter().map(|request| page(request).try_into().expect("small")).collect()
    }
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

pub(crate) fn query(endpoint: Endpoint, tokens: Tokens) -> Query {
    let day = |text: &str| text.parse().expect("a day");
    Query { endpoint, from: day("2025-04-15"), to: day("2025-04-16"), tokens }
}

pub(crate) fn page(request: &Recorded) -> usize {
    request.parameter("page").expect("a page").parse().expect("a number")
}

pub(crate) fn envelope(records: &[Value]) -> Reply {
    let body =
        json!({ "success": true, "message": "Data fetched successfully", "length": records.len(), "data": records });
    Reply::json(200, body.to_string())
}

/// Trader grades of these tokens.
pub(crate) fn graded(tokens: impl IntoIterator<Item = u64>) -> Vec<Value> {
    let record = |token| json!({ "TOKEN_ID": token, "DATE": "2025-04-16T00:00:00.000Z", "TM_TRADER_GRADE": 50 + token % 50, "TA_GRADE": null });
    tokens.into_iter().map(record).collect()
}

/// What a sound API answers from these records: the asked page of the asked tokens, pages from `first`, at most `most`.
pub(crate) fn paged(records: &[Value], request: &Recorded, first: usize, most: usize) -> Reply {
    let ids: Option<Vec<u64>> =
        request.parameter("token_id").map(|ids| ids.split(',').map(|id| id.parse().expect("an id")).collect());
    let id = |record: &Value| record.get("TOKEN_ID").or_else(|| record.get("token_id")).and_then(Value::as_u64);
    let wanted: Vec<Value> = records
        .iter()
        .filter(|record| ids.as_ref().is_none_or(|ids| id(record).is_some_and(|id| ids.contains(&id))))
        .cloned()
        .collect();
    let limit: usize = request.parameter("limit").expect("a limit").parse().expect("a number");
    let size = limit.min(most);
    let Some(index) = page(request).checked_sub(first) else {
        let refusal = json!({ "success": false, "message": "Some thing wrong", "length": 0, "data": [] });
        return Reply::json(400, refusal.to_string());
    };
    envelope(&wanted.into_iter().skip(index * size).take(size).collect::<Vec<_>>())
}
