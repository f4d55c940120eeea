//! The crate's own sources, read for what they say of themselves.

use std::fs;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A file has a function of this name that the test runner runs.
pub(super) fn has_test(file: &str, name: &str) -> bool {
    is_test(&text(&root().join(file)), name)
}

fn is_test(source: &str, name: &str) -> bool {
    let Some((before, _)) = source.split_once(&format!("fn {name}()")) else { return false };
    let item = before.rsplit("\n\n").next().unwrap_or_default();
    (item.contains("#[test]") || item.contains("#[tokio::test]")) && !item.contains("#[ignore")
}

#[test]
fn what_is_no_test_is_not_taken_for_one() {
    let source = "fn helper() {}\n\n#[test]\n#[ignore]\nfn left_out() {}\n\n/// Doc.\n#[test]\nfn test() {}\n";
    let found = ["helper", "left_out", "absent", "test"].map(|name| is_test(source, name));
    assert_eq!(found, [false, false, false, true]);
}
