//! The channel that leaves nothing but a line: what a terminal and a first day on AWS use.

use super::text;
use crate::model::alert::{AlertChannel, ChannelName};
use crate::ports::alert::{AlertMessage, Notifier, NotifyError};

/// Hands every message, to whatever kind of channel, to a writer of lines.
#[derive(Debug)]
pub struct LogChannel<F>(F);

impl<F: Fn(&str)> LogChannel<F> {
    pub const fn new(write: F) -> Self {
        Self(write)
    }
}

impl<F: Fn(&str)> Notifier for LogChannel<F> {
    async fn notify(
        &self,
        name: &ChannelName,
        channel: &AlertChannel,
        message: &AlertMessage,
    ) -> Result<(), NotifyError> {
        let kind = match channel {
            AlertChannel::Log {} => "log",
            AlertChannel::Sns { .. } => "sns",
            AlertChannel::Slack { .. } => "slack",
            AlertChannel::Telegram { .. } => "telegram",
        };
        (self.0)(&format!("alert for {name} ({kind}): {}", text::line(message)));
        Ok(())
    }
}
