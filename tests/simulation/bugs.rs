//! Deliberate mistakes, each of which the checker must find: a simulation that cannot fail proves nothing.

use crate::table::Slip;

/// One mistake, made by an adapter, by the store or by the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Bug {
    /// The store forgets one condition.
    Store(Slip),
    /// Orders are put into the store after they were sent.
    SendBeforeJournal,
    /// The adapter sends again by itself when no answer comes.
    AdapterRetries,
    /// Recovery sends again without asking where the order is.
    ResendWithoutQuery,
    /// The adapter signs with the time of the call, not with the persisted one.
    FreshTimestamp,
    /// What leaves is not what was planned, and nobody compares digests.
    OtherQuantity,
    /// What is sent again is not what was sent before.
    OtherQuantityAgain,
    /// The adapter keeps requests for a while before it sends them.
    AdapterQueues,
    /// An entry of the log names somebody who had nothing to do with it.
    EntryForged,
    /// A timeout is taken for a refusal.
    TimeoutIsRefusal,
    /// No answer is taken for "there is no such order".
    UnansweredIsAbsent,
    /// Not placed is concluded while a request may still arrive.
    NotPlacedTooEarly,
    /// Buys leave while sells are open.
    BuysBeforeSellsSettled,
    /// A kill switch that cannot be read counts as off.
    UnreadableSwitchIsOff,
    /// Each switch is read once, and remembered.
    SwitchFromMemory,
    /// A redelivered run is planned again although its plan is committed.
    PlanSolvedAgain,
    /// Whoever reads a run does not see that its plan waits for a person's word.
    ApprovalUnseen,
    /// A dry run claims the run that it only shows.
    DryRunWrites,
    /// Unsettled runs are not recovered once their events have been used up.
    NoRecovery,
    /// Recovery asks for what is unsettled and is never told of any, as by an index that never catches up.
    LocksStayUnseen,
    /// Recovery keeps to itself what it could not settle.
    NobodyIsTold,
}
