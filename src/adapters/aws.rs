//! What every client of an AWS service here has in common: who signs, where it goes, how patient it is, and over which
//! connections.
//!
//! Credentials are given, not looked for: the function has them in its environment, and a chain of providers would cost
//! a cold start.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

#[cfg(feature = "dynamodb")]
use aws_sdk_dynamodb::config as sdk;
#[cfg(all(feature = "secrets-manager", not(feature = "dynamodb")))]
use aws_sdk_secretsmanager::config as sdk;
#[cfg(not(any(feature = "secrets-manager", feature = "dynamodb")))]
use aws_sdk_sns::config as sdk;
use aws_smithy_http_client::{Builder, tls};
use aws_smithy_runtime_api::client::http::{HttpClient as _, SharedHttpConnector, http_client_fn};

use sdk::retry::RetryConfig;
use sdk::timeout::TimeoutConfig;
use sdk::{Credentials, Region, SharedHttpClient};

use crate::ports::secret::Secret;

/// A call that has not answered by then is repeated or has failed.
const ATTEMPT: Duration = Duration::from_secs(3);
const CONNECT: Duration = Duration::from_secs(2);
/// Attempts of one call: throttling and lost answers pass, an outage is for the next run.
pub(super) const ATTEMPTS: u32 = 3;

/// Who signs requests, and where they go.
#[derive(Debug, Clone)]
pub struct AwsAccess {
    pub region: String,
    pub access_key_id: String,
    pub secret_access_key: Secret,
    pub session_token: Option<Secret>,
    /// Another endpoint than AWS's own: a stand-in. In the clear only where it says `http://`.
    pub endpoint: Option<String>,
    pub connections: Connections,
}

/// Connections, shared by every client that is given the same.
///
/// They are set up by the first request and not before: to read this machine's certificate authorities takes longer than
/// everything else before the first event, and the SDK by itself reads them twice for each client.
#[derive(Debug, Clone, Default)]
pub struct Connections {
    over_tls: Arc<OnceLock<SharedHttpConnector>>,
    in_the_clear: Arc<OnceLock<SharedHttpConnector>>,
}

impl Connections {
    fn client(&self, in_the_clear: bool) -> SharedHttpClient {
        let (made, client) = if in_the_clear {
            (Arc::clone(&self.in_the_clear), Builder::new().build_http())
        } else {
            let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
            (Arc::clone(&self.over_tls), Builder::new().tls_provider(provider).build_https())
        };
        // Every client here waits as long for a connection, so that one set of settings is right for all.
        http_client_fn(move |settings, parts| made.get_or_init(|| client.http_connector(settings, parts)).clone())
    }
}

/// Generated clients are built alike, and have no trait in common that says so.
macro_rules! client {
    ($sdk:ident, $access:expr, $retries:expr) => {{
        let access: &AwsAccess = $access;
        let mut config = $sdk::Config::builder()
            .behavior_version($sdk::config::BehaviorVersion::latest())
            .region(Region::new(access.region.clone()))
            .credentials_provider(access.credentials())
            .retry_config($retries)
            .timeout_config(AwsAccess::patience())
            .http_client(access.http());
        config.set_endpoint_url(access.endpoint.clone());
        $sdk::Client::from_conf(config.build())
    }};
}

impl AwsAccess {
    pub(super) fn credentials(&self) -> Credentials {
        let token = self.session_token.as_ref().map(|token| token.expose().to_owned());
        Credentials::new(self.access_key_id.clone(), self.secret_access_key.expose(), token, None, "given")
    }

    pub(super) fn http(&self) -> SharedHttpClient {
        self.connections.client(self.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://")))
    }

    pub(super) fn patience() -> TimeoutConfig {
        TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ATTEMPT).build()
    }

    /// A client of DynamoDB; sends nothing yet. It repeats what was not answered: the store tells its own write, whose
    /// answer was lost, from another's.
    #[cfg(feature = "dynamodb")]
    #[must_use]
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        client!(aws_sdk_dynamodb, self, RetryConfig::standard().with_max_attempts(ATTEMPTS))
    }

    /// A client of Secrets Manager; sends nothing yet.
    #[cfg(feature = "secrets-manager")]
    #[must_use]
    pub fn secrets_manager(&self) -> aws_sdk_secretsmanager::Client {
        client!(aws_sdk_secretsmanager, self, RetryConfig::standard().with_max_attempts(ATTEMPTS))
    }

    /// A client of SNS; sends nothing yet. It repeats nothing: a message that was taken although no answer came would
    /// arrive twice.
    #[cfg(feature = "sns")]
    #[must_use]
    pub fn sns(&self) -> aws_sdk_sns::Client {
        client!(aws_sdk_sns, self, RetryConfig::disabled())
    }
}
