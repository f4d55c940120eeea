//! Each event to each of its channels, once per run.
//!
//! ```text
//! key = run, event, channel, subjects
//! nothing stored ─▶ Sending ─▶ send ─┬─ taken ────▶ Sent
//!                      │             ├─ lost ─────▶ Unclear    nobody sends it again: once means at most once
//!                      │             ├─ refused ──▶ Refused    another delivery of the run tries again, a few times
//!                      │             └─ not sent ─▶ (send)     in a moment, while there is time; then as refused
//!                      └─ the worker is gone: as Unclear
//! ```
//!
//! A second worker that tells the same run meets the first one's item and leaves it alone.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::task::Poll;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::Alert;
use crate::model::alert::{AlertChannel, AlertEvent, AlertPolicy, ChannelName};
use crate::planning::idempotency::alert_key;
use crate::ports::Clock;
use crate::ports::alert::{AlertItem, AlertLog, AlertMessage, AlertState, Notifier, NotifyError};
use crate::ports::counter::{Counted, Counter, Counters};
use crate::ports::store::{ITEM_SCHEMA, StoreError, Written};

/// Deliveries of a run that send one message, which was refused each time.
const MOST_ATTEMPTS: u32 = 3;

/// Milliseconds before a message is sent again that never left. A run that is over is not delivered again by itself, so
/// what can be had by waiting a moment is waited for.
const WAITS_MS: [u32; 2] = [500, 2_000];

/// How long a message is remembered: longer than any delivery of its run can come back.
const REMEMBERED_S: i64 = 90 * 24 * 60 * 60;

/// The longest that the alerts of one run may take. What is left over stays for another delivery of the run.
const LONGEST: SignedDuration = SignedDuration::from_secs(15);

/// What became of one event on one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub key: Uuid,
    pub event: AlertEvent,
    pub channel: ChannelName,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Sent,
    /// An earlier delivery of the run, or another worker, has sent it or tried to.
    AlreadyTold,
    /// The channel's messages of this hour are used up.
    Suppressed,
    /// The time for alerts was over.
    NoTime,
    /// In words, without addresses and tokens.
    Failed(String),
}

/// Sends what the policy wants sent. Never an error, and never a panic of a channel: an alert does not end a run.
pub async fn dispatch<N: Notifier, L: AlertLog + Counters, C: Clock>(
    alerts: &[Alert],
    policy: &AlertPolicy,
    notifier: &N,
    log: &L,
    clock: &C,
) -> Vec<Delivery> {
    let began = clock.now();
    let mut deliveries = Vec::new();
    for alert in alerts {
        for name in policy.channels_of(alert.event) {
            let key = alert_key(alert.run_id, alert.event.as_str(), name.as_str(), &alert.subjects);
            let outcome = match policy.channels.get(name) {
                None => Outcome::Failed("the policy names no such channel".to_owned()),
                Some(_) if clock.now().duration_since(began) > LONGEST => Outcome::NoTime,
                Some(channel) => {
                    let most = policy.most_messages_per_hour;
                    let one = One { alert, key, name, channel, most_per_hour: most, began };
                    let told = caught(one.deliver(notifier, log, clock)).await;
                    told.unwrap_or_else(|| Outcome::Failed("the channel ended in a defect".to_owned()))
                }
            };
            deliveries.push(Delivery { key, event: alert.event, channel: name.clone(), outcome });
        }
    }
    deliveries
}

/// One message to one channel.
struct One<'a> {
    alert: &'a Alert,
    key: Uuid,
    name: &'a ChannelName,
    channel: &'a AlertChannel,
    most_per_hour: u32,
    /// When the first of the run's alerts was.
    began: Timestamp,
}

impl One<'_> {
    async fn deliver<N: Notifier, L: AlertLog + Counters, C: Clock>(
        &self,
        notifier: &N,
        log: &L,
        clock: &C,
    ) -> Outcome {
        match self.claim(log, clock.now()).await {
            Err(error) => Outcome::Failed(format!("whether it was sent before is not known: {error}")),
            Ok(Claimed::Told) => Outcome::AlreadyTold,
            Ok(Claimed::Suppressed) => Outcome::Suppressed,
            Ok(Claimed::Mine(item)) => {
                let sent = self.send(notifier, clock).await;
                let (state, note) = match &sent {
                    Ok(()) => (AlertState::Sent, String::new()),
                    Err(error @ NotifyError::Unclear(_)) => (AlertState::Unclear, error.to_string()),
                    Err(error) => (AlertState::Refused, error.to_string()),
                };
                let after = AlertItem { state, note: note.clone(), updated_at: clock.now(), ..*item.clone() };
                // When this is lost the item stays Sending, which nobody sends again either.
                let _ = log.put_alert(Some(&item), &after).await;
                if sent.is_ok() { Outcome::Sent } else { Outcome::Failed(note) }
            }
        }
    }

    /// Sends it, and again where nothing was sent.
    async fn send<N: Notifier, C: Clock>(&self, notifier: &N, clock: &C) -> Result<(), NotifyError> {
        let message = self.message();
        for wait_ms in WAITS_MS {
            match notifier.notify(self.name, self.channel, &message).await {
                Err(NotifyError::Unreachable(_)) if self.has_time_for(wait_ms, clock.now()) => {
                    clock.pause(u64::from(wait_ms)).await;
                }
                other => return other,
            }
        }
        notifier.notify(self.name, self.channel, &message).await
    }

    fn has_time_for(&self, wait_ms: u32, now: Timestamp) -> bool {
        now.duration_since(self.began).saturating_add(SignedDuration::from_millis(wait_ms.into())) <= LONGEST
    }

    /// Takes the message for this worker, unless it was taken.
    async fn claim<L: AlertLog + Counters>(&self, log: &L, now: Timestamp) -> Result<Claimed, StoreError> {
        let before = log.load_alert(self.alert.run_id, self.key).await?;
        let attempts = match &before {
            None => 0,
            Some(item) => match item.state {
                AlertState::Suppressed => item.attempts,
                AlertState::Refused if item.attempts < MOST_ATTEMPTS => item.attempts,
                _ => return Ok(Claimed::Told),
            },
        };
        let hour = Counter {
            name: format!("alerts.{}", self.name),
            period: now.strftime("%Y-%m-%dT%H").to_string(),
            expires_at_s: now.as_second() + 2 * 60 * 60,
        };
        let has_room = log.count(&hour, u64::from(self.most_per_hour)).await? != Counted::Exhausted;
        let (state, attempts) =
            if has_room { (AlertState::Sending, attempts + 1) } else { (AlertState::Suppressed, attempts) };
        let item = AlertItem {
            schema: ITEM_SCHEMA,
            run_id: self.alert.run_id,
            key: self.key,
            event: self.alert.event,
            channel: self.name.clone(),
            state,
            attempts,
            note: String::new(),
            updated_at: now,
            expires_at_s: now.as_second() + REMEMBERED_S,
        };
        match log.put_alert(before.as_ref(), &item).await? {
            Written::Refused => Ok(Claimed::Told),
            Written::Done if has_room => Ok(Claimed::Mine(Box::new(item))),
            Written::Done => Ok(Claimed::Suppressed),
        }
    }

    fn message(&self) -> AlertMessage {
        AlertMessage {
            key: self.key,
            run_id: self.alert.run_id,
            event: self.alert.event,
            severity: self.alert.severity,
            title: self.alert.title.clone(),
            about: self.alert.about.clone(),
            lines: self.alert.lines.clone(),
            page: None,
        }
    }
}

enum Claimed {
    Mine(Box<AlertItem>),
    Told,
    Suppressed,
}

/// What comes of it; nothing when it panics on the way.
pub(crate) async fn caught<T>(work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    std::future::poll_fn(|context| match std::panic::catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
        Ok(Poll::Ready(done)) => Poll::Ready(Some(done)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(_) => Poll::Ready(None),
    })
    .await
}
