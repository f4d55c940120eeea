//! The name of a step, read off the wire: which item a request to the store touches and how, or what the venue is
//! asked. The product knows nothing of these names.

use serde_json::Value;

use index_rebalancer::adapters::rehearsal::wire::Message;

/// Which of the two a connection leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    Store,
    Venue,
}

/// The step that a request is.
pub(crate) fn name(channel: Channel, request: &Message) -> String {
    match channel {
        Channel::Venue => format!("venue: {}", request.second_word().trim_start_matches('/')),
        Channel::Store => {
            let operation = request.header("x-amz-target").and_then(|target| target.split('.').next_back());
            let body = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
            format!("store: {}", store_step(operation.unwrap_or(""), &body))
        }
    }
}

/// Whether the step writes to the store.
pub(crate) fn is_write(operation: &str) -> bool {
    matches!(operation, "PutItem" | "UpdateItem" | "DeleteItem" | "TransactWriteItems" | "BatchWriteItem")
}

pub(crate) fn operation(request: &Message) -> &str {
    request.header("x-amz-target").and_then(|target| target.split('.').next_back()).unwrap_or("")
}

fn store_step(operation: &str, body: &Value) -> String {
    match operation {
        "GetItem" => format!("read {}", kind(&body["Key"])),
        "Scan" => format!("list by {}", body["IndexName"].as_str().unwrap_or("nothing")),
        "Query" => match body["IndexName"].as_str() {
            Some(index) => format!("list by {index}"),
            None => format!("list {}", kind_of_partition(partition_asked(body))),
        },
        "PutItem" => put(&body["Item"]),
        "UpdateItem" => format!("update {}", kind(&body["Key"])),
        "TransactWriteItems" => transaction(&body["TransactItems"]),
        other => other.to_owned(),
    }
}

fn partition_asked(body: &Value) -> &str {
    let values = body["ExpressionAttributeValues"].as_object();
    let texts = values.into_iter().flatten().filter_map(|(_, value)| value["S"].as_str());
    texts.into_iter().find(|text| text.contains('#') || *text == "lock").unwrap_or("")
}

fn put(item: &Value) -> String {
    let kind = kind(item);
    match (kind, text(item, "state")) {
        ("run" | "order", Some(state)) => format!("write {kind} ({state})"),
        _ => format!("write {kind}"),
    }
}

/// A transaction is named after the run or order that it puts, and by the lock that it takes or releases.
fn transaction(actions: &Value) -> String {
    let actions = actions.as_array().map(Vec::as_slice).unwrap_or_default();
    let puts: Vec<&Value> =
        actions.iter().map(|action| &action["Put"]["Item"]).filter(|item| !item.is_null()).collect();
    let has = |wanted: &str| puts.iter().any(|item| kind(item) == wanted);
    let named = puts.iter().find(|item| matches!(kind(item), "run" | "order"));
    let what = named.or(puts.first()).map_or_else(|| "nothing".to_owned(), |item| put(item));
    if actions.iter().any(|action| kind(&action["Delete"]["Key"]) == "lock") {
        return format!("release the lock, {what}");
    }
    if has("lock") { format!("take the lock, {what}") } else { what }
}

pub(crate) fn text<'a>(item: &'a Value, attribute: &str) -> Option<&'a str> {
    item[attribute]["S"].as_str()
}

/// What an item is, by its key.
pub(crate) fn kind(item: &Value) -> &'static str {
    let partition = text(item, "pk").unwrap_or("");
    match text(item, "sk") {
        Some(sort) if partition.starts_with("account#") && sort.starts_with("day#") => "day",
        _ => kind_of_partition(partition),
    }
}

fn kind_of_partition(partition: &str) -> &'static str {
    const KINDS: [(&str, &str); 9] = [
        ("lock", "lock"),
        ("run#", "run"),
        ("blob#", "chunk"),
        ("orders#", "order"),
        ("portfolio#", "portfolio"),
        ("switch", "kill switch"),
        ("log#", "log entry"),
        ("account#", "account"),
        ("paper#", "paper"),
    ];
    KINDS.iter().find(|(beginning, _)| partition.starts_with(beginning)).map_or("item", |(_, kind)| *kind)
}
