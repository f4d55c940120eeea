//! Documents of backtests and studies, as `report FILE --html` reads them back.

use index_rebalancer::preparation::BadInput;
use index_rebalancer::report::Document;
use index_rebalancer::report::backtest::reading::{Fault, Readable, read};

use super::{Answer, Family, refusal};
use crate::mutation::Format;

pub(crate) const FAMILY: Family = Family { name: "report", format: Format::JsonOrCsv, check };

const PLACE: &str = "report";

fn check(bytes: &[u8]) -> Answer {
    let document = match read(bytes) {
        Ok(document) => document,
        Err(Fault { field, problem }) => {
            refusal::check(PLACE, &BadInput::new(PLACE, field, "", problem, "give a document of a backtest"));
            return Answer::Refused;
        }
    };
    let again = match document.clone() {
        Readable::Backtest(report) => Document::Backtest(report),
        Readable::Study(study) => Document::BacktestStudy(study),
    };
    let written = again.to_json().expect("a document is JSON");
    assert_eq!(read(written.as_bytes()).as_ref(), Ok(&document), "the document reads back as another one");
    check_page(&document);
    Answer::Accepted
}

/// A page of it can be made, and its only scripts are the page's own.
#[cfg(feature = "html")]
fn check_page(document: &Readable) {
    use index_rebalancer::report::html::{backtest_page, study_page};
    let (page, scripts) = match document {
        Readable::Backtest(report) => (backtest_page(report), 4),
        Readable::Study(study) => (study_page(study), 0),
    };
    assert_eq!(page.matches("<script").count(), scripts, "{page}");
    assert_eq!(page.matches("</script").count(), scripts, "{page}");
}

#[cfg(not(feature = "html"))]
fn check_page(_: &Readable) {}
