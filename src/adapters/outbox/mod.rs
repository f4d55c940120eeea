//! The outbox: a venue whose orders stand in the store until an executor carries them out.
//!
//! ```text
//! run ── place ─▶ order item (open) ─▶ table's stream ─▶ executor: acknowledge ─▶ fill, fill … ─▶ filled
//!  ▲                                                               │                  └▶ cancel, reject
//!  └── find_order, fills ◀────────────── order and account ◀───────┘ one transaction each
//! ```
//!
//! * Placing reserves what the order may cost or sell, as exchanges do: the balance never shows the same cash twice.
//! * A repeated client order id returns the original order; with another payload it is refused.
//! * A request past its deadline is refused. Whoever looks for an order and finds none closes the account to requests
//!   that had to arrive by then, so that one which stood still on its way is refused too, whatever its clock says.
//! * An order that nobody took in time ends when somebody looks at it, in the store and not in the answer only:
//!   whoever would take it later is refused.
//! * The account is a statement with every fill since. Its time is the statement's: a balance that nobody has stated for
//!   days is that old, whatever was filled meanwhile.
//!
//! * [`contract`]: what may happen to an order, pure.
//! * [`booking`]: what that does to the account, pure.
//! * [`executor`]: acknowledging, filling, rejecting, cancelling.
//! * [`statement`]: stating an account.

pub mod booking;
pub mod contract;
pub mod executor;
pub mod statement;

pub use contract::{Act, Actor, Refusal, ReportedFill};
pub use executor::{ActError, Executor, Recorded};

use crate::model::{AccountId, AccountSnapshot, Quantity, VenueId};
use crate::ports::Clock;
use crate::ports::capability;
use crate::ports::outbox::{Closing, OutboxAccount, OutboxAddress, OutboxLedger, OutboxOrder, OutboxState};
use crate::ports::store::{ITEM_SCHEMA, StoreError, Written};
use crate::ports::venue::{
    Fill, OrderRequest, PlaceError, Promise, Sought, Venue, VenueError, VenueOrder, VenueOrderStatus,
};

/// So often a step is tried anew because another writer came first.
const MOST_TRIES: u32 = 32;

/// The venue.
#[derive(Debug)]
pub struct Outbox<'a, L, C> {
    id: VenueId,
    ledger: &'a L,
    clock: &'a C,
}

impl<'a, L: OutboxLedger, C: Clock> Outbox<'a, L, C> {
    pub fn new(id: VenueId, ledger: &'a L, clock: &'a C) -> Self {
        Self { id, ledger, clock }
    }

    fn address(&self, sought: &Sought) -> OutboxAddress {
        OutboxAddress {
            venue: self.id.clone(),
            account: sought.venue_account.clone(),
            client_order_id: sought.client_order_id.clone(),
        }
    }

    /// The order as it is now: ended, if its time is over and nobody took it.
    async fn look(&self, address: &OutboxAddress) -> Result<Option<OutboxOrder>, StoreError> {
        for _ in 0..MOST_TRIES {
            let Some(order) = self.ledger.load_outbox_order(address).await? else {
                return Ok(None);
            };
            let Some(ended) = contract::expired(&order, self.clock.now()) else {
                return Ok(Some(order));
            };
            if executor::record(self.ledger, &order, &ended).await?.is_ok_and(|written| written == Written::Done) {
                return Ok(Some(ended));
            }
        }
        Err(crowded("looking for an order of the outbox"))
    }

    /// Closes the account to every request whose deadline is over by now. One that was on its way carries a revision of
    /// the account from before and is refused by that.
    async fn close_to_late_requests(&self, account: &AccountId) -> Result<(), StoreError> {
        for _ in 0..MOST_TRIES {
            let Some(before) = self.ledger.load_outbox_account(&self.id, account).await? else {
                return Ok(());
            };
            let now = self.clock.now();
            if before.closed_before.is_some_and(|closed| closed >= now) {
                return Ok(());
            }
            let revision = before.revision.saturating_add(1);
            let after = OutboxAccount { revision, closed_before: Some(now), ..before };
            if self.ledger.record_outbox(Some(&after), None).await? == Written::Done {
                return Ok(());
            }
        }
        Err(crowded("closing an account of the outbox to late requests"))
    }

    /// The account's statement with every fill since.
    ///
    /// # Errors
    /// When the store does not answer; within the answer, when there is no statement.
    pub async fn stated(&self, account: &AccountId) -> Result<Result<AccountSnapshot, Unstated>, StoreError> {
        let found = self.ledger.load_outbox_account(&self.id, account).await?;
        Ok(found.map(|found| found.balance()).ok_or_else(|| self.unstated(account)))
    }

    fn unstated(&self, account: &AccountId) -> Unstated {
        Unstated { venue: self.id.clone(), account: account.clone() }
    }

    async fn found(&self, sought: &Sought) -> Result<Option<OutboxOrder>, StoreError> {
        let address = self.address(sought);
        if let Some(order) = self.look(&address).await? {
            return Ok(Some(order));
        }
        self.close_to_late_requests(&sought.venue_account).await?;
        // It may have arrived in between, and would otherwise be called absent although it stands.
        self.look(&address).await
    }

    /// One try: the order as it now stands, or `None` when another writer came first.
    async fn try_to_place(&self, request: &OrderRequest) -> Result<Option<OutboxOrder>, PlaceError> {
        let unclear = |error: StoreError| PlaceError::Unclear(error.to_string());
        let address = OutboxAddress {
            venue: self.id.clone(),
            account: request.venue_account.clone(),
            client_order_id: request.client_order_id.clone(),
        };
        if let Some(known) = self.ledger.load_outbox_order(&address).await.map_err(unclear)? {
            return if is_the_same(&known, request) { Ok(Some(known)) } else { Err(other_payload(&known, request)) };
        }
        let account = self.ledger.load_outbox_account(&self.id, &request.venue_account).await.map_err(unclear)?;
        let account = account.ok_or_else(|| PlaceError::Refused(self.unstated(&request.venue_account).to_string()))?;
        let now = self.clock.now();
        if let Some(reason) = too_late(request, &account, now) {
            return Err(PlaceError::Refused(reason));
        }
        let order = opened(&self.id, request, now);
        let after = booking::booked(&account, None, &order).map_err(|why| PlaceError::Refused(why.to_string()))?;
        match self.ledger.record_outbox(Some(&after), Some(&order)).await.map_err(unclear)? {
            Written::Done => Ok(Some(order)),
            Written::Refused => Ok(None),
        }
    }
}

impl<L: OutboxLedger, C: Clock> Venue for Outbox<'_, L, C> {
    fn id(&self) -> &VenueId {
        &self.id
    }

    fn promise(&self) -> Promise {
        capability::OUTBOX.promise()
    }

    async fn account(&self, account: &AccountId) -> Result<AccountSnapshot, VenueError> {
        let question = "the account's balance";
        let stated = self.stated(account).await.map_err(|error| VenueError::of_store(question, &error))?;
        stated.map_err(|unstated| VenueError::Refused { question, cause: unstated.to_string() })
    }

    async fn place(&self, request: &OrderRequest) -> Result<VenueOrder, PlaceError> {
        for _ in 0..MOST_TRIES {
            // Refused by another order of the account, by an execution, or by this very order: look again.
            if let Some(order) = self.try_to_place(request).await? {
                return Ok(shown(&order));
            }
        }
        Err(PlaceError::Unclear(crowded("placing an order in the outbox").to_string()))
    }

    async fn find_order(&self, sought: &Sought) -> Result<Option<VenueOrder>, VenueError> {
        let found = self.found(sought).await;
        let found = found.map_err(|error| VenueError::of_store("where an order is", &error))?;
        Ok(found.as_ref().map(shown))
    }

    async fn fills(&self, sought: &Sought) -> Result<Vec<Fill>, VenueError> {
        let found = self.ledger.load_outbox_order(&self.address(sought)).await;
        let found = found.map_err(|error| VenueError::of_store("an order's fills", &error))?;
        let fills = found.into_iter().flat_map(|order| order.fills);
        Ok(fills.map(|fill| Fill { quantity: fill.quantity, price: fill.price, fee: fill.fee }).collect())
    }

    fn orders_rest(&self) -> bool {
        capability::OUTBOX.orders_rest
    }
}

fn opened(venue: &VenueId, request: &OrderRequest, now: jiff::Timestamp) -> OutboxOrder {
    OutboxOrder {
        schema: ITEM_SCHEMA,
        venue: venue.clone(),
        account: request.venue_account.clone(),
        client_order_id: request.client_order_id.clone(),
        revision: 1,
        state: OutboxState::Open,
        instrument: request.instrument.clone(),
        asset: request.asset.clone(),
        side: request.side,
        quantity: request.quantity,
        limit_price: request.limit_price,
        valid_until: request.valid_until,
        payload_digest: request.payload_digest.clone(),
        placed_at: now,
        acknowledged: None,
        filled_quantity: Quantity::ZERO,
        fills: Vec::new(),
        closing: None,
        expires_at_s: None,
    }
}

/// By its own clock, and by what others have found meanwhile.
fn too_late(request: &OrderRequest, account: &OutboxAccount, now: jiff::Timestamp) -> Option<String> {
    let invalid = || (now >= request.valid_until).then(|| format!("the order was valid until {}", request.valid_until));
    let closed = || request.looked_for_in_vain(account.closed_before);
    request.past_deadline(now).or_else(invalid).or_else(closed)
}

fn is_the_same(known: &OutboxOrder, request: &OrderRequest) -> bool {
    known.payload_digest == request.payload_digest
        && known.instrument == request.instrument
        && known.asset == request.asset
        && known.side == request.side
        && known.quantity == request.quantity
        && known.limit_price == request.limit_price
        && known.valid_until == request.valid_until
}

/// Not a refusal: an order stands there, and settlement finds out what it is.
fn other_payload(known: &OutboxOrder, request: &OrderRequest) -> PlaceError {
    PlaceError::DuplicateId(format!(
        "order {} stands in the outbox with the payload digest {} and is sent with {}",
        known.client_order_id, known.payload_digest, request.payload_digest
    ))
}

/// As settlement reads it.
fn shown(order: &OutboxOrder) -> VenueOrder {
    VenueOrder {
        client_order_id: order.client_order_id.clone(),
        venue_order_id: format!("outbox-{}", order.client_order_id),
        instrument: order.instrument.clone(),
        side: order.side,
        quantity: order.quantity,
        status: match order.state {
            OutboxState::Open | OutboxState::Acknowledged => VenueOrderStatus::Open,
            OutboxState::PartiallyFilled => VenueOrderStatus::PartiallyFilled,
            OutboxState::Filled => VenueOrderStatus::Filled,
            OutboxState::Cancelled | OutboxState::Expired => VenueOrderStatus::Cancelled,
            OutboxState::Rejected => VenueOrderStatus::Rejected,
        },
        filled_quantity: order.filled_quantity,
        refusal: order.closing.as_ref().filter(|_| order.state == OutboxState::Rejected).map(refusal),
    }
}

fn refusal(closing: &Closing) -> String {
    match &closing.by {
        Some(by) => format!("rejected by {by}: {}", closing.why),
        None => closing.why.clone(),
    }
}

/// Nobody has said what an account holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("account {account} of {venue} has no statement: say with `rebalance load` what it holds")]
pub struct Unstated {
    pub venue: VenueId,
    pub account: AccountId,
}

fn crowded(step: &'static str) -> StoreError {
    StoreError::Unavailable { step, cause: format!("another writer came first {MOST_TRIES} times") }
}
