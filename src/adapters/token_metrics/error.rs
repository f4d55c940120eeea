//! Why grades could not be fetched.

use super::paging::PagingFault;
use crate::adapters::https::HttpsError;
use crate::ports::StoreError;
use crate::ports::secret::SecretError;
use crate::preparation::BadInput;

/// Nothing is half fetched: any of these means that there is no set of grades.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// No answer, after every attempt that the settings allow.
    #[error("{endpoint}, page {page}: {cause}")]
    Connection { endpoint: &'static str, page: u32, cause: HttpsError },
    /// Token Metrics does not take the key; one new reading of the secret did not help.
    #[error("{endpoint}: Token Metrics does not take the key in {key} (401); check it, and that it is in force")]
    KeyRefused { endpoint: &'static str, key: String },
    /// It said no, and would say so again.
    #[error("{endpoint}, page {page}: Token Metrics refused the request ({status}): {message}; {remedy}")]
    Refused { endpoint: &'static str, page: u32, status: u16, message: String, remedy: &'static str },
    /// Busy or broken, after every attempt.
    #[error("{endpoint}, page {page}: Token Metrics {} (attempt {attempts}); try again {when}", trouble(*status))]
    Busy { endpoint: &'static str, page: u32, status: u16, attempts: u32, when: String },
    #[error("{0}")]
    Unreadable(#[from] BadInput),
    /// Somebody else answered, over a certificate that is believed: mostly for as long as Token Metrics itself cannot.
    #[error(
        "{endpoint}, page {page}: what came is not valid JSON but a web page: a page about maintenance, a proxy's or a network's sign-in page stands in place of Token Metrics; try again later, sign in, or name the right address with --origin"
    )]
    WebPage { endpoint: &'static str, page: u32 },
    #[error("{endpoint}, page {page}: the answer breaks off after {bytes} bytes, so it is not valid JSON; try again")]
    CutOff { endpoint: &'static str, page: u32, bytes: usize },
    #[error("{endpoint}: {fault}; no grades were taken")]
    Paging { endpoint: &'static str, fault: PagingFault },
    #[error(
        "{endpoint}: there is no record from {from} to {to} for any of the tokens asked for; check the token ids, or ask for other days"
    )]
    Nothing { endpoint: &'static str, from: jiff::civil::Date, to: jiff::civil::Date },
    #[error("{endpoint}: the answer has TOKEN_ID {token_id}, which was not asked for: the filter was not applied")]
    NotAskedFor { endpoint: &'static str, token_id: u64 },
    #[error("{endpoint}, page {page}: the answer repeats the key; it was thrown away")]
    EchoedKey { endpoint: &'static str, page: u32 },
    #[error("the {limit} requests of one fetch are used up; ask for fewer tokens or days, or raise the limit")]
    TooManyRequests { limit: u32 },
    #[error("the {limit} credits of {month} are used up; wait for the next month, or raise the limit to your plan's")]
    CreditsSpent { limit: u64, month: String },
    #[error("the fetch was not complete after {limit_ms} ms; try again")]
    TooSlow { limit_ms: u64 },
    /// What counts the credits does not answer; uncounted requests are not made.
    #[error("the credits could not be counted, so nothing was asked: {0}")]
    Uncounted(#[from] StoreError),
}

impl FetchError {
    /// Can the same fetch succeed later without anybody mending anything?
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Secret(error) => error.is_transient(),
            Self::Connection { cause, .. } => cause.is_transient(),
            Self::Paging { fault, .. } => fault.is_transient(),
            Self::Uncounted(error) => matches!(error, StoreError::Unavailable { .. }),
            Self::Busy { .. } | Self::TooSlow { .. } | Self::CutOff { .. } | Self::WebPage { .. } => true,
            Self::KeyRefused { .. }
            | Self::Refused { .. }
            | Self::Unreadable(_)
            | Self::Nothing { .. }
            | Self::NotAskedFor { .. }
            | Self::EchoedKey { .. }
            | Self::TooManyRequests { .. }
            | Self::CreditsSpent { .. } => false,
        }
    }
}

/// A status in words.
fn trouble(status: u16) -> String {
    match status {
        429 => "has had too many requests for now (429)".to_owned(),
        status => format!("is busy or broken ({status})"),
    }
}
