//! What the integration tests share.

#![expect(dead_code, unused_imports, reason = "every test crate uses a part of it")]

mod shared;

use std::fs;
use std::path::{Path, PathBuf};

pub use shared::shared_data;

/// The directories of `fixtures/` that are cases, by name.
pub fn fixture_cases() -> Vec<PathBuf> {
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
pub fn update_expected() -> bool {
    std::env::var("UPDATE_EXPECTED").is_ok_and(|value| value == "1")
}
