//! The documents tell the truth about the tree: the code map, the make targets, the changelog, the links.

use std::collections::BTreeSet;
use std::fs;

use crate::{Finding, Source, assert_caught, assert_clean, assert_passes, files, root};

const DOCUMENTS: [&str; 3] = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"];

/// What the documents are compared with.
struct Facts {
    make_targets: BTreeSet<String>,
    /// The modules that `src/lib.rs` declares.
    modules: Vec<String>,
    exists: fn(&str) -> bool,
}

impl Facts {
    fn of_the_tree() -> Self {
        Self {
            make_targets: make_targets(&read_to_string("Makefile")),
            modules: top_level_modules(&read_to_string("src/lib.rs")),
            exists: |path| root().join(path).exists(),
        }
    }
    fn for_snippets() -> Self {
        Self {
            make_targets: ["help", "run"].map(str::to_owned).into(),
            modules: vec!["model".to_owned(), "ports".to_owned()],
            exists: |path| ["src/model/", "src/ports.rs", "README.md"].contains(&path),
        }
    }
}

fn read_to_string(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn make_targets(makefile: &str) -> BTreeSet<String> {
    let rules = makefile.lines().filter(|line| !line.starts_with(['\t', ' ', '#', '.']));
    rules
        .filter_map(|line| line.split_once(':'))
        .filter(|(_, rest)| !rest.starts_with('='))
        .map(|(name, _)| name.to_owned())
        .collect()
}

fn top_level_modules(lib: &str) -> Vec<String> {
    lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).map(str::to_owned).collect()
}

/// Every `make target` that a document speaks of is one.
fn make_targets_exist(source: &Source, facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, line) in source.text.lines().enumerate() {
        for (before, after) in line.match_indices("make ").map(|(place, word)| line.split_at(place + word.len())) {
            // In prose only what stands in backticks is a command; in a code block the line begins with it.
            let is_command = before.ends_with("`make ") || before == "make " || before.ends_with("$ make ");
            let target: String =
                after.chars().take_while(|letter| matches!(letter, 'a'..='z' | '0'..='9' | '-')).collect();
            let is_pattern = target.starts_with("long-");
            if is_command && !target.is_empty() && !is_pattern && !facts.make_targets.contains(&target) {
                let what = format!("`make {target}` is not a target of the Makefile");
                findings.push(Finding { path: source.path.clone(), line: at + 1, what });
            }
        }
    }
    findings
}

/// The code map names every top-level module, and nothing that is not there.
fn code_map_is_true(source: &Source, facts: &Facts) -> Vec<Finding> {
    let finding = |line, what| Finding { path: source.path.clone(), line, what };
    let mut lines = source.text.lines().enumerate().skip_while(|(_, line)| *line != "## Code map");
    let Some((heading, _)) = lines.next() else {
        return vec![finding(1, "no section `## Code map`".to_owned())];
    };
    let mut mapped = BTreeSet::new();
    let mut findings = Vec::new();
    for (at, line) in lines.take_while(|(_, line)| !line.starts_with("## ")) {
        let Some(place) = line.strip_prefix("| `").and_then(|rest| rest.split('`').next()) else {
            continue;
        };
        if !(facts.exists)(place) {
            findings.push(finding(at + 1, format!("`{place}` is not there")));
        }
        mapped.insert(place.to_owned());
    }
    for module in &facts.modules {
        if !mapped.contains(&format!("src/{module}/")) && !mapped.contains(&format!("src/{module}.rs")) {
            findings.push(finding(heading + 1, format!("the module `{module}` is not on the map")));
        }
    }
    findings
}

/// Links to files of the repository lead somewhere.
fn links_lead_somewhere(source: &Source, facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, line) in source.text.lines().enumerate() {
        for target in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap_or(target);
            let is_elsewhere = path.is_empty() || path.contains("://");
            if !is_elsewhere && !(facts.exists)(path) {
                findings.push(Finding {
                    path: source.path.clone(),
                    line: at + 1,
                    what: format!("link to `{path}`: not there"),
                });
            }
        }
    }
    findings
}

/// The newest released section is the crate's version, unless the changelog still collects for the first one.
fn changelog_has_the_version(source: &Source, version: &str) -> Vec<Finding> {
    let heading = format!("## [{version}]");
    if source.text.lines().any(|line| line.starts_with(&heading)) {
        return Vec::new();
    }
    let what = format!("no section `{heading}` for the version in Cargo.toml");
    vec![Finding { path: source.path.clone(), line: 1, what }]
}

/// Every target that a person may call explains itself in `make help`; the others say so by standing below none.
fn targets_explain_themselves(source: &Source) -> Vec<Finding> {
    let phony: Vec<(usize, &str)> = source
        .text
        .lines()
        .enumerate()
        .filter_map(|(at, line)| Some((at + 1, line.strip_prefix(".PHONY: ")?)))
        .collect();
    let internal = ["shared-present", "test-shared"];
    phony
        .into_iter()
        .filter(|(_, target)| !internal.contains(target))
        .filter(|(_, target)| {
            let rule = format!("{target}:");
            !source.text.lines().any(|line| line.starts_with(&rule) && line.contains("## "))
        })
        .map(|(line, target)| Finding {
            path: source.path.clone(),
            line,
            what: format!("`{target}` has no `## explanation`"),
        })
        .collect()
}

/// Every exception in `deny.toml` says why it is one.
fn exceptions_say_why(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut above = "";
    for (at, line) in source.text.lines().enumerate() {
        let is_exception = line.trim_start().starts_with("{ ") || line.trim_start().starts_with('"');
        let says_why = line.contains("reason = ") || line.contains(" # ") || above.trim_start().starts_with('#');
        if is_exception && !says_why {
            let what = format!("`{}` does not say why", line.trim());
            findings.push(Finding { path: source.path.clone(), line: at + 1, what });
        }
        above = line;
    }
    findings
}

#[test]
fn documents_name_make_targets_that_exist() {
    let facts = Facts::of_the_tree();
    assert!(facts.make_targets.contains("ci-long"), "{:?}", facts.make_targets);
    assert_clean(&files(&DOCUMENTS, |_| true), |source| make_targets_exist(source, &facts));
    let rule = |source: &Source| make_targets_exist(source, &Facts::for_snippets());
    assert_caught(rule, "README.md", "Type `make rum` once.", "make rum");
    assert_caught(rule, "README.md", "```\nmake ci\n```", "make ci");
    assert_passes(rule, "README.md", "Type `make run`; plans make sense.\nmake run DAY=2\n`make long-NAME`");
}

#[test]
fn code_map_is_complete_and_true() {
    let facts = Facts::of_the_tree();
    assert!(facts.modules.contains(&"planning".to_owned()), "{:?}", facts.modules);
    assert_clean(&files(&["README.md"], |_| true), |source| code_map_is_true(source, &facts));
    let rule = |source: &Source| code_map_is_true(source, &Facts::for_snippets());
    let map = "## Code map\n| `src/model/` | types |\n| `src/ports.rs` | traits |\n## Next\n| `gone.rs` | x |\n";
    assert_passes(rule, "README.md", map);
    assert_caught(rule, "README.md", &map.replace("| `src/ports.rs` | traits |\n", ""), "`ports` is not on the map");
    assert_caught(rule, "README.md", &map.replace("## Next\n", ""), "`gone.rs` is not there");
    assert_caught(rule, "README.md", "# Title\n", "no section");
}

#[test]
fn links_in_documents_lead_somewhere() {
    let facts = Facts::of_the_tree();
    assert_clean(&files(&DOCUMENTS, |_| true), |source| links_lead_somewhere(source, &facts));
    let rule = |source: &Source| links_lead_somewhere(source, &Facts::for_snippets());
    assert_caught(rule, "README.md", "see [a](src/gone.rs#x)", "src/gone.rs");
    assert_passes(rule, "README.md", "see [a](README.md#x), [b](#y), [c](https://example.com/z)");
}

#[test]
fn changelog_tells_of_this_version() {
    let version = env!("CARGO_PKG_VERSION");
    assert_clean(&files(&["CHANGELOG.md"], |_| true), |source| changelog_has_the_version(source, version));
    let rule = |source: &Source| changelog_has_the_version(source, "0.2.0");
    assert_caught(rule, "CHANGELOG.md", "## [0.1.0]\n", "## [0.2.0]");
    assert_passes(rule, "CHANGELOG.md", "## [0.2.0] - 2026-01-01\n");
}

#[test]
fn make_help_explains_every_target() {
    assert_clean(&files(&["Makefile"], |_| true), targets_explain_themselves);
    assert_caught(targets_explain_themselves, "Makefile", ".PHONY: a\na: b\n\tc\n", "`a`");
    assert_passes(targets_explain_themselves, "Makefile", ".PHONY: a\na: b ## Do c\n\tc\n");
}

#[test]
fn exceptions_for_dependencies_say_why() {
    assert_clean(&files(&["deny.toml"], |_| true), exceptions_say_why);
    assert_caught(exceptions_say_why, "deny.toml", "skip = [\n  { crate = \"a\" },\n]", "does not say why");
    assert_caught(exceptions_say_why, "deny.toml", "allow = [\n  \"MIT\",\n]", "does not say why");
    assert_passes(
        exceptions_say_why,
        "deny.toml",
        "skip = [\n  # b needs it\n  { crate = \"a\" },\n  \"MIT\", # why\n]",
    );
}
