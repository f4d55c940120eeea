//! The ports of alerts: who carries a message, and who remembers that it was sent.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::store::{StoreError, Written};
use crate::model::alert::{AlertChannel, AlertEvent, ChannelName};

/// One message, for people. Channels lay it out; they add nothing and leave nothing out but for length.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlertMessage {
    /// The same message has the same key for ever: who gets it twice can tell.
    pub key: Uuid,
    pub run_id: Uuid,
    pub event: AlertEvent,
    pub severity: Severity,
    /// One line, without the portfolio's name.
    pub title: String,
    /// Whose it is: `blue-chip (paper, binance/main)`.
    pub about: String,
    /// One fact each.
    pub lines: Vec<String>,
    /// Where the run's page is, or why it is nowhere; absent where no pages are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
}

/// How soon somebody should look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Info,
    Warning,
    /// A person must look.
    Critical,
}

impl Severity {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// Carries messages to channels.
#[expect(async_fn_in_trait, reason = "callers are generic over the notifier, and auto traits of the future follow it")]
pub trait Notifier {
    /// Sends once; no repetition of its own.
    async fn notify(
        &self,
        name: &ChannelName,
        channel: &AlertChannel,
        message: &AlertMessage,
    ) -> Result<(), NotifyError>;
}

/// Why a message is not known to have arrived. Says nothing of addresses and tokens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotifyError {
    /// It did not arrive and was not taken.
    #[error("the message was not taken: {0}")]
    Refused(String),
    /// Nothing was sent: what is on the way to the channel did not answer, and may in a moment.
    #[error("the message was not sent: {0}")]
    Unreachable(String),
    /// It may have arrived.
    #[error("it is unclear whether the message arrived: {0}")]
    Unclear(String),
}

/// What was sent, so that it is sent once.
#[expect(async_fn_in_trait, reason = "callers are generic over the log, and auto traits of the future follow it")]
pub trait AlertLog {
    async fn load_alert(&self, run_id: Uuid, key: Uuid) -> Result<Option<AlertItem>, StoreError>;

    /// One conditional write: puts the item, if what is there is `before`, or nothing where that is absent.
    async fn put_alert(&self, before: Option<&AlertItem>, after: &AlertItem) -> Result<Written, StoreError>;
}

/// One message to one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertItem {
    pub schema: u32,
    pub run_id: Uuid,
    pub key: Uuid,
    pub event: AlertEvent,
    pub channel: ChannelName,
    pub state: AlertState,
    /// Deliveries of the run that began to send it.
    pub attempts: u32,
    /// Why it was not sent; empty otherwise.
    pub note: String,
    pub updated_at: Timestamp,
    pub expires_at_s: i64,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// Being sent; or whoever sent it is gone, and then nobody knows. Never sent again.
    Sending,
    Sent,
    /// It may have arrived. Never sent again.
    Unclear,
    /// It did not arrive. Another delivery of the run tries again, a few times.
    Refused,
    /// The hour's messages were used up. Another delivery of the run tries again.
    Suppressed,
}
