//! `orders`, `ack`, `fill`, `reject` and `cancel`: an executor's part, by hand.

use uuid::Uuid;

use crate::adapters::clock::{CaseClock, SystemClock};
use crate::adapters::dynamodb::DynamoStore;
use crate::adapters::outbox::{Act, ActError, Executor, Recorded, ReportedFill};
use crate::cli::args::{Ack, Close, Fill, Operator, Orders, TakenTime};
use crate::cli::failure::Failure;
use crate::cli::handling::operator;
use crate::cli::output::Output;
use crate::cli::store::StorePath;
use crate::planning::idempotency::digest_of;
use crate::ports::Clock;
use crate::ports::capability::client_order_id;
use crate::ports::outbox::{OutboxAddress, OutboxLedger, OutboxOrder};
use crate::ports::store::StoreError;
use crate::report::document::Document;
use crate::report::outbox::{OutboxActReport, OutboxLine};
use crate::report::text;

pub(in crate::cli) async fn orders(asked: &Orders, path: &StorePath, output: &Output) -> Result<u8, Failure> {
    let mut lines = Vec::new();
    if let Some(store) = path.look().await? {
        let now = clock(&asked.time).now();
        let found = of_all_accounts(store.store(), asked).await?;
        lines.extend(found.iter().map(|order| OutboxLine::of(order, now)));
    }
    let document = Document::OutboxOrders { orders: lines.clone() };
    output.say(&document, |canvas| text::outbox_orders(&lines, asked.open, canvas))?;
    Ok(0)
}

pub(in crate::cli) async fn ack(asked: &Ack, path: &StorePath, output: &Output) -> Result<u8, Failure> {
    let by = By { operator: &asked.operator, time: &asked.time, force: None };
    act(asked.key, &Act::Acknowledge, &by, path, output).await
}

pub(in crate::cli) async fn fill(asked: &Fill, path: &StorePath, output: &Output) -> Result<u8, Failure> {
    let by = By { operator: &asked.operator, time: &asked.time, force: asked.force.force.as_ref() };
    let fill = ReportedFill {
        fill_id: asked.fill_id.clone().unwrap_or_else(|| id_of(asked)),
        quantity: asked.quantity,
        price: asked.price,
        fee: asked.fee,
        executed_at: asked.executed_at,
    };
    act(asked.key, &Act::Fill(fill), &by, path, output).await
}

pub(in crate::cli) async fn reject(asked: &Close, path: &StorePath, output: &Output) -> Result<u8, Failure> {
    close(asked, Act::Reject { why: asked.reason.clone() }, path, output).await
}

pub(in crate::cli) async fn cancel(asked: &Close, path: &StorePath, output: &Output) -> Result<u8, Failure> {
    close(asked, Act::Cancel { why: asked.reason.clone() }, path, output).await
}

async fn close(asked: &Close, what: Act, path: &StorePath, output: &Output) -> Result<u8, Failure> {
    let by = By { operator: &asked.operator, time: &asked.time, force: asked.force.force.as_ref() };
    act(asked.key, &what, &by, path, output).await
}

/// Who acts, and when.
struct By<'a> {
    operator: &'a Operator,
    time: &'a TakenTime,
    force: Option<&'a String>,
}

async fn act(key: Uuid, act: &Act, by: &By<'_>, path: &StorePath, output: &Output) -> Result<u8, Failure> {
    let name = operator(by.operator)?;
    // Looked at first: what is not there makes no store.
    path.look_at_existing().await?;
    let (store, clock) = (path.open().await?, clock(by.time));
    let done = match find(store.store(), key).await {
        Ok(address) => {
            let executor = Executor::new(store.store(), &clock, name).forcing(by.force.cloned());
            executor.act(&address, act).await.map_err(Failure::from)
        }
        Err(failure) => Err(failure),
    };
    store.close().await;
    let done = done?;
    let changed = matches!(done, Recorded::Now(_));
    let report = OutboxActReport { changed, order: OutboxLine::of(done.order(), clock.now()) };
    let document = Document::OutboxAct(Box::new(report.clone()));
    output.say(&document, |canvas| text::outbox_act(&report, canvas))?;
    Ok(0)
}

fn clock(time: &TakenTime) -> CaseClock {
    CaseClock::starting_at(time.at.unwrap_or_else(|| SystemClock.now()))
}

/// The same figures again are the same execution, unless the person says otherwise.
fn id_of(asked: &Fill) -> String {
    let digest = digest_of(&(asked.key, asked.quantity, asked.price, asked.fee));
    format!("by-hand-{}", digest.get(..16).unwrap_or(&digest))
}

/// A key is one order's, on whichever account it is.
async fn find(store: &DynamoStore, key: Uuid) -> Result<OutboxAddress, Failure> {
    for account in store.outbox_accounts().await? {
        let client_order_id = client_order_id(&account.venue, key);
        let address = OutboxAddress { venue: account.venue, account: account.account, client_order_id };
        if store.load_outbox_order(&address).await?.is_some() {
            return Ok(address);
        }
    }
    let message = format!("no order with the key {key} is in any outbox of this store");
    Err(Failure::bad_input(message, "`rebalance orders` lists them"))
}

async fn of_all_accounts(store: &DynamoStore, asked: &Orders) -> Result<Vec<OutboxOrder>, StoreError> {
    let mut orders = Vec::new();
    for account in store.outbox_accounts().await? {
        if asked.account.as_ref().is_some_and(|wanted| account.account != *wanted) {
            continue;
        }
        if !asked.open {
            orders.extend(store.outbox_orders(&account.venue, &account.account).await?);
            continue;
        }
        // The account knows them: the orders of years need not be read.
        for client_order_id in account.open_orders {
            let (venue, account) = (account.venue.clone(), account.account.clone());
            let address = OutboxAddress { venue, account, client_order_id };
            orders.extend(store.load_outbox_order(&address).await?.filter(|order| !order.state.is_terminal()));
        }
    }
    orders.sort_by_key(|order| (order.placed_at, order.address()));
    Ok(orders)
}

impl From<ActError> for Failure {
    fn from(error: ActError) -> Self {
        match error {
            ActError::Store(error) => error.into(),
            refused => Self::bad_input(refused.to_string(), ""),
        }
    }
}
