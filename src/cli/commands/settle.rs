//! `settle`: look again at orders of unclear fate, or answer for a venue that cannot.

use crate::application::handling::Act;
use crate::cli::args::Settle;
use crate::cli::failure::Failure;
use crate::cli::handling::{Circumstances, operator, take_up};
use crate::cli::output::Output;
use crate::cli::store::{self, StorePath};
use crate::execution::{Answer, Statement};
use crate::model::Money;

pub(in crate::cli) async fn settle(asked: &Settle, path: &StorePath, output: &Output) -> Result<u8, Failure> {
    path.must_be_embedded()?;
    let statement = statement(asked)?;
    let run = store::find(&path.look_at_existing().await?, &asked.run).await?.run_id;
    let circumstances = Circumstances { at: asked.time.at, depth: None, alerts: asked.alerts };
    take_up(path, vec![run], Vec::new(), &Act::Settle(statement), circumstances, output).await
}

/// What a person says, if anything. The arguments come together or not at all.
fn statement(asked: &Settle) -> Result<Option<Statement>, Failure> {
    let (Some(order), Some(reason)) = (asked.order, &asked.reason) else {
        return Ok(None);
    };
    let answer = match asked.filled {
        Some(quantity) => Answer::Filled { quantity, price: asked.price, fee: asked.fee.unwrap_or(Money::ZERO) },
        None => Answer::NotPlaced,
    };
    Ok(Some(Statement { order, answer, operator: operator(&asked.operator)?, reason: reason.clone() }))
}
