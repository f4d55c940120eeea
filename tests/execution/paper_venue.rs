//! The paper venue's rules, books and balances.

use index_rebalancer::adapters::paper_venue::PaperBook;
use index_rebalancer::model::{ListingStatus, Quantity, Side, Tick};
use index_rebalancer::ports::venue::{OrderRequest, PlaceError, Venue, VenueOrderStatus};

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
