//! Documents keep to their published schema, and CSV to its columns.
#![expect(clippy::expect_used, reason = "a test stops where something is not as it must be")]

mod report_sample;

use index_rebalancer::report::batch::{BatchAnswer, BatchError, BatchLine, PlanHead};
use index_rebalancer::report::document::{
    ErrorKind, ErrorReport, KillSwitchReport, PolicyCheck, ReplayReport, RunEntry, RunLine, RunWithoutPlan,
};
use index_rebalancer::report::fetching::{FetchOutcome, FetchedGrades, FetchedSet};
use index_rebalancer::report::loading::{
    AccountOutcome, LoadOutcome, LoadedAccount, LoadedCase, LoadedInput, StoredSnapshot, StoredSnapshots,
};
use index_rebalancer::report::outbox::OutboxActReport;
use index_rebalancer::report::published::SnapshotKind;
use index_rebalancer::report::{Difference, Document, Explanation, Mode, RunReport, csv, difference, published};
use report_sample as sample;
use serde_json::{Value, json};

fn schema() -> jsonschema::Validator {
    let schema = serde_json::to_value(Document::json_schema()).expect("a schema is JSON");
    jsonschema::validator_for(&schema).expect("the schema is one")
}

fn report(mode: Mode) -> RunReport {
    RunReport::of_record(mode, &sample::record()).expect("a committed run")
}

fn value(document: &Document) -> Value {
    serde_json::from_str(&document.to_json().expect("a document is JSON")).expect("and is read back")
}

fn every_document() -> Vec<Document> {
    let run = Box::new(report(Mode::Executed));
    let mut other = report(Mode::Stored);
    other.positions.remove(3);
    other.orders.remove(0);
    let plan = sample::record().plan.expect("a committed run");
    let batch_line = |answer| Document::BatchLine(BatchLine { line: 1, answer });
    let error = ErrorReport::new(ErrorKind::BadInput, "a message", "a remedy");
    let refused = RunEntry {
        case: "fixtures/x".to_owned(),
        account: String::new(),
        new_orders: 0,
        run: None,
        error: Some(error.clone()),
    };
    let done = RunEntry { run: Some(run.clone()), error: None, new_orders: 9, ..refused.clone() };
    vec![
        Document::Runs { runs: vec![done, refused] },
        Document::Run(run.clone()),
        Document::RunWithoutPlan(RunWithoutPlan {
            run_id: run.run_id,
            state: published::RunState::Aborted,
            reason: "the kill switch is on".to_owned(),
        }),
        Document::RunList {
            runs: vec![RunLine {
                run_id: run.run_id,
                state: published::RunState::Done,
                portfolio: "blue-chip".to_owned(),
                account: "binance/main".to_owned(),
                as_of: Some(run.as_of),
                net_asset_value: Some(run.net_asset_value),
                quote_currency: Some("USDT".to_owned()),
                orders: 10,
                turnover: Some(run.turnover),
                fees: sample::money("51"),
                reason: String::new(),
            }],
        },
        Document::Explanation(Box::new(Explanation::of_run(&run))),
        Document::Replay(ReplayReport {
            run_id: run.run_id,
            identical: false,
            stored_bytes: 10,
            recomputed_bytes: 11,
            stored_digest: "a".to_owned(),
            recomputed_digest: "b".to_owned(),
            stored_solver: "microlp 0.6".to_owned(),
            recomputed_solver: "microlp 0.6".to_owned(),
            first_difference: difference::first_change(&json!({ "a": [1, 2] }), &json!({ "a": [1] })),
        }),
        Document::Difference(Box::new(Difference::between(&run, &other, None))),
        Document::PolicyCheck(PolicyCheck {
            file: "policy.toml".to_owned(),
            name: "Blue Chip 15".to_owned(),
            digest: "c".to_owned(),
            members: 15,
            limits: vec!["turnover".to_owned()],
        }),
        batch_line(BatchAnswer::Plan(Box::new(plan.clone()))),
        batch_line(BatchAnswer::Head(PlanHead::from(&plan))),
        batch_line(BatchAnswer::Error(BatchError { error: error.clone(), retry_helps: false })),
        Document::KillSwitch(KillSwitchReport {
            on: true,
            changed: true,
            portfolio: None,
            portfolio_known: None,
            everything_on: true,
            note: "a test".to_owned(),
            operator: Some("alice".to_owned()),
            updated_at: Some(run.as_of),
            store: ".rebalance/store.db".to_owned(),
        }),
        Document::HandledRuns { runs: sample::operations::handled() },
        Document::Audit {
            runs: vec![sample::audited(&[]), sample::audited(&sample::FINDINGS)],
            switches: sample::operations::switched().to_vec(),
        },
        Document::OutboxOrders { orders: sample::outbox::lines() },
        Document::OutboxAct(Box::new(OutboxActReport { changed: true, order: sample::outbox::lines().remove(2) })),
        Document::FetchedGrades(FetchedGrades {
            case: "fixtures/blue-chip".to_owned(),
            day: "2025-04-16".parse().expect("a day"),
            sets: vec![FetchedSet {
                set: "trader_grades".to_owned(),
                file: "trader_grades-2025-04-16.json".to_owned(),
                outcome: FetchOutcome::Replaced,
                tokens: 28,
                newest: Some(run.as_of),
                missing: vec![3375],
            }],
            credits: 3,
        }),
        Document::Error(error),
    ]
    .into_iter()
    .chain(stored_inputs())
    .collect()
}

/// What `load` says.
fn stored_inputs() -> [Document; 2] {
    let at = report(Mode::Stored).as_of;
    let snapshot = StoredSnapshot {
        kind: SnapshotKind::VenueRules,
        at,
        revision: 2,
        dated: None,
        file: "venue_rules.json".to_owned(),
        bytes: 38_620,
        digest: Some("d".repeat(64)),
        loaded_at: at,
        expires_at: Some(at),
    };
    let store = "dynamodb:index".to_owned();
    let case = LoadedCase {
        case: "fixtures/blue-chip".to_owned(),
        portfolio: Some("blue-chip".to_owned()),
        store: store.clone(),
        stored: true,
        inputs: vec![LoadedInput { outcome: LoadOutcome::Replaced, snapshot: snapshot.clone() }],
        accounts: vec![LoadedAccount {
            account: "main".to_owned(),
            observed_at: at,
            outcome: AccountOutcome::Refused,
            refusal: "orders of the account are open".to_owned(),
        }],
        error: None,
    };
    let stored = StoredSnapshots { portfolio: "blue-chip".to_owned(), store, snapshots: vec![snapshot] };
    [Document::LoadedCases { cases: vec![case] }, Document::StoredSnapshots(stored)]
}

#[test]
fn every_document_keeps_to_the_schema() {
    let schema = schema();
    for document in every_document() {
        let value = value(&document);
        let faults: Vec<String> = schema.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(faults.is_empty(), "{}: {faults:#?}", value["schema"]);
        let name = value["schema"].as_str().expect("every document names its schema");
        assert!(name.starts_with("rebalance/") && name.ends_with("/1"), "{name}");
    }
}

#[test]
fn the_schema_refuses_what_is_not_a_report() {
    let schema = schema();
    let good = value(&Document::Run(Box::new(report(Mode::Executed))));
    assert!(schema.is_valid(&good));
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut changed = good.clone();
        change(&mut changed);
        assert!(!schema.is_valid(&changed), "{changed:#}");
    };
    refused(&|it| it["schema"] = json!("rebalance/run/2"));
    refused(&|it| it["orders"][0]["side"] = json!("short"));
    refused(&|it| it["orders"][0]["quantity"] = json!(1.5));
    refused(&|it| it["orders"][0]["key"] = json!("not-a-uuid"));
    refused(&|it| it["as_of"] = json!("2025-04-16T02:00:00+02:00"));
    refused(&|it| it["execution"]["state"] = json!("finished"));
    refused(&|it| {
        it.as_object_mut().expect("an object").remove("certificate");
    });
}

#[test]
fn a_report_tells_what_execution_did() {
    let report = report(Mode::Executed);
    let execution = report.execution.as_ref().expect("it was executed");
    assert_eq!(execution.sent, 9, "one of ten was skipped");
    assert_eq!(execution.orders_by_state.get("filled"), Some(&8));
    assert_eq!(execution.orders_by_state.get("partially_filled"), Some(&1));
    assert_eq!(execution.needs_attention, 0);
    // Every fill of the sample is 4 basis points worse than the reference price.
    let at_reference: index_rebalancer::model::Money = report
        .orders
        .iter()
        .map(|order| order.reference_price.value_of(order.result.as_ref().expect("a result").filled_quantity))
        .sum();
    let expected = at_reference.get() * index_rebalancer::model::Decimal::new(4, 4);
    let off = (execution.slippage.get() - expected).abs();
    assert!(off < index_rebalancer::model::Decimal::new(1, 1), "{} against {expected}", execution.slippage);
}

#[test]
fn csv_has_one_line_for_each_order_and_position() {
    let report = report(Mode::Executed);
    let orders = csv::orders(&report).expect("orders as CSV");
    assert_eq!(orders.lines().count(), report.orders.len() + 1);
    assert_eq!(orders.lines().next(), Some(csv::ORDER_COLUMNS.join(",").as_str()));
    for order in &report.orders {
        assert!(orders.contains(&order.key.to_string()) && orders.contains(&order.payload_digest));
    }
    let positions = csv::positions(&report).expect("positions as CSV");
    assert_eq!(positions.lines().count(), report.positions.len() + 1);
    assert!(positions.contains("bitcoin,BTC,constituent,1,83654.12"), "exact numbers, no thousands separators");
}

#[test]
fn csv_text_cannot_become_a_formula() {
    let mut report = report(Mode::Executed);
    report.positions[0].symbol = "=HYPERLINK(\"http://x\")".to_owned();
    let positions = csv::positions(&report).expect("positions as CSV");
    assert!(positions.contains("\"'=HYPERLINK"), "{}", positions.lines().nth(1).unwrap_or_default());
}

/// An order that its executor has, and may still execute, goes on by itself. Past its validity nobody who keeps to it does
/// anything with it, and a halted run goes on with nothing: then a person is asked.
#[test]
fn an_order_that_rests_at_the_venue_wants_a_person_only_once_nobody_goes_on_with_it() {
    let handled = sample::operations::handled();
    let [.., resting, overdue, halted] = handled.as_slice() else { panic!("three are of an order that was taken") };
    assert_eq!((resting.needs_person, resting.orders_resting, resting.attention.len()), (false, 1, 0));
    for asked in [overdue, halted] {
        assert_eq!((asked.needs_person, asked.orders_resting, asked.attention.len()), (true, 0, 1));
        assert!(asked.attention[0].wants_answer && asked.attention[0].state == published::OrderState::Acknowledged);
    }
    // A run of which nothing rests has orders to be sent: it waits for somebody who recovers it.
    let [.., left, _, _, _] = handled.as_slice() else { panic!("and one of none") };
    assert_eq!((left.needs_person, left.orders_resting, left.attention.len()), (true, 0, 0));
}
