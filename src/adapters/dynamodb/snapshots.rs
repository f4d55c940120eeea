//! Snapshots of portfolios: what plans are made from.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::TransactWriteItem;
use jiff::Timestamp;

use super::keys::{self, Key};
use super::table::TTL_ATTRIBUTE;
use super::{Condition, DynamoStore, decode, encode, number, text, unavailable};
use crate::model::PortfolioId;
use crate::ports::snapshot::{SnapshotItem, SnapshotKey, SnapshotKind, SnapshotStore};
use crate::ports::store::{StoreError, Written};

impl SnapshotStore for DynamoStore {
    async fn latest_snapshot(
        &self,
        portfolio: &PortfolioId,
        kind: SnapshotKind,
        as_of: Timestamp,
    ) -> Result<Option<SnapshotItem>, StoreError> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":pk", text(keys::snapshots(portfolio)))
            .expression_attribute_values(":first", text(keys::snapshots_of(kind)))
            // Behind every revision, which is digits only.
            .expression_attribute_values(":last", text(keys::snapshots_at(kind, as_of) + "~"))
            .scan_index_forward(false)
            .limit(1);
        let answer = query.send().await.map_err(|error| unavailable("finding a snapshot", error))?;
        let newest = answer.items.unwrap_or_default().into_iter().next();
        newest.map(|item| decode(&Key::of(&item), item)).transpose()
    }

    async fn list_snapshots(
        &self,
        portfolio: &PortfolioId,
        kind: Option<SnapshotKind>,
    ) -> Result<Vec<SnapshotItem>, StoreError> {
        let begin = kind.map(keys::snapshots_of);
        let condition = if begin.is_some() { "pk = :pk AND begins_with(sk, :begin)" } else { "pk = :pk" };
        let query = self
            .client
            .query()
            .consistent_read(true)
            .key_condition_expression(condition)
            .expression_attribute_values(":pk", text(keys::snapshots(portfolio)));
        let query = match begin {
            Some(begin) => query.expression_attribute_values(":begin", text(begin)),
            None => query,
        };
        let mut snapshots: Vec<SnapshotItem> = self.collect(query, "listing snapshots").await?;
        snapshots.sort_by_key(|item| (item.kind, item.at, item.revision));
        Ok(snapshots)
    }

    async fn put_snapshots(&self, snapshots: &[SnapshotItem]) -> Result<Written, StoreError> {
        let put = |item: &SnapshotItem| self.put(&keys::snapshot(&item.key()), encode(item)?, Condition::absent());
        let actions: Result<Vec<TransactWriteItem>, StoreError> = snapshots.iter().map(put).collect();
        let done = self.transact(actions?, "storing snapshots").await?.is_ok();
        Ok(if done { Written::Done } else { Written::Refused })
    }

    async fn expire_snapshot(&self, key: &SnapshotKey, expires_at_s: i64) -> Result<(), StoreError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(keys::snapshot(key).attributes()))
            // Never recreate what was purged already.
            .condition_expression("attribute_exists(pk)")
            .update_expression("SET #ttl = :at")
            .expression_attribute_names("#ttl", TTL_ATTRIBUTE)
            .expression_attribute_values(":at", number(expires_at_s));
        match update.send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
            {
                Ok(())
            }
            Err(error) => Err(unavailable("marking a snapshot", error)),
        }
    }
}
