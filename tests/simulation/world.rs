//! The deterministic world: one thread, a clock that moves only when everybody waits, and a number for every call.
//!
//! A worker is a future over the shipped protocol. It is polled when the time it waits for has come, and only then;
//! equal times go in the order in which they were asked for. Nothing else decides who is next, so the same faults and
//! the same seed give the same history, call by call.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use index_rebalancer::ports::Clock;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::faults::{Fault, FaultPlan, Kind};
use crate::market::Market;
use crate::rounds::AFTERMATH_MS;
use crate::scenario::TIME_OF_A_WORKER_MS;
use crate::split_mix::SplitMix64;
use crate::table::{Table, Writer};

/// How long a client waits for an answer.
const CLIENT_TIMEOUT_MS: i64 = 1_000;
/// How long the venue is away.
const OUTAGE_MS: i64 = AFTERMATH_MS;

/// One of the workers, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct WorkerId(pub(crate) usize);

/// An event that invokes a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Event {
    FirstRun,
    SecondRun,
    Recovery,
    DryRun,
    /// A person's.
    Abort,
    Settle,
    Approval,
    Answers,
}

/// One call of a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Step {
    pub(crate) number: u32,
    pub(crate) at_ms: i64,
    pub(crate) worker: WorkerId,
    pub(crate) call: &'static str,
    pub(crate) kind: Kind,
    pub(crate) fault: Option<Fault>,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>4} {:>9} ms  worker {:<2} {}", self.number, self.at_ms, self.worker.0, self.call)?;
        self.fault.map_or(Ok(()), |fault| write!(f, "  <- {fault:?}"))
    }
}

/// What the scheduler does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    Wake(WorkerId),
    Deliver(Event),
}

#[derive(Debug, Clone, Copy)]
struct Frozen {
    worker: WorkerId,
    /// Steps of others count from here.
    from_ms: i64,
    foreign_steps: u32,
}

#[derive(Debug, Clone, Copy)]
struct WorkerState {
    event: Event,
    skew_ms: i64,
    lease_skew_ms: i64,
    /// How much of its own time is gone besides what has passed.
    spent_ms: i64,
    wake_ms: i64,
    awake: bool,
    crashed: bool,
}

#[derive(Clone)]
pub(crate) struct World {
    begin: Timestamp,
    lease_ms: i64,
    now_ms: Cell<i64>,
    sequence: Cell<u64>,
    queue: RefCell<BinaryHeap<Reverse<(i64, u64, Due)>>>,
    workers: RefCell<Vec<WorkerState>>,
    frozen: RefCell<Vec<Frozen>>,
    faults: BTreeMap<u32, Fault>,
    /// Faults whose step was a call that they cannot happen to: they strike at the next one that they can.
    waiting: RefCell<Vec<Fault>>,
    steps: RefCell<Vec<Step>>,
    /// Draws how long calls take; without it every call takes a fixed time.
    random: Option<RefCell<SplitMix64>>,
    venue_down_until_ms: Cell<i64>,
    pub(crate) table: RefCell<Table>,
    pub(crate) market: RefCell<Market>,
}

/// What a call does when it is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Now,
    /// As things were some time ago.
    Stale,
    /// With half of the order filled.
    Half,
}

impl World {
    pub(crate) fn new(
        begin: Timestamp,
        lease_ms: u64,
        faults: &FaultPlan,
        random: Option<SplitMix64>,
        market: Market,
        table: Table,
    ) -> Rc<Self> {
        Rc::new(Self {
            begin,
            lease_ms: i64::try_from(lease_ms).expect("a lease is short"),
            now_ms: Cell::new(0),
            sequence: Cell::new(0),
            queue: RefCell::default(),
            workers: RefCell::default(),
            frozen: RefCell::default(),
            faults: faults.0.clone(),
            waiting: RefCell::default(),
            steps: RefCell::default(),
            random: random.map(RefCell::new),
            venue_down_until_ms: Cell::new(i64::MIN),
            table: RefCell::new(table),
            market: RefCell::new(market),
        })
    }

    /// The world as it is, with another plan of faults for what is still to come.
    ///
    /// Only for a moment at which no worker is at work: a copy of the world has no copies of its workers.
    pub(crate) fn go_on_with(&self, faults: &FaultPlan) -> Rc<Self> {
        Rc::new(Self { faults: faults.0.clone(), ..self.clone() })
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.now_ms.get()
    }

    pub(crate) fn true_time(&self) -> Timestamp {
        self.begin + SignedDuration::from_millis(self.now_ms())
    }

    pub(crate) fn steps(&self) -> Vec<Step> {
        self.steps.borrow().clone()
    }

    /// What is left of the world: the steps, the store and the venue.
    pub(crate) fn left(self) -> (Vec<Step>, Table, Market) {
        (self.steps.into_inner(), self.table.into_inner(), self.market.into_inner())
    }

    pub(crate) fn last_step(&self) -> u32 {
        u32::try_from(self.step_count()).expect("fewer steps")
    }

    pub(crate) fn step_count(&self) -> usize {
        self.steps.borrow().len()
    }

    /// Whether some worker stands still, and may go on with what it was about to do.
    pub(crate) fn has_frozen(&self) -> bool {
        !self.frozen.borrow().is_empty()
    }

    /// When the last fault so far struck.
    pub(crate) fn last_fault_ms(&self) -> Option<i64> {
        self.steps.borrow().iter().rev().find(|step| step.fault.is_some()).map(|step| step.at_ms)
    }

    pub(crate) fn schedule(&self, in_ms: i64, due: Due) {
        self.schedule_at(self.now_ms() + in_ms, due);
    }

    fn schedule_at(&self, at_ms: i64, due: Due) {
        self.sequence.set(self.sequence.get() + 1);
        self.queue.borrow_mut().push(Reverse((at_ms, self.sequence.get(), due)));
    }

    /// Moves the clock to what is due next; thaws who is frozen when nothing else is left.
    pub(crate) fn next_due(&self) -> Option<Due> {
        let next = self.queue.borrow_mut().pop();
        if let Some(Reverse((at_ms, _, due))) = next {
            self.now_ms.set(self.now_ms().max(at_ms));
            return Some(due);
        }
        let thawed = {
            let mut frozen = self.frozen.borrow_mut();
            if frozen.is_empty() { None } else { Some(frozen.remove(0)) }
        };
        thawed.map(|frozen| {
            self.now_ms.set(self.now_ms().max(frozen.from_ms + 1));
            self.wake(frozen.worker)
        })
    }

    fn wake(&self, worker: WorkerId) -> Due {
        let mut workers = self.workers.borrow_mut();
        workers[worker.0].awake = true;
        Due::Wake(worker)
    }

    pub(crate) fn add_worker(&self, event: Event, lease_skew_ms: i64) -> WorkerId {
        let mut workers = self.workers.borrow_mut();
        workers.push(WorkerState {
            event,
            skew_ms: 0,
            lease_skew_ms,
            spent_ms: 0,
            wake_ms: 0,
            awake: true,
            crashed: false,
        });
        WorkerId(workers.len() - 1)
    }

    pub(crate) fn event_of(&self, worker: WorkerId) -> Event {
        self.workers.borrow()[worker.0].event
    }

    pub(crate) fn is_crashed(&self, worker: WorkerId) -> bool {
        self.workers.borrow()[worker.0].crashed
    }

    async fn suspend(&self, worker: WorkerId) {
        poll_fn(|_| {
            let mut workers = self.workers.borrow_mut();
            let state = &mut workers[worker.0];
            let due = state.awake || (state.wake_ms != i64::MAX && self.now_ms() >= state.wake_ms);
            if due && !state.crashed { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    pub(crate) async fn sleep(&self, worker: WorkerId, ms: i64) {
        let at_ms = self.now_ms() + ms;
        {
            let mut workers = self.workers.borrow_mut();
            workers[worker.0].wake_ms = at_ms;
            workers[worker.0].awake = false;
        }
        self.schedule_at(at_ms, Due::Wake(worker));
        self.suspend(worker).await;
    }

    async fn crash(&self, worker: WorkerId) {
        self.workers.borrow_mut()[worker.0].crashed = true;
        self.schedule(0, Due::Wake(worker));
        std::future::pending::<()>().await;
    }

    /// Stands still past the lease; the platform has given the invocation up by then and delivers its event again.
    async fn freeze(&self, worker: WorkerId, foreign_steps: u32) {
        let over_ms = self.lease_ms + 1_000;
        {
            let mut workers = self.workers.borrow_mut();
            workers[worker.0].wake_ms = i64::MAX;
            workers[worker.0].awake = false;
        }
        self.frozen.borrow_mut().push(Frozen { worker, from_ms: self.now_ms() + over_ms, foreign_steps });
        self.schedule(over_ms, Due::Deliver(self.event_of(worker)));
        self.suspend(worker).await;
    }

    /// Counts a step of `worker` for everybody who waits for foreign steps.
    fn thaw_by_step_of(&self, worker: WorkerId) {
        let now_ms = self.now_ms();
        let mut thawed = Vec::new();
        self.frozen.borrow_mut().retain_mut(|frozen| {
            if frozen.worker == worker || now_ms < frozen.from_ms {
                return true;
            }
            frozen.foreign_steps = frozen.foreign_steps.saturating_sub(1);
            if frozen.foreign_steps == 0 {
                thawed.push(frozen.worker);
            }
            frozen.foreign_steps > 0
        });
        for worker in thawed {
            let due = self.wake(worker);
            self.schedule(1, due);
        }
    }

    fn latency(&self, worker: WorkerId) -> i64 {
        match &self.random {
            Some(random) => i64::try_from(random.borrow_mut().below(80)).expect("small") + 1,
            // Different for each, so that two workers at once do not move in step.
            None => 10 + i64::try_from(worker.0 % 4).expect("small") * 3,
        }
    }

    fn begin_step(&self, worker: WorkerId, call: &'static str, kind: Kind) -> Option<Fault> {
        self.thaw_by_step_of(worker);
        let mut steps = self.steps.borrow_mut();
        let number = u32::try_from(steps.len() + 1).expect("fewer steps");
        let fault = self.fault_at(number, kind);
        let mut waiting = self.waiting.borrow_mut();
        let planned = self.faults.get(&number).copied();
        if fault != planned {
            if let Some(struck) = waiting.iter().position(|waits| Some(*waits) == fault) {
                waiting.remove(struck);
            }
            waiting.extend(planned);
        }
        steps.push(Step { number, at_ms: self.now_ms(), worker, call, kind, fault });
        fault
    }

    pub(crate) fn writer(&self, worker: WorkerId) -> Writer {
        Writer { worker, at_ms: self.now_ms(), step: self.last_step() }
    }

    /// One call: numbered, delayed, carried out, and whatever the plan of faults has for it.
    ///
    /// `effect` carries the call out and gives its answer; `failed` is the answer when there is none.
    pub(crate) async fn call<T>(
        &self,
        worker: WorkerId,
        call: &'static str,
        kind: Kind,
        mut effect: impl FnMut(Effect) -> T,
        failed: impl Fn(&str) -> T,
    ) -> T {
        let fault = self.begin_step(worker, call, kind);
        let is_venue = matches!(kind, Kind::Place | Kind::Question | Kind::Balance);
        match fault {
            Some(Fault::CrashBefore) => self.crash(worker).await,
            Some(Fault::FreezeBefore { foreign_steps }) => self.freeze(worker, foreign_steps).await,
            Some(Fault::ClockSkew { ms }) => self.workers.borrow_mut()[worker.0].skew_ms = ms,
            Some(Fault::LeaseSkew { ms }) => self.workers.borrow_mut()[worker.0].lease_skew_ms = ms,
            Some(Fault::OutOfTime) => self.workers.borrow_mut()[worker.0].spent_ms = TIME_OF_A_WORKER_MS,
            Some(Fault::DuplicateDelivery) => self.schedule(1, Due::Deliver(self.event_of(worker))),
            Some(Fault::RivalWorker) => {
                let rival = self.add_worker(self.event_of(worker), 600_000);
                self.schedule(1, Due::Wake(rival));
            }
            Some(Fault::VenueDown) => self.venue_down_until_ms.set(self.now_ms() + OUTAGE_MS),
            Some(Fault::Abort) => self.schedule(1, Due::Deliver(Event::Abort)),
            Some(Fault::Settle) => self.schedule(1, Due::Deliver(Event::Settle)),
            Some(Fault::KillSwitch) => self.table.borrow_mut().throw_switch(self.writer(worker)),
            _ => {}
        }
        self.sleep(worker, self.latency(worker)).await;
        if is_venue && self.now_ms() < self.venue_down_until_ms.get() {
            self.sleep(worker, CLIENT_TIMEOUT_MS).await;
            return failed("connection refused");
        }
        match fault {
            Some(Fault::Throttled) => return failed("throttled"),
            Some(Fault::TransactionConflict) => return failed("transaction conflict"),
            Some(Fault::CrashAfter) => {
                effect(Effect::Now);
                self.crash(worker).await;
            }
            Some(Fault::LostAnswer) => {
                effect(Effect::Now);
                self.sleep(worker, CLIENT_TIMEOUT_MS).await;
                return failed("timed out");
            }
            Some(Fault::Repeated) => {
                effect(Effect::Now);
                self.sleep(worker, CLIENT_TIMEOUT_MS).await;
            }
            Some(Fault::FreezeAfter { foreign_steps }) => {
                let answer = effect(Effect::Now);
                self.freeze(worker, foreign_steps).await;
                return answer;
            }
            Some(Fault::StaleAnswer) => return effect(Effect::Stale),
            Some(Fault::PartialFill) => return effect(Effect::Half),
            Some(Fault::LateRequest { .. }) => {
                self.sleep(worker, CLIENT_TIMEOUT_MS).await;
                return failed("timed out");
            }
            _ => {}
        }
        effect(Effect::Now)
    }

    /// What will happen to the next step, if it is of that kind.
    pub(crate) fn next_fault(&self, kind: Kind) -> Option<Fault> {
        self.fault_at(self.last_step() + 1, kind)
    }

    /// The fault that is planned for that step, or the first that waits for such a call.
    fn fault_at(&self, number: u32, kind: Kind) -> Option<Fault> {
        let waiting = self.waiting.borrow();
        let mut faults = self.faults.get(&number).into_iter().chain(waiting.iter()).copied();
        faults.find(|fault| kind.can_have(*fault))
    }
}

/// A worker's clock.
#[derive(Clone)]
pub(crate) struct SimClock {
    pub(crate) world: Rc<World>,
    pub(crate) worker: WorkerId,
}

impl SimClock {
    fn shifted(&self, ms: i64) -> Timestamp {
        self.world.true_time() + SignedDuration::from_millis(ms)
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        self.shifted(self.world.workers.borrow()[self.worker.0].skew_ms)
    }

    fn lease_now(&self) -> Timestamp {
        let worker = self.world.workers.borrow()[self.worker.0];
        self.shifted(worker.lease_skew_ms)
    }

    fn stop_now(&self) -> Timestamp {
        self.shifted(self.world.workers.borrow()[self.worker.0].spent_ms)
    }

    async fn pause(&self, milliseconds: u64) {
        self.world.sleep(self.worker, i64::try_from(milliseconds).expect("short")).await;
    }
}
