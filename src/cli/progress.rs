//! A sign of life on standard error, on a terminal only, once something takes longer than half a second.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::environment;

const PATIENCE: Duration = Duration::from_millis(500);
const TICK: Duration = Duration::from_millis(100);

/// Shown until it is dropped.
#[derive(Debug)]
pub(super) struct Progress {
    words: Option<Sender<String>>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// `wanted`: not where the answer is JSON.
    pub(super) fn start(wanted: bool, what: String) -> Self {
        if !wanted || !environment::stderr_is_terminal() {
            return Self { words: None, thread: None };
        }
        let (words, said) = mpsc::channel::<String>();
        let thread = std::thread::spawn(move || {
            let Some(what) = newest_after_patience(&said, what) else {
                return;
            };
            let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}").ok();
            let bar = ProgressBar::new_spinner().with_message(what);
            let bar = match style {
                Some(style) => bar.with_style(style),
                None => bar,
            };
            bar.enable_steady_tick(TICK);
            // Ends when the sender is dropped.
            while let Ok(what) = said.recv() {
                bar.set_message(what);
            }
            bar.finish_and_clear();
        });
        Self { words: Some(words), thread: Some(thread) }
    }

    /// What is being done now.
    pub(super) fn say(&self, what: String) {
        if let Some(words) = &self.words {
            // A display that has ended shows nothing.
            let _ = words.send(what);
        }
    }
}

/// What is being done once patience is over; nothing when it was done before.
fn newest_after_patience(said: &Receiver<String>, first: String) -> Option<String> {
    let patience_ends = Instant::now() + PATIENCE;
    let mut what = first;
    loop {
        match said.recv_timeout(patience_ends.saturating_duration_since(Instant::now())) {
            Ok(newer) => what = newer,
            Err(RecvTimeoutError::Timeout) => return Some(what),
            Err(RecvTimeoutError::Disconnected) => return None,
        }
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
        self.bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.words = None;
        if let Some(thread) = self.thread.take() {
            // It ends at once; a panic in it is no reason to fail.
            let _ = thread.join();
        }
    }
}
