//! Events that are accepted, and what they mean. Refusals are in the table of bad inputs.

use index_rebalancer::model::{Environment, Flow, Money, Price, Quantity, Trigger};
use index_rebalancer::preparation::event::{self, Event, Fate, Mode, Origin, PlanApproval, RunEvent, Word, WordEvent};
use jiff::Timestamp;

pub(crate) fn now() -> Timestamp {
    "2025-04-16T06:05:00Z".parse().expect("a moment")
}

pub(crate) fn origin() -> Origin {
    Origin { aws_account: Some("123456789012".to_owned()), region: Some("us-east-1".to_owned()) }
}

fn run(text: &str) -> RunEvent {
    match event::parse(text.as_bytes(), &origin(), now()) {
        Ok(Event::Run(run)) => run,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn ours_from_the_scheduler() {
    let run = run(r#"{"schema": 1, "portfolio": "blue-chip", "mode": "live", "scheduled_time": "2025-04-16T06:00:00Z",
            "schedule_arn": "arn:aws:scheduler:us-east-1:123456789012:schedule/default/weekly",
            "execution_id": "d32c5kddcf5bb8c3", "attempt_number": "1"}"#);
    assert_eq!(run.portfolio.as_str(), "blue-chip");
    assert_eq!(run.mode, Mode::Live);
    assert_eq!(run.trigger, Trigger::Scheduled("2025-04-16T06:00:00Z".parse().expect("a moment")));
}

#[test]
fn a_redelivery_in_local_time_is_the_same_run() {
    let at = |time: &str, attempt: u32| {
        run(&format!(
            r#"{{"schema": 1, "portfolio": "blue-chip", "mode": "live", "scheduled_time": "{time}", "attempt_number": "{attempt}"}}"#
        ))
    };
    let (first, second) = (at("2025-04-16T06:00:00Z", 1), at("2025-04-16T08:00:00+02:00", 2));
    assert_eq!(first, second);
    assert_eq!(first.digest(Environment::Live), second.digest(Environment::Live));
    assert_ne!(first.digest(Environment::Live), first.digest(Environment::Paper));
    assert_ne!(first.digest(Environment::Live), at("2025-04-16T06:00:01Z", 1).digest(Environment::Live));
}

#[test]
fn a_person_gives_a_label_and_a_flow() {
    let run =
        run(r#"{"schema": 1, "portfolio": "moonshot", "mode": "dry-run", "label": "try-1", "venue_account": "sub-2",
            "flow": {"withdraw": "1000.50"}}"#);
    assert_eq!(run.mode, Mode::DryRun);
    assert!(matches!(&run.trigger, Trigger::Manual(label) if label.as_str() == "try-1"));
    assert_eq!(run.flow, Some(Flow::Withdraw(Money::parse("1000.5").expect("money"))));
    assert_eq!(run.venue_account.expect("an account").as_str(), "sub-2");
}

#[test]
fn a_proposal_and_its_approval_are_of_one_run() {
    let of = |mode: &str, more: &str| {
        run(&format!(
            r#"{{"schema": 1, "portfolio": "blue-chip", "mode": "{mode}", "scheduled_time": "2025-04-16T06:00:00Z"{more}}}"#
        ))
    };
    let digest = "0f".repeat(32);
    let proposal = of("propose", "");
    let approval = of("live", &format!(r#", "approved_plan": "{digest}", "approved_by": "alice""#));
    assert_eq!(proposal.mode, Mode::Propose);
    let by = Some("alice".parse().expect("an id"));
    assert_eq!(approval.approval, Some(PlanApproval { plan_digest: digest, by }));
    assert_eq!(proposal.digest(Environment::Live), approval.digest(Environment::Live));
}

#[test]
fn a_rules_envelope_with_a_detail_of_ours() {
    let run = run(r#"{"version": "0", "id": "53dc4d37", "detail-type": "Scheduled Event", "source": "aws.events",
            "account": "123456789012", "time": "2025-04-16T06:00:00Z", "region": "us-east-1", "resources": [],
            "detail": {"schema": 1, "portfolio": "blue-chip", "mode": "live"}}"#);
    assert_eq!(run.trigger, Trigger::Scheduled("2025-04-16T06:00:00Z".parse().expect("a moment")));
}

#[test]
fn recovery_names_no_portfolio() {
    let parsed = event::parse(br#"{"schema": 1, "mode": "recover"}"#, &origin(), now());
    assert_eq!(parsed, Ok(Event::Recover));
}

#[test]
fn a_person_names_the_run_that_is_to_end() {
    let event = br#"{"schema": 1, "mode": "abort", "run": "76b1c65c-2767-5099-9c4d-fa0b9554229c", "by": "alice",
                     "reason": "wrong policy"}"#;
    let abort = WordEvent {
        run: uuid::Uuid::from_u128(0x76b1_c65c_2767_5099_9c4d_fa0b_9554_229c),
        by: "alice".parse().expect("a name"),
        reason: "wrong policy".to_owned(),
        word: Word::Abort,
    };
    assert_eq!(event::parse(event, &origin(), now()), Ok(Event::Word(abort)));
}

#[test]
fn a_person_says_what_became_of_an_order() {
    let fate = |fields: &str| {
        let event = format!(
            r#"{{"schema": 1, "mode": "settle", "run": "76b1c65c-2767-5099-9c4d-fa0b9554229c", "by": "alice",
                "reason": "the venue's statement", "order": "af015365-ebc9-55fe-bbef-e43202639933", {fields}}}"#
        );
        match event::parse(event.as_bytes(), &origin(), now()) {
            Ok(Event::Word(WordEvent { word: Word::Settle { order, fate }, .. })) => {
                assert_eq!(order.to_string(), "af015365-ebc9-55fe-bbef-e43202639933");
                fate
            }
            other => panic!("{event}: {other:?}"),
        }
    };
    assert_eq!(fate(r#""not_placed": true, "filled": null"#), Fate::NotPlaced);
    let (quantity, price) = (Quantity::parse("0.5").expect("a quantity"), Price::parse("1790.2").expect("a price"));
    let fee = Money::parse("0.9").expect("money");
    assert_eq!(
        fate(r#""filled": {"quantity": "0.5", "price": "1790.2", "fee": "0.9"}"#),
        Fate::Filled { quantity, price: Some(price), fee }
    );
    let nothing = Fate::Filled { quantity: Quantity::ZERO, price: None, fee: Money::ZERO };
    assert_eq!(fate(r#""filled": {"quantity": "0"}"#), nothing);
}

#[test]
fn an_event_inside_its_window_is_in_time() {
    let window = jiff::SignedDuration::from_hours(2);
    let at = |text: &str| event::check_window(text.parse().expect("a moment"), now(), window);
    assert!(at("2025-04-16T04:05:00Z").is_ok());
    assert!(at("2025-04-16T04:04:59Z").is_err());
}
