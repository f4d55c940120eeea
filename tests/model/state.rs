//! What there is: the store, the wire, the venue and two workers. Small, for every difference is a state.

use index_rebalancer::ports::{OrderState, RunState};

/// A run as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RunCell {
    pub(crate) state: RunState,
    pub(crate) epoch: u8,
    pub(crate) lease: i16,
    pub(crate) token: u8,
    pub(crate) revision: u8,
    /// A reason is stored: nothing more may leave.
    pub(crate) stopped: bool,
    /// Whose plan was committed.
    pub(crate) plan: Option<u8>,
}

/// An order as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Cell {
    pub(crate) state: OrderState,
    pub(crate) revision: u8,
    pub(crate) attempt: Option<Try>,
    /// The venue said that it has it.
    pub(crate) known: bool,
}

/// One attempt, by the worker's token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Try {
    pub(crate) token: u8,
    pub(crate) number: u8,
    pub(crate) signed: i16,
    pub(crate) deadline: i16,
}

/// A request on its way, with the payload of whose plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct OnWire {
    pub(crate) which: u8,
    pub(crate) attempt: Try,
    pub(crate) plan: u8,
}

/// An order at the venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Taken {
    pub(crate) half: bool,
    /// Questions find it from here on.
    pub(crate) visible: i16,
    /// It is over from here on; before, it is open.
    pub(crate) over: i16,
}

/// What a question finds of an order at the venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Shown {
    Open,
    Half,
    Whole,
}

impl Taken {
    /// `None` while questions do not find it.
    pub(crate) fn shown(self, now: i16) -> Option<Shown> {
        let of_the_end = if self.half { Shown::Half } else { Shown::Whole };
        (self.visible <= now).then_some(if now < self.over { Shown::Open } else { of_the_end })
    }
}

/// What a worker was told about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Told {
    Taken,
    Refused,
    /// An order is open under this id.
    Duplicate,
    Nothing,
}

/// What a worker found when it asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Seen {
    Found(Shown),
    Absent,
    Nothing,
}

/// Why the venue is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Why {
    /// It has just taken the order.
    Accepted,
    /// The order's fate is not known.
    Open,
}

/// Where a worker stands: always before a call of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum At {
    /// No invocation.
    Idle,
    Claiming,
    TakingOver,
    Committing,
    Beginning,
    Loading,
    /// The switch is read and the gate judges; the journal is next.
    Journalling(u8),
    /// A gate that stops the run writes so first.
    Stopping(u8),
    /// The order is journalled and must leave.
    Sending(u8),
    /// The answer of the put was lost: the store's client repeats it.
    PuttingAgain(u8),
    Recording(u8, Told),
    /// A worker that ended left this order behind.
    Marking(u8),
    Asking(u8, Why),
    /// The answer is here; the time is when the question left, by the worker's clock.
    Judging(u8, Why, Seen, i16),
    /// Nothing can be concluded before time has passed.
    Waiting(u8, i16),
    Concluding,
}

/// One worker, with what it believes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Worker {
    pub(crate) at: At,
    /// Of this invocation.
    pub(crate) token: u8,
    pub(crate) run: Option<RunCell>,
    pub(crate) orders: [Option<Cell>; 2],
    /// Until when the present phase waits.
    pub(crate) phase_until: i16,
    /// When the phase of the sell began.
    pub(crate) sell_began: i16,
    /// Both phases are over: a last look at what is open.
    pub(crate) last_look: bool,
    /// Of this invocation, at the end of time, when nothing makes it wait any more.
    pub(crate) rounds: u8,
}

impl Worker {
    pub(crate) const NONE: Self = Self {
        at: At::Idle,
        token: 0,
        run: None,
        orders: [None, None],
        phase_until: 0,
        sell_began: 0,
        last_look: false,
        rounds: 0,
    };
}

/// What went wrong on the way and shows no more in what is stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Wrong {
    pub(crate) two_plans: bool,
    pub(crate) two_payloads: bool,
    pub(crate) unjournalled: bool,
    pub(crate) past_deadline: bool,
    pub(crate) two_runs: bool,
    pub(crate) off_the_table: bool,
    /// An order was begun, or attempted again, by a worker that had lost the run.
    pub(crate) not_the_owner: bool,
    pub(crate) without_cash: bool,
    pub(crate) before_the_sell: bool,
    pub(crate) against_the_switch: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) now: i16,
    pub(crate) run: Option<RunCell>,
    pub(crate) orders: [Option<Cell>; 2],
    /// The account's lock is this run's.
    pub(crate) locked: bool,
    /// The next occasion has begun.
    pub(crate) second: bool,
    pub(crate) switch_on: bool,
    pub(crate) wire: Vec<OnWire>,
    pub(crate) taken: [Option<Taken>; 2],
    /// How many orders the venue has accepted under each key.
    pub(crate) accepted: [u8; 2],
    pub(crate) workers: [Worker; 2],
    pub(crate) crashes_left: u8,
    /// The last worker to end left something that a person must look at.
    pub(crate) alarmed: bool,
    pub(crate) wrong: Wrong,
}
