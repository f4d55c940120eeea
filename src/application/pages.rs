//! Pages of runs: the same on a terminal and in a bucket. Whatever goes wrong with one is a warning and changes no run.

use std::cell::RefCell;
use std::collections::BTreeMap;

use uuid::Uuid;

use super::audit;
use super::failure::Failure;
use crate::alerts::dispatch::caught;
use crate::execution;
use crate::model::alert::{AlertChannel, ChannelName};
use crate::ports::alert::{AlertMessage, Notifier, NotifyError};
use crate::ports::page::{PageName, PageStore};
use crate::ports::{RunRecord, RunStore};
use crate::report::html::run_page;
use crate::report::{Mode, RunReport};

/// The page of a stored run; `None` before it has a plan.
///
/// # Errors
/// When the store does not answer, or what is stored cannot be read.
pub async fn page_of<S: RunStore>(store: &S, record: &RunRecord) -> Result<Option<String>, Failure> {
    let Some(report) = RunReport::of_record(Mode::Stored, record) else { return Ok(None) };
    let audit = audit::report(store, record.run_id).await?;
    Ok(Some(run_page(&report, Some(&audit))))
}

/// Where a run's page is, or why it is nowhere; `None` where there is none to keep.
pub type Kept = Option<Result<String, String>>;

/// Carries messages as another does, and with each of them where the run's page is. A page is written once for as long as
/// this lives: on the first message about its run, or when it is asked for.
#[derive(Debug)]
pub struct WithPages<'a, S, P, N> {
    store: &'a S,
    /// Absent where no pages are kept.
    pages: Option<&'a P>,
    notifier: &'a N,
    kept: RefCell<BTreeMap<Uuid, Kept>>,
}

impl<'a, S: RunStore, P: PageStore, N> WithPages<'a, S, P, N> {
    pub const fn new(store: &'a S, pages: Option<&'a P>, notifier: &'a N) -> Self {
        Self { store, pages, notifier, kept: RefCell::new(BTreeMap::new()) }
    }

    /// Writes the run's page, unless that was done.
    pub async fn keep(&self, run_id: Uuid) -> Kept {
        let pages = self.pages?;
        let known = self.kept.borrow().get(&run_id).cloned();
        if let Some(kept) = known {
            return kept;
        }
        // Boxed: everything that is stored of the run is in it.
        let kept = caught(Box::pin(self.write(pages, run_id))).await;
        let kept = kept.unwrap_or_else(|| Err("making it ended in a defect".to_owned())).transpose();
        let _ = self.kept.borrow_mut().insert(run_id, kept.clone());
        kept
    }

    async fn write(&self, pages: &P, run_id: Uuid) -> Result<Option<String>, String> {
        let unread = |error: Failure| format!("what is stored of the run is not known: {}", error.message);
        let record = execution::load_run(self.store, run_id).await.map_err(|error| unread(error.into()))?;
        let Some((record, plan)) = record.as_ref().and_then(|record| Some((record, record.plan.as_ref()?))) else {
            return Ok(None);
        };
        let Some(html) = page_of(self.store, record).await.map_err(unread)? else { return Ok(None) };
        let (environment, portfolio) = (plan.run.environment, plan.run.portfolio.clone());
        let name = PageName { environment, portfolio, as_of: plan.as_of, run_id };
        pages.put_page(&name, html).await.map(Some).map_err(|error| error.to_string())
    }
}

impl<S: RunStore, P: PageStore, N: Notifier> Notifier for WithPages<'_, S, P, N> {
    async fn notify(
        &self,
        name: &ChannelName,
        channel: &AlertChannel,
        message: &AlertMessage,
    ) -> Result<(), NotifyError> {
        let page = self.keep(message.run_id).await;
        let page = page.map(|kept| kept.unwrap_or_else(|problem| format!("was not written: {problem}")));
        self.notifier.notify(name, channel, &AlertMessage { page, ..message.clone() }).await
    }
}
