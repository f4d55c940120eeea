//! README.md shows what the program prints, and names the commands that it has.
//!
//! `UPDATE_EXPECTED=1` writes the output into README.md instead of comparing it (`make readme-output`).

#![cfg(feature = "cli")]
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where something is wrong; the exemption for tests does not reach its own functions"
)]

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const OUTPUT_START: &str = "<!-- output of: rebalance ";
const OUTPUT_END: &str = "<!-- end of output -->";

fn readme_path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")
}

/// Runs the program in the repository's folder with a store of its own, so that no earlier run shows through.
fn rebalance(arguments: &[&str], store: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rebalance"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("REBALANCE_STORE", store)
        .env("NO_COLOR", "1")
        .env_remove("CLICOLOR_FORCE")
        .env("LC_ALL", "C.UTF-8")
        .output()
        .expect("the program starts")
}

/// The pieces of README.md around each output: what precedes it, its command line, its text.
struct Block<'a> {
    before: &'a str,
    command: &'a str,
    text: &'a str,
}

fn split_blocks(readme: &str) -> (Vec<Block<'_>>, &str) {
    let mut blocks = Vec::new();
    let mut rest = readme;
    while let Some((before, after)) = rest.split_once(OUTPUT_START) {
        let (command, after) = after.split_once(" -->\n").expect("the marker ends on its line");
        let (text, after) = after.split_once(OUTPUT_END).expect("every output has an end");
        blocks.push(Block { before, command, text });
        rest = after;
    }
    (blocks, rest)
}

/// The block as it should be; trailing spaces are not part of it.
fn fenced(output: &str) -> String {
    let lines: Vec<&str> = output.lines().map(str::trim_end).collect();
    format!("```text\n{}\n```\n", lines.join("\n").trim_matches('\n'))
}

#[test]
fn readme_shows_what_the_program_prints() {
    let readme = fs::read_to_string(readme_path()).expect("README.md");
    let (blocks, rest) = split_blocks(&readme);
    assert!(!blocks.is_empty(), "README.md shows no output");
    let update = env::var_os("UPDATE_EXPECTED").is_some_and(|value| value == "1");
    let mut renewed = String::new();
    for block in &blocks {
        let store = tempfile::tempdir().expect("a temporary folder");
        let arguments: Vec<&str> = block.command.split_whitespace().collect();
        let output = rebalance(&arguments, store.path());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "`rebalance {}`: {stderr}", block.command);
        let expected = fenced(&String::from_utf8(output.stdout).expect("output is UTF-8"));
        if !update {
            assert_eq!(block.text, expected, "README.md is behind `rebalance {}`: make readme-output", block.command);
        }
        renewed += &format!("{}{OUTPUT_START}{} -->\n{expected}{OUTPUT_END}", block.before, block.command);
    }
    if update {
        fs::write(readme_path(), renewed + rest).expect("README.md can be written");
    }
}

/// The words of a command before its arguments: `rebalance policy check FILE` is `["policy", "check"]`.
fn command_words(shown: &str) -> Vec<&str> {
    let is_word = |word: &&str| {
        word.starts_with(|first: char| first.is_ascii_lowercase())
            && word.chars().all(|letter| letter.is_ascii_lowercase() || letter == '-')
    };
    shown.split_whitespace().skip(1).take_while(is_word).collect()
}

/// The commands in the first column of README.md's table.
fn documented_commands(readme: &str) -> Vec<Vec<&str>> {
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    rows.filter(|shown| shown.starts_with("rebalance ")).map(command_words).collect()
}

/// The names under `Commands:` in a help text.
fn commands_in_help(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| line.trim() != "Commands:").skip(1);
    let section = lines.take_while(|line| line.is_empty() || line.starts_with(' '));
    // A wrapped explanation is indented further than a name.
    let names = section.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn readme_names_the_commands_that_the_program_has() {
    let store = tempfile::tempdir().expect("a temporary folder");
    let readme = fs::read_to_string(readme_path()).expect("README.md");
    let documented = documented_commands(&readme);
    for words in &documented {
        let arguments: Vec<&str> = words.iter().copied().chain(["--help"]).collect();
        let output = rebalance(&arguments, store.path());
        assert!(output.status.success(), "README.md names `rebalance {}`: no such command", words.join(" "));
    }
    let help = rebalance(&["--help"], store.path());
    let commands = commands_in_help(&String::from_utf8_lossy(&help.stdout));
    assert!(commands.len() > 3, "cannot read the commands from the help text: {commands:?}");
    for command in commands.iter().filter(|command| *command != "help") {
        let is_documented = documented.iter().any(|words| words.first() == Some(&command.as_str()));
        assert!(is_documented, "README.md's table of commands lacks `rebalance {command}`");
    }
}

/// The lines `  3  an input was refused` under `Exit codes:` in a help text.
fn exit_codes_in_help(help: &str) -> Vec<(&str, &str)> {
    let lines = help.lines().map(str::trim).skip_while(|line| *line != "Exit codes:").skip(1);
    let codes = lines.map_while(|line| line.split_once("  "));
    codes.filter(|(code, _)| code.parse::<u8>().is_ok()).collect()
}

#[test]
fn readme_lists_the_exit_codes_that_the_program_documents() {
    let store = tempfile::tempdir().expect("a temporary folder");
    let readme = fs::read_to_string(readme_path()).expect("README.md");
    let help = rebalance(&["--help"], store.path());
    let help = String::from_utf8_lossy(&help.stdout);
    let codes = exit_codes_in_help(&help);
    assert!(codes.len() > 3, "cannot read the exit codes from the help text: {codes:?}");
    for (code, meaning) in codes {
        // Help lines may be wrapped: what stands on the first is enough to tell codes apart.
        let row = format!("| {code} | {meaning}");
        assert!(readme.contains(&row), "README.md's table of exit codes lacks `{row}`");
    }
}

#[test]
fn blocks_and_tables_are_read_as_written() {
    let readme = "a\n<!-- output of: rebalance plan x --width 80 -->\n```text\nold\n```\n<!-- end of output -->\nb\n";
    let (blocks, rest) = split_blocks(readme);
    let block = blocks.first().expect("a block");
    assert_eq!(
        (block.before, block.command, block.text, rest),
        ("a\n", "plan x --width 80", "```text\nold\n```\n", "\nb\n")
    );
    assert_eq!(fenced("\n x  \ny\n\n"), "```text\n x\ny\n```\n");
    assert_eq!(
        documented_commands("| `rebalance policy check-all FILE` | x |\n| `src/lib.rs` | y |"),
        [["policy", "check-all"]]
    );
    assert_eq!(
        commands_in_help("Usage: x\n\nCommands:\n  plan  A\n          b\n  run   C\n\nOptions:\n  -h\n"),
        ["plan", "run"]
    );
}
