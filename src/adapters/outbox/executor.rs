//! What an executor does to an order: each act one transaction of order and account, and safe to repeat.

use super::booking::{self, Shortfall};
use super::contract::{self, Act, Actor, Refusal};
use super::{MOST_TRIES, crowded};
use crate::ports::Clock;
use crate::ports::outbox::{OutboxAddress, OutboxLedger, OutboxOrder};
use crate::ports::store::{StoreError, Written};

/// One executor. Its name is that of one worker: two that share a name cannot tell whose an order is.
#[derive(Debug)]
pub struct Executor<'a, L, C> {
    ledger: &'a L,
    clock: &'a C,
    name: String,
    force: Option<String>,
}

/// An act that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    Now(OutboxOrder),
    /// It was recorded before, by this executor.
    Before(OutboxOrder),
}

impl Recorded {
    /// The order as it now stands.
    #[must_use]
    pub const fn order(&self) -> &OutboxOrder {
        match self {
            Self::Now(order) | Self::Before(order) => order,
        }
    }
}

/// Why an act does not stand. Nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActError {
    #[error("no order {client_order_id} stands in the outbox of {account} at {venue}; `rebalance orders` lists them", client_order_id = .0.client_order_id, account = .0.account, venue = .0.venue)]
    NoSuchOrder(OutboxAddress),
    #[error("order {client_order_id} is left as it was: {why}")]
    Refused { client_order_id: String, why: Refusal },
    #[error("order {client_order_id} is left as it was: {why}")]
    Unpayable { client_order_id: String, why: Shortfall },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<'a, L: OutboxLedger, C: Clock> Executor<'a, L, C> {
    pub fn new(ledger: &'a L, clock: &'a C, name: impl Into<String>) -> Self {
        Self { ledger, clock, name: name.into(), force: None }
    }

    /// A person who records facts that break the rules, and why: [`Actor::force`].
    #[must_use]
    pub fn forcing(self, why: Option<String>) -> Self {
        Self { force: why, ..self }
    }

    /// Does it, once: what was done before is answered with [`Recorded::Before`].
    ///
    /// # Errors
    /// When there is no such order, the contract or the balance does not allow it, or the store does not answer: then
    /// it may be done or not, and is to be repeated.
    pub async fn act(&self, address: &OutboxAddress, act: &Act) -> Result<Recorded, ActError> {
        for _ in 0..MOST_TRIES {
            let before = self.ledger.load_outbox_order(address).await?;
            let before = before.ok_or_else(|| ActError::NoSuchOrder(address.clone()))?;
            let now = self.clock.now();
            // Too late is too late in the store as well: the run that waits for it learns its end.
            if let Some(ended) = contract::expired(&before, now) {
                // Refused or short: whoever looks next sees to it, and this answer is the same.
                let _ = record(self.ledger, &before, &ended).await?;
                let why = Refusal::Overdue { valid_until: before.valid_until };
                return Err(ActError::Refused { client_order_id: before.client_order_id, why });
            }
            let actor = Actor { name: self.name.clone(), now, force: self.force.clone() };
            let after = match contract::carried(&before, act, &actor) {
                Ok(Some(after)) => after,
                Ok(None) => return Ok(Recorded::Before(before)),
                Err(why) => return Err(ActError::Refused { client_order_id: before.client_order_id, why }),
            };
            match record(self.ledger, &before, &after).await? {
                Ok(Written::Done) => return Ok(Recorded::Now(after)),
                // Somebody else's act came first, or this very one whose answer was lost: look again.
                Ok(Written::Refused) => {}
                Err(why) => return Err(ActError::Unpayable { client_order_id: before.client_order_id, why }),
            }
        }
        Err(crowded("changing an order of the outbox").into())
    }
}

/// Order and account in one transaction. An acknowledgement leaves the account alone.
pub(super) async fn record<L: OutboxLedger>(
    ledger: &L,
    before: &OutboxOrder,
    after: &OutboxOrder,
) -> Result<Result<Written, Shortfall>, StoreError> {
    if before.remaining() == after.remaining() {
        return Ok(Ok(ledger.record_outbox(None, Some(after)).await?));
    }
    let Some(account) = ledger.load_outbox_account(&before.venue, &before.account).await? else {
        let item = format!("account {} of the outbox {}", before.account, before.venue);
        let cause = format!("it is gone, and order {} belongs to it", before.client_order_id);
        return Err(StoreError::Corrupt { item, cause });
    };
    match booking::booked(&account, Some(before), after) {
        Ok(account) => Ok(Ok(ledger.record_outbox(Some(&account), Some(after)).await?)),
        Err(why) => Ok(Err(why)),
    }
}
