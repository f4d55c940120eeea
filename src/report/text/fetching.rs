//! What was fetched, and what to write into the case.

use std::fmt::Write as _;

use super::canvas::{Canvas, Line, Tone};
use super::table::{Column, Grid};
use super::time;
use crate::report::fetching::{FetchOutcome, FetchedGrades, FetchedSet};
use crate::report::run::count;

/// Most ids that a line names.
const MOST_NAMED: usize = 12;

#[must_use]
pub fn fetched_grades(fetched: &FetchedGrades, canvas: &Canvas) -> String {
    let title = format!("{}  grades of {}  ", canvas.clean(&fetched.case), fetched.day);
    let credits = format!("{} spent", count(usize::try_from(fetched.credits).unwrap_or(usize::MAX), "credit"));
    let mut out = canvas.fill(&Line::new(Tone::Strong, title), Tone::Faint, &credits);
    let mut grid = Grid::new([
        Column::left("set"),
        Column::left("file"),
        Column::right("tokens"),
        Column::left("newest").or_drop(1),
        Column::left(""),
    ]);
    for set in &fetched.sets {
        let tone = if set.outcome == FetchOutcome::Kept { Tone::Faint } else { Tone::Good };
        grid.row([
            Line::plain(set.set.as_str()),
            Line::plain(canvas.clean(&set.file)),
            Line::plain(set.tokens.to_string()),
            Line::plain(set.newest.map_or_else(String::new, time)),
            Line::new(tone, set.outcome.as_str()),
        ]);
    }
    out.push_str(&grid.render(canvas));
    for set in fetched.sets.iter().filter(|set| !set.missing.is_empty()) {
        out.push_str(&canvas.fill(&Line::new(Tone::Warn, "  "), Tone::Plain, &missing(set)));
    }
    out.push_str(&canvas.fill(
        &Line::plain("\n"),
        Tone::Plain,
        "In case.toml, the [[days]] table that is to use them says:",
    ));
    for set in &fetched.sets {
        let _ = writeln!(out, "  {} = \"{}\"", set.set, canvas.clean(&set.file));
    }
    out
}

fn missing(set: &FetchedSet) -> String {
    let named: Vec<String> = set.missing.iter().take(MOST_NAMED).map(u64::to_string).collect();
    let more = set.missing.len().saturating_sub(MOST_NAMED);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}: nothing about {} of the case: {}{rest}", set.set, count(set.missing.len(), "token"), named.join(", "))
}
