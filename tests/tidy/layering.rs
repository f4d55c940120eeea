//! Dependencies point one way: model ← planning ← {preparation, execution, backtest, report} ← programs.

use crate::tokens::{NamePath, read};
use crate::{Finding, Source, assert_caught, assert_clean, assert_passes, product_files, root, rust_files};

/// For each top-level module, the modules that it may use besides itself.
const MAY_USE: [(&str, &[&str]); 16] = [
    ("model", &[]),
    ("solver", &[]),
    ("parallel", &[]),
    ("planning", &["model", "solver"]),
    ("ports", &["model", "planning"]),
    ("preparation", &["model", "planning", "ports"]),
    ("execution", &["model", "planning", "ports"]),
    ("backtest", &["model", "planning", "preparation", "parallel"]),
    ("batch", &["model", "planning", "preparation", "parallel"]),
    ("report", &["model", "planning", "ports", "backtest"]),
    ("adapters", &["model", "planning", "ports", "preparation", "backtest"]),
    ("alerts", &["model", "planning", "ports", "preparation", "execution"]),
    ("config", &["model"]),
    (
        "application",
        &["model", "planning", "ports", "preparation", "execution", "adapters", "alerts", "backtest", "report"],
    ),
    (
        "function",
        &["model", "planning", "ports", "preparation", "execution", "adapters", "alerts", "application", "report"],
    ),
    (
        "cli",
        &[
            "model",
            "planning",
            "ports",
            "preparation",
            "execution",
            "adapters",
            "alerts",
            "application",
            "backtest",
            "batch",
            "parallel",
            "report",
        ],
    ),
];

/// No file uses a module that its own module does not stand upon.
fn one_way(source: &Source) -> Vec<Finding> {
    let module = module_of(&source.path);
    let Some(own) = module.first().filter(|own| *own != "bin") else {
        return Vec::new();
    };
    let finding = |line, what| Finding { path: source.path.clone(), line, what };
    let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| name == own) else {
        return vec![finding(1, format!("`{own}` is not in the table of modules in tests/tidy/layering.rs"))];
    };
    read(source)
        .paths
        .iter()
        .filter_map(|path| target(path, &module).map(|target| (path, target)))
        .filter(|(_, target)| target != own && !allowed.contains(&target.as_str()))
        .map(|(path, target)| finding(path.line, format!("`{}`: {own} may not use {target}", path.text())))
        .collect()
}

/// `src/planning/solver.rs` is `["planning", "solver"]`; `src/lib.rs` is the root, `[]`.
fn module_of(path: &str) -> Vec<String> {
    let inside = path.strip_prefix("src/").unwrap_or(path).trim_end_matches(".rs");
    let mut module: Vec<String> = inside.split('/').map(str::to_owned).collect();
    if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
        module.pop();
    }
    module
}

/// The top-level module that a path of this crate leads to; nothing for names that are local or of another crate.
fn target(path: &NamePath, module: &[String]) -> Option<String> {
    // Alone and not imported, `crate` is a visibility: `pub(crate)`.
    if path.first() == "crate" && (path.imported || path.segments.len() > 1) {
        return Some(path.segments.get(1).map_or("the whole crate", String::as_str).to_owned());
    }
    let supers = path.segments.iter().take_while(|segment| *segment == "super").count();
    if supers == 0 {
        return None;
    }
    // Inline modules are left first. At the root of the crate, the next segment is a top-level module.
    let left = supers.saturating_sub(path.inline_modules);
    let remaining = module.len().saturating_sub(left);
    if remaining > 0 { module.first().cloned() } else { path.segments.get(supers).cloned() }
}

/// Programs wire the library together through its public names; they share no source file with it.
fn programs_use_the_library(source: &Source) -> Vec<Finding> {
    read(source)
        .attributes
        .iter()
        .filter(|attribute| attribute.text.starts_with("path="))
        .map(|attribute| Finding {
            path: source.path.clone(),
            line: attribute.line,
            what: "`#[path]` hides where a module is; move the file instead".to_owned(),
        })
        .collect()
}

#[test]
fn dependencies_point_one_way() {
    assert_clean(&product_files(), one_way);
}

#[test]
fn no_module_comes_from_elsewhere() {
    assert_clean(&rust_files(&["src"]), programs_use_the_library);
    assert_caught(programs_use_the_library, "src/bin/x.rs", "#[path = \"../cli.rs\"] mod cli;", "#[path]");
}

#[test]
fn every_module_in_the_table_is_one_that_may_exist_once() {
    for (at, (name, allowed)) in MAY_USE.iter().enumerate() {
        assert!(MAY_USE.iter().skip(at + 1).all(|(other, _)| other != name), "{name} is listed twice");
        for used in *allowed {
            let (_, back) = MAY_USE.iter().find(|(other, _)| other == used).expect("a module of the table");
            assert!(!back.contains(name), "{name} and {used} may use each other: that is a cycle");
        }
    }
    assert!(root().join("src/model").is_dir() && root().join("src/planning").is_dir());
}

#[test]
fn wrong_directions_are_caught() {
    for (path, snippet, expected) in [
        ("src/planning/rounding.rs", "use crate::execution::commit;", "planning may not use execution"),
        ("src/planning/rounding.rs", "use crate::{model::Order, report};", "planning may not use report"),
        ("src/planning/rounding.rs", "fn f() { super::super::adapters::clock() }", "planning may not use adapters"),
        ("src/planning/mod.rs", "use super::ports::Clock;", "planning may not use ports"),
        ("src/planning/rounding.rs", "mod a { use super::super::super::ports::Clock; }", "planning may not use ports"),
        ("src/model/order.rs", "use crate::planning::RebalancePlan;", "model may not use planning"),
        ("src/report/table.rs", "use crate::adapters::store;", "report may not use adapters"),
        ("src/report/table.rs", "use crate::execution::run;", "report may not use execution"),
        ("src/execution/emit.rs", "use crate::preparation::load;", "execution may not use preparation"),
        ("src/execution/emit.rs", "use crate::*;", "may not use *"),
        ("src/execution/emit.rs", "use crate as c;", "the whole crate"),
        ("src/strategy/mod.rs", "", "not in the table"),
    ] {
        assert_caught(one_way, path, snippet, expected);
    }
}

#[test]
fn right_directions_pass() {
    for (path, snippet) in [
        (
            "src/planning/rounding.rs",
            "use crate::model::Order; use super::program::Program; use super::super::model::Side;",
        ),
        ("src/model/order.rs", "pub(crate) use super::Money; mod a { use super::super::Price; }"),
        ("src/lib.rs", "pub mod execution;"),
        ("src/bin/rebalance.rs", "use index_rebalancer::execution;"),
        ("src/planning/mod.rs", "/// [`crate::execution`] comes next.\nfn f() {}"),
    ] {
        assert_passes(one_way, path, snippet);
    }
}
