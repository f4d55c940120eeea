//! The model: what may happen next, and what must hold.

use std::time::Instant;

use index_rebalancer::execution::attempt::{self, Answer};
use index_rebalancer::execution::claim::{self, Standing};
use index_rebalancer::execution::gate::{self, View};
use index_rebalancer::execution::settlement::{self, Finding, Verdict};
use index_rebalancer::execution::transition::{self, IllegalTransition};
use index_rebalancer::model::{AccountSnapshot, Order, PlanningInput};
use index_rebalancer::planning::RebalancePlan;
use index_rebalancer::ports::store::{Attempt, OrderItem, RunItem};
use index_rebalancer::ports::venue::{Duplicates, PlaceError, Promise, VenueOrder};
use index_rebalancer::ports::{OrderState, RunState};
use jiff::Timestamp;
use stateright::{Checker, Model, Property};
use uuid::Uuid;

use crate::sample::{LEASE, PHASE, promise};
use crate::state::{At, RunCell, State, Told, Why, Worker, Wrong};

/// Long afterwards: nothing fails any more, every lease and deadline is over.
pub(crate) const FAR: i16 = 40;
/// By the clock of either worker.
const PAST_EVERY_LEASE: i16 = 2 * LEASE as i16;
/// Steps within which an invocation or two end a run: each order is journalled, sent, recorded and asked about.
const LONGEST_END: usize = 100;
/// Rounds within which one invocation ends once nothing makes it wait: each claims, journals or asks about something.
pub(crate) const MOST_ROUNDS: u8 = 12;

type Known<'a> = [(&'a Order, &'a OrderItem)];

/// What decides: the shipped functions, one of which a mutant swaps.
#[derive(Clone, Copy)]
pub(crate) struct Decisions {
    pub(crate) claim: fn(&RunItem, &str, Uuid, Timestamp) -> Standing,
    pub(crate) run: fn(RunState, RunState, u32) -> Result<RunState, IllegalTransition>,
    pub(crate) order: fn(OrderState, OrderState) -> Result<OrderState, IllegalTransition>,
    pub(crate) terminal: fn(OrderState) -> bool,
    pub(crate) settle: fn(&Order, &OrderItem, &Finding, Promise, Timestamp, bool) -> Verdict,
    pub(crate) gate: fn(&View<'_>) -> gate::Verdict,
    pub(crate) cash: fn(&Order, &PlanningInput, &RebalancePlan, &Known<'_>, &AccountSnapshot) -> Result<(), String>,
    pub(crate) attempt: fn(&RunItem, &Order, Option<&Attempt>, Promise, u64, Timestamp) -> Attempt,
    pub(crate) answered: fn(u32, Result<VenueOrder, PlaceError>) -> Answer,
    pub(crate) may_follow: fn(&RunItem, &OrderItem, Promise, u32) -> bool,
    /// Ticks that a phase waits.
    pub(crate) phase: u8,
    pub(crate) journal_first: bool,
    pub(crate) checks_deadline: bool,
    pub(crate) signs_afresh: bool,
    pub(crate) plans_again: bool,
    pub(crate) loads_the_plan: bool,
    pub(crate) waits_for_ever: bool,
    pub(crate) looks_again: bool,
    pub(crate) judges_by_the_question: bool,
}

/// What the store compares: the port's conditions, one of which a mutant forgets.
#[derive(Clone, Copy)]
pub(crate) struct Conditions {
    pub(crate) claim_needs_lock: bool,
    pub(crate) run_unchanged: fn(&RunCell, &RunCell, i16) -> bool,
    pub(crate) create_needs_fence: bool,
    pub(crate) create_needs_absence: bool,
    pub(crate) update_needs_revision: bool,
    pub(crate) attempt_needs_fence: bool,
}

#[derive(Clone, Copy)]
pub(crate) struct Protocol {
    pub(crate) duplicates: Duplicates,
    pub(crate) bounded: bool,
    /// How far the second worker's clock is off, in ticks.
    pub(crate) skew: i16,
    /// The last tick of the history in which anything may go wrong.
    pub(crate) last: i16,
    pub(crate) crashes: u8,
    /// The client of the store may repeat the put of an order whose answer it lost.
    pub(crate) repeats: bool,
    /// Somebody may throw the kill switch.
    pub(crate) switch: bool,
    pub(crate) decisions: Decisions,
    pub(crate) conditions: Conditions,
}

pub(crate) const SHIPPED: Decisions = Decisions {
    claim: claim::judge,
    run: transition::run_transition,
    order: transition::order_transition,
    terminal: transition::order_is_terminal,
    settle: settlement::judge,
    gate: gate::judge,
    cash: gate::cash_allows,
    attempt: attempt::next,
    answered: attempt::answered,
    may_follow: attempt::may_follow,
    phase: PHASE,
    journal_first: true,
    checks_deadline: true,
    signs_afresh: false,
    plans_again: false,
    loads_the_plan: true,
    waits_for_ever: false,
    looks_again: true,
    judges_by_the_question: true,
};

pub(crate) const PORT: Conditions = Conditions {
    claim_needs_lock: true,
    run_unchanged: |stored, before, _| {
        (stored.revision, stored.state, stored.epoch, stored.lease)
            == (before.revision, before.state, before.epoch, before.lease)
    },
    create_needs_fence: true,
    create_needs_absence: true,
    update_needs_revision: true,
    attempt_needs_fence: true,
};

/// How a call of the venue goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Luck {
    Plain,
    /// The sell is filled by half and cancelled.
    Half,
    /// Refused by a venue that is out of order, whatever came before.
    Refused,
    /// Accepted, and open for a tick.
    Open,
    /// A gateway passes the request on twice, and the second answer is what comes back.
    Twice,
    /// Accepted, and not to be found for a tick.
    Unseen,
    AnswerLost,
    /// On its way for longer than anybody waits.
    Late,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    Invoke(usize),
    Step(usize, Luck),
    Crash(usize),
    /// The late request at this place arrives.
    Arrive(usize),
    Tick,
    BeginSecond,
    ThrowSwitch,
}

impl Protocol {
    pub(crate) fn shipped(duplicates: Duplicates, bounded: bool, skew: i16) -> Self {
        Self {
            duplicates,
            bounded,
            skew,
            last: 2,
            crashes: u8::from(duplicates != Duplicates::Replayed),
            repeats: duplicates == Duplicates::Unchecked && !bounded,
            switch: duplicates == Duplicates::Unchecked && bounded,
            decisions: SHIPPED,
            conditions: PORT,
        }
    }

    pub(crate) fn promise(&self) -> Promise {
        promise(self.duplicates, self.bounded)
    }

    /// Whether invocations that are left in peace, each after the last one's lease, end the run, or say now that a person
    /// must: where late requests are taken, and of an order that the venue does not have.
    fn ends_by_itself(&self, state: &State) -> bool {
        let mut state = State { alarmed: false, ..state.clone() };
        let is_missing = |state: &State, which: usize| {
            let is_open = state.orders[which].is_some_and(|cell| !transition::order_is_terminal(cell.state));
            is_open && state.taken[which].is_none()
        };
        for _ in 0..LONGEST_END {
            let needs_a_person = !self.bounded && [0, 1].iter().any(|which| is_missing(&state, *which));
            if Self::is_over(&state) || needs_a_person && state.alarmed {
                return true;
            }
            if state.workers.iter().all(|worker| worker.at == At::Idle) {
                state.now += PAST_EVERY_LEASE;
            }
            let mut actions = Vec::new();
            self.actions(&state, &mut actions);
            let next = actions.iter().find(|action| matches!(action, Action::Step(..) | Action::Invoke(_)));
            let Some(next) = next.and_then(|action| self.next_state(&state, *action)) else { return false };
            state = next;
        }
        false
    }

    /// How the next call may go. Open orders matter where they refuse a second one: there, and only while the first is open,
    /// a request may also reach the venue twice. What a gateway repeats later than that nobody can answer for.
    fn lucks(&self, state: &State, worker: &Worker) -> &'static [Luck] {
        use Luck::{AnswerLost, Half, Late, Open, Plain, Refused, Twice, Unseen};
        let refuses = self.duplicates == Duplicates::RefusedWhileOpen;
        let is_further =
            |which: u8| worker.orders[usize::from(which)].and_then(|cell| cell.attempt).is_some_and(|t| t.number > 1);
        match worker.at {
            _ if state.now >= FAR => &[Plain],
            At::Sending(0) if refuses => &[Plain, Half, AnswerLost, Late, Open, Twice],
            At::Sending(which) if is_further(which) => &[Plain, Refused, AnswerLost, Late],
            At::Sending(0) => &[Plain, Half, Unseen, AnswerLost, Late],
            At::Sending(_) if refuses => &[Plain, AnswerLost, Late, Twice],
            At::Sending(_) => &[Plain, AnswerLost, Late],
            At::Asking(_, Why::Open) => &[Plain, AnswerLost],
            At::Journalling(_) if self.repeats => &[Plain, AnswerLost],
            _ => &[Plain],
        }
    }

    fn attempts(state: &State) -> impl Iterator<Item = u8> {
        state.orders.iter().flatten().filter_map(|cell| Some(cell.attempt?.number))
    }

    fn is_over(state: &State) -> bool {
        let orders = state.orders.iter().all(|cell| cell.is_some_and(|cell| transition::order_is_terminal(cell.state)));
        state.run.is_some_and(|run| run.state.is_terminal()) && orders && !state.locked
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            now: 0,
            run: None,
            orders: [None, None],
            locked: false,
            second: false,
            switch_on: false,
            wire: Vec::new(),
            taken: [None, None],
            accepted: [0, 0],
            workers: [Worker::NONE; 2],
            crashes_left: self.crashes,
            alarmed: false,
            wrong: Wrong::default(),
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let over = state.run.is_some_and(|run| run.state.is_terminal());
        for (who, worker) in state.workers.iter().enumerate() {
            if worker.at == At::Idle {
                // While a lease lasts an invocation only finds that out. The second worker waits for a run: until
                // there is one the two are alike.
                let leased = state.run.is_some_and(|run| self.clock(state, who) <= run.lease);
                if !over && !leased && (who == 0 || state.run.is_some()) {
                    actions.push(Action::Invoke(who));
                }
                continue;
            }
            let lucks = self.lucks(state, worker);
            actions.extend(lucks.iter().map(|luck| Action::Step(who, *luck)));
            if state.crashes_left > 0 && state.now < FAR {
                actions.push(Action::Crash(who));
            }
        }
        actions.extend((0..state.wire.len()).map(Action::Arrive));
        if state.now < FAR {
            actions.push(Action::Tick);
        }
        if state.run.is_some() && !state.second && (!state.locked || !self.conditions.claim_needs_lock) {
            actions.push(Action::BeginSecond);
        }
        if self.switch && !state.switch_on && state.now == 0 {
            actions.push(Action::ThrowSwitch);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut next = last.clone();
        match action {
            Action::Invoke(who) => {
                // No two invocations that write have the same: each write of a run's owner raises the epoch.
                let epoch = last.run.map_or(0, |run| run.epoch);
                let token = 2 * epoch + u8::try_from(who).expect("two workers");
                next.workers[who] = Worker { at: At::Claiming, token, ..Worker::NONE };
            }
            Action::Step(who, luck) => return self.step(last, who, luck),
            Action::Crash(who) => {
                next.workers[who] = Worker::NONE;
                next.crashes_left -= 1;
            }
            Action::Arrive(at) => {
                let request = next.wire.remove(at);
                self.arrive(&mut next, request, Luck::Plain);
            }
            Action::Tick => next.now = if last.now >= self.last { FAR } else { last.now + 1 },
            Action::BeginSecond => {
                next.second = true;
                next.wrong.two_runs |= last.run.is_some_and(|run| !run.state.is_terminal());
            }
            Action::ThrowSwitch => next.switch_on = true,
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("S1 one accepted order per key", |_, state: &State| {
                state.accepted.iter().all(|n| *n <= 1)
            }),
            Property::always("S2 one plan per run", |_, state: &State| !state.wrong.two_plans),
            Property::always("S3 one payload per key", |_, state: &State| !state.wrong.two_payloads),
            Property::always("S4 journalled before sent", |_, state: &State| !state.wrong.unjournalled),
            Property::always("S5 nothing past its deadline", |_, state: &State| !state.wrong.past_deadline),
            Property::always("S6 one unsettled run", |_, state: &State| !state.wrong.two_runs),
            Property::always("S7 moves along the table", |_, state: &State| !state.wrong.off_the_table),
            Property::always("S7 only the owner sends", |_, state: &State| !state.wrong.not_the_owner),
            Property::always("S8 nothing lost", |_, state: &State| {
                use OrderState as O;
                state.orders.iter().zip(&state.taken).all(|(cell, taken)| match cell.map(|cell| cell.state) {
                    None | Some(O::NotPlaced | O::Rejected | O::Skipped | O::Expired) => taken.is_none(),
                    Some(O::Filled) => taken.is_some_and(|taken| !taken.half),
                    Some(O::Cancelled) => taken.is_some_and(|taken| taken.half),
                    _ => true,
                })
            }),
            Property::always("S10 cash pays for buys", |_, state: &State| !state.wrong.without_cash),
            Property::always("S10 sells before buys", |_, state: &State| !state.wrong.before_the_sell),
            Property::always("S10 the switch holds", |_, state: &State| !state.wrong.against_the_switch),
            Property::always("L terminal or alarmed", |model: &Self, state: &State| {
                if state.now < FAR || Self::is_over(state) {
                    return true;
                }
                // Whoever is at work goes on; when nobody is, the next invocation must bring the run to its end.
                state.workers.iter().any(|worker| worker.at != At::Idle) || model.ends_by_itself(state)
            }),
            Property::always("L an invocation ends", |_, state: &State| {
                state.workers.iter().all(|worker| worker.rounds <= MOST_ROUNDS)
            }),
            // The model can do what it is about: without this, everything above could hold for want of anything.
            Property::sometimes("both orders are filled", |_, state: &State| {
                state.run.is_some_and(|run| run.state == RunState::Done)
                    && state.orders.iter().all(|cell| cell.is_some_and(|cell| cell.state == OrderState::Filled))
            }),
            Property::sometimes("a run is taken over", |_, state: &State| {
                state.run.is_some_and(|run| run.epoch > 1 && run.state.is_terminal())
            }),
            Property::sometimes("the switch stops a run", |model: &Self, state: &State| {
                !model.switch || state.switch_on && state.run.is_some_and(|run| run.state == RunState::Aborted)
            }),
            Property::sometimes("an order is sent again", |model: &Self, state: &State| {
                model.duplicates != Duplicates::Replayed || Self::attempts(state).any(|number| number > 1)
            }),
            Property::sometimes("a duplicate is refused", |model: &Self, state: &State| {
                let is_told = |worker: &Worker| matches!(worker.at, At::Recording(_, Told::Duplicate));
                model.duplicates != Duplicates::RefusedWhileOpen || state.workers.iter().any(is_told)
            }),
            Property::sometimes("a put is repeated", |model: &Self, state: &State| {
                !model.repeats || state.workers.iter().any(|worker| matches!(worker.at, At::PuttingAgain(_)))
            }),
        ]
    }
}

/// Whether there is time for the longer history, in which somebody may throw the kill switch as well.
#[expect(clippy::disallowed_methods, reason = "how much is tried is the caller's choice")]
fn is_full() -> bool {
    std::env::var("REBALANCE_MODEL").is_ok_and(|value| value == "full")
}

/// How far the second worker's clock is off: behind, and with time enough ahead as well.
fn skews() -> &'static [i16] {
    if is_full() { &[-1, 1] } else { &[-1] }
}

/// The last tick before the end of time in the longer history. Where requests are sent again and the second worker's clock
/// is ahead, or they arrive whenever they like, one tick more has no end within the hour.
fn longest(duplicates: Duplicates, bounded: bool, skew: i16) -> i16 {
    if duplicates == Duplicates::Replayed && (!bounded || skew > 0) { 3 } else { 4 }
}

fn check(duplicates: Duplicates, bounded: bool, skew: i16) {
    let start = Instant::now();
    let shipped = Protocol::shipped(duplicates, bounded, skew);
    let model = if is_full() {
        Protocol { last: longest(duplicates, bounded, skew), crashes: 1, switch: true, ..shipped }
    } else {
        shipped
    };
    // Depth first keeps a fingerprint of each state rather than the whole states of a layer: the longer history would
    // need 19 GB otherwise. Breadth first finds the shortest way to what is wrong.
    if is_full() {
        report(&model.checker().threads(2).spawn_dfs().join(), duplicates, bounded, skew, start);
    } else {
        report(&model.checker().threads(2).spawn_bfs().join(), duplicates, bounded, skew, start);
    }
}

fn report(checker: &impl Checker<Protocol>, duplicates: Duplicates, bounded: bool, skew: i16, start: Instant) {
    println!(
        "{duplicates:?}, {}, second clock {skew:+}: {} unique states, {} visited, depth {}, {:.1} s",
        if bounded { "late requests refused" } else { "late requests taken" },
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
        start.elapsed().as_secs_f64()
    );
    checker.assert_properties();
}

#[test]
fn replayed_bounded() {
    for skew in skews() {
        check(Duplicates::Replayed, true, *skew);
    }
}

#[test]
fn replayed_unbounded() {
    check(Duplicates::Replayed, false, 0);
}

#[test]
fn refused_while_open_bounded() {
    for skew in skews() {
        check(Duplicates::RefusedWhileOpen, true, *skew);
    }
}

#[test]
fn refused_while_open_unbounded() {
    check(Duplicates::RefusedWhileOpen, false, 0);
}

#[test]
fn unchecked_bounded() {
    for skew in skews() {
        check(Duplicates::Unchecked, true, *skew);
    }
}

#[test]
fn unchecked_unbounded() {
    check(Duplicates::Unchecked, false, 0);
}
