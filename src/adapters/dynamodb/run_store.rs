//! The store port, step by step. The conditions are explained in the parent module.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, TransactWriteItem, Update};
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::keys::{self, Key};
use super::table::{RUNS_BY_PORTFOLIO, TTL_ATTRIBUTE};
use super::{Condition, DynamoStore, Item, decode, encode, number, text, unavailable};
use crate::model::number::parse_market;
use crate::model::{Environment, Money, PortfolioId};
use crate::ports::store::{
    AccountKey, ChunkAddress, CommitAnswer, DayReservation, ITEM_SCHEMA, KillSwitch, LockItem, LogEntry, OrderItem,
    PortfolioItem, PortfolioKey, RunItem, RunStore, StoreError, SwitchEntry, SwitchScope, Written,
};

/// A run's attributes, with those of its indexes.
fn run_attributes(run: &RunItem) -> Result<Item, StoreError> {
    let mut item = encode(run)?;
    let portfolio = keys::portfolio_runs(run.identity.environment, &run.identity.portfolio);
    item.insert("portfolio_key".to_owned(), text(portfolio));
    item.insert("created_at_ms".to_owned(), number(run.created_at.as_millisecond()));
    Ok(item)
}

/// The run is still as it was read: the fence against workers that were thought dead.
fn still(run: &RunItem) -> Condition {
    Condition::all_equal([
        ("revision", number(run.revision)),
        ("state", text(run.state.as_str())),
        ("epoch", number(run.epoch)),
        ("lease_until", text(run.lease_until.to_string())),
    ])
}

impl DynamoStore {
    pub(super) async fn collect<T: DeserializeOwned>(
        &self,
        query: QueryFluentBuilder,
        step: &'static str,
    ) -> Result<Vec<T>, StoreError> {
        self.collect_each(query, step).await?.into_iter().collect()
    }

    /// As [`Self::collect`]; what cannot be read does not hide the rest.
    async fn collect_each<T: DeserializeOwned>(
        &self,
        query: QueryFluentBuilder,
        step: &'static str,
    ) -> Result<Vec<Result<T, StoreError>>, StoreError> {
        let items = query.table_name(&self.table).into_paginator().items().send();
        let items: Vec<Item> = Box::pin(items.try_collect()).await.map_err(|error| unavailable(step, error))?;
        Ok(items.into_iter().map(|item| decode(&Key::of(&item), item)).collect())
    }

    /// Everything in a partition, by sort key, strongly consistent.
    pub(super) async fn partition<T: DeserializeOwned>(
        &self,
        pk: impl Into<String>,
        step: &'static str,
    ) -> Result<Vec<T>, StoreError> {
        self.collect(self.partition_query(pk), step).await
    }

    fn partition_query(&self, pk: impl Into<String>) -> QueryFluentBuilder {
        let query = self.client.query().consistent_read(true).key_condition_expression("pk = :pk");
        query.expression_attribute_values(":pk", text(pk))
    }

    /// One transaction of these writes and the entry that tells of them. `Err(positions)` when conditions failed.
    ///
    /// An entry that is there already while every other condition holds was written by nobody who keeps to the
    /// protocol: its number is guarded by the item's revision.
    async fn transact_logged(
        &self,
        mut actions: Vec<TransactWriteItem>,
        entry: &LogEntry,
        step: &'static str,
    ) -> Result<Result<(), Vec<usize>>, StoreError> {
        let key = keys::log_entry(entry);
        let last = actions.len();
        actions.push(self.put(&key, encode(entry)?, Condition::absent())?);
        match self.transact(actions, step).await? {
            Err(refused) if refused == [last] => {
                let cause = "it is there already, and the change that it tells of is not".to_owned();
                Err(StoreError::Corrupt { item: key.to_string(), cause })
            }
            answer => Ok(answer),
        }
    }

    async fn write(
        &self,
        actions: Vec<TransactWriteItem>,
        entry: &LogEntry,
        step: &'static str,
    ) -> Result<Written, StoreError> {
        let done = self.transact_logged(actions, entry, step).await?.is_ok();
        Ok(if done { Written::Done } else { Written::Refused })
    }

    fn put_run(&self, run: &RunItem, condition: Condition) -> Result<TransactWriteItem, StoreError> {
        self.put(&keys::run(run.run_id), run_attributes(run)?, condition)
    }

    /// The run is this worker's, and emitting. The lease is left out: a renewal by this very worker must not refuse its
    /// own order.
    fn check_fence(&self, fence: &RunItem) -> Result<TransactWriteItem, StoreError> {
        let holds = Condition::all_equal([("state", text(fence.state.as_str())), ("epoch", number(fence.epoch))]);
        let check = ConditionCheck::builder()
            .table_name(&self.table)
            .set_key(Some(keys::run(fence.run_id).attributes()))
            .set_condition_expression(holds.expression)
            .set_expression_attribute_names(holds.names)
            .set_expression_attribute_values(holds.values)
            .build()
            .map_err(|error| unavailable("building a request", error))?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }

    /// Raises the day's sum, if it then stays within the limit.
    fn reserve(&self, day: &DayReservation) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(keys::day(&day.account, day.day).attributes()))
            .update_expression("ADD reserved_notional :notional")
            .expression_attribute_values(":notional", number(day.notional));
        let update = match day.limit {
            None => update,
            Some(limit) => update
                .condition_expression("attribute_not_exists(reserved_notional) OR reserved_notional <= :room")
                .expression_attribute_values(":room", number(limit - day.notional)),
        };
        let update = update.build().map_err(|error| unavailable("building a request", error))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}

impl RunStore for DynamoStore {
    async fn load_run(&self, run_id: Uuid) -> Result<Option<RunItem>, StoreError> {
        self.get_as(&keys::run(run_id), "reading a run").await
    }

    async fn find_runs(&self, prefix: &str) -> Result<Vec<RunItem>, StoreError> {
        let (partition, begin) = keys::run_prefix(prefix)?;
        let query = self
            .client
            .query()
            .consistent_read(true)
            .key_condition_expression("pk = :pk AND begins_with(sk, :begin)")
            .expression_attribute_values(":pk", text(partition))
            .expression_attribute_values(":begin", text(begin));
        self.collect(query, "finding runs").await
    }

    async fn list_runs(&self, environment: Environment, portfolio: &PortfolioId) -> Result<Vec<RunItem>, StoreError> {
        let query = self
            .client
            .query()
            .index_name(RUNS_BY_PORTFOLIO)
            .key_condition_expression("portfolio_key = :portfolio")
            .expression_attribute_values(":portfolio", text(keys::portfolio_runs(environment, portfolio)));
        self.collect(query, "listing runs").await
    }

    async fn held_locks(&self) -> Result<Vec<Result<LockItem, StoreError>>, StoreError> {
        let query = self.partition_query(keys::LOCKS);
        let mut locks: Vec<Result<LockItem, StoreError>> = self.collect_each(query, "listing locks").await?;
        locks.sort_by_key(|lock| match lock {
            Ok(lock) => (false, Some((lock.taken_at, lock.run_id))),
            Err(_) => (true, None),
        });
        Ok(locks)
    }

    async fn load_lock(&self, account: &AccountKey) -> Result<Option<LockItem>, StoreError> {
        self.get_as(&keys::lock(account), "reading a lock").await
    }

    async fn claim(&self, run: &RunItem, entry: &LogEntry) -> Result<Written, StoreError> {
        let account = AccountKey::from(&run.identity);
        let lock =
            LockItem { schema: ITEM_SCHEMA, account: account.clone(), run_id: run.run_id, taken_at: run.created_at };
        let free_or_mine = Condition::all_equal([("run_id", text(run.run_id.to_string()))]).or_absent();
        let actions = vec![
            self.put_run(run, Condition::absent())?,
            self.put(&keys::lock(&account), encode(&lock)?, free_or_mine)?,
        ];
        self.write(actions, entry, "claiming a run").await
    }

    async fn update_run(&self, before: &RunItem, after: &RunItem, entry: &LogEntry) -> Result<Written, StoreError> {
        self.write(vec![self.put_run(after, still(before))?], entry, "updating a run").await
    }

    async fn put_chunk(&self, address: &ChunkAddress<'_>, bytes: &[u8]) -> Result<(), StoreError> {
        let item = Item::from([("bytes".to_owned(), AttributeValue::B(Blob::new(bytes)))]);
        self.put_if(&keys::chunk(address), item, Condition::absent(), "storing a chunk").await?;
        Ok(())
    }

    async fn load_chunk(&self, address: &ChunkAddress<'_>) -> Result<Option<Vec<u8>>, StoreError> {
        let key = keys::chunk(address);
        let Some(item) = self.get(&key, "reading a chunk").await? else {
            return Ok(None);
        };
        match item.get("bytes") {
            Some(AttributeValue::B(bytes)) => Ok(Some(bytes.as_ref().to_vec())),
            _ => Err(StoreError::Corrupt { item: key.to_string(), cause: "it has no bytes".to_owned() }),
        }
    }

    async fn expire_chunk(&self, address: &ChunkAddress<'_>, expires_at_s: i64) -> Result<(), StoreError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(keys::chunk(address).attributes()))
            // Never recreate what was purged already.
            .condition_expression("attribute_exists(pk)")
            .update_expression("SET #ttl = :at")
            .expression_attribute_names("#ttl", TTL_ATTRIBUTE)
            .expression_attribute_values(":at", number(expires_at_s));
        update.send().await.map_err(|error| unavailable("marking a chunk", error))?;
        Ok(())
    }

    async fn commit(
        &self,
        before: &RunItem,
        after: &RunItem,
        day: &DayReservation,
        entry: &LogEntry,
    ) -> Result<CommitAnswer, StoreError> {
        // The condition below cannot see this one: an absent sum has room for anything.
        if day.limit.is_some_and(|limit| day.notional > limit) {
            return Ok(CommitAnswer::OverDayLimit);
        }
        let actions = vec![self.put_run(after, still(before))?, self.reserve(day)?];
        Ok(match self.transact_logged(actions, entry, "committing a plan").await? {
            Ok(()) => CommitAnswer::Done,
            Err(refused) if refused.contains(&0) => CommitAnswer::Refused,
            Err(_) => CommitAnswer::OverDayLimit,
        })
    }

    async fn reserved_notional(&self, account: &AccountKey, day: Date) -> Result<Money, StoreError> {
        let key = keys::day(account, day);
        let Some(item) = self.get(&key, "reading a day").await? else {
            return Ok(Money::ZERO);
        };
        let corrupt = |cause: String| StoreError::Corrupt { item: key.to_string(), cause };
        let Some(AttributeValue::N(digits)) = item.get("reserved_notional") else {
            return Err(corrupt("it has no reserved_notional".to_owned()));
        };
        let value: Decimal = parse_market(digits).map_err(|error| corrupt(error.to_string()))?;
        Money::new(value).map_err(|error| corrupt(error.to_string()))
    }

    async fn create_order(&self, fence: &RunItem, order: &OrderItem, entry: &LogEntry) -> Result<Written, StoreError> {
        let key = keys::order(order.run_id, order.key);
        let actions = vec![self.check_fence(fence)?, self.put(&key, encode(order)?, Condition::absent())?];
        self.write(actions, entry, "creating an order").await
    }

    async fn update_order(
        &self,
        fence: Option<&RunItem>,
        before: &OrderItem,
        after: &OrderItem,
        entry: &LogEntry,
    ) -> Result<Written, StoreError> {
        let unchanged = Condition::all_equal([
            ("revision", number(before.revision)),
            ("payload_digest", text(&before.payload_digest)),
        ]);
        let key = keys::order(after.run_id, after.key);
        let mut actions = vec![self.put(&key, encode(after)?, unchanged)?];
        if let Some(fence) = fence {
            actions.push(self.check_fence(fence)?);
        }
        self.write(actions, entry, "updating an order").await
    }

    async fn load_order(&self, run_id: Uuid, key: Uuid) -> Result<Option<OrderItem>, StoreError> {
        self.get_as(&keys::order(run_id, key), "reading an order").await
    }

    async fn load_orders(&self, run_id: Uuid) -> Result<Vec<OrderItem>, StoreError> {
        self.partition(keys::orders(run_id), "reading a run's orders").await
    }

    async fn finish(
        &self,
        before: &RunItem,
        after: &RunItem,
        portfolio: Option<&PortfolioItem>,
        entry: &LogEntry,
    ) -> Result<Written, StoreError> {
        let mine = Condition::all_equal([("run_id", text(after.run_id.to_string()))]);
        let release = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(keys::lock(&AccountKey::from(&after.identity)).attributes()))
            .set_condition_expression(mine.expression)
            .set_expression_attribute_names(mine.names)
            .set_expression_attribute_values(mine.values)
            .build()
            .map_err(|error| unavailable("building a request", error))?;
        let mut actions =
            vec![self.put_run(after, still(before))?, TransactWriteItem::builder().delete(release).build()];
        if let Some(portfolio) = portfolio {
            let key = keys::portfolio(&portfolio.key);
            actions.push(self.put(&key, encode(portfolio)?, Condition::NONE)?);
        }
        self.write(actions, entry, "finishing a run").await
    }

    async fn load_log(&self, run_id: Uuid) -> Result<Vec<LogEntry>, StoreError> {
        self.partition(keys::log(run_id), "reading a run's log").await
    }

    async fn load_portfolio(&self, key: &PortfolioKey) -> Result<Option<PortfolioItem>, StoreError> {
        self.get_as(&keys::portfolio(key), "reading a portfolio").await
    }

    async fn kill_switch(&self, scope: &SwitchScope) -> Result<Option<KillSwitch>, StoreError> {
        self.get_as(&keys::switch(scope), "reading a kill switch").await
    }

    async fn kill_switches(&self) -> Result<Vec<KillSwitch>, StoreError> {
        self.partition(keys::SWITCHES, "listing kill switches").await
    }

    async fn set_kill_switch(&self, switch: &KillSwitch, entry: &SwitchEntry) -> Result<Written, StoreError> {
        let actions = vec![
            self.put(&keys::switch(&switch.scope), encode(switch)?, Condition::NONE)?,
            self.put(&keys::switch_entry(entry), encode(entry)?, Condition::absent())?,
        ];
        let done = self.transact(actions, "setting a kill switch").await?.is_ok();
        Ok(if done { Written::Done } else { Written::Refused })
    }

    async fn load_switch_log(&self) -> Result<Vec<SwitchEntry>, StoreError> {
        self.partition(keys::SWITCH_LOG, "reading the kill switches' log").await
    }
}
