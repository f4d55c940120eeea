//! `runs`: what the store remembers, newest first.

use crate::cli::args::List;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::store::StorePath;
use crate::execution::{self, ExecutionError};
use crate::model::{Money, PortfolioId};
use crate::ports::RunRecord;
use crate::ports::store::{RunItem, StoreError};
use crate::report::document::{Document, ErrorKind, RunLine};
use crate::report::text;

pub(in crate::cli) async fn runs(asked: &List, path: &StorePath, output: &Output) -> Result<u8, Failure> {
    let Some(store) = path.look().await? else {
        output.say(&Document::RunList { runs: Vec::new() }, |canvas| text::run_list(&[], None, canvas))?;
        return Ok(0);
    };
    let wanted = |run: &RunItem| asked.portfolio.as_ref().is_none_or(|portfolio| run.identity.portfolio == *portfolio);
    let items: Vec<RunItem> = store
        .store()
        .all_runs()
        .await?
        .into_iter()
        .rev()
        .filter(wanted)
        .take(usize::try_from(asked.limit).unwrap_or(usize::MAX))
        .collect();
    let (mut lines, mut are_whole) = (Vec::new(), true);
    for item in items {
        match execution::load_run(store.store(), item.run_id).await {
            Ok(record) => lines.extend(record.map(|record| line(&item, &record))),
            // The others are told all the same: somebody looks for this one.
            Err(ExecutionError::Store(error @ StoreError::Corrupt { .. })) => {
                are_whole = false;
                lines.push(RunLine { reason: error.to_string(), ..of_item(&item) });
            }
            Err(error) => return Err(error.into()),
        }
    }
    let portfolio = asked.portfolio.as_ref().map(PortfolioId::as_str);
    output.say(&Document::RunList { runs: lines.clone() }, |canvas| text::run_list(&lines, portfolio, canvas))?;
    Ok(if are_whole { 0 } else { ErrorKind::NeedsAttention.exit_code() })
}

/// What its item alone says.
fn of_item(item: &RunItem) -> RunLine {
    RunLine {
        run_id: item.run_id,
        state: item.state.into(),
        portfolio: item.identity.portfolio.to_string(),
        account: format!("{}/{}", item.identity.venue, item.identity.venue_account),
        as_of: None,
        net_asset_value: None,
        quote_currency: None,
        orders: 0,
        turnover: None,
        fees: Money::ZERO,
        reason: item.reason.clone(),
    }
}

fn line(item: &RunItem, record: &RunRecord) -> RunLine {
    let plan = record.plan.as_ref();
    RunLine {
        state: record.state.into(),
        as_of: plan.map(|plan| plan.as_of),
        net_asset_value: plan.map(|plan| plan.net_asset_value),
        quote_currency: plan.map(|plan| plan.quote_currency.clone()),
        orders: record.orders.len(),
        turnover: plan.map(|plan| plan.turnover),
        fees: record.orders.iter().map(|order| order.fee).sum::<Money>(),
        reason: record.reason.clone(),
        ..of_item(item)
    }
}
