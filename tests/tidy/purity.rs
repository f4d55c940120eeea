//! `model` and `planning` are pure: no clock, environment, random source, file, network, thread or async runtime, and
//! no collection without an order. What they may use is listed, so that anything new has to be thought about.

use std::collections::BTreeSet;
use std::fs;

use crate::tokens::{NamePath, read};
use crate::{Finding, Source, assert_caught, assert_clean, assert_passes, product_files, root};

const PURE_FOLDERS: [&str; 3] = ["src/model/", "src/planning/", "src/solver/"];
/// The seam to the solvers, and the planner's adapter to it.
const SEAM: &str = "src/solver/";
const ADAPTER: &str = "src/planning/solver.rs";

/// Crates that neither read the outside world nor iterate in an unstable order.
const PURE_CRATES: [&str; 8] = ["jiff", "rust_decimal", "schemars", "serde", "serde_json", "sha2", "thiserror", "uuid"];
const SOLVER_CRATES: [&str; 3] = ["good_lp", "highs", "microlp"];

/// Parts of the standard library that pure code may name. A path passes when it is one of these or inside one.
const PURE_STD: [&str; 35] = [
    "array",
    "borrow",
    "cell::RefCell",
    "char",
    "cmp",
    "collections::BTreeMap",
    "collections::BTreeSet",
    "collections::BinaryHeap",
    "collections::VecDeque",
    "collections::btree_map",
    "collections::btree_set",
    "convert",
    "error",
    "fmt",
    "hash::Hash",
    "hash::Hasher",
    "io::Error",
    "io::Result",
    "io::Write",
    "iter",
    "marker",
    "mem",
    "num",
    "ops",
    "option",
    "rc::Rc",
    "result",
    "slice",
    "str",
    "string",
    "sync::Arc",
    "sync::LazyLock",
    "u32",
    "u64",
    "vec",
];

/// Words that pure code does not contain, wherever they come from.
const IMPURE_WORDS: [&str; 17] = [
    "HashMap",
    "HashSet",
    "Instant",
    "RandomState",
    "SystemTime",
    "Zoned",
    "async",
    "await",
    "extern",
    "new_v1",
    "new_v4",
    "new_v6",
    "new_v7",
    "now",
    "now_v7",
    "thread_local",
    "unsafe",
];
const IMPURE_MACROS: [&str; 8] =
    ["dbg", "eprint", "eprintln", "include_bytes", "option_env", "print", "println", "thread_local"];

/// No effect and no unordered collection in `model` and `planning`.
fn pure_code(source: &Source, dependencies: &BTreeSet<String>) -> Vec<Finding> {
    if !PURE_FOLDERS.iter().any(|folder| source.path.starts_with(folder)) {
        return Vec::new();
    }
    let tokens = read(source);
    let finding = |line, what| Finding { path: source.path.clone(), line, what };
    let paths = tokens
        .paths
        .iter()
        .filter_map(|path| impurity(path, &source.path, dependencies).map(|what| finding(path.line, what)));
    let words = tokens.words.iter().filter(|word| {
        if word.is_macro {
            IMPURE_MACROS.contains(&word.text.as_str())
        } else {
            IMPURE_WORDS.contains(&word.text.as_str())
        }
    });
    paths.chain(words.map(|word| finding(word.line, format!("`{}` has no place in pure code", word.text)))).collect()
}

fn impurity(path: &NamePath, file: &str, dependencies: &BTreeSet<String>) -> Option<String> {
    let is_alone = path.segments.len() == 1 && !path.imported;
    let first = path.first();
    if is_alone {
        return None;
    }
    if ["std", "core", "alloc"].contains(&first) {
        let rest = path.segments[1..].join("::");
        let allowed = PURE_STD
            .iter()
            .any(|part| rest.strip_prefix(part).is_some_and(|more| more.is_empty() || more.starts_with("::")));
        let unordered = path.segments.iter().any(|segment| IMPURE_WORDS.contains(&segment.as_str()));
        return (!allowed && !unordered).then(|| format!("`{}` is not on the list of pure parts of std", path.text()));
    }
    let allowed = PURE_CRATES.contains(&first) || (file.starts_with(SEAM) && SOLVER_CRATES.contains(&first));
    (dependencies.contains(first) && !allowed)
        .then(|| format!("`{}`: pure code may not use the crate {first}", path.text()))
}

/// Binary floating point and the solver's crates live in the seam and the adapter to it.
fn floats_in_the_solver_only(source: &Source) -> Vec<Finding> {
    if source.path == ADAPTER || source.path.starts_with(SEAM) {
        return Vec::new();
    }
    let tokens = read(source);
    let words = tokens.words.iter().filter(|word| {
        let names_float = word.text.split('_').any(|part| part == "f64" || part == "f32");
        names_float || SOLVER_CRATES.contains(&word.text.as_str())
    });
    words
        .chain(&tokens.floats)
        .map(|word| Finding {
            path: source.path.clone(),
            line: word.line,
            what: format!("`{}` belongs in {SEAM} and {ADAPTER} alone: amounts are Decimal", word.text),
        })
        .collect()
}

/// The crates that this package may name, as they are written in code.
fn dependencies() -> BTreeSet<String> {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml");
    let manifest: toml::Table = manifest.parse().expect("Cargo.toml is TOML");
    let names = |section: &str| -> Vec<String> {
        let table = manifest.get(section).and_then(toml::Value::as_table).expect("a section of dependencies");
        table.keys().map(|name| name.replace('-', "_")).collect()
    };
    // dynoxide's package and library differ in name.
    names("dependencies").into_iter().chain(names("dev-dependencies")).chain(["dynoxide".to_owned()]).collect()
}

#[test]
fn model_and_planning_are_pure() {
    let dependencies = dependencies();
    assert!(dependencies.contains("tokio") && dependencies.contains("aws_sdk_dynamodb"), "{dependencies:?}");
    assert_clean(&product_files(), |source| pure_code(source, &dependencies));
}

#[test]
fn floating_point_lives_in_the_solver_seam() {
    assert_clean(&product_files(), floats_in_the_solver_only);
}

#[test]
fn impure_snippets_are_caught() {
    let dependencies = dependencies();
    let rule = |source: &Source| pure_code(source, &dependencies);
    for (snippet, expected) in [
        ("use std::time::Duration;", "std::time::Duration"),
        ("use std::{fmt, env};", "std::env"),
        ("use std::fs;", "std::fs"),
        ("use std::net::TcpStream;", "std::net"),
        ("use std::*;", "std::*"),
        ("use std as s;", "`std`"),
        ("use std::collections;", "std::collections"),
        ("use std::io;", "std::io"),
        ("use std::collections::{BTreeMap, HashMap};", "HashMap"),
        ("fn f() -> Option<String> { std::env::var(\"A\").ok() }", "std::env::var"),
        ("fn f() { std::process::exit(1) }", "std::process"),
        ("fn f() { ::std::thread::yield_now() }", "std::thread"),
        ("fn f(t: jiff::Timestamp) { jiff::Timestamp::now(); }", "now"),
        ("fn f() { uuid::Uuid::new_v4(); }", "new_v4"),
        ("use tokio::sync::Mutex;", "tokio"),
        ("fn f() { aws_sdk_dynamodb::Client::new(c) }", "aws_sdk_dynamodb"),
        ("use csv::Reader;", "csv"),
        ("use good_lp::Expression;", "good_lp"),
        ("fn f(s: &HashSet<u8>) {}", "HashSet"),
        ("async fn f() {}", "async"),
        ("fn f() { println!(\"x\") }", "println"),
        ("macro_rules! m { () => { std::env::args() } }", "std::env::args"),
    ] {
        assert_caught(rule, "src/planning/universe.rs", snippet, expected);
    }
    assert_caught(rule, "src/planning/solver.rs", "use good_lp::Expression;", "good_lp");
    assert_caught(rule, "src/solver/highs.rs", "use std::time::Duration;", "std::time::Duration");
}

#[test]
fn pure_snippets_pass() {
    let dependencies = dependencies();
    let rule = |source: &Source| pure_code(source, &dependencies);
    for snippet in [
        "use std::collections::{BTreeMap, BTreeSet}; use std::fmt::{self, Write as _}; use jiff::Timestamp;",
        "//! Reads `std::env::var` never.\n// tokio\nconst A: &str = \"std::fs\";",
        "#[cfg(test)] mod tests { use std::collections::HashMap; }",
        "fn f(env: u8) -> u8 { env }",
        "impl std::fmt::Display for A {}",
    ] {
        assert_passes(rule, "src/planning/universe.rs", snippet);
    }
    assert_passes(rule, "src/solver/model.rs", "use good_lp::Expression;");
    assert_passes(rule, "src/adapters/clock.rs", "use std::time::SystemTime;");
}

#[test]
fn floating_point_snippets_are_caught() {
    for (snippet, expected) in [
        ("fn f(x: f64) {}", "f64"),
        ("fn f() { let x = 0.5; }", "0.5"),
        ("fn f(d: Decimal) { d.to_f64() }", "to_f64"),
        ("use good_lp::variable;", "good_lp"),
        ("fn f() { m!(1e-9) }", "1e-9"),
    ] {
        assert_caught(floats_in_the_solver_only, "src/planning/program.rs", snippet, expected);
        assert_passes(floats_in_the_solver_only, ADAPTER, snippet);
        assert_passes(floats_in_the_solver_only, "src/solver/check.rs", snippet);
    }
    for snippet in ["const A: &str = \"0.5\";", "/// 0.5 f64\nfn f() {}", "fn f(t: (u8, (u8, u8))) { t.1.0 }"] {
        assert_passes(floats_in_the_solver_only, "src/planning/program.rs", snippet);
    }
}
