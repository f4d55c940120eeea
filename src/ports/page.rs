//! Where pages of runs are kept for people.

use crate::model::{Environment, PortfolioId};
use jiff::Timestamp;
use uuid::Uuid;

/// Which page: a run has one, which is written anew whenever the run has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageName {
    pub environment: Environment,
    pub portfolio: PortfolioId,
    /// The time that the run was planned as of.
    pub as_of: Timestamp,
    pub run_id: Uuid,
}

impl PageName {
    /// `reports/ENVIRONMENT/PORTFOLIO/YYYY/MM/DD/RUN.html`, by the day in UTC: a day's, month's or portfolio's pages stand
    /// together. Of letters, digits, `-`, `_`, `.` and `/` alone.
    #[must_use]
    pub fn path(&self) -> String {
        let day = self.as_of.strftime("%Y/%m/%d");
        format!("reports/{}/{}/{day}/{}.html", self.environment, self.portfolio, self.run_id)
    }
}

/// Keeps pages.
#[expect(async_fn_in_trait, reason = "callers are generic over the store, and auto traits of the future follow it")]
pub trait PageStore {
    /// Puts the page in place of the one before. Answers with where a person opens it.
    async fn put_page(&self, name: &PageName, html: String) -> Result<String, PageError>;
}

/// Why a page is not known to stand. It can be made again from the store at any time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}; `rebalance report RUN --html` makes it from the table")]
pub struct PageError(pub String);
