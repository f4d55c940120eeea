//! `runs`: what the store remembers, newest first.

use crate::cli::args::List;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::store::StorePath;
use crate::execution;
use crate::model::{Money, PortfolioId};
use crate::ports::RunRecord;
use crate::ports::store::RunItem;
use crate::report::document::{Document, RunLine};
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
    let mut lines = Vec::new();
    for item in items {
        if let Some(record) = execution::load_run(store.store(), item.run_id).await? {
            lines.push(line(&item, &record));
        }
    }
    let portfolio = asked.portfolio.as_ref().map(PortfolioId::as_str);
    output.say(&Document::RunList { runs: lines.clone() }, |canvas| text::run_list(&lines, portfolio, canvas))?;
    Ok(0)
}

fn line(item: &RunItem, record: &RunRecord) -> RunLine {
    let plan = record.plan.as_ref();
    RunLine {
        run_id: record.run_id,
        state: record.state.into(),
        portfolio: item.identity.portfolio.to_string(),
        account: format!("{}/{}", item.identity.venue, item.identity.venue_account),
        as_of: plan.map(|plan| plan.as_of),
        net_asset_value: plan.map(|plan| plan.net_asset_value),
        quote_currency: plan.map(|plan| plan.quote_currency.clone()),
        orders: record.orders.len(),
        turnover: plan.map(|plan| plan.turnover),
        fees: record.orders.iter().map(|order| order.fee).sum::<Money>(),
        reason: record.reason.clone(),
    }
}
