//! What was told of a run, so that it is told once.

use uuid::Uuid;

use super::keys::{self, PUT_TOKEN};
use super::{Condition, DynamoStore, encode, number, text};
use crate::adapters::clock::claim_token;
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
        let token = text(claim_token().to_string());
        let mut item = encode(after)?;
        let _ = item.insert(PUT_TOKEN.to_owned(), token.clone());
        if self.put_if(&key, item, condition, "recording an alert").await? {
            return Ok(Written::Done);
        }
        // Where the answer to a put was lost, its repetition is refused by what the first one wrote. Taken for another's,
        // the message would be sent by nobody.
        let stored = self.get(&key, "reading an alert").await?;
        let is_own = stored.is_some_and(|stored| stored.get(PUT_TOKEN) == Some(&token));
        Ok(if is_own { Written::Done } else { Written::Refused })
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
