//! What is purged, and what never is.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use index_rebalancer::adapters::snapshots::KEEP_DAYS;
use index_rebalancer::ports::snapshot::{SnapshotKind, SnapshotStore};

use crate::support::*;

/// When the items that begin so are purged.
async fn expiries(table: &Table, pk: &str) -> BTreeMap<String, Option<i64>> {
    let second = |value: &AttributeValue| value.as_n().expect("a number").parse().expect("whole");
    let items = table.items().await.into_iter().filter(|((of, _), _)| of.starts_with(pk));
    items.map(|((pk, sk), item)| (format!("{pk} {sk}"), item.get("expires_at_s").map(second))).collect()
}

#[tokio::test]
async fn only_what_is_out_of_use_is_ever_purged() {
    let table = Table::new().await;
    let folder = copy("blue-chip");
    table.load(folder.path()).await.expect("stored");
    edit(&folder, "policy.toml", "[eligibility]", "[eligibility] # another");
    table.load(folder.path()).await.expect("stored");
    let all = table.store().list_snapshots(&blue_chip(), None).await.expect("lists");
    let kept: Vec<(SnapshotKind, u32)> =
        all.iter().filter(|item| item.expires_at_s.is_none()).map(|item| (item.kind, item.revision)).collect();
    // The case has no file of daily closes.
    let kinds = SnapshotKind::ALL.into_iter().filter(|kind| *kind != SnapshotKind::History);
    let last: Vec<(SnapshotKind, u32)> =
        kinds.map(|kind| (kind, if kind == SnapshotKind::Policy { 2 } else { 1 })).collect();
    assert_eq!(kept, last, "one of each kind, the last");
    let dates: Vec<i64> = all.iter().filter_map(|item| item.expires_at_s).collect();
    assert_eq!(dates.len(), all.len() - last.len());
    assert!(dates.iter().all(|date| *date == noon().as_second() + KEEP_DAYS * 86_400));
    let of_day_3 = all.iter().filter(|item| item.kind == SnapshotKind::Market && item.expires_at_s.is_none());
    assert_eq!(of_day_3.map(|item| item.at).collect::<Vec<_>>(), [time("2025-04-12T00:00:00Z")]);
}

#[tokio::test]
async fn bytes_outlive_the_snapshot_that_names_them() {
    let table = Table::new().await;
    table.load(fixture("blue-chip")).await.expect("stored");
    let snapshots = expiries(&table, "snapshots#").await;
    let chunks = expiries(&table, "blob#snapshots#").await;
    assert_eq!((snapshots.len(), chunks.len()), (15, 15), "one chunk each");
    for (snapshot, expires) in snapshots {
        let of = format!("blob#{} ", snapshot.replace(' ', "#"));
        let (_, bytes_expire) = chunks.iter().find(|(chunk, _)| chunk.starts_with(&of)).expect("its bytes");
        assert_eq!(bytes_expire.is_some(), expires.is_some(), "{snapshot}");
        assert!(*bytes_expire >= expires.map(|at| at + 86_400), "{snapshot}");
    }
}

/// Loads of other portfolios, and everything else in the table, are left alone.
#[tokio::test]
async fn another_portfolio_is_not_touched() {
    let table = Table::new().await;
    table.load(fixture("moonshot")).await.expect("stored");
    let before = table.items().await;
    table.load(fixture("blue-chip")).await.expect("stored");
    let after = table.items().await;
    assert!(before.iter().all(|(key, item)| after.get(key) == Some(item)));
}
