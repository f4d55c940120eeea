//! Alerts of a run: told as lines of standard error, or sent where the policy says when that is asked for.
//!
//! A terminal has somebody who reads it, so nothing leaves the machine unasked. Whatever goes wrong here is told and
//! changes neither the run nor the exit code.

use std::cell::OnceCell;

use super::environment;
use crate::adapters::alerts::Channels;
use crate::adapters::alerts::log::LogChannel;
use crate::adapters::alerts::webhooks::Webhooks;
use crate::alerts::Told;
use crate::application::alerting::warnings;
use crate::model::alert::{AlertChannel, ChannelName};
use crate::ports::alert::{AlertMessage, Notifier, NotifyError};
use crate::ports::secret::{Secret, SecretError, SecretReader, Stage};

#[cfg(feature = "sns")]
type Topics = crate::adapters::alerts::sns::Sns;
#[cfg(not(feature = "sns"))]
type Topics = crate::adapters::alerts::NoChannel;

type Lines = LogChannel<fn(&str)>;
type Senders = Channels<Lines, Webhooks<fn(&str) -> EnvironmentSecret, EnvironmentSecret>, Topics>;

/// Who tells alerts here.
#[derive(Debug)]
pub(super) struct Alerting {
    lines: Lines,
    /// Made for the first message: most runs have none. Nothing where nothing is to be sent.
    senders: Option<OnceCell<Senders>>,
}

impl Alerting {
    /// `really`: to where the policy says; otherwise only here.
    pub(super) fn new(really: bool) -> Self {
        Self { lines: LogChannel::new(line), senders: really.then(OnceCell::new) }
    }

    /// Says which alerts were not told, and why.
    #[expect(clippy::unused_self, reason = "whoever told alerts says what became of them")]
    pub(super) fn warn(&self, told: Vec<Told>) {
        for warning in told.into_iter().flat_map(|told| warnings(&told)) {
            eprintln!("warning: {warning}");
        }
    }
}

impl Notifier for Alerting {
    async fn notify(
        &self,
        name: &ChannelName,
        channel: &AlertChannel,
        message: &AlertMessage,
    ) -> Result<(), NotifyError> {
        match &self.senders {
            None => self.lines.notify(name, channel, message).await,
            Some(senders) => senders.get_or_init(senders_of_this_machine).notify(name, channel, message).await,
        }
    }
}

fn line(text: &str) {
    eprintln!("{text}");
}

fn senders_of_this_machine() -> Senders {
    let webhooks = Webhooks::new(EnvironmentSecret::named as fn(&str) -> EnvironmentSecret);
    Channels { log: LogChannel::new(line), webhooks: Some(webhooks), sns: topics() }
}

#[cfg(feature = "sns")]
fn topics() -> Option<Topics> {
    environment::aws_access("SNS", None).map(|access| Topics::new(access.sns()))
}

#[cfg(not(feature = "sns"))]
const fn topics() -> Option<Topics> {
    None
}

/// A secret that a policy names, as the environment holds it.
#[derive(Debug)]
struct EnvironmentSecret(String);

impl EnvironmentSecret {
    fn named(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl SecretReader for EnvironmentSecret {
    async fn read(&self, stage: Stage) -> Result<Option<Secret>, SecretError> {
        if stage == Stage::Previous {
            return Ok(None);
        }
        let (variable, value) = environment::secret(&self.0);
        let value = value
            .ok_or_else(|| SecretError::Missing { name: self.0.clone(), cause: format!("{variable} is not set") })?;
        let secret = Secret::new(&value).map_err(|fault| SecretError::Malformed { name: variable, fault })?;
        Ok(Some(secret))
    }
}
