//! The ports of the simulation: every call is a numbered step of the world.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use index_rebalancer::model::{
    AccountId, AccountSnapshot, Decimal, Environment, Money, PortfolioId, Quantity, VenueId,
};
use index_rebalancer::ports::store::{
    AccountKey, ChunkAddress, CommitAnswer, DayReservation, KillSwitch, LockItem, LogEntry, OrderItem, PortfolioItem,
    PortfolioKey, RunItem, RunStore, StoreError, SwitchEntry, SwitchScope, Written,
};
use index_rebalancer::ports::venue::{Fill, OrderRequest, PlaceError, Promise, Sought, Venue, VenueError, VenueOrder};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::bugs::Bug;
use crate::faults::{Fault, Kind};
use crate::market::{Refusal, Sent};
use crate::table::Writer;
use crate::world::{Effect, SimClock, WorkerId, World};

/// How long an adapter that queues keeps a request: longer than the window of an attempt.
const QUEUE_MS: i64 = 6_000;

/// A worker's store.
pub(crate) struct SimStore {
    pub(crate) world: Rc<World>,
    pub(crate) worker: WorkerId,
    pub(crate) bug: Option<Bug>,
    /// A put that is held back: only under [`Bug::SendBeforeJournal`].
    pub(crate) held_back: RefCell<Option<(RunItem, OrderItem, LogEntry)>>,
    /// What each switch was and when it was read: used only under [`Bug::SwitchFromMemory`].
    pub(crate) remembered: RefCell<BTreeMap<SwitchScope, (Writer, Option<KillSwitch>)>>,
}

type Answer<T> = Result<T, StoreError>;

impl SimStore {
    fn by(&self) -> Writer {
        self.world.writer(self.worker)
    }

    fn now(&self) -> Timestamp {
        self.world.true_time()
    }

    async fn step<T>(&self, call: &'static str, kind: Kind, mut effect: impl FnMut(Effect) -> Answer<T>) -> Answer<T> {
        let failed = |cause: &str| Err(StoreError::Unavailable { step: call, cause: cause.to_owned() });
        let answer = self.world.call(self.worker, call, kind, &mut effect, failed).await;
        if let Some((fence, order, entry)) = self.held_back.take() {
            let _ = self.world.table.borrow_mut().create_order(self.by(), &fence, &order, &entry);
        }
        answer
    }
}

impl RunStore for SimStore {
    async fn load_run(&self, run_id: Uuid) -> Answer<Option<RunItem>> {
        self.step("load_run", Kind::Read, |_| {
            let stored = self.world.table.borrow().load_run(run_id);
            Ok(match self.bug {
                Some(Bug::PlanSolvedAgain) => stored.map(uncommitted),
                Some(Bug::ApprovalUnseen) => stored.map(|run| RunItem { approval: None, ..run }),
                _ => stored,
            })
        })
        .await
    }

    async fn find_runs(&self, prefix: &str) -> Answer<Vec<RunItem>> {
        self.step("find_runs", Kind::Read, |_| self.world.table.borrow().find_runs(prefix)).await
    }

    async fn list_runs(&self, environment: Environment, portfolio: &PortfolioId) -> Answer<Vec<RunItem>> {
        // Asked by people's lists only: nothing of the protocol rests on an index that may lag.
        self.step("list_runs", Kind::Read, |_| Ok(self.world.table.borrow().list_runs(environment, portfolio))).await
    }

    async fn held_locks(&self) -> Answer<Vec<Answer<LockItem>>> {
        self.step("held_locks", Kind::Read, |_| {
            let forgets = self.bug == Some(Bug::LocksStayUnseen);
            Ok(if forgets { Vec::new() } else { self.world.table.borrow().held_locks().into_iter().map(Ok).collect() })
        })
        .await
    }

    async fn load_lock(&self, account: &AccountKey) -> Answer<Option<LockItem>> {
        self.step("load_lock", Kind::Read, |_| Ok(self.world.table.borrow().locks.get(account).cloned())).await
    }

    async fn claim(&self, run: &RunItem, entry: &LogEntry) -> Answer<Written> {
        self.step("claim", Kind::Transaction, |_| self.world.table.borrow_mut().claim(self.by(), run, entry)).await
    }

    async fn update_run(&self, before: &RunItem, after: &RunItem, entry: &LogEntry) -> Answer<Written> {
        self.step("update_run", Kind::Transaction, |_| {
            self.world.table.borrow_mut().update_run(self.by(), self.now(), before, after, entry)
        })
        .await
    }

    async fn put_chunk(&self, address: &ChunkAddress<'_>, bytes: &[u8]) -> Answer<()> {
        self.step("put_chunk", Kind::Write, |_| {
            self.world.table.borrow_mut().put_chunk(address, bytes);
            Ok(())
        })
        .await
    }

    async fn load_chunk(&self, address: &ChunkAddress<'_>) -> Answer<Option<Vec<u8>>> {
        self.step("load_chunk", Kind::Read, |_| Ok(self.world.table.borrow().load_chunk(address))).await
    }

    async fn expire_chunk(&self, address: &ChunkAddress<'_>, expires_at_s: i64) -> Answer<()> {
        self.step("expire_chunk", Kind::Write, |_| self.world.table.borrow_mut().expire_chunk(address, expires_at_s))
            .await
    }

    async fn commit(
        &self,
        before: &RunItem,
        after: &RunItem,
        day: &DayReservation,
        entry: &LogEntry,
    ) -> Answer<CommitAnswer> {
        self.step("commit", Kind::Transaction, |_| {
            self.world.table.borrow_mut().commit(self.by(), self.now(), before, after, day, entry)
        })
        .await
    }

    async fn reserved_notional(&self, account: &AccountKey, day: Date) -> Answer<Money> {
        self.step("reserved_notional", Kind::Read, |_| Ok(self.world.table.borrow().reserved_notional(account, day)))
            .await
    }

    async fn create_order(&self, fence: &RunItem, order: &OrderItem, entry: &LogEntry) -> Answer<Written> {
        let holds_back = self.bug == Some(Bug::SendBeforeJournal) && order.attempt.is_some();
        let answer = self
            .step("create_order", Kind::Transaction, |_| {
                if holds_back {
                    return Ok(Written::Done);
                }
                self.world.table.borrow_mut().create_order(self.by(), fence, order, entry)
            })
            .await;
        if holds_back && answer.is_ok() {
            *self.held_back.borrow_mut() = Some((fence.clone(), order.clone(), entry.clone()));
        }
        answer
    }

    async fn update_order(
        &self,
        fence: Option<&RunItem>,
        before: &OrderItem,
        after: &OrderItem,
        entry: &LogEntry,
    ) -> Answer<Written> {
        let forged = LogEntry { operator: Some("nobody".to_owned()), ..entry.clone() };
        let entry = if self.bug == Some(Bug::EntryForged) { &forged } else { entry };
        self.step("update_order", Kind::Transaction, |_| {
            self.world.table.borrow_mut().update_order(self.by(), fence, before, after, entry)
        })
        .await
    }

    async fn load_order(&self, run_id: Uuid, key: Uuid) -> Answer<Option<OrderItem>> {
        self.step("load_order", Kind::Read, |_| Ok(self.world.table.borrow().load_order(run_id, key))).await
    }

    async fn load_orders(&self, run_id: Uuid) -> Answer<Vec<OrderItem>> {
        self.step("load_orders", Kind::Read, |_| Ok(self.world.table.borrow().load_orders(run_id))).await
    }

    async fn finish(
        &self,
        before: &RunItem,
        after: &RunItem,
        portfolio: Option<&PortfolioItem>,
        entry: &LogEntry,
    ) -> Answer<Written> {
        self.step("finish", Kind::Transaction, |_| {
            self.world.table.borrow_mut().finish(self.by(), self.now(), before, after, portfolio, entry)
        })
        .await
    }

    async fn load_log(&self, run_id: Uuid) -> Answer<Vec<LogEntry>> {
        self.step("load_log", Kind::Read, |_| Ok(self.world.table.borrow().load_log(run_id))).await
    }

    async fn load_portfolio(&self, key: &PortfolioKey) -> Answer<Option<PortfolioItem>> {
        self.step("load_portfolio", Kind::Read, |_| Ok(self.world.table.borrow().portfolios.get(key).cloned())).await
    }

    async fn kill_switch(&self, scope: &SwitchScope) -> Answer<Option<KillSwitch>> {
        let answer = self.step("kill_switch", Kind::Read, |_| Ok(self.world.table.borrow().kill_switch(scope))).await;
        let (by, answer) = if self.bug == Some(Bug::SwitchFromMemory) {
            let mut remembered = self.remembered.borrow_mut();
            let (by, switch) = remembered.entry(scope.clone()).or_insert_with(|| (self.by(), answer.unwrap_or(None)));
            (*by, Ok(switch.clone()))
        } else {
            (self.by(), answer)
        };
        let told = answer.as_ref().ok().map(|switch| switch.as_ref().is_some_and(|switch| switch.on));
        self.world.table.borrow_mut().note_switch_read(by, told);
        if self.bug == Some(Bug::UnreadableSwitchIsOff) { Ok(answer.unwrap_or(None)) } else { answer }
    }

    async fn kill_switches(&self) -> Answer<Vec<KillSwitch>> {
        self.step("kill_switches", Kind::Read, |_| Ok(self.world.table.borrow().kill_switches())).await
    }

    async fn set_kill_switch(&self, switch: &KillSwitch, entry: &SwitchEntry) -> Answer<Written> {
        self.step("set_kill_switch", Kind::Transaction, |_| {
            Ok(self.world.table.borrow_mut().set_kill_switch(self.by(), switch, entry))
        })
        .await
    }

    async fn load_switch_log(&self) -> Answer<Vec<SwitchEntry>> {
        self.step("load_switch_log", Kind::Read, |_| Ok(self.world.table.borrow().switch_log())).await
    }
}

/// The run as it was before its plan was committed.
fn uncommitted(run: RunItem) -> RunItem {
    if run.state.is_terminal() {
        return run;
    }
    RunItem { state: index_rebalancer::ports::RunState::Claimed, commitment: None, ..run }
}

/// A worker's venue.
pub(crate) struct SimVenue {
    pub(crate) world: Rc<World>,
    pub(crate) worker: WorkerId,
    pub(crate) clock: SimClock,
    pub(crate) id: VenueId,
    pub(crate) promise: Promise,
    pub(crate) rests: bool,
    pub(crate) bug: Option<Bug>,
}

impl SimVenue {
    /// How far back an answer about orders or the balance may be.
    const STALE_MS: i64 = 1_500;

    fn as_of_ms(&self, effect: Effect) -> i64 {
        let now_ms = self.world.now_ms();
        if effect == Effect::Stale { now_ms - Self::STALE_MS } else { now_ms }
    }

    /// The adapter's mistakes with a request, if it makes any.
    fn mistaken(&self, request: &OrderRequest, now: Timestamp) -> OrderRequest {
        use index_rebalancer::ports::Clock;
        let mut request = request.clone();
        match self.bug {
            Some(Bug::FreshTimestamp) => {
                request.signed_at = self.clock.now();
                request.deadline = now + SignedDuration::from_secs(5);
            }
            Some(Bug::OtherQuantity) => request.quantity = half(request.quantity),
            Some(Bug::OtherQuantityAgain) if self.is_again(&request) => request.quantity = half(request.quantity),
            _ => {}
        }
        request
    }

    fn is_again(&self, request: &OrderRequest) -> bool {
        let key = Uuid::try_parse(&request.client_order_id);
        let table = self.world.table.borrow();
        let mut attempts = table.orders.values().filter(|item| Ok(item.key) == key).map(|item| &item.attempt);
        attempts.any(|attempt| attempt.as_ref().is_some_and(|attempt| attempt.number > 1))
    }

    async fn place_once(&self, request: &OrderRequest) -> Result<VenueOrder, PlaceError> {
        use index_rebalancer::ports::Clock;
        let fault = self.world.next_fault(Kind::Place);
        let sent_by_clock = self.clock.now();
        let sent = |request: OrderRequest| Sent { request, sent_by_clock };
        if let Some(Fault::LateRequest { ms }) = fault {
            let request = self.mistaken(request, self.world.true_time());
            self.world.market.borrow_mut().arrive_later(self.world.now_ms() + ms, sent(request));
        }
        let failed = |cause: &str| Err(PlaceError::Unclear(cause.to_owned()));
        let effect = |effect| {
            if fault == Some(Fault::Refused) {
                return Err(PlaceError::Refused("too many orders at the moment".to_owned()));
            }
            let request = self.mistaken(request, self.world.true_time());
            let half = effect == Effect::Half;
            let answer = self.world.market.borrow_mut().arrive(self.world.now_ms(), sent(request), half);
            answer.map_err(|refusal| match refusal {
                Refusal::DuplicateId => PlaceError::DuplicateId("it is open".to_owned()),
                refusal => PlaceError::Refused(format!("{refusal:?}")),
            })
        };
        self.world.call(self.worker, "place", Kind::Place, effect, failed).await
    }
}

fn half(quantity: Quantity) -> Quantity {
    let half: Decimal = "0.5".parse().expect("a number");
    Quantity::new(quantity.get() * half).expect("positive")
}

impl Venue for SimVenue {
    fn id(&self) -> &VenueId {
        &self.id
    }

    fn promise(&self) -> Promise {
        self.promise
    }

    fn orders_rest(&self) -> bool {
        self.rests
    }

    async fn account(&self, account: &AccountId) -> Result<AccountSnapshot, VenueError> {
        let _ = account;
        let failed =
            |cause: &str| Err(VenueError::Unanswered { question: "the account's balance", cause: cause.to_owned() });
        let effect = |effect| {
            let as_of_ms = self.as_of_ms(effect);
            Ok(self.world.market.borrow_mut().account(self.world.now_ms(), as_of_ms))
        };
        self.world.call(self.worker, "account", Kind::Balance, effect, failed).await
    }

    async fn place(&self, request: &OrderRequest) -> Result<VenueOrder, PlaceError> {
        if self.bug == Some(Bug::AdapterQueues) {
            self.world.sleep(self.worker, QUEUE_MS).await;
        }
        let answer = self.place_once(request).await;
        match (self.bug, answer) {
            (Some(Bug::AdapterRetries), Err(PlaceError::Unclear(_))) => self.place_once(request).await,
            (Some(Bug::TimeoutIsRefusal), Err(PlaceError::Unclear(cause))) => Err(PlaceError::Refused(cause)),
            (_, answer) => answer,
        }
    }

    async fn find_order(&self, sought: &Sought) -> Result<Option<VenueOrder>, VenueError> {
        let failed =
            |cause: &str| Err(VenueError::Unanswered { question: "where an order is", cause: cause.to_owned() });
        let effect = |effect| {
            let as_of_ms = self.as_of_ms(effect);
            Ok(self.world.market.borrow_mut().find(self.world.now_ms(), as_of_ms, sought))
        };
        let answer = self.world.call(self.worker, "find_order", Kind::Question, effect, failed).await;
        match self.bug {
            Some(Bug::UnansweredIsAbsent) => Ok(answer.unwrap_or(None)),
            Some(Bug::ResendWithoutQuery) => Ok(None),
            _ => answer,
        }
    }

    async fn fills(&self, sought: &Sought) -> Result<Vec<Fill>, VenueError> {
        let failed =
            |cause: &str| Err(VenueError::Unanswered { question: "an order's fills", cause: cause.to_owned() });
        let effect = |effect| {
            let as_of_ms = self.as_of_ms(effect);
            Ok(self.world.market.borrow_mut().fills(self.world.now_ms(), as_of_ms, sought))
        };
        let answer = self.world.call(self.worker, "fills", Kind::Question, effect, failed).await;
        match self.bug {
            Some(Bug::UnansweredIsAbsent) => Ok(answer.unwrap_or_default()),
            Some(Bug::ResendWithoutQuery) => Ok(Vec::new()),
            _ => answer,
        }
    }
}
