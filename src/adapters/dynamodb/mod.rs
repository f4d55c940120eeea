//! The store on DynamoDB: one table, the same code on AWS and on the embedded store.
//!
//! # Items and how they are reached
//!
//! | item | `pk` | `sk` | reached by |
//! |---|---|---|---|
//! | run | `run#` first 4 hex digits of its id | the id, 32 hex digits | id; prefix of the id (`begins_with`) |
//! | run, index `runs_by_portfolio` | `portfolio_key` | `created_at_ms` | runs of a portfolio, oldest first |
//! | chunk | `blob#run#`id, `blob#`portfolio or `blob#`snapshot | digest`#`chunk | owner, digest, number |
//! | order | `orders#` run id | the key, 32 hex digits | run; run and key |
//! | log entry | `log#` run id | `run#`number or `order#`key`#`number | run; chain by number |
//! | lock | `lock` | environment`#`venue`#`account | account; all of them, by recovery |
//! | day | `account#`environment`#`venue`#`account | `day#`date | account and day |
//! | owner | `account#`environment`#`venue`#`account | `owner` | account |
//! | portfolio | `portfolio#`environment`#`venue`#`account`#`portfolio | `state` | portfolio on an account |
//! | kill switch | `switch` | `everything` or `portfolio#`environment`#`portfolio | scope; all of them |
//! | its log entry | `switch_log` | the same`#`number | all of them, by scope and number |
//! | snapshot | `snapshots#`portfolio | kind`#`time`#`revision, both padded | portfolio; kind; the latest of a kind at a time |
//! | alert | `alerts#` run id | its key, 32 hex digits | run and key |
//! | counter | `counter#`name | period | name and period |
//! | outbox account | `outbox` | venue`#`account | account; all of them |
//! | outbox order | `outbox#`venue`#`account | `order#`client order id | client order id; all of an account |
//! | paper account, paper order | `paper#`venue`#`account | `account`, `order#`client order id | account; client order id |
//!
//! Recovery goes by the locks and not by an index: a query of the partition is strongly consistent, and claim and end
//! of a run put and delete its lock in their own transaction. One index is left, and nothing is decided by it.
//!
//! No identifier contains `#`, so no two keys run into each other. Every item but chunks, days and counters carries `schema`.
//! `expires_at_s` is the table's TTL attribute; only terminal runs and orders, chunks of such runs, orders of an outbox
//! that have ended, alerts, counters, and snapshots that are no longer in use, with their chunks, have it. A run may go
//! thirty days before its orders and chunks: DynamoDB purges late and in no order, and half a run would fail its audit.
//!
//! # Conditions, and the timeline behind each
//!
//! ```text
//! claim         worker A puts run + lock ─┬─ both absent: A has it
//!               worker B puts run + lock ─┘  refused: B reads A's run, and never half a claim (one transaction)
//!
//! update, commit, finish: revision, state and lease_until = what I read AND epoch = mine
//!               A reads epoch 1 … freezes … B takes over with epoch 2 … A thaws and writes: refused by the epoch
//!               A renews its lease … B, who read the old lease as over, takes over: refused by the lease
//!
//! approve       an update of the run as any other, from a proposal that nobody has answered
//!               A and B approve at once: one write wins; the other is refused, and finds the run in A's hands
//!
//! create_order  order absent AND run: state = Emitting, epoch = mine (one transaction)
//!               A passes its checks … freezes … B takes over, expires the order … A thaws and puts: refused
//!
//! update_order  revision = what I read AND payload_digest = the plan's
//!               A and B settle the same order: one write wins, the other reads and takes it over
//!               a further attempt: AND run: state = Emitting, epoch = mine (one transaction)
//!               A finds the order absent … freezes … a person stops the run … A thaws and would send again: refused
//!
//! log entry     absent, in the same transaction as the run or order whose revision is its number
//!               guarded by that item's condition; never replaced, never deleted
//!
//! kill switch   log entry of its number absent; the switch itself has no condition
//!               two people at once: one is refused, reads the other's entry and goes on from it. What is stored may
//!               be unreadable: a switch can be set all the same
//!
//! put_snapshots all of them absent (one transaction): a reader, who makes a query for each kind, makes them again until
//!               two rounds agree, and so sees all of them or none
//!               two people load at once: one is refused, reads what the other loaded and counts on from there
//!
//! put_alert     absent, or state and attempts = what I read
//!               A and B tell the same run: one put wins and sends, the other leaves the message alone
//!
//! put_owner     absent, or portfolio and since = what I read
//!               two portfolios begin on one account at once: one put wins, the other is refused and reads whose it is
//!
//! count         counted < most: two who count at once cannot both have the last one
//!
//! outbox        order and account each: revision = mine − 1, or absent for the first (one transaction)
//!               two executors take one order: one write wins, the other reads whose it is
//!               fill and cancellation at once: the second reads what the first left, and is judged by that
//!               A checks the deadline … freezes … B finds no order and raises the account's revision … A thaws and
//!               puts: refused, reads that the account is closed to its deadline
//!               a statement of the account: AND nobody has placed an order since it was read, by the same revision
//!
//! commit's day  reserved_notional ≤ limit − mine, in the same transaction: two commits cannot both fit in one gap
//! ```
//!
//! A write that is refused may have been refused by its own earlier success, whose answer was lost and which the SDK
//! repeated. The caller tells the two apart by reading (claim token, attempt id, equality), so the SDK's own retries
//! may stay on here. They are off where an order is sent to a venue.

mod alert_log;
mod all_runs;
mod counters;
mod keys;
mod outbox_ledger;
mod owners;
mod paper_ledger;
mod run_store;
mod snapshots;
pub mod table;

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{DisplayErrorContext, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::{TransactWriteItemsError, TransactWriteItemsOutput};
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::adapters::clock::SystemClock;
use crate::ports::Clock as _;
use crate::ports::store::{ITEM_SCHEMA, StoreError};
use keys::Key;

/// Attributes of an item.
type Item = HashMap<String, AttributeValue>;

/// The store. Cheap to clone: the client is shared.
#[derive(Debug, Clone)]
pub struct DynamoStore {
    client: Client,
    table: String,
}

impl DynamoStore {
    /// A store on a table that exists; see [`table::create`] for one that does not.
    #[must_use]
    pub fn new(client: Client, table: &str) -> Self {
        Self { client, table: table.to_owned() }
    }

    /// Strongly consistent read of one item.
    ///
    /// Requests are boxed here and below: each is a large future, and every caller's would hold it by value.
    async fn get(&self, key: &Key, step: &'static str) -> Result<Option<Item>, StoreError> {
        let read = self.client.get_item().table_name(&self.table).set_key(Some(key.attributes())).consistent_read(true);
        Ok(Box::pin(read.send()).await.map_err(|error| unavailable(step, error))?.item)
    }

    async fn get_as<T: DeserializeOwned>(&self, key: &Key, step: &'static str) -> Result<Option<T>, StoreError> {
        self.get(key, step).await?.map(|item| decode(key, item)).transpose()
    }

    /// One conditional put of a transaction.
    fn put(&self, key: &Key, item: Item, condition: Condition) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(with_key(key, item)))
            .set_condition_expression(condition.expression)
            .set_expression_attribute_names(condition.names)
            .set_expression_attribute_values(condition.values);
        let put = put.build().map_err(|error| unavailable("building a request", error))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// One transaction. `Err(positions)` when conditions failed, with the positions of the actions that did.
    async fn transact(
        &self,
        actions: Vec<TransactWriteItem>,
        step: &'static str,
    ) -> Result<Result<(), Vec<usize>>, StoreError> {
        let request = self.client.transact_write_items().set_transact_items(Some(actions));
        for most_ms in CONFLICT_WAITS_MS {
            match Box::pin(request.clone().send()).await {
                Err(error) if is_conflict(&error) => SystemClock.pause(fastrand::u64(0..=most_ms)).await,
                answer => return transacted(answer, step),
            }
        }
        transacted(Box::pin(request.send()).await, step)
    }

    /// One conditional put; whether it took place.
    async fn put_if(
        &self,
        key: &Key,
        item: Item,
        condition: Condition,
        step: &'static str,
    ) -> Result<bool, StoreError> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(with_key(key, item)))
            .set_condition_expression(condition.expression)
            .set_expression_attribute_names(condition.names)
            .set_expression_attribute_values(condition.values);
        match Box::pin(put.send()).await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(PutItemError::is_conditional_check_failed_exception) => {
                Ok(false)
            }
            Err(error) => Err(unavailable(step, error)),
        }
    }
}

/// Between two tries of a transaction that another writer was in the way of: at most so long each, and random, for that one
/// waits, too. DynamoDB refuses such a transaction as a whole, and its SDK leaves the repetition to whoever asked.
const CONFLICT_WAITS_MS: [u64; 6] = [10, 20, 40, 80, 160, 320];

type Transacted = Result<TransactWriteItemsOutput, SdkError<TransactWriteItemsError, HttpResponse>>;

fn transacted(answer: Transacted, step: &'static str) -> Result<Result<(), Vec<usize>>, StoreError> {
    match answer {
        Ok(_) => Ok(Ok(())),
        Err(error) => match refused_positions(&error) {
            Some(positions) => Ok(Err(positions)),
            None => Err(unavailable(step, error)),
        },
    }
}

/// Nothing was written, for another request was at work on one of the items, and nothing else was wrong.
fn is_conflict(error: &SdkError<TransactWriteItemsError, HttpResponse>) -> bool {
    let Some(codes) = cancellation_codes(error) else { return false };
    let is_known = |code: &&str| matches!(*code, "None" | "ConditionalCheckFailed" | "TransactionConflict");
    codes.contains(&"TransactionConflict") && codes.iter().all(is_known)
}

/// Why a transaction was cancelled, by the position of the action; `None` where it failed otherwise.
fn cancellation_codes(error: &SdkError<TransactWriteItemsError, HttpResponse>) -> Option<Vec<&str>> {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() else {
        return None;
    };
    Some(cancelled.cancellation_reasons().iter().map(|reason| reason.code().unwrap_or("None")).collect())
}

/// The positions whose conditions failed; `None` when the transaction failed for any other reason (a conflict, a
/// throttle, no answer), after which nothing is known. Where one item was in conflict, nobody has looked whether its
/// condition holds: what failed beside it is not all that may have failed.
fn refused_positions(error: &SdkError<TransactWriteItemsError, HttpResponse>) -> Option<Vec<usize>> {
    let mut refused = Vec::new();
    for (at, code) in cancellation_codes(error)?.into_iter().enumerate() {
        match code {
            "None" => {}
            "ConditionalCheckFailed" => refused.push(at),
            _ => return None,
        }
    }
    (!refused.is_empty()).then_some(refused)
}

/// A condition with its names and values.
#[derive(Debug, Default)]
struct Condition {
    expression: Option<String>,
    names: Option<HashMap<String, String>>,
    values: Option<Item>,
}

impl Condition {
    const NONE: Self = Self { expression: None, names: None, values: None };

    fn absent() -> Self {
        Self { expression: Some("attribute_not_exists(pk)".to_owned()), ..Self::NONE }
    }

    /// All of these attributes have these values.
    fn all_equal(pairs: impl IntoIterator<Item = (&'static str, AttributeValue)>) -> Self {
        let (mut parts, mut names, mut values) = (Vec::new(), HashMap::new(), HashMap::new());
        for (name, value) in pairs {
            parts.push(format!("#{name} = :{name}"));
            names.insert(format!("#{name}"), name.to_owned());
            values.insert(format!(":{name}"), value);
        }
        Self { expression: Some(parts.join(" AND ")), names: Some(names), values: Some(values) }
    }

    fn or_absent(self) -> Self {
        let expression = self.expression.map(|expression| format!("attribute_not_exists(pk) OR ({expression})"));
        Self { expression, ..self }
    }
}

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn number(value: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::N(format!("{value}"))
}

fn with_key(key: &Key, mut item: Item) -> Item {
    item.extend(key.attributes());
    item
}

/// A value as attributes: its fields by name, absent ones left out.
fn encode<T: Serialize>(value: &T) -> Result<Item, StoreError> {
    let mut item: Item = serde_dynamo::to_item(value).map_err(|error| unavailable_text("encoding an item", &error))?;
    item.retain(|_, value| !value.is_null());
    Ok(item)
}

/// The reverse. Attributes that only keys and indexes need are taken off; anything else unknown is refused.
fn decode<T: DeserializeOwned>(key: &Key, mut item: Item) -> Result<T, StoreError> {
    for name in keys::OWN_ATTRIBUTES {
        item.remove(name);
    }
    if let Some(schema) = item.get("schema")
        && schema != &number(ITEM_SCHEMA)
    {
        let cause = format!("its schema is {schema:?} and this program reads {ITEM_SCHEMA}");
        return Err(StoreError::Corrupt { item: key.to_string(), cause });
    }
    serde_dynamo::from_item(item)
        .map_err(|error| StoreError::Corrupt { item: key.to_string(), cause: error.to_string() })
}

fn unavailable(step: &'static str, error: impl std::error::Error) -> StoreError {
    StoreError::Unavailable { step, cause: DisplayErrorContext(error).to_string() }
}

fn unavailable_text(step: &'static str, error: &impl ToString) -> StoreError {
    StoreError::Unavailable { step, cause: error.to_string() }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::CancellationReason;
    use aws_sdk_dynamodb::types::error::TransactionCanceledException;
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;

    use super::*;

    fn cancelled(codes: &[&str]) -> SdkError<TransactWriteItemsError, HttpResponse> {
        let reasons = codes.iter().map(|code| CancellationReason::builder().code(*code).build()).collect();
        let error = TransactionCanceledException::builder().set_cancellation_reasons(Some(reasons)).build();
        let response = HttpResponse::new(StatusCode::try_from(400).expect("a status"), SdkBody::empty());
        SdkError::service_error(TransactWriteItemsError::TransactionCanceledException(error), response)
    }

    #[test]
    fn a_conflict_is_tried_again_where_nothing_else_is_wrong() {
        for codes in [&["TransactionConflict"][..], &["None", "ConditionalCheckFailed", "TransactionConflict"]] {
            assert!(is_conflict(&cancelled(codes)), "{codes:?}");
        }
        for codes in [&["None", "ConditionalCheckFailed"][..], &["TransactionConflict", "ThrottlingError"], &["None"]] {
            assert!(!is_conflict(&cancelled(codes)), "{codes:?}");
        }
    }

    #[test]
    fn a_conflict_beside_a_failed_condition_says_nothing_of_the_others() {
        const FAILED: &str = "ConditionalCheckFailed";
        assert_eq!(refused_positions(&cancelled(&["None", FAILED, FAILED])), Some(vec![1, 2]));
        for other in ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded", "ValidationError"] {
            assert_eq!(refused_positions(&cancelled(&[other, "None", FAILED])), None, "{other}");
            assert_eq!(refused_positions(&cancelled(&[other, "None"])), None, "{other}");
        }
        assert_eq!(refused_positions(&cancelled(&["None", "None"])), None);
    }
}
