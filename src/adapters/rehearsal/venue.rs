//! The venue port over HTTP, one connection and one try for each call.

use std::time::Duration;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::wire::{self, Message};
use crate::model::{AccountId, AccountSnapshot, Price, Quantity, Side, VenueId};
use crate::ports::venue::{Fill, OrderRequest, PlaceError, Promise, Sought, Venue, VenueError, VenueOrder};

/// How long one call may take.
const PATIENCE: Duration = Duration::from_millis(80);

/// An order as it is sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Placing {
    pub account: String,
    pub client_order_id: String,
    pub instrument: String,
    pub side: Side,
    pub quantity: Quantity,
    pub limit_price: Price,
    pub signed_at: Timestamp,
    pub deadline: Timestamp,
}

/// Which order is asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Asked {
    pub account: String,
    pub client_order_id: String,
}

/// The simulated venue behind an address.
#[derive(Debug, Clone)]
pub struct HttpVenue {
    pub id: VenueId,
    /// What that venue keeps.
    pub promise: Promise,
    pub address: String,
}

impl HttpVenue {
    async fn ask<T: Serialize, A: DeserializeOwned>(
        &self,
        question: &'static str,
        path: &str,
        body: &T,
    ) -> Result<A, VenueError> {
        let failed = |cause: String| VenueError::Unanswered { question, cause };
        let body = serde_json::to_vec(body).map_err(|error| failed(error.to_string()))?;
        let answer = wire::call(&self.address, &Message::request(path, &body), PATIENCE).await;
        let answer = answer.map_err(|error| failed(error.to_string()))?;
        if answer.status() != 200 {
            return Err(failed(format!("status {}", answer.status())));
        }
        serde_json::from_slice(&answer.body).map_err(|error| failed(error.to_string()))
    }
}

fn asked(sought: &Sought) -> Asked {
    Asked { account: sought.venue_account.to_string(), client_order_id: sought.client_order_id.clone() }
}

impl Venue for HttpVenue {
    fn id(&self) -> &VenueId {
        &self.id
    }

    fn promise(&self) -> Promise {
        self.promise
    }

    async fn account(&self, account: &AccountId) -> Result<AccountSnapshot, VenueError> {
        self.ask("the account's balance", "/account", &account.to_string()).await
    }

    async fn place(&self, request: &OrderRequest) -> Result<VenueOrder, PlaceError> {
        let placing = Placing {
            account: request.venue_account.to_string(),
            client_order_id: request.client_order_id.clone(),
            instrument: request.instrument.to_string(),
            side: request.side,
            quantity: request.quantity,
            limit_price: request.limit_price,
            signed_at: request.signed_at,
            deadline: request.deadline,
        };
        let unclear = |cause: String| PlaceError::Unclear(cause);
        let body = serde_json::to_vec(&placing).map_err(|error| unclear(error.to_string()))?;
        let answer = wire::call(&self.address, &Message::request("/place", &body), PATIENCE).await;
        let answer = answer.map_err(|error| unclear(error.to_string()))?;
        match answer.status() {
            200 => serde_json::from_slice(&answer.body).map_err(|error| unclear(error.to_string())),
            409 => Err(PlaceError::DuplicateId(String::from_utf8_lossy(&answer.body).into_owned())),
            422 => Err(PlaceError::Refused(String::from_utf8_lossy(&answer.body).into_owned())),
            other => Err(unclear(format!("status {other}"))),
        }
    }

    async fn find_order(&self, sought: &Sought) -> Result<Option<VenueOrder>, VenueError> {
        self.ask("where an order is", "/find", &asked(sought)).await
    }

    async fn fills(&self, sought: &Sought) -> Result<Vec<Fill>, VenueError> {
        self.ask("an order's fills", "/fills", &asked(sought)).await
    }
}
