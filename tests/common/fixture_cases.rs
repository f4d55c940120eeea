//! What the integration tests share.

use std::fs;
use std::path::{Path, PathBuf};

/// The directories of `fixtures/` that are cases, by name.
pub(crate) fn fixture_cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let entries = fs::read_dir(&root).expect("fixtures/ is there");
    let mut cases: Vec<PathBuf> = entries
        .map(|entry| entry.expect("fixtures/ can be listed").path())
        .filter(|path| path.join("case.toml").is_file())
        .collect();
    cases.sort();
    cases
}

/// Whether expected texts are to be rewritten.
#[expect(clippy::disallowed_methods, reason = "a switch of the test suite, not of the product")]
pub(crate) fn update_expected() -> bool {
    std::env::var("UPDATE_EXPECTED").is_ok_and(|value| value == "1")
}
