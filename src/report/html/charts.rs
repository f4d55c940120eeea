//! Charts over time, drawn by uPlot (vendored, MIT, 51 kB) in the reader's browser: they follow the screen's width, its
//! scheme and paper, and tell the day under the pointer or under the arrow keys. Their data stand in the page as JSON;
//! tables beside them tell the same to who sees no chart.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use maud::{Markup, PreEscaped, html};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::model::Decimal;
use crate::report::wording::printable;

pub(super) const LIBRARY: &str = include_str!("vendor/uPlot-1.6.32.iife.min.js");
pub(super) const LIBRARY_STYLE: &str = include_str!("vendor/uPlot-1.6.32.min.css");
pub(super) const LIBRARY_LICENCE: &str = include_str!("vendor/uPlot-LICENSE");
/// The library formats numbers by the browser's language; a browser in a bare C locale names one that is none.
pub(super) const LANGUAGE: &str = "try { new Intl.NumberFormat(navigator.language); } \
     catch { Object.defineProperty(navigator, 'language', { value: 'en-US' }); }";
pub(super) const SCRIPT: &str = include_str!("charts.js");

/// How a chart's values read.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Unit {
    /// Amounts, on a logarithmic scale.
    MoneyLog,
    /// Fractions, shown as percent.
    Percent,
    /// The same, one upon the other.
    StackedPercent,
}

/// One chart: its values have one entry for each day.
#[derive(Debug, Serialize)]
pub(super) struct Chart {
    pub(super) id: &'static str,
    #[serde(skip)]
    pub(super) title: String,
    pub(super) unit: Unit,
    /// Seconds since 1970.
    days: Box<RawValue>,
    series: Vec<Series>,
}

#[derive(Debug, Serialize)]
struct Series {
    name: String,
    /// Which of the style's colours.
    color: usize,
    values: Box<RawValue>,
}

impl Chart {
    pub(super) fn new(id: &'static str, title: impl Into<String>, unit: Unit, days: &[Date]) -> Self {
        let seconds = days.iter().filter_map(|day| {
            let midnight = TimeZone::UTC.to_timestamp(day.to_datetime(Time::midnight())).ok()?;
            Some(midnight.as_second().to_string())
        });
        Self { id, title: title.into(), unit, days: array(seconds), series: Vec::new() }
    }

    /// `places`: decimals that a chart can show.
    pub(super) fn line(&mut self, name: &str, color: usize, values: impl Iterator<Item = Decimal>, places: u32) {
        let values = array(values.map(|value| value.round_dp(places).normalize().to_string()));
        self.series.push(Series { name: printable(name), color, values });
    }

    /// The place that the script draws in, with a legend and the sentence under the pointer.
    pub(super) fn place(&self) -> Markup {
        let readout = format!("{}-readout", self.id);
        html! {
            figure .chart data-chart=(self.id) {
                ul .legend {
                    @for series in &self.series {
                        li {
                            svg .swatch width="16" height="12" aria-hidden="true" focusable="false" {
                                rect class={ "series-" (series.color) } x="1" y="1" width="14" height="10" {}
                            }
                            (series.name)
                        }
                    }
                }
                div .plot role="group" tabindex="0" aria-roledescription="chart" aria-label=(self.title) aria-describedby=(readout) {}
                p .readout #(readout) aria-live="polite" { "Arrow keys, or the pointer, tell a day; drag to zoom in, double-click to zoom out." }
            }
        }
    }
}

/// The data of charts as they stand in a page: JSON in which nothing can end the element that it stands in.
pub(super) fn data(charts: &[Chart]) -> Markup {
    let json = serde_json::to_string(charts).unwrap_or_default();
    let json = json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    html! { script type="application/json" id="charts" { (PreEscaped(json)) } }
}

/// Numbers as they are written: decimals keep their digits.
fn array(numbers: impl Iterator<Item = String>) -> Box<RawValue> {
    let text = format!("[{}]", numbers.collect::<Vec<_>>().join(","));
    RawValue::from_string(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_cannot_end_their_element() {
        let day: Date = "2021-05-19".parse().expect("a day");
        let mut chart = Chart::new("value", "Value", Unit::MoneyLog, &[day]);
        chart.line("</script><script>alert`1`", 1, [Decimal::new(12345, 3)].into_iter(), 2);
        let page = data(&[chart]).into_string();
        assert_eq!(page.matches('<').count(), 2, "{page}");
        assert!(page.contains("\"days\":[1621382400]") && page.contains("\"values\":[12.34]"), "{page}");
    }
}
