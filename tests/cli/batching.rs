//! `batch`, and where its lines come from: `plan --input` and `export --input`.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use index_rebalancer::report::Document;
use serde_json::{Value, json};

use crate::bench::{Answer, Bench, path};
use crate::{BLUE_CHIP, keys};

const INPUTS: &str = "fixtures/batch/inputs.jsonl";

fn fixture() -> String {
    fs::read_to_string(INPUTS).expect("the fixture")
}

/// `batch` with this text on standard input.
fn batch(code: i32, text: &str, arguments: &[&str]) -> Answer {
    let bench = Bench::new();
    let mut command = bench.command(&[&["batch"], arguments].concat());
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let text = text.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()).expect("it reads everything"));
    let answer = Answer::of(&child.wait_with_output().expect("it ends"));
    writer.join().expect("written");
    assert_eq!(answer.code, code, "{}\n{}", answer.out, answer.err);
    assert!(bench.files().is_empty(), "it writes nothing");
    answer
}

/// Its lines, which keep to the schema and are numbered.
fn lines(answer: &Answer) -> Vec<Value> {
    let schema = serde_json::to_value(Document::json_schema()).expect("a schema is JSON");
    let schema = jsonschema::validator_for(&schema).expect("the schema is one");
    let lines: Vec<Value> = answer.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    for (line, number) in lines.iter().zip(1..) {
        let faults: Vec<String> = schema.iter_errors(line).map(|error| error.to_string()).collect();
        assert!(faults.is_empty(), "{line}: {faults:#?}");
        assert_eq!((&line["schema"], &line["line"]), (&json!("rebalance/batch-line/1"), &json!(number)));
    }
    lines
}

#[test]
fn a_run_s_input_makes_its_stored_plan_again() {
    let bench = Bench::new();
    let dry = bench.expect(0, &["plan", BLUE_CHIP, "--input"]).out;
    assert_eq!(dry.lines().count(), 1);
    let runs = bench.json(0, &["run", BLUE_CHIP]);
    let stored = bench.expect(0, &["export", "last", "--input"]).out;
    assert_eq!(stored, dry, "the dry run is made from the same bytes");
    let plan = lines(&batch(0, &stored, &[])).remove(0)["plan"].take();
    let planned = plan["orders"].as_array().expect("orders").iter().map(|order| order["key"].clone());
    assert_eq!(planned.collect::<Vec<_>>(), keys(&runs));
    assert!(plan["certificate"]["checks"].as_array().is_some_and(|checks| !checks.is_empty()));
    let head = lines(&batch(0, &stored, &["--brief"])).remove(0)["head"].take();
    let execution = &runs["runs"][0]["run"]["execution"];
    assert_eq!(head["plan_digest"], execution["plan_digest"], "byte for byte");
    assert_eq!(head["run_id"], runs["runs"][0]["run"]["run_id"]);
}

#[test]
fn every_account_of_every_case_is_a_line() {
    let bench = Bench::new();
    let answer = bench.expect(3, &["plan", "fixtures/ten-accounts", "fixtures/no-such-case", BLUE_CHIP, "--input"]);
    assert_eq!(answer.out.lines().count(), 11, "{}", answer.out);
    assert!(answer.err.contains("no-such-case"), "{}", answer.err);
    let made = bench.expect(0, &["plan", "fixtures/over-cap-after-rally", "fixtures/cash-only", "--input"]).out;
    assert_eq!(made, fixture(), "{INPUTS} is what this prints");
    bench.expect(2, &["export", "last", "--input", "--csv"]);
}

#[test]
fn a_file_and_a_pipe_have_the_same_answers_whatever_the_number_of_workers() {
    let text = fixture().repeat(8);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("inputs.jsonl");
    fs::write(&file, &text).expect("written");
    let one = batch(0, &text, &["--workers", "1"]);
    assert_eq!((lines(&one).len(), one.err.as_str()), (16, ""));
    assert_eq!(batch(0, &text, &["-", "--workers", "4"]).out, one.out);
    assert_eq!(Bench::new().expect(0, &["batch", path(&file)]).out, one.out);
}

#[test]
fn a_bad_line_has_an_error_and_ends_itself_only() {
    let text = fixture();
    let good = text.lines().next().expect("a line");
    let dear = good.replace("\"cash_buffer\":{\"bound\":\"", "\"cash_buffer\":{\"bound\":\"9");
    assert_ne!(dear, good, "the policy has a cash buffer");
    let answer = batch(3, &format!("{good}\n{{\"schema\":1}}\n{dear}\n{good}\n"), &[]);
    let told = lines(&answer);
    assert_eq!(told[0]["plan"], told[3]["plan"]);
    assert_eq!(told[1]["error"]["kind"], "bad_input");
    assert_eq!((&told[1]["error"]["exit_code"], &told[1]["error"]["retry_helps"]), (&json!(3), &json!(false)));
    let message = told[1]["error"]["message"].as_str().expect("a message");
    assert!(message.starts_with("line 2: the document") && message.contains("missing field"), "{message}");
    let message = told[2]["error"]["message"].as_str().expect("a message");
    assert!(message.contains("limits.cash_buffer"), "{message}");
    assert!(answer.err.contains("2 of 4 lines without a plan; the first is line 2"), "{}", answer.err);
}

#[test]
fn the_most_urgent_code_counts() {
    let bench = Bench::new();
    let infeasible = bench.expect(0, &["plan", "fixtures/infeasible", "--input"]).out;
    let answer = batch(4, &format!("{}nothing\n{infeasible}", fixture()), &["--brief"]);
    let told = lines(&answer);
    let kinds: Vec<&Value> = told.iter().map(|line| &line["error"]["kind"]).collect();
    assert_eq!(kinds, [&Value::Null, &Value::Null, &json!("bad_input"), &json!("infeasible")]);
}

#[test]
fn a_reader_that_has_seen_enough_ends_it() {
    let bench = Bench::new();
    let mut command = bench.command(&["batch", "--brief"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(fixture().as_bytes()).expect("it reads");
    let mut answers = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    // An answer does not wait for more lines.
    assert!(answers.next().expect("an answer").expect("text").contains("head"));
    drop(answers);
    let written = (0..10_000).take_while(|_| stdin.write_all(fixture().as_bytes()).is_ok()).count();
    assert!(written < 10_000, "it reads on though nobody hears the answers");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn what_cannot_be_read_is_refused_with_a_remedy() {
    let bench = Bench::new();
    let answer = bench.expect(3, &["batch", "no-such-file.jsonl"]);
    assert!(answer.err.contains("no-such-file.jsonl cannot be read") && answer.out.is_empty(), "{}", answer.err);
    for workers in ["0", "1025", "many"] {
        assert!(bench.expect(2, &["batch", "--workers", workers]).err.contains("from 1 to 1024"));
    }
    assert_eq!(batch(0, "", &[]).out, "", "no lines, no answers");
}

#[test]
fn the_schema_of_inputs_is_printed() {
    let printed = Bench::new().expect(0, &["schema", "input"]).out;
    let schema: Value = serde_json::from_str(&printed).expect("JSON");
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    for line in fixture().lines() {
        let mut input: Value = serde_json::from_str(line).expect("JSON");
        let faults: Vec<String> = schema.iter_errors(&input).map(|error| error.to_string()).collect();
        assert!(faults.is_empty(), "{faults:#?}");
        input["account"]["cash_free"] = json!(100.5);
        assert!(!schema.is_valid(&input), "amounts are text");
    }
}
