//! Secrets: where they are read, and the cache that stands in front.
//!
//! * [`cached`]: one value for the life of the process, read again once after it was refused.
//! * [`local`]: an environment variable or a file, for terminals.
//! * `aws` (feature `secrets-manager`): AWS Secrets Manager.

#[cfg(feature = "secrets-manager")]
pub mod aws;
pub mod cached;
pub mod local;

pub use cached::CachedSecret;
