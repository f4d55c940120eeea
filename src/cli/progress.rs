//! A sign of life on standard error, on a terminal only, once something takes longer than half a second.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::environment;

const PATIENCE: Duration = Duration::from_millis(500);
const TICK: Duration = Duration::from_millis(100);

/// Shown until it is dropped.
#[derive(Debug)]
pub(super) struct Progress {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// `wanted`: not where the answer is JSON.
    pub(super) fn start(wanted: bool, what: String) -> Self {
        if !wanted || !environment::stderr_is_terminal() {
            return Self { stop: None, thread: None };
        }
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            if stopped.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}").ok();
            let bar = ProgressBar::new_spinner().with_message(what);
            let bar = match style {
                Some(style) => bar.with_style(style),
                None => bar,
            };
            bar.enable_steady_tick(TICK);
            // Ends when the sender is dropped.
            let _ = stopped.recv();
            bar.finish_and_clear();
        });
        Self { stop: Some(stop), thread: Some(thread) }
    }
}

/// How many of several things are done, on a terminal only.
#[derive(Debug)]
pub(super) struct Count {
    bar: ProgressBar,
}

impl Count {
    /// `wanted`: not where the answer is JSON.
    pub(super) fn start(wanted: bool, all: usize, what: String) -> Self {
        let all = u64::try_from(all).unwrap_or(u64::MAX);
        let shown = wanted && environment::stderr_is_terminal();
        let bar = if shown { ProgressBar::new(all) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len} {elapsed}, {eta} left").ok();
        let bar = bar.with_message(what);
        Self { bar: style.map_or_else(|| bar.clone(), |style| bar.clone().with_style(style)) }
    }

    pub(super) fn at(&self, done: usize) {
        // Several workers tell: the count never goes back.
        let done = u64::try_from(done).unwrap_or(u64::MAX).max(self.bar.position());
        self.bar.set_position(done);
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // It ends at once; a panic in it is no reason to fail.
            let _ = thread.join();
        }
    }
}
