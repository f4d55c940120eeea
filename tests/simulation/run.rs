//! One simulated run: events are delivered, workers live and die, and when all is quiet recovery has the last word.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use index_rebalancer::execution::{
    Answer, ExecutionError, Handled, Intent, Opening, Ports, RunOutcome, Settings, Statement, Unplanned, abort,
    execute, load_settlement, recover, settle,
};
use index_rebalancer::planning::idempotency::run_id;
use index_rebalancer::ports::OrderState;
use index_rebalancer::ports::store::{PortfolioKey, RunStore};
use index_rebalancer::ports::venue::{LateRequests, Promise, Venue};
use uuid::Uuid;

use crate::bugs::Bug;
use crate::faults::{Fault, FaultPlan};
use crate::market::Market;
use crate::ports::{SimStore, SimVenue};
use crate::rounds::Rounds;
use crate::scenario::{Class, Scenario, begin, settings};
use crate::split_mix::SplitMix64;
use crate::table::{Slip, Table};
use crate::world::{Due, Event, SimClock, Step, WorkerId, World};

/// How long it takes a person to look at what needs one.
const PERSON_MS: i64 = 60_000;

/// More than any history needs; a run that reaches it does not end.
const MOST_STEPS: usize = 20_000;

/// What to simulate.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) class: Class,
    pub(crate) faults: FaultPlan,
    /// Draws latencies; absent: every call takes a fixed time.
    pub(crate) seed: Option<u64>,
    pub(crate) bug: Option<Bug>,
}

impl Setup {
    pub(crate) fn of(class: Class, faults: FaultPlan) -> Self {
        Self { class, faults, seed: None, bug: None }
    }
}

/// How one invocation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    Crashed,
    Answered(&'static str),
    Failed(ExecutionError),
    /// Recovery, with the runs that it left unsettled and those that need a person.
    Recovered {
        halted: Vec<Uuid>,
        /// Whether another worker was at some run: whoever called it is told so, and no more.
        is_elsewhere: bool,
    },
}

/// What is left when nothing happens any more.
pub(crate) struct History {
    pub(crate) class: Class,
    pub(crate) steps: Vec<Step>,
    pub(crate) table: Table,
    pub(crate) market: Market,
    pub(crate) ends: Vec<(WorkerId, Event, Ended)>,
    pub(crate) rounds: Rounds,
}

type Task = Pin<Box<dyn Future<Output = Ended>>>;

struct Simulation {
    world: Rc<World>,
    setup: Setup,
    tasks: BTreeMap<WorkerId, Task>,
    ends: Vec<(WorkerId, Event, Ended)>,
    tries: BTreeMap<Event, usize>,
    rounds: Rounds,
    /// Moments at which nobody was at work, where they are wanted.
    moments: Option<Vec<Moment>>,
}

/// A run at a moment at which nobody is at work: nothing but data, from which it can go on more than once.
struct Moment {
    world: World,
    ends: Vec<(WorkerId, Event, Ended)>,
    tries: BTreeMap<Event, usize>,
    rounds: Rounds,
}

/// Runs until nothing is left to happen.
pub(crate) fn simulate(setup: &Setup) -> History {
    Simulation::begin(setup).run().finish()
}

/// A run and all that differ from it by one later fault. What comes before that fault is the same in all of them, so
/// it is not simulated again from the last moment at which nobody was at work.
pub(crate) struct Course {
    setup: Setup,
    pub(crate) steps: Vec<Step>,
    moments: Vec<Moment>,
}

impl Course {
    pub(crate) fn of(setup: &Setup) -> Self {
        let simulation = Simulation { moments: Some(Vec::new()), ..Simulation::begin(setup) };
        let mut simulation = simulation.run();
        let moments = simulation.moments.take().unwrap_or_default();
        Self { setup: setup.clone(), steps: simulation.finish().steps, moments }
    }

    pub(crate) fn setup_with(&self, step: u32, fault: Fault) -> Setup {
        let mut setup = self.setup.clone();
        setup.faults.0.insert(step, fault);
        setup
    }

    fn moment_before(&self, step: u32) -> Option<&Moment> {
        self.moments.iter().rev().find(|moment| moment.world.last_step() < step)
    }

    /// Whether a run with a fault at that step goes on from a later moment than the beginning.
    pub(crate) fn branches_before(&self, step: u32) -> bool {
        self.moment_before(step).is_some()
    }

    /// The run of that setup, which is this one with a fault at that step.
    pub(crate) fn simulate_with(&self, setup: &Setup, step: u32) -> History {
        let simulation =
            self.moment_before(step).map_or_else(|| Simulation::begin(setup), |moment| moment.go_on_with(setup));
        simulation.run().finish()
    }
}

impl Moment {
    fn go_on_with(&self, setup: &Setup) -> Simulation {
        Simulation {
            world: self.world.go_on_with(&setup.faults),
            setup: setup.clone(),
            tasks: BTreeMap::new(),
            ends: self.ends.clone(),
            tries: self.tries.clone(),
            rounds: self.rounds.clone(),
            moments: None,
        }
    }
}

/// Carries one future out in a world where nobody else is.
pub(crate) fn drive<T>(world: &World, future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => return output,
            Poll::Pending => assert!(world.next_due().is_some(), "it waits for something that is never due"),
        }
    }
}

impl Simulation {
    fn begin(setup: &Setup) -> Self {
        let mut table = Table::default();
        match setup.bug {
            Some(Bug::Store(slip)) => table.slips.extend([slip]),
            Some(Bug::PlanSolvedAgain) => table.slips.extend([Slip::StateNotCompared]),
            _ => {}
        }
        let world = World::new(
            begin(),
            settings().lease_ms,
            &setup.faults,
            setup.seed.map(SplitMix64::new),
            Scenario::market(setup.class),
            table,
        );
        let events = [
            (400, Event::DryRun),
            (500, Event::FirstRun),
            (1_000, Event::FirstRun),
            (1_500, Event::SecondRun),
            (95_000, Event::Recovery),
        ];
        let approvals = if setup.class.attended { [(4_000, Event::Approval); 2].as_slice() } else { &[] };
        for (at_ms, event) in events.iter().chain(approvals) {
            world.schedule(*at_ms, Due::Deliver(*event));
        }
        Self {
            world,
            setup: setup.clone(),
            tasks: BTreeMap::new(),
            ends: Vec::new(),
            tries: BTreeMap::new(),
            rounds: Rounds::default(),
            moments: None,
        }
    }

    fn run(mut self) -> Self {
        loop {
            self.go_on();
            if !self.needs_another_round() {
                return self;
            }
            let after_ms = self.rounds.begin_another(self.world.now_ms());
            self.world.schedule(after_ms, Due::Deliver(Event::Recovery));
        }
    }

    fn needs_another_round(&self) -> bool {
        self.setup.bug != Some(Bug::NoRecovery)
            && !self.world.table.borrow().is_settled()
            && !self.rounds.are_over(self.world.last_fault_ms())
    }

    /// Keeps this moment if nobody is at work, and something has happened since the last one.
    fn remember(&mut self) {
        let Some(moments) = self.moments.as_mut().filter(|_| self.tasks.is_empty()) else { return };
        if moments.last().map_or(0, |last| last.world.last_step()) < self.world.last_step() {
            let (ends, tries, rounds) = (self.ends.clone(), self.tries.clone(), self.rounds.clone());
            moments.push(Moment { world: World::clone(&self.world), ends, tries, rounds });
        }
    }

    fn go_on(&mut self) {
        loop {
            self.remember();
            let Some(due) = self.world.next_due() else { return };
            assert!(self.world.step_count() < MOST_STEPS, "the run does not end: {:?}", self.setup);
            match due {
                Due::Deliver(event) => {
                    let worker = self.world.add_worker(event, 0);
                    self.poll(worker);
                }
                Due::Wake(worker) => self.poll(worker),
            }
        }
    }

    fn poll(&mut self, worker: WorkerId) {
        let event = self.world.event_of(worker);
        if self.ends.iter().any(|(ended, ..)| *ended == worker) {
            return;
        }
        let task = self.tasks.entry(worker).or_insert_with(|| {
            let invocation = Invocation { world: Rc::clone(&self.world), worker, event, setup: self.setup.clone() };
            Box::pin(invocation.run())
        });
        let ended = match task.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(ended) => ended,
            Poll::Pending if self.world.is_crashed(worker) => Ended::Crashed,
            Poll::Pending => return,
        };
        self.tasks.remove(&worker);
        self.deliver_again(event, &ended);
        self.call_a_person(&ended);
        self.ends.push((worker, event, ended));
    }

    /// As the platform does: a failed event comes twice more, recovery comes while there is something to recover.
    fn deliver_again(&mut self, event: Event, ended: &Ended) {
        let delays: &[i64] = match event {
            Event::FirstRun => &[61_000, 122_000],
            Event::SecondRun => &[20_000, 90_000, 600_000, 4_000_000],
            Event::Recovery => &[120_000, 300_000, 900_000, 4_000_000],
            // A person who gets no answer asks once more.
            Event::Abort | Event::Settle => &[30_000],
            // About when the proposal lapses, and after that.
            Event::Approval => &[16_560, 30_000],
            Event::Answers => &[30_000, 900_000, 4_000_000],
            Event::DryRun => &[],
        };
        let again = match ended {
            Ended::Crashed | Ended::Failed(_) => true,
            Ended::Answered(what) => match event {
                Event::SecondRun => matches!(*what, "busy" | "elsewhere"),
                Event::Approval | Event::Answers => matches!(*what, "not yet"),
                _ => false,
            },
            Ended::Recovered { .. } => {
                self.setup.bug != Some(Bug::NoRecovery) && !self.world.table.borrow().is_settled()
            }
        };
        let tries = self.tries.entry(event).or_default();
        if let (true, Some(delay)) = (again, delays.get(*tries)) {
            *tries += 1;
            self.world.schedule(*delay, Due::Deliver(event));
        }
    }

    /// Recovery has told of a run that needs somebody, who comes where somebody attends.
    fn call_a_person(&self, ended: &Ended) {
        if self.setup.class.attended && matches!(ended, Ended::Recovered { halted, .. } if !halted.is_empty()) {
            self.world.schedule(PERSON_MS, Due::Deliver(Event::Answers));
        }
    }

    fn finish(self) -> History {
        let Self { world, setup, tasks, ends, rounds, .. } = self;
        // Whoever still waits for something waits in vain, and lets the world go.
        drop(tasks);
        let last_ms = world.now_ms() + 3_600_000;
        let (steps, table, mut market) = Rc::into_inner(world).expect("nobody else is in the world").left();
        // What is still on its way arrives, long after everybody has gone home.
        market.advance(last_ms);
        History { class: setup.class, steps, table, market, ends, rounds }
    }
}

/// One worker with its event.
struct Invocation {
    world: Rc<World>,
    worker: WorkerId,
    event: Event,
    setup: Setup,
}

impl Invocation {
    async fn run(self) -> Ended {
        let (world, worker, bug) = (&self.world, self.worker, self.setup.bug);
        let clock = SimClock { world: Rc::clone(world), worker };
        let store = SimStore {
            world: Rc::clone(world),
            worker,
            bug,
            held_back: RefCell::default(),
            remembered: RefCell::default(),
        };
        let venue = SimVenue {
            world: Rc::clone(world),
            worker,
            clock: clock.clone(),
            id: Scenario::identity(self.event).venue,
            promise: self.promise(),
            rests: self.setup.class.rests,
            bug,
        };
        let settings = self.settings();
        let ports = Ports { store: &store, venue: &venue, clock: &clock, settings: &settings };
        match self.event {
            Event::FirstRun if self.setup.class.attended => self.execute(&ports, Intent::Propose).await,
            Event::FirstRun | Event::SecondRun => self.execute(&ports, Intent::Execute).await,
            Event::Recovery => self.recover(&ports).await,
            Event::DryRun => self.dry_run(&ports).await,
            Event::Abort | Event::Settle => self.by_hand(&ports).await,
            Event::Approval => self.approve(&ports).await,
            Event::Answers => self.answer(&ports).await,
        }
    }

    async fn execute(&self, ports: &Ports<'_, SimStore, SimVenue, SimClock>, intent: Intent) -> Ended {
        let request = Scenario::request(self.event, self.worker, intent);
        let (input, plan) = Scenario::get().plan_for(self.event, self.worker);
        let prepare = async |_: Opening| {
            assert!(self.event != Event::Approval, "what is approved is what is stored");
            Ok(input.clone())
        };
        let outcome = execute(&request, ports, prepare, |_| Ok::<_, String>(plan.clone())).await;
        outcome.map_or_else(Ended::Failed, |outcome| Ended::Answered(outcome_name(&outcome)))
    }

    /// A person reads the stored plan and approves it.
    async fn approve(&self, ports: &Ports<'_, SimStore, SimVenue, SimClock>) -> Ended {
        let stored = match ports.store.load_run(run_id(&Scenario::identity(self.event))).await {
            Ok(stored) => stored,
            Err(error) => return Ended::Failed(error.into()),
        };
        let Some(commitment) = stored.and_then(|run| run.commitment) else { return Ended::Answered("not yet") };
        let intent = Intent::Approve { plan_digest: commitment.plan.digest, operator: "alice".to_owned() };
        self.execute(ports, intent).await
    }

    /// A person answers for every order of unknown fate of which no request can arrive any more.
    async fn answer(&self, ports: &Ports<'_, SimStore, SimVenue, SimClock>) -> Ended {
        if self.world.has_frozen() {
            return Ended::Answered("not yet");
        }
        let table = self.world.table.borrow().orders.clone();
        let is_unknown = |state| matches!(state, OrderState::Sending | OrderState::Unknown);
        let mut answer = Ended::Answered("handled");
        for ((run, order), _) in table.into_iter().filter(|(_, item)| is_unknown(item.state)) {
            if !self.world.market.borrow().never_hears_of(order) {
                answer = Ended::Answered("not yet");
                continue;
            }
            let (operator, reason) = ("alice".to_owned(), "the venue's support says so".to_owned());
            let statement = Statement { order, answer: Answer::NotPlaced, operator, reason };
            match settle(ports, run, Scenario::token(self.worker), Some(&statement)).await {
                Ok(Handled::Run(_)) => {}
                Ok(Handled::InProgress(_)) => answer = Ended::Answered("not yet"),
                Ok(Handled::NoSuchRun) => return Ended::Answered("no such run"),
                Err(error) => return Ended::Failed(error),
            }
        }
        answer
    }

    async fn recover(&self, ports: &Ports<'_, SimStore, SimVenue, SimClock>) -> Ended {
        if self.setup.bug == Some(Bug::NoRecovery) {
            return Ended::Recovered { halted: Vec::new(), is_elsewhere: false };
        }
        let locks = match ports.store.held_locks().await {
            Ok(locks) => locks,
            Err(error) => return Ended::Failed(error.into()),
        };
        let (mut halted, mut is_elsewhere) = (Vec::new(), false);
        for lock in locks {
            let token = Scenario::token(self.worker);
            let lock = lock.expect("the simulated table damages nothing");
            match recover(ports, lock.run_id, token, Unplanned::Leave).await {
                Ok(Some(run)) if !run.state.is_terminal() && run.claim_token == token => halted.push(run.run_id),
                Ok(Some(run)) if !run.state.is_terminal() => is_elsewhere = true,
                Ok(_) => {}
                Err(ExecutionError::Halted { run_id, .. }) => halted.push(run_id),
                Err(error) => return Ended::Failed(error),
            }
        }
        if self.setup.bug == Some(Bug::NobodyIsTold) {
            halted.clear();
        }
        Ended::Recovered { halted, is_elsewhere }
    }

    /// A person's act on the first run.
    async fn by_hand(&self, ports: &Ports<'_, SimStore, SimVenue, SimClock>) -> Ended {
        let run = run_id(&Scenario::identity(Event::FirstRun));
        let token = Scenario::token(self.worker);
        let handled = match self.event {
            Event::Abort => abort(ports, run, token, "alice", "a drill").await,
            _ => settle(ports, run, token, None).await,
        };
        match handled {
            Ok(Handled::Run(_)) => Ended::Answered("handled"),
            Ok(Handled::InProgress(_)) => Ended::Answered("in progress"),
            Ok(Handled::NoSuchRun) => Ended::Answered("no such run"),
            Err(error) => Ended::Failed(error),
        }
    }

    /// What a dry run does: reads what the planner needs, and shows the plan.
    async fn dry_run(&self, ports: &Ports<'_, SimStore, SimVenue, SimClock>) -> Ended {
        if self.setup.bug == Some(Bug::DryRunWrites) {
            let _ = self.execute(ports, Intent::Execute).await;
            return Ended::Answered("shown");
        }
        let identity = Scenario::identity(self.event);
        if let Err(error) = load_settlement(ports.store, &PortfolioKey::from(&identity)).await {
            return Ended::Failed(error);
        }
        match ports.venue.account(&identity.venue_account).await {
            Ok(_) => Ended::Answered("shown"),
            Err(error) => Ended::Failed(error.into()),
        }
    }

    /// What the adapter says that the venue promises.
    fn promise(&self) -> Promise {
        let honest = self.setup.class.promise();
        match self.setup.bug {
            Some(Bug::NotPlacedTooEarly) => Promise {
                late_requests: Some(LateRequests { clock_skew_ms: 0, query_lag_ms: 0, longest_window_ms: 60_000 }),
                ..honest
            },
            Some(Bug::ResendWithoutQuery) => {
                Promise { duplicates: index_rebalancer::ports::venue::Duplicates::Replayed, ..honest }
            }
            _ => honest,
        }
    }

    fn settings(&self) -> Settings {
        match self.setup.bug {
            Some(Bug::BuysBeforeSellsSettled) => Settings { phase_timeout_ms: 0, ..settings() },
            _ => settings(),
        }
    }
}

fn outcome_name(outcome: &RunOutcome) -> &'static str {
    match outcome {
        RunOutcome::Completed(_) => "completed",
        RunOutcome::AlreadyDone(_) => "already done",
        RunOutcome::Aborted(_) => "aborted",
        RunOutcome::Unsettled(_) => "unsettled",
        RunOutcome::Proposed(_) => "proposed",
        RunOutcome::OutOfTime(_) => "out of time",
        RunOutcome::Busy { .. } => "busy",
        RunOutcome::InProgressElsewhere { .. } => "elsewhere",
    }
}
