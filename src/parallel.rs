//! Work on several threads with results in one order, and never more of it at once than is stated: the same work for each
//! of many jobs, or turns at something that only one at a time may go on with.
//!
//! Workers take the turns themselves. Whoever takes one first gives away its place in the order, and there are only so
//! many places: one slow turn holds up the taking of others before their results pile up behind it.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Mutex, MutexGuard};
use std::thread;

/// How many work, and on how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crew {
    pub workers: NonZeroUsize,
    /// Turns that are taken and whose results the sink has not yet dealt with; workers beyond it stand idle.
    pub in_flight: NonZeroUsize,
}

/// Turns in flight for each worker besides its own: the others go on while one has a turn of several times their length.
const AHEAD: usize = 3;

impl Crew {
    #[must_use]
    pub const fn of(workers: NonZeroUsize) -> Self {
        Self { workers, in_flight: workers.saturating_add(workers.get().saturating_mul(AHEAD)) }
    }

    /// A worker for each core.
    #[must_use]
    pub fn of_all_cores() -> Self {
        Self::of(thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
    }
}

/// Does the work for every job and hands each result to the sink, as [`in_turns`] does.
///
/// # Panics
/// As there; taking a job is part of its turn.
pub fn in_order<J, R: Send, B>(
    jobs: impl Iterator<Item = J> + Send,
    crew: Crew,
    work: impl Fn(J) -> R + Sync,
    sink: impl FnMut(R) -> ControlFlow<B>,
) -> ControlFlow<B> {
    let turn = |mut jobs: Turn<'_, _>| {
        let job = Iterator::next(&mut *jobs)?;
        drop(jobs);
        Some(work(job))
    };
    in_turns(jobs.fuse(), crew, turn, sink)
}

/// What only one at a time goes on with; who drops it lets the next one go on.
pub type Turn<'a, S> = MutexGuard<'a, S>;

/// Takes turns at something until one answers nothing, and hands each result to the sink, on this thread, in the order of
/// the turns. A result waits for none but those before it. When the sink breaks, no further turn is taken, and what it broke
/// with comes back once those in flight are done.
///
/// # Panics
/// When a turn does, with its panic, in its place in the order; results before it have reached the sink. When the sink
/// does.
pub fn in_turns<S: Send, R: Send, B>(
    state: S,
    crew: Crew,
    turn: impl Fn(Turn<'_, S>) -> Option<R> + Sync,
    mut sink: impl FnMut(R) -> ControlFlow<B>,
) -> ControlFlow<B> {
    let state = Mutex::new(state);
    // One place more is the sink's.
    let (places, order) = mpsc::sync_channel(crew.in_flight.get() - 1);
    thread::scope(|scope| {
        for _ in 0..crew.workers.get() {
            let (state, places, turn) = (&state, places.clone(), &turn);
            let _ = scope.spawn(move || take_turns(state, &places, turn));
        }
        drop(places);
        // Dropped when the sink breaks or something panics: nobody finds a place then, and all go home.
        order.into_iter().filter_map(|place| place.recv().ok()).try_for_each(|result| match result {
            Ok(result) => sink(result),
            Err(panic) => resume_unwind(panic),
        })
    })
}

/// Where one turn's result will be; empty for good where nothing was left to do.
type Place<R> = Receiver<thread::Result<R>>;

fn take_turns<S, R>(state: &Mutex<S>, places: &SyncSender<Place<R>>, turn: impl Fn(Turn<'_, S>) -> Option<R>) {
    // Poisoned: somebody's turn panicked before it was over, which ends them all.
    while let Ok(state) = state.lock() {
        let (tell, place) = mpsc::sync_channel(1);
        if places.send(place).is_err() {
            break;
        }
        let Some(result) = catch_unwind(AssertUnwindSafe(|| turn(state))).transpose() else { break };
        // Nobody waits for it where the sink has broken; there is no place for another then.
        let _ = tell.send(result);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

    use super::*;

    fn crew(workers: usize, in_flight: usize) -> Crew {
        let number = |number| NonZeroUsize::new(number).expect("at least one");
        Crew { workers: number(workers), in_flight: number(in_flight) }
    }

    /// Every third job takes much longer than the others, the first one longest.
    fn uneven(job: usize) -> usize {
        let pause = if job == 0 { 20 } else { u64::from(job.is_multiple_of(3)) };
        thread::sleep(Duration::from_millis(pause));
        job
    }

    #[test]
    fn results_come_in_the_order_of_the_jobs() {
        for crew in [crew(1, 1), crew(4, 1), crew(1, 9), crew(4, 5), crew(8, 64)] {
            let mut told = Vec::new();
            let ended = in_order(0..100, crew, uneven, |result| {
                told.push(result);
                ControlFlow::<()>::Continue(())
            });
            assert_eq!((ended, told), (ControlFlow::Continue(()), (0..100).collect()), "{crew:?}");
        }
    }

    #[test]
    fn never_more_jobs_are_in_flight_than_is_stated() {
        for crew in [crew(4, 1), crew(4, 3), crew(2, 7)] {
            let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
            // Counted from when it is taken until the sink is done with it.
            let taken = |_: &usize| {
                let _ = most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            };
            let held_up_by_the_first = |job: usize| {
                let patience = Instant::now() + Duration::from_secs(10);
                while job == 0 && now.load(Ordering::SeqCst) < crew.in_flight.get() && Instant::now() < patience {
                    thread::yield_now();
                }
                uneven(job)
            };
            let _ = in_order((0..60).inspect(taken), crew, held_up_by_the_first, |_| {
                thread::sleep(Duration::from_micros(200));
                let _ = now.fetch_sub(1, Ordering::SeqCst);
                ControlFlow::<()>::Continue(())
            });
            assert_eq!(most.into_inner(), crew.in_flight.get(), "{crew:?}: reached, and never passed");
        }
    }

    #[test]
    fn several_work_at_once() {
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let work = |_| {
            let _ = most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(2));
            let _ = now.fetch_sub(1, Ordering::SeqCst);
        };
        let _ = in_order(0..40, crew(3, 12), work, ControlFlow::<()>::Continue);
        assert_eq!(most.into_inner(), 3, "as many as there are workers");
    }

    #[test]
    fn a_sink_that_has_enough_ends_it() {
        let taken = AtomicUsize::new(0);
        let endless = (0..).inspect(|_| {
            let _ = taken.fetch_add(1, Ordering::SeqCst);
        });
        let mut told = 0;
        let ended = in_order(endless, crew(3, 6), uneven, |result| {
            told += 1;
            if result == 9 { ControlFlow::Break("enough") } else { ControlFlow::Continue(()) }
        });
        assert_eq!((ended, told), (ControlFlow::Break("enough"), 10));
        assert!(taken.into_inner() <= 10 + 6, "no more is taken than was in flight");
    }

    /// A source that waits for the answer to its first job before it has a second.
    #[test]
    fn a_result_does_not_wait_for_jobs_behind_it() {
        let (answered, heard) = mpsc::channel();
        let source = (0..2).inspect(move |job| {
            if *job == 1 {
                heard.recv_timeout(Duration::from_secs(10)).expect("the first result is told before");
            }
        });
        let _ = in_order(source, crew(2, 8), uneven, |result| {
            let _ = answered.send(result);
            ControlFlow::<()>::Continue(())
        });
    }

    #[test]
    fn a_panic_is_passed_on_in_its_place() {
        let mut told = Vec::new();
        let work = |job| if job == 5 { resume_unwind(Box::new("five")) } else { uneven(job) };
        let panic = catch_unwind(AssertUnwindSafe(|| {
            in_order(0.., crew(3, 6), work, |result| {
                told.push(result);
                ControlFlow::<()>::Continue(())
            })
        }));
        let panic = panic.expect_err("it panics").downcast::<&str>().expect("the job's own panic");
        assert_eq!((*panic, told), ("five", (0..5).collect()));
    }

    /// Each turn goes on, once its state is free, until all workers do.
    #[test]
    fn turns_are_taken_one_by_one_and_end_side_by_side() {
        for crew in [crew(1, 1), crew(2, 8), crew(4, 5)] {
            let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let mut told = Vec::new();
            let turn = |mut state: Turn<'_, usize>| {
                let before = *state;
                *state += 1;
                drop(state);
                let _ = most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                let patience = Instant::now() + Duration::from_secs(10);
                while most.load(Ordering::SeqCst) < crew.workers.get() && Instant::now() < patience {
                    thread::yield_now();
                }
                let _ = now.fetch_sub(1, Ordering::SeqCst);
                (before < 40).then_some(before)
            };
            let ended = in_turns(0, crew, turn, |result| {
                told.push(result);
                ControlFlow::<()>::Continue(())
            });
            assert_eq!((ended, told), (ControlFlow::Continue(()), (0..40).collect()), "{crew:?}");
            assert_eq!(most.into_inner(), crew.workers.get(), "{crew:?}");
        }
    }

    #[test]
    fn a_turn_that_panics_before_it_is_over_ends_it_in_its_place() {
        let mut told = Vec::new();
        let turn = |mut state: Turn<'_, usize>| {
            *state += 1;
            if *state == 5 {
                resume_unwind(Box::new("five"));
            }
            Some(*state)
        };
        let panic = catch_unwind(AssertUnwindSafe(|| {
            in_turns(0, crew(3, 6), turn, |result| {
                told.push(result);
                ControlFlow::<()>::Continue(())
            })
        }));
        let panic = panic.expect_err("it panics").downcast::<&str>().expect("the turn's own panic");
        assert_eq!((*panic, told), ("five", (1..5).collect()));
    }

    #[test]
    fn a_source_that_panics_ends_it() {
        let source = (0..9).map(|job| if job == 5 { resume_unwind(Box::new(())) } else { job });
        let ended = catch_unwind(AssertUnwindSafe(|| {
            in_order(source, crew(3, 6), uneven, |_| ControlFlow::<()>::Continue(()))
        }));
        assert!(ended.is_err());
    }

    #[test]
    fn no_jobs_are_no_results() {
        let ended = in_order(0..0, Crew::of_all_cores(), uneven, ControlFlow::Break);
        assert_eq!(ended, ControlFlow::Continue(()));
    }
}
