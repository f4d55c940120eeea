//! What was known, day by day: closes, volumes, market caps, memberships, grades. In memory, for one period and the
//! days before it that the policy asks for.
//!
//! Everything has the index of the day on which it was known, and every question is asked *as of* a day: the answer
//! reads nothing dated after it. A close of a day is known at the end of that day (UTC).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use jiff::Timestamp;
use jiff::civil::Date;

use super::dropped::DroppedRows;
use crate::model::{AssetId, Decimal, GradeRecord, Money, Price};
use crate::preparation::time::start_of;
use crate::preparation::{BadInput, Migration};

/// The most days that a history may span: a century is a slip of the pen.
const MAX_DAYS: usize = 36_525;
/// Days over which volumes are averaged.
const VOLUME_DAYS: usize = 30;
/// A close this many days old still prices an asset; a snapshot prices its members until the next one, but no longer
/// than [`SNAPSHOT_DAYS`].
pub const CLOSE_DAYS: usize = 10;
pub const SNAPSHOT_DAYS: usize = 45;
/// Days for which a holding waits for the asset that it is exchanged into.
const EXCHANGE_DAYS: i32 = 45;

/// A day, counted from the first one of the history.
pub type Day = usize;

/// An asset, by its place among all of the history, which is that of its id.
pub type AssetIndex = usize;

/// The market over a period.
#[derive(Debug, Clone, Default)]
pub struct History {
    dates: Vec<Date>,
    assets: Vec<AssetHistory>,
    snapshots: Vec<Snapshot>,
    migrations: Vec<Migration>,
    /// What was read, what was left out, and anything else worth saying.
    pub sources: Vec<String>,
    pub dropped: Vec<DroppedRows>,
    pub notices: Vec<String>,
}

/// One asset over the period.
#[derive(Debug, Clone)]
pub struct AssetHistory {
    pub id: AssetId,
    labels: Vec<(Day, Label)>,
    closes: Column<Price>,
    volumes: Column<Money>,
    market_caps: Column<Money>,
    listed: Vec<(Day, ListedFigures)>,
    grades: Vec<(Day, GradeRecord)>,
}

/// What an asset is called, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    pub symbol: String,
    pub name: String,
}

/// Figures of a snapshot's row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ListedFigures {
    pub market_cap: Option<Money>,
    pub volume: Option<Money>,
    /// Units in circulation.
    pub supply: Option<Decimal>,
}

/// Who was listed on a day.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub day: Day,
    pub members: BTreeSet<AssetIndex>,
    pub smallest_market_cap: Option<Money>,
}

/// Values by day, from the first one that has any.
#[derive(Debug, Clone)]
struct Column<T> {
    start: Day,
    values: Vec<Option<T>>,
}

impl<T> Default for Column<T> {
    fn default() -> Self {
        Self { start: 0, values: Vec::new() }
    }
}

impl<T: Copy> Column<T> {
    /// The first value of a day stands.
    fn set(&mut self, day: Day, value: T) {
        if self.values.is_empty() {
            self.start = day;
        }
        if day < self.start {
            let gap = self.start - day;
            self.values.splice(0..0, std::iter::repeat_n(None, gap));
            self.start = day;
        }
        let place = day - self.start;
        if self.values.len() <= place {
            self.values.resize(place + 1, None);
        }
        if let Some(slot @ None) = self.values.get_mut(place) {
            *slot = Some(value);
        }
    }

    fn at(&self, day: Day) -> Option<T> {
        self.values.get(day.checked_sub(self.start)?).copied().flatten()
    }

    /// The newest value of `day` or the days before it, down to `oldest`.
    fn newest(&self, day: Day, oldest: Day) -> Option<(Day, T)> {
        let end = self.start + self.values.len();
        let newest = day.min(end.checked_sub(1)?);
        (oldest.max(self.start)..=newest).rev().find_map(|day| self.at(day).map(|value| (day, value)))
    }
}

/// The newest entry of `day` or before it.
fn newest<T>(entries: &[(Day, T)], day: Day) -> Option<&(Day, T)> {
    let end = entries.partition_point(|(at, _)| *at <= day);
    entries.get(..end)?.last()
}

impl AssetHistory {
    fn new(id: AssetId) -> Self {
        Self {
            id,
            labels: Vec::new(),
            closes: Column::default(),
            volumes: Column::default(),
            market_caps: Column::default(),
            listed: Vec::new(),
            grades: Vec::new(),
        }
    }

    /// The close of that very day.
    #[must_use]
    pub fn close(&self, day: Day) -> Option<Price> {
        self.closes.at(day)
    }

    /// The newest close, at most `age` days old.
    #[must_use]
    pub fn last_close(&self, day: Day, age: usize) -> Option<(Day, Price)> {
        self.closes.newest(day, day.saturating_sub(age))
    }

    /// On each of these days the newest close, however old.
    pub(super) fn last_closes(&self, days: Range<Day>) -> impl Iterator<Item = Option<(Day, Price)>> {
        let mut last = days.start.checked_sub(1).and_then(|before| self.last_close(before, usize::MAX));
        days.map(move |day| {
            last = self.close(day).map(|close| (day, close)).or(last);
            last
        })
    }

    /// The first day after `day` with a close.
    #[must_use]
    pub fn first_close_after(&self, day: Day) -> Option<Day> {
        let (_, last) = self.priced()?;
        (day + 1..=last).find(|day| self.close(*day).is_some())
    }

    /// The first and the last day with a close.
    #[must_use]
    pub fn priced(&self) -> Option<(Day, Day)> {
        let last = self.closes.values.len().checked_sub(1)?;
        Some((self.closes.start, self.closes.start + last))
    }

    /// The label as of a day; an asset without one is called by its id.
    #[must_use]
    pub fn label(&self, day: Day) -> Label {
        let found = newest(&self.labels, day).map(|(_, label)| label.clone());
        found.unwrap_or_else(|| Label { symbol: self.id.to_string(), name: self.id.to_string() })
    }

    #[must_use]
    pub fn grades(&self, day: Day) -> GradeRecord {
        newest(&self.grades, day).map(|(_, grades)| grades.clone()).unwrap_or_default()
    }

    /// The figures of the newest snapshot with this asset.
    #[must_use]
    pub fn listed(&self, day: Day) -> Option<(Day, ListedFigures)> {
        newest(&self.listed, day).copied()
    }

    /// Market cap as of a day: the supply of the newest snapshot at the close, or what a source stated for the close.
    #[must_use]
    pub fn market_cap(&self, day: Day, close: Price) -> Option<Money> {
        let Some((listed_on, figures)) = self.listed(day) else {
            return self.market_caps.newest(day, day.saturating_sub(CLOSE_DAYS)).map(|(_, cap)| cap);
        };
        let by_supply = figures.supply.filter(|_| listed_on != day);
        let by_supply = by_supply.and_then(|supply| supply.checked_mul(close.get()));
        by_supply.and_then(|cap| Money::new(cap).ok()).or(figures.market_cap)
    }

    /// Quote currency a day: the newest snapshot's, or the mean of the volumes of the last 30 days where it says none.
    #[must_use]
    pub fn average_daily_volume(&self, day: Day) -> Option<Money> {
        if let Some(volume) = self.listed(day).and_then(|(_, figures)| figures.volume) {
            return Some(volume);
        }
        let days = (day + 1).saturating_sub(VOLUME_DAYS)..=day;
        let (count, sum) = days
            .filter_map(|day| self.volumes.at(day))
            .fold((0_u32, Decimal::ZERO), |(count, sum), volume| (count + 1, sum + volume.get()));
        Money::new(sum.checked_div(Decimal::from(count))?).ok()
    }

    /// The first day on which anything was known of it.
    #[must_use]
    pub fn first_seen(&self) -> Option<Day> {
        let close = (!self.closes.values.is_empty()).then_some(self.closes.start);
        let listed = self.listed.first().map(|(day, _)| *day);
        close.into_iter().chain(listed).min()
    }
}

impl History {
    /// An empty history of these days, both included.
    ///
    /// # Errors
    /// When `last` is before `first`, or a century after it.
    pub fn new(first: Date, last: Date) -> Result<Self, BadInput> {
        let dates: Vec<Date> = first.series(jiff::Span::new().days(1)).take(MAX_DAYS + 1).collect();
        let dates: Vec<Date> = dates.into_iter().take_while(|date| *date <= last).collect();
        if dates.is_empty() || dates.len() > MAX_DAYS {
            let problem = format!("the period begins on {first} and ends on {last}");
            return Err(BadInput::new(
                "backtest",
                "to",
                &last.to_string(),
                problem,
                "give a period of 1 to 36525 days",
            ));
        }
        Ok(Self { dates, ..Self::default() })
    }

    /// Every day, in order.
    #[must_use]
    pub fn dates(&self) -> &[Date] {
        &self.dates
    }

    #[must_use]
    pub fn date(&self, day: Day) -> Date {
        self.dates.get(day).copied().unwrap_or(Date::MAX)
    }

    /// The index of a date, if the history has it.
    #[must_use]
    pub fn day(&self, date: Date) -> Option<Day> {
        self.dates.binary_search(&date).ok()
    }

    /// The moment at which a day's figures are known: its end.
    ///
    /// # Errors
    /// When that is outside the calendar.
    pub fn known_at(&self, day: Day) -> Result<Timestamp, BadInput> {
        Self::end_of(self.date(day))
    }

    /// The end of a day, of the history or not.
    ///
    /// # Errors
    /// When that is outside the calendar.
    pub fn end_of(date: Date) -> Result<Timestamp, BadInput> {
        let next = date.tomorrow().map_err(|error| error.to_string());
        next.and_then(start_of).map_err(|problem| {
            BadInput::new("backtest", "date", &date.to_string(), problem, "use days of this calendar")
        })
    }

    #[must_use]
    pub fn assets(&self) -> &[AssetHistory] {
        &self.assets
    }

    #[must_use]
    pub fn asset(&self, index: AssetIndex) -> Option<&AssetHistory> {
        self.assets.get(index)
    }

    #[must_use]
    pub fn find(&self, id: &AssetId) -> Option<AssetIndex> {
        self.assets.binary_search_by(|asset| asset.id.cmp(id)).ok()
    }

    /// The newest snapshot as of a day, unless it is too old.
    #[must_use]
    pub fn snapshot(&self, day: Day) -> Option<&Snapshot> {
        let end = self.snapshots.partition_point(|snapshot| snapshot.day <= day);
        self.snapshots.get(..end)?.last().filter(|snapshot| day - snapshot.day <= SNAPSHOT_DAYS)
    }

    /// Every snapshot, oldest first.
    #[must_use]
    pub fn snapshots(&self) -> &[Snapshot] {
        &self.snapshots
    }

    /// Whether memberships come from snapshots on a day; before any, whatever has a price may be a member.
    #[must_use]
    pub fn has_snapshots(&self, day: Day) -> bool {
        self.snapshots.first().is_some_and(|first| first.day <= day)
    }

    /// In the order in which they happen.
    #[must_use]
    pub fn migrations(&self) -> &[Migration] {
        &self.migrations
    }

    /// What was exchanged into something that is known by a day. A migration into what no source has yet says nothing
    /// of what may be held: it may be for other data, where the ids are others, or mistyped.
    pub fn exchanged(&self, day: Day) -> impl Iterator<Item = AssetIndex> {
        let is_known = move |id: &AssetId| {
            self.find(id).and_then(|index| self.asset(index)?.first_seen()).is_some_and(|first| first <= day)
        };
        let done = self.migrations.iter().filter(move |it| it.on <= self.date(day) && is_known(&it.to));
        done.filter_map(|it| self.find(&it.from))
    }

    /// The price that an asset has as of a day, and the day that it is from: the newest close of the last days, or one
    /// since the newest snapshot that lists it. Absent: it is gone.
    #[must_use]
    pub fn price(&self, index: AssetIndex, day: Day) -> Option<(Day, Price)> {
        let asset = self.asset(index)?;
        let fresh = asset.last_close(day, CLOSE_DAYS);
        let snapshot = self.snapshot(day).filter(|snapshot| snapshot.members.contains(&index));
        let since = snapshot.map_or(0, |snapshot| day - snapshot.day);
        match fresh {
            // On the day of a snapshot, who is not in it and has no close of these days is gone.
            Some((from, _)) if self.left_the_snapshot(index, day) && day - from > STALE_AT_SNAPSHOT => None,
            None if snapshot.is_some() => asset.last_close(day, since),
            other => other,
        }
    }

    /// Whether no source knows an asset any more. What a snapshot lists without a price is not gone, nor is anything
    /// while there is no snapshot to leave it out, nor what waits to be exchanged into another asset.
    #[must_use]
    pub fn is_gone(&self, index: AssetIndex, day: Day) -> bool {
        // Nearly always: whatever else is known, a close of that day is a price.
        if self.asset(index).is_some_and(|asset| asset.close(day).is_some()) {
            return false;
        }
        let may_be_listed = match self.snapshot(day) {
            Some(snapshot) => snapshot.members.contains(&index),
            None => self.has_snapshots(day),
        };
        self.price(index, day).is_none() && !may_be_listed && !self.awaits_exchange(index, day)
    }

    /// Whether an asset was exchanged of late: the other one may be listed with the next snapshot only.
    #[must_use]
    pub fn awaits_exchange(&self, index: AssetIndex, day: Day) -> bool {
        let date = self.date(day);
        let is_recent = |on: Date| on <= date && (date - on).get_days() <= EXCHANGE_DAYS;
        let Some(asset) = self.asset(index) else { return false };
        self.migrations.iter().any(|migration| migration.from == asset.id && is_recent(migration.on))
    }

    /// Whether the newest snapshot does not list an asset that one before it did.
    fn left_the_snapshot(&self, index: AssetIndex, day: Day) -> bool {
        let listed_before = self.asset(index).is_some_and(|asset| asset.listed(day).is_some());
        listed_before && self.snapshot(day).is_some_and(|snapshot| !snapshot.members.contains(&index))
    }

    /// How many coins the newest snapshot lists, where an asset left it: it may trade on below the last of them.
    #[must_use]
    pub fn coins_without(&self, index: AssetIndex, day: Day) -> Option<usize> {
        let snapshot = self.snapshot(day).filter(|_| self.left_the_snapshot(index, day));
        snapshot.map(|snapshot| snapshot.members.len())
    }

    /// Most that an asset which left the snapshots can be worth: what would have kept it in.
    #[must_use]
    pub fn price_bound(&self, index: AssetIndex, day: Day) -> Option<Price> {
        let (_, figures) = self.asset(index)?.listed(day)?;
        let smallest = self.snapshot(day).filter(|snapshot| !snapshot.members.contains(&index))?.smallest_market_cap?;
        Price::new(smallest.get().checked_div(figures.supply?)?).ok()
    }

    /// Figures that are held: what memory is for.
    #[must_use]
    pub fn figures(&self) -> usize {
        let of = |asset: &AssetHistory| {
            asset.closes.values.len()
                + asset.volumes.values.len()
                + asset.market_caps.values.len()
                + asset.listed.len()
                + asset.grades.len()
        };
        self.assets.iter().map(of).sum()
    }
}

/// At a snapshot that no longer lists an asset, a close older than this is no price.
const STALE_AT_SNAPSHOT: usize = 2;

/// Collects a history in any order of days; the first value of an asset and day stands.
#[derive(Debug)]
pub struct HistoryBuilder {
    history: History,
    assets: BTreeMap<AssetId, AssetHistory>,
    snapshots: BTreeMap<Day, (BTreeSet<AssetId>, Option<Money>)>,
}

impl HistoryBuilder {
    #[must_use]
    pub const fn new(history: History) -> Self {
        Self { history, assets: BTreeMap::new(), snapshots: BTreeMap::new() }
    }

    #[must_use]
    pub const fn history(&self) -> &History {
        &self.history
    }

    fn asset(&mut self, id: &AssetId) -> &mut AssetHistory {
        // Two lookups, and no copy of the id for the many that are there.
        if !self.assets.contains_key(id) {
            let _ = self.assets.insert(id.clone(), AssetHistory::new(id.clone()));
        }
        self.assets.entry(id.clone()).or_insert_with(|| AssetHistory::new(id.clone()))
    }

    /// Closes of one asset, each with volume and market cap where there are any. What a source does not say of a day, one
    /// after it may: of a close from a venue, another one's market cap.
    pub fn closes(
        &mut self,
        id: &AssetId,
        closes: impl IntoIterator<Item = (Day, Price, Option<Money>, Option<Money>)>,
    ) {
        let asset = self.asset(id);
        for (day, close, volume, cap) in closes {
            asset.closes.set(day, close);
            if let Some(volume) = volume {
                asset.volumes.set(day, volume);
            }
            if let Some(cap) = cap {
                asset.market_caps.set(day, cap);
            }
        }
    }

    /// What it is called from a day on.
    pub fn label(&mut self, id: &AssetId, day: Day, label: Label) {
        let labels = &mut self.asset(id).labels;
        let place = labels.partition_point(|(at, _)| *at < day);
        let same_before = place.checked_sub(1).and_then(|before| labels.get(before)).is_some_and(|it| it.1 == label);
        if !same_before && labels.get(place).is_none_or(|(at, _)| *at != day) {
            labels.insert(place, (day, label));
        }
    }

    /// One row of a snapshot.
    pub fn listed(&mut self, id: &AssetId, day: Day, figures: ListedFigures) {
        let listed = &mut self.asset(id).listed;
        let place = listed.partition_point(|(at, _)| *at < day);
        if listed.get(place).is_none_or(|(at, _)| *at != day) {
            listed.insert(place, (day, figures));
        }
        let (members, smallest) = self.snapshots.entry(day).or_default();
        let _ = members.insert(id.clone());
        if let Some(cap) = figures.market_cap.filter(|cap| *cap > Money::ZERO) {
            *smallest = Some(smallest.map_or(cap, |smallest| smallest.min(cap)));
        }
    }

    /// Grades known on a day; what is absent stays as it was.
    pub fn graded(&mut self, id: &AssetId, day: Day, grades: &GradeRecord) {
        let entries = &mut self.asset(id).grades;
        let place = entries.partition_point(|(at, _)| *at <= day);
        let before = place.checked_sub(1).and_then(|before| entries.get(before)).map(|(_, before)| before.clone());
        let before = before.unwrap_or_default();
        let merged = GradeRecord {
            trader: grades.trader.or(before.trader),
            investor: grades.investor.or(before.investor),
            signal: grades.signal.or(before.signal),
        };
        entries.insert(place, (day, merged));
    }

    /// Migrations in the order in which they happen.
    pub fn migrations(&mut self, migrations: Vec<Migration>) {
        self.history.migrations = migrations;
    }

    /// Whether anything is known of an asset.
    #[must_use]
    pub fn has(&self, id: &AssetId) -> bool {
        self.assets.contains_key(id)
    }

    /// Whether an asset has a close on any day.
    #[must_use]
    pub fn has_price(&self, id: &AssetId) -> bool {
        self.assets.get(id).is_some_and(|asset| !asset.closes.values.is_empty())
    }

    pub fn dropped(&mut self, dropped: impl IntoIterator<Item = DroppedRows>) {
        self.history.dropped.extend(dropped);
    }

    pub fn notice(&mut self, notice: String) {
        self.history.notices.push(notice);
    }

    pub fn source(&mut self, source: String) {
        self.history.sources.push(source);
    }

    /// The history, assets by id.
    #[must_use]
    pub fn finish(mut self) -> History {
        let places: BTreeMap<AssetId, AssetIndex> =
            self.assets.keys().enumerate().map(|(place, id)| (id.clone(), place)).collect();
        self.history.assets = self.assets.into_values().collect();
        self.history.snapshots = self
            .snapshots
            .into_iter()
            .map(|(day, (members, smallest_market_cap))| Snapshot {
                day,
                members: members.iter().filter_map(|id| places.get(id).copied()).collect(),
                smallest_market_cap,
            })
            .collect();
        self.history
    }
}
