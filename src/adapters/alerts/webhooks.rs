//! Slack's incoming webhooks and Telegram's bots.
//!
//! Both put what opens them into the address: the address is a secret, and errors name the host alone.

use http::Method;
use secrecy::zeroize::Zeroizing;
use serde_json::json;

use super::text;
use crate::adapters::https::{HttpsAnswer, HttpsClient, HttpsError, HttpsLimits, HttpsRequest, Trust};
use crate::model::alert::{AlertChannel, ChannelName};
use crate::ports::alert::{AlertMessage, Notifier, NotifyError};
use crate::ports::secret::{Secret, SecretReader, Stage};

pub const SLACK_HOST: &str = "hooks.slack.com";
pub const TELEGRAM_HOST: &str = "api.telegram.org";

/// Messages are short, and a run waits for them.
pub const LIMITS: HttpsLimits = HttpsLimits { time_ms: 5_000, body_bytes: 64 * 1024 };

/// Slack cuts a text of more characters itself.
const SLACK_LONGEST: usize = 4_000;
/// Telegram refuses a text of more UTF-16 code units.
const TELEGRAM_LONGEST: usize = 4_096;

/// Slack and Telegram. `secrets` finds the reader of a secret by the name that the policy gives it.
#[derive(Debug)]
pub struct Webhooks<F> {
    https: HttpsClient,
    /// `https://api.telegram.org`, without a slash at the end.
    telegram: String,
    secrets: F,
}

impl<F, R> Webhooks<F>
where
    F: Fn(&str) -> R,
    R: SecretReader,
{
    /// The services themselves.
    pub fn new(secrets: F) -> Self {
        let https = HttpsClient::new([SLACK_HOST, TELEGRAM_HOST], LIMITS, Trust::System);
        Self::through(https, &format!("https://{TELEGRAM_HOST}"), secrets)
    }

    /// Through a client of one's own, which must allow the hosts.
    pub fn through(https: HttpsClient, telegram: &str, secrets: F) -> Self {
        Self { https, telegram: telegram.to_owned(), secrets }
    }

    async fn secret(&self, name: &str) -> Result<Secret, NotifyError> {
        let secret = (self.secrets)(name).read(Stage::Current).await;
        let secret = secret.map_err(|error| NotifyError::Refused(error.to_string()))?;
        secret.ok_or_else(|| NotifyError::Refused(format!("the secret {name} has no value in force")))
    }

    async fn post(&self, address: Secret, body: &serde_json::Value) -> Result<HttpsAnswer, NotifyError> {
        let body = Some(body.to_string().into_bytes());
        let request = HttpsRequest { method: Method::POST, address, headers: Vec::new(), body };
        self.https.send(request).await.map_err(|error| match error {
            HttpsError::NoAnswer { .. } | HttpsError::TooLarge { .. } => NotifyError::Unclear(error.to_string()),
            _ => NotifyError::Refused(error.to_string()),
        })
    }

    async fn slack(&self, webhook: &str, message: &AlertMessage) -> Result<(), NotifyError> {
        let text = slack_escaped(&text::full(message, SLACK_LONGEST));
        let answer = self.post(self.secret(webhook).await?, &json!({ "text": text })).await?;
        taken("Slack", &answer, answer.body == b"ok")
    }

    async fn telegram(&self, chat: &str, token: &str, message: &AlertMessage) -> Result<(), NotifyError> {
        let token = self.secret(token).await?;
        let address = Zeroizing::new(format!("{}/bot{}/sendMessage", self.telegram, token.expose()));
        let address = Secret::new(&address);
        let address = address.map_err(|fault| NotifyError::Refused(format!("the bot's address: {fault}")))?;
        // Without `parse_mode` nothing in the text is markup.
        let text = text::full(message, TELEGRAM_LONGEST);
        let body = json!({ "chat_id": chat, "text": text, "link_preview_options": { "is_disabled": true } });
        let answer = self.post(address, &body).await?;
        let told: Option<serde_json::Value> = serde_json::from_slice(&answer.body).ok();
        taken(
            "Telegram",
            &answer,
            told.is_some_and(|told| told.get("ok").and_then(serde_json::Value::as_bool) == Some(true)),
        )
    }
}

impl<F, R> Notifier for Webhooks<F>
where
    F: Fn(&str) -> R,
    R: SecretReader,
{
    async fn notify(
        &self,
        name: &ChannelName,
        channel: &AlertChannel,
        message: &AlertMessage,
    ) -> Result<(), NotifyError> {
        match channel {
            AlertChannel::Slack { webhook_secret } => self.slack(webhook_secret, message).await,
            AlertChannel::Telegram { chat, token_secret } => self.telegram(chat, token_secret, message).await,
            AlertChannel::Log {} | AlertChannel::Sns { .. } => Err(super::absent(name.as_str())),
        }
    }
}

/// What Slack takes for markup.
fn slack_escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Their answers may repeat the address, so only the status is told.
fn taken(who: &str, answer: &HttpsAnswer, is_theirs: bool) -> Result<(), NotifyError> {
    match answer.status {
        200 if is_theirs => Ok(()),
        200 | 500..=599 => {
            Err(NotifyError::Unclear(format!("{who} answered {} and not that it took it", answer.status)))
        }
        status => Err(NotifyError::Refused(format!("{who} answered {status}"))),
    }
}
