//! Lines, good and bad, on one thread and several.

use std::io::{Cursor, Error, ErrorKind};
use std::num::NonZeroUsize;

use super::*;

/// A stored planning input of four assets, by `rebalance plan --input`.
const INPUT: &str = include_str!("../../fixtures/batch/inputs.jsonl");

fn first_input() -> &'static str {
    INPUT.lines().next().expect("the fixture has lines")
}

/// Every answer with its line, after `workers` threads.
fn answers(text: impl BufRead + Send, workers: usize) -> Vec<(u64, Answer)> {
    let mut told = Vec::new();
    let crew = Crew::of(NonZeroUsize::new(workers).expect("at least one"));
    let ended = plan_lines(
        "a text",
        text,
        crew,
        |line, answer| (line, answer),
        |answer| {
            told.push(answer);
            ControlFlow::<()>::Continue(())
        },
    );
    assert_eq!(ended, ControlFlow::Continue(()));
    told
}

fn refusal(answer: &Answer) -> String {
    answer.as_ref().expect_err("it has no plan").to_string()
}

#[test]
fn each_line_has_its_plan_in_their_order_whatever_the_number_of_threads() {
    let text = INPUT.repeat(5);
    let alone = answers(text.as_bytes(), 1);
    assert_eq!(alone.len(), text.lines().count());
    for ((number, answer), (at, line)) in alone.iter().zip((1..).zip(text.lines())) {
        let input: PlanningInput = serde_json::from_str(line).expect("a stored input");
        assert_eq!((number, answer.as_ref()), (&at, Ok(&plan(&input).expect("a plan"))));
    }
    assert_eq!(answers(text.as_bytes(), 4), alone);
}

#[test]
fn what_is_wrong_with_a_line_ends_that_line_only() {
    let whole = first_input();
    let many =
        format!("{whole}\n\nnot JSON\n{}\n{whole}", whole.replace("\"schema\":1,\"run\"", "\"schema\":9,\"run\""));
    let told = answers(many.as_bytes(), 3);
    assert_eq!(told.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    let (good, bad): (Vec<_>, Vec<_>) = told.iter().partition(|(_, answer)| answer.is_ok());
    assert_eq!(good.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 5], "the last line needs no end");
    for ((line, answer), named) in bad.iter().zip(["the document: it is empty", "not valid JSON", "schema = \"9\""]) {
        let refused = refusal(answer);
        assert!(refused.starts_with(&format!("line {line}: ")) && refused.contains(named), "{refused}");
        assert!(answer.as_ref().is_err_and(|refusal| !refusal.is_transient()));
    }
}

#[test]
fn a_defect_ends_its_own_line_and_says_what_it_was() {
    let text = || Ok(first_input().as_bytes().to_vec());
    let told = |answer: Answer| refusal(&answer);
    assert!(told(answer(7, text(), |_| panic!("limit {}", 3))).starts_with("a defect in the program: limit 3; please"));
    assert!(told(answer(7, text(), |_| panic!("no limit"))).contains(": no limit;"));
    assert!(told(answer(7, text(), |_| std::panic::resume_unwind(Box::new(3)))).contains(": no message;"));
    assert!(answer(7, text(), plan).is_ok());
}

#[test]
fn a_line_that_is_too_long_is_refused_and_not_held() {
    let filler = |bytes: usize| io::repeat(b'x').take(u64::try_from(bytes).expect("small"));
    let text = |bytes: usize| {
        let end = Cursor::new(format!("\n{}", first_input()));
        io::BufReader::new(Read::chain(filler(bytes), end))
    };
    let told = answers(text(MAX_BYTES), 2);
    assert!(refusal(&told[0].1).contains("not valid JSON"), "it is read: {}", refusal(&told[0].1));
    let told = answers(text(MAX_BYTES + 1), 2);
    assert!(refusal(&told[0].1).starts_with("line 1: the line: it has more than 16777216 bytes; send one"));
    assert_eq!((told.len(), told[1].1.is_ok()), (2, true), "the next line is found");
    let cut = answers(io::BufReader::new(filler(MAX_BYTES + 1)), 2);
    assert_eq!(cut.len(), 1, "where the text ends within it, too");
    // It is the reader that refuses it: what is longer is not even kept.
    let mut lines = Lines { name: "a text", text: text(3 * MAX_BYTES), number: 0, is_broken: false };
    assert!(lines.next().expect("a line").text.is_err());
}

#[test]
fn a_text_that_breaks_off_says_so_last() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(Error::new(ErrorKind::TimedOut, "the disk is gone"))
        }
    }
    let text = Read::chain(Cursor::new(format!("{}\n{{", first_input())), Broken);
    let told = answers(io::BufReader::new(text), 2);
    assert_eq!((told.len(), told[0].1.is_ok()), (2, true));
    assert!(refusal(&told[1].1).starts_with("line 2 of a text cannot be read: the disk is gone"));
    assert!(told[1].1.as_ref().is_err_and(Refusal::is_transient), "it may be there later");
}

#[test]
fn a_sink_that_has_enough_ends_it() {
    let endless = io::BufReader::new(Endless);
    let mut told = 0;
    let ended = plan_lines(
        "an endless text",
        endless,
        Crew::of_all_cores(),
        |line, _| line,
        |line| {
            told = line;
            if line == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        },
    );
    assert_eq!((ended, told), (ControlFlow::Break(()), 3));
}

/// Empty lines without an end.
struct Endless;

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        buffer.fill(b'\n');
        Ok(buffer.len())
    }
}

#[test]
fn no_lines_are_no_answers() {
    assert!(answers(&b""[..], 2).is_empty());
}
