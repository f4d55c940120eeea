//! The embedded store: a DynamoDB endpoint in this process, on a loopback port, in memory or in one file.
//!
//! The adapter in front of it is the one that runs on AWS. For terminals and tests only; never in the function's
//! binary.

use std::path::Path;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use dynoxide::Database;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::dynamodb::{DynamoStore, table};
use crate::ports::store::StoreError;

/// The table's name.
pub const TABLE: &str = "index-rebalancer";

const STEP: &str = "opening the embedded store";

/// A running endpoint. It stops when this is closed or dropped.
#[derive(Debug)]
pub struct EmbeddedStore {
    store: DynamoStore,
    client: Client,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
}

impl EmbeddedStore {
    /// An empty store that ends with the process. Must be called inside a Tokio runtime.
    ///
    /// # Errors
    /// When no loopback port can be had.
    pub async fn in_memory() -> Result<Self, StoreError> {
        Self::serve(Database::memory().map_err(|error| failed(&error))?).await
    }

    /// The store in this file, created if it is absent. Its folder must exist.
    ///
    /// # Errors
    /// When the file cannot be opened as a store.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let text = path.to_str().ok_or_else(|| failed(&format!("{} is not UTF-8", path.display())))?;
        Self::serve(Database::new(text).map_err(|error| failed(&format!("{text}: {error}")))?).await
    }

    /// A copy in memory of the store in this file, as it is now. Nothing is written, not even beside the file: what
    /// only looks must not leave a trace.
    ///
    /// # Errors
    /// When the file cannot be read as a store.
    pub async fn snapshot(path: &Path) -> Result<Self, StoreError> {
        let text = path.to_str().ok_or_else(|| failed(&format!("{} is not UTF-8", path.display())))?;
        let database = Database::memory().map_err(|error| failed(&error))?;
        // A journal beside the file means that somebody writes, or was killed while writing: then the journal counts
        // and its files are there already. Without one the file is all there is, and reading it as immutable keeps
        // the journal from being made.
        let journal = std::fs::metadata(format!("{text}-wal")).is_ok_and(|file| file.len() > 0);
        let escaped = text.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
        let source = if journal { text.to_owned() } else { format!("file:{escaped}?immutable=1") };
        database.restore_from(&source).map_err(|error| failed(&format!("{text}: {error}")))?;
        Self::serve(database).await
    }

    async fn serve(database: Database) -> Result<Self, StoreError> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(|error| failed(&error))?;
        let address = listener.local_addr().map_err(|error| failed(&error))?;
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(async move {
            let ends = async {
                // Sent or dropped: either way this is the end.
                let _ = stopped.await;
            };
            // A server that fails answers nobody, and then every store call says so.
            let _ = dynoxide::server::serve_with_shutdown(listener, database, ends).await;
        });
        let client = client(&format!("http://{address}"));
        table::create(&client, TABLE).await?;
        Ok(Self { store: DynamoStore::new(client.clone(), TABLE), client, stop: Some(stop), server })
    }

    #[must_use]
    pub fn store(&self) -> &DynamoStore {
        &self.store
    }

    /// The client behind the store, for what the port does not offer: looking at raw items.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Stops the endpoint and waits until the file is released.
    pub async fn close(mut self) {
        if let Some(stop) = self.stop.take() {
            // The receiver is gone only when the server has ended already.
            let _ = stop.send(());
        }
        // The client keeps connections open for reuse; the server closes those that are idle.
        let _ = self.server.await;
    }
}

/// A client for an endpoint on this machine. The credentials are placeholders that the endpoint does not look at.
fn client(endpoint: &str) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("local"))
        .credentials_provider(Credentials::new("local", "local", None, None, "embedded store"))
        .endpoint_url(endpoint)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        // An endpoint in the same process does not lose answers; an error is an error.
        .retry_config(RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

fn failed(error: &impl ToString) -> StoreError {
    StoreError::Unavailable { step: STEP, cause: error.to_string() }
}
