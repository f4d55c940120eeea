//! `abort`: stop a run by hand.

use crate::cli::args::Abort;
use crate::cli::failure::Failure;
use crate::cli::handling::{Act, operator, take_up};
use crate::cli::output::Output;
use crate::cli::store::{self, StorePath};

pub(in crate::cli) async fn abort(asked: &Abort, path: &StorePath, output: &Output) -> Result<u8, Failure> {
    let act = Act::Abort { operator: operator(&asked.operator)?, reason: asked.reason.clone() };
    let run = store::find(&path.look_at_existing().await?, &asked.run).await?.run_id;
    let opened = path.open().await?;
    let answer = take_up(&opened, vec![run], &act, asked.time.at, asked.alerts, output).await;
    opened.close().await;
    answer
}
