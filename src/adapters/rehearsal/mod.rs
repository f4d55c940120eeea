//! A rehearsal: this program against a store and a simulated venue that other processes serve, so that it can be killed
//! at any moment and what is left be judged. Only with the feature of this name, which is in no package.
//!
//! * [`wire`]: HTTP/1.1 over loopback, as little as both sides need.
//! * [`venue`]: the venue port over it.

pub mod venue;
pub mod wire;

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};

/// A client for the store behind this address. One repeat, as quick as it comes: a lost answer makes the store see the
/// same write twice.
#[must_use]
pub fn client(address: &str, patience: Duration) -> Client {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(patience).build();
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("local"))
        .credentials_provider(Credentials::new("local", "local", None, None, "rehearsal"))
        .endpoint_url(format!("http://{address}"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(2).with_initial_backoff(Duration::from_millis(5)))
        .build();
    Client::from_conf(config)
}
