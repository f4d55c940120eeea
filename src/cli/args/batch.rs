//! What `batch` can be asked.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Clone, Args)]
pub struct Batch {
    /// Text with one planning input a line, as `plan --input` and `export --input` print them; standard input when it
    /// is - or not given
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Lines that are planned at once; as many as there are cores when not given
    #[arg(long, value_name = "N", value_parser = workers)]
    pub workers: Option<NonZeroUsize>,
    /// Of each plan only what it can be known by
    #[arg(long)]
    pub brief: bool,
}

/// More threads than any machine has cores are a slip of the pen.
const MOST_WORKERS: usize = 1024;

fn workers(text: &str) -> Result<NonZeroUsize, String> {
    let number: Option<NonZeroUsize> = text.parse().ok();
    number
        .filter(|number| number.get() <= MOST_WORKERS)
        .ok_or_else(|| format!("write a whole number from 1 to {MOST_WORKERS}"))
}
