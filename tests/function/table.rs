//! The table: the embedded store served over HTTP, and in front of it a proxy that notes every call and injects faults.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use index_rebalancer::adapters::dynamodb::{DynamoStore, table};
use index_rebalancer::adapters::rehearsal::client;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::http::{self, Message};
use crate::permissions::{self, Needed, Permission};

pub(crate) const TABLE: &str = "index-rebalancer";

/// What happens to a call instead of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Throttled,
    /// Another transaction is at the same item.
    TransactionConflict,
    /// It is carried out, and the answer is lost.
    AnswerLost,
    /// It never arrives.
    RequestLost,
}

/// A fault of every call of this action whose body has this text, so many times.
#[derive(Debug, Clone)]
struct Planned {
    action: &'static str,
    text: &'static str,
    times: usize,
    fault: Fault,
}

#[derive(Debug, Default)]
struct Watch {
    calls: Vec<String>,
    faults: Vec<Planned>,
}

pub(crate) struct Table {
    /// Where the function is sent to.
    pub(crate) address: SocketAddr,
    /// Past the proxy.
    client: Client,
    watch: Arc<Mutex<Watch>>,
    needed: Needed,
}

impl Table {
    pub(crate) fn start() -> Self {
        let store = store();
        let watch = Arc::new(Mutex::new(Watch::default()));
        let needed = Needed::default();
        let (watched, needs) = (Arc::clone(&watch), needed.by_calls());
        let address = http::serve(move |request| pass(store, &watched, &needs, &request));
        let client = client(&store.to_string(), Duration::from_secs(20));
        Self { address, client, watch, needed }
    }

    pub(crate) async fn created() -> Self {
        let table = Self::start();
        table::create(&table.client, TABLE).await.expect("the table is made");
        table
    }

    pub(crate) fn store(&self) -> DynamoStore {
        DynamoStore::new(self.client.clone(), TABLE)
    }

    pub(crate) fn inject(&self, action: &'static str, times: usize, fault: Fault) {
        self.inject_where(action, "", times, fault);
    }

    /// Into the calls whose body has this text.
    pub(crate) fn inject_where(&self, action: &'static str, text: &'static str, times: usize, fault: Fault) {
        self.watch.lock().expect("not poisoned").faults.push(Planned { action, text, times, fault });
    }

    /// Faults that did not happen yet.
    pub(crate) fn pending_faults(&self) -> usize {
        self.watch.lock().expect("not poisoned").faults.iter().map(|planned| planned.times).sum()
    }

    /// The actions of every call so far, in their order.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.watch.lock().expect("not poisoned").calls.clone()
    }

    /// What the calls so far need to be allowed.
    pub(crate) fn permissions(&self) -> BTreeSet<Permission> {
        self.needed.all()
    }

    /// Puts a text, or nothing, in place of an attribute of every item whose keys begin so, past every condition of the
    /// store: what no defect of the program does. How many those were.
    pub(crate) async fn tamper(&self, pk: &str, sk: &str, attribute: &str, text: Option<&str>) -> usize {
        let meant = self.items().await.into_keys().filter(|(of, order)| of.starts_with(pk) && order.starts_with(sk));
        let mut count = 0;
        for (pk, sk) in meant {
            let text_of = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
            let update = self.client.update_item().table_name(TABLE).key("pk", text_of(&pk)).key("sk", text_of(&sk));
            let update = update.expression_attribute_names("#it", attribute);
            let update = match text {
                None => update.update_expression("REMOVE #it"),
                Some(text) => {
                    update.update_expression("SET #it = :it").expression_attribute_values(":it", text_of(text))
                }
            };
            let _ = update.send().await.expect("the item is changed");
            count += 1;
        }
        count
    }

    /// Takes away every item whose keys begin so. How many those were.
    pub(crate) async fn remove(&self, pk: &str, sk: &str) -> usize {
        let meant = self.items().await.into_keys().filter(|(of, order)| of.starts_with(pk) && order.starts_with(sk));
        let mut count = 0;
        for (pk, sk) in meant {
            let text_of = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
            let delete = self.client.delete_item().table_name(TABLE).key("pk", text_of(&pk)).key("sk", text_of(&sk));
            let _ = delete.send().await.expect("the item is gone");
            count += 1;
        }
        count
    }

    /// Every item there is, by key, as text.
    pub(crate) async fn items(&self) -> BTreeMap<(String, String), BTreeMap<String, String>> {
        let items = self.client.scan().table_name(TABLE).consistent_read(true).into_paginator().items().send();
        let items = items.try_collect().await.expect("the table is read");
        let text = |item: &std::collections::HashMap<_, aws_sdk_dynamodb::types::AttributeValue>, name: &str| {
            item[name].as_s().expect("a text").clone()
        };
        let shown = |item: std::collections::HashMap<String, aws_sdk_dynamodb::types::AttributeValue>| {
            let key = (text(&item, "pk"), text(&item, "sk"));
            (key, item.into_iter().map(|(name, value)| (name, canonical(&value))).collect())
        };
        items.into_iter().map(shown).collect()
    }
}

/// A value as text, the same for equal values: a map in it has no order of its own.
fn canonical(value: &aws_sdk_dynamodb::types::AttributeValue) -> String {
    use aws_sdk_dynamodb::types::AttributeValue as Value;
    match value {
        Value::M(fields) => {
            let fields: BTreeMap<_, _> = fields.iter().map(|(name, value)| (name, canonical(value))).collect();
            format!("{fields:?}")
        }
        Value::L(values) => format!("{:?}", values.iter().map(canonical).collect::<Vec<_>>()),
        other => format!("{other:?}"),
    }
}

/// The embedded store, in a thread of its own.
fn store() -> SocketAddr {
    let socket = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port");
    socket.set_nonblocking(true).expect("a socket for the runtime");
    let address = socket.local_addr().expect("an address");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let listener = TcpListener::from_std(socket).expect("a listener");
            let database = dynoxide::Database::memory().expect("an empty store");
            let served = dynoxide::server::serve_with_shutdown(listener, database, std::future::pending());
            served.await.expect("the store is served");
        });
    });
    address
}

fn pass(store: SocketAddr, watch: &Mutex<Watch>, needs: &impl Fn(Permission), request: &Message) -> Option<Message> {
    let action = request.header("x-amz-target").and_then(|it| it.rsplit('.').next()).unwrap_or("").to_owned();
    permissions::of_call(&action, &request.body).into_iter().for_each(needs);
    let fault = {
        let mut watch = watch.lock().expect("not poisoned");
        let body = String::from_utf8_lossy(&request.body);
        let is_meant = |planned: &&mut Planned| planned.action == action && body.contains(planned.text);
        let fault = watch.faults.iter_mut().filter(is_meant).find(|planned| planned.times > 0);
        let fault = fault.map(|planned| {
            planned.times -= 1;
            planned.fault
        });
        watch.calls.push(action);
        fault
    };
    match fault {
        None => http::call(store, request).ok(),
        Some(Fault::RequestLost) => None,
        Some(Fault::AnswerLost) => {
            http::call(store, request).expect("the store answers");
            None
        }
        Some(Fault::Throttled) => Some(refusal(&json!({
            "__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
            "message": "the level of configured provisioned throughput was exceeded"
        }))),
        Some(Fault::TransactionConflict) => Some(refusal(&json!({
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "Message": "Transaction cancelled, please refer cancellation reasons for specific reasons [TransactionConflict]",
            "CancellationReasons": [{ "Code": "TransactionConflict", "Message": "Transaction is ongoing for the item" }]
        }))),
    }
}

fn refusal(body: &Value) -> Message {
    let body = body.to_string().into_bytes();
    Message::answer(400, &[("content-type", "application/x-amz-json-1.0")], &body)
}
