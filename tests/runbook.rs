//! infra/RUNBOOK.md names commands and options that there are. The same for `aws` is in infra/tests, and what its alarms
//! begin with is run on a deployed stack by `make stack-test`.

#![cfg(feature = "cli")]
#![expect(clippy::expect_used, reason = "a test stops where something is wrong")]

use std::fs;
use std::path::Path;

use clap::Parser;
use index_rebalancer::cli::args::Arguments;

/// What stands for the variables of the runbook.
const VARIABLES: [(&str, &str); 6] = [
    ("$PORTFOLIO", "blue-chip"),
    ("$STACK", "rebalancer"),
    ("$RUN", "last"),
    ("$KEY", "af015365-ebc9-55fe-bbef-e43202639933"),
    ("$AT", "2026-01-31T08:00:00Z"),
    ("$CASE", "fixtures/blue-chip"),
];

/// The lines of blocks marked as `sh` that begin with `rebalance`, and what stands so in the text between backticks.
fn commands(document: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut in_block = false;
    for line in document.lines() {
        if line.starts_with("```") {
            in_block = line == "```sh";
        } else if in_block {
            found.extend(line.starts_with("rebalance ").then(|| line.to_owned()));
        } else {
            let quoted = line.split('`').skip(1).step_by(2);
            // What is only named, such as `rebalance load`, is not meant to be typed as it stands.
            let is_typed = |text: &&str| [" on", " --", "$"].iter().any(|part| text.contains(part));
            let typed = quoted.filter(|text| text.starts_with("rebalance ") && is_typed(text));
            found.extend(typed.map(str::to_owned));
        }
    }
    found
}

/// Words as a shell would split them: double quotes hold words together, and nothing else is used.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for letter in command.chars() {
        match letter {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            other => words.last_mut().expect("one word at least").push(other),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn parse(command: &str) -> Result<Arguments, String> {
    let filled = VARIABLES.iter().fold(command.to_owned(), |text, (name, value)| text.replace(name, value));
    if filled.contains('$') {
        return Err(format!("{command}: a variable that the runbook does not explain"));
    }
    Arguments::try_parse_from(words(&filled)).map_err(|error| format!("{command}: {error}"))
}

#[test]
fn every_command_of_the_runbook_is_understood() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("infra/RUNBOOK.md");
    let runbook = fs::read_to_string(path).expect("the runbook");
    let commands = commands(&runbook);
    assert!(commands.len() > 20, "only {commands:?}");
    let refused: Vec<String> = commands.iter().filter_map(|command| parse(command).err()).collect();
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

#[test]
fn a_command_that_is_none_is_refused() {
    for command in [
        "rebalance no-such-command",
        "rebalance runs --no-such-option",
        "rebalance show",
        "rebalance kill-switch sideways",
        "rebalance show \"$UNKNOWN\"",
    ] {
        assert!(parse(command).is_err(), "{command}");
    }
    let document = "```sh\nrebalance runs\naws x\n```\nsay `rebalance kill-switch on` or `make`\n```json\nrebalance not this\n```\n";
    assert_eq!(commands(document), ["rebalance runs", "rebalance kill-switch on"]);
    let prose = "`rebalance load`, then `rebalance ack \"$KEY\"` or `rebalance runs --limit 3`";
    assert_eq!(commands(prose), ["rebalance ack \"$KEY\"", "rebalance runs --limit 3"]);
    assert_eq!(words("rebalance abort last --reason \"a b\""), ["rebalance", "abort", "last", "--reason", "a b"]);
}
