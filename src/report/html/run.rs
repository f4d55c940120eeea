//! The page of one run, in the order in which a person asks.

use maud::html;

use super::page::{Page, Section};
use super::{limits, log, orders, reasons, summary, treemap, weights};
use crate::report::audit::AuditReport;
use crate::report::run::RunReport;
use crate::report::wording::{run::short_id, time};

/// One run as a page: what it did and why, what it cost, what it kept to, and every change it made.
///
/// `audit` is the run's log; a dry run has none.
#[must_use]
pub fn run_page(report: &RunReport, audit: Option<&AuditReport>) -> String {
    let sections = [
        Some(summary::summary(report, audit)),
        reasons::notices(report),
        Some(weights::weights(report)),
        Some(Section::new("holdings", "Holdings", "by weight after the run", treemap::treemap(report))),
        Some(orders::orders(report)),
        orders::costs(report),
        reasons::not_traded(report),
        limits::gave_way(report),
        limits::limits(report),
        reasons::not_in_the_index(report),
        audit.map(log::transactions),
        Some(summary::provenance(report)),
    ];
    let page = Page {
        title: format!("{} {} · {}", report.portfolio, time(report.as_of), short_id(report)),
        header: summary::header(report),
        sections: sections.into_iter().flatten().collect(),
        footer: html! { footer { p { "Every figure on this page is in the run's record; the page loads nothing and sends nothing." } } },
        charts: Vec::new(),
    };
    page.render()
}
