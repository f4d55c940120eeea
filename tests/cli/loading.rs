//! `load`, `load --list`, `plan --from-store`: on a store of this machine, and on a table that another server holds.

use std::fs;
use std::process::Command;
use std::sync::mpsc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use index_rebalancer::adapters::dynamodb::table;
use serde_json::Value;

use crate::bench::{Answer, Bench, copy_case, path};
use crate::{BLUE_CHIP, keys};

fn outcomes(loaded: &Value, outcome: &str) -> usize {
    let inputs = loaded["cases"][0]["inputs"].as_array().expect("inputs");
    inputs.iter().filter(|input| input["outcome"] == outcome).count()
}

/// The first run, whatever the time of its balance: from the table it is that of the statement, which only the digest of
/// the input shows.
fn planned(runs: &Value) -> Value {
    let mut run = runs["runs"][0]["run"].clone();
    let digest = run.as_object_mut().and_then(|run| run.remove("input_digest"));
    assert!(digest.is_some(), "{runs:#}");
    run
}

#[test]
fn a_case_is_loaded_once_and_listed() {
    let bench = Bench::new();
    let first = bench.json(0, &["load", BLUE_CHIP]);
    assert_eq!((outcomes(&first, "new"), first["cases"][0]["stored"].as_bool()), (15, Some(true)), "{first:#}");
    let before = bench.files();
    let again = bench.json(0, &["load", BLUE_CHIP]);
    assert_eq!((outcomes(&again, "new"), outcomes(&again, "unchanged")), (0, 15), "{again:#}");
    let text = bench.expect(0, &["load", BLUE_CHIP]).out;
    assert!(text.contains("15 files: 15 unchanged"), "{text}");
    let list = bench.json(0, &["load", "--list", "blue-chip"]);
    let snapshots = list["snapshots"].as_array().expect("snapshots");
    assert_eq!(snapshots.len(), 15);
    let in_use = snapshots.iter().filter(|snapshot| snapshot["expires_at"].is_null()).count();
    assert_eq!(in_use, 7, "one of each kind");
    let listed = bench.expect(0, &["load", "--list", "blue-chip", "--width", "160"]).out;
    assert!(listed.contains("market-2025-04-12.csv") && listed.contains("in use"), "{listed}");
    let digest = snapshots[0]["digest"].as_str().expect("a digest");
    assert!(listed.contains(&digest[..12]), "{listed}");
    let nothing = bench.expect(0, &["load", "--list", "no-such-portfolio"]).out;
    assert!(nothing.contains("Nothing of portfolio no-such-portfolio"), "{nothing}");
    assert_eq!(before.len(), bench.files().len());
}

#[test]
fn an_account_is_opened_once_and_restated_only_where_the_case_says_when_it_was_so() {
    let bench = Bench::new();
    let folder = copy_case("fixtures/over-cap-after-rally");
    let edit = |from: &str, to: &str| {
        let text = fs::read_to_string(folder.path().join("case.toml")).expect("a case");
        assert!(text.contains(from), "no {from:?} in {text}");
        fs::write(folder.path().join("case.toml"), text.replace(from, to)).expect("written");
    };
    let load = |code: i32| {
        let loaded = bench.json(code, &["load", path(&folder)]);
        let account = loaded["cases"][0]["accounts"][0].clone();
        assert_eq!(loaded["cases"][0]["stored"], true);
        (account["outcome"].as_str().expect("an outcome").to_owned(), loaded)
    };
    let cash = || {
        let planned = bench.json(0, &["plan", "--from-store", "over-cap-after-rally"]);
        planned["runs"][0]["run"]["cash"]["before"].as_str().expect("cash").parse::<f64>().expect("a number")
    };
    let is = |cash: f64, wanted: f64| (cash - wanted).abs() < 1e-9;
    assert_eq!(load(0).0, "opened");
    assert!(is(cash(), 100.0), "{}", cash());
    // What is in the table may have fills in it: the case does not say when its cash was so.
    edit("cash = \"100\"", "cash = \"250\"");
    assert_eq!(load(0).0, "kept");
    assert!(is(cash(), 100.0), "{}", cash());
    edit("cash = \"250\"", "cash = \"250\"\nobserved_at = \"2025-04-26T01:00:00Z\"");
    assert_eq!(load(0).0, "restated");
    assert!(is(cash(), 250.0), "{}", cash());
    assert_eq!(load(0).0, "unchanged");
    // The same time, and something else.
    edit("cash = \"250\"", "cash = \"251\"");
    let (outcome, loaded) = load(3);
    let message = loaded["cases"][0]["error"]["message"].as_str().expect("a message");
    assert_eq!(outcome, "refused");
    assert!(message.contains("account over-cap-after-rally: another statement of 2025-04-26T01:00:00Z"), "{message}");
    assert!(is(cash(), 250.0), "{}", cash());
    // Too long before the prices to say what is held now.
    edit("2025-04-26T01:00:00Z", "2025-04-26T02:00:00Z");
    edit("at = \"2025-04-26T00:00:00Z\"", "at = \"2025-04-30T03:00:00Z\"");
    let market = folder.path().join("market.csv");
    let text = fs::read_to_string(&market).expect("a market");
    fs::write(&market, text.replace("2025-04-26T00:00:00Z", "2025-04-30T03:00:00Z")).expect("written");
    let told = bench.expect(3, &["load", path(&folder)]).err;
    let words = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("max_snapshot_skew_hours") && words.contains("the balance of account"), "{told}");
    assert!(is(cash(), 250.0), "nothing was written: {}", cash());
}

#[test]
fn texts_fit_their_width() {
    let bench = Bench::new();
    for (width, ascii) in [("60", true), ("80", false), ("160", false)] {
        for arguments in
            [&["load", "--check", BLUE_CHIP][..], &["load", BLUE_CHIP, "--full"], &["load", "--list", "blue-chip"]]
        {
            let mut arguments = arguments.to_vec();
            arguments.extend(["--width", width]);
            if ascii {
                arguments.push("--ascii");
            }
            let text = bench.expect(0, &arguments).out;
            let columns: usize = width.parse().expect("a number");
            for line in text.lines() {
                assert!(unicode_width::UnicodeWidthStr::width(line) <= columns, "{arguments:?}: {line}");
            }
            assert!(!ascii || text.is_ascii(), "{text}");
        }
    }
}

#[test]
fn a_plan_from_the_store_is_the_plan_from_the_folder() {
    let bench = Bench::new();
    bench.expect(0, &["load", BLUE_CHIP, "fixtures/ten-accounts"]);
    for (folder, portfolio, at) in
        [(BLUE_CHIP, "blue-chip", "2025-04-10T00:00:00Z"), (BLUE_CHIP, "blue-chip", "2025-04-12T00:00:00Z")]
    {
        let from_folder = bench.json(0, &["plan", folder, "--at", at]);
        let before = bench.files();
        let from_store = bench.json(0, &["plan", "--from-store", portfolio, "--at", at]);
        assert!(!keys(&from_folder).is_empty());
        assert_eq!(keys(&from_store), keys(&from_folder));
        assert_eq!(planned(&from_store), planned(&from_folder));
        assert!(bench.files() == before, "a dry run left a trace");
    }
    // Without a time the newest market counts.
    let newest = bench.json(0, &["plan", "--from-store", "blue-chip"]);
    let of_the_day = bench.json(0, &["plan", BLUE_CHIP, "--day", "3"]);
    assert_eq!(planned(&newest), planned(&of_the_day));
    let ten = bench.json(0, &["plan", "--from-store", "ten-accounts"]);
    assert_eq!(ten["runs"].as_array().map(Vec::len), Some(10));
    // What it starts from is what runs of the same store left.
    let first = bench.json(0, &["run", BLUE_CHIP]);
    let second = bench.json(0, &["plan", "--from-store", "blue-chip", "--at", "2025-04-11T00:00:00Z"]);
    assert_eq!(second["runs"][0]["run"]["cash"]["before"], first["runs"][0]["run"]["execution"]["cash_after"]);
}

#[test]
fn what_is_refused_leaves_no_store_behind() {
    let bench = Bench::new();
    let case = copy_case(BLUE_CHIP);
    let market = case.path().join("market-2025-04-12.csv");
    let text = fs::read_to_string(&market).expect("a market");
    fs::write(&market, text.replace("83383", "83383x")).expect("written");
    let told = bench.expect(3, &["load", path(&case)]).err;
    assert!(told.contains("market-2025-04-12.csv") && told.contains("price_usd"), "{told}");
    bench.expect(3, &["load", "--check", path(&case)]);
    assert!(bench.expect(3, &["load", "fixtures"]).err.contains("no case.toml"));
    bench.expect(2, &["load"]);
    bench.expect(2, &["load", "--list", "not/an/id"]);
    bench.expect(2, &["load", BLUE_CHIP, "--list", "blue-chip"]);
    assert!(bench.files().is_empty(), "{:?}", bench.files().keys());
    // One that is refused keeps no other waiting.
    let both = bench.json(3, &["load", path(&case), "fixtures/moonshot"]);
    assert_eq!((both["cases"][0]["stored"].as_bool(), both["cases"][1]["stored"].as_bool()), (Some(false), Some(true)));
    assert_eq!(both["cases"][0]["error"]["kind"], "bad_input");
}

#[test]
fn a_check_writes_nothing() {
    let bench = Bench::new();
    let text = bench.expect(0, &["load", "--check", BLUE_CHIP]).out;
    assert!(text.contains("15 files: 15 new; nothing was written"), "{text}");
    assert!(bench.files().is_empty());
    bench.expect(0, &["load", BLUE_CHIP]);
    let before = bench.files();
    let checked = bench.json(0, &["load", "--check", BLUE_CHIP]);
    assert_eq!((outcomes(&checked, "unchanged"), checked["cases"][0]["stored"].as_bool()), (15, Some(false)));
    assert!(bench.files() == before);
}

#[test]
fn what_is_not_stored_is_named_with_the_command_that_stores_it() {
    let bench = Bench::new();
    bench.expect(3, &["plan", "--from-store", "blue-chip"]);
    bench.expect(0, &["load", "fixtures/moonshot"]);
    let told = bench.expect(3, &["plan", "--from-store", "blue-chip"]).err;
    let words = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("portfolio blue-chip: market:") && words.contains("`rebalance load CASE`"), "{told}");
    assert!(bench.expect(3, &["plan", "--from-store", BLUE_CHIP]).err.contains("not the id of a portfolio"));
    bench.expect(2, &["plan", "--from-store", "blue-chip", "--day", "1"]);
}

/// A DynamoDB endpoint on a loopback port with a table, until it is dropped.
struct Endpoint {
    address: String,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    server: Option<std::thread::JoinHandle<()>>,
}

const TABLE: &str = "rebalancer-test";

impl Endpoint {
    fn start() -> Self {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (tell, told) = mpsc::channel();
        let server = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a loopback port");
                let address = format!("http://{}", listener.local_addr().expect("bound"));
                let database = dynoxide::Database::memory().expect("memory");
                let serve = dynoxide::server::serve_on(listener, database);
                let ready = async {
                    table::create(&client(&address), TABLE).await.expect("a table");
                    tell.send(address.clone()).expect("somebody waits");
                    let _ = stopped.await;
                };
                tokio::select! { () = serve => {}, () = ready => {} }
            });
        });
        let address = told.recv().expect("it starts");
        Self { address, stop: Some(stop), server: Some(server) }
    }

    /// The program with somebody who signs, working on the table.
    fn command(&self, bench: &Bench, arguments: &[&str]) -> Command {
        let mut command = bench.command(arguments);
        command.env("AWS_REGION", "eu-west-1").env("AWS_ACCESS_KEY_ID", "nobody");
        command.env("AWS_SECRET_ACCESS_KEY", "canary-of-a-secret").env("AWS_ENDPOINT_URL_DYNAMODB", &self.address);
        command.env("REBALANCE_STORE", format!("dynamodb:{TABLE}"));
        command
    }

    fn expect(&self, bench: &Bench, code: i32, arguments: &[&str]) -> Answer {
        let answer = Answer::of(&self.command(bench, arguments).output().expect("the program starts"));
        assert_eq!(answer.code, code, "rebalance {}\n{}\n{}", arguments.join(" "), answer.out, answer.err);
        assert!(!answer.out.contains("canary") && !answer.err.contains("canary"), "a secret was told");
        answer
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(server) = self.server.take() {
            let _ = server.join();
        }
    }
}

fn client(endpoint: &str) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("local"))
        .credentials_provider(Credentials::new("local", "local", None, None, "a test"))
        .endpoint_url(endpoint)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

#[test]
fn a_table_of_dynamodb_is_loaded_and_planned_from() {
    let (bench, endpoint) = (Bench::new(), Endpoint::start());
    let loaded = endpoint.expect(&bench, 0, &["load", BLUE_CHIP]).out;
    assert!(loaded.contains("15 files: 15 new") && loaded.contains("dynamodb:rebalancer-test"), "{loaded}");
    let text = endpoint.expect(&bench, 0, &["load", BLUE_CHIP]).out;
    assert!(text.contains("15 files: 15 unchanged"), "{text}");
    let at = ["--at", "2025-04-12T00:00:00Z", "--format", "json"];
    let from_table = endpoint.expect(&bench, 0, &[&["plan", "--from-store", "blue-chip"], &at[..]].concat()).out;
    let from_table: Value = serde_json::from_str(&from_table).expect("JSON");
    let from_folder = bench.json(0, &["plan", BLUE_CHIP, "--at", "2025-04-12T00:00:00Z"]);
    assert_eq!(planned(&from_table), planned(&from_folder));
    let status = endpoint.expect(&bench, 0, &["kill-switch", "status"]).out;
    assert!(status.contains("orders may be sent"), "{status}");
    assert!(endpoint.expect(&bench, 0, &["runs"]).out.contains("No runs yet"));
    assert!(bench.files().is_empty(), "nothing on this machine");
}

#[test]
fn what_trades_on_paper_refuses_a_table() {
    let (bench, endpoint) = (Bench::new(), Endpoint::start());
    for arguments in [
        &["run", BLUE_CHIP][..],
        &["recover"],
        &["settle", "last"],
        &["abort", "last", "--reason", "a test", "--by", "a test"],
    ] {
        let told = endpoint.expect(&bench, 3, arguments).err;
        let words = told.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("is a table") && words.contains("rebalance plan --from-store"), "{told}");
    }
}

#[test]
fn a_table_that_cannot_be_reached_says_why() {
    let (bench, endpoint) = (Bench::new(), Endpoint::start());
    let store = |name: &str| ["load", "--list", "blue-chip", "--store", name].map(str::to_owned);
    let told = |name: &str, code: i32| {
        let arguments = store(name);
        endpoint.expect(&bench, code, &arguments.each_ref().map(String::as_str)).err
    };
    assert!(told("dynamodb:another-table", 2).contains("another-table"), "no such table");
    assert!(told("dynamodb:a table", 2).contains("does not name a table"), "no name");
    // The endpoint may stand in the name, and goes before the environment's.
    let elsewhere = told("dynamodb:rebalancer-test@http://127.0.0.1:1", 1);
    assert!(elsewhere.contains("looking for the table"), "{elsewhere}");
    let mut unsigned = bench.command(&["load", "--list", "blue-chip", "--store", "dynamodb:rebalancer-test"]);
    for variable in ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        unsigned.env_remove(variable);
    }
    let answer = Answer::of(&unsigned.output().expect("it starts"));
    assert_eq!(answer.code, 3, "{}", answer.err);
    assert!(answer.err.contains("AWS_ACCESS_KEY_ID"), "{}", answer.err);
}
