//! AWS Secrets Manager: on the wire, and a rotation against a stand-in.

mod rotation;
mod wire;

use index_rebalancer::adapters::aws::{AwsAccess, Connections};
use index_rebalancer::ports::secret::Secret;

fn access(endpoint: &str) -> AwsAccess {
    AwsAccess {
        region: "eu-central-1".to_owned(),
        access_key_id: "AKIDTEST".to_owned(),
        secret_access_key: Secret::new("canary-signing-key").expect("a secret"),
        session_token: None,
        endpoint: Some(endpoint.to_owned()),
        connections: Connections::default(),
    }
}
