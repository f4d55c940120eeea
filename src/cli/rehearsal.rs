//! What stands in for store, venue and patience in a rehearsal; see [`crate::adapters::rehearsal`].

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::store::OpenStore;
use crate::adapters::dynamodb::DynamoStore;
use crate::adapters::rehearsal::client;
use crate::adapters::rehearsal::venue::HttpVenue;
use crate::execution::Settings;
use crate::model::VenueId;
use crate::ports::venue::Promise;

/// How long a worker waits for one answer of the store.
const STORE_PATIENCE: Duration = Duration::from_millis(400);

/// The argument, as JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rehearsal {
    /// Addresses of the DynamoDB endpoint and of the simulated venue.
    pub store: String,
    pub venue: String,
    pub table: String,
    /// What that venue keeps.
    pub promise: Promise,
    pub patience: Patience,
}

/// In milliseconds, so that a lease is over and a deadline has passed while one waits.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Patience {
    pub lease_ms: u64,
    pub send_window_ms: u64,
    pub phase_timeout_ms: u64,
    pub poll_interval_ms: u64,
}

impl Rehearsal {
    /// The argument's value.
    ///
    /// # Errors
    /// When it is no such JSON; the message names the field.
    pub fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    pub(super) fn open(&self) -> OpenStore {
        OpenStore::Elsewhere(DynamoStore::new(client(&self.store, STORE_PATIENCE), &self.table))
    }

    pub(super) fn venue(&self, id: &VenueId) -> HttpVenue {
        HttpVenue { id: id.clone(), promise: self.promise, address: self.venue.clone() }
    }

    pub(super) fn settings(&self) -> Settings {
        let Patience { lease_ms, send_window_ms, phase_timeout_ms, poll_interval_ms } = self.patience;
        Settings { lease_ms, send_window_ms, phase_timeout_ms, poll_interval_ms, ..Settings::default() }
    }
}
