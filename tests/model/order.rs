//! What a worker does with one order: journal, send, record, ask, judge.

use index_rebalancer::execution::attempt::Answer;
use index_rebalancer::execution::gate::{self, Switch, View};
use index_rebalancer::execution::proposal::Consent;
use index_rebalancer::execution::settlement::{self, Finding, Verdict};
use index_rebalancer::execution::transition::{self, IllegalTransition};
use index_rebalancer::model::Money;
use index_rebalancer::ports::OrderState;
use index_rebalancer::ports::store::OrderItem;
use index_rebalancer::ports::venue::{Duplicates, PlaceError};

use crate::protocol::{Luck, Protocol};
use crate::sample::{MOST_ATTEMPTS, PHASE, Sample, WINDOW, WINDOW_MS, time};
use crate::state::{At, Cell, OnWire, Seen, State, Taken, Told, Try, Why, Worker};

impl Protocol {
    /// The shipped attempt, signed now by this worker.
    fn attempt(&self, next: &State, who: usize, which: u8, last: Option<&Cell>) -> Try {
        let (sample, me, at) = (Sample::get(), next.workers[who], usize::from(which));
        let run = sample.run_item(&me.run.expect("it is claimed"));
        let last = last.and_then(|cell| sample.order_item(at, cell).attempt);
        let now = time(self.clock(next, who));
        let attempt = (self.decisions.attempt)(&run, sample.order(at), last.as_ref(), self.promise(), WINDOW_MS, now);
        Sample::attempt(&attempt, me.token)
    }

    /// The gate's word on an order.
    fn gate(&self, next: &State, who: usize, which: u8) -> gate::Verdict {
        let (sample, me) = (Sample::get(), next.workers[who]);
        let switch = if next.switch_on { Switch::On("a drill".to_owned()) } else { Switch::Off };
        let other = usize::from(1 - which);
        let sent = me.orders[other].is_some_and(|cell| transition::order_counts_as_sent(cell.state));
        (self.decisions.gate)(&View {
            run_id: sample.run.run_id,
            run: &sample.run.identity,
            policy: &sample.input.policy.orders,
            order: sample.order(usize::from(which)),
            switch,
            consent: Consent::NotAsked,
            promise: self.promise(),
            sent_count: u32::from(sent),
            sent_notional: if sent { sample.order(other).notional } else { Money::ZERO },
            day: None,
            now: time(self.clock(next, who)),
        })
    }

    /// By the balance as it is now and by the items that this worker knows.
    fn cash_is_there(&self, next: &State, who: usize, which: u8) -> bool {
        let sample = Sample::get();
        let items = [0, 1].map(|at| next.workers[who].orders[at].map(|cell| sample.order_item(at, &cell)));
        let known: Vec<_> = sample.plan.orders.iter().zip(&items).filter_map(|(o, i)| Some((o, i.as_ref()?))).collect();
        let order = sample.order(usize::from(which));
        (self.decisions.cash)(order, &sample.input, &sample.plan, &known, &sample.account(next.taken)).is_ok()
    }

    pub(crate) fn journal(&self, next: &mut State, who: usize, which: u8, luck: Luck) -> Option<()> {
        let me = next.workers[who];
        let ended = if me.run.is_some_and(|run| run.stopped) {
            Some(OrderState::Skipped)
        } else {
            match self.gate(next, who, which) {
                gate::Verdict::Stop(_) => {
                    next.workers[who].at = At::Stopping(which);
                    return (luck == Luck::Plain).then_some(());
                }
                gate::Verdict::Expired(_) => Some(OrderState::Expired),
                gate::Verdict::Pass if !self.cash_is_there(next, who, which) => Some(OrderState::Skipped),
                gate::Verdict::Pass => None,
            }
        };
        let state = ended.unwrap_or(OrderState::Sending);
        let state = (self.decisions.order)(OrderState::Planned, state).expect("a planned order may");
        let attempt = ended.is_none().then(|| self.attempt(next, who, which, None));
        if ended.is_none() {
            next.wrong.against_the_switch |= next.switch_on;
            let sale = me.orders[0].map(|cell| cell.state);
            let is_settled = sale.is_some_and(transition::order_is_terminal);
            let has_waited = self.clock(next, who) >= me.sell_began + i16::from(PHASE);
            next.wrong.before_the_sell |= which == 1 && !is_settled && !has_waited;
        }
        let cell = Cell { state, revision: 1, attempt, known: false };
        if attempt.is_some() && !self.decisions.journal_first {
            // The mistake: the item is put after the request has left.
            next.workers[who].orders[usize::from(which)] = Some(cell);
            next.workers[who].at = At::Sending(which);
            return (luck == Luck::Plain).then_some(());
        }
        self.create(next, who, which, cell);
        if luck == Luck::AnswerLost {
            if next.workers[who].at != At::Sending(which) {
                return None;
            }
            next.workers[who].at = At::PuttingAgain(which);
        }
        Some(())
    }

    /// The put whose answer was lost, once more: the store has it already, or what somebody made of it since.
    pub(crate) fn put_again(&self, next: &mut State, who: usize, which: u8) {
        let cell = next.workers[who].orders[usize::from(which)].expect("it was put");
        self.create(next, who, which, cell);
    }

    fn create(&self, next: &mut State, who: usize, which: u8, cell: Cell) {
        let at = usize::from(which);
        let stored = next.orders[at];
        let is_owner = Self::is_within(next, next.workers[who].run.expect("it is claimed"));
        let fenced = !self.conditions.create_needs_fence || is_owner;
        let absent = !self.conditions.create_needs_absence || stored.is_none();
        if fenced && absent {
            next.wrong.off_the_table |= stored.is_some_and(|stored| stored != cell);
            next.wrong.not_the_owner |= !is_owner;
            next.orders[at] = Some(cell);
        }
        match next.orders[at] {
            // Put now, or before: nothing was sent under it yet.
            Some(stored) if stored == cell => {
                next.workers[who].orders[at] = Some(cell);
                if cell.attempt.is_some() {
                    next.workers[who].at = At::Sending(which);
                } else {
                    self.leave_phase(next, who, which);
                }
            }
            Some(theirs) => {
                next.workers[who].orders[at] = Some(theirs);
                self.look_at(next, who, which);
            }
            // The fence did it: the lease is lost.
            None => next.workers[who] = Worker::NONE,
        }
    }

    pub(crate) fn send(&self, next: &mut State, who: usize, which: u8, luck: Luck) -> Option<()> {
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
        let plan = if self.decisions.loads_the_plan { me.run.and_then(|run| run.plan) } else { Some(me.token) };
        let request = OnWire { which, attempt, plan: plan.unwrap_or_default() };
        let told = match luck {
            Luck::AnswerLost => {
                self.arrive(next, request, Luck::Plain);
                Told::Nothing
            }
            Luck::Late => {
                next.wire.push(request);
                next.wire.sort_unstable();
                Told::Nothing
            }
            Luck::Refused => Told::Refused,
            Luck::Twice => {
                self.arrive(next, request, Luck::Open);
                self.arrive(next, request, Luck::Open)
            }
            luck => self.arrive(next, request, luck),
        };
        next.workers[who].at =
            if told == Told::Taken { At::Asking(which, Why::Accepted) } else { At::Recording(which, told) };
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

    /// Takes over what follows from an answer that is no acceptance.
    pub(crate) fn record(&self, next: &mut State, who: usize, which: u8, told: Told) {
        let before = next.workers[who].orders[usize::from(which)].expect("it is journalled");
        let said = String::new;
        let answer = match told {
            Told::Taken => unreachable!("an acceptance is followed by a question"),
            Told::Refused => PlaceError::Refused(said()),
            Told::Duplicate => PlaceError::DuplicateId(said()),
            Told::Nothing => PlaceError::Unclear(said()),
        };
        let number = before.attempt.map_or(0, |attempt| attempt.number);
        let Answer::Moved(to, _) = (self.decisions.answered)(u32::from(number), Err(answer)) else {
            unreachable!("an order that was not accepted");
        };
        self.move_to(next, who, which, before, to);
        self.after_sending(next, who, which, number);
    }

    /// A first attempt was sent by its phase, which looks at once; a further one by a look, which is over now.
    fn after_sending(&self, next: &mut State, who: usize, which: u8, number: u8) {
        if number > 1 {
            self.after_look(next, who, which);
        } else {
            self.look_at(next, who, which);
        }
    }

    pub(crate) fn mark(&self, next: &mut State, who: usize, which: u8) {
        let before = next.workers[who].orders[usize::from(which)].expect("it has an item");
        self.move_to(next, who, which, before, OrderState::Unknown);
        let now = next.workers[who].orders[usize::from(which)].expect("it has an item");
        if (self.decisions.terminal)(now.state) && self.decisions.looks_again {
            self.after_look(next, who, which);
        } else {
            next.workers[who].at = At::Asking(which, Why::Open);
        }
    }

    fn move_to(&self, next: &mut State, who: usize, which: u8, before: Cell, to: OrderState) {
        let item = Sample::get().order_item(usize::from(which), &before);
        self.write(next, who, which, before, settlement::moved(&item, to, time(next.now), 0).map(Some));
    }

    /// What a shipped function made of the item, through the conditional write; theirs counts when somebody else was
    /// quicker.
    fn write(
        &self,
        next: &mut State,
        who: usize,
        which: u8,
        before: Cell,
        after: Result<Option<OrderItem>, IllegalTransition>,
    ) {
        match after {
            Ok(Some(item)) => {
                self.write_order(next, who, which, before.revision, Sample::cell(&item, before));
            }
            Ok(None) => {}
            Err(_) => next.wrong.off_the_table = true,
        }
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

    pub(crate) fn ask(&self, next: &mut State, who: usize, which: u8, why: Why, luck: Luck) -> Option<()> {
        let asked = self.clock(next, who);
        let shown = next.taken[usize::from(which)].and_then(|taken| taken.shown(next.now));
        let seen = match luck {
            Luck::Plain => shown.map_or(Seen::Absent, Seen::Found),
            Luck::AnswerLost => Seen::Nothing,
            _ => return None,
        };
        next.workers[who].at = At::Judging(which, why, seen, asked);
        Some(())
    }

    pub(crate) fn judge(&self, next: &mut State, who: usize, which: u8, why: Why, (seen, asked): (Seen, i16)) {
        let (at, me, sample) = (usize::from(which), next.workers[who], Sample::get());
        let stored = me.orders[at].expect("it has an item");
        let before = Cell { known: stored.known || why == Why::Accepted, ..stored };
        let item = sample.order_item(at, &before);
        let may_resend = seen == Seen::Absent
            && why == Why::Open
            && (self.decisions.may_follow)(
                &sample.run_item(&me.run.expect("it is claimed")),
                &item,
                self.promise(),
                MOST_ATTEMPTS,
            )
            && self.gate(next, who, which) == gate::Verdict::Pass
            && (which == 0 || self.cash_is_there(next, who, which));
        let finding = match seen {
            Seen::Found(shown) => {
                let (order, fills) = sample.venue_order(at, shown);
                Finding::Found { order, fills }
            }
            Seen::Absent => Finding::Absent,
            Seen::Nothing => Finding::Unanswered("timed out".to_owned()),
        };
        let now = if self.decisions.judges_by_the_question { asked } else { self.clock(next, who) };
        let verdict = (self.decisions.settle)(sample.order(at), &item, &finding, self.promise(), time(now), may_resend);
        match (why, verdict) {
            (_, Verdict::Halt(_)) => {
                next.alarmed = true;
                next.workers[who] = Worker::NONE;
            }
            (Why::Open, Verdict::Resend) => self.attempt_again(next, who, which, before),
            // A wait writes no more than its note, and the model has no notes.
            (Why::Open, Verdict::Wait(_)) => self.after_look(next, who, which),
            (Why::Open, verdict) => {
                self.write(next, who, which, before, settlement::concluded(&item, verdict, time(next.now), 0));
                self.after_look(next, who, which);
            }
            (Why::Accepted, verdict) => {
                let after = match verdict {
                    Verdict::Adopt(_) => settlement::concluded(&item, verdict, time(next.now), 0),
                    _ => settlement::moved(&item, OrderState::Acknowledged, time(next.now), 0).map(Some),
                };
                self.write(next, who, which, before, after);
                self.after_sending(next, who, which, before.attempt.map_or(0, |attempt| attempt.number));
            }
        }
    }

    /// A further attempt, which only the run's owner may make.
    fn attempt_again(&self, next: &mut State, who: usize, which: u8, before: Cell) {
        let attempt = self.attempt(next, who, which, Some(&before));
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
            self.after_look(next, who, which);
        }
    }

    /// A request reaches the venue.
    pub(crate) fn arrive(&self, next: &mut State, request: OnWire, luck: Luck) -> Told {
        let at = usize::from(request.which);
        if let Some(taken) = next.taken[at] {
            match self.duplicates {
                Duplicates::Replayed => return Told::Taken,
                Duplicates::RefusedWhileOpen if next.now < taken.over => return Told::Duplicate,
                // The first is over: its id is free again.
                Duplicates::RefusedWhileOpen | Duplicates::Unchecked => {}
            }
        }
        let late = next.now > request.attempt.deadline;
        if self.bounded && late {
            return Told::Refused;
        }
        let sample = Sample::get();
        let pays = || sample.account(next.taken).cash_free >= sample.price_of_the_buy();
        if request.which == 1 && next.taken[1].is_none() && !pays() {
            next.wrong.without_cash = true;
            return Told::Refused;
        }
        next.wrong.two_payloads |= next.run.and_then(|run| run.plan) != Some(request.plan);
        next.accepted[at] = next.accepted[at].saturating_add(1).min(2);
        next.taken[at] = Some(Taken {
            half: luck == Luck::Half,
            visible: next.now + i16::from(luck == Luck::Unseen),
            over: next.now + i16::from(luck == Luck::Open),
        });
        Told::Taken
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
