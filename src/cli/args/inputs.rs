//! What can be asked about the inputs of plans: where they come from, and where they are stored.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::civil::Date;

use crate::model::PortfolioId;
use crate::preparation::time::parse_day;

/// Cases to store, or a portfolio to list.
#[derive(Debug, Clone, Args)]
pub struct Load {
    /// Folders with a case.toml
    #[arg(required_unless_present = "list", value_name = "CASE")]
    pub cases: Vec<PathBuf>,
    /// Read and check everything, tell what would be stored, and write nothing
    #[arg(long, conflicts_with = "list")]
    pub check: bool,
    /// List what is stored of this portfolio
    #[arg(long, value_name = "PORTFOLIO", conflicts_with = "cases")]
    pub list: Option<PortfolioId>,
}

#[derive(Debug, Clone, Subcommand)]
pub enum FetchCommand {
    /// Grades and signals from Token Metrics, as dated files in the folder of a case
    Grades(FetchGrades),
}

#[derive(Debug, Clone, Args)]
pub struct FetchGrades {
    /// Folder with a case.toml
    #[arg(value_name = "CASE")]
    pub case: PathBuf,
    /// The newest day asked for, in UTC; the day before is asked for with it. Today when not given
    #[arg(long, value_name = "DAY", value_parser = parse_day)]
    pub day: Option<Date>,
    /// What to fetch; what the policy looks at when not given
    #[arg(long, value_enum, value_delimiter = ',', value_name = "SET")]
    pub only: Vec<GradeSet>,
    /// Every graded token (thousands, dozens of credits), not only those of the newest market file
    #[arg(long)]
    pub all_tokens: bool,
    /// Fetch again what is there already
    #[arg(long)]
    pub again: bool,
    /// File with the key and nothing else, which others may not read; the environment when not given
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Secret of AWS Secrets Manager that is the key: NAME, ARN, or NAME#FIELD of a JSON object
    #[cfg(feature = "secrets-manager")]
    #[arg(long, value_name = "SECRET", conflicts_with = "key_file")]
    pub key_secret: Option<String>,
    /// Credits of your plan in a month; requests are counted in the store and end there
    #[arg(long, value_name = "N", default_value_t = 500)]
    pub monthly_credits: u64,
    /// Version of the API; v3 tells grades along with the signals
    #[arg(long, value_enum, default_value_t = ApiVersion::V2)]
    pub api: ApiVersion,
    /// Another address of the API, such as a proxy that you run; https only
    #[arg(long, value_name = "URL", value_parser = origin)]
    pub origin: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GradeSet {
    Trader,
    Investor,
    Signals,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ApiVersion {
    V2,
    V3,
}

/// Scheme, host and port, and nothing after them.
fn origin(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("https://").unwrap_or_default();
    let plain = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':'));
    if plain && !host.is_empty() {
        Ok(text.to_owned())
    } else {
        Err("write https:// and a host, such as https://localhost:8443".to_owned())
    }
}
