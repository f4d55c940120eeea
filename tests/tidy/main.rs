//! Reads the source tree and proves what the documentation promises about it: which part may use what, which way
//! dependencies point, and the house rules that no compiler checks.
//!
//! A rule is a function from one file to findings. Each is also run on small bad snippets, because a rule that
//! cannot fail proves nothing. Files are lexed, so comments and strings never count as code.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops where something is wrong; the exemption for tests does not reach its own functions"
)]

mod docs;
mod layering;
mod purity;
mod style;
mod tokens;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// One file of the repository.
pub(crate) struct Source {
    /// Relative to the repository, with `/` between folders.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    /// A snippet that pretends to be the file at `path`.
    pub(crate) fn snippet(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }
}

/// What a rule found, and where.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file under the given folders, by path.
pub(crate) fn rust_files(folders: &[&str]) -> Vec<Source> {
    files(folders, |path| path.extension().is_some_and(|extension| extension == "rs"))
}

/// The Rust files of `src/` that are compiled into the product: those of `#[cfg(test)] mod name;` are not.
pub(crate) fn product_files() -> Vec<Source> {
    let mut sources = rust_files(&["src"]);
    let test_places: Vec<String> = sources.iter().flat_map(test_places).collect();
    sources.retain(|source| !test_places.iter().any(|place| source.path.starts_with(place)));
    sources
}

/// Where the test modules that this file declares may be: `src/planning/tests.rs` and `src/planning/tests/`.
fn test_places(source: &Source) -> Vec<String> {
    let own = source.path.trim_end_matches(".rs");
    let folder = own.strip_suffix("/mod").or_else(|| own.strip_suffix("/lib")).unwrap_or(own);
    let names = tokens::read(source).test_modules;
    names.iter().flat_map(|name| [format!("{folder}/{name}.rs"), format!("{folder}/{name}/")]).collect()
}

/// Every file under the given folders or files that `wanted` accepts, by path.
pub(crate) fn files(places: &[&str], wanted: impl Fn(&Path) -> bool) -> Vec<Source> {
    let mut paths = Vec::new();
    for place in places {
        collect(&root().join(place), &mut paths);
    }
    paths.retain(|path| wanted(path));
    paths.sort();
    paths
        .iter()
        .map(|path| {
            let relative = path.strip_prefix(root()).expect("collected below the root");
            Source {
                path: relative
                    .components()
                    .map(|part| part.as_os_str().to_string_lossy())
                    .collect::<Vec<_>>()
                    .join("/"),
                text: fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())),
            }
        })
        .collect()
}

fn collect(place: &Path, found: &mut Vec<PathBuf>) {
    if place.is_file() {
        found.push(place.to_owned());
    } else if place.is_dir() {
        for entry in fs::read_dir(place).unwrap_or_else(|error| panic!("{}: {error}", place.display())) {
            collect(&entry.expect("a readable folder").path(), found);
        }
    }
}

/// Runs a rule over files and fails with every finding at once.
pub(crate) fn assert_clean(sources: &[Source], rule: impl Fn(&Source) -> Vec<Finding>) {
    assert!(!sources.is_empty(), "no file to check: the rule would pass without looking at anything");
    let findings: Vec<String> = sources.iter().flat_map(rule).map(|finding| finding.to_string()).collect();
    assert!(findings.is_empty(), "{} finding(s):\n{}", findings.len(), findings.join("\n"));
}

/// Asserts that the rule finds exactly one thing in the snippet, and that it speaks of `expected`.
pub(crate) fn assert_caught(rule: impl Fn(&Source) -> Vec<Finding>, path: &str, text: &str, expected: &str) {
    let findings = rule(&Source::snippet(path, text));
    assert_eq!(findings.len(), 1, "in `{text}`: {findings:?}");
    assert!(findings[0].what.contains(expected), "in `{text}`: {}", findings[0]);
}

/// Asserts that the rule finds nothing in the snippet.
pub(crate) fn assert_passes(rule: impl Fn(&Source) -> Vec<Finding>, path: &str, text: &str) {
    let findings = rule(&Source::snippet(path, text));
    assert!(findings.is_empty(), "in `{text}`: {findings:?}");
}

#[test]
fn test_modules_are_found_beside_their_declaration() {
    let declaration = "#[cfg(test)] mod tests;";
    assert_eq!(test_places(&Source::snippet("src/a/mod.rs", declaration)), ["src/a/tests.rs", "src/a/tests/"]);
    assert_eq!(test_places(&Source::snippet("src/a/b.rs", declaration)), ["src/a/b/tests.rs", "src/a/b/tests/"]);
    assert_eq!(test_places(&Source::snippet("src/lib.rs", declaration)), ["src/tests.rs", "src/tests/"]);
    assert!(product_files().iter().any(|source| source.path == "src/planning/idempotency.rs"));
}
