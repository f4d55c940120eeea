//! The outbox: placing, executing, stating, and runs that are carried out by somebody else.

mod adversity;
mod contract;
mod foreign;
mod promise;
mod runs;
mod statements;

use index_rebalancer::adapters::dynamodb::DynamoStore;
use index_rebalancer::adapters::outbox::{Act, Executor, Outbox, ReportedFill};
use index_rebalancer::model::{AccountSnapshot, Holding, Side};
use index_rebalancer::ports::outbox::{OutboxAddress, OutboxLedger, OutboxOrder, Stated};
use index_rebalancer::ports::venue::{OrderRequest, Sought, Venue};
use jiff::Timestamp;

use crate::manual_clock::ManualClock;
use crate::support::*;

fn outbox(world: &World) -> Outbox<'_, DynamoStore, ManualClock> {
    Outbox::new(venue_id(), world.store(), &world.clock)
}

fn executor<'a>(world: &'a World, name: &str) -> Executor<'a, DynamoStore, ManualClock> {
    Executor::new(world.store(), &world.clock, name)
}

/// A world whose account is stated: 1000 in cash and 50 alpha.
async fn stated() -> World {
    let world = World::new().await;
    assert_eq!(state(&world, &opening_account()).await, Stated::Opened);
    world
}

async fn state(world: &World, statement: &AccountSnapshot) -> Stated {
    world.store().state_account(&venue_id(), &account(), statement).await.expect("answers")
}

/// Sent within five seconds, valid for half an hour.
fn request(id: &str, side: Side, name: &str, units: &str, limit: &str) -> OrderRequest {
    OrderRequest {
        client_order_id: id.to_owned(),
        venue_account: account(),
        instrument: format!("{}USDT", name.to_uppercase()).parse().expect("valid"),
        asset: asset(name),
        side,
        quantity: quantity(units),
        limit_price: price(limit),
        valid_until: monday() + seconds(1800),
        payload_digest: format!("digest of {id}"),
        signed_at: monday(),
        deadline: monday() + seconds(5),
    }
}

/// 10 alpha to sell at 98 or better.
fn sell(id: &str) -> OrderRequest {
    request(id, Side::Sell, "alpha", "10", "98")
}

/// 10 beta to buy at 51 or better.
fn buy(id: &str) -> OrderRequest {
    request(id, Side::Buy, "beta", "10", "51")
}

fn sought(request: &OrderRequest) -> Sought {
    Sought {
        client_order_id: request.client_order_id.clone(),
        venue_account: account(),
        instrument: request.instrument.clone(),
    }
}

fn at(id: &str) -> OutboxAddress {
    OutboxAddress { venue: venue_id(), account: account(), client_order_id: id.to_owned() }
}

async fn stored(world: &World, id: &str) -> OutboxOrder {
    world.store().load_outbox_order(&at(id)).await.expect("reads").expect("is stored")
}

fn fill(id: &str, units: &str, at: &str, fee: &str) -> Act {
    Act::Fill(reported(id, units, at, fee, None))
}

fn reported(id: &str, units: &str, at: &str, fee: &str, executed_at: Option<Timestamp>) -> ReportedFill {
    ReportedFill { fill_id: id.to_owned(), quantity: quantity(units), price: price(at), fee: money(fee), executed_at }
}

fn cancel(why: &str) -> Act {
    Act::Cancel { why: why.to_owned() }
}

fn reject(why: &str) -> Act {
    Act::Reject { why: why.to_owned() }
}

async fn balance(world: &World) -> AccountSnapshot {
    outbox(world).account(&account()).await.expect("is stated")
}

/// Free and locked cash.
async fn cash(world: &World) -> (String, String) {
    let balance = balance(world).await;
    (balance.cash_free.to_string(), balance.cash_locked.to_string())
}

/// Free and locked units.
async fn units(world: &World, name: &str) -> (String, String) {
    let Holding { free, locked } = balance(world).await.holdings.get(&asset(name)).copied().unwrap_or_default();
    (free.to_string(), locked.to_string())
}

fn pair(one: &str, other: &str) -> (String, String) {
    (one.to_owned(), other.to_owned())
}
