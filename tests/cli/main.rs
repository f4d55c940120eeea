//! The program as a person meets it: what it prints, what it writes, and how it exits.
#![cfg(feature = "cli")]
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where something is not as it must be"
)]

mod alerting;
mod backtest;
mod batching;
mod bench;
mod loading;
mod outbox;
mod proposing;
mod recovery;
mod stores;

use std::fs;
use std::process::Stdio;

use index_rebalancer::planning::RebalancePlan;
use serde_json::Value;

use bench::{Answer, Bench, copy_case, path};
use stores::{block_on, doctored_run, hold_the_account};

const BLUE_CHIP: &str = "fixtures/blue-chip";

fn keys(runs: &Value) -> Vec<String> {
    let orders = runs["runs"][0]["run"]["orders"].as_array().expect("orders");
    orders.iter().map(|order| order["key"].as_str().expect("a key").to_owned()).collect()
}

fn run_id(runs: &Value) -> String {
    runs["runs"][0]["run"]["run_id"].as_str().expect("a run id").to_owned()
}

#[test]
fn a_dry_run_writes_nothing() {
    let bench = Bench::new();
    bench.expect(0, &["plan", BLUE_CHIP]);
    assert!(bench.files().is_empty(), "not even a store: {:?}", bench.files().keys());
    bench.expect(0, &["run", BLUE_CHIP]);
    let before = bench.files();
    bench.expect(0, &["plan", BLUE_CHIP, "--day", "2"]);
    bench.expect(0, &["runs"]);
    bench.expect(0, &["show", "last"]);
    bench.expect(0, &["replay", "last"]);
    bench.expect(0, &["explain", "last"]);
    bench.expect(0, &["export", "last", "--csv"]);
    bench.expect(0, &["report", "last", "--html"]);
    bench.expect(0, &["kill-switch", "status"]);
    assert!(bench.files() == before, "what only looks left a trace: {:?}", bench.files().keys());
}

#[test]
fn a_dry_run_shows_the_live_keys_and_a_new_store_makes_them_again() {
    let (one, two) = (Bench::new(), Bench::new());
    let planned = one.json(0, &["plan", BLUE_CHIP]);
    let executed = one.json(0, &["run", BLUE_CHIP]);
    let elsewhere = two.json(0, &["run", BLUE_CHIP]);
    assert!(!keys(&planned).is_empty());
    assert_eq!(keys(&planned), keys(&executed));
    assert_eq!(keys(&executed), keys(&elsewhere));
    let text = one.expect(0, &["plan", BLUE_CHIP]).out;
    assert!(text.contains("this run is done in the store"), "{text}");
    let brief = one.expect(0, &["plan", BLUE_CHIP, "--brief"]).out;
    assert!(brief.contains("this run is done in the store") && brief.lines().count() < 30, "{brief}");
}

#[test]
fn the_second_run_places_nothing() {
    let bench = Bench::new();
    let first = bench.json(0, &["run", BLUE_CHIP]);
    assert!(first["runs"][0]["new_orders"].as_u64() > Some(0));
    let before = bench.files();
    let second = bench.json(0, &["run", BLUE_CHIP]);
    assert_eq!(second["runs"][0]["new_orders"], 0);
    assert_eq!(second["runs"][0]["run"]["mode"], "already_done");
    assert_eq!(first["runs"][0]["run"]["orders"], second["runs"][0]["run"]["orders"]);
    assert_eq!(before.len(), bench.files().len());
    let text = bench.expect(0, &["run", BLUE_CHIP]).out;
    assert!(text.contains("Already done") && text.contains("0 new orders"), "{text}");
}

#[test]
fn a_run_has_a_page_with_its_keys_and_its_log() {
    let bench = Bench::new();
    let runs = bench.json(0, &["run", BLUE_CHIP]);
    let page = bench.expect(0, &["report", "last", "--html"]).out;
    assert!(page.starts_with("<!DOCTYPE html>"));
    assert!(keys(&runs).iter().all(|key| page.contains(&format!(">{key}</code>"))));
    assert!(page.contains("every hash recomputed: as written"));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("page.html");
    let told = bench.expect(0, &["report", "last", "--html", "--out", path(&file)]).out;
    assert_eq!((told.as_str(), fs::read_to_string(&file).expect("a page")), ("", page));
}

#[test]
fn what_has_no_page_is_refused_with_a_remedy() {
    let bench = Bench::new();
    let runs = bench.json(0, &["run", BLUE_CHIP]);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("runs.json");
    fs::write(&file, runs.to_string()).expect("a file");
    let told = bench.expect(3, &["report", path(&file), "--html"]).err;
    let words = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("not a backtest's document") && words.contains("--json"), "{told}");
    bench.expect(2, &["report", "last"]);
}

#[test]
fn the_next_day_plans_from_settled_holdings() {
    let bench = Bench::new();
    let first = bench.json(0, &["run", BLUE_CHIP]);
    let settled = first["runs"][0]["run"]["execution"]["cash_after"].clone();
    let second = bench.json(0, &["run", BLUE_CHIP, "--day", "2"]);
    assert_eq!(second["runs"][0]["run"]["cash"]["before"], settled);
    assert_eq!(second["runs"][0]["run"]["outcome"]["kind"], "in_band");
    assert_eq!(second["runs"][0]["new_orders"], 0);
    let third = bench.json(0, &["run", BLUE_CHIP, "--day", "3"]);
    assert!(third["runs"][0]["new_orders"].as_u64() > Some(0), "the third day's prices call for orders");
    let difference = bench.json(0, &["diff", &run_id(&first), &run_id(&third)]);
    assert_eq!(difference["identical"], false);
    assert_eq!(difference["policy_changed"], false);
    let list = bench.json(0, &["runs"]);
    assert_eq!(list["runs"].as_array().map(Vec::len), Some(3));
    assert_eq!(list["runs"][2]["run_id"], run_id(&first));
}

#[test]
fn several_cases_and_accounts_are_several_runs() {
    let bench = Bench::new();
    let both = bench.json(0, &["run", BLUE_CHIP, "fixtures/moonshot"]);
    assert_eq!(both["runs"].as_array().map(Vec::len), Some(2));
    let ten = Bench::new().json(0, &["plan", "fixtures/ten-accounts"]);
    let runs = ten["runs"].as_array().expect("runs");
    assert_eq!(runs.len(), 10);
    let ids: std::collections::BTreeSet<&str> = runs.iter().filter_map(|it| it["run"]["run_id"].as_str()).collect();
    assert_eq!(ids.len(), 10, "the account is in the run id");
    let one = Bench::new()
        .json(0, &["plan", "fixtures/ten-accounts", "--account", runs[3]["account"].as_str().expect("an id")]);
    assert_eq!(one["runs"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_label_is_another_run() {
    let bench = Bench::new();
    let scheduled = bench.json(0, &["plan", BLUE_CHIP]);
    let labelled = bench.json(0, &["plan", BLUE_CHIP, "--label", "by-hand"]);
    assert_ne!(run_id(&scheduled), run_id(&labelled));
    assert_ne!(keys(&scheduled), keys(&labelled));
}

#[test]
fn a_run_can_be_told_again() {
    let bench = Bench::new();
    let runs = bench.json(0, &["run", BLUE_CHIP]);
    let id = run_id(&runs);
    let prefix = &id[..6];
    let shown = bench.json(0, &["show", prefix]);
    assert_eq!(shown["orders"], runs["runs"][0]["run"]["orders"]);
    let replay = bench.json(0, &["replay", prefix]);
    assert_eq!(replay["identical"], true);
    let explanation = bench.json(0, &["explain", prefix]);
    assert_eq!(explanation["orders"].as_array().map(Vec::len), Some(keys(&runs).len()));
    assert!(explanation["orders"].as_array().expect("orders").iter().all(|it| it["sentence"] != ""));
    let excluded = bench.json(0, &["explain", prefix, "weth"]);
    assert!(excluded["exclusions"][0]["why"].as_str().is_some_and(|why| why.contains("wrapped")), "{excluded:#}");
    let csv = bench.expect(0, &["export", prefix, "--csv"]).out;
    assert_eq!(csv.lines().count(), keys(&runs).len() + 1);
    let positions = bench.expect(0, &["export", prefix, "--csv", "--positions"]).out;
    assert!(positions.lines().count() > 10);
    bench.expect(3, &["explain", prefix, "no-such-coin"]);
}

#[test]
fn text_fits_the_width_and_shows_every_key() {
    let bench = Bench::new();
    let planned = bench.json(0, &["plan", BLUE_CHIP]);
    for width in ["80", "120", "160"] {
        let text = bench.expect(0, &["plan", BLUE_CHIP, "--width", width]).out;
        let columns: usize = width.parse().expect("a number");
        for line in text.lines() {
            assert!(unicode_width::UnicodeWidthStr::width(line) <= columns, "{width}: {line}");
        }
        assert!(keys(&planned).iter().all(|key| text.contains(key)));
    }
    let ascii = bench.expect(0, &["plan", BLUE_CHIP, "--ascii"]).out;
    assert!(ascii.is_ascii());
    let answer = bench.command(&["plan", BLUE_CHIP]).env("LC_ALL", "C").output().expect("the program starts");
    assert!(answer.stdout.is_ascii(), "a locale without UTF-8");
}

#[test]
fn colour_only_where_it_is_wanted() {
    let bench = Bench::new();
    assert!(!bench.expect(0, &["plan", BLUE_CHIP]).out.contains('\u{1b}'), "not a terminal");
    assert!(bench.expect(0, &["plan", BLUE_CHIP, "--color", "always"]).out.contains('\u{1b}'));
    let forced = bench.command(&["plan", BLUE_CHIP]).env("CLICOLOR_FORCE", "1").output().expect("it starts");
    assert!(Answer::of(&forced).out.contains('\u{1b}'));
    let forced = bench.command(&["plan", BLUE_CHIP]).env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1").output();
    assert!(!Answer::of(&forced.expect("it starts")).out.contains('\u{1b}'), "NO_COLOR counts more");
}

#[test]
fn a_reader_who_leaves_is_no_failure() {
    let bench = Bench::new();
    let mut child = bench
        .command(&["plan", BLUE_CHIP, "--full"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn usage_errors_exit_with_2() {
    let bench = Bench::new();
    for arguments in [
        &["frobnicate"][..],
        &["plan"],
        &["plan", BLUE_CHIP, "--at", "2025-04-16"],
        &["plan", BLUE_CHIP, "--day", "0"],
        &["plan", BLUE_CHIP, "--flow", "withdraw=-1"],
        &["plan", BLUE_CHIP, "--account", "No Such"],
    ] {
        let answer = bench.expect(2, arguments);
        assert!(answer.out.is_empty() && !answer.err.is_empty());
    }
    bench.expect(2, &["runs", "--limit", "0"]);
    let label = bench.expect(2, &["plan", BLUE_CHIP, "--label", "A b"]).err;
    assert!(label.contains("a letter or digit") && !label.contains("portfolio"), "{label}");
    let key = bench.expect(2, &["settle", "last", "--order", "abc", "--not-placed", "--reason", "r"]).err;
    assert!(key.contains("not a key") && key.contains("rebalance show"), "{key}");
    bench.expect(0, &["run", "fixtures/over-cap-after-rally"]);
    bench.expect(2, &["show", "zz"]);
    let none = bench.expect(0, &["runs", "--portfolio", "another"]).out;
    assert!(none.contains("No run of portfolio another"), "{none}");
}

#[test]
fn bad_input_exits_with_3_and_names_file_field_and_value() {
    let bench = Bench::new();
    let case = copy_case("fixtures/over-cap-after-rally");
    let file = case.path().join("case.toml");
    let text = fs::read_to_string(&file).expect("case.toml");
    let balance = text.lines().find(|line| line.starts_with("cash =")).expect("an account has cash");
    fs::write(&file, text.replace(balance, "cash = \"1e5\"")).expect("written");
    let answer = bench.expect(3, &["plan", path(&case)]);
    assert!(answer.err.contains("case.toml") && answer.err.contains("1e5"), "{}", answer.err);
    let document = bench.json(3, &["run", path(&case)]);
    assert_eq!(document["runs"][0]["error"]["kind"], "bad_input");
    assert!(bench.files().is_empty(), "nothing is claimed for it");
    bench.expect(3, &["plan", "no/such/folder"]);
    bench.expect(3, &["plan", BLUE_CHIP, "--day", "99"]);
    bench.expect(3, &["plan", BLUE_CHIP, "--at", "2000-01-01T00:00:00Z"]);
    bench.expect(3, &["plan", BLUE_CHIP, "--account", "nobody"]);
    bench.expect(3, &["show", "last"]);
    bench.expect(3, &["policy", "check", "Cargo.toml"]);
}

#[test]
fn a_live_case_is_planned_and_not_run() {
    let bench = Bench::new();
    let case = copy_case("fixtures/over-cap-after-rally");
    let file = case.path().join("case.toml");
    let text = fs::read_to_string(&file).expect("case.toml");
    fs::write(&file, text.replace("environment = \"paper\"", "environment = \"live\"")).expect("written");
    bench.expect(0, &["plan", path(&case)]);
    let answer = bench.expect(3, &["run", path(&case)]);
    assert!(answer.err.contains("live"), "{}", answer.err);
    assert!(bench.files().is_empty());
}

#[test]
fn conflicting_limits_exit_with_4_and_are_named() {
    let bench = Bench::new();
    for command in ["plan", "run"] {
        let answer = bench.expect(4, &[command, "fixtures/infeasible"]);
        assert!(answer.err.contains("category") && answer.err.contains("max_weight"), "{}", answer.err);
    }
    let list = bench.json(0, &["runs"]);
    assert_eq!(list["runs"].as_array().map(Vec::len), Some(0), "nothing is claimed for what cannot be planned");
}

#[test]
fn what_concerns_all_accounts_of_a_case_is_told_once() {
    let bench = Bench::new();
    let answer = bench.expect(3, &["plan", "fixtures/ten-accounts", "--at", "2026-01-01T00:00:00Z"]);
    let told = answer.err.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(told.matches("max_price_age_hours: ").count(), 1, "{told}");
    assert!(told.contains("assets.ethereum.observed_at and 2 more: observed at"), "{told}");
    assert_eq!(told.matches("the same as for account client-01").count(), 9, "{told}");
    let runs = &bench.json(3, &["plan", "fixtures/ten-accounts", "--at", "2026-01-01T00:00:00Z"])["runs"];
    let told =
        runs.as_array().expect("runs").iter().filter(|run| run["error"]["message"].to_string().contains("max_price"));
    assert_eq!(told.count(), 10, "a program gets each with its cause");
}

#[test]
fn the_kill_switch_stops_runs_with_5() {
    let bench = Bench::new();
    let on = bench.json(0, &["kill-switch", "on", "--note", "a test"]);
    assert_eq!((&on["on"], &on["changed"]), (&Value::Bool(true), &Value::Bool(true)));
    let answer = bench.expect(5, &["run", BLUE_CHIP]);
    assert!(answer.err.contains("a test"), "{}", answer.err);
    assert_eq!(bench.json(0, &["runs"])["runs"].as_array().map(Vec::len), Some(0));
    let one = bench.expect(0, &["kill-switch", "status", "--portfolio", "blue-chip"]).out;
    assert!(one.contains("the switch of everything is on"), "{one}");
    bench.expect(0, &["kill-switch", "off", "--by", "alice"]);
    assert_eq!(bench.json(0, &["kill-switch", "status"])["on"], false);
    bench.expect(0, &["run", BLUE_CHIP]);
    let known = bench.expect(0, &["kill-switch", "status", "--portfolio", "blue-chip"]).out;
    assert!(known.contains("orders may be sent") && !known.contains("no run of"), "{known}");
    let typo = bench.expect(0, &["kill-switch", "on", "--portfolio", "moonshto"]).out;
    assert!(typo.contains("no run of a portfolio of this name"), "{typo}");
    bench.expect(0, &["kill-switch", "on", "--portfolio", "moonshot"]);
    bench.expect(5, &["run", "fixtures/moonshot"]);
    bench.expect(0, &["run", BLUE_CHIP, "--day", "2"]);
}

#[test]
fn an_account_belongs_to_one_portfolio() {
    let bench = Bench::new();
    bench.expect(0, &["run", BLUE_CHIP]);
    let case = copy_case("fixtures/over-cap-after-rally");
    let file = case.path().join("case.toml");
    let text = fs::read_to_string(&file).expect("case.toml");
    fs::write(&file, text.replace("id = \"over-cap-after-rally\"", "id = \"main\"")).expect("written");
    let answer = bench.expect(3, &["run", path(&case)]);
    assert!(answer.err.contains("blue-chip"), "{}", answer.err);
    let text = bench.expect(0, &["plan", path(&case)]).out;
    assert!(text.contains("the case's own holdings"), "{text}");
}

#[test]
fn a_withdrawal_beyond_what_the_account_is_worth_is_refused() {
    let bench = Bench::new();
    let answer = bench.expect(3, &["plan", "fixtures/over-cap-after-rally", "--flow", "withdraw=126365"]);
    assert!(answer.err.contains("126365, and the account is worth 12636.59"), "{}", answer.err);
    bench.expect(0, &["plan", "fixtures/over-cap-after-rally", "--flow", "withdraw=12636"]);
}

#[test]
fn a_file_that_is_no_store_is_refused_and_left_alone() {
    let bench = Bench::new();
    fs::write(bench.store(), "garbage").expect("written");
    for command in [&["run", BLUE_CHIP][..], &["plan", BLUE_CHIP], &["runs"], &["recover"], &["kill-switch", "on"]] {
        let answer = bench.expect(3, command);
        assert!(answer.err.contains("store.db is not a store") && answer.err.contains("--store"), "{}", answer.err);
    }
    assert_eq!(bench.files().into_values().collect::<Vec<_>>(), [b"garbage".to_vec()]);
}

#[test]
fn small_fixtures_have_accounts_of_their_own_and_run_into_one_store() {
    let bench = Bench::new();
    bench.expect(0, &["run", BLUE_CHIP, "fixtures/cash-only", "fixtures/withdraw", "fixtures/over-cap-after-rally"]);
}

#[test]
fn a_plan_that_lands_on_its_cash_buffer_keeps_its_last_buy() {
    let document = Bench::new().json(0, &["run", "fixtures/ten-accounts"]);
    for entry in document["runs"].as_array().expect("runs") {
        let orders = entry["run"]["orders"].as_array().expect("orders");
        assert!(orders.iter().all(|order| order["result"]["state"] == "filled"), "{orders:#?}");
    }
}

#[test]
fn of_several_runs_the_most_urgent_code_counts_and_the_others_are_done() {
    let bench = Bench::new();
    let document = bench.json(4, &["plan", "no/such/folder", "fixtures/infeasible", BLUE_CHIP]);
    let runs = document["runs"].as_array().expect("runs");
    assert_eq!(runs[0]["error"]["exit_code"], 3);
    assert_eq!(runs[1]["error"]["exit_code"], 4);
    assert!(runs[2]["run"].is_object());
}

#[test]
fn a_replay_that_differs_exits_with_6_and_shows_where() {
    let bench = Bench::new();
    block_on(doctored_run(&bench.store(), |plan| plan.notices.push("doctored".to_owned())));
    let answer = bench.expect(6, &["replay", "last"]);
    assert!(answer.out.contains("notices"), "{}", answer.out);
    let report = bench.json(6, &["replay", "last"]);
    assert_eq!(report["identical"], false);
    assert!(report["first_difference"]["path"].as_str().is_some_and(|path| path.starts_with("notices")), "{report:#}");
}

/// As plans were stored before they said how far they are from the best.
#[test]
fn a_plan_that_does_not_say_how_good_it_is_replays_in_everything_else() {
    let bench = Bench::new();
    let before = |plan: &mut RebalancePlan| {
        plan.multipliers = None;
        plan.certificate.optimality = None;
    };
    block_on(doctored_run(&bench.store(), before));
    assert_eq!(bench.json(0, &["replay", "last"])["identical"], true);
    let bench = Bench::new();
    block_on(doctored_run(&bench.store(), |plan| plan.multipliers = None));
    assert_eq!(bench.json(6, &["replay", "last"])["first_difference"]["path"], "multipliers");
}

#[test]
fn a_busy_account_exits_with_7() {
    let bench = Bench::new();
    block_on(hold_the_account(&bench.store(), "main"));
    let answer = bench.expect(7, &["run", BLUE_CHIP]);
    assert!(answer.err.contains("try"), "{}", answer.err);
}

#[test]
fn policies_and_schemas() {
    let bench = Bench::new();
    let check = bench.json(0, &["policy", "check", "fixtures/blue-chip/policy.toml"]);
    assert_eq!(check["name"], "Blue Chip 20");
    for arguments in [&["policy", "schema"][..], &["schema", "policy"], &["schema", "report"]] {
        let schema: Value = serde_json::from_str(&bench.expect(0, arguments).out).expect("JSON");
        jsonschema::validator_for(&schema).expect("a schema");
    }
}

#[test]
fn completions_and_help_name_the_commands_and_exit_codes() {
    let bench = Bench::new();
    for shell in ["bash", "zsh", "fish"] {
        assert!(bench.expect(0, &["completions", shell]).out.contains("kill-switch"));
    }
    let help = bench.expect(0, &["--help"]).out;
    for code in 0..=7 {
        assert!(help.contains(&format!("\n  {code}  ")), "exit code {code} is not documented");
    }
}
