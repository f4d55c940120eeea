//! Where the function's orders go. What it is configured for is asked here and nowhere else; the protocol is compiled for
//! one venue.

use super::clock::FunctionClock;
use super::configuration::VenueMode;
use crate::adapters::dynamodb::DynamoStore;
use crate::adapters::outbox::Outbox;
use crate::adapters::paper_venue::PaperVenue;
use crate::application::failure::Failure;
use crate::application::occasion::Occasion;
use crate::application::paper;
use crate::execution::load_settlement;
use crate::model::{AccountId, AccountSnapshot, PlanningInput, VenueId};
use crate::ports::Venue;
use crate::ports::store::{PortfolioKey, RunItem};
use crate::ports::venue::{Fill, OrderRequest, PlaceError, Promise, Sought, VenueError, VenueOrder};

/// Where orders rest, looking again and again only costs: what there is to settle, recovery settles.
const OUTBOX_PATIENCE_MS: u64 = 3_000;

/// The venues of this function's runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Venues<'a> {
    pub(super) mode: VenueMode,
    pub(super) store: &'a DynamoStore,
    pub(super) clock: &'a FunctionClock,
}

/// The venue of one run.
#[derive(Debug)]
pub(super) enum FunctionVenue<'a> {
    Outbox(Outbox<'a, DynamoStore, FunctionClock>),
    Paper(PaperVenue<'a, DynamoStore, FunctionClock>),
}

impl<'a> Venues<'a> {
    /// Milliseconds for which a phase waits for its orders; absent: as long as anywhere else.
    pub(super) const fn patience_ms(&self) -> Option<u64> {
        match self.mode {
            VenueMode::Outbox => Some(OUTBOX_PATIENCE_MS),
            VenueMode::Paper => None,
        }
    }

    /// The account as it is; `None` where it was not opened yet, which the first run does on paper.
    ///
    /// # Errors
    /// When nobody has stated it, or the store does not answer.
    pub(super) async fn account(&self, occasion: &Occasion) -> Result<Option<AccountSnapshot>, Failure> {
        match self.mode {
            VenueMode::Paper => paper::account(self.store, occasion).await,
            VenueMode::Outbox => {
                let stated = self.outbox(&occasion.identity.venue).stated(&occasion.account).await?;
                Ok(Some(stated.map_err(|unstated| Failure::bad_input(unstated.to_string(), ""))?))
            }
        }
    }

    /// For an occasion that is to be planned; on paper with its account open.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(super) async fn of_occasion(&self, occasion: &Occasion) -> Result<FunctionVenue<'a>, Failure> {
        Ok(match self.mode {
            VenueMode::Outbox => FunctionVenue::Outbox(self.outbox(&occasion.identity.venue)),
            VenueMode::Paper => {
                let book = paper::book_of(self.paper_input(occasion).await?.as_ref(), None);
                FunctionVenue::Paper(paper::venue(self.store, self.clock, occasion, book).await?)
            }
        })
    }

    /// For a stored run, whose account is open.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(super) async fn of_run(&self, run: &RunItem) -> Result<FunctionVenue<'a>, Failure> {
        Ok(match self.mode {
            VenueMode::Outbox => FunctionVenue::Outbox(self.outbox(&run.identity.venue)),
            VenueMode::Paper => {
                let input = paper::stored_input(self.store, run.run_id).await?;
                let book = paper::book_of(input.as_ref(), None);
                FunctionVenue::Paper(paper::venue_of_run(self.store, self.clock, run, book))
            }
        })
    }

    fn outbox(&self, venue: &VenueId) -> Outbox<'a, DynamoStore, FunctionClock> {
        Outbox::new(venue.clone(), self.store, self.clock)
    }

    /// What the paper venue trades by: the input that is planned from. Where that is refused the run ends by it, and has
    /// nothing to trade.
    async fn paper_input(&self, occasion: &Occasion) -> Result<Option<PlanningInput>, Failure> {
        let account = paper::account(self.store, occasion).await?;
        let settled = load_settlement(self.store, &PortfolioKey::from(&occasion.identity)).await?;
        Ok(occasion.input(account, settled.map(|settled| settled.state)).ok())
    }
}

impl Venue for FunctionVenue<'_> {
    fn id(&self) -> &VenueId {
        match self {
            Self::Outbox(venue) => venue.id(),
            Self::Paper(venue) => venue.id(),
        }
    }

    fn promise(&self) -> Promise {
        match self {
            Self::Outbox(venue) => venue.promise(),
            Self::Paper(venue) => venue.promise(),
        }
    }

    async fn account(&self, account: &AccountId) -> Result<AccountSnapshot, VenueError> {
        match self {
            Self::Outbox(venue) => venue.account(account).await,
            Self::Paper(venue) => venue.account(account).await,
        }
    }

    async fn place(&self, request: &OrderRequest) -> Result<VenueOrder, PlaceError> {
        match self {
            Self::Outbox(venue) => venue.place(request).await,
            Self::Paper(venue) => venue.place(request).await,
        }
    }

    async fn find_order(&self, sought: &Sought) -> Result<Option<VenueOrder>, VenueError> {
        match self {
            Self::Outbox(venue) => venue.find_order(sought).await,
            Self::Paper(venue) => venue.find_order(sought).await,
        }
    }

    async fn fills(&self, sought: &Sought) -> Result<Vec<Fill>, VenueError> {
        match self {
            Self::Outbox(venue) => venue.fills(sought).await,
            Self::Paper(venue) => venue.fills(sought).await,
        }
    }

    fn orders_rest(&self) -> bool {
        match self {
            Self::Outbox(venue) => venue.orders_rest(),
            Self::Paper(venue) => venue.orders_rest(),
        }
    }
}
