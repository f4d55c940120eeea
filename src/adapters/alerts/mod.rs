//! Channels of alerts: a log line, Slack, Telegram, SNS.
//!
//! * [`text`]: how a message reads, for all of them.
//! * [`log`]: nothing leaves the machine.
//! * `webhooks` (feature `webhooks`): Slack and Telegram.
//! * `sns` (feature `sns`): topics of AWS SNS.
//! * [`Channels`]: the one that the policy names.

pub mod log;
#[cfg(feature = "sns")]
pub mod sns;
pub mod text;
#[cfg(feature = "webhooks")]
pub mod webhooks;

use crate::model::alert::{AlertChannel, ChannelName};
use crate::ports::alert::{AlertMessage, Notifier, NotifyError};

/// Every kind of channel that this build has. What is absent cannot be sent to, and says so.
#[derive(Debug)]
pub struct Channels<L, W, S> {
    pub log: L,
    pub webhooks: Option<W>,
    pub sns: Option<S>,
}

impl<L: Notifier, W: Notifier, S: Notifier> Notifier for Channels<L, W, S> {
    async fn notify(
        &self,
        name: &ChannelName,
        channel: &AlertChannel,
        message: &AlertMessage,
    ) -> Result<(), NotifyError> {
        match (channel, &self.webhooks, &self.sns) {
            (AlertChannel::Log {}, ..) => self.log.notify(name, channel, message).await,
            (AlertChannel::Slack { .. } | AlertChannel::Telegram { .. }, Some(webhooks), _) => {
                webhooks.notify(name, channel, message).await
            }
            (AlertChannel::Sns { .. }, _, Some(sns)) => sns.notify(name, channel, message).await,
            (AlertChannel::Slack { .. } | AlertChannel::Telegram { .. }, None, _) => Err(absent("webhooks")),
            (AlertChannel::Sns { .. }, _, None) => Err(absent("SNS")),
        }
    }
}

fn absent(what: &str) -> NotifyError {
    NotifyError::Refused(format!("{what} cannot be spoken to from here"))
}

/// A kind of channel that is not there.
#[derive(Debug, Clone, Copy)]
pub struct NoChannel;

impl Notifier for NoChannel {
    async fn notify(&self, name: &ChannelName, _: &AlertChannel, _: &AlertMessage) -> Result<(), NotifyError> {
        Err(absent(name.as_str()))
    }
}
