//! The paper venue as a run needs it: an account that is open, and a book to trade against.

use uuid::Uuid;

use super::failure::Failure;
use super::occasion::Occasion;
use crate::adapters::paper_venue::{PaperBook, PaperLedger, PaperVenue};
use crate::execution;
use crate::model::{AccountSnapshot, PlanningInput, Rate};
use crate::ports::store::RunItem;
use crate::ports::{Clock, RunStore};

/// The account as its paper venue keeps it; `None` before it was opened.
///
/// # Errors
/// When the ledger does not answer.
pub async fn account<L: PaperLedger>(ledger: &L, occasion: &Occasion) -> Result<Option<AccountSnapshot>, Failure> {
    let identity = &occasion.identity;
    let held = ledger.load_account(&identity.venue, &identity.venue_account).await?;
    Ok(held.map(|held| AccountSnapshot {
        observed_at: occasion.as_of,
        cash_free: held.cash_free,
        cash_locked: held.cash_locked,
        holdings: held.holdings,
    }))
}

/// The input that a stored run was planned from; `None` before its commit.
///
/// # Errors
/// When the store does not answer, or what is stored cannot be read.
pub async fn stored_input<S: RunStore>(store: &S, run_id: Uuid) -> Result<Option<PlanningInput>, Failure> {
    Ok(execution::load_run(store, run_id).await?.and_then(|record| record.input))
}

/// The book at the prices and rules of an input. An account without a plan has nothing to trade.
#[must_use]
pub fn book_of(input: Option<&PlanningInput>, depth: Option<Rate>) -> PaperBook {
    input.map_or_else(PaperBook::default, |input| {
        PaperBook::of(&input.assets, input.policy.costs.fee, input.policy.costs.half_spread, depth)
    })
}

/// The venue of a stored run, whose account is open.
#[must_use]
pub fn venue_of_run<'a, L: PaperLedger, C: Clock>(
    ledger: &'a L,
    clock: &'a C,
    run: &RunItem,
    book: PaperBook,
) -> PaperVenue<'a, L, C> {
    PaperVenue::new(run.identity.venue.clone(), ledger, clock, book)
}

/// The venue of an occasion, its account open: at its own balance, or else at the case's opening.
///
/// # Errors
/// When the ledger does not answer.
pub async fn venue<'a, L: PaperLedger, C: Clock>(
    ledger: &'a L,
    clock: &'a C,
    occasion: &Occasion,
    book: PaperBook,
) -> Result<PaperVenue<'a, L, C>, Failure> {
    let venue = PaperVenue::new(occasion.identity.venue.clone(), ledger, clock, book);
    let opening = occasion.case.opening_account(&occasion.account, occasion.as_of)?;
    // Refused when it is open already: then its own balance stands.
    let _ = venue.open(&occasion.account, &opening).await?;
    Ok(venue)
}
