//! What goes wrong on the wire: throttling, conflicts, lost answers. Nothing is sent twice, and the answer says whether
//! another delivery helps.

use index_rebalancer::execution::load_audit;
use index_rebalancer::model::Flow;
use index_rebalancer::ports::RunState;
use serde_json::json;

use crate::stage::{DAY, Stage, blue_chip_where, orders_of};
use crate::table::Fault;

/// Delivers the event until it is done, as Lambda would, and insists on one whole set of orders.
async fn ends_well(action: &'static str, times: usize, fault: Fault) {
    let stage = Stage::blue_chip().await;
    let sandbox = stage.sandbox().on_paper().start();
    stage.table.inject(action, times, fault);
    let mut deliveries = 0;
    let run = loop {
        deliveries += 1;
        match sandbox.invoke(stage.scheduled("live")) {
            crate::sandbox::Outcome::Document(document) => break document["runs"][0].clone(),
            crate::sandbox::Outcome::Error(error) => assert!(deliveries < 4, "{error:?}"),
        }
    };
    assert_eq!(stage.table.pending_faults(), 0, "the faults have happened");
    assert_eq!(run["run"]["execution"]["state"], "done", "{run}");
    assert_eq!(orders_of(&run["run"]), orders_of(&stage.terminal_plan(&["--at", DAY])));
    let orders = stage.orders(stage.scheduled_run()).await;
    assert!(orders.iter().all(|order| order.attempt.as_ref().is_some_and(|attempt| attempt.number == 1)), "{orders:?}");
    let trail = load_audit(&stage.table.store(), stage.scheduled_run()).await.expect("reads").expect("is stored");
    assert_eq!(trail.findings, []);
}

#[tokio::test]
async fn throttling_passes() {
    ends_well("TransactWriteItems", 2, Fault::Throttled).await;
    ends_well("GetItem", 2, Fault::Throttled).await;
}

#[tokio::test]
async fn a_transaction_conflict_is_tried_again() {
    ends_well("TransactWriteItems", 1, Fault::TransactionConflict).await;
}

/// An executor fills one order of the account while another is placed: whoever loses has written nothing, and goes on.
#[tokio::test]
async fn a_conflict_with_an_executor_leaves_no_order_in_doubt() {
    let stage = Stage::blue_chip().await;
    let sandbox = stage.sandbox().start();
    stage.table.inject_where("TransactWriteItems", "\"outbox#", 6, Fault::TransactionConflict);
    let run = sandbox.invoke(stage.scheduled("live")).run();
    assert_eq!(stage.table.pending_faults(), 0, "the conflicts have happened");
    assert_eq!(sandbox.metric("OrdersUnknown"), [json!(0)], "{run}");
    let sold = run["run"]["orders"].as_array().expect("orders").iter().filter(|order| order["side"] == "sell");
    for order in sold {
        assert_eq!(order["result"]["state"], "acknowledged", "{order}");
    }
    let orders = stage.orders(stage.scheduled_run()).await;
    assert!(orders.iter().all(|order| order.attempt.as_ref().is_none_or(|attempt| attempt.number == 1)), "{orders:?}");
}

#[tokio::test]
async fn a_lost_answer_is_found_out_about() {
    ends_well("TransactWriteItems", 1, Fault::AnswerLost).await;
    ends_well("PutItem", 1, Fault::AnswerLost).await;
}

#[tokio::test]
async fn a_lost_request_is_sent_again() {
    ends_well("TransactWriteItems", 1, Fault::RequestLost).await;
}

/// An outage: the event is to come again, and when it does the run is made.
#[tokio::test]
async fn an_outage_is_an_error_that_lambda_retries() {
    let stage = Stage::blue_chip().await;
    let sandbox = stage.sandbox().on_paper().start();
    stage.table.inject("GetItem", 1_000, Fault::Throttled);
    let why = sandbox.invoke(stage.scheduled("live")).retry();
    assert!(why.contains("did not complete"), "{why}");
    let dry = sandbox.invoke(stage.payload(&json!({ "mode": "dry-run", "label": "x" }))).refusal();
    assert!(dry.contains("did not complete"), "a dry run is answered, for somebody waits: {dry}");
    assert!(
        sandbox.log().iter().any(|line| line["level"] == "ERROR" && line["message"] == "another delivery may help")
    );
}

/// A run that is claimed and has no plan yet: another delivery plans it with the flow that it was claimed with, whatever
/// the case says by then.
#[tokio::test]
async fn a_claimed_run_keeps_its_flow() {
    let stage = Stage::blue_chip().await;
    let sandbox = stage.sandbox().start();
    stage.table.inject_where("GetItem", r#""outbox""#, 3, Fault::Throttled);
    let _ = sandbox.invoke(stage.scheduled("live")).retry();
    let run = stage.scheduled_run();
    assert_eq!((stage.record(run).await.state, stage.table.pending_faults()), (RunState::Claimed, 0));
    let folder = blue_chip_where("environment = \"paper\"", "environment = \"paper\"\nflow = \"deposit_only\"");
    stage.load(folder.path()).await;
    stage.end_lease(run).await;
    let planned = sandbox.invoke(stage.scheduled("live")).run();
    assert!(planned["new_orders"].as_u64() > Some(0), "{planned}");
    assert_eq!(stage.record(run).await.input.expect("committed").flow, Flow::Full);
}

/// A balance that nobody could read is an outage, not a mistake of whoever asks; one that nobody has stated is a mistake.
#[tokio::test]
async fn a_balance_that_cannot_be_read_is_no_bad_input() {
    let stage = Stage::blue_chip().await;
    let sandbox = stage.sandbox().start();
    stage.table.inject_where("GetItem", r#""outbox""#, 1_000, Fault::Throttled);
    let dry = stage.payload(&json!({ "mode": "dry-run", "label": "x" }));
    let error = sandbox.invoke(dry).error();
    assert_eq!(error["kind"], "unexpected", "{error}");
    assert!(error["message"].as_str().is_some_and(|message| message.contains("did not complete")), "{error}");
}
