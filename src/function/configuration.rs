//! What the environment says, read and checked once, before the first event.

use std::fmt;

use jiff::Timestamp;

use crate::adapters::token_metrics::Version;
use crate::model::Environment;
use crate::ports::secret::{Secret, SecretFault};
use crate::preparation::event::Origin;
use crate::preparation::time::parse_moment;

/// Minutes for which an event may be late, where nothing else is said.
const DEFAULT_WINDOW_MINUTES: u32 = 120;
/// Credits of the smallest plan of Token Metrics that has them.
const DEFAULT_MONTHLY_CREDITS: u64 = 500;
/// The longest window: later than this no redelivery comes.
const LONGEST_WINDOW_MINUTES: u32 = 24 * 60;

/// Where orders go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VenueMode {
    /// They stand in the table until an executor carries them out.
    Outbox,
    /// They are filled at once, on paper.
    Paper,
}

/// How the function runs.
#[derive(Debug, Clone)]
pub struct Configuration {
    pub table: String,
    /// Runs of any other environment are refused.
    pub environment: Environment,
    pub venue_mode: VenueMode,
    pub origin: Origin,
    /// How late the event of a run that does not exist may be.
    pub window_minutes: u32,
    /// For how long a proposal can be approved; its plan's validity bounds it as well.
    pub proposal_minutes: Option<u32>,
    /// Absent: grades stand in the table, where another job puts them.
    pub token_metrics: Option<TokenMetricsAccess>,
    /// Where pages of runs are kept; absent: nowhere.
    pub report_bucket: Option<String>,
    /// When it is at the start, for data of the past; on paper only. Absent: the real time.
    pub paper_clock: Option<Timestamp>,
    pub aws: AwsEnvironment,
}

/// How grades are fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenMetricsAccess {
    /// Name or ARN of the secret that holds the key; with `#field` a field of it.
    pub secret: String,
    pub version: Version,
    pub monthly_credits: u64,
    /// Absent: the API's own.
    pub origin: Option<String>,
}

/// What Lambda itself sets, and where stand-ins are.
#[derive(Debug, Clone)]
pub struct AwsEnvironment {
    pub region: String,
    pub access_key_id: String,
    pub secret_access_key: Secret,
    pub session_token: Option<Secret>,
    pub dynamodb_endpoint: Option<String>,
    pub secrets_endpoint: Option<String>,
    pub sns_endpoint: Option<String>,
    pub s3_endpoint: Option<String>,
}

/// A variable that is missing or malformed. Its value is not repeated: it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {problem}; {remedy}")]
pub struct ConfigurationError {
    pub variable: &'static str,
    pub problem: String,
    pub remedy: &'static str,
}

fn refused(variable: &'static str, problem: impl fmt::Display, remedy: &'static str) -> ConfigurationError {
    ConfigurationError { variable, problem: problem.to_string(), remedy }
}

impl Configuration {
    /// From the variables of this process.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn of_environment() -> Result<Self, ConfigurationError> {
        #[expect(clippy::disallowed_methods, reason = "the function's one look at the environment")]
        Self::read(|name| std::env::var(name).ok())
    }

    /// From variables by name; an empty one counts as absent.
    ///
    /// # Errors
    /// When a variable is missing or malformed, or two contradict each other.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigurationError> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let required = |name: &'static str, remedy: &'static str| {
            variable(name).ok_or_else(|| refused(name, "it is not set", remedy))
        };
        let environment = match required("REBALANCE_ENVIRONMENT", "set it to paper or live")?.as_str() {
            "paper" => Environment::Paper,
            "live" => Environment::Live,
            _ => return Err(refused("REBALANCE_ENVIRONMENT", "unknown environment", "set it to paper or live")),
        };
        let venue_mode = match variable("REBALANCE_VENUE_MODE").as_deref() {
            None | Some("outbox") => VenueMode::Outbox,
            Some("paper") => VenueMode::Paper,
            Some(_) => return Err(refused("REBALANCE_VENUE_MODE", "unknown mode", "set it to outbox or paper")),
        };
        let paper_clock = match variable("REBALANCE_PAPER_CLOCK") {
            None => None,
            Some(text) => Some(parse_moment(&text).map_err(|problem| {
                refused("REBALANCE_PAPER_CLOCK", problem, "set it to a time such as 2025-04-16T00:00:00Z")
            })?),
        };
        if environment == Environment::Live && venue_mode == VenueMode::Paper {
            let remedy = "set it to outbox, or REBALANCE_ENVIRONMENT to paper";
            return Err(refused("REBALANCE_VENUE_MODE", "live orders are not filled on paper", remedy));
        }
        if environment == Environment::Live && paper_clock.is_some() {
            let remedy = "leave it out, or set REBALANCE_ENVIRONMENT to paper";
            return Err(refused("REBALANCE_PAPER_CLOCK", "live runs have the real time", remedy));
        }
        let window = minutes(variable, "REBALANCE_EVENT_WINDOW_MINUTES", LONGEST_WINDOW_MINUTES)?;
        let region = required("AWS_REGION", "Lambda sets it; elsewhere set it to the region of the table")?;
        Ok(Self {
            table: required("REBALANCE_TABLE", "set it to the name of the table")?,
            environment,
            venue_mode,
            origin: Origin {
                aws_account: variable("REBALANCE_ACCOUNT"),
                region: variable("REBALANCE_REGION").or_else(|| Some(region.clone())),
            },
            window_minutes: window.unwrap_or(DEFAULT_WINDOW_MINUTES),
            proposal_minutes: minutes(variable, "REBALANCE_PROPOSAL_MINUTES", LONGEST_WINDOW_MINUTES)?,
            token_metrics: token_metrics(variable)?,
            report_bucket: bucket(variable("REBALANCE_REPORT_BUCKET"))?,
            paper_clock,
            aws: aws(variable, region)?,
        })
    }
}

fn minutes(
    variable: impl Fn(&str) -> Option<String>,
    name: &'static str,
    most: u32,
) -> Result<Option<u32>, ConfigurationError> {
    let Some(text) = variable(name) else { return Ok(None) };
    match text.parse::<u32>() {
        Ok(minutes) if (1..=most).contains(&minutes) => Ok(Some(minutes)),
        _ => Err(refused(name, "not a number of minutes", "set it to a number from 1 to 1440")),
    }
}

/// The name becomes a part of the bucket's host, whose certificate knows no dots.
fn bucket(name: Option<String>) -> Result<Option<String>, ConfigurationError> {
    let Some(name) = name else { return Ok(None) };
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (3..=63).contains(&name.len()) && name.bytes().all(allowed) && !name.starts_with('-') && !name.ends_with('-') {
        return Ok(Some(name));
    }
    let remedy = "set it to the name of a bucket: 3 to 63 of a-z, 0-9 and '-'";
    Err(refused("REBALANCE_REPORT_BUCKET", "not the name of a bucket", remedy))
}

fn token_metrics(variable: impl Fn(&str) -> Option<String>) -> Result<Option<TokenMetricsAccess>, ConfigurationError> {
    let Some(secret) = variable("REBALANCE_TOKEN_METRICS_SECRET") else { return Ok(None) };
    let version = match variable("REBALANCE_TOKEN_METRICS_API").as_deref() {
        None | Some("v3") => Version::V3,
        Some("v2") => Version::V2,
        Some(_) => return Err(refused("REBALANCE_TOKEN_METRICS_API", "unknown version", "set it to v2 or v3")),
    };
    let monthly_credits = match variable("REBALANCE_TOKEN_METRICS_CREDITS") {
        None => DEFAULT_MONTHLY_CREDITS,
        Some(text) => text.parse().map_err(|_| {
            let remedy = "set it to the credits of one month of your plan";
            refused("REBALANCE_TOKEN_METRICS_CREDITS", "not a whole number", remedy)
        })?,
    };
    let origin = variable("REBALANCE_TOKEN_METRICS_ORIGIN");
    Ok(Some(TokenMetricsAccess { secret, version, monthly_credits, origin }))
}

fn aws(variable: impl Fn(&str) -> Option<String>, region: String) -> Result<AwsEnvironment, ConfigurationError> {
    const REMEDY: &str = "Lambda sets it from the function's role; elsewhere set the credentials to be used";
    let secret = |name: &'static str| {
        let malformed = |fault: SecretFault| refused(name, fault, REMEDY);
        variable(name).map(|value| Secret::new(&value).map_err(malformed)).transpose()
    };
    let required = |name: &'static str| refused(name, "it is not set", REMEDY);
    let endpoint = |service: &str| variable(service).or_else(|| variable("AWS_ENDPOINT_URL"));
    Ok(AwsEnvironment {
        region,
        access_key_id: variable("AWS_ACCESS_KEY_ID").ok_or_else(|| required("AWS_ACCESS_KEY_ID"))?,
        secret_access_key: secret("AWS_SECRET_ACCESS_KEY")?.ok_or_else(|| required("AWS_SECRET_ACCESS_KEY"))?,
        session_token: secret("AWS_SESSION_TOKEN")?,
        dynamodb_endpoint: endpoint("AWS_ENDPOINT_URL_DYNAMODB"),
        secrets_endpoint: endpoint("AWS_ENDPOINT_URL_SECRETS_MANAGER"),
        sns_endpoint: endpoint("AWS_ENDPOINT_URL_SNS"),
        s3_endpoint: endpoint("AWS_ENDPOINT_URL_S3"),
    })
}
