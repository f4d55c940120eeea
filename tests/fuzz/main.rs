//! The fuzzers' checks as an ordinary test: every file of the corpora, and a few thousand changes to each of them.
//!
//! `make fuzz-event` and its like run the same checks and the same changes under libFuzzer, guided by coverage; see
//! `Cargo.toml` in this folder. Here nothing but cargo is needed.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops where something is wrong; the exemption for tests does not reach its own functions"
)]

mod checks;
mod mutation;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use checks::{Answer, FAMILIES, Family, refusal};
use index_rebalancer::preparation::BadInput;
use mutation::{SplitMix64, mutate};

/// Changed documents for each family.
const CHANGES: u64 = 1_000;

/// Of a hundred changed documents, so many are still accepted at least: a fuzzer whose documents are all refused at
/// the door tests the door only.
const LEAST_ACCEPTED: u64 = 5;

fn corpus(family: &Family) -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(family.name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<(String, Vec<u8>)> = entries
        .map(|entry| {
            let path = entry.expect("the corpus can be listed").path();
            (path.display().to_string(), fs::read(&path).expect("the corpus can be read"))
        })
        .collect();
    files.sort();
    files
}

/// Runs the check; its panic names the input.
fn answer(family: &Family, bytes: &[u8], what: &str) -> Answer {
    catch_unwind(AssertUnwindSafe(|| (family.check)(bytes)))
        .unwrap_or_else(|_| panic!("{}: {what}:\n{}", family.name, String::from_utf8_lossy(bytes)))
}

#[test]
fn every_file_of_the_corpora_keeps_the_rules() {
    for family in &FAMILIES {
        let files = corpus(family);
        let accepted = files.iter().filter(|(path, bytes)| answer(family, bytes, path) == Answer::Accepted).count();
        assert!(accepted >= 3, "{}: {accepted} of {} files are accepted", family.name, files.len());
        let largest = files.iter().map(|(_, bytes)| bytes.len()).max();
        assert!(largest <= Some(4_096), "{}: a corpus is of small files", family.name);
    }
}

#[test]
fn changed_documents_keep_the_rules() {
    for family in &FAMILIES {
        let files = corpus(family);
        let mut random = SplitMix64::new(1);
        let (mut accepted, mut refused) = (0_u64, 0_u64);
        for seed in 0..CHANGES {
            let (path, document) = random.pick(&files);
            let changed = mutate(document, family.format, seed);
            match answer(family, &changed, &format!("{path} with seed {seed}")) {
                Answer::Accepted => accepted += 1,
                Answer::Refused => refused += 1,
            }
        }
        println!("{}: {CHANGES} changed documents, {accepted} accepted, {refused} refused", family.name);
        assert!(accepted * 100 >= CHANGES * LEAST_ACCEPTED, "{}: only {accepted} accepted", family.name);
        assert!(refused * 100 >= CHANGES * LEAST_ACCEPTED, "{}: only {refused} refused", family.name);
    }
}

#[test]
fn the_same_seed_gives_the_same_change() {
    for family in &FAMILIES {
        for (path, document) in corpus(family) {
            let changed = |seed| mutate(&document, family.format, seed);
            assert_eq!(changed(7), changed(7), "{path}");
            assert!((0..20).any(|seed| changed(seed) != document), "{path}: nothing ever changes");
        }
    }
}

#[test]
fn a_refusal_that_leaves_something_out_is_caught() {
    let sound = BadInput::new("policy", "orders.collar", "9", "not a fraction", "write a fraction");
    refusal::check("policy", &sound);
    let unsound = [
        BadInput { place: "event".to_owned(), ..sound.clone() },
        BadInput { field: String::new(), ..sound.clone() },
        BadInput { problem: " ".to_owned(), ..sound.clone() },
        BadInput { remedy: "…".to_owned(), ..sound.clone() },
        BadInput { remedy: "write ".repeat(400), ..sound.clone() },
    ];
    for refusal in unsound {
        let caught = catch_unwind(|| refusal::check("policy", &refusal));
        assert!(caught.is_err(), "{refusal:?}");
    }
    for text in ["a\nb", "\u{1b}[31m", "\u{202e}abc", "a\u{200b}b"] {
        assert!(catch_unwind(|| refusal::check_printable(text)).is_err(), "{text:?}");
    }
}
