//! The shared data beside the crate: real files that are read where they are and never copied.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The directory of shared data, or nothing (after a printed line) where it is missing.
///
/// # Panics
/// When it is missing although `REBALANCE_REQUIRE_SHARED=1` says that it must be there.
pub(crate) fn shared_data(test: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    if path.is_dir() {
        return Some(path);
    }
    skip(test, "../shared is missing");
    None
}

/// Prints and counts that a test was skipped.
///
/// # Panics
/// When nothing may be missing: under `REBALANCE_REQUIRE_SHARED=1`, as in `make ci`.
pub(crate) fn skip(test: &str, missing: &str) {
    #[expect(clippy::disallowed_methods, reason = "a switch of the test suite, not of the product")]
    let required = std::env::var("REBALANCE_REQUIRE_SHARED").is_ok_and(|value| value == "1");
    assert!(!required, "{test}: {missing} and REBALANCE_REQUIRE_SHARED=1");
    let line = format!("SKIPPED: {test}: {missing}");
    println!("{line}");
    log_skip(&line);
}

/// Appends the line to the file that `REBALANCE_SKIP_LOG` names, if any: the output of a passing test is captured, and
/// `make test` says at its end how many were skipped.
fn log_skip(line: &str) {
    let Some(path) = std::env::var_os("REBALANCE_SKIP_LOG") else {
        return;
    };
    let mut log = OpenOptions::new().create(true).append(true).open(path).expect("REBALANCE_SKIP_LOG can be written");
    // One write, so that lines of tests that run at once do not mix.
    log.write_all(format!("{line}\n").as_bytes()).expect("REBALANCE_SKIP_LOG can be written");
}
