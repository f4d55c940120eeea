//! What an operator does with runs that did not end by themselves: recover, settle, abort, audit.

use std::process::Stdio;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;

use crate::bench::Bench;
use crate::stores::{block_on, hold_the_account, lose_a_run, tamper, unanswered};
use crate::{BLUE_CHIP, run_id};

/// While the first orders' deadlines run, in the time of the case.
pub(crate) const EARLY: &str = "2025-04-10T00:00:01Z";
/// When its orders are valid no more.
pub(crate) const LATE: &str = "2025-04-10T01:00:00Z";

fn left(bench: &Bench, orders_arrive: bool) -> String {
    let mut run = String::new();
    let path = bench.store();
    block_on(async { run = unanswered(&path, orders_arrive).await.to_string() });
    run
}

/// Lets the venue show more filled than was ordered. The client order id.
pub(crate) fn overfill(bench: &Bench) -> String {
    let path = bench.store();
    let mut id = String::new();
    block_on(async {
        let fill = |name: &str, value: &str| (name.to_owned(), AttributeValue::S(value.to_owned()));
        let fills = [fill("quantity", "1000000"), fill("price", "1"), fill("fee", "0")];
        let fills = AttributeValue::L(vec![AttributeValue::M(fills.into_iter().collect())]);
        id = tamper(&path, "paper#", "order#", "fills", fills).await.replace("order#", "");
    });
    id
}

fn states(bench: &Bench, run: &str) -> Vec<String> {
    let shown = bench.json(0, &["show", run]);
    let orders = shown["orders"].as_array().expect("orders");
    orders.iter().map(|order| order["result"]["state"].as_str().expect("a state").to_owned()).collect()
}

/// What is broken stands first among the locks, for ever: it must not stand in the way of the others.
#[test]
fn a_run_that_cannot_be_recovered_keeps_no_other_waiting() {
    let bench = Bench::new();
    let run = left(&bench, true);
    let (path, mut lost) = (bench.store(), String::new());
    block_on(async { lost = lose_a_run(&path).await.to_string() });
    let answer = bench.expect(1, &["recover"]);
    assert!(answer.err.contains(&lost) && answer.err.contains("gone from the store"), "{}", answer.err);
    assert!(states(&bench, &run).contains(&"filled".to_owned()), "{}", answer.out);
    // Alone, it is the command that fails.
    let answer = bench.expect(1, &["recover"]);
    assert!(answer.err.contains("gone from the store"), "{}", answer.err);
}

#[test]
fn recover_finishes_what_a_worker_left_behind() {
    let bench = Bench::new();
    let run = left(&bench, true);
    assert!(states(&bench, &run).contains(&"unknown".to_owned()));
    let report = bench.json(0, &["recover"]);
    let handled = &report["runs"][0];
    assert_eq!(
        (&handled["outcome"], &handled["state_before"], &handled["state"]),
        (&"settled".into(), &"emitting".into(), &"done".into())
    );
    assert_eq!((&handled["run_id"], &handled["needs_person"]), (&Value::from(run.as_str()), &Value::Bool(false)));
    assert!(states(&bench, &run).contains(&"filled".to_owned()));
    assert!(!states(&bench, &run).contains(&"unknown".to_owned()));

    let before = bench.files();
    let text = bench.expect(0, &["recover"]).out;
    assert!(text.contains("Nothing to recover"), "{text}");
    assert_eq!(bench.json(0, &["recover"])["runs"], Value::Array(vec![]));
    assert!(before == bench.files(), "where there is nothing to do nothing is written");
    assert_eq!(bench.json(0, &["recover", &run])["runs"][0]["outcome"], "already_settled");
    assert_eq!(bench.json(0, &["run", BLUE_CHIP])["runs"][0]["run"]["mode"], "already_done");
}

/// What is stored of one run is damaged: it is told, and the next run is taken up all the same.
#[test]
fn a_run_that_cannot_be_read_keeps_no_other_waiting() {
    let bench = Bench::new();
    let (path, run) = (bench.store(), left(&bench, true));
    block_on(async {
        tamper(
            &path,
            &format!("blob#run#{}", run.replace('-', "")),
            "",
            "bytes",
            AttributeValue::B(b"{}".as_slice().into()),
        )
        .await;
        hold_the_account(&path, "other").await;
    });
    let runs = &bench.json(5, &["recover"])["runs"];
    let of = |outcome: &str| runs.as_array().and_then(|runs| runs.iter().find(|run| run["outcome"] == outcome));
    let failed = of("failed").expect("the damaged run");
    assert_eq!((&failed["run_id"], &failed["error"]["kind"]), (&run.as_str().into(), &"needs_attention".into()));
    assert!(of("in_progress").is_some(), "{runs:#}");
    let text = bench.expect(5, &["recover"]).out;
    assert!(text.contains("nothing was done, the account stays locked") && text.contains("error:"), "{text}");
    assert!(bench.expect(5, &["recover", &run]).err.contains("error"), "asked for alone, it is the command's failure");
}

#[test]
fn recover_without_a_store_makes_none() {
    let bench = Bench::new();
    bench.expect(0, &["recover"]);
    assert!(bench.files().is_empty());
    bench.expect(3, &["recover", "abcd"]);
    assert!(bench.files().is_empty());
}

/// What the venue should have taken and did not is told as what it is: an alarm.
#[test]
fn a_lost_order_is_an_alarm_and_not_a_success() {
    let bench = Bench::new();
    let run = left(&bench, false);
    let report = bench.json(5, &["recover", "--at", LATE]);
    let handled = &report["runs"][0];
    assert_eq!((&handled["outcome"], &handled["needs_person"]), (&"settled".into(), &Value::Bool(true)));
    let attention = handled["attention"].as_array().expect("orders");
    assert!(!attention.is_empty());
    assert!(attention.iter().all(|order| order["state"] == "not_placed" && order["wants_answer"] == false));
    let key = attention[0]["key"].as_str().expect("a key");
    assert_eq!(attention[0]["client_order_id"], key.replace('-', ""), "as binance has it");
    assert!(states(&bench, &run).contains(&"not_placed".to_owned()));
}

/// The venue of a case of the past lives in the past: what was looked for there closes the account to what was due then,
/// and not to the case's next day.
#[test]
fn a_recovered_run_does_not_close_the_account_to_the_next_one() {
    for (recover, code) in [(&["recover"][..], 0), (&["recover", "--at", LATE], 5)] {
        let bench = Bench::new();
        left(&bench, false);
        bench.expect(code, recover);
        bench.expect(0, &["run", BLUE_CHIP, "--day", "2"]);
        let states = states(&bench, "last");
        let has = |state: &str| states.iter().any(|known| known == state);
        assert!(has("filled") && !has("rejected"), "{recover:?}: {states:?}");
    }
}

#[test]
fn settle_looks_again_and_takes_a_persons_word_only_where_the_venue_has_none() {
    let bench = Bench::new();
    let run = left(&bench, false);
    let short = &run[..8];
    let report = bench.json(5, &["settle", short, "--at", EARLY]);
    let handled = &report["runs"][0];
    assert_eq!((&handled["outcome"], &handled["state"]), (&"unsettled".into(), &"emitting".into()));
    let order = &handled["attention"][0];
    assert_eq!((&order["state"], &order["wants_answer"]), (&"unknown".into(), &Value::Bool(true)));
    let key = order["key"].as_str().expect("a key");
    let text = bench.expect(5, &["settle", short, "--at", EARLY]).out;
    assert!(text.contains("A person must look") && text.contains("account stays locked"), "{text}");
    assert!(text.contains("--not-placed"), "it says what can be done: {text}");

    // A request may still arrive: the person waits as the program does.
    let said = ["settle", short, "--order", key, "--not-placed", "--reason", "no trace of it", "--by", "alice"];
    let answer = bench.expect(3, &[&said[..], &["--at", EARLY]].concat());
    assert!(answer.err.contains("may still arrive"), "{}", answer.err);
    let handled = &bench.json(5, &[&said[..], &["--at", LATE]].concat())["runs"][0];
    assert_eq!(handled["outcome"], "settled");
    let others = handled["attention"].as_array().expect("orders");
    assert!(others.iter().all(|other| other["key"] != key), "what a person said is no alarm: {others:?}");
    let shown = bench.json(0, &["show", short]);
    let order = shown["orders"].as_array().expect("orders").iter().find(|order| order["key"] == key).expect("it");
    let note = order["result"]["note"].as_str().expect("a note");
    assert!(note.contains("alice says so: no trace of it"), "{note}");
    let log = &bench.json(0, &["audit", short])["runs"][0]["entries"];
    let by_alice: Vec<_> =
        log.as_array().expect("entries").iter().filter(|entry| entry["operator"] == "alice").collect();
    assert_eq!(by_alice.len(), 1);
    assert_eq!((&by_alice[0]["order"], &by_alice[0]["to"]), (&Value::from(key), &Value::from("not_placed")));
    bench.expect(3, &said);
}

#[test]
fn a_halted_run_says_so_and_waits_for_a_person() {
    let bench = Bench::new();
    let run = left(&bench, true);
    let short = &run[..8];
    let id = overfill(&bench);
    for _ in 0..2 {
        let answer = bench.expect(5, &["recover"]);
        assert!(answer.out.contains("halted") && answer.out.contains("overfill"), "{}", answer.out);
    }
    let handled = &bench.json(5, &["recover"])["runs"][0];
    assert_eq!(handled["error"]["kind"], "needs_attention");
    assert!(handled["reason"].as_str().is_some_and(|reason| reason.starts_with("halted: overfill")), "{handled:#}");
    let attention = handled["attention"].as_array().expect("orders");
    let order = attention.iter().find(|order| order["client_order_id"] == id.as_str()).expect("it wants a person");
    let key = order["key"].as_str().expect("a key");
    bench.expect(3, &["settle", short, "--order", key, "--not-placed", "--reason", "x", "--by", "alice"]);
    let said = ["settle", short, "--order", key, "--filled", "1000000", "--price", "1", "--fee", "0.5"];
    let handled =
        &bench.json(0, &[&said[..], &["--reason", "the statement", "--by", "alice", "--at", LATE]].concat())["runs"][0];
    assert_eq!((&handled["outcome"], &handled["state"]), (&"settled".into(), &"aborted".into()));
    assert_eq!(bench.json(0, &["audit", short])["runs"][0]["is_whole"], true);
}

#[test]
fn abort_ends_a_run_and_names_who_and_why() {
    let bench = Bench::new();
    let run = left(&bench, true);
    let handled = &bench.json(0, &["abort", &run, "--reason", "wrong policy", "--by", "alice"])["runs"][0];
    assert_eq!((&handled["outcome"], &handled["state"]), (&"settled".into(), &"aborted".into()));
    assert_eq!(handled["reason"], "aborted by alice: wrong policy");
    assert!(states(&bench, &run).contains(&"filled".to_owned()), "what was sent is settled");
    let text = bench.expect(0, &["abort", &run, "--reason", "again", "--by", "bob"]).out;
    assert!(text.contains("nothing was done"), "{text}");
    let log = bench.expect(0, &["audit", &run, "--width", "120", "--full"]).out;
    assert!(log.contains("alice") && !log.contains("bob"), "{log}");
}

#[test]
fn abort_keeps_the_account_while_an_orders_fate_is_unknown() {
    let bench = Bench::new();
    let run = left(&bench, true);
    overfill(&bench);
    let handled = &bench.json(5, &["abort", &run, "--reason", "enough", "--by", "alice"])["runs"][0];
    assert_eq!((&handled["outcome"], &handled["state"]), (&"unsettled".into(), &"emitting".into()));
    assert_eq!(handled["reason"], "aborted by alice: enough");
    let answer = bench.expect(5, &["run", BLUE_CHIP, "--label", "another"]);
    assert!(answer.err.contains(&run), "the account is still held: {}", answer.err);
}

#[test]
fn a_run_that_another_process_works_on_is_left_alone_but_for_an_abort() {
    let bench = Bench::new();
    let path = bench.store();
    block_on(hold_the_account(&path, "main"));
    let report = bench.json(7, &["recover"]);
    let handled = &report["runs"][0];
    assert_eq!(handled["outcome"], "in_progress");
    assert!(handled["lease_until"].is_string());
    let run = handled["run_id"].as_str().expect("an id");
    bench.expect(7, &["settle", run]);
    let handled = &bench.json(0, &["abort", run, "--reason", "stuck", "--by", "alice"])["runs"][0];
    assert_eq!((&handled["outcome"], &handled["state"]), (&"settled".into(), &"aborted".into()));
    bench.expect(0, &["run", BLUE_CHIP]);
}

#[test]
fn audit_tells_every_change_and_finds_what_was_altered() {
    let bench = Bench::new();
    let run = run_id(&bench.json(0, &["run", BLUE_CHIP]));
    bench.expect(0, &["run", BLUE_CHIP, "--day", "2"]);
    let before = bench.files();
    let report = bench.json(0, &["audit"]);
    assert_eq!(report["runs"].as_array().map(Vec::len), Some(2));
    let one = &bench.json(0, &["audit", &run])["runs"][0];
    assert_eq!(one["is_whole"], true);
    let entries = one["entries"].as_array().expect("entries");
    let of_run: Vec<_> = entries.iter().filter(|entry| entry["order"].is_null()).map(|entry| &entry["to"]).collect();
    assert_eq!(of_run, ["claimed", "planned", "emitting", "done"]);
    let orders = bench.json(0, &["show", &run])["orders"].as_array().map(Vec::len).expect("orders");
    assert_eq!(entries.len(), 4 + 2 * orders);
    let text = bench.expect(0, &["audit", &run, "--full"]).out;
    assert!(text.contains("sending → filled") && text.contains("48 entries, every hash"), "{text}");
    let ascii = bench.expect(0, &["audit", &run, "--ascii"]).out;
    assert!(ascii.is_ascii());
    assert!(before == bench.files(), "what only looks left a trace");

    let path = bench.store();
    let pk = format!("log#{}", run.replace('-', ""));
    block_on(async {
        tamper(&path, &pk, "run#0000000002", "why", AttributeValue::S("nothing".to_owned())).await;
    });
    let answer = bench.expect(5, &["audit", &run]);
    assert!(answer.out.contains("altered, run, entry 2"), "{}", answer.out);
    let report = bench.json(5, &["audit"]);
    let spoilt: Vec<_> =
        report["runs"].as_array().expect("runs").iter().filter(|run| run["is_whole"] == false).collect();
    assert_eq!(spoilt.len(), 1);
    assert_eq!(spoilt[0]["findings"][0]["fault"], "altered");
}

/// Whoever opens the file second finds the table half made, or made.
#[test]
fn processes_that_begin_on_a_new_store_at_once_all_run() {
    let cases = ["cash-only", "over-cap-after-rally", "withdraw", "empty-portfolio"];
    for _ in 0..3 {
        let bench = Bench::new();
        let started = cases.map(|case| {
            let mut command = bench.command(&["run", &format!("fixtures/{case}")]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts")
        });
        for (case, process) in cases.iter().zip(started) {
            let output = process.wait_with_output().expect("it ends");
            let told = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{case}: {told}");
        }
        assert_eq!(bench.json(0, &["runs"])["runs"].as_array().map(Vec::len), Some(cases.len()));
    }
}

/// One item is damaged: what is to be found out about it, and about the others, can be.
#[test]
fn a_damaged_plan_hides_neither_its_run_nor_the_others() {
    let bench = Bench::new();
    let damaged = run_id(&bench.json(0, &["run", BLUE_CHIP]));
    let whole = run_id(&bench.json(0, &["run", BLUE_CHIP, "--day", "2"]));
    let path = bench.store();
    let pk = format!("blob#run#{}", damaged.replace('-', ""));
    block_on(async {
        tamper(&path, &pk, "", "bytes", AttributeValue::B(b"{}".to_vec().into())).await;
    });
    let listed = bench.json(5, &["runs"]);
    let runs: Vec<_> = listed["runs"].as_array().expect("runs").iter().map(|run| run["run_id"].clone()).collect();
    assert_eq!(runs, [whole, damaged.clone()]);
    assert!(listed["runs"][1]["reason"].as_str().is_some_and(|why| why.contains("cannot be read")), "{listed}");
    let audited = bench.json(5, &["audit", &damaged]);
    assert_eq!(audited["runs"][0]["findings"][0]["fault"], "altered", "{audited}");
}

#[test]
fn audit_tells_who_set_a_kill_switch_and_finds_what_was_altered() {
    let bench = Bench::new();
    bench.expect(0, &["kill-switch", "on", "--note", "venue is down", "--by", "alice"]);
    bench.expect(0, &["kill-switch", "off", "--note", "venue is back", "--by", "bob"]);
    bench.expect(0, &["kill-switch", "on", "--portfolio", "moonshot", "--by", "carol"]);
    let text = bench.expect(0, &["kill-switch", "status"]).out;
    assert!(text.contains("by bob: venue is back"), "{text}");

    let before = bench.files();
    let report = bench.json(0, &["audit"]);
    let switches = report["switches"].as_array().expect("switches");
    let told = |at: usize| -> Vec<_> {
        let entries = switches[at]["entries"].as_array().expect("entries");
        entries.iter().map(|entry| (entry["on"] == true, entry["operator"].as_str().expect("who"))).collect()
    };
    assert_eq!((told(0), told(1)), (vec![(true, "alice"), (false, "bob")], vec![(true, "carol")]));
    // Whoever stops a portfolio stops it live and on paper.
    assert_eq!(told(2), told(1));
    let of = |at: usize| (&switches[at]["environment"], &switches[at]["portfolio"]);
    assert_eq!((of(1), of(2)), ((&"live".into(), &"moonshot".into()), (&"paper".into(), &"moonshot".into())));
    let text = bench.expect(0, &["audit"]).out;
    assert!(text.contains("venue is down") && text.contains("2 entries, every hash"), "{text}");
    assert!(before == bench.files(), "what only looks left a trace");

    let path = bench.store();
    block_on(async {
        tamper(&path, "switch_log", "everything", "why", AttributeValue::S("nothing".to_owned())).await;
    });
    let answer = bench.expect(5, &["audit"]);
    assert!(answer.out.contains("altered, switch, entry 1"), "{}", answer.out);
    assert_eq!(bench.json(5, &["audit"])["switches"][0]["is_whole"], false);
}

/// Stopping does not wait for a name; going on does.
#[test]
fn a_kill_switch_is_turned_on_by_anybody_and_off_by_somebody() {
    let bench = Bench::new();
    for (action, code) in [("on", 0), ("off", 2)] {
        let mut nobody = bench.command(&["kill-switch", action]);
        for variable in ["USER", "LOGNAME", "USERNAME"] {
            nobody.env_remove(variable);
        }
        let answer = crate::bench::Answer::of(&nobody.output().expect("the program starts"));
        assert_eq!(answer.code, code, "{action}: {}", answer.err);
    }
    assert_eq!(bench.json(0, &["kill-switch", "status"])["on"], true);
    bench.expect(0, &["kill-switch", "off", "--by", "alice"]);
    bench.expect(2, &["kill-switch", "on", "--note", " "]);
}

#[test]
fn commands_by_hand_want_to_know_who_and_why() {
    let bench = Bench::new();
    let key = "25b75f48-1fc4-579e-876f-887f05163d01";
    for arguments in [
        &["abort", "last"][..],
        &["abort", "last", "--reason", " "],
        &["settle", "last", "--order", key],
        &["settle", "last", "--not-placed", "--reason", "x"],
        &["settle", "last", "--order", key, "--not-placed"],
        &["settle", "last", "--order", key, "--not-placed", "--filled", "1", "--reason", "x"],
        &["settle", "last", "--order", key, "--filled", "-1", "--reason", "x"],
        &["settle", "last", "--order", "1", "--not-placed", "--reason", "x"],
        &["settle", "last", "--price", "1"],
        &["recover", "--at", "yesterday"],
    ] {
        bench.expect(2, arguments);
    }
    let mut nobody = bench.command(&["abort", "last", "--reason", "x"]);
    for variable in ["USER", "LOGNAME", "USERNAME"] {
        nobody.env_remove(variable);
    }
    let answer = crate::bench::Answer::of(&nobody.output().expect("the program starts"));
    assert!(answer.code == 2 && answer.err.contains("--by NAME"), "{}", answer.err);
    bench.expect(3, &["abort", "last", "--reason", "x", "--by", "alice"]);
    bench.expect(3, &["audit"]);
    assert!(bench.files().is_empty());
}
