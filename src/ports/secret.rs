//! The secret port: values that nobody may see, and where they are read.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, Serializer};

/// What stands in place of a secret wherever one would be shown.
const REDACTED: &str = "[redacted]";

/// The longest secret that is taken, in bytes.
pub const MAX_SECRET_SIZE: usize = 4096;

/// A key, a token, an address that opens something. Shown as `[redacted]` by every way of showing it, and overwritten
/// in memory when it is dropped.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes the value without the white space around it (a file ends in a newline).
    ///
    /// # Errors
    /// When it is empty, longer than [`MAX_SECRET_SIZE`], or holds anything but visible ASCII: it could not stand in a
    /// header or an address. The value is not in the error.
    pub fn new(value: &str) -> Result<Self, SecretFault> {
        let value = value.trim();
        if value.is_empty() {
            return Err(SecretFault::Empty);
        }
        if value.len() > MAX_SECRET_SIZE {
            return Err(SecretFault::TooLong);
        }
        if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(SecretFault::NotVisibleAscii);
        }
        Ok(Self(SecretString::from(value)))
    }

    /// The value itself: only where it goes on the wire.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Whether both are the same value.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(REDACTED)
    }
}

/// Why a text is no secret. Says nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretFault {
    #[error("it is empty")]
    Empty,
    #[error("it is longer than {MAX_SECRET_SIZE} bytes")]
    TooLong,
    #[error("it holds spaces, control characters or characters outside ASCII")]
    NotVisibleAscii,
    #[error("it is binary, and text is expected")]
    Binary,
    #[error("it is no JSON object with the asked field as text")]
    NoSuchField,
}

/// Which value of a secret. There is no third: a pending value is nobody's to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// What is in force.
    Current,
    /// What was in force before the last rotation; for requests that only read.
    Previous,
}

/// Where one secret is read. Every call is a read: callers that ask often stand behind a cache.
#[expect(async_fn_in_trait, reason = "callers are generic over the source, and auto traits of the future follow it")]
pub trait SecretReader {
    /// The value; `None` when there is no value of that stage.
    async fn read(&self, stage: Stage) -> Result<Option<Secret>, SecretError>;
}

/// Why a secret could not be had. None of these says anything of its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    #[error("the secret {name} does not exist: {cause}; create it, or name the right one")]
    Missing { name: String, cause: String },
    #[error("the secret {name} cannot be used: {fault}; store it again")]
    Malformed { name: String, fault: SecretFault },
    /// The reader may not read it, or not decrypt it.
    #[error("the secret {name} may not be read: {cause}; grant it to whoever runs this")]
    Denied { name: String, cause: String },
    #[error("the secret {name} could not be read: {cause}; try again")]
    Unavailable { name: String, cause: String },
}

impl SecretError {
    /// Can the same call succeed later without anybody mending anything?
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANARY: &str = "canary-7d1f-do-not-show";

    #[test]
    fn no_way_of_showing_a_secret_shows_it() {
        let secret = Secret::new(CANARY).expect("a secret");
        let shown = [
            format!("{secret}"),
            format!("{secret:?}"),
            format!("{secret:#?}"),
            format!("{:?}", Some((1, secret.clone()))),
            serde_json::to_string(&secret).expect("serialises"),
        ];
        for text in shown {
            assert!(text.contains(REDACTED) && !text.contains("canary"), "{text}");
        }
        assert_eq!(secret.expose(), CANARY);
    }

    #[test]
    fn a_panic_does_not_show_a_secret() {
        let secret = Secret::new(CANARY).expect("a secret");
        let panic = std::panic::catch_unwind(|| panic!("a defect that shows what it holds: {secret} {secret:?}"));
        let payload = panic.expect_err("it panics");
        let told = payload.downcast_ref::<String>().expect("a message");
        assert!(told.contains(REDACTED) && !told.contains("canary"), "{told}");
    }

    #[test]
    fn what_is_no_secret_is_refused_without_being_repeated() {
        for (value, fault) in [
            ("", SecretFault::Empty),
            (" \n", SecretFault::Empty),
            ("canary canary", SecretFault::NotVisibleAscii),
            ("canary\r\nx-injected: 1", SecretFault::NotVisibleAscii),
            ("canaryé", SecretFault::NotVisibleAscii),
            (&"canary".repeat(1000), SecretFault::TooLong),
        ] {
            let refused = Secret::new(value).expect_err("no secret");
            assert_eq!(refused, fault);
            let error = SecretError::Malformed { name: "tm".to_owned(), fault: refused };
            assert!(!format!("{error}{error:?}").contains("canary"), "{error}");
        }
        assert_eq!(Secret::new("abc\n").expect("a file's last newline is no part of it").expose(), "abc");
    }
}
