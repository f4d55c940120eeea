//! `recover`: finish what a worker left behind. Needs no case and no event: everything is in the store.

use uuid::Uuid;

use crate::application::handling::{self, Act};
use crate::cli::args::Recover;
use crate::cli::failure::Failure;
use crate::cli::handling::{Circumstances, take_up};
use crate::cli::output::Output;
use crate::cli::store::{self, StorePath};
use crate::report::document::Document;
use crate::report::text;

pub(in crate::cli) async fn recover(asked: &Recover, path: &StorePath, output: &Output) -> Result<u8, Failure> {
    path.must_be_embedded()?;
    // Looked at first: where there is nothing to recover, nothing is written.
    let (runs, unreadable) = match (&asked.run, path.look().await?) {
        (Some(name), Some(looked)) => (vec![store::find(&looked, name).await?.run_id], Vec::new()),
        (Some(_), None) => (vec![path.look_at_existing().await.map(|_| Uuid::nil())?], Vec::new()),
        (None, Some(looked)) => handling::unfinished(looked.store()).await?,
        (None, None) => (Vec::new(), Vec::new()),
    };
    if runs.is_empty() && unreadable.is_empty() {
        output.say(&Document::HandledRuns { runs: Vec::new() }, |canvas| text::handled(&[], canvas))?;
        return Ok(0);
    }
    let circumstances = Circumstances { at: asked.time.at, depth: asked.paper_depth, alerts: asked.alerts };
    take_up(path, runs, unreadable, &Act::Recover, circumstances, output).await
}
