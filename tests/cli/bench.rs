//! Calling the program, and looking at what it did.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use index_rebalancer::report::Document;
use serde_json::Value;
use tempfile::TempDir;

/// A store of its own for each test.
pub(crate) struct Bench {
    folder: TempDir,
}

/// What one invocation did.
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("store.db")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rebalance"));
        command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
        command.env("REBALANCE_STORE", self.folder.path()).env("LC_ALL", "C.UTF-8");
        for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
            command.env_remove(variable);
        }
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Answer {
        Answer::of(&self.command(arguments).output().expect("the program starts"))
    }

    /// Runs, and insists on the exit code.
    pub(crate) fn expect(&self, code: i32, arguments: &[&str]) -> Answer {
        let answer = self.run(arguments);
        assert_eq!(answer.code, code, "rebalance {}\n{}\n{}", arguments.join(" "), answer.out, answer.err);
        assert!(!answer.err.contains("panicked") && !answer.err.contains("stack backtrace"), "{}", answer.err);
        answer
    }

    /// A document that keeps to its schema.
    pub(crate) fn json(&self, code: i32, arguments: &[&str]) -> Value {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--format", "json"]).collect();
        let answer = self.expect(code, &arguments);
        let value: Value = serde_json::from_str(&answer.out).unwrap_or_else(|error| panic!("{error}: {}", answer.out));
        let schema = serde_json::to_value(Document::json_schema()).expect("a schema is JSON");
        let schema = jsonschema::validator_for(&schema).expect("the schema is one");
        let faults: Vec<String> = schema.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(faults.is_empty(), "rebalance {}: {faults:#?}", arguments.join(" "));
        value
    }

    /// Every file below the store's folder with its bytes.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let entries = fs::read_dir(self.folder.path()).expect("the folder is there");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        paths.map(|path| (path.clone(), fs::read(&path).expect("a file"))).collect()
    }
}

impl Answer {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("output is UTF-8");
        Self { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
    }
}

/// A copy of a case that a test may spoil.
pub(crate) fn copy_case(case: &str) -> TempDir {
    let target = tempfile::tempdir().expect("a temporary folder");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(case);
    for entry in fs::read_dir(source).expect("the case is there") {
        let entry = entry.expect("an entry");
        if entry.path().is_file() {
            fs::copy(entry.path(), target.path().join(entry.file_name())).expect("copied");
        }
    }
    target
}

pub(crate) fn path(place: &impl AsRef<Path>) -> &str {
    place.as_ref().to_str().expect("UTF-8")
}
