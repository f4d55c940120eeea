//! House rules that no compiler checks: names, file lengths, module documentation, reasons for exceptions, nothing left
//! unfinished, nothing that only exists on one machine.

use std::path::Path;

use crate::tokens::read;
use crate::{Finding, Source, assert_caught, assert_clean, assert_passes, files, root, rust_files};

/// Longest source file, in lines; above the second figure the test names the file without failing.
const MAX_LINES: usize = 600;
const LONG_LINES: usize = 400;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 8] = ["util", "utils", "helper", "helpers", "manager", "service", "misc", "stuff"];

/// Marks of unfinished work. Written in two parts, so that this file does not contain them.
const UNFINISHED: [&str; 5] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X:"),
    concat!("unimple", "mented!"),
    concat!("to", "do!("),
];

/// Places that exist on one machine only.
const MACHINE_PLACES: [&str; 5] =
    [concat!("/wo", "rk/"), concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/Us", "ers/"), concat!("C:", "\\")];

fn lines_containing<'a>(source: &'a Source, needles: &'a [&'a str]) -> impl Iterator<Item = (usize, &'a str)> {
    source.text.lines().enumerate().flat_map(move |(at, line)| {
        needles.iter().filter(move |needle| line.contains(**needle)).map(move |needle| (at + 1, *needle))
    })
}

fn nothing_unfinished(source: &Source) -> Vec<Finding> {
    lines_containing(source, &UNFINISHED)
        .map(|(line, mark)| Finding {
            path: source.path.clone(),
            line,
            what: format!("`{mark}`: finish it or file it"),
        })
        .collect()
}

fn no_machine_places(source: &Source) -> Vec<Finding> {
    lines_containing(source, &MACHINE_PLACES)
        .map(|(line, place)| Finding {
            path: source.path.clone(),
            line,
            what: format!("`{place}` exists on one machine"),
        })
        .collect()
}

fn speaking_names(source: &Source) -> Vec<Finding> {
    source
        .path
        .trim_end_matches(".rs")
        .split(['/', '_'])
        .filter(|part| EMPTY_NAMES.contains(part))
        .map(|part| Finding {
            path: source.path.clone(),
            line: 1,
            what: format!("`{part}` does not say what is inside; name the module after what it does"),
        })
        .collect()
}

/// Lints are silenced with `expect` and a reason, so that a silence nobody needs any more becomes an error.
fn exceptions_have_reasons(source: &Source) -> Vec<Finding> {
    let finding = |line, what: &str| Finding { path: source.path.clone(), line, what: what.to_owned() };
    read(source)
        .attributes
        .iter()
        .filter_map(|attribute| {
            let is = |name: &str| attribute.text.starts_with(name) || attribute.text.contains(&format!(",{name}"));
            if is("allow(") {
                Some(finding(attribute.line, "`allow`: write `expect` with a reason"))
            } else if is("expect(") && !attribute.text.contains("reason=") {
                Some(finding(attribute.line, "`expect` without a reason"))
            } else if is("ignore") && !attribute.text.starts_with("ignore=") {
                Some(finding(attribute.line, "an ignored test without a reason"))
            } else {
                None
            }
        })
        .collect()
}

fn begins_with_documentation(source: &Source) -> Vec<Finding> {
    if source.text.starts_with("//! ") {
        return Vec::new();
    }
    let what = "the file does not begin with `//!` and what it is for".to_owned();
    vec![Finding { path: source.path.clone(), line: 1, what }]
}

fn not_too_long(source: &Source) -> Vec<Finding> {
    let lines = source.text.lines().count();
    if lines <= MAX_LINES {
        return Vec::new();
    }
    let what = format!("{lines} lines, at most {MAX_LINES}: split it by meaning");
    vec![Finding { path: source.path.clone(), line: lines, what }]
}

/// The one file that looks for the shared data, and skips and counts the test where it is missing.
const SHARED_DATA: &str = "tests/common/shared.rs";

/// Whoever looked for the shared data by themselves would skip without being counted by `make test`.
fn shared_data_is_asked_for_in_one_place(source: &Source) -> Vec<Finding> {
    if source.path == SHARED_DATA {
        return Vec::new();
    }
    let folder = [concat!("\"../", "shared"), concat!("join(\"", "shared\")"), concat!("SKI", "PPED:")];
    lines_containing(source, &folder)
        .map(|(line, _)| Finding {
            path: source.path.clone(),
            line,
            what: format!("ask `shared_data` in {SHARED_DATA} for the shared data"),
        })
        .collect()
}

/// Everything a person wrote, in any language. `Cargo.lock` is the one file that no person wrote.
fn written_files() -> Vec<Source> {
    let places = [
        "src",
        "tests",
        "benches",
        "fixtures",
        "infra",
        "docs",
        ".ci",
        "Makefile",
        "Cargo.toml",
        "clippy.toml",
        "deny.toml",
    ];
    let mut sources = files(&places, |path| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        matches!(extension, None | Some("rs" | "toml" | "md" | "json" | "csv" | "txt" | "yaml" | "yml" | "sh"))
    });
    sources
        .extend(files(&["."], |path| is_at_root(path) && path.extension().is_some_and(|extension| extension == "md")));
    sources
}

fn is_at_root(path: &Path) -> bool {
    path.parent().is_some_and(|folder| folder == root() || folder == root().join("."))
}

const CODE: [&str; 3] = ["src", "tests", "benches"];

#[test]
fn nothing_is_unfinished() {
    assert_clean(&written_files(), nothing_unfinished);
    for mark in UNFINISHED {
        assert_caught(nothing_unfinished, "src/a.rs", &format!("fn f() {{}} // {mark}"), mark);
    }
}

#[test]
fn nothing_names_a_place_on_one_machine() {
    assert_clean(&written_files(), no_machine_places);
    for place in MACHINE_PLACES {
        assert_caught(no_machine_places, "README.md", &format!("see {place}x"), place);
    }
}

#[test]
fn shared_data_has_one_door() {
    assert_clean(&rust_files(&CODE), shared_data_is_asked_for_in_one_place);
    let snippet = concat!("fn f() { root.join(\"../", "shared/data\") }");
    assert_caught(shared_data_is_asked_for_in_one_place, "tests/a.rs", snippet, "ask `shared_data`");
    assert_passes(shared_data_is_asked_for_in_one_place, SHARED_DATA, snippet);
}

#[test]
fn names_say_what_is_inside() {
    assert_clean(&rust_files(&CODE), speaking_names);
    for path in ["src/utils.rs", "src/report/helpers/mod.rs", "src/order_manager.rs", "src/service/a.rs"] {
        assert_caught(speaking_names, path, "", "does not say");
    }
    assert_passes(speaking_names, "src/planning/reference_weights.rs", "");
}

#[test]
fn lints_are_silenced_with_a_reason() {
    assert_clean(&rust_files(&CODE), exceptions_have_reasons);
    for (snippet, expected) in [
        ("#[allow(clippy::panic)] fn f() {}", "`allow`"),
        ("#![allow(dead_code, reason = \"x\")]", "`allow`"),
        ("#[cfg_attr(test, allow(dead_code))] fn f() {}", "`allow`"),
        ("fn f() { #[allow(unused)] let a = 1; }", "`allow`"),
        ("#[expect(clippy::panic)] fn f() {}", "without a reason"),
        ("mod a { #[test] fn f() {} #[ignore] fn g() {} }", "ignored"),
    ] {
        assert_caught(exceptions_have_reasons, "src/a.rs", snippet, expected);
    }
    for snippet in [
        "#[expect(clippy::panic, reason = \"a bug\")] fn f() {}",
        "/// #[allow(x)]\nfn f() {}",
        "#[ignore = \"slow\"] fn f() {}",
    ] {
        assert_passes(exceptions_have_reasons, "src/a.rs", snippet);
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    assert_clean(&rust_files(&CODE), begins_with_documentation);
    assert_caught(begins_with_documentation, "src/a.rs", "use std::fmt;\n", "does not begin");
    assert_caught(begins_with_documentation, "src/a.rs", "", "does not begin");
}

#[test]
fn no_source_file_is_too_long() {
    let sources = rust_files(&["src"]);
    for source in &sources {
        let lines = source.text.lines().count();
        if lines > LONG_LINES {
            println!("{}: {lines} lines; consider splitting it by meaning", source.path);
        }
    }
    assert_clean(&sources, not_too_long);
    assert_caught(not_too_long, "src/a.rs", &"\n".repeat(MAX_LINES + 1), "601 lines");
    assert_passes(not_too_long, "src/a.rs", &"\n".repeat(MAX_LINES));
}
