//! A paper venue: takes immediate-or-cancel limit orders against a book of its own and keeps accounts.
//!
//! * Price: a buy fills at `reference × (1 + half_spread)`, a sell at `reference × (1 − half_spread)`, moved to the
//!   tick in the venue's favour. A limit price on the wrong side of that fills nothing.
//! * Quantity: at most what the book offers; the rest is cancelled. A buy is refused when the account cannot pay it
//!   in full at its limit price, a sell when it does not hold it: nothing ever becomes negative.
//! * Fees in quote currency on the executed notional, rounded up; proceeds rounded down, both at 8 decimals.
//! * Rules: lot, tick, minimum quantity, maximum quantity, minimum notional and halts are enforced by explicit
//!   refusals. A request past its deadline is refused.
//! * A second order under a client order id returns the first one
//!   ([`Replayed`](crate::ports::venue::Duplicates::Replayed)).
//!
//! There is no randomness: the same account, book and order give the same fills. Accounts and orders live behind
//! [`PaperLedger`], so that a later process finds what an earlier one left.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

use crate::model::amount::ceil_to_step;
use crate::model::{
    AccountId, AccountSnapshot, AssetId, AssetRecord, Holding, InstrumentId, Listing, ListingStatus, Money, Price,
    Quantity, Rate, Side, VenueId,
};
use crate::planning::idempotency::digest_of;
use crate::ports::Clock;
use crate::ports::capability;
use crate::ports::store::{ITEM_SCHEMA, StoreError, Written};
use crate::ports::venue::{
    Fill, OrderRequest, PlaceError, Promise, Sought, Venue, VenueError, VenueOrder, VenueOrderStatus,
};

/// Decimals of the quote currency.
const QUOTE_DECIMALS: u32 = 8;

/// Where the venue keeps its accounts and orders. Each method is one atomic step.
#[expect(async_fn_in_trait, reason = "callers are generic over the ledger, and auto traits of the future follow it")]
pub trait PaperLedger {
    async fn load_account(&self, venue: &VenueId, account: &AccountId) -> Result<Option<PaperAccount>, StoreError>;

    /// Opens an account, unless it is open already.
    async fn open_account(
        &self,
        venue: &VenueId,
        account: &AccountId,
        opening: &PaperAccount,
    ) -> Result<Written, StoreError>;

    async fn load_paper_order(
        &self,
        venue: &VenueId,
        account: &AccountId,
        client_order_id: &str,
    ) -> Result<Option<PaperOrder>, StoreError>;

    /// One transaction: the order, if there is one and its client order id is new; the account, if its version is still
    /// the one before `after`'s.
    async fn record(
        &self,
        venue: &VenueId,
        account: &AccountId,
        after: &PaperAccount,
        order: Option<&PaperOrder>,
    ) -> Result<Written, StoreError>;
}

/// One account of the venue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaperAccount {
    pub schema: u32,
    /// Raised by every change.
    pub version: u64,
    pub cash_free: Money,
    pub cash_locked: Money,
    pub holdings: BTreeMap<AssetId, Holding>,
    /// When an order was last looked for and not found: no request that had to arrive before may still be taken, however
    /// long it stood still after its clock was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_before: Option<Timestamp>,
}

impl PaperAccount {
    /// As it is with its next version.
    fn changed(&self) -> Self {
        Self { version: self.version.saturating_add(1), ..self.clone() }
    }
}

/// One order of the venue, with its executions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaperOrder {
    pub schema: u32,
    pub order: VenueOrder,
    pub fills: Vec<Fill>,
}

/// What the venue trades, at which prices, and how much of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PaperBook {
    pub instruments: BTreeMap<InstrumentId, PaperInstrument>,
    /// Fraction of the executed notional.
    pub fee: Rate,
    /// Fraction of the reference price.
    pub half_spread: Rate,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaperInstrument {
    pub asset: AssetId,
    pub reference_price: Price,
    pub rules: Listing,
    /// Most that one order fills; absent: any quantity.
    pub available: Option<Quantity>,
}

impl PaperBook {
    /// A book at the assets' prices and rules. `volume_share` is the share of an asset's average daily volume that
    /// one order finds on the other side; absent, or where the volume is unknown: any quantity.
    #[must_use]
    pub fn of(
        assets: &BTreeMap<AssetId, AssetRecord>,
        fee: Rate,
        half_spread: Rate,
        volume_share: Option<Rate>,
    ) -> Self {
        let listed = assets.iter().filter_map(|(id, asset)| asset.listing.as_ref().map(|rules| (id, asset, rules)));
        let instruments = listed.map(|(id, asset, rules)| {
            let offered = volume_share.zip(asset.average_daily_volume);
            let instrument = PaperInstrument {
                asset: id.clone(),
                reference_price: asset.price,
                rules: rules.clone(),
                available: offered.map(|(share, volume)| units_of(volume.times(share), asset.price, rules)),
            };
            (rules.instrument.clone(), instrument)
        });
        Self { instruments: instruments.collect(), fee, half_spread }
    }
}

/// How many whole lots this money is at this price; what is beyond the largest quantity is the largest quantity.
fn units_of(money: Money, price: Price, rules: &Listing) -> Quantity {
    let most = Decimal::from(1_000_000_000_000_000_000_u64);
    let units = money.get().max(Decimal::ZERO).checked_div(price.get()).unwrap_or(most).min(most);
    let units = units.round_sf_with_strategy(20, RoundingStrategy::ToZero).unwrap_or(units);
    Quantity::new(units).unwrap_or_default().floor_to(rules.lot_size.get())
}

/// The venue.
#[derive(Debug)]
pub struct PaperVenue<'a, L, C> {
    id: VenueId,
    ledger: &'a L,
    clock: &'a C,
    book: PaperBook,
}

impl<'a, L: PaperLedger, C: Clock> PaperVenue<'a, L, C> {
    pub fn new(id: VenueId, ledger: &'a L, clock: &'a C, book: PaperBook) -> Self {
        Self { id, ledger, clock, book }
    }

    /// Opens an account with this opening balance, unless it is open: then its own balance stands.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn open(&self, account: &AccountId, opening: &AccountSnapshot) -> Result<Written, StoreError> {
        let opening = PaperAccount {
            schema: ITEM_SCHEMA,
            version: 1,
            cash_free: opening.cash_free,
            cash_locked: opening.cash_locked,
            holdings: opening.holdings.clone(),
            closed_before: None,
        };
        self.ledger.open_account(&self.id, account, &opening).await
    }

    fn not_open(&self, account: &AccountId) -> String {
        format!("account {account} is not open at {}", self.id)
    }

    async fn find(&self, sought: &Sought) -> Result<Option<PaperOrder>, StoreError> {
        self.ledger.load_paper_order(&self.id, &sought.venue_account, &sought.client_order_id).await
    }

    /// The order; where there is none, none that was due by now will come.
    async fn find_for_good(&self, sought: &Sought) -> Result<Option<PaperOrder>, StoreError> {
        loop {
            if let Some(found) = self.find(sought).await? {
                return Ok(Some(found));
            }
            let Some(before) = self.ledger.load_account(&self.id, &sought.venue_account).await? else {
                return Ok(None);
            };
            let now = self.clock.now();
            let is_closed = before.closed_before.is_some_and(|closed| closed >= now);
            let after = PaperAccount { closed_before: Some(now), ..before.changed() };
            if is_closed || self.ledger.record(&self.id, &sought.venue_account, &after, None).await? == Written::Done {
                // It may have arrived in between, and would otherwise be called absent although it stands.
                return self.find(sought).await;
            }
        }
    }
}

impl<L: PaperLedger, C: Clock> Venue for PaperVenue<'_, L, C> {
    fn id(&self) -> &VenueId {
        &self.id
    }

    fn promise(&self) -> Promise {
        capability::PAPER.promise()
    }

    async fn account(&self, account: &AccountId) -> Result<AccountSnapshot, VenueError> {
        let question = "the account's balance";
        let found = self.ledger.load_account(&self.id, account).await;
        let found = found.map_err(|error| VenueError::of_store(question, &error))?;
        let found = found.ok_or_else(|| VenueError::Refused { question, cause: self.not_open(account) })?;
        Ok(AccountSnapshot {
            observed_at: self.clock.now(),
            cash_free: found.cash_free,
            cash_locked: found.cash_locked,
            holdings: found.holdings,
        })
    }

    async fn place(&self, request: &OrderRequest) -> Result<VenueOrder, PlaceError> {
        let unclear = |cause: String| PlaceError::Unclear(cause);
        let account = &request.venue_account;
        loop {
            let known = self.ledger.load_paper_order(&self.id, account, &request.client_order_id).await;
            if let Some(known) = known.map_err(|error| unclear(error.to_string()))? {
                return Ok(known.order);
            }
            if let Some(why) = request.past_deadline(self.clock.now()) {
                return Err(PlaceError::Refused(why));
            }
            let before = self.ledger.load_account(&self.id, account).await;
            let before = before.map_err(|error| unclear(error.to_string()))?;
            let before = before.ok_or_else(|| PlaceError::Refused(self.not_open(account)))?;
            if let Some(why) = request.looked_for_in_vain(before.closed_before) {
                return Err(PlaceError::Refused(why));
            }
            let (after, order) = match_order(&self.book, &before, request).map_err(PlaceError::Refused)?;
            let recorded = self.ledger.record(&self.id, account, &after, Some(&order)).await;
            match recorded.map_err(|error| unclear(error.to_string()))? {
                Written::Done => return Ok(order.order),
                // Another order of the account, or this very one, came in between: look again.
                Written::Refused => {}
            }
        }
    }

    async fn find_order(&self, sought: &Sought) -> Result<Option<VenueOrder>, VenueError> {
        let found = self.find_for_good(sought).await;
        let found = found.map_err(|error| VenueError::of_store("where an order is", &error))?;
        Ok(found.map(|found| found.order))
    }

    async fn fills(&self, sought: &Sought) -> Result<Vec<Fill>, VenueError> {
        let found = self.find(sought).await.map_err(|error| VenueError::of_store("an order's fills", &error))?;
        Ok(found.map(|found| found.fills).unwrap_or_default())
    }
}

/// Matches one new order against the book: the account and the order afterwards, or why it is refused. Pure.
fn match_order(
    book: &PaperBook,
    account: &PaperAccount,
    request: &OrderRequest,
) -> Result<(PaperAccount, PaperOrder), String> {
    let market = book.instruments.get(&request.instrument);
    let market = market.ok_or_else(|| format!("unknown instrument {}", request.instrument))?;
    check_rules(market, request)?;
    check_funds(book, market, account, request)?;
    let (price, crosses) = execution_price(book, market, request)?;
    let filled = if crosses {
        let offered = market.available.unwrap_or(request.quantity).min(request.quantity);
        offered.floor_to(market.rules.lot_size.get())
    } else {
        Quantity::ZERO
    };
    let fill = (!filled.is_zero()).then(|| executed(book, request.side, filled, price));
    let after = match &fill {
        Some(fill) => booked(account, &market.asset, request.side, fill)?,
        None => account.changed(),
    };
    let order = VenueOrder {
        client_order_id: request.client_order_id.clone(),
        venue_order_id: venue_order_id(request),
        instrument: request.instrument.clone(),
        side: request.side,
        quantity: request.quantity,
        status: if filled == request.quantity { VenueOrderStatus::Filled } else { VenueOrderStatus::Cancelled },
        filled_quantity: filled,
        refusal: None,
    };
    Ok((after, PaperOrder { schema: ITEM_SCHEMA, order, fills: fill.into_iter().collect() }))
}

/// An id of the venue's own: of another shape than the client's, and the same for the same order.
fn venue_order_id(request: &OrderRequest) -> String {
    let digest = digest_of(&(&request.venue_account, &request.client_order_id));
    format!("paper-{}", digest.get(..16).unwrap_or(&digest))
}

fn check_rules(market: &PaperInstrument, request: &OrderRequest) -> Result<(), String> {
    let (rules, quantity, price) = (&market.rules, request.quantity, request.limit_price);
    if rules.status == ListingStatus::Halted {
        return Err(format!("{} is halted", request.instrument));
    }
    if quantity.is_zero() || !quantity.is_multiple_of(rules.lot_size.get()) {
        return Err(format!("quantity {quantity} is not a multiple of the lot {}", rules.lot_size));
    }
    if quantity < rules.min_quantity {
        return Err(format!("quantity {quantity} is below the minimum {}", rules.min_quantity));
    }
    if let Some(most) = rules.max_quantity.filter(|most| quantity > *most) {
        return Err(format!("quantity {quantity} is above the maximum {most}"));
    }
    let tick = rules.tick_size.get();
    if !tick.is_zero() && !(price.get() % tick).is_zero() {
        return Err(format!("limit price {price} is not a multiple of the tick {tick}"));
    }
    // At the reference price, as venues take their own average and not the order's limit.
    let notional = market.reference_price.value_of(quantity);
    if notional < rules.min_notional {
        return Err(format!("notional {notional} is below the minimum {}", rules.min_notional));
    }
    Ok(())
}

/// A buy must be payable in full at its limit price, a sell must be held: as venues check, before matching.
fn check_funds(
    book: &PaperBook,
    market: &PaperInstrument,
    account: &PaperAccount,
    request: &OrderRequest,
) -> Result<(), String> {
    match request.side {
        Side::Buy => {
            let cost = request.limit_price.value_of(request.quantity);
            let needed = rounded_up(cost.get()) + rounded_up(cost.times(book.fee).get());
            let free = account.cash_free;
            if needed <= free.get() { Ok(()) } else { Err(format!("insufficient cash: {needed} needed, {free} free")) }
        }
        Side::Sell => {
            let free = account.holdings.get(&market.asset).map_or(Quantity::ZERO, |holding| holding.free);
            if request.quantity <= free {
                return Ok(());
            }
            Err(format!("insufficient holding: {} to sell, {free} free", request.quantity))
        }
    }
}

/// The price on the other side of the book, and whether the limit reaches it.
fn execution_price(
    book: &PaperBook,
    market: &PaperInstrument,
    request: &OrderRequest,
) -> Result<(Price, bool), String> {
    let (reference, spread) = (market.reference_price.get(), book.half_spread.get());
    let tick = market.rules.tick_size.get();
    let limit = request.limit_price;
    let at = |price: Decimal| Price::new(price).map_err(|error| error.to_string());
    match request.side {
        Side::Buy => {
            let price = at(ceil_to_step(reference * (Decimal::ONE + spread), tick))?;
            Ok((price, limit >= price))
        }
        Side::Sell => {
            let bid = at(reference * (Decimal::ONE - spread))?;
            // Below one tick there is no bid to sell to.
            Ok(bid.floor_to(tick).map_or((bid, false), |price| (price, limit <= price)))
        }
    }
}

fn executed(book: &PaperBook, side: Side, quantity: Quantity, price: Price) -> Fill {
    let notional = notional_of(side, quantity, price);
    let fee = Money::new(rounded_up(notional.times(book.fee).get())).unwrap_or_default();
    Fill { quantity, price, fee }
}

/// What changes hands: rounded up when the account pays, down when it receives.
fn notional_of(side: Side, quantity: Quantity, price: Price) -> Money {
    let exact = price.value_of(quantity).get();
    let rounded = match side {
        Side::Buy => rounded_up(exact),
        Side::Sell => exact.round_dp_with_strategy(QUOTE_DECIMALS, RoundingStrategy::ToZero),
    };
    Money::new(rounded).unwrap_or_default()
}

fn rounded_up(amount: Decimal) -> Decimal {
    amount.round_dp_with_strategy(QUOTE_DECIMALS, RoundingStrategy::AwayFromZero)
}

/// The account with a fill booked. Refused rather than negative.
fn booked(account: &PaperAccount, asset: &AssetId, side: Side, fill: &Fill) -> Result<PaperAccount, String> {
    let mut after = account.changed();
    let notional = notional_of(side, fill.quantity, fill.price);
    let holding = after.holdings.entry(asset.clone()).or_default();
    match side {
        Side::Buy => {
            holding.free += fill.quantity;
            after.cash_free = after.cash_free - notional - fill.fee;
        }
        Side::Sell => {
            let left = holding.free.get() - fill.quantity.get();
            holding.free = Quantity::new(left).map_err(|error| format!("insufficient holding: {error}"))?;
            after.cash_free = after.cash_free + notional - fill.fee;
        }
    }
    after.holdings.retain(|_, holding| !holding.total().is_zero());
    if after.cash_free < Money::ZERO {
        return Err(format!("insufficient cash: {} would be left", after.cash_free));
    }
    Ok(after)
}
