//! Daily closes: what tail risk, volatility and stops are read from.

use std::collections::BTreeMap;

use jiff::Span;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::Day;
use super::{AssetId, Price};

/// Closes of consecutive days (UTC), each known at the end of its day. None is of after the planning time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceHistory {
    #[schemars(with = "Day")]
    pub first_day: Date,
    /// By asset, one for each day from `first_day` on: absent where the source has no close, or one of 0. All are as long.
    pub closes: BTreeMap<AssetId, Vec<Option<Price>>>,
}

impl PriceHistory {
    /// How many days there are.
    #[must_use]
    pub fn days(&self) -> usize {
        self.closes.values().map(Vec::len).max().unwrap_or(0)
    }

    /// The day at this place; the calendar's end for a place beyond it.
    #[must_use]
    pub fn day(&self, place: usize) -> Date {
        later(self.first_day, i64::try_from(place).unwrap_or(i64::MAX)).unwrap_or(Date::MAX)
    }

    /// The newest day of which there is any close.
    #[must_use]
    pub fn newest(&self) -> Option<Date> {
        let place = |closes: &Vec<Option<Price>>| closes.iter().rposition(Option::is_some);
        self.closes.values().filter_map(place).max().map(|place| self.day(place))
    }

    /// The asset's closes by place; none where the source does not know it.
    #[must_use]
    pub fn of(&self, asset: &AssetId) -> &[Option<Price>] {
        self.closes.get(asset).map_or(&[], Vec::as_slice)
    }
}

/// So many days later, before where the number is below 0; absent beyond the calendar.
#[must_use]
pub fn later(day: Date, days: i64) -> Option<Date> {
    Span::new().try_days(days).ok().and_then(|days| day.checked_add(days).ok())
}

/// The closes that this many days up to and including `last` have, of the assets that count; absent where there are none.
#[must_use]
pub fn cut(
    closes: impl IntoIterator<Item = (AssetId, BTreeMap<Date, Price>)>,
    last: Date,
    days: u32,
) -> Option<PriceHistory> {
    let first = later(last, 1 - i64::from(days)).unwrap_or(Date::MIN);
    let kept: Vec<(AssetId, BTreeMap<Date, Price>)> = closes
        .into_iter()
        .map(|(asset, closes)| (asset, closes.into_iter().filter(|(day, _)| (first..=last).contains(day)).collect()))
        .filter(|(_, closes): &(AssetId, BTreeMap<Date, Price>)| !closes.is_empty())
        .collect();
    let first_day = *kept.iter().filter_map(|(_, closes)| closes.keys().next()).min()?;
    let span: Vec<Date> = first_day.series(Span::new().days(1)).take_while(|day| *day <= last).collect();
    let column = |closes: &BTreeMap<Date, Price>| span.iter().map(|day| closes.get(day).copied()).collect();
    let closes = kept.iter().map(|(asset, closes)| (asset.clone(), column(closes))).collect();
    Some(PriceHistory { first_day, closes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        text.parse().expect(text)
    }

    fn id(text: &str) -> AssetId {
        AssetId::new(text).expect(text)
    }

    fn closes(rows: &[(&str, &str)]) -> BTreeMap<Date, Price> {
        rows.iter().map(|(at, close)| (day(at), Price::parse(close).expect(close))).collect()
    }

    #[test]
    fn a_history_spans_the_days_asked_for_and_none_after() {
        let a = closes(&[("2025-01-01", "1"), ("2025-01-03", "3"), ("2025-01-05", "5"), ("2025-01-06", "6")]);
        let b = closes(&[("2025-01-01", "9")]);
        let history = cut([(id("a"), a), (id("b"), b)], day("2025-01-05"), 4).expect("closes");
        assert_eq!((history.first_day, history.days()), (day("2025-01-03"), 3));
        let shown: Vec<Option<String>> = history.of(&id("a")).iter().map(|it| it.map(|it| it.to_string())).collect();
        assert_eq!(shown, [Some("3".to_owned()), None, Some("5".to_owned())]);
        assert!(history.of(&id("b")).is_empty(), "its only close is too old");
        assert_eq!(history.newest(), Some(day("2025-01-05")));
        assert_eq!(history.day(2), day("2025-01-05"));
        assert_eq!(cut([(id("b"), closes(&[("2025-01-06", "1")]))], day("2025-01-05"), 9), None);
    }
}
