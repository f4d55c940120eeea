//! Readings while somebody loads.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use super::*;
use crate::ports::blob::Blob;
use crate::ports::snapshot::SnapshotKey;
use crate::ports::store::{ITEM_SCHEMA, Written};

/// A store in which the next load is committed after so many queries, and then after each further such number.
struct Loaded {
    items: RefCell<Vec<SnapshotItem>>,
    every: usize,
    loads_left: Cell<u32>,
    queries: Cell<usize>,
}

impl Loaded {
    fn new(every: usize, loads: u32) -> Self {
        let store =
            Self { items: RefCell::new(Vec::new()), every, loads_left: Cell::new(loads), queries: Cell::new(0) };
        store.load();
        store
    }

    /// A case of every kind; which load a file is of stands in its name.
    fn load(&self) {
        let revision = u32::try_from(self.items.borrow().len() / SnapshotKind::ALL.len()).expect("few") + 1;
        let item = |kind| SnapshotItem {
            schema: ITEM_SCHEMA,
            portfolio: portfolio(),
            kind,
            at: Timestamp::UNIX_EPOCH,
            revision,
            dated: None,
            file: revision.to_string(),
            content: Some(Blob::of_bytes(revision.to_string().into_bytes()).reference),
            loaded_at: Timestamp::from_second(i64::from(revision)).expect("a moment"),
            expires_at_s: None,
        };
        self.items.borrow_mut().extend(SnapshotKind::ALL.map(item));
    }

    /// Notes a query that was answered.
    fn asked(&self) {
        self.queries.set(self.queries.get() + 1);
        if self.queries.get().is_multiple_of(self.every) && self.loads_left.get() > 0 {
            self.loads_left.set(self.loads_left.get() - 1);
            self.load();
        }
    }
}

impl SnapshotStore for Loaded {
    async fn latest_snapshot(
        &self,
        _: &PortfolioId,
        kind: SnapshotKind,
        as_of: Timestamp,
    ) -> Result<Option<SnapshotItem>, StoreError> {
        let found = in_force(&*self.items.borrow(), kind, as_of).cloned();
        self.asked();
        Ok(found)
    }

    async fn list_snapshots(
        &self,
        _: &PortfolioId,
        kind: Option<SnapshotKind>,
    ) -> Result<Vec<SnapshotItem>, StoreError> {
        let items = self.items.borrow();
        let found = items.iter().filter(|item| kind.is_none_or(|kind| item.kind == kind)).cloned().collect();
        drop(items);
        self.asked();
        Ok(found)
    }

    async fn put_snapshots(&self, _: &[SnapshotItem]) -> Result<Written, StoreError> {
        Ok(Written::Refused)
    }

    async fn expire_snapshot(&self, _: &SnapshotKey, _: i64) -> Result<(), StoreError> {
        Ok(())
    }
}

fn portfolio() -> PortfolioId {
    PortfolioId::new("one").expect("an id")
}

fn read_set(store: &Loaded) -> Result<BTreeSet<String>, StoreError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let set = runtime.block_on(set_at(store, &portfolio(), Timestamp::MAX))?;
    assert_eq!(set.len(), SnapshotKind::ALL.len());
    Ok(set.into_values().map(|item| item.file).collect())
}

/// A load between any two queries: every file is of before it, or every file is of after it.
#[test]
fn a_load_while_a_set_is_read_is_seen_whole_or_not_at_all() {
    for after in 1..=3 * SnapshotKind::ALL.len() {
        let files = read_set(&Loaded::new(after, 1)).expect("a set");
        assert_eq!(files.len(), 1, "after {after} queries: files of loads {files:?}");
    }
}

#[test]
fn whoever_loads_all_the_time_is_told_of_as_worth_another_attempt() {
    let error = read_set(&Loaded::new(3, u32::MAX)).expect_err("no two readings agree");
    assert!(matches!(&error, StoreError::Unavailable { cause, .. } if cause.contains("portfolio one")), "{error}");
}
