//! The paper venue's rules, books and balances.

use std::sync::Mutex;

use index_rebalancer::adapters::paper_venue::{PaperAccount, PaperBook, PaperLedger, PaperOrder, PaperVenue};
use index_rebalancer::model::{AccountId, ListingStatus, Quantity, Side, Tick, VenueId};
use index_rebalancer::ports::StoreError;
use index_rebalancer::ports::store::Written;
use index_rebalancer::ports::venue::{OrderRequest, PlaceError, Sought, Venue, VenueError, VenueOrderStatus};

use crate::manual_clock::ManualClock;
use crate::support::*;

fn order(id: u32, side: Side, name: &str, units: &str, limit: &str) -> OrderRequest {
    OrderRequest {
        client_order_id: format!("order-{id}"),
        venue_account: account(),
        instrument: format!("{}USDT", name.to_uppercase()).parse().expect("valid"),
        asset: asset(name),
        side,
        quantity: quantity(units),
        limit_price: price(limit),
        valid_until: monday() + hours(1),
        payload_digest: String::new(),
        signed_at: monday(),
        deadline: monday() + seconds(5),
    }
}

#[tokio::test]
async fn rules_are_enforced_by_explicit_refusals() {
    let mut world = World::new().await;
    let instruments = &mut world.book.instruments;
    instruments.get_mut(&"BETAUSDT".parse().expect("valid")).expect("listed").rules.status = ListingStatus::Halted;
    let gamma = instruments.get_mut(&"GAMMAUSDT".parse().expect("valid")).expect("listed");
    (gamma.rules.min_quantity, gamma.rules.max_quantity) = (quantity("1"), Some(quantity("50")));
    let venue = world.venue();
    let late = OrderRequest { deadline: monday() - seconds(1), ..order(1, Side::Sell, "alpha", "1", "99") };
    let cases = [
        (late, "deadline"),
        (order(2, Side::Sell, "omega", "1", "99"), "unknown instrument OMEGAUSDT"),
        (order(3, Side::Buy, "beta", "1", "51"), "BETAUSDT is halted"),
        (order(4, Side::Sell, "alpha", "1.005", "99"), "multiple of the lot 0.01"),
        (order(5, Side::Sell, "alpha", "1", "99.005"), "multiple of the tick 0.01"),
        (order(6, Side::Sell, "alpha", "0.04", "99"), "notional 4 is below the minimum 5"),
        (order(7, Side::Buy, "gamma", "0.99", "10.1"), "below the minimum 1"),
        (order(8, Side::Buy, "gamma", "50.01", "10.1"), "above the maximum 50"),
        (order(9, Side::Sell, "alpha", "50.01", "99"), "insufficient holding: 50.01 to sell, 50 free"),
        (order(10, Side::Buy, "alpha", "9.99", "100.1"), "insufficient cash"),
        (order(11, Side::Buy, "alpha", "0", "100.1"), "multiple of the lot"),
    ];
    let before = world.balance().await;
    for (request, expected) in cases {
        match venue.paper.place(&request).await {
            Err(PlaceError::Refused(reason)) => assert!(reason.contains(expected), "{expected}: {reason}"),
            other => panic!("{expected}: {other:?}"),
        }
    }
    assert_eq!(world.balance().await, before);
}

#[tokio::test]
async fn a_limit_on_the_wrong_side_fills_nothing() {
    let world = World::new().await;
    let venue = world.venue();
    // 99.9 is bid and 100.1 asked.
    for (id, side, limit, filled) in [
        (1, Side::Sell, "99.91", "0"),
        (2, Side::Sell, "99.9", "1"),
        (3, Side::Buy, "100.09", "0"),
        (4, Side::Buy, "100.1", "1"),
    ] {
        let placed = venue.paper.place(&order(id, side, "alpha", "1", limit)).await.expect("answers");
        assert_eq!(placed.filled_quantity, quantity(filled), "{side} at {limit}");
        let expected = if filled == "0" { VenueOrderStatus::Cancelled } else { VenueOrderStatus::Filled };
        assert_eq!(placed.status, expected);
    }
    // Round trip of one unit: the spread of 0.2 and two fees of a thousandth.
    assert_eq!(world.balance().await.cash_free, money("999.6"));
}

#[tokio::test]
async fn orders_at_the_same_time_share_one_balance() {
    let world = World::new().await;
    let venue = world.venue();
    // Each alone is affordable, two are not: 5.5 at 100.1 is 551.
    let (first, second) = (order(1, Side::Buy, "alpha", "5.5", "100.1"), order(2, Side::Buy, "alpha", "5.5", "100.1"));
    let (first, second) = tokio::join!(venue.paper.place(&first), venue.paper.place(&second));
    let refused = [&first, &second].iter().filter(|answer| matches!(answer, Err(PlaceError::Refused(_)))).count();
    assert_eq!(refused, 1, "{first:?} {second:?}");
    assert!(world.balance().await.cash_free > money("0"));
}

#[tokio::test]
async fn one_key_at_the_same_time_is_one_order() {
    let world = World::new().await;
    let venue = world.venue();
    let request = order(1, Side::Sell, "alpha", "1", "99");
    let (first, second) = tokio::join!(venue.paper.place(&request), venue.paper.place(&request));
    assert_eq!(first.expect("answers"), second.expect("answers"));
    assert_eq!(world.balance().await.holdings[&asset("alpha")].free, quantity("49"));
}

#[test]
fn the_book_offers_a_share_of_the_daily_volume_in_whole_lots() {
    let book = PaperBook::of(&assets(), rate("0.001"), rate("0.001"), Some(rate("0.0012345")));
    let offered = |name: &str| book.instruments[&name.parse().expect("valid")].available;
    // 1,234.5 of the quote currency at 100, 50 and 10.
    assert_eq!(offered("ALPHAUSDT"), Some(quantity("12.34")));
    assert_eq!(offered("BETAUSDT"), Some(quantity("24.69")));
    assert_eq!(offered("GAMMAUSDT"), Some(quantity("123.45")));
    let endless = PaperBook::of(&assets(), rate("0"), rate("0"), None);
    assert!(endless.instruments.values().all(|instrument| instrument.available.is_none()));
}

#[test]
fn micro_prices_and_huge_volumes_stay_in_range() {
    let mut assets = assets();
    let alpha = assets.get_mut(&asset("alpha")).expect("listed");
    alpha.price = price("0.000000000000000001");
    alpha.average_daily_volume = Some(money("1000000000000000000"));
    let listing = alpha.listing.as_mut().expect("listed");
    (listing.lot_size, listing.tick_size) = (Quantity::ZERO, Tick::ZERO);
    let book = PaperBook::of(&assets, rate("0"), rate("0"), Some(rate("1")));
    let offered = book.instruments[&"ALPHAUSDT".parse().expect("valid")].available;
    assert_eq!(offered, Some(quantity("1000000000000000000")));
}

/// A store in which somebody looks for the order, a minute later, between a worker's last check and its write.
struct Overtaken<'a> {
    world: &'a World,
    sought: Mutex<Option<Sought>>,
}

impl PaperLedger for Overtaken<'_> {
    async fn load_account(&self, venue: &VenueId, account: &AccountId) -> Result<Option<PaperAccount>, StoreError> {
        self.world.store().load_account(venue, account).await
    }
    async fn open_account(
        &self,
        venue: &VenueId,
        account: &AccountId,
        opening: &PaperAccount,
    ) -> Result<Written, StoreError> {
        self.world.store().open_account(venue, account, opening).await
    }
    async fn load_paper_order(
        &self,
        venue: &VenueId,
        account: &AccountId,
        client_order_id: &str,
    ) -> Result<Option<PaperOrder>, StoreError> {
        self.world.store().load_paper_order(venue, account, client_order_id).await
    }
    async fn record(
        &self,
        venue: &VenueId,
        account: &AccountId,
        after: &PaperAccount,
        order: Option<&PaperOrder>,
    ) -> Result<Written, StoreError> {
        let sought = self.sought.lock().expect("not poisoned").take();
        if let Some(sought) = sought {
            self.world.later(seconds(60));
            assert_eq!(self.world.venue().paper.find_order(&sought).await, Ok(None));
        }
        self.world.store().record(venue, account, after, order).await
    }
}

/// The worker has checked everything, stands still before its write, and thaws when the order is known to be absent.
#[tokio::test]
async fn an_order_that_was_looked_for_in_vain_is_not_taken_afterwards() {
    let (world, frozen) = (World::new().await, ManualClock::at(monday()));
    let (id, before) = (world.venue().paper.id().clone(), world.balance().await);
    let request = order(1, Side::Sell, "alpha", "1", "99");
    let sought = Sought {
        client_order_id: request.client_order_id.clone(),
        venue_account: account(),
        instrument: request.instrument.clone(),
    };
    let overtaken = Overtaken { world: &world, sought: Mutex::new(Some(sought.clone())) };
    let book = world.book.clone();
    let answer = PaperVenue::new(id, &overtaken, &frozen, book).place(&request).await;
    assert!(matches!(&answer, Err(PlaceError::Refused(why)) if why.contains("the order was looked for")), "{answer:?}");
    assert_eq!(world.venue().paper.find_order(&sought).await, Ok(None));
    assert_eq!((world.balance().await.holdings, world.balance().await.cash_free), (before.holdings, before.cash_free));
    // One that is still in time is taken.
    let next = OrderRequest { deadline: monday() + seconds(65), ..order(2, Side::Sell, "alpha", "1", "99") };
    world.venue().paper.place(&next).await.expect("is placed");
}

/// An account that nobody opened is a mistake that asking again does not mend.
#[tokio::test]
async fn an_account_that_is_not_open_is_no_outage() {
    let world = World::new().await;
    let other: AccountId = "other".parse().expect("valid");
    let answer = world.venue().paper.account(&other).await;
    assert!(
        matches!(&answer, Err(VenueError::Refused { cause, .. }) if cause.contains("other is not open")),
        "{answer:?}"
    );
    let request = OrderRequest { venue_account: other, ..order(1, Side::Sell, "alpha", "1", "99") };
    let answer = world.venue().paper.place(&request).await;
    assert!(matches!(&answer, Err(PlaceError::Refused(why)) if why.contains("other is not open")), "{answer:?}");
}
