//! The public inputs under `../shared`, as they are.

use std::path::PathBuf;

/// A file under `../shared`; `None`, with a printed line, when the folder is absent and need not be there.
pub(crate) fn read(path: &str, test: &str) -> Option<Vec<u8>> {
    let shared = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared");
    if !shared.is_dir() {
        #[expect(clippy::disallowed_methods, reason = "the test's own switch, not the product's configuration")]
        let required = std::env::var("REBALANCE_REQUIRE_SHARED").is_ok_and(|value| value == "1");
        assert!(!required, "{test}: ../shared is missing and REBALANCE_REQUIRE_SHARED=1");
        println!("SKIPPED: {test}: ../shared is missing");
        return None;
    }
    Some(std::fs::read(shared.join(path)).unwrap_or_else(|error| panic!("../shared/{path}: {error}")))
}
