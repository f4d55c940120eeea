//! `explain`: the reasons of a run, or of one asset in it.

use crate::cli::args::Explain;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::store::{self, StorePath};
use crate::report::document::Document;
use crate::report::text;
use crate::report::{Explanation, Mode, RunReport};

pub(in crate::cli) async fn explain(asked: &Explain, path: &StorePath, output: &Output) -> Result<u8, Failure> {
    let store = path.look_at_existing().await?;
    let record = store::find(&store, &asked.run).await?;
    let report = RunReport::of_record(Mode::Stored, &record).ok_or_else(|| store::without_plan(&record))?;
    let explanation = match &asked.asset {
        None => Explanation::of_run(&report),
        Some(name) => Explanation::of_asset(&report, record.input.as_ref(), name)
            .map_err(|error| Failure::bad_input(error.to_string(), ""))?,
    };
    output
        .say(&Document::Explanation(Box::new(explanation.clone())), |canvas| text::explanation(&explanation, canvas))?;
    Ok(0)
}
