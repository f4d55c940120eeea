//! What went over the wire and what was done to whom, one JSON line each, in the order in which it happened.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::sync::Mutex;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::now;

/// One line. A request and its answer have the same number.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) at: Timestamp,
    pub(crate) worker: u32,
    pub(crate) account: String,
    pub(crate) what: What,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum What {
    /// A worker began: what it is to do with one of the account's runs, or that it recovers whatever there is.
    Started {
        task: String,
    },
    /// A request left the worker. The body only of writes and orders.
    Asked {
        number: u64,
        step: String,
        body: Value,
    },
    /// The request reached the other side and was answered.
    Answered {
        number: u64,
        status: u16,
    },
    /// The answer, or the request itself, was withheld.
    Cut {
        number: u64,
        before: bool,
    },
    Delayed {
        number: u64,
        milliseconds: u64,
    },
    /// SIGKILL. `step` is absent when the moment was drawn by chance.
    Killed {
        step: Option<String>,
        before: bool,
    },
    Ended {
        code: Option<i32>,
    },
    /// For so long the machine did not let the driver go on: a measure of what happens to workers as well.
    Stalled {
        milliseconds: i64,
    },
}

/// The log, while it is written.
#[derive(Debug)]
pub(crate) struct Log {
    file: Mutex<BufWriter<File>>,
    next: std::sync::atomic::AtomicU64,
}

impl Log {
    pub(crate) fn create(path: &Path) -> Self {
        let file = File::create(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { file: Mutex::new(BufWriter::new(file)), next: std::sync::atomic::AtomicU64::new(1) }
    }

    pub(crate) fn number(&self) -> u64 {
        self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
    }

    /// The moment and the place in the log are taken together.
    pub(crate) fn add(&self, worker: u32, account: &str, what: What) {
        let mut file = self.file.lock().expect("not poisoned");
        let line = Line { at: now(), worker, account: account.to_owned(), what };
        serde_json::to_writer(&mut *file, &line).expect("the log can be written");
        file.write_all(b"\n").expect("the log can be written");
    }

    pub(crate) fn flush(&self) {
        self.file.lock().expect("not poisoned").flush().expect("the log can be written");
    }
}

/// The log as it stands in the file.
pub(crate) fn read(path: &Path) -> Vec<Line> {
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines = BufReader::new(file).lines();
    lines.map(|line| serde_json::from_str(&line.expect("readable")).expect("a line of the log")).collect()
}
