//! Slack's incoming webhooks and Telegram's bots.
//!
//! Both put what opens them into the address: the address is a secret, and errors name the host alone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::Method;
use secrecy::zeroize::Zeroizing;
use serde_json::json;

use super::text;
use crate::adapters::https::{HttpsAnswer, HttpsClient, HttpsError, HttpsLimits, HttpsRequest, Trust};
use crate::adapters::secrets::CachedSecret;
use crate::model::alert::{AlertChannel, ChannelName};
use crate::ports::alert::{AlertMessage, Notifier, NotifyError};
use crate::ports::secret::{Secret, SecretError, SecretReader};

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
pub struct Webhooks<F, R> {
    https: HttpsClient,
    /// `https://api.telegram.org`, without a slash at the end.
    telegram: String,
    secrets: F,
    /// By name: a secret is read for its first message, and again when a message is refused with it.
    known: Mutex<BTreeMap<String, Arc<CachedSecret<R>>>>,
}

impl<F, R> Webhooks<F, R>
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
        Self { https, telegram: telegram.to_owned(), secrets, known: Mutex::default() }
    }

    fn secret(&self, name: &str) -> Arc<CachedSecret<R>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let read = || Arc::new(CachedSecret::new(name, (self.secrets)(name)));
        Arc::clone(known.entry(name.to_owned()).or_insert_with(read))
    }

    /// Posts to the address that the secret of this name makes. Where it is refused for its address and the secret has
    /// another value by now, once more to that one: what was refused was not taken.
    async fn post(
        &self,
        name: &str,
        address: impl Fn(&Secret) -> Result<Secret, NotifyError>,
        body: &serde_json::Value,
    ) -> Result<HttpsAnswer, NotifyError> {
        let cached = self.secret(name);
        let secret = cached.current().await.map_err(|error| of_secret(&error))?;
        let answer = self.send(address(&secret)?, body).await?;
        if !matches!(answer.status, 401 | 403 | 404 | 410) {
            return Ok(answer);
        }
        match cached.renewed(&secret).await {
            Ok(Some(renewed)) => self.send(address(&renewed)?, body).await,
            // The refusal says more than a secret that is as it was, or that cannot be read now.
            Ok(None) | Err(_) => Ok(answer),
        }
    }

    async fn send(&self, address: Secret, body: &serde_json::Value) -> Result<HttpsAnswer, NotifyError> {
        let body = Some(body.to_string().into_bytes());
        let request = HttpsRequest { method: Method::POST, address, headers: Vec::new(), body };
        self.https.send(request).await.map_err(|error| match error {
            HttpsError::NoAnswer { .. } | HttpsError::TooLarge { .. } => NotifyError::Unclear(error.to_string()),
            HttpsError::Unreachable { .. } => NotifyError::Unreachable(error.to_string()),
            _ => NotifyError::Refused(error.to_string()),
        })
    }

    async fn slack(&self, webhook: &str, message: &AlertMessage) -> Result<(), NotifyError> {
        let text = slack_escaped(&text::full(message, SLACK_LONGEST));
        let answer = self.post(webhook, |webhook| Ok(webhook.clone()), &json!({ "text": text })).await?;
        taken("Slack", &answer, answer.body == b"ok")
    }

    async fn telegram(&self, chat: &str, token: &str, message: &AlertMessage) -> Result<(), NotifyError> {
        let address = |token: &Secret| {
            let address = Zeroizing::new(format!("{}/bot{}/sendMessage", self.telegram, token.expose()));
            Secret::new(&address).map_err(|fault| NotifyError::Refused(format!("the bot's address: {fault}")))
        };
        // Without `parse_mode` nothing in the text is markup.
        let text = text::full(message, TELEGRAM_LONGEST);
        let body = json!({ "chat_id": chat, "text": text, "link_preview_options": { "is_disabled": true } });
        let answer = self.post(token, address, &body).await?;
        let told: Option<serde_json::Value> = serde_json::from_slice(&answer.body).ok();
        taken(
            "Telegram",
            &answer,
            told.is_some_and(|told| told.get("ok").and_then(serde_json::Value::as_bool) == Some(true)),
        )
    }
}

impl<F, R> Notifier for Webhooks<F, R>
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

fn of_secret(error: &SecretError) -> NotifyError {
    let told = error.to_string();
    if error.is_transient() { NotifyError::Unreachable(told) } else { NotifyError::Refused(told) }
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
