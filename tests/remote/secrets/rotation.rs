//! A rotation as it happens: a new value is put in force, the one before it stays readable. Against moto, which `make
//! rotation` installs and starts.

use index_rebalancer::adapters::secrets::CachedSecret;
use index_rebalancer::adapters::secrets::aws::AwsSecret;
use index_rebalancer::ports::secret::{SecretReader as _, Stage};

use super::access;
use crate::token_metrics::block_on;

/// Where moto listens: `http://127.0.0.1:port`.
fn moto() -> String {
    #[expect(clippy::disallowed_methods, reason = "an address of the test suite, not of the product")]
    std::env::var("REBALANCE_MOTO").expect("REBALANCE_MOTO names moto's address; `make rotation` sets it")
}

#[test]
#[ignore = "needs moto: make rotation"]
fn a_process_that_slept_through_a_rotation_goes_on() {
    let client = access(&moto()).secrets_manager();
    let name = format!("rotated-{}", std::process::id());
    block_on(async {
        client.create_secret().name(&name).secret_string("first").send().await.expect("created");
        let secret = CachedSecret::new(&name, AwsSecret::new(client.clone(), &name));
        let first = secret.current().await.expect("the value in force");
        assert_eq!(first.expose(), "first");
        assert!(secret.previous().await.expect("an answer").is_none(), "it was never rotated");

        client.put_secret_value().secret_id(&name).secret_string("second").send().await.expect("rotated");
        assert_eq!(secret.current().await.expect("known").expose(), "first", "nobody refused it yet");
        let second = secret.renewed(&first).await.expect("read").expect("another value");
        assert_eq!(second.expose(), "second");
        assert_eq!(secret.previous().await.expect("read").expect("still there").expose(), "first");
        assert!(secret.renewed(&second).await.expect("read").is_none(), "it is the one in force");
    });
}

#[test]
#[ignore = "needs moto: make rotation"]
fn a_value_that_is_only_pending_is_not_used() {
    let client = access(&moto()).secrets_manager();
    let name = format!("pending-{}", std::process::id());
    block_on(async {
        client.create_secret().name(&name).secret_string("in-force").send().await.expect("created");
        let pending = client.put_secret_value().secret_id(&name).secret_string("pending").version_stages("AWSPENDING");
        pending.send().await.expect("put");
        let reader = AwsSecret::new(client.clone(), &name);
        let current = reader.read(Stage::Current).await.expect("read").expect("a value");
        assert_eq!(current.expose(), "in-force");
        let missing = AwsSecret::new(client, "nobody-made-it").read(Stage::Current).await.expect_err("missing");
        assert!(missing.to_string().contains("does not exist"), "{missing}");
    });
}
