//! Events: whatever a person, a schedule or a rule may send to start a run.

use index_rebalancer::model::{Environment, Flow, Trigger};
use index_rebalancer::preparation::BadInput;
use index_rebalancer::preparation::event::{
    Event, Fate, MAX_EVENT_SIZE, Mode, Origin, RunEvent, Word, WordEvent, check_window, parse,
};
use index_rebalancer::preparation::json::{self, Json};
use jiff::{SignedDuration, Timestamp};

use super::{Answer, Family, refusal};
use crate::mutation::{Format, write_json};

pub(crate) const FAMILY: Family = Family { name: "event", format: Format::JsonOrCsv, check };

const PLACE: &str = "event";
const NOW: &str = "2025-04-16T06:00:05Z";

fn read(bytes: &[u8]) -> Result<Event, BadInput> {
    parse(bytes, &Origin::default(), now())
}

fn now() -> Timestamp {
    NOW.parse().expect("a moment")
}

fn check(bytes: &[u8]) -> Answer {
    let ours = Origin { aws_account: Some("123456789012".to_owned()), region: Some("eu-central-1".to_owned()) };
    let at_home = parse(bytes, &ours, now());
    let event = match read(bytes) {
        Ok(event) => event,
        Err(error) => {
            refusal::check(PLACE, &error);
            assert!(at_home.is_err(), "a function that asks where events come from takes more than one that does not");
            return Answer::Refused;
        }
    };
    match at_home {
        Ok(same) => assert_eq!(same, event, "where it comes from changes what it says"),
        Err(error) => refusal::check(PLACE, &error),
    }
    assert_eq!(read(normal_form(&event).as_bytes()), Ok(event.clone()), "the normal form says something else");
    check_what_does_not_matter(bytes, &event);
    if let Event::Run(run) = &event {
        check_run(run);
    }
    Answer::Accepted
}

/// The order of fields, and what changes with every attempt.
fn check_what_does_not_matter(bytes: &[u8], event: &Event) {
    let json = json::parse(PLACE, bytes, MAX_EVENT_SIZE).expect("an event is JSON");
    assert_eq!(json::parse(PLACE, write_json(&json).as_bytes(), usize::MAX), Ok(json.clone()), "JSON reads back");
    let Json::Table(mut fields) = json else { panic!("an event is an object") };
    fields.reverse();
    if !fields.iter().any(|(key, _)| key == "detail-type") {
        fields.retain(|(key, _)| key != "attempt_number" && key != "execution_id");
        fields.push(("attempt_number".to_owned(), Json::Number("3".to_owned())));
        fields.push(("execution_id".to_owned(), Json::Text("d32c5kddcf5bb8c3".to_owned())));
    }
    let redelivered = write_json(&Json::Table(fields));
    if redelivered.len() <= MAX_EVENT_SIZE {
        assert_eq!(read(redelivered.as_bytes()).as_ref(), Ok(event), "{redelivered}");
    }
}

fn check_run(run: &RunEvent) {
    let other = if run.mode == Mode::Live { Mode::DryRun } else { Mode::Live };
    let other_mode = RunEvent { mode: other, approval: None, ..run.clone() };
    assert_eq!(run.digest(Environment::Live), other_mode.digest(Environment::Live), "a dry run shows the live keys");
    assert_ne!(run.digest(Environment::Live), run.digest(Environment::Paper), "paper and live are never one run");
    if let Trigger::Scheduled(at) = run.trigger {
        assert!(at <= now() + SignedDuration::from_secs(60), "{at} is not due");
        if let Err(error) = check_window(at, now(), SignedDuration::from_hours(6)) {
            refusal::check(PLACE, &error);
        }
    }
}

fn fate_field(fate: &Fate) -> (&'static str, Json) {
    let text = |text: &dyn ToString| Json::Text(text.to_string());
    let Fate::Filled { quantity, price, fee } = fate else { return ("not_placed", Json::Bool(true)) };
    let mut filled = vec![("quantity".to_owned(), text(quantity)), ("fee".to_owned(), text(fee))];
    filled.extend(price.iter().map(|price| ("price".to_owned(), text(price))));
    ("filled", Json::Table(filled))
}

/// The event as our own payload.
fn normal_form(event: &Event) -> String {
    let text = |text: &dyn ToString| Json::Text(text.to_string());
    let mut fields = vec![("schema", Json::Number("1".to_owned()))];
    match event {
        Event::Recover => fields.push(("mode", text(&"recover"))),
        Event::Word(WordEvent { run, by, reason, word }) => {
            fields.extend([("run", text(run)), ("by", text(by)), ("reason", text(reason))]);
            match word {
                Word::Abort => fields.push(("mode", text(&"abort"))),
                Word::Settle { order, fate } => {
                    fields.extend([("mode", text(&"settle")), ("order", text(order)), fate_field(fate)]);
                }
            }
        }
        Event::Run(RunEvent { portfolio, venue_account, trigger, mode, approval, flow }) => {
            let mode: &dyn ToString = match mode {
                Mode::Live => &"live",
                Mode::Propose => &"propose",
                Mode::DryRun => &"dry-run",
            };
            fields.push(("mode", text(mode)));
            fields.extend(approval.iter().map(|approval| ("approved_plan", text(&approval.plan_digest))));
            fields.extend(approval.iter().flat_map(|it| &it.by).map(|by| ("approved_by", text(by))));
            fields.push(("portfolio", text(portfolio)));
            fields.extend(venue_account.iter().map(|account| ("venue_account", text(account))));
            fields.push(match trigger {
                Trigger::Scheduled(at) => ("scheduled_time", text(at)),
                Trigger::Manual(label) => ("label", text(label)),
            });
            fields.extend(flow.iter().map(|flow| {
                let flow = match flow {
                    Flow::Full => text(&"full"),
                    Flow::DepositOnly => text(&"deposit_only"),
                    Flow::Withdraw(amount) => Json::Table(vec![("withdraw".to_owned(), text(amount))]),
                };
                ("flow", flow)
            }));
        }
    }
    write_json(&Json::Table(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()))
}
