//! The checker: reads the log of the wire, the items of the store and the orders that the venue accepted, and judges.
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
use crate::venue_server::Accepted;

/// The steps at each of which workers are killed, before their effect and after it.
pub(crate) const NAMED_STEPS: [&str; 20] = [
    "store: read run",
    "store: take the lock, write run (claimed)",
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
    "store: write order (unknown)",
    "store: release the lock, write run (done)",
    "store: update chunk",
    "store: list lock",
];

/// Judges everything that was recorded, and whether lies about it would have been seen.
pub(crate) fn check(log: &Path, items: &[Value], accepted: &[Accepted]) -> Verdict {
    let evidence = evidence::Evidence::of(&history::read(log));
    let mut verdict = judge::judge(&evidence, items, accepted);
    let (unseen, lies) = doctored::unseen(&evidence, items, accepted);
    verdict.lies = lies;
    for lie in unseen {
        verdict.violations.push(("the checker itself", format!("a lie about {lie} is not seen")));
    }
    verdict
}
