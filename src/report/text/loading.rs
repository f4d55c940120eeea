//! What was loaded, and what is stored.

use std::cmp::Reverse;

use super::canvas::{Canvas, Line, Tone};
use super::table::{Column, Grid};
use super::time;
use crate::report::loading::{AccountOutcome, LoadOutcome, LoadedCase, LoadedInput, StoredSnapshot, StoredSnapshots};
use crate::report::run::count;

/// Most rows of a table that is not asked for in full.
const MOST_ROWS: usize = 40;
/// Digits of a digest: enough to tell two files apart by eye.
const DIGEST: usize = 12;

#[must_use]
pub fn loaded_cases(cases: &[LoadedCase], canvas: &Canvas) -> String {
    let told = cases.iter().filter(|case| case.error.is_none());
    told.map(|case| loaded_case(case, canvas)).collect::<Vec<_>>().join("\n")
}

fn loaded_case(case: &LoadedCase, canvas: &Canvas) -> String {
    let portfolio = case.portfolio.as_deref().unwrap_or_default();
    let title = Line::new(Tone::Strong, format!("{}  ", canvas.clean(&case.case)));
    let mut out = canvas.fill(&title, Tone::Plain, &format!("portfolio {portfolio}"));
    if case.stored {
        out.push_str(&canvas.fill(
            &Line::plain("  "),
            Tone::Faint,
            &format!("stored in {}", canvas.clean(&case.store)),
        ));
    }
    // What is as it was is only counted.
    let changed = case.inputs.iter().filter(|input| canvas.full || input.outcome != LoadOutcome::Unchanged);
    let changed: Vec<&LoadedInput> = changed.collect();
    if !changed.is_empty() {
        let rows = changed.iter().map(|input| {
            let tone = match input.outcome {
                LoadOutcome::New => Tone::Good,
                LoadOutcome::Replaced | LoadOutcome::Ended => Tone::Warn,
                LoadOutcome::Unchanged => Tone::Faint,
            };
            (&input.snapshot, Line::new(tone, input.outcome.as_str()))
        });
        out.push_str(&table(rows, LOADED, canvas));
    }
    let of = |outcome: LoadOutcome| case.inputs.iter().filter(|input| input.outcome == outcome).count();
    let outcomes = [LoadOutcome::New, LoadOutcome::Replaced, LoadOutcome::Ended, LoadOutcome::Unchanged];
    let counts = outcomes.map(|outcome| (of(outcome), outcome.as_str()));
    let counts = counts.into_iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}"));
    let counts = counts.collect::<Vec<_>>().join(", ");
    let end = if case.stored { "" } else { "; nothing was written" };
    let files = format!("{}: {counts}{end}", count(case.inputs.len(), "file"));
    out.push_str(&canvas.fill(&Line::plain("  "), Tone::Plain, &files));
    for account in &case.accounts {
        let tone = match account.outcome {
            AccountOutcome::Refused => Tone::Bad,
            AccountOutcome::Kept | AccountOutcome::Unchanged => Tone::Faint,
            AccountOutcome::Opened | AccountOutcome::Restated => Tone::Good,
        };
        let (at, what) = (time(account.observed_at), account.outcome.as_str());
        let line = Line::plain(format!("  account {}, balance of {at}: ", account.account));
        out.push_str(&canvas.fill(&line, tone, what));
    }
    out
}

#[must_use]
pub fn stored_snapshots(stored: &StoredSnapshots, canvas: &Canvas) -> String {
    let StoredSnapshots { portfolio, store, snapshots } = stored;
    let store = canvas.clean(store);
    if snapshots.is_empty() {
        return format!(
            "Nothing of portfolio {portfolio} is stored in {store}. `rebalance load CASE` stores a case.\n"
        );
    }
    let title = Line::new(Tone::Strong, format!("portfolio {portfolio}"));
    let remark = format!("{} in {store}", count(snapshots.len(), "snapshot"));
    // Of each kind the newest first.
    let mut sorted: Vec<&StoredSnapshot> = snapshots.iter().collect();
    sorted.sort_by_key(|snapshot| (snapshot.kind, Reverse((snapshot.at, snapshot.revision))));
    let rows = sorted.into_iter().map(|snapshot| {
        let state = match snapshot.expires_at {
            None => Line::new(Tone::Good, "in use"),
            Some(at) => Line::new(Tone::Faint, format!("until {}", day(at))),
        };
        (snapshot, state)
    });
    let head = canvas.fill(&title, Tone::Plain, "") + &canvas.fill(&Line::plain("  "), Tone::Faint, &remark);
    head + &table(rows, LISTED, canvas)
}

fn day(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

/// What matters in a table: the title of its last column, and in which order the others go when room is short.
#[derive(Debug, Clone, Copy)]
struct Emphasis {
    last: &'static str,
    dated: u8,
    file: u8,
    bytes: u8,
    digest: u8,
    loaded: u8,
}

const LOADED: Emphasis = Emphasis { last: "", file: 1, dated: 2, digest: 3, bytes: 4, loaded: 5 };
const LISTED: Emphasis = Emphasis { last: "kept", digest: 1, loaded: 2, file: 3, dated: 4, bytes: 5 };

/// Snapshots, each with what there is to say of it under the last column.
fn table<'a>(
    rows: impl ExactSizeIterator<Item = (&'a StoredSnapshot, Line)>,
    emphasis: Emphasis,
    canvas: &Canvas,
) -> String {
    let mut grid = Grid::new([
        Column::left("kind"),
        Column::left("known from"),
        Column::left("dated").or_drop(emphasis.dated),
        Column::left("file").or_drop(emphasis.file),
        Column::right("bytes").or_drop(emphasis.bytes),
        Column::left("digest").or_drop(emphasis.digest),
        Column::left("loaded").or_drop(emphasis.loaded),
        Column::left(emphasis.last),
    ]);
    let most = if canvas.full { usize::MAX } else { MOST_ROWS };
    let more = rows.len().saturating_sub(most);
    for (snapshot, state) in rows.take(most) {
        let digest: String = snapshot.digest.iter().flat_map(|digest| digest.chars()).take(DIGEST).collect();
        grid.row([
            Line::plain(snapshot.kind.to_string()),
            Line::plain(time(snapshot.at)),
            Line::plain(snapshot.dated.map_or_else(String::new, time)),
            Line::plain(canvas.clean(&snapshot.file)),
            Line::plain(snapshot.bytes.to_string()),
            Line::new(Tone::Faint, digest),
            Line::plain(time(snapshot.loaded_at)),
            state,
        ]);
    }
    let mut out = grid.render(canvas);
    if more > 0 {
        let text = format!("and {more} more; --full lists all");
        out.push_str(&canvas.fill(&Line::plain("  "), Tone::Faint, &text));
    }
    out
}
