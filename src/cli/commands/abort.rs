//! `abort`: stop a run by hand.

use crate::cli::args::Abort;
use crate::cli::failure::Failure;
use crate::cli::handling::{Act, operator, take_up};
use crate::cli::output::Output;
use crate::cli::store::{self, StorePath};

pub(in crate::cli) async fn abort(asked: &Abort, path: &StorePath, output: &Output) -> Result<u8, Failure> {
    path.must_be_embedded()?;
    let act = Act::Abort { operator: operator(&asked.operator)?, reason: asked.reason.clone() };
    let run = store::find(&path.look_at_existing().await?, &asked.run).await?.run_id;
    take_up(path, vec![run], &act, asked.time.at, asked.alerts, output).await
}
