//! Every run there is, for a person at a terminal. Not in the port: on a table of years it reads all of an index.

use super::keys::Key;
use super::table::RUNS_BY_PORTFOLIO;
use super::{DynamoStore, Item, decode, unavailable};
use crate::ports::store::{RunItem, StoreError};

impl DynamoStore {
    /// All runs of all portfolios, oldest first.
    ///
    /// # Errors
    /// When the store does not answer or a run cannot be read.
    pub async fn all_runs(&self) -> Result<Vec<RunItem>, StoreError> {
        const STEP: &str = "listing runs";
        let scan = self.client.scan().table_name(&self.table).index_name(RUNS_BY_PORTFOLIO);
        let items = scan.into_paginator().items().send().try_collect();
        let items: Vec<Item> = items.await.map_err(|error| unavailable(STEP, error))?;
        let runs: Result<Vec<RunItem>, StoreError> =
            items.into_iter().map(|item| decode(&Key::of(&item), item)).collect();
        let mut runs = runs?;
        runs.sort_by_key(|run| (run.created_at, run.run_id));
        Ok(runs)
    }
}
