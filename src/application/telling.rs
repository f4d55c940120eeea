//! The entry of a run in a document, and what is urgent in it.

use super::failure::Failure;
use crate::execution::RunOutcome;
use crate::model::AccountId;
use crate::report::document::{ErrorKind, RunEntry};
use crate::report::run::ExecutionReport;
use crate::report::{Mode, RunReport, published, text};

/// What an entry is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The case as it was named, or the run where it was taken up by its id.
    pub source: String,
    pub account: AccountId,
}

/// The entry of a run with a plan, and what kind of failure it is to be taken for, if any.
///
/// # Errors
/// When there is no plan to tell of: the failure says why.
pub fn entry(outcome: &RunOutcome, named: &Named) -> Result<(RunEntry, Option<ErrorKind>), Failure> {
    let (mode, record) = match outcome {
        RunOutcome::Completed(record)
        | RunOutcome::Aborted(record)
        | RunOutcome::Unsettled(record)
        | RunOutcome::OutOfTime(record) => (Mode::Executed, record),
        RunOutcome::Proposed(record) => (Mode::Proposed, record),
        RunOutcome::AlreadyDone(record) => (Mode::AlreadyDone, record),
        RunOutcome::Busy { holder } => {
            return Err(Failure::new(
                ErrorKind::Busy,
                format!("the account is held by run {holder}, which is not settled"),
                "`rebalance recover` finishes it, once its worker is gone",
            ));
        }
        RunOutcome::InProgressElsewhere { run_id, lease_until } => {
            return Err(Failure::new(
                ErrorKind::Busy,
                format!("another process works on run {run_id}, or stopped while it did"),
                format!("run again after {}, when its lease is over", text::time(*lease_until)),
            ));
        }
    };
    let Some(run) = RunReport::of_record(mode, record) else {
        let told = if mode == Mode::AlreadyDone { "ended before, without a plan" } else { "ended without a plan" };
        return Err(Failure::new(
            ErrorKind::NeedsAttention,
            format!("run {} {told}: {}", record.run_id, record.reason),
            "mend the cause and plan this occasion under a --label of its own, or wait for the next schedule",
        ));
    };
    let sent = run.execution.as_ref().map_or(0, |execution| execution.sent);
    let new_orders = if mode == Mode::Executed { sent } else { 0 };
    let kind = urgency(&run);
    Ok((entry_of(named, Ok(run), new_orders), kind))
}

/// The entry of an occasion that has a report, or none because it failed.
#[must_use]
pub fn entry_of(named: &Named, told: Result<RunReport, &Failure>, new_orders: usize) -> RunEntry {
    let (run, error) = match told {
        Ok(run) => (Some(Box::new(run)), None),
        Err(failure) => (None, Some(failure.report())),
    };
    RunEntry { case: named.source.clone(), account: named.account.to_string(), new_orders, run, error }
}

/// A run that is over, or waits as it should, and needs nobody is well; everything else wants a person.
fn urgency(run: &RunReport) -> Option<ErrorKind> {
    let is_over = |it: &ExecutionReport| it.state == published::RunState::Done || run.mode == Mode::Proposed;
    let is_well = |it: &ExecutionReport| is_over(it) && it.needs_attention == 0;
    (!run.execution.as_ref().is_some_and(is_well)).then_some(ErrorKind::NeedsAttention)
}
