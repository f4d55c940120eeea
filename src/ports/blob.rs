//! Immutable bytes in chunks, addressed by owner, digest and chunk number.
//!
//! A store item holds 400 KB, a plan with its input or a market file may be larger. What is read back is checked against the digest
//! before it is believed.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::store::{BlobOwner, BlobRef, ChunkAddress, RunStore, StoreError};
use crate::planning::idempotency::digest_of_bytes;

/// Most bytes in one chunk: room for keys and attribute names below the store's 400 KB.
pub const CHUNK_BYTES: usize = 350_000;

/// Bytes with their digest, ready to be stored: a value as canonical JSON, or a file as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    pub reference: BlobRef,
    bytes: Vec<u8>,
    chunk_bytes: usize,
}

impl Blob {
    /// Encodes a value, and makes sure that it will read back as the same value.
    ///
    /// # Errors
    /// When it would not: a number with more digits than the stored form keeps, for example.
    pub fn of<T: Serialize + DeserializeOwned + PartialEq>(value: &T) -> Result<Self, String> {
        Self::in_chunks(value, CHUNK_BYTES)
    }

    /// The same in chunks of this many bytes; at most [`CHUNK_BYTES`], at least 1.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn in_chunks<T>(value: &T, chunk_bytes: usize) -> Result<Self, String>
    where
        T: Serialize + DeserializeOwned + PartialEq,
    {
        let text = serde_json::to_string(value).map_err(|error| error.to_string())?;
        let read_back: T = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        let bytes = text.into_bytes();
        if read_back != *value {
            return Err("it reads back as another value".to_owned());
        }
        Ok(Self::cut(bytes, chunk_bytes.clamp(1, CHUNK_BYTES)))
    }

    /// Bytes as they are.
    #[must_use]
    pub fn of_bytes(bytes: Vec<u8>) -> Self {
        Self::cut(bytes, CHUNK_BYTES)
    }

    fn cut(bytes: Vec<u8>, chunk_bytes: usize) -> Self {
        let chunks = u32::try_from(bytes.len().div_ceil(chunk_bytes)).unwrap_or(u32::MAX);
        let reference = BlobRef { digest: digest_of_bytes(&bytes), bytes: bytes.len() as u64, chunks };
        Self { reference, bytes, chunk_bytes }
    }

    /// Stores all chunks. Safe to repeat.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn put<S: RunStore>(&self, store: &S, owner: BlobOwner<'_>) -> Result<(), StoreError> {
        for (chunk, bytes) in (0..).zip(self.bytes.chunks(self.chunk_bytes)) {
            let address = ChunkAddress { owner, digest: &self.reference.digest, chunk };
            store.put_chunk(&address, bytes).await?;
        }
        Ok(())
    }
}

/// Reads a blob that is a value, and checks its digest.
///
/// # Errors
/// When a chunk is missing, the bytes do not have the digest, or they are not such a value.
pub async fn load<S: RunStore, T: DeserializeOwned>(
    store: &S,
    owner: BlobOwner<'_>,
    reference: &BlobRef,
    what: &str,
) -> Result<T, StoreError> {
    let bytes = load_bytes(store, owner, reference, what).await?;
    let text = std::str::from_utf8(&bytes).map_err(|error| corrupt(what, reference, error.to_string()))?;
    serde_json::from_str(text).map_err(|error| corrupt(what, reference, error.to_string()))
}

fn corrupt(what: &str, reference: &BlobRef, cause: String) -> StoreError {
    StoreError::Corrupt { item: format!("{what} {}", reference.digest), cause }
}

/// Reads a blob's bytes and checks their digest.
///
/// # Errors
/// When a chunk is missing, or the bytes do not have the digest.
pub async fn load_bytes<S: RunStore>(
    store: &S,
    owner: BlobOwner<'_>,
    reference: &BlobRef,
    what: &str,
) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    for chunk in 0..reference.chunks {
        let address = ChunkAddress { owner, digest: &reference.digest, chunk };
        let Some(part) = store.load_chunk(&address).await? else {
            return Err(corrupt(what, reference, format!("chunk {chunk} of {} is missing", reference.chunks)));
        };
        bytes.extend_from_slice(&part);
    }
    let found = digest_of_bytes(&bytes);
    if found != reference.digest {
        return Err(corrupt(what, reference, format!("its bytes have the digest {found}")));
    }
    Ok(bytes)
}

/// Lets a blob's chunks be purged at that time.
///
/// # Errors
/// When the store does not answer.
pub async fn expire<S: RunStore>(
    store: &S,
    owner: BlobOwner<'_>,
    reference: &BlobRef,
    expires_at_s: i64,
) -> Result<(), StoreError> {
    for chunk in 0..reference.chunks {
        let address = ChunkAddress { owner, digest: &reference.digest, chunk };
        store.expire_chunk(&address, expires_at_s).await?;
    }
    Ok(())
}
