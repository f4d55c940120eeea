//! What a reader should know of the data, beside what was left out. Plans read nothing of it.

use std::collections::BTreeSet;

use super::{Period, Symbols};
use crate::backtest::history::{AssetHistory, History};
use crate::model::AssetId;

/// Names that a notice shows.
const SHOWN: usize = 8;

/// Coins with closes of a file that count as gone on days of the period and have a price again: a hole in the files, and
/// no death. What snapshots alone price comes and goes by its rank, and its events say so.
pub(super) fn holes(history: &History, period: &Period, of_files: &BTreeSet<AssetId>) -> Option<String> {
    let (from, to) = (history.day(period.from)?, history.day(period.to)?);
    let mut found = Vec::new();
    for (index, asset) in history.assets().iter().enumerate().filter(|(_, asset)| of_files.contains(&asset.id)) {
        let Some((mut before, last)) = asset.priced() else { continue };
        let mut days = Vec::new();
        for day in (before + 1..=last).filter(|day| asset.close(*day).is_some()) {
            if (from.max(before + 1)..day.min(to + 1)).any(|day| history.is_gone(index, day)) {
                days.push(format!("between {} and {}", history.date(before), history.date(day)));
            }
            before = day;
        }
        if !days.is_empty() {
            found.push(format!("{} ({})", asset.id, shown(&days)));
        }
    }
    let (count, plural) = (found.len(), if found.len() == 1 { " counts" } else { "s count" });
    (count > 0).then(|| {
        format!(
            "without a close, and in no snapshot, {count} coin{plural} as gone for some days although closes go on later: \
             {}; name another file that has these days, or snapshots that list them",
            shown(&found)
        )
    })
}

/// Symbols whose closes are another asset's from a day on, which without snapshots hangs on where the period begins.
pub(super) fn other_ids(symbols: &Symbols, history: &History) -> Option<String> {
    let mut found = Vec::new();
    for (symbol, owners) in symbols {
        let mut known = BTreeSet::new();
        for (from, id) in owners {
            if known.insert(id) && known.len() > 1 {
                found.push(format!("{symbol} is {id} from {} on", history.date(*from)));
            }
        }
    }
    (!found.is_empty()).then(|| {
        format!(
            "closes too far from those before under their symbol have an id of their own ({}): grades and holdings of the \
             id before are not its; a period that begins later gives it the plain one",
            shown(&found)
        )
    })
}

/// The end of all closes, where the period goes on after it.
pub(super) fn end(history: &History, period: &Period) -> Option<String> {
    let last = history.assets().iter().filter_map(AssetHistory::priced).map(|(_, last)| last).max();
    let last = history.date(last?);
    (last < period.to).then(|| {
        format!(
            "no source has a close after {last}: the days up to {} are valued at the last closes until then",
            period.to
        )
    })
}

/// The first ones, and how many more.
fn shown(all: &[String]) -> String {
    let first = all.get(..SHOWN).unwrap_or(all).join(", ");
    if all.len() > SHOWN { format!("{first} and {} more", all.len() - SHOWN) } else { first }
}
