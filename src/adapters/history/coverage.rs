//! Whether the files cover a period: a hole in them is no death of what they list.

use std::collections::BTreeSet;

use super::Period;
use super::prices::{PriceFile, Useless};
use crate::backtest::history::{AssetHistory, CLOSE_DAYS, Day, History, SNAPSHOT_DAYS};
use crate::model::AssetId;
use crate::preparation::BadInput;

/// Days that a period may go on after the last snapshot: until the next one is due.
const AFTER_SNAPSHOT: usize = 31;

/// Which days a file of closes has, and of which assets.
#[derive(Debug)]
pub(super) struct Closes {
    name: String,
    days: BTreeSet<Day>,
    assets: BTreeSet<AssetId>,
    /// A file of one coin ends where the coin does; of several, where the file does.
    is_of_one: bool,
    useless: Option<Useless>,
}

impl Closes {
    pub(super) fn of(file: PriceFile, assets: BTreeSet<AssetId>) -> Self {
        let is_of_one = file.symbols.len() == 1;
        Self { name: file.name, days: file.days, assets, is_of_one, useless: file.useless }
    }
}

/// Refuses a period that has a day on which nothing could be told: before every price, in a hole of a source, or so
/// long after its end that everything would count as dead.
///
/// # Errors
/// When there is such a day, with what to do about it.
pub(super) fn check(
    history: &History,
    period: &Period,
    has_snapshots: bool,
    mut closes: Vec<Closes>,
) -> Result<(), BadInput> {
    let priced: Vec<(Day, Day)> = history.assets().iter().filter_map(AssetHistory::priced).collect();
    let Some((first, last)) = priced.iter().map(|it| it.0).min().zip(priced.iter().map(|it| it.1).max()) else {
        let problem = format!("no source has a price from {} to {}", history.date(0), period.to);
        let value = format!("{} to {}", period.from, period.to);
        return Err(useless(&closes, &problem).unwrap_or_else(|| {
            BadInput::new("backtest", "data", &value, problem, "name other files or another period")
        }));
    };
    let (from, to) = (history.day(period.from).unwrap_or(0), history.day(period.to).unwrap_or(usize::MAX));
    if from < first {
        let begin = history.date(first);
        let problem = format!("no source has a price before {begin}");
        return Err(useless(&closes, &problem).unwrap_or_else(|| early(period, &problem, &begin.to_string())));
    }
    if has_snapshots {
        return snapshots(history, period, from, to);
    }
    if to > last + CLOSE_DAYS {
        let end = history.date(last + CLOSE_DAYS);
        let problem = format!("no source has a price so late: after {end} everything would count as dead");
        return Err(useless(&closes, &problem).unwrap_or_else(|| late(period, &problem, &end.to_string())));
    }
    // What is alone in its file tells its own life only: whether anything is told of a day, all files say together.
    let all: BTreeSet<Day> = closes.iter().flat_map(|file| file.days.iter().copied()).collect();
    for file in closes.iter_mut().filter(|file| file.is_of_one) {
        file.days.clone_from(&all);
    }
    closes.iter().try_for_each(|file| without_hole(history, file, from, to))
}

/// Prices are missed, and a file of them has no row that can be used: that comes first.
fn useless(closes: &[Closes], missed: &str) -> Option<BadInput> {
    closes.iter().find_map(|file| Some(file.useless.as_ref()?.explain(&file.name, missed)))
}

fn early(period: &Period, problem: &str, begin: &str) -> BadInput {
    let remedy = format!("begin on {begin} or name earlier files");
    BadInput::new("backtest", "from", &period.from.to_string(), problem, remedy)
}

fn late(period: &Period, problem: &str, end: &str) -> BadInput {
    let remedy = format!("end on {end} or before, or name later files");
    BadInput::new("backtest", "to", &period.to.to_string(), problem, remedy)
}

/// On every day there must be a snapshot that is not too old: who is listed is known from nothing else.
fn snapshots(history: &History, period: &Period, from: Day, to: Day) -> Result<(), BadInput> {
    let days: Vec<Day> = history.snapshots().iter().map(|snapshot| snapshot.day).collect();
    let Some(begin) = days.iter().rfind(|day| **day <= from).filter(|day| from - **day <= SNAPSHOT_DAYS) else {
        let problem =
            format!("there is no snapshot of the {SNAPSHOT_DAYS} days before it, so nobody knows who is listed");
        let next = days.iter().find(|day| **day > from).map(|day| history.date(*day).to_string());
        let remedy = next.map_or_else(
            || "name snapshots of the period, or closes alone".to_owned(),
            |next| format!("begin on {next} or name earlier files"),
        );
        return Err(BadInput::new("backtest", "from", &period.from.to_string(), problem, remedy));
    };
    let within = || days.iter().filter(|day| *day >= begin);
    for (before, after) in within().zip(within().skip(1)).filter(|(before, _)| **before <= to) {
        if after - before > SNAPSHOT_DAYS {
            let (before, after) = (history.date(*before), history.date(*after));
            let problem = format!("there is no snapshot between {before} and {after}: every coin would count as dead");
            let remedy = format!("name a file with the snapshots between, end before them or begin on {after}");
            return Err(BadInput::new("backtest", "data", &after.to_string(), problem, remedy));
        }
    }
    let last = within().next_back().copied().unwrap_or(*begin);
    if to > last + AFTER_SNAPSHOT {
        let end = history.date(last + AFTER_SNAPSHOT);
        let problem = format!("the last snapshot is of {}: after {end} nobody knows who is listed", history.date(last));
        return Err(late(period, &problem, &end.to_string()));
    }
    Ok(())
}

/// No hole of a file may be taken for the death of what it priced before and nothing else prices.
fn without_hole(history: &History, file: &Closes, from: Day, to: Day) -> Result<(), BadInput> {
    let ends = file.days.iter().skip(1).copied().chain([usize::MAX]);
    for (before, after) in file.days.iter().copied().zip(ends) {
        let gone_on = before + CLOSE_DAYS + 1;
        if gone_on >= after || gone_on > to || after <= from {
            continue;
        }
        let is_lost = |id: &&AssetId| {
            let Some(index) = history.find(id) else { return false };
            history.price(index, before).is_some() && history.price(index, gone_on).is_none()
        };
        let lost: Vec<&AssetId> = file.assets.iter().filter(is_lost).collect();
        let Some(one) = lost.first() else { continue };
        let (begin, end) = (history.date(before), history.date(before + CLOSE_DAYS));
        let (what, begin_after) = if after == usize::MAX {
            (format!("it ends on {begin}"), String::new())
        } else {
            let after = history.date(after);
            (format!("it has nothing between {begin} and {after}"), format!(", begin on {after}"))
        };
        let count = lost.len();
        let problem = format!(
            "{what}, and {count} of its assets are in no other source then ({one} is one): they would count as dead"
        );
        let remedy = format!("end on {end} or before{begin_after}, or name a file with the days between");
        return Err(BadInput::new(&file.name, "date", &begin.to_string(), problem, remedy));
    }
    Ok(())
}
