//! The venue port: what a trading venue must be able to do, and what it promises about repeated and late requests.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{AccountId, AccountSnapshot, AssetId, InstrumentId, Price, Quantity, Side};
use crate::model::{Money, VenueId};
use crate::ports::StoreError;

/// A trading venue. Orders are immediate-or-cancel limit orders; good-till-cancelled is not supported.
#[expect(async_fn_in_trait, reason = "callers are generic over the venue, and auto traits of the future follow it")]
pub trait Venue {
    /// Which venue this is.
    fn id(&self) -> &VenueId;

    /// What it promises, from its line of the [table](super::capability); recovery follows from this and from nothing
    /// else.
    fn promise(&self) -> Promise;

    /// Cash and holdings now.
    async fn account(&self, account: &AccountId) -> Result<AccountSnapshot, VenueError>;

    /// Sends one order, once: no retry of its own. What goes on the wire carries the request's own timestamp and
    /// deadline, for the deadline is what bounds a late arrival.
    async fn place(&self, request: &OrderRequest) -> Result<VenueOrder, PlaceError>;

    /// Finds an order by the client order id; `None` when the venue does not know it (yet).
    async fn find_order(&self, sought: &Sought) -> Result<Option<VenueOrder>, VenueError>;

    /// The executions of an order, oldest first.
    async fn fills(&self, sought: &Sought) -> Result<Vec<Fill>, VenueError>;

    /// Whether orders rest, from the same line: [`Capability::orders_rest`](super::capability::Capability::orders_rest).
    fn orders_rest(&self) -> bool {
        false
    }
}

/// What a venue promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promise {
    pub duplicates: Duplicates,
    /// Absent: a request may arrive at any later time and still be taken.
    pub late_requests: Option<LateRequests>,
}

/// What happens to a second order under the same client order id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duplicates {
    /// The original order comes back: sending again is safe.
    Replayed,
    /// Refused while the first is open, taken once it is filled: sending again is not safe.
    RefusedWhileOpen,
    Unchecked,
}

/// A late request is refused by the venue; after the deadline and both of these, absence is a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LateRequests {
    /// How far the venue's clock may be from ours.
    pub clock_skew_ms: u64,
    /// How long an accepted order may be missing from queries.
    pub query_lag_ms: u64,
    /// The longest time from signing to deadline that the venue takes.
    pub longest_window_ms: u64,
}

/// What goes on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRequest {
    pub client_order_id: String,
    pub venue_account: AccountId,
    pub instrument: InstrumentId,
    /// What is traded, for venues that keep the account themselves.
    pub asset: AssetId,
    pub side: Side,
    pub quantity: Quantity,
    pub limit_price: Price,
    /// Of the order as committed. Where an order rests, nothing of it may be executed after this.
    pub valid_until: Timestamp,
    /// SHA-256 of the order as committed, for venues that show it to others.
    pub payload_digest: String,
    /// The persisted timestamp of the attempt, not the time of the call.
    pub signed_at: Timestamp,
    /// The venue must refuse the request after this.
    pub deadline: Timestamp,
}

impl OrderRequest {
    /// Why a venue refuses it by its own clock.
    #[must_use]
    pub fn past_deadline(&self, now: Timestamp) -> Option<String> {
        (now > self.deadline).then(|| format!("the request's deadline {} is over", self.deadline))
    }

    /// Why a venue refuses it by what others have found meanwhile: at that time orders of its account were looked for, and
    /// what had to arrive before and had not was called absent. However long it stood still since its deadline was checked.
    #[must_use]
    pub fn looked_for_in_vain(&self, closed_before: Option<Timestamp>) -> Option<String> {
        let closed = closed_before.filter(|closed| self.deadline < *closed)?;
        Some(format!("the request's deadline {} is over: at {closed} the order was looked for", self.deadline))
    }
}

/// Which order is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sought {
    pub client_order_id: String,
    pub venue_account: AccountId,
    pub instrument: InstrumentId,
}

/// An order as the venue knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VenueOrder {
    pub client_order_id: String,
    pub venue_order_id: String,
    pub instrument: InstrumentId,
    pub side: Side,
    pub quantity: Quantity,
    pub status: VenueOrderStatus,
    pub filled_quantity: Quantity,
    /// Why it is `Rejected`, where the venue says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VenueOrderStatus {
    Open,
    PartiallyFilled,
    Filled,
    /// Ended before it was full; part of it may be filled.
    Cancelled,
    Rejected,
}

/// One execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fill {
    pub quantity: Quantity,
    pub price: Price,
    /// In quote currency.
    pub fee: Money,
}

/// Why an order is not known to be placed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// The venue said no, explicitly: nothing was placed and nothing will be.
    #[error("the venue refused the order: {0}")]
    Refused(String),
    /// The venue says that it has an order under this client order id. Not a refusal: the order that it has is this
    /// one, from a request whose answer was lost, and what became of it is to be asked.
    #[error("the venue has an order under this client order id already: {0}")]
    DuplicateId(String),
    /// A timeout, a 5xx, an answer that cannot be read: it may or may not be placed.
    #[error("it is unclear whether the venue took the order: {0}")]
    Unclear(String),
}

/// A question to the venue that was not answered. Nothing is known from it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VenueError {
    /// A timeout, an outage, a throttle: the next time it may answer.
    #[error("the venue did not answer {question}: {cause}; run again, nothing is sent twice")]
    Unanswered { question: &'static str, cause: String },
    /// It will not answer before somebody has done something: there is no such account, or it may not be read.
    #[error("the venue does not say {question}: {cause}")]
    Refused { question: &'static str, cause: String },
}

impl VenueError {
    /// What it means for a question that a venue keeps its books in the store.
    #[must_use]
    pub fn of_store(question: &'static str, error: &StoreError) -> Self {
        let cause = error.to_string();
        match error {
            StoreError::Unavailable { .. } => Self::Unanswered { question, cause },
            StoreError::Corrupt { .. } | StoreError::Invalid { .. } => Self::Refused { question, cause },
        }
    }
}
