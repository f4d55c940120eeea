//! Everything that is built once: clients keep their connections, and the secret its value, for as long as the sandbox
//! stays warm. Nothing here sends a request.

use super::configuration::{AwsEnvironment, Configuration, TokenMetricsAccess};
use super::log::{self, Level};
use crate::adapters::alerts::Channels;
use crate::adapters::alerts::log::LogChannel;
use crate::adapters::alerts::sns::Sns;
use crate::adapters::alerts::webhooks::Webhooks;
use crate::adapters::aws::{AwsAccess, Connections};
use crate::adapters::dynamodb::DynamoStore;
use crate::adapters::https::{HttpsClient, Trust};
use crate::adapters::s3::S3Pages;
use crate::adapters::secrets::CachedSecret;
use crate::adapters::secrets::aws::AwsSecret;
use crate::adapters::token_metrics::{LIMITS, Settings, TokenMetrics};

type SecretByName = Box<dyn Fn(&str) -> AwsSecret>;

/// Who carries alerts to people.
pub type Senders = Channels<LogChannel<fn(&str)>, Webhooks<SecretByName, AwsSecret>, Sns>;

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
    #[must_use]
    pub fn new(configuration: &Configuration) -> Self {
        let (aws, connections) = (&configuration.aws, Connections::default());
        let access = |endpoint: &Option<String>| access_of(aws, endpoint.clone(), &connections);
        let secrets = access(&aws.secrets_endpoint).secrets_manager();
        let token_metrics = configuration.token_metrics.as_ref();
        let token_metrics =
            token_metrics.map(|asked| token_metrics_of(asked, AwsSecret::new(secrets.clone(), &asked.secret)));
        let webhooks = Webhooks::new(Box::new(move |name: &str| AwsSecret::new(secrets.clone(), name)) as SecretByName);
        let pages = configuration.report_bucket.as_ref();
        Self {
            store: DynamoStore::new(access(&aws.dynamodb_endpoint).dynamodb(), &configuration.table),
            notifier: Channels {
                log: LogChannel::new(alert_line as fn(&str)),
                webhooks: Some(webhooks),
                sns: Some(Sns::new(access(&aws.sns_endpoint).sns())),
            },
            token_metrics,
            pages: pages.map(|bucket| S3Pages::new(&access(&aws.s3_endpoint), bucket)),
        }
    }
}

fn access_of(aws: &AwsEnvironment, endpoint: Option<String>, connections: &Connections) -> AwsAccess {
    AwsAccess {
        region: aws.region.clone(),
        access_key_id: aws.access_key_id.clone(),
        secret_access_key: aws.secret_access_key.clone(),
        session_token: aws.session_token.clone(),
        endpoint,
        connections: connections.clone(),
    }
}

fn token_metrics_of(asked: &TokenMetricsAccess, key: AwsSecret) -> TokenMetrics<AwsSecret> {
    let mut settings = Settings::new(asked.version, asked.monthly_credits);
    if let Some(origin) = &asked.origin {
        settings.origin.clone_from(origin);
    }
    let host = settings.origin.trim_start_matches("https://").to_ascii_lowercase();
    let https = HttpsClient::new([host], LIMITS, Trust::System);
    TokenMetrics::new(https, CachedSecret::new(&asked.secret, key), settings)
}

fn alert_line(text: &str) {
    log::Line::new(Level::Warn, "alert").field("alert", text).write();
}
