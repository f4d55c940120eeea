//! The simulated venue: one account, a book that never moves, all three ways with repeated requests, and a log of
//! everything that arrived.
//!
//! How an order is filled depends on its instrument alone: `ALPHA` and `BETA` at once, `DELTA` in part and the rest is
//! cancelled a little later, `GAMMA` a little later. Where orders rest nothing but a part of `DELTA` is filled at once,
//! and everything else after a long while. A request that comes too late is refused where the venue bounds
//! late requests, and taken like any other where it does not.

use std::collections::BTreeMap;
use std::sync::Arc;

use index_rebalancer::model::{
    AccountSnapshot, AssetId, Decimal, Holding, InstrumentId, Money, Price, Quantity, Rate, Side,
};
use index_rebalancer::ports::venue::{Duplicates, Fill, OrderRequest, Promise, Sought, VenueOrder, VenueOrderStatus};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::scenario::Class;

/// How long an order stays open before what is left of it is filled or cancelled.
const OPEN_MS: i64 = 700;
/// The same where orders rest: longer than a phase of a run waits.
const REST_MS: i64 = 40_000;

/// A request on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) request: OrderRequest,
    /// The worker's own clock when it called the venue.
    pub(crate) sent_by_clock: Timestamp,
}

/// What became of a request that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    Accepted { order: usize },
    Replayed { order: usize },
    Refused(Refusal),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    TooLate,
    DuplicateId,
    NoCash,
    NoHolding,
    Unknown,
}

/// A line of the venue's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) at_ms: i64,
    pub(crate) at: Timestamp,
    pub(crate) sent: Sent,
    pub(crate) fate: Fate,
}

/// An order's states, each from a time on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) client_order_id: String,
    venue_order_id: String,
    instrument: InstrumentId,
    side: Side,
    quantity: Quantity,
    states: Vec<(i64, VenueOrderStatus, Quantity)>,
    fills: Vec<(i64, Fill)>,
    /// When the rest is dealt with, and whether it is filled then.
    ends: Option<(i64, bool)>,
    /// Cash or units set aside for the rest.
    reserved: Money,
}

impl Taken {
    pub(crate) fn last(&self) -> (VenueOrderStatus, Quantity) {
        let (_, status, filled) = self.states[self.states.len() - 1];
        (status, filled)
    }

    pub(crate) fn all_fills(&self) -> Vec<Fill> {
        self.fills.iter().map(|(_, fill)| fill.clone()).collect()
    }

    fn seen_at(&self, as_of_ms: i64) -> Option<VenueOrder> {
        let (_, status, filled) = self.states.iter().rev().find(|(at_ms, ..)| *at_ms <= as_of_ms)?;
        Some(VenueOrder {
            client_order_id: self.client_order_id.clone(),
            venue_order_id: self.venue_order_id.clone(),
            instrument: self.instrument.clone(),
            side: self.side,
            quantity: self.quantity,
            status: *status,
            filled_quantity: *filled,
            refusal: None,
        })
    }

    fn is_open(&self) -> bool {
        matches!(self.last().0, VenueOrderStatus::Open | VenueOrderStatus::PartiallyFilled)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Instrument {
    pub(crate) asset: AssetId,
    pub(crate) price: Price,
    pub(crate) lot: Decimal,
}

/// What the account held from a time on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Balance {
    since_ms: i64,
    cash_free: Money,
    cash_locked: Money,
    holdings: BTreeMap<AssetId, Holding>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Market {
    begin: Timestamp,
    promise: Promise,
    rests: bool,
    fee: Rate,
    instruments: Arc<BTreeMap<InstrumentId, Instrument>>,
    pub(crate) cash_free: Money,
    cash_locked: Money,
    holdings: BTreeMap<AssetId, Holding>,
    /// Every balance that there was, for answers of the past; the first since ever.
    balances: Vec<Balance>,
    on_the_way: Vec<(i64, Sent)>,
    pub(crate) orders: Vec<Taken>,
    pub(crate) arrivals: Vec<Arrival>,
}

impl Market {
    pub(crate) fn new(
        begin: Timestamp,
        promise: Promise,
        fee: Rate,
        instruments: BTreeMap<InstrumentId, Instrument>,
        opening: &AccountSnapshot,
    ) -> Self {
        Self {
            begin,
            promise,
            rests: false,
            fee,
            instruments: Arc::new(instruments),
            cash_free: opening.cash_free,
            cash_locked: opening.cash_locked,
            holdings: opening.holdings.clone(),
            balances: vec![Balance {
                since_ms: i64::MIN,
                cash_free: opening.cash_free,
                cash_locked: opening.cash_locked,
                holdings: opening.holdings.clone(),
            }],
            on_the_way: Vec::new(),
            orders: Vec::new(),
            arrivals: Vec::new(),
        }
    }

    /// The same market at another venue.
    pub(crate) fn of_class(self, class: Class) -> Self {
        Self { promise: class.promise(), rests: class.rests, ..self }
    }

    /// Deals with everything that was due until now, in the order of time.
    pub(crate) fn advance(&mut self, now_ms: i64) {
        loop {
            let late = self.on_the_way.iter().map(|(at_ms, _)| *at_ms).min().filter(|at_ms| *at_ms <= now_ms);
            let ends = self.orders.iter().filter_map(|order| order.ends.map(|(at_ms, _)| at_ms)).min();
            let ends = ends.filter(|at_ms| *at_ms <= now_ms);
            match (late, ends) {
                (None, None) => return,
                (Some(late), ends) if ends.is_none_or(|ends| late < ends) => {
                    let at = self.on_the_way.iter().position(|(at_ms, _)| *at_ms == late).expect("found above");
                    let (_, sent) = self.on_the_way.remove(at);
                    let _ = self.take(late, sent, false);
                }
                (_, Some(ends)) => self.end_orders(ends),
                (Some(_), None) => unreachable!("a late request with nothing before it comes first"),
            }
        }
    }

    fn end_orders(&mut self, at_ms: i64) {
        for index in 0..self.orders.len() {
            let Some((_, filled)) = self.orders[index].ends.filter(|(due_ms, _)| *due_ms == at_ms) else { continue };
            self.orders[index].ends = None;
            let reserved = std::mem::take(&mut self.orders[index].reserved);
            self.cash_locked -= reserved;
            self.cash_free += reserved;
            if filled {
                let left = self.orders[index].quantity - self.orders[index].last().1;
                self.fill(index, at_ms, left);
            }
            let order = &mut self.orders[index];
            let filled = order.fills.iter().map(|(_, fill)| fill.quantity).sum();
            let status = if filled == order.quantity { VenueOrderStatus::Filled } else { VenueOrderStatus::Cancelled };
            order.states.push((at_ms, status, filled));
        }
        self.note_balance(at_ms);
    }

    pub(crate) fn arrive_later(&mut self, at_ms: i64, sent: Sent) {
        self.on_the_way.push((at_ms, sent));
    }

    /// Whether no request under that key was taken, and none is on its way.
    pub(crate) fn never_hears_of(&self, key: Uuid) -> bool {
        let taken = self.orders.iter().map(|order| &order.client_order_id);
        let late = self.on_the_way.iter().map(|(_, sent)| &sent.request.client_order_id);
        !taken.chain(late).any(|id| Uuid::try_parse(id) == Ok(key))
    }

    pub(crate) fn arrive(&mut self, now_ms: i64, sent: Sent, half: bool) -> Result<VenueOrder, Refusal> {
        self.advance(now_ms);
        self.take(now_ms, sent, half)
    }

    fn take(&mut self, at_ms: i64, sent: Sent, half: bool) -> Result<VenueOrder, Refusal> {
        let at = self.begin + SignedDuration::from_millis(at_ms);
        let fate = match self.refusal(at, &sent.request) {
            Err(refusal) => Fate::Refused(refusal),
            Ok(Some(order)) => Fate::Replayed { order },
            Ok(None) => Fate::Accepted { order: self.open(at_ms, &sent.request, half) },
        };
        self.arrivals.push(Arrival { at_ms, at, sent, fate: fate.clone() });
        self.note_balance(at_ms);
        match fate {
            Fate::Accepted { order } | Fate::Replayed { order } => {
                Ok(self.orders[order].seen_at(at_ms).expect("it has a first state"))
            }
            Fate::Refused(refusal) => Err(refusal),
        }
    }

    /// Why the request is refused, or which order it repeats.
    fn refusal(&self, at: Timestamp, request: &OrderRequest) -> Result<Option<usize>, Refusal> {
        let same = self.orders.iter().position(|order| order.client_order_id == request.client_order_id);
        match (self.promise.duplicates, same) {
            (Duplicates::Replayed, Some(order)) => return Ok(Some(order)),
            (Duplicates::RefusedWhileOpen, Some(_)) => {
                let same = |order: &&Taken| order.client_order_id == request.client_order_id;
                if self.orders.iter().filter(same).any(Taken::is_open) {
                    return Err(Refusal::DuplicateId);
                }
            }
            _ => {}
        }
        if self.promise.late_requests.is_some() && at > request.deadline {
            return Err(Refusal::TooLate);
        }
        let market = self.instruments.get(&request.instrument).ok_or(Refusal::Unknown)?;
        let free = self.holdings.get(&market.asset).map_or(Quantity::ZERO, |holding| holding.free);
        match request.side {
            Side::Sell if request.quantity > free => Err(Refusal::NoHolding),
            Side::Buy if self.cost(request) > self.cash_free => Err(Refusal::NoCash),
            Side::Sell | Side::Buy => Ok(None),
        }
    }

    /// What a buy costs at most.
    pub(crate) fn cost(&self, request: &OrderRequest) -> Money {
        let value = request.limit_price.value_of(request.quantity);
        value + value.times(self.fee)
    }

    fn open(&mut self, at_ms: i64, request: &OrderRequest, half: bool) -> usize {
        let index = self.orders.len();
        let name = request.instrument.as_str();
        let open_ms = if self.rests { REST_MS } else { OPEN_MS };
        let (share, ends) = match name {
            _ if half => ("0.5", Some((at_ms + open_ms, false))),
            "DELTAUSDT" => ("0.8", Some((at_ms + open_ms, false))),
            "GAMMAUSDT" => ("0", Some((at_ms + open_ms, true))),
            _ if self.rests => ("0", Some((at_ms + open_ms, true))),
            _ => ("1", None),
        };
        let lot = self.instruments[&request.instrument].lot;
        let share: Decimal = share.parse().expect("a number");
        let now = Quantity::new(request.quantity.get() * share).expect("a part of a quantity").floor_to(lot);
        self.orders.push(Taken {
            client_order_id: request.client_order_id.clone(),
            venue_order_id: format!("v{index}"),
            instrument: request.instrument.clone(),
            side: request.side,
            quantity: request.quantity,
            states: vec![(at_ms, VenueOrderStatus::Open, Quantity::ZERO)],
            fills: Vec::new(),
            ends,
            reserved: Money::ZERO,
        });
        self.fill(index, at_ms, now);
        let status = match (now == request.quantity, now.is_zero()) {
            (true, _) => VenueOrderStatus::Filled,
            (false, true) => VenueOrderStatus::Open,
            (false, false) => VenueOrderStatus::PartiallyFilled,
        };
        self.orders[index].states.push((at_ms, status, now));
        if request.side == Side::Buy && ends.is_some() {
            let rest = request.limit_price.value_of(request.quantity - now);
            let rest = rest + rest.times(self.fee);
            self.orders[index].reserved = rest;
            self.cash_free -= rest;
            self.cash_locked += rest;
        }
        index
    }

    fn fill(&mut self, index: usize, at_ms: i64, quantity: Quantity) {
        if quantity.is_zero() {
            return;
        }
        let (side, market) = (self.orders[index].side, self.instruments[&self.orders[index].instrument].clone());
        let value = market.price.value_of(quantity);
        let fee = value.times(self.fee);
        self.orders[index].fills.push((at_ms, Fill { quantity, price: market.price, fee }));
        let holding = self.holdings.entry(market.asset).or_default();
        match side {
            Side::Sell => {
                holding.free -= quantity;
                self.cash_free = self.cash_free + value - fee;
            }
            Side::Buy => {
                holding.free += quantity;
                self.cash_free = self.cash_free - value - fee;
            }
        }
    }

    /// The account as it was at a time that is over, or is.
    pub(crate) fn account(&mut self, now_ms: i64, as_of_ms: i64) -> AccountSnapshot {
        self.advance(now_ms);
        let seen =
            self.balances.iter().rev().find(|balance| balance.since_ms <= as_of_ms).expect("the first is of ever");
        AccountSnapshot {
            observed_at: self.begin + SignedDuration::from_millis(now_ms),
            cash_free: seen.cash_free,
            cash_locked: seen.cash_locked,
            holdings: seen.holdings.clone(),
        }
    }

    fn note_balance(&mut self, since_ms: i64) {
        let Self { cash_free, cash_locked, .. } = *self;
        let same = |last: &Balance| (last.cash_free, last.cash_locked) == (cash_free, cash_locked);
        // Units move against cash, so cash alone tells whether anything changed.
        if !self.balances.last().is_some_and(same) {
            let holdings = self.holdings.clone();
            self.balances.push(Balance { since_ms, cash_free, cash_locked, holdings });
        }
    }

    fn sought(&mut self, now_ms: i64, sought: &Sought) -> Option<&Taken> {
        self.advance(now_ms);
        self.orders.iter().rev().find(|order| order.client_order_id == sought.client_order_id)
    }

    pub(crate) fn find(&mut self, now_ms: i64, as_of_ms: i64, sought: &Sought) -> Option<VenueOrder> {
        self.sought(now_ms, sought)?.seen_at(as_of_ms)
    }

    pub(crate) fn fills(&mut self, now_ms: i64, as_of_ms: i64, sought: &Sought) -> Vec<Fill> {
        let Some(order) = self.sought(now_ms, sought) else { return Vec::new() };
        order.fills.iter().filter(|(at_ms, _)| *at_ms <= as_of_ms).map(|(_, fill)| fill.clone()).collect()
    }
}
