//! `abort`: stop a run by hand.

use crate::application::handling::Act;
use crate::cli::args::Abort;
use crate::cli::failure::Failure;
use crate::cli::handling::{Circumstances, operator, take_up};
use crate::cli::output::Output;
use crate::cli::store::{self, StorePath};

pub(in crate::cli) async fn abort(asked: &Abort, path: &StorePath, output: &Output) -> Result<u8, Failure> {
    path.must_be_embedded()?;
    let act = Act::Abort { operator: operator(&asked.operator)?, reason: asked.reason.clone() };
    let run = store::find(&path.look_at_existing().await?, &asked.run).await?.run_id;
    let circumstances = Circumstances { at: asked.time.at, depth: None, alerts: asked.alerts };
    take_up(path, vec![run], Vec::new(), &act, circumstances, output).await
}
