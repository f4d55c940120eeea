//! One occasion: claimed, prepared, planned, committed, emitted and settled over the ports at hand.

use std::cell::RefCell;
use std::time::Instant;

use uuid::Uuid;

use super::failure::Failure;
use super::occasion::Occasion;
use super::ownership;
use crate::alerts::Seen;
use crate::execution::{self, ExecutionError, Intent, Opening, Ports, PreparationFailure, RunOutcome, RunRequest};
use crate::model::{AccountSnapshot, Flow};
use crate::planning::plan;
use crate::ports::ownership::AccountOwners;
use crate::ports::store::RunItem;
use crate::ports::{Clock, RunStore, Venue};
use crate::preparation::PreparationError;

/// Why there is no outcome.
#[derive(Debug, Clone)]
pub enum Stopped {
    /// Its data were refused before it began.
    Refused(PreparationError),
    /// On the way: what was done until then is stored.
    Underway(ExecutionError),
    /// By something else, before it began.
    Otherwise(Failure),
}

impl From<PreparationError> for Stopped {
    fn from(error: PreparationError) -> Self {
        Self::Refused(error)
    }
}

impl From<ExecutionError> for Stopped {
    fn from(error: ExecutionError) -> Self {
        Self::Underway(error)
    }
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::Otherwise(failure)
    }
}

impl From<Stopped> for Failure {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Refused(error) => error.into(),
            Stopped::Underway(error) => error.into(),
            Stopped::Otherwise(failure) => failure,
        }
    }
}

/// What came of one occasion.
#[derive(Debug)]
pub struct Attempted {
    pub answer: Result<RunOutcome, Stopped>,
    /// Why its data were refused after it was claimed: the run ended by it.
    pub refused: Option<PreparationError>,
    /// How long planning took; absent where nothing was planned.
    pub planning_ms: Option<u64>,
}

impl From<Stopped> for Attempted {
    fn from(stopped: Stopped) -> Self {
        Self { answer: Err(stopped), refused: None, planning_ms: None }
    }
}

impl Attempted {
    /// What there may be to tell of the run; nothing of one that another worker is at, or that is to be tried again.
    #[must_use]
    pub fn seen(&self) -> Option<Seen<'_>> {
        match &self.answer {
            Ok(RunOutcome::Busy { .. } | RunOutcome::InProgressElsewhere { .. }) => None,
            Ok(_) => Some(self.refused.as_ref().map_or(Seen::Nothing, Seen::Refused)),
            Err(Stopped::Refused(error)) => (!error.is_transient()).then_some(Seen::Refused(error)),
            Err(Stopped::Underway(ExecutionError::Halted { cause, .. })) => Some(Seen::Halted(cause)),
            Err(Stopped::Underway(_)) => Some(Seen::Nothing),
            Err(Stopped::Otherwise(failure)) => Some(Seen::Stopped(&failure.message)),
        }
    }
}

/// Runs the occasion to its end, or to where it cannot go on; see [`execution::execute`].
pub async fn run<S: RunStore + AccountOwners, V: Venue, C: Clock>(
    occasion: &Occasion,
    intent: Intent,
    claim_token: Uuid,
    ports: &Ports<'_, S, V, C>,
) -> Attempted {
    let (identity, flow) = (occasion.identity.clone(), occasion.flow.clone());
    if let Err(stopped) = ownership::register(ports.store, &identity, ports.clock.lease_now()).await {
        return stopped.into();
    }
    let request = RunRequest { identity, flow, intent, claim_token };
    let refused = RefCell::new(None);
    let prepare = async |opening: Opening| {
        let state = opening.settled.map(|settled| settled.state);
        // A clock goes on while one plans; what was observed just now is no observation of the future.
        let observed_at = opening.account.observed_at.min(occasion.as_of);
        let account = AccountSnapshot { observed_at, ..opening.account };
        occasion.input(Some(account), state).map_err(|error| {
            let failure = preparation_failure(&error);
            *refused.borrow_mut() = Some(error).filter(|error| !error.is_transient());
            failure
        })
    };
    // Boxed: the whole protocol is one large future.
    let mut planning_ms = None;
    let timed = |input: &_| {
        let begin = Instant::now();
        let planned = plan(input);
        planning_ms = u64::try_from(begin.elapsed().as_millis()).ok();
        planned
    };
    let answer = Box::pin(execution::execute(&request, ports, prepare, timed)).await.map_err(Stopped::from);
    Attempted { answer, refused: refused.into_inner(), planning_ms }
}

/// Approves the plan of a stored run (see [`execution::proposal`]), or goes on with what is committed. Neither case nor
/// planner is needed for it: what was loaded since changes nothing. `flow`: the one that is asked for; absent: the run's
/// own.
pub async fn resume<S: RunStore, V: Venue, C: Clock>(
    run: &RunItem,
    flow: Option<Flow>,
    intent: Intent,
    claim_token: Uuid,
    ports: &Ports<'_, S, V, C>,
) -> Attempted {
    let flow = flow.unwrap_or_else(|| run.flow.clone());
    let request = RunRequest { identity: run.identity.clone(), flow, intent, claim_token };
    let prepare = async |_: Opening| Err(PreparationFailure::Refused("a stored run is not planned anew".to_owned()));
    let answer = Box::pin(execution::execute(&request, ports, prepare, plan)).await.map_err(Stopped::from);
    Attempted { answer, refused: None, planning_ms: None }
}

fn preparation_failure(error: &PreparationError) -> PreparationFailure {
    if error.is_transient() {
        PreparationFailure::Transient(error.to_string())
    } else {
        PreparationFailure::Refused(error.to_string())
    }
}
