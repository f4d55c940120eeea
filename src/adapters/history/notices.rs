//! What a reader should know of the data, beside what was left out. Plans read nothing of it.

use std::collections::BTreeSet;

use super::{Period, Symbols};
use crate::backtest::history::{AssetHistory, History};

/// Names that a notice shows.
const SHOWN: usize = 8;

/// Coins that count as gone on days of the period and have closes again: a hole in the files, and no death.
pub(super) fn holes(history: &History, period: &Period) -> Option<String> {
    let (from, to) = (history.day(period.from)?, history.day(period.to)?);
    let mut coins = 0_usize;
    let mut found = Vec::new();
    for (index, asset) in history.assets().iter().enumerate() {
        let known = found.len();
        let Some((mut before, last)) = asset.priced() else { continue };
        for day in (before + 1..=last).filter(|day| asset.close(*day).is_some()) {
            let is_hole = (from.max(before + 1)..day.min(to + 1)).any(|day| history.is_gone(index, day));
            if is_hole {
                found.push(format!("{} (between {} and {})", asset.id, history.date(before), history.date(day)));
            }
            before = day;
        }
        coins += usize::from(found.len() > known);
    }
    let plural = if coins == 1 { " counts" } else { "s count" };
    (coins > 0).then(|| {
        format!(
            "without a close, and in no snapshot, {coins} coin{plural} as gone for some days although closes go on later: \
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
