//! A store, copies of cases that a test may change, and a look at raw items.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use aws_sdk_dynamodb::types::AttributeValue;
use index_rebalancer::adapters::dynamodb::DynamoStore;
use index_rebalancer::adapters::embedded_store::{EmbeddedStore, TABLE};
use index_rebalancer::adapters::files::Case;
use index_rebalancer::adapters::snapshots::{LoadOutcome, LoadedInput, load_case, store_case};
use index_rebalancer::model::{PlanningInput, PortfolioId, Trigger};
use index_rebalancer::planning;
use index_rebalancer::ports::snapshot::SnapshotKind;
use index_rebalancer::preparation::PreparationError;
use jiff::Timestamp;
use tempfile::TempDir;

type Item = HashMap<String, AttributeValue>;

pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().expect("a moment")
}

/// When things are loaded, unless a test says otherwise.
pub(crate) fn noon() -> Timestamp {
    time("2026-01-01T12:00:00Z")
}

pub(crate) fn blue_chip() -> PortfolioId {
    PortfolioId::new("blue-chip").expect("an id")
}

/// An empty store in memory.
pub(crate) struct Table {
    pub(crate) embedded: EmbeddedStore,
}

impl Table {
    pub(crate) async fn new() -> Self {
        Self { embedded: EmbeddedStore::in_memory().await.expect("a store") }
    }

    pub(crate) fn store(&self) -> &DynamoStore {
        self.embedded.store()
    }

    pub(crate) async fn load(&self, folder: impl AsRef<Path>) -> Result<Vec<LoadedInput>, PreparationError> {
        self.load_at(folder, noon()).await
    }

    pub(crate) async fn load_at(
        &self,
        folder: impl AsRef<Path>,
        now: Timestamp,
    ) -> Result<Vec<LoadedInput>, PreparationError> {
        store_case(self.store(), folder.as_ref(), now, |_| ()).await
    }

    pub(crate) async fn case(&self, as_of: &str) -> Result<Case, PreparationError> {
        load_case(self.store(), &blue_chip(), time(as_of)).await
    }

    /// The first account's input.
    pub(crate) async fn input(&self, as_of: &str) -> Result<PlanningInput, PreparationError> {
        input(&self.case(as_of).await?, time(as_of))
    }

    /// Every item by its keys.
    pub(crate) async fn items(&self) -> BTreeMap<(String, String), Item> {
        let scan = self.embedded.client().scan().table_name(TABLE).into_paginator().items().send();
        let items: Vec<Item> = scan.try_collect().await.expect("scans");
        let key = |item: &Item, name: &str| item[name].as_s().expect("text").clone();
        items.into_iter().map(|item| ((key(&item, "pk"), key(&item, "sk")), item)).collect()
    }

    pub(crate) async fn put(&self, item: Item) {
        let put = self.embedded.client().put_item().table_name(TABLE).set_item(Some(item));
        put.send().await.expect("writes");
    }

    pub(crate) async fn delete(&self, (pk, sk): &(String, String)) {
        let delete = self.embedded.client().delete_item().table_name(TABLE);
        let delete = delete.key("pk", AttributeValue::S(pk.clone())).key("sk", AttributeValue::S(sk.clone()));
        delete.send().await.expect("deletes");
    }
}

/// The first account's input on that occasion.
pub(crate) fn input(case: &Case, as_of: Timestamp) -> Result<PlanningInput, PreparationError> {
    let account = case.accounts().next().expect("an account");
    case.planning_input(account, Trigger::Scheduled(as_of), as_of, None, None, None)
}

pub(crate) fn plan_bytes(input: &PlanningInput) -> Vec<u8> {
    match planning::plan(input) {
        Ok(plan) => serde_json::to_vec(&plan).expect("a plan serialises"),
        Err(error) => error.to_string().into_bytes(),
    }
}

pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// A copy of a fixture's own files.
pub(crate) fn copy(name: &str) -> TempDir {
    let target = tempfile::tempdir().expect("a temporary folder");
    for entry in fs::read_dir(fixture(name)).expect("the case is there") {
        let entry = entry.expect("an entry");
        if entry.path().is_file() {
            fs::copy(entry.path(), target.path().join(entry.file_name())).expect("copied");
        }
    }
    target
}

/// Replaces text in a file; an edit that changes nothing is a broken test.
pub(crate) fn edit(folder: &TempDir, file: &str, from: &str, to: &str) {
    let path = folder.path().join(file);
    let text = fs::read_to_string(&path).expect("the file is there");
    assert!(text.contains(from), "{file} has no {from:?}");
    fs::write(path, text.replace(from, to)).expect("the file can be written");
}

/// How many files had each outcome: new, unchanged, replaced, ended.
pub(crate) fn counts(loaded: &[LoadedInput]) -> [usize; 4] {
    use LoadOutcome::{Ended, New, Replaced, Unchanged};
    [New, Unchanged, Replaced, Ended].map(|wanted| loaded.iter().filter(|input| input.outcome == wanted).count())
}

pub(crate) fn outcome(loaded: &[LoadedInput], kind: SnapshotKind) -> Vec<LoadOutcome> {
    loaded.iter().filter(|input| input.snapshot.kind == kind).map(|input| input.outcome).collect()
}
