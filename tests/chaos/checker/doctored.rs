//! The checker checked: the run's own evidence with one lie in it at a time, each of which must be seen as what it is.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::evidence::Evidence;
use super::judge::judge;
use crate::plans::quantity;
use crate::steps::kind;
use crate::venue_server::{Books, Refusal, Refused};

/// Everything that is judged.
#[derive(Debug, Clone)]
struct Case {
    evidence: Evidence,
    items: Vec<Value>,
    books: Books,
}

type Lie = (&'static str, fn(&mut Case));

const LIES: [Lie; 21] = [
    ("S1", |case| case.books.accepted.push(case.books.accepted[0].clone())),
    ("S2", |case| {
        let committed = case.evidence.runs.iter_mut().rfind(|write| write.item["commitment"]["M"].is_object());
        committed.expect("a plan was committed").item["commitment"]["M"]["plan"]["M"]["digest"] =
            json!({ "S": "other" });
    }),
    ("S3", |case| {
        let last = case.evidence.orders.iter_mut().rfind(|write| write.number("revision") > 1);
        last.expect("an order moved").item["payload_digest"] = json!({ "S": "other" });
    }),
    ("S4", |case| {
        let id = case.evidence.sent[0].placing.client_order_id.clone();
        case.evidence.orders.retain(|write| write.text("sk") != id || write.text("state") != "sending");
    }),
    ("S5", |case| {
        let sent = &mut case.evidence.sent[0];
        sent.at = sent.placing.deadline + SignedDuration::from_secs(60);
    }),
    ("S5", |case| {
        let sent = &mut case.evidence.sent[0];
        sent.placing.deadline += SignedDuration::from_secs(1);
    }),
    ("S5", |case| {
        // Within the window, and past the validity that its plan has.
        let sent = &mut case.evidence.sent[0];
        sent.placing.signed_at += SignedDuration::from_hours(1);
        sent.placing.deadline += SignedDuration::from_hours(1);
    }),
    ("S6", |case| {
        let takes = |step: &str| step.starts_with("store: take the lock");
        let mut second = case.evidence.runs.iter().find(|write| takes(&write.step)).expect("a claim").clone();
        second.item["run_id"] = json!({ "S": "another" });
        let place = case.evidence.runs.iter().position(|write| takes(&write.step)).expect("a claim");
        second.answered += 1;
        case.evidence.runs.insert(place + 1, second);
    }),
    ("S7", |case| {
        let made = case.evidence.orders.iter_mut().find(|write| write.number("revision") == 1);
        made.expect("an order was made").item["state"] = json!({ "S": "filled" });
    }),
    ("S8", |case| item_of_the_first(case)["state"] = json!({ "S": "not_placed" })),
    ("S9", |case| {
        // Whether or not there was a dry run: one that placed an order.
        case.evidence.dry_runs.entry(0).or_default().push("venue: place".to_owned());
    }),
    ("S10", |case| "OTHERUSDT".clone_into(&mut case.evidence.sent[0].placing.instrument)),
    ("S10", |case| case.evidence.sent[0].placing.quantity = quantity("0.01")),
    ("S10", |case| refuse_the_first(case, Refusal::NoCash)),
    ("S10", |case| refuse_the_first(case, Refusal::NoHolding)),
    ("S1", |case| refuse_the_first(case, Refusal::DuplicateId)),
    ("nothing invented", |case| {
        let filled = case.items.iter().find(|item| kind(item) == "order" && item["state"]["S"] == "filled");
        let id = filled.expect("an order was filled")["sk"]["S"].clone();
        case.books.accepted.retain(|order| id != order.placing.client_order_id);
    }),
    ("nothing invented", |case| item_of_the_first(case)["state"] = json!({ "S": "rejected" })),
    ("every step", |case| {
        case.evidence.steps.insert("store: write what nobody knows".to_owned());
    }),
    ("no order lost", |case| {
        let id = case.books.accepted[0].placing.client_order_id.clone();
        case.items.retain(|item| item["sk"]["S"] != id || kind(item) != "order");
    }),
    ("every run ends", |case| {
        let over = case.items.iter_mut().find(|item| kind(item) == "run" && item["state"]["S"] == "done");
        over.expect("a run is done")["state"] = json!({ "S": "emitting" });
    }),
];

fn refuse_the_first(case: &mut Case, why: Refusal) {
    let placing = case.books.accepted[0].placing.clone();
    case.books.refused.push(Refused { placing, why });
}

fn item_of_the_first(case: &mut Case) -> &mut Value {
    let id = case.books.accepted[0].placing.client_order_id.clone();
    let of_id = |item: &&mut Value| item["sk"]["S"] == id && kind(item) == "order";
    case.items.iter_mut().find(of_id).expect("what was accepted is stored")
}

/// The lies that were not seen, of how many.
pub(super) fn unseen(evidence: &Evidence, items: &[Value], books: &Books) -> (Vec<&'static str>, usize) {
    let judged = |case: &Case| judge(&case.evidence, &case.items, &case.books).violations;
    let count = |violations: &[(&str, String)], property: &str| {
        violations.iter().filter(|(broken, _)| broken.starts_with(property)).count()
    };
    let sound = Case { evidence: evidence.clone(), items: items.to_vec(), books: books.clone() };
    let truth = judged(&sound);
    let unseen = LIES.iter().filter(|(property, lie)| {
        let mut case = sound.clone();
        lie(&mut case);
        count(&judged(&case), property) <= count(&truth, property)
    });
    (unseen.map(|(property, _)| *property).collect(), LIES.len())
}
