//! Weights over time: the assets of most weight by name, the others together, and cash.

use jiff::civil::Date;
use maud::{Markup, html};

use super::charts::{Chart, Unit};
use super::figure::weight;
use crate::model::Weight;
use crate::report::backtest::BacktestReport;
use crate::report::wording::printable;

/// Assets with a colour of their own.
const NAMED: usize = 8;
/// The colours of the others and of cash.
const OTHERS: usize = 9;
const CASH: usize = 10;

/// What one band of the chart holds, day by day.
struct Band {
    name: String,
    color: usize,
    weights: Vec<Weight>,
}

fn bands(report: &BacktestReport) -> Vec<Band> {
    let over_time = &report.weights;
    let mut bands: Vec<Band> = over_time
        .assets
        .iter()
        .zip(1..=NAMED)
        .map(|(series, color)| Band { name: printable(&series.symbol), color, weights: series.weights.clone() })
        .collect();
    let others: Vec<Weight> = (0..over_time.dates.len())
        .map(|at| over_time.assets.iter().skip(NAMED).filter_map(|series| series.weights.get(at)).copied().sum())
        .collect();
    if over_time.assets.len() > NAMED {
        let name = format!("{} others", over_time.assets.len() - NAMED);
        bands.push(Band { name, color: OTHERS, weights: others });
    }
    bands.push(Band { name: "cash".to_owned(), color: CASH, weights: over_time.cash.clone() });
    bands
}

pub(super) fn chart(report: &BacktestReport) -> Chart {
    let title = "Weights of the largest holdings, of the others together and of cash";
    let mut chart = Chart::new("weights-over-time", title, Unit::StackedPercent, &report.weights.dates);
    for band in bands(report) {
        chart.line(&band.name, band.color, band.weights.iter().map(|it| it.get()), 4);
    }
    chart
}

/// The same at the last day of each month, and of the period.
pub(super) fn table(report: &BacktestReport) -> Markup {
    let bands = bands(report);
    let last_of_month = |(at, date): &(usize, &Date)| {
        let next = report.weights.dates.get(at + 1);
        next.is_none_or(|next| (next.year(), next.month()) != (date.year(), date.month()))
    };
    html! {
        details {
            summary { "Weights at the end of each month" }
            table #weights-over-time-table role="table" {
                caption .unseen { "Weights of the largest holdings, of the others together and of cash, at the last day of each month" }
                thead role="rowgroup" {
                    tr role="row" {
                        th role="columnheader" scope="col" .name { "Day" }
                        @for band in &bands { th role="columnheader" scope="col" .number { (band.name) } }
                    }
                }
                tbody role="rowgroup" {
                    @for (at, date) in report.weights.dates.iter().enumerate().filter(last_of_month) {
                        tr role="row" {
                            th role="rowheader" scope="row" .name { (date) }
                            @for band in &bands {
                                td role="cell" .number data-label=(band.name) {
                                    @if let Some(it) = band.weights.get(at).filter(|it| !it.is_zero()) { (weight(*it)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
