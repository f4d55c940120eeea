//! Proposals: what `approve` can be asked. `propose` is asked as `run` is.

use clap::Args;

use super::{Alerts, Operator, RUN_HELP, TakenTime, rate};
use crate::model::Rate;
use crate::planning::idempotency::is_digest;

#[derive(Debug, Clone, Args)]
pub struct Approve {
    #[arg(value_name = "RUN", help = RUN_HELP)]
    pub run: String,
    /// The plan that is approved: `plan_digest` of the proposal, as its report ends with it
    #[arg(long, value_name = "DIGEST", value_parser = plan_digest)]
    pub plan: String,
    #[command(flatten)]
    pub operator: Operator,
    #[command(flatten)]
    pub time: TakenTime,
    /// As for `run`
    #[arg(long, value_name = "FRACTION", value_parser = rate)]
    pub paper_depth: Option<Rate>,
    #[command(flatten)]
    pub alerts: Alerts,
}

fn plan_digest(text: &str) -> Result<String, String> {
    let text = text.to_ascii_lowercase();
    if is_digest(&text) { Ok(text) } else { Err("a plan's digest is 64 hex digits".to_owned()) }
}
