//! One worker's next step: a call of a port, what the shipped decisions make of its answer, and where that leads. What
//! it does with its run stands here, what it does with an order in [`crate::order`].

use index_rebalancer::execution::claim::{self, Standing};
use index_rebalancer::ports::{OrderState, RunState};
use uuid::Uuid;

use crate::protocol::{FAR, Luck, MOST_ROUNDS, Protocol};
use crate::sample::{LEASE, Sample, time};
use crate::state::{At, RunCell, State, Why, Worker};

impl Protocol {
    /// The worker's clock.
    pub(crate) fn clock(&self, state: &State, who: usize) -> i16 {
        state.now + if who == 1 { self.skew } else { 0 }
    }

    /// Carries one step of a worker out. `None` when it cannot take one now.
    pub(crate) fn step(&self, state: &State, who: usize, luck: Luck) -> Option<State> {
        let mut next = state.clone();
        let me = next.workers[who];
        // Luck matters where the venue is asked or told something, and where an order is journalled.
        if luck != Luck::Plain && !matches!(me.at, At::Journalling(_) | At::Sending(_) | At::Asking(..)) {
            return None;
        }
        match me.at {
            At::Idle => return None,
            At::Claiming => self.claim(&mut next, who),
            At::TakingOver => self.take_over(&mut next, who),
            At::Committing => self.commit(&mut next, who),
            At::Beginning => self.begin(&mut next, who),
            At::Loading => self.load(&mut next, who),
            At::Journalling(which) => self.journal(&mut next, who, which, luck)?,
            At::PuttingAgain(which) => self.put_again(&mut next, who, which),
            At::Stopping(which) => self.stop(&mut next, who, which),
            At::Sending(which) => self.send(&mut next, who, which, luck)?,
            At::Recording(which, told) => self.record(&mut next, who, which, told),
            At::Marking(which) => self.mark(&mut next, who, which),
            At::Asking(which, why) => self.ask(&mut next, who, which, why, luck)?,
            At::Judging(which, why, seen, asked) => self.judge(&mut next, who, which, why, (seen, asked)),
            At::Waiting(which, since) => {
                if state.now <= since {
                    return None;
                }
                self.look_at(&mut next, who, which);
            }
            At::Concluding => self.conclude(&mut next, who),
        }
        // Whatever goes round in circles comes by one of these.
        let is_round = matches!(me.at, At::Claiming | At::Journalling(_) | At::Asking(..));
        let worker = &mut next.workers[who];
        if state.now >= FAR && worker.at != At::Idle && is_round {
            worker.rounds = (me.rounds + 1).min(MOST_ROUNDS + 1);
        }
        Some(next)
    }

    fn claim(&self, next: &mut State, who: usize) {
        let clock = self.clock(next, who);
        let token = next.workers[who].token;
        let Some(stored) = next.run else {
            // One transaction: the run and the lock.
            if next.second && self.conditions.claim_needs_lock {
                next.workers[who] = Worker::NONE;
                return;
            }
            let run = RunCell {
                state: RunState::Claimed,
                epoch: 1,
                lease: clock + i16::from(LEASE),
                token,
                revision: 1,
                stopped: false,
                plan: None,
            };
            next.run = Some(run);
            next.locked = true;
            next.wrong.two_runs |= next.second;
            next.workers[who].run = Some(run);
            next.workers[who].at = At::Committing;
            return;
        };
        let sample = Sample::get();
        let item = sample.run_item(&stored);
        let standing =
            (self.decisions.claim)(&item, &item.event_digest, Uuid::from_u128(u128::from(token)), time(clock));
        next.workers[who].run = Some(stored);
        match standing {
            Standing::LeaseOver => next.workers[who].at = At::TakingOver,
            Standing::Mine => self.carry_out(next, who),
            _ => next.workers[who] = Worker::NONE,
        }
    }

    fn take_over(&self, next: &mut State, who: usize) {
        let (clock, me) = (self.clock(next, who), next.workers[who]);
        let before = me.run.expect("it was read");
        let lease = clock + i16::from(LEASE);
        let after = claim::taken_over(
            &Sample::get().run_item(&before),
            Uuid::from_u128(u128::from(me.token)),
            time(clock),
            time(lease),
        );
        let epoch = u8::try_from(after.epoch).expect("a small epoch");
        let after = RunCell { epoch, token: me.token, lease, ..before };
        match self.write_run(next, who, before, after) {
            Some(run) => {
                next.workers[who].run = Some(run);
                self.carry_out(next, who);
            }
            // Somebody else was quicker: look again.
            None => next.workers[who].at = At::Claiming,
        }
    }

    fn carry_out(&self, next: &mut State, who: usize) {
        let run = next.workers[who].run.expect("it is claimed");
        next.workers[who].at = match run.state {
            RunState::Claimed => At::Committing,
            RunState::Planned => At::Beginning,
            _ => At::Loading,
        };
        if self.decisions.plans_again {
            next.workers[who].at = At::Committing;
        }
    }

    /// The conditional replacement of a run; the run as stored, if it took place.
    fn write_run(&self, next: &mut State, who: usize, before: RunCell, after: RunCell) -> Option<RunCell> {
        let stored = next.run.expect("a run that was read is there");
        let now = self.clock(next, who);
        if !(self.conditions.run_unchanged)(&stored, &before, now) {
            return None;
        }
        let after = RunCell { revision: stored.revision + 1, ..after };
        let legal = stored.state == after.state && !stored.state.is_terminal()
            || matches!(
                (stored.state, after.state),
                (RunState::Claimed, RunState::Planned)
                    | (RunState::Planned, RunState::Emitting)
                    | (RunState::Emitting, RunState::Done | RunState::Aborted)
                    | (RunState::Claimed | RunState::Planned, RunState::Aborted)
            );
        next.wrong.off_the_table |= !legal || after.epoch < stored.epoch;
        next.wrong.two_plans |= stored.plan.is_some() && stored.plan != after.plan;
        next.run = Some(after);
        Some(after)
    }

    fn commit(&self, next: &mut State, who: usize) {
        let me = next.workers[who];
        let before = me.run.expect("it is claimed");
        let planned = if self.decisions.plans_again {
            RunState::Planned
        } else {
            (self.decisions.run)(before.state, RunState::Planned, 2).expect("a claimed run is planned")
        };
        // Each invocation plans from its own input.
        let after = RunCell { state: planned, plan: Some(me.token), ..before };
        self.go_on_with(next, who, before, after, At::Beginning);
    }

    fn begin(&self, next: &mut State, who: usize) {
        let before = next.workers[who].run.expect("it is claimed");
        let state = (self.decisions.run)(before.state, RunState::Emitting, 2).expect("a planned run is emitted");
        self.go_on_with(next, who, before, RunCell { state, ..before }, At::Loading);
    }

    fn go_on_with(&self, next: &mut State, who: usize, before: RunCell, after: RunCell, then: At) {
        match self.write_run(next, who, before, after) {
            Some(run) => {
                next.workers[who].run = Some(run);
                next.workers[who].at = then;
            }
            // The lease is lost.
            None => next.workers[who] = Worker::NONE,
        }
    }

    fn load(&self, next: &mut State, who: usize) {
        next.workers[who].orders = next.orders;
        self.enter_phase(next, who, 0);
    }

    /// A phase begins with what is still planned, and goes on with what is open.
    fn enter_phase(&self, next: &mut State, who: usize, which: u8) {
        let me = &mut next.workers[who];
        me.at = if me.orders[usize::from(which)].is_none() { At::Journalling(which) } else { At::Marking(which) };
        let clock = self.clock(next, who);
        next.workers[who].phase_until = clock + i16::from(self.decisions.phase);
        if which == 0 && !next.workers[who].last_look {
            next.workers[who].sell_began = clock;
        }
        if next.workers[who].orders[usize::from(which)].is_some() {
            self.look_at(next, who, which);
        }
    }

    /// What an order needs: an end, a mark, a question, or nothing.
    pub(crate) fn look_at(&self, next: &mut State, who: usize, which: u8) {
        let cell = next.workers[who].orders[usize::from(which)].expect("it has an item");
        if (self.decisions.terminal)(cell.state) {
            self.leave_phase(next, who, which);
        } else if cell.state == OrderState::Sending {
            next.workers[who].at = At::Marking(which);
        } else {
            next.workers[who].at = At::Asking(which, Why::Open);
        }
    }

    pub(crate) fn leave_phase(&self, next: &mut State, who: usize, which: u8) {
        let open =
            |me: &Worker, which: usize| me.orders[which].is_none_or(|cell| !(self.decisions.terminal)(cell.state));
        let me = next.workers[who];
        if !me.last_look && which == 0 {
            self.enter_phase(next, who, 1);
        } else if !me.last_look && open(&me, 0) {
            next.workers[who].last_look = true;
            self.enter_phase(next, who, 0);
        } else if open(&me, 0) || open(&me, 1) {
            next.alarmed = true;
            next.workers[who] = Worker::NONE;
        } else {
            next.workers[who].at = At::Concluding;
        }
    }

    /// After a look: once more while the phase lasts, unless it has settled the order.
    pub(crate) fn after_look(&self, next: &mut State, who: usize, which: u8) {
        let me = next.workers[who];
        let is_settled = me.orders[usize::from(which)].is_some_and(|cell| (self.decisions.terminal)(cell.state));
        let is_over = !self.decisions.waits_for_ever && (self.clock(next, who) >= me.phase_until || next.now >= FAR);
        if is_settled || is_over {
            self.leave_phase(next, who, which);
        } else if next.now >= FAR {
            self.look_at(next, who, which);
        } else {
            next.workers[who].at = At::Waiting(which, next.now);
        }
    }

    fn stop(&self, next: &mut State, who: usize, which: u8) {
        let before = next.workers[who].run.expect("it is claimed");
        self.go_on_with(next, who, before, RunCell { stopped: true, ..before }, At::Journalling(which));
    }

    /// The run that the fence is of is its worker's, and emitting.
    pub(crate) fn is_within(state: &State, fence: RunCell) -> bool {
        let stored = state.run.expect("it is there");
        stored.state == fence.state && stored.epoch == fence.epoch
    }

    fn conclude(&self, next: &mut State, who: usize) {
        let before = next.workers[who].run.expect("it is claimed");
        let target = if before.stopped { RunState::Aborted } else { RunState::Done };
        let state = (self.decisions.run)(before.state, target, 2).expect("an emitted run ends");
        if self.write_run(next, who, before, RunCell { state, ..before }).is_some() {
            next.locked = false;
        }
        next.workers[who] = Worker::NONE;
    }
}
