//! What was told of a run, so that it is told once.

use uuid::Uuid;

use super::keys;
use super::{Condition, DynamoStore, encode, number, text};
use crate::ports::alert::{AlertItem, AlertLog, AlertState};
use crate::ports::store::{StoreError, Written};

impl AlertLog for DynamoStore {
    async fn load_alert(&self, run_id: Uuid, key: Uuid) -> Result<Option<AlertItem>, StoreError> {
        self.get_as(&keys::alert(run_id, key), "reading an alert").await
    }

    async fn put_alert(&self, before: Option<&AlertItem>, after: &AlertItem) -> Result<Written, StoreError> {
        let condition = before.map_or_else(Condition::absent, |before| {
            Condition::all_equal([("state", text(state(before.state))), ("attempts", number(before.attempts))])
        });
        let key = keys::alert(after.run_id, after.key);
        let done = self.put_if(&key, encode(after)?, condition, "recording an alert").await?;
        Ok(if done { Written::Done } else { Written::Refused })
    }
}

/// As the item is stored.
const fn state(state: AlertState) -> &'static str {
    match state {
        AlertState::Sending => "sending",
        AlertState::Sent => "sent",
        AlertState::Unclear => "unclear",
        AlertState::Refused => "refused",
        AlertState::Suppressed => "suppressed",
    }
}
