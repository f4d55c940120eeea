//! `diff`: what changed from one run to another.

use crate::cli::args::Diff;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::store::{self, StorePath};
use crate::report::document::Document;
use crate::report::text;
use crate::report::{Difference, Mode, RunReport};

pub(in crate::cli) async fn diff(asked: &Diff, path: &StorePath, output: &Output) -> Result<u8, Failure> {
    let store = path.look_at_existing().await?;
    let (before, after) = (store::find(&store, &asked.before).await?, store::find(&store, &asked.after).await?);
    let report = |record| RunReport::of_record(Mode::Stored, record).ok_or_else(|| store::without_plan(record));
    let policies = before.input.as_ref().zip(after.input.as_ref()).map(|(old, new)| (&old.policy, &new.policy));
    let difference = Difference::between(&report(&before)?, &report(&after)?, policies);
    output.say(&Document::Difference(Box::new(difference.clone())), |canvas| text::difference(&difference, canvas))?;
    Ok(0)
}
