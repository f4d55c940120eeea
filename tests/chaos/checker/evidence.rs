//! The evidence: successful writes and sent orders from the log of the wire, and all items of the store.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::history::{Line, What};
use crate::steps::{kind, text};
use crate::worker::DRY_RUN;
use index_rebalancer::adapters::rehearsal::venue::Placing;

/// One item as a successful write left it, and what the write expected to find.
#[derive(Debug, Clone)]
pub(crate) struct Write {
    /// Positions in the log at which it was asked for and answered.
    pub(crate) asked: usize,
    pub(crate) answered: usize,
    pub(crate) account: String,
    pub(crate) step: String,
    pub(crate) item: Value,
    pub(crate) expected: Value,
}

impl Write {
    pub(crate) fn text(&self, attribute: &str) -> &str {
        text(&self.item, attribute).unwrap_or("")
    }

    pub(crate) fn number(&self, attribute: &str) -> u64 {
        number(&self.item, attribute)
    }
}

pub(crate) fn number(item: &Value, attribute: &str) -> u64 {
    item[attribute]["N"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// One order as it left a worker.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) asked: usize,
    pub(crate) at: Timestamp,
    pub(crate) placing: Placing,
}

/// One kill.
#[derive(Debug, Clone)]
pub(crate) struct Kill {
    pub(crate) position: usize,
    pub(crate) account: String,
    pub(crate) step: Option<String>,
    pub(crate) before: bool,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Evidence {
    pub(crate) runs: Vec<Write>,
    pub(crate) orders: Vec<Write>,
    pub(crate) sent: Vec<Sent>,
    pub(crate) kills: Vec<Kill>,
    pub(crate) workers: usize,
    /// How many workers were to do what, by the first word of their task.
    pub(crate) acts: BTreeMap<String, usize>,
    /// What each dry run asked for, by worker.
    pub(crate) dry_runs: BTreeMap<u32, Vec<String>>,
    pub(crate) cuts: usize,
    pub(crate) delays: usize,
    pub(crate) requests: usize,
    /// Exit codes of the workers that were not killed.
    pub(crate) endings: BTreeMap<i32, usize>,
    /// How the last recovery of each account ended that was not killed.
    pub(crate) recoveries: BTreeMap<String, i32>,
    pub(crate) steps: BTreeSet<String>,
    /// When the machine stood still, and for how many milliseconds.
    pub(crate) stalls: Vec<(Timestamp, i64)>,
}

impl Evidence {
    pub(crate) fn of(lines: &[Line]) -> Self {
        let mut evidence = Self::default();
        let mut asked: BTreeMap<u64, (usize, &Line)> = BTreeMap::new();
        let (mut tokens, mut recovering) = (BTreeSet::new(), BTreeSet::new());
        for (position, line) in lines.iter().enumerate() {
            match &line.what {
                What::Started { task } => {
                    evidence.workers += 1;
                    let act = task.split(' ').next().unwrap_or_default();
                    *evidence.acts.entry(act.to_owned()).or_default() += 1;
                    if act == DRY_RUN {
                        evidence.dry_runs.insert(line.worker, Vec::new());
                    }
                    if act == "recover" {
                        recovering.insert(line.worker);
                    }
                }
                What::Asked { number, step, body } => {
                    evidence.requests += 1;
                    evidence.steps.insert(step.clone());
                    if let Some(asked) = evidence.dry_runs.get_mut(&line.worker) {
                        asked.push(step.clone());
                    }
                    asked.insert(*number, (position, line));
                    if step == "venue: place" {
                        let placing = serde_json::from_value(body.clone()).expect("an order");
                        evidence.sent.push(Sent { asked: position, at: line.at, placing });
                    }
                }
                What::Answered { number, status: 200 } => {
                    let (asked_at, question) = asked[number];
                    let What::Asked { step, body, .. } = &question.what else { continue };
                    // The same transaction repeated by the SDK is answered from the store's memory.
                    let token = body["ClientRequestToken"].as_str();
                    if token.is_none_or(|token| tokens.insert(token.to_owned())) {
                        evidence.take(asked_at, position, &line.account, step, body);
                    }
                }
                What::Answered { .. } => {}
                What::Stalled { milliseconds } => evidence.stalls.push((line.at, *milliseconds)),
                What::Cut { .. } => evidence.cuts += 1,
                What::Delayed { .. } => evidence.delays += 1,
                What::Killed { step, before } => evidence.kills.push(Kill {
                    position,
                    account: line.account.clone(),
                    step: step.clone(),
                    before: *before,
                }),
                What::Ended { code } => {
                    let code = code.unwrap_or(-1);
                    *evidence.endings.entry(code).or_default() += 1;
                    if recovering.contains(&line.worker) {
                        evidence.recoveries.insert(line.account.clone(), code);
                    }
                }
            }
        }
        evidence
    }

    fn take(&mut self, asked: usize, answered: usize, account: &str, step: &str, body: &Value) {
        let actions = body["TransactItems"].as_array().map(Vec::as_slice).unwrap_or_default();
        let puts = actions.iter().map(|action| &action["Put"]).chain([body]).filter(|put| !put["Item"].is_null());
        for put in puts {
            let write = Write {
                asked,
                answered,
                account: account.to_owned(),
                step: step.to_owned(),
                item: put["Item"].clone(),
                expected: put["ExpressionAttributeValues"].clone(),
            };
            match kind(&write.item) {
                "run" => self.runs.push(write),
                "order" => self.orders.push(write),
                _ => {}
            }
        }
    }
}

/// Every item of the store, in the shape of the wire; bytes as text. Each account has a table of its own.
pub(crate) async fn all_items(client: &Client, tables: &[String]) -> Vec<Value> {
    let mut items = Vec::new();
    for table in tables {
        let mut pages = client.scan().table_name(table).into_paginator().items().send();
        while let Some(item) = pages.next().await {
            let item = item.expect("the store answers");
            items.push(Value::Object(item.iter().map(|(name, value)| (name.clone(), wire(value))).collect()));
        }
    }
    items
}

fn wire(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(digits) => json!({ "N": digits }),
        AttributeValue::Bool(value) => json!({ "BOOL": value }),
        AttributeValue::B(bytes) => json!({ "B": String::from_utf8_lossy(bytes.as_ref()) }),
        AttributeValue::L(items) => json!({ "L": items.iter().map(wire).collect::<Vec<_>>() }),
        AttributeValue::M(fields) => {
            json!({ "M": fields.iter().map(|(name, value)| (name.clone(), wire(value))).collect::<Map<_, _>>() })
        }
        _ => Value::Null,
    }
}
