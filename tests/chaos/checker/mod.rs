//! The checker: reads the log of the wire, the items of the store and the venue's books, and judges.
//! It shares no code with the protocol: the tables below are written down a second time.

mod doctored;
mod evidence;
mod judge;
mod verdict;

use std::path::Path;

use serde_json::Value;

pub(crate) use evidence::all_items;
pub(crate) use verdict::Verdict;

use crate::history;
use crate::venue_server::Books;

/// The steps at each of which workers are killed, before their effect and after it.
pub(crate) const NAMED_STEPS: [&str; 24] = [
    "store: write account",
    "store: read run",
    "store: read lock",
    "store: take the lock, write run (claimed)",
    "store: write run (claimed)",
    "store: read kill switch",
    "store: read portfolio",
    "store: write chunk",
    "store: write run (planned)",
    "store: read chunk",
    "store: write run (emitting)",
    "store: list order",
    "store: write order (sending)",
    "venue: account",
    "venue: place",
    "venue: find",
    "venue: fills",
    "store: write order (acknowledged)",
    "store: write order (filled)",
    "store: write order (cancelled)",
    "store: write order (unknown)",
    "store: release the lock, write run (done)",
    "store: update chunk",
    "store: list lock",
];

/// The other steps that a run may pass, and why workers are killed there by chance only.
pub(crate) const NOT_AIMED_AT: [(&str, &str); 12] = [
    ("store: read account", "whose account it is, read before anything is claimed"),
    ("store: read paper", "what a dry run plans with"),
    ("store: list run", "how a person's command finds its run"),
    ("store: list by runs_by_portfolio", "what a command looks up around a run"),
    ("store: list log entry", "read for a report, after the run"),
    ("store: read order", "only after somebody else's write: too rare to be waited for"),
    ("store: write order (expired)", "the order never leaves: nothing outside follows"),
    ("store: write order (skipped)", "the order never leaves: nothing outside follows"),
    ("store: write order (partially_filled)", "this venue's orders do not rest"),
    ("store: write order (rejected)", "only after a late arrival: too rare to be waited for"),
    ("store: write order (not_placed)", "only after a lost request: too rare to be waited for"),
    ("store: release the lock, write run (aborted)", "the transaction of a run that is done, and rarer"),
];

/// Judges everything that was recorded, and whether lies about it would have been seen.
pub(crate) fn check(log: &Path, items: &[Value], books: &Books) -> Verdict {
    let evidence = evidence::Evidence::of(&history::read(log));
    let mut verdict = judge::judge(&evidence, items, books);
    let (unseen, lies) = doctored::unseen(&evidence, items, books);
    verdict.lies = lies;
    for lie in unseen {
        verdict.violations.push(("the checker itself", format!("a lie about {lie} is not seen")));
    }
    verdict
}
