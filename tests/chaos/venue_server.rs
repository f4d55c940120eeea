//! The simulated venue: a process of its own that takes orders over HTTP and remembers everything it accepted and refused.
//!
//! Orders are immediate-or-cancel against a book that always trades at the instrument's price; a quarter of them find
//! only half of what they ask for. What is accepted is missing from queries for a moment, then open for a moment, then
//! terminal. Nothing protects it from a second order under one id but what its class says.

use std::collections::BTreeMap;

use index_rebalancer::adapters::rehearsal::venue::{Asked, Placing};
use index_rebalancer::model::{AccountSnapshot, AssetId, Decimal, Holding, InstrumentId, Quantity, Side};
use index_rebalancer::ports::venue::{Duplicates, Fill, VenueOrder, VenueOrderStatus};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};

use crate::now;
use crate::plans::{assets, price, rate};
use crate::venue_class::{OPEN_MS, QUERY_LAG_MS, VenueClass};
use index_rebalancer::adapters::rehearsal::wire::{self, Message};

const FEE: &str = "0.001";
/// One hundredth, as the assets' rules say.
const LOT: Decimal = Decimal::from_parts(1, 0, 0, false, 2);

/// The opening of an account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Opening {
    pub(crate) account: String,
    pub(crate) snapshot: AccountSnapshot,
}

/// One accepted order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Accepted {
    pub(crate) placing: Placing,
    pub(crate) arrived_at: Timestamp,
    pub(crate) order: VenueOrder,
    pub(crate) fills: Vec<Fill>,
}

/// One request that was not taken.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Refused {
    pub(crate) placing: Placing,
    pub(crate) why: Refusal,
}

/// Why an order is not taken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Refusal {
    /// An order is open under this id.
    DuplicateId,
    /// It arrived after its deadline.
    Late,
    NoCash,
    NoHolding,
    /// No such account or instrument.
    Unknown(String),
}

/// Everything that came, in the order in which it came.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Books {
    pub(crate) accepted: Vec<Accepted>,
    pub(crate) refused: Vec<Refused>,
}

#[derive(Debug, Default)]
struct Venue {
    accounts: BTreeMap<String, AccountSnapshot>,
    books: Books,
}

/// Serves until the process is ended.
pub(crate) async fn serve(listener: TcpListener) {
    let venue = std::sync::Arc::new(std::sync::Mutex::new(Venue::default()));
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let venue = venue.clone();
        tokio::spawn(async move {
            // A connection that breaks is its caller's affair.
            let _ = converse(stream, &venue).await;
        });
    }
}

async fn converse(mut stream: TcpStream, venue: &std::sync::Mutex<Venue>) -> std::io::Result<()> {
    while let Some(request) = wire::read(&mut stream).await? {
        let answer = venue.lock().expect("not poisoned").answer(request.second_word(), &request.body);
        wire::write(&mut stream, &answer).await?;
    }
    Ok(())
}

fn json<T: Serialize>(value: &T) -> Message {
    Message::answer(200, &serde_json::to_vec(value).expect("serialises"))
}

impl Venue {
    fn answer(&mut self, path: &str, body: &[u8]) -> Message {
        fn asked<'a, T: Deserialize<'a>>(body: &'a [u8]) -> T {
            serde_json::from_slice(body).expect("only workers of this run call")
        }
        match path {
            "/open" => {
                let opening: Opening = asked(body);
                self.accounts.insert(opening.account, opening.snapshot);
                json(&())
            }
            "/account" => {
                let account: String = asked(body);
                let snapshot = self.accounts.get(&account).expect("the account is open");
                json(&AccountSnapshot { observed_at: now(), ..snapshot.clone() })
            }
            "/place" => match self.place(asked(body)) {
                Ok(order) => json(&order),
                Err(Refusal::DuplicateId) => Message::answer(409, b"it is open"),
                Err(why) => Message::answer(422, format!("{why:?}").as_bytes()),
            },
            "/find" => json(&self.find(&asked(body)).map(|(accepted, age)| shown(accepted, age))),
            "/fills" => json(&self.find(&asked(body)).map_or_else(Vec::new, |(accepted, age)| {
                if is_terminal(age) { accepted.fills.clone() } else { Vec::new() }
            })),
            "/books" => json(&self.books),
            _ => Message::answer(404, b"unknown path"),
        }
    }

    /// The first order under the id, once queries show it, and its age.
    fn find(&self, asked: &Asked) -> Option<(&Accepted, SignedDuration)> {
        let of_id = |accepted: &&Accepted| {
            accepted.placing.account == asked.account && accepted.placing.client_order_id == asked.client_order_id
        };
        let accepted = self.books.accepted.iter().find(of_id)?;
        let age = now().duration_since(accepted.arrived_at);
        (age >= SignedDuration::from_millis(QUERY_LAG_MS)).then_some((accepted, age))
    }

    fn place(&mut self, placing: Placing) -> Result<VenueOrder, Refusal> {
        let taken = self.take(&placing);
        if let Err(why) = &taken {
            self.books.refused.push(Refused { placing, why: why.clone() });
        }
        taken
    }

    fn take(&mut self, placing: &Placing) -> Result<VenueOrder, Refusal> {
        let unknown = || Refusal::Unknown(placing.account.clone());
        let class = VenueClass::of_account(&placing.account).ok_or_else(unknown)?;
        let arrived_at = now();
        let known = self.books.accepted.iter().find(|accepted| {
            accepted.placing.account == placing.account && accepted.placing.client_order_id == placing.client_order_id
        });
        if let Some(known) = known {
            let age = arrived_at.duration_since(known.arrived_at);
            match class.duplicates {
                Duplicates::Replayed => return Ok(known.order.clone()),
                Duplicates::RefusedWhileOpen if !is_terminal(age) => return Err(Refusal::DuplicateId),
                Duplicates::RefusedWhileOpen | Duplicates::Unchecked => {}
            }
        }
        if class.bounds_late_requests && arrived_at > placing.deadline {
            return Err(Refusal::Late);
        }
        let accepted = self.execute(placing.clone(), arrived_at)?;
        let order = shown(&accepted, SignedDuration::ZERO);
        self.books.accepted.push(accepted);
        Ok(order)
    }

    fn execute(&mut self, placing: Placing, arrived_at: Timestamp) -> Result<Accepted, Refusal> {
        let assets = assets();
        let unknown = || Refusal::Unknown(placing.instrument.clone());
        let symbol = placing.instrument.trim_end_matches("USDT").to_lowercase();
        let asset = AssetId::new(&symbol).map_err(|_| unknown())?;
        let instrument = InstrumentId::new(&placing.instrument).map_err(|_| unknown())?;
        let at = assets.get(&asset).map_or_else(|| price("50"), |record| record.price);
        let account = self.accounts.get_mut(&placing.account).ok_or(Refusal::Unknown(placing.account.clone()))?;
        let cash = account.cash_free;
        let holding = account.holdings.entry(asset).or_default();
        let most = placing.limit_price.value_of(placing.quantity);
        match placing.side {
            Side::Buy if cash < most + most.times(rate(FEE)) => return Err(Refusal::NoCash),
            Side::Sell if holding.free < placing.quantity => return Err(Refusal::NoHolding),
            _ => {}
        }
        let finds_half = placing.client_order_id.as_bytes().last().is_some_and(|byte| byte % 4 == 0);
        let filled = if finds_half {
            let half = placing.quantity.get() / Decimal::TWO;
            Quantity::new(half).expect("half of a quantity").floor_to(LOT)
        } else {
            placing.quantity
        };
        let notional = at.value_of(filled);
        let fee = notional.times(rate(FEE));
        match placing.side {
            Side::Buy => {
                *holding = Holding { free: holding.free + filled, ..*holding };
                account.cash_free = cash - notional - fee;
            }
            Side::Sell => {
                *holding = Holding { free: holding.free - filled, ..*holding };
                account.cash_free = cash + notional - fee;
            }
        }
        let order = VenueOrder {
            client_order_id: placing.client_order_id.clone(),
            venue_order_id: format!("v{}", self.books.accepted.len()),
            instrument,
            side: placing.side,
            quantity: placing.quantity,
            status: if filled == placing.quantity { VenueOrderStatus::Filled } else { VenueOrderStatus::Cancelled },
            filled_quantity: filled,
            refusal: None,
        };
        let fills = vec![Fill { quantity: filled, price: at, fee }];
        Ok(Accepted { placing, arrived_at, order, fills })
    }
}

fn is_terminal(age: SignedDuration) -> bool {
    age >= SignedDuration::from_millis(OPEN_MS)
}

/// The order as a query shows it at that age.
fn shown(accepted: &Accepted, age: SignedDuration) -> VenueOrder {
    if is_terminal(age) {
        return accepted.order.clone();
    }
    VenueOrder { status: VenueOrderStatus::Open, filled_quantity: Quantity::ZERO, ..accepted.order.clone() }
}
