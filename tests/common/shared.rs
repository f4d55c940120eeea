//! The shared data beside the crate: real files that are read where they are and never copied.

use std::path::{Path, PathBuf};

/// The directory of shared data, or nothing (after a printed line) where it is missing.
///
/// # Panics
/// When it is missing although `REBALANCE_REQUIRE_SHARED=1` says that it must be there.
pub fn shared_data(test: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    if path.is_dir() {
        return Some(path);
    }
    #[expect(clippy::disallowed_methods, reason = "a switch of the test suite, not of the product")]
    let required = std::env::var("REBALANCE_REQUIRE_SHARED").is_ok_and(|value| value == "1");
    assert!(!required, "{test}: ../shared is missing and REBALANCE_REQUIRE_SHARED=1");
    println!("SKIPPED: {test}: ../shared is missing");
    None
}
