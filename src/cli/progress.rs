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

impl Drop for Progress {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // It ends at once; a panic in it is no reason to fail.
            let _ = thread.join();
        }
    }
}
