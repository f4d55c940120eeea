//! Monthly returns as a table whose cells are coloured by what they are, and of what size.

use maud::{Markup, html};

use crate::model::Decimal;
use crate::report::backtest::BacktestReport;
use crate::report::wording::backtest::{MONTHS, of_months};
use crate::report::wording::number::signed_percent;

pub(super) fn months(report: &BacktestReport) -> Markup {
    html! {
        table #months-table .months role="table" {
            caption .unseen { "Return of each calendar month and of each year; the first and the last may be in part" }
            thead role="rowgroup" {
                tr role="row" {
                    th role="columnheader" scope="col" .name { "Year" }
                    @for month in MONTHS { th role="columnheader" scope="col" .number { (month) } }
                    th role="columnheader" scope="col" .number { "Total" }
                }
            }
            tbody role="rowgroup" {
                @for of_year in report.monthly.chunk_by(|left, right| left.year == right.year) {
                    tr role="row" {
                        th role="rowheader" scope="row" .name { (of_year.first().map_or(0, |it| it.year)) }
                        @for (month, title) in (1..=12).zip(MONTHS) {
                            @match of_year.iter().find(|it| it.month == month) {
                                Some(found) => (cell(title, found.change.get())),
                                None => td role="cell" .number .empty data-label=(title) {},
                            }
                        }
                        @match of_months(of_year) {
                            Some(total) => (cell("Total", total.get())),
                            None => td role="cell" .number .empty data-label="Total" {},
                        }
                    }
                }
            }
        }
    }
}

fn cell(title: &str, change: Decimal) -> Markup {
    html! {
        td role="cell" class={ "number " (shade(change)) } data-label=(title) {
            data value=(change.normalize()) { (signed_percent(change, 1).trim_end_matches(" %")) }
        }
    }
}

/// Three shades either way: to 5 %, to 15 %, beyond.
pub(super) fn shade(change: Decimal) -> &'static str {
    let (small, large) = (Decimal::new(5, 2), Decimal::new(15, 2));
    match (change < Decimal::ZERO, change.abs()) {
        (_, size) if size.is_zero() => "even",
        (false, size) if size < small => "up-1",
        (false, size) if size < large => "up-2",
        (false, _) => "up-3",
        (true, size) if size < small => "down-1",
        (true, size) if size < large => "down-2",
        (true, _) => "down-3",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shades_grow_with_the_change() {
        let shades = [-300, -100, -10, 0, 10, 100, 300].map(|thousandths| shade(Decimal::new(thousandths, 3)));
        assert_eq!(shades, ["down-3", "down-2", "down-1", "even", "up-1", "up-2", "up-3"]);
    }
}
