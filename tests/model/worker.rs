//! One worker's next step: a call of a port, what the shipped decisions make of its answer, and where that leads.

use index_rebalancer::execution::claim::{self, Standing};
use index_rebalancer::execution::gate::{self, Switch, View};
use index_rebalancer::execution::proposal::Consent;
use index_rebalancer::execution::settlement::{self, Finding, Verdict};
use index_rebalancer::model::Money;
use index_rebalancer::ports::{OrderState, RunState};
use uuid::Uuid;

use crate::protocol::{FAR, Luck, Protocol};
use crate::sample::{LEASE, MOST_ATTEMPTS, PHASE, Sample, WINDOW, time};
use crate::state::{At, Cell, OnWire, RunCell, Seen, State, Taken, Told, Try, Worker};

impl Protocol {
    /// The worker's clock.
    pub(crate) fn clock(&self, state: &State, who: usize) -> i16 {
        state.now + if who == 1 { self.skew } else { 0 }
    }

    /// Carries one step of a worker out. `None` when it cannot take one now.
    pub(crate) fn step(&self, state: &State, who: usize, luck: Luck) -> Option<State> {
        let mut next = state.clone();
        let me = next.workers[who];
        // Luck matters where the venue is asked or told something.
        if luck != Luck::Plain && !matches!(me.at, At::Sending(_) | At::Asking(_)) {
            return None;
        }
        match me.at {
            At::Idle => return None,
            At::Claiming => self.claim(&mut next, who),
            At::TakingOver => self.take_over(&mut next, who),
            At::Committing => self.commit(&mut next, who),
            At::Beginning => self.begin(&mut next, who),
            At::Loading => self.load(&mut next, who),
            At::Journalling(which) => self.journal(&mut next, who, which),
            At::Stopping(which) => self.stop(&mut next, who, which),
            At::Sending(which) => self.send(&mut next, who, which, luck)?,
            At::Recording(which, told) => self.record(&mut next, who, which, told),
            At::Marking(which) => self.mark(&mut next, who, which),
            At::Asking(which) => self.ask(&mut next, who, which, luck)?,
            At::Judging(which, seen, asked) => self.conclude_from(&mut next, who, which, seen, asked),
            At::Waiting(which, since) => {
                if state.now <= since && state.now < FAR {
                    return None;
                }
                self.go_on_after(&mut next, who, which);
            }
            At::Concluding => self.conclude(&mut next, who),
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
    fn look_at(&self, next: &mut State, who: usize, which: u8) {
        let cell = next.workers[who].orders[usize::from(which)].expect("it has an item");
        if (self.decisions.terminal)(cell.state) {
            self.leave_phase(next, who, which);
        } else if cell.state == OrderState::Sending {
            next.workers[who].at = At::Marking(which);
        } else {
            next.workers[who].at = At::Asking(which);
        }
    }

    fn leave_phase(&self, next: &mut State, who: usize, which: u8) {
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

    /// After a look that settled nothing: once more while the phase lasts.
    fn go_on_after(&self, next: &mut State, who: usize, which: u8) {
        if self.clock(next, who) >= next.workers[who].phase_until || next.now == FAR {
            self.leave_phase(next, who, which);
        } else {
            self.look_at(next, who, which);
        }
    }

    fn attempt(&self, next: &State, who: usize, last: Option<Try>) -> Try {
        let clock = self.clock(next, who);
        let deadline = clock + i16::from(WINDOW);
        Try {
            token: next.workers[who].token,
            number: last.map_or(1, |last| last.number + 1),
            signed: clock,
            deadline: last.map_or(deadline, |last| deadline.max(last.deadline)),
        }
    }

    /// Whether the gate lets the order pass: `Err` stops the run.
    fn gate(&self, next: &mut State, who: usize, which: u8) -> Result<gate::Verdict, String> {
        let (sample, me) = (Sample::get(), next.workers[who]);
        let order = &sample.orders[usize::from(which)];
        let switch = if next.switch_on { Switch::On("a drill".to_owned()) } else { Switch::Off };
        let other = usize::from(1 - which);
        let sent = me.orders[other]
            .is_some_and(|cell| index_rebalancer::execution::transition::order_counts_as_sent(cell.state));
        let view = View {
            run_id: sample.run.run_id,
            run: &sample.run.identity,
            policy: sample.order_policy(),
            order,
            switch,
            consent: Consent::NotAsked,
            promise: self.promise(),
            sent_count: u32::from(sent),
            sent_notional: if sent { sample.orders[other].notional } else { Money::ZERO },
            day: None,
            now: time(self.clock(next, who)),
        };
        match (self.decisions.gate)(&view) {
            gate::Verdict::Stop(reason) => Err(reason),
            verdict => Ok(verdict),
        }
    }

    fn journal(&self, next: &mut State, who: usize, which: u8) {
        let me = next.workers[who];
        let ended = match self.gate(next, who, which) {
            _ if me.run.is_some_and(|run| run.stopped) => Some(OrderState::Skipped),
            Err(_) => {
                next.workers[who].at = At::Stopping(which);
                return;
            }
            Ok(gate::Verdict::Expired(_)) => Some(OrderState::Expired),
            Ok(_) if which == 1 && !self.cash_is_there(next) => Some(OrderState::Skipped),
            Ok(_) => None,
        };
        let state = ended.unwrap_or(OrderState::Sending);
        let state = (self.decisions.order)(OrderState::Planned, state).expect("a planned order may");
        let attempt = ended.is_none().then(|| self.attempt(next, who, None));
        if ended.is_none() {
            next.wrong.against_the_switch |= next.switch_on;
            let sale = me.orders[0].map(|cell| cell.state);
            let is_settled = sale.is_some_and(index_rebalancer::execution::transition::order_is_terminal);
            let has_waited = self.clock(next, who) >= me.sell_began + i16::from(PHASE);
            next.wrong.before_the_sell |= which == 1 && !is_settled && !has_waited;
        }
        let cell = Cell { state, revision: 1, attempt, known: None };
        if attempt.is_some() && !self.decisions.journal_first {
            // The mistake: the item is put after the request has left.
            next.workers[who].orders[usize::from(which)] = Some(cell);
            next.workers[who].at = At::Sending(which);
            return;
        }
        self.create(next, who, which, cell);
    }

    fn create(&self, next: &mut State, who: usize, which: u8, cell: Cell) {
        let at = usize::from(which);
        let me = next.workers[who];
        let fence = me.run.expect("it is claimed");
        let is_owner = Self::is_within(next, fence);
        let fenced = !self.conditions.create_needs_fence || is_owner;
        let absent = !self.conditions.create_needs_absence || next.orders[at].is_none();
        if fenced && absent {
            next.wrong.off_the_table |= next.orders[at].is_some();
            next.wrong.not_the_owner |= !is_owner;
            next.orders[at] = Some(cell);
            next.workers[who].orders[at] = Some(cell);
            if cell.attempt.is_some() {
                next.workers[who].at = At::Sending(which);
            } else {
                self.leave_phase(next, who, which);
            }
        } else if let Some(theirs) = next.orders[at] {
            next.workers[who].orders[at] = Some(theirs);
            self.look_at(next, who, which);
        } else {
            next.workers[who] = Worker::NONE;
        }
    }

    fn stop(&self, next: &mut State, who: usize, which: u8) {
        let before = next.workers[who].run.expect("it is claimed");
        self.go_on_with(next, who, before, RunCell { stopped: true, ..before }, At::Journalling(which));
    }

    fn cash_is_there(&self, state: &State) -> bool {
        let sample = Sample::get();
        let cash = sample.cash(state.taken);
        (self.decisions.cash)(&sample.orders[1], sample.fee(), cash, Money::ZERO).is_ok()
    }

    fn send(&self, next: &mut State, who: usize, which: u8, luck: Luck) -> Option<()> {
        let at = usize::from(which);
        let me = next.workers[who];
        let cell = me.orders[at].expect("it is journalled");
        let mut attempt = cell.attempt.expect("it has an attempt");
        let clock = self.clock(next, who);
        if clock >= attempt.deadline && self.decisions.checks_deadline {
            if luck != Luck::Plain {
                return None;
            }
            next.workers[who].at = At::Recording(which, Told::Nothing);
            self.journal_late(next, who, which, cell);
            return Some(());
        }
        next.wrong.past_deadline |= clock >= attempt.deadline;
        if self.decisions.signs_afresh {
            attempt = Try { signed: clock, deadline: clock + i16::from(WINDOW), ..attempt };
        }
        let journalled = next.orders[at].and_then(|stored| stored.attempt);
        let same = |stored: Try| (stored.signed, stored.deadline) == (attempt.signed, attempt.deadline);
        // A later attempt of another worker may have replaced this one; then it was stored before.
        let replaced =
            journalled.is_some_and(|stored| stored.number >= attempt.number && stored.token != attempt.token);
        next.wrong.unjournalled |= !journalled.is_some_and(same) && !replaced;
        let plan = me.run.and_then(|run| run.plan).unwrap_or_default();
        let request = OnWire { which, attempt, plan };
        let told = match luck {
            Luck::Plain => self.arrive(next, request, false, false),
            Luck::Half => self.arrive(next, request, true, false),
            Luck::Unseen => self.arrive(next, request, false, true),
            Luck::AnswerLost => {
                self.arrive(next, request, false, false);
                Told::Nothing
            }
            Luck::Late => {
                next.wire.push(request);
                next.wire.sort_unstable();
                Told::Nothing
            }
        };
        next.workers[who].at = At::Recording(which, told);
        self.journal_late(next, who, which, cell);
        Some(())
    }

    /// Only for the mistake of sending first: the put comes now.
    fn journal_late(&self, next: &mut State, who: usize, which: u8, cell: Cell) {
        if !self.decisions.journal_first && cell.attempt.is_some_and(|attempt| attempt.number == 1) {
            let told = next.workers[who].at;
            self.create(next, who, which, cell);
            if next.workers[who].at == At::Sending(which) {
                next.workers[who].at = told;
            }
        }
    }

    fn record(&self, next: &mut State, who: usize, which: u8, told: Told) {
        let before = next.workers[who].orders[usize::from(which)].expect("it is journalled");
        let again = before.attempt.is_some_and(|attempt| attempt.number > 1);
        let state = match told {
            Told::Accepted(_) => OrderState::Acknowledged,
            // An earlier attempt may still arrive: what was refused is this one.
            Told::Refused if again => OrderState::Unknown,
            Told::Refused => OrderState::Rejected,
            Told::Nothing => OrderState::Unknown,
        };
        let known = if let Told::Accepted(taken) = told { Some(taken) } else { before.known };
        self.move_order(next, who, which, Cell { known, ..before }, state);
        self.after_move(next, who, which);
    }

    fn mark(&self, next: &mut State, who: usize, which: u8) {
        let before = next.workers[who].orders[usize::from(which)].expect("it has an item");
        self.move_order(next, who, which, before, OrderState::Unknown);
        if self.decisions.looks_again {
            self.look_at(next, who, which);
        } else {
            next.workers[who].at = At::Asking(which);
        }
    }

    fn after_move(&self, next: &mut State, who: usize, which: u8) {
        self.look_at(next, who, which);
    }

    /// Through the shipped move, then the conditional write; theirs counts when somebody else was quicker.
    fn move_order(&self, next: &mut State, who: usize, which: u8, before: Cell, to: OrderState) {
        let at = usize::from(which);
        let item = Sample::get().order_item(at, &before);
        let Ok(moved) = settlement::moved(&item, to, time(next.now), 0) else {
            next.wrong.off_the_table = true;
            return;
        };
        let revision = u8::try_from(moved.revision).expect("few writes");
        self.write_order(next, who, which, before.revision, Cell { state: moved.state, revision, ..before });
    }

    fn write_order(&self, next: &mut State, who: usize, which: u8, expected: u8, after: Cell) -> bool {
        let at = usize::from(which);
        let stored = next.orders[at].expect("an item is never removed");
        let took_place = stored.revision == expected || !self.conditions.update_needs_revision;
        if took_place {
            next.wrong.off_the_table |= !may_move(stored.state, after.state);
            next.orders[at] = Some(after);
        }
        next.workers[who].orders[at] = next.orders[at];
        took_place
    }

    fn ask(&self, next: &mut State, who: usize, which: u8, luck: Luck) -> Option<()> {
        let asked = self.clock(next, who);
        let seen = match (luck, next.taken[usize::from(which)]) {
            (Luck::Plain, Some(taken)) if taken.visible <= next.now => Seen::Found(taken),
            (Luck::Plain, _) => Seen::Absent,
            (Luck::AnswerLost, _) => Seen::Nothing,
            _ => return None,
        };
        next.workers[who].at = At::Judging(which, seen, asked);
        Some(())
    }

    fn conclude_from(&self, next: &mut State, who: usize, which: u8, seen: Seen, asked: i16) {
        let (at, me, sample) = (usize::from(which), next.workers[who], Sample::get());
        let before = me.orders[at].expect("it has an item");
        let attempts = before.attempt.map_or(0, |attempt| attempt.number);
        let stopped = me.run.is_some_and(|run| run.stopped);
        let may_resend = seen == Seen::Absent
            && self.resends
            && !stopped
            && attempts < MOST_ATTEMPTS
            && matches!(self.gate(next, who, which), Ok(gate::Verdict::Pass))
            && (which == 0 || self.cash_is_there(next));
        let finding = match seen {
            Seen::Found(taken) => {
                let (order, fills) = sample.venue_order(at, taken);
                Finding::Found { order, fills }
            }
            Seen::Absent => Finding::Absent,
            Seen::Nothing => Finding::Unanswered("timed out".to_owned()),
        };
        let now = if self.decisions.judges_by_the_question { asked } else { self.clock(next, who) };
        let item = sample.order_item(at, &before);
        let verdict =
            (self.decisions.settle)(&sample.orders[at], &item, &finding, self.promise(), time(now), may_resend);
        match verdict {
            Verdict::Adopt(adoption) => {
                let taken = if let Seen::Found(taken) = seen { Some(taken) } else { None };
                self.move_order(next, who, which, Cell { known: taken, ..before }, adoption.state);
                self.after_move(next, who, which);
            }
            Verdict::NotPlaced(_) => {
                self.move_order(next, who, which, before, OrderState::NotPlaced);
                self.after_move(next, who, which);
            }
            Verdict::Resend => self.attempt_again(next, who, which, before),
            Verdict::Wait(_) => next.workers[who].at = At::Waiting(which, next.now),
            Verdict::Halt(_) => {
                next.alarmed = true;
                next.workers[who] = Worker::NONE;
            }
        }
    }

    /// A further attempt, which only the run's owner may make.
    fn attempt_again(&self, next: &mut State, who: usize, which: u8, before: Cell) {
        let attempt = self.attempt(next, who, before.attempt);
        next.wrong.against_the_switch |= next.switch_on;
        let after = Cell { attempt: Some(attempt), revision: before.revision + 1, ..before };
        let fence = next.workers[who].run.expect("it is claimed");
        let is_owner = Self::is_within(next, fence);
        let moved = next.orders[usize::from(which)].is_some_and(|stored| stored.revision != before.revision);
        if !is_owner && !moved && self.conditions.attempt_needs_fence {
            // The lease is lost.
            next.workers[who] = Worker::NONE;
        } else if self.write_order(next, who, which, before.revision, after) {
            next.wrong.not_the_owner |= !is_owner;
            next.workers[who].at = At::Sending(which);
        } else {
            self.after_move(next, who, which);
        }
    }

    /// The run that the fence is of is its worker's, and emitting.
    fn is_within(state: &State, fence: RunCell) -> bool {
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

    /// A request reaches the venue.
    pub(crate) fn arrive(&self, next: &mut State, request: OnWire, half: bool, unseen: bool) -> Told {
        use index_rebalancer::ports::venue::Duplicates;
        let at = usize::from(request.which);
        let late = self.bounded && next.now > request.attempt.deadline;
        if let Some(taken) = next.taken[at] {
            match self.duplicates {
                Duplicates::Replayed => return Told::Accepted(taken),
                // The first is over by now: its id is free again.
                Duplicates::RefusedWhileOpen | Duplicates::Unchecked => {}
            }
        }
        if late {
            return Told::Refused;
        }
        let sample = Sample::get();
        if request.which == 1 && next.taken[1].is_none() && !sample.pays(sample.cash(next.taken)) {
            next.wrong.without_cash = true;
            return Told::Refused;
        }
        let committed = next.run.and_then(|run| run.plan);
        next.wrong.two_payloads |= committed != Some(request.plan);
        next.wrong.past_deadline |= self.bounded && next.now > request.attempt.deadline;
        next.accepted[at] = next.accepted[at].saturating_add(1).min(2);
        let visible = if unseen { next.now + 1 } else { next.now };
        let taken = Taken { half: half && request.which == 0, visible };
        next.taken[at] = Some(taken);
        Told::Accepted(taken)
    }
}

/// The design's table, by hand.
fn may_move(from: OrderState, to: OrderState) -> bool {
    use OrderState as O;
    match from {
        O::Sending => {
            matches!(to, O::Acknowledged | O::PartiallyFilled | O::Filled | O::Cancelled | O::Rejected | O::Unknown)
        }
        O::Unknown => matches!(
            to,
            O::Acknowledged | O::PartiallyFilled | O::Filled | O::Cancelled | O::Rejected | O::NotPlaced | O::Unknown
        ),
        O::Acknowledged => matches!(to, O::PartiallyFilled | O::Filled | O::Cancelled | O::Acknowledged),
        _ => false,
    }
}
