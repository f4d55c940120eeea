//! What every client of an AWS service here has in common: who signs, where it goes, how patient it is.
//!
//! Credentials are given, not looked for: the function has them in its environment, and a chain of providers would cost
//! a cold start.

use std::time::Duration;

#[cfg(feature = "dynamodb")]
use aws_sdk_dynamodb::config as sdk;
#[cfg(all(feature = "secrets-manager", not(feature = "dynamodb")))]
use aws_sdk_secretsmanager::config as sdk;
#[cfg(not(any(feature = "secrets-manager", feature = "dynamodb")))]
use aws_sdk_sns::config as sdk;
use aws_smithy_http_client::tls;

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
}

impl AwsAccess {
    pub(super) fn credentials(&self) -> Credentials {
        let token = self.session_token.as_ref().map(|token| token.expose().to_owned());
        Credentials::new(self.access_key_id.clone(), self.secret_access_key.expose(), token, None, "given")
    }

    fn region(&self) -> Region {
        Region::new(self.region.clone())
    }

    pub(super) fn http(&self) -> SharedHttpClient {
        if self.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://")) {
            return aws_smithy_http_client::Builder::new().build_http();
        }
        let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
        aws_smithy_http_client::Builder::new().tls_provider(provider).build_https()
    }

    pub(super) fn patience() -> TimeoutConfig {
        TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ATTEMPT).build()
    }

    /// A client of DynamoDB; sends nothing yet. It repeats what was not answered: the store tells its own write, whose
    /// answer was lost, from another's.
    #[cfg(feature = "dynamodb")]
    #[must_use]
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let mut config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
            .region(self.region())
            .credentials_provider(self.credentials())
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(Self::patience())
            .http_client(self.http());
        config.set_endpoint_url(self.endpoint.clone());
        aws_sdk_dynamodb::Client::from_conf(config.build())
    }

    /// A client of Secrets Manager; sends nothing yet.
    #[cfg(feature = "secrets-manager")]
    #[must_use]
    pub fn secrets_manager(&self) -> aws_sdk_secretsmanager::Client {
        let mut config = aws_sdk_secretsmanager::Config::builder()
            .behavior_version(aws_sdk_secretsmanager::config::BehaviorVersion::latest())
            .region(self.region())
            .credentials_provider(self.credentials())
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(Self::patience())
            .http_client(self.http());
        config.set_endpoint_url(self.endpoint.clone());
        aws_sdk_secretsmanager::Client::from_conf(config.build())
    }

    /// A client of SNS; sends nothing yet. It repeats nothing: a message that was taken although no answer came would
    /// arrive twice.
    #[cfg(feature = "sns")]
    #[must_use]
    pub fn sns(&self) -> aws_sdk_sns::Client {
        let mut config = aws_sdk_sns::Config::builder()
            .behavior_version(aws_sdk_sns::config::BehaviorVersion::latest())
            .region(self.region())
            .credentials_provider(self.credentials())
            .retry_config(RetryConfig::disabled())
            .timeout_config(Self::patience())
            .http_client(self.http());
        config.set_endpoint_url(self.endpoint.clone());
        aws_sdk_sns::Client::from_conf(config.build())
    }
}
