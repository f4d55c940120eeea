//! Everything that is built once: clients keep their connections, and the secret its value, for as long as the sandbox
//! stays warm. Nothing here sends a request.

use super::configuration::{AwsEnvironment, Configuration, TokenMetricsAccess};
use super::log::{self, Level};
use crate::adapters::alerts::Channels;
use crate::adapters::alerts::log::LogChannel;
use crate::adapters::alerts::sns::Sns;
use crate::adapters::alerts::webhooks::Webhooks;
use crate::adapters::aws::AwsAccess;
use crate::adapters::dynamodb::DynamoStore;
use crate::adapters::https::{HttpsClient, HttpsError, Trust};
use crate::adapters::s3::S3Pages;
use crate::adapters::secrets::CachedSecret;
use crate::adapters::secrets::aws::AwsSecret;
use crate::adapters::token_metrics::{LIMITS, Settings, TokenMetrics};

type SecretByName = Box<dyn Fn(&str) -> AwsSecret>;

/// Who carries alerts to people.
pub type Senders = Channels<LogChannel<fn(&str)>, Webhooks<SecretByName>, Sns>;

/// Clients of everything that the function speaks to.
pub struct Clients {
    pub store: DynamoStore,
    pub notifier: Senders,
    pub token_metrics: Option<TokenMetrics<AwsSecret>>,
    /// Absent where no pages are kept.
    pub pages: Option<S3Pages>,
}

impl std::fmt::Debug for Clients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clients").field("store", &self.store).finish_non_exhaustive()
    }
}

impl Clients {
    /// Builds them; sends nothing yet.
    ///
    /// # Errors
    /// When this machine's certificate authorities cannot be read.
    pub fn new(configuration: &Configuration) -> Result<Self, HttpsError> {
        let aws = &configuration.aws;
        let secrets = access(aws, aws.secrets_endpoint.as_ref()).secrets_manager();
        let token_metrics = match &configuration.token_metrics {
            Some(asked) => Some(token_metrics(asked, AwsSecret::new(secrets.clone(), &asked.secret))?),
            None => None,
        };
        let webhooks = Webhooks::new(Box::new(move |name: &str| AwsSecret::new(secrets.clone(), name)) as SecretByName);
        Ok(Self {
            store: DynamoStore::new(access(aws, aws.dynamodb_endpoint.as_ref()).dynamodb(), &configuration.table),
            notifier: Channels {
                log: LogChannel::new(alert_line as fn(&str)),
                webhooks: Some(webhooks?),
                sns: Some(Sns::new(access(aws, aws.sns_endpoint.as_ref()).sns())),
            },
            token_metrics,
            pages: configuration
                .report_bucket
                .as_ref()
                .map(|bucket| S3Pages::new(&access(aws, aws.s3_endpoint.as_ref()), bucket)),
        })
    }
}

fn access(aws: &AwsEnvironment, endpoint: Option<&String>) -> AwsAccess {
    AwsAccess {
        region: aws.region.clone(),
        access_key_id: aws.access_key_id.clone(),
        secret_access_key: aws.secret_access_key.clone(),
        session_token: aws.session_token.clone(),
        endpoint: endpoint.cloned(),
    }
}

fn token_metrics(asked: &TokenMetricsAccess, key: AwsSecret) -> Result<TokenMetrics<AwsSecret>, HttpsError> {
    let mut settings = Settings::new(asked.version, asked.monthly_credits);
    if let Some(origin) = &asked.origin {
        settings.origin.clone_from(origin);
    }
    let host = settings.origin.trim_start_matches("https://").to_ascii_lowercase();
    let https = HttpsClient::new([host], LIMITS, Trust::System)?;
    Ok(TokenMetrics::new(https, CachedSecret::new(&asked.secret, key), settings))
}

fn alert_line(text: &str) {
    log::Line::new(Level::Warn, "alert").field("alert", text).write();
}
